#include "filelist.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "file/offers.h"
#include "file/shelf.h"
#include "listing.h"
#include "store/lockedfile.h"
#include "term/layout.h"

/* The number, and the day and time, stand before all else. */
#define NUMBER_COLUMNS 4
#define TEXT_COLUMN 19

/* One of them, with all that there is to say of it. */
struct item {
	const struct offer *offer;
	const struct chatlog_entry *entry; /* the offer */
	struct chatlog_entry fetched;	   /* the line that says where it is, if there is one */
	const char *path;		   /* there, or NULL */
	bool is_there;			   /* something has that path */
	bool is_lost;			   /* its room is none of the user's any more */
	bool has_changed;		   /* one's own is not what it was */
	int64_t part;			   /* so many bytes of it are here */
	size_t have;			   /* so many of those to whom one's own was offered have it */
	bool have_all;
	const char *state; /* the word for it */
};

static bool is_as_it_was(const struct filesource *source)
{
	bool is_same = false;
	int fd;

	if (filesource_open(source->path, &fd, NULL) == 0) {
		is_same = filesource_check(fd, &source->stamp) == 0;
		close(fd);
	}
	return is_same;
}

/* Whether one of those to whom it was offered has it. */
static bool has_it(const struct item *item, size_t place)
{
	return item->entry->has_room ? offer_has_reached(item->offer, item->entry->to[place])
				     : item->offer->holder_count > 0;
}

/* How many it was offered to. */
static size_t count_all(const struct item *item)
{
	return item->entry->has_room ? item->entry->to_count : 1;
}

static void look_at_own(struct item *item)
{
	const struct offer *offer = item->offer;

	for (size_t i = 0; i < count_all(item); i++)
		item->have += has_it(item, i);
	item->have_all = item->have > 0 && item->have == count_all(item);
	item->path = item->entry->has_source ? item->entry->source.path : NULL;
	item->has_changed = item->path && !is_as_it_was(&item->entry->source);
	item->state = offer->is_withdrawn ? "withdrawn"
		      : item->have_all	  ? "fetched"
		      : offer->is_waiting ? (item->entry->once ? "unknown" : "waiting")
					  : "offered";
}

static void look_at_foreign(struct item *item)
{
	const struct offer *offer = item->offer;
	uint8_t tag[SHELF_TAG_BYTES];

	if (offer->is_fetched && offer_read_fetched(offer, AT_FDCWD, &item->fetched) == 0 && item->fetched.has_source) {
		item->path = item->fetched.source.path;
		item->is_there = faccessat(AT_FDCWD, item->path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	} else {
		shelf_make_tag(offer->by, offer->id, tag);
		item->part = shelf_find_part(AT_FDCWD, item->entry->file.name, tag);
		/* It is that of another offer with this id. */
		if (item->part > item->entry->file.bytes)
			item->part = 0;
	}
	item->state = offer->is_fetched ? "fetched" : item->part > 0 ? "partial" : "offered";
}

/* The path, without the working directory before it. */
static const char *shorten(const char *path)
{
	char directory[PATH_MAX];
	size_t len = getcwd(directory, sizeof(directory)) ? strlen(directory) : 0;

	return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static void put_state_of_own(struct console *console, const struct item *item)
{
	const struct chatlog_entry *entry = item->entry;

	if (item->have > 0) {
		console_put_styled(console, CONSOLE_GOOD, "✓ ");
		if (entry->has_room)
			console_put(console, "%zu of %zu have it", item->have, entry->to_count);
		else
			console_put(console, "fetched");
	} else if (!item->offer->is_withdrawn) {
		console_put(console, !item->offer->is_waiting ? "offered"
				     : entry->once	      ? "may not have been sent"
							      : "waits");
	}
	if (item->offer->is_withdrawn)
		console_put_styled(console, CONSOLE_FAINT, item->have > 0 ? ", withdrawn" : "withdrawn");
	else if (item->has_changed && !item->have_all)
		console_put_styled(console, CONSOLE_WARNING, "; changed since then: offer it again");
}

static void put_state_of_foreign(struct console *console, const struct item *item)
{
	const struct fileoffer *file = &item->entry->file;
	const char *path = item->path ? shorten(item->path) : NULL;

	if (item->is_there) {
		console_put_styled(console, CONSOLE_GOOD, "in ");
		console_put_foreign(console, path, strlen(path));
		return;
	}
	if (item->offer->is_fetched)
		console_put(console, "was fetched, and is there no more: ");
	else if (item->part > 0)
		console_put(console, "%d %% is here: ", (int)((double)item->part * 100 / (double)file->bytes));
	if (item->is_lost)
		console_put_styled(console, CONSOLE_FAINT, "you are out of that room");
	else
		console_put_styled(console, CONSOLE_GOOD, "Get %" PRIu64, item->offer->number);
}

/* Collects "   3  11-20 08:00  Bob  plan.pdf (2.1 MB)  Get 3". */
static void put_line(struct listing *listing, const struct item *item)
{
	struct console *console = listing->desk->data;
	char local[CLOCK_LOCAL_BYTES], size[FILEOFFER_SIZE_BYTES];

	clock_format_local(item->entry->time_ms, true, local);
	console_put(console, LAYOUT_MARGIN "%c", ' ' + TEXT_COLUMN);
	console_put_styled(console, CONSOLE_STRONG, "%*" PRIu64, NUMBER_COLUMNS, item->offer->number);
	/* Neither the year nor the seconds. */
	console_put_styled(console, CONSOLE_FAINT, "  %.11s  ", local + strlen("2026-"));
	console_put(console, "%s", item->offer->is_own ? "→ " : "");
	listing_put_who(listing, item->entry);
	console_put(console, "  ");
	console_put_filename(console, CONSOLE_STRONG, item->entry->file.name);
	console_put(console, " (%s)  ", fileoffer_format_size(item->entry->file.bytes, size));
	if (item->offer->is_own)
		put_state_of_own(console, item);
	else
		put_state_of_foreign(console, item);
	console_put(console, "\n");
}

static void put_object(struct listing *listing, const struct item *item)
{
	const struct chatlog_entry *entry = item->entry;
	json_t *have = json_array(), *object;
	char name[USERNAME_MAX_BYTES + 1];

	object = json_pack("{s:I, s:O, s:s, s:s, s:I, s:s, s:s}", "number", (json_int_t)item->offer->number, "time",
	    json_object_get(entry->document, "time"), "direction", item->offer->is_own ? "SENT" : "RECEIVED", "name",
	    entry->file.name, "bytes", (json_int_t)entry->file.bytes, "username", entry->username, "state",
	    item->state);
	json_object_set_new(object, "id", jsontext_bytes(entry->id, sizeof(entry->id)));
	json_object_set_new(object, "identity", jsontext_bytes(item->offer->with, sizeof(item->offer->with)));
	if (entry->has_room)
		json_object_set_new(object, "room", jsontext_bytes(entry->room, sizeof(entry->room)));
	if (item->path)
		json_object_set_new(object, "path", json_string(item->path));
	for (size_t i = 0; item->offer->is_own && i < count_all(item); i++) {
		if (!has_it(item, i))
			continue;
		if (entry->has_room)
			roomview_name_member(&listing->rooms, entry->room, entry->to[i], name);
		json_array_append_new(have, json_string(entry->has_room ? name : entry->username));
	}
	if (item->offer->is_own)
		json_object_set(object, "have", have);
	json_decref(have);
	listing_put_json(listing->desk, object);
}

/* Shows one, if it is to be seen. */
static void show(struct listing *listing, const struct offer *offer)
{
	struct chatlog_entry entry;
	struct item item = {.offer = offer, .entry = &entry};

	if (offer->is_held || offer_read(offer, AT_FDCWD, &entry) != 0)
		return;
	if (listing_has(listing, &entry)) {
		if (offer->is_own)
			look_at_own(&item);
		else
			look_at_foreign(&item);
		item.is_lost = offer->has_room && !item.is_there && !desk_is_member(listing->desk, offer->room);
		if (listing->as_json)
			put_object(listing, &item);
		else
			put_line(listing, &item);
		listing->shown++;
	}
	chatlog_entry_free(&item.fetched);
	chatlog_entry_free(&entry);
}

static int list(struct listing *listing, const char *whom, size_t newest)
{
	int status = listing_find(listing, whom);
	const struct offers *offers = status == PROGRAM_FINE ? desk_offers(listing->desk) : NULL;
	size_t count = offers ? offers_count(offers) : 0;

	if (!offers)
		return desk_worse(status, PROGRAM_FAILED);
	listing_begin(listing);
	listing->pager.from_end = true;
	/* What is offered may be read anew while the pager takes nothing. */
	for (size_t i = newest > 0 && count > newest ? count - newest : 0;
	     listing_goes_on(listing) && i < offers_count(offers); i++)
		show(listing, offers_at(offers, i));
	listing_end(listing);
	return PROGRAM_FINE;
}

int filelist_show(struct desk *desk, const char *typed)
{
	struct listing listing = {.desk = desk};
	bool has_all = strcasecmp(typed, "all") == 0;
	int status = list(&listing, has_all ? "" : typed, typed[0] == '\0' ? FILELIST_NEWEST : 0);

	if (status == PROGRAM_FINE && listing.shown == 0)
		console_put(desk->console, "No file is offered. Send FILE to NAME offers one.\n");
	else if (status == PROGRAM_FINE && typed[0] == '\0' && listing.shown == FILELIST_NEWEST)
		console_put_styled(desk->console, CONSOLE_FAINT, "(the newest %d; Files all shows everything)\n",
		    FILELIST_NEWEST);
	return status;
}

int filelist_list(struct desk *desk, const struct wish *wish)
{
	struct listing listing = {.desk = desk, .as_json = wish->as_json};

	return list(&listing, wish->whom, 0);
}
