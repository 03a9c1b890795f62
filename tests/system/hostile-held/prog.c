/*
 * Long calls give way to a sleeper whose time has come. A sleeper that woke twice within one and the same call was let
 * run by that call: without that it can only run before or after it. So nothing here depends on how fast the machine is.
 */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MB    (1l << 20)
#define SIZE  (16 * MB)
#define TRIES 100
#define WANT  3 /* calls in which it was seen: one could be a wake-up just before the call and one just after it */

static volatile struct {
	unsigned long call; /* which one goes on; 0: none */
	unsigned long within; /* calls that the sleeper woke in twice */
	int stop;
} *shared;

static int file, zero, null, urandom;
static char *memory;

static void sleeper(void)
{
	unsigned long seen = 0, counted = 0;

	while (!shared->stop) {
		struct timespec t = {0, 100000};
		unsigned long call;

		nanosleep(&t, NULL);
		call = shared->call;
		if (call && call == seen && call != counted) {
			shared->within++;
			counted = call;
		}
		seen = call;
	}
	_exit(0);
}

static long none(void) { return 0; }
static long do_getrandom(void) { return syscall(SYS_getrandom, memory, SIZE / 4, 0); }
static long do_urandom(void) { return read(urandom, memory, SIZE / 4); }
static long do_sendfile(void) { return sendfile(null, zero, NULL, 256 * MB); }
static long do_zero(void)
{
	struct iovec v[16];

	for (int i = 0; i < 16; i++)
		v[i] = (struct iovec){memory, SIZE};
	return readv(zero, v, 16);
}
static long do_write(void) { return pwrite(file, memory, SIZE, 0); }
static long do_read(void) { return pread(file, memory, SIZE, 0); }
static long do_empty(void) { return ftruncate(file, 0); }
static long do_fallocate(void) { return fallocate(file, 0, 0, SIZE); }
static long do_fill(void) { return do_empty() || do_write() != SIZE; }
static long do_map(void)
{
	char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	long sum = do_fill();

	for (long i = 0; i < SIZE; i += 4096)
		sum += at[i];
	return sum;
}
static char *area;
static long do_drop(void) { return area ? munmap(area, SIZE) : 0; }
static long do_populate(void)
{
	area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return area == MAP_FAILED;
}

static const struct {
	const char *name;
	long (*before)(void), (*call)(void);
} cases[] = {
	{"getrandom", none, do_getrandom},
	{"read /dev/urandom", none, do_urandom},
	{"sendfile", none, do_sendfile},
	{"readv /dev/zero", none, do_zero},
	{"write", none, do_write},
	{"read", none, do_read},
	{"fallocate", do_empty, do_fallocate},
	{"ftruncate under a mapping", do_map, do_empty},
	{"populate", do_drop, do_populate},
};

static void run(const char *name, long (*before)(void), long (*call)(void))
{
	static unsigned long number;
	unsigned long first = shared->within;

	for (int i = 0; i < TRIES && shared->within - first < WANT; i++) {
		(void)before();
		shared->call = ++number;
		(void)call();
		shared->call = 0;
	}
	printf("%s: %s\n", name, shared->within - first >= WANT ? "gives way" : "holds everything up");
}

int main(void)
{
	int status, pid;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, SIZE);
	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	urandom = open("/dev/urandom", O_RDONLY);
	file = open("held-file", O_CREAT | O_RDWR | O_TRUNC, 0600);
	unlink("held-file");
	pid = fork();
	if (!pid)
		sleeper();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run(cases[i].name, cases[i].before, cases[i].call);
	shared->stop = 1;
	waitpid(pid, &status, 0);
	return 0;
}
