#include "whose.h"

#include <string.h>

#include "base/decimal.h"
#include "net/address.h"
#include "recipient.h"

/* Finds out whom name means, asking if several may be meant: then nobody else who has it is. */
static int choose(struct whose *whose, struct desk *desk, const char *name)
{
	size_t count = recipient_count(desk, name, false);
	struct recipient recipient;
	int status = recipient_find(&recipient, name, true, desk);

	if (status != PROGRAM_FINE)
		return status;
	strcpy(whose->username, recipient.username);
	whose->has_identity = recipient.has_identity;
	whose->only_identity = recipient.has_identity && (count > 1 || decimal_is_number(name, strlen(name)));
	memcpy(whose->identity, recipient.identity, IDENTITY_BYTES);
	return PROGRAM_FINE;
}

int whose_find(struct whose *whose, struct desk *desk, const char *name)
{
	size_t count;

	if (name[0] == '\0')
		return PROGRAM_FINE;
	whose->name = name;
	whose->has_address = address_parse(name, &whose->address) == 0;
	count = whose->has_address ? 0 : recipient_count(desk, name, true);
	if (count == 0 || (count > 1 && !desk->prompt.terminal))
		return PROGRAM_FINE;
	return choose(whose, desk, name);
}

bool whose_find_like(struct whose *whose, struct desk *desk, const char *name, int *status)
{
	if (desk->script || whose->username[0] != '\0' || whose->has_address || name[0] == '\0' ||
	    recipient_count(desk, name, false) == 0)
		return false;
	*status = choose(whose, desk, name);
	return *status == PROGRAM_FINE;
}

bool whose_has(const struct whose *whose, const struct chatlog_entry *entry)
{
	bool same =
	    whose->has_identity && entry->has_identity && memcmp(whose->identity, entry->identity, IDENTITY_BYTES) == 0;

	if (!whose->name)
		return true;
	if (entry->kind == CHATLOG_SETTLED)
		return false;
	if (whose->has_address)
		return entry->kind == CHATLOG_MESSAGE && whose->address.s_addr == entry->address.s_addr;
	if (same || (whose->only_identity && entry->has_identity))
		return same;
	return username_is_same(entry->username, whose->name) || username_is_same(entry->username, whose->username);
}
