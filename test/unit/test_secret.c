/* secret: a line that is read for its user alone. */
#include "support.h"

#include "base/stop.h"
#include "term/secret.h"

/* What secret_receive() makes of an input; what is left of it stays in the pipe *rest. */
static int receive(const char *bytes, size_t len, struct secret *secret, int *rest)
{
	int ends[2], rc;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], bytes, len), (ssize_t)len);
	close(ends[1]);
	rc = secret_receive(ends[0], secret);
	if (rest)
		*rest = ends[0];
	else
		close(ends[0]);
	return rc;
}

static void a_line_is_read_without_its_end(void **state)
{
	static const struct {
		const char *input;
		size_t input_len;
		const char *text;
		size_t len;
	} rows[] = {
	    {BYTES("correct horse\n"), BYTES("correct horse")},
	    {BYTES("correct horse\r\n"), BYTES("correct horse")},
	    {BYTES("correct horse"), BYTES("correct horse")},
	    {BYTES("  two  \n"), BYTES("  two  ")},
	    {BYTES("a\0b\n"), BYTES("a\0b")},
	    {BYTES("\n"), BYTES("")},
	    {BYTES("\n\n"), BYTES("")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct secret secret;

		assert_int_equal(receive(rows[i].input, rows[i].input_len, &secret, NULL), 0);
		assert_int_equal(secret.len, rows[i].len);
		assert_memory_equal(secret.text, rows[i].text, rows[i].len);
	}
}

static void not_a_byte_behind_the_line_is_taken(void **state)
{
	struct secret secret;
	char left[16];
	int rest;

	(void)state;
	assert_int_equal(receive(BYTES("correct horse\nUsers\n"), &secret, &rest), 0);
	assert_int_equal(read(rest, left, sizeof(left)), 6);
	assert_memory_equal(left, "Users\n", 6);
	close(rest);
}

static void an_empty_input_is_no_line(void **state)
{
	struct secret secret;

	(void)state;
	assert_int_equal(receive("", 0, &secret, NULL), ENODATA);
	assert_int_equal(secret.len, 0);
}

static void a_line_over_the_limit_is_refused_and_nothing_of_it_kept(void **state)
{
	char *text = support_repeat('x', SECRET_MAX_BYTES + 2);

	(void)state;
	text[SECRET_MAX_BYTES] = '\n';
	for (size_t more = 0; more < 2; more++) {
		struct secret secret, empty = {0};

		assert_int_equal(receive(text, SECRET_MAX_BYTES + 1 + more, &secret, NULL), more ? EMSGSIZE : 0);
		if (more)
			assert_memory_equal(&secret, &empty, sizeof(secret));
		text[SECRET_MAX_BYTES] = 'x';
		text[SECRET_MAX_BYTES + 1] = '\n';
	}
	free(text);
}

static void nothing_stays_after_wiping(void **state)
{
	struct secret secret, empty = {0};

	(void)state;
	assert_int_equal(receive(BYTES("correct horse\n"), &secret, NULL), 0);
	secret_wipe(&secret);
	assert_memory_equal(&secret, &empty, sizeof(secret));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_read_without_its_end),
	    cmocka_unit_test(not_a_byte_behind_the_line_is_taken),
	    cmocka_unit_test(an_empty_input_is_no_line),
	    cmocka_unit_test(a_line_over_the_limit_is_refused_and_nothing_of_it_kept),
	    cmocka_unit_test(nothing_stays_after_wiping),
	};

	support_begin();
	stop_install();
	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
