#include "search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "matcher.h"
#include "outcomes.h"
#include "shownentry.h"
#include "store/chatreader.h"
#include "store/lockedfile.h"
#include "whose.h"

/* After so many bytes it is asked whether to go on. */
#define ROUND_BYTES (1024 * 1024)
/* Where the first member after the time stands, at the latest. */
#define HEAD_BYTES 64

struct found {
	struct chatlog_entry entry;
	int64_t offset;	     /* of its line */
	bool uncertain;	     /* what lines say that come later decides whether it is shown, and as what */
	const char *outcome; /* of such a one */
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
	found->outcome = NULL;
	found->uncertain = found->entry.held || found->entry.direction == CHATLOG_QUEUED;
	if (found->entry.kind == CHATLOG_MESSAGE && whose_has(&search->whose, &found->entry) &&
	    matcher_find(search->matcher, found->entry.text, found->entry.text_len, marks) > 0 &&
	    (outcomes_note(search->outcomes, &found->entry) || found->entry.held))
		search->count++;
	else
		chatlog_entry_free(&found->entry);
}

static int find(struct search *search)
{
	struct chatreader *reader = NULL;
	const char *line;
	size_t len, since = 0;
	int rc = chatreader_open(AT_FDCWD, true, &reader);

	while (rc == 0 && search->count < SEARCH_NEWEST) {
		rc = chatreader_line(reader, &line, &len);
		if (rc == 0 && matcher_may_match(search->matcher, line, len))
			take(search, line, len, chatreader_offset(reader));
		since += rc == 0 ? len : 0;
		if (since < ROUND_BYTES)
			continue;
		since = 0;
		if (stop_interrupted())
			rc = EINTR;
	}
	chatreader_free(reader);
	search->cut = rc != ENODATA;
	return rc == ENODATA || rc == ENOENT ? 0 : rc;
}

/* Whether a line, as we write them, says what has become of a message. */
static bool is_state(const char *line, size_t len)
{
	return memmem(line, len < HEAD_BYTES ? len : HEAD_BYTES, "\"id\"", 4) != NULL;
}

/* Reads what has become of the messages that were found and do not say so themselves. */
static int settle(struct search *search)
{
	struct chatreader *reader = NULL;
	struct chatlog_entry entry;
	int64_t oldest = INT64_MAX;
	const char *line;
	size_t len;
	int rc = 0;

	for (size_t i = 0; i < search->count; i++)
		oldest = search->found[i].uncertain ? search->found[i].offset : oldest;
	if (oldest < INT64_MAX)
		rc = chatreader_open(AT_FDCWD, true, &reader);
	while (reader && (rc = chatreader_line(reader, &line, &len)) == 0 && chatreader_offset(reader) > oldest) {
		if (!is_state(line, len) || chatlog_parse(line, len, &entry) != 0)
			continue;
		(void)outcomes_note(search->outcomes, &entry);
		chatlog_entry_free(&entry);
		if (stop_interrupted())
			rc = EINTR;
		if (rc != 0)
			break;
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

		if (found->uncertain && !outcomes_take(search->outcomes, entry, &found->outcome))
			continue;
		shown++;
		if (as_json)
			shownentry_put_object(search->desk->data, entry, found->outcome);
		else
			shownentry_put_line(search->desk->data, entry, found->outcome, marks,
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
		console_put_styled(console, CONSOLE_BAD, "cannot read " CHATLOG_NAME ": %s\n", lockedfile_reason(rc));
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

/* One search on the heap, which a stack may not hold. */
static int search_for(struct desk *desk, const char *whom, const char *const *words, size_t count, bool as_json)
{
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

int search_list(struct desk *desk, const char *whom, const char *const *words, size_t count, bool as_json)
{
	return search_for(desk, whom, words, count, as_json);
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

int search_show(struct desk *desk, const char *typed)
{
	const char *words[MATCHER_WORDS_MAX + 1], *whom = NULL;
	char *copy = strdup(typed), *rest = copy, *word = rest ? next_word(&rest) : NULL;
	size_t count = 0;
	int status;

	if (word && strcmp(word, "-f") == 0) {
		whom = next_word(&rest);
		word = whom ? next_word(&rest) : NULL;
	}
	for (; word && count <= MATCHER_WORDS_MAX; word = next_word(&rest))
		words[count++] = word;
	status = search_for(desk, whom, words, count, false);
	free(copy);
	return status;
}
