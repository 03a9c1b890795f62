/*
 * The mapper: the second thread of each zone's process, which makes its mappings as the
 * simulator posts them (../layout.h), and the end of a set-up that failed. Registers and read-only memory only.
 */
#include "../layout.h"
#include "filter.h"

#define SYS_mmap 9
#define SYS_mprotect 10
#define SYS_munmap 11
#define SYS_pwrite64 18
#define SYS_futex 202
#define FUTEX_WAKE 1
#define SYS_exit_group 231
#define SYS_seccomp 317
#define SYS_close_range 436

	.text
	.globl mapper_start
mapper_start:
	mov	$SYS_close_range, %eax
	mov	$FD_COMMAND, %edi
	mov	$~0, %esi
	xor	%edx, %edx
	syscall
	mov	$STEP_CLOSE_RANGE, %edi
	test	%rax, %rax
	jnz	set_up_fail
	mov	$SYS_seccomp, %eax
	mov	$1, %edi /* SECCOMP_SET_MODE_FILTER */
	xor	%esi, %esi
	lea	mapper_filter(%rip), %rdx
	syscall
	mov	$STEP_SECCOMP, %edi
	test	%rax, %rax
	jnz	set_up_fail
	xor	%r13d, %r13d /* number of the last list done */
mapper_loop:
	mov	R + R_MPOSTED(%rip), %r12d
	cmp	%r12d, %r13d
	je	mapper_sleep
	lea	R + R_ORDERS(%rip), %rbx
	mov	R + R_MCOUNT(%rip), %r14d
1:	test	%r14d, %r14d
	jz	2f
	mov	(%rbx), %rax
	mov	8(%rbx), %rdi
	mov	16(%rbx), %rsi
	mov	24(%rbx), %rdx
	/* offset bit 0: populate at once */
	mov	40(%rbx), %r9
	mov	$0x11, %r10d /* MAP_SHARED | MAP_FIXED */
	btr	$0, %r9
	jnc	3f
	or	$0x8000, %r10d /* MAP_POPULATE */
3:	mov	32(%rbx), %r8
	syscall
at_mapper:
	cmp	$-4096, %rax
	ja	mapper_fail
	add	$ORDER_SIZE, %rbx
	dec	%r14d
	jmp	1b
2:	mov	%r12d, %r13d
	/* Tells it where no program can write. */
	mov	$SYS_pwrite64, %eax
	mov	$FD_CONTROL, %edi
	lea	R + R_MPOSTED(%rip), %rsi
	mov	$4, %edx
	mov	R + R_SLOT(%rip), %r10d
	shl	$16, %r10 /* CTL_STRIDE */
	add	$R_MDONE, %r10
	syscall
	lea	R + R_MDONE(%rip), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$0x7fffffff, %edx
	mov	$SYS_futex, %eax
	syscall
	jmp	mapper_loop
mapper_sleep:
	lea	R + R_MPOSTED(%rip), %rdi
	xor	%esi, %esi
	mov	%r13d, %edx
	xor	%r10d, %r10d
	mov	$SYS_futex, %eax
	syscall
	jmp	mapper_loop
mapper_fail:
	hlt /* the whole process dies of it; the simulator sees that */
/* Before there is a filter; edi: STEP_* */
	.globl set_up_fail
set_up_fail:
	mov	$SYS_exit_group, %eax
	syscall
	hlt

	.section .rodata, "a"
	.balign 8
mapper_filter:
	.word (mapper_filter_end - 1f) / 8
	.zero 6
	.quad 1f
1:	LD	4
	JEQ	ARCH_X86_64, 2f, mapper_kill
2:	LD	12
	JEQ	STUB_HI, 2f, mapper_kill
2:	LD	0
	JEQ	SYS_mmap, mapper_allow, 2f
2:	JEQ	SYS_munmap, mapper_allow, 2f
2:	JEQ	SYS_mprotect, mapper_allow, 2f
2:	JEQ	SYS_futex, mapper_allow, 2f
2:	JEQ	SYS_pwrite64, mapper_allow, mapper_kill
mapper_allow:
	RETURN	ALLOW
mapper_kill:
	RETURN	KILL
mapper_filter_end:
	.section .note.GNU-stack, "", @progbits
