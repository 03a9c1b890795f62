/* mmap, munmap, mprotect, mremap, madvise, brk: semantics and errors. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf env;
static void fault(int sig) { (void)sig; siglongjmp(env, 1); }
static int faults(volatile char *p, int write)
{
	if (sigsetjmp(env, 1))
		return 1;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

int main(void)
{
	int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	char *p, *q, *r, buf[8];
	int f, zero = 1;

	signal(SIGSEGV, fault);
	p = mmap(NULL, 16 * 4096, prot, flags, -1, 0);
	CHECK("page aligned", p != MAP_FAILED && ((uintptr_t)p & 4095) == 0);
	for (int i = 0; i < 16 * 4096; i++)
		zero &= p[i] == 0;
	CHECK("zeroed", zero);
	memset(p, 7, 16 * 4096);
	CHECK("a hole in the middle", munmap(p + 4 * 4096, 2 * 4096) == 0 && faults(p + 4 * 4096, 0) && faults(p + 6 * 4096 - 1, 0) && p[4 * 4096 - 1] == 7 && p[6 * 4096] == 7);
	q = mmap(p + 4 * 4096, 4096, prot, flags | MAP_FIXED, -1, 0);
	CHECK("MAP_FIXED into it", q == p + 4 * 4096 && q[0] == 0);
	q = mmap(p, 4096, prot, flags | MAP_FIXED, -1, 0);
	CHECK("MAP_FIXED replaces", q == p && p[0] == 0 && p[4096] == 7);
	FAILS("MAP_FIXED_NOREPLACE does not", EEXIST, mmap(p, 4096, prot, flags | MAP_FIXED_NOREPLACE, -1, 0));
	FAILS("unaligned MAP_FIXED", EINVAL, mmap(p + 1, 4096, prot, flags | MAP_FIXED, -1, 0));
	FAILS("length zero", EINVAL, mmap(NULL, 0, prot, flags, -1, 0));
	FAILS("neither shared nor private", EINVAL, mmap(NULL, 4096, prot, MAP_ANONYMOUS, -1, 0));
	FAILS("bad descriptor", EBADF, mmap(NULL, 4096, prot, MAP_PRIVATE, 99, 0));
	FAILS("absurd length", ENOMEM, mmap(NULL, 1UL << 47, prot, flags, -1, 0));
	FAILS("overflowing length", ENOMEM, mmap(NULL, ~0UL - 10, prot, flags, -1, 0));
	FAILS("munmap unaligned", EINVAL, munmap(p + 1, 4096));
	CHECK("munmap of nothing is fine", munmap(p + 5 * 4096, 4096) == 0);
	CHECK("a hint is followed", (q = mmap((void *)0x200000000000, 4096, prot, flags, -1, 0)) == (void *)0x200000000000);

	CHECK("mprotect none", mprotect(p, 4096, PROT_NONE) == 0 && faults(p, 0));
	FAILS("a system call does not see it either", EFAULT, read(open("/dev/zero", O_RDONLY), p, 10));
	CHECK("mprotect read", mprotect(p, 3 * 4096, PROT_READ) == 0 && !faults(p, 0) && faults(p, 1) && faults(p + 4096, 1) && !faults(p + 3 * 4096, 1));
	FAILS("read() into read-only memory", EFAULT, read(open("/dev/zero", O_RDONLY), p, 10));
	CHECK("mprotect back", mprotect(p, 3 * 4096, prot) == 0 && !faults(p, 1) && p[4096] == 7);
	FAILS("mprotect of a hole", ENOMEM, mprotect(p + 5 * 4096, 4096, prot));
	FAILS("mprotect unaligned", EINVAL, syscall(SYS_mprotect, p + 3, 4096, prot));

	p = mmap(NULL, 4 * 4096, prot, flags, -1, 0);
	memset(p, 'm', 4 * 4096);
	p = mremap(p, 4 * 4096, 100 * 4096, MREMAP_MAYMOVE);
	CHECK("mremap grows", p != MAP_FAILED && p[0] == 'm' && p[4 * 4096 - 1] == 'm' && p[4 * 4096] == 0 && p[100 * 4096 - 1] == 0);
	CHECK("mremap shrinks in place", mremap(p, 100 * 4096, 2 * 4096, 0) == p && faults(p + 2 * 4096, 0) && p[4097] == 'm');
	q = mmap(NULL, 2 * 4096, prot, flags, -1, 0);
	r = mremap(p, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, q);
	CHECK("mremap to a place", r == q && q[0] == 'm' && faults(p, 0));
	FAILS("mremap of a hole", EFAULT, mremap(p, 4096, 8192, MREMAP_MAYMOVE));
	CHECK("MADV_DONTNEED drops", madvise(q, 4096, MADV_DONTNEED) == 0 && q[0] == 0 && q[4096] == 'm');
	FAILS("madvise nonsense", EINVAL, madvise(q, 4096, 12345));

	f = open("f", O_RDWR | O_CREAT, 0600);
	for (int i = 0; i < 3000; i++)
		write(f, "0123456789", 10);
	p = mmap(NULL, 30000, PROT_READ, MAP_PRIVATE, f, 0);
	CHECK("file mapping", p[29999] == '9' && p[12345] == '5');
	CHECK("zeros after the end, in the last page", p[30000] == 0 && p[30719] == 0);
	q = mmap(NULL, 4096, prot, MAP_PRIVATE, f, 8192);
	CHECK("with an offset", q[0] == '2' && (q[0] = 'x') && pread(f, buf, 1, 8192) == 1 && buf[0] == '2');
	FAILS("unaligned offset", EINVAL, mmap(NULL, 4096, prot, MAP_PRIVATE, f, 100));
	close(f);
	CHECK("outlives the descriptor", p[20000] == '0');
	FAILS("a pipe cannot be mapped", ENODEV, (pipe((int *)buf), mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, *(int *)buf, 0)));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
	memcpy(p, "\xb8\x2a\x00\x00\x00\xc3", 6);
	CHECK("made code runs", ((int (*)(void))(uintptr_t)p)() == 42);
	memcpy(p, "\xb8\x2b\x00\x00\x00\xc3", 6);
	CHECK("changed code too", ((int (*)(void))(uintptr_t)p)() == 43);

	char *brk0 = (char *)syscall(SYS_brk, 0);
	CHECK("brk up", (char *)syscall(SYS_brk, brk0 + 1000000) == brk0 + 1000000 && (brk0[999999] = 5) == 5);
	CHECK("brk down", (char *)syscall(SYS_brk, brk0) == brk0 && faults(brk0 + 500000, 0));
	CHECK("brk up again is zeroed", (char *)syscall(SYS_brk, brk0 + 1000000) == brk0 + 1000000 && brk0[999999] == 0);
	CHECK("brk below the start does nothing", (char *)syscall(SYS_brk, 4096) == brk0 + 1000000);
	DONE();
}
