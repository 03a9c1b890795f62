/* ptrace: a child that is traced from its beginning; stops at signals, continuing with and without, attaching, detaching, wrong requests. */
#include "trace.h"

/* The program prints meanwhile. */
static void quiet(long result)
{
	if (result)
		printf("failed: %s\n", strerrorname(errno));
}

static void traceme(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		printf("traceme %ld\n", ptrace(PTRACE_TRACEME, 0, 0, 0));
		printf("again %ld %d\n", ptrace(PTRACE_TRACEME, 0, 0, 0), errno);
		fflush(stdout);
		raise(SIGSTOP);
		printf("goes on\n");
		fflush(stdout);
		raise(SIGUSR1);
		raise(SIGUSR2);
		_exit(7);
	}
	status_of(pid, "stop");
	siginfo_t si;
	P("siginfo", ptrace(PTRACE_GETSIGINFO, pid, 0, &si));
	printf("si %d %d %d %d\n", si.si_signo, si.si_code, si.si_pid == pid, si.si_uid == getuid());
	quiet(ptrace(PTRACE_CONT, pid, 0, 0));
	status_of(pid, "usr1");
	P("cont with a bad signal", ptrace(PTRACE_CONT, pid, 0, 65));
	P("cont without it", ptrace(PTRACE_CONT, pid, 0, 0));
	status_of(pid, "usr2");
	quiet(ptrace(PTRACE_CONT, pid, 0, SIGUSR2));
	status_of(pid, "end");
	P("cont of nobody", ptrace(PTRACE_CONT, pid, 0, 0));
}

static int caught, caught_code;
static void on(int n, siginfo_t *i, void *c) { (void)c; caught = n; caught_code = i->si_code; }

static void changes_signals(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sigaction sa = { .sa_sigaction = on, .sa_flags = SA_SIGINFO };
		sigaction(SIGUSR1, &sa, 0);
		sigaction(SIGUSR2, &sa, 0);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGUSR1);
		printf("caught %d %d\n", caught, caught_code);
		caught = 0;
		raise(SIGUSR1);
		printf("caught %d %d\n", caught, caught_code);
		caught = 0;
		signal(SIGUSR1, SIG_IGN);
		raise(SIGUSR1);
		printf("ignored %d\n", caught);
		raise(SIGCHLD);
		fflush(stdout);
		raise(SIGTERM);
		_exit(1);
	}
	status_of(pid, "usr1");
	quiet(ptrace(PTRACE_CONT, pid, 0, SIGUSR2));
	status_of(pid, "usr1");
	siginfo_t si;
	ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	si.si_code = -77;
	P("setsiginfo", ptrace(PTRACE_SETSIGINFO, pid, 0, &si));
	quiet(ptrace(PTRACE_CONT, pid, 0, SIGUSR1));
	status_of(pid, "ignored");
	quiet(ptrace(PTRACE_CONT, pid, 0, SIGUSR1));
	status_of(pid, "sigchld");
	quiet(ptrace(PTRACE_CONT, pid, 0, SIGCHLD));
	status_of(pid, "term");
	quiet(ptrace(PTRACE_CONT, pid, 0, SIGTERM));
	status_of(pid, "end");
}

static void attaches(void)
{
	int down[2], up[2];
	char c = 0;

	if (pipe(down) || pipe(up))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		while (read(down[0], &c, 1) == 1) {
			if (c == 'q')
				_exit(3);
			if (write(up[1], &c, 1) != 1)
				_exit(9);
		}
		_exit(8);
	}
	P("not ours", ptrace(PTRACE_CONT, pid, 0, 0));
	P("attach", ptrace(PTRACE_ATTACH, pid, 0, 0));
	P("twice", ptrace(PTRACE_ATTACH, pid, 0, 0));
	status_of(pid, "attached");
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	P("running", ptrace(PTRACE_GETSIGINFO, pid, 0, 0));
	if (write(down[1], "a", 1) != 1 || read(up[0], &c, 1) != 1)
		c = 0;
	printf("answers %c\n", c);
	kill(pid, SIGSTOP);
	status_of(pid, "sigstop");
	P("cont with it", ptrace(PTRACE_CONT, pid, 0, SIGSTOP));
	status_of(pid, "group stop");
	siginfo_t si;
	P("no siginfo", ptrace(PTRACE_GETSIGINFO, pid, 0, &si));
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	c = 0;
	if (write(down[1], "b", 1) != 1 || read(up[0], &c, 1) != 1)
		c = 0;
	printf("answers %c\n", c);
	kill(pid, SIGCONT);
	status_of(pid, "sigcont");
	P("detach with a bad signal", ptrace(PTRACE_DETACH, pid, 0, 99));
	P("detach", ptrace(PTRACE_DETACH, pid, 0, 0));
	P("not any more", ptrace(PTRACE_CONT, pid, 0, 0));
	c = 0;
	if (write(down[1], "c", 1) != 1 || read(up[0], &c, 1) != 1)
		c = 0;
	printf("answers %c\n", c);
	kill(pid, SIGSTOP);
	int st;
	pid_t got = waitpid(pid, &st, WUNTRACED);
	printf("waits %d %x\n", got == pid, st);
	P("attach to a stopped one", ptrace(PTRACE_ATTACH, pid, 0, 0));
	status_of(pid, "it");
	P("detach", ptrace(PTRACE_DETACH, pid, 0, 0));
	kill(pid, SIGCONT);
	if (write(down[1], "q", 1) != 1)
		return;
	status_of(pid, "end");
	close(down[0]), close(down[1]), close(up[0]), close(up[1]);
}

static void kills(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	status_of(pid, "stop");
	P("kill", ptrace(PTRACE_KILL, pid, 0, 0));
	status_of(pid, "end");
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	status_of(pid, "stop");
	kill(pid, SIGKILL);
	status_of(pid, "end");
}

static void wrong(void)
{
	siginfo_t si;

	P("self", ptrace(PTRACE_ATTACH, getpid(), 0, 0));
	P("nobody", ptrace(PTRACE_ATTACH, 999999, 0, 0));
	P("nobody", ptrace(PTRACE_CONT, 999999, 0, 0));
	P("no request", ptrace(12345, getpid(), 0, 0));
	P("no request of nobody", ptrace(12345, 999999, 0, 0));
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	status_of(pid, "stop");
	P("no request", ptrace(12345, pid, 0, 0));
	P("options", ptrace(PTRACE_SETOPTIONS, pid, 0, 0x40000000));
	P("bad address", ptrace(PTRACE_GETSIGINFO, pid, 0, (void *)8));
	P("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	P("listen", ptrace(PTRACE_LISTEN, pid, 0, 0));
	P("seize", ptrace(PTRACE_SEIZE, pid, 0, 0));
	P("seize at an address", ptrace(PTRACE_SEIZE, pid, 1, 0));
	P("seize with wrong options", ptrace(PTRACE_SEIZE, pid, 0, 0x40000000));
	P("siginfo", ptrace(PTRACE_GETSIGINFO, pid, 0, &si));
	P("mask size", ptrace(PTRACE_GETSIGMASK, pid, 4, &si));
	uint64_t mask = 0;
	P("mask", ptrace(PTRACE_GETSIGMASK, pid, 8, &mask));
	mask = 1ull << (SIGUSR1 - 1) | 1ull << (SIGKILL - 1);
	P("set mask", ptrace(PTRACE_SETSIGMASK, pid, 8, &mask));
	mask = 0;
	P("mask", ptrace(PTRACE_GETSIGMASK, pid, 8, &mask));
	printf("mask %llx\n", (unsigned long long)mask);
	P("cont", ptrace(PTRACE_CONT, pid, 0, SIGUSR1));
	status_of(pid, "end");
}

/* The tracer is not the parent: it hears of the end first. */
static void stranger(void)
{
	int ready[2], go[2];
	char c;
	int st;

	if (pipe(ready) || pipe(go))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		if (read(go[0], &c, 1) != 1)
			_exit(9);
		_exit(5);
	}
	pid_t tracer = fork();
	if (tracer == 0) {
		P("attach", ptrace(PTRACE_ATTACH, pid, 0, 0));
		status_of(pid, "tracer");
		P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
		fflush(stdout);
		if (write(ready[1], "r", 1) != 1 || write(go[1], "g", 1) != 1)
			_exit(9);
		status_of(pid, "tracer sees the end");
		fflush(stdout);
		if (write(ready[1], "r", 1) != 1)
			_exit(9);
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1 || read(ready[0], &c, 1) != 1)
		return;
	pid_t got = waitpid(pid, &st, 0);
	printf("parent %d %x\n", got == pid, st);
	status_of(tracer, "tracer");
	close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
}

/* The tracer ends: whom it traced goes on, or dies with it. */
static void tracer_ends(int options)
{
	int ready[2];
	char c;

	if (pipe(ready))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		close(ready[0]);
		usleep(1000);
		for (;;)
			pause();
	}
	close(ready[1]);
	pid_t tracer = fork();
	if (tracer == 0) {
		P("seize", ptrace(PTRACE_SEIZE, pid, 0, options));
		P("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
		status_of(pid, "it");
		fflush(stdout);
		_exit(0);
	}
	status_of(tracer, "tracer");
	if (!options) {
		kill(pid, SIGTERM);
	}
	status_of(pid, "end");
	printf("%zd\n", read(ready[0], &c, 1));
	close(ready[0]);
}

int main(void)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	traceme();
	changes_signals();
	attaches();
	kills();
	wrong();
	stranger();
	tracer_ends(0);
	tracer_ends(PTRACE_O_EXITKILL);
	return 0;
}
