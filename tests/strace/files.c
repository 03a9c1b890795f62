/* Calls about files, for tests/run-strace: what strace and --strace print of them is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char big[5000];

static void locks(int fd)
{
	struct flock k = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1, .l_len = 10};

	fcntl(fd, F_SETLK, &k);
	k.l_type = F_RDLCK;
	fcntl(fd, F_GETLK, &k);
	k.l_type = F_UNLCK;
	fcntl(fd, F_SETLK, &k);
	flock(fd, LOCK_EX | LOCK_NB);
	flock(fd, LOCK_UN);
}

static void descriptors(int fd)
{
	int p[2];

	fcntl(fd, F_GETFD);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_GETFD);
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
	fcntl(fd, F_GETFL);
	close(fcntl(fd, F_DUPFD, 20));
	close(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	fcntl(fd, 12345, 0);
	pipe2(p, O_CLOEXEC | O_NONBLOCK);
	write(p[1], "a\0001\"\\\n\t\001\177\377z", 11);
	read(p[0], big, 100);
	read(p[0], big, 100);
	fcntl(p[0], F_GETPIPE_SZ);
	close(p[0]);
	close(p[1]);
	syscall(SYS_pipe, p);
	dup2(p[0], 30);
	dup3(p[0], 31, O_CLOEXEC);
	close(30);
	close(31);
	close(p[0]);
	close(p[1]);
	syscall(SYS_close_range, 100, 200, 0);
	fcntl(fd, F_SETFL, 0);
}

static void names(void)
{
	mkdir("d", 0755);
	mkdir("d", 07);
	syscall(SYS_mkdirat, AT_FDCWD, "d/e", 0);
	mknod("d/fifo", S_IFIFO | 0644, 0);
	syscall(SYS_mknodat, AT_FDCWD, "d/null/x", S_IFCHR | 0600, makedev(1, 3));
	symlink("target", "d/link");
	readlink("d/link", big, sizeof(big));
	readlink("d/none", big, sizeof(big));
	link("d/fifo", "d/f2");
	rename("d/f2", "d/f3");
	syscall(SYS_renameat2, AT_FDCWD, "d/f3", AT_FDCWD, "d/f4", 1);
	unlink("d/f4");
	unlinkat(AT_FDCWD, "d/e", AT_REMOVEDIR);
	access("d", F_OK);
	access("d/none", R_OK | W_OK | X_OK);
	faccessat(AT_FDCWD, "d", X_OK, 0);
	syscall(SYS_faccessat2, AT_FDCWD, "d", W_OK, AT_EACCESS);
	chmod("d", 01777);
	fchmodat(AT_FDCWD, "d", 0700, 0);
	chown("d", -1, -1);
	lchown("d/link", -1, -1);
	fchownat(AT_FDCWD, "d/link", -1, -1, AT_SYMLINK_NOFOLLOW);
	unlink("d/link");
	unlink("d/fifo");
	rmdir("d");
	rmdir((char *)8);
	chdir("/none");
	chdir(NULL);
	umask(027);
	umask(0);
}

static void stats(int fd)
{
	struct stat st;
	struct statfs fs;
	char sx[256];

	syscall(SYS_stat, "/dev/null", &st);
	syscall(SYS_stat, "/none", &st);
	syscall(SYS_lstat, "/proc/self", &st);
	syscall(SYS_fstat, fd, &st);
	syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);
	syscall(SYS_newfstatat, AT_FDCWD, "f", &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
	syscall(SYS_statx, AT_FDCWD, "f", AT_SYMLINK_NOFOLLOW, 0x7ff, sx);
	syscall(SYS_statx, AT_FDCWD, "none", AT_SYMLINK_NOFOLLOW, 0x3, sx);
	statfs("/none", &fs);
	statfs("/proc", &fs);
}

static void data(int fd)
{
	struct iovec v[3] = {{"one", 3}, {"twotwo", 6}, {NULL, 0}}, in[2] = {{big, 4}, {big + 100, 100}};
	off_t at = 0;
	int out;

	write(fd, "hello, world", 12);
	memset(big, 'x', sizeof(big));
	write(fd, big, 31);
	write(fd, big, 32);
	write(fd, big, 33);
	write(fd, (char *)8, 5);
	write(fd, NULL, 0);
	write(-1, "", 0);
	lseek(fd, 0, SEEK_SET);
	lseek(fd, -1, SEEK_END);
	lseek(fd, 0, 77);
	lseek(fd, 0, SEEK_SET);
	read(fd, big, 5);
	pread(fd, big, 100, 3);
	pwrite(fd, "abc", 3, 100);
	writev(fd, v, 3);
	lseek(fd, 0, SEEK_SET);
	readv(fd, in, 2);
	preadv(fd, in, 2, 1);
	syscall(SYS_pwritev2, fd, v, 1, 0L, 0L, 2);
	writev(fd, (void *)8, 1);
	ftruncate(fd, 1000);
	truncate("none", 5);
	fsync(fd);
	fdatasync(fd);
	fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096);
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	out = open("g", O_WRONLY | O_CREAT | O_TRUNC, 0640);
	syscall(SYS_sendfile, out, fd, &at, 10L);
	syscall(SYS_sendfile, out, fd, NULL, 10L);
	syscall(SYS_copy_file_range, fd, NULL, out, NULL, 5L, 0);
	close(out);
	unlink("g");
}

static void opens(void)
{
	close(open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC));
	close(open("/", O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC));
	close(open("/", O_PATH | O_NOFOLLOW));
	open("/none", O_RDONLY);
	open("/none", O_ACCMODE | O_EXCL | O_SYNC);
	open("h", O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_DSYNC | O_NOATIME, 0600);
	unlink("h");
	close(openat(AT_FDCWD, ".", O_RDWR | O_TMPFILE, 0600));
	syscall(SYS_creat, "h", 0666);
	unlink("h");
	open((char *)16, O_RDONLY);
}

static void times(void)
{
	struct timespec t[2] = {{1, 2}, {3, UTIME_OMIT}}, n[2] = {{0, UTIME_NOW}, {5, 6}};

	utimensat(AT_FDCWD, "f", t, 0);
	utimensat(AT_FDCWD, "f", n, AT_SYMLINK_NOFOLLOW);
	utimensat(AT_FDCWD, "f", NULL, 0);
	syscall(SYS_utimes, "f", (long[]){1, 2, 3, 4});
	syscall(SYS_utime, "f", (long[]){1, 2});
}

static void attributes(void)
{
	syscall(SYS_setxattr, "f", "user.a", "value", 5L, 1);
	syscall(SYS_getxattr, "f", "user.a", big, 100L);
	syscall(SYS_getxattr, "f", "user.a", NULL, 0L);
	syscall(SYS_getxattr, "f", "user.b", big, 100L);
	syscall(SYS_listxattr, "f", big, 100L);
	syscall(SYS_removexattr, "f", "user.a");
}

static void folders(void)
{
	int fd = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY);

	syscall(SYS_getdents64, fd, big, 24);
	syscall(SYS_getdents64, fd, big, 2);
	close(fd);
	syscall(SYS_getcwd, big, 1L);
	syscall(SYS_memfd_create, "name", 3);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_GROW);
	fcntl(fd, F_GET_SEALS);
	close(fd);
	syscall(SYS_inotify_init1, O_NONBLOCK);
	syscall(SYS_inotify_add_watch, fd, ".", 0x302);
	syscall(SYS_inotify_rm_watch, fd, 1);
	close(fd);
}

int main(void)
{
	int fd;

	syscall(SYS_close_range, 3, ~0u, 0); /* what came from outside */
	write(-1, "begin", 5);
	fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
	opens();
	data(fd);
	descriptors(fd);
	locks(fd);
	stats(fd);
	names();
	times();
	attributes();
	folders();
	close(fd);
	unlink("f");
	return 3;
}
