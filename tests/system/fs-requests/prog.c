/*
 * What few file systems can, asked of tmpfs, devices and pipes: ioctl, fcntl, statx, O_DIRECT, whiteouts, readahead and
 * its kin. Of two mistakes the one that Linux tells first.
 */
#include "check.h"
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#define FICLONE 0x40049409
#define FICLONERANGE 0x4020940d
#define FIDEDUPERANGE 0xc0189436
#define FIEMAP 0xc020660b
#define FIFREEZE 0xc0045877
#define FITHAW 0xc0045878
#define GETFLAGS 0x80086601
#define SETFLAGS 0x40086602
#define FSGETXATTR 0x801c581f
#define RNDGETENTCNT 0x80045200
#define RNDADDTOENTCNT 0x40045201
#define RNDADDENTROPY 0x40085203
#define ADD_SEALS 1033
#define GET_SEALS 1034
#define GET_RW_HINT 1035
#define SET_RW_HINT 1036
#define SYS_FCHMODAT2 452
#define NOWHERE ((void *)8)

static int f, g, r, d, null, random_, of_proc, path_only, p[2];

static void clones(void)
{
	long range[4] = {0};
	struct { long offset, length; short count, reserved; int reserved2; long rest[8]; } same = {0};

	range[0] = g, same.count = 1;
	FAILS("FICLONE", EOPNOTSUPP, ioctl(f, FICLONE, g));
	FAILS("of no descriptor", EBADF, ioctl(f, FICLONE, 99));
	FAILS("of a folder", EISDIR, ioctl(f, FICLONE, d));
	FAILS("to a file that cannot be written", EBADF, ioctl(r, FICLONE, g));
	FAILS("between file systems, to a device", EXDEV, ioctl(null, FICLONE, g));
	FAILS("to a folder", EISDIR, ioctl(d, FICLONE, g));
	FAILS("from /proc", EXDEV, ioctl(f, FICLONE, of_proc));
	FAILS("to a pipe", EXDEV, ioctl(p[1], FICLONE, g));
	FAILS("FICLONERANGE", EOPNOTSUPP, ioctl(f, FICLONERANGE, range));
	FAILS("no memory", EFAULT, ioctl(f, FICLONERANGE, NOWHERE));
	FAILS("FIDEDUPERANGE", EOPNOTSUPP, ioctl(f, FIDEDUPERANGE, &same));
	FAILS("no memory", EFAULT, ioctl(f, FIDEDUPERANGE, NOWHERE));
	FAILS("of a device", EINVAL, ioctl(null, FIDEDUPERANGE, &same));
	FAILS("of a folder", EISDIR, ioctl(d, FIDEDUPERANGE, &same));
	FAILS("of a pipe that cannot be read", EINVAL, ioctl(p[1], FIDEDUPERANGE, &same));
	same.reserved = 1;
	FAILS("of a folder, with a field that must be 0", EINVAL, ioctl(d, FIDEDUPERANGE, &same));
	same.count = (short)60000;
	FAILS("too many, with that field", ENOMEM, ioctl(f, FIDEDUPERANGE, &same));
}

static void blocks(void)
{
	int x = 0;
	char attributes[28];

	FAILS("FIBMAP", EINVAL, ioctl(f, 1, &x));
	FAILS("no memory", EFAULT, ioctl(f, 1, NOWHERE));
	FAILS("of a folder", ENOTTY, ioctl(d, 1, &x));
	FAILS("FIEMAP", EOPNOTSUPP, ioctl(f, FIEMAP, NOWHERE));
	FAILS("of a device", EOPNOTSUPP, ioctl(null, FIEMAP, NOWHERE));
	FAILS("of a pipe", EOPNOTSUPP, ioctl(p[0], FIEMAP, NOWHERE));
	FAILS("FIFREEZE", EOPNOTSUPP, ioctl(f, FIFREEZE, 0));
	FAILS("FITHAW", EINVAL, ioctl(f, FITHAW, 0));
	CHECK("flags of a file", ioctl(f, GETFLAGS, &x) == 0 && x == 0 && ioctl(f, SETFLAGS, &x) == 0 && ioctl(r, SETFLAGS, &x) == 0);
	x = 1;
	FAILS("a flag that there is not", EOPNOTSUPP, ioctl(f, SETFLAGS, &x));
	FAILS("no memory", EFAULT, ioctl(f, SETFLAGS, NOWHERE));
	FAILS("of a device", ENOTTY, ioctl(null, GETFLAGS, &x));
	FAILS("of a pipe", ENOTTY, ioctl(p[0], SETFLAGS, &x));
	CHECK("attributes", ioctl(f, FSGETXATTR, attributes) == 0 && ioctl(d, FSGETXATTR, attributes) == 0);
	FAILS("of a device", ENOTTY, ioctl(null, FSGETXATTR, attributes));
}

static void entropy(void)
{
	int x = 0, two[2] = {0, -1};

	CHECK("RNDGETENTCNT", ioctl(random_, RNDGETENTCNT, &x) == 0 && x == 256);
	FAILS("no memory", EFAULT, ioctl(random_, RNDGETENTCNT, NOWHERE));
	x = 0;
	CHECK("RNDADDTOENTCNT of nothing", ioctl(random_, RNDADDTOENTCNT, &x) == 0);
	x = -5;
	FAILS("less than nothing", EINVAL, ioctl(random_, RNDADDTOENTCNT, &x));
	FAILS("RNDADDENTROPY, no memory", EFAULT, ioctl(random_, RNDADDENTROPY, NOWHERE));
	FAILS("RNDADDENTROPY, fewer bytes than none", EFAULT, ioctl(random_, RNDADDENTROPY, two));
	CHECK("RNDZAPENTCNT, RNDCLEARPOOL", ioctl(random_, 0x5204) == 0 && ioctl(random_, 0x5206) == 0);
	FAILS("what it does not know", EINVAL, ioctl(random_, 0x5555));
	FAILS("not even that", EINVAL, ioctl(random_, FIONREAD, &x));
	FAILS("/dev/null knows less", ENOTTY, ioctl(null, 0x5555));
}

static void seals(void)
{
	CHECK("files of tmpfs are sealed against seals", fcntl(f, GET_SEALS) == 1 && fcntl(r, GET_SEALS) == 1);
	FAILS("of a folder", EINVAL, fcntl(d, GET_SEALS));
	FAILS("of a device", EINVAL, fcntl(null, GET_SEALS));
	FAILS("of a pipe", EINVAL, fcntl(p[0], GET_SEALS));
	FAILS("of a path", EBADF, fcntl(path_only, GET_SEALS));
	FAILS("F_ADD_SEALS", EPERM, fcntl(f, ADD_SEALS, 1));
	FAILS("no such seal", EINVAL, fcntl(f, ADD_SEALS, 0x1000));
	FAILS("no such seal, and not for writing", EPERM, fcntl(r, ADD_SEALS, 0x1000));
	FAILS("none", EPERM, fcntl(f, ADD_SEALS, 0));
	FAILS("a device", EINVAL, fcntl(null, ADD_SEALS, 1));
	FAILS("a folder", EPERM, fcntl(d, ADD_SEALS, 1));
}

static void hints(void)
{
	uint64_t hint = 9;

	CHECK("F_GET_RW_HINT", fcntl(f, GET_RW_HINT, &hint) == 0 && hint == 0);
	hint = 3;
	CHECK("F_SET_RW_HINT", fcntl(f, SET_RW_HINT, &hint) == 0 && (hint = 0, fcntl(r, GET_RW_HINT, &hint)) == 0 && hint == 3);
	hint = 6;
	FAILS("no such hint", EINVAL, fcntl(f, SET_RW_HINT, &hint));
	FAILS("no memory", EFAULT, fcntl(f, SET_RW_HINT, NOWHERE));
	FAILS("no memory for it", EFAULT, fcntl(f, GET_RW_HINT, NOWHERE));
	FAILS("the hints of descriptors are gone", EINVAL, fcntl(f, 1037, &hint));
	hint = 2;
	CHECK("of a device and a pipe", fcntl(null, SET_RW_HINT, &hint) == 0 && fcntl(p[0], SET_RW_HINT, &hint) == 0);
	FAILS("of a path", EBADF, fcntl(path_only, GET_RW_HINT, &hint));
}

static void direct(void)
{
	int fd = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0600);
	char c[10] = "";

	CHECK("O_DIRECT on tmpfs, anything goes", write(fd, "abcdefg", 7) == 7 && pread(fd, c + 1, 3, 2) == 3 && c[1] == 'c' && (fcntl(fd, F_GETFL) & O_DIRECT));
	CHECK("fcntl", fcntl(fd, F_SETFL, 0) == 0 && !(fcntl(fd, F_GETFL) & O_DIRECT) && fcntl(fd, F_SETFL, O_DIRECT) == 0 && (fcntl(fd, F_GETFL) & O_DIRECT));
	FAILS("a folder", EINVAL, open("d", O_RDONLY | O_DIRECT));
	FAILS("a device", EINVAL, open("/dev/null", O_RDONLY | O_DIRECT));
	FAILS("a FIFO", EINVAL, open("fifo", O_RDONLY | O_NONBLOCK | O_DIRECT));
	FAILS("/proc", EINVAL, open("/proc/self/stat", O_RDONLY | O_DIRECT));
	FAILS("fcntl of a device", EINVAL, fcntl(null, F_SETFL, O_DIRECT));
	FAILS("fcntl of a folder", EINVAL, fcntl(d, F_SETFL, O_DIRECT));
	close(fd);
}

static void told(void)
{
	struct statx { uint32_t mask, size; uint64_t attributes; uint32_t n[4]; uint64_t a[3], known; uint64_t rest[30]; } x;
	int null_path = (int)syscall(SYS_statx, f, NULL, AT_EMPTY_PATH, 0x7ff, &x);

	CHECK("statx of a descriptor, no path", null_path == 0 && x.mask == 0x17ff && x.known == 0x203070 && x.attributes == 0);
	CHECK("and flags that there are not", syscall(SYS_statx, f, "", 0x1200, 0x7ff, &x) == 0);
	FAILS("no descriptor, no path, such flags", EBADF, syscall(SYS_statx, 99, "", 0x1200, 0x7ff, &x));
	FAILS("no descriptor, a path, such flags", EINVAL, syscall(SYS_statx, 99, "x", 0x1200, 0x7ff, &x));
	FAILS("no descriptor, no path", EBADF, syscall(SYS_statx, 99, NULL, AT_EMPTY_PATH, 0x7ff, &x));
	FAILS("no path", EFAULT, syscall(SYS_statx, f, NULL, 0, 0x7ff, &x));
	FAILS("no descriptor, no path, fields that there are not", EINVAL, syscall(SYS_statx, 99, "", AT_EMPTY_PATH, 0x80000000, &x));
	CHECK("asked for nothing", syscall(SYS_statx, AT_FDCWD, "f", 0, 0, &x) == 0 && x.mask == 0x173f);
	CHECK("for all", syscall(SYS_statx, AT_FDCWD, "f", 0, 0xffff, &x) == 0 && (x.mask & 0x5fff) == 0x4fff);
	CHECK("of /proc", syscall(SYS_statx, AT_FDCWD, "/proc/self/stat", 0, 0xfff, &x) == 0 && x.mask == 0x17ff && x.known == 0x203000);
	CHECK("a mount's root", syscall(SYS_statx, AT_FDCWD, "/proc", 0, 0xfff, &x) == 0 && x.attributes == 0x2000);
	CHECK("a pipe", syscall(SYS_statx, p[0], "", AT_EMPTY_PATH, 0xfff, &x) == 0 && x.mask == 0x17ff && x.attributes == 0);
	CHECK("newfstatat of a descriptor, no path", syscall(SYS_newfstatat, f, NULL, &x, AT_EMPTY_PATH) == 0);
	FAILS("no descriptor, no path, flags", EBADF, syscall(SYS_newfstatat, 99, "", &x, 0x1100));
}

static void whiteouts(void)
{
	struct stat s;

	CHECK("RENAME_WHITEOUT", syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "new", 4) == 0 && stat("old", &s) == 0 &&
	      s.st_mode == S_IFCHR && s.st_rdev == 0 && s.st_nlink == 1 && stat("new", &s) == 0 && S_ISREG(s.st_mode));
	FAILS("what stays cannot be opened", ENXIO, open("old", O_RDONLY));
	FAILS("with RENAME_EXCHANGE", EINVAL, syscall(SYS_renameat2, AT_FDCWD, "new", AT_FDCWD, "old", 6));
	FAILS("with RENAME_NOREPLACE", EEXIST, syscall(SYS_renameat2, AT_FDCWD, "new", AT_FDCWD, "old", 5));
	CHECK("over a file", syscall(SYS_renameat2, AT_FDCWD, "new", AT_FDCWD, "old", 4) == 0 && stat("new", &s) == 0 && S_ISCHR(s.st_mode) && unlink("new") == 0);
	CHECK("a folder", syscall(SYS_renameat2, AT_FDCWD, "d2", AT_FDCWD, "d/in", 4) == 0 && stat("d2", &s) == 0 && S_ISCHR(s.st_mode) && stat("d", &s) == 0 && s.st_nlink == 3);
	CHECK("to itself: nothing", syscall(SYS_renameat2, AT_FDCWD, "old", AT_FDCWD, "old", 4) == 0 && stat("old", &s) == 0 && S_ISREG(s.st_mode));
	FAILS("what is not there", ENOENT, syscall(SYS_renameat2, AT_FDCWD, "none", AT_FDCWD, "old", 4));
	CHECK("it goes as any other", rmdir("d/in") == 0 && unlink("d2") == 0 && unlink("old") == 0);
}

static void written(void)
{
	int w = open("f", O_WRONLY);

	CHECK("readahead", syscall(SYS_readahead, f, 0, 10) == 0 && syscall(SYS_readahead, f, -1L, 10) == 0);
	FAILS("no descriptor", EBADF, syscall(SYS_readahead, 99, 0, 10));
	FAILS("a device", EINVAL, syscall(SYS_readahead, null, 0, 10));
	FAILS("a pipe", EINVAL, syscall(SYS_readahead, p[0], 0, 10));
	FAILS("not for reading", EBADF, syscall(SYS_readahead, w, 0, 10));
	FAILS("less than nothing", EINVAL, syscall(SYS_readahead, f, 0, -1L));
	CHECK("sync_file_range", syscall(SYS_sync_file_range, f, 0, 0, 7) == 0 && syscall(SYS_sync_file_range, d, 0, 0, 7) == 0);
	FAILS("no descriptor, no such flag", EBADF, syscall(SYS_sync_file_range, 99, 0, 0, 8));
	FAILS("a pipe, no such flag", EINVAL, syscall(SYS_sync_file_range, p[0], 0, 0, 8));
	FAILS("a pipe, before its begin", EINVAL, syscall(SYS_sync_file_range, p[0], -1L, 0, 0));
	FAILS("a pipe", ESPIPE, syscall(SYS_sync_file_range, p[0], 0, 0, 7));
	FAILS("past the end of offsets", EINVAL, syscall(SYS_sync_file_range, f, INT64_MAX, 1L, 7));
	CHECK("syncfs", syscall(SYS_syncfs, f) == 0 && syscall(SYS_syncfs, p[0]) == 0);
	FAILS("of a path", EBADF, syscall(SYS_syncfs, path_only));
	CHECK("sendfile of /dev/null into a pipe", sendfile(p[1], null, NULL, 0) == 0);
	FAILS("of more than nothing", EINVAL, sendfile(p[1], null, NULL, 10));
	FAILS("of a folder", EINVAL, sendfile(p[1], d, NULL, 10));
	close(w);
}

static void modes(void)
{
	struct stat s;

	CHECK("fchmodat2", syscall(SYS_FCHMODAT2, AT_FDCWD, "f", 0600, AT_SYMLINK_NOFOLLOW) == 0 && stat("f", &s) == 0 && (s.st_mode & 07777) == 0600);
	CHECK("of a descriptor", syscall(SYS_FCHMODAT2, path_only, "", 0640, AT_EMPTY_PATH) == 0 && stat("f", &s) == 0 && (s.st_mode & 07777) == 0640);
	FAILS("of a link", EOPNOTSUPP, syscall(SYS_FCHMODAT2, AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
	FAILS("no descriptor, no such flag", EINVAL, syscall(SYS_FCHMODAT2, 99, "f", 0600, 1));
	FAILS("no path", EFAULT, syscall(SYS_FCHMODAT2, f, NULL, 0600, AT_EMPTY_PATH));
}

static void slices(void)
{
	struct timespec t = {9, 9};

	CHECK("sched_rr_get_interval", syscall(SYS_sched_rr_get_interval, 0, &t) == 0 && t.tv_sec == 0 && t.tv_nsec < 1000000000);
	FAILS("of no number, no memory", EINVAL, syscall(SYS_sched_rr_get_interval, -1, NOWHERE));
	FAILS("of nobody, no memory", ESRCH, syscall(SYS_sched_rr_get_interval, 4000000, NOWHERE));
	FAILS("no memory", EFAULT, syscall(SYS_sched_rr_get_interval, 0, NOWHERE));
}

/* What only root may; without the rights that is said before anything about memory. */
static int as_a_user(void)
{
	uint64_t hint = 1;
	int null_user = open("/dev/null", O_RDWR);

	if (setgid(1000) || setuid(1000))
		return 99;
	check_failures = 0;
	FAILS("a user: FIBMAP, no memory", EPERM, ioctl(f, 1, NOWHERE));
	FAILS("a user: FIFREEZE", EPERM, ioctl(f, FIFREEZE, 0));
	FAILS("a user: FITHAW", EPERM, ioctl(f, FITHAW, 0));
	FAILS("a user: SETFLAGS of another's file, no memory", EFAULT, ioctl(f, SETFLAGS, NOWHERE));
	FAILS("a user: SETFLAGS of another's file", EPERM, ioctl(f, SETFLAGS, (hint = 0, &hint)));
	FAILS("a user: RNDADDTOENTCNT, no memory", EPERM, ioctl(random_, RNDADDTOENTCNT, NOWHERE));
	FAILS("a user: RNDCLEARPOOL", EPERM, ioctl(random_, 0x5206));
	FAILS("a user: a hint for another's file, no memory", EPERM, fcntl(f, SET_RW_HINT, NOWHERE));
	CHECK("a user: reading it", fcntl(f, GET_RW_HINT, &hint) == 0 && close(null_user) == 0);
	return check_failures != 0;
}

int main(void)
{
	pid_t child;

	CHECK("files", mkdir("d", 0755) == 0 && mkdir("d2", 0755) == 0 && mkfifo("fifo", 0644) == 0 && symlink("f", "link") == 0 && pipe(p) == 0);
	f = open("f", O_RDWR | O_CREAT, 0644), g = open("g", O_RDWR | O_CREAT, 0644), r = open("f", O_RDONLY), d = open("d", O_RDONLY);
	null = open("/dev/null", O_RDWR), random_ = open("/dev/urandom", O_RDWR), of_proc = open("/proc/self/stat", O_RDONLY), path_only = open("f", O_PATH);
	close(open("old", O_CREAT | O_WRONLY, 0600));
	clones();
	blocks();
	entropy();
	seals();
	hints();
	direct();
	told();
	whiteouts();
	written();
	modes();
	slices();
	child = fork();
	if (!child)
		_exit(as_a_user());
	CHECK("the user", EXITED(wait_status(child), 0));
	DONE();
}
