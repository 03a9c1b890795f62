/*
 * Odd ways to what is root's: terminals of others, scripts in scripts, mounts on mounts, long names in /proc, links that
 * change while they are followed, and calls that sleep between a check and its use.
 */
#include "guests.h"
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <sys/wait.h>

static void put(const char *path, const char *text, unsigned mode)
{
	int f = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0700);

	write(f, text, strlen(text));
	close(f);
	chmod(path, mode);
}

static int reads(const char *path)
{
	char text[64];
	int f = open(path, O_RDONLY), n, err = errno;

	if (f < 0) {
		errno = err;
		return -1;
	}
	n = (int)read(f, text, sizeof text);
	close(f);
	return n > 0 && memmem(text, (size_t)n, "secret", 6) ? 1 : 0;
}

/* ---- a script in a script ---- */

static int runs(const char *path)
{
	pid_t p = fork();

	if (p == 0) {
		execl(path, path, NULL);
		_exit(errno == ELOOP ? 40 : errno == EACCES ? 13 : errno == ENOEXEC ? 8 : errno == ENOENT ? 2 : 99);
	}
	return WEXITSTATUS(wait_status(p));
}

static void scripts(void)
{
	char path[16], text[32];

	for (int i = 0; i < 7; i++) {
		sprintf(path, "s%d", i);
		if (i)
			sprintf(text, "#!./s%d\n", i - 1);
		else
			strcpy(text, "#!/bin/true\n");
		put(path, text, 0755);
	}
	CHECK("four scripts in one another", runs("./s3") == 0);
	CHECK("five", runs("./s4") == 0);
	CHECK("six are too many", runs("./s5") == 40);
	put("self", "#!./self\n", 0755);
	CHECK("one in itself", runs("./self") == 40);
	put("hidden", "#!/bin/true\n", 0700);
	put("shown", "#!./hidden\n", 0755);
	AS("an interpreter that one may not run", 1000, CHECK("is refused", runs("./shown") == 13));
	/* No set-ID script gives anything. */
	put("suid", "#!/bin/sh\n[ $(id -u) = 1000 ]\n", 04755);
	AS("set-UID scripts", 1000, CHECK("give nothing", runs("./suid") == 0));
	put("directory", "#!/\n", 0755);
	CHECK("a directory as interpreter", runs("./directory") == 13);
}

/* ---- mounts ---- */

static void mounts(void)
{
	int fine = 1, inside;

	mkdir("m", 0755);
	for (int i = 0; i < 40; i++)
		fine &= mount("none", "m", "tmpfs", 0, NULL) == 0;
	put("m/top", "x", 0644);
	CHECK("forty on one directory", fine && access("m/top", F_OK) == 0);
	inside = open("m", O_RDONLY | O_DIRECTORY);
	FAILS("busy while somebody is inside", EBUSY, umount("m"));
	close(inside);
	for (int i = 0; i < 40; i++)
		fine &= umount("m") == 0;
	FAILS("and none is left", EINVAL, umount("m"));
	CHECK("all forty go", fine && access("m/top", F_OK) < 0);
	AS("a user", 1000, FAILS("mount", EPERM, mount("none", "m", "tmpfs", 0, NULL)); FAILS("umount", EPERM, umount("/tmp"));
	   FAILS("bind", EPERM, mount("/tmp", "m", NULL, MS_BIND, NULL)); FAILS("remount", EPERM, mount(NULL, "/tmp", NULL, MS_REMOUNT, NULL)));
}

/* ---- long names ---- */

static void long_names(void)
{
	size_t size = 64 << 10;
	char *arg = malloc(size + 1), path[64];
	static char got[70 << 10];
	pid_t p;
	int f, n = 0, pipes[2];
	ssize_t k;

	memset(arg, 'n', size);
	arg[size] = 0;
	pipe(pipes);
	p = fork();
	if (p == 0) {
		fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
		dup2(pipes[0], 0);
		close(pipes[1]);
		execl("/bin/cat", "cat", "-", arg, NULL);
		_exit(1);
	}
	close(pipes[0]);
	/* Until exec has closed its end of the other name. */
	sprintf(path, "/proc/%d/cmdline", p);
	for (int i = 0; i < 400 && n <= 1000; i++) {
		f = open(path, O_RDONLY);
		for (n = 0; (k = read(f, got + n, sizeof got - (size_t)n)) > 0; n += (int)k)
			;
		close(f);
		if (n <= 1000)
			pause_ms(10);
	}
	CHECK("64 KiB in /proc/PID/cmdline", n >= (int)size && memcmp(got + 6, arg, size) == 0);
	kill(p, SIGKILL);
	wait_status(p);
	close(pipes[1]);
	FAILS("64 KiB as a path", ENAMETOOLONG, open(arg, O_RDONLY));
	strcpy(got, "/proc/self/");
	memset(got + 11, 'n', size);
	got[11 + size] = 0;
	FAILS("and in /proc", ENAMETOOLONG, open(got, O_RDONLY));
	got[11 + 300] = 0;
	CHECK("a name of 300 there", open(got, O_RDONLY) < 0 && (errno == ENAMETOOLONG || errno == ENOENT));
	prctl(PR_SET_NAME, arg);
	f = open("/proc/self/comm", O_RDWR);
	CHECK("a long name is cut", read(f, got, sizeof got) == 16 && got[15] == '\n');
	free(arg);
}

/* ---- what changes on the way ---- */

static volatile int over;

static void *swap_links(void *x)
{
	(void)x;
	while (!over) {
		unlink("way");
		symlink("open", "way");
		unlink("way");
		symlink("shut", "way");
	}
	return NULL;
}

/* As root: the directory is shut but for moments in which the secret is not in it. */
static void shut_and_open(void)
{
	for (;;) {
		rename("shut/file", "kept/file");
		chmod("shut", 0755);
		chmod("shut", 0700);
		rename("kept/file", "shut/file");
	}
}

static void races(void)
{
	pid_t root;

	mkdir("open", 0755);
	mkdir("shut", 0700);
	mkdir("kept", 0700);
	mkdir("ways", 0777);
	chmod("ways", 0777);
	put("open/file", "harmless\n", 0644);
	put("shut/file", "secret\n", 0644);
	symlink("../open", "ways/open");
	symlink("../shut", "ways/shut");
	root = fork();
	if (root == 0)
		shut_and_open();
	AS("links and permissions that change", 1000,
	   pthread_t thread; int leaks = 0; char last[8] = "l0";
	   chdir("ways");
	   symlink("way/file", "l0");
	   for (int i = 1; i < 30; i++) {
		   char name[8];
		   sprintf(name, "l%d", i);
		   symlink(last, name);
		   strcpy(last, name);
	   }
	   pthread_create(&thread, NULL, swap_links, NULL);
	   for (int i = 0; i < 2000; i++)
		   leaks += reads(last) > 0;
	   over = 1;
	   pthread_join(thread, NULL);
	   CHECK("show no secret", leaks == 0));
	kill(root, SIGKILL);
	wait_status(root);
	/* Forty links are followed, and no more. */
	for (int i = 0; i < 41; i++) {
		char name[16], target[16];

		sprintf(name, "c%d", i);
		sprintf(target, i ? "c%d" : "open/file", i - 1);
		symlink(target, name);
	}
	CHECK("forty links", open("c39", O_RDONLY) >= 0);
	FAILS("forty-one", ELOOP, open("c40", O_RDONLY));
}

/* ---- a call that sleeps between check and use ---- */

static int fifo[2];
static char *page;

static void *take_page(void *x)
{
	pause_ms(50);
	mprotect(page, 4096, PROT_READ);
	write(fifo[1], "overwritten", 11);
	return x;
}

static void *replace_descriptor(void *x)
{
	pause_ms(50);
	dup2(*(int *)x, 20);
	write(fifo[1], "from the pipe", 13);
	return NULL;
}

static void sleepers(void)
{
	pthread_t thread;
	char got[32] = "";
	int f, other;
	ssize_t n;

	/* A read that sleeps, whose buffer becomes read-only. */
	put("file", "read only file\n", 0644);
	chmod(".", 0755);
	f = open("file", O_RDONLY);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
	pipe(fifo);
	pthread_create(&thread, NULL, take_page, NULL);
	n = read(fifo[0], page, 11);
	CHECK("a buffer that becomes read-only", n == -1 && errno == EFAULT);
	pthread_join(thread, NULL);
	CHECK("stays as it was", memcmp(page, "read only", 9) == 0);
	/* Shared, of a file that may only be read. */
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f, 0);
	FAILS("a shared page of such a file", EFAULT, read(fifo[0], page, 11));
	CHECK("stays as it was", memcmp(page, "read only", 9) == 0);
	/* A read that sleeps, whose descriptor becomes another file's. */
	pipe(fifo);
	other = open("/dev/zero", O_RDONLY);
	dup2(fifo[0], 20);
	pthread_create(&thread, NULL, replace_descriptor, &other);
	n = read(20, got, sizeof got);
	pthread_join(thread, NULL);
	CHECK("a descriptor that becomes another", n == 13 && memcmp(got, "from the pipe", 13) == 0);
}

/* As root: a process that becomes a user while it opens a FIFO keeps what it was checked for. */
static void opens_sleeping(void)
{
	pid_t p;
	int f, st;

	mkfifo("pipe", 0600);
	chown("pipe", 1000, 1000);
	p = fork();
	if (p == 0) {
		become(1000);
		f = open("pipe", O_RDONLY);
		_exit(f < 0 ? 1 : read(f, &st, 1) == 1 ? 3 : 2);
	}
	pause_ms(50);
	/* It waits in open; the file is root's now, and shut. */
	chown("pipe", 0, 0);
	chmod("pipe", 0);
	f = open("pipe", O_WRONLY);
	write(f, "x", 1);
	CHECK("who was let in before stays in", EXITED(wait_status(p), 3));
	close(f);
	AS("but nobody comes after", 1000, FAILS("the FIFO", EACCES, open("pipe", O_RDONLY | O_NONBLOCK)));
}

int main(void)
{
	umask(022);
	chmod(".", 0755);
	scripts();
	mounts();
	long_names();
	races();
	sleepers();
	opens_sleeping();
	DONE();
}
