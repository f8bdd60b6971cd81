#include "server.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admission.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/ratelimit.h"
#include "base/stop.h"
#include "base/text.h"
#include "caller.h"
#include "conversation.h"
#include "fileserver.h"
#include "net/address.h"
#include "shutout.h"

/* The work of one round, so that everybody has a turn soon. */
#define EVENTS_MAX 64
#define ACCEPTS_MAX 64
#define CHUNK_BYTES 4096
/* Descriptors for all that is no connection. */
#define OTHER_DESCRIPTORS 32
/* While this much waits to be sent to a peer that does not read, nothing more is read from it. */
#define OUTGOING_MAX_BYTES 16384
/*
 * What is still to be sent when a connection ends must go within this. From who was refused and goes on talking, so
 * much is read and forgotten meanwhile: closing on unread bytes would be a reset, and take our last words with it.
 */
#define FAREWELL_MS 5000
#define FAREWELL_BYTES (1024 * 1024)
/* If the system has no descriptor or memory left for anybody, all rests for this. */
#define REST_MS 100
/* Lines about what was refused: from one address, and from all. */
#define REFUSAL_BURST 10
#define REFUSAL_PERIOD_MS 6000
#define ALL_REFUSALS_BURST 50
#define ALL_REFUSALS_PERIOD_MS 1000

struct connection {
	struct conversation conversation; /* comes first, so that a pointer to it is a pointer to its connection */
	struct admission_place place;
	struct server *server;
	TAILQ_ENTRY(connection) of_all, of_touched;
	int fd;
	uint32_t interest;   /* what epoll waits for; 0: not added yet */
	bool touched;	     /* in server.touched */
	bool ending;	     /* to be closed once its outgoing bytes are sent, and: */
	size_t draining;     /* so much of what still comes is read and forgotten */
	int64_t farewell_ms; /* monotonic: or at this time, if it is ending */
};

TAILQ_HEAD(connections, connection);

struct server {
	int listener, epoll;
	struct inbox *inbox;
	struct keyfile *key;
	struct console *console;
	struct admission admission;
	struct shutout shutout;
	bool strict; /* the classic exchange is refused */
	server_ready *ready;
	void *ready_context;
	int64_t ready_ms; /* monotonic: when it is called at the latest */
	struct connections all;
	struct connections touched; /* those that had a turn in this round, and are looked after at its end */
	int64_t now_ms;		    /* monotonic: of this round */
	int64_t shown_ms;	    /* when the screen was last written to */
	int64_t next_ms;	    /* no deadline of a connection is before this */
	struct ratelimit refusals;
};

static void refuse(struct server *server, struct in_addr address, const char *why)
{
	struct caller caller;
	char local[CLOCK_LOCAL_BYTES], ip[ADDRESS_TEXT_BYTES];

	if (!ratelimit_allow(&server->refusals, address, server->now_ms))
		return;
	/* What came before it is shown before it. */
	inbox_commit(server->inbox);
	caller_put_trouble(roster_find(server->inbox->roster, address, NULL, NULL, &caller), server->console);
	clock_format_local(clock_wall_ms(), false, local);
	console_put_styled(server->console, CONSOLE_FAINT, "%s", local);
	console_put_styled(server->console, CONSOLE_BAD, " refused ");
	console_put_name(server->console, CONSOLE_NORMAL, caller.username);
	console_put(server->console, " (%s): %s\n", address_format(address, ip), why);
}

static void touch(struct server *server, struct connection *connection)
{
	if (!connection->touched) {
		connection->touched = true;
		TAILQ_INSERT_TAIL(&server->touched, connection, of_touched);
	}
}

static void end(struct server *server, struct connection *connection, bool draining)
{
	admission_dismiss(&server->admission, &connection->place);
	connection->ending = true;
	connection->draining = draining ? FAREWELL_BYTES : 0;
	connection->farewell_ms = server->now_ms + FAREWELL_MS;
}

/* Closes a connection, and forgets it. */
static void drop(struct server *server, struct connection *connection)
{
	if (connection->touched)
		TAILQ_REMOVE(&server->touched, connection, of_touched);
	TAILQ_REMOVE(&server->all, connection, of_all);
	if (!connection->conversation.spoken)
		shutout_note(&server->shutout, connection->conversation.peer, server->now_ms);
	admission_leave(&server->admission, &connection->place);
	/* Closing does not end it in epoll(7) while a child that was just started has the descriptor, too. */
	if (connection->interest)
		epoll_ctl(server->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
	close(connection->fd);
	inbox_forget(server->inbox, &connection->conversation);
	conversation_end(&connection->conversation);
	free(connection);
}

/* Reads and forgets what has come, up to the end of it. */
static void drain(struct connection *connection)
{
	char chunk[CHUNK_BYTES];
	ssize_t got = recv(connection->fd, chunk, sizeof(chunk), 0);

	if (got > 0 && (size_t)got < connection->draining)
		connection->draining -= (size_t)got;
	else if (got >= 0 || (errno != EAGAIN && errno != EINTR))
		connection->draining = 0;
}

/* Whether it is ending, and nothing is owed to it. */
static bool is_done(const struct server *server, const struct connection *connection)
{
	return connection->ending && connection->conversation.outgoing.len == 0 &&
	       !inbox_owes(server->inbox, &connection->conversation);
}

/* Reads what has come, a bounded amount, and lets the conversation have it; the end, too, if it may be here already. */
static void serve(struct server *server, struct connection *connection, bool may_have_ended)
{
	static char chunk[CHUNK_BYTES];
	struct conversation *conversation = &connection->conversation;
	const char *why = NULL;
	ssize_t got = 1;

	for (int i = 0; i < (may_have_ended ? 2 : 1) && got < CHUNK_BYTES && !connection->ending; i++) {
		got = recv(connection->fd, chunk, sizeof(chunk), 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (got > 0)
			why = conversation_receive(conversation, chunk, (size_t)got, server->inbox, server->now_ms);
		else if (framer_is_partial(&conversation->framer))
			why = "it ended in the middle of an object";
		if (conversation->spoken && conversation->heard_ms == server->now_ms)
			admission_hear(&server->admission, &connection->place);
		if (why)
			refuse(server, conversation->peer, why);
		if (conversation->is_handed_over) {
			buffer_free(&conversation->outgoing);
			end(server, connection, false);
		} else if (why || got <= 0) {
			end(server, connection, got > 0);
		}
	}
}

/* Sends what there is to send. Returns false if the connection is no more. */
static bool send_outgoing(struct connection *connection)
{
	struct buffer *outgoing = &connection->conversation.outgoing;
	ssize_t sent;

	if (outgoing->len == 0)
		return true;
	sent = send(connection->fd, outgoing->data, outgoing->len, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	buffer_consume(outgoing, (size_t)sent);
	if (outgoing->len == 0)
		buffer_free(outgoing);
	return true;
}

void server_acknowledge(void *conversation, const struct envelope_receipt *receipt, json_t *members)
{
	/* A conversation comes first in its connection. */
	struct connection *connection = conversation;

	conversation_acknowledge(&connection->conversation, receipt, members);
	/* What went wrong, or was left, shows at the end of the round. */
	(void)send_outgoing(connection);
	touch(connection->server, connection);
}

pid_t server_fork(void *conversation, int *fd)
{
	struct connection *connection = conversation;
	pid_t child = child_fork(&connection->fd, 1);

	*fd = connection->fd;
	connection->conversation.is_handed_over = child > 0;
	return child;
}

/* Says that nothing more will be sent. */
static void shut_down(struct connection *connection)
{
	if (!connection->conversation.closed)
		shutdown(connection->fd, SHUT_WR);
	connection->conversation.closed = true;
}

static int64_t earlier(int64_t one_ms, int64_t other_ms)
{
	return one_ms < other_ms ? one_ms : other_ms;
}

/* When there is something to do for it, whatever it does. */
static int64_t due_ms(const struct connection *connection)
{
	const struct conversation *conversation = &connection->conversation;

	return connection->ending
		   ? connection->farewell_ms
		   : earlier(conversation_deadline_ms(conversation), conversation_close_ms(conversation));
}

/* Makes epoll wait for what the connection needs now. */
static bool update_interest(const struct server *server, struct connection *connection)
{
	size_t waiting = connection->conversation.outgoing.len;
	/* Errors are reported in any case. */
	uint32_t interest = EPOLLERR | (waiting > 0 ? EPOLLOUT : 0);
	struct epoll_event event;

	if ((!connection->ending || connection->draining) && waiting < OUTGOING_MAX_BYTES)
		interest |= EPOLLIN | EPOLLRDHUP;
	if (interest == connection->interest)
		return true;
	event = (struct epoll_event){.events = interest, .data.ptr = connection};
	if (epoll_ctl(server->epoll, connection->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection->fd, &event) != 0)
		return false;
	connection->interest = interest;
	return true;
}

/*
 * The end of a round: closes what is done, commits what came, then sends. To close before the commit takes nothing from
 * the sender of a plain message, whom the end of a connection tells nothing: it comes also if this program is killed.
 */
static void settle(struct server *server)
{
	struct connection *connection, *next;

	/* A single message is logged first: its sender, woken up, would only take the processor. */
	connection = TAILQ_FIRST(&server->touched);
	if (connection && !TAILQ_NEXT(connection, of_touched))
		connection = NULL;
	for (; connection; connection = next) {
		next = TAILQ_NEXT(connection, of_touched);
		if (is_done(server, connection) && !connection->draining)
			drop(server, connection);
	}
	inbox_proceed(server->inbox);
	while ((connection = TAILQ_FIRST(&server->touched))) {
		bool alive = send_outgoing(connection);

		TAILQ_REMOVE(&server->touched, connection, of_touched);
		connection->touched = false;
		if (is_done(server, connection)) {
			alive = alive && connection->draining;
			if (alive)
				shut_down(connection);
		}
		alive = alive && update_interest(server, connection);
		if (alive)
			server->next_ms = earlier(server->next_ms, due_ms(connection));
		else
			drop(server, connection);
	}
}

static void expire(struct server *server)
{
	struct connection *connection, *next;

	if (server->now_ms < server->next_ms)
		return;
	server->next_ms = INT64_MAX;
	for (connection = TAILQ_FIRST(&server->all); connection; connection = next) {
		next = TAILQ_NEXT(connection, of_all);
		if (conversation_close_ms(&connection->conversation) <= server->now_ms && !connection->ending)
			shut_down(connection);
		if (due_ms(connection) > server->now_ms) {
			server->next_ms = earlier(server->next_ms, due_ms(connection));
			continue;
		}
		if (!connection->ending && framer_is_partial(&connection->conversation.framer))
			refuse(server, connection->conversation.peer,
			    "it did not finish what it began in " TEXT_OF(CONVERSATION_OBJECT_S) " s");
		drop(server, connection);
	}
}

/* Lets a connection have what epoll reports of it. */
static void take_turn(struct server *server, struct connection *connection, uint32_t events)
{
	touch(server, connection);
	if (connection->draining > 0)
		drain(connection);
	else if (!connection->ending && connection->interest & EPOLLIN)
		serve(server, connection, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	else if (connection->ending && events & (EPOLLHUP | EPOLLERR))
		/* Nobody is there any more to whom a receipt could be sent. */
		inbox_forget(server->inbox, &connection->conversation);
}

/*
 * Waits for timeout_ms (-1: for ever) until a connection has something to say or a new one comes, and gives the former
 * their turn. Sets *accepting if there are new ones. Returns 0, or the errno value of why there can be no waiting.
 */
static int serve_ready(struct server *server, int timeout_ms, bool *accepting)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_pwait(server->epoll, events, EVENTS_MAX, timeout_ms, stop_wait_mask());
	int error = count < 0 && errno != EINTR ? errno : 0;
	int64_t now_ms = clock_monotonic_ms();
	/* Once a millisecond will do. */
	const char *news = now_ms == server->now_ms ? NULL : keyfile_refresh(server->key);

	server->now_ms = now_ms;
	if (count < 0)
		fileserver_reap(server->inbox->fileserver);
	if (news)
		console_put_styled(server->console, CONSOLE_WARNING, "%s\n", news);
	for (int i = 0; i < count; i++) {
		struct connection *connection = events[i].data.ptr;

		if (!connection)
			*accepting = true;
		else if (events[i].data.ptr == server)
			server->ready_ms = server->ready(server->ready_context);
		else if (events[i].data.ptr != server->inbox)
			take_turn(server, connection, events[i].events);
	}
	return error;
}

static struct connection *connection_of(struct admission_place *place)
{
	return (struct connection *)((char *)place - offsetof(struct connection, place));
}

/*
 * Makes a place for a connection from address. Returns false if there is none to be had. *turned tells whether the open
 * connections have had an extra turn in this round, which they get once.
 */
static bool make_place(struct server *server, struct in_addr address, bool *turned)
{
	struct admission_place *leaver;
	enum admission_answer answer;
	bool accepting;

	while ((answer = admission_ask(&server->admission, address, &leaver)) != ADMISSION_FREE) {
		if (!*turned) {
			/* Some may have ended, or spoken, since this round began. */
			settle(server);
			(void)serve_ready(server, 0, &accepting);
			*turned = true;
		} else if (answer == ADMISSION_FULL) {
			return false;
		} else if (connection_of(leaver)->touched) {
			settle(server);
		} else {
			drop(server, connection_of(leaver));
		}
	}
	return true;
}

static void admit(struct server *server, int fd, struct in_addr address, bool *turned)
{
	struct connection *connection;

	if (!make_place(server, address, turned)) {
		refuse(server, address, "there are too many connections already");
		shutout_note(&server->shutout, address, server->now_ms);
		close(fd);
		return;
	}
	connection = calloc(1, sizeof(*connection));
	if (!connection) {
		close(fd);
		return;
	}
	connection->server = server;
	connection->fd = fd;
	TAILQ_INSERT_TAIL(&server->all, connection, of_all);
	admission_enter(&server->admission, &connection->place, address);
	conversation_begin(&connection->conversation, address, server->key, server->strict, server->now_ms);
	/* What it has to say is often here already, and the end of it. */
	serve(server, connection, true);
	touch(server, connection);
}

/* Whether a connection waits to be accepted: asking costs a fraction of what trying in vain does. */
static bool has_waiting(const struct server *server)
{
	struct pollfd wait = {.fd = server->listener, .events = POLLIN};

	return poll(&wait, 1, 0) > 0;
}

static void accept_waiting(struct server *server)
{
	bool turned = false;
	int i;

	for (i = 0; i < ACCEPTS_MAX && (i == 0 || has_waiting(server)); i++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		int fd = accept4(server->listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(server, fd, peer.sin_addr, &turned);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			struct admission_place *leaver;

			settle(server);
			leaver = admission_first_giving_way(&server->admission);
			if (!leaver) {
				poll(NULL, 0, REST_MS);
				return;
			}
			drop(server, connection_of(leaver));
		} else if (errno == EAGAIN) {
			return;
		}
	}
	if (i == ACCEPTS_MAX)
		shutout_watch(&server->shutout, server->now_ms);
}

/* Writes what is to be seen, if that was not done in this millisecond. */
static void show(struct server *server)
{
	if (server->shown_ms != server->now_ms)
		console_flush_ready(server->console);
	server->shown_ms = server->now_ms;
}

/* How long epoll may wait until there is something to do anyway; -1: for ever. */
static int timeout_ms(const struct server *server)
{
	int64_t now_ms = clock_monotonic_ms(), until_ms = earlier(server->next_ms, server->ready_ms);

	until_ms = earlier(until_ms, shutout_due_ms(&server->shutout));
	until_ms = earlier(until_ms, inbox_due_ms(server->inbox));
	if (server->console->text.len > 0)
		until_ms = earlier(until_ms, server->shown_ms + 1);
	if (console_waiting_bytes(server->console) > 0)
		until_ms = earlier(until_ms, now_ms + CONSOLE_RETRY_MS);
	if (until_ms == INT64_MAX)
		return -1;
	return until_ms <= now_ms ? 0 : (int)earlier(until_ms - now_ms, INT_MAX);
}

int server_watch(struct server *server, int fd, server_ready *ready, void *context)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = server};

	server->ready = ready;
	server->ready_context = context;
	server->ready_ms = ready(context);
	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int server_run(struct server *server)
{
	int rc = 0;

	while (rc == 0 && !stop_requested()) {
		bool accepting = false;

		rc = serve_ready(server, timeout_ms(server), &accepting);
		if (accepting)
			accept_waiting(server);
		settle(server);
		expire(server);
		if (server->now_ms >= server->ready_ms)
			server->ready_ms = server->ready(server->ready_context);
		shutout_apply(&server->shutout, server->listener, server->now_ms);
		show(server);
	}
	return rc;
}

/* As many connections as the limit on descriptors allows, after raising it as far as need be. */
static size_t connection_limit(void)
{
	const rlim_t wanted = ADMISSION_PLACES_MAX + OTHER_DESCRIPTORS;
	struct rlimit descriptors;

	getrlimit(RLIMIT_NOFILE, &descriptors);
	if (descriptors.rlim_cur < wanted) {
		descriptors.rlim_cur = descriptors.rlim_max < wanted ? descriptors.rlim_max : wanted;
		setrlimit(RLIMIT_NOFILE, &descriptors);
	}
	if (descriptors.rlim_cur >= wanted)
		return ADMISSION_PLACES_MAX;
	return descriptors.rlim_cur > 2 * OTHER_DESCRIPTORS ? descriptors.rlim_cur - OTHER_DESCRIPTORS
							    : OTHER_DESCRIPTORS;
}

static int listen_on(struct server *server, struct in_addr address)
{
	struct sockaddr_in local = address_socket(address, CHAT_PORT);
	struct epoll_event event = {.events = EPOLLIN},
			   synced = {.events = EPOLLIN | EPOLLET, .data.ptr = server->inbox};
	int on = 1;

	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll < 0 || (server->inbox->synced >= 0 &&
				     epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->inbox->synced, &synced) != 0))
		return errno;
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server->listener < 0)
		return errno;
	/* The port can be taken again right after a restart; it is not shared with a program that listens. */
	if (setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(server->listener, (const struct sockaddr *)&local, sizeof(local)) != 0 ||
	    listen(server->listener, SOMAXCONN) != 0 ||
	    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event) != 0)
		return errno;
	return 0;
}

int server_open(struct server **server, struct in_addr address, bool strict, struct keyfile *key, struct inbox *inbox)
{
	struct server *opened = calloc(1, sizeof(*opened));
	int rc;

	if (!opened)
		return ENOMEM;
	opened->listener = opened->epoll = -1;
	TAILQ_INIT(&opened->all);
	TAILQ_INIT(&opened->touched);
	opened->key = key;
	opened->inbox = inbox;
	opened->console = inbox->console;
	opened->strict = strict;
	admission_init(&opened->admission, connection_limit());
	shutout_init(&opened->shutout);
	opened->next_ms = opened->ready_ms = INT64_MAX;
	ratelimit_init(&opened->refusals, REFUSAL_BURST, REFUSAL_PERIOD_MS);
	ratelimit_limit_all(&opened->refusals, ALL_REFUSALS_BURST, ALL_REFUSALS_PERIOD_MS);
	rc = listen_on(opened, address);
	if (rc != 0)
		server_close(opened);
	else
		*server = opened;
	return rc;
}

void server_close(struct server *server)
{
	while (!TAILQ_EMPTY(&server->all))
		drop(server, TAILQ_FIRST(&server->all));
	if (server->listener >= 0)
		close(server->listener);
	if (server->epoll >= 0)
		close(server->epoll);
	free(server);
}
