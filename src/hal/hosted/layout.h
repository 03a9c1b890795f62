/*
 * What the simulator and the stub in each zone's process agree on: addresses,
 * offsets, numbers. Read by C and by the assembler.
 *
 * A zone's process has these pieces above EXO_USER_LIMIT, and nothing else:
 *   STUB_TEXT     the stub's code, from a sealed memfd: all that can be executed of what is not the program's
 *   ZONE_R        this zone's page group that only the simulator writes: the
 *                 line with the orders of the moment, registers to load, the
 *                 mapper's list. Read-only in the zone.
 *   ZONE_W        the page group that both write: the message line, saved
 *                 registers, the signal stack. Every byte of it is hostile.
 *   ZONE_ANSWERS  the answer page (exo/context.h), if there is one
 * No page of it is seen by another zone.
 *
 * Why a program gains nothing by jumping into the stub: the program thread has
 * no descriptors, and its seccomp filter knows two instructions: at_futex, which may wait on two words
 * and wake at three, all of them in the zone's own page group, and at_base, which sets its own fs and gs. So it cannot change its signal mask or
 * its signal stack either; handlers are left by iretq. All mappings are made by a second thread, the
 * mapper, which has the descriptors, blocks all signals, has no stack, and takes its orders from ZONE_R,
 * which no program can write. It reports by pwrite() into ZONE_R, so that
 * the report cannot be forged either.
 */
#ifndef HOSTED_LAYOUT_H
#define HOSTED_LAYOUT_H

#define STUB_TEXT    0x7fff00000000
#define STUB_LO      0x00000000 /* low and high half, for seccomp filters */
#define STUB_HI      0x7fff
#define STUB_FRESH   (STUB_TEXT + 0x1800) /* where a thread begins that ran another program before */
#define ZONE_R       0x7fff00100000
#define ZONE_R_LO    0x00100000
#define ZONE_R_SIZE  0x4000
#define ZONE_W       0x7fff00110000
#define ZONE_W_LO    0x00110000
#define ZONE_W_SIZE  0x8000
#define ZONE_ANSWERS 0x7fff00130000
#define ZONE_END     0x7fff00300000 /* nothing of ours from here on… */
#define INIT_STACK   0x7fff00310000 /* …but the zygote's stack, gone in zones */
#define INIT_STACK_SIZE 0x4000
#define STUB_SPAN    0x300000
#define HOST_TOP     0x7ffffffff000 /* TASK_SIZE of x86-64 with 4-level tables */

/* ZONE_R, line 0: read by the program thread */
#define R_TURN   0    /* u32: number of the present entry */
#define R_NEXT   4    /* u32: while waiting: NEXT_* */
#define R_RESULT 8    /* rax for a fast return */
#define R_ACTION 16   /* u32: ACTION_* */
#define R_SPIN   20   /* u32: how often to look before sleeping, at least 1 */
#define R_ASLEEP 24   /* u32: the simulator sleeps until this zone stops: wake it */
#define R_PROGRAM_ON 28 /* u32: 1: there is an answer program */
#define R_ANSWERS_ON 40 /* u32: 1: ZONE_ANSWERS is mapped */
#define R_BASES  44   /* u32: BASES_*: how the bases of fs and gs are set */
#define BASES_BY_INSTRUCTION 0
#define BASES_BY_CALL        1 /* the host has no instructions for them */
#define BASES_READ           2 /* by call; the instructions read them, but what they set does not stay */
#define R_XMASK  32   /* components that contexts have, for xsave and xrstor: eax, edx */
/* line 1: read by the mapper */
#define R_MPOSTED 64  /* u32 futex: number of the last list */
#define R_MCOUNT  68  /* u32: entries in it */
/* line 2: written by the mapper through its descriptor */
#define R_MDONE  128  /* u32 futex: number of the last list done */
#define R_SLOT   192  /* u32, for the set-up: this zone's number */
#define R_PROGRAM 0x400 /* the answer program's instructions */
#define R_CLEAN  0x800  /* XSAVE image without any component */
#define R_LOAD   0x1000 /* struct exo_regs to load */
#define R_IRET   0x1100 /* of it, what iretq takes: rip cs flags rsp ss */
#define R_LOADFP 0x1200 /* XSAVE image to load */
#define R_ORDERS 0x2000
#define ORDER_SIZE 48   /* nr, addr, length, prot, fd, offset: 8 bytes each */
#define ORDER_MAX  170

/* R_NEXT: nothing; run the mapper; wake who sleeps on R_WAKE and sleep; sleep */
#define NEXT_MAPPER 0x80000000
#define NEXT_WAKE   1
#define NEXT_SLEEP  2

/* R_ACTION */
#define ACTION_RESUME 0
#define ACTION_LOAD   1  /* all of R_LOAD */
#define ACTION_SAVE   2  /* of a fast stop: registers to W_SAVE, stop again */
#define ACTION_RELOAD 3  /* of a fast stop: rdx too is in the message */
#define ACTION_KIND   0xff
#define ACTION_FP     0x100 /* with LOAD: R_LOADFP too */
#define ACTION_MAPPER 0x200 /* wait for the mapper first */

/* ZONE_W, line 0: the message */
#define W_STATE 0     /* u32: turn that has ended */
#define W_KIND  4     /* u32: 0 rewritten call, else the signal's number */
#define W_NR    8
#define W_ARGS  16    /* rdi rsi rdx r10 r8 r9 */
/* line 1 */
#define W_RET    64   /* where a rewritten call returns to */
#define W_FRAME  72   /* the signal frame */
#define W_FS     80   /* unless BASES_BY_INSTRUCTION: what was loaded last */
#define W_GS     88
#define W_ASLEEP 104  /* u32 hint: sleeps */
#define W_RIP    112  /* scratch of the stub */
#define W_RETURN 120  /* …where do_futex_save goes on */
#define W_TRIES  140  /* scratch too */
#define W_STARTED 136 /* u32: the thread has got rid of what the last program left */
#define W_SEEN   144  /* scratch too: R_MDONE before the mapper was woken */
#define W_DROPPED 152 /* u32 hint: how many signals came to nothing, because the stub was running */
/* line 3: futexes. Their values are nobody's secret and nobody's proof; the host finds a word that may be written sooner */
#define W_BELL   192  /* R_TURN once more; the thread sleeps here */
#define W_WAKE   196  /* another zone's thread sleeps here, to be woken by this one (cross.c) */
#define W_REST   200  /* this zone's own sleeps here, between two programs (zone.c) */
#define W_SAVE   0x1000 /* struct exo_regs of a fast stop (rbx rbp rsp r12-r15) */
#define W_SAVEFP 0x1200
#define W_STACK  0x2000
#define W_STACK_SIZE 0x5000 /* and 0x1000 of slack: whole register images can be copied */

/* What the stub knows of answer programs: exo/bpf.h, exo/context.h */
#define BPF_LD_WORD     0x20
#define BPF_LD_BYTE_IND 0x50
#define BPF_JEQ         0x15
#define BPF_JGT         0x25
#define BPF_JGE         0x35
#define BPF_JSET        0x45
#define BPF_RET         0x06
#define BPF_TAX         0x07
#define ANSWER_HEAD     56 /* struct exo_answer_call */
#define ANSWER_INPUT    512
#define ANSWER_RESULT   0x10000
#define ANSWER_ARG      0x20000
#define ANSWER_ZERO     0x30000
#define ANSWER_ZERO_HERE 256 /* bytes that the stub clears itself, at most */

#define ZONE_MAX 1024

/* struct exo_regs */
#define LOAD_RAX 0
#define LOAD_RBX 8
#define LOAD_RCX 16
#define LOAD_RDX 24
#define LOAD_RSI 32
#define LOAD_RDI 40
#define LOAD_RBP 48
#define LOAD_RSP 56
#define LOAD_R8  64
#define LOAD_R9  72
#define LOAD_R10 80
#define LOAD_R11 88
#define LOAD_R12 96
#define LOAD_R13 104
#define LOAD_R14 112
#define LOAD_R15 120
#define LOAD_RIP 128
#define LOAD_FLAGS 136
#define LOAD_FS  144
#define LOAD_GS  152

/* Linux's signal frame: return address, then struct ucontext */
#define FRAME_UC      8
#define FRAME_GREGS   48 /* r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags */
#define GREG_RIP      128
#define GREG_FLAGS    136
#define GREG_SELECTORS 144
#define GREG_ERROR    152
#define GREG_TRAP     160
#define GREG_CR2      176
#define GREG_FPSTATE  184
#define XSTATE_BV     512 /* of an XSAVE image: the components that it has (SDM vol. 1, 13.4.2) */
#define FRAME_INFO    312 /* siginfo, after a ucontext with an 8-byte mask */
#define FRAME_ARCH    (FRAME_INFO + 28) /* of a SIGSYS by seccomp: ARCH_X86_64 */
#define ARCH_X86_64   0xc000003e

#define SIG_PREEMPT 10 /* SIGUSR1 */

#define FLAGS_AFTER 0x246 /* the flags, and r11, after a rewritten call: as after comparing equals */

/* The control memfd: a group of pages for each zone. */
#define CTL_STRIDE  0x10000
#define CTL_W       0x8000  /* R first, W from here */

#define ZYGOTE_READY 1 /* its first words */

/* Descriptors of the zygote and, the first two, of mappers */
#define FD_MEMORY  3
#define FD_CONTROL 4
#define FD_COMMAND 5

/* What failed while a process was set up: its exit status. */
#define STEP_PDEATHSIG    1
#define STEP_NO_NEW_PRIVS 2
#define STEP_MASK         3
#define STEP_CLOSE_RANGE  4
#define STEP_UNMAP        10
#define STEP_SIGACTION    20
#define STEP_THREAD       31
#define STEP_CONTROL      32
#define STEP_ORPHAN       34
#define STEP_ALTSTACK     35
#define STEP_SECCOMP      40
/* Before the zygote is one: with errno. */
#define STEP_MEMFD        50
#define STEP_NOEXEC       51
#define STEP_SOCKET       52
#define STEP_EXEC         53

#endif
