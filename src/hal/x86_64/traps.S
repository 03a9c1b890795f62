/*
 * Into ring 3 and back. user_enter() looks like a function that returns when
 * the program traps: what comes in saves the program's registers in *regs, goes
 * back to the stack that user_enter() left, and returns.
 *
 * Interrupts are off in ring 0 except in hal_idle(). NMI, #DF and #MC have
 * stacks of their own, so %rsp may hold anything for a few instructions here.
 *
 * Where ring 3 has tables of its own (isolation.c) only what is in the section .entry is mapped in them, at an address
 * that the linker does not know. So that code goes by %rip to itself and by absolute addresses to
 * everything else, and touches nothing else but through gs, the first two pages of
 * struct local, before it has loaded KERNEL_CR3 and after it has loaded ring 3's. What it finds
 * in the first of them it has written itself, or the CPU, since ring 3 was left: a
 * program may reach that page (the emulator's fault that this is about), but not while ring 0 runs on this CPU.
 */

/* struct local, struct cpu; trap.c asserts the offsets. */
#define LAND_RSP    %gs:0
#define LAND_RDI    %gs:8
#define TABLES      4096
#define TABLES_CR3  0
#define TABLES_GDT  16
#define KERNEL_CR3  %gs:TABLES + TABLES_CR3 /* 0: ring 3 runs on the kernel's tables */
#define CPU         8192
#define CPU_KERNEL_RSP   %gs:CPU + 8
#define CPU_REGS         %gs:CPU + 16
#define CPU_ERROR        %gs:CPU + 24
#define CPU_RING3_CR3    %gs:CPU + 32
#define CPU_RING3_AGAIN  %gs:CPU + 40
#define CPU_RING3_NOW    %gs:CPU + 48
#define CPU_LEAVE_SYSRET %gs:CPU + 56
#define CPU_LEAVE_IRET   %gs:CPU + 64
#define CPU_LANDING      %gs:CPU + 72
#define CPU_STACK_NMI    CPU + 88
#define CPU_STACK_FAULT  CPU + 96
#define CPU_STACK_CHECK  CPU + 104

#define MSR_GS_BASE 0xc0000101
#define FRAME_SIZE 176 /* struct trap_frame */

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
#define VEC_DB 1
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

/* What iretq takes; %rdi is the base. */
.macro push_frame
	pushq $SEL_UDATA
	pushq RSP(%rdi)
	pushq RFLAGS(%rdi)
	pushq $SEL_UCODE
	pushq RIP(%rdi)
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
	mov CPU_RING3_CR3, %rax
	test %rax, %rax
	jnz enter_isolated
	test %sil, %sil
	jz 1f
	load_registers
	mov RFLAGS(%rdi), %r11
	mov RSP(%rdi), %rsp
	mov RDI(%rdi), %rdi
	swapgs
	sysretq
1:	push_frame
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

/* The same with a change of tables. What CPU_RING3_CR3 asks to forget is forgotten once. */
enter_isolated:
	mov %rax, CPU_RING3_NOW
	or CPU_RING3_AGAIN, %rax
	mov %rax, CPU_RING3_CR3
	test %sil, %sil
	jz 1f
	load_registers
	mov RFLAGS(%rdi), %r11
	mov RSP(%rdi), %rsp
	mov RDI(%rdi), %rdi
	mov %rdi, LAND_RDI
	mov CPU_RING3_NOW, %rdi
	jmp *CPU_LEAVE_SYSRET
1:	mov CPU_LANDING, %rsp
	push_frame
	load_registers
	mov RCX(%rdi), %rcx
	mov R11(%rdi), %r11
	push RDI(%rdi)
	mov CPU_RING3_NOW, %rdi
	jmp *CPU_LEAVE_IRET
	.size user_enter, . - user_enter

	.section .entry, "ax"
	.globl leave_sysret, leave_iret
leave_sysret:
	mov %rdi, %cr3
	mov LAND_RDI, %rdi
	swapgs
	sysretq
leave_iret:
	mov %rdi, %cr3
	pop %rdi
	swapgs
leave_iret_site:
	iretq

/* The kernel's tables, if these are not. */
.macro load_kernel register
	mov KERNEL_CR3, \register
	test \register, \register
	jz 8f
	mov \register, %cr3
8:
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

/* An iretq above has faulted: gs is the program's already, *regs as it was. */
iret_refused:
	movq $0, (%rsp)               /* rax, further down than trap_forget() looks */
	swapgs
	load_kernel %rax
	movq $0, CPU_ERROR
	mov $VEC_GP, %eax
	resume_kernel

.macro syscall_body
	mov CPU_REGS, %rsp
	mov %rax, RAX(%rsp)
	save_registers %rsp
	mov %rcx, RIP(%rsp)
	mov %r11, RFLAGS(%rsp)
	mov LAND_RSP, %rax
	mov %rax, RSP(%rsp)
	mov $TRAP_SYSCALL, %eax
	resume_kernel
.endm

	.balign 16
	.globl syscall_entry
	.type syscall_entry, @function
syscall_entry:
	swapgs
	mov %rsp, LAND_RSP
	syscall_body
	.size syscall_entry, . - syscall_entry

	.balign 16
	.globl syscall_entry_isolated
	.type syscall_entry_isolated, @function
syscall_entry_isolated:
	swapgs
	mov %rsp, LAND_RSP
	mov KERNEL_CR3, %rsp
	mov %rsp, %cr3
	syscall_body
	.size syscall_entry_isolated, . - syscall_entry_isolated

/* struct trap_frame, all but its first push, of rax. */
.macro push_rest
	push %rbx
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
.endm

.macro pop_all
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
.endm

/* On the stack: vector, error code, rip, cs, rflags, rsp, ss. */
	.type trap_common, @function
trap_common:
	testb $3, 24(%rsp)
	jz 1f
	swapgs
	push %rax
	load_kernel %rax
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
	mov $user_iret, %rax
	cmp %rax, 24(%rsp)
	je iret_refused
	lea leave_iret_site(%rip), %rax
	cmp %rax, 24(%rsp)
	je iret_refused
	push_rest
trap_ring0:                           /* the frame is whole, on a stack of the kernel's */
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
	mov $kernel_trap, %rax
	call *%rax
	pop %rsp
	add $16, %rsp
	pop_all
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
.noaltmacro

/* For what may come at any instruction, also where gs and the tables are half changed: %rax becomes the address of this
 * CPU's struct local, which is where its descriptor table is, and the kernel's tables are loaded. */
.macro find_local scratch
	sub $16, %rsp
	sgdt 6(%rsp)                  /* a limit of two bytes, an address */
	mov 8(%rsp), %rax
	add $16, %rsp
	sub $TABLES + TABLES_GDT, %rax
	mov TABLES + TABLES_CR3(%rax), \scratch
	test \scratch, \scratch
	jz 9f
	mov \scratch, %cr3
9:
.endm

/* Where it came from decides nothing, and it goes back there with what it found. What it has saved it clears: it may have come
 * when ring 0 had been through trap_forget(), with registers of the program before. */
	.balign 16
	.globl nmi_entry
nmi_entry:
	push %rax
	push_rest
	mov %cr3, %rbx
	find_local %rcx
	mov %rsp, %rbp
	mov CPU_STACK_NMI(%rax), %rsp
	mov CPU(%rax), %rdi
	cld
	mov $nmi_handle, %rax
	call *%rax
	mov %rbp, %rsp
	mov %cr3, %rcx
	cmp %rcx, %rbx
	je 1f
	mov %rbx, %cr3
1:	pop_all
	.set saved, 1
	.rept 15
	movq $0, -8 * saved(%rsp)
	.set saved, saved + 1
	.endr
	iretq

/* Nobody watches the kernel. What a program had watched, or its trap flag, may be seen one instruction late, when gs is still
 * the program's. */
	.balign 16
	.globl debug_entry
debug_entry:
	testb $3, 8(%rsp)
	jz 1f
	pushq $0
	pushq $VEC_DB
	jmp trap_common
1:	iretq

/* #DF and #MC, from any ring, with any gs: the end. What they land on is too small for C. */
	.balign 16
	.globl fault_entry, check_entry
check_entry:
	pushq $0
	pushq $VEC_MC
	push %rax
	push_rest
	find_local %rcx
	mov CPU_STACK_CHECK(%rax), %rdi
	jmp 1f
fault_entry:
	pushq $VEC_DF
	push %rax
	push_rest
	find_local %rcx
	mov CPU_STACK_FAULT(%rax), %rdi
1:	mov %rax, %rdx
	shr $32, %rdx
	mov $MSR_GS_BASE, %ecx
	wrmsr
	sub $FRAME_SIZE, %rdi
	mov %rsp, %rsi
	mov %rdi, %rsp
	mov $FRAME_SIZE / 8, %ecx
	cld
	rep movsq
	jmp trap_ring0

	.section .rodata
	.balign 8
	.globl trap_stubs
trap_stubs:
.altmacro
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
