#include "room/roomevents.h"

#include <stdio.h>
#include <string.h>

struct list {
	struct roomevent *events;
	size_t count;
};

static struct roomevent *add(struct list *list, enum chatlog_event event, const struct roommember *who)
{
	struct roomevent *added = &list->events[list->count++];

	added->event = event;
	added->who = who;
	added->value[0] = '\0';
	return added;
}

/* Whether somebody was the same member before: who left and came back is another. */
static bool was_member(const struct roomstate *state, const struct roommember *member)
{
	int place = roomstate_find_member(state, member->identity);

	return place >= 0 && state->members[place].since == member->since;
}

/* Who is not there any more: on their own, or because others wanted it. */
static void list_gone(struct list *list, const struct roomstate *before, const struct roomstate *after)
{
	for (size_t i = 0; i < before->member_count; i++) {
		const struct roommember *member = &before->members[i];

		if (!was_member(after, member))
			add(list, roomstate_is_removed(after, member->identity) ? CHATLOG_REMOVED : CHATLOG_LEFT,
			    member);
	}
}

static void list_members(struct list *list, const struct roomstate *before, const struct roomstate *after)
{
	for (size_t i = 0; i < after->member_count; i++) {
		const struct roommember *member = &after->members[i];
		bool is_new = !was_member(before, member), is_admin = roomstate_is_admin(after, (int)i);

		if (is_new)
			add(list, CHATLOG_JOINED, member);
		else if (roomstate_is_admin(before, roomstate_find_member(before, member->identity)) != is_admin)
			add(list, is_admin ? CHATLOG_ADMIN : CHATLOG_NO_ADMIN, member);
	}
}

static void list_settings(struct list *list, const struct roomstate *before, const struct roomstate *after)
{
	if (strcmp(before->name, after->name) != 0)
		strcpy(add(list, CHATLOG_NAMED, NULL)->value, after->name);
	if (strcmp(before->about, after->about) != 0)
		strcpy(add(list, CHATLOG_ABOUT, NULL)->value, after->about);
	if (before->capacity != after->capacity)
		snprintf(add(list, CHATLOG_CAPACITY, NULL)->value, ROOMEVENT_VALUE_BYTES, "%u", after->capacity);
	if (before->entry != after->entry)
		strcpy(add(list, CHATLOG_ENTRY, NULL)->value, roomentry_word(after->entry));
	else if (memcmp(before->lock, after->lock, sizeof(after->lock)) != 0)
		add(list, CHATLOG_PASSWORD, NULL);
}

size_t roomevents_list(const struct roomstate *before, const struct roomstate *after,
    struct roomevent events[static ROOMEVENTS_MAX])
{
	struct list list = {.events = events};

	if (!before) {
		add(&list, after->n == 0 ? CHATLOG_CREATED : CHATLOG_JOINED, NULL);
		return list.count;
	}
	list_gone(&list, before, after);
	list_members(&list, before, after);
	list_settings(&list, before, after);
	return list.count;
}
