#include "desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "fetcher.h"
#include "file/offers.h"
#include "recipient.h"
#include "room/rooms.h"
#include "store/lockedfile.h"
#include "term/secret.h"
#include "wording.h"

void desk_put_news(const struct desk *desk, const struct delivery_notice *notice)
{
	const struct recipient *partner = desk->talks_with;
	bool is_expected = delivery_is_plain(notice) && partner && partner->has_identity &&
			   memcmp(partner->identity, notice->to.identity, IDENTITY_BYTES) == 0;

	if (is_expected)
		console_put_styled(desk->console, CONSOLE_GOOD, "✓\n");
	else
		wording_put_news(desk->console, notice);
}

/* Shows what has become of a message while the user does something else; of failures, those of what was just written. */
static void tell_delivery(void *context, const struct delivery_notice *notice)
{
	struct desk *desk = context;
	bool waits = delivery_waits(notice);

	desk->refused += notice->kind == DELIVERY_REFUSED || notice->kind == DELIVERY_DROPPED;
	if (desk->is_terse && desk_status(notice) == PROGRAM_FINE)
		return;
	if (desk->is_silent || (waits && !notice->asked && notice->log_error == 0))
		return;
	desk_put_news(desk, notice);
	desk_show_waiting(desk, waits ? &notice->to : NULL);
	prompt_wake(&desk->prompt);
}

/* Has the title say how many messages wait by now. */
static void note_delivery(void *context)
{
	struct desk *desk = context;

	desk_show_waiting(desk, NULL);
	if (desk->console->title_waits)
		prompt_wake(&desk->prompt);
}

/* The same of what was said or changed in a room: of a change, only what is wrong. */
static void tell_tally(void *context, const struct delivery_tally *tally)
{
	struct desk *desk = context;

	if (tally->item == OUTBOX_STATE && tally->delivered == tally->count)
		return;
	wording_put_tally(desk->console, delivery_rooms(desk->delivery), tally);
	desk_show_waiting(desk, NULL);
	prompt_wake(&desk->prompt);
}

bool desk_open(struct desk *desk, struct program *program, bool needs_secret)
{
	struct delivery_setup setup = {
	    .key = &desk->key, .tell = tell_delivery, .note = note_delivery, .tell_tally = tell_tally, .context = desk};

	*desk = (struct desk){
	    .loop = loop_new(),
	    .console = program->argument_count > 0 ? &program->err : &program->out,
	    .data = &program->out,
	    .script = program->argument_count > 0,
	    .peers = peersfile_new(AT_FDCWD),
	    .log = chatlog_new(AT_FDCWD, LOCKEDFILE_WAIT_MS),
	    .from = program->has_address ? &program->address : NULL,
	    .strict = program->strict,
	};
	prompt_init(&desk->prompt, desk->console, desk->loop);
	setup.loop = desk->loop;
	setup.log = desk->log;
	setup.peers = desk->peers;
	setup.from = desk->from;
	desk->delivery = desk->loop && desk->log && desk->peers ? delivery_new(&setup) : NULL;
	if (desk->script)
		prompt_close(&desk->prompt);
	if (!desk->delivery) {
		console_put(&program->err, "%s: %s\n", program->name, strerror(ENOMEM));
		return false;
	}
	return secret_open_key(program, desk->console, needs_secret, &desk->key);
}

void desk_refresh(struct desk *desk)
{
	const char *news = keyfile_refresh(&desk->key);

	if (news)
		console_put_styled(desk->console, CONSOLE_WARNING, "%s\n", news);
}

bool desk_read_peers(const struct desk *desk)
{
	return desk_check_file(desk, "read", PEERSFILE_NAME, peersfile_read(desk->peers)) == PROGRAM_FINE;
}

int desk_check_file(const struct desk *desk, const char *verb, const char *file, int error)
{
	bool has_peers = strcmp(file, PEERSFILE_NAME) == 0;

	if (error != 0)
		console_put_styled(desk->console, CONSOLE_BAD, "cannot %s %s: %s\n", verb, file,
		    has_peers ? peersfile_reason(error) : lockedfile_reason(error));
	return error == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

struct rooms *desk_rooms(struct desk *desk)
{
	struct rooms *rooms = delivery_rooms(desk->delivery);
	int rc = ENOKEY;

	if (!rooms)
		rooms = desk->rooms;
	if (rooms)
		rc = rooms_follow(rooms);
	else if (desk->key.is_usable)
		rc = rooms_open(AT_FDCWD, desk->log, desk->peers, &desk->key.identity, &desk->rooms);
	if (rc == ENOKEY)
		console_put_styled(desk->console, CONSOLE_BAD,
		    KEYFILE_NAME " cannot be used, so you are in no rooms.\n");
	else
		desk_check_file(desk, "read", CHATLOG_NAME, rc);
	return rc != 0 ? NULL : rooms ? rooms : desk->rooms;
}

bool desk_is_member(struct desk *desk, const uint8_t room[static ROOM_ID_BYTES])
{
	const struct rooms *rooms = desk_rooms(desk);
	const struct room *found = rooms ? rooms_find(rooms, room) : NULL;

	return found && found->is_member;
}

const struct offers *desk_offers(struct desk *desk)
{
	if (!desk->offers && desk->key.is_usable)
		desk->offers = offers_new(desk->key.identity.public);
	if (!desk->offers) {
		console_put_styled(desk->console, CONSOLE_BAD,
		    KEYFILE_NAME " cannot be used, so nothing is offered to you.\n");
		return NULL;
	}
	return desk_check_file(desk, "read", CHATLOG_NAME, offers_follow(desk->offers, AT_FDCWD)) == PROGRAM_FINE
		   ? desk->offers
		   : NULL;
}

struct rooms *desk_start_rooms(struct desk *desk)
{
	int rc = delivery_rooms(desk->delivery) ? 0 : delivery_start(desk->delivery);

	/* What waits too far back is for others to tell. */
	if (desk_check_file(desk, "follow", CHATLOG_NAME, rc == EFBIG ? 0 : rc) != PROGRAM_FINE)
		return NULL;
	return desk_rooms(desk);
}

bool desk_agrees(struct desk *desk, const char *question)
{
	bool agreed = desk->script || prompt_ask_decision(&desk->prompt, question);

	if (!agreed)
		console_put(desk->console, "Nothing was changed.\n");
	return agreed;
}

void desk_show_waiting(struct desk *desk, const struct recipient *to)
{
	const struct outbox *outbox = delivery_outbox(desk->delivery);
	size_t total = outbox_count_messages(outbox, NULL, NULL);
	size_t count = to ? outbox_count_messages(outbox, to->identity, NULL) : 0;

	if (count > 0)
		wording_put_waiting(desk->console, to, count);
	if (desk->script)
		return;
	if (total == 0)
		console_set_title(desk->console, "initiator");
	else
		console_set_title(desk->console, "initiator: %zu waiting", total);
}

int desk_status(const struct delivery_notice *notice)
{
	int unheard = notice->left ? DESK_UNCONFIRMED : DESK_UNREACHABLE;

	switch (notice->kind) {
	case DELIVERY_DELIVERED:
		/* It is known who has it, but that is not who was meant. */
		if (notice->has_other_name && notice->receipt.username[0] != '\0')
			return PROGRAM_FAILED;
		return notice->pin_error == 0 && notice->log_error == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
	case DELIVERY_REFUSED:
	case DELIVERY_NOT_NOW:
		return DESK_REFUSED;
	case DELIVERY_UNREACHABLE:
		return notice->stage == CALL_PREPARE || notice->stage == CALL_PACK ? PROGRAM_FAILED : unheard;
	case DELIVERY_UNCONFIRMED:
	case DELIVERY_ELSEWHERE:
		return unheard;
	case DELIVERY_DROPPED:
		break;
	}
	return PROGRAM_FAILED;
}

int desk_conclude(struct desk *desk, const uint8_t id[static ENVELOPE_ID_BYTES])
{
	bool waits = desk->script || !desk->prompt.terminal;
	struct delivery_tally tally;
	int rc = delivery_await(desk->delivery, id, waits ? &tally : NULL);

	if (rc != 0 && rc != EINTR)
		return desk_check_file(desk, "read", CHATLOG_NAME, rc);
	if (rc != 0 || !waits || tally.delivered == tally.count)
		return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
	wording_put_tally(desk->console, delivery_rooms(desk->delivery), &tally);
	return tally.delivered > 0 ? DESK_UNCONFIRMED : tally.waiting > 0 ? DESK_UNREACHABLE : DESK_REFUSED;
}

const uint8_t *desk_identity(const struct desk *desk)
{
	return desk->key.is_usable ? desk->key.identity.public : NULL;
}

void desk_close(struct desk *desk)
{
	chatfollower_free(desk->auto_log);
	fetcher_free(desk->fetcher);
	offers_free(desk->offers);
	delivery_free(desk->delivery);
	rooms_free(desk->rooms);
	chatlog_free(desk->log);
	free(desk->users.list);
	while (desk->links.count > 0)
		free(desk->links.list[--desk->links.count]);
	peersfile_free(desk->peers);
	keyfile_close(&desk->key);
	prompt_free(&desk->prompt);
	loop_free(desk->loop);
}
