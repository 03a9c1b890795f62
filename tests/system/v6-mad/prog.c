/*
 * LibOSes that are none: started by `exo libos`, they loop, die, make wild calls, or say that they have ended while they go on.
 */
#include <exo/libos.h>

static uint64_t call(uint64_t number, uint64_t a0, uint64_t a1)
{
	uint64_t status = EXO_CALL_BASE | number, a2 = 0;

	__asm__ volatile("syscall" : "+a"(status), "+d"(a2) : "D"(a0), "S"(a1) : "rcx", "r11", "r8", "r9", "r10", "memory");
	return status;
}

void _start(struct exo_libos_page *page)
{
	uint64_t n = 0;

	switch (page->boot.cmdline[4]) { /* arg=… */
	case 'l': /* loops */
		for (;;)
			__asm__ volatile("");
	case 'd': /* dies */
		*(volatile char *)8 = 0;
		break;
	case 's': /* stack gone */
		__asm__ volatile("xor %esp, %esp; push %rax");
		break;
	case 'w': /* wild calls, with capabilities that are not its own */
		for (uint64_t i = 0; i < 20000; i++) {
			n = n * UINT64_C(6364136223846793005) + 1442695040888963407;
			(void)call(n >> 33 & 63, n >> 20, n);
		}
		page->status = 3;
		page->state = EXO_LIBOS_ENDED;
		for (;;)
			__asm__ volatile("");
	case 'r': /* rings out of bounds */
		*(volatile uint32_t *)(uintptr_t)page->out = 0xfffffff0;
		*(volatile uint32_t *)(uintptr_t)(page->out + 4) = 0x80000001;
		*(volatile uint32_t *)(uintptr_t)(page->in + 4) = 0xdeadbeef;
		page->status = 0xffffff05;
		page->state = EXO_LIBOS_ENDED;
		for (;;)
			__asm__ volatile("");
	default: /* asks its LibOS, which it is itself */
		__asm__ volatile("syscall" : : "a"(1) : "rcx", "r11", "memory");
	}
	for (;;)
		;
}
