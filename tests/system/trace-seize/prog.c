/* ptrace: PTRACE_SEIZE, _INTERRUPT, _LISTEN, stops of the group; several threads; options at the beginning. */
#include "trace.h"

static int down[2], up[2];

static void answer(const char *what, char c)
{
	if (write(down[1], &c, 1) != 1 || read(up[0], &c, 1) != 1)
		c = '?';
	printf("%s: answers %c\n", what, c);
}

static pid_t echo(void)
{
	if (pipe(down) || pipe(up))
		exit(9);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		while (read(down[0], &c, 1) == 1) {
			if (c == 'q')
				_exit(3);
			if (c == 's')
				raise(SIGTSTP);
			if (write(up[1], &c, 1) != 1)
				_exit(9);
		}
		_exit(8);
	}
	return pid;
}

static void done(pid_t pid)
{
	if (write(down[1], "q", 1) != 1)
		exit(9);
	status_of(pid, "end");
	close(down[0]), close(down[1]), close(up[0]), close(up[1]);
}

static void info(pid_t pid)
{
	siginfo_t si;

	memset(&si, 0, sizeof si);
	errno = 0;
	long n = ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	printf("  info %ld %s signo %d code %x\n", n, strerrorname(errno), si.si_signo, si.si_code);
}

static void interrupts(void)
{
	printf("-- interrupt\n");
	pid_t pid = echo();
	answer("before", 'a');
	P("seize", ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
	answer("seized", 'b');
	P("running", ptrace(PTRACE_GETSIGINFO, pid, 0, 0));
	P("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	status_of(pid, "interrupted");
	info(pid);
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	answer("goes on", 'c');
	P("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	status_of(pid, "interrupted");
	P("interrupt while it is stopped", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	status_of(pid, "again");
	P("a signal here means nothing", ptrace(PTRACE_CONT, pid, 0, SIGTERM));
	answer("goes on", 'd');
	kill(pid, SIGUSR1);
	status_of(pid, "signal");
	info(pid);
	P("listen is for stops", ptrace(PTRACE_LISTEN, pid, 0, 0));
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	done(pid);
}

static void group_stops(void)
{
	int st;

	printf("-- group stop\n");
	pid_t pid = echo();
	answer("before", 'a');
	P("seize", ptrace(PTRACE_SEIZE, pid, 0, 0));
	kill(pid, SIGSTOP);
	status_of(pid, "signal");
	info(pid);
	P("cont", ptrace(PTRACE_CONT, pid, 0, SIGSTOP));
	status_of(pid, "group");
	info(pid);
	P("listen", ptrace(PTRACE_LISTEN, pid, 0, 0));
	P("listening", ptrace(PTRACE_GETSIGINFO, pid, 0, 0));
	printf("nothing %d\n", waitpid(pid, &st, WNOHANG));
	kill(pid, SIGCONT);
	status_of(pid, "it ends");
	info(pid);
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	status_of(pid, "sigcont");
	P("cont", ptrace(PTRACE_CONT, pid, 0, SIGCONT));
	answer("goes on", 'b');
	kill(pid, SIGTSTP);
	status_of(pid, "tstp");
	P("cont", ptrace(PTRACE_CONT, pid, 0, SIGSTOP));
	status_of(pid, "stop in its place");
	P("listen", ptrace(PTRACE_LISTEN, pid, 0, 0));
	P("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	status_of(pid, "interrupted");
	P("detach", ptrace(PTRACE_DETACH, pid, 0, 0));
	kill(pid, SIGCONT);
	answer("goes on", 'c');
	done(pid);
}

static void *waits(void *arg)
{
	char c;

	(void)arg;
	while (read(down[0], &c, 1) == 1 && c != 'q' && write(up[1], &c, 1) == 1)
		;
	return 0;
}

/* Each thread is traced by its number, or not. */
static void threads(void)
{
	int ready[2];
	pid_t tid = 0;

	printf("-- threads\n");
	if (pipe(down) || pipe(up) || pipe(ready))
		exit(9);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;
		pthread_create(&t, 0, waits, 0);
		if (write(ready[1], "r", 1) != 1)
			_exit(9);
		pthread_join(t, 0);
		char c;
		_exit(read(down[0], &c, 1) == 1 ? 3 : 9);
	}
	char c;
	if (read(ready[0], &c, 1) != 1)
		exit(9);
	char path[64];
	for (int i = pid + 1; i < pid + 1000 && !tid; i++) {
		snprintf(path, sizeof path, "/proc/%d/task/%d", pid, i);
		if (!access(path, F_OK))
			tid = i;
	}
	answer("before", 'a');
	P("seize the thread", ptrace(PTRACE_SEIZE, tid, 0, 0));
	P("interrupt", ptrace(PTRACE_INTERRUPT, tid, 0, 0));
	status_of(tid, "thread");
	P("the first one is not traced", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	P("but can be", ptrace(PTRACE_SEIZE, pid, 0, 0));
	P("cont", ptrace(PTRACE_CONT, tid, 0, 0));
	answer("goes on", 'b');
	if (write(down[1], "q", 1) != 1)
		exit(9);
	status_of(tid, "thread's end");
	if (write(down[1], "q", 1) != 1)
		exit(9);
	status_of(pid, "end");
}

/* A seized tracer's children are seized. */
static void children(void)
{
	printf("-- children\n");
	pid_t pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		pid_t child = fork();
		if (child == 0)
			_exit(6);
		waitpid(child, 0, 0);
		_exit(7);
	}
	int st;
	pid_t got = waitpid(pid, &st, WUNTRACED);
	printf("stopped %d %x\n", got == pid, st);
	P("seize", ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL));
	status_of(pid, "of the stop");
	kill(pid, SIGCONT);
	P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
	st = status_of(pid, "that ends");
	for (int i = 0; i < 3 && WSTOPSIG(st) == SIGCONT; i++) {
		P("cont", ptrace(PTRACE_CONT, pid, 0, SIGCONT));
		st = status_of(pid, "next");
	}
	P("cont", ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(st) == SIGCONT ? SIGCONT : 0));
	st = status_of(pid, "next");
	if (st >> 16 != PTRACE_EVENT_FORK) {
		P("cont", ptrace(PTRACE_CONT, pid, 0, st >> 16 ? 0 : WSTOPSIG(st)));
		st = status_of(pid, "fork");
	}
	unsigned long child = 0;
	ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
	status_of((pid_t)child, "child");
	P("child", ptrace(PTRACE_CONT, child, 0, 0));
	status_of((pid_t)child, "child");
	P("parent", ptrace(PTRACE_CONT, pid, 0, 0));
	st = status_of(pid, "parent");
	if (WIFSTOPPED(st)) {
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(st));
		status_of(pid, "end");
	}
}

int main(void)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	interrupts();
	group_stops();
	threads();
	children();
	return 0;
}
