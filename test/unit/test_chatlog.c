/* chatlog: what was said, a line each, whole or not at all. */
#include "support.h"

#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "store/chatlog.h"
#include "store/lockedfile.h"
#include "store/syncer.h"

#define NAME CHATLOG_NAME
#define ECE 0xc0a80107		       /* 192.168.1.7 */
#define TIME_MS INT64_C(1795161600123) /* 2026-11-20T08:00:00.123Z */

/* The example of common/PROTOCOL.md, without its line feed. */
#define EXAMPLE                                                                                                        \
	"{\"time\": \"2026-11-20T08:00:00.123Z\", \"direction\": \"RECEIVED\", \"username\": "                         \
	"\"Ece\", \"ip\": \"192.168.1.7\", \"mode\": \"secure\", \"standing\": \"verified\", "                         \
	"\"id\": \"EBESExQVFhcYGRobHB0eHw==\", "                                                                       \
	"\"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", \"text\": \"hello\"}"
/* A message of a stranger in the clear. */
#define BARE                                                                                                           \
	"{\"time\": \"2026-11-20T08:00:00.123Z\", \"direction\": \"RECEIVED\", \"username\": "                         \
	"\"Ece\", \"ip\": \"192.168.1.7\", \"mode\": \"plain\", \"text\": \"hello\"}"

/* What is free on the disk, as fstatvfs() tells it; the library's is not asked. */
static fsblkcnt_t disk_blocks = 1000000;
static fsblkcnt_t disk_free = 1000000;
static unsigned disk_looks;

#define DISK_BLOCK_BYTES 4096

int fstatvfs(int fd, struct statvfs *disk)
{
	(void)fd;
	disk_looks++;
	*disk = (struct statvfs){
	    .f_bsize = DISK_BLOCK_BYTES,
	    .f_frsize = DISK_BLOCK_BYTES,
	    .f_blocks = disk_blocks,
	    .f_bfree = disk_free,
	    .f_bavail = disk_free,
	};
	return 0;
}

/* How often a directory, and a file, was synced. */
static unsigned directory_syncs, file_syncs;

static void note_sync(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	if (S_ISDIR(status.st_mode))
		directory_syncs++;
	else
		file_syncs++;
}

int fsync(int fd)
{
	note_sync(fd);
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	note_sync(fd);
	return (int)syscall(SYS_fdatasync, fd);
}

/* The syncer, played: whether there is one, and what it says when it has ended. */
static bool can_defer, sync_ended;
static int sync_result;

int syncer_open(struct syncer *syncer)
{
	*syncer = (struct syncer){.ready = 99};
	return can_defer ? 0 : EAGAIN;
}

void syncer_begin(struct syncer *syncer, int fd)
{
	assert_int_equal(syncer->ready, 99);
	note_sync(fd);
}

int syncer_end(struct syncer *syncer, bool wait)
{
	assert_int_equal(syncer->ready, 99);
	return sync_ended || wait ? sync_result : EAGAIN;
}

void syncer_close(struct syncer *syncer)
{
	assert_int_equal(syncer->ready, 99);
}

/* Appends a constant. */
static int append_line(struct chatlog *log, const char *lines, unsigned how)
{
	char *copy = strdup(lines);
	int rc = chatlog_append(log, copy, strlen(lines), how);

	free(copy);
	return rc;
}

static struct chatlog_entry entry_of(const char *text, size_t len)
{
	struct chatlog_entry entry = {
	    .time_ms = TIME_MS,
	    .mode = CHATLOG_SECURE,
	    .username = "Ece",
	    .address = support_address(ECE),
	    .text = text,
	    .text_len = len,
	};

	return entry;
}

/* The entry of the example: with a standing, an id and an identity. */
static struct chatlog_entry full_entry_of(const char *text, size_t len)
{
	struct chatlog_entry entry = entry_of(text, len);

	entry.standing = "verified";
	entry.has_id = entry.has_identity = true;
	for (size_t i = 0; i < sizeof(entry.id); i++)
		entry.id[i] = (uint8_t)(0x10 + i);
	for (size_t i = 0; i < sizeof(entry.identity); i++)
		entry.identity[i] = (uint8_t)(0xa0 + i);
	return entry;
}

static int parse(const char *line, size_t len, struct chatlog_entry *entry)
{
	char *copy = support_copy(line, len);
	int r = chatlog_parse(copy, len, entry);

	free(copy); /* the entry keeps nothing of it */
	return r;
}

static void a_line_has_the_form_of_the_protocol(void **state)
{
	struct chatlog_entry entry = full_entry_of("hello", 5);
	struct buffer batch = {0};

	(void)state;
	assert_int_equal(buffer_append(&batch, "before\n", 7), 0);
	assert_int_equal(chatlog_format(&batch, &entry), 0);
	entry = entry_of("hello", 5);
	entry.mode = CHATLOG_PLAIN;
	assert_int_equal(chatlog_format(&batch, &entry), 0);
	assert_int_equal(batch.len, 7 + sizeof(EXAMPLE) + sizeof(BARE));
	assert_memory_equal(batch.data, "before\n" EXAMPLE "\n" BARE "\n", batch.len);
	buffer_free(&batch);
}

static void every_mode_and_direction_has_its_word(void **state)
{
	(void)state;
	assert_string_equal(chatlog_mode_word(CHATLOG_PLAIN), "plain");
	assert_string_equal(chatlog_mode_word(CHATLOG_CLASSIC), "classic");
	assert_string_equal(chatlog_mode_word(CHATLOG_SECURE), "secure");
	assert_string_equal(chatlog_direction_word(CHATLOG_RECEIVED), "RECEIVED");
	assert_string_equal(chatlog_direction_word(CHATLOG_SENT), "SENT");
	assert_string_equal(chatlog_direction_word(CHATLOG_QUEUED), "QUEUED");
}

static void what_is_written_is_read_back(void **state)
{
	char all[3000];
	size_t all_len = 0;
	char *long_text = support_repeat('\x01', 65536);
	const struct {
		const char *text;
		size_t len;
	} texts[] = {
	    {BYTES("")},
	    {BYTES("hello")},
	    {BYTES("two\nlines\r\nand a \"quote\" \\ {}\t")},
	    {BYTES("\x1b[31m\x7f\xc2\x9b\xe2\x80\xa8\xe2\x80\xae")},
	    {BYTES("g\xc3\xbcnayd\xc4\xb1n \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf")},
	    {all, 0},
	    {long_text, 65536},
	};
	static const char *const names[] = {
	    "Ece",
	    "Bob, \"the builder\" \\o/",
	    "\xc3\x87"
	    "a\xc4\x9f"
	    "da\xc5\x9f",
	    "0123456789012345678901234567890123456789012345678901234567890123",
	    "unknown",
	};
	size_t cases = COUNT(texts) * COUNT(names) * 8;

	(void)state;
	for (unsigned c = 1; c < 0x80; c++)
		all[all_len++] = (char)c;
	for (unsigned c = 0x80; c < 0x500; c++) {
		all[all_len++] = (char)(0xc0 | c >> 6);
		all[all_len++] = (char)(0x80 | (c & 0x3f));
	}
	for (size_t i = 0; i < cases; i++) {
		size_t t = i / 8 % COUNT(texts);
		size_t len = texts[t].text == all ? all_len : texts[t].len;
		struct chatlog_entry entry = (i & 4 ? full_entry_of : entry_of)(texts[t].text, len);
		struct chatlog_entry back;
		struct buffer batch = {0};

		entry.direction = i & 1 ? CHATLOG_SENT : CHATLOG_RECEIVED;
		entry.held = entry.once = i & 4;
		entry.mode = (enum chatlog_mode)(i / 2 % 3);
		entry.time_ms += (int64_t)i * 997;
		entry.address = support_address(ECE * (uint32_t)i);
		snprintf(entry.username, sizeof(entry.username), "%s", names[i / 8 / COUNT(texts)]);
		assert_int_equal(chatlog_format(&batch, &entry), 0);
		assert_true(batch.len <= CHATLOG_LINE_MAX_BYTES);
		/* One line feed, at the end. */
		assert_ptr_equal(memchr(batch.data, '\n', batch.len), batch.data + batch.len - 1);
		assert_int_equal(parse(batch.data, batch.len - 1, &back), 0);
		assert_true(back.time_ms == entry.time_ms);
		assert_int_equal(back.kind, CHATLOG_MESSAGE);
		assert_int_equal(back.direction, entry.direction);
		assert_int_equal(back.held, entry.held);
		assert_int_equal(back.once, entry.once);
		assert_int_equal(back.mode, entry.mode);
		assert_int_equal(back.standing != NULL, entry.standing != NULL);
		if (entry.standing)
			assert_string_equal(back.standing, entry.standing);
		assert_int_equal(back.has_id, entry.has_id);
		assert_memory_equal(back.id, entry.id, sizeof(back.id));
		assert_int_equal(back.has_identity, entry.has_identity);
		assert_memory_equal(back.identity, entry.identity, sizeof(back.identity));
		assert_string_equal(back.username, entry.username);
		assert_int_equal(back.address.s_addr, entry.address.s_addr);
		assert_int_equal(back.text_len, len);
		assert_memory_equal(back.text, entry.text, len);
		chatlog_entry_free(&back);
		buffer_free(&batch);
	}
	free(long_text);
}

/* What is queued, and what becomes of it. */
#define QUEUED                                                                                                         \
	"{\"time\": \"2026-11-20T08:00:00.123Z\", \"direction\": \"QUEUED\", \"username\": "                           \
	"\"Ece\", \"ip\": \"192.168.1.7\", \"mode\": \"secure\", \"once\": true, "                                     \
	"\"id\": \"EBESExQVFhcYGRobHB0eHw==\", "                                                                       \
	"\"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", \"text\": \"hello\"}"
#define DROPPED                                                                                                        \
	"{\"time\": \"2026-11-20T08:00:00.123Z\", \"id\": \"EBESExQVFhcYGRobHB0eHw==\", "                              \
	"\"state\": \"dropped\", \"username\": \"Ece\", "                                                              \
	"\"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", \"why\": \"blocked\"}"
#define SETTLED "{\"time\": \"2026-11-20T08:00:00.123Z\", \"settled\": 8388608}"

static void expect_line(const struct chatlog_entry *entry, const char *line)
{
	struct buffer batch = {0};

	assert_int_equal(chatlog_format(&batch, entry), 0);
	assert_int_equal(batch.len, strlen(line) + 1);
	assert_memory_equal(batch.data, line, strlen(line));
	buffer_free(&batch);
}

static void what_becomes_of_a_message_is_a_further_line(void **state)
{
	static const char *const words[] = {"delivered", "dropped", "accepted", "rejected", "fetched", "withdrawn"};
	struct chatlog_entry entry = full_entry_of("hello", 5), back;

	(void)state;
	entry.standing = NULL;
	entry.direction = CHATLOG_QUEUED;
	entry.once = true;
	expect_line(&entry, QUEUED);
	assert_int_equal(parse(BYTES(QUEUED), &back), 0);
	assert_int_equal(back.direction, CHATLOG_QUEUED);
	assert_true(back.once);
	chatlog_entry_free(&back);

	entry.kind = CHATLOG_STATE;
	entry.state = CHATLOG_DROPPED;
	entry.why = "blocked";
	expect_line(&entry, DROPPED);
	assert_int_equal(parse(BYTES(DROPPED), &back), 0);
	assert_int_equal(back.kind, CHATLOG_STATE);
	assert_int_equal(back.state, CHATLOG_DROPPED);
	assert_string_equal(back.why, "blocked");
	assert_string_equal(back.username, "Ece");
	assert_memory_equal(back.id, entry.id, sizeof(back.id));
	assert_memory_equal(back.identity, entry.identity, sizeof(back.identity));
	chatlog_entry_free(&back);

	/* A message in the clear that was held has an id, but nobody's identity. */
	entry.has_identity = false;
	entry.why = NULL;
	for (unsigned i = CHATLOG_DELIVERED; i <= CHATLOG_WITHDRAWN; i++) {
		struct buffer batch = {0};

		entry.state = (enum chatlog_state)i;
		assert_int_equal(chatlog_format(&batch, &entry), 0);
		assert_non_null(memmem(batch.data, batch.len, words[i], strlen(words[i])));
		assert_int_equal(parse(batch.data, batch.len - 1, &back), 0);
		assert_int_equal(back.state, i);
		assert_false(back.has_identity);
		chatlog_entry_free(&back);
		buffer_free(&batch);
	}

	entry.kind = CHATLOG_SETTLED;
	entry.settled = 8388608;
	expect_line(&entry, SETTLED);
	assert_int_equal(parse(BYTES(SETTLED), &back), 0);
	assert_int_equal(back.kind, CHATLOG_SETTLED);
	assert_true(back.settled == 8388608);
	chatlog_entry_free(&back);
}

/* An offer of one's own, and where it lies here once it was fetched. */
#define SOURCE                                                                                                         \
	"\"source\": {\"path\": \"/home/ece/plan.pdf\", \"device\": 2049, \"inode\": -1, \"bytes\": 2100000, "         \
	"\"mtime\": 1795161600123456789, \"ctime\": 1795161600123456790}"
#define OFFER(number)                                                                                                  \
	"{\"time\": \"2026-11-20T08:00:00.123Z\", \"direction\": \"QUEUED\", \"username\": "                           \
	"\"Ece\", \"ip\": \"192.168.1.7\", \"mode\": \"secure\", \"id\": \"EBESExQVFhcYGRobHB0eHw==\", "               \
	"\"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", "                                             \
	"\"file\": {\"name\": \"plan.pdf\", \"bytes\": 2100000}, " SOURCE ", \"number\": " number "}"
#define FETCHED                                                                                                        \
	"{\"time\": \"2026-11-20T08:00:00.123Z\", \"id\": \"EBESExQVFhcYGRobHB0eHw==\", "                              \
	"\"state\": \"fetched\", \"username\": \"Ece\", "                                                              \
	"\"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", " SOURCE ", \"number\":          3}"

static void expect_offer(const struct chatlog_entry *entry, uint64_t number)
{
	assert_true(entry->number == number);
	assert_true(entry->has_source);
	assert_string_equal(entry->source.path, "/home/ece/plan.pdf");
	assert_true(entry->source.stamp.device == 2049);
	assert_true(entry->source.stamp.inode == UINT64_MAX);
	assert_int_equal(entry->source.stamp.bytes, 2100000);
	assert_int_equal(entry->source.stamp.mtime_ns, 1795161600123456789);
	assert_int_equal(entry->source.stamp.ctime_ns, 1795161600123456790);
}

static void an_offer_has_a_number_at_its_end(void **state)
{
	struct chatlog_entry entry = full_entry_of("", 0), back;

	(void)state;
	entry.standing = NULL;
	entry.direction = CHATLOG_QUEUED;
	entry.has_file = entry.has_source = true;
	entry.file = (struct fileoffer){.name = "plan.pdf", .bytes = 2100000};
	entry.source = (struct filesource){
	    "/home/ece/plan.pdf", {2049, UINT64_MAX, 2100000, 1795161600123456789, 1795161600123456790}};
	entry.number = CHATLOG_NUMBER_NEXT;
	expect_line(&entry, OFFER("          "));
	assert_true(chatlog_number(BYTES(OFFER("          "))) == CHATLOG_NUMBER_NEXT);
	assert_int_equal(parse(BYTES(OFFER("          ")), &back), EBADMSG);
	entry.number = 17;
	expect_line(&entry, OFFER("        17"));
	assert_true(chatlog_number(BYTES(OFFER("        17"))) == 17);
	assert_int_equal(parse(BYTES(OFFER("        17")), &back), 0);
	assert_true(back.has_file);
	assert_string_equal(back.file.name, "plan.pdf");
	assert_int_equal(back.file.bytes, 2100000);
	assert_string_equal(back.text, "");
	assert_int_equal(back.text_len, 0);
	expect_offer(&back, 17);
	chatlog_entry_free(&back);

	entry.kind = CHATLOG_STATE;
	entry.state = CHATLOG_FETCHED;
	entry.number = 3;
	expect_line(&entry, FETCHED);
	assert_int_equal(parse(BYTES(FETCHED), &back), 0);
	assert_int_equal(back.state, CHATLOG_FETCHED);
	expect_offer(&back, 3);
	chatlog_entry_free(&back);

	/* What others write ends otherwise. */
	assert_true(chatlog_number(BYTES(EXAMPLE)) == 0);
	assert_true(chatlog_number(BYTES("}")) == 0);
	assert_true(chatlog_number(BYTES("{, \"number\":         1 }")) == 0);
	assert_true(chatlog_number(BYTES("{, \"number\":       1 1}")) == 0);
}

static void no_offer_has_a_name_that_cannot_be_stored(void **state)
{
	static const char *const files[] = {
	    "{\"name\": \"../peers.txt\", \"bytes\": 1}",
	    "{\"name\": \"\", \"bytes\": 1}",
	    "{\"name\": \"a\", \"bytes\": -1}",
	    "7",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct chatlog_entry entry;
		char line[1000];

		snprintf(line, sizeof(line),
		    "{\"time\": \"2026-11-20T08:00:00.123Z\", \"direction\": \"RECEIVED\", \"username\": \"Ece\", "
		    "\"ip\": \"192.168.1.7\", \"mode\": \"plain\", \"file\": %s}",
		    files[i]);
		assert_int_equal(parse(line, strlen(line), &entry), EBADMSG);
	}
}

/* What is said in rooms, a state of one, and what happened there. */
#define ROOM "\"room\": \"QEFCQ0RFRkdISUpLTE1OTw==\""
#define SIGNATURE                                                                                                      \
	"\"signature\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\""
#define SAID "\"signed\": \"{\\\"text\\\": \\\"hi\\\"}\", " SIGNATURE
#define WHO "\"id\": \"EBESExQVFhcYGRobHB0eHw==\", \"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", "
#define TO "\"to\": [\"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\"]"
#define AT "{\"time\": \"2026-11-20T08:00:00.123Z\", "
#define SAYING                                                                                                         \
	AT "\"direction\": \"RECEIVED\", \"username\": \"Ece\", \"ip\": \"192.168.1.7\", \"mode\": \"secure\", " WHO   \
	    ROOM ", " SAID "}"
#define OWN_SAYING                                                                                                     \
	AT "\"direction\": \"QUEUED\", \"username\": \"#lab\", \"mode\": \"secure\", "                                 \
	   "\"id\": \"EBESExQVFhcYGRobHB0eHw==\", " ROOM ", " TO ", " SAID "}"
#define ROOM_STATE                                                                                                     \
	AT "\"id\": \"EBESExQVFhcYGRobHB0eHw==\", " ROOM ", \"state\": {" SAID                                         \
	   "}, \"key\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", " TO ", \"before\": 0}"
#define EVENT                                                                                                          \
	AT ROOM ", \"event\": \"removed\", \"username\": \"Ece\", "                                                    \
		"\"identity\": \"oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\", \"by\": \"Bob\"}"
#define NEW_NAME AT ROOM ", \"event\": \"name\", \"by\": \"Bob\", \"value\": \"cooks\"}"

static void what_happens_in_rooms_is_written_and_read_back(void **state)
{
	static const char *const events[] = {"created", "joined", "left", "removed", "admin", "no admin", "name",
	    "about", "capacity", "entry", "password", "fell", "twice", "apart"};
	static const char *const lines[] = {SAYING, OWN_SAYING, ROOM_STATE, EVENT, NEW_NAME};
	struct chatlog_entry entry = full_entry_of("not this", 8), back;
	uint8_t to[CHATLOG_TO_MAX][IDENTITY_BYTES];

	(void)state;
	entry.standing = NULL;
	entry.has_room = entry.has_key = true;
	for (size_t i = 0; i < sizeof(entry.room); i++)
		entry.room[i] = (uint8_t)(0x40 + i);
	entry.signed_text.text = "{\"text\": \"hi\"}";
	entry.signed_text.len = strlen(entry.signed_text.text);
	memcpy(entry.key, entry.identity, sizeof(entry.key));
	for (size_t i = 0; i < COUNT(to); i++)
		memcpy(to[i], entry.identity, sizeof(to[i]));
	expect_line(&entry, SAYING);
	entry.direction = CHATLOG_QUEUED;
	entry.to = to;
	entry.to_count = 1;
	strcpy(entry.username, "#lab");
	entry.has_identity = false;
	expect_line(&entry, OWN_SAYING);
	entry.kind = CHATLOG_ROOM;
	expect_line(&entry, ROOM_STATE);
	entry.kind = CHATLOG_EVENT;
	entry.event = CHATLOG_REMOVED;
	entry.has_identity = true;
	entry.by = "Bob";
	strcpy(entry.username, "Ece");
	expect_line(&entry, EVENT);
	entry.event = CHATLOG_NAMED;
	entry.value = "cooks";
	entry.has_identity = false;
	entry.username[0] = '\0';
	expect_line(&entry, NEW_NAME);
	for (unsigned i = 0; i < COUNT(events); i++)
		assert_string_equal(chatlog_event_word((enum chatlog_event)i), events[i]);

	for (size_t i = 0; i < COUNT(lines); i++) {
		assert_int_equal(parse(lines[i], strlen(lines[i]), &back), 0);
		assert_true(back.has_room);
		assert_memory_equal(back.room, entry.room, sizeof(back.room));
		if (back.kind == CHATLOG_MESSAGE)
			assert_string_equal(back.text, "hi");
		if (back.kind != CHATLOG_EVENT)
			assert_string_equal(back.signed_text.text, entry.signed_text.text);
		if (back.to)
			assert_memory_equal(back.to, to, sizeof(to[0]));
		expect_line(&back, lines[i]);
		chatlog_entry_free(&back);
	}
	/* For as many as a room can have, and for nobody; the first state of a room that was taken. */
	entry.kind = CHATLOG_ROOM;
	entry.before = -1;
	for (size_t i = 0; i < 2; i++) {
		struct buffer line = {0};

		entry.to_count = i * COUNT(to);
		assert_int_equal(chatlog_format(&line, &entry), 0);
		assert_int_equal(parse(line.data, line.len - 1, &back), 0);
		assert_int_equal(back.to_count, entry.to_count);
		assert_int_equal(back.before, -1);
		chatlog_entry_free(&back);
		buffer_free(&line);
	}
}

static uint64_t draw(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* What is taken of a damaged line is an entry that can be written again, and is read back the same. */
static void expect_stable(const char *line, size_t len)
{
	struct buffer first = {0}, second = {0};
	struct chatlog_entry entry;

	if (parse(line, len, &entry) != 0)
		return;
	assert_true(entry.kind <= CHATLOG_EVENT);
	assert_int_equal(chatlog_format(&first, &entry), 0);
	chatlog_entry_free(&entry);
	assert_int_equal(parse(first.data, first.len - 1, &entry), 0);
	assert_int_equal(chatlog_format(&second, &entry), 0);
	chatlog_entry_free(&entry);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	buffer_free(&first);
	buffer_free(&second);
}

static void damaged_lines_are_refused_or_taken_whole(void **state)
{
	static const char *const lines[] = {
	    EXAMPLE, BARE, QUEUED, DROPPED, SETTLED, SAYING, OWN_SAYING, ROOM_STATE, EVENT, NEW_NAME};
	static const char pieces[] = "{}[]\",:\\ 0-19eEtruefalsnid\x01\x7f\xc3\xff";
	char line[2 * sizeof(ROOM_STATE)];
	uint64_t seed = 9;

	(void)state;
	for (unsigned i = 0; i < 80000; i++) {
		const char *base = lines[i % COUNT(lines)], *other = lines[draw(&seed) % COUNT(lines)];
		size_t len = strlen(base), at = draw(&seed) % len;

		memcpy(line, base, len);
		if (i & 8) { /* a part of another line, or of the same */
			size_t from = draw(&seed) % strlen(other), part = draw(&seed) % (strlen(other) - from);

			part = part < sizeof(line) - at ? part : sizeof(line) - at;
			memcpy(line + at, other + from, part);
			len = at + part > len ? at + part : len;
		}
		for (unsigned k = draw(&seed) % 4; k > 0; k--)
			line[draw(&seed) % len] = pieces[draw(&seed) % (sizeof(pieces) - 1)];
		if (i & 16)
			len = draw(&seed) % len;
		expect_stable(line, len);
	}
}

static void an_entry_made_by_hand_is_freed_too(void **state)
{
	struct chatlog_entry entry = entry_of("hello", 5);

	(void)state;
	chatlog_entry_free(&entry);
	entry = (struct chatlog_entry){0};
	chatlog_entry_free(&entry);
}

static void text_that_is_not_utf8_is_not_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(support_bad_utf8); i++) {
		const struct bad_utf8 *bad = &support_bad_utf8[i];
		struct chatlog_entry entry = entry_of(bad->bytes, bad->len);
		struct buffer batch = {0};

		assert_int_equal(buffer_append(&batch, "before\n", 7), 0);
		CHECK(chatlog_format(&batch, &entry) == EILSEQ, "%s is written", bad->why);
		assert_int_equal(batch.len, 7);
		assert_memory_equal(batch.data, "before\n", 7);

		entry = entry_of("hello", 5);
		memset(entry.username, 0, sizeof(entry.username));
		memcpy(entry.username, bad->bytes, bad->len);
		if (memchr(bad->bytes, '\0', bad->len) == NULL)
			CHECK(chatlog_format(&batch, &entry) == EILSEQ, "%s is written", bad->why);
		assert_int_equal(batch.len, 7);
		buffer_free(&batch);
	}
}

#define TIME "\"time\": \"2026-11-20T08:00:00.123Z\""
#define DIRECTION "\"direction\": \"SENT\""
#define USERNAME "\"username\": \"Ece\""
#define IP "\"ip\": \"192.168.1.7\""
#define MODE "\"mode\": \"plain\""
#define TEXT "\"text\": \"hello\""
#define ID "\"id\": \"EBESExQVFhcYGRobHB0eHw==\""

#define MESSAGE TIME ", " DIRECTION ", " USERNAME ", " IP ", " MODE ", " TEXT

static void further_members_are_ignored(void **state)
{
	struct chatlog_entry entry;

	(void)state;
	assert_int_equal(parse(BYTES("{" MESSAGE ", \"rooms\": [{\"standing\": 1}], \"\": null}"), &entry), 0);
	assert_null(entry.standing);
	assert_false(entry.has_id || entry.has_identity);
	chatlog_entry_free(&entry);
}

static void other_lines_are_refused(void **state)
{
	static const struct {
		const char *line;
		size_t len;
	} cases[] = {
	    {BYTES("")},
	    {BYTES(" ")},
	    {BYTES("\0")},
	    {BYTES("hello")},
	    {BYTES("[]")},
	    {BYTES("{}")},
	    {BYTES("null")},
	    {EXAMPLE, sizeof(EXAMPLE) - 2},
	    {EXAMPLE, 40},
	    {BYTES(EXAMPLE EXAMPLE)},
	    {BYTES(EXAMPLE "x")},
	    {BYTES(EXAMPLE "\0")},
	    {BYTES("[" EXAMPLE "]")},
	    /* A member missing. */
	    {BYTES("{" DIRECTION ", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", " MODE "}")},
	    /* A member of another type. */
	    {BYTES("{\"time\": 1795161600123, " DIRECTION ", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", \"direction\": 1, " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", \"username\": null, " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", \"ip\": 42, " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", \"mode\": true, " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", " MODE ", \"text\": 42}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", " MODE ", \"text\": [\"hello\"]}")},
	    {BYTES("{" MESSAGE ", \"standing\": true}")},
	    {BYTES("{" MESSAGE ", \"id\": 7}")},
	    {BYTES("{" MESSAGE ", \"identity\": null}")},
	    /* A value that is none. */
	    {BYTES("{" MESSAGE ", \"standing\": \"\"}")},
	    {BYTES("{" MESSAGE ", \"standing\": \"Verified\"}")},
	    {BYTES("{" MESSAGE ", \"standing\": \"verified] [\"}")},
	    {BYTES("{" MESSAGE ", \"standing\": \"abcdefghijklmnopq\"}")},
	    {BYTES("{" MESSAGE ", \"id\": \"EBESExQVFhcYGRobHB0e\"}")},
	    {BYTES("{" MESSAGE ", \"id\": \"EBESExQVFhcYGRobHB0eHw\"}")},
	    {BYTES("{" MESSAGE ", \"id\": \"EBESExQVFhcYGRobHB0eHyA=\"}")},
	    {BYTES("{" MESSAGE ", \"identity\": \"EBESExQVFhcYGRobHB0eHw==\"}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", \"mode\": \"changed\", " TEXT "}")},
	    {BYTES("{" MESSAGE ", \"once\": 1}")},
	    /* In a room: nothing signed, no text in it, a room that is none, for nobody, for somebody who is none. */
	    {BYTES("{" MESSAGE ", " ID ", " ROOM "}")},
	    {BYTES("{" MESSAGE ", " ID ", " ROOM ", \"signed\": \"{}\", " SIGNATURE "}")},
	    {BYTES("{" MESSAGE ", " ID ", " ROOM ", \"signed\": \"hi\", " SIGNATURE "}")},
	    {BYTES("{" MESSAGE ", " ID ", " ROOM ", \"signed\": \"{\\\"text\\\": \\\"hi\\\"}\"}")},
	    {BYTES("{" MESSAGE ", " ROOM ", " SAID "}")},
	    {BYTES("{" MESSAGE ", " ID ", \"room\": \"lab\", " SAID "}")},
	    {BYTES(AT "\"direction\": \"QUEUED\", " USERNAME ", " MODE ", " ID ", " ROOM ", " SAID "}")},
	    {BYTES("{" MESSAGE ", " ID ", " ROOM ", \"to\": [\"Ece\"], " SAID "}")},
	    {BYTES("{" MESSAGE ", " ID ", " ROOM ", \"to\": \"Ece\", " SAID "}")},
	    {BYTES(AT "\"direction\": \"RECEIVED\", " USERNAME ", " MODE ", " WHO ROOM ", " SAID "}")},
	    {BYTES(AT ROOM ", \"state\": {" SAID "}}")},
	    {BYTES(AT ID ", \"state\": {" SAID "}}")},
	    {BYTES(AT ID ", " ROOM ", \"state\": {" SIGNATURE "}}")},
	    {BYTES(AT ID ", " ROOM ", \"state\": {" SAID "}, \"key\": \"QEFCQ0RFRkdISUpLTE1OTw==\"}")},
	    {BYTES(AT ID ", " ROOM ", \"state\": {" SAID "}, \"before\": -1}")},
	    {BYTES(AT "\"event\": \"joined\", " USERNAME "}")},
	    {BYTES(AT ROOM ", \"event\": \"exploded\", " USERNAME "}")},
	    {BYTES(AT ROOM ", \"event\": \"joined\", \"username\": 7}")},
	    {BYTES("{" MESSAGE ", \"held\": false}")},
	    /* What is queued says what, and for whom. */
	    {BYTES("{" TIME ", \"direction\": \"QUEUED\", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", \"direction\": \"QUEUED\", " USERNAME ", " IP ", " MODE ", " ID ", " TEXT "}")},
	    /* What has become of a message. */
	    {BYTES("{" TIME ", " ID ", \"state\": \"delivered\"}")},
	    {BYTES("{" TIME ", \"state\": \"delivered\", " USERNAME "}")},
	    {BYTES("{" TIME ", " ID ", \"state\": \"Delivered\", " USERNAME "}")},
	    {BYTES("{" TIME ", " ID ", \"state\": 1, " USERNAME "}")},
	    {BYTES("{" TIME ", " ID ", \"state\": \"dropped\", " USERNAME ", \"why\": 404}")},
	    {BYTES("{" ID ", \"state\": \"delivered\", " USERNAME "}")},
	    /* Offsets. */
	    {BYTES("{\"settled\": 4096}")},
	    {BYTES("{" TIME ", \"settled\": -1}")},
	    {BYTES("{" TIME ", \"settled\": 4096.5}")},
	    {BYTES("{" TIME ", \"settled\": \"4096\"}")},
	    {BYTES("{" TIME ", \"settled\": 9223372036854775808}")},
	    /* Lines of later versions. */
	    {BYTES("{" TIME ", \"room\": \"R\", \"event\": \"left\"}")},
	    {BYTES("{\"time\": \"2026-11-20 08:00:00\", " DIRECTION ", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{\"time\": \"2026-02-30T08:00:00.123Z\", " DIRECTION ", " USERNAME ", " IP ", " MODE ", " TEXT
		   "}")},
	    {BYTES("{\"time\": \"\", " DIRECTION ", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", \"direction\": \"sent\", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", \"direction\": \"\", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", \"direction\": \"SENT \", " USERNAME ", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", \"username\": \"\", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", \"username\": \"E\\u001b[2Jce\", " IP ", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", \"username\": "
		   "\"01234567890123456789012345678901234567890123456789012345678901234\", " IP ", " MODE ", " TEXT
		   "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", \"ip\": \"\", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", \"ip\": \"192.168.1\", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", \"ip\": \"localhost\", " MODE ", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", \"mode\": \"Secure\", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", \"mode\": \"\", " TEXT "}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", " MODE ", \"text\": \"\\ud83d\"}")},
	    {BYTES("{" TIME ", " DIRECTION ", " USERNAME ", " IP ", " MODE ", \"text\": \"\xff\"}")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct chatlog_entry entry;
		struct chatlog_entry before;

		memset(&entry, 0x5a, sizeof(entry));
		memset(&before, 0x5a, sizeof(before));
		CHECK(parse(cases[i].line, cases[i].len, &entry) == EBADMSG, "taken: %s", cases[i].line);
		assert_memory_equal(&entry, &before, sizeof(entry));
	}
}

static void append(int dir, const char *lines)
{
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	assert_non_null(log);
	assert_int_equal(append_line(log, lines, 0), 0);
	chatlog_free(log);
}

static void lines_are_appended_to_a_private_file(void **state)
{
	int dir = workdir_fd(state);
	mode_t mask = umask(0);
	size_t descriptors = descriptors_open();

	for (int i = 0; i < 4; i++) {
		struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

		assert_non_null(log);
		assert_false(file_exists(dir, NAME));
		assert_int_equal(append_line(log, "one\n", i & 2 ? CHATLOG_DURABLE : 0), 0);
		file_expect(dir, NAME, BYTES("one\n"));
		assert_int_equal(append_line(log, "two\nthree\n", i & 2 ? 0 : CHATLOG_DURABLE), 0);
		file_expect(dir, NAME, BYTES("one\ntwo\nthree\n"));
		assert_int_equal(file_mode(dir, NAME), 0600);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
		chatlog_free(log);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
	assert_int_equal(descriptors_open(), descriptors);
	chatlog_free(chatlog_new(dir, LOCKEDFILE_WAIT_MS));
	chatlog_free(NULL);
	assert_int_equal(file_count(dir, ""), 0);
	umask(mask);
}

/* What is acknowledged must not be lost with the name of its file, whoever made that, and when. */
static void the_name_is_on_the_disk_when_the_first_durable_line_is(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	for (unsigned round = 0; round < 2; round++) {
		directory_syncs = file_syncs = 0;
		assert_int_equal(append_line(log, "one\n", 0), 0);
		assert_int_equal(directory_syncs + file_syncs, 0);
		assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), 0);
		assert_int_equal(directory_syncs, 1);
		assert_int_equal(append_line(log, "three\n", CHATLOG_DURABLE), 0);
		assert_int_equal(directory_syncs, 1);
		assert_int_equal(file_syncs, 2);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
	chatlog_free(log);
}

static void a_line_is_found_again_where_it_was_appended(void **state)
{
	int dir = workdir_fd(state);
	char *text = support_repeat('x', 20000);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
	struct chatlog_entry entry = full_entry_of(text, 20000), back;
	struct buffer line = {0};
	int64_t offset;

	assert_int_equal(chatlog_read_at(dir, 0, &back), ENOENT);
	file_put(dir, NAME, "torn", 4);
	assert_int_equal(chatlog_format(&line, &entry), 0);
	for (int64_t i = 0; i < 3; i++) {
		assert_int_equal(chatlog_append(log, line.data, line.len, 0), 0);
		offset = chatlog_appended(log);
		assert_true(offset == 5 + i * (int64_t)line.len);
		assert_int_equal(chatlog_read_at(dir, offset, &back), 0);
		assert_int_equal(back.text_len, 20000);
		assert_memory_equal(back.text, text, 20000);
		chatlog_entry_free(&back);
	}
	assert_int_equal(chatlog_read_at(dir, 0, &back), EBADMSG);
	assert_int_equal(chatlog_read_at(dir, offset + 1, &back), EBADMSG);
	assert_int_equal(chatlog_read_at(dir, offset + (int64_t)line.len, &back), EBADMSG);
	assert_int_equal(chatlog_read_at(dir, -1, &back), EINVAL);
	/* A line that does not end, and is longer than any. */
	buffer_free(&line);
	free(text);
	text = support_repeat(' ', CHATLOG_LINE_MAX_BYTES + 100000);
	file_put(dir, NAME, text, CHATLOG_LINE_MAX_BYTES + 100000);
	assert_int_equal(chatlog_read_at(dir, 0, &back), EBADMSG);
	free(text);
	chatlog_free(log);
}

#define DEFERRED (CHATLOG_DURABLE | CHATLOG_DEFERRED)

static void lines_whose_sync_goes_on_are_written_and_locked(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	can_defer = true;
	sync_ended = false;
	sync_result = 0;
	directory_syncs = file_syncs = 0;
	assert_int_equal(chatlog_defer(log), 99);
	assert_int_equal(append_line(log, "one\n", DEFERRED), EINPROGRESS);
	file_expect(dir, NAME, "one\n", 4);
	assert_int_equal(chatlog_finish(log, false), EAGAIN);
	assert_int_equal(chatlog_lock(log), EBUSY);
	assert_false(lock_is_free(dir, NAME, LOCK_SH));
	assert_int_equal(directory_syncs, 0);
	sync_ended = true;
	assert_int_equal(chatlog_finish(log, false), 0);
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
	assert_true(directory_syncs == 1 && file_syncs == 1);
	sync_ended = false;
	assert_int_equal(append_line(log, "two\n", DEFERRED), EINPROGRESS);
	assert_int_equal(chatlog_finish(log, true), 0);
	assert_int_equal(append_line(log, "three\n", CHATLOG_DEFERRED), 0);
	assert_true(directory_syncs == 1 && file_syncs == 2);
	file_expect(dir, NAME, "one\ntwo\nthree\n", 14);
	chatlog_free(log);
}

static void lines_whose_sync_fails_later_are_taken_back(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	can_defer = sync_ended = true;
	assert_int_equal(chatlog_defer(log), 99);
	file_put(dir, NAME, "torn", 4);
	for (int round = 0; round < 2; round++) {
		sync_result = EIO;
		assert_int_equal(append_line(log, "lost\n", DEFERRED), EINPROGRESS);
		file_expect(dir, NAME, "torn\nlost\n", 10);
		assert_int_equal(chatlog_finish(log, round == 1), EIO);
		file_expect(dir, NAME, "torn", 4);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
	}
	sync_result = 0;
	assert_int_equal(append_line(log, "kept\n", DEFERRED), EINPROGRESS);
	assert_int_equal(chatlog_finish(log, false), 0);
	file_expect(dir, NAME, "torn\nkept\n", 10);
	chatlog_free(log);
}

static void lines_are_synced_at_once_if_that_cannot_go_on(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	/* Nobody asked, and it could not be arranged. */
	can_defer = false;
	for (int round = 0; round < 2; round++) {
		file_syncs = 0;
		if (round == 1)
			assert_int_equal(chatlog_defer(log), -1);
		assert_int_equal(append_line(log, "line\n", DEFERRED), 0);
		assert_int_equal(file_syncs, 1);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
	}
	file_expect(dir, NAME, "line\nline\n", 10);
	chatlog_free(log);
}

static void a_file_that_others_could_read_becomes_private(void **state)
{
	int dir = workdir_fd(state);

	file_put(dir, NAME, "one\n", 4);
	assert_int_equal(fchmodat(dir, NAME, 0644, 0), 0);
	append(dir, "two\n");
	assert_int_equal(file_mode(dir, NAME), 0600);
	file_expect(dir, NAME, BYTES("one\ntwo\n"));
}

static void nothing_is_appended_through_a_link(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	file_put(dir, "profile", "# mine\n", 7);
	assert_int_equal(symlinkat("profile", dir, NAME), 0);
	assert_int_equal(append_line(log, "touch owned\n", CHATLOG_DURABLE), ELOOP);
	file_expect(dir, "profile", BYTES("# mine\n"));
	chatlog_free(log);
}

static void a_batch_of_megabytes_is_appended_whole(void **state)
{
	int dir = workdir_fd(state);
	size_t len = 5000000;
	char *lines = support_repeat('x', len);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	lines[len - 1] = '\n';
	assert_int_equal(chatlog_append(log, lines, len, CHATLOG_DURABLE), 0);
	file_expect(dir, NAME, lines, len);
	chatlog_free(log);
	free(lines);
}

static void a_torn_line_is_closed_off(void **state)
{
	char *long_torn = support_repeat('t', 2 * CHATLOG_LINE_MAX_BYTES);
	const struct {
		const char *before;
		const char *after;
	} cases[] = {
	    {"", ""},
	    {"\n", "\n"},
	    {"whole\n", "whole\n"},
	    {"torn", "torn\n"},
	    {"whole\ntorn", "whole\ntorn\n"},
	    {"whole\n{\"time\": \"2026", "whole\n{\"time\": \"2026\n"},
	    {long_torn, NULL},
	};
	int dir = workdir_fd(state);

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *after = cases[i].after != NULL ? cases[i].after : long_torn;
		size_t len;
		char *text;

		file_put(dir, NAME, cases[i].before, strlen(cases[i].before));
		append(dir, "new\n");
		append(dir, "newer\n");
		text = file_take(dir, NAME, &len);
		assert_memory_equal(text, after, strlen(after));
		assert_string_equal(text + len - 10 - (cases[i].after == NULL),
		    cases[i].after != NULL ? "new\nnewer\n" : "\nnew\nnewer\n");
		assert_int_equal(len, strlen(after) + 10 + (cases[i].after == NULL));
		free(text);
	}
	free(long_torn);
}

static void a_file_that_was_moved_away_is_made_anew(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	assert_int_equal(append_line(log, "one\n", CHATLOG_DURABLE), 0);
	assert_int_equal(renameat(dir, NAME, dir, "chat.log.1"), 0);
	assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), 0);
	file_expect(dir, "chat.log.1", BYTES("one\n"));
	file_expect(dir, NAME, BYTES("two\n"));
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(append_line(log, "three\n", 0), 0);
	file_expect(dir, NAME, BYTES("three\n"));
	chatlog_free(log);
}

/* The user clears up while another program writes. */
static void move_it_away(int dir, const char *name)
{
	if (renameat(dir, name, dir, "old") != 0)
		_exit(1);
}

static void a_file_moved_away_during_the_wait_is_made_anew(void **state)
{
	int dir = workdir_fd(state);
	struct holder holder;

	file_put(dir, NAME, "one\n", 4);
	holder = holder_start(dir, NAME, LOCK_EX, move_it_away);
	append(dir, "two\n");
	holder_end(holder);
	file_expect(dir, "old", BYTES("one\n"));
	file_expect(dir, NAME, BYTES("two\n"));
}

static void a_lock_that_stays_is_given_up_with_nothing_appended(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, 100);
	size_t descriptors = descriptors_open();
	struct holder holder;

	file_put(dir, NAME, "one\n", 4);
	holder = holder_start(dir, NAME, LOCK_SH, NULL);
	assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), ETIMEDOUT);
	holder_end(holder);
	file_expect(dir, NAME, BYTES("one\n"));
	assert_int_equal(descriptors_open(), descriptors);
	assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), 0);
	file_expect(dir, NAME, BYTES("one\ntwo\n"));
	chatlog_free(log);
}

static void what_is_no_file_is_an_error(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
	size_t descriptors = descriptors_open();

	assert_int_equal(mkfifoat(dir, NAME, 0600), 0);
	assert_int_equal(append_line(log, "one\n", CHATLOG_DURABLE), EINVAL);
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	assert_int_equal(mkdirat(dir, NAME, 0700), 0);
	assert_int_not_equal(append_line(log, "one\n", CHATLOG_DURABLE), 0);
	assert_int_equal(unlinkat(dir, NAME, AT_REMOVEDIR), 0);
	/* What swallows lines is no log either. */
	assert_int_equal(symlinkat("/dev/null", dir, NAME), 0);
	assert_int_equal(append_line(log, "one\n", CHATLOG_DURABLE), ELOOP);
	assert_int_equal(descriptors_open(), descriptors);
	chatlog_free(log);
}

static void a_short_disk_appends_whole_batches_or_nothing(void **state)
{
	/* Room for nothing, for a part of the batch, for all but the last byte, and for all. */
	static const rlim_t rooms[] = {0, 1, 99, 100, 299, 300};
	static const char *const before[] = {"", "one\n", "one\ntorn"};
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	char *lines = support_repeat('x', 300);

	lines[99] = lines[199] = lines[299] = '\n';
	for (size_t i = 0; i < COUNT(before); i++) {
		for (size_t j = 0; j < COUNT(rooms); j++) {
			bool torn = i == 2;
			size_t len = strlen(before[i]);
			bool fits = rooms[j] == 300 && !torn;
			struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
			struct rlimit old;
			char *text;
			size_t text_len;
			int r;

			file_put(dir, NAME, before[i], len);
			old = disk_shrink(len + rooms[j]);
			r = chatlog_append(log, lines, 300, j & 1 ? CHATLOG_DURABLE : 0);
			disk_restore(old);
			text = file_take(dir, NAME, &text_len);
			if (fits) {
				assert_int_equal(r, 0);
				assert_int_equal(text_len, len + 300);
			} else {
				CHECK(r == ENOSPC || r == EFBIG, "error %d", r);
				/* Back to the last whole line, or to what was there. */
				assert_int_equal(text_len, torn && text_len == 4 ? 4 : len);
				assert_memory_equal(text, before[i], text_len);
			}
			free(text);
			assert_true(lock_is_free(dir, NAME, LOCK_EX));

			/* With room again, the next lines are whole. */
			assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), 0);
			text = file_take(dir, NAME, &text_len);
			assert_true(text_len >= 4);
			assert_string_equal(text + text_len - 4, "two\n");
			assert_true(text_len == 4 || text[text_len - 5] == '\n');
			free(text);
			chatlog_free(log);
			assert_int_equal(unlinkat(dir, NAME, 0), 0);
		}
	}
	assert_int_equal(descriptors_open(), descriptors);
	free(lines);
}

static void append_kept(struct chatlog *log, int dir, const char *line, const char *expected)
{
	assert_int_equal(append_line(log, line, 0), 0);
	file_expect(dir, NAME, expected, strlen(expected));
	/* Kept, but not locked. */
	assert_true(lock_is_free(dir, NAME, LOCK_EX));
}

/* Another program, or the user, adds to the file. */
static void add_to_file(int dir, const char *text)
{
	int fd = openat(dir, NAME, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void what_is_appended_under_one_lock_stays_together(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS), *other = chatlog_new(dir, 0);
	struct rlimit old;

	assert_int_equal(chatlog_lock(log), 0);
	assert_int_equal(append_line(log, "one\n", 0), 0);
	assert_int_equal(chatlog_appended(log), 0);
	assert_int_equal(append_line(other, "no\n", 0), ETIMEDOUT);
	/* What does not fit takes nothing with it that did. */
	old = disk_shrink(4 + 2);
	assert_int_not_equal(append_line(log, "two\n", CHATLOG_DURABLE), 0);
	disk_restore(old);
	assert_false(lock_is_free(dir, NAME, LOCK_EX));
	assert_int_equal(append_line(log, "three\n", CHATLOG_DURABLE), 0);
	assert_int_equal(chatlog_appended(log), 4);
	chatlog_unlock(log);
	assert_int_equal(append_line(other, "four\n", 0), 0);
	/* What comes of another program is behind it; a torn line is closed off under the lock, too. */
	add_to_file(dir, "torn");
	assert_int_equal(chatlog_lock(log), 0);
	assert_int_equal(append_line(log, "five\n", 0), 0);
	assert_int_equal(append_line(log, "six\n", 0), 0);
	chatlog_unlock(log);
	file_expect(dir, NAME, BYTES("one\nthree\nfour\ntorn\nfive\nsix\n"));
	chatlog_free(other);
	chatlog_free(log);
}

static void the_file_is_kept_open_and_may_change_meanwhile(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	append_kept(log, dir, "one\n", "one\n");
	append_kept(log, dir, "two\n", "one\ntwo\n");
	assert_int_equal(descriptors_open(), descriptors + 1);
	/* A line of another program, and one that it was killed over, at once and after a line of ours. */
	add_to_file(dir, "x\n");
	append_kept(log, dir, "three\n", "one\ntwo\nx\nthree\n");
	add_to_file(dir, "torn");
	append_kept(log, dir, "four\n", "one\ntwo\nx\nthree\ntorn\nfour\n");
	add_to_file(dir, "t");
	append_kept(log, dir, "five\n", "one\ntwo\nx\nthree\ntorn\nfour\nt\nfive\n");
	/* Emptied, shortened in the middle of a line, and written anew in place. */
	file_put(dir, NAME, "", 0);
	append_kept(log, dir, "six\n", "six\n");
	append_kept(log, dir, "seven\n", "six\nseven\n");
	file_put(dir, NAME, "six\nsev", 7);
	append_kept(log, dir, "eight\n", "six\nsev\neight\n");
	file_put(dir, NAME, "ten", 3);
	append_kept(log, dir, "nine\n", "ten\nnine\n");
	/* Moved away, with a torn line in what comes in its place. */
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	file_put(dir, NAME, "torn", 4);
	append_kept(log, dir, "ten\n", "torn\nten\n");
	file_expect(dir, "old", BYTES("ten\nnine\n"));
	/* As long as the one before, but torn. */
	assert_int_equal(unlinkat(dir, NAME, 0), 0);
	file_put(dir, NAME, "123456789", 9);
	append_kept(log, dir, "end\n", "123456789\nend\n");
	assert_int_equal(descriptors_open(), descriptors + 1);
	chatlog_free(log);
	assert_int_equal(descriptors_open(), descriptors);
}

static void a_kept_file_that_becomes_none_is_an_error_until_it_is_one_again(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	append_kept(log, dir, "one\n", "one\n");
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	assert_int_equal(mkfifoat(dir, NAME, 0600), 0);
	assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), EINVAL);
	assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), EINVAL);
	assert_int_equal(renameat(dir, "old", dir, NAME), 0);
	append_kept(log, dir, "three\n", "one\nthree\n");
	chatlog_free(log);
}

static void a_kept_file_that_is_locked_for_long_is_given_up_with_nothing_appended(void **state)
{
	int dir = workdir_fd(state);
	size_t descriptors = descriptors_open();
	struct chatlog *log = chatlog_new(dir, 100);
	struct holder holder;

	append_kept(log, dir, "one\n", "one\n");
	holder = holder_start(dir, NAME, LOCK_EX, NULL);
	assert_int_equal(append_line(log, "two\n", CHATLOG_DURABLE), ETIMEDOUT);
	file_expect(dir, NAME, BYTES("one\n"));
	holder_end(holder);
	append_kept(log, dir, "three\n", "one\nthree\n");
	assert_int_equal(descriptors_open(), descriptors + 1);
	chatlog_free(log);
}

static void a_kept_file_on_a_short_disk_stays_whole(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

	append_kept(log, dir, "one\n", "one\n");
	for (rlim_t room = 0; room < 4; room++) {
		struct rlimit old = disk_shrink(4 + room);
		int r = append_line(log, "two\n", room & 1 ? CHATLOG_DURABLE : 0);

		disk_restore(old);
		CHECK(r == ENOSPC || r == EFBIG, "error %d", r);
		file_expect(dir, NAME, BYTES("one\n"));
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
	}
	/* The same if another program tore a line; it is then closed off when there is room. */
	add_to_file(dir, "torn");
	for (rlim_t room = 0; room < 9; room++) {
		struct rlimit old = disk_shrink(8 + room / 2);

		assert_int_not_equal(append_line(log, "two\n", room & 1 ? CHATLOG_DURABLE : 0), 0);
		disk_restore(old);
		file_expect(dir, NAME, BYTES("one\ntorn"));
	}
	append_kept(log, dir, "two\n", "one\ntorn\ntwo\n");
	chatlog_free(log);
}

static void strangers_leave_a_part_of_the_disk_free(void **state)
{
	static const struct {
		fsblkcnt_t blocks, reserve;
	} disks[] = {
	    {10000, 100},
	    {1000000, 10000},
	    /* 64 MiB at most. */
	    {1638400, 16384},
	    {100000000, 16384},
	};
	int dir = workdir_fd(state);
	char *lines = support_repeat('x', DISK_BLOCK_BYTES);

	lines[DISK_BLOCK_BYTES - 1] = '\n';
	for (size_t i = 0; i < COUNT(disks); i++) {
		struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);

		disk_blocks = disks[i].blocks;
		/* Nothing that they say is kept if there is no room beyond the reserve, none at all or none but that. */
		disk_free = 0;
		assert_int_equal(chatlog_append(log, lines, DISK_BLOCK_BYTES, CHATLOG_FOR_STRANGERS), ENOSPC);
		disk_free = disks[i].reserve;
		assert_int_equal(chatlog_append(log, lines, DISK_BLOCK_BYTES, CHATLOG_FOR_STRANGERS), ENOSPC);
		assert_int_equal(append_line(log, "\n", CHATLOG_DURABLE | CHATLOG_FOR_STRANGERS), ENOSPC);
		file_expect(dir, NAME, "", 0);
		assert_true(lock_is_free(dir, NAME, LOCK_EX));
		/* Room is found at once; what they write counts, although the disk says the same for a while. */
		disk_free = disks[i].reserve + 3;
		for (int written = 0; written < 3; written++)
			assert_int_equal(chatlog_append(log, lines, DISK_BLOCK_BYTES, CHATLOG_FOR_STRANGERS), 0);
		disk_free = disks[i].reserve;
		assert_int_equal(append_line(log, "\n", CHATLOG_FOR_STRANGERS), ENOSPC);
		/* What the user says is kept all the same. */
		assert_int_equal(chatlog_append(log, lines, DISK_BLOCK_BYTES, 0), 0);
		chatlog_free(log);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
	free(lines);
	disk_blocks = disk_free = 1000000;
}

static void the_room_on_the_disk_is_looked_at_again_after_a_second(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, LOCKEDFILE_WAIT_MS);
	unsigned looks;

	/* Each time the file is another one, it may be on another disk. */
	for (int i = 0; i < 3; i++) {
		looks = disk_looks;
		assert_int_equal(append_line(log, "one\n", CHATLOG_FOR_STRANGERS), 0);
		assert_int_equal(disk_looks, looks + 1);
		assert_int_equal(unlinkat(dir, NAME, 0), 0);
	}
	assert_int_equal(append_line(log, "one\n", CHATLOG_FOR_STRANGERS), 0);
	/* Other programs fill the disk. */
	disk_free = 0;
	nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
	assert_int_equal(append_line(log, "two\n", CHATLOG_FOR_STRANGERS), ENOSPC);
	/* And the user makes room, which counts at once. */
	disk_free = 1000000;
	assert_int_equal(append_line(log, "three\n", CHATLOG_FOR_STRANGERS), 0);
	file_expect(dir, NAME, BYTES("one\nthree\n"));
	chatlog_free(log);
}

/* One of several programs that append at once. */
struct writer {
	int dir;
	unsigned number;
};

#define BATCHES 200

/* The text of a writer's batch: a length of its own, and nothing but its own letter. */
static size_t text_length(unsigned writer, unsigned batch)
{
	return (writer * 7919 + batch * 104729) % 20000;
}

static int append_many(void *argument)
{
	const struct writer *writer = argument;
	struct chatlog *log = chatlog_new(writer->dir, LOCKEDFILE_WAIT_MS);

	CHILD_CHECK(log != NULL);
	for (unsigned i = 0; i < BATCHES; i++) {
		char *text = malloc(20000);
		struct buffer batch = {0};
		struct chatlog_entry entry = {
		    .time_ms = i,
		    .direction = CHATLOG_SENT,
		    .address = support_address(writer->number),
		    .username = "Bob",
		    .text = text,
		    .text_len = text_length(writer->number, i),
		};
		int r;

		CHILD_CHECK(text != NULL);
		memset(text, 'a' + (int)writer->number, 20000);
		CHILD_CHECK(chatlog_format(&batch, &entry) == 0);
		entry.text_len = 3;
		CHILD_CHECK(chatlog_format(&batch, &entry) == 0);
		CONTEND(r, chatlog_append(log, batch.data, batch.len, i % 50 == 0 ? CHATLOG_DURABLE : 0));
		CHILD_CHECK(r == 0);
		buffer_free(&batch);
		free(text);
	}
	chatlog_free(log);
	return 0;
}

static void lines_of_several_writers_never_mix(void **state)
{
	int dir = workdir_fd(state);
	struct writer writers[3];
	pid_t pids[COUNT(writers)];
	unsigned next[COUNT(writers)] = {0};
	char *text;
	size_t len;

	for (unsigned i = 0; i < COUNT(writers); i++) {
		writers[i] = (struct writer){dir, i};
		pids[i] = start_child(append_many, &writers[i]);
	}
	for (size_t i = 0; i < COUNT(writers); i++)
		await_child(pids[i]);
	text = file_take(dir, NAME, &len);
	for (char *line = text; line < text + len;) {
		char *feed = memchr(line, '\n', (size_t)(text + len - line));
		struct chatlog_entry entry;
		unsigned writer;

		assert_non_null(feed);
		CHECK(parse(line, (size_t)(feed - line), &entry) == 0, "not a line: %.100s", line);
		writer = ntohl(entry.address.s_addr);
		assert_in_range(writer, 0, COUNT(writers) - 1);
		/* Two lines a batch, in the order in which they were appended. */
		assert_true(entry.time_ms == next[writer] / 2);
		assert_int_equal(entry.text_len, next[writer] % 2 == 1 ? 3 : text_length(writer, next[writer] / 2));
		for (size_t i = 0; i < entry.text_len; i++)
			assert_int_equal(entry.text[i], 'a' + (int)writer);
		next[writer]++;
		chatlog_entry_free(&entry);
		line = feed + 1;
	}
	for (size_t i = 0; i < COUNT(writers); i++)
		assert_int_equal(next[i], 2 * BATCHES);
	free(text);
}

static int append_for_ever(void *argument)
{
	for (;;)
		CHILD_CHECK(append_many(argument) == 0);
}

static void a_writer_killed_at_any_instant_spoils_no_line_of_others(void **state)
{
	int dir = workdir_fd(state);
	struct writer writer = {dir, 1};
	uint64_t seed = 17;
	unsigned ours = 0;
	unsigned torn = 0;
	char *text;
	size_t len;

	for (int i = 0; i < 20; i++) {
		pid_t pid = start_child(append_for_ever, &writer);
		int status;

		/* Wherever that is. */
		nanosleep(&(struct timespec){.tv_nsec = support_random(&seed) % 10000000}, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		append(dir, EXAMPLE "\n");
	}
	text = file_take(dir, NAME, &len);
	for (char *line = text; line < text + len;) {
		char *feed = memchr(line, '\n', (size_t)(text + len - line));
		struct chatlog_entry entry;

		assert_non_null(feed);
		if (parse(line, (size_t)(feed - line), &entry) == 0) {
			ours += strcmp(entry.username, "Ece") == 0;
			chatlog_entry_free(&entry);
		} else {
			torn++;
		}
		line = feed + 1;
	}
	assert_int_equal(ours, 20);
	/* Each of the killed tore one line at most. */
	assert_in_range(torn, 0, 20);
	free(text);
}

static struct chatlog_entry offer_of(enum chatlog_direction direction, uint64_t number)
{
	struct chatlog_entry entry = full_entry_of("", 0);

	entry.direction = direction;
	entry.has_file = true;
	entry.file = (struct fileoffer){.name = "plan.pdf", .bytes = 1};
	entry.number = number;
	return entry;
}

/* Appends an offer, between a text and another, and returns the number that it got. */
static uint64_t append_offer(struct chatlog *log, enum chatlog_direction direction, uint64_t number)
{
	struct chatlog_entry text = full_entry_of("hello", 5), entry = offer_of(direction, number), back;
	struct buffer batch = {0};
	size_t before, behind;

	assert_int_equal(chatlog_format(&batch, &text), 0);
	before = batch.len;
	assert_int_equal(chatlog_format(&batch, &entry), 0);
	behind = batch.len;
	assert_int_equal(chatlog_format(&batch, &text), 0);
	assert_int_equal(chatlog_append(log, batch.data, batch.len, 0), 0);
	/* Whoever has appended it knows it, too. */
	assert_int_equal(parse(batch.data + before, behind - before - 1, &back), 0);
	number = back.number;
	chatlog_entry_free(&back);
	buffer_free(&batch);
	return number;
}

static void no_number_is_given_twice(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *one = chatlog_new(dir, 1000), *other = chatlog_new(dir, 1000);
	char *long_line = support_repeat('x', 70000);

	assert_int_equal(append_offer(one, CHATLOG_RECEIVED, CHATLOG_NUMBER_NEXT), 1);
	assert_int_equal(append_offer(other, CHATLOG_QUEUED, CHATLOG_NUMBER_NEXT), 2);
	assert_int_equal(append_offer(one, CHATLOG_QUEUED, CHATLOG_NUMBER_NEXT), 3);
	assert_int_equal(append_offer(other, CHATLOG_SENT, 2), 2);
	/* Farther apart than what is read at once, with the end of a line at any place of that. */
	for (int i = 0; i < 200; i++) {
		assert_int_equal(append_offer(i & 1 ? one : other, CHATLOG_RECEIVED, CHATLOG_NUMBER_NEXT), 4 + i);
		long_line[65000 + i] = '\0';
		append(dir, long_line);
		append(dir, "\n");
		long_line[65000 + i] = 'x';
		chatlog_free(other);
		other = chatlog_new(dir, 1000);
	}
	/* What was said later of an earlier one does not hide the last. */
	assert_int_equal(append_offer(one, CHATLOG_SENT, 3), 3);
	chatlog_free(one);
	one = chatlog_new(dir, 1000);
	assert_int_equal(append_offer(one, CHATLOG_RECEIVED, CHATLOG_NUMBER_NEXT), 204);
	free(long_line);
	chatlog_free(one);
	chatlog_free(other);
}

static void numbers_begin_anew_with_the_file(void **state)
{
	int dir = workdir_fd(state);
	struct chatlog *log = chatlog_new(dir, 1000);

	assert_int_equal(append_offer(log, CHATLOG_RECEIVED, CHATLOG_NUMBER_NEXT), 1);
	assert_int_equal(append_offer(log, CHATLOG_RECEIVED, CHATLOG_NUMBER_NEXT), 2);
	assert_int_equal(renameat(dir, NAME, dir, "old"), 0);
	assert_int_equal(append_offer(log, CHATLOG_RECEIVED, CHATLOG_NUMBER_NEXT), 1);
	chatlog_free(log);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_the_form_of_the_protocol),
	    cmocka_unit_test(every_mode_and_direction_has_its_word),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(what_becomes_of_a_message_is_a_further_line),
	    cmocka_unit_test(an_offer_has_a_number_at_its_end),
	    cmocka_unit_test(no_offer_has_a_name_that_cannot_be_stored),
	    workdir_test(no_number_is_given_twice),
	    workdir_test(numbers_begin_anew_with_the_file),
	    cmocka_unit_test(what_happens_in_rooms_is_written_and_read_back),
	    cmocka_unit_test(damaged_lines_are_refused_or_taken_whole),
	    cmocka_unit_test(an_entry_made_by_hand_is_freed_too),
	    cmocka_unit_test(text_that_is_not_utf8_is_not_written),
	    cmocka_unit_test(further_members_are_ignored),
	    cmocka_unit_test(other_lines_are_refused),
	    workdir_test(lines_are_appended_to_a_private_file),
	    workdir_test(the_name_is_on_the_disk_when_the_first_durable_line_is),
	    workdir_test(a_line_is_found_again_where_it_was_appended),
	    workdir_test(lines_whose_sync_goes_on_are_written_and_locked),
	    workdir_test(lines_whose_sync_fails_later_are_taken_back),
	    workdir_test(lines_are_synced_at_once_if_that_cannot_go_on),
	    workdir_test(a_file_that_others_could_read_becomes_private),
	    workdir_test(nothing_is_appended_through_a_link),
	    workdir_test(a_batch_of_megabytes_is_appended_whole),
	    workdir_test(a_torn_line_is_closed_off),
	    workdir_test(a_file_that_was_moved_away_is_made_anew),
	    workdir_test(a_file_moved_away_during_the_wait_is_made_anew),
	    workdir_test(a_lock_that_stays_is_given_up_with_nothing_appended),
	    workdir_test(what_is_no_file_is_an_error),
	    workdir_test(a_short_disk_appends_whole_batches_or_nothing),
	    workdir_test(what_is_appended_under_one_lock_stays_together),
	    workdir_test(the_file_is_kept_open_and_may_change_meanwhile),
	    workdir_test(a_kept_file_that_becomes_none_is_an_error_until_it_is_one_again),
	    workdir_test(a_kept_file_that_is_locked_for_long_is_given_up_with_nothing_appended),
	    workdir_test(a_kept_file_on_a_short_disk_stays_whole),
	    workdir_test(strangers_leave_a_part_of_the_disk_free),
	    workdir_test(the_room_on_the_disk_is_looked_at_again_after_a_second),
	    workdir_test(lines_of_several_writers_never_mix),
	    workdir_test(a_writer_killed_at_any_instant_spoils_no_line_of_others),
	};

	support_begin();
	return cmocka_run_group_tests_name("chatlog", tests, NULL, NULL);
}
