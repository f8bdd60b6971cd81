/*
 * Announcements of many users from this one machine: each user has an address of its own, which loopback allows.
 *
 * Their datagrams are made beforehand, so that sending costs little more than the system calls. What fails ends the
 * program (arguments.h).
 */
#ifndef QUARTET_BENCH_SPEAKERS_H
#define QUARTET_BENCH_SPEAKERS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define SPEAKERS_DESTINATIONS_MAX 4

struct speaker;

struct speakers {
	int fd;
	struct speaker *list;
	size_t count;
	size_t next; /* whose turn it is */
	struct sockaddr_in to[SPEAKERS_DESTINATIONS_MAX];
	size_t destinations;
	uint64_t sent; /* announcements, each to every destination */
};

/* Prepares count users "peer-00000" and so on, at the address first and those after it; first without destinations. */
void speakers_init(struct speakers *speakers, struct in_addr first, size_t count);
void speakers_add_destination(struct speakers *speakers, struct in_addr to);
void speakers_free(struct speakers *speakers);

/* Has so many announce themselves, in turn and as fast as can be. */
void speakers_send(struct speakers *speakers, size_t count);

#endif
