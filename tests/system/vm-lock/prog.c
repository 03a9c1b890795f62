/* mlock, mlock2, mlockall, MAP_LOCKED: answers, limits, and the calls that refuse locked memory. */
#include "check.h"
#include <sys/resource.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif
#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *pages(unsigned long n, int prot, int flags)
{
	return mmap(NULL, n * PAGE, prot, flags, -1, 0);
}

/* VmLck of /proc/self/status, in KiB. */
static long locked(void) { return file_number("/proc/self/status", "VmLck:"); }

static void answers(void)
{
	char *p = pages(8, RW, ANON), *hole = pages(4, RW, ANON), *none = pages(1, PROT_NONE, ANON);
	unsigned char there[8];

	CHECK("mlock", mlock(p, 2 * PAGE) == 0 && locked() == 8);
	CHECK("mlock of what is locked already counts once", mlock(p, 2 * PAGE) == 0 && locked() == 8);
	CHECK("mlock from the middle of a page into another", mlock(p + 3 * PAGE + 100, PAGE) == 0 && locked() == 16);
	CHECK("munlock", munlock(p + PAGE, 3 * PAGE) == 0 && locked() == 8);
	CHECK("munlock of what is not locked", munlock(p + 4 * PAGE, PAGE) == 0 && locked() == 4);
	CHECK("mlock of nothing", mlock(p, 0) == 0 && mlock((void *)(PAGE * 16), 0) == 0);
	FAILS("mlock of nothing mapped", ENOMEM, mlock((void *)(PAGE * 16), PAGE));
	FAILS("munlock of nothing mapped", ENOMEM, munlock((void *)(PAGE * 16), PAGE));
	FAILS("mlock past the end of addresses", EINVAL, syscall(SYS_mlock, -2 * PAGE, 4 * PAGE));
	FAILS("mlock of the kernel's addresses", ENOMEM, syscall(SYS_mlock, -8 * PAGE, 4 * PAGE));
	FAILS("munlock past the end of addresses", EINVAL, syscall(SYS_munlock, -2 * PAGE, 4 * PAGE));
	CHECK("mlock: a length that wraps to nothing", syscall(SYS_mlock, p, -1L) == 0);
	munmap(hole + PAGE, PAGE);
	FAILS("mlock over a hole", ENOMEM, mlock(hole, 3 * PAGE));
	CHECK("what was before it is locked", locked() == 8);
	FAILS("munlock over a hole", ENOMEM, munlock(hole, 3 * PAGE));
	CHECK("what was before it is not", locked() == 4);
	FAILS("mlock of PROT_NONE", ENOMEM, mlock(none, PAGE));
	CHECK("it is locked all the same", locked() == 8 && munmap(none, PAGE) == 0 && locked() == 4);
	FAILS("mlock2: flags", EINVAL, syscall(SYS_mlock2, p, PAGE, 2));
	munmap(hole, 4 * PAGE);
	hole = pages(8, RW, ANON | MAP_NORESERVE);
	madvise(hole, 8 * PAGE, MADV_DONTNEED);
	CHECK("mlock2 on fault brings nothing in", syscall(SYS_mlock2, hole, 8 * PAGE, MLOCK_ONFAULT) == 0 &&
	      mincore(hole, 8 * PAGE, there) == 0 && !(there[0] & 1) && !(there[7] & 1) && locked() == 36);
	CHECK("mlock2 of the same brings it in", syscall(SYS_mlock2, hole, 8 * PAGE, 0) == 0 && mincore(hole, 8 * PAGE, there) == 0 &&
	      (there[0] & 1) && (there[7] & 1) && locked() == 36);
	munmap(hole, 8 * PAGE);
	munmap(p, 8 * PAGE);
	CHECK("unmapped memory is not locked", locked() == 0);
}

static void refused(void)
{
	char *p = pages(4, RW, ANON), *s;
	int f = open("f", O_RDWR | O_CREAT, 0600);

	p[0] = 1;
	CHECK("a file", f >= 0 && ftruncate(f, PAGE) == 0);
	mlock(p, PAGE);
	FAILS("msync(MS_INVALIDATE)", EBUSY, msync(p, PAGE, MS_INVALIDATE));
	FAILS("msync(MS_INVALIDATE), locked behind a hole", EBUSY, (munmap(p + PAGE, PAGE), mlock(p + 2 * PAGE, PAGE), munlock(p, PAGE), msync(p, 3 * PAGE, MS_INVALIDATE)));
	CHECK("msync of what is not", msync(p, PAGE, MS_INVALIDATE) == 0 && msync(p + 2 * PAGE, PAGE, MS_SYNC) == 0);
	mlock(p, PAGE);
	FAILS("MADV_DONTNEED", EINVAL, madvise(p, PAGE, MADV_DONTNEED));
	FAILS("MADV_FREE", EINVAL, madvise(p, PAGE, MADV_FREE));
	FAILS("MADV_COLD", EINVAL, madvise(p, PAGE, 20));
	CHECK("it is as it was", p[0] == 1);
	CHECK("MADV_DONTNEED_LOCKED", madvise(p, PAGE, MADV_DONTNEED_LOCKED) == 0 && p[0] == 0);
	s = mmap(NULL, PAGE, RW, MAP_SHARED, f, 0);
	mlock(s, PAGE);
	FAILS("MADV_REMOVE", EINVAL, madvise(s, PAGE, MADV_REMOVE));
	FAILS("mlock past the end of a file", ENOMEM, (ftruncate(f, 0), mlock(s, PAGE)));
	munmap(s, PAGE);
	munmap(p, 4 * PAGE);
	close(f);
}

static void inherited(void)
{
	char *p = pages(2, RW, ANON), *q;
	pid_t child;

	mlock(p, PAGE);
	child = fork();
	if (!child)
		_exit(locked() != 0);
	CHECK("a child has no locks", EXITED(wait_status(child), 0));
	q = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK("mremap of locked memory: all of it is", q != MAP_FAILED && locked() == 16);
	munmap(q, 4 * PAGE);
	munlockall();
}

static void everything(void)
{
	char *p;
	unsigned char there[2];
	long before;

	FAILS("mlockall: nothing", EINVAL, mlockall(0));
	FAILS("mlockall: on fault only", EINVAL, mlockall(MCL_ONFAULT));
	FAILS("mlockall: flags", EINVAL, mlockall(MCL_CURRENT | 8));
	CHECK("mlockall: the future", mlockall(MCL_FUTURE) == 0);
	before = locked();
	p = pages(2, RW, ANON);
	CHECK("what is mapped then is locked", locked() == before + 8 && mincore(p, 2 * PAGE, there) == 0 && (there[1] & 1));
	CHECK("so is the heap", sbrk(0) != NULL && syscall(SYS_brk, (char *)sbrk(0) + 4 * PAGE) > 0 && locked() > 8);
	CHECK("munlockall", munlockall() == 0 && locked() == 0);
	CHECK("mlockall: all that there is", mlockall(MCL_CURRENT) == 0 && locked() > 40);
	CHECK("the future is free again", (p = pages(2, RW, ANON)) != MAP_FAILED && munlock(p, PAGE) == 0);
	CHECK("mlockall again without it", mlockall(MCL_FUTURE | MCL_ONFAULT) == 0 && munlockall() == 0 && locked() == 0);
}

static void limited(void)
{
	struct rlimit four = {4 * PAGE + 100, 8 * PAGE}, zero = {0, 8 * PAGE};
	char *p = pages(16, RW, ANON), *q;

	CHECK("a limit of four pages and a bit", setrlimit(RLIMIT_MEMLOCK, &four) == 0);
	CHECK("root passes it", mlock(p, 8 * PAGE) == 0 && munlock(p, 8 * PAGE) == 0);
	CHECK("a user", setgid(1000) == 0 && setuid(1000) == 0);
	CHECK("up to it", mlock(p, 4 * PAGE) == 0 && mlock(p + PAGE, 3 * PAGE) == 0);
	FAILS("a page more", ENOMEM, mlock(p, 5 * PAGE));
	FAILS("more than all addresses", ENOMEM, syscall(SYS_mlock, -2 * PAGE, 4 * PAGE));
	FAILS("a mapping more", EAGAIN, pages(1, RW, ANON | MAP_LOCKED) == MAP_FAILED ? -1 : 0);
	munlock(p + 2 * PAGE, 2 * PAGE);
	q = pages(1, RW, ANON | MAP_LOCKED);
	CHECK("with less it can be had", q != MAP_FAILED && locked() == 12);
	FAILS("mremap over it", EAGAIN, mremap(q, PAGE, 3 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	FAILS("mlockall of more", ENOMEM, mlockall(MCL_CURRENT));
	CHECK("mlockall of the future", mlockall(MCL_FUTURE) == 0);
	FAILS("and then a mapping more", EAGAIN, pages(2, RW, ANON) == MAP_FAILED ? -1 : 0);
	CHECK("PROT_NONE counts too", pages(2, PROT_NONE, ANON) == MAP_FAILED && errno == EAGAIN);
	CHECK("a heap of more is refused", (char *)syscall(SYS_brk, (char *)sbrk(0) + 16 * PAGE) < (char *)sbrk(0) + 16 * PAGE);
	CHECK("a limit of nothing", setrlimit(RLIMIT_MEMLOCK, &zero) == 0);
	FAILS("mlock", EPERM, mlock(p, PAGE));
	FAILS("mlock of nothing", EPERM, mlock(p, 0));
	FAILS("mlock2: flags first", EINVAL, syscall(SYS_mlock2, p, PAGE, 2));
	FAILS("mlockall", EPERM, mlockall(MCL_CURRENT));
	FAILS("mlockall: flags first", EINVAL, mlockall(0));
	FAILS("MAP_LOCKED", EPERM, syscall(SYS_mmap, NULL, PAGE, RW, ANON | MAP_LOCKED, -1, 0)); /* musl says ENOMEM */
	FAILS("MAP_LOCKED before the file", EPERM, mmap(NULL, PAGE, RW, MAP_SHARED | MAP_LOCKED, open("/tests/vm-lock/prog", O_RDONLY), 0) == MAP_FAILED ? -1 : 0);
	CHECK("munlock and munlockall", munlock(p, PAGE) == 0 && munlockall() == 0);
}

int main(void)
{
	answers();
	refused();
	inherited();
	everything();
	limited();
	DONE();
}
