/*
 * The one system call of a program thread's own, futex() in the stub: it may wait and wake at a few words of its own pages, and nothing else.
 * Every other use is a signal or an error, and never reaches a futex of the host's.
 */
#include "attack.h"

#define FUTEX_WAIT           0 /* Linux's linux/futex.h */
#define FUTEX_WAKE           1
#define FUTEX_FD             2
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_LOCK_PI        6
#define FUTEX_TRYLOCK_PI     8
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256

/* With all six arguments. What is refused becomes a stop with an instruction pointer in the stub: the end. */
static long raw_futex(uint64_t word, uint64_t op, uint64_t value, uint64_t time, uint64_t word2, uint64_t value3)
{
	register uint64_t r10 __asm__("r10") = time;
	register uint64_t r8 __asm__("r8") = word2;
	register uint64_t r9 __asm__("r9") = value3;
	uint64_t at = STUB_FUTEX + 5; /* the instruction itself; the way back is where do_futex_save finds it */
	long result = SYS_futex;

	__asm__ volatile("lea 1f(%%rip), %%rcx; mov %%rcx, (%[back]); jmp *%[to]; 1:"
	                 : "+a"(result), "+r"(r10)
	                 : [to] "r"(at), [back] "r"(ZONE_W + W_RETURN), "D"(word), "S"(op), "d"(value), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
}

static uint32_t own_word;

/* It may be refused with a signal; what comes back is an error of a call that was not made. */
static int waits(uint64_t word)
{
	long result;

	if (!word)
		word = (uint64_t)&own_word;
	result = raw_futex(word, FUTEX_WAIT, *word32(word) + 1, 0, 0, 0);
	return result == -EAGAIN || result == 0 ? SURVIVED : HARMLESS;
}

static int wakes(uint64_t word)
{
	if (!word)
		word = (uint64_t)&own_word;
	return raw_futex(word, FUTEX_WAKE, 1, 0, 0, 0) >= 0 ? SURVIVED : HARMLESS;
}

/* Other operations on a word that it may wait and wake at. */
static int operation(uint64_t op)
{
	struct timespec soon = {0, 1000};
	long result = raw_futex(ZONE_W + W_STATE, op, 0, (uint64_t)&soon, ZONE_W + W_BELL, ~UINT64_C(0));

	return result >= 0 || result == -EAGAIN ? SURVIVED : HARMLESS;
}

/* A wait with a timeout would be a clock, and end sooner than the simulator thinks. */
static int timed(uint64_t word)
{
	struct timespec soon = {0, 1000000};

	return raw_futex(word, FUTEX_WAIT, *word32(word), (uint64_t)&soon, 0, 0) == -ETIMEDOUT ? SURVIVED : HARMLESS;
}

/* The other system call, for fs and gs: no other code of it. */
static int bases(uint64_t code)
{
	uint64_t at = stub_find("\xb8\x9e\0\0\0\x0f\x05", 7, 0), before = 0;
	long result = SYS_arch_prctl;

	if (!at)
		return HARMLESS;
	__asm__ volatile("lea 1f(%%rip), %%r8; jmp *%[to]; 1:" : "+a"(result) : [to] "r"(at), "D"(code), "S"(&before)
	                 : "rcx", "r8", "r11", "memory");
	return result == 0 ? SURVIVED : HARMLESS;
}

#define WAIT(what, word)   {"waiting at " what, waits, word}
#define WAKE(what, word)   {"waking at " what, wakes, word}
#define OPERATION(name, op) {"futex operation " name, operation, op}

static const struct attack attacks[] = {
	WAIT("the turn", ZONE_R + R_TURN),
	WAIT("the slot", ZONE_R + R_SLOT),
	WAIT("the mapper's word", ZONE_R + R_MPOSTED),
	WAIT("the simulator's word", ZONE_W + W_STATE),
	WAIT("a guest's word", ZONE_W + W_WAKE),
	WAIT("the word of rest", ZONE_W + W_REST),
	WAIT("its own memory", 0),
	WAIT("the stub", STUB_TEXT),
	WAKE("the turn", ZONE_R + R_TURN),
	WAKE("the mapper's report", ZONE_R + R_MDONE),
	WAKE("its own bell", ZONE_W + W_BELL),
	WAKE("the word of rest", ZONE_W + W_REST),
	WAKE("its own memory", 0),
	OPERATION("WAIT_BITSET", FUTEX_WAIT_BITSET),
	OPERATION("WAKE_BITSET", FUTEX_WAKE_BITSET),
	OPERATION("REQUEUE", FUTEX_REQUEUE),
	OPERATION("CMP_REQUEUE", FUTEX_CMP_REQUEUE),
	OPERATION("WAKE_OP", FUTEX_WAKE_OP),
	OPERATION("LOCK_PI", FUTEX_LOCK_PI),
	OPERATION("TRYLOCK_PI", FUTEX_TRYLOCK_PI),
	OPERATION("FD", FUTEX_FD),
	OPERATION("private WAKE", FUTEX_WAKE | FUTEX_PRIVATE_FLAG),
	OPERATION("WAIT on another clock", FUTEX_WAIT | FUTEX_CLOCK_REALTIME),
	OPERATION("WAIT_REQUEUE_PI", FUTEX_WAIT_REQUEUE_PI),
	{"a wait with a timeout on its bell", timed, ZONE_W + W_BELL},
	{"a wait with a timeout for its mapper", timed, ZONE_R + R_MDONE},
	{"arch_prctl to read a base", bases, 0x1003 /* ARCH_GET_FS */},
	{"arch_prctl to make cpuid fault", bases, 0x1012 /* ARCH_SET_CPUID */},
	{"arch_prctl to map the host's vDSO", bases, 0x2003 /* ARCH_MAP_VDSO_64 */},
	{"arch_prctl to ask for a vector state", bases, 0x1023 /* ARCH_REQ_XCOMP_PERM */},
	{"arch_prctl with a code of 64 bits", bases, UINT64_C(0x100001002)},
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		attacks_list(argc, argv, attacks[i].name);
	attacks_alone(argc, argv, attacks, sizeof(attacks) / sizeof(*attacks));
	attacks_begin(argc, argv);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		attack_ends(&attacks[i]);
	return attacks_end();
}
