/*
 * What draws attention to a message: the terminal's bell, and a command of the user's.
 *
 * Strangers choose when messages come and what is in them. So the bell rings once in ALERT_BELL_PERIOD_MS at most; the
 * command is one program, run without a shell, one at a time and not for longer than ALERT_COMMAND_MAX_MS, with all that is
 * foreign in its environment: QUARTET_FROM, QUARTET_ROOM, QUARTET_MODE, QUARTET_STANDING, QUARTET_IP, QUARTET_TEXT and of an offer
 * QUARTET_FILE. Nothing blocks.
 */
#ifndef QUARTET_ALERT_H
#define QUARTET_ALERT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "store/chatlog.h"
#include "term/console.h"

#define ALERT_BELL_PERIOD_MS 3000
#define ALERT_WAITING_MAX 16
/* Of these, so many are for messages that have no mark (trust/mark.h), so that no flood of strangers takes them. */
#define ALERT_KEPT 8
/* A command that has not ended by then is killed, with what it started in its session. */
#define ALERT_COMMAND_MAX_MS 30000

STAILQ_HEAD(alert_jobs, alert_job);

struct alert {
	struct console *console;
	const char *command; /* NULL: none */
	bool rings;
	bool failed;	 /* the command could not be started the last time */
	int64_t rang_ms; /* monotonic; 0: never */
	int epoll;	 /* that reports the end of a command; the caller's */
	pid_t child;	 /* that runs; 0: none */
	int child_fd;	 /* of that process; -1: none */
	int64_t ends_ms; /* monotonic: when it is killed */
	struct alert_jobs jobs;
	size_t job_count;
};

/* Begins; console and command (a program, looked for as a shell does) stay the caller's. */
void alert_init(struct alert *alert, struct console *console, const char *command, bool rings);

/* Has an epoll(7) descriptor, which stays the caller's, report with alert as its data when alert_work() is to be called. */
void alert_watch(struct alert *alert, int epoll);

/* Draws attention to a message at now_ms (monotonic), in a room that is called so, or "". What does not fit into the queue is passed over. */
void alert_message(struct alert *alert, const struct chatlog_entry *entry, const char *room, int64_t now_ms);

/*
 * Looks after the command, and starts the next. Returns when to call again at the latest, monotonic; INT64_MAX: after a
 * message.
 */
int64_t alert_work(struct alert *alert, int64_t now_ms);

/* Forgets what waits; a command that runs goes on. */
void alert_free(struct alert *alert);

#endif
