/* wordlist: what could stand in place of the word before the cursor. */
#include "support.h"

#include "term/wordlist.h"

static void a_word_is_there_once_and_only_if_it_can_be_shown(void **state)
{
	static const char *const added[] = {"Bob", "Bob", "B\033[31mob", "Bo\xff", "Bo\u00eb"};
	struct wordlist words = {0};
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(added); i++)
		wordlist_add(&words, added[i]);
	assert_int_equal(words.count, 2);
	assert_string_equal(words.list[0], "Bob");
	assert_string_equal(words.list[1], "Bo\u00eb");
	for (int i = 0; i < 2 * WORDLIST_MAX; i++) {
		snprintf(name, sizeof(name), "Can%d", i);
		wordlist_add(&words, name);
	}
	assert_int_equal(words.count, WORDLIST_MAX);
	wordlist_free(&words);
	assert_int_equal(words.count, 0);
}

static void what_words_have_in_common_ends_with_a_whole_character(void **state)
{
	struct wordlist words = {0};

	(void)state;
	wordlist_add(&words, "Ece\u00e7");
	assert_int_equal(wordlist_common_bytes(&words), 5);
	/* The first byte of the last character is the same. */
	wordlist_add(&words, "Ece\u00eb");
	assert_int_equal(wordlist_common_bytes(&words), 3);
	wordlist_add(&words, "Alice");
	assert_int_equal(wordlist_common_bytes(&words), 0);
	wordlist_free(&words);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_word_is_there_once_and_only_if_it_can_be_shown),
	    cmocka_unit_test(what_words_have_in_common_ends_with_a_whole_character),
	};

	support_begin();
	return cmocka_run_group_tests_name("wordlist", tests, NULL, NULL);
}
