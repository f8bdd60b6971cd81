/* lookalike: names that a glance takes for each other, and names that it does not. */
#include "support.h"

#include "base/text.h"
#include "trust/lookalike.h"

/* Two names, written as people see them. What cannot be seen is spelled out. */
struct pair {
	const char *one, *other;
};

/* The skeleton of a name, in the last of the memory that it may take. */
static void skeleton_of(const char *name, char skeleton[static LOOKALIKE_BYTES])
{
	char *copy = support_copy(name, strlen(name) + 1);
	char *room = malloc(LOOKALIKE_BYTES);

	assert_non_null(room);
	lookalike_skeleton(copy, room);
	strcpy(skeleton, room);
	free(room);
	free(copy);
}

static bool are_alike(const char *one, const char *other)
{
	char left[LOOKALIKE_BYTES];
	char right[LOOKALIKE_BYTES];

	skeleton_of(one, left);
	skeleton_of(other, right);
	return strcmp(left, right) == 0;
}

/* Names all pairs of which it does not hold before the test fails. */
static void expect_pairs(const struct pair *pairs, size_t count, bool alike)
{
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		assert_true(strlen(pairs[i].one) <= USERNAME_MAX_BYTES && strlen(pairs[i].other) <= USERNAME_MAX_BYTES);
		if (are_alike(pairs[i].one, pairs[i].other) == alike)
			continue;
		print_error("%s and %s are%s alike\n", pairs[i].one, pairs[i].other, alike ? " not" : "");
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void case_does_not_count(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "Bob"},
	    {"Bob", "bob"},
	    {"Bob", "BOB"},
	    {"Ece", "eCE"},
	    {"Mallory", "MALLORY"},
	    {"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"},
	    {"Çağ", "ÇAĞ"},
	    {"ÀÉÎÕÜŸ", "àéîõüÿ"},
	    {"ÆŒØÅÐ", "æœøåđ"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void accents_do_not_count(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "Böb"},
	    {"Bob", "Bób"},
	    {"Bob", "Bộb"},
	    {"Bob", "Bøb"},
	    {"Bob", "Ḃoḃ"},
	    {"Bob", "ƀoƀ"},
	    {"Can", "Çan"},
	    {"Can", "Ĉăń"},
	    {"Can", "ȼąñ"},
	    {"Ece", "Ëçé"},
	    {"Ece", "Ęċẽ"},
	    {"Alice", "Åłïçë"},
	    {"ipek", "İpek"},
	    {"ipek", "ıpek"},
	    {"İpek", "ıpek"},
	    {"IPEK", "İPEK"},
	    {"gusoc", "ğüşöç"},
	    {"GUSOC", "ĞÜŞÖÇ"},
	    {"strasse", "straße"},
	    {"STRASSE", "STRAẞE"},
	    {"aeoe", "æœ"},
	    /* Accents that are characters of their own. */
	    {"Bob", "Bo\u0308b"},
	    {"Bob", "B\u0336o\u0336b\u0336"},
	    {"Can", "C\u0327an"},
	    {"Böb", "Bo\u0308b"},
	    {"İpek", "I\u0307pek"},
	    {"Bob", "Bob\u20dd"},
	    {"Bob", "Bo\u1ab0b"},
	    {"Bob", "Bo\u1dc4b"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void letters_of_other_scripts_are_like_english_ones(void **state)
{
	static const struct pair pairs[] = {
	    /* Cyrillic. */
	    {"Bob", "Воb"},
	    {"Bob", "Bоb"},
	    {"Can", "Саn"},
	    {"Can", "Cаn"},
	    {"Ece", "Есе"},
	    {"Ece", "Ёсё"},
	    {"Alice", "Аlісе"},
	    {"Alice", "Alіce"},
	    {"Mallory", "Маllоrу"},
	    {"hope", "һоре"},
	    {"joy", "јоу"},
	    {"six", "ѕіх"},
	    {"quiz", "ԛuіz"},
	    {"dew", "ԁеԝ"},
	    {"TAXI", "ТАХІ"},
	    {"HECK", "НЕСК"},
	    {"MOP", "МОР"},
	    /* Greek. */
	    {"Bob", "Βοb"},
	    {"Bob", "Bοb"},
	    {"Bob", "Bόb"},
	    {"Can", "Cαn"},
	    {"Ece", "Εce"},
	    {"Alice", "Αlice"},
	    {"Alice", "Alιce"},
	    {"TAXI", "ΤΑΧΙ"},
	    {"KIHNYZ", "ΚΙΗΝΥΖ"},
	    {"MOP", "ΜΟΡ"},
	    {"vu", "νυ"},
	    {"po", "ρσ"},
	    /* The two with each other. */
	    {"Воb", "Βοb"},
	    {"ТАХІ", "ΤΑΧΙ"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void a_lunate_sigma_is_like_a_c(void **state)
{
	static const struct pair pairs[] = {{"Can", "Ϲan"}, {"can", "ϲan"}, {"Ece", "Eϲe"}, {"Alice", "Aliϲe"}};
	static const struct pair others[] = {{"Oan", "Ϲan"}, {"oan", "ϲan"}};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
	expect_pairs(others, COUNT(others), false);
}

static void styled_letters_are_like_plain_ones(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "Ｂｏｂ"},
	    {"Alice 7", "Ａｌｉｃｅ　７"},
	    {"B0b", "Ｂ０ｂ"},
	    {"[Can]~", "［Ｃａｎ］～"},
	    {"Bob", "𝐁𝐨𝐛"},
	    {"Bob", "𝐵𝑜𝑏"},
	    {"Bob", "𝑩𝒐𝒃"},
	    {"Bob", "𝓑𝓸𝓫"},
	    {"Bob", "𝕭𝖔𝖇"},
	    {"Bob", "𝔅𝔬𝔟"},
	    {"Bob", "𝔹𝕠𝕓"},
	    {"Bob", "𝖡𝗈𝖻"},
	    {"Bob", "𝗕𝗼𝗯"},
	    {"Bob", "𝘉𝘰𝘣"},
	    {"Bob", "𝘽𝙤𝙗"},
	    {"Bob", "𝙱𝚘𝚋"},
	    {"Az", "𝐀𝐳"},
	    {"Az", "𝙰𝚣"},
	    {"Mallory", "𝐌𝐚𝐥𝐥𝐨𝐫𝐲"},
	    {"B0b", "B𝟎b"},
	    {"Can 9", "Can 𝟗"},
	    {"Can 0", "Can 𝟘"},
	    {"Can 1", "Can 𝟭"},
	    {"Can 9", "Can 𝟿"},
	    {"Bob", "Ⓑⓞⓑ"},
	    {"Mallory", "ⓂⓐⓛⓛⓞⓡⓎ"},
	    {"Bob", "ʙᴏʙ"},
	    {"Can", "ᴄᴀɴ"},
	    {"Mallory", "ᴍᴀʟʟᴏʀʏ"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

/* The mathematical alphabets have gaps, whose letters stand in an older block. */
static void styled_letters_of_the_older_block_are_like_plain_ones(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "ℬℴ𝒷"},
	    {"Ece", "ℰ𝒸ℯ"},
	    {"Alice", "𝒜ℓ𝒾𝒸ℯ"},
	    {"Can", "ℭ𝔞𝔫"},
	    {"Can", "ℂ𝕒𝕟"},
	    {"RIH", "ℜℑℌ"},
	    {"hi", "ℎ𝑖"},
	    /* Not only styled but the same: to Unicode these are K and Å. */
	    {"K", "\u212a"},
	    {"Å", "\u212b"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void numerals_and_ligatures_are_like_their_letters(void **state)
{
	static const struct pair pairs[] = {
	    {"Alice", "A\u217cice"},
	    {"Alice", "Al\u2170ce"},
	    {"Can", "\u216dan"},
	    {"can", "\u217dan"},
	    {"Mallory", "\u216fallory"},
	    {"off", "o\ufb00"},
	    {"fig", "\ufb01g"},
	    {"flu", "\ufb02u"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void shapes_are_alike(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "B0b"},
	    {"bob", "b0b"},
	    {"BOB", "B0B"},
	    {"Alice", "A1ice"},
	    {"Alice", "AIice"},
	    {"Alice", "A|ice"},
	    {"Alice", "Allce"},
	    {"Mallory", "Ma11ory"},
	    {"Mallory", "MaIIory"},
	    {"Mallory", "MaIl0ry"},
	    {"mallory", "rnallory"},
	    {"Mallory", "rnallory"},
	    {"mama", "rnarna"},
	    {"wow", "vvow"},
	    {"WOW", "VVOVV"},
	    {"wow", "vv0vv"},
	    {"III", "l1|"},
	    /* One after the other. */
	    {"Mallory", "RNA1L0RY"},
	    {"mallory", "гnаllоrу"},
	    {"mallory", "ｒｎａ１１０ｒｙ"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void what_cannot_be_seen_does_not_count(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "Bob\u200b"},
	    {"Bob", "\u200bBob"},
	    {"Bob", "B\u200bo\u200bb"},
	    {"Bob", "Bo\u200cb"},
	    {"Bob", "Bo\u200db"},
	    {"Bob", "Bob\u2060"},
	    {"Bob", "Bob\ufeff"},
	    {"Bob", "B\u00adob"},
	    {"Bob", "B\u034fob"},
	    {"Bob", "Bob\u061c"},
	    {"Bob", "\u202eBob\u202c"},
	    {"Bob", "\u2066Bob\u2069"},
	    {"Bob", "Bob\u200e"},
	    {"Bob", "Bob\ufe0f"},
	    {"Bob", "Bob\ufe00"},
	    {"Bob", "Bob\u3164"},
	    {"Bob", "Bob\u115f"},
	    {"Bob", "Bob\uffa0"},
	    {"Bob", "Bob\u2800"},
	    {"Bob", "Bob\u180e"},
	    {"Bob", "Bob\u17b4"},
	    {"Bob", "Bob\U000e0042"},
	    {"Bob", "Bob\U000e0100"},
	    {"Bob", "Bob\U0001d173"},
	    /* Gaps. */
	    {"Bob", "B o b"},
	    {"Bob", "Bob\u00a0"},
	    {"Bob", "B\u2003o\u2009b"},
	    {"Bob", "Bob\u3000"},
	    {"Bob", "Bob\u202f"},
	    {"Bob", "Bob\u205f"},
	    {"Bob", "Bob\u1680"},
	    {"Alice B", "AliceB"},
	    /* Nothing else at all. */
	    {"\u200b", "\u2060\u2060"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void other_names_are_not_alike(void **state)
{
	static const struct pair pairs[] = {
	    {"Bob", "Rob"},
	    {"Bob", "Bo"},
	    {"Bob", "Bobb"},
	    {"Bob", "boB2"},
	    {"Bob", "Bab"},
	    {"Bob", "dod"},
	    {"Ece", "Can"},
	    {"Ece", "Ecee"},
	    {"Ece", "Ege"},
	    {"Alice", "Bob"},
	    {"Alice", "Malice"},
	    {"Ali", "Al"},
	    {"Ali", "Alb"},
	    {"Can", "Cat"},
	    {"Can", "Cam"},
	    {"Can", "Cann"},
	    {"Mallory", "Malory"},
	    {"Mallory", "Mallor"},
	    {"Bob", "\u200b"},
	    {"Bob", "B.o.b"},
	    {"Bob", "Bob!"},
	    {"Bob", "B-ob"},
	    {"Bob 1", "Bob 2"},
	    {"7", "8"},
	    /* Scripts of which nothing is like English. */
	    {"小明", "小红"},
	    {"小明", "明小"},
	    {"そら", "さら"},
	    {"하늘", "하루"},
	    {"\u0633\u0644\u0627\u0645", "\u0643\u0644\u0627\u0645"},
	    {"😀", "😃"},
	    {"Bob", "小明"},
	    /* Or only some. */
	    {"Арт", "Арк"},
	    {"дом", "дым"},
	    {"λόγος", "τόκος"},
	    {"Bob", "Жоb"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), false);
}

/* How others wrote a name to pass for Bob, whose name is verified. */
static void names_made_to_look_like_another_are_caught(void **state)
{
	static const char *const bobs[] = {
	    /* Lisu, Cherokee, Armenian, Coptic, Old Italic, Canadian syllabics, Gothic, Runic, Deseret, Lycian. */
	    "ꓐꓳꓐ",
	    "ꓐob",
	    "ᏴᎾᏴ",
	    "Ᏼoᏼ",
	    "Ꮟoꮟ",
	    "Bօb",
	    "ҍօҍ",
	    "ⲂⲞⲂ",
	    "ⲃⲟⲃ",
	    "𐌁𐌏𐌁",
	    "ᗷᗝᗷ",
	    "ᗷOᗷ",
	    "ᑲoᑲ",
	    "𐌱𐍈𐌱",
	    "ᛒᛟᛒ",
	    "B𐐄B",
	    "𐊂𐊫𐊂",
	    /* Letters of emoji, of flags, in circles and squares. */
	    "🅱🅾🅱",
	    "🅱\ufe0f🅾\ufe0f🅱\ufe0f",
	    "🇧🇴🇧",
	    "🅑🅞🅑",
	    "🄱🄾🄱",
	    "B⭕b",
	    /* Digits of Bengali, Gurmukhi, Thai, Persian and the rest; a syllable, a character, a sign. */
	    "B০b",
	    "B੦b",
	    "๒๏๒",
	    "B๐b",
	    "B۵b",
	    "Bဝb",
	    "Bㅇb",
	    "乃ㄖ乃",
	    "B\u00bab",
	    "B0\ufe0f\u20e3b",
	    /* Greek, Cyrillic, phonetic, fullwidth, mathematical. */
	    "ΒΟΒ",
	    "вов",
	    "ЬоЬ",
	    "ƄоƄ",
	    "ʙᴏʙ",
	    "ɓøɓ",
	    "ＢＯＢ",
	    "𝕭𝕺𝕭",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bobs); i++)
		expect_pairs(&(struct pair){"Bob", bobs[i]}, 1, true);
}

static void scripts_that_nobody_writes_together_are_told(void **state)
{
	static const struct {
		const char *name;
		bool mixed;
	} cases[] = {
	    {"", false},
	    {"Bob", false},
	    {"Bob 7 😀 \u2764\ufe0f", false},
	    {"Çağla İpek", false},
	    {"Ёлка", false},
	    {"Λόγος 7", false},
	    {"小明 Bob", false},
	    {"Bobさん", false},
	    {"ボブ Bob", false},
	    {"하늘 Bob", false},
	    {"ㄅㄛ Bob", false},
	    {"\u0633\u0644\u0627\u0645", false},
	    {"Bo\u0308b", false},
	    {"ʙᴏʙ", false},
	    {"B\xff"
	     "ob",
		false},
	    {"Bоb", true},
	    {"Βob", true},
	    {"Bօb", true},
	    {"Ꮟob", true},
	    {"ꓐob", true},
	    {"Воb", true},
	    {"ⲃob", true},
	    {"ᑲob", true},
	    {"小оb", true},
	    {"Bob \u0645", true},
	    {"Bob \u0e04", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *name = support_copy(cases[i].name, strlen(cases[i].name) + 1);

		CHECK(lookalike_mixes_scripts(name) == cases[i].mixed, "%s", name);
		free(name);
	}
}

/* Composed or not, these are the same on every screen. */
static void two_spellings_of_one_letter_are_alike(void **state)
{
	static const struct pair pairs[] = {
	    {"\u0439", "\u0438\u0306"},
	    {"\u0419", "\u0418\u0306"},
	    {"\u0451", "\u0435\u0308"},
	    {"\u0457", "\u0456\u0308"},
	    {"\u04e3", "\u0438\u0304"},
	    {"\u03ce", "\u03c9\u0301"},
	    {"\u03ac", "\u03b1\u0301"},
	    {"\u03ad", "\u03b5\u0301"},
	    {"\u1f10", "\u03b5\u0313"},
	    {"\u1fbe", "\u03b9"},
	    {"\u2126", "\u03a9"},
	    {"\u00e9", "e\u0301"},
	    {"하늘", "\u1112\u1161\u1102\u1173\u11af"},
	    {"\u1ed9", "o\u0323\u0302"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

/* Also if the letters are like no English ones. */
static void case_does_not_count_in_other_scripts(void **state)
{
	static const struct pair pairs[] = {
	    {"мир", "МИР"},
	    {"Боб", "боб"},
	    {"λόγος", "ΛΌΓΟΣ"},
	    {"ώρα", "ΏΡΑ"},
	    {"Ћ", "ћ"},
	    {"ЗОЯ", "зоя"},
	    {"ԲԱՐԵՎ", "բարեվ"},
	};

	(void)state;
	expect_pairs(pairs, COUNT(pairs), true);
}

static void skeletons_are_as_they_are(void **state)
{
	static const struct {
		const char *name, *skeleton;
	} cases[] = {
	    {"", ""},
	    {" ", ""},
	    {"Bob", "bob"},
	    {"Mallory", "rnaiiory"},
	    {"WWW", "vvvvvv"},
	    {"İ1|lLI", "iiiiii"},
	    {"Çağ 0", "cago"},
	    {"Æß", "aess"},
	    {"小 明", "小明"},
	    {"<U+200B>", "<u+2oob>"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char skeleton[LOOKALIKE_BYTES];

		skeleton_of(cases[i].name, skeleton);
		assert_string_equal(skeleton, cases[i].skeleton);
	}
}

static void bytes_that_are_not_utf8_do_not_count(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		char name[32] = "B";
		char skeleton[LOOKALIKE_BYTES];

		memcpy(name + 1, support_bad_utf8[i].bytes, support_bad_utf8[i].len);
		name[1 + support_bad_utf8[i].len] = '\0';
		/* The one that is cut short by what follows it has an ASCII character in it. */
		if (strpbrk(name + 1, "(") != NULL)
			continue;
		strcat(name, "ob");
		skeleton_of(name, skeleton);
		CHECK(strcmp(skeleton, "bob") == 0, "%s: %s", support_bad_utf8[i].why, skeleton);
		/* At the very end, where a decoder may read on. */
		name[1 + support_bad_utf8[i].len] = '\0';
		skeleton_of(name, skeleton);
		CHECK(strcmp(skeleton, "b") == 0, "%s: %s", support_bad_utf8[i].why, skeleton);
	}
}

static void the_longest_names_have_room(void **state)
{
	static const char *const letters[] = {
	    "m", "W", "м", "ω", "Ѡ", "ß", "æ", "ĳ", "œ", "ｍ", "Ｗ", "𝐦", "𝐖", "小", "😀", "B", "\u200b", "\xff"};

	(void)state;
	for (size_t i = 0; i < COUNT(letters); i++) {
		char name[USERNAME_MAX_BYTES + 1] = "";
		char skeleton[LOOKALIKE_BYTES];
		char last[LOOKALIKE_BYTES];
		size_t count = USERNAME_MAX_BYTES / strlen(letters[i]);

		for (size_t j = 0; j < count; j++)
			strcat(name, letters[i]);
		skeleton_of(letters[i], last);
		skeleton_of(name, skeleton);
		/* Nothing of it is cut off. */
		CHECK(strlen(skeleton) == count * strlen(last), "%s: %s", letters[i], skeleton);
	}
}

/* Whatever the name is, its skeleton is text, fits, and is its own skeleton: alike is alike in all directions. */
static void a_skeleton_is_its_own_skeleton(void **state)
{
	uint64_t seed = 17;

	(void)state;
	for (uint32_t code_point = 1; code_point <= 0x1ffff; code_point++) {
		char name[5] = "";
		char skeleton[LOOKALIKE_BYTES];
		char again[LOOKALIKE_BYTES];

		if (code_point >= 0xd800 && code_point <= 0xdfff)
			continue;
		support_encode(code_point, name);
		lookalike_skeleton(name, skeleton);
		CHECK(text_is_utf8(skeleton, strlen(skeleton)) && strlen(skeleton) < LOOKALIKE_BYTES, "U+%04X",
		    code_point);
		CHECK(skeleton[0] == '\0' || !text_is_blank(code_point), "U+%04X", code_point);
		lookalike_skeleton(skeleton, again);
		CHECK(strcmp(skeleton, again) == 0, "U+%04X", code_point);
	}
	for (int i = 0; i < 20000; i++) {
		char name[USERNAME_MAX_BYTES + 1];
		char skeleton[LOOKALIKE_BYTES];
		size_t len = support_random(&seed) % sizeof(name);

		for (size_t at = 0; at < len; at++)
			name[at] = (char)(1 + support_random(&seed) % 255);
		name[len] = '\0';
		skeleton_of(name, skeleton);
		assert_true(strlen(skeleton) < LOOKALIKE_BYTES);
		assert_true(text_is_utf8(skeleton, strlen(skeleton)));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(case_does_not_count),
	    cmocka_unit_test(accents_do_not_count),
	    cmocka_unit_test(letters_of_other_scripts_are_like_english_ones),
	    cmocka_unit_test(a_lunate_sigma_is_like_a_c),
	    cmocka_unit_test(styled_letters_are_like_plain_ones),
	    cmocka_unit_test(styled_letters_of_the_older_block_are_like_plain_ones),
	    cmocka_unit_test(numerals_and_ligatures_are_like_their_letters),
	    cmocka_unit_test(shapes_are_alike),
	    cmocka_unit_test(what_cannot_be_seen_does_not_count),
	    cmocka_unit_test(other_names_are_not_alike),
	    cmocka_unit_test(names_made_to_look_like_another_are_caught),
	    cmocka_unit_test(scripts_that_nobody_writes_together_are_told),
	    cmocka_unit_test(two_spellings_of_one_letter_are_alike),
	    cmocka_unit_test(case_does_not_count_in_other_scripts),
	    cmocka_unit_test(skeletons_are_as_they_are),
	    cmocka_unit_test(bytes_that_are_not_utf8_do_not_count),
	    cmocka_unit_test(the_longest_names_have_room),
	    cmocka_unit_test(a_skeleton_is_its_own_skeleton),
	};

	support_begin();
	return cmocka_run_group_tests_name("lookalike", tests, NULL, NULL);
}
