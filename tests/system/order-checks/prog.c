/*
 * Calls that make two mistakes at once: which one Linux tells first; and calls that look wrong and are not.
 * Most rows were found by tools/differ.
 */
#include "../check.h"
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#ifndef __O_TMPFILE
#define __O_TMPFILE 020000000
#endif
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_CLOCK_REALTIME 256
#define BAD ((void *)UINT64_C(0xffffffff81000000))
#define NOWHERE ((void *)8)

static char long_name[257], long_path[4200];

static void open_flags(void)
{
	FAILS("open: no memory, O_CREAT|O_DIRECTORY", EINVAL, syscall(SYS_open, BAD, O_CREAT | O_DIRECTORY, 0));
	FAILS("open: no such file, O_TMPFILE|O_CREAT", EINVAL, open("none/x", O_TMPFILE | O_CREAT | O_RDWR, 0));
	FAILS("open: no such file, O_TMPFILE for reading", EINVAL, open("none", O_TMPFILE | O_RDONLY, 0));
	FAILS("open: no such file, half of O_TMPFILE", EINVAL, syscall(SYS_open, "none", __O_TMPFILE | O_RDWR, 0));
	CHECK("open: O_TMPFILE, access mode 3", close((int)syscall(SYS_open, ".", O_TMPFILE | 3, 0600)) == 0);
	FAILS("open: a FIFO, access mode 3", EINVAL, syscall(SYS_open, "p", O_NONBLOCK | 3));
}

static void two_paths(void)
{
	FAILS("rename: no such file, no memory", ENOENT, syscall(SYS_rename, "none/x", BAD));
	FAILS("rename: empty, too long", ENOENT, rename("", long_path));
	FAILS("rename: no such file, name too long", ENOENT, rename("none", long_name));
	FAILS("rename: name too long, dot", EBUSY, rename(long_name, "d/."));
	FAILS("rename: dot dot, name too long", EBUSY, rename("..", long_name));
	FAILS("renameat: no descriptor, too long", EBADF, renameat(99, "x", 98, long_path));
	FAILS("renameat2: flags, no memory", EINVAL, syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, BAD, 3));
	FAILS("rename: a folder below itself, over a file", EINVAL, rename("d", "d/g"));
	FAILS("rename: two names of one file, one with a slash", ENOTDIR, rename("f/", "ro/a"));
	FAILS("rename: a file over its own folder", ENOTEMPTY, rename("d/g", "d"));
	FAILS("link: no such file, no memory", ENOENT, syscall(SYS_link, "none", BAD));
	FAILS("link: no such file, too long", ENOENT, link("none", long_path));
	FAILS("link: a folder, to a name with a slash", ENOENT, link("d", "none/"));
	FAILS("linkat: no descriptor, no memory", EBADF, syscall(SYS_linkat, 99, "x", AT_FDCWD, BAD, 0));
	FAILS("symlink: empty, too long", ENOENT, symlink("", long_path));
	FAILS("symlink: empty, no memory", ENOENT, syscall(SYS_symlink, "", BAD));
	FAILS("readlink: empty", ENOENT, syscall(SYS_readlink, "", long_path, 10));
}

static void times(void)
{
	struct timespec wrong[2] = {{1, 1000000000}, {1, 0}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};

	FAILS("utimensat: no such file, no time", ENOENT, utimensat(AT_FDCWD, "none", wrong, 0));
	FAILS("utimensat: no memory, flags", EFAULT, syscall(SYS_utimensat, AT_FDCWD, "f", NOWHERE, 0x200));
	FAILS("utimensat: no such file, flags", EINVAL, utimensat(AT_FDCWD, "none", wrong, 0x200));
	FAILS("utimensat: no descriptor, no time", EBADF, utimensat(99, "x", wrong, 0));
	CHECK("utimensat: nothing to set, no such file, flags", syscall(SYS_utimensat, 99, "none", omit, 0x200) == 0);
	FAILS("utimensat: no descriptor, flags", EINVAL, syscall(SYS_utimensat, 99, NULL, wrong, 0x100));
}

static void descriptors(void)
{
	struct iovec vec[1] = {{long_path, 4}};
	off_t minus = -1;
	struct flock own = {F_WRLCK, SEEK_SET, 5, 5, 0}, any = {F_UNLCK, SEEK_SET, 0, 0, 0};
	int p[2], null = open("/dev/null", O_RDWR), dir = open(".", O_RDONLY), f = open("f", O_RDWR);
	int nothing = (int)syscall(SYS_open, "f", 3), unnamed = open(".", O_TMPFILE | O_RDWR, 0600), size = 0;

	CHECK("pipe", pipe(p) == 0);
	FAILS("read: a folder, no memory", EFAULT, syscall(SYS_read, dir, BAD, 10));
	FAILS("pread64: a folder, no memory", EFAULT, syscall(SYS_pread64, dir, BAD, 10, 0));
	FAILS("read: /dev/null, no memory", EFAULT, syscall(SYS_read, null, BAD, 10));
	FAILS("write: /dev/null, no memory", EFAULT, syscall(SYS_write, null, BAD, 10));
	FAILS("pwrite64: /dev/null, more than there is", EFAULT, syscall(SYS_pwrite64, null, long_path, INT64_MAX, 0));
	FAILS("read: for writing only, no memory", EBADF, syscall(SYS_read, p[1], BAD, 10));
	FAILS("readv: for writing only, too many", EBADF, syscall(SYS_readv, p[1], vec, 5000));
	FAILS("preadv: no descriptor, negative offset", EINVAL, syscall(SYS_preadv, 99, vec, 1L, -1L, 0L));
	FAILS("preadv: a pipe, too many", ESPIPE, syscall(SYS_preadv, p[0], vec, 5000, 0, 0));
	CHECK("writev: a count of 2^32 + 1 is 1", syscall(SYS_writev, null, vec, UINT64_C(0x100000001)) == 4);
	FAILS("flock: no descriptor, no operation", EINVAL, flock(99, LOCK_NB));
	CHECK("flock: mandatory, no descriptor", flock(99, 32 | LOCK_NB) == 0);
	FAILS("sendfile: no descriptor, no memory", EFAULT, syscall(SYS_sendfile, 99, f, NOWHERE, 10));
	FAILS("sendfile: no descriptor, a pipe with an offset", ESPIPE, sendfile(99, p[0], &(off_t){0}, 10));
	FAILS("sendfile: no descriptor, negative offset", EINVAL, sendfile(99, f, &minus, 10));
	FAILS("sendfile: no descriptor, beyond the last offset", EINVAL, sendfile(99, f, &(off_t){1}, INT64_MAX));
	CHECK("sendfile: nothing of /dev/null", sendfile(f, null, NULL, 0) == 0);
	FAILS("sendfile: something of /dev/null", EINVAL, sendfile(f, null, NULL, 10));
	FAILS("sendfile: negative count", EINVAL, syscall(SYS_sendfile, null, f, NULL, -1L));
	FAILS("fallocate: for reading only, no such mode", EOPNOTSUPP, syscall(SYS_fallocate, p[0], 0x50, 0, 10));
	FAILS("fallocate: a pipe, hole that changes the size", EOPNOTSUPP, syscall(SYS_fallocate, p[1], 2, 0, 10));
	FAILS("fallocate: a pipe", ESPIPE, syscall(SYS_fallocate, p[1], 0, 0, 10));
	FAILS("fallocate: negative, no such mode", EINVAL, syscall(SYS_fallocate, f, 0x50, -1L, 10L));
	FAILS("copy_file_range: flags, no memory", EFAULT, syscall(SYS_copy_file_range, f, NOWHERE, f, 0, 10, 1));
	FAILS("copy_file_range: flags, folders", EINVAL, syscall(SYS_copy_file_range, dir, 0, dir, 0, 10, 1));
	FAILS("copy_file_range: a folder, and no way to write", EISDIR, syscall(SYS_copy_file_range, p[0], 0, dir, 0, 10, 0));
	FAILS("copy_file_range: a pipe, and no way to read", EINVAL, syscall(SYS_copy_file_range, p[1], 0, f, 0, 10, 0));
	CHECK("preadv: a folder, nothing", syscall(SYS_preadv, dir, vec, 0, 0, 0) == 0);
	FAILS("flock: for neither reading nor writing", EBADF, flock(nothing, LOCK_EX | LOCK_NB));
	CHECK("flock: that can be unlocked", flock(nothing, LOCK_UN) == 0);
	FAILS("fcntl: no lock, no memory", EFAULT, syscall(SYS_fcntl, f, F_SETLK, NOWHERE));
	CHECK("fcntl: F_OFD_GETLK of F_UNLCK tells of the own locks", fcntl(f, F_OFD_SETLK, &own) == 0 && fcntl(f, F_OFD_GETLK, &any) == 0 && any.l_type == F_WRLCK &&
	      any.l_start == 5 && any.l_len == 5);
	CHECK("fadvise64: advice is an int", syscall(SYS_fadvise64, f, 0, 0, UINT64_C(0x100000001)) == 0);
	CHECK("fcntl: F_SETPIPE_SZ of 0 is a page", fcntl(p[0], F_SETPIPE_SZ, 0) == 4096);
	CHECK("ioctl: FIGETBSZ of a device", syscall(SYS_ioctl, null, 2L, &size) == 0 && size == 4096);
	FAILS("ioctl: FIOASYNC, no memory", EFAULT, syscall(SYS_ioctl, null, 0x5452L, BAD));
	CHECK("ioctl: FIOASYNC that is off", syscall(SYS_ioctl, p[0], 0x5452L, &(int){0}) == 0);
	CHECK("open: O_TMPFILE shows among the flags", (fcntl(unnamed, F_GETFL) & O_TMPFILE) == O_TMPFILE);
	close(p[0]), close(p[1]), close(null), close(dir), close(f), close(nothing), close(unnamed);
}

static void places(void)
{
	char where[100];
	pid_t child = fork();

	if (!child) {
		FAILS("rt_sigaction: no such signal, no memory", EFAULT, syscall(SYS_rt_sigaction, 65, BAD, 0, 8));
		FAILS("rt_sigaction: no such signal, no memory, size", EINVAL, syscall(SYS_rt_sigaction, 65, BAD, 0, 9));
		CHECK("chroot", chdir("d") == 0 && mkdir("root", 0755) == 0 && chroot("root") == 0);
		CHECK("getcwd: outside of the root", syscall(SYS_getcwd, where, sizeof(where)) > 0 && !strncmp(where, "(unreachable)/", 14));
		FAILS("getcwd: too short, no memory", ERANGE, syscall(SYS_getcwd, BAD, 8));
		if (setresuid(1, 1, 1))
			_exit(1);
		FAILS("chroot: no such folder, not permitted", ENOENT, chroot("none"));
		FAILS("chroot: no folder, not permitted", ENOTDIR, chroot("g"));
		FAILS("chroot: not permitted", EPERM, chroot("."));
		_exit(check_failures);
	}
	CHECK("in a child", EXITED(wait_status(child), 0) && rmdir("d/root") == 0);
}

static void memory(void)
{
	char *m = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *to;
	int f = open("f", O_RDWR);

	munmap(m + 3 * 4096, 2 * 4096);
	CHECK("mprotect: read only", mprotect(m, 3 * 4096, PROT_READ) == 0);
	FAILS("mprotect: over a hole", ENOMEM, mprotect(m, 5 * 4096, PROT_READ | PROT_WRITE));
	CHECK("mprotect: what lies before the hole is changed", (m[2 * 4096] = 7) == 7);
	CHECK("mprotect: PROT_SEM", mprotect(m, 4096, PROT_READ | PROT_WRITE | 8) == 0);
	FAILS("mprotect: no such protection, past all", ENOMEM, mprotect(m, SIZE_MAX - 8191, 0x100));
	FAILS("mincore: unmapped, no memory", EFAULT, syscall(SYS_mincore, m + 3 * 4096, 4096, BAD));
	FAILS("mremap: unmapped, old size past all", EFAULT, syscall(SYS_mremap, m + 3 * 4096, -4096L, 4096, MREMAP_MAYMOVE));
	FAILS("mremap: unmapped, over itself", EINVAL, syscall(SYS_mremap, m + 3 * 4096, 8192, 8192, 3, m + 4 * 4096));
	FAILS("mremap: DONTUNMAP over a hole", EFAULT, syscall(SYS_mremap, m, 5 * 4096, 5 * 4096, 5, 0));
	to = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	to = (char *)syscall(SYS_mremap, to, 4096, 4096, 5, 0);
	CHECK("mremap: DONTUNMAP of a file", to != MAP_FAILED && to[0] == '0');
	FAILS("futex: a clock that this one does not take", ENOSYS, syscall(SYS_futex, BAD, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, 0, 0));
	FAILS("futex: such a clock and no time", EFAULT, syscall(SYS_futex, m, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, NOWHERE, 0, 0));
	close(f);
}

static void identity(void)
{
	uint32_t header[2] = {0x20080522, 4000000};

	CHECK("capget: no such process, nowhere to write", syscall(SYS_capget, header, NULL) == 0);
	setfsgid(1);
	CHECK("setresgid: nothing changes, the file system's group stays", syscall(SYS_setresgid, -1, -1, 0) == 0 && setfsgid(-1) == 1);
	CHECK("setresgid: the same again, it goes", syscall(SYS_setresgid, -1, 0, -1) == 0 && setfsgid(-1) == 0);
	CHECK("rename: two names of one file in a folder that may not be written", chmod("ro", 0555) == 0 && syscall(SYS_setresuid, 1, 1, 1) == 0 &&
	      rename("ro/a", "ro/b") == 0);
}

int main(void)
{
	int fd = open("f", O_CREAT | O_RDWR, 0644);

	memset(long_name, 'n', sizeof(long_name) - 1);
	memset(long_path, 'p', sizeof(long_path) - 1);
	CHECK("files", write(fd, "0123456789", 10) == 10 && close(fd) == 0 && mkdir("d", 0755) == 0 && mkfifo("p", 0644) == 0 &&
	      close(open("d/g", O_CREAT | O_WRONLY, 0644)) == 0 && mkdir("ro", 0755) == 0 && link("f", "ro/a") == 0 && link("f", "ro/b") == 0);
	open_flags();
	two_paths();
	times();
	descriptors();
	places();
	memory();
	identity();
	DONE();
}
