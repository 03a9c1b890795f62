/* Names and nodes: odd last components, kinds of nodes, O_PATH, /proc/self/fd, umask, statfs, times that are omitted. */
#include "check.h"
#include <dirent.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static mode_t mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? 0 : st.st_mode;
}

static void components(void)
{
	char b[64];

	mkdir("d", 0755);
	close(open("a", O_CREAT | O_RDWR, 0644));
	symlink("a", "l");
	FAILS("mkdir twice", EEXIST, mkdir("d", 0777));
	FAILS("rmdir of .", EINVAL, rmdir("d/."));
	FAILS("rmdir of ..", ENOTEMPTY, rmdir("d/.."));
	FAILS("mkdir of ..", EEXIST, mkdir("d/..", 0777));
	FAILS("unlink of .", EISDIR, unlink("d/."));
	FAILS("a directory into itself", EINVAL, rename("d", "d/x"));
	FAILS("rename of .", EBUSY, rename("d/.", "e"));
	FAILS("readlink of no room", EINVAL, syscall(SYS_readlink, "l", b, 0L));
	FAILS("unlink of a directory", EISDIR, unlink("d"));
	FAILS("rmdir of a file", ENOTDIR, rmdir("a"));
	FAILS("openat in a closed directory", EBADF, openat(-5, "x", O_RDONLY));
	FAILS("access for what there is not", EINVAL, access("a", 9));
	FAILS("chdir to a file", ENOTDIR, chdir("a"));
	FAILS("create with a slash", EISDIR, open("q/", O_CREAT | O_RDWR, 0600));
	FAILS("no name", ENOENT, creat("", 0));
	FAILS("truncate of nothing", ENOENT, truncate("none", 0));
	CHECK("mkdir with a slash", mkdir("e/", 0700) == 0 && rmdir("e/") == 0);
	FAILS("a link to a directory", EPERM, link("d", "dd"));
	CHECK("renaming a file to another name of it does nothing", link("a", "h") == 0 && rename("a", "h") == 0 && access("a", F_OK) == 0 && unlink("h") == 0);
	CHECK("chmod follows", chmod("l", 0400) == 0 && (mode_of("a") & 0777) == 0400 && S_ISLNK(mode_of("l")));
	CHECK("faccessat of the link itself", faccessat(AT_FDCWD, "l", R_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

static void nodes(void)
{
	int n = 0;
	struct dirent *e;
	DIR *d;

	CHECK("mkfifo", mkfifo("ff", 0600) == 0 && S_ISFIFO(mode_of("ff")));
	FAILS("nobody reads it", ENXIO, open("ff", O_WRONLY | O_NONBLOCK));
	CHECK("a socket's name", mknod("sock", S_IFSOCK | 0600, 0) == 0 && S_ISSOCK(mode_of("sock")));
	FAILS("cannot be opened", ENXIO, open("sock", O_RDONLY));
	FAILS("mknod makes no directories", EPERM, mknod("dd", S_IFDIR | 0600, 0));
	FAILS("nor links", EINVAL, mknod("ll", S_IFLNK | 0600, 0));
	CHECK("a file without a type", mknod("plain", 0600, 0) == 0 && S_ISREG(mode_of("plain")));
	umask(027);
	CHECK("umask", mkdir("um", 0777) == 0 && (mode_of("um") & 07777) == 0750 && umask(022) == 027);
	for (d = opendir("."); (e = readdir(d)); n++)
		if (!strcmp(e->d_name, "ff"))
			CHECK("readdir tells the type", e->d_type == DT_FIFO);
	closedir(d);
	CHECK("and names each once", n == 9);
}

static void handles(void)
{
	char name[40], b[8];
	struct stat st;
	int o = open("a", O_PATH), f;

	CHECK("O_PATH can be looked at", fstat(o, &st) == 0 && S_ISREG(st.st_mode) && fcntl(o, F_GETFL) == O_PATH);
	FAILS("not changed", EBADF, syscall(SYS_fchmod, o, 0));
	FAILS("not locked", EBADF, fcntl(o, F_SETLK, &(struct flock){ .l_type = F_RDLCK }));
	FAILS("not mapped", EBADF, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, o, 0) == MAP_FAILED ? -1 : 0);
	FAILS("an empty name is none", ENOENT, openat(o, "", O_RDONLY));
	snprintf(name, sizeof name, "/proc/self/fd/%d", o);
	CHECK("reopened through /proc", (f = open(name, O_RDONLY)) >= 0 && read(f, b, 1) == 0);
	CHECK("a link's own handle", (f = open("l", O_PATH | O_NOFOLLOW)) >= 0 && fstat(f, &st) == 0 && S_ISLNK(st.st_mode) && readlinkat(f, "", b, 8) == 1 && b[0] == 'a');
	int gone = open("gone", O_CREAT | O_RDWR, 0600);
	write(gone, "still", 5);
	unlink("gone");
	snprintf(name, sizeof name, "/proc/self/fd/%d", gone);
	CHECK("a removed file through /proc", (f = open(name, O_RDONLY)) >= 0 && read(f, b, 8) == 5 && !memcmp(b, "still", 5));
	CHECK("has no names", fstat(gone, &st) == 0 && st.st_nlink == 0);
	mkdir("rm", 0700);
	f = open("rm", O_RDONLY | O_DIRECTORY);
	rmdir("rm");
	FAILS("nothing is made in a removed directory", ENOENT, openat(f, "x", O_CREAT | O_RDWR, 0600));
	CHECK("it is empty", fstat(f, &st) == 0 && st.st_nlink == 0);
}

int main(void)
{
	struct statfs sf;
	struct stat st;
	struct timespec t[2] = { { 5, 6 }, { 0, UTIME_OMIT } };
	int null = open("/dev/null", O_RDWR);

	components();
	nodes();
	handles();
	stat("a", &st);
	time_t before = st.st_mtim.tv_sec;
	CHECK("one time set, one omitted", utimensat(AT_FDCWD, "a", t, 0) == 0 && stat("a", &st) == 0 && st.st_atim.tv_sec == 5 && st.st_atim.tv_nsec == 6 && st.st_mtim.tv_sec == before);
	t[0].tv_nsec = -3;
	FAILS("no such nanosecond", EINVAL, utimensat(AT_FDCWD, "a", t, 0));
	CHECK("statfs", statfs(".", &sf) == 0 && sf.f_type == 0x1021994 && sf.f_namelen == 255 && sf.f_bsize == 4096);
	CHECK("fstatfs of a pipe is another", fstatfs(null, &sf) == 0);
	CHECK("/dev/null is device 1:3", fstat(null, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 && minor(st.st_rdev) == 3);
	DONE();
}
