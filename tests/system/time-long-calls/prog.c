/*
 * One call that is as long as its program likes holds nobody up: a sleeper goes on beside it. What is counted is how
 * often the sleeper woke during a call that took CPU time, so that a loaded machine makes no difference.
 */
#include "check.h"

#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define MB     (1ul << 20)
#define LONG   200000000l /* ns: such a call is long enough to tell */
#define SPACE  (16 * MB)
#define BEATS  3

static volatile long *beats;
static char *space;
static int urandom, zero, sink, file;

static void sleeper(void)
{
	for (;;) {
		struct timespec t = { 0, 5000000 };

		nanosleep(&t, NULL);
		beats[0]++;
	}
}

static long cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Longer and longer calls, till one takes LONG, or does so much that no longer one is needed. */
static int others_run(void (*call)(unsigned long), unsigned long size, unsigned long most)
{
	for (; size <= most; size *= 2) {
		long before = beats[0], start = cpu_time();

		call(size);
		if (cpu_time() - start >= LONG)
			return beats[0] - before >= BEATS;
	}
	return 1;
}

static void random_call(unsigned long size)
{
	(void)!getrandom(space, size < SPACE ? size : SPACE, 0);
}

static void random_file(unsigned long size)
{
	(void)!read(urandom, space, size < SPACE ? size : SPACE);
}

static void random_copy(unsigned long size)
{
	(void)!sendfile(sink, urandom, NULL, size);
}

/* The same place again and again, so that it takes no memory. */
static void vector(int f, unsigned long size)
{
	struct iovec v[128];

	for (int i = 0; i < 128; i++)
		v[i] = (struct iovec){ space, size / 128 < SPACE ? size / 128 : SPACE };
	lseek(f, 0, SEEK_SET);
	(void)!readv(f, v, 128);
}

static void zeroes(unsigned long size)
{
	vector(zero, size);
}

static void holes(unsigned long size)
{
	vector(file, size);
}

static void reserve(unsigned long size)
{
	(void)!posix_fallocate(file, 0, (off_t)size);
	(void)!ftruncate(file, 0);
}

/* ---- a file that many have mapped is cut ---- */

#define MAPPERS 12
#define CUT     (4 * MB)

static void bus(int signo)
{
	_exit(signo == SIGBUS ? 7 : 8);
}

static void mapper(int go)
{
	char *m = mmap(NULL, CUT, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), c;

	for (unsigned long i = 0; i < CUT; i += 4096)
		m[i] = 1;
	__atomic_add_fetch(&beats[1], 1, __ATOMIC_SEQ_CST);
	(void)!read(go, &c, 1);
	signal(SIGBUS, bus);
	if (m[0] != 1)
		_exit(9);
	(void)*(volatile char *)(m + CUT - 4096);
	_exit(10);
}

static void cut(void)
{
	int go[2], status, right = 0;
	struct stat st;

	if (pipe(go) || ftruncate(file, CUT))
		_exit(98);
	for (int i = 0; i < MAPPERS; i++)
		if (!fork()) {
			close(go[1]);
			mapper(go[0]);
		}
	while (__atomic_load_n(&beats[1], __ATOMIC_SEQ_CST) < MAPPERS)
		usleep(1000);
	CHECK("a file that twelve have mapped is cut", ftruncate(file, 4096) == 0);
	close(go[1]);
	for (int i = 0; i < MAPPERS; i++)
		right += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7;
	CHECK("each of them gets SIGBUS for what was cut off", right == MAPPERS);
	CHECK("its pages are gone", ftruncate(file, CUT) == 0 && fstat(file, &st) == 0 && st.st_blocks == 8);
}

int main(void)
{
	pid_t pid;

	beats = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	space = mmap(NULL, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	urandom = open("/dev/urandom", O_RDONLY);
	zero = open("/dev/zero", O_RDONLY);
	sink = open("/dev/null", O_WRONLY);
	file = open("long-calls", O_RDWR | O_CREAT | O_TRUNC, 0600);
	pid = fork();
	if (pid == 0)
		sleeper();
	while (beats[0] == 0)
		usleep(1000);
	CHECK("getrandom", others_run(random_call, MB, 16 * MB));
	CHECK("read of /dev/urandom", others_run(random_file, MB, 16 * MB));
	CHECK("sendfile from /dev/urandom", others_run(random_copy, MB, 256 * MB));
	CHECK("readv of /dev/zero", others_run(zeroes, 16 * MB, 2048 * MB));
	CHECK("posix_fallocate", others_run(reserve, MB, 16 * MB));
	CHECK("a sparse file can be had", ftruncate(file, 4096l * MB) == 0);
	CHECK("readv of its holes", others_run(holes, 16 * MB, 2048 * MB));
	CHECK("and it is empty again", ftruncate(file, 0) == 0);
	cut();
	kill(pid, SIGKILL);
	unlink("long-calls");
	return check_failures != 0;
}
