#include "completion.h"

#include <string.h>

#include "base/clock.h"
#include "net/address.h"
#include "talk.h"
#include "trust/candidates.h"

static void add_address(struct wordlist *words, struct in_addr address, const char *typed)
{
	char ip[ADDRESS_TEXT_BYTES];

	/* Nobody is offered numbers who begins with nothing. */
	if (typed[0] != '\0' && strncmp(address_format(address, ip), typed, strlen(typed)) == 0)
		wordlist_add(words, ip);
}

static void add_people(const struct desk *desk, const char *typed, struct wordlist *words)
{
	const struct pins *pins;
	const struct peers *peers;
	int64_t now_ms = clock_wall_ms();

	if (peersfile_read(desk->peers) != 0)
		return;
	pins = peersfile_pins(desk->peers);
	peers = peersfile_peers(desk->peers);
	for (const struct pin *pin = NULL; (pin = pins_next(pins, pin));) {
		if (candidates_begins(pin->username, typed))
			wordlist_add(words, pin->username);
		if (pin->has_address)
			add_address(words, pin->address, typed);
	}
	for (const struct peer *claim = NULL; (claim = peers_next(peers, claim));) {
		if (!verdict_is_visible(peers, claim, now_ms))
			continue;
		if (candidates_begins(claim->username, typed))
			wordlist_add(words, claim->username);
		add_address(words, claim->address, typed);
	}
}

/* Adds those of a list that begin as typed. */
static void add_fixed(const char *const *list, size_t count, const char *typed, struct wordlist *words)
{
	for (size_t i = 0; i < count; i++) {
		if (prompt_begins(list[i], typed))
			wordlist_add(words, list[i]);
	}
}

void completion_offer(const struct desk *desk, enum prompt_wants wants, const char *line, struct wordlist *words)
{
	static const char *const modes[] = {"secure", "unsecure", "plain"};
	static const char *const words_of_talk[] = {TALK_WORDS};
	const char *typed = line;

	bool is_addressed = line[0] == '@' && (wants == PROMPT_COMMAND || wants == PROMPT_TALK);

	if (is_addressed)
		typed = line + 1;
	else if (wants == PROMPT_COMMAND)
		typed = line + strcspn(line, " ");
	if (wants == PROMPT_COMMAND)
		typed += strspn(typed, " ");
	words->begin = (size_t)(typed - line);
	if (is_addressed || wants == PROMPT_COMMAND || wants == PROMPT_NAME)
		add_people(desk, typed, words);
	else if (wants == PROMPT_MODE)
		add_fixed(modes, sizeof(modes) / sizeof(modes[0]), typed, words);
	else if (wants == PROMPT_TALK && typed[0] == '/')
		add_fixed(words_of_talk, sizeof(words_of_talk) / sizeof(words_of_talk[0]), typed, words);
}
