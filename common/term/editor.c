#include "term/editor.h"

#ifdef QUARTET_LIBEDIT

#include <dlfcn.h>
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <unistr.h>

#include "base/text.h"

/* What is used of libedit, and where it is once that is loaded. */
#define EACH_FUNCTION(DO)                                                                                              \
	DO(el_beep)                                                                                                    \
	DO(el_cursor)                                                                                                  \
	DO(el_deletestr)                                                                                               \
	DO(el_end)                                                                                                     \
	DO(el_get)                                                                                                     \
	DO(el_init_fd)                                                                                                 \
	DO(el_resize)                                                                                                  \
	DO(el_wget)                                                                                                    \
	DO(el_wgets)                                                                                                   \
	DO(el_winsertstr)                                                                                              \
	DO(el_wline)                                                                                                   \
	DO(el_wset)                                                                                                    \
	DO(history_w)                                                                                                  \
	DO(history_wend)                                                                                               \
	DO(history_winit)
#define DECLARE(name) __typeof__(name) *name;
#define FIND(name) found &= (libedit.name = dlsym(library, #name)) != NULL;

static struct {
	EACH_FUNCTION(DECLARE)
} libedit;

/* Lines that a history has. */
#define HISTORY_LINES 100

/* A key that nobody has (a C1 control character), for what is not typed: there is something to show. */
#define WAKE 0x80
#define CTRL_C 0x03
#define CTRL_E 0x05
#define CTRL_V 0x16
#define CTRL_Z 0x1a
#define ESCAPE 0x1b

#define BRACKETS_ON "\033[?2004h"
#define BRACKETS_OFF "\033[?2004l"
#define PASTE_END "\033[201~"
#define CLEAR_BELOW "\033[J"

/* A byte that is not UTF-8, or is NUL, among wide characters: half of a surrogate, which text has not. */
#define RAW_BYTE 0xdc00

struct editor {
	EditLine *el;
	FILE *out;	      /* libedit's, which ends in the console's outlet */
	FILE *silence;	      /* for its complaints about terminals that it does not know */
	struct termios usual; /* how the terminal was before */
	struct lineinput *input;
	struct console *console;
	editor_complete *complete;
	void *context;
	HistoryW *histories[2]; /* of commands and of messages */
	/* Of the line that is read: */
	HistoryW *history; /* or NULL */
	char *const *status;
	wchar_t *shown; /* of it, in a row above the question; or NULL */
	wchar_t *question;
	wchar_t *draft;	      /* what was typed before going back in the history */
	int back;	      /* how many lines */
	const wchar_t *ahead; /* keys that come before those that are typed */
	struct buffer paste;  /* several lines: the whole line instead of libedit's, or what follows that */
	bool is_whole;	      /* the former */
	size_t typed_bytes;   /* of that, before the paste */
	bool pasted, too_long, emptied, stopped;
	bool in_sequence;	/* the last key wants another */
	bool has_news, resized; /* the line is to be shown anew */
	bool at_home;		/* the line is hidden, and the cursor where it began */
	bool is_ending;		/* what stands above it does not stay */
	struct buffer line;
};

/* The one whose terminal is raw. */
static struct editor *reading;
static volatile sig_atomic_t resize_noticed;

static void on_resize(int number)
{
	(void)number;
	resize_noticed = 1;
}

size_t editor_typed_bytes(const struct editor *editor)
{
	return editor->typed_bytes;
}

bool editor_is_resized(void)
{
	if (!resize_noticed || !reading)
		return false;
	resize_noticed = 0;
	return reading->resized = true;
}

const char *editor_feature(void)
{
	return "with line editing (libedit)";
}

/* Returns whether libedit is there. */
static bool load_libedit(void)
{
	/* As Debian calls it, and others. */
	void *library = dlopen("libedit.so.2", RTLD_NOW);
	bool found = true;

	if (!library)
		library = dlopen("libedit.so.0", RTLD_NOW);
	if (!library)
		return false;
	EACH_FUNCTION(FIND)
	return found;
}

/* Wide characters and UTF-8, without loss whatever the bytes are. */

/* Returns NULL if out of memory; to be freed. */
static wchar_t *widen(const char *text, size_t len)
{
	wchar_t *wide = malloc((len + 1) * sizeof(*wide)), *next = wide;

	for (const char *at = text; wide && at < text + len;) {
		unsigned char byte = (unsigned char)*at;
		uint32_t code_point = text_next(&at, text + len);

		*next++ = code_point == UINT32_MAX || code_point == 0 ? RAW_BYTE + byte : (wchar_t)code_point;
	}
	if (wide)
		*next = L'\0';
	return wide;
}

/* Appends what widen() was given. Returns false if out of memory. */
static bool append_narrow(struct buffer *text, const wchar_t *wide, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t bytes[4];
		int count = u8_uctomb(bytes, (ucs4_t)wide[i], sizeof(bytes));

		if (count < 0) {
			bytes[0] = (uint8_t)(wide[i] & 0xff);
			count = 1;
		}
		if (buffer_append(text, bytes, (size_t)count) != 0)
			return false;
	}
	return true;
}

static struct editor *editor_of(EditLine *el)
{
	void *editor = NULL;

	libedit.el_wget(el, EL_CLIENTDATA, &editor);
	return editor;
}

/* What libedit writes goes the way of everything else, which can be ended while a terminal takes nothing. */
static ssize_t put_out(void *context, const char *bytes, size_t len)
{
	struct console *console = context;

	if (outlet_takes(&console->outlet, len) && buffer_append(&console->outlet.backlog, bytes, len) != 0)
		console->outlet.lost = true;
	outlet_flush(&console->outlet);
	return (ssize_t)len;
}

static void put_now(struct editor *editor, const char *bytes)
{
	put_out(editor->console, bytes, strlen(bytes));
}

/* Adds to *row and *column, on a terminal of so many columns, what stands between two places. */
static void advance(const wchar_t *at, const wchar_t *end, unsigned columns, unsigned *row, unsigned *column)
{
	for (; at < end; at++) {
		int width = wcwidth(*at);

		*column += width < 0 ? 2 : (unsigned)width;
		if (*at == L'\n' || *column >= columns) {
			++*row;
			*column = 0;
		}
	}
}

static bool has_status(const struct editor *editor)
{
	return *editor->status && **editor->status != '\0';
}

/* Draws the status where the line begins, which then begins below. */
static void put_status(struct editor *editor)
{
	free(editor->shown);
	editor->shown =
	    has_status(editor) && !editor->is_ending ? widen(*editor->status, strlen(*editor->status)) : NULL;
	if (!editor->shown)
		return;
	put_now(editor, *editor->status);
	put_now(editor, "\r\n");
}

/* Goes back to where the status begins that was drawn. */
static void go_above(struct editor *editor)
{
	unsigned rows = 1, column = 0;
	struct winsize size;
	char up[32];

	if (!editor->shown)
		return;
	if (ioctl(editor->input->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		advance(editor->shown, editor->shown + wcslen(editor->shown), size.ws_col, &rows, &column);
	snprintf(up, sizeof(up), "\r\033[%uA", rows);
	put_now(editor, up);
}

/* For libedit: the question. If the line is hidden, what was collected comes first. */
static wchar_t *get_question(EditLine *el)
{
	struct editor *editor = editor_of(el);

	if (editor->at_home) {
		editor->at_home = false;
		fflush(editor->out);
		go_above(editor);
		put_now(editor, CLEAR_BELOW);
		console_flush(editor->console);
		put_status(editor);
	}
	return editor->question;
}

/* The key WAKE: shows what has come, and fits the line to the terminal. */
static unsigned char show_news(EditLine *el, int key)
{
	struct editor *editor = editor_of(el);
	const LineInfoW *info = libedit.el_wline(el);
	struct winsize size;
	char up[32];

	(void)key;
	editor->has_news = false;
	if (!editor->resized) {
		editor->at_home = true;
		return CC_REDISPLAY;
	}
	editor->resized = false;
	if (ioctl(editor->input->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
		unsigned rows = 0, column = 0;

		/* Terminals break the rows anew, so the line begins somewhere else than libedit thinks. */
		advance(editor->question, editor->question + wcslen(editor->question), size.ws_col, &rows, &column);
		advance(info->buffer, info->cursor, size.ws_col, &rows, &column);
		snprintf(up, sizeof(up), rows > 0 ? "\r\033[%uA" : "\r", rows);
		put_now(editor, up);
		libedit.el_resize(el);
	}
	editor->at_home = true;
	libedit.el_wset(el, EL_REFRESH);
	return CC_NORM;
}

/* Pastes. */

/* How many characters the line has. */
static size_t line_chars(EditLine *el)
{
	const LineInfoW *info = libedit.el_wline(el);

	return (size_t)(info->lastchar - info->buffer);
}

static int fill(struct editor *editor)
{
	int rc = lineinput_fill(editor->input);

	if (rc == EINTR)
		editor->stopped = true;
	return rc;
}

/* Takes what is pending up to the end of the paste; what is longer than any line is dropped. */
static bool take_bracketed(struct editor *editor)
{
	struct buffer *pending = &editor->input->pending;
	size_t mark = strlen(PASTE_END);

	for (;;) {
		const char *end = pending->len > 0 ? memmem(pending->data, pending->len, PASTE_END, mark) : NULL;
		/* What may be the beginning of the mark stays. */
		size_t len = end ? (size_t)(end - pending->data) : pending->len < mark ? 0 : pending->len - mark + 1;
		size_t before;
		int rc;

		if (editor->paste.len + len > LINEINPUT_MAX_BYTES ||
		    (len > 0 && buffer_append(&editor->paste, pending->data, len) != 0))
			editor->too_long = true;
		buffer_consume(pending, len + (end ? mark : 0));
		if (end)
			return true;
		before = pending->len;
		rc = fill(editor);
		if (rc == EINTR || rc == ENODATA)
			return false;
		editor->has_news |= rc == EAGAIN;
		/* The mark may never come. */
		if (rc == 0 && pending->len == before + 1 && pending->data[before] == CTRL_C)
			return false;
	}
}

/* Puts text into the line, as far as there is room. */
static void insert(struct editor *editor, const char *text, size_t len)
{
	wchar_t *wide = widen(text, len);

	if (!wide || wcslen(wide) + line_chars(editor->el) > LINEINPUT_MAX_BYTES)
		editor->too_long = true;
	else
		libedit.el_winsertstr(editor->el, wide);
	free(wide);
}

/* The key that begins a paste. */
static unsigned char take_paste(EditLine *el, int key)
{
	struct editor *editor = editor_of(el);
	const LineInfoW *info = libedit.el_wline(el);
	struct buffer whole = {0};
	bool taken;

	(void)key;
	editor->in_sequence = false;
	buffer_wipe(&editor->paste);
	if (!take_bracketed(editor) || !lineinput_settle(&editor->paste)) {
		if (editor->paste.len > 0)
			insert(editor, editor->paste.data, editor->paste.len);
		buffer_wipe(&editor->paste);
		return CC_REFRESH;
	}
	taken = append_narrow(&whole, info->buffer, (size_t)(info->cursor - info->buffer));
	editor->typed_bytes = whole.len;
	if (taken && buffer_append(&whole, editor->paste.data, editor->paste.len) == 0 &&
	    append_narrow(&whole, info->cursor, (size_t)(info->lastchar - info->cursor))) {
		buffer_wipe(&editor->paste);
		editor->paste = whole;
		editor->pasted = editor->is_whole = true;
	} else {
		buffer_wipe(&whole);
		editor->too_long = true;
	}
	editor->ahead = L"\n";
	return CC_NORM;
}

/* Keys. */

/* The end of a line is typed: takes what arrived together with it, which without brackets is all that tells a paste. */
static void take_rest(struct editor *editor)
{
	struct lineinput *input = editor->input;

	lineinput_gather(input);
	if (input->pending.len == 0)
		return;
	buffer_wipe(&editor->paste);
	if (buffer_append(&editor->paste, "\n", 1) != 0 ||
	    buffer_append(&editor->paste, input->pending.data, input->pending.len) != 0)
		editor->too_long = true;
	buffer_consume(&input->pending, input->pending.len);
	editor->pasted = lineinput_settle(&editor->paste);
}

/* Lets the shell have a turn, if there is one. */
static void suspend(struct editor *editor)
{
	put_now(editor, BRACKETS_OFF "\r\n");
	libedit.el_wset(editor->el, EL_PREP_TERM, 0);
	kill(0, SIGTSTP);
	libedit.el_wset(editor->el, EL_PREP_TERM, 1);
	put_now(editor, BRACKETS_ON);
	editor->resized = false;
	libedit.el_resize(editor->el);
	libedit.el_wset(editor->el, EL_REFRESH);
}

/* How many bytes the character at the front of pending needs; 0 if more must come to tell. */
static size_t char_bytes(const struct buffer *pending)
{
	unsigned char first = pending->len > 0 ? (unsigned char)pending->data[0] : 0;
	size_t need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;

	for (size_t i = 1; i < pending->len && i < need; i++) {
		if (((unsigned char)pending->data[i] & 0xc0) != 0x80)
			return i;
	}
	return pending->len >= need ? need : 0;
}

/* Takes one character from the front of pending. */
static wchar_t take_char(struct buffer *pending)
{
	const char *at = pending->data;
	unsigned char byte = (unsigned char)*at;
	uint32_t code_point = text_next(&at, pending->data + pending->len);

	buffer_consume(pending, (size_t)(at - pending->data));
	return code_point == UINT32_MAX ? RAW_BYTE + byte : (wchar_t)code_point;
}

/* Whether a key is for libedit; if not, it was dealt with. *key may become another. */
static bool pass(struct editor *editor, wchar_t *key)
{
	switch (*key) {
	case '\r':
	case '\n':
		take_rest(editor);
		editor->ahead = L"\n";
		return false;
	case CTRL_C:
		editor->emptied = true;
		*key = CTRL_E;
		editor->ahead = L"^C\n";
		return true;
	case CTRL_Z:
		suspend(editor);
		return false;
	default:
		break;
	}
	/* libedit knows a bell that is not typed by that key. */
	if (*key >= 0x80 && *key < 0xa0)
		return false;
	if (*key >= ' ' && line_chars(editor->el) >= LINEINPUT_MAX_BYTES) {
		editor->too_long = true;
		libedit.el_beep(editor->el);
		return false;
	}
	return true;
}

/* Whether the next key belongs to this one: then the line is not shown anew between them. */
static bool begins_sequence(const struct editor *editor, wchar_t key)
{
	return key == ESCAPE || key == CTRL_V ||
	       (editor->in_sequence && (key == '[' || key == 'O' || key == ';' || (key >= '0' && key <= '9')));
}

/* For libedit: the next key. Returns 1, or -1 if none comes. */
static int get_key(EditLine *el, wchar_t *key)
{
	struct editor *editor = editor_of(el);
	struct buffer *pending = &editor->input->pending;

	for (;;) {
		int rc = 0;

		if (editor->ahead && *editor->ahead != L'\0') {
			bool hides = *editor->ahead == L'\n' && has_status(editor) && !editor->is_ending;

			editor->is_ending |= hides;
			*key = hides ? WAKE : *editor->ahead++;
			return 1;
		}
		if ((editor->has_news || editor->resized) && !editor->in_sequence) {
			*key = WAKE;
			return 1;
		}
		while (rc == 0 && char_bytes(pending) == 0)
			rc = fill(editor);
		if (rc == EINTR || (rc == ENODATA && pending->len == 0))
			return -1;
		if (rc == EAGAIN) {
			editor->has_news = true;
			continue;
		}
		*key = take_char(pending);
		editor->in_sequence = begins_sequence(editor, *key);
		if (pass(editor, key))
			return 1;
	}
}

/* History. */

/* The line so many lines back in the history, the draft if that is 0; NULL if there is none. */
static const wchar_t *find_back(const struct editor *editor, int back)
{
	HistEventW event;
	int rc = libedit.history_w(editor->history, &event, H_FIRST);

	if (back == 0)
		return editor->draft;
	for (int i = 1; i < back && rc >= 0; i++)
		rc = libedit.history_w(editor->history, &event, H_NEXT);
	return rc >= 0 ? event.str : NULL;
}

/* Replaces the line by the one so many further back. libedit's own way keeps no more of a draft than 1,024 characters. */
static unsigned char go_back(struct editor *editor, int step)
{
	EditLine *el = editor->el;
	const LineInfoW *info = libedit.el_wline(el);
	size_t len = (size_t)(info->lastchar - info->buffer);
	const wchar_t *line;

	if (!editor->history || editor->back + step < 0)
		return CC_ERROR;
	if (editor->back == 0) {
		free(editor->draft);
		editor->draft = calloc(len + 1, sizeof(*editor->draft));
		if (!editor->draft)
			return CC_ERROR;
		wmemcpy(editor->draft, info->buffer, len);
	}
	line = find_back(editor, editor->back + step);
	if (!line)
		return CC_ERROR;
	editor->back += step;
	libedit.el_cursor(el, (int)len);
	libedit.el_deletestr(el, (int)len);
	libedit.el_winsertstr(el, line);
	return CC_REFRESH;
}

static unsigned char go_earlier(EditLine *el, int key)
{
	(void)key;
	return go_back(editor_of(el), 1);
}

static unsigned char go_later(EditLine *el, int key)
{
	(void)key;
	return go_back(editor_of(el), -1);
}

static void remember(const struct editor *editor, const char *text, size_t len)
{
	wchar_t *wide = editor->history && len > 0 ? widen(text, len) : NULL;
	HistEventW event;

	if (wide)
		libedit.history_w(editor->history, &event, H_ENTER, wide);
	free(wide);
}

/* Completion. */

/* Puts a text in place of that which is before the cursor from byte begin of the line on. */
static void replace(struct editor *editor, const struct buffer *before, size_t begin, const char *text, size_t len)
{
	wchar_t *wide = widen(before->data + begin, before->len - begin);

	if (wide)
		libedit.el_deletestr(editor->el, (int)wcslen(wide));
	free(wide);
	insert(editor, text, len);
}

static unsigned char use(struct editor *editor, const struct buffer *before, struct wordlist *words)
{
	size_t typed = before->len - words->begin, same = wordlist_common_bytes(words);

	if (words->count > 1 && same <= typed) {
		wordlist_put(words, editor->console);
		editor->at_home = true;
		return CC_REDISPLAY;
	}
	replace(editor, before, words->begin, words->list[0], same);
	/* In a directory something else follows. */
	if (words->count == 1 && words->list[0][strlen(words->list[0]) - 1] != '/')
		libedit.el_winsertstr(editor->el, L" ");
	return CC_REFRESH;
}

/* The key Tab. In the midst of a message that arrives at once it is no key but text. */
static unsigned char complete(EditLine *el, int key)
{
	struct editor *editor = editor_of(el);
	const LineInfoW *info = libedit.el_wline(el);
	struct wordlist words = {0};
	struct buffer before = {0};
	unsigned char result = CC_ERROR;

	(void)key;
	if (editor->history == editor->histories[EDITOR_MESSAGE] && editor->input->pending.len > 0) {
		insert(editor, "\t", 1);
		return CC_REFRESH;
	}
	if (editor->complete && append_narrow(&before, info->buffer, (size_t)(info->cursor - info->buffer)) &&
	    buffer_append(&before, "", 1) == 0) {
		before.len--;
		editor->complete(editor->context, before.data, before.len, &words);
	}
	if (words.count > 0 && words.begin <= before.len)
		result = use(editor, &before, &words);
	wordlist_free(&words);
	buffer_wipe(&before);
	return result;
}

/* Beginning and end. */

static void bind_keys(EditLine *el)
{
	static const wchar_t *const keys[][2] = {
	    {L"\\200", L"q-news"},
	    {L"\\e[200~", L"q-paste"},
	    {L"^I", L"q-complete"},
	    {L"\\e[A", L"q-earlier"},
	    {L"\\eOA", L"q-earlier"},
	    {L"^P", L"q-earlier"},
	    {L"\\e[B", L"q-later"},
	    {L"\\eOB", L"q-later"},
	    {L"^N", L"q-later"},
	    {L"^R", L"em-inc-search-prev"},
	    {L"\\e[1~", L"ed-move-to-beg"},
	    {L"\\e[4~", L"ed-move-to-end"},
	    {L"\\e[3~", L"ed-delete-next-char"},
	};

	libedit.el_wset(el, EL_ADDFN, L"q-news", L"show what has come", show_news);
	libedit.el_wset(el, EL_ADDFN, L"q-paste", L"take what is pasted", take_paste);
	libedit.el_wset(el, EL_ADDFN, L"q-earlier", L"go back in the history", go_earlier);
	libedit.el_wset(el, EL_ADDFN, L"q-later", L"go forward in the history", go_later);
	libedit.el_wset(el, EL_ADDFN, L"q-complete", L"complete the word", complete);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		libedit.el_wset(el, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static bool begin_libedit(struct editor *editor)
{
	const cookie_io_functions_t functions = {.write = put_out};
	char *clears = NULL;
	EditLine *el;

	editor->out = fopencookie(editor->console, "w", functions);
	editor->silence = fopen("/dev/null", "we");
	if (!editor->out || !editor->silence)
		return false;
	editor->el = el = libedit.el_init_fd("quartet", stdin, editor->out, editor->silence, STDIN_FILENO,
	    STDOUT_FILENO, STDERR_FILENO);
	if (!el || libedit.el_get(el, EL_GETTC, "ce", &clears) != 0 || !clears || clears[0] == '\0')
		return false;
	libedit.el_wset(el, EL_CLIENTDATA, editor);
	libedit.el_wset(el, EL_SIGNAL, 0);
	libedit.el_wset(el, EL_EDITOR, L"emacs");
	libedit.el_wset(el, EL_PROMPT, get_question);
	libedit.el_wset(el, EL_GETCFN, get_key);
	libedit.el_wset(el, EL_SETTY, L"-d", L"-isig", L"-icrnl", L"-inlcr", NULL);
	bind_keys(el);
	for (int i = 0; i < 2; i++) {
		HistEventW event;

		editor->histories[i] = libedit.history_winit();
		if (!editor->histories[i])
			return false;
		libedit.history_w(editor->histories[i], &event, H_SETSIZE, HISTORY_LINES);
		libedit.history_w(editor->histories[i], &event, H_SETUNIQUE, 1);
	}
	return true;
}

struct editor *editor_new(struct lineinput *input, struct console *console, editor_complete *complete_word,
    void *context)
{
	const char *term = getenv("TERM");
	const struct sigaction resize = {.sa_handler = on_resize};
	sigset_t blocked;
	struct editor *editor;

	if (!input->terminal || !console->terminal || !term || term[0] == '\0' || strcmp(term, "dumb") == 0)
		return NULL;
	if (!load_libedit()) {
		console_put(console, "Without libedit (Debian: libedit2) the terminal itself edits lines.\n");
		return NULL;
	}
	/* What libedit takes for a character, whatever the user's locale is. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return NULL;
	editor = calloc(1, sizeof(*editor));
	if (!editor)
		return NULL;
	editor->input = input;
	editor->console = console;
	editor->complete = complete_word;
	editor->context = context;
	if (tcgetattr(input->fd, &editor->usual) != 0 || !begin_libedit(editor)) {
		editor_free(editor);
		return NULL;
	}
	/* It comes during a wait, and at no other time. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGWINCH);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGWINCH, &resize, NULL);
	return editor;
}

void editor_free(struct editor *editor)
{
	if (!editor)
		return;
	if (editor->el)
		libedit.el_end(editor->el);
	for (int i = 0; i < 2; i++) {
		if (editor->histories[i])
			libedit.history_wend(editor->histories[i]);
	}
	if (editor->out)
		fclose(editor->out);
	if (editor->silence)
		fclose(editor->silence);
	buffer_wipe(&editor->paste);
	buffer_wipe(&editor->line);
	free(editor);
}

void editor_abandon(void)
{
	static const char off[] = BRACKETS_OFF;

	if (!reading)
		return;
	tcsetattr(reading->input->fd, TCSANOW, &reading->usual);
	if (write(STDOUT_FILENO, off, sizeof(off) - 1) < 0)
		return;
}

/* Makes line of what libedit has and what was pasted. */
static bool assemble(struct editor *editor, const wchar_t *typed, int count)
{
	buffer_wipe(&editor->line);
	if (count > 0 && typed[count - 1] == L'\n')
		count--;
	if (!editor->is_whole && !append_narrow(&editor->line, typed, (size_t)count))
		return false;
	if (editor->pasted && buffer_append(&editor->line, editor->paste.data, editor->paste.len) != 0)
		return false;
	return buffer_append(&editor->line, "", 1) == 0;
}

static enum lineinput_result conclude(struct editor *editor, const wchar_t *typed, int count, char **line, size_t *len)
{
	if (!typed)
		return editor->stopped ? LINEINPUT_STOPPED : LINEINPUT_END;
	if (!assemble(editor, typed, count))
		return LINEINPUT_END;
	*line = editor->line.data;
	*len = editor->line.len - 1;
	if (editor->emptied) {
		*len -= strlen("^C");
		remember(editor, *line, editor->history == editor->histories[EDITOR_MESSAGE] ? *len : 0);
		return LINEINPUT_EMPTIED;
	}
	if (editor->too_long || *len > LINEINPUT_MAX_BYTES)
		return LINEINPUT_TOO_LONG;
	remember(editor, *line, *len);
	return editor->pasted ? LINEINPUT_PASTE : LINEINPUT_LINE;
}

/* Begins a line with nothing of the last one. */
static bool begin_line(struct editor *editor, char *const *status, const char *question, enum editor_kind kind)
{
	editor->status = status;
	editor->question = widen(question, strlen(question));
	editor->history = kind == EDITOR_ANSWER ? NULL : editor->histories[kind];
	libedit.el_wset(editor->el, EL_HIST, libedit.history_w, editor->history);
	editor->back = resize_noticed = 0;
	editor->ahead = NULL;
	editor->typed_bytes = 0;
	editor->is_whole = editor->pasted = editor->too_long = editor->emptied = editor->stopped = false;
	editor->in_sequence = editor->has_news = editor->resized = editor->at_home = false;
	editor->is_ending = false;
	return editor->question != NULL;
}

enum lineinput_result editor_read(struct editor *editor, char *const *status, const char *question,
    enum editor_kind kind, char **line, size_t *len)
{
	enum lineinput_result result = LINEINPUT_END;
	const wchar_t *typed;
	int count = 0;

	if (begin_line(editor, status, question, kind)) {
		reading = editor;
		/* libedit would do this after the question, and what is typed between the two would be seen twice. */
		libedit.el_wset(editor->el, EL_PREP_TERM, 1);
		put_now(editor, BRACKETS_ON);
		put_status(editor);
		typed = libedit.el_wgets(editor->el, &count);
		put_now(editor, BRACKETS_OFF);
		reading = NULL;
		result = conclude(editor, typed, count, line, len);
	}
	buffer_wipe(&editor->paste);
	free(editor->question);
	free(editor->draft);
	free(editor->shown);
	editor->question = editor->draft = editor->shown = NULL;
	return result;
}

#else

size_t editor_typed_bytes(const struct editor *editor)
{
	(void)editor;
	return 0;
}

bool editor_is_resized(void)
{
	return false;
}

const char *editor_feature(void)
{
	return "without line editing, which needs libedit";
}

struct editor *editor_new(struct lineinput *input, struct console *console, editor_complete *complete, void *context)
{
	(void)input;
	(void)console;
	(void)complete;
	(void)context;
	return NULL;
}

void editor_free(struct editor *editor)
{
	(void)editor;
}

enum lineinput_result editor_read(struct editor *editor, char *const *status, const char *question,
    enum editor_kind kind, char **line, size_t *len)
{
	(void)editor;
	(void)status;
	(void)question;
	(void)kind;
	(void)line;
	(void)len;
	return LINEINPUT_END;
}

void editor_abandon(void)
{
}

#endif
