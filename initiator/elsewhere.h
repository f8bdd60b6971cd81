/*
 * Reach and Unreach: the addresses in other networks to which the announcer announces the user as well.
 */
#ifndef QUARTET_ELSEWHERE_H
#define QUARTET_ELSEWHERE_H

#include "desk.h"

/* Adds an IPv4 address, in peers.txt, or shows those that are there if it is "". Returns the status of a command. */
int elsewhere_reach(struct desk *desk, const char *address);

/* Takes one out, likewise. */
int elsewhere_unreach(struct desk *desk, const char *address);

#endif
