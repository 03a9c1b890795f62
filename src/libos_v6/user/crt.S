/* Where a program starts (argc, argv[0..], 0 on its stack), and the one way into the LibOS. */
	.text
	.globl _start
	.type _start, @function
_start:
	xor %ebp, %ebp
	mov (%rsp), %rdi
	lea 8(%rsp), %rsi
	and $-16, %rsp
	call main
	mov %eax, %edi
	call exit
	ud2
	.size _start, . - _start

/* long v6_call(long number, a, b, c) */
	.globl v6_call
	.type v6_call, @function
v6_call:
	mov %rdi, %rax
	mov %rsi, %rdi
	mov %rdx, %rsi
	mov %rcx, %rdx
	syscall
	ret
	.size v6_call, . - v6_call

	.section .note.GNU-stack, "", @progbits
