#include "elsewhere.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "net/address.h"
#include "store/peerscontent.h"

static int show(struct desk *desk)
{
	const struct in_addr *list;
	char ip[ADDRESS_TEXT_BYTES];
	size_t count;

	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	list = peersfile_reach(desk->peers, &count);
	for (size_t i = 0; i < count; i++)
		console_put(desk->data, "%s\n", address_format(list[i], ip));
	if (count == 0)
		console_put(desk->console,
		    "You are announced in your own networks only; Reach ADDRESS adds another.\n");
	return PROGRAM_FINE;
}

static int refuse(struct desk *desk, const char *typed, const char *why)
{
	console_put_styled(desk->console, CONSOLE_WARNING, "Nothing was changed: \"");
	console_put_foreign(desk->console, typed, strlen(typed));
	console_put(desk->console, "\" %s.\n", why);
	return PROGRAM_FAILED;
}

/* Whether anybody can be at an address. */
static bool is_of_host(struct in_addr address)
{
	uint32_t number = ntohl(address.s_addr);

	return number >> 24 != 0 && number >> 28 < 0xe;
}

/* Adds an address, or takes it out. *why is set if that cannot be. */
static int change(struct peersfile *file, struct in_addr address, bool adds, const char **why)
{
	struct in_addr list[PEERSCONTENT_REACH_MAX];
	const struct in_addr *before;
	size_t before_count, count = 0;
	int rc = peersfile_begin(file);

	if (rc != 0)
		return rc;
	before = peersfile_reach(file, &before_count);
	for (size_t i = 0; i < before_count; i++) {
		if (before[i].s_addr != address.s_addr)
			list[count++] = before[i];
	}
	if (adds && count == PEERSCONTENT_REACH_MAX)
		*why = "would be one too many: there are " TEXT_OF(PEERSCONTENT_REACH_MAX) " already";
	else if (adds)
		list[count++] = address;
	else if (count == before_count)
		*why = "is none of those that you reach";
	if (*why) {
		peersfile_abandon(file);
		return 0;
	}
	return peersfile_commit(file, peersfile_set_reach(file, list, count));
}

static int reach(struct desk *desk, const char *typed, bool adds)
{
	struct in_addr address;
	const char *why = NULL;
	int rc;

	if (address_parse(typed, &address) != 0 || !is_of_host(address))
		return refuse(desk, typed, "is no IPv4 address of anybody, such as 10.8.0.7");
	rc = change(desk->peers, address, adds, &why);
	if (rc != 0)
		return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
	if (why)
		return refuse(desk, typed, why);
	if (!desk->script)
		console_put(desk->console,
		    adds ? "The announcer tells %s from now on that you are here.\n"
			 : "The announcer tells %s no more that you are here.\n",
		    typed);
	return PROGRAM_FINE;
}

int elsewhere_reach(struct desk *desk, const char *address)
{
	return address[0] == '\0' ? show(desk) : reach(desk, address, true);
}

int elsewhere_unreach(struct desk *desk, const char *address)
{
	return reach(desk, address, false);
}
