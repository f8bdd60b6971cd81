#include "base/base64.h"

bool base64_decode(const char *text, size_t len, uint8_t *bytes, size_t bytes_size, size_t *bytes_len)
{
	size_t decoded_len;

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] > 0x7f)
			return false;
	}
	if (sodium_base642bin(bytes, bytes_size, text, len, NULL, &decoded_len, NULL, BASE64_VARIANT) != 0)
		return false;
	*bytes_len = decoded_len;
	return true;
}
