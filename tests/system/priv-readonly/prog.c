/* Every call that fills program memory, pointed at pages that the program may only read: EFAULT, and nothing is written. */
#include "check.h"
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#define SIZE 8192
enum { FUTEX_WAKE_OP = 5 };
static unsigned char *ro;  /* what the calls are pointed at */
static unsigned word;
static int pipes[2], zero, dir, file;

/* Fills the pipe, so that there is something to read. */
static void feed(void)
{
	write(pipes[1], "0123456789abcdef", 16);
}

static long wake_op(void *at)
{
	return syscall(SYS_futex, &word, FUTEX_WAKE_OP, 0, 0, at, 0u << 28 | 1u << 12);
}

/* One call after the other: what it is called, and what it gives. */
static void each_call(void)
{
	struct iovec two[2] = { { ro, 8 }, { ro + 8, 8 } };
	struct pollfd *fds = (void *)ro;

	FAILS("futex wake-op", EFAULT, wake_op(ro + 8));
	FAILS("read from a device", EFAULT, read(zero, ro, 16));
	FAILS("pread", EFAULT, pread(zero, ro, 16, 0));
	FAILS("readv", EFAULT, readv(zero, two, 2));
	FAILS("preadv", EFAULT, preadv(zero, two, 2, 0));
	feed();
	FAILS("read from a pipe", EFAULT, read(pipes[0], ro, 8));
	FAILS("FIONREAD", EFAULT, ioctl(pipes[0], FIONREAD, ro));
	FAILS("getdents64", EFAULT, syscall(SYS_getdents64, dir, ro, 4096));
	FAILS("getrandom", EFAULT, syscall(SYS_getrandom, ro, 16, 0));
	FAILS("getcwd", EFAULT, syscall(SYS_getcwd, ro, 4096));
	FAILS("stat", EFAULT, syscall(SYS_stat, ".", ro));
	FAILS("fstat", EFAULT, syscall(SYS_fstat, zero, ro));
	FAILS("newfstatat", EFAULT, syscall(SYS_newfstatat, AT_FDCWD, ".", ro, 0));
	FAILS("statx", EFAULT, syscall(SYS_statx, AT_FDCWD, ".", 0, 0x7ff, ro));
	FAILS("statfs", EFAULT, syscall(SYS_statfs, ".", ro));
	FAILS("readlink", EFAULT, syscall(SYS_readlink, "/proc/self/exe", ro, 100));
	FAILS("uname", EFAULT, syscall(SYS_uname, ro));
	FAILS("sysinfo", EFAULT, syscall(SYS_sysinfo, ro));
	FAILS("times", EFAULT, syscall(SYS_times, ro));
	FAILS("getrusage", EFAULT, syscall(SYS_getrusage, 0, ro));
	FAILS("getrlimit", EFAULT, syscall(SYS_getrlimit, 7, ro));
	FAILS("prlimit64", EFAULT, syscall(SYS_prlimit64, 0, 7, NULL, ro));
	FAILS("gettimeofday", EFAULT, syscall(SYS_gettimeofday, ro, NULL));
	FAILS("time", EFAULT, syscall(SYS_time, ro));
	FAILS("clock_gettime", EFAULT, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, ro));
	FAILS("clock_getres", EFAULT, syscall(SYS_clock_getres, CLOCK_MONOTONIC, ro));
	FAILS("getitimer", EFAULT, syscall(SYS_getitimer, 0, ro));
	FAILS("setitimer's old", EFAULT, syscall(SYS_setitimer, 0, NULL, ro));
	FAILS("timer_create", EFAULT, syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, ro));
	FAILS("rt_sigaction's old", EFAULT, syscall(SYS_rt_sigaction, SIGUSR1, NULL, ro, 8));
	FAILS("rt_sigprocmask's old", EFAULT, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, ro, 8));
	FAILS("rt_sigpending", EFAULT, syscall(SYS_rt_sigpending, ro, 8));
	FAILS("sigaltstack's old", EFAULT, syscall(SYS_sigaltstack, NULL, ro));
	FAILS("pipe", EFAULT, syscall(SYS_pipe, ro));
	FAILS("getgroups", EFAULT, (setgroups(1, (gid_t[]){ 5 }), syscall(SYS_getgroups, 8, ro)));
	FAILS("getresuid", EFAULT, syscall(SYS_getresuid, ro, ro + 4, ro + 8));
	FAILS("getresgid", EFAULT, syscall(SYS_getresgid, ro, ro + 4, ro + 8));
	FAILS("capget", EFAULT, syscall(SYS_capget, (unsigned[]){ 0x20080522, 0 }, ro));
	FAILS("sched_getparam", EFAULT, syscall(SYS_sched_getparam, 0, ro));
	FAILS("sched_getaffinity", EFAULT, syscall(SYS_sched_getaffinity, 0, 4096, ro));
	FAILS("getcpu", EFAULT, syscall(SYS_getcpu, ro, NULL, NULL));
	FAILS("get_robust_list", EFAULT, syscall(SYS_get_robust_list, 0, ro, ro + 8));
	FAILS("PR_GET_NAME", EFAULT, prctl(PR_GET_NAME, ro));
	FAILS("PR_GET_PDEATHSIG", EFAULT, prctl(PR_GET_PDEATHSIG, ro));
	FAILS("ARCH_GET_FS", EFAULT, syscall(SYS_arch_prctl, 0x1003, ro));
	FAILS("mincore", EFAULT, syscall(SYS_mincore, ro, 4096, ro));
	FAILS("F_GETLK", EFAULT, fcntl(zero, F_GETLK, ro + 1024));
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	FAILS("wait4's status", EFAULT, syscall(SYS_wait4, child, ro, 0, NULL));
	if ((child = fork()) == 0)
		_exit(0);
	FAILS("waitid's information", EFAULT, syscall(SYS_waitid, P_PID, child, ro, WEXITED, NULL));
	/* The page holds small numbers, which are descriptors, events or times to these. */
	FAILS("poll's events", EFAULT, poll(fds, 1, 0));
	FAILS("select's sets", EFAULT, syscall(SYS_select, 8, ro + 64, NULL, NULL, &(struct timeval){ 0, 0 }));
}

/* What is written where nobody hears of an error. */
static void silent_writes(void)
{
	pid_t child = syscall(SYS_clone, 0x01000000 | 0x00100000 | SIGCHLD, 0, ro, ro + 4, 0); /* CHILD_SETTID, PARENT_SETTID */

	if (child == 0)
		_exit(0);
	CHECK("clone's numbers", child > 0 && EXITED(wait_status(child), 0));
	if ((child = fork()) == 0) {
		/* A robust list: its one entry's lock word lies in the read-only page, and says that this thread has it. */
		static struct { void *next; long offset; void *pending; } head;

		head.next = &head.pending;
		head.pending = NULL;
		head.offset = 0;
		static void *entry;
		entry = &head;
		head.next = &entry;
		head.offset = ro + 256 - (unsigned char *)&entry;
		syscall(SYS_set_robust_list, &head, sizeof head);
		int self = getpid();
		pwrite(file, &self, sizeof self, 256);
		_exit(0);
	}
	CHECK("robust list", EXITED(wait_status(child), 0));
	int owner = 0, none = 0;
	CHECK("the lock is still the dead thread's", pread(file, &owner, sizeof owner, 256) == sizeof owner && owner == child);
	pwrite(file, &none, sizeof none, 256);
	if ((child = fork()) == 0) {
		syscall(SYS_set_tid_address, ro + 512);
		_exit(0);
	}
	CHECK("set_tid_address", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0) {
		/* A signal's frame: the stack for it lies in the page. */
		sigaltstack(&(stack_t){ .ss_sp = ro, .ss_size = SIZE }, NULL);
		sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = SIG_IGN, .sa_flags = SA_ONSTACK }, NULL);
		sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = (void (*)(int))1000, .sa_flags = SA_ONSTACK }, NULL);
		raise(SIGUSR1);
		_exit(0);
	}
	CHECK("a signal's frame", KILLED(wait_status(child), SIGSEGV));
}

static void with_mapping(const char *how, int flags, int protection)
{
	int f = open("file", O_RDONLY);

	ro = mmap(NULL, SIZE, protection, flags, f, 0);
	CHECK(how, ro != MAP_FAILED);
	each_call();
	silent_writes();
	munmap(ro, SIZE);
	close(f);
}

/* What begins where the program may write, and goes on where it may only read: all its pages are there. */
static void over_the_border(void)
{
	unsigned char *two = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec vector = { two, 3 * 4096 };

	memset(two, 'x', 3 * 4096);
	mprotect(two + 4096, 4096, PROT_READ);
	CHECK("a file, up to the border", pread(file, two, 8192, 0) == 4096 && two[4095] == 1 && two[4096] == 'x');
	memset(two, 'y', 4096);
	CHECK("a device", read(zero, two, 3 * 4096) == 4096 && two[4095] == 0 && two[4096] == 'x' && two[8192] == 'x');
	memset(two, 'y', 4096);
	CHECK("a vector", preadv(file, &vector, 1, 0) == 4096 && two[4096] == 'x' && two[8191] == 'x');
	munmap(two, 3 * 4096);
}

int main(void)
{
	static unsigned char bytes[SIZE], after[SIZE];

	/* At 256 is the robust list's word, at 1024 a struct flock. */
	memset(bytes, 1, SIZE);
	memset(bytes + 256, 0, 4);
	memset(bytes + 1024, 0, 64);
	file = open("file", O_CREAT | O_RDWR, 0644);
	write(file, bytes, SIZE);
	zero = open("/dev/zero", O_RDWR);
	dir = open(".", O_RDONLY | O_DIRECTORY);
	pipe(pipes);
	with_mapping("shared", MAP_SHARED, PROT_READ);
	with_mapping("private", MAP_PRIVATE, PROT_READ);
	with_mapping("no access", MAP_SHARED, PROT_NONE);
	over_the_border();
	CHECK("the file is as it was", pread(file, after, SIZE, 0) == SIZE && !memcmp(bytes, after, SIZE));
	DONE();
}
