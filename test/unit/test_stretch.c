/* stretch: what a password becomes. */
#include "support.h"

#include <sodium.h>

#include "crypto/stretch.h"

static void a_key_is_of_password_and_salt(void **state)
{
	static const uint8_t salt[STRETCH_SALT_BYTES] = {0xfa, 0x96, 0x8a, 0x37}, other[STRETCH_SALT_BYTES] = {0xfa};
	uint8_t one[STRETCH_KEY_BYTES], again[STRETCH_KEY_BYTES];

	(void)state;
	assert_int_equal(stretch(BYTES("cheese"), salt, one), 0);
	assert_int_equal(stretch(BYTES("cheese"), salt, again), 0);
	assert_memory_equal(one, again, sizeof(one));
	assert_int_equal(stretch(BYTES("Cheese"), salt, again), 0);
	assert_memory_not_equal(one, again, sizeof(one));
	assert_int_equal(stretch(BYTES("cheese"), other, again), 0);
	assert_memory_not_equal(one, again, sizeof(one));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_is_of_password_and_salt),
	};

	support_begin();
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("stretch", tests, NULL, NULL);
}
