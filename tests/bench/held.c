/*
 * How late does a sleeper of root wake up while user 1000 does his worst? tools/bench-held runs this.
 *
 * held CASE [SIZE]   as root; prints "CASE late US over COUNT wakeups COUNT took MS"
 * held beside        only the sleeper, until SIGTERM: what the machine itself adds
 * held list
 */
#include "held.h"

#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_NS 5000000l
#define CASE_NS  10000000000l /* after which a case that can should end */
#define WAIT_MS  30000        /* …and after which it is killed */

struct held *shared;
long held_size;

long held_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000l + t.tv_nsec;
}

static void sleeper(void)
{
	while (!shared->stop) {
		struct timespec t = {0, SLEEP_NS};
		long start = held_now(), late;

		nanosleep(&t, 0);
		late = held_now() - start - SLEEP_NS;
		shared->wakeups++;
		if (late > HELD_GOAL_NS)
			shared->over++;
		if (late > shared->late_ns)
			shared->late_ns = late;
	}
	_exit(0);
}

static void attacker(const struct held_case *c)
{
	setpgid(0, 0);
	if (setgroups(0, 0) != 0 || setgid(1000) != 0 || setuid(1000) != 0)
		_exit(1);
	c->run();
	_exit(0);
}

static void wait_for(pid_t pid)
{
	for (int ms = 0; ms < WAIT_MS && waitpid(pid, 0, WNOHANG) == 0; ms += 20)
		usleep(20000);
}

static const struct held_case *find(const char *name)
{
	for (const struct held_case *c = held_cases; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return 0;
}

static void ends(int number)
{
	(void)number; /* pause() returns */
}

static int list(void)
{
	for (const struct held_case *c = held_cases; c->name; c++)
		puts(c->name);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "list";
	bool alone = strcmp(name, "beside") == 0;
	const struct held_case *c = find(name);
	struct rlimit files = {4096, 4096};
	long start;
	pid_t pid;

	if (strcmp(name, "list") == 0)
		return list();
	if (!c && !alone)
		return 2;
	held_size = argc > 2 ? atol(argv[2]) : 0;
	setrlimit(RLIMIT_NOFILE, &files);
	if (!alone && (chdir("/tmp") != 0 || mkdir("held", 0777) != 0 || chmod("held", 0777) != 0 || chdir("held") != 0))
		return 2;
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	start = held_now();
	shared->until = start + CASE_NS;
	if (fork() == 0)
		sleeper();
	if (alone) {
		signal(SIGTERM, ends);
		pause();
	} else {
		pid = fork();
		if (pid == 0)
			attacker(c);
		wait_for(pid);
		kill(-pid, SIGKILL);
	}
	shared->stop = 1;
	printf("%s late %ld over %ld wakeups %ld took %ld\n", name, shared->late_ns / 1000, shared->over, shared->wakeups,
	       (held_now() - start) / 1000000);
	return 0;
}
