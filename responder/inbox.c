#include "inbox.h"

#include <stdlib.h>
#include <string.h>

#include "store/lockedfile.h"

void inbox_init(struct inbox *inbox, struct chatlog *log, struct roster *roster, struct console *console,
    inbox_acknowledge *acknowledge)
{
	*inbox = (struct inbox){.log = log, .roster = roster, .console = console, .acknowledge = acknowledge};
	ratelimit_init(&inbox->volume, INBOX_BURST_UNITS, INBOX_UNIT_MS);
	/* Collects for the other and never writes itself. */
	inbox->shown.coloured = console->coloured;
}

/* Remembers to whom a receipt is owed; without memory for that the sender is simply not told. */
static void owe_receipt(struct inbox *inbox, void *conversation, uint64_t counter)
{
	if (inbox->receipt_count == inbox->receipt_room) {
		size_t room = inbox->receipt_room ? inbox->receipt_room * 2 : 64;
		struct receipt *receipts = realloc(inbox->receipts, room * sizeof(*receipts));

		if (!receipts)
			return;
		inbox->receipts = receipts;
		inbox->receipt_room = room;
	}
	inbox->receipts[inbox->receipt_count++] = (struct receipt){.conversation = conversation, .counter = counter};
}

/* The word for a caller's standing, on the screen and in the file; none if there is nothing to say. */
static const struct {
	const char *word;
	enum console_style style;
} standings[] = {
    [CALLER_NAMED] = {NULL, CONSOLE_NORMAL},
    [CALLER_VERIFIED] = {"verified", CONSOLE_GOOD},
    [CALLER_STRANGER] = {"stranger", CONSOLE_WARNING},
    [CALLER_ALIKE] = {"lookalike", CONSOLE_BAD},
    [CALLER_UNPROVEN] = {"unproven", CONSOLE_BAD},
    [CALLER_CHANGED] = {"changed", CONSOLE_BAD},
};

/* The line the user will see: "08:34:25 [secure] Ece: hello". What others choose comes after what we say. */
static void show(struct inbox *inbox, const struct caller *caller, const struct chatlog_entry *entry)
{
	static const enum console_style styles[] = {
	    [CHATLOG_PLAIN] = CONSOLE_WARNING,
	    [CHATLOG_CLASSIC] = CONSOLE_WARNING,
	    [CHATLOG_SECURE] = CONSOLE_GOOD,
	};

	if (entry->time_ms / 1000 != inbox->local_s) {
		inbox->local_s = entry->time_ms / 1000;
		clock_format_local(entry->time_ms, false, inbox->local);
	}
	console_put_styled(&inbox->shown, CONSOLE_FAINT, "%s", inbox->local);
	console_put_styled(&inbox->shown, styles[entry->mode], " [%s]", chatlog_mode_word(entry->mode));
	if (entry->standing)
		console_put_styled(&inbox->shown, standings[caller->trust].style, " [%s]", entry->standing);
	console_put(&inbox->shown, " ");
	caller_put(caller, &inbox->shown);
	console_put(&inbox->shown, ": ");
	console_put_message(&inbox->shown, entry->text, entry->text_len);
	console_put(&inbox->shown, "\n");
}

bool inbox_add(struct inbox *inbox, const struct message *message)
{
	/* The text and what stands around it in the file. */
	unsigned units = (unsigned)(message->text_len / INBOX_UNIT_BYTES) + 1;
	struct chatlog_entry entry = {
	    .time_ms = clock_wall_ms(),
	    .mode = message->mode,
	    .address = message->address,
	    .text = message->text,
	    .text_len = message->text_len,
	};
	struct caller caller;

	if (!ratelimit_spend(&inbox->volume, message->address, units, clock_monotonic_ms()))
		return false;
	roster_find(inbox->roster, message->address, message->sender, message->mode, inbox->console, &caller);
	strcpy(entry.username, caller.username);
	entry.standing = standings[caller.trust].word;
	if (message->sender) {
		entry.has_identity = true;
		memcpy(entry.identity, message->sender, sizeof(entry.identity));
	}
	if (chatlog_format(&inbox->lines, &entry) != 0)
		return false;
	show(inbox, &caller, &entry);
	inbox->count++;
	if (message->conversation)
		owe_receipt(inbox, message->conversation, message->counter);
	if (inbox->lines.len >= INBOX_BATCH_BYTES)
		inbox_commit(inbox);
	return true;
}

void inbox_commit(struct inbox *inbox)
{
	int rc;

	if (inbox->count == 0)
		return;
	rc = chatlog_append(inbox->log, inbox->lines.data, inbox->lines.len, inbox->receipt_count > 0);
	for (size_t i = 0; i < inbox->receipt_count && rc == 0; i++)
		inbox->acknowledge(inbox->receipts[i].conversation, inbox->receipts[i].counter);
	if (rc != 0)
		console_put_styled(inbox->console, CONSOLE_BAD,
		    "NOT KEPT: cannot write " CHATLOG_NAME ": %s; %s lost when this screen is\n", lockedfile_reason(rc),
		    inbox->count == 1 ? "this message is" : "these messages are");
	console_put_all(inbox->console, &inbox->shown);
	inbox->lines.len = 0;
	inbox->count = inbox->receipt_count = 0;
}

void inbox_free(struct inbox *inbox)
{
	buffer_free(&inbox->lines);
	buffer_free(&inbox->shown.pending);
	free(inbox->receipts);
	*inbox = (struct inbox){0};
}
