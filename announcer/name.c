#include "name.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "term/lineinput.h"

/* Reads lines until one is a name, or empty if a stored name can be kept. */
static bool read_name(struct console *console, struct lineinput *input, const char *stored,
    char name[static USERNAME_MAX_BYTES + 1])
{
	for (;;) {
		enum username_fault fault = USERNAME_TOO_LONG;
		char *line;
		size_t len;

		console_put(console, "Username: ");
		console_flush(console);
		switch (lineinput_read(input, &line, &len)) {
		case LINEINPUT_LINE:
			fault = username_normalize(line, len, name);
			break;
		case LINEINPUT_TOO_LONG:
			break;
		case LINEINPUT_END:
		case LINEINPUT_STOPPED:
			console_put(console, "\n");
			return false;
		}
		if (fault == USERNAME_EMPTY && stored)
			strcpy(name, stored);
		if (fault == USERNAME_OK || (fault == USERNAME_EMPTY && stored))
			return true;
		console_put_styled(console, CONSOLE_WARNING, "That will not do: %s.\n", username_rule(fault));
	}
}

bool name_ask(struct console *console, struct peersfile *file, char name[static USERNAME_MAX_BYTES + 1])
{
	struct lineinput input;
	const char *stored;
	bool chosen;
	int rc = peersfile_read(file);

	if (rc != 0)
		console_put_styled(console, CONSOLE_WARNING, "cannot read " PEERSFILE_NAME ": %s\n",
		    peersfile_reason(rc));
	stored = peersfile_username(file);
	if (stored) {
		console_put(console, "Last time you were ");
		console_put_name(console, CONSOLE_STRONG, stored);
		console_put(console, "; an empty line keeps that name.\n");
	}
	lineinput_init(&input, STDIN_FILENO);
	chosen = read_name(console, &input, stored, name);
	lineinput_free(&input);
	return chosen;
}

void name_store(struct console *console, struct peersfile *file, const char *name, int64_t *since_s)
{
	int64_t now_s = clock_wall_ms() / 1000;
	int rc = peersfile_begin(file);

	if (rc == 0 && peersfile_since(file) > *since_s)
		*since_s = peersfile_since(file);
	*since_s = now_s > *since_s ? now_s : *since_s + 1;
	if (rc == 0)
		rc = peersfile_commit(file, peersfile_set_self(file, name, *since_s));
	if (rc != 0)
		console_put_styled(console, CONSOLE_WARNING, "cannot store the name in " PEERSFILE_NAME ": %s\n",
		    peersfile_reason(rc));
}
