#include "admission.h"

#include <sodium.h>

void admission_init(struct admission *admission, size_t limit)
{
	*admission = (struct admission){.limit = limit, .seed = randombytes_random()};
	TAILQ_INIT(&admission->giving_way);
	for (size_t i = 0; i <= ADMISSION_PER_ADDRESS_MAX; i++)
		TAILQ_INIT(&admission->holders[i]);
	for (size_t i = 0; i < ADMISSION_PLACES_MAX; i++)
		TAILQ_INSERT_TAIL(&admission->holders[0], &admission->addresses[i], equal);
}

/* In which bucket an address is, if it holds a place. */
static size_t hash(const struct admission *admission, struct in_addr address)
{
	/* Multiplying by an odd constant near 2^32 divided by the golden ratio spreads neighbours (Knuth, volume 3). */
	return (uint32_t)((address.s_addr ^ admission->seed) * 2654435769u) >> (32 - ADMISSION_HASH_BITS);
}

static struct admission_address *find(const struct admission *admission, struct in_addr address)
{
	struct admission_address *holder = LIST_FIRST(&admission->buckets[hash(admission, address)]);

	while (holder && holder->address.s_addr != address.s_addr)
		holder = LIST_NEXT(holder, alike);
	return holder;
}

/* The place of an address that has given way for longest, or NULL. It has ADMISSION_PER_ADDRESS_MAX at most. */
static struct admission_place *find_giving_way(const struct admission_address *holder)
{
	struct admission_place *place = TAILQ_FIRST(&holder->places);

	while (place && !place->gives_way)
		place = TAILQ_NEXT(place, of_address);
	return place;
}

enum admission_answer admission_ask(const struct admission *admission, struct in_addr address,
    struct admission_place **leaver)
{
	const struct admission_address *holder = find(admission, address);
	size_t held = holder ? holder->held : 0;
	struct admission_place *found = NULL;

	if (held >= ADMISSION_PER_ADDRESS_MAX) {
		found = find_giving_way(holder);
	} else if (admission->held < admission->limit) {
		return ADMISSION_FREE;
	} else {
		found = admission_first_giving_way(admission);
		/* The place that was heard longest ago of an address that holds most. */
		if (!found && admission->most > held + 1)
			found = TAILQ_FIRST(&TAILQ_FIRST(&admission->holders[admission->most])->places);
	}
	if (!found)
		return ADMISSION_FULL;
	*leaver = found;
	return ADMISSION_IN_TURN;
}

struct admission_place *admission_first_giving_way(const struct admission *admission)
{
	return TAILQ_FIRST(&admission->giving_way);
}

/* Counts for an address that it holds so many places now. */
static void count(struct admission *admission, struct admission_address *holder, size_t held)
{
	TAILQ_REMOVE(&admission->holders[holder->held], holder, equal);
	TAILQ_INSERT_TAIL(&admission->holders[held], holder, equal);
	holder->held = held;
	if (held > admission->most)
		admission->most = held;
	while (admission->most > 0 && TAILQ_EMPTY(&admission->holders[admission->most]))
		admission->most--;
}

static void set_giving_way(struct admission *admission, struct admission_place *place, bool gives_way)
{
	if (place->gives_way == gives_way)
		return;
	place->gives_way = gives_way;
	if (gives_way)
		TAILQ_INSERT_TAIL(&admission->giving_way, place, in_line);
	else
		TAILQ_REMOVE(&admission->giving_way, place, in_line);
}

/* Puts a place last of its address. */
static void put_last(struct admission_place *place)
{
	TAILQ_REMOVE(&place->address->places, place, of_address);
	TAILQ_INSERT_TAIL(&place->address->places, place, of_address);
}

void admission_enter(struct admission *admission, struct admission_place *place, struct in_addr address)
{
	struct admission_address *holder = find(admission, address);

	if (!holder) {
		/* There are as many of them as there can be places. */
		holder = TAILQ_FIRST(&admission->holders[0]);
		holder->address = address;
		TAILQ_INIT(&holder->places);
		LIST_INSERT_HEAD(&admission->buckets[hash(admission, address)], holder, alike);
	}
	*place = (struct admission_place){.address = holder};
	TAILQ_INSERT_TAIL(&holder->places, place, of_address);
	set_giving_way(admission, place, true);
	count(admission, holder, holder->held + 1);
	admission->held++;
}

void admission_hear(struct admission *admission, struct admission_place *place)
{
	set_giving_way(admission, place, false);
	put_last(place);
}

void admission_dismiss(struct admission *admission, struct admission_place *place)
{
	if (place->gives_way)
		return;
	set_giving_way(admission, place, true);
	put_last(place);
}

void admission_leave(struct admission *admission, struct admission_place *place)
{
	struct admission_address *holder = place->address;

	set_giving_way(admission, place, false);
	TAILQ_REMOVE(&holder->places, place, of_address);
	count(admission, holder, holder->held - 1);
	admission->held--;
	if (holder->held == 0)
		LIST_REMOVE(holder, alike);
	place->address = NULL;
}
