/* /proc: files that programs look for, what can be written, a thread's number, the state of the first thread; prctl's questions. */
#include "check.h"
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

static volatile pid_t thread;
static char content[1 << 16];

static void *waits(void *arg)
{
	(void)arg;
	thread = (pid_t)syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

static void *spins(void *arg)
{
	(void)arg;
	thread = (pid_t)syscall(SYS_gettid);
	for (;;)
		;
	return NULL;
}

/* Reads all of a file; its size, or -1. */
static long slurp(const char *name)
{
	int fd = open(name, O_RDONLY);
	long size = 0, n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, content + size, sizeof(content) - 1 - (size_t)size)) > 0)
		size += n;
	content[size] = 0;
	close(fd);
	return n < 0 ? -1 : size;
}

static int put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);
	int result = fd < 0 ? -1 : write(fd, text, strlen(text)) < 0 ? errno : 0;

	close(fd);
	return result;
}

static int has(const char *name, const char *text) { return slurp(name) >= 0 && strstr(content, text) != NULL; }

int main(void)
{
	static const char *const present[] = {
		"/proc/self/smaps_rollup", "/proc/self/mem", "/proc/self/cgroup", "/proc/self/timerslack_ns", "/proc/self/uid_map",
		"/proc/self/gid_map", "/proc/self/attr/current", "/proc/self/schedstat", "/proc/sys/kernel/ngroups_max",
		"/proc/sys/vm/mmap_min_addr", "/proc/sys/fs/nr_open", "/proc/swaps", "/proc/diskstats", "/proc/interrupts",
		"/proc/net/dev", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg", "/proc/kallsyms", "/proc/zoneinfo",
		"/proc/softirqs",
	};
	unsigned long pair[2], entry;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10 };
	static char page[8192] __attribute__((aligned(4096)));
	char name[64], word[8] = "", line[64];
	struct utsname uts;
	pid_t child;
	int fd, missing = 0, value = 0;
	pthread_t t;

	for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++)
		missing += access(present[i], F_OK) != 0;
	CHECK("the files are there", missing == 0);
	CHECK("namespaces have numbers", readlink("/proc/self/ns/pid", line, sizeof(line)) > 5 && !strncmp(line, "pid:[", 5));

	CHECK("smaps", has("/proc/self/smaps", "[stack]") && strstr(content, "Private_Dirty:") && strstr(content, "VmFlags: rd ex "));
	slurp("/proc/self/auxv");
	memcpy(pair, content, sizeof(pair));
	for (size_t i = 0; pair[0] != AT_PAGESZ && pair[0] && i < 40; i++)
		memcpy(pair, content + i * sizeof(pair), sizeof(pair));
	CHECK("auxv", pair[0] == AT_PAGESZ && pair[1] == 4096);
	fd = open("/proc/self/mem", O_RDONLY);
	strcpy(page + 4096, "memory");
	CHECK("mem", pread(fd, word, 7, (off_t)(uintptr_t)page + 4096) == 7 && !strcmp(word, "memory"));
	FAILS("mem where nothing is", EIO, pread(fd, word, 7, 16));
	fd = open("/proc/self/pagemap", O_RDONLY);
	CHECK("pagemap", pread(fd, &entry, 8, (off_t)((uintptr_t)page + 4096) / 4096 * 8) == 8 && entry >> 63);
	FAILS("pagemap in pieces", EINVAL, pread(fd, word, 7, 0));
	CHECK("personality", slurp("/proc/self/personality") == 9 && !strcmp(content, "00000000\n"));

	fd = open("locked", O_RDWR | O_CREAT, 0600);
	fcntl(fd, F_SETLK, &lock);
	snprintf(line, sizeof(line), "POSIX  ADVISORY  WRITE %d ", getpid());
	CHECK("locks", has("/proc/locks", line) && strstr(content, " 5 14\n"));

	CHECK("oom_score_adj", put("/proc/self/oom_score_adj", "500") == 0 && has("/proc/self/oom_score_adj", "500\n"));
	CHECK("not everything", put("/proc/self/oom_score_adj", "1001") == EINVAL && put("/proc/self/oom_score_adj", "x") == EINVAL);
	child = fork();
	if (child == 0)
		_exit(!has("/proc/self/oom_score_adj", "500\n"));
	CHECK("a child has its parent's", EXITED(wait_status(child), 0));

	pthread_create(&t, NULL, waits, NULL);
	while (!thread)
		pause_ms(1);
	snprintf(name, sizeof(name), "/proc/%d/comm", thread);
	CHECK("a thread's number leads to it", slurp(name) > 0);
	thread = 0;
	child = fork();
	if (child == 0) {
		pthread_create(&t, NULL, spins, NULL);
		for (;;)
			pause();
	}
	snprintf(name, sizeof(name), "/proc/%d/status", child);
	for (int i = 0; i < 2000 && !has(name, "Threads:\t2"); i++)
		pause_ms(1);
	for (int i = 0; i < 2000 && !has(name, "State:\tS"); i++)
		pause_ms(1);
	CHECK("a process whose first thread sleeps is asleep", has(name, "State:\tS (sleeping)"));
	kill(child, SIGKILL);
	wait_status(child);

	personality(PER_LINUX32);
	uname(&uts);
	CHECK("PER_LINUX32", !strcmp(uts.machine, "i686"));
	personality(PER_LINUX);
	CHECK("the time-stamp counter works", prctl(PR_GET_TSC, &value) == 0 && value == PR_TSC_ENABLE && prctl(PR_GET_TIMING, 0, 0, 0, 0) == 0);
	CHECK("huge pages can be declined", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0 && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
	CHECK("machine checks", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_DEFAULT);
	CHECK("timer slack", prctl(PR_SET_TIMERSLACK, 70000, 0, 0, 0) == 0 && prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == 70000);
	CHECK("and the usual one", prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0) == 0 && prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == 50000);
	DONE();
}
