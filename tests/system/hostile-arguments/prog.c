/*
 * Every system call, and in each of its six arguments in turn every wild value, the others being good ones: as root and
 * as a plain user. Whatever happens to the process that calls, the system lives on.
 */
#include "check.h"
#include <sys/prctl.h>

#define CALLS 460

static char *good; /* two pages, then nothing */
static int file, pipes[2];

static void tick(int sig) { (void)sig; }

/* Calls that do to others what they say: meant for the whole system, as root. */
static int for_all(long nr)
{
	static const short list[] = { SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_reboot, SYS_sethostname,
		SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_setpriority, SYS_umount2, SYS_mount };

	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (list[i] == nr)
			return 1;
	return 0;
}

/* The set of good arguments number `kind`. */
static void fill(unsigned long *a, int kind)
{
	static const char *const path = "f";
	unsigned long p = (unsigned long)good;
	unsigned long sets[4][6] = {
		{ (unsigned long)file, p, 64, p, 64, 0 },
		{ (unsigned long)path, p, 64, p, 0, 0 },
		{ (unsigned long)AT_FDCWD, (unsigned long)path, p, 0, p, 0 },
		{ (unsigned long)pipes[1], p, 1, 0, p, p },
	};

	memcpy(a, sets[kind], sizeof sets[kind]);
}

static void caller(long nr, int position)
{
	static const unsigned long wild[] = { 0, 1, 8, 4095, 0x7fffffff, 0x80000000, 0xffffffff, 0x123456789000, 0x7fffffffefff, 0x7ffffffff000,
		0x800000000000, 0xffff800000000000, 0xffffffff80000000, 0x8000000000000000, 0x7fffffffffffffff, ~0UL, ~0UL - 4095 };
	struct itimerval often = { { 0, 4000 }, { 0, 4000 } };
	pid_t me = (pid_t)syscall(SYS_getpid);
	struct sigaction sa = { .sa_handler = tick };
	unsigned long a[6];

	/* What waits is interrupted. */
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int kind = 0; kind < 4; kind++)
		for (size_t i = 0; i <= sizeof wild / sizeof *wild; i++) {
			fill(a, kind);
			/* The last: a structure that begins well and ends nowhere. */
			a[position] = i < sizeof wild / sizeof *wild ? wild[i] : (unsigned long)good + 8192 - 3;
			syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
			if ((pid_t)syscall(SYS_getpid) != me)
				_exit(0);
		}
	_exit(0);
}

/* At most a second for each. */
static void watch(pid_t child)
{
	for (int i = 0; i < 500; i++) {
		if (waitpid(child, NULL, WNOHANG) != 0)
			return;
		pause_ms(i < 50 ? 1 : 2);
	}
	kill(child, SIGKILL);
	wait_status(child);
}

static void all(int user)
{
	for (long nr = 0; nr < CALLS; nr++) {
		if (nr == SYS_vfork || nr == SYS_exit || nr == SYS_exit_group || (!user && for_all(nr)))
			continue;
		for (int position = 0; position < 6; position++) {
			pid_t child = fork();
			if (child == 0) {
				setsid();
				if (user && (setgid(1000) || setuid(1000)))
					_exit(1);
				caller(nr, position);
			}
			watch(child);
		}
	}
}

int main(void)
{
	int null = open("/dev/null", O_RDWR), keep = dup(1);

	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	chmod(".", 0777);
	good = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(good + 8192, 4096);
	file = open("f", O_CREAT | O_RDWR, 0666);
	write(file, "data", 4);
	pipe(pipes);
	for (int user = 1; user >= 0; user--) {
		all(user);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		dup2(keep, 1);
		CHECK(user ? "every argument of every call, as a plain user" : "every argument of every call, as root", 1);
		CHECK("a shell works", WEXITSTATUS(system("x=$(echo 5 | cat); exit $x")) == 5);
		dup2(null, 1);
	}
	DONE();
}
