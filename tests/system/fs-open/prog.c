/* open flags: O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_PATH, openat, errors. */
#include "check.h"
int main(void)
{
	char buf[16];
	int f, g, d;
	struct stat st;

	CHECK("create", (f = open("f", O_CREAT | O_EXCL | O_RDWR, 0644)) >= 0);
	FAILS("O_EXCL", EEXIST, open("f", O_CREAT | O_EXCL | O_RDWR, 0644));
	CHECK("write", write(f, "hello", 5) == 5);
	CHECK("O_TRUNC", close(open("f", O_WRONLY | O_TRUNC)) == 0 && fstat(f, &st) == 0 && st.st_size == 0);
	CHECK("the old offset leaves a hole", write(f, "x", 1) == 1 && fstat(f, &st) == 0 && st.st_size == 6);
	CHECK("of zeros", pread(f, buf, 6, 0) == 6 && !memcmp(buf, "\0\0\0\0\0x", 6));
	CHECK("O_APPEND", (g = open("f", O_WRONLY | O_APPEND)) >= 0 && lseek(g, 0, SEEK_SET) == 0 && write(g, "yz", 2) == 2);
	CHECK("went to the end", pread(f, buf, 16, 0) == 8 && buf[7] == 'z' && lseek(g, 0, SEEK_CUR) == 8);
	FAILS("write only", EBADF, read(g, buf, 1));
	FAILS("absent", ENOENT, open("absent", O_RDONLY));
	FAILS("absent parent", ENOENT, open("absent/x", O_CREAT | O_WRONLY, 0600));
	FAILS("a file is no directory", ENOTDIR, open("f/x", O_RDONLY));
	FAILS("trailing slash on a file", ENOTDIR, open("f/", O_RDONLY));
	FAILS("empty path", ENOENT, open("", O_RDONLY));
	FAILS("write a directory", EISDIR, open(".", O_WRONLY));
	FAILS("create over a directory", EISDIR, open(".", O_CREAT | O_RDWR, 0600));
	FAILS("O_DIRECTORY of a file", ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	symlink("f", "l");
	symlink("made", "dangling");
	FAILS("O_NOFOLLOW", ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
	CHECK("create through a dangling link", (g = open("dangling", O_CREAT | O_WRONLY, 0600)) >= 0 && stat("made", &st) == 0);
	FAILS("but not with O_EXCL", EEXIST, open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600));
	CHECK("O_PATH", (g = open("f", O_PATH)) >= 0 && fstat(g, &st) == 0 && st.st_size == 8);
	FAILS("gives no data", EBADF, read(g, buf, 1));
	mkdir("d", 0755);
	d = open("d", O_RDONLY | O_DIRECTORY);
	CHECK("openat", (g = openat(d, "in", O_CREAT | O_RDWR, 0600)) >= 0 && stat("d/in", &st) == 0);
	FAILS("openat of a file's descriptor", ENOTDIR, openat(g, "x", O_RDONLY));
	FAILS("openat of no descriptor", EBADF, openat(77, "x", O_RDONLY));
	CHECK("absolute paths do not care", openat(77, "/dev/null", O_RDONLY) >= 0);
	CHECK("fstatat AT_EMPTY_PATH", fstatat(g, "", &st, AT_EMPTY_PATH) == 0 && S_ISREG(st.st_mode));
	FAILS("read of a directory", EISDIR, read(d, buf, 1));
	static char longname[300], longpath[5000];
	memset(longname, 'n', 256);
	FAILS("name too long", ENAMETOOLONG, open(longname, O_CREAT | O_WRONLY, 0600));
	longname[255] = 0;
	CHECK("255 is fine", close(open(longname, O_CREAT | O_WRONLY, 0600)) == 0 && unlink(longname) == 0);
	for (int i = 0; i < 4998; i += 2)
		memcpy(longpath + i, "./", 2);
	FAILS("path too long", ENAMETOOLONG, open(longpath, O_RDONLY));
	g = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK("O_TMPFILE has no name", g >= 0 && write(g, "t", 1) == 1 && fstat(g, &st) == 0 && st.st_nlink == 0);
	umask(0);
	g = open("m", O_CREAT | O_RDWR, 0421);
	CHECK("mode", fstat(g, &st) == 0 && (st.st_mode & 07777) == 0421 && write(g, "x", 1) == 1);
	CHECK("creat", (g = creat("f", 0600)) >= 0 && fstat(g, &st) == 0 && st.st_size == 0 && (st.st_mode & 0777) == 0644);
	DONE();
}
