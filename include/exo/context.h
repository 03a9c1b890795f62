/*
 * The context page: register state of one context, shared by the kernel and
 * the LibOS that owns the context. One frame of the LibOS's own memory, named
 * at exo_ctx_create().
 *
 * Which fields hold what:
 *   after exo_run() came back with EXO_EV_SYSCALL, `nr` and `args` hold the
 *     system call's number and arguments, and nothing else of the registers
 *     need be valid yet (`valid` tells);
 *   after any other event all general registers are valid (after QUANTUM and PENDING in the simulator nearly always: `valid` tells);
 *   exo_ctx_save() makes everything valid, the vector state included.
 * What the next exo_run() loads:
 *   nothing in `load`: the context goes on where it stopped, with rax replaced
 *     by `result` if it stopped in a system call;
 *   EXO_CTX_GPRS in `load`: all of `regs` (then `result` is not used);
 *   EXO_CTX_FP in `load`: the vector state from `fp`.
 *   The kernel clears `load`. A new context must set both bits, with `fp`
 *   zeroed for the initial vector state (an XSAVE header of zeroes).
 * The kernel sanitises what it loads (flags, canonical addresses, bases below
 * EXO_USER_LIMIT, MXCSR); every field is hostile to it.
 */
#ifndef EXO_CONTEXT_H
#define EXO_CONTEXT_H

#include <exo/bpf.h>
#include <exo/types.h>

struct exo_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	uint64_t fs_base, gs_base;
};

/* Bits of exo_ctx_page.valid and .load */
#define EXO_CTX_GPRS UINT32_C(1)
#define EXO_CTX_FP   UINT32_C(2)

/* Why exo_run() came back. */
enum exo_event {
	EXO_EV_NONE = 0,
	EXO_EV_SYSCALL = 1,   /* nr, args */
	EXO_EV_FAULT = 2,     /* page fault: address, access */
	EXO_EV_EXCEPTION = 3, /* vector, error */
	EXO_EV_QUANTUM = 4,   /* the quantum is over; events may be pending as well */
	EXO_EV_PENDING = 5,   /* exo_event_take() has something */
	EXO_EV_IPC = 7,       /* it waits for a call or an answer (exo/fastipc.h): not before EXO_PEND_IPC need
	                       * it be run again */
	EXO_EV_DEAD = 6,      /* the zone broke its machine and is gone for good:
	                       * it can only be destroyed */
};

/* Bits of exo_ctx_page.access */
#define EXO_ACCESS_READ    UINT32_C(1)
#define EXO_ACCESS_WRITE   UINT32_C(2)
#define EXO_ACCESS_EXEC    UINT32_C(4)
#define EXO_ACCESS_PRESENT UINT32_C(8) /* a page was mapped there; the kind of
                                          * access was not allowed */

#define EXO_CTX_FP_SIZE 3584

struct exo_ctx_page {
	uint32_t event;    /* enum exo_event, the last one */
	uint32_t valid;    /* EXO_CTX_*, written by the kernel */
	uint32_t load;     /* EXO_CTX_*, written by the LibOS */
	uint32_t access;   /* EXO_ACCESS_* of a fault */
	uint64_t address;  /* faulting address */
	uint32_t vector;   /* exception vector (Intel SDM vol. 3, 6.3.1) */
	uint32_t error;    /* its error code */
	uint64_t nr;       /* system-call number */
	uint64_t args[6];  /* rdi rsi rdx r10 r8 r9 */
	uint64_t result;   /* rax for the return from the system call */
	uint64_t notice;   /* in a quantum slot: its turn is over, and the CPU will be taken at this
	                    * time (ns); 0 since the turn began */
	uint64_t in_call;  /* 1: it is in a fastipc call, and whom it called was stopped for its sake */
	uint64_t spare[2];
	struct exo_regs regs;
	uint64_t pad_[28]; /* so that fp is at 512: XSAVE needs 64-byte alignment */
	/* XSAVE area in the standard (not compacted) format, as in a Linux
	 * signal frame; its first 512 bytes are the FXSAVE image. */
	uint8_t fp[EXO_CTX_FP_SIZE];
};

_Static_assert(offsetof(struct exo_ctx_page, fp) == 512, "fp at 512");
_Static_assert(sizeof(struct exo_ctx_page) == 4096, "one frame");

/*
 * The answer page of a zone (exo_zone_answers): system calls whose number has
 * its bit set are answered with `value` without leaving the zone. The LibOS
 * owns the frame and changes it as it likes; the program cannot write it.
 *
 * What the page does not answer, a program may (exo_zone_answer_program): it sees
 * the page's first 512 bytes, little-endian, with struct exo_answer_call in the place of `present`, and
 * returns one of EXO_ANSWER_*. Kernel calls are never shown to it.
 */
#define EXO_ANSWER_COUNT 448
#define EXO_ANSWER_BYTES 456
struct exo_answer_page {
	uint64_t present[7];              /* bit n: value[n] answers call n */
	uint8_t data[EXO_ANSWER_BYTES];   /* for the program, as the LibOS likes */
	uint64_t value[EXO_ANSWER_COUNT];
};
_Static_assert(sizeof(struct exo_answer_page) == 4096, "one frame");

struct exo_answer_call {
	uint64_t nr; /* the lower half of rax */
	uint64_t args[6];
};
_Static_assert(sizeof(struct exo_answer_call) == offsetof(struct exo_answer_page, data), "in place of `present`");

#define EXO_ANSWER_INPUT_SIZE  512
#define EXO_ANSWER_PROGRAM_MAX 64   /* instructions */
#define EXO_ANSWER_ZERO_MAX    4096 /* bytes */

/* What an answer program returns: an action, and its operand in the lower 16 bits. An action
 * that cannot be carried out, and any other value, is PASS. */
#define EXO_ANSWER_PASS   UINT32_C(0x00000) /* the LibOS sees the call */
#define EXO_ANSWER_RESULT UINT32_C(0x10000) /* the result is the operand, sign-extended */
#define EXO_ANSWER_ARG    UINT32_C(0x20000) /* the result is argument `operand` */
/* Argument `operand` is an address and the next one a size, at most EXO_ANSWER_ZERO_MAX: so many bytes
 * become zero, and the result is the size. PASS if the program may not write there; some bytes may be zero then. */
#define EXO_ANSWER_ZERO   UINT32_C(0x30000)

#endif
