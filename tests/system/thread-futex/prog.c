/* futex by hand: wait, wake, mismatch, time-outs, requeue, bitset, between processes, set_tid_address. */
#include "check.h"
/* The kernel's numbers; musl has no header for them. */
enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_CMP_REQUEUE = 4, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET };

static long futex(volatile int *a, int op, int v, const void *t, volatile int *b, int v3)
{
	return syscall(SYS_futex, a, op, v, t, b, v3);
}

int main(void)
{
	volatile int *f = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec ts = { 0, 30000000 }, abs;
	pid_t child, kids[4];
	long t;

	FAILS("value differs", EAGAIN, futex(f, FUTEX_WAIT, 1, NULL, NULL, 0));
	t = clock_ms();
	FAILS("time-out", ETIMEDOUT, futex(f, FUTEX_WAIT, 0, &ts, NULL, 0));
	CHECK("took its time", clock_ms() - t >= 29);
	CHECK("nobody to wake", futex(f, FUTEX_WAKE, 10, NULL, NULL, 0) == 0);
	FAILS("unaligned", EINVAL, futex((volatile int *)((char *)f + 1), FUTEX_WAIT, 0, &ts, NULL, 0));
	FAILS("wild", EFAULT, futex((volatile int *)0x10, FUTEX_WAIT, 0, &ts, NULL, 0));
	FAILS("no such operation", ENOSYS, futex(f, 99, 0, NULL, NULL, 0));
	if ((child = fork()) == 0) {
		while (f[0] == 0)
			futex(f, FUTEX_WAIT, 0, NULL, NULL, 0);
		_exit(f[0]);
	}
	pause_ms(50);
	f[0] = 7;
	CHECK("another process wakes", futex(f, FUTEX_WAKE, 1, NULL, NULL, 0) == 1);
	CHECK("and sees the value", EXITED(wait_status(child), 7));
	f[0] = 0;
	for (int i = 0; i < 4; i++)
		if ((kids[i] = fork()) == 0)
			_exit(futex(f, FUTEX_WAIT, 0, NULL, NULL, 0) != 0);
	pause_ms(100);
	CHECK("wake one of four", futex(f, FUTEX_WAKE, 1, NULL, NULL, 0) == 1);
	CHECK("wake one, move the others", futex(f, FUTEX_CMP_REQUEUE, 1, (void *)100, f + 1, 0) == 3);
	CHECK("none left here", futex(f, FUTEX_WAKE, 100, NULL, NULL, 0) == 0);
	CHECK("two over there", futex(f + 1, FUTEX_WAKE, 100, NULL, NULL, 0) == 2);
	for (int i = 0; i < 4; i++)
		wait_status(kids[i]);
	if ((child = fork()) == 0)
		_exit(futex(f, FUTEX_WAIT_BITSET, 0, NULL, NULL, 4) != 0);
	pause_ms(50);
	CHECK("bitset without the bit", futex(f, FUTEX_WAKE_BITSET, 9, NULL, NULL, 3) == 0);
	CHECK("with it", futex(f, FUTEX_WAKE_BITSET, 9, NULL, NULL, 6) == 1);
	wait_status(child);
	clock_gettime(CLOCK_MONOTONIC, &abs);
	FAILS("absolute time in the past", ETIMEDOUT, futex(f, FUTEX_WAIT_BITSET, 0, &abs, NULL, -1));
	volatile int *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if ((child = fork()) == 0)
		_exit(futex(p, FUTEX_WAIT, 0, &ts, NULL, 0) == -1 && errno == ETIMEDOUT ? 0 : 1);
	pause_ms(5);
	futex(p, FUTEX_WAKE, 1, NULL, NULL, 0);
	CHECK("private memory is not shared over fork", EXITED(wait_status(child), 0));
	CHECK("set_tid_address", syscall(SYS_set_tid_address, f + 9) == getpid());
	DONE();
}
