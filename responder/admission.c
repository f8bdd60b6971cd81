#include "admission.h"

#include <sodium.h>

/* What a link is in. */
#define OWNER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static void begin_list(struct admission_link *list)
{
	*list = (struct admission_link){list, list};
}

static void append(struct admission_link *list, struct admission_link *link)
{
	*link = (struct admission_link){list->before, list};
	link->before->after = list->before = link;
}

static void take_out(const struct admission_link *link)
{
	link->before->after = link->after;
	link->after->before = link->before;
}

static bool is_empty(const struct admission_link *list)
{
	return list->after == list;
}

void admission_init(struct admission *admission, size_t limit)
{
	*admission = (struct admission){.limit = limit, .seed = randombytes_random()};
	begin_list(&admission->giving_way);
	for (size_t i = 0; i <= ADMISSION_PER_ADDRESS_MAX; i++)
		begin_list(&admission->holders[i]);
	for (size_t i = 0; i < 1 << ADMISSION_HASH_BITS; i++)
		begin_list(&admission->hashed[i]);
	for (size_t i = 0; i < ADMISSION_PLACES_MAX; i++)
		append(&admission->holders[0], &admission->addresses[i].equal);
}

/* In which list an address is, if it holds a place. */
static size_t hash(const struct admission *admission, struct in_addr address)
{
	/* Multiplying by an odd constant near 2^32 divided by the golden ratio spreads neighbours (Knuth, volume 3). */
	return (uint32_t)((address.s_addr ^ admission->seed) * 2654435769u) >> (32 - ADMISSION_HASH_BITS);
}

static struct admission_address *find(const struct admission *admission, struct in_addr address)
{
	const struct admission_link *list = &admission->hashed[hash(admission, address)];

	for (struct admission_link *link = list->after; link != list; link = link->after) {
		struct admission_address *holder = OWNER(link, struct admission_address, alike);

		if (holder->address.s_addr == address.s_addr)
			return holder;
	}
	return NULL;
}

/* The place of an address that has given way for longest, or NULL. It has ADMISSION_PER_ADDRESS_MAX at most. */
static struct admission_place *find_giving_way(const struct admission_address *holder)
{
	for (struct admission_link *link = holder->places.after; link != &holder->places; link = link->after) {
		struct admission_place *place = OWNER(link, struct admission_place, of_address);

		if (place->gives_way)
			return place;
	}
	return NULL;
}

/* The place that was heard longest ago of an address that holds most. */
static struct admission_place *find_surplus(const struct admission *admission)
{
	struct admission_link *first = admission->holders[admission->most].after;

	return OWNER(OWNER(first, struct admission_address, equal)->places.after, struct admission_place, of_address);
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
		if (!found && admission->most > held + 1)
			found = find_surplus(admission);
	}
	if (!found)
		return ADMISSION_FULL;
	*leaver = found;
	return ADMISSION_IN_TURN;
}

struct admission_place *admission_first_giving_way(const struct admission *admission)
{
	if (is_empty(&admission->giving_way))
		return NULL;
	return OWNER(admission->giving_way.after, struct admission_place, in_line);
}

/* Counts for an address that it holds so many places now. */
static void count(struct admission *admission, struct admission_address *holder, size_t held)
{
	holder->held = held;
	take_out(&holder->equal);
	append(&admission->holders[held], &holder->equal);
	if (held > admission->most)
		admission->most = held;
	while (admission->most > 0 && is_empty(&admission->holders[admission->most]))
		admission->most--;
}

static void set_giving_way(struct admission *admission, struct admission_place *place, bool gives_way)
{
	if (place->gives_way == gives_way)
		return;
	place->gives_way = gives_way;
	if (gives_way)
		append(&admission->giving_way, &place->in_line);
	else
		take_out(&place->in_line);
}

/* Puts a place last of its address. */
static void put_last(struct admission_place *place)
{
	take_out(&place->of_address);
	append(&place->address->places, &place->of_address);
}

void admission_enter(struct admission *admission, struct admission_place *place, struct in_addr address)
{
	struct admission_address *holder = find(admission, address);

	if (!holder) {
		/* There are as many of them as there can be places. */
		holder = OWNER(admission->holders[0].after, struct admission_address, equal);
		holder->address = address;
		begin_list(&holder->places);
		append(&admission->hashed[hash(admission, address)], &holder->alike);
	}
	*place = (struct admission_place){.address = holder};
	append(&holder->places, &place->of_address);
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
	take_out(&place->of_address);
	count(admission, holder, holder->held - 1);
	admission->held--;
	if (holder->held == 0)
		take_out(&holder->alike);
	place->address = NULL;
}
