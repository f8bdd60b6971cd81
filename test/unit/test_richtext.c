/* richtext: what a text wants to look like. */
#include "support.h"

#include <time.h>

#include "term/richtext.h"

/* Writes the pieces of a line as <styles:text>, those without a style as they are. */
static void describe(const char *line, size_t len, char *out, size_t out_size)
{
	static const char letters[] = "biCml";
	char *copy = support_copy(line, len);
	struct richtext rich;
	struct richtext_piece piece;
	size_t used = 0, total = 0;

	richtext_begin(&rich, copy, len);
	while (richtext_next(&rich, &piece)) {
		char styles[8] = "";

		assert_int_not_equal(piece.len, 0);
		assert_ptr_equal(piece.text, copy + total);
		total += piece.len;
		for (size_t i = 0; i < strlen(letters); i++) {
			if (piece.styles & 1u << i)
				strncat(styles, &letters[i], 1);
		}
		used += (size_t)snprintf(out + used, out_size - used, piece.styles ? "<%s:%.*s>" : "%s%.*s", styles,
		    (int)piece.len, piece.text);
		assert_true(used < out_size);
	}
	assert_int_equal(total, len);
	out[used] = '\0';
	free(copy);
}

static void expect(const char *line, const char *expected)
{
	char found[1000];

	describe(line, strlen(line), found, sizeof(found));
	CHECK(strcmp(found, expected) == 0, "%s and not %s", found, expected);
}

static void marks_count_at_word_borders_and_in_pairs(void **state)
{
	static const struct {
		const char *line, *pieces;
	} cases[] = {
	    {"", ""},
	    {"hello", "hello"},
	    {"*bold*", "<bm:*><b:bold><bm:*>"},
	    {"a _b c_, d", "a <im:_><i:b c><im:_>, d"},
	    {"(`x`)", "(<Cm:`><C:x><Cm:`>)"},
	    {"*a _b_ c*", "<bm:*><b:a ><bim:_><bi:b><bim:_><b: c><bm:*>"},
	    {"*a* *b*", "<bm:*><b:a><bm:*> <bm:*><b:b><bm:*>"},
	    {"_snake_case_", "<im:_><i:snake_case><im:_>"},
	    /* What stands within code is code. */
	    {"`a *b* _c_ http://x.org`", "<Cm:`><C:a *b* _c_ http://x.org><Cm:`>"},
	    /* And these are no marks. */
	    {"2 * 3 * 4", "2 * 3 * 4"},
	    {"2*3*4", "2*3*4"},
	    {"snake_case_name", "snake_case_name"},
	    {"**bold**", "**bold**"},
	    {"* item", "* item"},
	    {"*open", "*open"},
	    {"closed*", "closed*"},
	    {"*a *", "*a *"},
	    {"**", "**"},
	    {"*", "*"},
	    {"__init__", "__init__"},
	    {"\xc3\xa9*x*", "\xc3\xa9*x*"},
	    {"*x*\xc3\xa9", "*x*\xc3\xa9"},
	    /* One that would end after the one around it does not begin. */
	    {"*a _b* c_", "<bm:*><b:a _b><bm:*> c_"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect(cases[i].line, cases[i].pieces);
}

static void links_lead_where_they_say(void **state)
{
	static const struct {
		const char *line, *pieces;
	} cases[] = {
	    {"http://x.org", "<l:http://x.org>"},
	    {"see https://x.org/a_b_c?d=*e*#f.", "see <l:https://x.org/a_b_c?d=*e*#f>."},
	    {"(http://x.org/a)", "(<l:http://x.org/a>)"},
	    {"http://x.org/a_(b)", "<l:http://x.org/a_(b)>"},
	    {"\"http://x.org:8080/\"!", "\"<l:http://x.org:8080/>\"!"},
	    {"http://x.org, http://y.org; and", "<l:http://x.org>, <l:http://y.org>; and"},
	    {"*http://x.org*", "<bm:*><bl:http://x.org><bm:*>"},
	    {"http://localhost:80", "<l:http://localhost:80>"},
	    {"_http://x.org/a_b_", "<im:_><il:http://x.org/a_b><im:_>"},
	    /* No links. */
	    {"http://", "http://"},
	    {"http:///x", "http:///x"},
	    {"ahttp://x.org", "ahttp://x.org"},
	    {"ftp://x.org", "ftp://x.org"},
	    {"javascript:alert(1)", "javascript:alert(1)"},
	    {"file:///etc/passwd", "file:///etc/passwd"},
	    {"http://b\xc3\xbc.org", "http://b\xc3\xbc.org"},
	    {"http://x.org/b\xc3\xbc", "http://x.org/b\xc3\xbc"},
	    {"http://bank.org@x.org/", "http://bank.org@x.org/"},
	    {"http://bank.org:1@x.org/", "http://bank.org:1@x.org/"},
	    {"http://bank.org%2f@x.org/", "http://bank.org%2f@x.org/"},
	    {"http://[::1]/", "http://[::1]/"},
	    /* Nothing that a terminal obeys is in one. */
	    {"http://x.org/\033]8;;http://y.org", "<l:http://x.org/>\033]8;;<l:http://y.org>"},
	    {"http://x.org/\a;", "<l:http://x.org/>\a;"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		expect(cases[i].line, cases[i].pieces);
}

static void the_host_is_what_is_connected_to(void **state)
{
	static const char *const cases[][2] = {
	    {"https://x.org/a", "x.org"},
	    {"http://x.org:80/@y.org", "x.org:80"},
	    {"http://a-b.x.org?c", "a-b.x.org"},
	};
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *host = richtext_host(cases[i][0], strlen(cases[i][0]), &len);

		assert_int_equal(len, strlen(cases[i][1]));
		assert_memory_equal(host, cases[i][1], len);
	}
}

/* Marks and beginnings of links that come to nothing cost no more than other text. */
static void hostile_text_costs_no_more_than_other(void **state)
{
	static const char *const units[] = {
	    "*a ", "*_`a ", "_a *", "http://", "http://a@", "*a _b* ", "`", "*a* _b_ `c` "};
	enum { LEN = 65536 };
	char *line = malloc(LEN), *shown = malloc(16 * LEN);

	(void)state;
	for (size_t i = 0; i < COUNT(units); i++) {
		for (size_t k = 0; k < LEN; k++)
			line[k] = units[i][k % strlen(units[i])];
		describe(line, LEN, shown, 16 * LEN);
	}
	free(line);
	free(shown);
}

static void links_are_for_terminals_that_are_known_to_take_them(void **state)
{
	static const struct {
		const char *term, *program, *version, *tmux, *vte;
		bool work;
	} cases[] = {
	    {"xterm-256color", NULL, NULL, NULL, "7006", true},
	    {"xterm-256color", "WezTerm", "2024", NULL, NULL, true},
	    {"foot", NULL, NULL, NULL, NULL, true},
	    {"tmux-256color", "tmux", "3.4", "/tmp/tmux-0/default,1,0", NULL, true},
	    {"tmux-256color", "tmux", "3.10", "x", NULL, true},
	    {"screen-256color", "tmux", "4.0a", "x", NULL, true},
	    {"tmux-256color", "tmux", "3.3a", "x", NULL, false},
	    {"tmux-256color", "tmux", NULL, "x", NULL, false},
	    {"tmux-256color", "tmux", "next", "x", "7006", false},
	    /* What the environment says of the terminal outside. */
	    {"tmux-256color", NULL, NULL, "x", "7006", false},
	    {"screen", "iTerm.app", "3.4", NULL, NULL, false},
	    /* In doubt none. */
	    {"xterm", NULL, NULL, NULL, NULL, false},
	    {"xterm", NULL, NULL, NULL, "3400", false},
	    {"linux", NULL, NULL, NULL, NULL, false},
	    {NULL, NULL, NULL, NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(richtext_links_work(cases[i].term, cases[i].program, cases[i].version, cases[i].tmux,
				     cases[i].vte),
		    cases[i].work);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(marks_count_at_word_borders_and_in_pairs),
	    cmocka_unit_test(links_lead_where_they_say),
	    cmocka_unit_test(the_host_is_what_is_connected_to),
	    cmocka_unit_test(hostile_text_costs_no_more_than_other),
	    cmocka_unit_test(links_are_for_terminals_that_are_known_to_take_them),
	};

	support_begin();
	return cmocka_run_group_tests_name("richtext", tests, NULL, NULL);
}
