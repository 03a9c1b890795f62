/* mount: flags and what they do, what /proc and statfs say of them, kinds of mounts, and answers. */
#include "check.h"
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/vfs.h>

#define NOSYMFOLLOW 256
#define LAZYTIME (1 << 25)
#define BAD ((void *)8)

static char here[200];

/* The line of the mount at `name` in a file of /proc, from the field behind the place on; mounts: that is the file. */
static const char *told(const char *name, int mounts)
{
	static char line[5000];
	char where[400];
	const char *found = NULL;
	FILE *f = fopen(mounts ? "/proc/self/mounts" : "/proc/self/mountinfo", "r");
	static char last[5000];

	snprintf(where, sizeof where, " %s/%s ", here, name);
	while (f && fgets(line, sizeof line, f)) {
		char *at = strstr(line, where);

		if (!at)
			continue;
		strcpy(last, at + strlen(where));
		last[strcspn(last, "\n")] = 0;
		found = last;
	}
	if (f)
		fclose(f);
	return found;
}

static int says(const char *name, int mounts, const char *text)
{
	const char *line = told(name, mounts);

	if (line && strcmp(line, text) == 0)
		return 1;
	fprintf(stderr, "%s: %s\n", name, line ? line : "not there");
	return 0;
}

static long fs_flags(const char *name)
{
	struct statfs s;

	return statfs(name, &s) ? -1 : (long)s.f_flags;
}

static int tmpfs(unsigned long flags, const char *options)
{
	return mount("x y", "m", "tmpfs", flags, options);
}

static void flags(void)
{
	CHECK("no flags", tmpfs(0, 0) == 0 && fs_flags("m") == 0x1020 && says("m", 1, "tmpfs rw,relatime 0 0"));
	CHECK("mountinfo", says("m", 0, "rw,relatime - tmpfs x\\040y rw"));
	umount("m");
	CHECK("nosuid, nodev, noexec, with options", tmpfs(MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,mode=700,nr_inodes=90,uid=5,gid=6") == 0 && fs_flags("m") == 0x102e &&
	      says("m", 1, "tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,nr_inodes=90,mode=700,uid=5,gid=6 0 0"));
	struct stat s;
	CHECK("the root's owner and mode", stat("m", &s) == 0 && s.st_uid == 5 && s.st_gid == 6 && (s.st_mode & 07777) == 0700);
	umount("m");
	CHECK("strictatime", tmpfs(MS_STRICTATIME, 0) == 0 && fs_flags("m") == 0x20 && says("m", 1, "tmpfs rw 0 0"));
	umount("m");
	CHECK("noatime, nodiratime", tmpfs(MS_NOATIME | MS_NODIRATIME, 0) == 0 && fs_flags("m") == 0xc20 && says("m", 1, "tmpfs rw,noatime,nodiratime 0 0"));
	umount("m");
	CHECK("strictatime wins over noatime", tmpfs(MS_NOATIME | MS_STRICTATIME, 0) == 0 && fs_flags("m") == 0x20);
	umount("m");
	CHECK("of the file system: sync, dirsync, lazytime", tmpfs(MS_SYNCHRONOUS | MS_DIRSYNC | LAZYTIME, "size=4097") == 0 && fs_flags("m") == 0x1030 &&
	      says("m", 1, "tmpfs rw,sync,dirsync,lazytime,relatime,size=8k 0 0") && says("m", 0, "rw,relatime - tmpfs x\\040y rw,sync,dirsync,lazytime,size=8k"));
	umount("m");
	CHECK("nosymfollow", tmpfs(NOSYMFOLLOW, 0) == 0 && fs_flags("m") == 0x3020 && says("m", 1, "tmpfs rw,relatime,nosymfollow 0 0"));
	CHECK("a link there", symlink("/tmp", "m/l") == 0 && lstat("m/l", &s) == 0 && readlink("m/l", here + 199, 1) == 1);
	here[199] = 0;
	FAILS("is not followed", ELOOP, stat("m/l", &s));
	FAILS("nor in the middle of a path", ELOOP, stat("m/l/x", &s));
	umount("m");
	CHECK("a source that is none", mount(0, "m", "tmpfs", 0, 0) == 0 && says("m", 0, "rw,relatime - tmpfs none rw"));
	umount("m");
	CHECK("a flag that means nothing", tmpfs(512, 0) == 0 && fs_flags("m") == 0x1020);
	umount("m");
	CHECK("the old magic", tmpfs(0xc0ed0000 | MS_NODEV, 0) == 0 && fs_flags("m") == 0x1024);
	umount("m");
	CHECK("ramfs, and what it does not know", mount("x", "m", "ramfs", 0, "what=1") == 0 && says("m", 1, "ramfs rw,relatime 0 0"));
	umount("m");
}

/* Does reading change the time? */
static int touched(const char *path, int after)
{
	struct timespec t[2] = {{1000000, 0}, {after ? 2000000 : 500000, 0}};
	struct stat s;
	char c;
	int f = open(path, O_RDONLY);

	utimensat(AT_FDCWD, path, t, 0);
	read(f, &c, 1);
	close(f);
	stat(path, &s);
	return s.st_atime != 1000000;
}

static void times(void)
{
	int f;

	tmpfs(MS_STRICTATIME, 0);
	f = open("m/f", O_CREAT | O_RDWR, 0600);
	write(f, "abc", 3), close(f);
	CHECK("strictatime: each read", touched("m/f", 0) && touched("m/f", 1));
	CHECK("noatime: none", mount(0, "m", 0, MS_REMOUNT | MS_NOATIME, 0) == 0 && !touched("m/f", 0) && !touched("m/f", 1));
	CHECK("a remount that does not say keeps it", mount(0, "m", 0, MS_REMOUNT | MS_NODEV, 0) == 0 && fs_flags("m") == 0x424);
	CHECK("relatime: after a change", mount(0, "m", 0, MS_REMOUNT | MS_RELATIME, 0) == 0 && fs_flags("m") == 0x1020 && touched("m/f", 1));
	umount("m");
}

static void remounts(void)
{
	int f;

	tmpfs(0, "size=1m");
	FAILS("remount of no mount's root", EINVAL, (mkdir("m/d", 0700), mount(0, "m/d", 0, MS_REMOUNT, 0)));
	f = open("m/f", O_CREAT | O_RDWR, 0600);
	FAILS("read-only while a file is open for writing", EBUSY, mount(0, "m", 0, MS_REMOUNT | MS_RDONLY, 0));
	FAILS("the mount alone, too", EBUSY, mount(0, "m", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0));
	write(f, here, 8192 > sizeof here ? sizeof here : 8192), ftruncate(f, 0), pwrite(f, "x", 1, 0), pwrite(f, "x", 1, 4096), close(f);
	FAILS("a size below what is used", EINVAL, mount(0, "m", 0, MS_REMOUNT, "size=4k"));
	FAILS("no such option", EINVAL, mount(0, "m", 0, MS_REMOUNT, "what=1"));
	CHECK("another size", mount(0, "m", 0, MS_REMOUNT, "size=16k") == 0 && says("m", 1, "tmpfs rw,relatime,size=16k 0 0"));
	CHECK("a bind mount of it", mount("m", "n", 0, MS_BIND, 0) == 0);
	CHECK("the one read-only", mount(0, "n", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV, 0) == 0 && fs_flags("n") == 0x1025 && fs_flags("m") == 0x1020 &&
	      says("n", 1, "tmpfs ro,nodev,relatime,size=16k 0 0") && says("n", 0, "ro,nodev,relatime - tmpfs x\\040y rw,size=16k"));
	FAILS("is that", EROFS, open("n/g", O_CREAT | O_RDWR, 0600));
	CHECK("the other is not", close(open("m/g", O_CREAT | O_RDWR, 0600)) == 0);
	CHECK("and back", mount(0, "n", 0, MS_REMOUNT | MS_BIND, 0) == 0 && fs_flags("n") == 0x1020);
	CHECK("the file system read-only: both are", mount(0, "m", 0, MS_REMOUNT | MS_RDONLY, 0) == 0 && (fs_flags("n") & 1) && says("n", 1, "tmpfs ro,relatime,size=16k 0 0") &&
	      says("n", 0, "rw,relatime - tmpfs x\\040y ro,size=16k"));
	FAILS("also the other", EROFS, open("n/h", O_CREAT | O_RDWR, 0600));
	umount("n");
	umount("m");
}

static void binds(void)
{
	tmpfs(MS_NODEV, 0);
	mkdir("m/in", 0700), mkdir("m/in/deep", 0700), mkdir("m/out", 0700);
	mount("a", "m/in/deep", "tmpfs", MS_NOEXEC, 0), mount("b", "m/out", "tmpfs", 0, 0);
	mkdir("m/in/deep/d", 0700);
	mount("c", "m/in/deep/d", "tmpfs", 0, 0);
	mkdir("m/in/deep/d/last", 0700);
	CHECK("a bind mount has the flags of what it shows", mount("m/in", "n", 0, MS_BIND | MS_NOSUID | MS_RDONLY, 0) == 0 && fs_flags("n") == 0x1024);
	FAILS("but not what is mounted in it", ENOENT, access("n/deep/d", F_OK));
	umount("n");
	CHECK("with all below", mount("m/in", "n", 0, MS_BIND | MS_REC, 0) == 0 && fs_flags("n/deep") == 0x1028 && access("n/deep/d/last", F_OK) == 0);
	CHECK("and not more", told("n/deep/d", 0) && !told("n/out", 0));
	FAILS("busy", EBUSY, umount("n"));
	CHECK("detached", umount2("n", MNT_DETACH) == 0 && !told("n/deep", 0) && told("m/in/deep", 0));
	CHECK("into itself", mount("m", "m/in", 0, MS_BIND | MS_REC, 0) == 0 && access("m/in/in/deep", F_OK) == 0 && told("m/in/out", 0) && told("m/in/in/deep/d", 0));
	umount2("m/in", MNT_DETACH);
	CHECK("a file", close(open("m/file", O_CREAT | O_WRONLY, 0600)) == 0 && close(open("file", O_CREAT | O_WRONLY, 0600)) == 0 && mount("m/file", "file", 0, MS_BIND, 0) == 0 && umount("file") == 0);
	FAILS("a folder on a file", ENOTDIR, mount("m", "file", 0, MS_BIND, 0));
	FAILS("a file on a folder", ENOTDIR, mount("file", "n", 0, MS_BIND, 0));
	FAILS("of nothing", EINVAL, mount(0, "n", 0, MS_BIND, 0));
	FAILS("of an empty path", EINVAL, mount("", "n", 0, MS_BIND, 0));
	CHECK("unbindable", mount(0, "m/in/deep", 0, MS_UNBINDABLE, 0) == 0 && says("m/in/deep", 0, "rw,noexec,relatime unbindable - tmpfs a rw"));
	FAILS("cannot be bound", EINVAL, mount("m/in/deep", "n", 0, MS_BIND, 0));
	CHECK("and is left out", mount("m/in", "n", 0, MS_BIND | MS_REC, 0) == 0 && !told("n/deep", 0) && umount("n") == 0);
	CHECK("private again", mount(0, "m/in/deep", 0, MS_PRIVATE | MS_REC, 0) == 0 && mount("m/in/deep", "n", 0, MS_BIND, 0) == 0 && umount("n") == 0);
	CHECK("slave of nobody", mount(0, "m", 0, MS_SLAVE, 0) == 0);
	FAILS("two kinds", EINVAL, mount(0, "m", 0, MS_SLAVE | MS_PRIVATE, 0));
	FAILS("a kind of no mount's root", EINVAL, mount(0, "m/in", 0, MS_PRIVATE, 0));
	FAILS("a kind with other flags", EINVAL, mount(0, "m", 0, MS_PRIVATE | MS_NODEV, 0));
	CHECK("move", mount("m", "n", 0, MS_MOVE, 0) == 0 && access("n/in/deep/d/last", F_OK) == 0 && !told("m", 0) && told("n/in/deep/d", 0) && access("m/in", F_OK) == -1);
	FAILS("below itself", ELOOP, mount("n", "n/out", 0, MS_MOVE, 0));
	FAILS("what is no mount's root", EINVAL, mount("n/in", "m", 0, MS_MOVE, 0));
	FAILS("a folder to a file", EINVAL, mount("n", "file", 0, MS_MOVE, 0));
	CHECK("within itself", mount("n/in/deep", "n/in", 0, MS_MOVE, 0) == 0 && access("n/in/d/last", F_OK) == 0 && told("n/in/d", 0));
	umount2("n", MNT_DETACH);
}

static void answers(void)
{
	FAILS("no such place, no memory for the type", EFAULT, syscall(SYS_mount, "x", "none", BAD, 0, 0));
	FAILS("no such place, no memory for the source", EFAULT, syscall(SYS_mount, BAD, "none", "tmpfs", 0, 0));
	FAILS("no such place, no memory for the options", EFAULT, syscall(SYS_mount, "x", "none", "tmpfs", 0, BAD));
	FAILS("no such place, no such type", ENOENT, mount("x", "none", "what", 0, 0));
	FAILS("a file, no such type", ENODEV, mount("x", "file", "what", 0, 0));
	FAILS("a file, no such option", EINVAL, mount("x", "file", "tmpfs", 0, "what=1"));
	FAILS("a file", ENOTDIR, mount("x", "file", "tmpfs", 0, 0));
	FAILS("no type", EINVAL, mount("x", "m", 0, 0, 0));
	FAILS("no user, no such type", EINVAL, mount("x", "m", "what", 1ul << 31, 0));
	FAILS("a mode that is none", EINVAL, tmpfs(0, "mode=9"));
	FAILS("a size that is none", EINVAL, tmpfs(0, "size=x"));
	FAILS("a share that is none", EINVAL, tmpfs(0, "nr_inodes=5%"));
	CHECK("an empty option", tmpfs(0, "size=1m,,mode=755") == 0 && umount("m") == 0);
	pid_t child = fork();
	if (!child) {
		if (setgid(1000) || setuid(1000))
			_exit(99);
		check_failures = 0;
		FAILS("a user: no such place", ENOENT, mount("x", "none", "tmpfs", 0, 0));
		FAILS("a user: no memory", EFAULT, syscall(SYS_mount, "x", "m", BAD, 0, 0));
		FAILS("a user: no such type", EPERM, mount("x", "m", "what", 0, 0));
		FAILS("a user: no user", EINVAL, mount("x", "m", 0, 1ul << 31, 0));
		FAILS("a user: umount with no such flags", EINVAL, umount2("none", 0x100));
		FAILS("a user: umount of nothing", ENOENT, umount("none"));
		FAILS("a user: umount of no mount", EPERM, umount("m"));
		_exit(check_failures != 0);
	}
	CHECK("the user", EXITED(wait_status(child), 0));
}

/* What /proc/mounts shows of another root: what is below it, as seen from there. */
static void chrooted(void)
{
	pid_t child;

	tmpfs(0, 0);
	mkdir("m/proc", 0755), mkdir("m/in", 0755);
	mount("p", "m/proc", "proc", 0, 0), mount("q", "m/in", "tmpfs", MS_RDONLY, 0);
	child = fork();
	if (!child) {
		if (chroot("m") || chdir("/"))
			_exit(99);
		char text[4000];
		int f = open("/proc/self/mounts", O_RDONLY);
		long n = read(f, text, sizeof text - 1);

		text[n > 0 ? n : 0] = 0;
		write(1, text, strlen(text));
		_exit(0);
	}
	CHECK("from another root", EXITED(wait_status(child), 0));
	umount2("m", MNT_DETACH);
}

static void expires(void)
{
	struct stat st;

	tmpfs(0, 0);
	FAILS("expire: the root", EINVAL, umount2("/", MNT_EXPIRE));
	FAILS("expire: no mount", EINVAL, umount2("n", MNT_EXPIRE));
	FAILS("expire: and detach", EINVAL, umount2("m", MNT_EXPIRE | MNT_DETACH));
	FAILS("expire: and force", EINVAL, umount2("m", MNT_EXPIRE | MNT_FORCE));
	int f = open("m/file", O_RDWR | O_CREAT, 0600);
	FAILS("expire: in use", EBUSY, umount2("m", MNT_EXPIRE));
	close(f);
	mkdir("m/in", 0755), mount("q", "m/in", "tmpfs", 0, 0);
	FAILS("expire: with another in it", EBUSY, umount2("m", MNT_EXPIRE));
	umount("m/in");
	FAILS("expire: marked", EAGAIN, umount2("m", MNT_EXPIRE));
	CHECK("somebody was there", stat("m/file", &st) == 0);
	FAILS("expire: marked again", EAGAIN, umount2("m", MNT_EXPIRE));
	CHECK("expire: gone", umount2("m", MNT_EXPIRE) == 0 && stat("m/file", &st) == -1);
}

int main(void)
{
	CHECK("folders", getcwd(here, sizeof here) && mkdir("m", 0755) == 0 && mkdir("n", 0755) == 0);
	flags();
	times();
	remounts();
	binds();
	answers();
	chrooted();
	expires();
	DONE();
}
