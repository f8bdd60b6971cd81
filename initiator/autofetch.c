#include "autofetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "get.h"
#include "recipient.h"

/* What was offered longer ago is not fetched without being asked for. */
#define AUTO_DAYS 14
#define AUTO_MS (INT64_C(86400000) * AUTO_DAYS)

bool autofetch_parse_size(const char *text, int64_t *bytes)
{
	static const char units[] = "kMG";
	const char *unit;
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	unit = *end != '\0' ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
	if (errno != 0 || (*end != '\0' && (!unit || end[1] != '\0')))
		return false;
	for (const char *step = units; unit && step <= unit; step++) {
		if (value > INT64_MAX / 1000)
			return false;
		value *= 1000;
	}
	*bytes = (int64_t)value;
	return value > 0 && value <= INT64_MAX;
}

/* Shows whose files come by themselves. */
static void put_auto(struct desk *desk)
{
	char size[FILEOFFER_SIZE_BYTES];
	bool any = false;

	for (const struct pin *pin = NULL; (pin = pins_next(peersfile_pins(desk->peers), pin));) {
		if (pin->auto_bytes == 0)
			continue;
		console_put_name(desk->console, CONSOLE_NORMAL, pin->username);
		console_put(desk->console, ": files up to %s come by themselves while the menu runs.\n",
		    fileoffer_format_size(pin->auto_bytes, size));
		any = true;
	}
	if (!any)
		console_put(desk->console, "Nobody's files come by themselves; Auto NAME 16M changes that.\n");
}

/* Splits "Bob 16M" into a name and a size, 0 for "off". False if it is neither. */
static bool parse_auto(const char *wanted, char name[static USERNAME_MAX_BYTES + 1], int64_t *bytes)
{
	const char *space = strrchr(wanted, ' ');

	if (!space || space - wanted > USERNAME_MAX_BYTES)
		return false;
	snprintf(name, USERNAME_MAX_BYTES + 1, "%.*s", (int)(space - wanted), wanted);
	*bytes = 0;
	return strcasecmp(space + 1, "off") == 0 || autofetch_parse_size(space + 1, bytes);
}

int autofetch_set(struct desk *desk, const char *wanted)
{
	char name[USERNAME_MAX_BYTES + 1];
	const struct pin *known;
	struct recipient who;
	struct pin pin;
	int64_t bytes;
	int status, rc;

	if (wanted[0] == '\0') {
		if (!desk_read_peers(desk))
			return PROGRAM_FAILED;
		put_auto(desk);
		return PROGRAM_FINE;
	}
	if (!parse_auto(wanted, name, &bytes)) {
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "Auto takes a name and the largest size, as in Auto Bob 16M; or off.\n");
		return PROGRAM_FAILED;
	}
	status = recipient_find(&who, name, true, desk);
	if (status != PROGRAM_FINE)
		return status;
	if (!who.has_pin) {
		recipient_put(&who, desk->console, CONSOLE_WARNING,
		    "Not yet:", " is not known to you; write to them first.\n");
		return PROGRAM_FAILED;
	}
	rc = peersfile_begin(desk->peers);
	known = rc == 0 ? pins_find_identity(peersfile_pins(desk->peers), who.identity) : NULL;
	if (known) {
		pin = *known;
		pin.auto_bytes = bytes;
		rc = peersfile_commit(desk->peers, peersfile_pin(desk->peers, &pin));
	} else if (rc == 0) {
		peersfile_abandon(desk->peers);
		rc = ENOENT;
	}
	if (rc != 0 || !desk_read_peers(desk))
		return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
	if (!desk->script) {
		put_auto(desk);
		autofetch_begin(desk);
	}
	return PROGRAM_FINE;
}

/* Whether a file is to come by itself. */
static bool is_wanted(struct desk *desk, const struct offer *offer)
{
	const struct pin *pin = pins_find_identity(peersfile_pins(desk->peers), offer->by);
	struct chatlog_entry entry;
	bool is_small;

	if (offer->is_fetched || !pin || pin->auto_bytes == 0 || pin->wishes & PINS_BLOCKED ||
	    offer->time_ms < clock_wall_ms() - AUTO_MS || !get_is_offered(desk, offer) ||
	    offer_read(offer, AT_FDCWD, &entry) != 0)
		return false;
	is_small = entry.file.bytes <= pin->auto_bytes;
	chatlog_entry_free(&entry);
	return is_small;
}

/* Whether anybody's files are to come by themselves, by peers.txt as it is now. */
static bool is_any_chosen(const struct desk *desk)
{
	const struct pin *pin = NULL;

	if (peersfile_read(desk->peers) != 0)
		return false;
	while ((pin = pins_next(peersfile_pins(desk->peers), pin)) && pin->auto_bytes == 0)
		;
	return pin != NULL;
}

/* Wants all that is to come by itself and was not looked at. */
static void want_auto(struct desk *desk)
{
	const struct fetcher_wish wish = {.is_auto = true};
	const struct offers *offers = is_any_chosen(desk) && get_begin(desk, LOOP_NEVER) ? desk_offers(desk) : NULL;

	for (size_t i = 0; offers && i < offers_count(offers); i++) {
		const struct offer *offer = offers_at(offers, i);

		if (offer->number <= desk->auto_number)
			continue;
		desk->auto_number = offer->number;
		if (is_wanted(desk, offer))
			(void)!get_want(desk, offer, &wish);
	}
}

/* Something was appended to chat.log. */
static void take_lines(void *context)
{
	struct desk *desk = context;
	bool is_any = false;
	const char *line;
	int64_t offset;
	size_t len;

	while (chatfollower_next(desk->auto_log, &line, &len, &offset) == 0)
		is_any |= chatlog_number(line, len) != 0;
	if (is_any)
		want_auto(desk);
}

void autofetch_begin(struct desk *desk)
{
	int rc = 0;

	if (!is_any_chosen(desk))
		return;
	if (!desk->auto_log)
		rc = chatfollower_open(AT_FDCWD, CHATFOLLOWER_END, &desk->auto_log);
	if (rc == 0)
		rc = loop_watch(desk->loop, chatfollower_fd(desk->auto_log), EPOLLIN, take_lines, desk);
	desk->auto_number = 0;
	if (desk_check_file(desk, "follow", CHATLOG_NAME, rc) == PROGRAM_FINE)
		want_auto(desk);
}
