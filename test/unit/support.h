/*
 * What the unit tests share: a directory of their own, files in it, children, locks held by
 * somebody else.
 *
 * Assertions hold in the test's own process alone. A child never asserts: its body returns 0 if
 * all was well, else the number of the line that was not, and await_child() fails the test with it.
 */
#ifndef QUARTET_TEST_SUPPORT_H
#define QUARTET_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A test program or a child that hangs is killed after this long, which none comes near. */
#define SUPPORT_DEADLINE_S 300

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A bytes literal that may contain NUL, and its length. */
#define BYTES(literal) (literal), (sizeof(literal) - 1)

/* Fails the test with a formatted sentence if condition does not hold. */
#define CHECK(condition, ...)                                                                                          \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			fail_msg(__VA_ARGS__);                                                                         \
	} while (0)

/* In the body of a child: returns the number of this line if condition does not hold. */
#define CHILD_CHECK(condition)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return __LINE__ % 255 + 1;                                                                     \
	} while (0)

/* Ends the process that hangs. Call first thing in main. */
static inline void support_begin(void)
{
	alarm(SUPPORT_DEADLINE_S);
}

static inline struct in_addr support_address(uint32_t host_order)
{
	return (struct in_addr){.s_addr = htonl(host_order)};
}

/* A copy that ends where its allocation ends, so that AddressSanitizer sees one byte read too many.
 */
static inline char *support_copy(const void *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

/* len times the byte. */
static inline char *support_repeat(char byte, size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, byte, len);
	text[len] = '\0';
	return text;
}

/* Decodes len bytes of hexadecimal. */
static inline void support_unhex(const char *hex, uint8_t *bytes, size_t len)
{
	assert_int_equal(strlen(hex), 2 * len);
	for (size_t i = 0; i < len; i++) {
		unsigned value = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
		bytes[i] = (uint8_t)value;
	}
}

/* Writes code_point as UTF-8, surrogates too, without a NUL. Returns the count of bytes. */
static inline size_t support_encode(uint32_t code_point, char out[static 4])
{
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (char)(0xc0 | code_point >> 6);
		out[1] = (char)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (char)(0xe0 | code_point >> 12);
		out[1] = (char)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code_point >> 18);
	out[1] = (char)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code_point & 0x3f));
	return 4;
}

/* The same numbers in every run (xorshift). */
static inline uint32_t support_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 32);
}

/* A new directory below TMPDIR or /tmp, and its removal: the setup and teardown of tests that need
 * files. */
struct workdir {
	int fd;
	char path[PATH_MAX];
};

static inline int workdir_make(void **state)
{
	const char *parent = getenv("TMPDIR");
	struct workdir *dir = calloc(1, sizeof(*dir));

	if (dir == NULL)
		return -1;
	snprintf(dir->path, sizeof(dir->path), "%s/quartet-unit-XXXXXX",
	    parent != NULL && *parent != '\0' ? parent : "/tmp");
	if (mkdtemp(dir->path) == NULL || (dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		free(dir);
		return -1;
	}
	*state = dir;
	return 0;
}

static inline int workdir_remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline int workdir_remove(void **state)
{
	struct workdir *dir = *state;
	int r = nftw(dir->path, workdir_remove_entry, 16, FTW_DEPTH | FTW_PHYS);

	close(dir->fd);
	free(dir);
	return r;
}

#define workdir_test(test) cmocka_unit_test_setup_teardown(test, workdir_make, workdir_remove)

/* The directory of the running test. */
static inline int workdir_fd(void **state)
{
	return ((struct workdir *)*state)->fd;
}

/* Makes the file name with exactly these bytes, mode 0600. */
static inline void file_put(int dir, const char *name, const void *bytes, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_int_equal(close(fd), 0);
}

/* The whole file, with a NUL behind it, for the caller to free. */
static inline char *file_take(int dir, const char *name, size_t *len)
{
	struct stat status;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char *bytes;
	size_t got = 0;

	CHECK(fd >= 0, "cannot open %s: %s", name, strerror(errno));
	assert_int_equal(fstat(fd, &status), 0);
	bytes = malloc((size_t)status.st_size + 1);
	assert_non_null(bytes);
	while (got < (size_t)status.st_size) {
		ssize_t n = read(fd, bytes + got, (size_t)status.st_size - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
	close(fd);
	bytes[got] = '\0';
	*len = got;
	return bytes;
}

/* Fails unless the file holds exactly these bytes. */
static inline void file_expect(int dir, const char *name, const void *bytes, size_t len)
{
	size_t got_len;
	char *got = file_take(dir, name, &got_len);

	CHECK(got_len == len, "%s has %zu bytes and not %zu", name, got_len, len);
	if (len > 0)
		assert_memory_equal(got, bytes, len);
	free(got);
}

static inline bool file_exists(int dir, const char *name)
{
	struct stat status;

	return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Permission bits of the file. */
static inline unsigned file_mode(int dir, const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status.st_mode & 07777;
}

/* How many entries of the directory begin with prefix. */
static inline size_t file_count(int dir, const char *prefix)
{
	size_t count = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fdopendir(fd);
	const struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL) {
		bool special = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;

		count += !special && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	}
	closedir(stream);
	return count;
}

/* How many descriptors this process has open, to find one that is left behind. */
static inline size_t descriptors_open(void)
{
	int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count;

	assert_true(fd >= 0);
	count = file_count(fd, "");
	close(fd);
	return count;
}

/* Runs body in a child, which dies with the test program. */
static inline pid_t start_child(int (*body)(void *), void *argument)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(SUPPORT_DEADLINE_S);
		_exit(body(argument));
	}
	return pid;
}

static inline void await_child(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status), "a child was ended by signal %d", WTERMSIG(status));
	CHECK(WEXITSTATUS(status) == 0, "a child failed at the line that is %d modulo 255", WEXITSTATUS(status) - 1);
}

/*
 * Calls until another program does not hold the lock for too long: if many contend and the disk is slow, one of them
 * may not get it for seconds.
 */
#define CONTEND(r, call)                                                                                               \
	do {                                                                                                           \
		(r) = (call);                                                                                          \
	} while ((r) == ETIMEDOUT)

static inline void sleep_a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Another process that holds a lock on a file. */
struct holder {
	pid_t pid;
	int release; /* it lets go when this is closed */
};

/* Whether process pid has the file open that status describes. */
static inline bool process_has_open(pid_t pid, const struct stat *status)
{
	char path[64];
	bool found = false;
	DIR *stream;
	const struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	stream = opendir(path);
	if (stream == NULL)
		return false;
	while (!found && (entry = readdir(stream)) != NULL) {
		struct stat other;

		found = fstatat(dirfd(stream), entry->d_name, &other, 0) == 0 && other.st_dev == status->st_dev &&
			other.st_ino == status->st_ino;
	}
	closedir(stream);
	return found;
}

/*
 * Starts a process that holds operation (LOCK_SH or LOCK_EX) on the file name, made if it is
 * missing. Without meanwhile it holds on until holder_end(). With meanwhile it waits until this
 * process has the file open, calls meanwhile under the lock, and ends, which lets go.
 */
static inline struct holder holder_start(int dir, const char *name, int operation,
    void (*meanwhile)(int dir, const char *name))
{
	struct holder holder;
	int ready[2];
	int release[2];
	char byte = 0;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(release, O_CLOEXEC), 0);
	holder.pid = fork();
	assert_true(holder.pid >= 0);
	if (holder.pid == 0) {
		struct stat status;
		int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(release[1]);
		if (fd < 0 || flock(fd, operation) != 0 || fstat(fd, &status) != 0 || write(ready[1], &byte, 1) != 1)
			_exit(1);
		if (meanwhile == NULL)
			_exit(read(release[0], &byte, 1) == 0 ? 0 : 1);
		for (int i = 0; i < 1000 && !process_has_open(getppid(), &status); i++)
			sleep_a_moment();
		meanwhile(dir, name);
		_exit(0);
	}
	close(ready[1]);
	close(release[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	holder.release = release[1];
	return holder;
}

static inline void holder_end(struct holder holder)
{
	close(holder.release);
	await_child(holder.pid);
}

/* Whether somebody who opens the file now gets the lock without waiting. */
static inline bool lock_is_free(int dir, const char *name, int operation)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	bool is_free;

	assert_true(fd >= 0);
	is_free = flock(fd, operation | LOCK_NB) == 0;
	close(fd);
	return is_free;
}

/*
 * Lets no file grow beyond max_bytes until the returned limit is put back: a disk that is full in
 * the middle of a write, for everybody. The write that goes over it fails with EFBIG.
 */
static inline struct rlimit disk_shrink(rlim_t max_bytes)
{
	struct rlimit old;
	struct rlimit tight;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = max_bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	return old;
}

static inline void disk_restore(struct rlimit old)
{
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
}

/* Byte sequences that are not UTF-8 (RFC 3629), each by itself. */
struct bad_utf8 {
	const char *bytes;
	size_t len;
	const char *why;
};

static const struct bad_utf8 support_bad_utf8[] __attribute__((unused)) = {
    {BYTES("\x80"), "continuation alone"},
    {BYTES("\xbf"), "continuation alone"},
    {BYTES("\xc0\x80"), "overlong U+0000"},
    {BYTES("\xc0\xaf"), "overlong slash"},
    {BYTES("\xc1\xbf"), "overlong U+007F"},
    {BYTES("\xc3"), "two bytes cut short"},
    {BYTES("\xc3\x28"), "two bytes, the second no continuation"},
    {BYTES("\xe0\x80\x80"), "overlong U+0000 in three bytes"},
    {BYTES("\xe0\x9f\xbf"), "overlong U+07FF"},
    {BYTES("\xe2\x82"), "three bytes cut short"},
    {BYTES("\xe2\x28\xa1"), "three bytes, the second no continuation"},
    {BYTES("\xed\xa0\x80"), "surrogate U+D800"},
    {BYTES("\xed\xbf\xbf"), "surrogate U+DFFF"},
    {BYTES("\xed\xa0\xbd\xed\xb8\x80"), "pair of surrogates"},
    {BYTES("\xf0\x80\x80\x80"), "overlong U+0000 in four bytes"},
    {BYTES("\xf0\x8f\xbf\xbf"), "overlong U+FFFF"},
    {BYTES("\xf0\x9f\x98"), "four bytes cut short"},
    {BYTES("\xf4\x90\x80\x80"), "above U+10FFFF"},
    {BYTES("\xf5\x80\x80\x80"), "F5"},
    {BYTES("\xf8\x88\x80\x80\x80"), "five bytes"},
    {BYTES("\xfe"), "FE"},
    {BYTES("\xff"), "FF"},
};

#endif
