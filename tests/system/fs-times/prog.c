/* utimensat, atime, mtime, ctime, chmod, fchmodat, stat fields, statfs, statx. */
#include "check.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>

int main(void)
{
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	struct stat st, st2;
	struct statfs fs;
	int f = open("f", O_CREAT | O_RDWR, 0640);

	fstat(f, &st);
	CHECK("fields of a new file", S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0640 && st.st_nlink == 1 && st.st_size == 0 && st.st_uid == 0 && st.st_ino && st.st_blksize >= 512);
	CHECK("now", labs(st.st_mtime - time(NULL)) <= 2);
	CHECK("utimensat", utimensat(AT_FDCWD, "f", ts, 0) == 0 && stat("f", &st) == 0);
	CHECK("with nanoseconds", st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 123456789 && st.st_mtim.tv_nsec == 987654321);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK("UTIME_OMIT and UTIME_NOW", futimens(f, ts) == 0 && fstat(f, &st) == 0 && st.st_atime == 1000000000 && labs(st.st_mtime - time(NULL)) <= 2);
	ts[0].tv_nsec = 2000000000;
	FAILS("bad nanoseconds", EINVAL, futimens(f, ts));
	symlink("f", "l");
	ts[0] = ts[1] = (struct timespec){ 5, 0 };
	CHECK("of a link itself", utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW) == 0 && lstat("l", &st) == 0 && st.st_mtime == 5 && stat("f", &st2) == 0 && st2.st_mtime != 5);
	futimens(f, ts);
	write(f, "x", 1);
	fstat(f, &st);
	CHECK("write sets mtime", st.st_mtime != 5);
	st2 = st;
	pause_ms(20);
	chmod("f", 0600);
	stat("f", &st);
	CHECK("chmod sets ctime only", (st.st_mode & 07777) == 0600 && (st.st_ctim.tv_nsec != st2.st_ctim.tv_nsec || st.st_ctime != st2.st_ctime) && st.st_mtim.tv_nsec == st2.st_mtim.tv_nsec);
	CHECK("fchmod", fchmod(f, 04755) == 0 && fstat(f, &st) == 0 && (st.st_mode & 07777) == 04755);
	mkdir("d", 0755);
	stat("d", &st);
	CHECK("an empty directory has two links", st.st_nlink == 2);
	mkdir("d/x", 0755);
	stat("d", &st);
	CHECK("and one for each below", st.st_nlink == 3);
	ts[0] = ts[1] = (struct timespec){ 7, 0 };
	utimensat(AT_FDCWD, "d", ts, 0);
	close(open("d/new", O_CREAT | O_WRONLY, 0600));
	stat("d", &st);
	CHECK("creating sets the directory's mtime", st.st_mtime != 7);
	CHECK("statfs", statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_blocks >= fs.f_bfree && fs.f_namelen == 255);
	CHECK("device numbers", stat("/dev/zero", &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 && minor(st.st_rdev) == 5);
	CHECK("a file system of its own", stat("/proc", &st) == 0 && stat("/", &st2) == 0 && st.st_dev != st2.st_dev);
	CHECK("mknod of a file and a fifo", mknod("n", S_IFREG | 0600, 0) == 0 && mknod("p", S_IFIFO | 0600, 0) == 0 && stat("p", &st) == 0 && S_ISFIFO(st.st_mode));
	unsigned char sx[256];
	CHECK("statx", syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, sx) == 0 && *(uint64_t *)(sx + 40) == 1);
	DONE();
}
