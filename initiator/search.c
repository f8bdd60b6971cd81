#include "search.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/stop.h"
#include "listing.h"
#include "matcher.h"
#include "outcomes.h"
#include "store/chatreader.h"

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
	struct listing listing;
	struct matcher *matcher;
	struct outcomes *outcomes;
	struct found found[SEARCH_NEWEST]; /* the newest first */
	size_t count;
	bool cut; /* not all of the log was looked at */
};

/* Finds the words in a message, or in the name of the file that it offers. Returns as matcher_find(). */
static size_t find_words(const struct search *search, const struct chatlog_entry *entry,
    struct console_mark marks[static MATCHER_MARKS_MAX])
{
	const char *text = entry->has_file ? entry->file.name : entry->text;

	return matcher_find(search->matcher, text, entry->has_file ? strlen(text) : entry->text_len, marks);
}

/* Keeps a message that has the words, unless one that was found already is the same. */
static void take(struct search *search, const char *line, size_t len, int64_t offset)
{
	struct found *found = &search->found[search->count];
	struct console_mark marks[MATCHER_MARKS_MAX];

	if (chatlog_parse(line, len, &found->entry) != 0)
		return;
	found->offset = offset;
	found->has_sequel = found->entry.has_id && (found->entry.held || found->entry.direction != CHATLOG_RECEIVED);
	if (found->entry.kind == CHATLOG_MESSAGE && listing_has(&search->listing, &found->entry) &&
	    find_words(search, &found->entry, marks) > 0 &&
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

static void show(struct search *search)
{
	struct console_mark marks[MATCHER_MARKS_MAX];

	for (size_t i = search->count; i-- > 0 && pager_go_on(&search->listing.pager);) {
		struct found *found = &search->found[i];
		struct chatlog_entry *entry = &found->entry;
		struct outcome outcome = {0};

		if (!found->has_sequel || outcomes_take(search->outcomes, entry, &outcome))
			listing_put(&search->listing, entry, &outcome, marks, find_words(search, entry, marks));
	}
}

/* Finds and shows, and tells what is wrong. */
static int run(struct search *search, const struct wish *wish)
{
	struct desk *desk = search->listing.desk;
	int rc = matcher_new(wish->words, wish->count, &search->matcher);

	listing_begin(&search->listing);
	search->outcomes = outcomes_new();
	if (rc == 0)
		rc = search->outcomes ? find(search) : ENOMEM;
	if (rc == 0)
		rc = settle(search);
	if (rc == 0 || rc == EINTR)
		show(search);
	listing_end(&search->listing);
	if (rc == 0 && search->listing.shown == 0 && !desk->script)
		console_put(desk->console, "Nothing was found.\n");
	else if (rc == 0 && search->cut && search->listing.shown > 0)
		console_put_styled(desk->console, CONSOLE_FAINT, "(the newest %d; more words find less)\n",
		    SEARCH_NEWEST);
	else if (rc == EINTR && !stop_requested())
		console_put_styled(desk->console, CONSOLE_WARNING, "(interrupted; there may be more)\n");
	else if (rc == EILSEQ)
		console_put_styled(desk->console, CONSOLE_WARNING, "The words are not UTF-8 text.\n");
	else if (rc == E2BIG)
		console_put_styled(desk->console, CONSOLE_WARNING, "Search takes 1 to %d words.\n", MATCHER_WORDS_MAX);
	else if (rc != 0 && rc != EINTR)
		(void)desk_check_file(desk, "read", CHATLOG_NAME, rc);
	outcomes_free(search->outcomes);
	matcher_free(search->matcher);
	return rc == 0 ? PROGRAM_FINE : PROGRAM_FAILED;
}

int search_list(struct desk *desk, const struct wish *wish)
{
	/* On the heap: it is too large for a stack. */
	struct search *search = calloc(1, sizeof(*search));
	int status;

	if (!search)
		return desk_check_file(desk, "read", CHATLOG_NAME, ENOMEM);
	search->listing = (struct listing){.desk = desk, .as_json = wish->as_json};
	status = listing_find(&search->listing, wish->whom);
	if (status == PROGRAM_FINE)
		(void)listing_find_like(&search->listing, &status);
	if (status == PROGRAM_FINE)
		status = run(search, wish);
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
	const char *words[MATCHER_WORDS_MAX + 1];
	struct wish wish = {.whom = whom, .words = words};

	while (wish.count <= MATCHER_WORDS_MAX && (words[wish.count] = next_word(&text)))
		wish.count++;
	return search_list(desk, &wish);
}

int search_show(struct desk *desk, const char *typed)
{
	const char *whom = NULL;
	char *copy = strdup(typed), *rest = copy;
	int status;

	if (!copy)
		return desk_check_file(desk, "read", CHATLOG_NAME, ENOMEM);
	if (strncmp(rest, "-f", 2) == 0 && strchr(" \t", rest[2])) {
		(void)next_word(&rest);
		whom = next_word(&rest);
	}
	status = search_with(desk, whom, rest);
	free(copy);
	return status;
}
