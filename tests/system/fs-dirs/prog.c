/* Directories: getdents of large ones, while changing, seekdir, depth, getcwd, fchdir, chroot. */
#include "check.h"
#include <dirent.h>

static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

int main(void)
{
	char name[32], cwd[4096];
	static char seen[3000];
	struct dirent *e;
	int bad = 0, dots = 0, n = 0;
	pid_t child;

	mkdir("big", 0755);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, 32, "big/file-%04d", i);
		bad += close(open(name, O_CREAT | O_WRONLY, 0600)) != 0;
	}
	CHECK("three thousand files", bad == 0);
	DIR *d = opendir("big");
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			dots++;
		else
			seen[atoi(e->d_name + 5)]++;
		bad += e->d_ino == 0 || (e->d_type != DT_REG && e->d_type != DT_DIR);
	}
	for (int i = 0; i < 3000; i++)
		bad += seen[i] != 1;
	CHECK("each is listed once, and the dots", bad == 0 && dots == 2);
	rewinddir(d);
	while ((e = readdir(d)))
		n++;
	CHECK("rewinddir", n == 3002);
	rewinddir(d);
	for (int i = 0; i < 100; i++)
		readdir(d);
	long pos = telldir(d);
	char kept[64];
	strcpy(kept, readdir(d)->d_name);
	for (int i = 0; i < 500; i++)
		readdir(d);
	seekdir(d, pos);
	CHECK("seekdir", !strcmp(readdir(d)->d_name, kept));
	rewinddir(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			snprintf(name, 32, "big/%.20s", e->d_name);
			bad += unlink(name) != 0;
		}
	closedir(d);
	CHECK("unlink while reading finds them all", bad == 0 && count("big") == 2 && rmdir("big") == 0);
	char small[30];
	FAILS("getdents with too little room", EINVAL, syscall(SYS_getdents64, open("/bin", O_RDONLY), small, 10));
	FAILS("getdents of a file", ENOTDIR, syscall(SYS_getdents64, open("/bin/busybox", O_RDONLY), cwd, 1000));
	getcwd(cwd, sizeof cwd);
	FAILS("getcwd with too little room", ERANGE, syscall(SYS_getcwd, small, 3));
	int back = open(".", O_RDONLY);
	for (int i = 0; i < 200; i++)
		bad += mkdir("deep", 0755) || chdir("deep");
	char far[4096];
	CHECK("two hundred deep", bad == 0 && getcwd(far, sizeof far) && strlen(far) == strlen(cwd) + 1000);
	CHECK("fchdir back", fchdir(back) == 0 && getcwd(far, sizeof far) && !strcmp(far, cwd));
	FAILS("fchdir of a file", ENOTDIR, fchdir(open("/bin/busybox", O_RDONLY)));
	FAILS("chdir to a file", ENOTDIR, chdir("/bin/busybox"));
	CHECK("rm -r of it", system("rm -r deep") == 0);
	mkdir("jail", 0755);
	mkdir("jail/in", 0755);
	if ((child = fork()) == 0) {
		int bad = chroot("jail") || chdir("/");
		bad |= access("/in", F_OK) || access("/bin", F_OK) == 0 || access("/../../bin", F_OK) == 0;
		bad |= !getcwd(far, 100) || strcmp(far, "/");
		_exit(bad);
	}
	CHECK("chroot", EXITED(wait_status(child), 0) && access("/bin", F_OK) == 0);
	DONE();
}
