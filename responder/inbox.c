#include "inbox.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "answerer.h"
#include "base/clock.h"
#include "caller.h"
#include "file/fileask.h"
#include "fileserver.h"
#include "store/lockedfile.h"
#include "welcome.h"

/* Whoever goes on talking is not told of again within this. */
#define NOTE_PERIOD_MS 60000

/* Memory for so many receipts is asked for at once. */
#define RECEIPTS_STEP 256

/* The batches: from those who are known, from all others, and one that is written and not synced yet. */
enum { KNOWN, OTHERS, UNDER_WAY };

static const char too_much_waits[] = "too much waits for " CHATLOG_NAME " already, which another program has locked";

int inbox_init(struct inbox *inbox, struct chatlog *log, struct roster *roster, struct console *console,
    inbox_acknowledge *acknowledge)
{
	*inbox = (struct inbox){.log = log, .roster = roster, .console = console, .acknowledge = acknowledge};
	inbox->received = received_new();
	inbox->synced = chatlog_defer(log);
	ratelimit_init(&inbox->known, INBOX_BURST_BYTES, 1000);
	ratelimit_init(&inbox->strangers, INBOX_BURST_BYTES, 1000);
	ratelimit_limit_all(&inbox->strangers, INBOX_STRANGERS_BURST_BYTES, 1000);
	inbox->known.each.refill = inbox->strangers.each.refill = INBOX_BYTES_PER_S;
	inbox->strangers.all.refill = INBOX_STRANGERS_BYTES_PER_S;
	ratelimit_init(&inbox->notes, 1, NOTE_PERIOD_MS);
	for (size_t i = 0; i < INBOX_BATCHES; i++)
		console_init_draft(&inbox->batches[i].shown, console);
	return inbox->received ? 0 : ENOMEM;
}

/* Remembers to whom a receipt is owed, and for which message; false if there is no room for that. */
static bool owe_receipt(struct inbox_batch *batch, const struct message *message, bool is_first, bool is_held)
{
	struct receipt *receipt;

	if (batch->receipt_count % RECEIPTS_STEP == 0) {
		size_t bytes = (batch->receipt_count + RECEIPTS_STEP) * sizeof(*receipt);

		receipt = batch->receipt_count < INBOX_RECEIPTS_MAX ? realloc(batch->receipts, bytes) : NULL;
		if (!receipt)
			return false;
		batch->receipts = receipt;
	}
	receipt = &batch->receipts[batch->receipt_count++];
	*receipt = (struct receipt){
	    .conversation = message->conversation,
	    .counter = message->counter,
	    .is_first = is_first,
	    .is_held = is_held,
	    .has_id = message->id != NULL,
	};
	memcpy(receipt->sender, message->sender, sizeof(receipt->sender));
	if (message->id)
		memcpy(receipt->id, message->id, sizeof(receipt->id));
	return true;
}

/* Whether the message waits in the batch. */
static bool has_waiting(const struct inbox_batch *batch, const struct message *message)
{
	for (size_t i = 0; i < batch->receipt_count; i++) {
		const struct receipt *receipt = &batch->receipts[i];

		if (receipt->has_id && memcmp(receipt->id, message->id, sizeof(receipt->id)) == 0 &&
		    memcmp(receipt->sender, message->sender, sizeof(receipt->sender)) == 0)
			return true;
	}
	return false;
}

/* Tells the sender of a secure message what becomes of it, at once. */
static void answer_with(struct inbox *inbox, void *conversation, uint64_t counter, enum envelope_status status,
    const char *why)
{
	struct envelope_receipt receipt = {.received = counter, .status = status};
	const char *own_name = peersfile_username(inbox->roster->file);

	if (own_name)
		strcpy(receipt.username, own_name);
	strcpy(receipt.why, why);
	inbox->acknowledge(conversation, &receipt, NULL);
}

static void answer(struct inbox *inbox, void *conversation, uint64_t counter, enum welcome welcome)
{
	answer_with(inbox, conversation, counter, welcome_answers[welcome].status, welcome_answers[welcome].why);
}

/* Answers a message that was received before: once it is kept, if it is not yet, and after a sync. */
static const char *answer_again(struct inbox *inbox, const struct message *message, enum received_state state)
{
	size_t i = UNDER_WAY;

	if (state == RECEIVED_REJECTED) {
		answer(inbox, message->conversation, message->counter, WELCOME_REJECTED);
		return NULL;
	}
	while (i > 0 && !has_waiting(&inbox->batches[i], message))
		i--;
	return owe_receipt(&inbox->batches[i], message, false, state == RECEIVED_HELD) ? NULL : too_much_waits;
}

/* Refuses a message that is not wanted; returns why, if that is worth a line. */
static const char *turn_away(struct inbox *inbox, const struct message *message, enum welcome welcome)
{
	if (!message->conversation)
		return welcome_answers[welcome].refusal;
	answer(inbox, message->conversation, message->counter, welcome);
	return NULL;
}

/* The line the user will see: "08:34:25 [secure] Ece: hello". What others choose comes after what we say. */
static void show(const struct caller *caller, const struct chatlog_entry *entry, struct console *shown)
{
	static const enum console_style styles[] = {
	    [CHATLOG_PLAIN] = CONSOLE_WARNING,
	    [CHATLOG_CLASSIC] = CONSOLE_WARNING,
	    [CHATLOG_SECURE] = CONSOLE_GOOD,
	};
	char local[CLOCK_LOCAL_BYTES];

	clock_format_local(entry->time_ms, false, local);
	console_put_styled(shown, CONSOLE_FAINT, "%s", local);
	console_put_styled(shown, styles[entry->mode], " [%s]", chatlog_mode_word(entry->mode));
	if (entry->standing)
		caller_put_mark(caller, entry->standing, shown);
	console_put(shown, " ");
	caller_put(caller, shown);
	console_put(shown, ": ");
	console_put_message(shown, entry->text, entry->text_len);
	console_put(shown, "\n");
}

/* Takes len bytes off what the sender may still add, if that is enough. */
static bool spend(struct inbox *inbox, const struct message *message, bool known, size_t len)
{
	struct in_addr key = message->address;

	/* Else somebody at the same address, or in the same bucket, could use it up. */
	if (known)
		memcpy(&key, message->sender, sizeof(key));
	return ratelimit_spend(known ? &inbox->known : &inbox->strangers, key, (unsigned)len, clock_monotonic_ms());
}

/* Sets all of the entry that is known before it is decided about. */
static void describe(struct chatlog_entry *entry, const struct message *message, const struct caller *caller)
{
	*entry = (struct chatlog_entry){
	    .time_ms = clock_wall_ms(),
	    .mode = message->mode,
	    .address = message->address,
	    .standing = caller_mark(caller, message->mode == CHATLOG_SECURE),
	    .has_identity = message->sender != NULL,
	    .has_id = message->id != NULL,
	    .text = message->file ? "" : message->text,
	    .text_len = message->text_len,
	    .has_file = message->file != NULL,
	    .number = message->file ? CHATLOG_NUMBER_NEXT : 0,
	};
	if (message->file)
		entry->file = *message->file;
	strcpy(entry->username, caller->username);
	if (message->sender)
		memcpy(entry->identity, message->sender, sizeof(entry->identity));
	if (message->id)
		memcpy(entry->id, message->id, sizeof(entry->id));
}

/* Decides what becomes of a message, and takes the place for what is to be held. */
static enum welcome decide(struct inbox *inbox, const struct caller *caller, struct chatlog_entry *entry)
{
	enum welcome welcome = welcome_judge(caller, peersfile_accept(inbox->roster->file));

	if (welcome != WELCOME_HELD)
		return welcome;
	entry->held = true;
	/* So that what becomes of it can be said. */
	if (!entry->has_id)
		randombytes_buf(entry->id, sizeof(entry->id));
	entry->has_id = true;
	return received_hold(inbox->received, entry) ? WELCOME_HELD : WELCOME_FULL;
}

/* Adds the line of a message to a batch, and the receipt that is owed; returns why not, or NULL. */
static const char *put(struct inbox *inbox, struct inbox_batch *batch, const struct message *message,
    const struct chatlog_entry *entry)
{
	size_t before = batch->lines.len;
	const char *why = NULL;

	if (chatlog_format(&batch->lines, entry) != 0)
		return "out of memory";
	if (batch->lines.len > INBOX_WAITING_MAX_BYTES)
		why = too_much_waits;
	else if (!spend(inbox, message, batch == &inbox->batches[KNOWN], batch->lines.len - before))
		why = "it sends more than is kept for one sender";
	else if (message->conversation && !owe_receipt(batch, message, entry->kind == CHATLOG_MESSAGE, entry->held))
		why = too_much_waits;
	if (why)
		batch->lines.len = before;
	return why;
}

const char *inbox_add(struct inbox *inbox, const struct message *message)
{
	enum received_state before =
	    message->id ? received_find(inbox->received, message->sender, message->id) : RECEIVED_NOT;
	struct chatlog_entry entry;
	struct inbox_batch *batch;
	struct caller caller;
	enum welcome welcome;
	const char *why;

	if (fileask_is(message->body)) {
		fileserver_add(inbox->fileserver, message);
		return NULL;
	}
	if (message->body)
		return answerer_add(inbox->answerer, message);
	if (before != RECEIVED_NOT && before != RECEIVED_HELD)
		return answer_again(inbox, message, before);
	if (message->file && filename_fault(message->file->name, strlen(message->file->name))) {
		answer_with(inbox, message->conversation, message->counter, ENVELOPE_NO, FILEOFFER_NO_NAME);
		return NULL;
	}
	caller_put_trouble(roster_find(inbox->roster, message->address, message->sender, message->username, &caller),
	    inbox->console);
	describe(&entry, message, &caller);
	if (before == RECEIVED_HELD) {
		if (welcome_judge(&caller, peersfile_accept(inbox->roster->file)) != WELCOME_TAKEN)
			return answer_again(inbox, message, before);
		/* It came while its sender was accepted. What the log says of it now is learned from there. */
		entry.kind = CHATLOG_STATE;
		entry.state = CHATLOG_ACCEPTED;
		return put(inbox, &inbox->batches[OTHERS], message, &entry);
	}
	welcome = decide(inbox, &caller, &entry);
	if (welcome > WELCOME_HELD)
		return turn_away(inbox, message, welcome);
	batch = &inbox->batches[message->sender && standing_is_certain(caller.standing) ? KNOWN : OTHERS];
	why = put(inbox, batch, message, &entry);
	if (why && entry.held)
		received_unhold(inbox->received, &entry);
	if (why)
		return why;
	if (!entry.held) {
		if (caller_is_doubtful(&caller) &&
		    ratelimit_allow(&inbox->notes, message->address, clock_monotonic_ms()))
			caller_put_doubt(&caller, inbox->console);
		/* An offer is shown from the file, where it has its number. */
		if (!entry.has_file)
			show(&caller, &entry, &batch->shown);
	}
	batch->count++;
	if (message->id)
		received_add(inbox->received, message->sender, message->id, entry.held ? RECEIVED_HELD : RECEIVED_KEPT);
	if (batch->lines.len >= INBOX_BATCH_BYTES)
		inbox_commit(inbox);
	return NULL;
}

/* What was to be held and was not kept waits no more. */
static void take_back(struct inbox *inbox, struct inbox_batch *batch)
{
	const char *line = batch->lines.data, *end = line + batch->lines.len, *feed;
	struct chatlog_entry entry;

	for (; line < end && (feed = memchr(line, '\n', (size_t)(end - line))); line = feed + 1) {
		if (chatlog_parse(line, (size_t)(feed - line), &entry) != 0)
			continue;
		if (entry.kind == CHATLOG_MESSAGE && entry.held)
			received_unhold(inbox->received, &entry);
		chatlog_entry_free(&entry);
	}
}

/* The same of what its receipt is owed for, also if it has no number yet, and is not read. */
static void take_back_one(struct inbox *inbox, const struct receipt *receipt)
{
	struct chatlog_entry entry = {.has_identity = true};

	memcpy(entry.identity, receipt->sender, sizeof(entry.identity));
	memcpy(entry.id, receipt->id, sizeof(entry.id));
	received_unhold(inbox->received, &entry);
	/* Its sender may try again. */
	received_settle(inbox->received, receipt->sender, receipt->id, RECEIVED_NOT);
}

/* Tells the senders and the user of what is in the file, or was not kept because of an error. */
static void deliver(struct inbox *inbox, struct inbox_batch *batch, int error)
{
	for (size_t i = 0; i < batch->receipt_count; i++) {
		const struct receipt *receipt = &batch->receipts[i];

		if (error == 0 && receipt->conversation)
			answer(inbox, receipt->conversation, receipt->counter,
			    receipt->is_held ? WELCOME_HELD : WELCOME_TAKEN);
		if (error != 0 && receipt->is_first && receipt->has_id)
			take_back_one(inbox, receipt);
	}
	if (error != 0 && batch->count > 0)
		console_put_styled(inbox->console, CONSOLE_BAD,
		    "NOT KEPT: cannot write " CHATLOG_NAME ": %s; %s lost when this screen is\n",
		    lockedfile_reason(error), batch->count == 1 ? "this message is" : "these messages are");
	if (error != 0)
		take_back(inbox, batch);
	/* What is in the file, somebody else may show from there. */
	if (error == 0 && inbox->unshown)
		batch->shown.text.len = 0;
	console_put_all(inbox->console, &batch->shown);
	batch->lines.len = 0;
	batch->count = batch->receipt_count = 0;
}

/* Has the next try come in a moment, and tells the user if that goes on. */
static void wait_for_lock(struct inbox *inbox)
{
	int64_t now_ms = clock_monotonic_ms();

	inbox->retry_ms = now_ms + INBOX_RETRY_MS;
	if (inbox->tell_ms == 0)
		inbox->tell_ms = now_ms + LOCKEDFILE_WAIT_MS;
	if (now_ms < inbox->tell_ms)
		return;
	console_put_styled(inbox->console, CONSOLE_WARNING,
	    "another program holds the lock of " CHATLOG_NAME "; what arrives is shown once it is kept\n");
	inbox->tell_ms = INT64_MAX;
}

/* Puts a batch aside until it is on the disk; the next one comes from the others. */
static void put_aside(struct inbox *inbox, size_t i)
{
	struct inbox_batch empty = inbox->batches[UNDER_WAY];

	inbox->batches[UNDER_WAY] = inbox->batches[i];
	inbox->batches[i] = empty;
	inbox->turn = 1 - i;
}

static void commit(struct inbox *inbox, unsigned deferred, bool finally)
{
	received_learn(inbox->received);
	if (inbox->batches[UNDER_WAY].receipt_count > 0) {
		int rc = chatlog_finish(inbox->log, !deferred);

		if (rc == EAGAIN)
			return;
		deliver(inbox, &inbox->batches[UNDER_WAY], rc);
	}
	for (size_t k = 0; k < UNDER_WAY; k++) {
		size_t i = inbox->turn ^ k;
		struct inbox_batch *batch = &inbox->batches[i];
		unsigned how =
		    (batch->receipt_count > 0 ? CHATLOG_DURABLE : 0) | (i == OTHERS ? CHATLOG_FOR_STRANGERS : 0);
		int rc;

		if (batch->count == 0 && batch->receipt_count == 0)
			continue;
		if (batch->receipt_count >= INBOX_DEFERRED_RECEIPTS)
			how |= deferred;
		rc = chatlog_append(inbox->log, batch->lines.data, batch->lines.len, how);
		if (rc == EINPROGRESS) {
			put_aside(inbox, i);
			break;
		}
		if (rc == ETIMEDOUT && !finally) {
			wait_for_lock(inbox);
			return;
		}
		deliver(inbox, batch, rc);
	}
	inbox->retry_ms = inbox->tell_ms = 0;
}

static void proceed(struct inbox *inbox, unsigned deferred)
{
	/* Which needs the lock. */
	if (inbox->answerer && answerer_is_ready(inbox->answerer))
		deferred = 0;
	if (clock_monotonic_ms() >= inbox->retry_ms)
		commit(inbox, deferred, false);
	if (inbox->answerer)
		answerer_commit(inbox->answerer);
}

void inbox_commit(struct inbox *inbox)
{
	proceed(inbox, 0);
}

void inbox_proceed(struct inbox *inbox)
{
	proceed(inbox, CHATLOG_DEFERRED);
}

void inbox_finish(struct inbox *inbox)
{
	int64_t deadline_ms = clock_monotonic_ms() + LOCKEDFILE_WAIT_MS;

	do {
		commit(inbox, 0, clock_monotonic_ms() >= deadline_ms);
	} while (inbox->retry_ms != 0);
	if (inbox->answerer)
		answerer_commit(inbox->answerer);
}

int64_t inbox_due_ms(const struct inbox *inbox)
{
	int64_t due_ms = inbox->answerer ? answerer_due_ms(inbox->answerer) : INT64_MAX;

	return inbox->retry_ms != 0 && inbox->retry_ms < due_ms ? inbox->retry_ms : due_ms;
}

bool inbox_owes(const struct inbox *inbox, const void *conversation)
{
	for (size_t i = 0; i < INBOX_BATCHES; i++) {
		for (size_t k = 0; k < inbox->batches[i].receipt_count; k++) {
			if (inbox->batches[i].receipts[k].conversation == conversation)
				return true;
		}
	}
	return inbox->answerer && answerer_owes(inbox->answerer, conversation);
}

void inbox_forget(struct inbox *inbox, const void *conversation)
{
	for (size_t i = 0; i < INBOX_BATCHES; i++) {
		for (size_t k = 0; k < inbox->batches[i].receipt_count; k++) {
			if (inbox->batches[i].receipts[k].conversation == conversation)
				inbox->batches[i].receipts[k].conversation = NULL;
		}
	}
	if (inbox->answerer)
		answerer_forget(inbox->answerer, conversation);
}

void inbox_free(struct inbox *inbox)
{
	for (size_t i = 0; i < INBOX_BATCHES; i++) {
		buffer_free(&inbox->batches[i].lines);
		console_free(&inbox->batches[i].shown);
		free(inbox->batches[i].receipts);
	}
	received_free(inbox->received);
	*inbox = (struct inbox){0};
}
