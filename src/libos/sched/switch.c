/*
 * The context switch between coroutines: the only assembly of the LibOS.
 *
 * x86-64 System V: the callee-saved registers go on the old stack, the stack pointer is
 * exchanged, and the new stack gives its registers back. The vector state needs no saving, because
 * LibOS code uses none across calls.
 */
#include <libos/sched/coroutine.h>

__asm__(
	".text\n"
	".globl coroutine_swap\n"
	".hidden coroutine_swap\n"
	".type coroutine_swap, @function\n"
	"coroutine_swap:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size coroutine_swap, . - coroutine_swap\n");

#define SAVED_REGISTERS 6

void *coroutine_prepare(void *stack, size_t size, void (*entry)(void))
{
	uint64_t *top = (uint64_t *)((char *)stack + size);

	/* As after a call: the stack is 8 off a multiple of 16 at the entry, and
	 * the word there, a return address that is never used, ends backtraces. */
	*--top = 0;
	*--top = (uint64_t)entry;
	for (int i = 0; i < SAVED_REGISTERS; i++)
		*--top = 0;
	return top;
}
