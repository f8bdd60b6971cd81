#include "passphrase.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "store/lockedfile.h"
#include "term/secret.h"

const char *passphrase_fault(const char *text, size_t len)
{
	const char *cursor = text, *end = text + len;
	size_t characters = 0;

	if (len > SECRET_MAX_BYTES)
		return "it has " TEXT_OF(SECRET_MAX_BYTES) " bytes at most";
	if (!text_is_utf8(text, len))
		return "it is no text (UTF-8)";
	for (; cursor < end; characters++) {
		/* What a key like an arrow sends, or a paste brings along, nobody would type again. */
		if (text_is_control(text_next(&cursor, end)))
			return "it has a control character";
	}
	return characters < PASSPHRASE_MIN_CHARACTERS
		   ? "it has " TEXT_OF(PASSPHRASE_MIN_CHARACTERS) " characters at least"
		   : NULL;
}

int passphrase_ask(struct desk *desk, const char *question, struct secret *secret)
{
	char *line;
	size_t len;
	int rc = 0;

	secret->len = 0;
	if (desk->prompt.terminal) {
		/* What was said before stands above the question. */
		console_flush(desk->console);
		rc = secret_ask(question, secret);
	} else if (!prompt_ask(&desk->prompt, question, &line, &len)) {
		return ENODATA;
	} else if (len > sizeof(secret->text)) {
		rc = EMSGSIZE;
	} else {
		memcpy(secret->text, line, len);
		secret->len = len;
	}
	if (rc == ECANCELED)
		console_put(desk->console, "Nothing was changed.\n");
	else if (rc != 0 && rc != EINTR && rc != ENODATA)
		console_put_styled(desk->console, CONSOLE_BAD, "That cannot be read: %s\n", strerror(rc));
	return rc;
}

/* Whether who types knows the present passphrase. */
static bool knows_present(struct desk *desk)
{
	struct secret secret;
	int rc;

	if (!desk->key.is_sealed && desk->prompt.terminal)
		return true;
	rc = passphrase_ask(desk, "Passphrase now: ", &secret);
	if (rc == 0 && desk->key.is_sealed) {
		rc = keyfile_unlock(&desk->key, secret.text, secret.len);
		if (rc != 0)
			console_put_styled(desk->console, CONSOLE_BAD, "%s; nothing was changed.\n",
			    rc == EACCES ? "Wrong passphrase" : strerror(rc));
	}
	secret_wipe(&secret);
	return rc == 0;
}

/* Asks twice for the new one, at a terminal until it will do. Returns false, after telling the user, if there is none. */
static bool choose(struct desk *desk, struct secret *chosen)
{
	bool terminal = desk->prompt.terminal;
	struct secret again;
	const char *fault;

	do {
		if (passphrase_ask(desk,
			desk->key.is_sealed ? "New passphrase (Enter: remove it): " : "New passphrase (Enter: none): ",
			chosen) != 0)
			return false;
		fault = chosen->len > 0 ? passphrase_fault(chosen->text, chosen->len) : NULL;
		/* A pipe brings it again in any case. */
		if (!terminal || (!fault && chosen->len > 0)) {
			if (passphrase_ask(desk, "Once more: ", &again) != 0)
				return false;
			if (!fault && (again.len != chosen->len || memcmp(again.text, chosen->text, chosen->len) != 0))
				fault = "the two are not the same";
			secret_wipe(&again);
		}
		if (fault)
			console_put_styled(desk->console, CONSOLE_WARNING, "That will not do: %s.%s\n", fault,
			    terminal ? "" : " Nothing was changed.");
		console_flush(desk->console);
	} while (fault && terminal);
	return !fault;
}

/* Puts the file in place, and tells the user. */
static int seal(struct desk *desk, const struct secret *chosen)
{
	bool was_sealed = desk->key.is_sealed;
	int rc;

	if (chosen->len == 0 && !was_sealed) {
		console_put(desk->console, "Nothing was changed: there is no passphrase.\n");
		return PROGRAM_FINE;
	}
	rc = keyfile_seal(&desk->key, chosen->text, chosen->len);
	if (rc != 0)
		console_put_styled(desk->console, CONSOLE_BAD,
		    "cannot write " KEYFILE_NAME ": %s; nothing was changed.\n",
		    rc == ESTALE ? "it is not the file that was loaded" : lockedfile_reason(rc));
	else if (chosen->len == 0)
		console_put(desk->console,
		    "The passphrase is removed: whoever reads " KEYFILE_NAME " can pretend to be you.\n");
	else
		console_put(desk->console,
		    "The passphrase is %s. Programs ask for it when they start. Without it your identity is lost.\n",
		    was_sealed ? "changed" : "set");
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

int passphrase_run(struct desk *desk, const char *argument)
{
	struct secret chosen;
	int status = PROGRAM_FAILED;

	if (argument[0] != '\0')
		console_put_styled(desk->console, CONSOLE_WARNING,
		    "It is not typed here, where it is shown, but when it is asked for.\n");
	else if (!desk->key.is_usable)
		console_put_styled(desk->console, CONSOLE_BAD, "There is no identity to protect.\n");
	else if (knows_present(desk) && choose(desk, &chosen))
		status = seal(desk, &chosen);
	secret_wipe(&chosen);
	return status;
}
