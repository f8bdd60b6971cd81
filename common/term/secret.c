#include "term/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/stop.h"
#include "base/text.h"

void secret_wipe(struct secret *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}

/* Waits for the next byte. */
static int read_byte(int fd, char *byte)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		ssize_t got;

		if (stop_requested())
			return EINTR;
		if (ppoll(&wait, 1, NULL, stop_wait_mask()) < 0) {
			if (errno == EINTR)
				continue;
			return errno;
		}
		got = read(fd, byte, 1);
		if (got == 1)
			return 0;
		if (got == 0)
			return ENODATA;
		if (errno != EINTR && errno != EAGAIN)
			return errno;
	}
}

int secret_receive(int fd, struct secret *secret)
{
	bool too_long = false, any = false;
	char byte;
	int rc;

	secret_wipe(secret);
	while ((rc = read_byte(fd, &byte)) == 0 && byte != '\n') {
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

int secret_ask(const char *question, struct secret *secret)
{
	struct termios before, silent;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc = 0;

	secret_wipe(secret);
	if (fd < 0)
		return ENXIO;
	if (tcgetattr(fd, &before) != 0) {
		rc = errno;
		close(fd);
		return rc;
	}
	silent = before;
	silent.c_iflag |= ICRNL;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ICANON | ISIG | ECHONL;
	/* Before the question, so that nothing that answers it is forgotten. */
	if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
		rc = errno;
	else if (write(fd, question, strlen(question)) < 0)
		rc = errno;
	else
		rc = secret_receive(fd, secret);
	tcsetattr(fd, TCSANOW, &before);
	if (rc == EINTR || rc == ENODATA)
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
	if (rc != 0 && rc != EINTR)
		console_put(&program->err, "%s: cannot open " KEYFILE_NAME ": %s\n", program->name, reason(rc));
	return rc == 0;
}
