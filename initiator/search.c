#include "search.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/stop.h"
#include "matcher.h"
#include "outcomes.h"
#include "shownentry.h"
#include "store/chatreader.h"
#include "whose.h"

/* After so many bytes it is asked whether to go on. */
#define ROUND_BYTES (1024 * 1024)
/* Where the first member after the time stands, at the latest. */
#define HEAD_BYTES 64
/* base64 of an id, and the NUL. */
#define ID_TEXT_BYTES sodium_base64_ENCODED_LEN(ENVELOPE_ID_BYTES, BASE64_VARIANT)

struct found {
	struct chatlog_entry entry;
	int64_t offset;	 /* of its line */
	bool has_sequel; /* later lines decide whether it is shown, and as what */
};

struct search {
	struct desk *desk;
	struct matcher *matcher;
	struct whose whose;
	struct outcomes *outcomes;
	struct pager pager;
	struct found found[SEARCH_NEWEST]; /* the newest first */
	size_t count;
	bool cut; /* not all of the log was looked at */
};

/* Keeps a message that has the words, unless one that was found already is the same. */
static void take(struct search *search, const char *line, size_t len, int64_t offset)
{
	struct found *found = &search->found[search->count];
	struct console_mark marks[MATCHER_MARKS_MAX];

	if (chatlog_parse(line, len, &found->entry) != 0)
		return;
	found->offset = offset;
	found->has_sequel = found->entry.has_id && (found->entry.held || found->entry.direction != CHATLOG_RECEIVED);
	if (found->entry.kind == CHATLOG_MESSAGE && whose_has(&search->whose, &found->entry) &&
	    matcher_find(search->matcher, found->entry.text, found->entry.text_len, marks) > 0 &&
	    (outcomes_note(search->outcomes, &found->entry) || found->entry.held))
		search->count++;
	else
		chatlog_entry_free(&found->entry);
}

/* The line before, as chatreader_line(); EINTR if the user wants an end. since has how much was read since the last look. */
static int read_line(struct chatreader *reader, size_t *since, const char **line, size_t *len)
{
	int rc;

	if (*since >= ROUND_BYTES) {
		*since = 0;
		if (stop_interrupted())
			return EINTR;
	}
	rc = chatreader_line(reader, line, len);
	*since += rc == 0 ? *len : 0;
	return rc;
}

static int find(struct search *search)
{
	struct chatreader *reader = NULL;
	const char *line;
	size_t len, since = 0;
	int rc = chatreader_open(AT_FDCWD, &reader);

	while (rc == 0 && search->count < SEARCH_NEWEST) {
		rc = read_line(reader, &since, &line, &len);
		if (rc == 0 && matcher_may_match(search->matcher, line, len))
			take(search, line, len, chatreader_offset(reader));
	}
	chatreader_free(reader);
	search->cut = rc != ENODATA;
	return rc == ENODATA || rc == ENOENT ? 0 : rc;
}

static int compare_ids(const void *left, const void *right)
{
	return memcmp(left, right, ID_TEXT_BYTES - 1);
}

/* The id in a line that says what has become of a message, as we write those, or NULL. */
static const char *find_id(const char *line, size_t len)
{
	static const char member[] = "\"id\": \"";
	const char *id = memmem(line, len < HEAD_BYTES ? len : HEAD_BYTES, member, strlen(member));

	return id && (size_t)(line + len - id) > strlen(member) + ID_TEXT_BYTES ? id + strlen(member) : NULL;
}

/* Lists the ids of messages about which later lines may say more, in order, and sets where the oldest of them stands. */
static size_t list_ids(const struct search *search, char ids[static SEARCH_NEWEST][ID_TEXT_BYTES], int64_t *oldest)
{
	size_t count = 0;

	for (size_t i = 0; i < search->count; i++) {
		const struct found *found = &search->found[i];

		if (!found->has_sequel)
			continue;
		sodium_bin2base64(ids[count++], ID_TEXT_BYTES, found->entry.id, ENVELOPE_ID_BYTES, BASE64_VARIANT);
		*oldest = found->offset;
	}
	qsort(ids, count, ID_TEXT_BYTES, compare_ids);
	return count;
}

/* Reads what has become of the messages that were found. */
static int settle(struct search *search)
{
	char ids[SEARCH_NEWEST][ID_TEXT_BYTES];
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	int64_t oldest = 0;
	const char *line, *id;
	size_t len, count = list_ids(search, ids, &oldest), since = 0;
	int rc = count > 0 ? chatreader_open(AT_FDCWD, &reader) : 0;

	while (reader && rc == 0) {
		rc = read_line(reader, &since, &line, &len);
		if (rc != 0 || chatreader_offset(reader) <= oldest)
			break;
		id = find_id(line, len);
		if (id && bsearch(id, ids, count, ID_TEXT_BYTES, compare_ids) &&
		    chatlog_parse(line, len, &entry) == 0) {
			(void)outcomes_note(search->outcomes, &entry);
			chatlog_entry_free(&entry);
		}
	}
	chatreader_free(reader);
	return rc == ENODATA ? 0 : rc;
}

static void show(struct search *search, bool as_json)
{
	struct console_mark marks[MATCHER_MARKS_MAX];
	size_t shown = 0;

	for (size_t i = search->count; i-- > 0;) {
		struct found *found = &search->found[i];
		struct chatlog_entry *entry = &found->entry;
		const char *outcome = NULL;

		if (found->has_sequel && !outcomes_take(search->outcomes, entry, &outcome))
			continue;
		shown++;
		if (as_json)
			shownentry_put_object(search->desk->data, entry, outcome);
		else
			shownentry_put_line(search->desk->data, entry, outcome, marks,
			    matcher_find(search->matcher, entry->text, entry->text_len, marks));
		if (!pager_go_on(&search->pager))
			break;
	}
	search->count = shown;
}

/* Tells what is wrong; returns the status of the command. */
static int conclude(const struct search *search, int rc)
{
	struct console *console = search->desk->console;

	if (rc == EINTR && !stop_requested())
		console_put_styled(console, CONSOLE_WARNING, "(interrupted; there may be more)\n");
	else if (rc == EILSEQ)
		console_put_styled(console, CONSOLE_WARNING, "The words are not UTF-8 text.\n");
	else if (rc == E2BIG)
		console_put_styled(console, CONSOLE_WARNING, "Search takes 1 to %d words.\n", MATCHER_WORDS_MAX);
	else if (rc != 0 && rc != EINTR)
		(void)desk_check_file(search->desk, "read", CHATLOG_NAME, rc);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

static int run(struct search *search, const char *const *words, size_t count, bool as_json)
{
	struct console *console = search->desk->console;
	int rc = matcher_new(words, count, &search->matcher);

	desk_begin_listing(search->desk, &search->pager);
	if (rc == 0) {
		search->outcomes = outcomes_new();
		rc = search->outcomes ? find(search) : ENOMEM;
	}
	if (rc == 0)
		rc = settle(search);
	if (rc == 0 || rc == EINTR)
		show(search, as_json);
	desk_end_listing(search->desk, &search->pager);
	if (rc == 0 && search->count == 0 && !search->desk->script)
		console_put(console, "Nothing was found.\n");
	else if (rc == 0 && search->cut && search->count > 0)
		console_put_styled(console, CONSOLE_FAINT, "(the newest %d; more words find less)\n", SEARCH_NEWEST);
	outcomes_free(search->outcomes);
	matcher_free(search->matcher);
	return conclude(search, rc);
}

int search_list(struct desk *desk, const char *whom, const char *const *words, size_t count, bool as_json)
{
	/* On the heap: it is too large for a stack. */
	struct search *search = calloc(1, sizeof(*search));
	int status;

	if (!search) {
		console_put_styled(desk->console, CONSOLE_BAD, "out of memory\n");
		return PROGRAM_FAILED;
	}
	search->desk = desk;
	status = whose_find(&search->whose, desk, whom ? whom : "");
	if (status == PROGRAM_FINE && whom && search->whose.username[0] == '\0' && !desk->script)
		(void)whose_find_like(&search->whose, desk, whom, &status);
	if (status == PROGRAM_FINE)
		status = run(search, words, count, as_json);
	for (size_t i = 0; i < SEARCH_NEWEST; i++)
		chatlog_entry_free(&search->found[i].entry);
	free(search);
	return status;
}

/* The next word of text, which is cut there; NULL if there is none. */
static char *next_word(char **text)
{
	char *word = *text + strspn(*text, " \t");
	size_t len = strcspn(word, " \t");

	*text = word + len;
	if (**text != '\0')
		*(*text)++ = '\0';
	return len > 0 ? word : NULL;
}

int search_with(struct desk *desk, const char *whom, char *text)
{
	const char *words[MATCHER_WORDS_MAX + 1], *word;
	size_t count = 0;

	while (count <= MATCHER_WORDS_MAX && (word = next_word(&text)))
		words[count++] = word;
	return search_list(desk, whom, words, count, false);
}

int search_show(struct desk *desk, const char *typed)
{
	const char *whom = NULL;
	char *copy = strdup(typed + strspn(typed, " \t")), *rest = copy;
	int status;

	if (!copy)
		return desk_check_file(desk, "read", CHATLOG_NAME, ENOMEM);
	if (strcspn(rest, " \t") == 2 && strncmp(rest, "-f", 2) == 0) {
		(void)next_word(&rest);
		whom = next_word(&rest);
	}
	status = search_with(desk, whom, rest);
	free(copy);
	return status;
}
