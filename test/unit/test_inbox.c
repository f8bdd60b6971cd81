/* inbox: who may have how much kept. */
#include "support.h"

#include <poll.h>

#include "base/base64.h"
#include "responder/inbox.h"

#define ECE 0xc0a80107 /* 192.168.1.7 */
#define CAN 0xc0a80109

/* An inbox in a directory of its own, which knows one identity. */
struct scene {
	struct peersfile *file;
	struct chatlog *log;
	struct roster roster;
	struct console console;
	struct inbox inbox;
	uint8_t known[DH_KEY_BYTES];
	int dir;
};

static void acknowledge(void *conversation, const struct envelope_receipt *receipt, json_t *members)
{
	assert_null(members);
	assert_int_equal(receipt->status, ENVELOPE_DONE);
	*(uint64_t *)conversation += receipt->received;
}

static void begin(struct scene *scene, int dir)
{
	char identity[64], line[256];

	*scene = (struct scene){.dir = dir};
	memset(scene->known, 0x5a, sizeof(scene->known));
	sodium_bin2base64(identity, sizeof(identity), scene->known, sizeof(scene->known), BASE64_VARIANT);
	snprintf(line, sizeof(line), "{\"known\": \"Bob\", \"identity\": \"%s\", \"pinned\": 1763625000}\n", identity);
	file_put(dir, PEERSFILE_NAME, line, strlen(line));
	scene->file = peersfile_new(dir);
	scene->log = chatlog_new(dir, INBOX_LOCK_WAIT_MS);
	roster_init(&scene->roster, scene->file);
	console_init(&scene->console, STDOUT_FILENO);
	assert_int_equal(inbox_init(&scene->inbox, scene->log, &scene->roster, &scene->console, acknowledge), 0);
}

static void end(struct scene *scene)
{
	scene->console.text.len = 0;
	console_free(&scene->console);
	inbox_free(&scene->inbox);
	chatlog_free(scene->log);
	peersfile_free(scene->file);
}

/* Adds messages of len control characters until one is refused; returns the bytes in the file. */
static size_t add_until_refused(struct scene *scene, uint32_t address, const uint8_t *sender, size_t len)
{
	char *text = support_repeat('\x01', len), *kept;
	size_t before = file_exists(scene->dir, CHATLOG_NAME) ? 1 : 0, kept_len;

	if (before)
		free(file_take(scene->dir, CHATLOG_NAME, &before));
	while (inbox_add(&scene->inbox, &(struct message){
					    .address = support_address(address),
					    .mode = sender ? CHATLOG_SECURE : CHATLOG_PLAIN,
					    .sender = sender,
					    .text = text,
					    .text_len = len,
					}) == NULL)
		inbox_commit(&scene->inbox);
	kept = file_take(scene->dir, CHATLOG_NAME, &kept_len);
	free(kept);
	free(text);
	return kept_len - before;
}

static void a_sender_is_limited_by_the_bytes_in_the_file(void **state)
{
	struct scene scene;
	size_t kept;

	begin(&scene, workdir_fd(state));
	scene.inbox.strangers.each = (struct ratelimit_rate){100000, 1000000, 1};
	/* Each takes six bytes. */
	kept = add_until_refused(&scene, ECE, NULL, 1000);
	assert_in_range(kept, 90000, 100000);
	/* Another has a share of his own. */
	kept = add_until_refused(&scene, CAN, NULL, 10);
	assert_in_range(kept, 99000, 100000);
	end(&scene);
}

static void all_strangers_together_are_limited_and_who_is_known_apart_from_them(void **state)
{
	struct scene scene;
	size_t kept = 0;
	uint8_t stranger[DH_KEY_BYTES] = {9};

	begin(&scene, workdir_fd(state));
	scene.inbox.strangers.each = (struct ratelimit_rate){100000, 1000000, 1};
	scene.inbox.strangers.all = (struct ratelimit_rate){250000, 1000000, 1};
	scene.inbox.known.each = (struct ratelimit_rate){150000, 1000000, 1};
	for (uint32_t i = 0; i < 20; i++)
		kept += add_until_refused(&scene, ECE + i, i & 1 ? NULL : stranger, 1000);
	assert_in_range(kept, 235000, 250000);
	/* Proving some identity is not enough, at no address. */
	assert_int_equal(add_until_refused(&scene, CAN, stranger, 1000), 0);
	kept = add_until_refused(&scene, CAN, scene.known, 1000);
	assert_in_range(kept, 140000, 150000);
	/* The identity counts, not the address. */
	assert_int_equal(add_until_refused(&scene, ECE, scene.known, 1000), 0);
	end(&scene);
}

static void the_limits_are_those_of_the_protocol(void **state)
{
	struct scene scene;
	const struct ratelimit *strangers = &scene.inbox.strangers;

	begin(&scene, workdir_fd(state));
	assert_int_equal(strangers->each.burst, 256 << 20);
	assert_int_equal(strangers->each.refill * 1000 / (unsigned)strangers->each.period_ms, 256 << 10);
	assert_int_equal(strangers->all.burst, 1 << 30);
	assert_int_equal(strangers->all.refill * 1000 / (unsigned)strangers->all.period_ms, 1 << 20);
	end(&scene);
}

static void a_receipt_waits_for_the_lock_and_for_nobody_who_has_gone(void **state)
{
	struct scene scene;
	struct holder holder;
	uint64_t stays = 0, leaves = 0;
	struct message message = {
	    .address = support_address(ECE), .mode = CHATLOG_SECURE, .text = "hello", .text_len = 5};

	begin(&scene, workdir_fd(state));
	message.sender = scene.known;
	holder = holder_start(scene.dir, CHATLOG_NAME, LOCK_EX, NULL);
	for (uint64_t counter = 1; counter < 4; counter++) {
		message.conversation = counter == 2 ? &leaves : &stays;
		message.counter = counter;
		assert_null(inbox_add(&scene.inbox, &message));
	}
	assert_int_equal(inbox_due_ms(&scene.inbox), INT64_MAX);
	inbox_commit(&scene.inbox);
	assert_true(inbox_due_ms(&scene.inbox) < INT64_MAX);
	assert_true(inbox_owes(&scene.inbox, &leaves) && inbox_owes(&scene.inbox, &stays));
	inbox_forget(&scene.inbox, &leaves);
	assert_true(!inbox_owes(&scene.inbox, &leaves) && inbox_owes(&scene.inbox, &stays));
	assert_int_equal(console_waiting_bytes(&scene.console), 0);
	file_expect(scene.dir, CHATLOG_NAME, "", 0);
	holder_end(holder);
	inbox_finish(&scene.inbox);
	assert_int_equal(inbox_due_ms(&scene.inbox), INT64_MAX);
	assert_false(inbox_owes(&scene.inbox, &stays));
	assert_int_equal(stays, 1 + 3);
	assert_int_equal(leaves, 0);
	assert_true(console_waiting_bytes(&scene.console) > 0);
	end(&scene);
}

/* A message of the known identity, with an id, for which receipts add counter to *conversation. */
static struct message message_of(const struct scene *scene, uint64_t *conversation, uint64_t counter)
{
	static const uint8_t id[ENVELOPE_ID_BYTES] = "0123456789abcde";

	return (struct message){
	    .address = support_address(ECE),
	    .mode = CHATLOG_SECURE,
	    .sender = scene->known,
	    .id = id,
	    .text = "hello",
	    .text_len = 5,
	    .conversation = conversation,
	    .counter = counter,
	};
}

static void take(struct scene *scene, uint64_t *conversation, uint64_t counter)
{
	struct message message = message_of(scene, conversation, counter);

	assert_null(inbox_add(&scene->inbox, &message));
}

static unsigned count_lines(const struct scene *scene)
{
	size_t len;
	char *text = file_take(scene->dir, CHATLOG_NAME, &len);
	unsigned lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	free(text);
	return lines;
}

static void a_message_that_is_repeated_is_taken_once_and_confirmed_each_time(void **state)
{
	struct scene scene;
	uint64_t first = 0, second = 0, third = 0;
	uint8_t other[DH_KEY_BYTES] = {9};
	struct message message;

	begin(&scene, workdir_fd(state));
	/* While it waits, when it is kept, and after a restart. */
	take(&scene, &first, 1);
	take(&scene, &second, 2);
	assert_int_equal(first + second, 0);
	inbox_commit(&scene.inbox);
	assert_true(first == 1 && second == 2);
	take(&scene, &first, 10);
	inbox_commit(&scene.inbox);
	assert_int_equal(first, 11);
	end(&scene);
	begin(&scene, workdir_fd(state));
	assert_int_equal(received_read(scene.inbox.received, scene.dir), 0);
	take(&scene, &third, 3);
	assert_int_equal(third, 0);
	inbox_commit(&scene.inbox);
	assert_int_equal(third, 3);
	assert_int_equal(console_waiting_bytes(&scene.console), 0);
	assert_int_equal(count_lines(&scene), 1);
	/* The same id of another is another message. */
	message = message_of(&scene, &third, 4);
	message.sender = other;
	assert_null(inbox_add(&scene.inbox, &message));
	inbox_commit(&scene.inbox);
	assert_int_equal(count_lines(&scene), 2);
	end(&scene);
}

static void a_message_that_was_not_kept_is_taken_when_it_comes_again(void **state)
{
	struct scene scene;
	uint64_t receipts = 0;

	begin(&scene, workdir_fd(state));
	assert_int_equal(mkdirat(scene.dir, CHATLOG_NAME, 0700), 0);
	take(&scene, &receipts, 1);
	take(&scene, &receipts, 2);
	inbox_commit(&scene.inbox);
	assert_int_equal(receipts, 0);
	assert_int_equal(unlinkat(scene.dir, CHATLOG_NAME, AT_REMOVEDIR), 0);
	take(&scene, &receipts, 4);
	inbox_commit(&scene.inbox);
	assert_int_equal(receipts, 4);
	assert_int_equal(count_lines(&scene), 1);
	/* A repetition that cannot be synced does not make it new. */
	assert_int_equal(renameat(scene.dir, CHATLOG_NAME, scene.dir, "old"), 0);
	assert_int_equal(mkdirat(scene.dir, CHATLOG_NAME, 0700), 0);
	take(&scene, &receipts, 8);
	inbox_commit(&scene.inbox);
	assert_int_equal(receipts, 4);
	assert_int_equal(unlinkat(scene.dir, CHATLOG_NAME, AT_REMOVEDIR), 0);
	assert_int_equal(renameat(scene.dir, "old", scene.dir, CHATLOG_NAME), 0);
	take(&scene, &receipts, 16);
	inbox_commit(&scene.inbox);
	assert_int_equal(receipts, 4 + 16);
	assert_int_equal(count_lines(&scene), 1);
	end(&scene);
}

static void receipts_that_wait_are_bounded(void **state)
{
	struct scene scene;
	uint64_t receipts = 0;
	struct message message;
	unsigned taken = 0;

	begin(&scene, workdir_fd(state));
	message = message_of(&scene, &receipts, 1);
	while (taken <= INBOX_RECEIPTS_MAX && inbox_add(&scene.inbox, &message) == NULL)
		taken++;
	assert_int_equal(taken, INBOX_RECEIPTS_MAX);
	/* Who is owed none has a place all the same. */
	assert_null(inbox_add(&scene.inbox, &(struct message){
						.address = support_address(ECE),
						.mode = CHATLOG_PLAIN,
						.text = "hello",
						.text_len = 5,
					    }));
	inbox_commit(&scene.inbox);
	assert_int_equal(receipts, INBOX_RECEIPTS_MAX);
	assert_int_equal(count_lines(&scene), 2);
	end(&scene);
}

/* So many of the known identity, each with an id of its own. */
static void take_many(struct scene *scene, uint64_t *conversation, uint8_t first, uint8_t count)
{
	uint8_t id[ENVELOPE_ID_BYTES] = {0};

	for (uint8_t i = 0; i < count; i++) {
		struct message message = message_of(scene, conversation, 1);

		id[0] = (uint8_t)(first + i);
		message.id = id;
		assert_null(inbox_add(&scene->inbox, &message));
	}
}

/* Proceeds until nothing is under way. */
static void await(struct scene *scene)
{
	struct pollfd wait = {.fd = scene->inbox.synced, .events = POLLIN};

	while (scene->inbox.batches[INBOX_BATCHES - 1].receipt_count > 0) {
		assert_int_equal(poll(&wait, 1, -1), 1);
		inbox_proceed(&scene->inbox);
	}
}

static void receipts_wait_for_a_sync_that_goes_on(void **state)
{
	const uint8_t many = INBOX_DEFERRED_RECEIPTS;
	struct scene scene;
	uint64_t stays = 0, leaves = 0, late = 0;

	begin(&scene, workdir_fd(state));
	if (scene.inbox.synced < 0)
		skip();
	take_many(&scene, &stays, 0, many);
	take_many(&scene, &leaves, many, 1);
	inbox_proceed(&scene.inbox);
	/* Written, and neither confirmed nor shown, nor to whom has gone since. */
	assert_int_equal(count_lines(&scene), many + 1);
	assert_true(inbox_owes(&scene.inbox, &stays) && inbox_owes(&scene.inbox, &leaves));
	inbox_forget(&scene.inbox, &leaves);
	assert_false(inbox_owes(&scene.inbox, &leaves));
	assert_int_equal(stays + console_waiting_bytes(&scene.console), 0);
	/* One comes again, and another for the first time. */
	take_many(&scene, &late, 0, 1);
	take_many(&scene, &late, 2 * many, 1);
	assert_int_equal(late, 0);
	await(&scene);
	assert_int_equal(stays, many);
	assert_int_equal(leaves, 0);
	assert_int_equal(late, 2);
	assert_true(console_waiting_bytes(&scene.console) > 0);
	assert_int_equal(count_lines(&scene), many + 2);
	end(&scene);
}

static void a_commit_waits_for_what_is_under_way(void **state)
{
	const uint8_t many = INBOX_DEFERRED_RECEIPTS;
	struct scene scene;
	uint64_t receipts = 0;

	begin(&scene, workdir_fd(state));
	for (uint8_t round = 0; round < 2; round++) {
		take_many(&scene, &receipts, round * 2 * many, many);
		inbox_proceed(&scene.inbox);
		take_many(&scene, &receipts, (round * 2 + 1) * many, many);
		if (round == 0)
			inbox_commit(&scene.inbox);
		else
			inbox_finish(&scene.inbox);
		assert_int_equal(receipts, (round + 1) * 2 * many);
		assert_false(inbox_owes(&scene.inbox, &receipts));
	}
	assert_int_equal(count_lines(&scene), 4 * many);
	end(&scene);
}

/* Notes the last status, and counts. */
static enum envelope_status last_status;

static void note_status(void *conversation, const struct envelope_receipt *receipt, json_t *members)
{
	assert_null(members);
	last_status = receipt->status;
	++*(uint64_t *)conversation;
}

static void an_offer_that_was_not_kept_takes_no_place_of_what_is_held(void **state)
{
	static const char ask[] = "{\"self\": \"Bob\", \"accept\": \"ask\"}\n";
	const struct fileoffer file = {.name = "plan.pdf", .bytes = 5};
	struct message message = {.address = support_address(ECE), .mode = CHATLOG_SECURE, .file = &file};
	uint8_t stranger[DH_KEY_BYTES] = {9}, id[ENVELOPE_ID_BYTES] = {0};
	struct chatlog_entry entry;
	struct scene scene;
	uint64_t receipts = 0;

	begin(&scene, workdir_fd(state));
	scene.inbox.acknowledge = note_status;
	file_put(scene.dir, PEERSFILE_NAME, ask, strlen(ask));
	message.conversation = &receipts;
	message.sender = stranger;
	message.id = id;
	assert_int_equal(mkdirat(scene.dir, CHATLOG_NAME, 0700), 0);
	for (id[0] = 0; id[0] < 10; id[0]++) {
		assert_null(inbox_add(&scene.inbox, &message));
		inbox_commit(&scene.inbox);
	}
	assert_int_equal(receipts, 0);
	assert_int_equal(unlinkat(scene.dir, CHATLOG_NAME, AT_REMOVEDIR), 0);
	assert_null(inbox_add(&scene.inbox, &message));
	inbox_commit(&scene.inbox);
	assert_int_equal(receipts, 1);
	assert_int_equal(last_status, ENVELOPE_NOT_NOW);
	assert_int_equal(chatlog_read_at(scene.dir, 0, &entry), 0);
	assert_true(entry.held && entry.has_file);
	assert_int_equal(entry.number, 1);
	chatlog_entry_free(&entry);
	end(&scene);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    workdir_test(a_sender_is_limited_by_the_bytes_in_the_file),
	    workdir_test(all_strangers_together_are_limited_and_who_is_known_apart_from_them),
	    workdir_test(the_limits_are_those_of_the_protocol),
	    workdir_test(a_message_that_is_repeated_is_taken_once_and_confirmed_each_time),
	    workdir_test(a_message_that_was_not_kept_is_taken_when_it_comes_again),
	    workdir_test(an_offer_that_was_not_kept_takes_no_place_of_what_is_held),
	    workdir_test(receipts_that_wait_are_bounded),
	    workdir_test(receipts_wait_for_a_sync_that_goes_on),
	    workdir_test(a_commit_waits_for_what_is_under_way),
	    workdir_test(a_receipt_waits_for_the_lock_and_for_nobody_who_has_gone),
	};

	support_begin();
	return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
