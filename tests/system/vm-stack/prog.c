/* The stack grows on demand, deep recursion, large frames; a guard stops it. */
#include "check.h"
__attribute__((noinline)) static long deep(int n)
{
	volatile char pad[1000];

	pad[0] = (char)n;
	return n ? deep(n - 1) + pad[0] - (char)n + 1 : 0;
}

__attribute__((noinline)) static int frame(void)
{
	volatile char big[3 << 20];

	/* From the far end: the first touch is far below the old stack. */
	big[0] = 1;
	big[sizeof big - 1] = 2;
	return big[0] + big[sizeof big - 1] + big[sizeof big / 2] * 0;
}

__attribute__((noinline)) static long forever(long n)
{
	volatile char pad[4000];

	pad[n % 4000] = 1;
	return n < 0 ? 0 : forever(n + 1) + pad[n % 4000];
}

int main(void)
{
	pid_t child;

	CHECK("6 MB deep", deep(6000) == 6000);
	CHECK("a frame of 3 MB", frame() == 3);
	if ((child = fork()) == 0)
		_exit(deep(6000) == 6000 ? 0 : 1);
	CHECK("in a child", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0)
		_exit((int)forever(0));
	CHECK("endless recursion: SIGSEGV", KILLED(wait_status(child), SIGSEGV));
	CHECK("the parent lives", deep(100) == 100);
	DONE();
}
