/*
 * The loop: waits for everything at once (the keyboard, calls, files, times) and gives each its turn.
 *
 * One epoll(7) for a program with one thread. Whoever waits for one thing, the next key or the end of a call, waits with
 * loop_wait() or loop_run_until(), and everybody else goes on meanwhile. Callbacks are called from there and nowhere
 * else. They must not block and must not wait in the loop; they may watch, forget and set timers, their own included.
 * All waits end with EINTR if stop_requested(). Without anything watched and no timer set, nothing wakes the program up.
 */
#ifndef QUARTET_LOOP_H
#define QUARTET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

/* A time that never comes. */
#define LOOP_NEVER INT64_MAX

struct loop;

/* A time to be called at. Its owner sets callback and context, and keeps it where it is while it is set. */
struct loop_timer {
	void (*callback)(void *context);
	void *context;
	/* For the loop: */
	bool is_set;
	int64_t due_ms;
	TAILQ_ENTRY(loop_timer) of_all;
};

/* Returns NULL if out of memory or descriptors. End with loop_free(), which touches no descriptor but its own. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/*
 * Has callback called whenever one of events (EPOLLIN and the like; EPOLLERR and EPOLLHUP always) has come to fd. Watching
 * a watched descriptor again replaces all three. Returns 0 or an errno value, and fd is then not watched; EPERM for a
 * regular file, which is always ready.
 */
int loop_watch(struct loop *loop, int fd, uint32_t events, void (*callback)(void *context), void *context)
    __attribute__((warn_unused_result));

/* Ends that, before fd is closed. Harmless if it is not watched, or -1. What has come and was not told is not told. */
void loop_forget(struct loop *loop, int fd);

/*
 * Has the timer's callback called once, when due_ms (monotonic) has come; never if that is LOOP_NEVER. Setting it again
 * moves it. Timers have their turn after the descriptors of a round, the earliest first: one that is due at 0 is called
 * at the end of this round, after what has come was dealt with.
 */
void loop_set(struct loop *loop, struct loop_timer *timer, int64_t due_ms);

/*
 * Runs everything until events (EPOLLIN, EPOLLOUT) can be done with fd, or it has ended (0), or stop_requested() (EINTR). fd is
 * not watched otherwise. Returns another errno value if there can be no waiting.
 */
int loop_wait(struct loop *loop, int fd, uint32_t events) __attribute__((warn_unused_result));

/* Waits so until something has come, and reads at most size bytes of it: *len is 0 at the end. */
int loop_read(struct loop *loop, int fd, char *bytes, size_t size, size_t *len) __attribute__((warn_unused_result));

/* Runs everything for so long; less if stop_interrupted(). */
void loop_pause(struct loop *loop, int64_t duration_ms);

/* Runs everything until done says so (0), which is asked at first and after each round, or stop_interrupted() (EINTR). */
int loop_run_until(struct loop *loop, bool (*done)(void *context), void *context) __attribute__((warn_unused_result));

#endif
