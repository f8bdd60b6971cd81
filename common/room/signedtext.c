#include "room/signedtext.h"

#include "base/jsontext.h"

json_t *signedtext_to_json(const struct signedtext *text)
{
	return json_pack("{s:s%, s:o}", "signed", text->text, text->len, "signature",
	    jsontext_bytes(text->signature, sizeof(text->signature)));
}

bool signedtext_of_json(const json_t *object, struct signedtext *text)
{
	struct signedtext read;

	if (!jsontext_get_string(object, "signed", &read.text, &read.len) ||
	    !jsontext_get_bytes(object, "signature", read.signature, sizeof(read.signature)))
		return false;
	*text = read;
	return true;
}
