/* Symbolic links: following, loops, .., dangling, lstat, readlink, trailing slashes, *at calls. */
#include "check.h"
int main(void)
{
	struct stat st;
	char buf[64], name[16], to[16];

	mkdir("d", 0755);
	mkdir("d/e", 0755);
	close(open("d/f", O_CREAT | O_WRONLY, 0600));
	CHECK("symlink", symlink("d/f", "l") == 0);
	CHECK("stat follows", stat("l", &st) == 0 && S_ISREG(st.st_mode));
	CHECK("lstat does not", lstat("l", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 3);
	CHECK("readlink", readlink("l", buf, 64) == 3 && !memcmp(buf, "d/f", 3));
	CHECK("readlink cuts", readlink("l", buf, 2) == 2);
	FAILS("readlink of a file", EINVAL, readlink("d/f", buf, 64));
	FAILS("symlink over something", EEXIST, symlink("x", "l"));
	FAILS("empty target", ENOENT, symlink("", "empty"));
	symlink("d", "ld");
	CHECK("in the middle", stat("ld/f", &st) == 0);
	CHECK(".. is the target's parent", symlink("d/e", "le") == 0 && stat("le/../f", &st) == 0);
	CHECK("with a slash it is followed", lstat("ld/", &st) == 0 && S_ISDIR(st.st_mode));
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	FAILS("a loop", ELOOP, open("loop1", O_RDONLY));
	symlink("self/x", "self");
	FAILS("a link through itself", ELOOP, stat("self", &st));
	CHECK("lstat of a loop", lstat("loop1", &st) == 0);
	symlink("d/f", "c0");
	for (int i = 1; i <= 45; i++) {
		snprintf(name, 16, "c%d", i);
		snprintf(to, 16, "c%d", i - 1);
		symlink(to, name);
	}
	CHECK("forty links in a row", stat("c39", &st) == 0);
	FAILS("one more", ELOOP, stat("c40", &st));
	symlink("nowhere", "dang");
	FAILS("dangling", ENOENT, stat("dang", &st));
	FAILS("mkdir over it", EEXIST, mkdir("dang", 0755));
	CHECK("unlink takes the link", unlink("l") == 0 && stat("d/f", &st) == 0);
	FAILS("rmdir of a link", ENOTDIR, rmdir("ld"));
	CHECK("absolute", getcwd(buf, 40) && strcat(buf, "/d/f") && symlink(buf, "abs") == 0 && stat("abs", &st) == 0);
	CHECK("..'s of the root", stat("/../../tmp/../..", &st) == 0);
	CHECK("many slashes", stat("//tmp///.//", &st) == 0);
	FAILS("through a file", ENOTDIR, stat("d/f/..", &st));
	FAILS("dot after a file", ENOTDIR, stat("d/f/.", &st));
	CHECK("linkat follows when asked", linkat(AT_FDCWD, "abs", AT_FDCWD, "hard", AT_SYMLINK_FOLLOW) == 0 && lstat("hard", &st) == 0 && S_ISREG(st.st_mode));
	CHECK("rename moves the link itself", rename("ld", "moved") == 0 && readlink("moved", buf, 64) == 1);
	CHECK("unlinkat AT_REMOVEDIR", unlinkat(AT_FDCWD, "d/e", AT_REMOVEDIR) == 0);
	CHECK("symlinkat and readlinkat", symlinkat("t", AT_FDCWD, "sl") == 0 && readlinkat(AT_FDCWD, "sl", buf, 64) == 1);
	CHECK("faccessat", faccessat(AT_FDCWD, "d/f", R_OK | W_OK, 0) == 0);
	FAILS("nobody executes it", EACCES, access("d/f", X_OK));
	DONE();
}
