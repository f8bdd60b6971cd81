/*
 * Who may have which file: to whom it was offered, as long as it is; in a room, who is a member by now.
 */
#include "support.h"

#include "responder/fileserver.h"

enum { BOB = 1, CAN, OWNER };

struct row {
	const char *what;
	bool is_own, is_fetched, is_withdrawn, is_waiting;
	bool has_room, is_unknown, is_left, is_held; /* the room */
	uint8_t asker;
	bool is_permitted;
};

static const struct row rows[] = {
    {.what = "offered to him", .is_own = true, .asker = BOB, .is_permitted = true},
    {.what = "whose receipt is on its way", .is_own = true, .is_waiting = true, .asker = BOB, .is_permitted = true},
    {.what = "offered to another", .is_own = true, .asker = CAN},
    {.what = "withdrawn", .is_own = true, .is_withdrawn = true, .asker = BOB},
    {.what = "what he offered himself", .asker = BOB},
    {.what = "what he offered himself, and is here", .is_fetched = true, .asker = BOB},
    {.what = "what he offered, to another", .is_fetched = true, .asker = CAN},
    {.what = "own, to a member", .is_own = true, .has_room = true, .asker = BOB, .is_permitted = true},
    {.what = "own, to who is none", .is_own = true, .has_room = true, .asker = CAN},
    {.what = "own, withdrawn", .is_own = true, .is_withdrawn = true, .has_room = true, .asker = BOB},
    {.what = "another's, fetched", .is_fetched = true, .has_room = true, .asker = BOB, .is_permitted = true},
    {.what = "another's, fetched, to who is none", .is_fetched = true, .has_room = true, .asker = CAN},
    {.what = "another's, not here", .has_room = true, .asker = BOB},
    {.what = "of a room that is gone", .is_own = true, .has_room = true, .is_unknown = true, .asker = BOB},
    {.what = "of a room one is in no more", .is_own = true, .has_room = true, .is_left = true, .asker = BOB},
    {.what = "of a room that waits", .is_fetched = true, .has_room = true, .is_held = true, .asker = BOB},
};

static void who_may_have_a_file(void **state)
{
	struct roommember members[] = {{.identity = {OWNER}}, {.identity = {BOB}}};
	struct roomstate head = {.members = members, .member_count = COUNT(members)};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		const struct offer offer = {
		    .is_own = row->is_own,
		    .with = {BOB},
		    .is_fetched = row->is_fetched,
		    .is_withdrawn = row->is_withdrawn,
		    .is_waiting = row->is_waiting,
		    .has_room = row->has_room,
		};
		const struct room room = {.head = &head, .is_member = !row->is_left, .is_held = row->is_held};
		const uint8_t asker[IDENTITY_BYTES] = {row->asker};
		bool is_known = row->has_room && !row->is_unknown;

		CHECK(fileserver_permits(&offer, is_known ? &room : NULL, asker) == row->is_permitted, "%s", row->what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_may_have_a_file),
	};

	support_begin();
	return cmocka_run_group_tests_name("fileserver", tests, NULL, NULL);
}
