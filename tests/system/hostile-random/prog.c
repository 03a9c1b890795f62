/*
 * System calls at random, in processes without rights: whatever they ask for, the system lives on, and what they held
 * comes back.
 *
 *   prog [FIRST [SEEDS [CALLS [root]]]]
 *
 * Each seed is one process (with the children and threads that it makes) under a user id, in a session and a
 * folder of its own. The same seed makes the same calls, as far as the scheduler allows.
 */
#include "sysv.h"
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <termios.h>

#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#define F_GETOWN_EX 16
#endif
#ifndef TCGETA
#define TCGETA  0x5405
#define TCSETA  0x5406
#define TCSETAW 0x5407
#define TCSETAF 0x5408
#endif

#include "../../../fuzz/syscall_grammar.h"

#define UID_FIRST  20000
#define PATIENCE   3000 /* ms for one seed */
#define THREAD_CALLS 30

static __thread uint64_t state;
static char arena[GRAMMAR_ARENA_SIZE] __attribute__((aligned(4096)));
static int as_root;

static uint8_t grammar_byte(void)
{
	/* xorshift64 (Marsaglia 2003) */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint8_t)(state >> 56);
}

static void grammar_store(uint64_t at, const void *bytes, size_t size)
{
	memcpy((void *)at, bytes, size);
}

/* Itself, its group, a child perhaps; never init or all. */
static int32_t grammar_pid(void)
{
	uint8_t how = grammar_byte();

	return how < 100 ? (int32_t)syscall(SYS_getpid) : how < 200 ? (int32_t)syscall(SYS_getpid) + 1 + how % 4 : how < 240 ? 0 : 99999;
}

static int grammar_wanted(uint64_t nr)
{
	switch (nr) {
	case SYS_reboot: return 0;
	/* What ends the process, or waits for the timer, is rare. */
	case SYS_exit:
	case SYS_exit_group:
	case SYS_execve:
	case SYS_rt_sigreturn: return grammar_byte() < 4;
	case SYS_pause:
	case SYS_rt_sigsuspend: return grammar_byte() < 20;
	/* What would last longer than the process. */
	case SYS_settimeofday:
	case SYS_clock_settime:
	case SYS_mount:
	case SYS_umount2:
	case SYS_sethostname:
	case SYS_setdomainname: return !as_root || grammar_byte() < 20;
	default: return 1;
	}
}

static void handler(int sig)
{
	(void)sig;
}

__attribute__((naked)) static void restorer(void)
{
	__asm__("mov $15, %eax\n\tsyscall");
}

/* The C library keeps some signals for itself: past it. */
static void handle(int sig)
{
	struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); uint64_t mask; } action =
		{ handler, 0x04000000, restorer, 0 };

	syscall(SYS_rt_sigaction, sig, &action, 0, 8);
}

/* A timer ends what would wait for ever. */
static void wake_soon(void)
{
	struct itimerval timer = { { 0, 20000 }, { 0, 20000 } };
	uint64_t alarm_only = UINT64_C(1) << (SIGALRM - 1);

	handle(SIGALRM);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &alarm_only, 0, 8);
	syscall(SYS_setitimer, ITIMER_REAL, &timer, 0);
}

static void fire(int calls);

static void *thread(void *seed)
{
	state = (uint64_t)seed | 1;
	fire(THREAD_CALLS);
	return NULL;
}

static void fire(int calls)
{
	struct grammar_call call;
	pthread_t id;
	long got;

	for (int i = 0; i < calls; i++) {
		if (grammar_byte() == 0 && calls > THREAD_CALLS) {
			pthread_create(&id, NULL, thread, (void *)(uintptr_t)(state >> 8));
			continue;
		}
		grammar_call_make(&call);
		wake_soon();
		got = syscall((long)call.nr, call.args[0], call.args[1], call.args[2], call.args[3], call.args[4], call.args[5]);
		if (got == 0 && (call.nr == SYS_fork || call.nr == SYS_vfork || call.nr == SYS_clone)) {
			state = state * 5 + 1;
			calls = i + THREAD_CALLS;
		}
	}
}

static void limit(int what, rlim_t most)
{
	struct rlimit r = { most, most };

	setrlimit(what, &r);
}

static void prepare(const char *folder, uid_t uid)
{
	int null = open("/dev/null", O_RDWR), p[2];

	if (chdir(folder))
		_exit(3);
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	pipe(p);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	open("a", O_CREAT | O_RDWR, 0600);
	write(open("b", O_CREAT | O_RDWR, 0700), "#!/bin/true\n", 12);
	mkdir("d", 0700);
	symlink("a", "l");
	mkfifo("p", 0600);
	open("/dev/zero", O_RDWR);
	open("/proc/self/maps", O_RDONLY);
	open(".", O_RDONLY | O_DIRECTORY);
	for (int sig = 1; sig <= 64; sig++)
		if (sig != SIGSEGV && sig != SIGBUS && sig != SIGILL && sig != SIGTRAP && sig != SIGFPE)
			handle(sig);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_AS, 48 << 20);
	limit(RLIMIT_CORE, 0);
	if (!as_root) {
		limit(RLIMIT_NPROC, 12);
		fchown(5, uid, uid), fchown(6, uid, uid);
		chown("d", uid, uid), chown("p", uid, uid);
		setgroups(0, NULL);
		if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			_exit(4);
	}
}

static void kill_all(uid_t uid)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (setresuid(uid, uid, uid) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	wait_status(pid);
}

/* What System V IPC keeps when its makers have ended. */
static void drop_ipc(void)
{
	struct all_of about;
	int id, last;

	last = (int)syscall(SYS_shmctl, 0, SHM_INFO, &about);
	for (int i = 0; i <= last; i++)
		if ((id = (int)syscall(SYS_shmctl, i, SHM_STAT_ANY, &about)) >= 0)
			syscall(SYS_shmctl, id, IPC_RMID, NULL);
	last = (int)syscall(SYS_msgctl, 0, MSG_INFO, &about);
	for (int i = 0; i <= last; i++)
		if ((id = (int)syscall(SYS_msgctl, i, MSG_STAT_ANY, &about)) >= 0)
			syscall(SYS_msgctl, id, IPC_RMID, NULL);
	last = (int)sem_ctl(0, 0, SEM_INFO, (unsigned long)&about);
	for (int i = 0; i <= last; i++)
		if ((id = (int)sem_ctl(i, 0, SEM_STAT_ANY, (unsigned long)&about)) >= 0)
			sem_ctl(id, 0, IPC_RMID, 0);
}

static void one_seed(uint64_t seed, int calls)
{
	char folder[40];
	uid_t uid = UID_FIRST + seed % 10000;
	pid_t pid;
	long end = clock_ms() + PATIENCE;
	int status;

	snprintf(folder, sizeof folder, "/tmp/random-%lu", (unsigned long)seed);
	mkdir(folder, 0700);
	chown(folder, uid, uid);
	pid = fork();
	if (pid == 0) {
		prepare(folder, uid);
		state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
		for (int i = 0; i < 8; i++)
			grammar_byte();
		fire(calls);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_ms() > end) {
			kill(pid, SIGKILL);
			wait_status(pid);
			break;
		}
		pause_ms(2);
	}
	if (as_root) /* its group at least */
		kill(-pid, SIGKILL);
	kill_all(uid);
	/* Orphans come to us. */
	while (waitpid(-1, &status, 0) > 0)
		;
	drop_ipc();
	pid = fork();
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", folder, NULL);
		_exit(5);
	}
	wait_status(pid);
}

static long memory_free(void) { return file_number("/proc/meminfo", "MemFree:"); }

static int shell_works(void)
{
	FILE *f = popen("echo $((6 * 7)) | cat", "r");
	char line[20] = "";

	if (!f || !fgets(line, sizeof line, f))
		return 0;
	return pclose(f) == 0 && strcmp(line, "42\n") == 0;
}

int main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	int seeds = argc > 2 ? atoi(argv[2]) : 12, calls = argc > 3 ? atoi(argv[3]) : 300;
	long before, after;
	int verbose = argc > 1;

	as_root = argc > 4;
	grammar.arena = (uintptr_t)arena;
	grammar.handler = (uintptr_t)handler;
	grammar.restorer = (uintptr_t)restorer;
	grammar.text = (uintptr_t)main;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	one_seed(first, calls);
	shell_works();
	before = memory_free();
	for (int i = 1; i < seeds; i++) {
		one_seed(first + (uint64_t)i, calls);
		if (verbose && i % 10 == 0)
			dprintf(2, "%d seeds, %ld kB free (%ld at first)\n", i, memory_free(), before);
	}
	CHECK("a shell still works", shell_works());
	after = memory_free();
	CHECK("no children are left", waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
	CHECK("what they held came back", after >= before - 1024);
	DONE();
}
