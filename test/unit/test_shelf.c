/*
 * The shelf: a name that somebody else chose leads nowhere but into the directory, and to no file that was there.
 */
#include "support.h"

#include "file/shelf.h"
#include "store/lockedfile.h"

#define TAG_HEX "0123456789abcdef"
#define PART(name) name "." TAG_HEX ".part"

static const uint8_t tag[SHELF_TAG_BYTES] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

static int open_shelf(void **state)
{
	int shelf = -1;

	assert_int_equal(shelf_open(workdir_fd(state), &shelf), 0);
	return shelf;
}

/* Fetches a file of these bytes, and returns what putting it in place says; placed is its name then. */
static int fetch(int shelf, const char *name, const char *bytes, char placed[static SHELF_NAME_BYTES])
{
	struct shelf_part part;
	int rc;

	assert_int_equal(shelf_open_part(shelf, name, (int64_t)strlen(bytes), tag, &part), 0);
	assert_int_equal(shelf_write(&part, bytes, strlen(bytes)), 0);
	rc = shelf_place(&part, false, placed);
	shelf_close_part(&part);
	return rc;
}

static void a_file_is_stored_for_its_user_alone(void **state)
{
	const mode_t mask = umask(0);
	int shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES];

	assert_int_equal(fetch(shelf, "plan.pdf", "all of it", placed), 0);
	umask(mask);
	assert_string_equal(placed, "plan.pdf");
	file_expect(shelf, "plan.pdf", BYTES("all of it"));
	assert_int_equal(file_mode(shelf, "plan.pdf"), 0600);
	assert_int_equal(file_mode(workdir_fd(state), "files"), 0700);
	assert_int_equal(file_count(shelf, ""), 1);
	close(shelf);
}

static void an_empty_file_is_a_file(void **state)
{
	int shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES];

	assert_int_equal(fetch(shelf, "empty", "", placed), 0);
	file_expect(shelf, "empty", "", 0);
	close(shelf);
}

static void what_is_there_is_never_replaced(void **state)
{
	int shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES];

	file_put(shelf, "cat.png", BYTES("mine"));
	assert_int_equal(symlinkat("/nowhere", shelf, "cat (1).png"), 0);
	assert_int_equal(mkfifoat(shelf, "cat (2).png", 0600), 0);
	assert_int_equal(mkdirat(shelf, "cat (3).png", 0700), 0);
	assert_int_equal(fetch(shelf, "cat.png", "theirs", placed), 0);
	assert_string_equal(placed, "cat (4).png");
	file_expect(shelf, "cat.png", BYTES("mine"));
	file_expect(shelf, "cat (4).png", BYTES("theirs"));
	assert_int_equal(fetch(shelf, "noend", "a", placed), 0);
	assert_int_equal(fetch(shelf, "noend", "b", placed), 0);
	assert_string_equal(placed, "noend (1)");
	close(shelf);
}

static void if_no_name_is_left_the_part_is_kept(void **state)
{
	int shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES], name[32];

	file_put(shelf, "a", BYTES("mine"));
	for (int i = 1; i <= 999; i++) {
		snprintf(name, sizeof(name), "a (%d)", i);
		assert_int_equal(linkat(shelf, "a", shelf, name, 0), 0);
	}
	assert_int_equal(fetch(shelf, "a", "theirs", placed), EEXIST);
	file_expect(shelf, PART("a"), BYTES("theirs"));
	assert_int_equal(unlinkat(shelf, "a (999)", 0), 0);
	assert_int_equal(fetch(shelf, "b", "other", placed), 0);
	close(shelf);
}

static void an_exact_name_that_is_taken_is_told(void **state)
{
	int shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES];
	struct shelf_part part;

	file_put(shelf, "out", BYTES("mine"));
	assert_int_equal(shelf_open_part(shelf, "out", 0, tag, &part), 0);
	assert_int_equal(shelf_place(&part, true, placed), EEXIST);
	shelf_discard(&part);
	assert_int_equal(file_count(shelf, ""), 1);
	close(shelf);
}

static void names_that_lead_elsewhere_or_hide_are_refused(void **state)
{
	static const char *const names[] = {"", ".", "..", "...", "../up", "/etc/passwd", "a/b", "files/../x",
	    ".bashrc", "-rf", "a\nb", "a\x1b[2J", "a\x7f", "photo\xe2\x80\xaegpj.exe", "a\xe2\x80\x8b",
	    "a\xe2\x80\xa8z", "a\xff", "a\xc0\xaf", "a\xed\xa0\x80", PART("x")};
	int shelf = open_shelf(state);
	struct shelf_part part;
	char *longest = support_repeat('n', FILENAME_MAX_BYTES), *longer = support_repeat('n', FILENAME_MAX_BYTES + 1),
	     *longest_name = support_repeat('n', 255), placed[SHELF_NAME_BYTES];

	for (size_t i = 0; i < COUNT(names); i++)
		CHECK(shelf_open_part(shelf, names[i], 1, tag, &part) == EINVAL, "row %zu", i);
	assert_int_equal(shelf_open_part(shelf, longer, 1, tag, &part), EINVAL);
	assert_int_equal(shelf_open_part(shelf, longest_name, 1, tag, &part), EINVAL);
	assert_int_equal(file_count(shelf, ""), 0);
	assert_int_equal(fetch(shelf, longest, "x", placed), 0);
	assert_int_equal(fetch(shelf, longest, "x", placed), 0);
	assert_int_equal(strlen(placed), FILENAME_MAX_BYTES + 4);
	free(longest);
	free(longer);
	free(longest_name);
	close(shelf);
}

static void names_that_only_look_strange_are_names(void **state)
{
	static const char *const names[] = {
	    "C:\\x", "con", "NUL.txt", "*", "$(reboot)", "~", "a b", "\xc3\xbc.txt", "a.", "!", "%n"};
	int shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES];

	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(fetch(shelf, names[i], "x", placed), 0);
		assert_string_equal(placed, names[i]);
	}
	assert_int_equal(file_count(shelf, ""), COUNT(names));
	close(shelf);
}

static void a_directory_that_is_not_ours_alone_is_refused(void **state)
{
	int dir = workdir_fd(state), shelf;

	assert_int_equal(mkdirat(dir, "elsewhere", 0700), 0);
	assert_int_equal(symlinkat("elsewhere", dir, "files"), 0);
	assert_int_equal(shelf_open(dir, &shelf), ENOTDIR);
	assert_int_equal(unlinkat(dir, "files", 0), 0);
	assert_int_equal(symlinkat("nowhere", dir, "files"), 0);
	assert_int_equal(shelf_open(dir, &shelf), ENOTDIR);
	assert_false(file_exists(dir, "nowhere"));
	assert_int_equal(unlinkat(dir, "files", 0), 0);
	file_put(dir, "files", "", 0);
	assert_int_equal(shelf_open(dir, &shelf), ENOTDIR);
	assert_int_equal(unlinkat(dir, "files", 0), 0);
	assert_int_equal(mkfifoat(dir, "files", 0600), 0);
	assert_int_equal(shelf_open(dir, &shelf), ENOTDIR);
	assert_int_equal(unlinkat(dir, "files", 0), 0);
	assert_int_equal(mkdirat(dir, "files", 0700), 0);
	assert_int_equal(fchmodat(dir, "files", 0770, 0), 0);
	assert_int_equal(shelf_open(dir, &shelf), LOCKEDFILE_EXPOSED);
	assert_int_equal(fchmodat(dir, "files", 01777, 0), 0);
	assert_int_equal(shelf_open(dir, &shelf), LOCKEDFILE_EXPOSED);
	assert_int_equal(fchmodat(dir, "files", 0755, 0), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(dir, "files", 1, 1, 0), 0);
		assert_int_equal(shelf_open(dir, &shelf), LOCKEDFILE_FOREIGN);
	}
}

static void a_directory_that_is_swapped_later_changes_nothing(void **state)
{
	int dir = workdir_fd(state), shelf = open_shelf(state);
	char placed[SHELF_NAME_BYTES];

	assert_int_equal(renameat(dir, "files", dir, "moved"), 0);
	assert_int_equal(mkdirat(dir, "elsewhere", 0700), 0);
	assert_int_equal(symlinkat("elsewhere", dir, "files"), 0);
	assert_int_equal(fetch(shelf, "plan.pdf", "x", placed), 0);
	assert_true(file_exists(dir, "moved/plan.pdf"));
	assert_false(file_exists(dir, "elsewhere/plan.pdf"));
	close(shelf);
}

/* What lies under the name of the part and is none of ours is neither written to nor removed. */
static void a_part_that_is_something_else_is_refused(void **state)
{
	int dir = workdir_fd(state), shelf = open_shelf(state);
	struct shelf_part part;

	file_put(dir, "victim", BYTES("precious"));
	assert_int_equal(symlinkat("../victim", shelf, PART("a")), 0);
	assert_int_equal(symlinkat("../made", shelf, PART("b")), 0);
	assert_int_equal(linkat(dir, "victim", shelf, PART("c"), 0), 0);
	assert_int_equal(mkfifoat(shelf, PART("d"), 0600), 0);
	assert_int_equal(mkdirat(shelf, PART("e"), 0700), 0);
	file_put(shelf, PART("f"), BYTES("open"));
	assert_int_equal(fchmodat(shelf, PART("f"), 0622, 0), 0);
	assert_int_equal(shelf_open_part(shelf, "a", 100, tag, &part), ELOOP);
	assert_int_equal(shelf_open_part(shelf, "b", 100, tag, &part), ELOOP);
	assert_int_equal(shelf_open_part(shelf, "c", 100, tag, &part), EMLINK);
	assert_int_equal(shelf_open_part(shelf, "d", 100, tag, &part), EINVAL);
	assert_int_equal(shelf_open_part(shelf, "e", 100, tag, &part), EISDIR);
	assert_int_equal(shelf_open_part(shelf, "f", 100, tag, &part), LOCKEDFILE_EXPOSED);
	if (geteuid() == 0) {
		file_put(shelf, PART("g"), BYTES("another user's"));
		assert_int_equal(fchownat(shelf, PART("g"), 1, 1, 0), 0);
		assert_int_equal(shelf_open_part(shelf, "g", 100, tag, &part), LOCKEDFILE_FOREIGN);
		file_expect(shelf, PART("g"), BYTES("another user's"));
	}
	file_expect(dir, "victim", BYTES("precious"));
	assert_false(file_exists(dir, "made"));
	close(shelf);
}

static void a_file_swapped_in_for_the_part_does_not_get_the_name(void **state)
{
	int dir = workdir_fd(state), shelf = open_shelf(state);
	struct shelf_part part;
	char placed[SHELF_NAME_BYTES];

	assert_int_equal(shelf_open_part(shelf, "a", 4, tag, &part), 0);
	assert_int_equal(shelf_write(&part, "good", 4), 0);
	assert_int_equal(unlinkat(shelf, PART("a"), 0), 0);
	file_put(shelf, PART("a"), BYTES("evil"));
	assert_int_equal(shelf_place(&part, false, placed), ESTALE);
	assert_false(file_exists(shelf, "a"));
	shelf_discard(&part);
	file_expect(shelf, PART("a"), BYTES("evil"));
	assert_int_equal(renameat(shelf, PART("a"), dir, "x"), 0);
	close(shelf);
}

static void a_part_goes_on_from_where_it_was(void **state)
{
	int shelf = open_shelf(state);
	struct shelf_part part;
	char placed[SHELF_NAME_BYTES];

	assert_int_equal(shelf_open_part(shelf, "a", 8, tag, &part), 0);
	assert_int_equal(part.bytes, 0);
	assert_int_equal(shelf_write(&part, "four", 4), 0);
	assert_int_equal(shelf_place(&part, false, placed), EINVAL);
	shelf_close_part(&part);
	assert_false(file_exists(shelf, "a"));
	assert_int_equal(shelf_open_part(shelf, "a", 8, tag, &part), 0);
	assert_int_equal(part.bytes, 4);
	assert_int_equal(shelf_write(&part, "more", 4), 0);
	assert_int_equal(shelf_write(&part, "!", 1), EFBIG);
	assert_int_equal(shelf_write(&part, "", 0), 0);
	assert_int_equal(shelf_place(&part, false, placed), 0);
	file_expect(shelf, "a", BYTES("fourmore"));
	assert_int_equal(file_count(shelf, ""), 1);
	close(shelf);
}

static void a_part_that_is_complete_asks_for_its_last_byte(void **state)
{
	int shelf = open_shelf(state);
	struct shelf_part part;

	file_put(shelf, PART("a"), BYTES("four"));
	assert_int_equal(shelf_open_part(shelf, "a", 4, tag, &part), 0);
	assert_int_equal(part.bytes, 3);
	assert_int_equal(shelf_write(&part, "R", 1), 0);
	file_expect(shelf, PART("a"), BYTES("fouR"));
	shelf_discard(&part);
	close(shelf);
}

static void a_part_that_is_larger_than_the_offer_begins_anew(void **state)
{
	int shelf = open_shelf(state);
	struct shelf_part part;

	file_put(shelf, PART("a"), BYTES("too much of it"));
	assert_int_equal(shelf_open_part(shelf, "a", 4, tag, &part), 0);
	assert_int_equal(part.bytes, 0);
	assert_int_equal(shelf_write(&part, "good", 4), 0);
	file_expect(shelf, PART("a"), BYTES("good"));
	assert_int_equal(shelf_empty(&part), 0);
	file_expect(shelf, PART("a"), "", 0);
	shelf_discard(&part);
	assert_int_equal(file_count(shelf, ""), 0);
	shelf_discard(&part);
	close(shelf);
}

static void offers_of_one_name_have_parts_of_their_own_and_one_fetcher_each(void **state)
{
	static const uint8_t other[SHELF_TAG_BYTES] = {1};
	int shelf = open_shelf(state);
	struct shelf_part part, second, again;

	assert_int_equal(shelf_open_part(shelf, "a", 4, tag, &part), 0);
	assert_int_equal(shelf_open_part(shelf, "a", 4, tag, &again), EBUSY);
	assert_int_equal(shelf_open_part(shelf, "a", 4, other, &second), 0);
	shelf_close_part(&part);
	assert_int_equal(shelf_open_part(shelf, "a", 4, tag, &again), 0);
	shelf_close_part(&again);
	shelf_close_part(&second);
	close(shelf);
}

static void what_does_not_fit_onto_the_disk_is_told_before(void **state)
{
	int shelf = open_shelf(state);
	struct shelf_part part;

	assert_int_equal(shelf_open_part(shelf, "huge", INT64_MAX, tag, &part), ENOSPC);
	shelf_discard(&part);
	assert_int_equal(file_count(shelf, ""), 0);
	close(shelf);
}

static void a_full_disk_leaves_the_part(void **state)
{
	int shelf = open_shelf(state);
	struct shelf_part part;
	struct rlimit old;

	assert_int_equal(shelf_open_part(shelf, "a", 8, tag, &part), 0);
	assert_int_equal(shelf_write(&part, "four", 4), 0);
	old = disk_shrink(6);
	assert_int_equal(shelf_write(&part, "more", 4), EFBIG);
	disk_restore(old);
	shelf_close_part(&part);
	assert_int_equal(shelf_open_part(shelf, "a", 8, tag, &part), 0);
	assert_int_equal(part.bytes, 6);
	assert_int_equal(shelf_write(&part, "re", 2), 0);
	file_expect(shelf, PART("a"), BYTES("fourmore"));
	shelf_close_part(&part);
	close(shelf);
}

static void a_path_of_the_users_may_be_anywhere_that_is_safe(void **state)
{
	const struct workdir *dir = *state;
	char path[PATH_MAX + 16];
	const char *name;
	int shelf;

	snprintf(path, sizeof(path), "%s/out.bin", dir->path);
	assert_int_equal(shelf_open_path(path, &shelf, &name), 0);
	assert_string_equal(name, "out.bin");
	close(shelf);
	snprintf(path, sizeof(path), "%s/missing/out.bin", dir->path);
	assert_int_equal(shelf_open_path(path, &shelf, &name), ENOENT);
	assert_int_equal(mkdirat(dir->fd, "shared", 0700), 0);
	snprintf(path, sizeof(path), "%s/shared/out.bin", dir->path);
	assert_int_equal(fchmodat(dir->fd, "shared", 0777, 0), 0);
	assert_int_equal(shelf_open_path(path, &shelf, &name), LOCKEDFILE_EXPOSED);
	assert_int_equal(fchmodat(dir->fd, "shared", 01777, 0), 0);
	assert_int_equal(shelf_open_path(path, &shelf, &name), 0);
	close(shelf);
	assert_int_equal(shelf_open_path("/out.bin", &shelf, &name), 0);
	assert_string_equal(name, "out.bin");
	close(shelf);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(dir->fd, "shared", 1, 1, 0), 0);
		assert_int_equal(shelf_open_path(path, &shelf, &name), LOCKEDFILE_FOREIGN);
	}
}

static int count_down(void *context)
{
	int *left = context;

	return --*left == 0 ? ECANCELED : 0;
}

static void a_prefix_is_hashed_in_pieces_and_can_be_stopped(void **state)
{
	const size_t len = 1000 * 1000;
	char *bytes = support_repeat('b', len);
	uint8_t expected[32], got[32];
	crypto_generichash_state hash;
	int fd, left = 2;

	file_put(workdir_fd(state), "a", bytes, len);
	fd = openat(workdir_fd(state), "a", O_RDONLY);
	crypto_generichash(expected, sizeof(expected), (const uint8_t *)bytes, len - 1, NULL, 0);
	crypto_generichash_init(&hash, NULL, 0, sizeof(got));
	assert_int_equal(shelf_hash(fd, (int64_t)len - 1, &hash, NULL, NULL), 0);
	crypto_generichash_final(&hash, got, sizeof(got));
	assert_memory_equal(got, expected, sizeof(got));
	crypto_generichash_init(&hash, NULL, 0, sizeof(got));
	assert_int_equal(shelf_hash(fd, (int64_t)len + 1, &hash, NULL, NULL), ENODATA);
	assert_int_equal(shelf_hash(fd, (int64_t)len, &hash, count_down, &left), ECANCELED);
	close(fd);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    workdir_test(a_file_is_stored_for_its_user_alone),
	    workdir_test(an_empty_file_is_a_file),
	    workdir_test(what_is_there_is_never_replaced),
	    workdir_test(if_no_name_is_left_the_part_is_kept),
	    workdir_test(an_exact_name_that_is_taken_is_told),
	    workdir_test(names_that_lead_elsewhere_or_hide_are_refused),
	    workdir_test(names_that_only_look_strange_are_names),
	    workdir_test(a_directory_that_is_not_ours_alone_is_refused),
	    workdir_test(a_directory_that_is_swapped_later_changes_nothing),
	    workdir_test(a_part_that_is_something_else_is_refused),
	    workdir_test(a_file_swapped_in_for_the_part_does_not_get_the_name),
	    workdir_test(a_part_goes_on_from_where_it_was),
	    workdir_test(a_part_that_is_complete_asks_for_its_last_byte),
	    workdir_test(a_part_that_is_larger_than_the_offer_begins_anew),
	    workdir_test(offers_of_one_name_have_parts_of_their_own_and_one_fetcher_each),
	    workdir_test(what_does_not_fit_onto_the_disk_is_told_before),
	    workdir_test(a_full_disk_leaves_the_part),
	    workdir_test(a_path_of_the_users_may_be_anywhere_that_is_safe),
	    workdir_test(a_prefix_is_hashed_in_pieces_and_can_be_stopped),
	};

	support_begin();
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("shelf", tests, NULL, NULL);
}
