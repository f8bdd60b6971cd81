#include "store/syncer.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void await(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

static void *run(void *argument)
{
	struct syncer *syncer = argument;

	for (;;) {
		await(&syncer->begun);
		if (syncer->fd < 0)
			return NULL;
		syncer->result = fdatasync(syncer->fd) == 0 ? 0 : errno;
		sem_post(&syncer->ended);
		eventfd_write(syncer->ready, 1);
	}
}

int syncer_open(struct syncer *syncer)
{
	int rc;

	syncer->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (syncer->ready < 0)
		return errno;
	sem_init(&syncer->begun, 0, 0);
	sem_init(&syncer->ended, 0, 0);
	rc = pthread_create(&syncer->thread, NULL, run, syncer);
	if (rc != 0)
		close(syncer->ready);
	return rc;
}

void syncer_begin(struct syncer *syncer, int fd)
{
	syncer->fd = fd;
	sem_post(&syncer->begun);
}

int syncer_end(struct syncer *syncer, bool wait)
{
	if (wait)
		await(&syncer->ended);
	else if (sem_trywait(&syncer->ended) != 0)
		return EAGAIN;
	return syncer->result;
}

void syncer_close(struct syncer *syncer)
{
	syncer_begin(syncer, -1);
	pthread_join(syncer->thread, NULL);
	sem_destroy(&syncer->begun);
	sem_destroy(&syncer->ended);
	close(syncer->ready);
}
