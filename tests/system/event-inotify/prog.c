/* What inotify(7) tells, line by line as Linux does. Watches: d on the directory, f on the file in it, e on another directory. */
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static int in, wd_d, wd_f, wd_e;
static char *volatile nowhere = (char *)8;

static const char *bit_names[] = { "ACCESS", "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM", "MOVED_TO", "CREATE",
	                           "DELETE", "DELETE_SELF", "MOVE_SELF", NULL, "UNMOUNT", "OVERFLOW", "IGNORED" };

static void print_event(const struct inotify_event *e, uint32_t *cookie)
{
	printf(" %s:", e->wd == wd_d ? "d" : e->wd == wd_f ? "f" : e->wd == wd_e ? "e" : e->wd == -1 ? "-" : "?");
	for (unsigned i = 0; i < 16; i++)
		if (e->mask & 1u << i)
			printf("%s", bit_names[i]);
	if (e->mask & IN_ISDIR)
		printf("|DIR");
	if (e->len)
		printf("(%s)", e->name);
	if (e->cookie)
		printf("%s", e->cookie == *cookie ? "=" : "#");
	*cookie = e->cookie;
	if (e->len % 16 || (e->len && e->len < strlen(e->name) + 1))
		printf(" bad length %u", e->len);
}

/* All that there is, in one line. */
static void heard(const char *what)
{
	static char buffer[65536] __attribute__((aligned(8)));
	uint32_t cookie = 0;
	ssize_t n;

	printf("%s:", what);
	while ((n = read(in, buffer, sizeof buffer)) > 0)
		for (char *p = buffer; p < buffer + n; p += sizeof(struct inotify_event) + ((struct inotify_event *)p)->len)
			print_event((struct inotify_event *)p, &cookie);
	printf("\n");
}

static void quiet(void)
{
	static char buffer[65536];

	while (read(in, buffer, sizeof buffer) > 0)
		;
}

static int make_file(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0666);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return -1;
	return close(fd);
}

static void calls(void)
{
	char name[64], text[64] = "";
	int fd, other, p[2];

	FAILS("flags that there are not", EINVAL, inotify_init1(1));
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	CHECK("a descriptor", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) == O_NONBLOCK);
	other = inotify_init();
	CHECK("the old call", other >= 0 && fcntl(other, F_GETFD) == 0 && fcntl(other, F_GETFL) == 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	readlink(name, text, sizeof text - 1);
	CHECK("its name", strcmp(text, "anon_inode:inotify") == 0);
	FAILS("no event", EINVAL, inotify_add_watch(fd, "d", 0));
	FAILS("a bit that there is not", EINVAL, inotify_add_watch(fd, "d", 0x1000));
	FAILS("no event comes before no descriptor", EINVAL, inotify_add_watch(999, "d", 0));
	FAILS("no descriptor", EBADF, inotify_add_watch(999, "nowhere", IN_OPEN));
	FAILS("not such a descriptor", EINVAL, inotify_add_watch(0, nowhere, IN_OPEN));
	FAILS("add and create", EINVAL, inotify_add_watch(fd, nowhere, IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
	FAILS("a path from nowhere", EFAULT, inotify_add_watch(fd, nowhere, IN_OPEN));
	FAILS("no path", ENOENT, inotify_add_watch(fd, "", IN_OPEN));
	FAILS("nothing there", ENOENT, inotify_add_watch(fd, "nowhere", IN_OPEN));
	FAILS("not a directory", ENOTDIR, inotify_add_watch(fd, "d/f", IN_OPEN | IN_ONLYDIR));
	FAILS("a link that is followed", ENOENT, inotify_add_watch(fd, "dangling", IN_OPEN));
	CHECK("a link that is not", inotify_add_watch(fd, "dangling", IN_OPEN | IN_DONT_FOLLOW) == 1);
	CHECK("numbers go on", inotify_add_watch(fd, "d", IN_OPEN) == 2 && inotify_add_watch(fd, "d/f", IN_OPEN) == 3);
	CHECK("the same is the same", inotify_add_watch(fd, "d/../d", IN_CLOSE) == 2);
	FAILS("create, and it is there", EEXIST, inotify_add_watch(fd, "d", IN_OPEN | IN_MASK_CREATE));
	CHECK("another one's numbers", inotify_add_watch(other, "d/f", IN_OPEN) == 1);
	FAILS("a number that there is not", EINVAL, inotify_rm_watch(fd, 9));
	FAILS("number 0", EINVAL, inotify_rm_watch(fd, 0));
	FAILS("not such a descriptor, again", EINVAL, inotify_rm_watch(0, 1));
	FAILS("no descriptor, again", EBADF, inotify_rm_watch(-1, 1));
	CHECK("one goes", inotify_rm_watch(fd, 1) == 0);
	CHECK("numbers do not come again", inotify_add_watch(fd, "dangling", IN_OPEN | IN_DONT_FOLLOW) == 4);
	FAILS("writing", EBADF, write(fd, "", 1));
	FAILS("seeking", ESPIPE, pread(fd, text, 1, 0));
	CHECK("lseek says that it did", lseek(fd, 5, SEEK_SET) == 0 || errno == ESPIPE);
	FAILS("no other ioctl", ENOTTY, ioctl(fd, FIONBIO + 77, 0));
	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", other);
	FILE *info = fopen(name, "r");
	bool found = false;
	struct stat st;
	stat("d/f", &st);
	char line[256], want[64];
	snprintf(want, sizeof want, "inotify wd:1 ino:%lx sdev:", (unsigned long)st.st_ino);
	while (fgets(line, sizeof line, info))
		found |= strncmp(line, want, strlen(want)) == 0 && strstr(line, " mask:20 ") != NULL;
	fclose(info);
	CHECK("its watches in /proc", found);
	pipe(p);
	FAILS("a pipe is none", EINVAL, inotify_add_watch(p[0], "d", IN_OPEN));
	close(p[0]);
	close(p[1]);
	close(fd);
	close(other);
}

static void reading(void)
{
	char small[32];
	int fd, n = -1;
	struct pollfd p;

	quiet();
	p = (struct pollfd){ in, POLLIN | POLLOUT, 0 };
	CHECK("nothing there", poll(&p, 1, 0) == 0 && ioctl(in, FIONREAD, &n) == 0 && n == 0);
	FAILS("and nothing to read", EAGAIN, read(in, small, sizeof small));
	fd = open("d/f", O_RDONLY);
	CHECK("two events: of the directory and of the file", poll(&p, 1, 1000) == 1 && p.revents == POLLIN && ioctl(in, FIONREAD, &n) == 0 && n == 32 + 16);
	FAILS("too little room", EINVAL, read(in, small, 31));
	FAILS("none", EINVAL, read(in, small, 0));
	CHECK("one", read(in, small, 32) == 32 && ioctl(in, FIONREAD, &n) == 0 && n == 16);
	CHECK("the other", read(in, small, 16) == 16);
	close(fd);
	quiet();
	FAILS("to nowhere", EAGAIN, read(in, nowhere, 64));
	chmod("d/f", 0644);
	FAILS("to nowhere, with one there", EFAULT, read(in, nowhere, 64));
	quiet();
	for (int i = 0; i < 5; i++)
		chmod("d/f", 0644);
	heard("the same again and again");
	int waiting = inotify_init();
	inotify_add_watch(waiting, "d", IN_CREATE);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(50000);
		_exit(make_file("d/late", "") != 0);
	}
	struct { struct inotify_event e; char name[16]; } got;
	CHECK("one that is waited for", read(waiting, &got, sizeof got) == 32 && got.e.mask == IN_CREATE && strcmp(got.name, "late") == 0);
	waitpid(pid, NULL, 0);
	unlink("d/late");
	int ep = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };
	epoll_ctl(ep, EPOLL_CTL_ADD, waiting, &ev);
	while (ioctl(waiting, FIONREAD, &n) == 0 && n > 0)
		(void)read(waiting, &got, sizeof got);
	CHECK("epoll, quiet", epoll_wait(ep, &ev, 1, 0) == 0);
	make_file("d/more", "");
	CHECK("epoll", epoll_wait(ep, &ev, 1, 1000) == 1 && ev.events == EPOLLIN);
	unlink("d/more");
	close(waiting);
	CHECK("epoll, after its end", epoll_wait(ep, &ev, 1, 0) == 0);
	close(ep);
	quiet();
}

static void files(void)
{
	char bytes[16];
	struct iovec v = { bytes, 4 };
	int fd, other;

	fd = open("d/f", O_RDWR);
	heard("open");
	read(fd, bytes, 4);
	heard("read");
	pread(fd, bytes, 4, 0);
	heard("pread");
	readv(fd, &v, 1);
	heard("readv");
	lseek(fd, 0, SEEK_END);
	read(fd, bytes, 4);
	heard("read at the end");
	read(fd, bytes, 0);
	heard("read nothing");
	write(fd, "x", 1);
	heard("write");
	pwrite(fd, "x", 1, 0);
	heard("pwrite");
	write(fd, "", 0);
	heard("write nothing");
	ftruncate(fd, 100);
	heard("ftruncate");
	ftruncate(fd, 100);
	heard("ftruncate to the same");
	fallocate(fd, 0, 0, 200);
	heard("fallocate");
	fchmod(fd, 0600);
	heard("fchmod");
	fsync(fd);
	heard("fsync");
	other = dup(fd);
	close(fd);
	heard("close one of two");
	close(other);
	heard("close");
	truncate("d/f", 5);
	heard("truncate");
	close(open("d/f", O_RDONLY));
	heard("open to read, close");
	close(open("d/f", O_WRONLY | O_TRUNC));
	heard("open O_TRUNC");
	close(open("d/f", O_WRONLY | O_CREAT, 0600));
	heard("open O_CREAT, there");
	close(open("d/f", O_PATH));
	heard("open O_PATH");
	(void)!open("d/f", O_RDONLY | O_DIRECTORY);
	heard("open that fails");
	(void)!open("d/f", O_WRONLY | O_CREAT | O_EXCL, 0600);
	heard("open O_EXCL that fails");
	chmod("d/f", 0644);
	heard("chmod");
	chown("d/f", 0, 0);
	heard("chown");
	utimes("d/f", NULL);
	heard("utimes");
	struct timespec t[2] = { { 5, 5 }, { 0, UTIME_OMIT } };
	utimensat(AT_FDCWD, "d/f", t, 0);
	heard("atime");
	t[1] = t[0];
	t[0].tv_nsec = UTIME_OMIT;
	utimensat(AT_FDCWD, "d/f", t, 0);
	heard("mtime");
	struct stat st;
	stat("d/f", &st);
	access("d/f", R_OK);
	heard("stat and access");
	make_file("d/f", "0123456789");
	quiet();
	fd = open("d/f", O_RDWR);
	other = open("e/o", O_RDWR | O_CREAT, 0600);
	quiet();
	off_t at = 0;
	sendfile(other, fd, &at, 4);
	heard("sendfile");
	off_t to = 20;
	at = 0;
	copy_file_range(fd, &at, other, &to, 4, 0);
	heard("copy_file_range");
	close(other);
	close(fd);
	quiet();
}

static void names(void)
{
	int fd;

	make_file("d/g", "text");
	heard("creat");
	symlink("g", "d/l");
	heard("symlink");
	char to[16];
	readlink("d/l", to, sizeof to);
	heard("readlink");
	close(open("d/l", O_RDONLY));
	heard("open through a link");
	link("d/f", "e/hard");
	heard("link");
	unlink("e/hard");
	heard("unlink one of two");
	mkdir("d/s", 0755);
	heard("mkdir");
	fd = open("d/s", O_RDONLY | O_DIRECTORY);
	heard("open a directory");
	char entries[1024];
	syscall(SYS_getdents64, fd, entries, sizeof entries);
	heard("getdents");
	close(fd);
	heard("close a directory");
	chmod("d/s", 0700);
	heard("chmod a directory");
	mkfifo("d/p", 0600);
	heard("mkfifo");
	fd = open("d/p", O_RDWR);
	heard("open a FIFO");
	write(fd, "x", 1);
	heard("write a FIFO");
	read(fd, entries, 1);
	heard("read a FIFO");
	close(fd);
	heard("close a FIFO");
	unlink("d/p");
	quiet();
	struct sockaddr_un a = { AF_UNIX, "d/sock" };
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(fd, (void *)&a, sizeof a);
	heard("bind");
	close(fd);
	unlink("d/sock");
	heard("unlink a socket");
	rename("d/g", "d/h");
	heard("rename");
	rename("d/h", "e/h");
	heard("rename to another directory");
	rename("e/h", "d/g");
	heard("and back");
	rename("d/s", "e/s");
	heard("rename a directory");
	rename("e/s", "d/s");
	quiet();
	rename("d/g", "d/g");
	heard("rename to itself");
	make_file("d/h", "");
	quiet();
	rename("d/h", "d/g");
	heard("rename over another");
	make_file("e/h", "");
	quiet();
	syscall(SYS_renameat2, AT_FDCWD, "d/g", AT_FDCWD, "e/h", 2 /* RENAME_EXCHANGE */);
	heard("exchange");
	unlink("e/h");
	unlink("d/g");
	heard("unlink");
	rmdir("d/s");
	heard("rmdir");
	unlink("d/l");
	heard("unlink a link");
	(void)!mkdir("d", 0755);
	(void)!unlink("d/none");
	(void)!rmdir("d");
	heard("what fails");
}

/* Watches of files that move, and that go. */
static void selves(void)
{
	int fd, wd = wd_f;

	make_file("d/x", "");
	make_file("d/y", "");
	mkdir("d/s", 0755);
	quiet();
	wd_f = inotify_add_watch(in, "d/x", IN_ALL_EVENTS);
	rename("d/x", "e/x");
	heard("a watched file moves");
	rename("e/x", "d/x");
	quiet();
	rename("d/y", "d/x");
	heard("a watched file is replaced");
	wd_f = inotify_add_watch(in, "d/x", IN_ALL_EVENTS);
	unlink("d/x");
	heard("a watched file goes");
	FAILS("and its watch is gone", EINVAL, inotify_rm_watch(in, wd_f));
	make_file("d/x", "");
	fd = open("d/x", O_RDWR);
	quiet();
	wd_f = inotify_add_watch(in, "d/x", IN_ALL_EVENTS);
	inotify_rm_watch(in, wd_d);
	quiet();
	unlink("d/x");
	heard("an open one goes");
	write(fd, "x", 1);
	heard("and is written");
	close(fd);
	heard("and closed");
	wd_d = inotify_add_watch(in, "d", IN_ALL_EVENTS);
	wd_f = inotify_add_watch(in, "d/s", IN_ALL_EVENTS);
	make_file("d/s/inner", "");
	heard("in a watched directory");
	rename("d/s", "e/s");
	heard("a watched directory moves");
	unlink("e/s/inner");
	quiet();
	rmdir("e/s");
	heard("a watched directory goes");
	make_file("d/x", "");
	link("d/x", "d/z");
	quiet();
	wd_f = inotify_add_watch(in, "d/x", IN_DELETE_SELF);
	unlink("d/x");
	heard("one of two names");
	unlink("d/z");
	heard("the other");
	wd_f = wd;
}

static void masks(void)
{
	int wd = wd_f, fd;

	make_file("d/m", "");
	quiet();
	inotify_rm_watch(in, wd_d);
	heard("taken back");
	wd_d = inotify_add_watch(in, "d", IN_CREATE);
	make_file("d/n", "");
	heard("only what was asked for");
	inotify_add_watch(in, "d", IN_DELETE | IN_MASK_ADD);
	unlink("d/n");
	make_file("d/n", "");
	heard("and more");
	inotify_add_watch(in, "d", IN_DELETE);
	unlink("d/n");
	make_file("d/n", "");
	heard("and other things");
	wd_f = inotify_add_watch(in, "d/m", IN_OPEN | IN_ONESHOT);
	close(open("d/m", O_RDONLY));
	close(open("d/m", O_RDONLY));
	heard("once");
	FAILS("and its watch is gone, too", EINVAL, inotify_rm_watch(in, wd_f));
	inotify_rm_watch(in, wd_d);
	wd_d = inotify_add_watch(in, "d", IN_ALL_EVENTS | IN_EXCL_UNLINK);
	fd = open("d/m", O_RDWR);
	unlink("d/m");
	quiet();
	write(fd, "x", 1);
	close(fd);
	heard("without a name, to who asked for that");
	inotify_rm_watch(in, wd_d);
	quiet();
	wd_d = inotify_add_watch(in, "d", IN_ALL_EVENTS);
	int other = inotify_init1(IN_NONBLOCK), n;
	inotify_add_watch(other, "d", IN_CREATE);
	make_file("d/m", "");
	CHECK("two who watch", ioctl(other, FIONREAD, &n) == 0 && n == 32);
	heard("both hear");
	close(other);
	unlink("d/m");
	unlink("d/n");
	quiet();
	wd_f = wd;
}

static void programs(void)
{
	int wd = wd_f, status;

	quiet();
	wd_f = inotify_add_watch(in, "/proc/self/exe", IN_OPEN | IN_CLOSE);
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = { "prog", "stop", NULL };
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	CHECK("it ran", WIFEXITED(status) && WEXITSTATUS(status) == 7);
	quiet();
	inotify_rm_watch(in, wd_f);
	quiet();
	pid = fork();
	if (pid == 0) {
		make_file("d/child", "");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	heard("from another process");
	unlink("d/child");
	quiet();
	wd_f = wd;
}

static void overflow(void)
{
	int other = inotify_init1(IN_NONBLOCK), n, count = 0, lost = 0;
	static char buffer[65536];
	ssize_t got;

	CHECK("a watch", inotify_add_watch(other, "d/f", IN_ATTRIB | IN_OPEN) == 1);
	inotify_rm_watch(in, wd_f);
	inotify_rm_watch(in, wd_d);
	for (int i = 0; i < 9000; i++) {
		chmod("d/f", 0644);
		close(open("d/f", O_RDONLY));
	}
	CHECK("so many, and one for the rest", ioctl(other, FIONREAD, &n) == 0 && n == 16385 * 16);
	while ((got = read(other, buffer, sizeof buffer)) > 0)
		for (char *p = buffer; p < buffer + got; p += 16, count++) {
			struct inotify_event *e = (void *)p;
			lost += e->mask == IN_Q_OVERFLOW && e->wd == -1 && count == 16384;
		}
	CHECK("which is the last", count == 16385 && lost == 1);
	chmod("d/f", 0644);
	CHECK("then it goes on", read(other, buffer, sizeof buffer) == 16);
	close(other);
	quiet();
}

static void limits(void)
{
	int fds[200], n = 0;

	while (n < 200 && (fds[n] = inotify_init1(0)) >= 0)
		n++;
	CHECK("instances have an end", n < 200 && errno == EMFILE && n >= 100);
	while (n > 0)
		close(fds[--n]);
	CHECK("and come back", (fds[0] = inotify_init1(0)) >= 0);
	close(fds[0]);
	CHECK("/proc/sys", access("/proc/sys/fs/inotify/max_user_watches", R_OK) == 0 && access("/proc/sys/fs/inotify/max_queued_events", R_OK) == 0 &&
	                   access("/proc/sys/fs/inotify/max_user_instances", R_OK) == 0);
}

static void permission(void)
{
	int status;
	pid_t pid;

	make_file("secret", "");
	chmod("secret", 0200);
	pid = fork();
	if (pid == 0) {
		int fd = inotify_init1(0);
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(9);
		_exit(inotify_add_watch(fd, "secret", IN_OPEN) == -1 && errno == EACCES ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK("what one may not read", status == 0);
	unlink("secret");
}

static void mounts(void)
{
	mkdir("m", 0755);
	CHECK("a mount", mount("none", "m", "tmpfs", 0, NULL) == 0);
	mkdir("m/sub", 0755);
	wd_d = inotify_add_watch(in, "m", IN_ALL_EVENTS);
	wd_f = inotify_add_watch(in, "m/sub", IN_ALL_EVENTS);
	quiet();
	CHECK("it can be unmounted", umount("m") == 0);
	FAILS("its watch has gone", EINVAL, inotify_rm_watch(in, wd_d));
	FAILS("and the other", EINVAL, inotify_rm_watch(in, wd_f));
	heard("and were told");
	rmdir("m");
}

int main(int argc, char **argv)
{
	char dir[64];

	if (argc > 1 && strcmp(argv[1], "stop") == 0)
		return 7;
	snprintf(dir, sizeof dir, "/tmp/event-inotify-%d", (int)getpid());
	if (mkdir(dir, 0755) || chdir(dir) || mkdir("d", 0755) || mkdir("e", 0755) || make_file("d/f", "0123456789") || symlink("none", "dangling"))
		return 1;
	umask(022);
	setvbuf(stdout, NULL, _IONBF, 0);
	calls();
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	wd_d = inotify_add_watch(in, "d", IN_ALL_EVENTS);
	wd_f = inotify_add_watch(in, "d/f", IN_ALL_EVENTS);
	wd_e = inotify_add_watch(in, "e", IN_ALL_EVENTS);
	reading();
	files();
	names();
	selves();
	masks();
	programs();
	overflow();
	limits();
	permission();
	mounts();
	close(in);
	snprintf(dir, sizeof dir, "rm -r /tmp/event-inotify-%d", (int)getpid());
	(void)!system(dir);
	return check_failures != 0;
}
