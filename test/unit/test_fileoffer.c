/* fileoffer, filesource, fileask: what is offered, where it lies, and how it is asked for. */
#include "support.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/jsontext.h"
#include "file/fileask.h"
#include "file/fileoffer.h"
#include "file/filesource.h"

static json_t *parse(const char *text)
{
	json_t *object = jsontext_parse(text, strlen(text), NULL);

	assert_non_null(object);
	return object;
}

static bool read_offer(const char *text, struct fileoffer *offer)
{
	json_t *object = parse(text);
	bool is_one = fileoffer_of_json(object, offer);

	json_decref(object);
	return is_one;
}

static void offers_are_read_as_they_are_written(void **state)
{
	struct fileoffer offer = {.name = "plan \xc3\xbc.pdf", .bytes = INT64_MAX, .has_hash = true}, read;
	json_t *object = fileoffer_to_json(&offer);

	(void)state;
	assert_true(fileoffer_of_json(object, &read));
	json_decref(object);
	assert_string_equal(read.name, offer.name);
	assert_int_equal(read.bytes, INT64_MAX);
	assert_true(read.has_hash);
	assert_true(read_offer("{\"name\": \"a\", \"bytes\": 0, \"more\": 1}", &read));
	assert_false(read.has_hash);
}

static void offers_of_another_form_are_none(void **state)
{
	static const char *const wrong[] = {
	    "{}",
	    "{\"name\": \"a\"}",
	    "{\"bytes\": 1}",
	    "{\"name\": 1, \"bytes\": 1}",
	    "{\"name\": \"a\", \"bytes\": -1}",
	    "{\"name\": \"a\", \"bytes\": 1.0}",
	    "{\"name\": \"a\", \"bytes\": \"1\"}",
	    "{\"name\": \"a\", \"bytes\": 1, \"hash\": \"\"}",
	    "{\"name\": \"a\", \"bytes\": 1, \"hash\": null}",
	};
	struct fileoffer read;
	char text[400];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(read_offer(wrong[i], &read));
	/* Whose name is too long is none of a wrong form, and has no name that could be used. */
	snprintf(text, sizeof(text), "{\"name\": \"%0*d\", \"bytes\": 1}", FILENAME_MAX_BYTES, 0);
	assert_true(read_offer(text, &read));
	assert_int_equal(strlen(read.name), FILENAME_MAX_BYTES);
	snprintf(text, sizeof(text), "{\"name\": \"%0*d\", \"bytes\": 1}", FILENAME_MAX_BYTES + 1, 0);
	assert_true(read_offer(text, &read));
	assert_string_equal(read.name, "");
}

static void sizes_are_for_people(void **state)
{
	static const struct {
		int64_t bytes;
		const char *text;
	} sizes[] = {
	    {0, "0 bytes"},
	    {1, "1 byte"},
	    {812, "812 bytes"},
	    {999, "999 bytes"},
	    {1000, "1.0 kB"},
	    {2100000, "2.1 MB"},
	    {9940000, "9.9 MB"},
	    {9960000, "10 MB"},
	    {10400000, "10 MB"},
	    {999499999, "999 MB"},
	    {999500000, "1.0 GB"},
	    {INT64_C(1) << 40, "1.1 TB"},
	    {INT64_MAX, "9.2 EB"},
	};
	char text[FILEOFFER_SIZE_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_string_equal(fileoffer_format_size(sizes[i].bytes, text), sizes[i].text);
}

static void asks_are_read_as_they_are_written(void **state)
{
	const struct fileask asks[] = {
	    {.id = {1}},
	    {.id = {2}, .from = INT64_C(1) << 40, .has_prefix = true, .prefix = {3}},
	    {.id = {4}, .is_done = true},
	};
	struct fileask read;

	(void)state;
	for (size_t i = 0; i < COUNT(asks); i++) {
		json_t *object = fileask_format(&asks[i]);

		assert_true(fileask_is(object));
		assert_int_equal(fileask_parse(object, &read), 0);
		json_decref(object);
		assert_memory_equal(read.id, asks[i].id, sizeof(read.id));
		assert_int_equal(read.from, asks[i].from);
		assert_int_equal(read.has_prefix, asks[i].has_prefix);
		assert_int_equal(read.is_done, asks[i].is_done);
		assert_memory_equal(read.prefix, asks[i].prefix, sizeof(read.prefix));
	}
}

#define ID "AAAAAAAAAAAAAAAAAAAAAA=="

static void asks_of_another_form_are_refused(void **state)
{
	static const char *const wrong[] = {
	    "{\"ask\": \"file\"}",
	    "{\"ask\": \"file\", \"file\": \"AAAA\"}",
	    "{\"ask\": \"states\", \"file\": \"" ID "\"}",
	    "{\"ask\": \"file\", \"file\": \"" ID "\", \"from\": -1}",
	    "{\"ask\": \"file\", \"file\": \"" ID "\", \"from\": \"1\"}",
	    "{\"ask\": \"file\", \"file\": \"" ID "\", \"from\": 1}",
	    "{\"ask\": \"file\", \"file\": \"" ID "\", \"from\": 1, \"prefix\": \"AAAA\"}",
	    "{\"ask\": \"file\", \"file\": \"" ID "\", \"done\": false}",
	};
	struct fileask read;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		json_t *object = parse(wrong[i]);

		assert_int_equal(fileask_parse(object, &read), EPROTO);
		json_decref(object);
	}
}

static void answers_say_what_comes(void **state)
{
	const struct fileask_answer answer = {.bytes = INT64_MAX, .from = 7};
	json_t *object = fileask_format_answer(&answer);
	struct fileask_answer read;

	(void)state;
	assert_int_equal(fileask_parse_answer(object, &read), 0);
	json_decref(object);
	assert_int_equal(read.bytes, INT64_MAX);
	assert_int_equal(read.from, 7);
	object = parse("{\"bytes\": 6, \"from\": 7}");
	assert_int_equal(fileask_parse_answer(object, &read), EPROTO);
	json_decref(object);
	object = parse("{\"bytes\": 6}");
	assert_int_equal(fileask_parse_answer(object, &read), EPROTO);
	json_decref(object);
}

static void a_source_that_changes_at_once_is_noticed(void **state)
{
	struct filestamp stamp;
	int dir = workdir_fd(state), fd, again;

	assert_int_equal(fchdir(dir), 0);
	for (int i = 0; i < 20; i++) {
		file_put(dir, "plan", BYTES("hello"));
		assert_int_equal(filesource_open("plan", &fd, &stamp), 0);
		assert_int_equal(stamp.bytes, 5);
		assert_int_equal(filesource_check(fd, &stamp), 0);
		/* Of the same length, in the same file, in the same tick. */
		file_put(dir, "plan", BYTES("jello"));
		assert_int_equal(filesource_check(fd, &stamp), ESTALE);
		close(fd);
	}
	assert_int_equal(filesource_open("plan", &fd, &stamp), 0);
	file_put(dir, "other", BYTES("jello"));
	assert_int_equal(rename("other", "plan"), 0);
	assert_int_equal(filesource_open("plan", &again, NULL), 0);
	assert_int_equal(filesource_check(again, &stamp), ESTALE);
	close(fd);
	close(again);
}

static void only_regular_files_are_sources(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int bound = socket(AF_UNIX, SOCK_STREAM, 0), fd = -2;
	struct filestamp stamp;

	assert_int_equal(fchdir(workdir_fd(state)), 0);
	assert_int_equal(mkdir("directory", 0700), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(bind(bound, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(symlink("nowhere", "link"), 0);
	assert_int_equal(filesource_open("directory", &fd, &stamp), EISDIR);
	assert_int_equal(filesource_open("fifo", &fd, &stamp), ENODEV);
	assert_int_equal(filesource_open("/dev/null", &fd, NULL), ENODEV);
	assert_int_equal(filesource_open("socket", &fd, &stamp), ENXIO);
	assert_int_equal(filesource_open("link", &fd, &stamp), ENOENT);
	assert_int_equal(fd, -2);
	assert_string_equal(filesource_reason(ENXIO), filesource_reason(ENODEV));
	assert_string_equal(filesource_reason(EISDIR), "Is a directory");
	close(bound);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offers_are_read_as_they_are_written),
	    cmocka_unit_test(offers_of_another_form_are_none),
	    cmocka_unit_test(sizes_are_for_people),
	    cmocka_unit_test(asks_are_read_as_they_are_written),
	    cmocka_unit_test(asks_of_another_form_are_refused),
	    cmocka_unit_test(answers_say_what_comes),
	    workdir_test(a_source_that_changes_at_once_is_noticed),
	    workdir_test(only_regular_files_are_sources),
	};

	support_begin();
	return cmocka_run_group_tests_name("fileoffer", tests, NULL, NULL);
}
