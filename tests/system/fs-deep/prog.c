/* A chain of 4000 directories that only the deepest holds: letting go of it takes the LibOS no deeper stack. */
#include "check.h"
#include <sys/mount.h>

#define DEPTH 4000
#define MOUNTS 300

/* Mounts in mounts; the outermost goes with all that is in it. */
static void deep_mounts(void)
{
	int here = open(".", O_RDONLY | O_DIRECTORY), made = 0;

	mkdir("m", 0755);
	while (made < MOUNTS && chdir("m") == 0 && mount("t", ".", "tmpfs", 0, "size=4k") == 0 && chdir("../m") == 0 && mkdir("m", 0755) == 0)
		made++;
	CHECK("mounts in mounts", made == MOUNTS);
	CHECK("go together", fchdir(here) == 0 && umount2("m", MNT_DETACH) == 0 && rmdir("m") == 0);
	close(here);
}

int main(void)
{
	int made = 0, removed = 0, mapped, leaf;

	deep_mounts();
	chmod(".", 0777);
	setuid(1000);
	while (made < DEPTH && mkdir("d", 0700) == 0 && chdir("d") == 0)
		made++;
	CHECK("made", made == DEPTH);
	leaf = open(".", O_RDONLY | O_DIRECTORY);
	mapped = open("file", O_CREAT | O_RDWR, 0600);
	unlink("file");
	while (removed < DEPTH && chdir("..") == 0 && rmdir("d") == 0)
		removed++;
	CHECK("removed", removed == DEPTH);
	FAILS("nothing is made in a removed one", ENOENT, mkdirat(leaf, "x", 0700));
	CHECK("the deepest let go", close(leaf) == 0);
	CHECK("and the file in it", close(mapped) == 0);
	CHECK("here all goes on", mkdir("d", 0700) == 0 && rmdir("d") == 0);
	DONE();
}
