/* What users see and change of each other's processes, and files that cannot be had by a detour. */
#include "guests.h"
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* A process that has become ready by running `make`, and waits until it is killed. */
static pid_t other(void (*make)(void))
{
	int ready[2];
	char c;
	pid_t pid;

	pipe(ready);
	if ((pid = fork()) == 0) {
		make();
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	read(ready[0], &c, 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void plain(void) { become(1000); prctl(PR_SET_DUMPABLE, 1); }
static void dropped(void) { become(1000); }
static void hidden(void) { become(1000); prctl(PR_SET_DUMPABLE, 1); prctl(PR_SET_DUMPABLE, 0); }
static void strong(void) { prctl(PR_SET_KEEPCAPS, 1); become(1000); prctl(PR_SET_DUMPABLE, 1); }
static void other_group(void) { setgroups(0, NULL); setgid(50); setuid(1000); prctl(PR_SET_DUMPABLE, 1); }
static void roots(void) { setsid(); }

/* What a user of 1000 finds, as letters: each is one way of looking. */
static void look(const char *who, pid_t pid)
{
	static const char *files[] = { "environ", "maps", "fd", "fdinfo" }, *links[] = { "exe", "cwd", "root", "fd/1" };
	char path[64], text[200], to[200];
	int n = snprintf(text, sizeof text, "%s:", who);
	struct stat st;

	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
		n += snprintf(text + n, sizeof text - (size_t)n, " %s %s", files[i], opens(path, O_RDONLY) ? "no" : "yes");
	}
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", pid, links[i]);
		n += snprintf(text + n, sizeof text - (size_t)n, " %s %s", links[i], readlink(path, to, sizeof to) < 0 ? "no" : "yes");
	}
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	int f = open(path, O_WRONLY);
	n += snprintf(text + n, sizeof text - (size_t)n, " comm %s", f >= 0 && write(f, "xx", 2) == 2 ? "yes" : "no");
	stat(path, &st);
	unsigned file = st.st_uid;
	snprintf(path, sizeof path, "/proc/%d", pid);
	stat(path, &st);
	n += snprintf(text + n, sizeof text - (size_t)n, " owner %u, of files %u", st.st_uid, file);
	void *list;
	size_t size;
	snprintf(text + n, sizeof text - (size_t)n, " robust list %s", syscall(SYS_get_robust_list, pid, &list, &size) ? "no" : "yes");
	CHECK(text, 1);
}

static void inspection(void)
{
	static const struct { const char *who; void (*make)(void); } all[] = { { "own", plain }, { "dropped root", dropped }, { "not dumpable", hidden },
		{ "another group", other_group }, { "root's", roots }, { "with capabilities", strong } };
	pid_t pids[6];

	for (int i = 0; i < 6; i++)
		pids[i] = other(all[i].make);
	AS("a user looks", 1000, for (int i = 0; i < 6; i++) look(all[i].who, pids[i]);
		FAILS("kill", EPERM, kill(pids[4], 0));
		FAILS("SIGCONT in another session", EPERM, kill(pids[4], SIGCONT));
		FAILS("setpriority", EPERM, setpriority(PRIO_PROCESS, (id_t)pids[4], 5));
		FAILS("nice below", EACCES, setpriority(PRIO_PROCESS, 0, -5));
		FAILS("prlimit", EPERM, syscall(SYS_prlimit64, pids[4], RLIMIT_NOFILE, NULL, &(struct rlimit){ 0 }));
		FAILS("prlimit of another group", EPERM, syscall(SYS_prlimit64, pids[3], RLIMIT_NOFILE, NULL, &(struct rlimit){ 0 }));
		CHECK("prlimit of one's own", syscall(SYS_prlimit64, pids[0], RLIMIT_NOFILE, NULL, &(struct rlimit){ 0 }) == 0);
		FAILS("sched_setparam", EPERM, syscall(SYS_sched_setparam, pids[4], &(int){ 0 }));
		FAILS("sched_setscheduler", EPERM, syscall(SYS_sched_setscheduler, pids[4], SCHED_BATCH, &(int){ 0 }));
		FAILS("sched_setaffinity", EPERM, syscall(SYS_sched_setaffinity, pids[4], 8, &(long){ 1 }));
		CHECK("of one's own", syscall(SYS_sched_setparam, pids[0], &(int){ 0 }) == 0 && syscall(SYS_sched_setaffinity, pids[0], 8, &(long){ 1 }) == 0));
	AS("one's own descriptors after dropping root", 1000, CHECK("not dumpable", prctl(PR_GET_DUMPABLE) == 0);
		CHECK("list", opens("/proc/self/fd", O_RDONLY) == 0); int q = open("ro", O_RDONLY); char own[40];
		snprintf(own, sizeof own, "/proc/self/fd/%d", q); CHECK("open", opens(own, O_RDONLY) == 0));
	AS("root looks", 0, for (int i = 0; i < 4; i++) look(all[i].who, pids[i]));
	for (int i = 0; i < 6; i++) {
		kill(pids[i], SIGKILL);
		wait_status(pids[i]);
	}
}

/* Permissions are those of the user for files. */
static void for_files(void)
{
	AS("setfsuid of root", 0, setfsuid(1000); FAILS("read", EACCES, opens("rootfile", O_RDONLY)); FAILS("chmod", EPERM, chmod("rootfile", 0600));
		CHECK("a file made is that user's", close(open("open/fs", O_CREAT | O_WRONLY, 0600)) == 0); struct stat st; stat("open/fs", &st); CHECK("owner", st.st_uid == 1000));
	AS("setfsgid of root", 0, setfsgid(60); setfsuid(1000); CHECK("the group's file", opens("group", O_RDONLY) == 0); setfsgid(61); FAILS("no longer", EACCES, opens("group", O_RDONLY)));
	AS("real ids for access()", 0, setresuid(1000, 0, 0); FAILS("access", EACCES, access("rootfile", R_OK)); CHECK("but open", opens("rootfile", O_RDONLY) == 0);
		CHECK("AT_EACCESS", faccessat(AT_FDCWD, "rootfile", R_OK, AT_EACCESS) == 0));
}

static void detours(void)
{
	char path[40];

	AS("files without a name", 1000, chdir("open"); int t = open(".", O_TMPFILE | O_EXCL | O_RDWR, 0600); snprintf(path, sizeof path, "/proc/self/fd/%d", t);
		FAILS("O_TMPFILE with O_EXCL is never linked", ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "tl", AT_SYMLINK_FOLLOW));
		t = open(".", O_TMPFILE | O_RDWR, 0600); snprintf(path, sizeof path, "/proc/self/fd/%d", t);
		CHECK("without it it is", linkat(AT_FDCWD, path, AT_FDCWD, "tl", AT_SYMLINK_FOLLOW) == 0));
	AS("a file that may be read", 1000, int p = open("ro", O_PATH); snprintf(path, sizeof path, "/proc/self/fd/%d", p); FAILS("O_PATH, then for writing", EACCES, opens(path, O_RDWR));
		FAILS("fchmod of O_PATH", EBADF, syscall(SYS_fchmod, p, 0666)); FAILS("O_TRUNC", EACCES, opens("ro", O_RDONLY | O_TRUNC)); FAILS("O_NOATIME", EPERM, opens("ro", O_RDONLY | O_NOATIME));
		int q = open("ro", O_RDONLY); void *m = mmap(0, 4096, PROT_READ, MAP_SHARED, q, 0); FAILS("mprotect to write", EACCES, mprotect(m, 4096, PROT_READ | PROT_WRITE));
		FAILS("utimensat", EACCES, utimensat(AT_FDCWD, "ro", NULL, 0)); CHECK("chown of nothing", chown("ro", -1, -1) == 0); FAILS("chown to oneself", EPERM, chown("ro", 1000, -1)));
	mkdir("m", 0755);
	CHECK("mount", mount("tmpfs", "m", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755") == 0);
	copy_self("m/suid", 04755);
	mknod("m/null", S_IFCHR | 0666, 1 << 8 | 3);
	AS("noexec, nodev", 1000, FAILS("nodev", EACCES, opens("m/null", O_RDWR)); FAILS("exec", EACCES, execl("m/suid", "suid", NULL)); int q = open("m/suid", O_RDONLY);
		CHECK("mmap to execute", mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, q, 0) == MAP_FAILED && errno == EPERM);
		void *m = mmap(0, 4096, PROT_READ, MAP_PRIVATE, q, 0); FAILS("mprotect to execute", EACCES, mprotect(m, 4096, PROT_READ | PROT_EXEC)));
	umount2("m", MNT_DETACH);
}

int main(void)
{
	umask(0);
	chmod(".", 0755);
	mkdir("open", 0777);
	close(open("rootfile", O_CREAT | O_WRONLY, 0600));
	close(open("group", O_CREAT | O_WRONLY, 0640));
	chown("group", 0, 60);
	int f = open("ro", O_CREAT | O_RDWR, 0644);
	write(f, "x", 1);
	close(f);
	inspection();
	for_files();
	detours();
	DONE();
}
