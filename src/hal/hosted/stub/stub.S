/*
 * The code that lives in each zone's process; see ../layout.h for the pieces
 * and for why a program that jumps in here gains nothing.
 *
 * The program thread is in one of two kinds of stop:
 *   fast   a rewritten call site jumped to stub_fast: everything but rcx, r11 and
 *          rax is still in the registers (the six arguments also in the message);
 *   frame  a signal handler runs: the registers are in the signal frame.
 * It posts a message, then waits for R_TURN to change: a while by looking, then
 * asleep on that word. Handlers run with no signal blocked, and are left by iretq: the thread's
 * only system calls are futex() and, for its own fs and gs, arch_prctl(), so that no program can change the signal
 * mask or the signal stack. A preemption
 * signal that comes while the stub runs is dropped; the simulator sends it again. A call that is being answered here stops for it:
 * a program that makes no others could be in the stub each time.
 *
 * Nothing here uses a stack, and no register or memory content is trusted by
 * anyone: what this code does wrong harms this zone only.
 */
#include "../layout.h"
#include "filter.h"

#define SYS_mmap 9
#define SYS_munmap 11
#define SYS_rt_sigprocmask 14
#define SYS_arch_prctl 158
#define SYS_futex 202
#define SYS_seccomp 317
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define USER_CS 0x33
#define USER_SS 0x2b
#define FLAGS_CLEAN 2
#define FLAG_TF 0x100
#define FLAGS_ARITHMETIC 0x8d5
#define WAKE_TRIES 8

/* R, W, ANSWERS: the page groups; their addresses are in stub.ld. */
/* A rewritten call into the message. */
.macro call_message
	mov	%rax, W + W_NR(%rip)
	mov	%rdi, W + W_ARGS(%rip)
	mov	%rsi, W + W_ARGS + 8(%rip)
	mov	%rdx, W + W_ARGS + 16(%rip)
	mov	%r10, W + W_ARGS + 24(%rip)
	mov	%r8, W + W_ARGS + 32(%rip)
	mov	%r9, W + W_ARGS + 40(%rip)
.endm

/* The bases of fs and gs into the message. Where the host has no instructions for them, they are what was loaded last. */
.macro save_bases
	cmpl	$BASES_BY_INSTRUCTION, R + R_BASES(%rip)
	jne	.Lsaved\@
	rdfsbase %rax
	mov	%rax, W + W_FS(%rip)
	rdgsbase %rax
	mov	%rax, W + W_GS(%rip)
.Lsaved\@:
.endm

/*
 * Sets one from R_LOAD, unless it is loaded: the program may have loaded something else by a selector, or by an instruction
 * that works without Linux's knowledge. The call takes several microseconds on some hosts. Clobbers rax rcx rdx rdi rsi r8 r11.
 */
.macro base_call selector, set, loaded, wanted
	mov	R + R_LOAD + \wanted(%rip), %rsi
	mov	%rsi, %rdx
	sub	W + \loaded(%rip), %rdx
	mov	%\selector, %ecx
	or	%rcx, %rdx
	cmpl	$BASES_BY_CALL, R + R_BASES(%rip)
	je	.Lknown\@
	rd\selector\()base %rcx
	xor	%rsi, %rcx
	or	%rcx, %rdx
.Lknown\@:
	test	%rdx, %rdx
	jz	.Lset\@
	mov	%rsi, W + \loaded(%rip)
	mov	$\set, %edi
	lea	.Lset\@(%rip), %r8
	jmp	do_base
.Lset\@:
.endm

/* Of the arguments, those that the answer program used. */
.macro call_registers
	mov	W + W_ARGS(%rip), %rdi
	mov	W + W_ARGS + 8(%rip), %rsi
	mov	W + W_ARGS + 24(%rip), %r10
	mov	W + W_ARGS + 32(%rip), %r8
	mov	W + W_ARGS + 40(%rip), %r9
.endm

/* Of the frame in rbx. Linux has put components that it does not have in their first state, but for the protection keys. */
.macro load_vectors
	mov	FRAME_GREGS + GREG_FPSTATE(%rbx), %rcx
	mov	XSTATE_BV(%rcx), %eax
	mov	XSTATE_BV + 4(%rcx), %edx
	or	R + R_XMASK(%rip), %eax
	xrstor64 (%rcx)
.endm

/* Of the frame at rsp, but rsp itself. */
.macro load_frame
	mov	FRAME_GREGS + 0(%rsp), %r8
	mov	FRAME_GREGS + 8(%rsp), %r9
	mov	FRAME_GREGS + 16(%rsp), %r10
	mov	FRAME_GREGS + 24(%rsp), %r11
	mov	FRAME_GREGS + 32(%rsp), %r12
	mov	FRAME_GREGS + 40(%rsp), %r13
	mov	FRAME_GREGS + 48(%rsp), %r14
	mov	FRAME_GREGS + 56(%rsp), %r15
	mov	FRAME_GREGS + 64(%rsp), %rdi
	mov	FRAME_GREGS + 72(%rsp), %rsi
	mov	FRAME_GREGS + 80(%rsp), %rbp
	mov	FRAME_GREGS + 88(%rsp), %rbx
	mov	FRAME_GREGS + 96(%rsp), %rdx
	mov	FRAME_GREGS + 104(%rsp), %rax
	mov	FRAME_GREGS + 112(%rsp), %rcx
.endm

/* Back to the program, with r11 and flags that tell nothing of what was done here. */
.macro call_over
	mov	$FLAGS_AFTER, %r11d
	cmp	%r11, %r11
	jmp	*%rcx
.endm

	.section .text.stub, "ax"
stub_text:

/* ---- the rewritten call: rax number, rcx where to return to ---- */
	.globl stub_fast
stub_fast:
	cmp	$448, %rax
	jae	1f
	cmpl	$0, R + R_ANSWERS_ON(%rip)
	je	1f
	bt	%rax, ANSWERS(%rip)
	jnc	2f
	lea	ANSWERS + 512(%rip), %r11
	mov	(%r11, %rax, 8), %rax
fast_answered:
	jmp	*%rcx
2:	cmpl	$0, R + R_PROGRAM_ON(%rip)
	jne	answer
1:
fast_pass:
	call_message
	mov	%rcx, W + W_RET(%rip)
fast_post:
	movl	$0, W + W_KIND(%rip)
	mov	R + R_TURN(%rip), %r11
	mov	%r11d, %eax
	xchg	%eax, W + W_STATE(%rip)
	cmpl	$0, R + R_ASLEEP(%rip)
	jne	fast_slow
	mov	R + R_SPIN(%rip), %eax
2:	cmp	%r11, R + R_TURN(%rip)
	jne	3f
	pause
	dec	%eax
	jnz	2b
	jmp	fast_slow
3:	cmp	%r11d, R + R_TURN(%rip)
	je	fast_slow
	cmpl	$0, R + R_ACTION(%rip)
	jne	fast_slow
	mov	R + R_RESULT(%rip), %rax
	call_over

/*
 * The answer program (exo/context.h), in R_PROGRAM; the core has checked it. The instructions that programs for
 * calls are made of; anything else, and whatever cannot be carried out here, is PASS.
 * edi: k, r8: the next instruction, r9d: A, r10d: X. The call is in the message, in the layout of
 * struct exo_answer_call, and if a preemption comes in between it goes on as one that was passed.
 */
answer:
	call_message
answer_run:
	lea	R + R_PROGRAM(%rip), %r8
	xor	%r9d, %r9d
	xor	%r10d, %r10d
answer_next:
	movzwl	(%r8), %eax
	mov	4(%r8), %edi
	add	$8, %r8
	cmp	$BPF_LD_WORD, %eax
	je	answer_word
	cmp	$BPF_JEQ, %eax
	je	answer_jeq
	cmp	$BPF_RET, %eax
	je	answer_ret
	cmp	$BPF_TAX, %eax
	je	answer_tax
	cmp	$BPF_LD_BYTE_IND, %eax
	je	answer_byte
	cmp	$BPF_JSET, %eax
	je	answer_jset
	cmp	$BPF_JGE, %eax
	je	answer_jge
	cmp	$BPF_JGT, %eax
	jne	answer_pass
	cmp	%edi, %r9d
	ja	answer_true
answer_false:
	movzbl	-5(%r8), %eax
	lea	(%r8, %rax, 8), %r8
	jmp	answer_next
answer_jeq:
	cmp	%edi, %r9d
	jne	answer_false
answer_true:
	movzbl	-6(%r8), %eax
	lea	(%r8, %rax, 8), %r8
	jmp	answer_next
answer_jset:
	test	%edi, %r9d
	jnz	answer_true
	jmp	answer_false
answer_jge:
	cmp	%edi, %r9d
	jae	answer_true
	jmp	answer_false
answer_tax:
	mov	%r9d, %r10d
	jmp	answer_next
answer_word:
	lea	W + W_NR(%rip), %rsi
	cmp	$ANSWER_HEAD - 4, %rdi
	jbe	1f
	cmp	$ANSWER_HEAD, %rdi
	jb	answer_pass
	cmp	$ANSWER_INPUT - 4, %rdi
	ja	answer_pass
	lea	ANSWERS(%rip), %rsi
1:	mov	(%rsi, %rdi), %r9d
	jmp	answer_next
answer_byte:
	add	%r10, %rdi
	lea	W + W_NR(%rip), %rsi
	cmp	$ANSWER_HEAD, %rdi
	jb	1f
	cmp	$ANSWER_INPUT, %rdi
	jae	answer_pass
	lea	ANSWERS(%rip), %rsi
1:	movzbl	(%rsi, %rdi), %r9d
	jmp	answer_next
answer_ret:
	mov	%edi, %esi
	shr	$16, %esi
	movswq	%di, %rax
	cmp	$ANSWER_RESULT >> 16, %esi
	je	answer_end
	movzwl	%di, %edi
	lea	W + W_ARGS(%rip), %r8
	cmp	$ANSWER_ARG >> 16, %esi
	jne	answer_zero
	cmp	$6, %edi
	jae	answer_pass
	mov	(%r8, %rdi, 8), %rax
	jmp	answer_end
	/* Large ones are better done by the LibOS; and so are those that fault (stub_signal). */
answer_zero:
	cmp	$ANSWER_ZERO >> 16, %esi
	jne	answer_pass
	cmp	$5, %edi
	jae	answer_pass
	mov	8(%r8, %rdi, 8), %rax
	cmp	$ANSWER_ZERO_HERE, %rax
	ja	answer_pass
	mov	(%r8, %rdi, 8), %rdi
	mov	$STUB_TEXT - ANSWER_ZERO_HERE, %rsi
	cmp	%rsi, %rdi
	ja	answer_pass
	mov	%rax, %rsi
1:	dec	%rsi
	js	answer_end
	movb	$0, (%rdi, %rsi)
	jmp	1b
answer_end:
	call_registers
	call_over
answer_pass:
	call_registers
	mov	%rcx, W + W_RET(%rip)
	jmp	fast_post

/* Everything else: the argument registers are free, they are in the message. */
fast_slow:
	lea	fast_go(%rip), %r8
	jmp	wait
fast_go: /* eax: the action without ACTION_MAPPER */
	mov	%eax, %r11d
	movzbl	%al, %eax
	cmp	$ACTION_LOAD, %eax
	je	load
	mov	W + W_ARGS(%rip), %rdi
	mov	W + W_ARGS + 8(%rip), %rsi
	mov	W + W_ARGS + 16(%rip), %rdx
	mov	W + W_ARGS + 24(%rip), %r10
	mov	W + W_ARGS + 32(%rip), %r8
	mov	W + W_ARGS + 40(%rip), %r9
	mov	W + W_RET(%rip), %rcx
	cmp	$ACTION_SAVE, %eax
	je	fast_save
	mov	R + R_RESULT(%rip), %rax
	call_over

fast_save:
	mov	%rbx, W + W_SAVE + LOAD_RBX(%rip)
	mov	%rbp, W + W_SAVE + LOAD_RBP(%rip)
	mov	%rsp, W + W_SAVE + LOAD_RSP(%rip)
	mov	%r12, W + W_SAVE + LOAD_R12(%rip)
	mov	%r13, W + W_SAVE + LOAD_R13(%rip)
	mov	%r14, W + W_SAVE + LOAD_R14(%rip)
	mov	%r15, W + W_SAVE + LOAD_R15(%rip)
	save_bases
	mov	R + R_XMASK(%rip), %eax
	mov	R + R_XMASK + 4(%rip), %edx
	xsave64	W + W_SAVEFP(%rip)
	mov	W + W_ARGS + 16(%rip), %rdx
	jmp	fast_post

/*
 * Waits until the turn that was posted is over; r8: where to go on then, with
 * eax = R_ACTION. Clobbers rax rcx rdx rsi rdi r9 r10 r11; keeps rbx and rsp.
 * r9: the turn, r10: the last R_TURN/R_NEXT pair that was obeyed.
 */
wait:
	mov	W + W_STATE(%rip), %r9d
	mov	%r9, %r10
	cmpl	$0, R + R_ASLEEP(%rip)
	je	wait_look
	lea	W + W_STATE(%rip), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	lea	wait_look(%rip), %r11
	jmp	do_futex_save
wait_look:
	mov	R + R_SPIN(%rip), %eax
1:	cmp	%r10, R + R_TURN(%rip)
	jne	wait_changed
	pause
	dec	%eax
	jnz	1b
wait_sleep:
	movl	$1, W + W_ASLEEP(%rip)
	mfence
	mov	R + R_TURN(%rip), %rax
	cmp	%rax, %r10
	jne	wait_changed
	lea	W + W_BELL(%rip), %rdi
	mov	$FUTEX_WAIT, %esi
	mov	%r9d, %edx
	lea	wait_woken(%rip), %r11
	jmp	do_futex_save
wait_woken:
	cmp	%r10, R + R_TURN(%rip)
	je	wait_sleep
wait_changed:
	movl	$0, W + W_ASLEEP(%rip)
	/* Once: what is taken for obeyed below is what was looked at here. */
	mov	R + R_TURN(%rip), %r10
	cmp	%r9d, %r10d
	jne	wait_over
	mov	%r10, %rax
	shr	$32, %rax
	jz	wait_look
	test	%eax, %eax
	js	wait_mapper
	cmp	$NEXT_WAKE, %eax
	jne	wait_sleep
	/* Another zone's turn: wake it, and make room. The simulator moves it to our word meanwhile. */
	movl	$WAKE_TRIES, W + W_TRIES(%rip)
	lea	W + W_WAKE(%rip), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
1:	lea	2f(%rip), %r11
	jmp	do_futex_save
2:	test	%eax, %eax
	jnz	wait_sleep
	decl	W + W_TRIES(%rip)
	jnz	1b
	jmp	wait_sleep
wait_mapper:
	lea	wait_look(%rip), %r11
	mov	%r11, W + W_RIP(%rip)
	jmp	call_mapper
wait_over:
	mov	R + R_ACTION(%rip), %eax
	test	$ACTION_MAPPER, %eax
	jz	wait_out
	lea	wait_out(%rip), %r11
	mov	%r11, W + W_RIP(%rip)
	jmp	call_mapper
wait_out:
	mov	R + R_ACTION(%rip), %eax
	and	$~ACTION_MAPPER, %eax
	jmp	*%r8

/* Has the mapper do what is posted and waits until that is done; then to W_RIP. The simulator may
 * post the next list as soon as it sees this one done, before we do: then the mapper sleeps again, so it is woken
 * each time before we wait, and what we wait with was read before that. */
call_mapper:
1:	mov	R + R_MDONE(%rip), %eax
	cmp	R + R_MPOSTED(%rip), %eax
	je	3f
	mov	%eax, W + W_SEEN(%rip)
	lea	R + R_MPOSTED(%rip), %rdi
	mov	$FUTEX_WAKE, %esi
	mov	$1, %edx
	lea	2f(%rip), %r11
	jmp	do_futex_save
2:	mov	W + W_SEEN(%rip), %edx
	lea	R + R_MDONE(%rip), %rdi
	mov	$FUTEX_WAIT, %esi
	lea	1b(%rip), %r11
	jmp	do_futex_save
3:	jmp	*W + W_RIP(%rip)

/* rdi, esi, edx as for futex(); returns to r11. Keeps r8, r9 and r10. */
do_futex_save:
	mov	%r11, W + W_RETURN(%rip)
	mov	%r10, W + W_RIP + 16(%rip)
	xor	%r10d, %r10d
	mov	$SYS_futex, %eax
	syscall
at_futex:
	mov	W + W_RIP + 16(%rip), %r10
	jmp	*W + W_RETURN(%rip)

/* ---- all registers from R_LOAD; r11d: ACTION_* ---- */
load:
	test	$ACTION_FP, %r11d
	jz	1f
	mov	R + R_XMASK(%rip), %eax
	mov	R + R_XMASK + 4(%rip), %edx
	xrstor64 R + R_LOADFP(%rip)
1:	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	cmpl	$BASES_BY_INSTRUCTION, R + R_BASES(%rip)
	jne	load_base_calls
	mov	%eax, %fs
	mov	%eax, %gs
	mov	R + R_LOAD + LOAD_FS(%rip), %rax
	wrfsbase %rax
	mov	R + R_LOAD + LOAD_GS(%rip), %rax
	wrgsbase %rax
load_rest:
	mov	R + R_LOAD + LOAD_RAX(%rip), %rax
	mov	R + R_LOAD + LOAD_RBX(%rip), %rbx
	mov	R + R_LOAD + LOAD_RCX(%rip), %rcx
	mov	R + R_LOAD + LOAD_RDX(%rip), %rdx
	mov	R + R_LOAD + LOAD_RSI(%rip), %rsi
	mov	R + R_LOAD + LOAD_RDI(%rip), %rdi
	mov	R + R_LOAD + LOAD_RBP(%rip), %rbp
	mov	R + R_LOAD + LOAD_R8(%rip), %r8
	mov	R + R_LOAD + LOAD_R9(%rip), %r9
	mov	R + R_LOAD + LOAD_R10(%rip), %r10
	mov	R + R_LOAD + LOAD_R11(%rip), %r11
	mov	R + R_LOAD + LOAD_R12(%rip), %r12
	mov	R + R_LOAD + LOAD_R13(%rip), %r13
	mov	R + R_LOAD + LOAD_R14(%rip), %r14
	mov	R + R_LOAD + LOAD_R15(%rip), %r15
	lea	R + R_LOAD + LOAD_FLAGS(%rip), %rsp
	testl	$FLAG_TF, (%rsp)
	jnz	load_step
	popfq
	mov	R + R_LOAD + LOAD_RSP(%rip), %rsp
	jmp	*R + R_LOAD + LOAD_RIP(%rip)

	/* All that is left at once: the first trap is the one behind the program's first instruction. */
load_step:
	lea	clean_flags(%rip), %rsp
	popfq /* iretq fails with NT set */
	lea	R + R_IRET(%rip), %rsp
	iretq

	/* A host without the instructions. The call puts 0 into the selector too. */
load_base_calls:
	base_call fs, ARCH_SET_FS, W_FS, LOAD_FS
	base_call gs, ARCH_SET_GS, W_GS, LOAD_GS
	jmp	load_rest
do_base:
	mov	$SYS_arch_prctl, %eax
	syscall
at_base:
	jmp	*%r8

/* ---- signals: edi number, rdx ucontext, rsp the frame ---- */
	.globl stub_signal
stub_signal:
	mov	%rsp, %rbx
	mov	FRAME_GREGS - FRAME_UC + GREG_RIP(%rdx), %rax
	lea	stub_text(%rip), %rcx
	sub	%rcx, %rax
	cmp	$STUB_SPAN, %rax
	jae	1f
	cmp	$5, %edi
	je	3f
	lea	-(answer_run - stub_text)(%rax), %rcx
	cmp	$answer_end - answer_run, %rcx
	jae	2f
	lea	answer_pass(%rip), %rax
	mov	%rax, FRAME_GREGS + GREG_RIP(%rbx)
	jmp	go_back
2:	cmp	$SIG_PREEMPT, %edi
	jne	1f
	cmp	$fast_answered - stub_text, %rax
	jb	signal_pass
	je	signal_answered
	lea	-(answer - stub_text)(%rax), %rcx
	cmp	$answer_run - answer, %rcx
	jb	signal_pass
	lea	-(answer_end - stub_text)(%rax), %rcx
	cmp	$answer_pass - answer_end, %rcx
	jae	go_back
	/* The answer is in rax, and the other registers as the call found them are in the message. */
	mov	W + W_ARGS(%rip), %rax
	mov	%rax, FRAME_GREGS + 64(%rbx)
	mov	W + W_ARGS + 8(%rip), %rax
	mov	%rax, FRAME_GREGS + 72(%rbx)
	mov	W + W_ARGS + 24(%rip), %rax
	mov	%rax, FRAME_GREGS + 16(%rbx)
	mov	W + W_ARGS + 32(%rip), %rax
	mov	%rax, FRAME_GREGS + 0(%rbx)
	mov	W + W_ARGS + 40(%rip), %rax
	mov	%rax, FRAME_GREGS + 8(%rbx)
signal_answered:
	mov	FRAME_GREGS + 112(%rbx), %rax
	mov	%rax, FRAME_GREGS + GREG_RIP(%rbx)
	movq	$FLAGS_AFTER, FRAME_GREGS + 24(%rbx)
	andl	$~FLAGS_ARITHMETIC, FRAME_GREGS + GREG_FLAGS(%rbx)
	orl	$FLAGS_AFTER, FRAME_GREGS + GREG_FLAGS(%rbx)
	jmp	1f
signal_pass:
	lea	fast_pass(%rip), %rax
	mov	%rax, FRAME_GREGS + GREG_RIP(%rbx)
	jmp	go_back
	/* SIGTRAP: a program with the trap flag set */
3:	test	%rax, %rax /* at stub_fast? */
	jnz	go_back
	/* It would be stepped through all that follows, and lose the flag: its call
	 * becomes one as at a site that is not rewritten. */
	mov	FRAME_GREGS + 112(%rbx), %rax
	mov	%rax, FRAME_GREGS + GREG_RIP(%rbx)
	mov	FRAME_GREGS + GREG_FLAGS(%rbx), %rax
	mov	%rax, FRAME_GREGS + 24(%rbx)
	movl	$ARCH_X86_64, FRAME_ARCH(%rbx)
	mov	$31, %edi /* SIGSYS */
1:	mov	%edi, W + W_KIND(%rip)
	mov	%rbx, W + W_FRAME(%rip)
	save_bases
frame_post:
	mov	R + R_TURN(%rip), %eax
	xchg	%eax, W + W_STATE(%rip)
	lea	frame_go(%rip), %r8
	jmp	wait
frame_go:
	mov	%eax, %r11d
	movzbl	%al, %eax
	cmp	$ACTION_LOAD, %eax
	je	load
	testl	$FLAG_TF, FRAME_GREGS + GREG_FLAGS(%rbx)
	jnz	go_back
	/* The vector state, then the rest, from the frame in rbx. A signal in here puts its frame below
	 * rsp: so rsp stays below what has still to be read, and leaves the signal stack with the last load. */
	load_vectors
	mov	FRAME_GREGS + GREG_RIP(%rbx), %rax
	mov	%rax, W + W_RIP(%rip)
	mov	FRAME_GREGS + GREG_FLAGS(%rbx), %rax
	mov	%rax, -8(%rbx)
	lea	-8(%rbx), %rsp
	popfq
	load_frame
	mov	FRAME_GREGS + 120(%rsp), %rsp
	jmp	*W + W_RIP(%rip)

	/* Slower, but needs nothing outside of the frame: back into the stub, wherever that was, or to the program with the
	 * trap flag set. What iretq takes is put together over fields of the frame that nobody reads any more. */
go_back:
	mov	%rbx, %rsp
	push	$FLAGS_CLEAN
	popfq /* iretq fails with NT set */
	load_vectors
	mov	FRAME_GREGS + GREG_FLAGS(%rbx), %rax
	mov	FRAME_GREGS + 120(%rbx), %rcx
	movq	$USER_CS, FRAME_GREGS + GREG_RIP + 8(%rbx)
	mov	%rax, FRAME_GREGS + GREG_RIP + 16(%rbx)
	mov	%rcx, FRAME_GREGS + GREG_RIP + 24(%rbx)
	movq	$USER_SS, FRAME_GREGS + GREG_RIP + 32(%rbx)
	load_frame
	incl	W + W_DROPPED(%rip) /* so late that hardly another one finds this frame still there (cross.c) */
	lea	FRAME_GREGS + GREG_RIP(%rsp), %rsp
	iretq

/* No handler returns: Linux only wants an address. */
	.globl stub_restorer
stub_restorer:
	hlt

/*
 * A thread that ran another program before. It slept in do_futex_save, the only system call that it can sleep in, as the
 * host has told the simulator (zone.c), which then put this address where that goes on. Whatever the
 * old program left in registers ends here; of memory, only what the simulator wrote is read.
 */
	.section .text.fresh, "ax"
fresh:
	fninit /* some processors keep the address of the last x87 instruction otherwise */
	lea	clean_flags(%rip), %rsp
	popfq
	mov	$-1, %eax
	mov	$-1, %edx
	xrstor64 R + R_CLEAN(%rip)
	movl	$1, W + W_STARTED(%rip)
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	lea	fast_go(%rip), %r8
	jmp	wait_look
	.section .text.stub, "ax"

/* ---- end of the set-up: the program thread, its stack goes away ---- */
	.globl program_start
program_start:
	movabs	$ZONE_END, %rdi
	movabs	$(HOST_TOP - ZONE_END), %rsi
	mov	$SYS_munmap, %eax
	syscall
	mov	$STEP_UNMAP, %edi
	test	%rax, %rax
	jnz	set_up_fail
	mov	$SYS_rt_sigprocmask, %eax
	mov	$2, %edi /* SIG_SETMASK */
	lea	no_signals(%rip), %rsi
	xor	%edx, %edx
	mov	$8, %r10d
	syscall
	mov	$SYS_seccomp, %eax
	mov	$1, %edi
	xor	%esi, %esi
	lea	program_filter(%rip), %rdx
	syscall
	mov	$STEP_SECCOMP, %edi
	test	%rax, %rax
	jnz	set_up_fail
	jmp	fast_post

	.globl zygote_entry
zygote_entry:
	/* A stack of our own: the host's goes away. */
	mov	$SYS_mmap, %eax
	movabs	$INIT_STACK, %rdi
	mov	$INIT_STACK_SIZE, %esi
	mov	$3, %edx
	mov	$0x32, %r10d /* PRIVATE | ANONYMOUS | FIXED */
	mov	$-1, %r8
	xor	%r9d, %r9d
	syscall
	movabs	$(INIT_STACK + INIT_STACK_SIZE), %rsp
	call	zygote_main
	hlt

	.section .rodata, "a"
	.balign 8
no_signals:
	.quad 0

clean_flags:
	.quad FLAGS_CLEAN

	.balign 8
program_filter:
	.word (program_filter_end - 1f) / 8
	.zero 6
	.quad 1f
1:	LD	4
	JEQ	ARCH_X86_64, 2f, program_trap
2:	LD	12
	JEQ	STUB_HI, 2f, program_trap
2:	LD	8
	JEQ	STUB_LO+at_futex-stub_text, 2f, program_base
2:	LD	0
	JEQ	SYS_futex, 2f, program_trap
2:	LD	20
	JEQ	STUB_HI, 2f, program_trap
2:	LD	24
	JEQ	FUTEX_WAIT, 2f, 3f
	/* Its own two words, and for as long as it takes. */
2:	LD	40
	JEQ	0, 2f, program_trap
2:	LD	44
	JEQ	0, 2f, program_trap
2:	LD	16
	JEQ	ZONE_W_LO+W_BELL, program_allow, 2f
2:	JEQ	ZONE_R_LO+R_MDONE, program_allow, program_trap
3:	JEQ	FUTEX_WAKE, 2f, program_trap
2:	LD	16
	JEQ	ZONE_W_LO+W_STATE, program_allow, 2f
2:	JEQ	ZONE_R_LO+R_MPOSTED, program_allow, 2f
2:	JEQ	ZONE_W_LO+W_WAKE, program_allow, program_trap
	/* Its own two bases: nothing that the instructions would not do. */
program_base:
	JEQ	STUB_LO+at_base-stub_text, 2f, program_trap
2:	LD	0
	JEQ	SYS_arch_prctl, 2f, program_trap
2:	LD	20
	JEQ	0, 2f, program_trap
2:	LD	16
	JEQ	ARCH_SET_FS, program_allow, 2f
2:	JEQ	ARCH_SET_GS, program_allow, program_trap
program_allow:
	RETURN	ALLOW
program_trap:
	RETURN	TRAP
program_filter_end:

	.section .note.GNU-stack, "", @progbits
