#include "people.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/address.h"
#include "recipient.h"
#include "store/held.h"
#include "store/lockedfile.h"
#include "trust/ownname.h"

static void put_who(struct console *console, const struct stranger *who)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_name(console, CONSOLE_NORMAL, who->username);
	if (who->address.s_addr != 0)
		console_put(console, " (%s)", address_format(who->address, ip));
}

/* Collects "Muted: Bob (192.168.1.7) is quiet.". */
static void put_done(const struct desk *desk, const char *done, const struct stranger *who, const char *after)
{
	if (desk->script)
		return;
	console_put_styled(desk->console, CONSOLE_GOOD, "%s:", done);
	console_put(desk->console, " ");
	put_who(desk->console, who);
	console_put(desk->console, "%s\n", after);
}

static struct stranger stranger_of_held(const struct held_stranger *held)
{
	struct stranger one = {.has_identity = held->has_identity, .address = held->address};

	strcpy(one.username, held->username);
	memcpy(one.identity, held->identity, IDENTITY_BYTES);
	return one;
}

/* What is held; nothing, after telling the user, if chat.log cannot be read. */
static struct held read_held(const struct desk *desk)
{
	struct held held = {0};
	int rc = held_read(&held, AT_FDCWD);

	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_WARNING, "cannot read " CHATLOG_NAME ": %s\n",
		    lockedfile_reason(rc));
	return held;
}

/*
 * Finds who is meant, asking for the name if it is "": those of whom something is held, unless held is NULL, or wanted that
 * is among noted, may be meant although nobody announces them.
 */
static int find(struct desk *desk, const char *name, const struct held *held, unsigned noted, struct stranger *who)
{
	struct stranger waiting[HELD_STRANGERS_MAX];
	struct recipient_search search = {.others = waiting, .noted = noted, .even_absent = true};
	struct recipient recipient;
	int status;

	for (; held && search.other_count < held->count; search.other_count++)
		waiting[search.other_count] = stranger_of_held(&held->list[search.other_count]);
	status = recipient_find_among(&recipient, name, &search, desk);
	if (status != PROGRAM_FINE)
		return status;
	*who = (struct stranger){.has_identity = recipient.has_identity, .address = recipient.address};
	strcpy(who->username, recipient.username);
	memcpy(who->identity, recipient.identity, IDENTITY_BYTES);
	return PROGRAM_FINE;
}

/* Adds and takes away what is wanted of somebody; *before becomes what was. */
static int change(struct desk *desk, struct stranger *who, unsigned add, unsigned take, unsigned *before)
{
	struct peersfile *file = desk->peers;
	int rc = peersfile_begin(file);

	if (rc != 0)
		return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
	*before = pins_wishes(peersfile_pins(file), who->has_identity ? who->identity : NULL, who->address);
	who->wishes = (*before | add) & ~take;
	return desk_check_file(desk, "write", PEERSFILE_NAME, peersfile_commit(file, peersfile_wish(file, who)));
}

/* Finds who is meant, also of those who wait. */
static int find_waiting(struct desk *desk, const char *name, struct stranger *who)
{
	struct held held = read_held(desk);
	int status = find(desk, name, &held, 0, who);

	held_free(&held);
	return status;
}

/* Writes down what becomes of all that is held of a stranger. */
static int write_decisions(const struct desk *desk, const struct held_stranger *waits, enum chatlog_state state)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_STATE, .state = state, .time_ms = clock_wall_ms(), .has_id = true};
	struct buffer lines = {0};
	int rc = 0;

	strcpy(entry.username, waits->username);
	entry.has_identity = waits->has_identity;
	memcpy(entry.identity, waits->identity, sizeof(entry.identity));
	for (size_t i = 0; i < waits->count && rc == 0; i++) {
		memcpy(entry.id, waits->messages[i].id, sizeof(entry.id));
		rc = chatlog_format(&lines, &entry);
	}
	if (rc == 0)
		rc = chatlog_append(desk->log, lines.data, lines.len, CHATLOG_DURABLE);
	buffer_free(&lines);
	return desk_check_file(desk, "write", CHATLOG_NAME, rc);
}

/*
 * Decides about all that is held of somebody by now: more may have come since they were looked for. *waited becomes
 * whether there was anything.
 */
static int decide(const struct desk *desk, const struct stranger *who, enum chatlog_state state, bool *waited)
{
	struct held held = read_held(desk);
	const struct held_stranger *waits = held_find(&held, who->has_identity ? who->identity : NULL, who->address);
	int status = waits ? write_decisions(desk, waits, state) : PROGRAM_FINE;

	*waited = waits != NULL;
	held_free(&held);
	return status;
}

int people_accept(struct desk *desk, const char *name)
{
	struct stranger who;
	unsigned before;
	bool waited;
	int status = find_waiting(desk, name, &who);

	if (status == PROGRAM_FINE)
		status = change(desk, &who, PINS_ACCEPTED, PINS_BLOCKED, &before);
	if (status == PROGRAM_FINE)
		status = decide(desk, &who, CHATLOG_ACCEPTED, &waited);
	if (status == PROGRAM_FINE)
		put_done(desk, "Accepted", &who,
		    waited ? " may write to you; History shows what waited." : " may write to you.");
	return status;
}

int people_reject(struct desk *desk, const char *name)
{
	struct stranger who;
	bool waited;
	int status = find_waiting(desk, name, &who);

	if (status == PROGRAM_FINE)
		status = decide(desk, &who, CHATLOG_REJECTED, &waited);
	if (status != PROGRAM_FINE)
		return status;
	if (!waited) {
		console_put(desk->console, "Nothing waits of ");
		put_who(desk->console, &who);
		console_put(desk->console, ".\n");
		return PROGRAM_FAILED;
	}
	put_done(desk, "Rejected", &who, ": what waited is shown to nobody. Block refuses what comes later.");
	return PROGRAM_FINE;
}

int people_block(struct desk *desk, const char *name)
{
	struct stranger who;
	unsigned before;
	bool waited;
	int status = find_waiting(desk, name, &who);

	if (status == PROGRAM_FINE && !desk->script) {
		console_put(desk->console, "Messages of ");
		put_who(desk->console, &who);
		console_put(desk->console, " will be refused%s.\n",
		    who.has_identity ? ", wherever they come from" : " that come from that address and prove nothing");
		if (!desk_agrees(desk, "Block, yes or no? "))
			status = PROGRAM_FAILED;
	}
	if (status == PROGRAM_FINE)
		status = change(desk, &who, PINS_BLOCKED, PINS_ACCEPTED, &before);
	if (status == PROGRAM_FINE)
		status = decide(desk, &who, CHATLOG_REJECTED, &waited);
	if (status == PROGRAM_FINE)
		put_done(desk, "Blocked", &who, "; Unblock takes it back.");
	return status;
}

/* Wants something of somebody, or takes it back. */
static int turn(struct desk *desk, const char *name, enum pins_wish wish, bool on, const char *done, const char *after)
{
	struct stranger who;
	unsigned before;
	int status = find(desk, name, NULL, on ? 0 : wish, &who);

	if (status == PROGRAM_FINE)
		status = change(desk, &who, on ? wish : 0, on ? 0 : wish, &before);
	if (status != PROGRAM_FINE)
		return status;
	if (((before & wish) != 0) == on)
		put_done(desk, "As before", &who, after);
	else
		put_done(desk, done, &who, after);
	return PROGRAM_FINE;
}

int people_unblock(struct desk *desk, const char *name)
{
	return turn(desk, name, PINS_BLOCKED, false, "Unblocked", " is not blocked.");
}

int people_mute(struct desk *desk, const char *name)
{
	return turn(desk, name, PINS_MUTED, true, "Muted", " rings no bell; messages are kept.");
}

int people_unmute(struct desk *desk, const char *name)
{
	return turn(desk, name, PINS_MUTED, false, "Unmuted", " is not muted.");
}

static void put_admission(const struct desk *desk, enum pins_accept accept)
{
	static const char *const sentences[] = {
	    [PINS_ACCEPT_ALL] = "everybody may write to you.",
	    [PINS_ACCEPT_ASK] = "the first messages of those you do not know wait until you Accept or Reject them.",
	    [PINS_ACCEPT_KNOWN] = "only those may write to you whom you know or have accepted.",
	};

	console_put_styled(desk->console, CONSOLE_STRONG, "%s:", pins_accept_word(accept));
	console_put(desk->console, " %s\n", sentences[accept]);
}

static void put_waiting(const struct desk *desk)
{
	struct held held = read_held(desk);

	for (size_t i = 0; i < held.count; i++) {
		struct stranger one = stranger_of_held(&held.list[i]);

		console_put(desk->console, "  ");
		put_who(desk->console, &one);
		console_put(desk->console, " waits with %zu message%s\n", held.list[i].count,
		    held.list[i].count == 1 ? "" : "s");
	}
	held_free(&held);
}

int people_admit(struct desk *desk, const char *word)
{
	struct peersfile *file = desk->peers;
	enum pins_accept accept = PINS_ACCEPT_ALL;
	int rc = 0;

	if (!desk_read_peers(desk))
		return PROGRAM_FAILED;
	while (accept <= PINS_ACCEPT_KNOWN && strcasecmp(word, pins_accept_word(accept)) != 0)
		accept++;
	if (accept > PINS_ACCEPT_KNOWN && word[0] != '\0') {
		console_put_styled(desk->console, CONSOLE_WARNING, "Strangers takes all, ask or known.\n");
		return PROGRAM_FAILED;
	}
	if (word[0] == '\0') {
		accept = peersfile_accept(file);
	} else {
		rc = peersfile_begin(file);
		if (rc == 0)
			rc = peersfile_commit(file, peersfile_set_accept(file, accept));
	}
	if (rc != 0)
		return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
	put_admission(desk, accept);
	put_waiting(desk);
	return PROGRAM_FINE;
}

/* Why a name cannot be taken, in words of which taker has room for some; NULL if it can. */
static const char *find_fault(const struct desk *desk, const char *typed, char name[static USERNAME_MAX_BYTES + 1],
    char taker[static OWNNAME_TAKER_BYTES])
{
	enum username_fault fault = username_normalize(typed, strlen(typed), name);
	struct ownname_world world = {
	    .pins = peersfile_pins(desk->peers),
	    .peers = peersfile_peers(desk->peers),
	    .username = peersfile_username(desk->peers),
	    .identity = desk_identity(desk),
	    .now_ms = clock_wall_ms(),
	};
	const char *rule;

	if (fault != USERNAME_OK)
		return username_rule(fault);
	rule = ownname_rule(name);
	if (rule)
		return rule;
	return ownname_is_taken(&world, name, taker) ? taker : NULL;
}

int people_rename(struct desk *desk, const char *typed)
{
	struct peersfile *file = desk->peers;
	char name[USERNAME_MAX_BYTES + 1], taker[OWNNAME_TAKER_BYTES], *answer;
	const char *fault;
	int rc;

	if (typed[0] == '\0') {
		if (desk->script || !prompt_ask_word(&desk->prompt, "New name: ", &answer))
			return PROGRAM_FAILED;
		typed = answer;
	}
	rc = peersfile_begin(file);
	if (rc != 0)
		return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
	fault = find_fault(desk, typed, name, taker);
	if (fault) {
		peersfile_abandon(file);
		console_put_styled(desk->console, CONSOLE_WARNING, "That will not do: %s.\n", fault);
		return PROGRAM_FAILED;
	}
	rc = peersfile_commit(file, peersfile_set_self(file, name, peersfile_since(file)));
	if (rc == 0 && !desk->script) {
		console_put(desk->console, "You are ");
		console_put_name(desk->console, CONSOLE_STRONG, name);
		console_put(desk->console, " from the next announcement on.\n");
	}
	return desk_check_file(desk, "write", PEERSFILE_NAME, rc);
}
