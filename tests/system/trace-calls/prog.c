/* ptrace: stops at system calls, changed calls and results, what restarts, single steps, registers. */
#include "trace.h"

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif
#define PEEKUSER_OF(field) offsetof(struct user_regs_struct, field)

static void child_ready(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
}

static void call_info(pid_t pid)
{
	struct { uint8_t op, pad[3]; uint32_t arch; uint64_t ip, sp, nr, args[6]; } i;
	struct user_regs_struct r;

	memset(&i, 0x77, sizeof i);
	long n = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i);
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("  info %ld op %d arch %x ip %d sp %d", n, i.op, i.arch, i.ip == r.rip, i.sp == r.rsp);
	if (i.op == 1)
		printf(" nr %llu %d", (unsigned long long)i.nr, i.args[0] == r.rdi && i.args[3] == r.r10 && i.args[5] == r.r9);
	if (i.op == 2)
		printf(" value %d error %d", (pid_t)i.nr == getpid(), (int)(uint8_t)i.args[0]);
	unsigned long message = 9;
	n = ptrace(PTRACE_GETEVENTMSG, pid, 0, &message);
	printf(" message %ld %lu\n", n, message);
}

static void regs(pid_t pid, const char *what)
{
	struct user_regs_struct r;

	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("%s: rax %lld orig %lld cs %lx ss %lx ds %lx fs %lx\n", what, (pid_t)r.rax == pid ? 11111 : (long long)r.rax, (long long)r.orig_rax, r.cs, r.ss, r.ds, r.fs);
}

static void go(pid_t pid, int request, int sig, const char *what)
{
	ptrace(request, pid, 0, sig);
	status_of(pid, what);
}

static void follows(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		child_ready();
		syscall(SYS_getppid);
		syscall(SYS_close, 555);
		syscall(SYS_getppid);
		syscall(SYS_getuid);
		syscall(999);
		kill(getpid(), SIGUSR1);
		_exit(4);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	call_info(pid);
	/* What raise() does after the signal. */
	struct user_regs_struct r;
	for (int i = 0; i < 40; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		int st;
		if (waitpid(pid, &st, 0) != pid || !WIFSTOPPED(st))
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (r.orig_rax == SYS_getppid)
			break;
	}
	regs(pid, "getppid entry");
	call_info(pid);
	go(pid, PTRACE_SYSCALL, 0, "exit");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("parent %d\n", (pid_t)r.rax == getpid());
	call_info(pid);
	go(pid, PTRACE_SYSCALL, 0, "close entry");
	go(pid, PTRACE_SYSCALL, 0, "close exit");
	regs(pid, "close");
	go(pid, PTRACE_SYSCALL, 0, "getppid entry");
	/* Another call in its place. */
	P("getuid instead", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(orig_rax), SYS_getuid));
	go(pid, PTRACE_SYSCALL, 0, "getuid exit");
	printf("uid %d\n", ptrace(PTRACE_PEEKUSER, pid, PEEKUSER_OF(rax), 0) == (long)getuid());
	go(pid, PTRACE_SYSCALL, 0, "getuid entry");
	P("none instead", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(orig_rax), -1));
	go(pid, PTRACE_SYSCALL, 0, "getuid exit");
	regs(pid, "no call");
	P("a result", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(rax), 4711));
	go(pid, PTRACE_SYSCALL, 0, "999 entry");
	regs(pid, "999");
	go(pid, PTRACE_SYSCALL, SIGURG, "999 exit");
	regs(pid, "999");
	go(pid, PTRACE_SYSCALL, 0, "signal that was given at a call");
	go(pid, PTRACE_SYSCALL, 0, "next");
	regs(pid, "next");
	go(pid, PTRACE_SYSCALL, 0, "next");
	regs(pid, "kill or getpid");
	kill(pid, SIGKILL);
	status_of(pid, "end");
}

static void on(int n) { (void)n; }

/* A call that a signal interrupts, with handler and without. */
static void restarts(void)
{
	int p[2];
	char c;

	if (pipe(p))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		struct sigaction sa = { .sa_handler = on };
		sigaction(SIGUSR2, &sa, 0);
		sa.sa_flags = SA_RESTART;
		sigaction(SIGHUP, &sa, 0);
		child_ready();
		ssize_t n = read(p[0], &c, 1);
		printf("read %zd %s\n", n, n < 0 && errno == EINTR ? "EINTR" : "");
		n = read(p[0], &c, 1);
		printf("read %zd %c\n", n, c);
		fflush(stdout);
		_exit(0);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct r;
	for (int i = 0; i < 40; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, 0, 0);
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (r.orig_rax == SYS_read)
			break;
	}
	regs(pid, "read entry");
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	usleep(50000);
	kill(pid, SIGUSR1);
	status_of(pid, "read exit");
	regs(pid, "interrupted");
	go(pid, PTRACE_SYSCALL, 0, "signal");
	regs(pid, "at the signal");
	go(pid, PTRACE_SYSCALL, 0, "suppressed");
	regs(pid, "again");
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	usleep(50000);
	kill(pid, SIGHUP);
	status_of(pid, "read exit");
	regs(pid, "interrupted");
	go(pid, PTRACE_SYSCALL, 0, "signal");
	go(pid, PTRACE_SYSCALL, SIGHUP, "sigreturn");
	regs(pid, "sigreturn entry");
	go(pid, PTRACE_SYSCALL, 0, "sigreturn exit");
	go(pid, PTRACE_SYSCALL, 0, "read entry");
	regs(pid, "again");
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	usleep(50000);
	kill(pid, SIGUSR2);
	status_of(pid, "read exit");
	go(pid, PTRACE_SYSCALL, 0, "signal");
	ptrace(PTRACE_CONT, pid, 0, SIGUSR2);
	if (write(p[1], "x", 1) != 1)
		return;
	status_of(pid, "end");
	close(p[0]), close(p[1]);
}

static volatile int steps_done;

static void steps(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		child_ready();
		/* nop, nop, getpid's number, syscall, nop, int3, ud2 */
		__asm__ volatile("nop; nop; mov $39, %%eax; syscall; nop; int3; nop; ud2" ::: "rax", "rcx", "r11", "memory");
		_exit(0);
	}
	status_of(pid, "stop");
	struct user_regs_struct r, before;
	siginfo_t si;
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	int found = 0, st, n = 0;
	/* Up to the two nops. */
	for (; n < 200000; n++) {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		if (waitpid(pid, &st, 0) != pid || !WIFSTOPPED(st) || WSTOPSIG(st) != SIGTRAP)
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		long word = ptrace(PTRACE_PEEKTEXT, pid, r.rip, 0);
		if ((word & 0xffffffffffffff) == 0x00000027b89090) {
			found = 1;
			break;
		}
	}
	printf("found %d tf %d\n", found, (int)(r.eflags >> 8 & 1));
	before = r;
	for (int i = 0; i < 5; i++) {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		status_of(pid, "step");
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
		printf("  +%lld code %d tf %d pid %d at %d\n", (long long)(r.rip - before.rip), si.si_code, (int)(r.eflags >> 8 & 1), r.rax == (unsigned)pid, (uint64_t)si.si_addr == r.rip);
	}
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "int3");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	printf("  +%lld code %d\n", (long long)(r.rip - before.rip), si.si_code);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "ud2");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	printf("  +%lld code %d at %d\n", (long long)(r.rip - before.rip), si.si_code, (uint64_t)si.si_addr == r.rip);
	r.rip += 2;
	P("behind it", ptrace(PTRACE_SETREGS, pid, 0, &r));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

/* A step into a handler. */
static void step_into_handler(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGUSR1, on);
		child_ready();
		raise(SIGUSR1);
		_exit(0);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "signal");
	struct user_regs_struct r;
	ptrace(PTRACE_SINGLESTEP, pid, 0, SIGUSR1);
	status_of(pid, "step");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("in the handler %d rdi %lld tf %d\n", r.rip == (uint64_t)on, (long long)r.rdi, (int)(r.eflags >> 8 & 1));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

static void registers(void)
{
	pid_t pid = fork();
	struct user_regs_struct r, s;
	struct user_fpregs_struct fp;
	struct iovec v = { &r, sizeof r };
	static uint8_t x[8192], y[8192];

	if (pid == 0) {
		child_ready();
		double d = 1.5, e = 0;
		__asm__ volatile("movsd %1, %%xmm7; int3; movsd %%xmm7, %0" : "=m"(e) : "m"(d) : "xmm7");
		printf("xmm7 %g\n", e);
		fflush(stdout);
		uint64_t got;
		__asm__ volatile("mov $1, %%rbx; mov $2, %%r12; int3; lea (%%rbx,%%r12), %0" : "=r"(got)::"rbx", "r12");
		printf("sum %llu\n", (unsigned long long)got);
		fflush(stdout);
		_exit(0);
	}
	status_of(pid, "stop");
	P("prstatus", ptrace(PTRACE_GETREGSET, pid, 1, &v));
	printf("  %zu\n", v.iov_len);
	P("getregs", ptrace(PTRACE_GETREGS, pid, 0, &s));
	printf("same %d\n", !memcmp(&r, &s, sizeof r));
	v.iov_len = 12;
	P("odd size", ptrace(PTRACE_GETREGSET, pid, 1, &v));
	v.iov_len = 16;
	P("small", ptrace(PTRACE_GETREGSET, pid, 1, &v));
	v = (struct iovec){ x, sizeof x };
	P("no such set", ptrace(PTRACE_GETREGSET, pid, 0x7777, &v));
	P("fp", ptrace(PTRACE_GETREGSET, pid, 2, &v));
	printf("  %zu\n", v.iov_len);
	v.iov_len = sizeof x;
	P("xstate", ptrace(PTRACE_GETREGSET, pid, 0x202, &v));
	printf("  at least %d\n", v.iov_len >= 832);
	P("set xstate", ptrace(PTRACE_SETREGSET, pid, 0x202, &v));
	(void)y;
	P("bad offset", ptrace(PTRACE_POKEUSER, pid, 3, 0));
	P("far offset", ptrace(PTRACE_POKEUSER, pid, 4096, 0));
	P("bad fs base", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(fs_base), 1ull << 63));
	P("bad cs", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(cs), 0x10));
	P("ss 0", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(ss), 0));
	P("ds 0", ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(ds), 0));
	long value = -1;
	P("no debug register", (errno = 0, value = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[7]), 0), errno ? -1 : 0));
	printf("  %ld\n", value);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "int3");
	P("getfpregs", ptrace(PTRACE_GETFPREGS, pid, 0, &fp));
	double d;
	memcpy(&d, (char *)&fp + 160 + 7 * 16, 8);
	printf("  xmm7 %g cwd %x mxcsr %x\n", d, fp.cwd, fp.mxcsr);
	d = 2.25;
	memcpy((char *)&fp + 160 + 7 * 16, &d, 8);
	P("setfpregs", ptrace(PTRACE_SETFPREGS, pid, 0, &fp));
	fp.mxcsr = 0x12345678;
	P("bad mxcsr", ptrace(PTRACE_SETFPREGS, pid, 0, &fp));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "int3");
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("rbx %lu r12 %lu\n", r.rbx, r.r12);
	r.rbx = 40;
	r.eflags = ~0ull;
	P("setregs", ptrace(PTRACE_SETREGS, pid, 0, &r));
	ptrace(PTRACE_GETREGS, pid, 0, &r);
	printf("flags %lx\n", r.eflags & ~0x40100ul);
	r.eflags = 0x202;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

static void emulates(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		child_ready();
		long n = syscall(SYS_getppid);
		printf("emulated %ld\n", n);
		fflush(stdout);
		_exit(0);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
	struct user_regs_struct r;
	for (int i = 0; i < 40; i++) {
		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		waitpid(pid, 0, 0);
		ptrace(PTRACE_GETREGS, pid, 0, &r);
		if (r.orig_rax == SYS_rt_sigprocmask && r.rax != (unsigned long)-ENOSYS)
			break;
	}
	go(pid, PTRACE_SYSEMU, 0, "emulated call");
	regs(pid, "entry");
	ptrace(PTRACE_POKEUSER, pid, PEEKUSER_OF(rax), 1234);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

int main(void)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	follows();
	restarts();
	steps();
	step_into_handler();
	registers();
	emulates();
	return 0;
}
