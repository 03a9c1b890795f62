/* A static position-independent program: relocations, brk, its address is not fixed at 4 MiB. */
#include "check.h"
static int value = 5;
static int *pointer = &value;
static int twice(int x) { return x * 2; }
static int (*function)(int) = twice;

int main(void)
{
	CHECK("data relocation", *pointer == 5);
	CHECK("function relocation", function(21) == 42);
	CHECK("loaded high", (uintptr_t)main > 0x10000000);
	char *p = sbrk(0);
	CHECK("brk works", sbrk(100000) == p && (p[99999] = 1) == 1 && sbrk(-100000) == p + 100000);
	CHECK("heap", malloc(1000000) != NULL);
	DONE();
}
