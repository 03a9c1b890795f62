/* Calls about processes, signals, memory and time, for tests/run-strace. */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *page;

static void handler(int signo) { (void)signo; }

static void memory(void)
{
	char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page = p;
	mprotect(p, 4096, PROT_NONE);
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	mprotect(p, 4096, PROT_READ | PROT_WRITE);
	madvise(p, 8192, MADV_DONTNEED);
	madvise(p, 8192, 999);
	msync(p, 4096, MS_SYNC | MS_INVALIDATE);
	mlock(p, 4096);
	munlock(p, 4096);
	mremap(p + 8192, 8192, 4096, MREMAP_MAYMOVE);
	mremap(p + 8192, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p + 4096);
	munmap(p + 4096, 4096);
	mmap((void *)4097, 1, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE | MAP_POPULATE, 3, 0x1000);
	mmap(NULL, 0, 0, 0, -1, 0);
	syscall(SYS_mincore, 1, 1, 1);
}

static void signals(void)
{
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NODEFER}, old;
	sigset_t set;
	stack_t stack = {.ss_sp = page, .ss_size = 4096};
	siginfo_t info;
	struct timespec zero = {0, 1000000};
	union sigval value = {.sival_int = 42};

	sigaction(SIGUSR1, &a, NULL);
	sigaddset(&a.sa_mask, SIGINT);
	sigaddset(&a.sa_mask, SIGRTMIN + 3);
	sigaction(SIGUSR2, &a, &old);
	sigaction(SIGUSR1, NULL, &old);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGKILL, &a, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	sigpending(&set);
	sigtimedwait(&set, &info, &zero);
	sigtimedwait(&set, &info, &zero);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigprocmask(77, &set, NULL);
	kill(getpid(), SIGUSR1);
	sigqueue(getpid(), SIGUSR2, value);
	raise(SIGUSR1);
	sigaltstack(&stack, NULL);
	sigaltstack(NULL, &stack);
	kill(getpid(), 0);
	kill(-123456, SIGTERM);
	kill(1 << 30, 200);
}

static void children(void)
{
	int status;
	struct rusage usage;
	siginfo_t info;
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	wait4(pid, &status, 0, NULL);
	pid = fork();
	if (!pid) {
		volatile int *bad = (int *)0x10;

		*bad = 1;
	}
	wait4(-1, &status, __WALL, &usage);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		_exit(0);
	}
	wait4(pid, &status, WUNTRACED, NULL);
	kill(pid, SIGCONT);
	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	waitpid(pid, &status, 0);
	waitpid(-1, &status, WNOHANG);
	pid = fork();
	if (!pid) {
		char *argv[] = {"none", "a\nb", "0123456789012345678901234567890123456789", NULL}, *env[] = {"A=1", NULL};

		execve("/none", argv, env);
		kill(getpid(), SIGTERM);
	}
	waitpid(pid, &status, 0);
}

static void clocks(void)
{
	struct timespec t = {0, 1000000};
	struct timeval v = {0, 1000};
	struct itimerval it = {{0, 0}, {100, 5}};
	struct itimerspec its = {{0, 0}, {100, 5}};
	struct pollfd p[3] = {{.fd = -1, .events = POLLIN}, {.fd = 100, .events = POLLIN | POLLOUT}, {.fd = 0}};
	fd_set set;
	timer_t timer;

	syscall(SYS_nanosleep, &t, NULL);
	syscall(SYS_nanosleep, &t, &t);
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &v, NULL);
	syscall(SYS_clock_gettime, 99, &t);
	syscall(SYS_clock_getres, CLOCK_BOOTTIME, &t);
	setitimer(ITIMER_REAL, &it, NULL);
	memset(&it, 0, sizeof(it));
	setitimer(ITIMER_REAL, &it, NULL);
	getitimer(ITIMER_PROF, &it);
	poll(p, 2, 1);
	poll(p, 1, 0);
	poll(NULL, 0, 0);
	FD_ZERO(&set);
	FD_SET(5, &set);
	FD_SET(7, &set);
	select(8, &set, NULL, NULL, &v);
	v.tv_usec = 500;
	select(0, NULL, NULL, NULL, &v);
	syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer);
	syscall(SYS_timer_create, 77, NULL, &timer);
	syscall(SYS_timer_settime, 0, 0, &its, NULL);
	syscall(SYS_timer_delete, 0);
	alarm(100);
	alarm(0);
}

static void limits(void)
{
	struct rlimit r = {1024, RLIM_INFINITY};
	char name[20];

	syscall(SYS_getrlimit, RLIMIT_CORE, &r);
	r = (struct rlimit){100, 4096};
	syscall(SYS_setrlimit, RLIMIT_NOFILE, &r);
	syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, &r);
	syscall(SYS_prlimit64, 0, 999, NULL, &r);
	syscall(SYS_getpriority, 9, 0);
	syscall(SYS_sched_getscheduler, 0);
	syscall(SYS_sched_get_priority_max, SCHED_FIFO);
	prctl(PR_SET_NAME, "name");
	prctl(PR_GET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGHUP);
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_GET_DUMPABLE);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	prctl(PR_CAPBSET_READ, 0);
	syscall(SYS_arch_prctl, 0x1003, name);
	syscall(SYS_setuid, -1);
	syscall(SYS_setresuid, -1, -1, -1);
	syscall(SYS_setpgid, 0, -1);
	syscall(SYS_getpgid, 0x7fffffff);
	syscall(SYS_getgroups, 0, NULL);
	syscall(SYS_sched_yield);
	syscall(SYS_personality, 0xffffffff);
}

static void futexes(void)
{
	int word = 1;
	struct timespec t = {0, 1000};

	syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL);
	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &t);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
	syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &t, NULL, -1);
	syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 5);
	syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 2, &word);
	syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 2, &word, 7);
	syscall(SYS_futex, &word, 99, 1, 2, &word, 7);
}

static void ids(void)
{
	syscall(SYS_clone3, 8, 88);
	syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0);
	syscall(SYS_kill, 0x7fffffff, 33);
	syscall(SYS_tgkill, 1, -1, 35);
	syscall(777, 1, 2, 3, 4, 5, 6);
	syscall(SYS_getcpu, NULL, NULL, NULL);
	syscall(SYS_waitid, P_ALL, 0, NULL, WEXITED | WSTOPPED, NULL);
}

int main(void)
{
	syscall(SYS_close_range, 3, ~0u, 0); /* what came from outside */
	write(-1, "begin", 5);
	memory();
	signals();
	children();
	clocks();
	limits();
	futexes();
	ids();
	kill(getpid(), SIGTERM);
	return 0;
}
