/* cpace: the test vectors of draft-irtf-cfrg-cpace, and what must not come together. */
#include "support.h"

#include "crypto/cpace.h"
#include "crypto/stretch.h"
#include "randomness.h"
#include "vectors.h"

/* "Test vector for CPace using group ristretto255 and hash SHA-512". */
#define SECRET "Password"
#define CONTEXT                                                                                                        \
	"\x0b"                                                                                                         \
	"A_initiator"                                                                                                  \
	"\x0b"                                                                                                         \
	"B_responder"
#define SESSION "\x7e\x4b\x47\x91\xd6\xa8\xef\x01\x9b\x93\x6c\x79\xfb\x7f\x2c\x57"
#define YA_SCALAR "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08"
#define YA "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157"
#define YB_SCALAR "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"
#define YB "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258"
#define ISK                                                                                                            \
	"b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd"                                             \
	"2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447"

static const struct cpace_inputs drafts = {
    .secret = {BYTES(SECRET)},
    .context = {BYTES(CONTEXT)},
    .session = {BYTES(SESSION)},
    .of_initiator = {BYTES("ADa")},
    .of_responder = {BYTES("ADb")},
};

static void expect_hex(const uint8_t *bytes, const char *hex)
{
	uint8_t expected[64];

	support_unhex(hex, expected, strlen(hex) / 2);
	assert_memory_equal(bytes, expected, strlen(hex) / 2);
}

static void shares_and_key_are_those_of_the_draft(void **state)
{
	struct cpace a, b;

	(void)state;
	randomness_choose();
	randomness_supply(YA_SCALAR);
	randomness_supply(YB_SCALAR);
	cpace_begin(&a, true, &drafts);
	cpace_begin(&b, false, &drafts);
	expect_hex(a.share, YA);
	expect_hex(b.share, YB);
	/* Nothing is one before there was a share. */
	assert_false(cpace_check(&b, (const uint8_t[CPACE_CONFIRMATION_BYTES]){0}));
	assert_int_equal(cpace_take(&a, &drafts, b.share), 0);
	assert_int_equal(cpace_take(&b, &drafts, a.share), 0);
	expect_hex(a.key, ISK);
	expect_hex(b.key, ISK);
	assert_true(cpace_check(&a, b.confirmation));
	assert_true(cpace_check(&b, a.confirmation));
	/* One's own, sent back. */
	assert_false(cpace_check(&a, a.confirmation));
}

static void a_password_is_proven_as_in_the_vectors(void **state)
{
	uint8_t room[STRETCH_SALT_BYTES], lock[STRETCH_KEY_BYTES], context[sizeof(room) + 4 * 32];
	const struct cpace_inputs inputs = {.secret = {lock, sizeof(lock)}, .context = {context, sizeof(context)}};
	struct cpace a, b;

	(void)state;
	support_unhex(VECTOR_JOIN_ROOM, room, sizeof(room));
	support_unhex(VECTOR_JOIN_ROOM VECTOR_SA_PUBLIC VECTOR_SB_PUBLIC VECTOR_A_PUBLIC VECTOR_B_PUBLIC, context,
	    sizeof(context));
	assert_int_equal(stretch(BYTES(VECTOR_JOIN_PASSWORD), room, lock), 0);
	expect_hex(lock, VECTOR_JOIN_LOCK);
	randomness_choose();
	randomness_supply(VECTOR_JOIN_YA_SCALAR);
	randomness_supply(VECTOR_JOIN_YB_SCALAR);
	cpace_begin(&a, true, &inputs);
	cpace_begin(&b, false, &inputs);
	expect_hex(a.share, VECTOR_JOIN_YA);
	expect_hex(b.share, VECTOR_JOIN_YB);
	assert_int_equal(cpace_take(&a, &inputs, b.share), 0);
	assert_int_equal(cpace_take(&b, &inputs, a.share), 0);
	expect_hex(a.confirmation, VECTOR_JOIN_TA);
	expect_hex(b.confirmation, VECTOR_JOIN_TB);
	assert_true(cpace_check(&a, b.confirmation));
	assert_true(cpace_check(&b, a.confirmation));
}

/* Whether two with these inputs come together, with no surprise on one side only. */
static bool agree(const struct cpace_inputs *one, const struct cpace_inputs *other)
{
	struct cpace a, b;
	bool first;

	cpace_begin(&a, true, one);
	cpace_begin(&b, false, other);
	assert_int_equal(cpace_take(&a, one, b.share), 0);
	assert_int_equal(cpace_take(&b, other, a.share), 0);
	first = cpace_check(&a, b.confirmation);
	assert_int_equal(cpace_check(&b, a.confirmation), first);
	return first;
}

static void who_has_something_else_is_not_confirmed(void **state)
{
	static const char lock[] = "0123456789abcdef0123456789abcdef";
	const struct cpace_inputs inputs = {.secret = {lock, 32}, .context = {BYTES("room and session")}};
	struct cpace_inputs other = inputs;

	(void)state;
	assert_true(agree(&inputs, &inputs));
	/* Where one ends and the next begins makes a difference, too. */
	other.secret.len--;
	assert_false(agree(&inputs, &other));
	other = inputs;
	other.context = (struct cpace_bytes){BYTES("room and another")};
	assert_false(agree(&inputs, &other));
	other = inputs;
	other.session = (struct cpace_bytes){BYTES("s")};
	assert_false(agree(&inputs, &other));
	other = inputs;
	other.of_initiator = (struct cpace_bytes){BYTES("a")};
	assert_false(agree(&inputs, &other));
}

static void secrets_of_every_length_are_proven(void **state)
{
	char *secret = support_repeat('s', 300);

	(void)state;
	for (size_t len = 0; len <= 300; len++) {
		struct cpace_inputs inputs = {.secret = {secret, len}, .context = {secret, 300 - len}};

		assert_true(agree(&inputs, &inputs));
	}
	free(secret);
}

static void what_is_no_share_is_refused(void **state)
{
	static const char *const cases[] = {
	    /* The neutral element; then what RFC 9496 (A.3) has of what is none, and what is not reduced. */
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t share[CPACE_SHARE_BYTES];
		struct cpace cpace;

		support_unhex(cases[i], share, sizeof(share));
		cpace_begin(&cpace, i % 2 == 0, &drafts);
		CHECK(cpace_take(&cpace, &drafts, share) == EPROTO, "taken: %s", cases[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(shares_and_key_are_those_of_the_draft, randomness_restore),
	    cmocka_unit_test_teardown(a_password_is_proven_as_in_the_vectors, randomness_restore),
	    cmocka_unit_test(who_has_something_else_is_not_confirmed),
	    cmocka_unit_test(secrets_of_every_length_are_proven),
	    cmocka_unit_test(what_is_no_share_is_refused),
	};

	support_begin();
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("cpace", tests, NULL, NULL);
}
