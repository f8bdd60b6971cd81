/*
 * A process for work that goes on beside this one: a copy of the program, that ends with it.
 */
#ifndef QUARTET_CHILD_H
#define QUARTET_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/*
 * As fork(2). The child is killed when its parent ends, has no descriptors but count of keep and standard error (standard input
 * and output are /dev/null), default signals, none blocked, but SIGINT, SIGPIPE and SIGXFSZ ignored, and gives way to others that want
 * the processor. It must leave with _exit(2). If the program has other threads, the child must not touch what these share, be it locked
 * or waited for; memory can be had. Blocks for no longer than fork(2).
 */
pid_t child_fork(const int *keep, size_t count);

#endif
