#include "fileserver.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "answerer.h"
#include "base/clock.h"
#include "caller.h"
#include "file/fileask.h"
#include "filesender.h"
#include "room/ask.h"
#include "welcome.h"

/* Those that end included. */
#define CHILDREN_MAX 16

struct fileserver {
	struct inbox *inbox;
	int dir;
	const struct keyfile *key;
	fileserver_fork *fork;
	struct offers *offers; /* NULL: nobody has asked yet */
	struct ratelimit asks;
	struct {
		pid_t pid; /* 0: none */
		struct in_addr address;
	} children[CHILDREN_MAX];
	/* Shared with the children: which of them need their place no more. The other side may know before they have ended. */
	atomic_bool *has_left;
};

/* Only so that the wait of the loop ends. */
static void on_child(int number)
{
	(void)number;
}

struct fileserver *fileserver_new(struct inbox *inbox, int dir, const struct keyfile *key, fileserver_fork *fork)
{
	const struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP};
	struct fileserver *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	*server = (struct fileserver){.inbox = inbox, .dir = dir, .key = key, .fork = fork};
	server->has_left = mmap(NULL, CHILDREN_MAX * sizeof(*server->has_left), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (server->has_left == MAP_FAILED) {
		free(server);
		return NULL;
	}
	ratelimit_init(&server->asks, FILESERVER_ASKS_BURST, 1000);
	server->asks.each.refill = FILESERVER_ASKS_PER_S;
	sigaction(SIGCHLD, &action, NULL);
	return server;
}

void fileserver_free(struct fileserver *server)
{
	if (!server)
		return;
	munmap(server->has_left, CHILDREN_MAX * sizeof(*server->has_left));
	offers_free(server->offers);
	free(server);
}

bool fileserver_permits(const struct offer *offer, const struct room *room, const uint8_t asker[static IDENTITY_BYTES])
{
	if (offer->is_withdrawn)
		return false;
	if (!offer->has_room)
		return offer->is_own && memcmp(offer->with, asker, IDENTITY_BYTES) == 0;
	return (offer->is_own || offer->is_fetched) && room && room->is_member && !room->is_held &&
	       roomstate_find_member(room->head, asker) >= 0;
}

static void answer(const struct fileserver *server, const struct message *message, enum envelope_status status,
    const char *why)
{
	struct envelope_receipt receipt = {.received = message->counter, .status = status};
	const char *own_name = peersfile_username(server->inbox->roster->file);

	if (own_name)
		strcpy(receipt.username, own_name);
	strcpy(receipt.why, why);
	server->inbox->acknowledge(message->conversation, &receipt, NULL);
}

/* Takes over what has become of all offers; false if that cannot be read now. */
static bool follow(struct fileserver *server)
{
	if (!server->offers)
		server->offers = offers_new(server->key->identity.public);
	return server->offers && offers_follow(server->offers, server->dir) == 0;
}

/* The offer with that id that the asker may have, or NULL. */
static const struct offer *find(const struct fileserver *server, const struct rooms *rooms, const uint8_t *id,
    const uint8_t *asker)
{
	const struct offer *offer = offers_next_of(server->offers, id, NULL);

	while (offer && !fileserver_permits(offer, offer->has_room ? rooms_find(rooms, offer->room) : NULL, asker))
		offer = offers_next_of(server->offers, id, offer);
	return offer;
}

void fileserver_reap(struct fileserver *server)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (server->children[i].pid > 0 && waitpid(server->children[i].pid, NULL, WNOHANG) != 0)
			server->children[i].pid = 0;
	}
}

/* Where there is room for one more child, which sends to an address; CHILDREN_MAX if there is no place for it. */
static size_t find_room(struct fileserver *server, struct in_addr address)
{
	size_t room = CHILDREN_MAX, places = 0, of_address = 0;

	fileserver_reap(server);
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		if (server->children[i].pid == 0) {
			room = i;
		} else if (!atomic_load(&server->has_left[i])) {
			places++;
			of_address += server->children[i].address.s_addr == address.s_addr;
		}
	}
	return places < FILESERVER_PLACES && of_address < FILESERVER_PLACES_PER_ADDRESS ? room : CHILDREN_MAX;
}

/* Whether it is to be written down that somebody has it: once, and of no more than can be known again. */
static bool is_news(const struct offer *offer, const uint8_t *asker)
{
	return offer->holder_count < OFFERS_HOLDERS_MAX && !offer_has_reached(offer, asker);
}

/* Notes that the asker has it, which it says in a session of its own. */
static void take_done(struct fileserver *server, const struct message *message, const struct caller *caller,
    const struct offer *offer)
{
	struct chatlog_entry entry = offers_fetched(offer->number, offer->id, message->sender, caller->username);
	struct buffer line = {0};
	int rc = 0;

	if (is_news(offer, message->sender)) {
		/* What is being synced keeps the log for itself. */
		inbox_commit(server->inbox);
		rc = chatlog_format(&line, &entry);
		if (rc == 0)
			rc = chatlog_append(server->inbox->log, line.data, line.len, 0);
		buffer_free(&line);
	}
	if (rc == 0)
		answer(server, message, ENVELOPE_DONE, "");
	else
		answer(server, message, ENVELOPE_NOT_NOW, FILEASK_BUSY);
}

/* Hands the conversation over to a child; false if there can be none. */
static bool begin_child(struct fileserver *server, const struct message *message, struct filesender *sender)
{
	size_t room = find_room(server, message->address);
	pid_t child;

	/* What was owed before goes out under the numbers that it has. */
	if (inbox_owes(server->inbox, message->conversation))
		inbox_commit(server->inbox);
	if (room == CHILDREN_MAX || inbox_owes(server->inbox, message->conversation))
		return false;
	sender->has_left = &server->has_left[room];
	atomic_store(sender->has_left, false);
	child = server->fork(message->conversation, &sender->fd);
	if (child == 0)
		filesender_run(sender);
	if (child < 0)
		return false;
	server->children[room].pid = child;
	server->children[room].address = message->address;
	return true;
}

static void give(struct fileserver *server, const struct message *message, const struct caller *caller,
    const struct fileask *ask, const struct offer *offer)
{
	struct chatlog_entry line,
	    fetched = offers_fetched(offer->number, offer->id, message->sender, caller->username);
	const char *own_name = peersfile_username(server->inbox->roster->file);
	struct filesender sender = {
	    .dir = server->dir,
	    .conversation = message->conversation,
	    .receipt.received = message->counter,
	    .ask = *ask,
	    .source = &line.source,
	    .fetched = is_news(offer, message->sender) ? &fetched : NULL,
	};
	int rc = offer->is_own ? offer_read(offer, server->dir, &line) : offer_read_fetched(offer, server->dir, &line);

	if (own_name)
		strcpy(sender.receipt.username, own_name);
	if (rc != 0 || !line.has_source)
		answer(server, message, ENVELOPE_NO, FILEASK_NO_SUCH_FILE);
	else if (ask->from > line.source.stamp.bytes)
		answer(server, message, ENVELOPE_NO, ASK_NOT_VALID);
	else if (!begin_child(server, message, &sender))
		answer(server, message, ENVELOPE_NOT_NOW, FILEASK_BUSY);
	if (rc == 0)
		chatlog_entry_free(&line);
}

void fileserver_add(struct fileserver *server, const struct message *message)
{
	struct inbox *inbox = server->inbox;
	const struct rooms *rooms;
	const struct offer *offer;
	struct caller caller;
	struct fileask ask;

	if (!ratelimit_allow(&server->asks, message->address, clock_monotonic_ms())) {
		answer(server, message, ENVELOPE_NOT_NOW, FILEASK_BUSY);
		return;
	}
	if (fileask_parse(message->body, &ask) != 0) {
		/* A path in place of an id, for example. */
		answer(server, message, ENVELOPE_NO, FILEASK_NO_SUCH_FILE);
		return;
	}
	caller_put_trouble(roster_find(inbox->roster, message->address, message->sender, message->username, &caller),
	    inbox->console);
	rooms = answerer_follow(inbox->answerer);
	if (caller.blocked) {
		answer(server, message, ENVELOPE_NO, welcome_answers[WELCOME_BLOCKED].why);
	} else if (!rooms || !follow(server)) {
		answer(server, message, ENVELOPE_NOT_NOW, FILEASK_BUSY);
	} else if (!(offer = find(server, rooms, ask.id, message->sender))) {
		answer(server, message, ENVELOPE_NO, FILEASK_NO_SUCH_FILE);
	} else if (ask.is_done) {
		take_done(server, message, &caller, offer);
	} else {
		give(server, message, &caller, &ask, offer);
	}
}
