/*
 * Ring-3 runtime of the LibOS: where it starts, and the one way into the
 * kernel. The kernel's call convention is in exo/abi.h.
 */
	.text
	.globl _start
	.type _start, @function
_start:                               /* rdi: struct exo_boot */
	xor %ebp, %ebp
	and $-16, %rsp
	push %rbp
	push %rbp
	call libos_start
	ud2
	.size _start, . - _start

/* struct exo_result exo_call(number, a0 … a5): a C call's registers become a
 * kernel call's; status and value come back in rax and rdx as C wants them. */
	.globl exo_call
	.type exo_call, @function
	.balign 16
exo_call:
	mov $0xfb000000, %eax         /* zero-extends; a displacement would not */
	or %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	mov %r8, %r10
	mov %r9, %r8
	mov 8(%rsp), %r9
	syscall
	ret
	.size exo_call, . - exo_call

	.section .note.GNU-stack, "", @progbits
