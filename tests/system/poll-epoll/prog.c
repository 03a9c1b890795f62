/* epoll: every call's errors and their order, all modes, nesting, descriptors that go, who is woken. */
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#define BAD ((void *)1)

static struct epoll_event ev[16];
static char *nowhere; /* memory that may only be read */

static int ctl(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, op, fd, &e);
}

static int add(int ep, int fd, uint32_t events) { return ctl(ep, EPOLL_CTL_ADD, fd, events, (uint64_t)fd); }
static int mod(int ep, int fd, uint32_t events) { return ctl(ep, EPOLL_CTL_MOD, fd, events, (uint64_t)fd + 100); }
static int del(int ep, int fd) { return epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL); }
static int now(int ep) { return epoll_wait(ep, ev, 16, 0); }
static void put(int fd) { if (write(fd, "x", 1) != 1) _exit(98); }
static void take(int fd) { char c; if (read(fd, &c, 1) != 1) _exit(97); }

/* One event is ready, these bits, of this descriptor. */
static int one(int ep, uint32_t events, uint64_t data)
{
	return now(ep) == 1 && ev[0].events == events && ev[0].data.u64 == data;
}

static void errors(void)
{
	int p[2], file = open("file", O_CREAT | O_RDWR, 0600), dir = open(".", O_RDONLY), path, ep, ep2, null;
	struct epoll_event e = { .events = EPOLLIN };

	FAILS("epoll_create of 0", EINVAL, syscall(SYS_epoll_create, 0));
	FAILS("epoll_create of -1", EINVAL, syscall(SYS_epoll_create, -1));
	FAILS("epoll_create1 with a flag", EINVAL, epoll_create1(1));
	FAILS("epoll_create1 with O_NONBLOCK", EINVAL, epoll_create1(O_NONBLOCK));
	ep = syscall(SYS_epoll_create, 1);
	ep2 = epoll_create1(EPOLL_CLOEXEC);
	pipe(p);
	CHECK("made", ep >= 0 && ep2 >= 0);
	CHECK("close-on-exec", fcntl(ep, F_GETFD) == 0 && fcntl(ep2, F_GETFD) == FD_CLOEXEC);
	CHECK("for reading and writing", (fcntl(ep, F_GETFL) & ~0100000) == O_RDWR);
	path = open("/dev/tty", O_PATH);
	if (path < 0)
		path = open(".", O_PATH);
	null = open("/dev/null", O_RDWR);

	FAILS("ctl: event before descriptors", EFAULT, epoll_ctl(-1, EPOLL_CTL_ADD, -1, BAD));
	FAILS("ctl: unknown operation reads it too", EFAULT, epoll_ctl(-1, 77, -1, BAD));
	FAILS("ctl: DEL does not", EBADF, epoll_ctl(-1, EPOLL_CTL_DEL, p[0], BAD));
	FAILS("ctl: epfd is bad", EBADF, epoll_ctl(-1, EPOLL_CTL_ADD, file, &e));
	FAILS("ctl: fd is bad", EBADF, epoll_ctl(file, EPOLL_CTL_ADD, -1, &e));
	FAILS("ctl: O_PATH", EBADF, epoll_ctl(ep, EPOLL_CTL_ADD, path, &e));
	FAILS("ctl: a file", EPERM, epoll_ctl(ep, EPOLL_CTL_ADD, file, &e));
	FAILS("ctl: a directory", EPERM, epoll_ctl(ep, EPOLL_CTL_ADD, dir, &e));
	FAILS("ctl: /dev/null", EPERM, epoll_ctl(ep, EPOLL_CTL_ADD, null, &e));
	FAILS("ctl: not of an epoll file, a file", EPERM, epoll_ctl(p[0], EPOLL_CTL_ADD, file, &e));
	FAILS("ctl: not of an epoll file", EINVAL, epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &e));
	FAILS("ctl: itself", EINVAL, epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
	FAILS("ctl: itself, DEL", EINVAL, epoll_ctl(ep, EPOLL_CTL_DEL, ep, NULL));
	FAILS("ctl: unknown operation", EINVAL, epoll_ctl(ep, 0, p[0], &e));
	FAILS("ctl: MOD of what is not there", ENOENT, epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
	FAILS("ctl: DEL of what is not there", ENOENT, epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
	FAILS("ctl: DEL of a file", EPERM, epoll_ctl(ep, EPOLL_CTL_DEL, file, NULL));
	CHECK("ctl: ADD", epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0);
	FAILS("ctl: ADD again", EEXIST, epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));

	FAILS("wait: bad epfd before count", EBADF, epoll_wait(-1, ev, 0, 0));
	FAILS("wait: none", EINVAL, epoll_wait(p[0], ev, 0, 0));
	FAILS("wait: fewer", EINVAL, epoll_wait(ep, ev, -1, 0));
	FAILS("wait: too many", EINVAL, epoll_wait(ep, ev, INT32_MAX / 12 + 1, 0));
	FAILS("wait: address before kind", EFAULT, epoll_wait(p[0], (void *)-4096L, 1, 0));
	FAILS("wait: count before address", EINVAL, epoll_wait(ep, (void *)-4096L, 0, 0));
	FAILS("wait: no epoll file", EINVAL, epoll_wait(p[0], ev, 1, 0));
	FAILS("wait: a regular file", EINVAL, epoll_wait(file, ev, 1, 0));
	CHECK("wait: a bad address is none without events", epoll_wait(ep, BAD, 1, 0) == 0);
	put(p[1]);
	FAILS("wait: with events it is", EFAULT, epoll_wait(ep, (struct epoll_event *)nowhere, 1, 0));
	CHECK("and the event is still there", one(ep, EPOLLIN, 0));
	take(p[0]);

	uint64_t mask = 0;
	struct timespec zero = { 0, 0 }, wrong = { 0, 1000000000 }, negative = { -1, 0 };
	FAILS("pwait: size of mask before all", EINVAL, syscall(SYS_epoll_pwait, -1, ev, 0, 0, &mask, 4));
	FAILS("pwait: mask", EFAULT, syscall(SYS_epoll_pwait, -1, ev, 0, 0, BAD, 8));
	FAILS("pwait: then the rest", EBADF, syscall(SYS_epoll_pwait, -1, ev, 0, 0, &mask, 8));
	CHECK("pwait: no mask, any size", syscall(SYS_epoll_pwait, ep, ev, 1, 0, NULL, 77) == 0);
	FAILS("pwait2: time before mask", EFAULT, syscall(441, -1, ev, 0, BAD, &mask, 4));
	FAILS("pwait2: time", EINVAL, syscall(441, -1, ev, 0, &wrong, BAD, 8));
	FAILS("pwait2: time before 0", EINVAL, syscall(441, ep, ev, 1, &negative, NULL, 8));
	FAILS("pwait2: mask", EINVAL, syscall(441, -1, ev, 0, &zero, &mask, 4));
	FAILS("pwait2: descriptor", EBADF, syscall(441, -1, ev, 1, &zero, &mask, 8));
	CHECK("pwait2", syscall(441, ep, ev, 1, &zero, &mask, 8) == 0);

	FAILS("EXCLUSIVE with ONESHOT", EINVAL, add(ep, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLONESHOT));
	FAILS("EXCLUSIVE with PRI", EINVAL, add(ep, p[1], EPOLLPRI | EPOLLEXCLUSIVE));
	FAILS("EXCLUSIVE with RDHUP", EINVAL, add(ep, p[1], EPOLLRDHUP | EPOLLEXCLUSIVE));
	FAILS("EXCLUSIVE of an epoll file", EINVAL, add(ep, ep2, EPOLLIN | EPOLLEXCLUSIVE));
	FAILS("MOD to EXCLUSIVE", EINVAL, mod(ep, p[0], EPOLLIN | EPOLLEXCLUSIVE));
	FAILS("MOD to EXCLUSIVE of what is not there", EINVAL, mod(ep, p[1], EPOLLIN | EPOLLEXCLUSIVE));
	CHECK("EXCLUSIVE", add(ep, p[1], EPOLLOUT | EPOLLEXCLUSIVE | EPOLLET) == 0);
	FAILS("MOD of EXCLUSIVE", EINVAL, mod(ep, p[1], EPOLLOUT));
	CHECK("DEL of EXCLUSIVE", del(ep, p[1]) == 0);
	CHECK("WAKEUP is no mistake", add(ep, p[1], EPOLLOUT | EPOLLWAKEUP) == 0 && del(ep, p[1]) == 0);
	close(p[0]), close(p[1]), close(file), close(dir), close(path), close(null), close(ep), close(ep2);
}

/* What the file itself answers. */
static void itself(void)
{
	int ep = epoll_create1(0), ep2 = epoll_create1(0), n;
	struct stat st, st2;
	char name[64], text[100] = "";

	snprintf(name, sizeof name, "/proc/self/fd/%d", ep);
	readlink(name, text, sizeof text - 1);
	CHECK("its link", strcmp(text, "anon_inode:[eventpoll]") == 0);
	CHECK("its stat", fstat(ep, &st) == 0 && st.st_mode == 0600 && st.st_nlink == 1 && st.st_uid == 0 && st.st_size == 0);
	CHECK("one inode", fstat(ep2, &st2) == 0 && st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
	CHECK("stat by its link", stat(name, &st2) == 0 && st2.st_mode == 0600);
	FAILS("open", ENXIO, open(name, O_RDONLY));
	FAILS("read", EINVAL, read(ep, text, 1));
	FAILS("write", EINVAL, write(ep, text, 1));
	FAILS("pread", ESPIPE, pread(ep, text, 1, 0));
	CHECK("lseek goes nowhere", lseek(ep, 5, SEEK_SET) == 0 && lseek(ep, 0, SEEK_CUR) == 0);
	FAILS("lseek to nowhere", EINVAL, lseek(ep, 0, 77));
	FAILS("FIONREAD", EINVAL, ioctl(ep, FIONREAD, &n));
	FAILS("TIOCGWINSZ", EINVAL, ioctl(ep, TIOCGWINSZ, text));
	n = 1;
	CHECK("FIONBIO", ioctl(ep, FIONBIO, &n) == 0 && (fcntl(ep, F_GETFL) & O_NONBLOCK));
	FAILS("fsync", EINVAL, fsync(ep));
	FAILS("ftruncate", EINVAL, ftruncate(ep, 0));
	FAILS("fchmod", EOPNOTSUPP, fchmod(ep, 0644));
	FAILS("fchown", EOPNOTSUPP, fchown(ep, 0, 0));
	FAILS("futimens", EOPNOTSUPP, futimens(ep, NULL));
	FAILS("mmap", ENODEV, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, ep, 0) == MAP_FAILED ? -1 : 0);
	CHECK("max_user_watches", file_number("/proc/sys/fs/epoll/max_user_watches", "") > 1000);
	close(ep), close(ep2);
}

static void levels(void)
{
	int ep = epoll_create1(0), p[2], q[2];
	char big[70000];

	pipe(p), pipe(q);
	add(ep, p[0], EPOLLIN);
	CHECK("nothing", now(ep) == 0);
	put(p[1]);
	CHECK("level", one(ep, EPOLLIN, (uint64_t)p[0]) && one(ep, EPOLLIN, (uint64_t)p[0]));
	take(p[0]);
	CHECK("gone when read", now(ep) == 0);
	put(p[1]);
	CHECK("MOD: other data", mod(ep, p[0], EPOLLIN | EPOLLRDNORM) == 0 && one(ep, EPOLLIN | EPOLLRDNORM, (uint64_t)p[0] + 100));
	CHECK("MOD: other events", mod(ep, p[0], EPOLLOUT) == 0 && now(ep) == 0);
	CHECK("MOD: back", mod(ep, p[0], EPOLLIN) == 0 && now(ep) == 1);
	CHECK("MOD: none", mod(ep, p[0], 0) == 0 && now(ep) == 0);
	close(p[1]);
	CHECK("HUP comes unasked", one(ep, EPOLLHUP, (uint64_t)p[0] + 100));
	CHECK("DEL", del(ep, p[0]) == 0 && now(ep) == 0);
	close(p[0]);

	add(ep, q[1], EPOLLOUT | EPOLLIN);
	CHECK("writable", one(ep, EPOLLOUT, (uint64_t)q[1]));
	fcntl(q[1], F_SETFL, O_NONBLOCK);
	memset(big, 0, sizeof big);
	CHECK("full", write(q[1], big, sizeof big) == 65536 && now(ep) == 0);
	CHECK("room again", read(q[0], big, 4096) == 4096 && one(ep, EPOLLOUT, (uint64_t)q[1]));
	close(q[0]);
	CHECK("ERR comes unasked", one(ep, EPOLLOUT | EPOLLERR, (uint64_t)q[1]));
	close(q[1]);
	CHECK("a closed descriptor is gone", now(ep) == 0);
	close(ep);
}

static void edges(void)
{
	int ep = epoll_create1(0), p[2];
	char big[65536];

	pipe(p);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	put(p[1]);
	add(ep, p[0], EPOLLIN | EPOLLET);
	CHECK("edge: ready when added", now(ep) == 1 && now(ep) == 0);
	put(p[1]);
	CHECK("edge: one more byte", now(ep) == 1 && now(ep) == 0);
	put(p[1]), put(p[1]);
	CHECK("edge: two at once are one", now(ep) == 1 && now(ep) == 0);
	take(p[0]);
	CHECK("edge: reading is none", now(ep) == 0);
	put(p[1]), take(p[0]), take(p[0]), take(p[0]), take(p[0]);
	CHECK("edge: over before it was seen", now(ep) == 0);
	put(p[1]);
	CHECK("edge: MOD arms it", now(ep) == 1 && now(ep) == 0 && mod(ep, p[0], EPOLLIN | EPOLLET) == 0 && now(ep) == 1 && now(ep) == 0);
	CHECK("edge: MOD to level", mod(ep, p[0], EPOLLIN) == 0 && now(ep) == 1 && now(ep) == 1);
	CHECK("edge: and back", mod(ep, p[0], EPOLLIN | EPOLLET) == 0 && now(ep) == 1 && now(ep) == 0);
	add(ep, p[1], EPOLLOUT | EPOLLET);
	CHECK("edge: writable when added", one(ep, EPOLLOUT, (uint64_t)p[1]) && now(ep) == 0);
	take(p[0]);
	CHECK("edge: reading of one that is not full", now(ep) == 0);
	memset(big, 0, sizeof big);
	CHECK("edge: filled", write(p[1], big, 65536) == 65536 && one(ep, EPOLLIN, (uint64_t)p[0] + 100));
	take(p[0]);
	CHECK("edge: one byte is no room", now(ep) == 0);
	CHECK("edge: a page is", read(p[0], big, 4095) == 4095 && one(ep, EPOLLOUT, (uint64_t)p[1]) && now(ep) == 0);
	CHECK("edge: another page is nothing new", read(p[0], big, 4096) == 4096 && now(ep) == 0);
	close(p[0]);
	CHECK("edge: ERR", now(ep) == 1 && (ev[0].events & EPOLLERR) && now(ep) == 0);
	close(p[1]);

	pipe(p);
	add(ep, p[0], EPOLLIN | EPOLLET);
	close(p[1]);
	CHECK("edge: HUP, once", one(ep, EPOLLHUP, (uint64_t)p[0]) && now(ep) == 0);
	close(p[0]), close(ep);
}

static void oneshots(void)
{
	int ep = epoll_create1(0), p[2];

	pipe(p);
	add(ep, p[0], EPOLLIN | EPOLLONESHOT);
	put(p[1]);
	CHECK("oneshot", now(ep) == 1 && now(ep) == 0);
	put(p[1]);
	CHECK("oneshot: no more", now(ep) == 0);
	CHECK("oneshot: armed again", mod(ep, p[0], EPOLLIN | EPOLLONESHOT) == 0 && now(ep) == 1 && now(ep) == 0);
	take(p[0]), take(p[0]);
	CHECK("oneshot: armed for later", mod(ep, p[0], EPOLLIN | EPOLLONESHOT | EPOLLET) == 0 && now(ep) == 0);
	put(p[1]);
	CHECK("oneshot: later", now(ep) == 1 && now(ep) == 0);
	close(p[1]);
	CHECK("oneshot: not even HUP", now(ep) == 0);
	CHECK("oneshot: HUP when armed", mod(ep, p[0], EPOLLONESHOT) == 0 && one(ep, EPOLLHUP, (uint64_t)p[0] + 100) && now(ep) == 0);
	FAILS("oneshot: it is still there", EEXIST, add(ep, p[0], EPOLLIN));
	close(p[0]), close(ep);
}

/* Entries belong to the open file and the number. */
static void descriptors(void)
{
	int ep = epoll_create1(0), ep2, p[2], q[2], d, e;

	pipe(p), pipe(q);
	put(p[1]), put(q[1]);
	add(ep, p[0], EPOLLIN);
	d = dup(p[0]);
	CHECK("dup: another entry", add(ep, d, EPOLLIN) == 0 && now(ep) == 2);
	CHECK("dup: DEL of one", del(ep, d) == 0 && one(ep, EPOLLIN, (uint64_t)p[0]));
	close(p[0]);
	CHECK("dup: closing one of two is nothing", now(ep) == 1);
	FAILS("dup: but it cannot be named", EBADF, del(ep, p[0]));
	CHECK("the number can be used again", dup2(q[0], p[0]) == p[0] && add(ep, p[0], EPOLLIN) == 0 && now(ep) == 2);
	CHECK("each with its own", mod(ep, p[0], EPOLLIN) == 0 && now(ep) == 2 && ev[0].data.u64 + ev[1].data.u64 == 2u * (unsigned)p[0] + 100);
	close(d);
	CHECK("the last one closed: gone", one(ep, EPOLLIN, (uint64_t)p[0] + 100));
	close(q[0]);
	CHECK("the copy is as good", now(ep) == 1);
	close(p[0]);
	CHECK("all gone", now(ep) == 0);
	close(p[1]), close(q[1]);

	pipe(p);
	add(ep, p[0], EPOLLIN);
	pid_t child = fork();
	if (child == 0) {
		int bad = now(ep) != 0;
		put(p[1]);
		bad |= now(ep) != 1;
		bad |= add(ep, p[1], EPOLLOUT) != 0;
		_exit(bad);
	}
	CHECK("fork: the same instance", EXITED(wait_status(child), 0) && now(ep) == 2);
	child = fork();
	if (child == 0)
		pause_ms(10000), _exit(0);
	close(p[0]);
	CHECK("fork: the child has it open", now(ep) == 2);
	kill(child, SIGKILL);
	CHECK("fork: and no more", KILLED(wait_status(child), SIGKILL) && now(ep) == 1 && ev[0].data.u64 == (uint64_t)p[1]);
	close(p[1]);

	pipe(p);
	put(p[1]);
	e = dup(ep);
	add(ep, p[0], EPOLLIN);
	CHECK("a copy of the epoll file", now(e) == 1);
	close(ep);
	CHECK("lives on", now(e) == 1);
	FAILS("and may not watch itself", EINVAL, add(e, e, EPOLLIN));
	ep2 = epoll_create1(0);
	CHECK("another epoll file has its own", add(ep2, p[0], EPOLLIN) == 0 && now(ep2) == 1 && now(e) == 1);
	close(e);
	CHECK("and keeps them", now(ep2) == 1);
	close(p[0]), close(p[1]), close(ep2);
}

static void nested(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), c, p[2], chain[8];
	struct pollfd f = { a, POLLIN | POLLOUT | POLLRDNORM, 0 };
	fd_set set;
	struct timeval zero = { 0, 0 };

	pipe(p);
	add(a, p[0], EPOLLIN);
	add(b, a, EPOLLIN);
	CHECK("nested: nothing", now(b) == 0 && poll(&f, 1, 0) == 0);
	put(p[1]);
	CHECK("nested: ready", one(b, EPOLLIN, (uint64_t)a) && one(b, EPOLLIN, (uint64_t)a));
	CHECK("poll of an epoll file", poll(&f, 1, 0) == 1 && f.revents == (POLLIN | POLLRDNORM));
	FD_ZERO(&set);
	FD_SET(a, &set);
	CHECK("select of one", select(a + 1, &set, NULL, NULL, &zero) == 1);
	take(p[0]);
	CHECK("nested: no more", now(b) == 0 && poll(&f, 1, 0) == 0);
	CHECK("nested: edge", ctl(b, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLET, 7) == 0 && now(b) == 0);
	put(p[1]);
	CHECK("nested: edge comes", one(b, EPOLLIN, 7) && now(b) == 0);
	put(p[1]);
	CHECK("nested: edge comes again, though the inner one was ready", one(b, EPOLLIN, 7) && now(b) == 0);
	CHECK("nested: OUT is never", ctl(b, EPOLL_CTL_MOD, a, EPOLLOUT, 7) == 0 && now(b) == 0);
	FAILS("a cycle of two", ELOOP, add(a, b, EPOLLIN));
	FAILS("of one that is there: EEXIST", EEXIST, add(b, a, EPOLLIN));
	c = epoll_create1(0);
	add(c, b, EPOLLIN);
	FAILS("a cycle of three", ELOOP, add(a, c, EPOLLIN));
	close(a);
	CHECK("the inner one closed", now(b) == 0);
	close(b), close(c), close(p[0]), close(p[1]);

	for (int i = 0; i < 8; i++)
		chain[i] = epoll_create1(0);
	for (int i = 0; i < 4; i++)
		CHECK("a chain", add(chain[i + 1], chain[i], EPOLLIN) == 0);
	FAILS("too long at its end", ELOOP, add(chain[5], chain[4], EPOLLIN));
	FAILS("too long at its start", ELOOP, add(chain[0], chain[5], EPOLLIN));
	CHECK("beside it", add(chain[4], chain[5], EPOLLIN) == 0 && add(chain[3], chain[6], EPOLLIN) == 0);
	CHECK("below", add(chain[6], chain[7], EPOLLIN) == 0);
	FAILS("two halves", ELOOP, add(chain[7], chain[3], EPOLLIN));
	pipe(p);
	add(chain[0], p[0], EPOLLIN);
	put(p[1]);
	CHECK("through the whole chain", now(chain[4]) == 1 && ev[0].data.u64 == (uint64_t)chain[3]);
	take(p[0]);
	CHECK("and back", now(chain[4]) == 0 && now(chain[0]) == 0);
	for (int i = 0; i < 8; i++)
		close(chain[i]);
	close(p[0]), close(p[1]);
}

static void order(void)
{
	int ep = epoll_create1(0), p[5][2], seen[5] = { 0 };

	for (int i = 0; i < 5; i++) {
		pipe(p[i]);
		ctl(ep, EPOLL_CTL_ADD, p[i][0], EPOLLIN, (uint64_t)i);
	}
	for (int i = 4; i >= 0; i--)
		put(p[i][1]);
	CHECK("in the order in which they became ready", now(ep) == 5 && ev[0].data.u64 == 4 && ev[4].data.u64 == 0);
	for (int i = 0; i < 10; i++)
		if (epoll_wait(ep, ev, 1, 0) == 1)
			seen[ev[0].data.u64]++;
	CHECK("each has its turn", seen[0] == 2 && seen[1] == 2 && seen[2] == 2 && seen[3] == 2 && seen[4] == 2);
	CHECK("three of them", epoll_wait(ep, ev, 3, 0) == 3 && ev[0].data.u64 == 4 && ev[2].data.u64 == 2);
	CHECK("then the others first", now(ep) == 5 && ev[0].data.u64 == 1 && ev[1].data.u64 == 0 && ev[2].data.u64 == 4);
	struct epoll_event *edge = (struct epoll_event *)(nowhere - 2 * sizeof *edge);
	CHECK("memory ends after two", epoll_wait(ep, edge, 5, 0) == 2);
	CHECK("and no event is lost", now(ep) == 5);
	for (int i = 0; i < 5; i++)
		close(p[i][0]), close(p[i][1]);
	close(ep);
}

/* ---- waiting ---- */

/* Machines are busy: whoever is to wait has time to begin, and nobody gives up before what he waits for has come. */
#define BEGIN_MS 200
#define WAIT_MS  1500

static int the_ep;
static volatile int woken[4];
static void *waiter(void *arg)
{
	struct epoll_event e;
	long me = (long)arg;

	woken[me] = epoll_wait(the_ep, &e, 1, WAIT_MS);
	return NULL;
}

static int wake(uint32_t how, int times)
{
	pthread_t t[2];
	int p[2];

	pipe(p);
	woken[2] = woken[3] = 0;
	the_ep = epoll_create1(0);
	add(the_ep, p[0], how);
	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, waiter, (void *)(i + 2));
	pause_ms(BEGIN_MS);
	put(p[1]);
	while (--times) {
		for (int i = 0; i < 500 && !woken[2] && !woken[3]; i++)
			pause_ms(1);
		put(p[1]);
	}
	pthread_join(t[0], NULL), pthread_join(t[1], NULL);
	close(p[0]), close(p[1]), close(the_ep);
	return woken[2] + woken[3];
}

static void *later(void *arg)
{
	pause_ms(40);
	put((int)(long)arg);
	return NULL;
}

static void *closer(void *arg)
{
	pause_ms(40);
	close((int)(long)arg);
	return NULL;
}

static volatile sig_atomic_t hits;
static void hit(int sig) { (void)sig; hits++; }

static void waits(void)
{
	int ep = epoll_create1(0), outer = epoll_create1(0), p[2];
	long start;
	pthread_t t;
	struct sigaction sa = { .sa_handler = hit, .sa_flags = SA_RESTART };
	struct itimerval soon = { { 0, 0 }, { 0, 40000 } }, again = { { 0, 40000 }, { 0, 40000 } }, none_any_more = { { 0, 0 }, { 0, 0 } };
	int before;
	struct timespec short_time = { 0, 30000000 }, long_time = { 5, 0 };
	struct pollfd f = { outer, POLLIN, 0 };
	sigset_t none, alarm_set;

	pipe(p);
	start = clock_ms();
	CHECK("a timeout", epoll_wait(ep, ev, 1, 50) == 0 && clock_ms() - start >= 50);
	start = clock_ms();
	CHECK("one of pwait2", syscall(441, ep, ev, 1, &short_time, NULL, 8) == 0 && clock_ms() - start >= 30);
	CHECK("which stays as it was", short_time.tv_nsec == 30000000);
	add(ep, p[0], EPOLLIN);
	pthread_create(&t, NULL, later, (void *)(long)p[1]);
	CHECK("woken by a write", epoll_wait(ep, ev, 1, 5000) == 1 && ev[0].events == EPOLLIN);
	pthread_join(t, NULL);
	take(p[0]);
	add(outer, ep, EPOLLIN);
	pthread_create(&t, NULL, later, (void *)(long)p[1]);
	CHECK("woken through another epoll file", epoll_wait(outer, ev, 1, -1) == 1 && ev[0].data.u64 == (uint64_t)ep);
	pthread_join(t, NULL);
	take(p[0]);
	pthread_create(&t, NULL, later, (void *)(long)p[1]);
	CHECK("poll is, too", poll(&f, 1, 5000) == 1);
	pthread_join(t, NULL);
	take(p[0]);
	pthread_create(&t, NULL, closer, (void *)(long)p[0]);
	start = clock_ms();
	CHECK("the only one watched is closed: nothing happens", epoll_wait(ep, ev, 1, 150) == 0 && clock_ms() - start >= 150);
	pthread_join(t, NULL);
	close(p[1]);

	sigaction(SIGALRM, &sa, NULL);
	/* Again and again: it may come before the call. */
	setitimer(ITIMER_REAL, &again, NULL);
	FAILS("a signal ends it, although the handler restarts", EINTR, epoll_wait(ep, ev, 1, 5000));
	FAILS("pwait without a mask, too", EINTR, syscall(SYS_epoll_pwait, ep, ev, 1, 5000, NULL, 8));
	FAILS("pwait2", EINTR, syscall(441, ep, ev, 1, &long_time, NULL, 8));
	setitimer(ITIMER_REAL, &none_any_more, NULL);
	before = hits;
	CHECK("the handler ran", before >= 3);
	sigemptyset(&none);
	sigemptyset(&alarm_set);
	sigaddset(&alarm_set, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm_set, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK("blocked it does nothing", epoll_wait(ep, ev, 1, 100) == 0 && hits == before);
	FAILS("pending, and let through", EINTR, epoll_pwait(ep, ev, 1, 1000, &none));
	CHECK("handled once, and blocked again", hits == before + 1 && sigprocmask(SIG_BLOCK, NULL, &none) == 0 && sigismember(&none, SIGALRM));
	pipe(p);
	put(p[1]);
	add(ep, p[0], EPOLLIN);
	raise(SIGALRM);
	sigemptyset(&none);
	CHECK("events go before a signal", epoll_pwait(ep, ev, 1, 1000, &none) == 1);
	sigprocmask(SIG_UNBLOCK, &alarm_set, NULL);
	CHECK("which comes then", hits == before + 2);
	close(p[0]), close(p[1]), close(ep), close(outer);

	CHECK("edge: one write wakes one of two", wake(EPOLLIN | EPOLLET, 1) == 1);
	CHECK("edge: two writes wake both", wake(EPOLLIN | EPOLLET, 2) == 2);
	CHECK("oneshot: only one", wake(EPOLLIN | EPOLLONESHOT, 2) == 1);
	CHECK("level: what is left wakes the next", wake(EPOLLIN, 1) == 2);
}

/* Two epoll files watch one pipe exclusively: one write wakes one of them. */
static void *exclusive_waiter(void *arg)
{
	int *which = arg;
	struct epoll_event e;

	*which = epoll_wait(*which, &e, 1, WAIT_MS);
	return NULL;
}

static void exclusive(void)
{
	int a = epoll_create1(0), b = epoll_create1(0), p[2], x = a, y = b;
	pthread_t t[2];

	pipe(p);
	add(a, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
	add(b, p[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET);
	pthread_create(&t[0], NULL, exclusive_waiter, &x);
	pthread_create(&t[1], NULL, exclusive_waiter, &y);
	pause_ms(BEGIN_MS);
	put(p[1]);
	pthread_join(t[0], NULL), pthread_join(t[1], NULL);
	CHECK("exclusive: one of two", x + y == 1);
	put(p[1]);
	CHECK("exclusive: nobody waits, so both are told", now(a) == 1 && now(b) == 1);
	close(p[1]);
	CHECK("exclusive: the end is for all", now(a) == 1 && now(b) == 1 && (ev[0].events & EPOLLHUP));
	close(p[0]), close(a), close(b);
}

static void counters(void)
{
	int ep = epoll_create1(0), e = eventfd(0, EFD_NONBLOCK), t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec soon = { { 0, 0 }, { 0, 20000000 } };
	uint64_t n = 1;

	add(ep, e, EPOLLIN | EPOLLET);
	CHECK("eventfd: 0", now(ep) == 0);
	CHECK("eventfd: 1", write(e, &n, 8) == 8 && one(ep, EPOLLIN, (uint64_t)e) && now(ep) == 0);
	CHECK("eventfd: 2", write(e, &n, 8) == 8 && one(ep, EPOLLIN, (uint64_t)e) && now(ep) == 0);
	CHECK("eventfd: read", read(e, &n, 8) == 8 && n == 2 && now(ep) == 0);
	CHECK("eventfd: writable", mod(ep, e, EPOLLIN | EPOLLOUT | EPOLLET) == 0 && one(ep, EPOLLOUT, (uint64_t)e + 100) && now(ep) == 0);
	CHECK("eventfd: both", write(e, &n, 8) == 8 && one(ep, EPOLLIN | EPOLLOUT, (uint64_t)e + 100) && now(ep) == 0);
	CHECK("eventfd: a read is an edge of OUT", read(e, &n, 8) == 8 && one(ep, EPOLLOUT, (uint64_t)e + 100) && now(ep) == 0);
	add(ep, t, EPOLLIN | EPOLLET);
	CHECK("timerfd", now(ep) == 0 && timerfd_settime(t, 0, &soon, NULL) == 0);
	CHECK("timerfd: wakes", epoll_wait(ep, ev, 16, 5000) == 1 && ev[0].data.u64 == (uint64_t)t && now(ep) == 0);
	CHECK("timerfd: again", timerfd_settime(t, 0, &soon, NULL) == 0 && epoll_wait(ep, ev, 16, 5000) == 1);
	close(e), close(t);
	CHECK("both closed", now(ep) == 0);
	close(ep);
}

/* Which files can be watched at all, and what they say. */
static void files(void)
{
	static const struct { const char *name; uint32_t events; } file[] = {
		{ "/dev/zero", 0 }, { "/dev/full", 0 }, { "/dev/urandom", 0 }, { "/dev/random", 0x41 }, { "/proc", 0 },
		{ "/proc/meminfo", 0x145 }, { "/proc/sys/kernel/pid_max", 0x145 }, { "/proc/self/stat", 0 }, { "/proc/self/maps", 0 },
		{ "/proc/self/fdinfo/0", 0 }, { "/proc/self/mounts", 0x41 }, { "/proc/self/mountinfo", 0x41 },
	};
	int ep = epoll_create1(0), fd, info;
	struct pollfd p = { 0, POLLPRI, 0 };

	for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
		fd = open(file[i].name, O_RDONLY);
		int r = add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | EPOLLPRI);
		CHECK(file[i].name, fd >= 0 && (file[i].events ? r == 0 && one(ep, file[i].events, (uint64_t)fd) : r && errno == EPERM));
		close(fd);
	}
	fd = open("/proc/mounts", O_RDONLY);
	p.fd = info = open("/proc/self/mountinfo", O_RDONLY);
	add(ep, fd, EPOLLPRI | EPOLLET);
	mkdir("m", 0700);
	CHECK("no mount", now(ep) == 0 && poll(&p, 1, 0) == 0);
	CHECK("mount", mount("none", "m", "tmpfs", 0, NULL) == 0 && one(ep, EPOLLPRI | EPOLLERR, (uint64_t)fd) && now(ep) == 0);
	CHECK("each file is told", poll(&p, 1, 0) == 1 && p.revents == (POLLPRI | POLLERR) && poll(&p, 1, 0) == 0);
	CHECK("remount", mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0 && now(ep) == 1 && now(ep) == 0);
	CHECK("umount", umount("m") == 0 && now(ep) == 1 && now(ep) == 0);
	close(fd), close(info), close(ep);
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void fdinfo(void)
{
	int ep = epoll_create1(0), p[2];
	char name[64], line[200], lines[4][200] = { "" };
	int n = 0;
	FILE *f;

	pipe(p);
	dup2(p[0], 100), dup2(p[1], 101), dup2(ep, 102);
	ctl(ep, EPOLL_CTL_ADD, 100, EPOLLIN, 0x1234567890abcdef);
	ctl(ep, EPOLL_CTL_ADD, 101, EPOLLOUT | EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLRDHUP, 5);
	now(ep);
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", ep);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "tfd:", 4) == 0 && n < 4) {
			char *end = strstr(line, "ino:");
			if (end)
				*end = '\0';
			strcpy(lines[n++], line);
		}
	if (f)
		fclose(f);
	qsort(lines, (size_t)n, sizeof lines[0], by_text);
	for (int i = 0; i < n; i++)
		CHECK(lines[i], 1);
	CHECK("fdinfo: two lines", n == 2);
	for (int fd = 100; fd < 103; fd++)
		close(fd);
	close(ep), close(p[0]), close(p[1]);
}

int main(void)
{
	nowhere = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	nowhere += 4096;
	mprotect(nowhere, 4096, PROT_READ);
	errors();
	itself();
	levels();
	edges();
	oneshots();
	descriptors();
	nested();
	order();
	waits();
	exclusive();
	counters();
	files();
	fdinfo();
	DONE();
}
