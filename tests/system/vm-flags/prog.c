/* Rare flags of mmap, mremap over several mappings, the size of shared memory, MADV_REMOVE. */
#include "check.h"

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#define PAGE 4096L

static void *map(int flags) { return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0); }
static int moved(void *p) { return p != MAP_FAILED; }

static int touches(volatile char *p)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		*p = 1;
		_exit(0);
	}
	status = wait_status(child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p, *q, *s;

	FAILS("private and shared is for files only", EINVAL, map(MAP_PRIVATE | MAP_SHARED));
	FAILS("shared memory does not grow down", EINVAL, map(MAP_SHARED | MAP_GROWSDOWN));
	FAILS("nor does a file", EINVAL, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0));
	p = map(MAP_PRIVATE | MAP_32BIT);
	q = map(MAP_PRIVATE | MAP_32BIT);
	CHECK("MAP_32BIT is below 2 GiB", (uintptr_t)p < 1UL << 31 && (uintptr_t)q < 1UL << 31 && p != q && p[0] == 0 && q[0] == 0);
	FAILS("where not everything fits", ENOMEM, mmap(NULL, 1UL << 31, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));

	p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + PAGE, PAGE, PROT_READ);
	CHECK("mremap to the same size, over three mappings", mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == p);
	FAILS("one that grows is one mapping", EFAULT, mremap(p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
	CHECK("to a smaller one", mremap(p, 4 * PAGE, PAGE, 0) == p);
	p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + 2 * PAGE, PAGE);
	CHECK("over a hole", mremap(p, 4 * PAGE, PAGE, 0) == p && touches(p + 3 * PAGE) == SIGSEGV && touches(p + 4 * PAGE) == 0);

	s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s = mremap(s, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK("shared memory keeps the size that it was made with", moved(s) && touches(s) == 0 && touches(s + PAGE) == SIGBUS);

	CHECK("a file of two pages", ftruncate(fd, 2 * PAGE) == 0 && pwrite(fd, "abc", 3, PAGE) == 3);
	s = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	s[0] = 'x';
	CHECK("MADV_REMOVE makes a hole", madvise(s, PAGE, MADV_REMOVE) == 0 && s[0] == 0 && s[PAGE] == 'a');
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	FAILS("not by a private mapping", EACCES, madvise(q, PAGE, MADV_REMOVE));
	DONE();
}
