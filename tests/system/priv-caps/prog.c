/* Capabilities, as capabilities(7) has them: sets, user ids, exec, ambient ones, securebits, threads, and what each permits. */
#include "guests.h"
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* What the machine lets root have, within which all is tested: natively it may be less than everything. */
static unsigned long all;
#define TRIED (CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_KILL) | CAP(CAP_SETUID) | CAP(CAP_SETPCAP) | CAP(CAP_SYS_CHROOT))

/* The program run by exec: tells its sets, without what the machine may lack. */
static int told(void)
{
	struct caps c = caps_now();

	printf("  uid %d euid %d: effective %#lx permitted %#lx inheritable %#lx ambient %d secure %d bits %#x\n", getuid(), geteuid(),
	       c.effective & TRIED, c.permitted & TRIED, c.inheritable & TRIED, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0),
	       (int)getauxval(AT_SECURE), prctl(PR_GET_SECUREBITS));
	fflush(stdout);
	return 0;
}

static void run(const char *what, const char *program)
{
	pid_t child;

	printf("%s:\n", what);
	fflush(stdout);
	if ((child = fork()) == 0) {
		execl(program, program, "told", NULL);
		printf("  errno %d\n", errno);
		fflush(stdout);
		_exit(1);
	}
	wait_status(child);
}

static void sets(void)
{
	struct caps c;

	CHECK("root has all in the bounding set", (all & TRIED) == TRIED && caps_now().effective == all && caps_now().inheritable == 0);
	CHECK("drop effective ones", caps_set(CAP(CAP_KILL), all, 0) == 0 && caps_now().effective == CAP(CAP_KILL));
	CHECK("raise them again", caps_set(all, all, 0) == 0);
	CHECK("inheritable", caps_set(all, all, CAP(CAP_KILL)) == 0 && caps_now().inheritable == CAP(CAP_KILL));
	CHECK("drop a permitted one", caps_set(all & ~CAP(CAP_CHOWN), all & ~CAP(CAP_CHOWN), CAP(CAP_KILL)) == 0);
	FAILS("it does not come back", EPERM, caps_set(all & ~CAP(CAP_CHOWN), all, CAP(CAP_KILL)));
	FAILS("effective needs permitted", EPERM, caps_set(all, all & ~CAP(CAP_CHOWN), CAP(CAP_KILL)));
	FAILS("chown without the capability", EPERM, chown("f", 5, 5));
	c = caps_now();
	CHECK("ambient needs both", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 1);
	FAILS("not inheritable", EPERM, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0));
	FAILS("no such capability", EINVAL, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0));
	CHECK("goes with inheritable", caps_set(c.effective, c.permitted, 0) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
	CHECK("bounding", prctl(PR_CAPBSET_READ, CAP_KILL) == 1 && prctl(PR_CAPBSET_DROP, CAP_KILL) == 0 && prctl(PR_CAPBSET_READ, CAP_KILL) == 0);
	FAILS("and no inheriting beyond it", EPERM, caps_set(c.effective, c.permitted, CAP(CAP_KILL)));
	FAILS("no such bounding capability", EINVAL, prctl(PR_CAPBSET_READ, 64));
	FAILS("of another process", EPERM, syscall(SYS_capset, (int[]){ CAP_VERSION, 1 }, (int[6]){ 0 }));
	FAILS("version", EINVAL, syscall(SYS_capset, (int[]){ 7, 0 }, (int[6]){ 0 }));
	FAILS("get of nobody", ESRCH, syscall(SYS_capget, (int[]){ CAP_VERSION, 999999 }, (int[6]){ 0 }));
	caps_set(0, 0, 0);
	FAILS("drop of the bounding set", EPERM, prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	FAILS("securebits", EPERM, prctl(PR_SET_SECUREBITS, 1));
	FAILS("setuid", EPERM, setuid(1000));
	FAILS("root without capabilities reads only its own", EACCES, opens("other", O_RDONLY));
}

static void user_ids(void)
{
	CHECK("seteuid drops effective", seteuid(1000) == 0 && caps_now().effective == 0 && caps_now().permitted == all);
	CHECK("and back", seteuid(0) == 0 && caps_now().effective == all);
	CHECK("setfsuid drops those for files", (setfsuid(1000), setfsuid(-1)) == 1000 && caps_now().effective == (all & ~(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) |
		CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) | CAP(CAP_LINUX_IMMUTABLE) | CAP(CAP_MKNOD) | CAP(CAP_MAC_OVERRIDE))));
	FAILS("so root's file stays closed", EACCES, opens("f", O_RDONLY));
	FAILS("and is not its", EPERM, chmod("f", 0666));
	CHECK("back", (setfsuid(0), caps_now().effective) == all && opens("f", O_RDONLY) == 0);
	CHECK("keep capabilities", prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1);
	CHECK("setuid keeps permitted", setuid(1000) == 0 && caps_now().permitted == all && caps_now().effective == 0);
	FAILS("which are not in effect", EPERM, chown("f", 1000, 1000));
	CHECK("until asked for", caps_set(CAP(CAP_CHOWN), all, 0) == 0 && chown("f", 1000, 1000) == 0 && chown("f", 0, 0) == 0);
	CHECK("exec forgets it", prctl(PR_GET_KEEPCAPS) == 1);
}

static void secure_bits(void)
{
	CHECK("no fixing of set-uid", prctl(PR_SET_SECUREBITS, 1 << 2) == 0 && setresuid(1000, 1000, 1000) == 0 && caps_now().effective == all);
	CHECK("back", setresuid(0, 0, 0) == 0);
	CHECK("lock", prctl(PR_SET_SECUREBITS, 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6) == 0);
	FAILS("is locked", EPERM, prctl(PR_SET_SECUREBITS, 1 << 3 | 1 << 5 | 1 << 6));
	FAILS("keep capabilities is locked", EPERM, prctl(PR_SET_KEEPCAPS, 1));
	caps_set(all, all, CAP(CAP_KILL));
	FAILS("no ambient ones", EPERM, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	FAILS("unknown bits", EPERM, prctl(PR_SET_SECUREBITS, 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 20));
}

static void *other_thread(void *arg)
{
	(void)arg;
	syscall(SYS_setresuid, 1000, 1000, 1000); /* this thread alone */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_geteuid) != 1000 || caps_now().effective)
		return "own ids";
	return opens("f", O_RDONLY) == 0 ? "opens" : NULL;
}

static void threads(void)
{
	pthread_t t;
	void *wrong = "join";

	for (int i = 0; i < 100; i++)
		syscall(SYS_geteuid);
	CHECK("a thread", pthread_create(&t, NULL, other_thread, NULL) == 0 && pthread_join(t, &wrong) == 0 && !wrong);
	CHECK("has its own credentials", syscall(SYS_geteuid) == 0 && caps_now().effective == all && opens("f", O_RDONLY) == 0);
	CHECK("and its own no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

static void users(void)
{
	caps_set(all, all, CAP(CAP_KILL));
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
	CHECK("a user without ambient ones", setresuid(1000, 1000, 1000) == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
	CHECK("that has inheritable ones all the same", caps_now().inheritable == CAP(CAP_KILL));
	FAILS("but gets no others", EPERM, caps_set(0, 0, CAP(CAP_KILL) | CAP(CAP_CHOWN)));
}

/* With one capability in effect: what it permits, and what it does not. */
static void only(unsigned cap)
{
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(1000, 1000, 1000) || setgroups(0, NULL) || setresuid(1000, 1000, 1000) || caps_set(CAP(cap), CAP(cap), 0))
		_exit(95);
}

static void each(void)
{
#define ONLY(cap, ...) do { pid_t p_ = fork(); if (!p_) { only(cap); __VA_ARGS__; _exit(check_failures != 0); } CHECK(#cap, EXITED(wait_status(p_), 0)); } while (0)
	ONLY(CAP_CHOWN, CHECK("chown", chown("f", 0, 0) == 0); FAILS("not chmod", EPERM, chmod("f", 0600)));
	ONLY(CAP_DAC_OVERRIDE, CHECK("write", opens("f", O_RDWR) == 0); CHECK("search", opens("closed/f", O_RDONLY) == 0); FAILS("not chown", EPERM, chown("f", 5, -1)));
	ONLY(CAP_DAC_READ_SEARCH, CHECK("read", opens("f", O_RDONLY) == 0); CHECK("search", opens("closed/f", O_RDONLY) == 0); FAILS("not write", EACCES, opens("f", O_WRONLY)); FAILS("not create", EACCES, mkdir("closed/d", 0700)));
	ONLY(CAP_FOWNER, CHECK("chmod", chmod("f", 0600) == 0); FAILS("not read", EACCES, opens("f", O_RDONLY)); CHECK("sticky", unlink("sticky/r") == 0));
	ONLY(CAP_FSETID, int f = open("sticky/s", O_RDWR); write(f, "x", 1); struct stat st; fstat(f, &st); CHECK("set-id bits stay", (st.st_mode & 06000) == 06000));
	ONLY(CAP_KILL, CHECK("kill", kill(getppid(), 0) == 0));
	ONLY(CAP_SETGID, CHECK("setgroups", setgroups(1, (gid_t[]){ 7 }) == 0); CHECK("setgid", setgid(7) == 0); FAILS("not setuid", EPERM, setuid(7)));
	ONLY(CAP_SETUID, CHECK("setuid", setuid(7) == 0 && getuid() == 7));
	ONLY(CAP_SETUID, FAILS("not setgid", EPERM, setgid(7)); CHECK("nor root's files", opens("f", O_RDONLY) < 0));
	ONLY(CAP_SYS_CHROOT, CHECK("chroot", chroot(".") == 0));
	ONLY(CAP_SYS_NICE, CHECK("nice", setpriority(PRIO_PROCESS, 0, -5) == 0); CHECK("of others", setpriority(PRIO_PROCESS, getppid(), 0) == 0));
	ONLY(CAP_SYS_PTRACE, char b[64]; snprintf(b, sizeof b, "/proc/%d/cwd", getppid()); char l[99]; CHECK("inspect", readlink(b, l, sizeof l) > 0));
	ONLY(CAP_MKNOD, CHECK("mknod", mknod("sticky/n", S_IFCHR | 0600, 1 << 8 | 3) == 0));
	ONLY(CAP_SYS_ADMIN, CHECK("mount", mount("t", "sticky/d", "tmpfs", 0, "") == 0 && umount("sticky/d") == 0); FAILS("not chroot", EPERM, chroot(".")));
	ONLY(CAP_NET_RAW, FAILS("chown", EPERM, chown("f", 0, 0)); FAILS("open", EACCES, opens("f", O_RDONLY)); FAILS("kill", EPERM, kill(getppid(), 0)); FAILS("chroot", EPERM, chroot("."));
		FAILS("mount", EPERM, mount("t", "sticky/d", "tmpfs", 0, "")); FAILS("mknod", EPERM, mknod("sticky/n2", S_IFCHR | 0600, 1 << 8 | 3)); FAILS("nice", EACCES, setpriority(PRIO_PROCESS, 0, -5)));
}

static void execs(void)
{
	pid_t child;

	run("root", "./plain");
	if ((child = fork()) == 0) {
		caps_set(all, all, CAP(CAP_KILL) | CAP(CAP_CHOWN));
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0);
		prctl(PR_SET_KEEPCAPS, 1);
		run("root with an ambient one", "./plain");
		prctl(PR_SET_SECUREBITS, 1 | 1 << 2);
		run("no root, no fixing", "./plain");
		setresuid(1000, 1000, 1000);
		run("a user with an ambient one", "./plain");
		run("a set-UID program cancels it", "./suid");
		_exit(0);
	}
	wait_status(child);
	if ((child = fork()) == 0) {
		setresuid(0, 1000, 1000);
		run("real uid 0", "./plain");
		_exit(0);
	}
	wait_status(child);
	if ((child = fork()) == 0) {
		prctl(PR_CAPBSET_DROP, CAP_CHOWN);
		become(1000);
		run("set-UID root within the bounding set", "./suid");
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		run("with no new privileges", "./suid");
		_exit(0);
	}
	wait_status(child);
}

int main(int count, char **words)
{
	umask(0);
	if (count > 1)
		return told();
	(void)words;
	all = caps_now().permitted;
	close(open("f", O_CREAT | O_WRONLY, 0600));
	close(open("other", O_CREAT | O_WRONLY, 0600));
	chown("other", 5, 5);
	mkdir("closed", 0700);
	close(open("closed/f", O_CREAT | O_WRONLY, 0666));
	mkdir("sticky", 0777);
	chmod("sticky", 01777);
	close(open("sticky/r", O_CREAT | O_WRONLY, 0666));
	close(open("sticky/s", O_CREAT | O_WRONLY, 0666));
	chmod("sticky/s", 06777);
	mkdir("sticky/d", 0700);
	chmod(".", 0755);
	copy_self("plain", 0755);
	copy_self("suid", 04755);
	AS("sets", 0, sets());
	AS("user ids", 0, user_ids());
	AS("users", 0, users());
	AS("securebits", 0, secure_bits());
	AS("threads", 0, threads());
	each();
	execs();
	DONE();
}
