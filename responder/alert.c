#include "alert.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/launch.h"
#include "net/address.h"
#include "trust/mark.h"

#define VARIABLE_PREFIX "QUARTET_"
#define VARIABLES 7

struct alert_job {
	STAILQ_ENTRY(alert_job) next;
	char *variables[VARIABLES]; /* "QUARTET_FROM=Bob" */
};

void alert_init(struct alert *alert, struct console *console, const char *command, bool rings)
{
	*alert = (struct alert){.console = console, .command = command, .rings = rings, .epoll = -1, .child_fd = -1};
	STAILQ_INIT(&alert->jobs);
}

void alert_watch(struct alert *alert, int epoll)
{
	alert->epoll = epoll;
}

static void free_job(struct alert_job *job)
{
	for (size_t i = 0; job && i < VARIABLES; i++)
		free(job->variables[i]);
	free(job);
}

/* A variable of the environment, as far as its value goes before a NUL. NULL if out of memory. */
__attribute__((format(printf, 1, 2))) static char *make_variable(const char *format, ...)
{
	va_list arguments;
	char *variable;
	int len;

	va_start(arguments, format);
	len = vasprintf(&variable, format, arguments);
	va_end(arguments);
	return len < 0 ? NULL : variable;
}

static void add_job(struct alert *alert, const struct chatlog_entry *entry, const char *room)
{
	const struct mark *mark = mark_find(entry->standing, entry->mode == CHATLOG_SECURE);
	const char *standing = entry->standing ? entry->standing : "";
	struct alert_job *job = calloc(1, sizeof(*job));
	char ip[ADDRESS_TEXT_BYTES], size[FILEOFFER_SIZE_BYTES];
	bool is_whole = true;

	if (!job)
		return;
	/* With what is wrong with it, so that nobody else passes for the one who is known by the name. */
	job->variables[0] = mark && mark->is_bad
				? make_variable(VARIABLE_PREFIX "FROM=%s [%s]", entry->username, standing)
				: make_variable(VARIABLE_PREFIX "FROM=%s", entry->username);
	job->variables[1] = make_variable(VARIABLE_PREFIX "MODE=%s", chatlog_mode_word(entry->mode));
	job->variables[2] = make_variable(VARIABLE_PREFIX "STANDING=%s", standing);
	job->variables[3] = make_variable(VARIABLE_PREFIX "IP=%s", address_format(entry->address, ip));
	job->variables[4] = entry->has_file
				? make_variable(VARIABLE_PREFIX "TEXT=offers %s (%s): Get %" PRIu64, entry->file.name,
				      fileoffer_format_size(entry->file.bytes, size), entry->number)
				: make_variable(VARIABLE_PREFIX "TEXT=%.*s", (int)entry->text_len, entry->text);
	job->variables[5] = make_variable(VARIABLE_PREFIX "ROOM=%s", room);
	job->variables[6] = make_variable(VARIABLE_PREFIX "FILE=%s", entry->has_file ? entry->file.name : "");
	for (size_t i = 0; i < VARIABLES; i++)
		is_whole &= job->variables[i] != NULL;
	if (!is_whole) {
		free_job(job);
		return;
	}
	STAILQ_INSERT_TAIL(&alert->jobs, job, next);
	alert->job_count++;
}

void alert_message(struct alert *alert, const struct chatlog_entry *entry, const char *room, int64_t now_ms)
{
	size_t most = ALERT_WAITING_MAX;

	if (mark_find(entry->standing, entry->mode == CHATLOG_SECURE))
		most -= ALERT_KEPT;
	if (alert->rings && (alert->rang_ms == 0 || now_ms >= alert->rang_ms + ALERT_BELL_PERIOD_MS)) {
		console_ring(alert->console);
		alert->rang_ms = now_ms;
	}
	if (alert->command && alert->job_count < most)
		add_job(alert, entry, room);
}

/* The environment of this process with the variables of a job; to be freed, but not what it points to. */
static char **make_environment(const struct alert_job *job)
{
	size_t count = 0, kept = VARIABLES;
	char **made;

	while (environ[count])
		count++;
	made = calloc(count + VARIABLES + 1, sizeof(*made));
	if (!made)
		return NULL;
	memcpy(made, job->variables, sizeof(job->variables));
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0)
			made[kept++] = environ[i];
	}
	return made;
}

static int start(struct alert *alert, const struct alert_job *job, int64_t now_ms)
{
	const char *const arguments[] = {alert->command, NULL};
	char **environment = make_environment(job);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = alert};
	int rc = environment ? launch_program(arguments, environment, -1, &alert->child) : ENOMEM;

	free(environment);
	if (rc != 0) {
		alert->child = 0;
		return rc;
	}
	alert->ends_ms = now_ms + ALERT_COMMAND_MAX_MS;
	/* If there is none, its end is seen with the next message, or at the latest then. */
	alert->child_fd = (int)syscall(SYS_pidfd_open, alert->child, 0);
	if (alert->child_fd >= 0)
		(void)!epoll_ctl(alert->epoll, EPOLL_CTL_ADD, alert->child_fd, &event);
	return 0;
}

static void close_child(struct alert *alert)
{
	if (alert->child_fd >= 0)
		close(alert->child_fd);
	alert->child_fd = -1;
	alert->child = 0;
}

int64_t alert_work(struct alert *alert, int64_t now_ms)
{
	while (alert->child == 0 || waitpid(alert->child, NULL, WNOHANG) != 0) {
		struct alert_job *job = STAILQ_FIRST(&alert->jobs);
		int rc;

		close_child(alert);
		if (!job)
			return INT64_MAX;
		STAILQ_REMOVE_HEAD(&alert->jobs, next);
		alert->job_count--;
		rc = start(alert, job, now_ms);
		free_job(job);
		if (rc != 0 && !alert->failed)
			console_put_failure(alert->console, CONSOLE_WARNING, "run", alert->command, rc);
		alert->failed = rc != 0;
	}
	if (now_ms >= alert->ends_ms) {
		/* It leads a session of its own, and whatever it started there. */
		kill(-alert->child, SIGKILL);
		alert->ends_ms = now_ms + ALERT_COMMAND_MAX_MS;
	}
	return alert->ends_ms;
}

void alert_free(struct alert *alert)
{
	struct alert_job *job;

	while ((job = STAILQ_FIRST(&alert->jobs))) {
		STAILQ_REMOVE_HEAD(&alert->jobs, next);
		free_job(job);
	}
	alert->job_count = 0;
	close_child(alert);
}
