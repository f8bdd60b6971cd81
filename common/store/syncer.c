#include "store/syncer.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int syncer_open(struct syncer *syncer)
{
	aio_context_t context = 0;
	int rc;

	*syncer = (struct syncer){.ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (syncer->ready < 0)
		return errno;
	if (syscall(SYS_io_setup, 1, &context) == 0) {
		syncer->context = context;
		return 0;
	}
	rc = errno;
	syncer_close(syncer);
	return rc;
}

int syncer_begin(const struct syncer *syncer, int fd)
{
	struct iocb request = {
	    .aio_fildes = (uint32_t)fd,
	    .aio_lio_opcode = IOCB_CMD_FDSYNC,
	    .aio_flags = IOCB_FLAG_RESFD,
	    .aio_resfd = (uint32_t)syncer->ready,
	};

	return syscall(SYS_io_submit, syncer->context, 1, (struct iocb *[]){&request}) == 1 ? 0 : errno;
}

int syncer_end(const struct syncer *syncer, bool wait)
{
	struct timespec at_once = {0};
	struct io_event event;
	long count;

	do {
		count = syscall(SYS_io_getevents, syncer->context, 1, 1, &event, wait ? NULL : &at_once);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return errno;
	return count == 0 ? EAGAIN : (int)-event.res;
}

void syncer_close(struct syncer *syncer)
{
	if (syncer->context != 0)
		syscall(SYS_io_destroy, syncer->context);
	if (syncer->ready >= 0)
		close(syncer->ready);
	*syncer = (struct syncer){.ready = -1};
}
