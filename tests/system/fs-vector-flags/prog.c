/* preadv2 and pwritev2: what they are asked for beside, on files, pipes and devices. */
#include "check.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* RWF_*, which not every libc has. */
#define HIPRI    0x01
#define DSYNC    0x02
#define SYNC     0x04
#define NOWAIT   0x08
#define APPEND   0x10
#define NOAPPEND 0x20
#define NOSIGNAL 0x100
#define UNKNOWN  0x8000

static char bytes[70000];
static int signals;

static void count(int signo)
{
	(void)signo;
	signals++;
}

static long get(int fd, size_t size, off_t at, long flags)
{
	struct iovec v = { bytes, size };

	return syscall(SYS_preadv2, fd, &v, 1L, (long)at, 0L, flags);
}

static long put(int fd, size_t size, off_t at, long flags)
{
	struct iovec v = { bytes, size };

	return syscall(SYS_pwritev2, fd, &v, 1L, (long)at, 0L, flags);
}

static long at(int f)
{
	return lseek(f, 0, SEEK_CUR);
}

static void files(void)
{
	int f = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600), full = open("/dev/full", O_RDWR), folder = open(".", O_RDONLY);

	write(f, "0123456789", 10);
	lseek(f, 3, SEEK_SET);
	CHECK("at a position", get(f, 4, 5, 0) == 4 && !memcmp(bytes, "5678", 4) && at(f) == 3);
	CHECK("-1 is where it is", get(f, 4, -1, 0) == 4 && !memcmp(bytes, "3456", 4) && at(f) == 7);
	FAILS("-2 is nowhere", EINVAL, get(f, 4, -2, 0));
	CHECK("the upper half of the position is none", syscall(SYS_preadv2, f, &(struct iovec){ bytes, 4 }, 1L, 0L, 1L, 0L) == 4);
	CHECK("the upper half of the flags neither", get(f, 4, 0, 0x100000000) == 4);
	CHECK("what says nothing to memory", get(f, 1, 0, HIPRI) == 1 && put(f, 1, 0, DSYNC) == 1 && put(f, 1, 0, SYNC) == 1);

	lseek(f, 3, SEEK_SET);
	CHECK("append at a position", put(f, 4, 0, APPEND) == 4 && at(f) == 3 && lseek(f, 0, SEEK_END) == 14);
	lseek(f, 3, SEEK_SET);
	CHECK("append where it is", put(f, 4, -1, APPEND) == 4 && at(f) == 18);
	fcntl(f, F_SETFL, O_APPEND);
	lseek(f, 3, SEEK_SET);
	CHECK("not append at a position", put(f, 4, 0, NOAPPEND) == 4 && at(f) == 3 && lseek(f, 0, SEEK_END) == 18);
	lseek(f, 3, SEEK_SET);
	CHECK("not append where it is", put(f, 4, -1, NOAPPEND) == 4 && at(f) == 7);
	FAILS("both", EINVAL, put(f, 1, 0, APPEND | NOAPPEND));
	FAILS("and to read", EINVAL, get(f, 1, 0, APPEND | NOAPPEND));

	FAILS("unknown flags", EOPNOTSUPP, get(f, 1, 0, UNKNOWN));
	FAILS("before both", EOPNOTSUPP, put(f, 1, 0, APPEND | NOAPPEND | UNKNOWN));
	FAILS("after the descriptor", EBADF, get(99, 1, 0, UNKNOWN));
	FAILS("after its direction", EBADF, get(open("f", O_WRONLY), 1, 0, UNKNOWN));
	FAILS("after the list", EFAULT, syscall(SYS_preadv2, f, 8L, 1L, 0L, 0L, UNKNOWN));
	FAILS("after the end", EINVAL, get(f, 4, 0x7ffffffffffffffe, UNKNOWN));
	FAILS("before the bytes", EOPNOTSUPP, syscall(SYS_preadv2, f, &(struct iovec){ (void *)8, 4 }, 1L, 0L, 0L, UNKNOWN));
	CHECK("nothing to read", get(f, 0, 0, UNKNOWN) == 0);

	FAILS("a folder", EISDIR, get(folder, 1, -1, HIPRI));
	FAILS("a folder takes no flags", EOPNOTSUPP, get(folder, 1, -1, SYNC));
	FAILS("a process's file", EOPNOTSUPP, get(open("/proc/self/stat", O_RDONLY), 1, -1, SYNC));
	FAILS("a full device", ENOSPC, put(full, 1, -1, HIPRI));
	FAILS("a full device takes no flags", EOPNOTSUPP, put(full, 1, -1, SYNC));
}

static void waits(void)
{
	int p[2], closed[2], fifo;

	pipe(p);
	FAILS("an empty pipe", EAGAIN, get(p[0], 1, -1, NOWAIT));
	CHECK("its descriptor waits as before", !(fcntl(p[0], F_GETFL) & O_NONBLOCK));
	FAILS("a pipe has no places", ESPIPE, get(p[0], 1, 0, NOWAIT));
	CHECK("as much as fits", put(p[1], 70000, -1, NOWAIT) == 65536);
	FAILS("a full pipe", EAGAIN, put(p[1], 1, -1, NOWAIT));
	CHECK("what is there", get(p[0], 70000, -1, NOWAIT) == 65536);

	mkfifo("fifo", 0600);
	fifo = open("fifo", O_RDWR);
	FAILS("not a FIFO", EOPNOTSUPP, put(fifo, 1, -1, NOWAIT));
	CHECK("that takes other flags", put(fifo, 1, -1, SYNC) == 1);
	CHECK("devices that never wait", get(open("/dev/zero", O_RDONLY), 4, -1, NOWAIT) == 4 &&
	      put(open("/dev/null", O_WRONLY), 4, -1, NOWAIT) == 4 && get(open("/dev/urandom", O_RDONLY), 4, -1, NOWAIT) == 4);
	FAILS("and one that does not say so", EOPNOTSUPP, get(open("/dev/full", O_RDONLY), 4, -1, NOWAIT));

	signal(SIGPIPE, count);
	pipe(closed);
	close(closed[0]);
	FAILS("nobody reads", EPIPE, put(closed[1], 1, -1, NOSIGNAL));
	CHECK("without a signal", signals == 0);
	FAILS("nobody reads", EPIPE, put(closed[1], 1, -1, 0));
	CHECK("with one", signals == 1);
}

int main(void)
{
	files();
	waits();
	DONE();
}
