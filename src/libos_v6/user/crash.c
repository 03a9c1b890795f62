/* crash [WHAT]: does what no program may; 11 (nothing there to read) if not told otherwise. */
#include "lib.h"

extern char _start[];

int main(int argc, char **argv)
{
	int (*stack)(void) = (int (*)(void))(uintptr_t)(0x40000000 - 4096);
	volatile int zero = 0;
	const char *what = argc > 1 ? argv[1] : "read";

	if (!strcmp(what, "read"))
		(void)*(volatile int *)(uintptr_t)0x20000000;
	else if (!strcmp(what, "text"))
		*(volatile char *)_start = 0;
	else if (!strcmp(what, "stack"))
		(void)stack();
	else if (!strcmp(what, "kernel"))
		*(volatile char *)UINTPTR_MAX = 0;
	else if (!strcmp(what, "divide"))
		zero = argc / zero;
	else if (!strcmp(what, "illegal"))
		__builtin_trap();
	else if (!strcmp(what, "call"))
		v6_call(99, 0, 0, 0);
	else if (!strcmp(what, "linux"))
		v6_call(231, 0, 0, 0);
	print(2, "crash: %s did no harm\n", what);
	return 0;
}
