#include "desk.h"

#include <errno.h>
#include <fcntl.h>

int desk_open(struct desk *desk, struct program *program)
{
	*desk = (struct desk){
	    .console = &program->out,
	    .peers = peersfile_new(AT_FDCWD),
	    .log = chatlog_new(AT_FDCWD, false),
	    .from = program->has_address ? &program->address : NULL,
	    .strict = program->strict,
	};
	prompt_init(&desk->prompt, desk->console);
	return desk->peers && desk->log ? 0 : ENOMEM;
}

void desk_close(struct desk *desk)
{
	chatlog_free(desk->log);
	peersfile_free(desk->peers);
	prompt_free(&desk->prompt);
}
