/*
 * Processes of this machine, as proc(5) tells of them: whether a program of ours runs here, and who holds a port or a lock.
 *
 * Of other users' processes nothing but the name is known. What they are called they choose: foreign text.
 */
#ifndef QUARTET_PROCESSES_H
#define QUARTET_PROCESSES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define PROCESSES_NAME_BYTES 16

struct process {
	pid_t pid; /* 0: unknown */
	char name[PROCESSES_NAME_BYTES];
};

/* Finds a process of that name that works in the directory this one works in; false if there is none that may be known. */
bool processes_find(const char *name, struct process *process);

/* Finds who listens on a port of address, or of all, on UDP or TCP; false if nobody does. The process may be unknown. */
bool processes_find_listener(int type, struct in_addr address, in_port_t port, struct process *process);

/* Finds who holds a lock of flock(2) on a file; false if nobody does. */
bool processes_find_locker(const struct stat *file, struct process *process);

#endif
