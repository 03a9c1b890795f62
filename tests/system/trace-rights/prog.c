/* ptrace and users: whom one may trace, and what a set-UID or unreadable program is for who is traced. */
#include "trace.h"
#include <sys/prctl.h>
#include <sys/stat.h>

static void become(unsigned uid)
{
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		_exit(90);
}

/* A child of this user that waits; dumpable, or not. */
static pid_t waiting(unsigned uid, int dumpable)
{
	int ready[2];
	char c;

	if (pipe(ready))
		exit(91);
	pid_t pid = fork();
	if (pid == 0) {
		if (uid)
			become(uid);
		prctl(PR_SET_DUMPABLE, dumpable);
		if (write(ready[1], "r", 1) != 1)
			_exit(92);
		for (;;)
			pause();
	}
	if (read(ready[0], &c, 1) != 1)
		exit(93);
	close(ready[0]), close(ready[1]);
	return pid;
}

static void tries(const char *who, unsigned uid, pid_t victim)
{
	pid_t pid = fork();

	if (pid == 0) {
		char name[64], bytes[8];
		struct iovec l = { bytes, 8 }, r = { (void *)name, 8 };
		if (uid)
			become(uid);
		prctl(PR_SET_DUMPABLE, 1);
		printf("%s: ", who);
		P("attach", ptrace(PTRACE_ATTACH, victim, 0, 0));
		printf("%s: ", who);
		P("seize", ptrace(PTRACE_SEIZE, victim, 0, 0));
		printf("%s: ", who);
		P("readv", process_vm_readv(victim, &l, 1, &r, 1, 0));
		printf("%s: ", who);
		P("writev", process_vm_writev(victim, &l, 1, &r, 1, 0));
		snprintf(name, sizeof name, "/proc/%d/mem", victim);
		int fd = open(name, O_RDWR);
		printf("%s: mem %d\n", who, fd >= 0);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, 0, 0);
	kill(victim, SIGKILL);
	waitpid(victim, 0, 0);
}

static void copy_self(const char *to, mode_t mode)
{
	char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY), fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	while ((n = read(from, bytes, sizeof bytes)) > 0)
		if (write(fd, bytes, (size_t)n) != n)
			exit(94);
	fchown(fd, 0, 0);
	fchmod(fd, mode);
	close(from), close(fd);
}

/* Who traces execs this; what has come of it says the program itself. */
static void execs(const char *what, unsigned uid, const char *path, int traced)
{
	printf("-- %s\n", what);
	fflush(stdout);
	pid_t tracer = fork();
	if (tracer == 0) {
		if (uid)
			become(uid);
		prctl(PR_SET_DUMPABLE, 1);
		pid_t pid = fork();
		if (pid == 0) {
			become(1000);
			prctl(PR_SET_DUMPABLE, 1);
			if (traced)
				ptrace(PTRACE_TRACEME, 0, 0, 0);
			execl(path, "prog", "ids", (char *)0);
			_exit(95);
		}
		if (traced) {
			status_of(pid, "exec");
			struct user_regs_struct r;
			long n = ptrace(PTRACE_GETREGS, pid, 0, &r);
			printf("regs %ld\n", n);
			P("peek", (errno = 0, ptrace(PTRACE_PEEKDATA, pid, r.rsp, 0), errno ? -1 : 0));
			P("poke", ptrace(PTRACE_POKEDATA, pid, r.rsp - 64, 0));
			ptrace(PTRACE_CONT, pid, 0, 0);
		}
		fflush(stdout);
		status_of(pid, "end");
		fflush(stdout);
		_exit(0);
	}
	waitpid(tracer, 0, 0);
}

/* It has more than its parent, or not, and wants to be traced by it. */
static void asks(unsigned uid, const char *path)
{
	pid_t parent = fork();

	if (parent == 0) {
		if (uid)
			become(uid);
		pid_t pid = fork();
		if (pid == 0) {
			execl(path, "prog", "traceme", (char *)0);
			_exit(95);
		}
		waitpid(pid, 0, 0);
		_exit(0);
	}
	waitpid(parent, 0, 0);
}

/* It begins to be traced when it has more than its tracer could give it. */
static void later(unsigned uid, const char *path)
{
	printf("-- attached later by %u\n", uid);
	fflush(stdout);
	pid_t tracer = fork();
	if (tracer == 0) {
		int ready[2];
		char c;
		if (uid)
			become(uid);
		prctl(PR_SET_DUMPABLE, 1);
		if (pipe(ready))
			_exit(96);
		pid_t pid = fork();
		if (pid == 0) {
			dup2(ready[1], 7);
			close(ready[0]), close(ready[1]);
			execl(path, "prog", "wait", (char *)0);
			_exit(95);
		}
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			_exit(97);
		P("attach", ptrace(PTRACE_SEIZE, pid, 0, 0));
		fflush(stdout);
		kill(pid, SIGKILL);
		_exit(0);
	}
	waitpid(tracer, 0, 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "ids")) {
		printf("ids %u %u\n", getuid(), geteuid());
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "traceme")) {
		P("traceme", ptrace(PTRACE_TRACEME, 0, 0, 0));
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		if (write(7, "r", 1) != 1)
			return 1;
		alarm(5);
		pause();
		return 0;
	}
	tries("root of root", 0, waiting(0, 1));
	tries("root of what is not dumpable", 0, waiting(1000, 0));
	tries("1000 of root", 1000, waiting(0, 1));
	tries("1000 of 1001", 1000, waiting(1001, 1));
	tries("1000 of 1000", 1000, waiting(1000, 1));
	tries("1000 of 1000 that is not dumpable", 1000, waiting(1000, 0));
	copy_self("/tmp/setuid", 04755);
	copy_self("/tmp/unreadable", 0711);
	execs("set-UID", 1000, "/tmp/setuid", 0);
	execs("set-UID, traced by 1000", 1000, "/tmp/setuid", 1);
	execs("set-UID, traced by root", 0, "/tmp/setuid", 1);
	execs("unreadable, traced by 1000", 1000, "/tmp/unreadable", 1);
	execs("unreadable, traced by root", 0, "/tmp/unreadable", 1);
	asks(1000, "/tmp/setuid");
	asks(1000, "/tmp/unreadable");
	asks(0, "/tmp/setuid");
	later(1000, "/tmp/setuid");
	later(1000, "/tmp/unreadable");
	later(0, "/tmp/setuid");
	unlink("/tmp/setuid");
	unlink("/tmp/unreadable");
	return 0;
}
