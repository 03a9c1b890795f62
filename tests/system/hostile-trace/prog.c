/* Processes that trace each other at random, with wild requests and registers, and are killed meanwhile: nothing stays, nobody hangs. */
#include "check.h"
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#define WORKERS 8
#define ROUNDS  400

static volatile pid_t *pids;
static uint64_t state;

static uint64_t rnd(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static uint64_t wild(void)
{
	static const uint64_t values[] = { 0, 1, 8, ~0ull, 1ull << 63, 1ull << 47, (1ull << 47) - 1, 0xffff800000000000, 0x7ffff000, 0xffffffff, 0x100, 0x50dd5 };

	return rnd(3) ? values[rnd(sizeof values / sizeof *values)] : rnd(~0ull);
}

static void request(pid_t who)
{
	static const int requests[] = { PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, 31 /* SYSEMU */, 32, PTRACE_DETACH, PTRACE_KILL, PTRACE_LISTEN, PTRACE_INTERRUPT,
		PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, PTRACE_GETREGSET, PTRACE_SETREGSET, PTRACE_PEEKDATA, PTRACE_POKEDATA,
		PTRACE_PEEKUSER, PTRACE_POKEUSER, PTRACE_GETSIGINFO, PTRACE_SETSIGINFO, PTRACE_SETOPTIONS, PTRACE_GETEVENTMSG, 0x420e, PTRACE_GETSIGMASK,
		PTRACE_SETSIGMASK, PTRACE_PEEKSIGINFO };
	static uint64_t area[512];
	struct iovec v = { area, rnd(2) ? sizeof area : rnd(5000) };
	static const unsigned sets[] = { 1, 2, 0x202, 0 };
	int what = requests[rnd(sizeof requests / sizeof *requests)], st;

	for (unsigned i = 0; i < 64; i++)
		area[i] = rnd(4) ? area[i] : wild();
	waitpid(rnd(2) ? who : -1, &st, WNOHANG | __WALL);
	switch (what) {
	case PTRACE_CONT: case PTRACE_SYSCALL: case PTRACE_SINGLESTEP: case 31: case 32: case PTRACE_DETACH:
		syscall(SYS_ptrace, what, who, wild(), rnd(3) ? 0 : rnd(70));
		return;
	case PTRACE_GETREGSET: case PTRACE_SETREGSET:
		syscall(SYS_ptrace, what, who, (long)sets[rnd(4)], rnd(8) ? (void *)&v : (void *)wild());
		return;
	case PTRACE_SETOPTIONS:
		syscall(SYS_ptrace, what, who, 0, rnd(4) ? rnd(128) | (rnd(4) ? 0 : 0x100000) : wild());
		return;
	case PTRACE_PEEKUSER: case PTRACE_POKEUSER:
		syscall(SYS_ptrace, what, who, rnd(2) ? rnd(27) * 8 : wild(), rnd(2) ? wild() : (uint64_t)area);
		return;
	case 0x420e: case PTRACE_GETSIGMASK: case PTRACE_SETSIGMASK:
		syscall(SYS_ptrace, what, who, rnd(2) ? 8 : rnd(100), rnd(4) ? (uint64_t)area : wild());
		return;
	default:
		syscall(SYS_ptrace, what, who, rnd(2) ? wild() : (uint64_t)area, rnd(4) ? (uint64_t)area : wild());
	}
}

static void worker(unsigned seed)
{
	state = 0x9e3779b97f4a7c15ull * (seed + 1);
	for (;;) {
		pid_t who = pids[rnd(WORKERS)];

		switch (rnd(12)) {
		case 0:
			if (who > 0 && who != getpid())
				syscall(SYS_ptrace, PTRACE_ATTACH, who, 0, 0);
			break;
		case 1:
			if (who > 0 && who != getpid())
				syscall(SYS_ptrace, PTRACE_SEIZE, who, 0, rnd(2) ? rnd(128) | 0x100000 : 0);
			break;
		case 2:
			syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
			break;
		case 3: {
			pid_t child = fork();
			if (child == 0) {
				if (rnd(2))
					syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
				if (rnd(2))
					raise((int)rnd(30) + 1);
				execl("/bin/true", "true", (char *)0);
				_exit(0);
			}
			if (child > 0) {
				for (int i = 0; i < 10; i++)
					request(child);
				kill(child, SIGKILL);
				waitpid(child, 0, __WALL);
			}
			break;
		}
		case 4:
			if (who > 0)
				kill(who, (int)rnd(31) + 1);
			break;
		case 5: {
			char bytes[64];
			struct iovec l = { bytes, sizeof bytes }, r = { (void *)(rnd(2) ? wild() : (uint64_t)bytes), rnd(100) };
			syscall(rnd(2) ? SYS_process_vm_readv : SYS_process_vm_writev, who, &l, 1, &r, 1, 0);
			break;
		}
		default:
			if (who > 0)
				request(who);
		}
		waitpid(-1, 0, WNOHANG | __WALL);
	}
}

static void start(unsigned i, unsigned seed, pid_t group)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, group);
		worker(seed);
	}
	setpgid(pid, group);
	pids[i] = pid;
}

/* Whoever has something to tell; who has made us his tracer goes on. */
static pid_t reap(void)
{
	int st;
	pid_t pid = waitpid(-1, &st, WNOHANG | __WALL);

	if (pid > 0 && WIFSTOPPED(st))
		syscall(SYS_ptrace, PTRACE_CONT, pid, 0, 0);
	return pid;
}

/* Somebody is traced as ever. */
static int still_works(void)
{
	int st, ok;
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
		raise(SIGUSR1);
		_exit(7);
	}
	ok = waitpid(pid, &st, 0) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGUSR1;
	ok &= syscall(SYS_ptrace, PTRACE_CONT, pid, 0, 0) == 0;
	ok &= waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == 7;
	return ok;
}

int main(void)
{
	pid_t group = fork();
	int left = 0;

	if (group == 0)
		for (;;)
			pause();
	setpgid(group, group);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pids = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		start(i, i, group);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned i = round % WORKERS;

		usleep(2000);
		kill(pids[i], SIGKILL);
		start(i, WORKERS + round, group);
		while (reap() > 0)
			;
	}
	CHECK("they trace each other", 1);
	/* Who forks meanwhile makes one more, so it is done again. */
	for (int i = 0; i < 20000 && (left = reap()) >= 0; i++) {
		kill(-group, SIGKILL);
		if (left == 0)
			usleep(1000);
	}
	CHECK("nobody is left", left == -1 && errno == ECHILD);
	CHECK("and tracing goes on", still_works());
	return check_failures != 0;
}
