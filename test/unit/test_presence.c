/* presence: who is here, in few words. */
#include "cast.h"
#include "discovery/presence.h"

static void expect(const struct heard *heard, const char *own, int64_t own_since_s, const char *expected)
{
	struct pins *pins = cast_pins((const struct known[]){{0}});
	struct peers *peers = cast_peers(pins, heard);
	char text[PRESENCE_BYTES];

	presence_describe(peers, own, own_since_s, NOW_MS, text);
	CHECK(strcmp(text, expected) == 0, "\"%s\" and not \"%s\"", text, expected);
	peers_free(peers);
	pins_free(pins);
}

static void who_is_online_is_named_by_the_alphabet(void **state)
{
	(void)state;
	expect((const struct heard[]){{0}}, NULL, 0, "");
	expect((const struct heard[]){{1, "Ece", 'e', 1, false}, {2, "Can", 0, 60, false}, {3, "Bob", 'b', 1, true},
		   {4, "alice", 0, 2, false}, {0}},
	    NULL, 0, "2 online: alice, Ece");
}

static void those_who_do_not_fit_are_a_number(void **state)
{
	static const struct heard six[] = {{1, "F", 0, 1, false}, {2, "E", 0, 1, false}, {3, "D", 0, 1, false},
	    {4, "C", 0, 1, false}, {5, "B", 0, 1, false}, {6, "A", 0, 1, false}, {0}};
	char longest[USERNAME_MAX_BYTES + 1] = {0};

	(void)state;
	expect(six, NULL, 0, "6 online: A, B, C, D +2");
	memset(longest, 'x', USERNAME_MAX_BYTES);
	expect((const struct heard[]){{1, longest, 0, 1, false}, {2, longest, 0, 1, false}, {0}}, NULL, 0, "2 online");
	expect((const struct heard[]){{1, longest, 0, 1, false}, {2, "Bob", 0, 1, false}, {0}}, NULL, 0,
	    "2 online: Bob +1");
}

static void the_user_is_not_counted(void **state)
{
	(void)state;
	expect((const struct heard[]){{1, "Ece", 0, 1, false}, {2, "Bob", 0, 1, false}, {0}}, "Ece", 5,
	    "1 online: Bob");
	/* Another one of that name is. */
	expect((const struct heard[]){{1, "Ece", 'e', 1, false}, {0}}, "Ece", 5, "1 online: Ece");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_online_is_named_by_the_alphabet),
	    cmocka_unit_test(those_who_do_not_fit_are_a_number),
	    cmocka_unit_test(the_user_is_not_counted),
	};

	support_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
