#include "name.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "term/lineinput.h"
#include "trust/ownname.h"

/* A longer name is not repeated. */
#define SAID_MAX_BYTES 16

bool name_is_taken(struct console *console, struct peersfile *file, const uint8_t *identity, const char *name)
{
	/* What cannot be read is told by those who need it. */
	int rc = peersfile_read(file);
	struct ownname_world world = {
	    .pins = peersfile_pins(file),
	    .peers = peersfile_peers(file),
	    .username = peersfile_username(file),
	    .identity = identity,
	    .now_ms = clock_wall_ms(),
	};
	char taker[OWNNAME_TAKER_BYTES];

	if (rc != 0 || !ownname_is_taken(&world, name, taker))
		return false;
	/* So that it is read in three rows of 39 columns, with the question. */
	if (strlen(name) <= SAID_MAX_BYTES)
		console_put_name(console, CONSOLE_STRONG, name);
	else
		console_put_styled(console, CONSOLE_WARNING, "That name");
	console_put_styled(console, CONSOLE_WARNING, " is taken: %s.\n", taker);
	return true;
}

/* Reads lines until one is a name, or empty if a stored name can be kept. */
static bool read_name(struct console *console, struct lineinput *input, struct peersfile *file, const uint8_t *identity,
    char name[static USERNAME_MAX_BYTES + 1])
{
	const char *stored = peersfile_username(file);
	char kept[USERNAME_MAX_BYTES + 1] = "";

	if (stored)
		strcpy(kept, stored);
	for (;;) {
		char typed[USERNAME_MAX_BYTES + 1];
		enum username_fault fault = USERNAME_TOO_LONG;
		const char *rule;
		char *line;
		size_t len;

		console_put(console, "Username: ");
		console_flush(console);
		switch (lineinput_read(input, &line, &len)) {
		case LINEINPUT_LINE:
		case LINEINPUT_PASTE:
			fault = username_normalize(line, len, typed);
			break;
		case LINEINPUT_TOO_LONG:
		case LINEINPUT_EMPTIED:
			break;
		case LINEINPUT_END:
		case LINEINPUT_STOPPED:
			console_put(console, "\n");
			return false;
		}
		if (fault == USERNAME_EMPTY && kept[0] != '\0') {
			strcpy(name, kept);
			return true;
		}
		rule = fault == USERNAME_OK ? ownname_rule(typed) : username_rule(fault);
		if (rule) {
			console_put_styled(console, CONSOLE_WARNING, "That will not do: %s.\n", rule);
		} else if (!name_is_taken(console, file, identity, typed)) {
			strcpy(name, typed);
			return true;
		}
	}
}

bool name_ask(struct console *console, struct peersfile *file, const uint8_t *identity,
    char name[static USERNAME_MAX_BYTES + 1])
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
	chosen = read_name(console, &input, file, identity, name);
	lineinput_free(&input);
	return chosen;
}

bool name_store(struct console *console, struct peersfile *file, bool follow, char name[static USERNAME_MAX_BYTES + 1],
    int64_t *since_s)
{
	int64_t now_s = clock_wall_ms() / 1000;
	int rc = peersfile_begin(file);

	if (rc == 0 && peersfile_since(file) > *since_s)
		*since_s = peersfile_since(file);
	*since_s = now_s > *since_s ? now_s : *since_s + 1;
	if (rc == 0 && follow && peersfile_username(file))
		strcpy(name, peersfile_username(file));
	if (rc == 0)
		rc = peersfile_commit(file, peersfile_set_self(file, name, *since_s));
	if (rc != 0)
		console_put_styled(console, CONSOLE_WARNING, "cannot store the name in " PEERSFILE_NAME ": %s\n",
		    peersfile_reason(rc));
	return rc == 0;
}
