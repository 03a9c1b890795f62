/* Vector and x87 state survive handlers that use it, and system calls, and switches. */
#include "check.h"
#include <immintrin.h>
#include <cpuid.h>

static volatile sig_atomic_t ticks;

static void spoil(int sig)
{
	(void)sig;
	__asm__ volatile(
		"pcmpeqd %%xmm0,%%xmm0\n pcmpeqd %%xmm7,%%xmm7\n pxor %%xmm15,%%xmm15\n pxor %%xmm1,%%xmm1\n"
		"fninit\n fldz\n fldz\n" ::: "xmm0", "xmm1", "xmm7", "xmm15");
	unsigned csr = 0x5f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
	ticks++;
}

__attribute__((target("avx"))) static int avx_round(void)
{
	int bad = 0;

	for (int i = 0; i < 200; i++) {
		double in[4] = { i, i + 1, i + 2, i + 3 }, out[4];
		__asm__ volatile("vmovupd %1,%%ymm3\n mov $39,%%eax\n syscall\n vmovupd %%ymm3,%0\n"
			: "=m"(out) : "m"(in) : "rax", "rcx", "r11", "xmm3", "memory");
		bad += memcmp(in, out, sizeof in) != 0;
		__asm__ volatile("vmovupd %1,%%ymm3\n mov $24,%%eax\n syscall\n vmovupd %%ymm3,%0\n"
			: "=m"(out) : "m"(in) : "rax", "rcx", "r11", "xmm3", "memory");
		bad += memcmp(in, out, sizeof in) != 0;
	}
	return bad;
}

static int has_avx(void)
{
	unsigned a, b, c, d, lo = 0, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (lo & 6) == 6;
}

static int spin_check(unsigned seed)
{
	uint64_t in[4] = { seed, seed * 3, ~0ull - seed, seed * 77 }, a[2], b[2], c[2];
	long double f = 1.0L + seed, g;
	unsigned csr = 0x1fa0, after;
	int start = ticks, bad = 0;
	long end = clock_ms() + 20000;

	while (ticks < start + 5 && clock_ms() < end) {
		__asm__ volatile(
			"ldmxcsr %5\n movdqu %6,%%xmm0\n movdqu %7,%%xmm7\n movdqu %6,%%xmm15\n fldt %8\n"
			"mov $3000000,%%ecx\n 1: dec %%ecx\n jnz 1b\n"
			"movdqu %%xmm0,%0\n movdqu %%xmm7,%1\n movdqu %%xmm15,%2\n fstpt %3\n stmxcsr %4\n"
			: "=m"(a), "=m"(b), "=m"(c), "=m"(g), "=m"(after)
			: "m"(csr), "m"(*(char(*)[16])in), "m"(*(char(*)[16])(in + 2)), "m"(f)
			: "rcx", "xmm0", "xmm7", "xmm15", "memory");
		bad += memcmp(a, in, 16) || memcmp(b, in + 2, 16) || memcmp(c, in, 16) || f != g || after != csr;
	}
	csr = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
	return bad ? 2 : ticks < start + 5;
}

int main(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	pid_t child[3];

	signal(SIGALRM, spoil);
	setitimer(ITIMER_REAL, &it, NULL);
	CHECK("SSE, x87 and MXCSR survive handlers", spin_check(1) == 0);
	for (int i = 0; i < 3; i++)
		if ((child[i] = fork()) == 0) {
			setitimer(ITIMER_REAL, &it, NULL);
			_exit(spin_check(100 + i));
		}
	CHECK("and three processes that compete", spin_check(7) == 0);
	for (int i = 0; i < 3; i++) {
		int st = wait_status(child[i]);
		CHECK("a competitor was not spoilt", !EXITED(st, 2));
		CHECK("and had its ticks", EXITED(st, 0));
	}
	CHECK("AVX survives system calls", !has_avx() || avx_round() == 0);
	DONE();
}
