/*
 * Into ring 3 and back. user_enter() looks like a function that returns when
 * the program traps: what comes in saves the program's registers in *regs, goes
 * back to the stack that user_enter() left, and returns.
 *
 * Interrupts are off in ring 0 except in hal_idle(). NMI, #DF and #MC have
 * stacks of their own, so %rsp may hold anything for a few instructions here.
 */
#define CPU_KERNEL_RSP %gs:8
#define CPU_USER_RSP   %gs:16
#define CPU_REGS       %gs:24
#define CPU_ERROR      %gs:32

/* struct exo_regs */
#define RAX 0
#define RBX 8
#define RCX 16
#define RDX 24
#define RSI 32
#define RDI 40
#define RBP 48
#define RSP 56
#define R8  64
#define R9  72
#define R10 80
#define R11 88
#define R12 96
#define R13 104
#define R14 112
#define R15 120
#define RIP 128
#define RFLAGS 136

#define SEL_UDATA 0x2b
#define SEL_UCODE 0x33
#define TRAP_SYSCALL 0x100
#define VEC_COUNT 0x50
#define VEC_DF 8
#define VEC_GP 13
#define VEC_MC 18
#define USER_LIMIT_HIGH 0x7fff /* EXO_USER_LIMIT >> 32 */

	.text

/* Everything but rcx, r11, rdi, rsp; %rdi is the base. */
.macro load_registers
	mov RAX(%rdi), %rax
	mov RBX(%rdi), %rbx
	mov RDX(%rdi), %rdx
	mov RSI(%rdi), %rsi
	mov RBP(%rdi), %rbp
	mov R8(%rdi), %r8
	mov R9(%rdi), %r9
	mov R10(%rdi), %r10
	mov R12(%rdi), %r12
	mov R13(%rdi), %r13
	mov R14(%rdi), %r14
	mov R15(%rdi), %r15
.endm

/* Everything but rax, rsp, rip, rflags. */
.macro save_registers base
	mov %rbx, RBX(\base)
	mov %rcx, RCX(\base)
	mov %rdx, RDX(\base)
	mov %rsi, RSI(\base)
	mov %rdi, RDI(\base)
	mov %rbp, RBP(\base)
	mov %r8, R8(\base)
	mov %r9, R9(\base)
	mov %r10, R10(\base)
	mov %r11, R11(\base)
	mov %r12, R12(\base)
	mov %r13, R13(\base)
	mov %r14, R14(\base)
	mov %r15, R15(\base)
.endm

.macro resume_kernel
	mov CPU_KERNEL_RSP, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
.endm

	.globl user_enter
	.type user_enter, @function
user_enter:
	/* At each entry, for rip has changed since the last: sysret with one that is not canonical
	 * would fault in ring 0, on the stack that the program has chosen. */
	mov RIP(%rdi), %rcx
	mov %rcx, %rax
	shr $32, %rax
	cmp $USER_LIMIT_HIGH, %eax
	jae enter_refused
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, CPU_KERNEL_RSP
	mov %rdi, CPU_REGS
	test %sil, %sil
	jz 1f
	load_registers
	mov RFLAGS(%rdi), %r11
	mov RSP(%rdi), %rsp
	mov RDI(%rdi), %rdi
	swapgs
	sysretq
1:	pushq $SEL_UDATA
	pushq RSP(%rdi)
	pushq RFLAGS(%rdi)
	pushq $SEL_UCODE
	pushq RIP(%rdi)
	load_registers
	mov RCX(%rdi), %rcx
	mov R11(%rdi), %r11
	mov RDI(%rdi), %rdi
	swapgs
user_iret:
	iretq
enter_refused:
	movq $0, CPU_ERROR
	mov $VEC_GP, %eax
	ret
	.size user_enter, . - user_enter

/* The iretq above has faulted: gs is the program's already, *regs as it was. */
iret_refused:
	swapgs
	movq $0, CPU_ERROR
	mov $VEC_GP, %eax
	resume_kernel

	.balign 16
	.globl syscall_entry
	.type syscall_entry, @function
syscall_entry:
	swapgs
	mov %rsp, CPU_USER_RSP
	mov CPU_REGS, %rsp
	mov %rax, RAX(%rsp)
	save_registers %rsp
	mov %rcx, RIP(%rsp)
	mov %r11, RFLAGS(%rsp)
	mov CPU_USER_RSP, %rax
	mov %rax, RSP(%rsp)
	mov $TRAP_SYSCALL, %eax
	resume_kernel
	.size syscall_entry, . - syscall_entry

/* On the stack: vector, error code, rip, cs, rflags, rsp, ss. */
	.type trap_common, @function
trap_common:
	testb $3, 24(%rsp)
	jz 1f
	swapgs
	push %rax
	mov CPU_REGS, %rax
	save_registers %rax
	pop %rbx
	mov %rbx, RAX(%rax)
	pop %rcx                      /* vector */
	pop %rbx
	mov %rbx, CPU_ERROR
	pop %rbx
	mov %rbx, RIP(%rax)
	pop %rbx
	pop %rbx
	mov %rbx, RFLAGS(%rax)
	pop %rbx
	mov %rbx, RSP(%rax)
	/* The gate has cleared TF, NT and IF; DF and AC, which would let the kernel touch
	 * ring 3's pages in spite of SMAP, are still the program's. */
	pushq $2
	popfq
	mov %ecx, %eax
	resume_kernel
1:	push %rax
	lea user_iret(%rip), %rax
	cmp %rax, 24(%rsp)
	je iret_refused
	jmp 2f
/* #DF and #MC, from any ring and with any gs: kernel_trap() sees to that and does not come back. */
	.globl fault_entry, check_entry
check_entry:
	pushq $0
	pushq $VEC_MC
	jmp 1f
fault_entry:
	pushq $VEC_DF
1:	push %rax
2:	push %rbx
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %rbp
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	mov 8 * 8(%rsp), %rax         /* a frame for the backtrace: rip, old rbp */
	push 15 * 8 + 16(%rsp)
	push %rax
	mov %rsp, %rbp
	mov %rsp, %rax
	and $-16, %rsp
	push %rax
	push %rax
	call kernel_trap
	pop %rsp
	add $16, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rbp
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rbx
	pop %rax
	add $16, %rsp
	iretq
	.size trap_common, . - trap_common

/* A stub for each vector. #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC, #SX push
 * an error code (SDM vol. 3, table 6-1; APM vol. 2, table 8-1). */
.macro stub vector
	.balign 16
stub_\vector:
	.if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
	.else
	pushq $0
	.endif
	pushq $\vector
	jmp trap_common
.endm

.altmacro
.macro stubs_from vector
	stub %vector
.endm
	.set vector, 0
	.rept VEC_COUNT
	stubs_from vector
	.set vector, vector + 1
	.endr

/* On a stack of its own, at any moment. Where it came from decides nothing: gs is not used. */
	.balign 16
	.globl nmi_entry
nmi_entry:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	cld
	mov %rsp, %rdi
	call nmi_handle
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	iretq

	.section .rodata
	.balign 8
	.globl trap_stubs
trap_stubs:
.macro stub_address vector
	.quad stub_\vector
.endm
.macro stub_addresses_from vector
	stub_address %vector
.endm
	.set vector, 0
	.rept VEC_COUNT
	stub_addresses_from vector
	.set vector, vector + 1
	.endr

	.text
/* kernel_trap() sends a #GP in one of the two restores to its fixup. */
	.globl fp_xrstor, fp_xrstor_site, fp_fxrstor, fp_fxrstor_site, fp_refused
fp_xrstor:
	mov %esi, %eax
	mov %rsi, %rdx
	shr $32, %rdx
fp_xrstor_site:
	xrstor64 (%rdi)
	mov $1, %eax
	ret
fp_fxrstor:
fp_fxrstor_site:
	fxrstor64 (%rdi)
	mov $1, %eax
	ret
fp_refused:
	xor %eax, %eax
	ret

	.section .note.GNU-stack, "", @progbits
