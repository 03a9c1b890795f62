/*
 * /dev/null and /dev/zero, often enough that a system may have learned what their descriptors do; then everything
 * after which a descriptor does something else.
 */
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define TIMES 40

static char buf[3 * 4096];

/* As many calls as a system that learns may want to see; true: each gave what it must. */
static int writes(int fd, size_t size, ssize_t want)
{
	int good = 1;

	for (int i = 0; i < TIMES; i++)
		good &= write(fd, buf, size) == want;
	return good;
}

static int reads(int fd, size_t size, ssize_t want)
{
	int good = 1;

	for (int i = 0; i < TIMES; i++) {
		memset(buf, 'x', sizeof(buf));
		good &= read(fd, buf, size) == want;
		for (ssize_t k = 0; k < want; k++)
			good &= buf[k] == 0;
		good &= want >= (ssize_t)sizeof(buf) || buf[want] == 'x';
	}
	return good;
}

static int refused(int fd, int reading)
{
	int good = 1;

	for (int i = 0; i < TIMES; i++)
		good &= (reading ? read(fd, buf, 1) : write(fd, buf, 1)) == -1 && errno == EBADF;
	return good;
}

static void counts(int null, int zero)
{
	CHECK("nothing written", writes(null, 0, 0) && writes(zero, 0, 0));
	CHECK("nothing read", reads(zero, 0, 0) && reads(null, 0, 0));
	CHECK("more than two pages of zeroes", reads(zero, 9000, 9000));
	CHECK("a page of zeroes across two pages", read(zero, buf + 100, 4096) == 4096 && !buf[100] && !buf[4195]);
	CHECK("more than is moved at once", write(null, buf, (size_t)1 << 31) == 0x7ffff000);
	CHECK("far more", write(null, buf, (size_t)5 << 32) == 0x7ffff000);
	CHECK("no such count", write(null, buf, (size_t)-1) == -1 && errno == EFAULT && read(null, buf, (size_t)-1) == -1 && errno == EFAULT);
}

static void addresses(int zero)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int status;

	FAILS("zeroes to nowhere", EFAULT, read(zero, (char *)8, 1));
	FAILS("zeroes to the kernel", EFAULT, read(zero, (char *)0xffffffff80000000, 1));
	FAILS("zeroes over text", EFAULT, read(zero, (char *)(unsigned long)&addresses, 1));
	CHECK("zeroes to pages not touched yet", read(zero, p + 4000, 1000) == 1000 && p[4000] == 0);
	memset(p, 'a', 3 * 4096);
	mprotect(p + 4096, 4096, PROT_READ);
	CHECK("up to a page that cannot be written", read(zero, p + 4000, 200) == 96 && p[4095] == 0 && p[4096] == 'a');
	mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE);
	CHECK("writable again", read(zero, p + 4000, 200) == 200 && p[4199] == 0 && p[4200] == 'a');
	if ((child = fork()) == 0) {
		/* A page that is shared till someone writes: by the kernel too. */
		ssize_t n = read(zero, p + 8192, 10);
		_exit(n == 10 && p[8192] == 0 && p[8202] == 'a' ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK("zeroes in a child", status == 0 && p[8192] == 'a');
	munmap(p, 3 * 4096);
	FAILS("zeroes to memory that is gone", EFAULT, read(zero, p, 1));
}

/* The descriptor of a device becomes one of something else, in every way. */
static void changes(int null, int zero)
{
	int ends[2], fd, copy;
	char c;

	CHECK("a pipe", pipe(ends) == 0);
	fd = dup(null);
	CHECK("learned", writes(fd, 1, 1) && reads(fd, 1, 0));
	CHECK("replaced by a pipe", dup2(ends[1], fd) == fd && write(fd, "p", 1) == 1 && read(ends[0], &c, 1) == 1 && c == 'p');
	CHECK("replaced by a device", dup2(null, fd) == fd && writes(fd, 7, 7));
	CHECK("and by another", dup2(zero, fd) == fd && reads(fd, 3, 3));
	close(fd);
	FAILS("closed", EBADF, write(fd, "x", 1));
	FAILS("closed, reading", EBADF, read(fd, &c, 1));
	copy = dup(ends[1]);
	CHECK("the number comes back", copy == fd && write(fd, "q", 1) == 1 && read(ends[0], &c, 1) == 1 && c == 'q');
	dup2(null, fd);
	writes(fd, 1, 1);
	CHECK("a range closed", syscall(SYS_close_range, fd, fd, 0) == 0);
	FAILS("after it", EBADF, write(fd, "x", 1));
	close(ends[0]);
	close(ends[1]);
}

static void modes(void)
{
	int r = open("/dev/zero", O_RDONLY), w = open("/dev/null", O_WRONLY), full = open("/dev/full", O_RDWR);

	CHECK("read only", reads(r, 5, 5) && refused(r, 0));
	CHECK("write only", writes(w, 5, 5) && refused(w, 1));
	CHECK("full", reads(full, 5, 5) && write(full, "x", 1) == -1 && errno == ENOSPC);
	close(r);
	close(w);
	close(full);
}

static void *close_it(void *fd)
{
	close(*(int *)fd);
	return NULL;
}

static int clone_files(void *fd)
{
	return close(*(int *)fd) != 0;
}

static void sharers(int null)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fd = dup(null), status;
	pthread_t thread;
	pid_t child;

	writes(fd, 1, 1);
	pthread_create(&thread, NULL, close_it, &fd);
	pthread_join(thread, NULL);
	FAILS("closed by a thread", EBADF, write(fd, "x", 1));
	fd = dup(null);
	writes(fd, 1, 1);
	child = clone(clone_files, stack + sizeof(stack), CLONE_FILES | SIGCHLD, &fd);
	waitpid(child, &status, 0);
	CHECK("a process shares the table", status == 0);
	FAILS("closed by it", EBADF, write(fd, "x", 1));
	fd = dup(null);
	CHECK("alone again", writes(fd, 1, 1));
	child = vfork();
	if (child == 0) {
		close(fd);
		_exit(write(fd, "x", 1) == -1 && errno == EBADF ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK("closed by a vfork child, for itself", status == 0 && writes(fd, 1, 1));
	child = fork();
	if (child == 0) {
		int good = writes(fd, 1, 1);
		close(fd);
		_exit(good && write(fd, "x", 1) == -1 && errno == EBADF ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK("closed by a child, for itself", status == 0 && writes(fd, 1, 1));
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	close(fd);
}

static volatile int ticks;

static void tick(int signo)
{
	(void)signo;
	ticks++;
}

/* Nobody gets stuck in calls that never enter the system. */
static void signals(int null)
{
	struct timespec soon = { 0, 20000000 };
	pid_t child, parent = getpid();

	signal(SIGALRM, tick);
	alarm(1);
	while (!ticks)
		write(null, buf, 1);
	CHECK("an alarm comes in between", ticks == 1);
	signal(SIGUSR1, tick);
	if ((child = fork()) == 0) {
		nanosleep(&soon, NULL);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	while (ticks < 2)
		write(null, buf, 1);
	waitpid(child, NULL, 0);
	CHECK("and a signal", ticks == 2);
}

int main(int argc, char **argv)
{
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);

	if (argc > 1) {
		/* After exec: the descriptor that argv names is closed, the other one is as it was. */
		CHECK("closed on exec", write(atoi(argv[1]), "x", 1) == -1 && errno == EBADF);
		CHECK("still open after exec", writes(atoi(argv[2]), 1, 1));
		DONE();
	}
	CHECK("writes to null", writes(null, 1, 1) && writes(null, 5000, 5000));
	CHECK("writes to zero", writes(zero, 1, 1) && writes(zero, 12000, 12000));
	CHECK("reads of null", reads(null, 1, 0) && reads(null, 100, 0));
	CHECK("reads of zero", reads(zero, 1, 1) && reads(zero, 4096, 4096));
	CHECK("seeks", lseek(null, 100, SEEK_SET) == 0 && reads(null, 1, 0));
	counts(null, zero);
	addresses(zero);
	changes(null, zero);
	modes();
	sharers(null);
	signals(null);
	fflush(stdout);
	{
		char cloexec[12], kept[12];
		int fd = fcntl(null, F_DUPFD_CLOEXEC, 20);

		writes(fd, 1, 1);
		snprintf(cloexec, sizeof(cloexec), "%d", fd);
		snprintf(kept, sizeof(kept), "%d", null);
		execl("/proc/self/exe", "prog", cloexec, kept, NULL);
	}
	return 1;
}
