#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/launch.h"
#include "base/stop.h"
#include "listing.h"
#include "store/chatreader.h"
#include "term/richtext.h"

/* How far back the log is read for links. */
#define LINKS_READ_BYTES (16 * 1024 * 1024)
#define DEFAULT_BROWSER "xdg-open"

static void forget(struct shown_links *links)
{
	while (links->count > 0)
		free(links->list[--links->count]);
}

/* Adds a link that is not in the list yet. */
static void add(struct shown_links *links, const struct richtext_piece *piece)
{
	for (size_t i = 0; i < links->count; i++) {
		if (strlen(links->list[i]) == piece->len && memcmp(links->list[i], piece->text, piece->len) == 0)
			return;
	}
	links->list[links->count] = strndup(piece->text, piece->len);
	links->count += links->list[links->count] != NULL;
}

/* Adds those of a text, line by line, as far as there is room. */
static void add_all(struct shown_links *links, const char *text, size_t len)
{
	for (const char *end = text + len, *feed; text < end; text = feed + 1) {
		struct richtext rich;
		struct richtext_piece piece;

		feed = memchr(text, '\n', (size_t)(end - text));
		if (!feed)
			feed = end;
		richtext_begin(&rich, text, (size_t)(feed - text));
		while (links->count < LINKS_MAX && richtext_next(&rich, &piece)) {
			if (piece.styles & RICHTEXT_LINK)
				add(links, &piece);
		}
	}
}

/* Reads the last links from the end of the log, of what may be shown. */
static int read_links(struct desk *desk)
{
	struct shown_links *links = &desk->links;
	struct listing listing = {.desk = desk};
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	const char *line;
	size_t len;
	int rc = chatreader_open(AT_FDCWD, &reader);

	forget(links);
	for (size_t seen = 0; rc == 0 && links->count < LINKS_MAX && seen < LINKS_READ_BYTES && !stop_requested();
	     seen += len) {
		rc = chatreader_line(reader, &line, &len);
		if (rc != 0 || !memmem(line, len, "http", 4) || chatlog_parse(line, len, &entry) != 0)
			continue;
		if (entry.kind == CHATLOG_MESSAGE && !entry.held && listing_has(&listing, &entry))
			add_all(links, entry.text, entry.text_len);
		chatlog_entry_free(&entry);
	}
	chatreader_free(reader);
	return rc == ENODATA || rc == ENOENT ? 0 : rc;
}

static void put_link(struct console *console, const char *link)
{
	size_t len;
	const char *host = richtext_host(link, strlen(link), &len);

	console_put_styled(console, CONSOLE_STRONG, "%.*s", (int)len, host);
	console_put(console, "  ");
	console_put_message(console, link, strlen(link));
	console_put(console, "\n");
}

static const char *browser(void)
{
	const char *own = getenv("BROWSER");

	/* A list, or a command with arguments, is understood by the default. */
	return own && own[0] != '\0' && !strpbrk(own, " :%") ? own : DEFAULT_BROWSER;
}

static int start_browser(struct desk *desk, const char *link)
{
	const char *const arguments[] = {browser(), link, NULL};
	struct shown_links *links = &desk->links;
	int rc;

	/* One that has ended since. */
	if (links->browser > 0)
		waitpid(links->browser, NULL, WNOHANG);
	rc = launch_program(arguments, NULL, -1, &links->browser);
	if (rc == 0)
		return PROGRAM_FINE;
	links->browser = 0;
	console_put_failure(desk->console, CONSOLE_BAD, "run", arguments[0], rc);
	return PROGRAM_FAILED;
}

/* Shows the list, and asks which. Returns false if there is none, or none is wanted. */
static bool choose(struct desk *desk, char **answer)
{
	const struct shown_links *links = &desk->links;

	for (size_t i = links->count; i > 0; i--) {
		console_put_styled(desk->console, CONSOLE_FAINT, "%3zu  ", i);
		put_link(desk->console, links->list[i - 1]);
	}
	if (links->count == 0)
		console_put(desk->console, "There is no link in the last messages.\n");
	return links->count > 0 && prompt_ask_word(&desk->prompt, "Number (Enter: none): ", answer);
}

int links_open(struct desk *desk, const char *argument)
{
	struct shown_links *links = &desk->links;
	char *answer = NULL, *end;
	unsigned long number;
	int rc = argument[0] == '\0' || links->count == 0 ? read_links(desk) : 0;

	if (rc != 0)
		return desk_check_file(desk, "read", CHATLOG_NAME, rc);
	if (argument[0] == '\0') {
		if (!choose(desk, &answer))
			return PROGRAM_FINE;
		argument = answer;
	}
	number = strtoul(argument, &end, 10);
	if (*end != '\0' || argument[0] < '0' || argument[0] > '9' || number < 1 || number > links->count) {
		console_put_styled(desk->console, CONSOLE_WARNING, "No link has that number; Open lists them.\n");
		return PROGRAM_FAILED;
	}
	put_link(desk->console, links->list[number - 1]);
	if (!prompt_ask_yes(&desk->prompt, "Open it in the browser, yes or no? "))
		return PROGRAM_FINE;
	return start_browser(desk, links->list[number - 1]);
}
