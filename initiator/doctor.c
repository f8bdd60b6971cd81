#include "doctor.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "call.h"
#include "checkup.h"
#include "net/address.h"
#include "net/interfaces.h"
#include "term/layout.h"
#include "wire/seen.h"

/* Announcements come every 8 seconds. */
#define SEEN_LATELY_S 20
#define CLOCK_APART_S 60
/* Where the text of a finding begins. */
#define TEXT_COLUMN 6

static const char *const level_words[] = {
    [CHECKUP_OK] = "ok",
    [CHECKUP_WARN] = "warn",
    [CHECKUP_BAD] = "BAD",
};

/* Whether they are heard, and from where. */
static void look_at_presence(struct checkup *checkup, const struct recipient *to)
{
	const struct peers *peers = peersfile_peers(checkup->desk->peers);
	const struct interface *network = checkup_network_of(to->address);
	const struct peer *claim = peers_find_claim(peers, to->address, to->has_identity ? to->identity : NULL);
	int64_t silence_ms = claim ? peer_silence_ms(claim, clock_wall_ms()) : -1;
	char ip[ADDRESS_TEXT_BYTES];

	address_format(to->address, ip);
	if (silence_ms < 0)
		checkup_add(checkup, "heard", CHECKUP_BAD,
		    "their announcer must run; in another network, or if broadcasts are dropped, they say Reach with your address",
		    "%s is not heard here; %s is where they were known last", to->username, ip);
	else if (claim->left)
		checkup_add(checkup, "heard", CHECKUP_WARN, "their announcer must run, or nobody sees them",
		    "%s has left, %lld s ago: the announcer was ended", to->username, (long long)(silence_ms / 1000));
	else
		checkup_add(checkup, "heard", silence_ms > PEERS_ONLINE_MS ? CHECKUP_WARN : CHECKUP_OK,
		    silence_ms > PEERS_ONLINE_MS ? "their announcer has ended, or the network drops what it sends"
						 : NULL,
		    "%s was heard %lld s ago from %s%s%s", to->username, (long long)(silence_ms / 1000), ip,
		    network ? " by " : "", network ? network->name : "");
	if (network)
		checkup_add(checkup, "network", CHECKUP_OK, NULL, "%s is in the network of %s", ip, network->name);
	else
		checkup_add(checkup, "network", CHECKUP_WARN, "say Reach with that address, if they do not see you",
		    "%s is in none of this machine's networks, so they do not hear your broadcasts", ip);
}

/* Why no session came to be. */
static void put_failure(struct checkup *checkup, const struct call *call, int error)
{
	const char *advice = "try again; if it stays, compare with what Doctor says over there",
		   *what = strerror(error);

	if (call->stage != CALL_CONNECT) {
		checkup_add(checkup, "exchange", CHECKUP_BAD,
		    "another program may have TCP 6001 there, or somebody else that address; see Users",
		    "no keys could be agreed on: %s",
		    error == EPROTO || error == EBADMSG ? "the answer is not what it should be" : what);
		return;
	}
	if (error == ECONNREFUSED) {
		what = "refused";
		advice = "their responder does not run: they start it in its pane";
	} else if (error == ETIMEDOUT) {
		what = "no answer";
		advice =
		    "a firewall there (ufw allow 6001/tcp), a Wi-Fi that keeps its guests apart, or that machine is off";
	} else if (error == EHOSTUNREACH || error == ENETUNREACH) {
		advice = "that machine is off, or there is no way to its network from here";
	}
	checkup_add(checkup, "connect", CHECKUP_BAD, advice, "TCP port %d there: %s", CHAT_PORT, what);
}

static void look_at_answer(struct checkup *checkup, const struct recipient *to, const struct call *call)
{
	int64_t now_s = clock_wall_ms() / 1000;
	struct seen_answer seen;

	if (call->receipt.status != ENVELOPE_DONE || seen_parse_answer(call->answer, &seen) != 0) {
		checkup_add(checkup, "seen", CHECKUP_WARN, "theirs is an older Quartet, or you are blocked there",
		    "%s does not say whether you are heard there", to->username);
		return;
	}
	if (seen.clock_s - now_s > CLOCK_APART_S || now_s - seen.clock_s > CLOCK_APART_S)
		checkup_add(checkup, "clock", CHECKUP_WARN, "set the one that is wrong (date)",
		    "the clock there is %lld s %s yours",
		    (long long)(seen.clock_s > now_s ? seen.clock_s - now_s : now_s - seen.clock_s),
		    seen.clock_s > now_s ? "ahead of" : "behind");
	else
		checkup_add(checkup, "clock", CHECKUP_OK, NULL, "the clocks agree");
	if (!seen.is_seen)
		checkup_add(checkup, "seen", CHECKUP_BAD,
		    "your announcer must run; if it does, their discovery does not, or the network drops your broadcasts: say Reach with their address",
		    "%s does not hear your announcements", to->username);
	else
		checkup_add(checkup, "seen", seen.silence_s > SEEN_LATELY_S ? CHECKUP_WARN : CHECKUP_OK,
		    seen.silence_s > SEEN_LATELY_S
			? "your announcer or their discovery has ended, or the network drops what it sends"
			: NULL,
		    "%s has heard you %lld s ago", to->username, (long long)seen.silence_s);
}

/* Agrees on keys, and asks what is heard of us there. */
static void look_by_calling(struct checkup *checkup, const struct recipient *to)
{
	struct desk *desk = checkup->desk;
	struct call call;
	int rc;

	call_init(&call, desk->loop, to->has_identity ? CHATLOG_SECURE : CHATLOG_PLAIN, to, desk->from, NULL, NULL);
	call_open(&call, &desk->key.identity, peersfile_username(desk->peers), "");
	rc = call_await(&call);
	if (rc == EINTR) {
		call_close(&call);
		return;
	}
	if (rc == 0 || call.stage != CALL_CONNECT)
		checkup_add(checkup, "connect", CHECKUP_OK, NULL, "TCP port %d there is open", CHAT_PORT);
	if (rc == 0 && to->has_identity) {
		rc = call_ask(&call, seen_format_ask());
		if (rc == 0)
			checkup_add(checkup, "exchange", CHECKUP_OK, NULL,
			    "who answers there is the holder of the identity%s", to->has_pin ? " that you know" : "");
	}
	if (rc != 0)
		put_failure(checkup, &call, rc);
	else if (to->has_identity)
		look_at_answer(checkup, to, &call);
	else
		checkup_add(checkup, "exchange", CHECKUP_WARN, "nothing that you write to them is protected",
		    "%s announces no identity", to->username);
	call_close(&call);
}

static void look_at_standing(struct checkup *checkup, const struct recipient *to)
{
	if (to->has_pin && recipient_has_rival(to, checkup->desk))
		checkup_add(checkup, "identity", CHECKUP_WARN,
		    "if they have a new identity: Trust, after a word with them", "somebody else announces the name %s",
		    to->username);
	else if (to->has_pin)
		checkup_add(checkup, "identity", CHECKUP_OK, NULL, "the identity is the one that you know%s",
		    to->pin.verified ? ", and verified" : "");
}

static int look(struct checkup *checkup, const char *name)
{
	struct recipient to;
	int status = PROGRAM_FINE;

	if (name) {
		if (!desk_read_peers(checkup->desk))
			return PROGRAM_FAILED;
		status = recipient_find(&to, name, true, checkup->desk);
	}
	if (status != PROGRAM_FINE)
		return status;
	checkup_look(checkup);
	if (name && !to.has_address) {
		checkup_add(checkup, "heard", CHECKUP_BAD,
		    "they must start their announcer, or you say Reach with their address", "nobody knows where %s is",
		    to.username);
	} else if (name) {
		look_at_presence(checkup, &to);
		look_at_standing(checkup, &to);
		look_by_calling(checkup, &to);
	}
	for (size_t i = 0; i < checkup->count; i++) {
		if (checkup->list[i].level == CHECKUP_BAD)
			status = PROGRAM_FAILED;
	}
	return status;
}

static void put_finding(struct console *console, const struct checkup_finding *finding)
{
	static const enum console_style styles[] = {
	    [CHECKUP_OK] = CONSOLE_GOOD,
	    [CHECKUP_WARN] = CONSOLE_WARNING,
	    [CHECKUP_BAD] = CONSOLE_BAD,
	};

	console_put(console, LAYOUT_MARGIN "%c", ' ' + TEXT_COLUMN);
	console_put_styled(console, styles[finding->level], "%-*s", TEXT_COLUMN, level_words[finding->level]);
	console_put_foreign(console, finding->text, strlen(finding->text));
	console_put(console, "\n");
	if (finding->advice)
		console_put(console, LAYOUT_MARGIN "%c%*s%s\n", ' ' + TEXT_COLUMN + 3, TEXT_COLUMN + 3, "-> ",
		    finding->advice);
}

static void put_record(struct console *console, const struct checkup_finding *finding)
{
	struct buffer json = {0};
	json_t *record = json_pack("{s:s, s:s, s:s, s:s*}", "check", finding->check, "level",
	    finding->level == CHECKUP_BAD ? "bad" : level_words[finding->level], "text", finding->text, "advice",
	    finding->advice);

	if (record && jsontext_append(&json, record) == 0)
		console_put(console, "%.*s\n", (int)json.len, json.data);
	json_decref(record);
	buffer_free(&json);
}

static int show(struct desk *desk, const char *name, bool as_json)
{
	struct checkup checkup = {.desk = desk};
	int status = look(&checkup, name);

	for (size_t i = 0; i < checkup.count; i++) {
		if (as_json)
			put_record(desk->data, &checkup.list[i]);
		else
			put_finding(desk->data, &checkup.list[i]);
	}
	return status;
}

int doctor_run(struct desk *desk, const char *name)
{
	return show(desk, name[0] != '\0' ? name : NULL, false);
}

int doctor_list(struct desk *desk, const struct wish *wish)
{
	return show(desk, wish->whom, wish->as_json);
}

void doctor_put_hint(struct desk *desk, const struct recipient *about)
{
	struct checkup checkup = {.desk = desk};
	size_t i = 0;

	if (desk->script || !desk->prompt.terminal)
		return;
	checkup_glance(&checkup);
	while (i < checkup.count && checkup.list[i].level != CHECKUP_BAD)
		i++;
	if (i < checkup.count) {
		console_put_styled(desk->console, CONSOLE_WARNING, "Doctor: ");
		console_put_foreign(desk->console, checkup.list[i].text, strlen(checkup.list[i].text));
		console_put(desk->console, ".\n");
	} else if (about) {
		console_put(desk->console, "Doctor ");
		console_put_name(desk->console, CONSOLE_NORMAL, about->username);
		console_put(desk->console, " finds out more.\n");
	}
}
