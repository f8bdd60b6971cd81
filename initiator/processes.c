#include "processes.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "net/address.h"

#define PATH_BYTES 64
#define LINE_BYTES 512

static void read_name(struct process *process)
{
	char path[PATH_BYTES];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)process->pid);
	process->name[0] = '\0';
	file = fopen(path, "re");
	if (file && fgets(process->name, sizeof(process->name), file))
		process->name[strcspn(process->name, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* The next process; false after the last. */
static bool next_process(DIR *list, struct process *process)
{
	const struct dirent *entry;

	while ((entry = readdir(list)) && !isdigit((unsigned char)entry->d_name[0]))
		;
	if (!entry)
		return false;
	process->pid = (pid_t)strtol(entry->d_name, NULL, 10);
	read_name(process);
	return true;
}

static bool works_here(const struct process *process)
{
	char path[PATH_BYTES];
	struct stat here, there;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)process->pid);
	return stat(".", &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

bool processes_find(const char *name, struct process *process)
{
	DIR *list = opendir("/proc");
	bool is_found = false;

	while (list && !is_found && next_process(list, process))
		is_found = strcmp(process->name, name) == 0 && works_here(process);
	if (list)
		closedir(list);
	return is_found;
}

/* Whether one of the descriptors of a process is the socket with that inode. */
static bool has_socket(const struct process *process, unsigned long inode)
{
	char path[PATH_BYTES], wanted[PATH_BYTES], target[PATH_BYTES];
	const struct dirent *entry;
	bool has = false;
	DIR *list;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)process->pid);
	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	list = opendir(path);
	while (list && !has && (entry = readdir(list))) {
		ssize_t len = readlinkat(dirfd(list), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		has = strcmp(target, wanted) == 0;
	}
	if (list)
		closedir(list);
	return has;
}

static void find_owner(unsigned long inode, struct process *process)
{
	DIR *list = opendir("/proc");
	bool is_found = false;

	while (list && !is_found && next_process(list, process))
		is_found = has_socket(process, inode);
	if (list)
		closedir(list);
	if (!is_found)
		*process = (struct process){0};
}

bool processes_find_listener(int type, struct in_addr address, in_port_t port, struct process *process)
{
	/* Of TCP, who listens; of UDP, who is connected to nobody. */
	const unsigned wanted = type == SOCK_STREAM ? 0x0a : 0x07;
	FILE *file = fopen(type == SOCK_STREAM ? "/proc/net/tcp" : "/proc/net/udp", "re");
	char line[LINE_BYTES];
	bool is_found = false;

	while (file && !is_found && fgets(line, sizeof(line), file)) {
		unsigned local, local_port, state;
		unsigned long inode;

		/* Addresses stand there as the machine has them in memory. */
		is_found = sscanf(line, "%*d: %8X:%4X %*8X:%*4X %2X %*s %*s %*s %*u %*u %lu", &local, &local_port,
			       &state, &inode) == 4 &&
			   local_port == port && state == wanted && (local == 0 || local == address.s_addr);
		if (is_found)
			find_owner(inode, process);
	}
	if (file)
		fclose(file);
	return is_found;
}

bool processes_find_locker(const struct stat *file, struct process *process)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[LINE_BYTES];
	bool is_found = false;

	while (locks && !is_found && fgets(line, sizeof(line), locks)) {
		unsigned device_major, device_minor;
		unsigned long inode;
		int pid;

		is_found =
		    sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &device_major, &device_minor, &inode) == 4 &&
		    inode == file->st_ino && device_major == major(file->st_dev) && device_minor == minor(file->st_dev);
		if (is_found) {
			process->pid = pid;
			read_name(process);
		}
	}
	if (locks)
		fclose(locks);
	return is_found;
}
