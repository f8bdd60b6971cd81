#include "caller.h"

#include "net/address.h"

static const enum console_style styles[] = {
    [STANDING_UNKNOWN] = CONSOLE_WARNING,
    [STANDING_PINNED] = CONSOLE_GOOD,
    [STANDING_VERIFIED] = CONSOLE_GOOD,
    [STANDING_CHANGED] = CONSOLE_BAD,
    [STANDING_MISSING] = CONSOLE_BAD,
    [STANDING_LOOKALIKE] = CONSOLE_BAD,
    [STANDING_UNPROVEN] = CONSOLE_BAD,
};

const char *caller_mark(const struct caller *caller, bool secure)
{
	/* What is as it should be needs no word, nor that a message in the clear is from nobody known. */
	if (caller->standing == STANDING_PINNED || (caller->standing == STANDING_UNKNOWN && !secure))
		return NULL;
	return standing_word(caller->standing);
}

void caller_put_mark(const struct caller *caller, const char *mark, struct console *console)
{
	console_put_styled(console, styles[caller->standing], " [%s]", mark);
}

void caller_put(const struct caller *caller, struct console *console)
{
	char ip[ADDRESS_TEXT_BYTES];

	console_put_name(console, caller->named ? CONSOLE_STRONG : CONSOLE_WARNING, caller->username);
	if (caller->ambiguous)
		console_put(console, " (%s)", address_format(caller->address, ip));
}

bool caller_is_doubtful(const struct caller *caller)
{
	return caller->standing == STANDING_CHANGED || caller->standing == STANDING_LOOKALIKE;
}

void caller_put_doubt(const struct caller *caller, struct console *console)
{
	bool changed = caller->standing == STANDING_CHANGED;
	char ip[ADDRESS_TEXT_BYTES];

	console_put_styled(console, changed ? CONSOLE_BAD : CONSOLE_WARNING, "note: %s %s",
	    address_format(caller->address, ip),
	    changed ? "did not prove to be" : "has a name that looks like that of");
	console_put(console, " ");
	console_put_name(console, CONSOLE_NORMAL, caller->other);
	console_put(console,
	    changed ? ", whom you know; see Users in the initiator\n" : ", whom you know, and is somebody else\n");
}

void caller_put_trouble(int error, struct console *console)
{
	if (error != 0)
		console_put_styled(console, CONSOLE_WARNING,
		    "cannot read " PEERSFILE_NAME ", so names may be missing: %s\n", peersfile_reason(error));
}
