#include "term/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/stop.h"
#include "base/text.h"

#define CTRL_C 3

void secret_wipe(struct secret *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}

/* Waits for the next byte. */
static int read_byte(int fd, char *byte)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t got = -1;

	while (!stop_requested()) {
		if (ppoll(&wait, 1, NULL, stop_wait_mask()) > 0)
			got = read(fd, byte, 1);
		if (got >= 0)
			return got > 0 ? 0 : ENODATA;
		if (errno != EINTR && errno != EAGAIN)
			return errno;
	}
	return EINTR;
}

/* Reads up to the end of the line, or to Ctrl-C if that is one. */
static int read_line(int fd, bool may_cancel, struct secret *secret)
{
	bool too_long = false, any = false;
	char byte;
	int rc;

	secret_wipe(secret);
	while ((rc = read_byte(fd, &byte)) == 0 && byte != '\n') {
		if (may_cancel && byte == CTRL_C) {
			rc = ECANCELED;
			break;
		}
		any = true;
		if (secret->len < sizeof(secret->text))
			secret->text[secret->len++] = byte;
		else
			too_long = true;
	}
	if (rc == ENODATA && any)
		rc = 0;
	if (rc == 0 && too_long)
		rc = EMSGSIZE;
	if (rc == 0 && secret->len > 0 && secret->text[secret->len - 1] == '\r')
		secret->text[--secret->len] = '\0';
	if (rc != 0)
		secret_wipe(secret);
	return rc;
}

int secret_receive(int fd, struct secret *secret)
{
	return read_line(fd, false, secret);
}

int secret_ask(const char *question, struct secret *secret)
{
	struct termios before, silent;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc = 0;

	secret_wipe(secret);
	if (fd < 0)
		return ENXIO;
	if (tcgetattr(fd, &before) != 0) {
		close(fd);
		return ENXIO;
	}
	silent = before;
	silent.c_iflag |= ICRNL;
	/* Ctrl-C ends the line, and means the question, not the program. */
	silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	silent.c_lflag |= ICANON | ECHONL;
	silent.c_cc[VEOL] = CTRL_C;
	/* Before the question, so that nothing that answers it is forgotten. */
	if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
		rc = errno;
	else if (write(fd, question, strlen(question)) < 0)
		rc = errno;
	else
		rc = read_line(fd, true, secret);
	tcsetattr(fd, TCSANOW, &before);
	if (rc == EINTR || rc == ENODATA || rc == ECANCELED)
		(void)!write(fd, "\n", 1);
	close(fd);
	return rc;
}

/* Takes the one passphrase that there is. */
static int unlock_from(int fd, struct keyfile *key)
{
	struct secret secret;
	int rc = secret_receive(fd, &secret);

	/* No program that is started later needs to have it. */
	if (fd > STDERR_FILENO)
		close(fd);
	/* Without a passphrase the line is read all the same, so that a script need not know. */
	if (rc == 0 && key->is_sealed)
		rc = keyfile_unlock(key, secret.text, secret.len);
	else if (!key->is_sealed && rc != EINTR)
		rc = 0;
	secret_wipe(&secret);
	return rc;
}

static int unlock_by_asking(struct program *program, struct keyfile *key)
{
	struct secret secret;
	int rc = EACCES;

	for (int i = 0; i < SECRET_TRIES && (rc == EACCES || rc == EMSGSIZE); i++) {
		if (i > 0) {
			console_put_styled(&program->err, CONSOLE_WARNING, "wrong passphrase\n");
			console_flush(&program->err);
		}
		rc = secret_ask("Passphrase: ", &secret);
		if (rc == 0)
			rc = keyfile_unlock(key, secret.text, secret.len);
		secret_wipe(&secret);
	}
	return rc;
}

static const char *reason(int error)
{
	switch (error) {
	case EACCES:
		return "wrong passphrase";
	case EMSGSIZE:
		return "a passphrase has " TEXT_OF(SECRET_MAX_BYTES) " bytes at most";
	case ENODATA:
		return "it has a passphrase, and none came";
	case ENXIO:
		return "it has a passphrase, and there is no terminal to ask for it; --passphrase-fd gives it";
	default:
		return strerror(error);
	}
}

bool secret_open_key(struct program *program, struct console *console, bool is_needed, struct keyfile *key)
{
	const char *news = keyfile_open(key, AT_FDCWD);
	int rc = 0;

	if (news)
		console_put_styled(console, CONSOLE_WARNING, "%s\n", news);
	console_flush(console);
	if (program->passphrase_fd >= 0)
		rc = unlock_from(program->passphrase_fd, key);
	else if (key->is_sealed && is_needed)
		rc = unlock_by_asking(program, key);
	/* As if there had been no question. */
	if (rc == ECANCELED)
		raise(SIGINT);
	else if (rc != 0 && rc != EINTR)
		console_put(&program->err, "%s: cannot open " KEYFILE_NAME ": %s\n", program->name, reason(rc));
	return rc == 0;
}
