/*
 * Waiting for news in the peers.txt of the working directory: somebody new, who has left or is back, a pin, a room; but not
 * that somebody is there still, which is written every second (common/PROTOCOL.md, section 5). Never blocks.
 */
#ifndef QUARTET_PEERSWATCH_H
#define QUARTET_PEERSWATCH_H

/* A descriptor, to be closed, that becomes readable when there is news; -1 if the kernel watches nothing more for this user. */
int peerswatch_open(void);

/* Takes the news that it tells of, before the file is read. */
void peerswatch_take(int fd);

#endif
