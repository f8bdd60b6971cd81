#include "term/richtext.h"

#include <stdlib.h>
#include <string.h>

static const char marks[RICHTEXT_MARKS] = {'*', '_', '`'};
static const enum richtext_style styles[RICHTEXT_MARKS] = {RICHTEXT_BOLD, RICHTEXT_ITALIC, RICHTEXT_CODE};
static const char *const schemes[] = {"https://", "http://"};

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* What is not ASCII counts as a letter: whoever writes it loses a style, and nothing else. */
static bool is_word(char c)
{
	return is_alphanumeric(c) || (unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static char before(const struct richtext *rich, const char *at)
{
	return at > rich->line ? at[-1] : ' ';
}

static char after(const struct richtext *rich, const char *at)
{
	return at + 1 < rich->end ? at[1] : ' ';
}

/* The first mark at or behind from that can end a style; the end of the line if there is none. */
static const char *find_closer(struct richtext *rich, size_t mark, const char *from)
{
	const char *at = rich->closers[mark];

	if (at && at >= from)
		return at;
	for (at = from; at < rich->end; at++) {
		if (*at == marks[mark] && !is_space(before(rich, at)) && !is_word(after(rich, at)))
			break;
	}
	rich->closers[mark] = at < rich->end ? at : rich->end;
	return rich->closers[mark];
}

/* Where the innermost style that has begun ends, or the line. */
static const char *limit_of(const struct richtext *rich)
{
	const char *limit = rich->end;

	for (size_t mark = 0; mark < RICHTEXT_MARKS; mark++) {
		if (rich->active & styles[mark] && rich->ends[mark] < limit)
			limit = rich->ends[mark];
	}
	return limit;
}

/* Whether a style begins or ends at a mark; then it does. */
static bool turn(struct richtext *rich, const char *at)
{
	const char *found = memchr(marks, *at, RICHTEXT_MARKS), *closer;
	size_t mark = found ? (size_t)(found - marks) : 0;

	if (!found)
		return false;
	if (rich->active & styles[mark] && rich->ends[mark] == at) {
		rich->active &= ~(unsigned)styles[mark];
		return true;
	}
	/* Nothing is marked within code; and what begins within another style ends there. */
	if (rich->active & (RICHTEXT_CODE | styles[mark]) || is_word(before(rich, at)) || before(rich, at) == *at ||
	    is_space(after(rich, at)) || after(rich, at) == *at)
		return false;
	closer = find_closer(rich, mark, at + 2);
	if (closer >= limit_of(rich))
		return false;
	rich->active |= styles[mark];
	rich->ends[mark] = closer;
	return true;
}

static const char *skip_host(const char *at, const char *end)
{
	while (at < end && (is_alphanumeric(*at) || *at == '-' || *at == '.'))
		at++;
	if (at < end && *at == ':') {
		for (at++; at < end && *at >= '0' && *at <= '9';)
			at++;
	}
	return at;
}

/* The length of the link that begins at a place, or 0. */
static size_t link_at(const struct richtext *rich, const char *at)
{
	const char *limit = limit_of(rich), *end = at, *host = NULL;

	if (*at != 'h' || is_word(before(rich, at)))
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !host; i++) {
		size_t len = strlen(schemes[i]);

		if ((size_t)(limit - at) > len && memcmp(at, schemes[i], len) == 0)
			host = at + len;
	}
	if (!host || !is_alphanumeric(*host))
		return 0;
	while (end<limit && * end> ' ' && *end < '\177' && !strchr("\"<>\\^`{|}", *end)) {
		if (++end - at > RICHTEXT_LINK_MAX_BYTES)
			return 0;
	}
	/* A host of other letters, or a name before an @, would be taken for another. */
	host = skip_host(host, end);
	if ((end < rich->end && (unsigned char)*end >= 0x80) || (host < end && !strchr("/?#.,;!')]*_", *host)))
		return 0;
	while (strchr(".,:;!?')]*_", end[-1]) && !(end[-1] == ')' && memchr(at, '(', (size_t)(end - at))))
		end--;
	return (size_t)(end - at);
}

void richtext_begin(struct richtext *rich, const char *line, size_t len)
{
	*rich = (struct richtext){.line = line, .at = line, .end = line + len};
}

bool richtext_next(struct richtext *rich, struct richtext_piece *piece)
{
	const char *begin = rich->at;
	unsigned active = rich->active;
	size_t link_len = 0;

	if (begin == rich->end)
		return false;
	while (rich->at < rich->end && link_len == 0 && !turn(rich, rich->at)) {
		if (!(active & RICHTEXT_CODE))
			link_len = link_at(rich, rich->at);
		if (link_len == 0)
			rich->at++;
	}
	*piece = (struct richtext_piece){.text = begin, .styles = active};
	if (rich->at > begin) {
		/* What ends it is the next piece, and looked at again. */
		piece->len = (size_t)(rich->at - begin);
		rich->active = active;
	} else if (link_len > 0) {
		piece->len = link_len;
		piece->styles |= RICHTEXT_LINK;
		rich->at += link_len;
	} else {
		piece->len = 1;
		piece->styles |= rich->active | RICHTEXT_MARK;
		rich->at++;
	}
	return true;
}

const char *richtext_host(const char *link, size_t link_len, size_t *len)
{
	const char *host = (const char *)memchr(link, ':', link_len) + strlen("://");

	*len = (size_t)(skip_host(host, link + link_len) - host);
	return host;
}

bool richtext_links_work(const char *term, const char *term_program, const char *version, const char *tmux,
    const char *vte_version)
{
	static const char *const programs[] = {"iTerm.app", "WezTerm", "vscode", "ghostty", "rio"};
	static const char *const terminals[] = {"xterm-kitty", "foot", "alacritty", "xterm-ghostty", "wezterm"};
	char *minor = NULL;
	long major = version ? strtol(version, &minor, 10) : 0;

	if (term_program && strcmp(term_program, "tmux") == 0)
		return major > 3 || (major == 3 && *minor == '.' && strtol(minor + 1, NULL, 10) >= 4);
	/* Within another program, what the terminal can do says nothing. */
	if (tmux || !term || strncmp(term, "screen", strlen("screen")) == 0 ||
	    strncmp(term, "tmux", strlen("tmux")) == 0)
		return false;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (term_program && strcmp(term_program, programs[i]) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(terminals) / sizeof(terminals[0]); i++) {
		if (strncmp(term, terminals[i], strlen(terminals[i])) == 0)
			return true;
	}
	/* From that version on the terminals of GNOME, Xfce and others take them. */
	return vte_version && strtol(vte_version, NULL, 10) >= 5000;
}
