/* passphrase: which ones will do. */
#include "support.h"

#include "initiator/passphrase.h"
#include "term/secret.h"

static void the_rules_of_a_passphrase(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *fault; /* NULL: it will do */
	} rows[] = {
	    {BYTES("12345"), NULL},
	    {BYTES("1234"), "5 characters"},
	    {BYTES(""), "5 characters"},
	    {BYTES("ağaç7"), NULL},
	    {BYTES("ağaç"), "5 characters"},
	    {BYTES("çççç"), "5 characters"},
	    {BYTES("two words"), NULL},
	    {BYTES("     "), NULL},
	    {BYTES("12345\x1b[A"), "control"},
	    {BYTES("12\t345"), "control"},
	    {BYTES("12345\0"), "control"},
	    {BYTES("12345\xff"), "UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *copy = support_copy(rows[i].text, rows[i].len);
		const char *fault = passphrase_fault(copy, rows[i].len);

		CHECK(!fault == !rows[i].fault && (!fault || strstr(fault, rows[i].fault)), "row %zu: %s", i, fault);
		free(copy);
	}
}

static void the_longest_passphrase_is_one_that_can_be_read(void **state)
{
	char *text = support_repeat('x', SECRET_MAX_BYTES + 1);

	(void)state;
	assert_null(passphrase_fault(text, SECRET_MAX_BYTES));
	assert_non_null(passphrase_fault(text, SECRET_MAX_BYTES + 1));
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_rules_of_a_passphrase),
	    cmocka_unit_test(the_longest_passphrase_is_one_that_can_be_read),
	};

	support_begin();
	return cmocka_run_group_tests_name("passphrase", tests, NULL, NULL);
}
