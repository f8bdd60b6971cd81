/*
 * CPace: two who know the same password prove it to each other, and who does not know it learns nothing to guess with at
 * home: one guess for each try (draft-irtf-cfrg-cpace, CPACE-RISTR255-SHA512, initiator and responder, with the key
 * confirmation that it recommends).
 *
 * Both begin, exchange their shares, and take each other's; then each has the confirmation that it sends and the one that
 * it must get. Shares and confirmations are hostile input. Nothing blocks.
 */
#ifndef QUARTET_CPACE_H
#define QUARTET_CPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPACE_SHARE_BYTES 32
#define CPACE_CONFIRMATION_BYTES 64

struct cpace_bytes {
	const void *bytes;
	size_t len;
};

/* What both must have alike. Those that are not used are empty. */
struct cpace_inputs {
	struct cpace_bytes secret;		       /* the draft's PRS */
	struct cpace_bytes context;		       /* CI: who speaks with whom, and where */
	struct cpace_bytes session;		       /* sid */
	struct cpace_bytes of_initiator, of_responder; /* ADa, ADb */
};

/* One end. The owner wipes it (sodium_memzero). */
struct cpace {
	bool is_initiator;
	uint8_t scalar[CPACE_SHARE_BYTES];
	uint8_t share[CPACE_SHARE_BYTES]; /* to be sent */
	/* Once the other's share was taken: */
	uint8_t key[CPACE_CONFIRMATION_BYTES];		/* the draft's ISK */
	uint8_t confirmation[CPACE_CONFIRMATION_BYTES]; /* to be sent */
	uint8_t expected[CPACE_CONFIRMATION_BYTES];
};

/* Makes one end's share. */
void cpace_begin(struct cpace *cpace, bool is_initiator, const struct cpace_inputs *inputs);

/*
 * Takes the other's share, once. Of the inputs, which are those that it began with, only the last three are needed. Returns
 * 0, or EPROTO if nobody honest sends that.
 */
int cpace_take(struct cpace *cpace, const struct cpace_inputs *inputs, const uint8_t share[static CPACE_SHARE_BYTES])
    __attribute__((warn_unused_result));

/* Whether that is the other's confirmation: then it has the same inputs. False before its share was taken. */
bool cpace_check(const struct cpace *cpace, const uint8_t confirmation[static CPACE_CONFIRMATION_BYTES])
    __attribute__((warn_unused_result));

#endif
