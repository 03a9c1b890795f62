/* What exec of a set-UID program takes from who runs it: shared state, limits, personality, who may look at it. */
#include "guests.h"
#include <sched.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/resource.h>

#define STACK_GOOD (8ul << 20)

static int told(const char *what)
{
	struct rlimit stack;
	int death = -1;

	getrlimit(RLIMIT_STACK, &stack);
	prctl(PR_GET_PDEATHSIG, &death);
	/* A user may choose a large stack only where the hard limit lets it; for set-ID programs it is 8 MiB again. */
	printf("  %s: euid %d egid %d secure %d stack %s personality %#x dumpable %d pdeathsig %d\n", what, geteuid(), getegid(), (int)getauxval(AT_SECURE),
	       !getauxval(AT_SECURE) ? "any" : stack.rlim_cur == STACK_GOOD ? "8 MiB" : "chosen", personality(0xffffffff), prctl(PR_GET_DUMPABLE), death);
	fflush(stdout);
	return 0;
}

static void prepare(void)
{
	setrlimit(RLIMIT_STACK, &(struct rlimit){ 64 << 20, RLIM_INFINITY });
	personality(ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void run(const char *program)
{
	pid_t child = fork();

	if (child == 0) {
		prepare();
		execl(program, program, program, NULL);
		_exit(1);
	}
	wait_status(child);
}

/* clone with the file-system context shared, and exec there. */
static void run_sharing(const char *program)
{
	pid_t child = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);

	if (child == 0) {
		execl(program, program, program, NULL);
		_exit(1);
	}
	wait_status(child);
}

static void as_user(void)
{
	become(1000);
	run("./plain");
	run("./suid");
	run("./sgid");
	run("./unreadable");
	puts("sharing:");
	fflush(stdout);
	run_sharing("./plain");
	run_sharing("./suid");
	run_sharing("./sgid");
	puts("no new privileges:");
	fflush(stdout);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	run_sharing("./suid");
	run("./suid");
	run("./sgid");
	_exit(0);
}

static void identity(void)
{
	int death;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	CHECK("dumpable", prctl(PR_GET_DUMPABLE) == 1);
	CHECK("a change of the real user alone", setresuid(1000, 0, 0) == 0 && prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGTERM);
	CHECK("of the effective one", setresuid(1000, 1000, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_PDEATHSIG, &death) == 0 && death == 0);
	CHECK("dumpable again by itself", prctl(PR_SET_DUMPABLE, 1) == 0 && prctl(PR_GET_DUMPABLE) == 1);
	FAILS("but not 2", EINVAL, prctl(PR_SET_DUMPABLE, 2));
	CHECK("the user for files", setresuid(0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0 && setresgid(0, 5, 5) == 0 && prctl(PR_GET_DUMPABLE) == 0);
}

/* Saved ones become the effective ones. */
static void saved(void)
{
	pid_t child = fork();

	if (child == 0) {
		setresgid(1000, 1000, 0);
		setresuid(1000, 1000, 0);
		execl("/bin/busybox", "grep", "-E", "^[UG]id:", "/proc/self/status", NULL);
		_exit(99);
	}
	CHECK("saved ids", EXITED(wait_status(child), 0));
}

int main(int count, char **words)
{
	if (count > 1)
		return told(words[0]);
	umask(0);
	chmod(".", 0755);
	copy_self("plain", 0755);
	copy_self("suid", 04755);
	copy_self("sgid", 0755);
	chown("sgid", 0, 50);
	chmod("sgid", 02755);
	copy_self("unreadable", 0711);
	pid_t child = fork();
	if (child == 0)
		as_user();
	wait_status(child);
	run("./suid");
	run_sharing("./suid");
	if ((child = fork()) == 0) {
		identity();
		_exit(check_failures != 0);
	}
	CHECK("identity", EXITED(wait_status(child), 0));
	saved();
	DONE();
}
