/*
 * A sender's connection to TCP port 6001, blocking: objects out, objects in.
 *
 * It reads as much as whoever answers sends, but takes for granted what a stranger would not be believed: objects
 * without brackets or braces inside, of at most LINE_ROOM_BYTES. What fails ends the program (arguments.h), because a
 * figure from connections that failed is worth nothing.
 */
#ifndef QUARTET_BENCH_LINE_H
#define QUARTET_BENCH_LINE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define LINE_ROOM_BYTES 2048

struct line {
	int fd;
	size_t taken, len; /* of data: handed out, and read */
	char data[LINE_ROOM_BYTES];
};

/* Connects from one address, and a port that the system chooses, to another. */
void line_open(struct line *line, struct in_addr from, struct in_addr to);

/* Sends all the bytes. */
void line_send(const struct line *line, const char *bytes, size_t len);

/* Waits for the next object; *object is valid until the next call. */
void line_receive(struct line *line, const char **object, size_t *len);

/* Ends our side, waits for the end of the other, closes: the way the initiator does it. */
void line_finish(struct line *line);

#endif
