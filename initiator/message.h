/*
 * Which texts can be sent as a message. Pure: no file, socket or screen.
 */
#ifndef QUARTET_MESSAGE_H
#define QUARTET_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Longest text as a JSON string, in bytes: encrypted, it still fits into one object of 64 KiB. */
#define MESSAGE_MAX_BYTES 48000
/* The terminal's own editing passes no longer line (termios(3), canonical mode); what is over is cut off unseen. */
#define MESSAGE_TYPED_MAX_BYTES 4095
/* Other implementations read with one recv() of at least this much, and take no more than that came with it. */
#define MESSAGE_OTHERS_READ_BYTES 1024

/*
 * What keeps len bytes of text from being sent, as words that follow "the message": "is not UTF-8 text". NULL if nothing
 * does. typed: they come from a terminal that edits lines itself. pasted: with whatever control characters they have, but
 * NUL. Static storage.
 */
const char *message_fault(const char *text, size_t len, bool typed, bool pasted);

#endif
