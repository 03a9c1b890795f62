/* The set-group-id bit of directories and files: nobody makes what runs with a group that he is not in. */
#include "check.h"
#include <grp.h>

static unsigned mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_mode & 07777;
}

static unsigned group_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_gid;
}

static unsigned tmpfile_mode(unsigned mode)
{
	struct stat st;
	int f = open(".", O_TMPFILE | O_RDWR, mode);

	return fstat(f, &st) ? 0 : close(f), st.st_mode & 07777;
}

static int make(const char *path, unsigned mode)
{
	int f = open(path, O_CREAT | O_EXCL | O_RDWR, mode);

	return f < 0 ? -1 : close(f);
}

/* In a directory of group 50 with the bit set. */
static void outsider(void)
{
	setgroups(0, NULL);
	setgid(1000);
	setuid(1000);
	umask(0);
	CHECK("open", make("a", 02755) == 0 && mode_of("a") == 0755 && group_of("a") == 50);
	CHECK("without x the bit is no program's", make("b", 02645) == 0 && mode_of("b") == 02645);
	CHECK("which chmod then takes", chmod("b", 02655) == 0 && mode_of("b") == 0655);
	CHECK("mknod", mknod("c", S_IFREG | 02755, 0) == 0 && mode_of("c") == 0755);
	CHECK("a FIFO", mknod("d", S_IFIFO | 02755, 0) == 0 && mode_of("d") == 0755);
	CHECK("O_TMPFILE", tmpfile_mode(02755) == 0755);
	CHECK("set-user-id stays", make("e", 04755) == 0 && mode_of("e") == 04755);
	CHECK("a directory inherits", mkdir("f", 0755) == 0 && mode_of("f") == 02755 && group_of("f") == 50);
	umask(077);
	CHECK("the group's x counts before the umask", make("g", 02755) == 0 && mode_of("g") == 0700);
	umask(0);
	FAILS("chgrp to a foreign group", EPERM, chown("a", -1, 60));
	CHECK("chmod", chmod("a", 06755) == 0 && mode_of("a") == 04755);
	_exit(check_failures != 0);
}

static void member(void)
{
	setgroups(1, (gid_t[]){ 50 });
	setgid(1000);
	setuid(1000);
	umask(0);
	CHECK("a member may", make("h", 02755) == 0 && mode_of("h") == 02755 && group_of("h") == 50);
	CHECK("chmod too", chmod("h", 06755) == 0 && mode_of("h") == 06755);
	_exit(check_failures != 0);
}

/* What changes a file takes the bits of what it was before. */
static void change(const char *how)
{
	int f = open("s", O_RDWR), from = open("/etc/passwd", O_RDONLY);
	char byte = 1;

	setgroups(0, NULL);
	setgid(1000);
	setuid(1000);
	if (!strcmp(how, "write"))
		write(f, &byte, 1);
	else if (!strcmp(how, "pwrite"))
		pwrite(f, &byte, 1, 3);
	else if (!strcmp(how, "ftruncate"))
		ftruncate(f, 3);
	else if (!strcmp(how, "O_TRUNC"))
		close(open("s", O_WRONLY | O_TRUNC));
	else if (!strcmp(how, "fallocate"))
		posix_fallocate(f, 0, 8192);
	else if (!strcmp(how, "punch a hole"))
		fallocate(f, 1 | 2, 0, 4096);
	else if (!strcmp(how, "sendfile"))
		syscall(SYS_sendfile, f, from, NULL, 1);
	else if (!strcmp(how, "shared mapping"))
		*(volatile char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0) = 1;
	_exit(0);
}

int main(void)
{
	static const char *hows[] = { "write", "pwrite", "ftruncate", "O_TRUNC", "fallocate", "punch a hole", "sendfile", "shared mapping" };
	pid_t child;

	chmod(".", 0777);
	mkdir("shared", 0);
	chown("shared", 0, 50);
	chmod("shared", 02777);
	chdir("shared");
	if ((child = fork()) == 0)
		outsider();
	CHECK("an outsider", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0)
		member();
	CHECK("a member", EXITED(wait_status(child), 0));
	umask(0);
	CHECK("root may", make("r", 02755) == 0 && mode_of("r") == 02755);
	for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
		char text[80];
		unsigned with_x, without;

		unlink("s");
		make("s", 0666);
		truncate("s", 4096);
		chmod("s", 06777);
		if ((child = fork()) == 0)
			change(hows[i]);
		wait_status(child);
		with_x = mode_of("s") & 06000;
		chmod("s", 06767);
		if ((child = fork()) == 0)
			change(hows[i]);
		wait_status(child);
		without = mode_of("s") & 06000;
		snprintf(text, sizeof text, "%s leaves %o, without x for the group %o", hows[i], with_x, without);
		CHECK(text, 1);
	}
	CHECK("chown by root, u+s", (chmod("s", 04644), chown("s", 1000, 1000) == 0 && mode_of("s") == 0644));
	CHECK("g+s with x", (chmod("s", 02654), chown("s", 1000, 1000) == 0 && mode_of("s") == 0654));
	CHECK("g+s without x", (chmod("s", 02644), chown("s", 1000, 1000) == 0 && mode_of("s") == 02644));
	CHECK("even when nothing changes", (chmod("s", 06755), chown("s", -1, -1) == 0 && mode_of("s") == 0755));
	DONE();
}
