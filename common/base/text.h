/*
 * Text from strangers: is it UTF-8, and may it reach the terminal?
 *
 * Usernames, messages and both files carry UTF-8 that somebody else chose. A terminal obeys control sequences, and a
 * reader is deceived by invisible or direction-changing characters, so nothing foreign is printed except through
 * text_escape(). Nothing here allocates, blocks or depends on the locale.
 */
#ifndef QUARTET_TEXT_H
#define QUARTET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A constant as text, so that a message and a limit cannot differ: TEXT_OF(NAME_MAX_BYTES) is "64". */
#define TEXT_OF(constant) TEXT_OF_TOKENS(constant)
#define TEXT_OF_TOKENS(tokens) #tokens

/* The most that a byte becomes in text_escape(): "<U+0007>"; and in text_escape_json(): "\u0007". */
#define TEXT_ESCAPE_FACTOR 8
#define TEXT_JSON_FACTOR 6

/*
 * The code point at *cursor, which lies before end and moves past it; UINT32_MAX for a byte that starts no well-formed
 * sequence (RFC 3629), past which alone it moves then.
 */
uint32_t text_next(const char **cursor, const char *end);

/* Whether a text is well-formed UTF-8. U+0000 counts as well-formed. */
bool text_is_utf8(const char *text, size_t len);

/* Moves *text and *len to what stands between the white space of ASCII at both ends, perhaps nothing. */
void text_trim(const char **text, size_t *len);

/* Whether code_point is a control character: C0, DEL or C1 (Unicode category Cc). */
bool text_is_control(uint32_t code_point);

/* Whether it shows nothing, or a gap: spaces of every width, joiners, variation selectors, and all that is escaped. */
bool text_is_blank(uint32_t code_point);

/* Whether anything could pass for a bracket, a colon or a bar: those, and all in the blocks of punctuation and symbols. */
bool text_has_punctuation(const char *text, size_t len);

/* Whether anything is written from right to left, or moves like it (Bidi_Class R, AL, AN), and is shown as it is. */
bool text_has_right_to_left(const char *text, size_t len);

/*
 * Copies a text into out, safe to print on one line of a terminal: control characters, line and paragraph separators, marks
 * that change the writing direction and characters that show nothing, but for joiners and variation selectors of emoji,
 * become "<U+202E>", bytes that are not UTF-8 become "<FF>". The result ends in NUL and is cut at a whole character when
 * out_size bytes do not hold it; TEXT_ESCAPE_FACTOR * len + 1 always do. Returns its length.
 */
size_t text_escape(char *out, size_t out_size, const char *text, size_t len);

/*
 * The same for a name, which must also be told from what stands around it: besides, quotation marks (") are escaped, every
 * gap but a single space between words, and joiners and variation selectors that follow an ASCII character or nothing.
 */
size_t text_escape_name(char *out, size_t out_size, const char *name, size_t len);

/*
 * The same for JSON without white space but spaces, with \u escapes: the same value. What is not UTF-8 becomes U+FFFD. The
 * result is not NUL-terminated; TEXT_JSON_FACTOR * len bytes always hold it.
 */
size_t text_escape_json(char *out, const char *json, size_t len);

#endif
