/* eventfd: counters and semaphores, what waits and what does not, what the descriptor is. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

static uint64_t value;

static long put(int fd, uint64_t more)
{
	value = more;
	return write(fd, &value, 8);
}

static long get(int fd)
{
	return read(fd, &value, 8) == 8 ? (long)value : -1;
}

static int ready(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };

	poll(&p, 1, 0);
	return p.revents;
}

static void calls(void)
{
	FAILS("unknown flags", EINVAL, eventfd(0, 2));
	int f = eventfd(3, 0);
	char bytes[64] = "", name[64];
	struct iovec halves[2] = { { bytes, 4 }, { bytes + 4, 4 } }, wholes[2] = { { bytes, 8 }, { bytes + 8, 8 } };

	CHECK("flags", fcntl(f, F_GETFL) == O_RDWR && fcntl(f, F_GETFD) == 0);
	CHECK("and those asked for", (fcntl(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), F_GETFL)) == (O_RDWR | O_NONBLOCK) && fcntl(f + 1, F_GETFD) == FD_CLOEXEC);
	CHECK("the old call", (close(f + 1), syscall(SYS_eventfd, 7L)) == f + 1 && get(f + 1) == 7);
	FAILS("too small to read", EINVAL, read(f, bytes, 7));
	FAILS("too small to write", EINVAL, write(f, bytes, 7));
	FAILS("too large to write", EINVAL, write(f, bytes, 16));
	CHECK("but not to read", read(f, bytes, 16) == 8 && bytes[0] == 3);
	FAILS("the largest number", EINVAL, put(f, UINT64_MAX));
	FAILS("bad address to write", EFAULT, write(f, (void *)8, 8));
	put(f, 5);
	FAILS("bad address to read", EFAULT, read(f, (void *)8, 8));
	fcntl(f, F_SETFL, O_NONBLOCK);
	FAILS("took it", EAGAIN, get(f));
	CHECK("ready to write", ready(f) == POLLOUT);
	CHECK("nearly full", put(f, UINT64_MAX - 2) == 8 && ready(f) == (POLLIN | POLLOUT));
	CHECK("full", put(f, 1) == 8 && ready(f) == POLLIN);
	FAILS("no more", EAGAIN, put(f, 1));
	CHECK("but nothing", put(f, 0) == 8);
	CHECK("all of it", get(f) == -2);
	memset(bytes, 0, sizeof bytes);
	bytes[0] = 1;
	bytes[8] = 2;
	FAILS("a vector of halves", EINVAL, writev(f, halves, 2));
	CHECK("a vector of wholes is two", writev(f, wholes, 2) == 16 && get(f) == 3);
	put(f, 9);
	CHECK("a vector reads once", readv(f, halves, 2) == 8 && bytes[0] == 9);

	FAILS("no positions", ESPIPE, pread(f, bytes, 8, 0));
	FAILS("none to write", ESPIPE, pwrite(f, bytes, 8, 0));
	CHECK("seeking goes nowhere", lseek(f, 5, SEEK_SET) == 0 && lseek(f, 0, SEEK_END) == 0);
	FAILS("no terminal", ENOTTY, ioctl(f, FIONREAD, bytes));
	FAILS("nothing to write back", EINVAL, fsync(f));
	FAILS("no size", EINVAL, ftruncate(f, 0));
	CHECK("no memory", mmap(NULL, 4096, PROT_READ, MAP_SHARED, f, 0) == MAP_FAILED && errno == ENODEV);
	CHECK("locks", flock(f, LOCK_SH) == 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	CHECK("its name", readlink(name, bytes, sizeof bytes) == 20 && !memcmp(bytes, "anon_inode:[eventfd]", 20));
	FAILS("does not lead to it", ENXIO, open(name, O_RDWR));
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", f);
	put(f, 0x1234);
	int info = open(name, O_RDONLY);
	char text[300] = "";
	read(info, text, sizeof text - 1);
	CHECK("its count", strstr(text, "eventfd-count:             1234\n") && strstr(text, "\neventfd-id: ") && strstr(text, "\neventfd-semaphore: 0\n"));
}

static void semaphores(void)
{
	int f = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);

	CHECK("one at a time", get(f) == 1 && get(f) == 1);
	FAILS("then none", EAGAIN, get(f));
}

static int shared;

static void *taker(void *sum)
{
	*(long *)sum = get(shared);
	return NULL;
}

static void *giver(void *sum)
{
	*(long *)sum = put(shared, 5);
	return NULL;
}

static void on_signal(int signo)
{
	(void)signo;
}

static void waits(void)
{
	pthread_t t[4];
	long sum[4], all = 0;

	shared = eventfd(0, EFD_SEMAPHORE);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, taker, &sum[i]);
	pause_ms(20);
	put(shared, 4);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL), all += sum[i];
	CHECK("four readers of one write", all == 4);

	shared = eventfd(0, 0);
	put(shared, UINT64_MAX - 1);
	pthread_create(&t[0], NULL, giver, &sum[0]);
	pthread_create(&t[1], NULL, giver, &sum[1]);
	pause_ms(20);
	CHECK("writers wait", get(shared) == -2);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	CHECK("both went on", sum[0] == 8 && sum[1] == 8 && get(shared) == 10);

	pid_t child = fork();
	if (child == 0)
		_exit(put(shared, 3) == 8 && put(shared, 4) == 8 ? 0 : 1);
	waitpid(child, NULL, 0);
	CHECK("a child has the same one", get(shared) == 7);

	struct pollfd p = { shared, POLLIN, 0 };
	pthread_create(&t[0], NULL, giver, &sum[0]);
	CHECK("poll waits for it", poll(&p, 1, 5000) == 1 && p.revents == POLLIN && get(shared) == 5);
	pthread_join(t[0], NULL);

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	ualarm(20000, 20000);
	FAILS("a signal", EINTR, get(shared));
	ualarm(0, 0);
}

int main(void)
{
	calls();
	semaphores();
	waits();
	DONE();
}
