/*
 * Who is let in, and who gives way: the places of the server and the addresses that hold them.
 *
 * There is room for `limit` places, ADMISSION_PER_ADDRESS_MAX of them for one address. A place whose holder has not
 * said anything yet, or has no more to say, gives way to a newcomer; of several the one that has been so for longest.
 * At its own limit an address can only take such a place of its own. If the server is full and everybody has spoken,
 * the address that holds most gives one up to an address that will then not hold more: so nobody can occupy all places
 * from a few addresses.
 *
 * It knows no socket and no clock, and allocates nothing. Callers choose when they come and from where, so every answer
 * takes the same few steps however many places are held: they are counted once for each address and kept in order.
 */
#ifndef QUARTET_ADMISSION_H
#define QUARTET_ADMISSION_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define ADMISSION_PLACES_MAX 1024
#define ADMISSION_PER_ADDRESS_MAX 64
#define ADMISSION_HASH_BITS 10

/* A place belongs to whoever entered with it, and must stay where it is until it left. */
struct admission_place {
	struct admission_address *address;
	bool gives_way;
	TAILQ_ENTRY(admission_place) of_address, in_line;
};

TAILQ_HEAD(admission_places, admission_place);

struct admission_address {
	struct in_addr address;
	size_t held;
	struct admission_places places;	      /* whose last change is longest ago comes first */
	LIST_ENTRY(admission_address) alike;  /* with the same hash, if it holds places */
	TAILQ_ENTRY(admission_address) equal; /* with as many places */
};

TAILQ_HEAD(admission_holders, admission_address);
LIST_HEAD(admission_bucket, admission_address);

struct admission {
	size_t limit, held;
	size_t most;			    /* places that one address holds */
	uint32_t seed;			    /* so that nobody can choose addresses with one hash */
	struct admission_places giving_way; /* who has given way for longest comes first */
	struct admission_holders holders[ADMISSION_PER_ADDRESS_MAX + 1]; /* by how many places they hold; 0: unused */
	struct admission_bucket buckets[1 << ADMISSION_HASH_BITS];	 /* addresses that hold places */
	struct admission_address addresses[ADMISSION_PLACES_MAX];
};

/* Begins with all places free: so many, at least 1 and at most ADMISSION_PLACES_MAX. It must stay where it is. */
void admission_init(struct admission *admission, size_t limit);

enum admission_answer {
	ADMISSION_FREE,	   /* there is a place */
	ADMISSION_IN_TURN, /* there is one if *leaver leaves */
	ADMISSION_FULL,	   /* there is none for this address */
};

/* Whether a newcomer from address may enter. Changes nothing; sets *leaver with ADMISSION_IN_TURN only. */
enum admission_answer admission_ask(const struct admission *admission, struct in_addr address,
    struct admission_place **leaver) __attribute__((warn_unused_result));

/* Who has given way for longest, from whatever address; NULL if nobody does. */
struct admission_place *admission_first_giving_way(const struct admission *admission);

/* Enters: place is held for address, and gives way. The answer for address must have been ADMISSION_FREE. */
void admission_enter(struct admission *admission, struct admission_place *place, struct in_addr address);

/* The holder of place has spoken: it does not give way, and was heard last of its address. */
void admission_hear(struct admission *admission, struct admission_place *place);

/* The holder of place has no more to say: it gives way, after those that do already. */
void admission_dismiss(struct admission *admission, struct admission_place *place);

/* Leaves: the place is free. */
void admission_leave(struct admission *admission, struct admission_place *place);

#endif
