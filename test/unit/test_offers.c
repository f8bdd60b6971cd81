/* offers: the view of chat.log that says which files are offered, and what has become of them. */
#include "support.h"

#include "file/offers.h"

#include "cast.h"

/* The user, and others. */
#define OWN 'o'

static struct chatlog_entry offer_of(uint64_t number, char id, enum chatlog_direction direction, char other)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_MESSAGE,
	    .direction = direction,
	    .time_ms = NOW_MS,
	    .mode = CHATLOG_SECURE,
	    .username = "Bob",
	    .has_id = true,
	    .has_identity = true,
	    .text = "",
	    .has_file = true,
	    .file = {.name = "plan.pdf", .bytes = 7},
	    .number = number,
	};

	memset(entry.id, id, sizeof(entry.id));
	cast_identity(other, entry.identity);
	return entry;
}

static struct chatlog_entry fate_of(uint64_t number, char id, enum chatlog_state state, char who)
{
	struct chatlog_entry entry = offer_of(number, id, CHATLOG_RECEIVED, who);

	entry.kind = CHATLOG_STATE;
	entry.state = state;
	entry.has_file = false;
	return entry;
}

static void append(int dir, const struct chatlog_entry *entry)
{
	int fd = openat(dir, CHATLOG_NAME, O_WRONLY | O_APPEND | O_CREAT, 0600);
	struct buffer line = {0};

	assert_int_equal(chatlog_format(&line, entry), 0);
	assert_int_equal(write(fd, line.data, line.len), line.len);
	buffer_free(&line);
	close(fd);
}

static struct offers *begin(void)
{
	uint8_t own[IDENTITY_BYTES];
	struct offers *offers;

	cast_identity(OWN, own);
	offers = offers_new(own);
	assert_non_null(offers);
	return offers;
}

/*
 * Tells the view as "1a< 2b>w": number, id, the direction, and what is known: w waits, h is held, - was withdrawn, + is fetched,
 * and how many others have it.
 */
static void expect(struct offers *offers, int dir, const char *expected)
{
	char told[512] = "";
	size_t used = 0;

	assert_int_equal(offers_follow(offers, dir), 0);
	for (size_t i = 0; i < offers_count(offers); i++) {
		const struct offer *offer = offers_at(offers, i);

		assert_ptr_equal(offers_find(offers, offer->number), offer);
		used += (size_t)snprintf(told + used, sizeof(told) - used, "%s%ju%c%c%s%s%s%s", i > 0 ? " " : "",
		    (uintmax_t)offer->number, offer->id[0], offer->is_own ? '>' : '<', offer->is_waiting ? "w" : "",
		    offer->is_held ? "h" : "", offer->is_withdrawn ? "-" : "", offer->is_fetched ? "+" : "");
		if (offer->holder_count > 0)
			used += (size_t)snprintf(told + used, sizeof(told) - used, "%zu", offer->holder_count);
	}
	CHECK(strcmp(told, expected) == 0, "%s, not %s", told, expected);
}

static void every_offer_is_found_by_its_number_and_by_its_id(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog_entry entries[] = {offer_of(1, 'a', CHATLOG_RECEIVED, 'b'),
	    offer_of(2, 'b', CHATLOG_QUEUED, 'b'), offer_of(2, 'b', CHATLOG_SENT, 'b'),
	    offer_of(5, 'a', CHATLOG_RECEIVED, 'c'), /* his own id */
	    offer_of(6, 'd', CHATLOG_QUEUED, 'c')};
	struct offers *offers = begin();
	const struct offer *first, *second;
	struct chatlog_entry read;

	expect(offers, dir, "");
	for (size_t i = 0; i < COUNT(entries); i++)
		append(dir, &entries[i]);
	expect(offers, dir, "1a< 2b> 5a< 6d>w");
	assert_null(offers_find(offers, 0));
	assert_null(offers_find(offers, 3));
	assert_null(offers_find(offers, 7));
	second = offers_next_of(offers, entries[0].id, NULL);
	first = offers_next_of(offers, entries[0].id, second);
	assert_int_equal(second->number, 5);
	assert_int_equal(first->number, 1);
	assert_null(offers_next_of(offers, entries[0].id, first));
	assert_memory_equal(second->by, entries[3].identity, IDENTITY_BYTES);
	assert_int_equal(offers_find(offers, 2)->by[0], OWN);
	assert_memory_equal(offers_find(offers, 2)->with, entries[1].identity, IDENTITY_BYTES);
	assert_int_equal(offer_read(second, dir, &read), 0);
	assert_string_equal(read.file.name, "plan.pdf");
	assert_int_equal(read.number, 5);
	chatlog_entry_free(&read);
	offers_free(offers);
}

static void what_becomes_of_an_offer_is_known(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog_entry held = offer_of(3, 'c', CHATLOG_RECEIVED, 'c'), text = offer_of(0, 't', CHATLOG_SENT, 'b');
	struct chatlog_entry entries[] = {
	    offer_of(1, 'a', CHATLOG_RECEIVED, 'b'), offer_of(2, 'b', CHATLOG_SENT, 'b'),
	    offer_of(4, 'd', CHATLOG_QUEUED, 'c'), fate_of(2, 'b', CHATLOG_FETCHED, 'b'),
	    fate_of(2, 'b', CHATLOG_FETCHED, 'b'),   /* again */
	    fate_of(2, 'x', CHATLOG_WITHDRAWN, OWN), /* another */
	    fate_of(1, 'a', CHATLOG_WITHDRAWN, OWN), /* is not one's own */
	    fate_of(0, 'd', CHATLOG_DROPPED, 'b'),   /* for somebody else */
	};
	struct chatlog_entry later[] = {
	    fate_of(1, 'a', CHATLOG_FETCHED, OWN),
	    fate_of(2, 'b', CHATLOG_WITHDRAWN, OWN),
	    fate_of(0, 'c', CHATLOG_ACCEPTED, 'c'),
	    fate_of(0, 'd', CHATLOG_DROPPED, 'c'),
	};
	struct offers *offers = begin();
	struct chatlog_entry read;

	held.held = true;
	text.has_file = false;
	text.text = "\"state\": \"accepted\"";
	text.text_len = strlen(text.text);
	append(dir, &entries[0]);
	append(dir, &entries[1]);
	append(dir, &held);
	append(dir, &text);
	for (size_t i = 2; i < COUNT(entries); i++)
		append(dir, &entries[i]);
	expect(offers, dir, "1a< 2b>1 3c<h 4d>w");
	assert_true(offer_has_reached(offers_find(offers, 2), entries[1].identity));
	assert_false(offer_has_reached(offers_find(offers, 2), held.identity));
	assert_int_equal(offer_read_fetched(offers_find(offers, 1), dir, &read), ENOENT);
	later[0].has_source = true;
	later[0].source.path = "/home/ece/files/plan.pdf";
	for (size_t i = 0; i < COUNT(later); i++)
		append(dir, &later[i]);
	expect(offers, dir, "1a<+ 2b>-1 3c< 4d>w-");
	assert_int_equal(offer_read_fetched(offers_find(offers, 1), dir, &read), 0);
	assert_string_equal(read.source.path, "/home/ece/files/plan.pdf");
	chatlog_entry_free(&read);
	offers_free(offers);
}

static void a_log_that_is_another_or_was_cut_back_is_read_anew(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog_entry entries[] = {offer_of(1, 'a', CHATLOG_RECEIVED, 'b'),
	    fate_of(1, 'a', CHATLOG_FETCHED, OWN), offer_of(2, 'b', CHATLOG_RECEIVED, 'b'),
	    offer_of(3, 'c', CHATLOG_RECEIVED, 'b')};
	struct offers *offers = begin();
	struct stat before;
	int fd;

	entries[1].has_source = true;
	entries[1].source.path = "/home/ece/files/plan.pdf";
	append(dir, &entries[0]);
	assert_int_equal(fstatat(dir, CHATLOG_NAME, &before, 0), 0);
	append(dir, &entries[1]);
	append(dir, &entries[2]);
	expect(offers, dir, "1a<+ 2b<");
	/* The disk was full, and what could not be kept was taken back. */
	fd = openat(dir, CHATLOG_NAME, O_WRONLY);
	assert_int_equal(ftruncate(fd, before.st_size), 0);
	close(fd);
	assert_int_equal(offers_follow(offers, dir), 0);
	append(dir, &entries[3]);
	expect(offers, dir, "1a< 3c<");
	assert_int_equal(renameat(dir, CHATLOG_NAME, dir, "chat.log.old"), 0);
	append(dir, &entries[2]);
	expect(offers, dir, "2b<");
	offers_free(offers);
}

static void lines_that_nobody_wrote_change_nothing(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog_entry entries[] = {
	    offer_of(5, 'a', CHATLOG_RECEIVED, 'b'),
	    offer_of(4, 'b', CHATLOG_RECEIVED, 'b'), /* numbers only rise */
	    offer_of(5, 'c', CHATLOG_RECEIVED, 'b'),
	    fate_of(9, 'a', CHATLOG_FETCHED, 'b'),
	    fate_of(5, 'b', CHATLOG_FETCHED, 'b'),
	};
	struct offers *offers = begin();

	for (size_t i = 0; i < COUNT(entries); i++)
		append(dir, &entries[i]);
	expect(offers, dir, "5a<");
	for (unsigned i = 0; i < OFFERS_HOLDERS_MAX + 5; i++) {
		struct chatlog_entry entry = fate_of(5, 'a', CHATLOG_FETCHED, 'c');

		entry.identity[1] = (uint8_t)i;
		append(dir, &entry);
	}
	expect(offers, dir, "5a<64");
	offers_free(offers);
}

static void of_too_many_the_oldest_are_forgotten(void **state)
{
	int dir = workdir_fd(state), fd = openat(dir, CHATLOG_NAME, O_WRONLY | O_CREAT, 0600);
	struct buffer lines = {0};
	struct offers *offers = begin();
	struct chatlog_entry entry;
	uint64_t last = OFFERS_MAX + 100;

	for (uint64_t number = 1; number <= last; number++) {
		entry = offer_of(number, 'a', CHATLOG_RECEIVED, 'b');
		/* Many share the beginning of an id. */
		memcpy(entry.id + 8, &number, sizeof(number));
		assert_int_equal(chatlog_format(&lines, &entry), 0);
	}
	assert_int_equal(write(fd, lines.data, lines.len), lines.len);
	buffer_free(&lines);
	close(fd);
	assert_int_equal(offers_follow(offers, dir), 0);
	assert_int_equal(offers_count(offers), OFFERS_MAX);
	assert_null(offers_find(offers, 100));
	assert_int_equal(offers_at(offers, 0)->number, 101);
	assert_ptr_equal(offers_next_of(offers, entry.id, NULL), offers_find(offers, last));
	memcpy(entry.id + 8, &(uint64_t){101}, sizeof(last));
	assert_ptr_equal(offers_next_of(offers, entry.id, NULL), offers_at(offers, 0));
	memcpy(entry.id + 8, &(uint64_t){100}, sizeof(last));
	assert_null(offers_next_of(offers, entry.id, NULL));
	offers_free(offers);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_offer_is_found_by_its_number_and_by_its_id, workdir_make,
		workdir_remove),
	    cmocka_unit_test_setup_teardown(what_becomes_of_an_offer_is_known, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(a_log_that_is_another_or_was_cut_back_is_read_anew, workdir_make,
		workdir_remove),
	    cmocka_unit_test_setup_teardown(lines_that_nobody_wrote_change_nothing, workdir_make, workdir_remove),
	    cmocka_unit_test_setup_teardown(of_too_many_the_oldest_are_forgotten, workdir_make, workdir_remove),
	};

	support_begin();
	return cmocka_run_group_tests_name("offers", tests, NULL, NULL);
}
