/* roomview: how rooms are called, and who has what was said there. */
#include "support.h"

#include <sodium.h>

#include "base/base64.h"
#include "term/roomview.h"

/* The id of a room: its number, and zeros. */
static const uint8_t *id_of(unsigned number)
{
	static uint8_t id[ROOM_ID_BYTES];

	memset(id, 0, sizeof(id));
	memcpy(id, &number, sizeof(number));
	return id;
}

static void put_record(struct buffer *text, unsigned number, const char *members)
{
	char id[PEERSCONTENT_ROOM_LEN + 1];

	sodium_bin2base64(id, sizeof(id), id_of(number), ROOM_ID_BYTES, BASE64_VARIANT);
	buffer_put(text, "{\"room\": \"%s\", %s}\n", id, members);
}

/* A state of a room as a line of the log, which is not verified again. */
static struct chatlog_entry state_of(unsigned number, const char *text)
{
	struct chatlog_entry entry = {
	    .kind = CHATLOG_ROOM, .has_room = true, .signed_text = {.text = text, .len = strlen(text)}};

	memcpy(entry.room, id_of(number), sizeof(entry.room));
	return entry;
}

static void expect_name(const struct roomview *view, unsigned number, const char *expected)
{
	struct console console = {.outlet = {.fd = -1}};
	char label[ROOMVIEW_LABEL_BYTES];

	roomview_put_name(view, &console, CONSOLE_NORMAL, id_of(number));
	assert_int_equal(buffer_append(&console.text, "", 1), 0);
	assert_string_equal(console.text.data, expected);
	roomview_format_name(view, id_of(number), label);
	/* The same without what is put around a name. */
	CHECK(strchr(expected, '"') || strcmp(label, expected) == 0, "%s", label);
	buffer_free(&console.text);
}

/* Reads a peers.txt of that text. */
static void refresh(struct roomview *view, struct peersfile *file, int dir, struct buffer *text)
{
	file_put(dir, PEERSFILE_NAME, text->data, text->len);
	assert_int_equal(peersfile_read(file), 0);
	roomview_refresh(view, file);
	buffer_free(text);
}

static void rooms_are_called_as_their_records_or_states_say(void **state)
{
	struct peersfile *file = peersfile_new(workdir_fd(state));
	struct roomview view = {0};
	struct buffer text = {0};
	struct chatlog_entry entry;

	assert_non_null(file);
	put_record(&text, 1, "\"name\": \"lab\", \"muted\": true");
	put_record(&text, 2,
	    "\"name\": \"L\xc3\xa4"
	    "b\", \"held\": true");
	put_record(&text, 3, "\"name\": \"a b\"");
	put_record(&text, 4, "\"name\": \"a\\u001bb\"");
	put_record(&text, 5, "\"name\": \"123456789012345678901234567890123\"");
	put_record(&text, 6, "\"name\": 6");
	refresh(&view, file, workdir_fd(state), &text);
	expect_name(&view, 1, "#lab [AQAAAAAA]");
	expect_name(&view, 2,
	    "#L\xc3\xa4"
	    "b [AgAAAAAA]");
	expect_name(&view, 3, "#\"a b\"");
	/* What is no name is none. */
	for (unsigned number = 4; number <= 6; number++)
		assert_null(roomview_find(&view, id_of(number)));
	expect_name(&view, 4, "#BAAAAAAA");
	assert_true(roomview_find(&view, id_of(1))->is_muted && roomview_find(&view, id_of(2))->is_held);
	/* Of a room that has no record a state says it; it stays when the records are read anew, and they count more. */
	entry = state_of(7, "{\"name\": \"cellar\"}");
	roomview_take(&view, &entry);
	entry = state_of(1, "{\"name\": \"attic\"}");
	roomview_take(&view, &entry);
	entry = state_of(8, "no state");
	roomview_take(&view, &entry);
	expect_name(&view, 7, "#cellar");
	expect_name(&view, 8, "#CAAAAAAA");
	put_record(&text, 2, "\"name\": \"kitchen\"");
	refresh(&view, file, workdir_fd(state), &text);
	expect_name(&view, 1, "#lab");
	expect_name(&view, 2, "#kitchen");
	expect_name(&view, 7, "#cellar");
	assert_false(roomview_find(&view, id_of(1))->is_stored || roomview_find(&view, id_of(1))->is_muted);
	peersfile_free(file);
}

static void no_more_rooms_are_known_than_there_is_place_for(void **state)
{
	struct peersfile *file = peersfile_new(workdir_fd(state));
	struct roomview view = {0};
	struct buffer text = {0};

	assert_non_null(file);
	for (unsigned number = 0; number < 1000; number++) {
		struct chatlog_entry entry = state_of(number, "{\"name\": \"lab\"}");

		roomview_take(&view, &entry);
		/* The latest is known. */
		assert_non_null(roomview_find(&view, id_of(number)));
		assert_true(view.count <= ROOMVIEW_MAX);
	}
	put_record(&text, 5000, "\"name\": \"attic\"");
	refresh(&view, file, workdir_fd(state), &text);
	expect_name(&view, 5000, "#attic");
	assert_int_equal(view.count, ROOMVIEW_MAX);
	peersfile_free(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(rooms_are_called_as_their_records_or_states_say, workdir_make,
		workdir_remove),
	    cmocka_unit_test_setup_teardown(no_more_rooms_are_known_than_there_is_place_for, workdir_make,
		workdir_remove),
	};

	support_begin();
	return cmocka_run_group_tests_name("roomview", tests, NULL, NULL);
}
