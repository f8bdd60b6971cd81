/*
 * The bytes of a file on their way from one program to another, over a connected socket.
 *
 * common/PROTOCOL.md, section 8: frames of a 4-byte big-endian length, the first with the header of a
 * crypto_secretstream_xchacha20poly1305, the others with chunks of at most 64 KiB, the last one marked. What is forged,
 * reordered, repeated, of another stream or too long is EPROTO, an end before the last chunk ECONNRESET, and nothing of it is
 * handed out. The socket blocks, for FILESTREAM_WAIT_S at most (ETIMEDOUT): a chunk is taken within that, and so is a
 * byte received. Memory is fixed, however long the stream is.
 */
#ifndef QUARTET_FILESTREAM_H
#define QUARTET_FILESTREAM_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILESTREAM_KEY_BYTES crypto_secretstream_xchacha20poly1305_KEYBYTES
#define FILESTREAM_CHUNK_BYTES (64 * 1024)
#define FILESTREAM_WAIT_S 30
/* While a prefix is hashed, an empty chunk is sent so often. */
#define FILESTREAM_ALIVE_MS 10000

struct filestream {
	int fd;
	crypto_secretstream_xchacha20poly1305_state state;
	bool has_ended;		/* its last chunk came */
	size_t begin, end;	/* of what was received, in: */
	uint8_t *received;	/* NULL in one that sends */
	uint8_t *chunk, *frame; /* opened; to be sent */
};

/* Begins a stream on fd, which stays the caller's, and sends the header. Returns 0, ENOMEM or why it cannot be sent. */
int filestream_begin_sending(struct filestream *stream, int fd, const uint8_t key[static FILESTREAM_KEY_BYTES])
    __attribute__((warn_unused_result));

/* Sends at most FILESTREAM_CHUNK_BYTES, also none. Nothing may follow the last. */
int filestream_send(struct filestream *stream, const void *bytes, size_t len, bool is_last)
    __attribute__((warn_unused_result));

/* The other end of it. early are bytes of the stream that have been received already, copied. */
int filestream_begin_receiving(struct filestream *stream, int fd, const uint8_t key[static FILESTREAM_KEY_BYTES],
    const void *early, size_t early_len) __attribute__((warn_unused_result));

/* Receives the next chunk, which may be empty, into *bytes, valid until the next call; after the last one EPROTO. */
int filestream_receive(struct filestream *stream, const uint8_t **bytes, size_t *len, bool *is_last)
    __attribute__((warn_unused_result));

/* Wipes and releases it; harmless on a zeroed one. */
void filestream_end(struct filestream *stream);

#endif
