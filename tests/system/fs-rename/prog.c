/* rename: replaces, refuses, across directories, RENAME_NOREPLACE and EXCHANGE, hard links. */
#include "check.h"
static void make(const char *name, const char *text)
{
	int f = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	write(f, text, strlen(text));
	close(f);
}

static char first(const char *name)
{
	char c = 0;
	int f = open(name, O_RDONLY);

	read(f, &c, 1);
	close(f);
	return c;
}

int main(void)
{
	struct stat st, st2;
	int f;
	char c;

	make("a", "A");
	make("b", "B");
	f = open("b", O_RDONLY);
	CHECK("rename over a file", rename("a", "b") == 0 && first("b") == 'A' && access("a", F_OK) == -1);
	CHECK("the old one lives on in its descriptor", read(f, &c, 1) == 1 && c == 'B' && fstat(f, &st) == 0 && st.st_nlink == 0);
	FAILS("absent", ENOENT, rename("a", "c"));
	CHECK("to itself", rename("b", "b") == 0);
	mkdir("d", 0755);
	mkdir("e", 0755);
	mkdir("e/sub", 0755);
	make("d/f", "F");
	FAILS("file over directory", EISDIR, rename("b", "d"));
	FAILS("directory over file", ENOTDIR, rename("d", "b"));
	FAILS("over a full directory", ENOTEMPTY, rename("d", "e"));
	FAILS("into itself", EINVAL, rename("e", "e/sub/x"));
	FAILS("dot", EBUSY, rename("d/.", "x"));
	CHECK("over an empty directory", rename("d", "e/sub") == 0 && first("e/sub/f") == 'F');
	CHECK("a moved directory knows its parent", chdir("e/sub") == 0 && stat("..", &st) == 0 && chdir("../..") == 0 && stat("e", &st2) == 0 && st.st_ino == st2.st_ino);
	CHECK("across directories", rename("e/sub/f", "g") == 0 && first("g") == 'F');
	stat("e", &st);
	rename("e/sub", "sub");
	stat("e", &st2);
	CHECK("link counts of parents", st.st_nlink == 3 && st2.st_nlink == 2);
	make("x", "X");
	make("y", "Y");
	FAILS("RENAME_NOREPLACE", EEXIST, syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 1));
	CHECK("RENAME_EXCHANGE", syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 2) == 0 && first("x") == 'Y' && first("y") == 'X');
	CHECK("hard link", link("x", "z") == 0 && stat("x", &st) == 0 && stat("z", &st2) == 0 && st.st_ino == st2.st_ino && st.st_nlink == 2);
	CHECK("rename between two links of one file does nothing", rename("x", "z") == 0 && access("x", F_OK) == 0);
	FAILS("link to an existing name", EEXIST, link("x", "y"));
	FAILS("link of a directory", EPERM, link("e", "e2"));
	FAILS("link across file systems", EXDEV, link("/proc/self/comm", "p"));
	CHECK("unlink one", unlink("x") == 0 && first("z") == 'Y' && stat("z", &st) == 0 && st.st_nlink == 1);
	FAILS("unlink of a directory", EISDIR, unlink("e"));
	FAILS("rmdir of a file", ENOTDIR, rmdir("z"));
	mkdir("e/in", 0700);
	FAILS("rmdir of a full one", ENOTEMPTY, rmdir("e"));
	FAILS("rmdir of dot", EINVAL, rmdir("e/."));
	CHECK("rmdir", rmdir("e/in") == 0 && rmdir("e") == 0);
	FAILS("mkdir of what is there", EEXIST, mkdir("z", 0755));
	FAILS("mkdir of the root", EEXIST, mkdir("/", 0755));
	mkdir("gone", 0755);
	chdir("gone");
	rmdir("../gone");
	FAILS("create in a removed directory", ENOENT, open("x", O_CREAT | O_WRONLY, 0600));
	char cwd[100];
	FAILS("it has no path", ENOENT, getcwd(cwd, 100) ? 0 : -1);
	CHECK("but a way out", chdir("..") == 0 && access("z", F_OK) == 0);
	DONE();
}
