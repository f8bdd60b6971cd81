#include "desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "store/lockedfile.h"
#include "term/secret.h"

static void tell_news(const struct desk *desk, const char *news)
{
	if (news)
		console_put_styled(desk->console, CONSOLE_WARNING, "%s\n", news);
}

bool desk_open(struct desk *desk, struct program *program, bool needs_secret)
{
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
	if (desk->script)
		prompt_close(&desk->prompt);
	else
		desk_show_waiting(desk, 0);
	if (!desk->loop || !desk->peers || !desk->log) {
		console_put(&program->err, "%s: %s\n", program->name, strerror(ENOMEM));
		return false;
	}
	return secret_open_key(program, desk->console, needs_secret, &desk->key);
}

void desk_refresh(struct desk *desk)
{
	tell_news(desk, keyfile_refresh(&desk->key));
}

bool desk_read_peers(const struct desk *desk)
{
	int rc = peersfile_read(desk->peers);

	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_BAD, "cannot read " PEERSFILE_NAME ": %s\n",
		    peersfile_reason(rc));
	return rc == 0;
}

void desk_show_waiting(struct desk *desk, size_t waiting)
{
	if (desk->script)
		return;
	if (waiting == 0)
		console_set_title(desk->console, "initiator");
	else
		console_set_title(desk->console, "initiator: %zu waiting", waiting);
}

static void set(void *context, uint32_t events)
{
	(void)events;
	*(bool *)context = true;
}

static bool is_set(void *context)
{
	return *(bool *)context;
}

static int wait_for_pager(void *context, int fd, bool to_write)
{
	struct loop *loop = context;
	bool ready = false;
	int rc;

	if (!to_write)
		return loop_wait(loop, fd, LOOP_NEVER);
	rc = loop_watch(loop, fd, EPOLLOUT, set, &ready);
	if (rc == 0)
		rc = loop_run_until(loop, is_set, &ready);
	loop_forget(loop, fd);
	return rc;
}

void desk_begin_listing(struct desk *desk, struct pager *pager)
{
	pager_begin(pager, desk->data, desk->prompt.terminal);
	pager->wait = wait_for_pager;
	pager->wait_context = desk->loop;
	desk->data = pager_console(pager);
	stop_set_interruptible(desk->prompt.terminal);
}

void desk_end_listing(struct desk *desk, struct pager *pager)
{
	desk->data = pager->console;
	pager_end(pager);
	stop_set_interruptible(false);
}

const uint8_t *desk_identity(const struct desk *desk)
{
	return desk->key.is_usable ? desk->key.identity.public : NULL;
}

void desk_close(struct desk *desk)
{
	chatlog_free(desk->log);
	free(desk->users.list);
	peersfile_free(desk->peers);
	keyfile_close(&desk->key);
	prompt_free(&desk->prompt);
	loop_free(desk->loop);
}
