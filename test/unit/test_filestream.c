/*
 * A file's bytes between two programs: what is sent arrives, and nothing else does, whoever sits between.
 */
#include "support.h"

#include "file/filestream.h"

#include <sys/socket.h>
#include <sys/time.h>

#define STREAM_MAX_BYTES (512 * 1024)

static const uint8_t key[FILESTREAM_KEY_BYTES] = "a key of one session";

/* A stream as it is on the wire: where each frame begins, the header's first, and the end behind the last. */
struct recording {
	uint8_t bytes[STREAM_MAX_BYTES];
	size_t begins[16], frames, len;
};

/* Both ends of a connection with room for all that the tests send. */
static void connect_ends(int ends[2])
{
	const int room = 2 * STREAM_MAX_BYTES;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
}

/* Has waits end soon that would end late. */
static void be_impatient(int fd)
{
	const struct timeval soon = {.tv_usec = 1000};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)), 0);
}

/* The byte at an offset of what is sent. */
static uint8_t byte_at(size_t offset)
{
	return (uint8_t)(offset * 31 + offset / 251);
}

static void take_frame(int fd, struct recording *record)
{
	ssize_t got = recv(fd, record->bytes + record->len, STREAM_MAX_BYTES - record->len, MSG_DONTWAIT);

	assert_true(got > 0);
	record->begins[record->frames++] = record->len;
	record->len += (size_t)got;
	record->begins[record->frames] = record->len;
}

/* Records a stream of chunks of these lengths, the last one marked. */
static struct recording *record_chunks(const size_t *lengths, size_t count)
{
	struct recording *record = calloc(1, sizeof(*record));
	struct filestream stream;
	uint8_t chunk[FILESTREAM_CHUNK_BYTES];
	size_t offset = 0;
	int ends[2];

	assert_non_null(record);
	connect_ends(ends);
	assert_int_equal(filestream_begin_sending(&stream, ends[0], key), 0);
	take_frame(ends[1], record);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < lengths[i]; j++)
			chunk[j] = byte_at(offset++);
		assert_int_equal(filestream_send(&stream, chunk, lengths[i], i + 1 == count), 0);
		take_frame(ends[1], record);
	}
	filestream_end(&stream);
	close(ends[0]);
	close(ends[1]);
	return record;
}

/*
 * Receives what is on the wire, the first early bytes of it handed over, and then the connection ends. Returns what
 * filestream_receive() said in the end, 0 after the last chunk; *received bytes were handed out, all of them right.
 */
static int receive_wire(const uint8_t *wire, size_t len, size_t early, size_t *received)
{
	struct filestream stream = {0};
	const uint8_t *bytes;
	bool is_last = false;
	size_t count;
	int ends[2], rc;

	*received = 0;
	connect_ends(ends);
	if (len > early)
		assert_int_equal(send(ends[0], wire + early, len - early, 0), len - early);
	close(ends[0]);
	rc = filestream_begin_receiving(&stream, ends[1], key, wire, early);
	while (rc == 0 && !is_last) {
		rc = filestream_receive(&stream, &bytes, &count, &is_last);
		for (size_t i = 0; rc == 0 && i < count; i++)
			assert_int_equal(bytes[i], byte_at((*received)++));
	}
	if (is_last)
		assert_int_equal(filestream_receive(&stream, &bytes, &count, &is_last), EPROTO);
	filestream_end(&stream);
	close(ends[1]);
	return rc;
}

static void what_is_sent_arrives_in_chunks_of_any_length(void **state)
{
	static const size_t lengths[][4] = {{0}, {1}, {FILESTREAM_CHUNK_BYTES},
	    {FILESTREAM_CHUNK_BYTES, FILESTREAM_CHUNK_BYTES, 0}, {0, 0, 5, 1}, {65535, 1, 65536, 7}};
	static const size_t counts[] = {1, 1, 1, 3, 4, 4};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct recording *record = record_chunks(lengths[i], counts[i]);
		size_t total = 0, received;

		for (size_t j = 0; j < counts[i]; j++)
			total += lengths[i][j];
		assert_int_equal(receive_wire(record->bytes, record->len, 0, &received), 0);
		assert_int_equal(received, total);
		free(record);
	}
}

static void what_came_with_the_answer_is_part_of_the_stream(void **state)
{
	static const size_t lengths[] = {3, 0, 40};
	struct recording *record = record_chunks(lengths, 3);
	size_t received;

	(void)state;
	for (size_t early = 0; early <= record->len; early++) {
		assert_int_equal(receive_wire(record->bytes, record->len, early, &received), 0);
		assert_int_equal(received, 43);
	}
	free(record);
}

static void a_flipped_bit_anywhere_is_refused(void **state)
{
	static const size_t lengths[] = {3, 0, 40};
	struct recording *record = record_chunks(lengths, 3);
	size_t received;

	(void)state;
	for (size_t bit = 0; bit < 8 * record->len; bit++) {
		int rc;

		record->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rc = receive_wire(record->bytes, record->len, 0, &received);
		/* A length that is only longer than what comes ends the connection. */
		CHECK(rc == EPROTO || rc == ECONNRESET, "bit %zu: %s", bit, strerror(rc));
		record->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(record);
}

static void a_stream_cut_anywhere_is_never_whole(void **state)
{
	static const size_t lengths[] = {3, 0, 40};
	struct recording *record = record_chunks(lengths, 3);
	size_t received;

	(void)state;
	for (size_t len = 0; len < record->len; len++)
		assert_int_equal(receive_wire(record->bytes, len, 0, &received), ECONNRESET);
	free(record);
}

/* Puts frames of two recordings in an order, and receives that. */
static int receive_frames(const struct recording *one, const struct recording *other, const char *order)
{
	struct recording *wire = calloc(1, sizeof(*wire));
	size_t received;
	int rc;

	assert_non_null(wire);
	for (; *order; order++) {
		const struct recording *from = *order >= 'a' ? other : one;
		size_t frame = (size_t)(*order - (*order >= 'a' ? 'a' : '0'));
		size_t len = from->begins[frame + 1] - from->begins[frame];

		memcpy(wire->bytes + wire->len, from->bytes + from->begins[frame], len);
		wire->len += len;
	}
	rc = receive_wire(wire->bytes, wire->len, 0, &received);
	free(wire);
	return rc;
}

static void chunks_out_of_order_repeated_or_of_another_stream_are_refused(void **state)
{
	static const char *const orders[] = {
	    "02134", "0134", "01124", "01244", "0014", "1234", "01b34", "0123e", "a1234", "0a1234"};
	static const size_t lengths[] = {40, 40, 40, 40};
	struct recording *one = record_chunks(lengths, 4), *other = record_chunks(lengths, 4);

	(void)state;
	assert_int_equal(receive_frames(one, other, "01234"), 0);
	assert_int_equal(receive_frames(one, other, "abcde"), 0);
	for (size_t i = 0; i < COUNT(orders); i++) {
		int rc = receive_frames(one, other, orders[i]);

		CHECK(rc == EPROTO, "%s: %s", orders[i], strerror(rc));
	}
	free(one);
	free(other);
}

/* A stream whose first frame behind the header has this length and as many bytes. */
static int receive_length(size_t len)
{
	static const size_t lengths[] = {3};
	struct recording *record = record_chunks(lengths, 1);
	size_t begin = record->begins[1], received;
	int rc;

	for (size_t i = 0; i < 4; i++)
		record->bytes[begin + i] = (uint8_t)(len >> 8 * (3 - i));
	rc = receive_wire(record->bytes, STREAM_MAX_BYTES, 0, &received);
	free(record);
	return rc;
}

static void a_length_that_no_chunk_has_is_refused_before_its_bytes_come(void **state)
{
	static const size_t wrong[] = {0, 1, 16, 65554, 65555, 0x7fffffff, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(receive_length(wrong[i]), EPROTO);
}

static void a_header_of_another_length_is_refused(void **state)
{
	uint8_t wire[4 + 25] = {0, 0, 0, 25};
	size_t received;

	(void)state;
	assert_int_equal(receive_wire(wire, sizeof(wire), 0, &received), EPROTO);
	wire[3] = 23;
	assert_int_equal(receive_wire(wire, sizeof(wire), 0, &received), EPROTO);
}

static void a_chunk_that_is_marked_as_nothing_we_send_is_refused(void **state)
{
	static const unsigned char tags[] = {
	    crypto_secretstream_xchacha20poly1305_TAG_PUSH, crypto_secretstream_xchacha20poly1305_TAG_REKEY, 0x80};

	(void)state;
	for (size_t i = 0; i < COUNT(tags); i++) {
		crypto_secretstream_xchacha20poly1305_state stream;
		uint8_t wire[4 + 24 + 4 + 20] = {0, 0, 0, 24, [4 + 24 + 3] = 20};
		size_t received;

		crypto_secretstream_xchacha20poly1305_init_push(&stream, wire + 4, key);
		crypto_secretstream_xchacha20poly1305_push(&stream, wire + 4 + 24 + 4, NULL, (const uint8_t *)"abc", 3,
		    NULL, 0, tags[i]);
		assert_int_equal(receive_wire(wire, sizeof(wire), 0, &received), EPROTO);
	}
}

static void nothing_is_handed_out_after_what_was_refused(void **state)
{
	static const size_t lengths[] = {40, 40};
	struct recording *record = record_chunks(lengths, 2);
	struct filestream stream;
	const uint8_t *bytes;
	bool is_last;
	size_t len;
	int ends[2];

	(void)state;
	connect_ends(ends);
	/* The first chunk, then again, then the one that would be next. */
	assert_true(send(ends[0], record->bytes, record->begins[2], 0) > 0);
	assert_true(send(ends[0], record->bytes + record->begins[1], record->len - record->begins[1], 0) > 0);
	assert_int_equal(filestream_begin_receiving(&stream, ends[1], key, NULL, 0), 0);
	assert_int_equal(filestream_receive(&stream, &bytes, &len, &is_last), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(filestream_receive(&stream, &bytes, &len, &is_last), EPROTO);
	filestream_end(&stream);
	close(ends[0]);
	close(ends[1]);
	free(record);
}

static void who_is_silent_or_takes_nothing_is_not_waited_for_without_end(void **state)
{
	static const size_t lengths[] = {40};
	struct recording *record = record_chunks(lengths, 1);
	uint8_t chunk[FILESTREAM_CHUNK_BYTES] = {0};
	struct filestream stream;
	struct timeval wait;
	socklen_t len = sizeof(wait);
	const uint8_t *bytes;
	size_t got;
	bool is_last;
	int ends[2], rc = 0;

	(void)state;
	connect_ends(ends);
	assert_true(send(ends[0], record->bytes, record->begins[1], 0) > 0);
	assert_int_equal(filestream_begin_receiving(&stream, ends[1], key, NULL, 0), 0);
	assert_int_equal(getsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &wait, &len), 0);
	assert_int_equal(wait.tv_sec, FILESTREAM_WAIT_S);
	be_impatient(ends[1]);
	assert_int_equal(filestream_receive(&stream, &bytes, &got, &is_last), ETIMEDOUT);
	filestream_end(&stream);

	assert_int_equal(filestream_begin_sending(&stream, ends[0], key), 0);
	assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &wait, &len), 0);
	assert_int_equal(wait.tv_sec, FILESTREAM_WAIT_S);
	be_impatient(ends[0]);
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = filestream_send(&stream, chunk, sizeof(chunk), false);
	assert_int_equal(rc, ETIMEDOUT);
	filestream_end(&stream);
	close(ends[1]);
	assert_int_equal(filestream_begin_sending(&stream, ends[0], key), EPIPE);
	close(ends[0]);
	free(record);
}

static void a_key_of_another_session_opens_nothing(void **state)
{
	static const size_t lengths[] = {40};
	static const uint8_t other[FILESTREAM_KEY_BYTES] = "a key of another session";
	struct recording *record = record_chunks(lengths, 1);
	struct filestream stream;
	const uint8_t *bytes;
	size_t len;
	bool is_last;
	int ends[2];

	(void)state;
	connect_ends(ends);
	assert_int_equal(filestream_begin_receiving(&stream, ends[1], other, record->bytes, record->len), 0);
	assert_int_equal(filestream_receive(&stream, &bytes, &len, &is_last), EPROTO);
	filestream_end(&stream);
	close(ends[0]);
	close(ends[1]);
	free(record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_sent_arrives_in_chunks_of_any_length),
	    cmocka_unit_test(what_came_with_the_answer_is_part_of_the_stream),
	    cmocka_unit_test(a_flipped_bit_anywhere_is_refused),
	    cmocka_unit_test(a_stream_cut_anywhere_is_never_whole),
	    cmocka_unit_test(chunks_out_of_order_repeated_or_of_another_stream_are_refused),
	    cmocka_unit_test(a_length_that_no_chunk_has_is_refused_before_its_bytes_come),
	    cmocka_unit_test(a_header_of_another_length_is_refused),
	    cmocka_unit_test(a_chunk_that_is_marked_as_nothing_we_send_is_refused),
	    cmocka_unit_test(nothing_is_handed_out_after_what_was_refused),
	    cmocka_unit_test(who_is_silent_or_takes_nothing_is_not_waited_for_without_end),
	    cmocka_unit_test(a_key_of_another_session_opens_nothing),
	};

	support_begin();
	signal(SIGPIPE, SIG_IGN);
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("filestream", tests, NULL, NULL);
}
