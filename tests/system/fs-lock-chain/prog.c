/*
 * Many wait for locks: only who can go on is woken. How often each slept says so, whatever the machine.
 * Circles of waiters, as long as Linux sees them.
 */
#include "check.h"
#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>

#define MANY 150
#define FEW  10 /* sleeps of one that waits for one thing */

static int f, ready[2];
static pid_t children[MANY];
static volatile struct {
	int holders, most, done, order[MANY];
	long slept[MANY];
} *shared;

static void nothing(int sig) { (void)sig; }

static int lock_of(int cmd, int type, long start, long size)
{
	struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

	return fcntl(f, cmd, &l);
}

static long sleeps(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_nvcsw;
}

static char state_of(pid_t pid)
{
	char name[40], text[200] = "";
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	fd = open(name, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return '?';
	close(fd);
	return strrchr(text, ')')[2];
}

/* It has said that it is going to wait, and sleeps. */
static void until_waiting(pid_t pid)
{
	char c;

	read(ready[0], &c, 1);
	while (state_of(pid) != 'S')
		pause_ms(1);
}

/* A child that holds byte `own`, if any, and waits for bytes [start, start + size); then it does `then`. */
static void child(int number, int own, int type, long start, long size, void (*then)(int number))
{
	pid_t pid = fork();

	if (pid == 0) {
		long before;

		if (own >= 0 && lock_of(F_SETLK, F_WRLCK, own, 1))
			_exit(1);
		before = sleeps();
		write(ready[1], "r", 1);
		if (lock_of(F_SETLKW, type, start, size))
			_exit(2);
		shared->slept[number] = sleeps() - before;
		then(number);
		_exit(0);
	}
	children[number] = pid;
	until_waiting(pid);
}

static int all_ended(int count)
{
	int good = 1;

	for (int i = 0; i < count; i++)
		good &= EXITED(wait_status(children[i]), 0);
	return good;
}

static int all_slept_little(int count)
{
	for (int i = 0; i < count; i++) {
		if (shared->slept[i] > FEW)
			return 0;
	}
	return 1;
}

static void note_order(int number) { shared->order[shared->done++] = number; }

static void alone(int number)
{
	int now = __atomic_add_fetch(&shared->holders, 1, __ATOMIC_SEQ_CST);

	if (now > shared->most)
		shared->most = now;
	sched_yield();
	__atomic_sub_fetch(&shared->holders, 1, __ATOMIC_SEQ_CST);
	note_order(number);
	lock_of(F_SETLK, F_UNLCK, 0, 0);
}

static void together(int number)
{
	(void)number;
	__atomic_add_fetch(&shared->holders, 1, __ATOMIC_SEQ_CST);
	while (shared->holders < 20)
		pause_ms(1);
}

/* Child i holds byte i and waits for byte i + 1; the last one waits for ours. */
static void chain(int count)
{
	for (int i = count - 1; i >= 0; i--)
		child(i, i, F_WRLCK, i + 1, 1, note_order);
}

static int in_order(int count, int from, int step)
{
	for (int i = 0; i < count; i++) {
		if (shared->order[i] != from + i * step)
			return 0;
	}
	return shared->done == count;
}

static void begin(void)
{
	memset((void *)shared, 0, sizeof(*shared));
}

static void herds(void)
{
	begin();
	lock_of(F_SETLK, F_WRLCK, MANY, 1);
	chain(MANY);
	lock_of(F_SETLK, F_UNLCK, MANY, 1);
	CHECK("a chain", all_ended(MANY));
	CHECK("one after the other", in_order(MANY, MANY - 1, -1));
	CHECK("nobody of it was woken in vain", all_slept_little(MANY));

	begin();
	lock_of(F_SETLK, F_WRLCK, 0, 0);
	for (int i = 0; i < MANY; i++)
		child(i, -1, F_WRLCK, 0, 1, alone);
	lock_of(F_SETLK, F_UNLCK, 0, 0);
	CHECK("many for one lock", all_ended(MANY));
	CHECK("one at a time", shared->most == 1 && shared->done == MANY);
	CHECK("nor of these", all_slept_little(MANY));

	begin();
	lock_of(F_SETLK, F_WRLCK, 0, 0);
	for (int i = 0; i < 20; i++)
		child(i, -1, F_RDLCK, i, 100, together);
	lock_of(F_SETLK, F_RDLCK, 0, 0);
	CHECK("a write lock becomes one to read: readers go on together", all_ended(20));
	lock_of(F_SETLK, F_UNLCK, 0, 0);
}

static void partly(void)
{
	int p[2];
	char c;
	pid_t other;

	begin();
	pipe(p);
	other = fork();
	if (other == 0) {
		lock_of(F_SETLK, F_WRLCK, 5, 5);
		write(ready[1], "r", 1);
		read(p[0], &c, 1);
		_exit(0);
	}
	read(ready[0], &c, 1);
	lock_of(F_SETLK, F_WRLCK, 0, 5);
	child(0, -1, F_WRLCK, 0, 20, note_order);
	child(1, -1, F_RDLCK, 0, 2, note_order);
	lock_of(F_SETLK, F_UNLCK, 0, 3);
	CHECK("a part is let go: who wanted that goes on", EXITED(wait_status(children[1]), 0));
	lock_of(F_SETLK, F_UNLCK, 3, 2);
	pause_ms(50);
	CHECK("another one's is in the way", shared->done == 1 && state_of(children[0]) == 'S');
	write(p[1], "x", 1);
	CHECK("till it ends", EXITED(wait_status(children[0]), 0) && EXITED(wait_status(other), 0));

	begin();
	lock_of(F_SETLK, F_WRLCK, 0, 1);
	child(0, -1, F_WRLCK, 0, 1, note_order);
	child(1, -1, F_WRLCK, 0, 1, note_order);
	kill(children[0], SIGKILL);
	wait_status(children[0]);
	lock_of(F_SETLK, F_UNLCK, 0, 1);
	CHECK("who waits is killed: the next one gets it", EXITED(wait_status(children[1]), 0));
}

static void circle(int count, const char *what, int error)
{
	begin();
	lock_of(F_SETLK, F_WRLCK, count - 1, 1);
	chain(count - 1);
	ualarm(200000, 100000); /* again and again: the first may come too early */
	FAILS(what, error, lock_of(F_SETLKW, F_WRLCK, 0, 1));
	ualarm(0, 0);
	lock_of(F_SETLK, F_UNLCK, 0, 0);
	CHECK("the others go on", all_ended(count - 1));
}

int main(void)
{
	struct sigaction sa = {.sa_handler = nothing};

	sigaction(SIGALRM, &sa, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pipe(ready);
	f = open("f", O_RDWR | O_CREAT, 0600);
	herds();
	partly();
	circle(2, "a circle of two", EDEADLK);
	circle(12, "a circle of twelve", EDEADLK);
	circle(13, "a circle of thirteen is not seen", EINTR);
	unlink("f");
	return check_failures != 0;
}
