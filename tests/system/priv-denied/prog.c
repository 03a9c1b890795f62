/*
 * One refusal for each thing that a user without privileges, or a place whoever asks, must refuse: a line of the LibOS
 * each, which nothing else notices when it is gone (tests/mutations).
 */
#include "check.h"

#include <grp.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

#define USER  1000
#define OTHER 1001

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) || close(fd))
		CHECK(path, 0);
}

static void dir(const char *path, uid_t owner, mode_t mode)
{
	if (mkdir(path, 0700) || chmod(path, mode) || chown(path, owner, owner))
		CHECK(path, 0);
}

static int run(const char *path)
{
	char *argv[] = {(char *)path, NULL};
	int status, error = 0, pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0) {
		execv(path, argv);
		error = errno;
		write(pipes[1], &error, sizeof(error));
		_exit(127);
	}
	close(pipes[1]);
	if (read(pipes[0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(pipes[0]);
	waitpid(pid, &status, 0);
	errno = error;
	return error ? -1 : 0;
}

/* This program, as root's with set-user-ID. */
static void copy_self(const char *path)
{
	char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT, 0700);
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)n) != n)
			CHECK(path, 0);
	if (fchmod(to, 04755) || close(to) || close(from))
		CHECK(path, 0);
}

/* Whose rights a user has who runs it. */
static int who_runs(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
			_exit(99);
		execl(path, path, "who", NULL);
		_exit(98);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) == 0 ? 0 : WEXITSTATUS(status) == 1 ? USER : -1;
}

/* ---- places, for root as well ---- */

static void places(void)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};
	int fd, file;
	char *map;

	dir("ro", 0, 0755);
	CHECK("mount", mount("none", "ro", "tmpfs", 0, "size=1m") == 0);
	put("ro/file", "text", 0644);
	dir("ro/sub", 0, 0755);
	CHECK("read-only now", mount("none", "ro", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	FAILS("ro: chmod", EROFS, chmod("ro/file", 0600));
	FAILS("ro: chown", EROFS, chown("ro/file", 1, 1));
	FAILS("ro: truncate", EROFS, truncate("ro/file", 1));
	FAILS("ro: utimensat", EROFS, utimensat(AT_FDCWD, "ro/file", times, 0));
	FAILS("ro: open to write", EROFS, open("ro/file", O_WRONLY));
	FAILS("ro: open to read and truncate", EROFS, open("ro/file", O_RDONLY | O_TRUNC));
	FAILS("ro: create", EROFS, open("ro/new", O_WRONLY | O_CREAT, 0600));
	FAILS("ro: unlink", EROFS, unlink("ro/file"));
	FAILS("ro: mkdir", EROFS, mkdir("ro/new", 0700));
	FAILS("ro: rename", EROFS, rename("ro/file", "ro/new"));
	FAILS("ro: O_TMPFILE", EROFS, open("ro", O_TMPFILE | O_WRONLY, 0600));
	FAILS("rmdir of what something is mounted on", EBUSY, rmdir("ro"));
	FAILS("rename of it", EBUSY, rename("ro", "elsewhere"));
	dir("empty", 0, 0755);
	FAILS("rename over it", EBUSY, rename("empty", "ro"));

	dir("seen", 0, 0755);
	dir("again", 0, 0755);
	dir("seen/twice", 0, 0755);
	CHECK("bind", mount("seen", "again", NULL, MS_BIND, NULL) == 0);
	CHECK("mount", mount("none", "seen/twice", "tmpfs", 0, "size=1m") == 0);
	FAILS("rmdir of what something is mounted on elsewhere", EBUSY, rmdir("again/twice"));
	FAILS("rename of it", EBUSY, rename("again/twice", "again/other"));
	umount("seen/twice");
	umount("again");

	dir("bare", 0, 0755);
	CHECK("mount", mount("none", "bare", "tmpfs", MS_NOEXEC | MS_NODEV | MS_NOSUID, "size=2m") == 0);
	put("bare/script", "#!/bin/true\n", 0755);
	FAILS("noexec: exec", EACCES, run("bare/script"));
	file = open("bare/script", O_RDWR);
	FAILS("noexec: mmap to execute", EPERM, mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) == MAP_FAILED ? -1 : 0);
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
	FAILS("noexec: mprotect to execute", EACCES, mprotect(map, 4096, PROT_READ | PROT_EXEC));
	FAILS("a file is no place to begin", ENOTDIR, openat(file, "x", O_RDONLY));
	FAILS("nor is it for stat", ENOTDIR, faccessat(file, "x", F_OK, 0));
	if (mknod("bare/null", S_IFCHR | 0666, makedev(1, 3)) == 0 || errno == EPERM)
		FAILS("nodev: open", EACCES, access("bare/null", F_OK) ? (errno = EACCES, -1) : open("bare/null", O_RDONLY));

	dir("nosuid", 0, 0755);
	CHECK("mount", mount("none", "nosuid", "tmpfs", MS_NOSUID, "size=4m") == 0);
	dir("suid", 0, 0755);
	CHECK("mount", mount("none", "suid", "tmpfs", 0, "size=4m") == 0);
	copy_self("nosuid/who");
	copy_self("suid/who");
	CHECK("a set-user-ID program", who_runs("suid/who") == 0);
	CHECK("where these do not count", who_runs("nosuid/who") == USER);
	umount("nosuid");
	umount("suid");

	put("plain", "text", 0644);
	fd = open("plain", O_RDONLY);
	FAILS("ftruncate of what is open to be read", EINVAL, ftruncate(fd, 1));
	FAILS("fallocate of it", EBADF, fallocate(fd, 0, 0, 10));
	dir("other", 0, 0755);
	FAILS("link of a directory", EPERM, link("other", "other2"));
	FAILS("link across mounts", EXDEV, link("plain", "bare/plain"));
	FAILS("rename across mounts", EXDEV, rename("plain", "bare/plain"));

	put("s0", "#!/bin/true\n", 0755);
	for (int i = 1; i <= 6; i++) {
		char name[8], text[4096 + 16], here[4096];

		snprintf(name, sizeof(name), "s%d", i);
		snprintf(text, sizeof(text), "#!%s/s%d\n", getcwd(here, sizeof(here)), i - 1);
		put(name, text, 0755);
	}
	CHECK("a script of a script of a script of a script", run("s4") == 0);
	FAILS("and so on", ELOOP, run("s6"));
}

/* ---- the root of a tree ---- */

static void roots(void)
{
	struct stat inside, outside;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		dir("cage", 0, 0755);
		dir("cage/in", 0, 0755);
		stat("cage", &inside);
		if (chroot("cage") || chdir("/"))
			_exit(9);
		CHECK("nothing is above the root", stat("..", &outside) == 0 && outside.st_ino == inside.st_ino);
		CHECK("however often", stat("in/../../../in/../..", &outside) == 0 && outside.st_ino == inside.st_ino);
		chdir("in");
		CHECK("from below", stat("../..", &outside) == 0 && outside.st_ino == inside.st_ino);
		_exit(check_failures);
	}
	waitpid(pid, &status, 0);
	CHECK("a root of its own", status == 0);
	pid = fork();
	if (pid == 0) {
		struct stat above;

		dir("mounted", 0, 0755);
		stat(".", &above);
		if (mount("none", "mounted", "tmpfs", 0, "size=1m") || mkdir("mounted/in", 0755) || stat("mounted", &inside) || chroot("mounted") || chdir("/in"))
			_exit(9);
		CHECK("nor above one that something is mounted on", stat("../..", &outside) == 0 && outside.st_dev == inside.st_dev && outside.st_dev != above.st_dev);
		FAILS("whatever is there", ENOENT, access("../../bare", F_OK));
		_exit(check_failures);
	}
	waitpid(pid, &status, 0);
	CHECK("a mount as root", status == 0);
	umount("mounted");
}

/* ---- a user ---- */

static void prepare(void)
{
	put("theirs", "text", 0644);
	put("hidden", "text", 0600);
	put("writable", "text", 0666);
	dir("closed", 0, 0755);
	put("closed/file", "text", 0666);
	dir("mine", USER, 0755);
	dir("sticky", OTHER, 01777);
	put("sticky/theirs", "text", 0666);
	dir("open", 0, 0777);
	dir("open/theirs", 0, 0777);
	dir("open/fixed", 0, 0755);
}

static void files(void)
{
	const struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, past[2] = {{1, 0}, {1, 0}};

	FAILS("any time of others' files", EPERM, utimensat(AT_FDCWD, "writable", past, 0));
	CHECK("now, of what one may write", utimensat(AT_FDCWD, "writable", now, 0) == 0);
	FAILS("now, of what one may not", EACCES, utimensat(AT_FDCWD, "theirs", now, 0));
	FAILS("truncate without the right to write", EACCES, truncate("theirs", 0));
	FAILS("open to read and truncate", EACCES, open("theirs", O_RDONLY | O_TRUNC));
	FAILS("open without a trace", EPERM, open("theirs", O_RDONLY | O_NOATIME));
	FAILS("open what is hidden", EACCES, open("hidden", O_RDONLY));
	FAILS("an unnamed file in a closed directory", EACCES, open("closed", O_TMPFILE | O_WRONLY, 0600));
	FAILS("link into a closed directory", EACCES, link("writable", "closed/new"));
	CHECK("link into one's own", link("writable", "mine/link") == 0);
	FAILS("rename into a closed directory", EACCES, rename("mine/link", "closed/new"));
	FAILS("rename over a file in it", EACCES, rename("mine/link", "closed/file"));
	FAILS("rename over another's file in a sticky directory", EPERM, rename("mine/link", "sticky/theirs"));
	FAILS("rename a directory out, whose .. one may not write", EACCES, rename("open/fixed", "mine/fixed"));
	CHECK("one that one may", rename("open/theirs", "mine/theirs") == 0);
	FAILS("chmod of others' files", EPERM, chmod("writable", 0777));
	FAILS("chown", EPERM, chown("mine", OTHER, -1));
}

static void processes(pid_t other, pid_t session)
{
	struct rlimit limit;
	gid_t groups[2] = {1, 2};
	siginfo_t info = {.si_signo = SIGCONT, .si_code = SI_USER};
	pid_t child, pid;
	int pipes[2];

	FAILS("tgkill of another user's", EPERM, syscall(SYS_tgkill, other, other, SIGTERM));
	FAILS("tkill of it", EPERM, syscall(SYS_tkill, other, SIGTERM));
	FAILS("kill of it", EPERM, kill(other, SIGTERM));
	FAILS("tgkill of a thread of another process", ESRCH, syscall(SYS_tgkill, getppid(), getpid(), 0));
	info.si_pid = getpid();
	FAILS("a signal that pretends to be kill()'s", EPERM, syscall(SYS_rt_sigqueueinfo, session, SIGCONT, &info));
	info.si_code = SI_TKILL;
	FAILS("or tkill()'s", EPERM, syscall(SYS_rt_sigqueueinfo, session, SIGCONT, &info));
	child = fork();
	if (child == 0) {
		FAILS("a group of another session", EPERM, setpgid(0, session));
		_exit(check_failures);
	}
	waitpid(child, NULL, 0);
	child = fork();
	if (child == 0) {
		setsid();
		pause();
	}
	usleep(100000);
	FAILS("a child that leads a session", EPERM, setpgid(child, child));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* A child of a child's, made as ours: it is in a session that it does not lead. */
	pipe(pipes);
	child = fork();
	if (child == 0) {
		setsid();
		pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
		if (pid == 0)
			for (;;)
				pause();
		write(pipes[1], &pid, sizeof(pid));
		_exit(0);
	}
	CHECK("a child in another session", read(pipes[0], &pid, sizeof(pid)) == sizeof(pid) && pid > 0);
	waitpid(child, NULL, 0);
	FAILS("its group", EPERM, setpgid(pid, pid));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_max++;
	FAILS("a limit above its bound", EPERM, setrlimit(RLIMIT_NOFILE, &limit));
	FAILS("groups", EPERM, setgroups(2, groups));
}

int main(int argc, char **argv)
{
	pid_t other, session, pid;
	int status;

	if (argc == 2 && strcmp(argv[1], "who") == 0)
		return geteuid() != 0;
	umask(0);
	places();
	roots();
	FAILS("more groups than there is room for", EINVAL, syscall(SYS_setgroups, 65537, NULL));
	prepare();
	other = fork();
	if (other == 0) {
		if (setresgid(OTHER, OTHER, OTHER) || setresuid(OTHER, OTHER, OTHER))
			_exit(1);
		for (;;)
			pause();
	}
	session = fork();
	if (session == 0) {
		setsid();
		if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
			_exit(1);
		for (;;)
			pause();
	}
	usleep(100000);
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
			_exit(1);
		files();
		processes(other, session);
		_exit(check_failures);
	}
	waitpid(pid, &status, 0);
	CHECK("the user has done nothing else", status == 0);
	kill(other, SIGKILL);
	kill(session, SIGKILL);
	umount("ro");
	umount("bare");
	return check_failures != 0;
}
