/* What writes through a shared mapping, and reads, do to the times of its file. */
#include "../check.h"

static struct stat before, now;
static int f;

static void later(void)
{
	fstat(f, &before);
	pause_ms(30);
}

static int newer(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static int modified(void)
{
	fstat(f, &now);
	return newer(now.st_mtim, before.st_mtim) && newer(now.st_ctim, before.st_ctim);
}

int main(void)
{
	volatile char *m, byte;
	int ro;
	pid_t child;

	f = open("f", O_CREAT | O_RDWR, 0644);
	CHECK("a file", ftruncate(f, 65536) == 0);
	later();
	m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	CHECK("to map it changes nothing of it", m != MAP_FAILED && !modified());
	m[0] = 1;
	CHECK("to write into it does", modified());
	later();
	CHECK("msync", msync((void *)m, 65536, MS_SYNC) == 0 && munmap((void *)m, 65536) == 0);
	m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
	m[4096] = 2;
	CHECK("to write into a private mapping does not", !modified() && munmap((void *)m, 65536) == 0);
	CHECK("but to map it was a use of what was written", newer(now.st_atim, now.st_mtim));
	ro = open("f", O_RDONLY);
	later();
	m = mmap(NULL, 65536, PROT_READ, MAP_SHARED, ro, 0);
	byte = m[8192];
	CHECK("to read does not", byte == 0 && !modified());
	munmap((void *)m, 65536);
	later();
	m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	child = fork();
	if (!child)
		_exit((m[12288] = 3) != 3);
	CHECK("a child's write does", EXITED(wait_status(child), 0) && modified());
	CHECK("and is seen", modified() && m[12288] == 3);
	later();
	CHECK("so does what a system call writes there", pread(f, (char *)m + 32768, 10, 0) == 10 && modified());
	DONE();
}
