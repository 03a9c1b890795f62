/*
 * bench_boot: how long a command takes from exec to its first shell prompt, and what memory it then holds.
 *
 *   bench_boot [-n TIMES] [-m] [-b] [-t SECONDS] COMMAND ARGS...
 *
 * With -b the time counts from when the machine got control, not from exec: the command (fb-qemu --boottime) says
 * "machine ready after N us" when it is that far.
 *
 * The command gets a terminal of its own. Prints "boot_us N" (median), "boot_min_us N"; with -m also, at the last
 * prompt, "own_kib N": what the command and its descendants hold in memory beyond what is shared with the guest
 * (proportional set size of all but the guest's memory), "guest_kib N", "processes N".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMES_MAX 1000
#define OUTPUT_MAX 65536

static struct {
	int times, seconds;
	bool memory, handover;
} opt = { 1, 20, false, false };

struct memory {
	long own_kib, guest_kib, processes;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_boot: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- memory of a tree of processes ---- */

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512], *end;
	pid_t parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f) && (end = strrchr(line, ')')))
		sscanf(end + 1, " %*c %d", &parent);
	fclose(f);
	return parent;
}

static bool descends(pid_t pid, pid_t from)
{
	while (pid > 1 && pid != from)
		pid = parent_of(pid);
	return pid == from;
}

/* Guest memory is the one memfd that holds its frames; programs' pages are pieces of it. */
static bool is_guest(const char *line)
{
	return strstr(line, "/memfd:") && !strstr(line, "feuerbird-zone");
}

static void add_process(pid_t pid, struct memory *sum)
{
	char path[64], line[1024];
	bool guest = false;
	unsigned long from, to;
	long kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	if (!f)
		return;
	sum->processes++;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			guest = is_guest(line);
		else if (sscanf(line, "Pss: %ld", &kib) == 1)
			*(guest ? &sum->guest_kib : &sum->own_kib) += kib;
	}
	fclose(f);
}

static struct memory memory_of(pid_t root)
{
	struct memory sum = { 0, 0, 0 };
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		die("/proc");
	while ((e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && descends(pid, root))
			add_process(pid, &sum);
	}
	closedir(d);
	return sum;
}

/* ---- one boot ---- */

static bool has_prompt(const char *text, size_t size)
{
	return memmem(text, size, "# ", 2) || memmem(text, size, "$ ", 2);
}

/* Moves *start to when the machine got control; false: it has not said so yet. */
static bool find_handover(const char *text, size_t size, uint64_t *start)
{
	static const char mark[] = "machine ready after ";
	const char *at = memmem(text, size, mark, sizeof(mark) - 1);

	if (!at || !memchr(at, '\n', size - (size_t)(at - text)))
		return false;
	*start = now() - strtoull(at + sizeof(mark) - 1, NULL, 10) * 1000;
	return true;
}

static bool wait_prompt(int fd, uint64_t *start)
{
	uint64_t begun = now();
	bool found = !opt.handover; /* *start is the child's until it has said something */
	static char text[OUTPUT_MAX];
	size_t size = 0;

	while (size < sizeof(text)) {
		struct pollfd p = { fd, POLLIN, 0 };
		int64_t left = (int64_t)opt.seconds * 1000 - (int64_t)((now() - begun) / 1000000);
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			break;
		n = read(fd, text + size, sizeof(text) - size);
		if (n <= 0)
			break;
		size += (size_t)n;
		if (!found)
			found = find_handover(text, size, start);
		if (has_prompt(text, size))
			return true;
	}
	fprintf(stderr, "bench_boot: no prompt in %d s; it said:\n%.*s\n", opt.seconds, (int)size, text);
	return false;
}

/* Ends the shell as a person would, and makes sure. */
static void stop(pid_t pid, int fd)
{
	char rest[4096];

	if (write(fd, "exit\n", 5) != 5)
		kill(pid, SIGTERM);
	for (int i = 0; i < 200; i++) {
		struct pollfd p = { fd, POLLIN, 0 };

		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		if (poll(&p, 1, 10) > 0 && read(fd, rest, sizeof(rest)) <= 0)
			usleep(10000);
		if (i == 100)
			kill(pid, SIGTERM);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static uint64_t boot(char **command, uint64_t *start, struct memory *memory)
{
	struct winsize size = { 24, 80, 0, 0 };
	uint64_t time;
	int fd;
	pid_t pid;

	*start = now();
	pid = forkpty(&fd, NULL, NULL, &size);
	if (pid < 0)
		die("forkpty");
	if (pid == 0) {
		*start = now();
		execvp(command[0], command);
		die(command[0]);
	}
	if (!wait_prompt(fd, start)) {
		kill(pid, SIGKILL);
		exit(1);
	}
	time = now() - *start;
	if (memory) {
		usleep(100000); /* what was started besides has settled */
		*memory = memory_of(pid);
	}
	stop(pid, fd);
	close(fd);
	return time;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static uint64_t times[TIMES_MAX];
	struct memory memory = { 0, 0, 0 };
	uint64_t *start;
	int c;

	while ((c = getopt(argc, argv, "+n:mbt:")) != -1) {
		if (c == 'n')
			opt.times = atoi(optarg);
		else if (c == 't')
			opt.seconds = atoi(optarg);
		else if (c == 'b')
			opt.handover = true;
		else if (c == 'm')
			opt.memory = true;
		else
			return 2;
	}
	if (optind == argc || opt.times < 1 || opt.times > TIMES_MAX || opt.seconds < 1) {
		fprintf(stderr, "usage: bench_boot [-n TIMES] [-m] [-b] [-t SECONDS] COMMAND ARGS...\n");
		return 2;
	}
	start = mmap(NULL, sizeof(*start), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		die("mmap");
	for (int i = 0; i < opt.times; i++)
		times[i] = boot(argv + optind, start, opt.memory && i == opt.times - 1 ? &memory : NULL);
	qsort(times, (size_t)opt.times, sizeof(times[0]), compare);
	printf("boot_us %llu\nboot_min_us %llu\n", (unsigned long long)times[opt.times / 2] / 1000,
	       (unsigned long long)times[0] / 1000);
	if (opt.memory)
		printf("own_kib %ld\nguest_kib %ld\nprocesses %ld\n", memory.own_kib, memory.guest_kib, memory.processes);
	return 0;
}
