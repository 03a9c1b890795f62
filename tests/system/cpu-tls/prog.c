/* FS and GS base: arch_prctl, kept over system calls, switches, fork; not over exec. */
#include "check.h"
enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };

static uint64_t gs_area[2] = { 0, 0x1122334455667788 };

/* By instruction: stays over switches and calls, where AT_HWCAP2 says so. */
static int base_stays(uint64_t base)
{
	uint64_t now = base;

	if (!bases_stay())
		return 1;
	__asm__ volatile("wrgsbase %0" : : "r"(base));
	for (int i = 0; i < 20; i++) {
		pause_ms(1);
		__asm__ volatile("rdgsbase %0" : "=r"(now));
		if (now != base)
			return 0;
	}
	return syscall(SYS_arch_prctl, ARCH_GET_GS, &now) == 0 && now == base;
}

static uint64_t gs_read(void)
{
	uint64_t v;

	__asm__ volatile("mov %%gs:8,%0" : "=r"(v));
	return v;
}

int main(void)
{
	unsigned long fs = 0, gs = 0;
	pid_t child;

	CHECK("fs base is set by the C library", syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && fs != 0);
	CHECK("set gs", syscall(SYS_arch_prctl, ARCH_SET_GS, gs_area) == 0);
	CHECK("get gs", syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) == 0 && gs == (unsigned long)gs_area);
	CHECK("use it", gs_read() == 0x1122334455667788);
	if ((child = fork()) == 0) {
		int bad = gs_read() != 0x1122334455667788;
		uint64_t other[2] = { 0, 99 };

		syscall(SYS_arch_prctl, ARCH_SET_GS, other);
		for (int i = 0; i < 50; i++) {
			pause_ms(1);
			bad |= gs_read() != 99;
		}
		_exit(bad);
	}
	int bad = 0;
	for (int i = 0; i < 50; i++) {
		pause_ms(1);
		bad |= gs_read() != 0x1122334455667788;
	}
	CHECK("the child has its own", EXITED(wait_status(child), 0) && !bad);
	FAILS("not a kernel address", EPERM, syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000));
	FAILS("nor a non-canonical one", EPERM, syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000));
	FAILS("unknown code", EINVAL, syscall(SYS_arch_prctl, 0x9999, 0));
	FAILS("wild pointer", EFAULT, syscall(SYS_arch_prctl, ARCH_GET_FS, 8));
	CHECK("gs still works", gs_read() == 0x1122334455667788);
	CHECK("AT_HWCAP2 says whether instructions may set it", base_stays(0x123456789000));
	DONE();
}
