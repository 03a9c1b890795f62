/* memfd_create, and seals on its files and on others. */
#include "guests.h"
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CLOEXEC 0x01 /* MFD_* */
#define SEALING 0x02
#define NOEXEC  0x08
#define EXEC    0x10
#define SEAL   0x01 /* F_SEAL_* */
#define SHRINK 0x02
#define GROW   0x04
#define WRITE  0x08
#define FUTURE 0x10
#define EXECUTE 0x20
#define ADD 1033 /* F_ADD_SEALS */
#define GET 1034
#define PUNCH 3

static int make(const char *name, unsigned flags)
{
	return (int)syscall(SYS_memfd_create, name, flags);
}

static int hello(unsigned flags)
{
	int f = make("x", flags);

	write(f, "hello", 5);
	return f;
}

static const char *link_of(int f)
{
	static char text[300];
	char name[64];

	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	text[readlink(name, text, sizeof text - 1)] = 0;
	return text;
}

static char *map(int f, int prot, int flags)
{
	return mmap(NULL, 4096, prot, flags, f, 0);
}

static void makes(void)
{
	char name[400], line[300];
	struct stat st;
	int f, found = 0;

	memset(name, 'x', sizeof name);
	FAILS("flags before the name", EINVAL, make((char *)8, 0x20));
	FAILS("both", EINVAL, make((char *)8, NOEXEC | EXEC));
	FAILS("the name", EFAULT, make((char *)8, 0));
	name[250] = 0;
	FAILS("too long", EINVAL, make(name, 0));
	name[249] = 0;
	CHECK("not too long", make(name, 0) >= 0);
	f = make("a/b c", CLOEXEC);
	CHECK("its name", strcmp(link_of(f), "/memfd:a/b c (deleted)") == 0);
	CHECK("two with one name", make("a/b c", 0) > f);
	CHECK("no name at all", strcmp(link_of(make("", 0)), "/memfd: (deleted)") == 0);
	fstat(f, &st);
	CHECK("a file", st.st_mode == (S_IFREG | 0777) && st.st_nlink == 0 && st.st_size == 0);
	CHECK("flags", (fcntl(f, F_GETFL) & O_ACCMODE) == O_RDWR && fcntl(f, F_GETFD) == FD_CLOEXEC);
	CHECK("bytes", write(f, "bytes", 5) == 5 && pread(f, line, 9, 0) == 5 && !memcmp(line, "bytes", 5));
	ftruncate(f, 8192);
	char *m = map(f, PROT_READ | PROT_WRITE, MAP_SHARED);
	m[0] = 'B';
	CHECK("memory", pread(f, line, 1, 0) == 1 && line[0] == 'B');
	FILE *maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof line, maps))
		found |= strstr(line, " /memfd:a/b c (deleted)") != NULL;
	CHECK("in the list of maps", found);
	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	int again = open(name, O_RDWR);
	CHECK("opened again", again >= 0 && read(again, line, 5) == 5 && !memcmp(line, "Bytes", 5));
	FAILS("it gets no name", EXDEV, linkat(AT_FDCWD, name, AT_FDCWD, "new", AT_SYMLINK_FOLLOW));
	if (fork() == 0) {
		m[1] = 'Y';
		_exit(0);
	}
	wait_status(-1);
	CHECK("shared with a child", m[1] == 'Y');

	int program = make("prog", 0), bin = open("/proc/self/exe", O_RDONLY);
	for (ssize_t n; (n = read(bin, line, sizeof line)) > 0;)
		write(program, line, (size_t)n);
	snprintf(name, sizeof name, "/proc/self/fd/%d", program);
	int once_more = open(name, O_RDONLY);
	close(program);
	pid_t child = fork();
	if (child == 0) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", once_more);
		execl(name, "prog", "as a program", NULL);
		_exit(1);
	}
	CHECK("a program", EXITED(wait_status(child), 77));
}

static void writes(void)
{
	int f = hello(SEALING);
	char *m = map(f, PROT_READ, MAP_SHARED);

	CHECK("none", fcntl(f, GET) == 0);
	FAILS("unknown", EINVAL, fcntl(f, ADD, 0x40));
	FAILS("a mapping that may become writable", EBUSY, fcntl(f, ADD, WRITE));
	munmap(m, 4096);
	map(f, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK("a private one is none", fcntl(f, ADD, WRITE) == 0 && fcntl(f, ADD, WRITE) == 0 && fcntl(f, GET) == WRITE);
	FAILS("write", EPERM, write(f, "x", 1));
	CHECK("nothing is no write", write(f, "", 0) == 0);
	FAILS("from a bad address", EPERM, pwrite(f, (void *)8, 1, 0));
	CHECK("a writable mapping", map(f, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED && errno == EPERM);
	m = map(f, PROT_READ, MAP_SHARED);
	CHECK("one to read", m != MAP_FAILED && m[0] == 'h');
	FAILS("that becomes writable", EACCES, mprotect(m, 4096, PROT_READ | PROT_WRITE));
	FAILS("a hole", EPERM, fallocate(f, PUNCH, 0, 1));
	CHECK("its size is another matter", ftruncate(f, 9) == 0 && ftruncate(f, 5) == 0 && fallocate(f, 0, 0, 8192) == 0);
	CHECK("the last seal", fcntl(f, ADD, SEAL) == 0);
	FAILS("no more", EPERM, fcntl(f, ADD, GROW));
	CHECK("stays", fcntl(f, GET) == (WRITE | SEAL));

	f = hello(SEALING);
	m = map(f, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK("only what comes", fcntl(f, ADD, FUTURE) == 0 && (m[0] = 'H') == 'H');
	FAILS("write", EPERM, write(f, "x", 1));
	FAILS("a hole through the mapping", EPERM, madvise(m, 4096, MADV_REMOVE));
	CHECK("a new mapping", map(f, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED && errno == EPERM);
	FAILS("a new one that becomes writable", EACCES, mprotect(map(f, PROT_READ, MAP_SHARED), 4096, PROT_WRITE));
	FAILS("the old one is there", EBUSY, fcntl(f, ADD, WRITE));
	if (fork() == 0)
		_exit(0);
	wait_status(-1);
	munmap(m, 4096);
	CHECK("and has gone", fcntl(f, ADD, WRITE) == 0);
}

static void sizes(void)
{
	static char big[8192];
	char name[64];
	int f = hello(SEALING);

	CHECK("grow", fcntl(f, ADD, GROW) == 0);
	CHECK("inside", pwrite(f, "ab", 2, 3) == 2);
	FAILS("over the end", EPERM, pwrite(f, "abc", 3, 3));
	FAILS("behind it", EPERM, write(f, "x", 1));
	FAILS("ftruncate", EPERM, ftruncate(f, 6));
	CHECK("to what it is", ftruncate(f, 5) == 0 && ftruncate(f, 2) == 0);
	FAILS("fallocate", EPERM, fallocate(f, 0, 0, 3));
	FAILS("which keeps the size", EPERM, fallocate(f, 1, 0, 10000));
	CHECK("inside", fallocate(f, 0, 0, 2) == 0 && fallocate(f, PUNCH, 0, 100) == 0);
	f = make("x", SEALING);
	ftruncate(f, 4096);
	fcntl(f, ADD, GROW);
	CHECK("as much as there is", write(f, big, sizeof big) == 4096 && lseek(f, 0, SEEK_CUR) == 4096);

	f = hello(SEALING);
	CHECK("shrink", fcntl(f, ADD, SHRINK) == 0);
	FAILS("ftruncate", EPERM, ftruncate(f, 2));
	CHECK("grows", ftruncate(f, 20) == 0 && fallocate(f, PUNCH, 0, 100) == 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	FAILS("O_TRUNC", EPERM, open(name, O_RDWR | O_TRUNC));
}

static void others(void)
{
	struct stat st;
	char name[64];
	int f = make("x", NOEXEC), p[2];

	fstat(f, &st);
	CHECK("not to be executed", fcntl(f, GET) == EXECUTE && (st.st_mode & 0777) == 0666);
	FAILS("ever", EPERM, fchmod(f, 0777));
	CHECK("other bits", fchmod(f, 0600) == 0);
	f = make("x", SEALING);
	CHECK("to be executed, and no more written", fcntl(f, ADD, EXECUTE) == 0 && fcntl(f, GET) == (EXECUTE | WRITE | FUTURE | GROW | SHRINK));
	f = make("x", SEALING);
	fchmod(f, 0600);
	CHECK("not to be executed, then only that", fcntl(f, ADD, EXECUTE) == 0 && fcntl(f, GET) == EXECUTE);
	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	f = open(name, O_RDONLY);
	FAILS("a descriptor to read", EPERM, fcntl(f, ADD, SHRINK));
	FAILS("before unknown seals", EPERM, fcntl(f, ADD, 0x80));
	f = make("x", 0);
	CHECK("no seals", fcntl(f, GET) == SEAL);
	FAILS("none at all", EPERM, fcntl(f, ADD, SHRINK));
	FAILS("unknown ones", EINVAL, fcntl(f, ADD, 0x40));
	pipe(p);
	FAILS("a pipe", EINVAL, fcntl(p[1], ADD, SHRINK));
	FAILS("its other end", EPERM, fcntl(p[0], ADD, SHRINK));
	FAILS("nothing to ask", EINVAL, fcntl(p[0], GET));
}

/* Its maker may run it, who opens it to write keeps it from that, and while it runs nobody opens it so. */
static void runs(void)
{
	char name[64], *args[] = { "sleep", "9", NULL };
	int f = make("x", CLOEXEC), own = open("/bin/busybox", O_RDONLY), writer, p[2];
	pid_t child;

	while (sendfile(f, own, NULL, 1 << 20) > 0)
		;
	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	writer = open(name, O_RDWR | O_CLOEXEC);
	CHECK("opened once more", writer >= 0);
	FAILS("not run while it may be written", ETXTBSY, fexecve(f, args, environ));
	close(writer);
	pipe2(p, O_CLOEXEC);
	if ((child = fork()) == 0) {
		fexecve(f, args, environ);
		_exit(99);
	}
	close(p[1]);
	read(p[0], name, 1); /* the end: it has been started */
	snprintf(name, sizeof name, "/proc/self/fd/%d", f);
	FAILS("not opened to write while it runs", ETXTBSY, open(name, O_RDWR));
	CHECK("written by its maker all the same", pwrite(f, "x", 1, 1 << 22) == 1);
	kill(child, SIGKILL);
	CHECK("it ran", KILLED(wait_status(child), SIGKILL));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "as a program"))
		return 77;
	makes();
	writes();
	sizes();
	others();
	runs();
	DONE();
}
