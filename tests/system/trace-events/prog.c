/* ptrace: forks, threads, exec and ends, and who is traced then. */
#include "trace.h"

static unsigned long message(pid_t pid)
{
	unsigned long m = 0;

	ptrace(PTRACE_GETEVENTMSG, pid, 0, &m);
	return m;
}

/* Whoever has something to tell. */
static int any(pid_t *who)
{
	int st = 0;

	*who = waitpid(-1, &st, __WALL);
	return st;
}

static void forks(int how, int options, const char *name)
{
	printf("-- %s\n", name);
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		pid_t child = how == 0 ? fork() : how == 1 ? vfork() : (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
		if (child == 0)
			_exit(6);
		int st;
		waitpid(child, &st, __WALL);
		_exit(WEXITSTATUS(st) + 1);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, options);
	ptrace(PTRACE_CONT, pid, 0, 0);
	int st = status_of(pid, "parent");
	pid_t child = 0;
	if (st >> 16) {
		child = (pid_t)message(pid);
		printf("message %d\n", child > 0 && child != pid);
		status_of(child, "child");
		siginfo_t si;
		P("siginfo", ptrace(PTRACE_GETSIGINFO, child, 0, &si));
		P("child goes on", ptrace(PTRACE_CONT, child, 0, 0));
		ptrace(PTRACE_CONT, pid, 0, 0);
		/* In whatever order they come. */
		char log[2][200] = { "", "" };
		for (int left = 2; left > 0;) {
			pid_t who;
			st = any(&who);
			char *to = log[who == child];
			if (WIFEXITED(st)) {
				sprintf(to + strlen(to), " exited %d", WEXITSTATUS(st));
				left--;
			} else {
				sprintf(to + strlen(to), " stopped %d event %d", WSTOPSIG(st), st >> 16);
				if (st >> 16 == PTRACE_EVENT_VFORK_DONE)
					sprintf(to + strlen(to), " message %d", (pid_t)message(who) == child);
				ptrace(PTRACE_CONT, who, 0, st >> 16 ? 0 : WSTOPSIG(st));
			}
		}
		printf("parent%s\nchild%s\n", log[0], log[1]);
	} else if (WIFSTOPPED(st)) {
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(st));
		status_of(pid, "parent");
	}
}

static void *thread(void *arg)
{
	syscall(SYS_exit, (long)arg);
	return 0;
}

static void threads(void)
{
	printf("-- threads\n");
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		pthread_t t;
		pthread_create(&t, 0, thread, (void *)9);
		usleep(20000);
		_exit(2);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "clone");
	pid_t tid = (pid_t)message(pid);
	printf("thread %d\n", tid != pid);
	status_of(tid, "thread");
	P("goes on", ptrace(PTRACE_CONT, tid, 0, 0));
	status_of(tid, "thread's end");
	printf("message %lx\n", message(tid));
	P("goes on", ptrace(PTRACE_CONT, tid, 0, 0));
	status_of(tid, "thread");
	P("gone", ptrace(PTRACE_CONT, tid, 0, 0));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
	printf("message %lx\n", message(pid));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

static void execs(int options)
{
	printf("-- exec %x\n", options);
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execl("/bin/sh", "sh", "-c", "exit 3", (char *)0);
		_exit(9);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, options);
	ptrace(PTRACE_CONT, pid, 0, 0);
	int st = status_of(pid, "exec");
	if (st >> 16)
		printf("message %d\n", (pid_t)message(pid) == pid);
	siginfo_t si = { 0 };
	ptrace(PTRACE_GETSIGINFO, pid, 0, &si);
	printf("siginfo %d %d %d\n", si.si_signo, si.si_code, si.si_pid == pid);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

static void *execing(void *arg)
{
	(void)arg;
	execl("/bin/sh", "sh", "-c", "exit 4", (char *)0);
	return 0;
}

static void thread_execs(void)
{
	printf("-- exec of a thread\n");
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		pthread_t t;
		pthread_create(&t, 0, execing, 0);
		for (;;)
			pause();
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "clone");
	pid_t tid = (pid_t)message(pid);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(tid, "thread");
	ptrace(PTRACE_CONT, tid, 0, 0);
	status_of(pid, "exec");
	printf("message %d\n", (pid_t)message(pid) == tid);
	P("the old number", ptrace(PTRACE_CONT, tid, 0, 0));
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
}

/* The end by a signal has its stop, too; SIGKILL ends even that. */
static void ends(void)
{
	printf("-- ends\n");
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		raise(SIGTERM);
		_exit(0);
	}
	status_of(pid, "stop");
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "term");
	ptrace(PTRACE_CONT, pid, 0, SIGTERM);
	status_of(pid, "exit");
	printf("message %lx\n", message(pid));
	P("no way back", ptrace(PTRACE_CONT, pid, 0, SIGCONT));
	status_of(pid, "end");
}

static void *outlives(void *arg)
{
	char c;

	return read(*(int *)arg, &c, 1) == 1 ? 0 : arg;
}

/* The first thread ends before the others, and then its tracer, who is not the parent. */
static void leader_ends(int ignored)
{
	int p[2], ready[2];
	char c;

	printf("-- the first thread ends%s\n", ignored ? ", whose end nobody wants to know" : "");
	if (ignored)
		signal(SIGCHLD, SIG_IGN);
	if (pipe(p) || pipe(ready))
		return;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;
		pthread_create(&t, 0, outlives, &p[0]);
		if (read(ready[0], &c, 1) == 1)
			syscall(SYS_exit, 4);
	}
	pid_t tracer = fork();
	if (tracer == 0) {
		P("seize", ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT));
		fflush(stdout);
		if (write(ready[1], "r", 1) != 1)
			_exit(9);
		status_of(pid, "it ends");
		P("cont", ptrace(PTRACE_CONT, pid, 0, 0));
		fflush(stdout);
		usleep(20000);
		_exit(0);
	}
	status_of(tracer, "tracer");
	int st;
	printf("the process lives: %d\n", waitpid(pid, &st, WNOHANG));
	if (write(p[1], "q", 1) != 1)
		return;
	status_of(pid, "end");
	signal(SIGCHLD, SIG_DFL);
	close(p[0]), close(p[1]), close(ready[0]), close(ready[1]);
}

/* SIGCHLD tells the tracer. */
static volatile int told, told_code, told_status;
static void on_child(int n, siginfo_t *i, void *c) { (void)n, (void)c; told++; told_code = i->si_code; told_status = i->si_status; }

static void tells(void)
{
	printf("-- SIGCHLD\n");
	struct sigaction sa = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigaction(SIGCHLD, &sa, 0);
	pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGUSR1);
		_exit(0);
	}
	siginfo_t si;
	memset(&si, 0, sizeof si);
	P("waitid", waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
	printf("si %d %d %d %d\n", si.si_signo, si.si_code, si.si_status, si.si_pid == pid);
	printf("told %d %d %d\n", told, told_code, told_status);
	memset(&si, 0, sizeof si);
	P("waitid", waitid(P_PID, pid, &si, WSTOPPED));
	printf("si %d %d %d\n", si.si_signo, si.si_code, si.si_status);
	memset(&si, 0, sizeof si);
	P("nothing new", waitid(P_PID, pid, &si, WSTOPPED | WEXITED | WNOHANG));
	printf("si %d\n", si.si_pid);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
	printf("told %d %d\n", told, told_code);
	sa.sa_flags |= SA_NOCLDSTOP;
	sigaction(SIGCHLD, &sa, 0);
	told = 0;
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGUSR1);
		_exit(0);
	}
	status_of(pid, "stop");
	printf("told %d\n", told);
	ptrace(PTRACE_CONT, pid, 0, 0);
	status_of(pid, "end");
	printf("told %d\n", told);
	signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	forks(0, PTRACE_O_TRACEFORK, "fork");
	forks(0, PTRACE_O_TRACECLONE, "fork, not asked for");
	forks(1, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE, "vfork");
	forks(2, PTRACE_O_TRACECLONE, "clone");
	threads();
	execs(0);
	execs(PTRACE_O_TRACEEXEC);
	thread_execs();
	ends();
	leader_ends(0);
	leader_ends(1);
	tells();
	return 0;
}
