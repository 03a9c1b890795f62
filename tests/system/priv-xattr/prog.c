/* Extended attributes: who may see and set which, and what they cost; capabilities of a program's file. */
#include "guests.h"
#include <stdint.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#define CAPS "security.capability"

static char big[70000], got[70000];

static long set(const char *path, const char *name, const char *value)
{
	return setxattr(path, name, value, strlen(value), 0);
}

static int is(const char *path, const char *name, const char *value)
{
	ssize_t n = getxattr(path, name, got, sizeof got);

	return n == (ssize_t)strlen(value) && !memcmp(got, value, (size_t)n);
}

static int has(const char *path, const char *name)
{
	return getxattr(path, name, NULL, 0) >= 0;
}

/* Names in a list. */
static int lists(const char *path, const char *want, size_t size)
{
	ssize_t n = listxattr(path, got, sizeof got);

	return n == (ssize_t)size && !memcmp(got, want, size);
}

struct vfs_caps {
	uint32_t magic, permitted, inheritable, permitted2, inheritable2, root;
};

static long set_caps(const char *path, unsigned revision, int effective, unsigned long permitted, unsigned long inheritable, unsigned root)
{
	struct vfs_caps c = { revision << 24 | (unsigned)effective, (uint32_t)permitted, (uint32_t)inheritable, (uint32_t)(permitted >> 32),
			      (uint32_t)(inheritable >> 32), root };

	return setxattr(path, CAPS, &c, revision == 1 ? 12 : revision == 2 ? 20 : 24, 0);
}

/* ---- names, values, sizes ---- */

static void basics(void)
{
	char name[300];

	close(open("f", O_CREAT | O_RDWR, 0644));
	memcpy(name, "user.", 5);
	memset(name + 5, 'n', 295);
	name[255] = 0;
	CHECK("set and get", set("f", "user.a", "value") == 0 && is("f", "user.a", "value"));
	CHECK("replaced", setxattr("f", "user.a", "more", 4, XATTR_REPLACE) == 0 && is("f", "user.a", "more"));
	FAILS("create what is there", EEXIST, setxattr("f", "user.a", "x", 1, XATTR_CREATE));
	FAILS("replace what is not there", ENODATA, setxattr("f", "user.b", "x", 1, XATTR_REPLACE));
	FAILS("both of what is not there", ENODATA, setxattr("f", "user.b", "x", 1, XATTR_CREATE | XATTR_REPLACE));
	CHECK("an empty value", set("f", "user.empty", "") == 0 && getxattr("f", "user.empty", got, 1) == 0);
	CHECK("its size is asked for", getxattr("f", "user.a", NULL, 0) == 4);
	FAILS("too little room", ERANGE, getxattr("f", "user.a", got, 3));
	FAILS("get: wild room", EFAULT, getxattr("f", "user.a", (char *)8, 100));
	FAILS("get: none", ENODATA, getxattr("f", "user.none", got, 1));
	FAILS("remove: none", ENODATA, removexattr("f", "user.none"));
	CHECK("removed", removexattr("f", "user.empty") == 0 && !has("f", "user.empty"));
	CHECK("a name of 255", set("f", name, "x") == 0 && is("f", name, "x") && removexattr("f", name) == 0);
	name[255] = 'n', name[256] = 0;
	FAILS("a name of 256", ERANGE, set("f", name, "x"));
	FAILS("no kind", EOPNOTSUPP, set("f", "foo", "x"));
	FAILS("a kind alone", EINVAL, set("f", "user.", "x"));
	FAILS("get: a kind alone", EINVAL, getxattr("f", "trusted.", got, 1));
	FAILS("remove: a kind alone", EINVAL, removexattr("f", "security."));
	FAILS("a kind without its dot", EOPNOTSUPP, getxattr("f", "user", got, 1));
	FAILS("flags come before the path", EINVAL, setxattr((char *)8, "user.a", "x", 1, 8));
	FAILS("the name comes before the path", ERANGE, getxattr((char *)8, "", got, 1));
	FAILS("the value comes before the path", EFAULT, setxattr("missing", "user.a", (char *)8, 1, 0));
	CHECK("64 KiB", setxattr("f", "user.big", big, 65536, 0) == 0 && getxattr("f", "user.big", got, sizeof got) == 65536);
	FAILS("65537 bytes", E2BIG, setxattr("f", "user.big", big, 65537, 0));
	CHECK("and gone", removexattr("f", "user.big") == 0);
}

static void lists_of(void)
{
	char name[64];
	int fine = 1;

	CHECK("nothing listed", lists("/proc/self/stat", "", 0));
	CHECK("trusted and security", set("f", "trusted.t", "1") == 0 && set("f", "security.s", "2") == 0);
	CHECK("all listed", lists("f", "user.a\0trusted.t\0security.s", 28));
	CHECK("only how much", listxattr("f", NULL, 0) == 28);
	FAILS("list: too little room", ERANGE, listxattr("f", got, 27));
	FAILS("list: wild room", EFAULT, listxattr("f", (char *)8, 100));
	for (int i = 0; i < 400; i++) {
		sprintf(name, "user.%d", i);
		fine &= set("f", name, name) == 0;
	}
	for (int i = 399; i >= 0; i--) {
		sprintf(name, "user.%d", i);
		fine &= is("f", name, name) && removexattr("f", name) == 0;
	}
	CHECK("four hundred", fine && listxattr("f", NULL, 0) == 28);
}

static void other_files(void)
{
	int p[2];

	mkdir("d", 0755);
	mkfifo("p", 0666);
	symlink("f", "l");
	CHECK("a directory", set("d", "user.a", "x") == 0);
	FAILS("user: a FIFO", EPERM, set("p", "user.a", "x"));
	FAILS("user: get of a FIFO", ENODATA, getxattr("p", "user.a", got, 1));
	CHECK("trusted: a FIFO", set("p", "trusted.a", "x") == 0 && is("p", "trusted.a", "x"));
	CHECK("through a link", is("l", "user.a", "more"));
	FAILS("user: a link", EPERM, lsetxattr("l", "user.a", "x", 1, 0));
	CHECK("trusted: a link", lsetxattr("l", "trusted.l", "x", 1, 0) == 0 && lgetxattr("l", "trusted.l", got, 9) == 1 && !has("f", "trusted.l"));
	CHECK("llistxattr, lremovexattr", llistxattr("l", got, 99) == 10 && lremovexattr("l", "trusted.l") == 0);
	FAILS("/proc has none", EOPNOTSUPP, set("/proc/self/stat", "trusted.a", "x"));
	FAILS("/proc: get", EOPNOTSUPP, getxattr("/proc/self/stat", "trusted.a", got, 1));
	pipe(p);
	FAILS("a pipe has none", EOPNOTSUPP, fsetxattr(p[0], "trusted.a", "x", 1, 0));
	CHECK("fsetxattr and its kin", fsetxattr(open("f", O_RDONLY), "user.fd", "y", 1, 0) == 0 && is("f", "user.fd", "y") &&
	      fremovexattr(open("f", O_RDONLY), "user.fd") == 0);
}

/* ---- who may ---- */

static void users(void)
{
	struct stat before, after;

	close(open("own", O_CREAT | O_RDWR, 0644));
	chown("own", 1000, 1000);
	close(open("shut", O_CREAT | O_RDWR, 0600));
	set("shut", "user.a", "x");
	mkdir("sticky", 0777);
	chmod("sticky", 01777);
	mkdir("open", 0777);
	chmod("open", 0777);
	AS("a user",
	   1000,
	   CHECK("one's own file", set("own", "user.a", "mine") == 0 && is("own", "user.a", "mine"));
	   FAILS("another's, which one may read", EACCES, set("f", "user.a", "mine"));
	   CHECK("is read", is("f", "user.a", "more"));
	   FAILS("is not removed", EACCES, removexattr("f", "user.a"));
	   FAILS("what one may not read", EACCES, getxattr("shut", "user.a", got, 9));
	   FAILS("another's sticky directory", EPERM, set("sticky", "user.a", "x"));
	   CHECK("a directory that one may write", set("open", "user.a", "x") == 0);
	   FAILS("set trusted", EPERM, set("own", "trusted.a", "x"));
	   FAILS("get trusted", ENODATA, getxattr("f", "trusted.t", got, 9));
	   FAILS("remove trusted", EPERM, removexattr("f", "trusted.t"));
	   CHECK("trusted is not listed", lists("f", "user.a\0security.s", 18));
	   FAILS("set security", EPERM, set("own", "security.x", "x"));
	   CHECK("security is read", is("f", "security.s", "2"));
	   FAILS("remove security", EPERM, removexattr("f", "security.s"));
	   FAILS("capabilities", EPERM, set_caps("own", 2, 1, CAP(CAP_KILL), 0, 0));
	   FAILS("no proper capabilities", EINVAL, set("own", CAPS, "x"));
	   FAILS("remove capabilities", EPERM, removexattr("f", CAPS)));
	stat("f", &before);
	pause_ms(20);
	set("f", "user.a", "more");
	stat("f", &after);
	CHECK("ctime alone", before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_ctim.tv_nsec != after.st_ctim.tv_nsec);
	AS("CAP_SETFCAP", 0,
	   prctl(PR_SET_KEEPCAPS, 1);
	   setresuid(1000, 1000, 1000);
	   caps_set(CAP(CAP_SETFCAP), CAP(CAP_SETFCAP), 0);
	   CHECK("is enough for capabilities", set_caps("f", 2, 1, CAP(CAP_KILL), 0, 0) == 0 && removexattr("f", CAPS) == 0);
	   FAILS("and not for security", EPERM, set("f", "security.x", "x"));
	   FAILS("and not for trusted", EPERM, set("f", "trusted.x", "x")));
}

/* ---- capabilities of files ---- */

static void forms(void)
{
	struct vfs_caps c;

	FAILS("revision 1", EINVAL, set_caps("f", 1, 1, 1, 0, 0));
	FAILS("revision 2 too long", EINVAL, setxattr("f", CAPS, "\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24, 0));
	FAILS("revision 3 too short", EINVAL, setxattr("f", CAPS, "\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0));
	CHECK("revision 3 shows as 2", set_caps("f", 3, 1, 1, 0, 0) == 0 && getxattr("f", CAPS, &c, sizeof c) == 20 && c.magic == 0x2000001);
	CHECK("the size of that", getxattr("f", CAPS, NULL, 0) == 20);
	FAILS("too little room for it", ERANGE, getxattr("f", CAPS, &c, 19));
	CHECK("another root's shows", set_caps("f", 3, 0, 1, 0, 5) == 0 && getxattr("f", CAPS, &c, sizeof c) == 24 && c.magic == 0x3000000 && c.root == 5);
	CHECK("removed", removexattr("f", CAPS) == 0 && !has("f", CAPS));
}

/* The program again, by that name; it ends with what `show` finds. */
static int runs(const char *path, const char *what)
{
	pid_t p = fork();

	if (p == 0) {
		execl(path, path, "show", what, NULL);
		_exit(errno == EPERM ? 90 : errno == EACCES ? 91 : 92);
	}
	return WEXITSTATUS(wait_status(p));
}

static int show(const char *what)
{
	struct caps c = caps_now();

	switch (*what) {
	case 'e': return (c.effective == CAP(CAP_KILL)) | (c.permitted == CAP(CAP_KILL)) << 1;
	case 'p': return (c.effective == 0) | (c.permitted == CAP(CAP_KILL)) << 1;
	case 'i': return (c.effective == CAP(CAP_CHOWN)) | (c.permitted == CAP(CAP_CHOWN)) << 1;
	case 'n': return (c.effective == 0) | (c.permitted == 0) << 1;
	case 'd': return prctl(PR_GET_DUMPABLE) == 0 ? 3 : 0;
	default: return 0;
	}
}

static void programs(void)
{
	copy_self("run", 0755);
	copy_self("suid", 04755);
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	AS("effective", 1000, CHECK("permitted and effective", runs("./run", "e") == 3));
	AS("secret", 1000, CHECK("not dumpable", runs("./run", "d") == 3));
	AS("no new privileges", 1000, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); CHECK("nothing gained", runs("./run", "n") == 3));
	AS("bounding", 0, prctl(PR_CAPBSET_DROP, CAP_KILL); become(1000); CHECK("not what is out of bounds", runs("./run", "e") == 90));
	set_caps("run", 2, 0, CAP(CAP_KILL), 0, 0);
	AS("permitted", 1000, CHECK("not effective", runs("./run", "p") == 3));
	AS("bounding and permitted", 0, prctl(PR_CAPBSET_DROP, CAP_KILL); become(1000); CHECK("runs without", runs("./run", "n") == 3));
	set_caps("run", 3, 1, CAP(CAP_KILL), 0, 5);
	AS("another root's", 1000, CHECK("nothing", runs("./run", "n") == 3));
	set_caps("run", 3, 1, CAP(CAP_KILL), 0, 0);
	AS("revision 3", 1000, CHECK("permitted and effective", runs("./run", "e") == 3));
	set_caps("run", 2, 1, 0, CAP(CAP_CHOWN), 0);
	AS("inheritable alone", 1000, CHECK("nothing", runs("./run", "n") == 3));
	AS("inheritable", 0, prctl(PR_SET_KEEPCAPS, 1); setgroups(0, NULL); setresgid(1000, 1000, 1000); setresuid(1000, 1000, 1000);
	   caps_set(CAP(CAP_CHOWN), CAP(CAP_CHOWN), CAP(CAP_CHOWN)); CHECK("both have it", runs("./run", "i") == 3));
	set_caps("suid", 2, 1, CAP(CAP_KILL), 0, 0);
	AS("set-UID root with capabilities", 1000, CHECK("gives only these", runs("./suid", "e") == 3));
	mkdir("m", 0755);
	if (mount("none", "m", "tmpfs", MS_NOSUID, "mode=755"))
		CHECK("mount", 0);
	copy_self("m/run", 0755);
	set_caps("m/run", 2, 1, CAP(CAP_KILL), 0, 0);
	AS("nosuid", 1000, CHECK("nothing", runs("m/run", "n") == 3));
	umount("m");
}

static void drops(void)
{
	int f;

	copy_self("run", 0755);
	f = open("run", O_RDWR);
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("chmod keeps them", chmod("run", 0777) == 0 && has("run", CAPS));
	CHECK("a write takes them, even root's", pwrite(f, "\177", 1, 0) == 1 && !has("run", CAPS));
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("truncate", ftruncate(f, 100) == 0 && !has("run", CAPS));
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("fallocate", fallocate(f, 0, 0, 200) == 0 && !has("run", CAPS));
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("chown", chown("run", 0, 0) == 0 && !has("run", CAPS));
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("chown to nobody new", chown("run", (uid_t)-1, (gid_t)-1) == 0 && !has("run", CAPS));
	set_caps("run", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("O_TRUNC", close(open("run", O_WRONLY | O_TRUNC)) == 0 && !has("run", CAPS));
	set_caps("d", 2, 1, CAP(CAP_KILL), 0, 0);
	CHECK("a directory keeps them at chown", chown("d", 0, 0) == 0 && has("d", CAPS));
}

/* ---- what they cost ---- */

static unsigned long inodes_left(void)
{
	struct statfs s;

	return statfs("m", &s) ? 0 : s.f_ffree;
}

static void costs(void)
{
	char name[32];
	int n = 0, f;
	unsigned long at_first;

	if (mount("none", "m", "tmpfs", 0, "nr_inodes=20"))
		CHECK("mount", 0);
	at_first = inodes_left();
	CHECK("the root takes one of twenty", at_first == 19);
	do
		sprintf(name, "m/%d", n);
	while ((f = open(name, O_CREAT | O_RDWR, 0644)) >= 0 && close(f) == 0 && ++n);
	CHECK("files", n == 19 && errno == ENOSPC);
	FAILS("a link", ENOSPC, link("m/0", "m/link"));
	FAILS("a symbolic link", ENOSPC, symlink("x", "m/sym"));
	FAILS("a directory", ENOSPC, mkdir("m/dir", 0755));
	FAILS("an attribute", ENOSPC, set("m/0", "user.a", "x"));
	unlink("m/1");
	unlink("m/2");
	CHECK("two given back", inodes_left() == 2);
	CHECK("a link counts", link("m/0", "m/link") == 0 && inodes_left() == 1);
	CHECK("and its end", unlink("m/0") == 0 && inodes_left() == 2 && unlink("m/link") == 0 && inodes_left() == 3);
	CHECK("attributes count", setxattr("m/3", "user.a", big, 1900, 0) == 0 && inodes_left() == 1);
	FAILS("no room for more", ENOSPC, setxattr("m/3", "user.b", big, 1900, 0));
	CHECK("and go with the file", unlink("m/3") == 0 && inodes_left() == 4);
	CHECK("unmounted", umount("m") == 0);
	if (mount("none", "m", "tmpfs", 0, "size=8k"))
		CHECK("mount", 0);
	memset(big, 'l', 200);
	big[200] = 0;
	CHECK("long links take pages", symlink(big, "m/1") == 0 && symlink(big, "m/2") == 0);
	FAILS("of which there are two", ENOSPC, symlink(big, "m/3"));
	CHECK("short ones do not", symlink("x", "m/3") == 0 && unlink("m/1") == 0 && symlink(big, "m/1") == 0);
	umount("m");
}

int main(int n, char **v)
{
	if (n > 2)
		return show(v[2]);
	umask(022);
	chmod(".", 0755);
	basics();
	lists_of();
	other_files();
	users();
	forms();
	programs();
	drops();
	costs();
	DONE();
}
