/* outbox: what waits is what the lines say, whatever lines there are. */
#include "support.h"

#include <malloc.h>
#include <sodium.h>

#include "initiator/outbox.h"
#include "store/chatfollower.h"
#include "store/lockedfile.h"

#define NAME CHATLOG_NAME
#define NOW_MS INT64_C(1795161600123)
#define DAY_MS INT64_C(86400000)

/* An outbox, and the lines it was given, as they would lie in the file. */
struct scene {
	struct outbox *outbox;
	int64_t end;
};

static struct scene begin(void)
{
	struct scene scene = {.outbox = outbox_new()};

	assert_non_null(scene.outbox);
	return scene;
}

static uint8_t *id_of(unsigned number)
{
	static uint8_t id[ENVELOPE_ID_BYTES];

	memset(id, 0, sizeof(id));
	memcpy(id, &number, sizeof(number));
	return id;
}

static uint8_t *person(unsigned number)
{
	static uint8_t identity[IDENTITY_BYTES];

	memset(identity, 0xaa, sizeof(identity));
	memcpy(identity, &number, sizeof(number));
	return identity;
}

static struct chatlog_entry entry_of(enum chatlog_direction direction, unsigned number, unsigned whom)
{
	struct chatlog_entry entry = {
	    .time_ms = NOW_MS,
	    .direction = direction,
	    .mode = CHATLOG_SECURE,
	    .address = support_address(0xc0a80100 + whom % 256),
	    .has_id = true,
	    .has_identity = true,
	    .text = "hello",
	    .text_len = 5,
	};

	snprintf(entry.username, sizeof(entry.username), "Bob %u", whom);
	memcpy(entry.id, id_of(number), sizeof(entry.id));
	memcpy(entry.identity, person(whom), sizeof(entry.identity));
	return entry;
}

static struct chatlog_entry state_of(enum chatlog_state state, unsigned number, unsigned whom)
{
	struct chatlog_entry entry = entry_of(CHATLOG_SENT, number, whom);

	entry.kind = CHATLOG_STATE;
	entry.state = state;
	return entry;
}

static void take_line(struct scene *scene, const char *text, size_t len)
{
	char *line = support_copy(text, len);

	assert_int_equal(outbox_take(scene->outbox, line, len, scene->end), 0);
	free(line);
	scene->end += (int64_t)len + 1;
}

static void take(struct scene *scene, struct chatlog_entry entry)
{
	struct buffer line = {0};

	assert_int_equal(chatlog_format(&line, &entry), 0);
	take_line(scene, line.data, line.len - 1);
	buffer_free(&line);
}

static void queue(struct scene *scene, unsigned number, unsigned whom)
{
	take(scene, entry_of(CHATLOG_QUEUED, number, whom));
}

/* Exactly these wait for somebody, in this order. */
static void expect_waiting(const struct scene *scene, unsigned whom, size_t count, const unsigned *numbers)
{
	const struct outbox_item *item = NULL;

	CHECK(outbox_count(scene->outbox, person(whom)) == count, "%zu wait for %u",
	    outbox_count(scene->outbox, person(whom)), whom);
	for (size_t i = 0; i < count; i++) {
		item = outbox_next(scene->outbox, person(whom), item);
		assert_non_null(item);
		assert_memory_equal(item->id, id_of(numbers[i]), sizeof(item->id));
		assert_ptr_equal(outbox_find(scene->outbox, id_of(numbers[i]), person(whom)), item);
	}
	assert_null(item ? outbox_next(scene->outbox, person(whom), item)
			 : outbox_next(scene->outbox, person(whom), NULL));
}

#define EXPECT_WAITING(scene, whom, ...)                                                                               \
	expect_waiting(scene, whom, COUNT(((unsigned[]){__VA_ARGS__})), (unsigned[]){__VA_ARGS__})

static void what_is_queued_waits_in_order_until_it_is_delivered_or_dropped(void **state)
{
	struct scene scene = begin();

	(void)state;
	assert_int_equal(outbox_total(scene.outbox), 0);
	assert_null(outbox_recipient(scene.outbox, NULL));
	for (unsigned i = 0; i < 9; i++)
		queue(&scene, i, i % 3);
	assert_int_equal(outbox_total(scene.outbox), 9);
	EXPECT_WAITING(&scene, 0, 0, 3, 6);
	EXPECT_WAITING(&scene, 1, 1, 4, 7);
	take(&scene, state_of(CHATLOG_DELIVERED, 3, 0));
	EXPECT_WAITING(&scene, 0, 0, 6);
	take(&scene, state_of(CHATLOG_DROPPED, 0, 0));
	EXPECT_WAITING(&scene, 0, 6);
	take(&scene, state_of(CHATLOG_DELIVERED, 6, 0));
	expect_waiting(&scene, 0, 0, NULL);
	assert_null(outbox_find(scene.outbox, id_of(6), NULL));
	assert_int_equal(outbox_total(scene.outbox), 6);
	queue(&scene, 9, 0);
	EXPECT_WAITING(&scene, 0, 9);
	EXPECT_WAITING(&scene, 2, 2, 5, 8);
	outbox_free(scene.outbox);
	outbox_free(NULL);
}

static void what_left_waits_for_the_receipt(void **state)
{
	struct scene scene = begin();

	(void)state;
	queue(&scene, 1, 0);
	assert_false(outbox_find(scene.outbox, id_of(1), NULL)->left);
	take(&scene, entry_of(CHATLOG_SENT, 1, 0));
	take(&scene, entry_of(CHATLOG_SENT, 1, 0));
	EXPECT_WAITING(&scene, 0, 1);
	assert_true(outbox_find(scene.outbox, id_of(1), NULL)->left);
	take(&scene, state_of(CHATLOG_DELIVERED, 1, 0));
	expect_waiting(&scene, 0, 0, NULL);
	outbox_free(scene.outbox);
}

static void recipients_are_those_for_whom_something_waits(void **state)
{
	struct scene scene = begin();
	const struct outbox_recipient *recipient;
	struct chatlog_entry entry;

	(void)state;
	queue(&scene, 1, 0);
	queue(&scene, 2, 1);
	queue(&scene, 3, 2);
	entry = entry_of(CHATLOG_QUEUED, 4, 0);
	strcpy(entry.username, "Rob");
	entry.address = support_address(0x0a000001);
	take(&scene, entry);
	take(&scene, state_of(CHATLOG_DELIVERED, 2, 1));
	recipient = outbox_recipient(scene.outbox, NULL);
	assert_memory_equal(recipient->identity, person(0), IDENTITY_BYTES);
	assert_int_equal(recipient->count, 2);
	/* As it was last called, and where. */
	assert_string_equal(recipient->username, "Rob");
	assert_int_equal(recipient->address.s_addr, htonl(0x0a000001));
	assert_ptr_equal(outbox_next(scene.outbox, person(0), NULL)->recipient, recipient);
	recipient = outbox_recipient(scene.outbox, recipient);
	assert_memory_equal(recipient->identity, person(2), IDENTITY_BYTES);
	assert_null(outbox_recipient(scene.outbox, recipient));
	outbox_free(scene.outbox);
}

static void what_is_queued_once_waits_for_its_own_process(void **state)
{
	struct scene scene = begin();
	struct chatlog_entry entry = entry_of(CHATLOG_QUEUED, 1, 0);

	(void)state;
	entry.once = true;
	take(&scene, entry);
	assert_int_equal(outbox_total(scene.outbox), 0);
	outbox_expect(scene.outbox, id_of(2));
	take(&scene, entry);
	assert_int_equal(outbox_total(scene.outbox), 0);
	memcpy(entry.id, id_of(2), sizeof(entry.id));
	take(&scene, entry);
	EXPECT_WAITING(&scene, 0, 2);
	take(&scene, state_of(CHATLOG_DELIVERED, 2, 0));
	assert_int_equal(outbox_total(scene.outbox), 0);
	outbox_free(scene.outbox);
}

/* What is said in a room, or its state, goes to so many people from the first on. */
static uint8_t members[CHATLOG_TO_MAX][IDENTITY_BYTES];

static struct chatlog_entry room_entry(enum chatlog_kind kind, unsigned number, unsigned count)
{
	struct chatlog_entry entry = {
	    .kind = kind,
	    .time_ms = NOW_MS,
	    .direction = CHATLOG_QUEUED,
	    .mode = CHATLOG_SECURE,
	    .username = "#lab",
	    .has_id = true,
	    .has_room = true,
	    .signed_text = {.text = "{\"text\": \"hello\"}", .len = 17},
	    .to = members,
	    .to_count = count,
	    .before = -1,
	};

	for (unsigned i = 0; i < count; i++)
		memcpy(members[i], person(i), IDENTITY_BYTES);
	memcpy(entry.id, id_of(number), sizeof(entry.id));
	return entry;
}

static void what_is_said_in_a_room_waits_for_each_member(void **state)
{
	struct scene scene = begin();
	struct chatlog_entry entry = room_entry(CHATLOG_MESSAGE, 2, 3);

	(void)state;
	queue(&scene, 1, 1);
	take(&scene, entry);
	take(&scene, room_entry(CHATLOG_ROOM, 3, 2));
	queue(&scene, 4, 0);
	EXPECT_WAITING(&scene, 0, 2, 3, 4);
	EXPECT_WAITING(&scene, 1, 1, 2, 3);
	EXPECT_WAITING(&scene, 2, 2);
	assert_int_equal(outbox_count_messages(scene.outbox, NULL, NULL), 3);
	assert_int_equal(outbox_count_messages(scene.outbox, NULL, entry.room), 1);
	assert_int_equal(outbox_count_messages(scene.outbox, person(1), NULL), 2);
	assert_int_equal(outbox_count_messages(scene.outbox, person(7), NULL), 0);
	assert_int_equal(outbox_find(scene.outbox, id_of(1), person(1))->kind, OUTBOX_MESSAGE);
	assert_int_equal(outbox_find(scene.outbox, id_of(2), person(1))->kind, OUTBOX_SAYING);
	assert_int_equal(outbox_find(scene.outbox, id_of(3), person(1))->kind, OUTBOX_STATE);
	assert_null(outbox_find(scene.outbox, id_of(3), person(2)));
	/* Whoever is written to in rooms only has no name here. */
	assert_string_equal(outbox_find(scene.outbox, id_of(2), person(1))->recipient->username, "Bob 1");
	assert_string_equal(outbox_find(scene.outbox, id_of(2), person(2))->recipient->username, "");
	take(&scene, state_of(CHATLOG_DELIVERED, 2, 1));
	take(&scene, state_of(CHATLOG_DROPPED, 3, 0));
	take(&scene, state_of(CHATLOG_DROPPED, 2, 7));
	EXPECT_WAITING(&scene, 0, 2, 4);
	EXPECT_WAITING(&scene, 1, 1, 3);
	EXPECT_WAITING(&scene, 2, 2);
	/* The same line once more, and one that names somebody twice. */
	take(&scene, entry);
	EXPECT_WAITING(&scene, 1, 1, 3);
	entry = room_entry(CHATLOG_MESSAGE, 5, 2);
	memcpy(members[1], person(0), IDENTITY_BYTES);
	take(&scene, entry);
	EXPECT_WAITING(&scene, 0, 2, 4, 5);
	outbox_free(scene.outbox);
}

static void what_left_in_a_room_left_once_whoever_got_it(void **state)
{
	struct scene scene = begin();
	struct chatlog_entry entry = room_entry(CHATLOG_MESSAGE, 2, 3);

	(void)state;
	queue(&scene, 1, 1);
	take(&scene, entry);
	queue(&scene, 3, 1);
	assert_false(outbox_note_left(scene.outbox, id_of(9), NULL));
	assert_false(outbox_note_left(scene.outbox, id_of(2), person(7)));
	assert_false(outbox_find(scene.outbox, id_of(2), person(0))->left);
	assert_true(outbox_note_left(scene.outbox, id_of(2), person(1)));
	assert_false(outbox_note_left(scene.outbox, id_of(2), person(0)));
	assert_true(outbox_find(scene.outbox, id_of(2), person(0))->left);
	assert_false(outbox_find(scene.outbox, id_of(1), person(1))->left);
	assert_false(outbox_find(scene.outbox, id_of(3), person(1))->left);
	take(&scene, room_entry(CHATLOG_MESSAGE, 4, 2));
	entry = room_entry(CHATLOG_MESSAGE, 4, 0);
	entry.direction = CHATLOG_SENT;
	entry.to = NULL;
	take(&scene, entry);
	assert_true(outbox_find(scene.outbox, id_of(4), person(1))->left);
	outbox_free(scene.outbox);
}

static void what_says_nothing_of_a_message_that_waits_changes_nothing(void **state)
{
	static const char *const lines[] = {"", "{}", "torn", "{\"time\": \"", "[]", "\xff", "null"};
	struct scene scene = begin();
	struct chatlog_entry entry;

	(void)state;
	queue(&scene, 1, 0);
	queue(&scene, 2, 0);
	/* The same once more, also for somebody else. */
	queue(&scene, 1, 0);
	queue(&scene, 1, 1);
	/* Of one that does not wait; of another's; of nobody's. */
	take(&scene, state_of(CHATLOG_DELIVERED, 3, 0));
	take(&scene, state_of(CHATLOG_DELIVERED, 1, 1));
	entry = state_of(CHATLOG_DELIVERED, 1, 0);
	entry.has_identity = false;
	take(&scene, entry);
	take(&scene, state_of(CHATLOG_ACCEPTED, 1, 0));
	take(&scene, state_of(CHATLOG_REJECTED, 1, 0));
	take(&scene, entry_of(CHATLOG_SENT, 2, 1));
	take(&scene, entry_of(CHATLOG_SENT, 7, 0));
	take(&scene, entry_of(CHATLOG_RECEIVED, 2, 0));
	entry = entry_of(CHATLOG_SENT, 2, 0);
	entry.mode = CHATLOG_PLAIN;
	entry.has_id = entry.has_identity = false;
	take(&scene, entry);
	for (size_t i = 0; i < COUNT(lines); i++)
		take_line(&scene, lines[i], strlen(lines[i]));
	EXPECT_WAITING(&scene, 0, 1, 2);
	assert_false(outbox_find(scene.outbox, id_of(2), NULL)->left);
	assert_int_equal(outbox_total(scene.outbox), 2);
	outbox_free(scene.outbox);
}

static void a_file_that_is_another_or_was_cut_back_has_other_lines(void **state)
{
	struct scene scene = begin();
	int64_t offsets[5];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		offsets[i] = scene.end;
		queue(&scene, i, i % 2);
	}
	scene.end = offsets[3];
	queue(&scene, 9, 0);
	EXPECT_WAITING(&scene, 0, 0, 2, 9);
	EXPECT_WAITING(&scene, 1, 1);
	scene.end = 0;
	queue(&scene, 8, 1);
	EXPECT_WAITING(&scene, 1, 8);
	assert_int_equal(outbox_total(scene.outbox), 1);
	outbox_free(scene.outbox);
}

static void there_is_room_for_a_thousand_for_one_recipient(void **state)
{
	struct scene scene = begin();

	(void)state;
	for (unsigned i = 0; i < OUTBOX_EACH_MAX; i++) {
		assert_true(outbox_has_room(scene.outbox, person(0)));
		queue(&scene, i, 0);
	}
	assert_false(outbox_has_room(scene.outbox, person(0)));
	assert_true(outbox_has_room(scene.outbox, person(1)));
	take(&scene, state_of(CHATLOG_DELIVERED, 7, 0));
	assert_true(outbox_has_room(scene.outbox, person(0)));
	outbox_free(scene.outbox);
}

/* Whether there is something to say of how far back nothing waits. */
static bool is_due(const struct scene *scene, bool at_end)
{
	struct buffer batch = {0};
	bool is_due;

	assert_int_equal(outbox_settle(scene->outbox, at_end, NOW_MS, &batch), 0);
	is_due = batch.len > 0;
	buffer_free(&batch);
	return is_due;
}

static void a_line_says_how_far_back_nothing_waits_when_that_saves_something(void **state)
{
	char *line = support_repeat('x', 1000000);
	struct scene scene = begin();
	struct buffer batch = {0};
	struct chatlog_entry entry;
	int64_t first;

	(void)state;
	assert_false(is_due(&scene, true));
	take_line(&scene, line, OUTBOX_SETTLE_LAST_BYTES - 2);
	assert_false(is_due(&scene, true));
	take_line(&scene, line, 0);
	assert_true(is_due(&scene, true));
	for (int i = 0; i < 9; i++) {
		assert_false(is_due(&scene, false));
		take_line(&scene, line, 1000000);
	}
	first = scene.end;
	queue(&scene, 1, 0);
	take_line(&scene, line, 1000000);
	assert_true(is_due(&scene, false));
	assert_int_equal(outbox_settle(scene.outbox, false, NOW_MS, &batch), 0);
	assert_int_equal(chatlog_parse(batch.data, batch.len - 1, &entry), 0);
	assert_int_equal(entry.kind, CHATLOG_SETTLED);
	assert_true(entry.settled == first);
	chatlog_entry_free(&entry);
	take_line(&scene, batch.data, batch.len - 1);
	assert_false(is_due(&scene, false) || is_due(&scene, true));
	/* As long as that waits, nothing would be saved. */
	for (int i = 0; i < 10; i++)
		take_line(&scene, line, 1000000);
	assert_false(is_due(&scene, true));
	take(&scene, state_of(CHATLOG_DELIVERED, 1, 0));
	assert_true(is_due(&scene, false));
	/* What is said of lines that are still to come is wrong. */
	entry = (struct chatlog_entry){.kind = CHATLOG_SETTLED, .time_ms = NOW_MS};
	entry.settled = scene.end + 1;
	take(&scene, entry);
	assert_true(is_due(&scene, false));
	entry.settled = scene.end;
	take(&scene, entry);
	assert_false(is_due(&scene, true));
	buffer_free(&batch);
	free(line);
	outbox_free(scene.outbox);
}

static void append_entry(struct chatlog *log, struct chatlog_entry entry)
{
	struct buffer line = {0};

	assert_int_equal(chatlog_format(&line, &entry), 0);
	assert_int_equal(chatlog_append(log, line.data, line.len, 0), 0);
	buffer_free(&line);
}

/* Gives an outbox the lines of the file, as a program does at its start. */
static struct scene read_file(int dir, int expected)
{
	struct scene scene = begin();
	struct chatfollower *follower;
	int64_t offset = -1;
	const char *line;
	size_t len;
	int rc;

	assert_int_equal(outbox_begin(dir, &offset), expected);
	assert_int_equal(chatfollower_open(dir, offset, &follower), 0);
	while ((rc = chatfollower_next(follower, &line, &len, &offset)) == 0)
		assert_int_equal(outbox_take(scene.outbox, line, len, offset), 0);
	assert_int_equal(rc, ENODATA);
	chatfollower_free(follower);
	return scene;
}

static void a_start_reads_back_to_the_last_line_that_says_so(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
	struct chatlog_entry settled = {.kind = CHATLOG_SETTLED, .time_ms = NOW_MS}, entry;
	struct scene scene = read_file(dir, 0);
	int64_t offset;

	assert_int_equal(outbox_total(scene.outbox), 0);
	outbox_free(scene.outbox);
	append_entry(log, entry_of(CHATLOG_QUEUED, 1, 0));
	append_entry(log, entry_of(CHATLOG_QUEUED, 2, 0));
	offset = chatlog_appended(log);
	append_entry(log, entry_of(CHATLOG_RECEIVED, 3, 0));
	scene = read_file(dir, 0);
	EXPECT_WAITING(&scene, 0, 1, 2);
	/* The text is read from the file. */
	assert_int_equal(outbox_read(outbox_find(scene.outbox, id_of(2), NULL), dir, &entry), 0);
	assert_memory_equal(entry.text, "hello", 5);
	chatlog_entry_free(&entry);
	outbox_free(scene.outbox);
	/* What lies before it is not looked at, and of several the last counts. */
	append_entry(log, settled);
	settled.settled = offset;
	append_entry(log, settled);
	append_entry(log, entry_of(CHATLOG_QUEUED, 4, 0));
	settled.settled = INT64_MAX;
	append_entry(log, settled);
	scene = read_file(dir, 0);
	EXPECT_WAITING(&scene, 0, 2, 4);
	/* The file is another meanwhile. */
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	assert_int_equal(outbox_read(outbox_find(scene.outbox, id_of(4), NULL), dir, &entry), ENOENT);
	append_entry(log, entry_of(CHATLOG_QUEUED, 5, 0));
	append_entry(log, entry_of(CHATLOG_QUEUED, 6, 0));
	assert_int_equal(outbox_read(outbox_find(scene.outbox, id_of(2), NULL), dir, &entry), EBADMSG);
	outbox_free(scene.outbox);
	chatlog_free(log);
}

/* A line of that length, which takes no room on the disk and is passed over. */
static void append_hole(int dir, off_t len)
{
	int fd = openat(dir, NAME, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) + len - 1), 0);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
}

static void a_start_does_not_read_back_without_end(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
	struct scene scene;

	append_entry(log, entry_of(CHATLOG_QUEUED, 1, 0));
	for (int i = 0; i < 7; i++)
		append_hole(dir, OUTBOX_BEGIN_MAX_BYTES / 8);
	append_entry(log, entry_of(CHATLOG_QUEUED, 2, 0));
	scene = read_file(dir, 0);
	EXPECT_WAITING(&scene, 0, 1, 2);
	outbox_free(scene.outbox);
	append_hole(dir, OUTBOX_BEGIN_MAX_BYTES / 8);
	scene = read_file(dir, EFBIG);
	EXPECT_WAITING(&scene, 0, 2);
	outbox_free(scene.outbox);
	chatlog_free(log);
}

static void what_others_write_buries_nothing_that_waits(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
	struct chatlog_entry received = entry_of(CHATLOG_RECEIVED, 2, 1), settled = {.kind = CHATLOG_SETTLED};
	char *text = support_repeat('x', 48000);
	struct scene scene;

	received.text = text;
	received.text_len = strlen(text);
	append_entry(log, entry_of(CHATLOG_QUEUED, 1, 0));
	append_entry(log, entry_of(CHATLOG_QUEUED, 3, 0));
	settled.settled = chatlog_appended(log);
	for (int i = 0; i < OUTBOX_BEGIN_MAX_BYTES / 48000 + 10; i++)
		append_entry(log, received);
	scene = read_file(dir, 0);
	EXPECT_WAITING(&scene, 0, 1, 3);
	outbox_free(scene.outbox);
	append_entry(log, settled);
	scene = read_file(dir, 0);
	EXPECT_WAITING(&scene, 0, 3);
	outbox_free(scene.outbox);
	free(text);
	chatlog_free(log);
}

static void ten_thousand_messages_need_little_memory(void **state)
{
	size_t before = mallinfo2().uordblks;
	struct scene scene = begin();
	size_t after;

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		queue(&scene, i, i % 100);
	assert_int_equal(outbox_total(scene.outbox), 10000);
	after = mallinfo2().uordblks;
	/* Nothing is counted if the sanitizer brings its own allocator. */
	CHECK(after - before < 3 * 1024 * 1024, "%zu bytes", after - before);
	outbox_free(scene.outbox);
}

static void a_log_that_never_ends_fills_no_memory(void **state)
{
	struct scene scene = begin();
	size_t people = 0;

	(void)state;
	/* Everybody different, nothing settled, most more than once. */
	for (unsigned i = 0; i < OUTBOX_MAX + 1000; i++)
		queue(&scene, i - i % 8, i - i % 8);
	for (unsigned i = 0; i < OUTBOX_MAX; i++)
		queue(&scene, i, i);
	assert_int_equal(outbox_total(scene.outbox), OUTBOX_MAX);
	assert_false(outbox_has_room(scene.outbox, person(1)));
	for (const struct outbox_recipient *each = NULL; (each = outbox_recipient(scene.outbox, each)) != NULL;)
		people++;
	assert_int_equal(people, OUTBOX_MAX);
	/* All settled, in the same order, and each again. */
	for (unsigned i = 0; i < OUTBOX_MAX + 1000; i++)
		take(&scene, state_of(CHATLOG_DROPPED, i, i));
	assert_int_equal(outbox_total(scene.outbox), 0);
	assert_null(outbox_recipient(scene.outbox, NULL));
	for (unsigned i = 0; i < 10000; i++) {
		queue(&scene, i % 7, i % 3);
		take(&scene, state_of(CHATLOG_DELIVERED, i % 7, i % 3));
	}
	assert_int_equal(outbox_total(scene.outbox), 0);
	outbox_free(scene.outbox);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_queued_waits_in_order_until_it_is_delivered_or_dropped),
	    cmocka_unit_test(what_left_waits_for_the_receipt),
	    cmocka_unit_test(recipients_are_those_for_whom_something_waits),
	    cmocka_unit_test(what_is_queued_once_waits_for_its_own_process),
	    cmocka_unit_test(what_is_said_in_a_room_waits_for_each_member),
	    cmocka_unit_test(what_left_in_a_room_left_once_whoever_got_it),
	    cmocka_unit_test(what_says_nothing_of_a_message_that_waits_changes_nothing),
	    cmocka_unit_test(a_file_that_is_another_or_was_cut_back_has_other_lines),
	    cmocka_unit_test(there_is_room_for_a_thousand_for_one_recipient),
	    cmocka_unit_test(a_line_says_how_far_back_nothing_waits_when_that_saves_something),
	    cmocka_unit_test(ten_thousand_messages_need_little_memory),
	    cmocka_unit_test(a_log_that_never_ends_fills_no_memory),
	    workdir_test(a_start_reads_back_to_the_last_line_that_says_so),
	    workdir_test(a_start_does_not_read_back_without_end),
	    workdir_test(what_others_write_buries_nothing_that_waits),
	};

	support_begin();
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
