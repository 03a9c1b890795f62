/* Attacks on the way into the kernel: every call with the wrong capability, wild pointers, lengths that overflow, unknown numbers. */
#include "exo.h"

#define PAGE 4096

static exo_cap_t mine;
static struct exo_seal seal;
static const uint8_t constants[1024] = { 1 };
static uint8_t pages[4 * PAGE] __attribute__((aligned(PAGE)));

/* ---- numbers ---- */

static long raw(uint64_t number, uint64_t a0, uint64_t a1)
{
	uint64_t status = number, a2 = 0;

	__asm__ volatile("syscall" : "+a"(status), "+d"(a2) : "D"(a0), "S"(a1) : "rcx", "r11", "memory");
	return (long)status;
}

static void numbers(void)
{
	int wrong = 0;

	REFUSED("the first number that is no call", EXO_E_CALL, EXO_NR_COUNT, mine, 0, 0, 0, 0, 0);
	REFUSED("the last number", EXO_E_CALL, 0xffffff, mine, 0, 0, 0, 0, 0);
	for (uint64_t n = EXO_NR_COUNT; n < 0x1000000; n += n < 600 ? 1 : 99991)
		wrong += exo_call(n, mine, mine, mine, mine, mine, mine).status != EXO_E_CALL;
	CHECK("numbers beyond the table", wrong == 0);
	/* The prefix decides, and of rax only its lower half counts, as for Linux's own calls. */
	CHECK("bits above the number", raw(0xffffffffUL << 32 | EXO_CALL_BASE | EXO_NR_NOP, 0, 0) == EXO_OK &&
	      raw(1UL << 32 | SYS_getpid, 0, 0) == getpid());
	CHECK("another prefix is the LibOS's", raw(0xFA000000, mine, 0) == -ENOSYS && raw(0xFC000000, mine, 0) == -ENOSYS);
}

/* ---- every call with a capability that does not fit ---- */

static void misfits(void)
{
	static const struct { const char *name; uint64_t type; } calls[] = {
		#define EXO_CALL(number, name, type, rights, args, value, errors, text) [number] = { #name, EXO_CAP_##type },
		#define EXO_AUTH EXO_CALL
		#define EXO_LOOK EXO_CALL
		#define ARG(kind, name)
		#include <exo/calls.def>
		#undef EXO_LOOK
		#undef EXO_AUTH
		#undef EXO_CALL
	};
	int accepted = 0, unrecorded = 0, n = 0;

	for (uint64_t nr = 1; nr < EXO_NR_COUNT; nr++) {
		uint64_t status;

		if (calls[nr].type == EXO_CAP_NONE || calls[nr].type == EXO_CAP_AUDIT)
			continue;
		n++;
		exo_audit_take();
		status = exo_call(nr, mine, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL).status;
		exo_audit_take();
		if (status != EXO_E_TYPE)
			fprintf(stderr, "%s: %d\n", calls[nr].name, (int)status);
		accepted += status != EXO_E_TYPE;
		unrecorded += !exo_is_refused(exo_zone, nr, status, mine);
	}
	CHECK("every call that wants another type", n > 15 && accepted == 0);
	CHECK("a record for each", unrecorded == 0);
	REFUSED("run: our own context, by guessing", EXO_E_CAP, EXO_NR_RUN, 3, 4, ~0ULL, 0, 0, 0);
	REFUSED("wait: put the LibOS to sleep", EXO_E_TYPE, EXO_NR_WAIT, mine, ~0ULL, 0, 0, 0, 0);
	REFUSED("take the LibOS's events", EXO_E_TYPE, EXO_NR_EVENT_TAKE, mine, 0, 0, 0, 0, 0);
	REFUSED("drain the entropy", EXO_E_TYPE, EXO_NR_ENTROPY_READ, mine, pages, PAGE, 0, 0, 0);
	REFUSED("read the console behind the LibOS's back", EXO_E_TYPE, EXO_NR_CONSOLE_READ, mine, pages, PAGE, 0, 0, 0);
	REFUSED("write to the console", EXO_E_TYPE, EXO_NR_CONSOLE_WRITE, mine, "escaped\n", 8, 0, 0, 0);
	REFUSED("halt the machine", EXO_E_TYPE, EXO_NR_HALT, mine, 0, 0, 0, 0, 0);
	REFUSED("halt with no capability", EXO_E_CAP, EXO_NR_HALT, 0, 0, 0, 0, 0, 0);
	REFUSED("make a zone", EXO_E_TYPE, EXO_NR_ZONE_CREATE, mine, mine, 0, 8, "evil", 4);
	REFUSED("map", EXO_E_TYPE, EXO_NR_MEM_MAP, mine, mine, pages, 1, 0, 0);
	REFUSED("answers of our own", EXO_E_TYPE, EXO_NR_ZONE_ANSWERS, mine, mine, 0, 0, 0, 0);
	REFUSED("rewrite text", EXO_E_TYPE, EXO_NR_TEXT_PREPARE, mine, 0, 1, PAGE, 0x400000, 0);
}

/* ---- pointers ---- */

/* Calls that write: stats, inspect, list_zones, list_caps, audit_read, seal. */
static int writes_to(uint64_t at)
{
	uint64_t status[] = {
		exo_call(EXO_NR_STATS_READ, mine, at, 0, 0, 0, 0).status,
		exo_call(EXO_NR_CAP_INSPECT, mine, at, 0, 0, 0, 0).status,
		exo_call(EXO_NR_LIST_ZONES, mine, at, 4, 0, 0, 0).status,
		exo_call(EXO_NR_LIST_CAPS, mine, at, 4, 0, 0, 0).status,
		exo_call(EXO_NR_AUDIT_READ, mine, at, 4, 0, 0, 0).status,
		exo_call(EXO_NR_CAP_SEAL, mine, EXO_R_READ, 0, EXO_NO_EXPIRY, 0, at).status,
	};
	int refused = 0;

	for (size_t i = 0; i < sizeof status / sizeof *status; i++)
		refused += status[i] == EXO_E_ADDRESS;
	return refused;
}

static int is_filled(const uint8_t *at, int value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != value)
			return 0;
	return 1;
}

static void pointers(void)
{
	static const struct { const char *name; uint64_t at; } wild[] = {
		{ "null", 0 }, { "almost null", 8 }, { "below the lowest address", 0xff8 },
		{ "where nothing is mapped", 0x123456789000 },
		{ "at the user limit", EXO_USER_LIMIT }, { "across the user limit", EXO_USER_LIMIT - 8 },
		{ "above the user limit", EXO_USER_LIMIT + 0x1000 }, { "the last canonical page", 0x7ffffffff000 },
		{ "the first that is not canonical", 0x800000000000 }, { "in the middle of these", 0x8000000000000000 },
		{ "the last that is not canonical", 0xffff7ffffffffff8 },
		{ "the kernel's half", 0xffff800000000000 }, { "the kernel's text", 0xffffffff80000000 },
		{ "the kernel's text, page 256", 0xffffffff80100000 }, { "a window's place", 0x100000000000 },
		{ "the last word", ~0ULL - 7 }, { "the last byte", ~0ULL }, { "wrapping", ~0ULL - 39 },
	};
	char text[96];
	uint8_t *hole;
	int wrong = 0;

	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		exo_audit_take();
		snprintf(text, sizeof text, "answers %s", wild[i].name);
		CHECK(text, writes_to(wild[i].at) == 6);
		exo_audit_take();
		wrong += !exo_is_refused(exo_zone, EXO_NR_STATS_READ, EXO_E_ADDRESS, mine) ||
		         !exo_is_refused(exo_zone, EXO_NR_CAP_SEAL, EXO_E_ADDRESS, mine);
		wrong += exo_call(EXO_NR_CAP_UNSEAL, wild[i].at, EXO_SEAL_SIZE, EXO_R_READ, 0, 0, 0).status != EXO_E_ADDRESS;
	}
	CHECK("records of them, and seals read from there", wrong == 0);
	CHECK("into program text", writes_to((uint64_t)(void *)pointers & ~7ULL) == 6);
	CHECK("into constants", writes_to((uint64_t)constants) == 6);
	memset(pages, 7, sizeof pages);
	mprotect(pages + PAGE, PAGE, PROT_READ);
	CHECK("into a page that may be read", writes_to((uint64_t)pages + PAGE) == 6);
	CHECK("across its beginning", writes_to((uint64_t)pages + PAGE - 8) == 6);
	CHECK("no byte of it has changed", is_filled(pages + PAGE, 7, PAGE));
	mprotect(pages + PAGE, PAGE, PROT_NONE);
	CHECK("into a page without rights", writes_to((uint64_t)pages + PAGE) == 6);
	mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE);
	memset(pages, 7, sizeof pages);
	/* Memory that was promised but never touched has no frame yet. */
	hole = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hole += 32 << 20;
	CHECK("into a page that is not there yet", writes_to((uint64_t)hole) == 6 && is_filled(hole, 0, PAGE));
	munmap(hole, PAGE);
	CHECK("into one that was", writes_to((uint64_t)hole) == 6);
	/* Misaligned is no crime. */
	memset(pages, 7, sizeof pages);
	CHECK("at an odd address", exo_call(EXO_NR_CAP_INSPECT, mine, (uint64_t)pages + 1, 0, 0, 0, 0).status == EXO_OK &&
	      pages[0] == 7 && pages[1 + sizeof(struct exo_cap_info)] == 7);
	CHECK("across the end of a page", exo_call(EXO_NR_CAP_INSPECT, mine, (uint64_t)pages + PAGE - 3, 0, 0, 0, 0).status == EXO_OK &&
	      memcmp(pages + 1, pages + PAGE - 3, 8) == 0);
}

/* A child's copy-on-write pages: what the kernel writes for it must not reach the parent. */
static void copied(void)
{
	pid_t child;

	memset(pages, 9, sizeof pages);
	child = fork();
	if (child == 0) {
		exo_cap_t own = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
		uint64_t status = exo_call(EXO_NR_CAP_INSPECT, own, (uint64_t)pages + PAGE, 0, 0, 0, 0).status;

		_exit(status == EXO_OK ? 0 : status == EXO_E_ADDRESS && is_filled(pages, 9, sizeof pages) ? 0 : 1);
	}
	CHECK("into a page shared with the parent until written", EXITED(wait_status(child), 0) && is_filled(pages, 9, sizeof pages));
}

/* ---- lengths ---- */

static void lengths(void)
{
	static const uint64_t counts[] = { UINT64_MAX, UINT64_MAX / 2, UINT64_MAX / 72 + 1, UINT64_MAX / 32 + 1, 1ULL << 58, 1ULL << 32, 1ULL << 59 | 1 };
	uint64_t end = (uint64_t)pages + 2 * PAGE, wrong = 0, value;
	int i;

	memset(pages, 0, sizeof pages);
	mprotect(pages + 2 * PAGE, 2 * PAGE, PROT_READ);
	for (i = 0; i < (int)(sizeof counts / sizeof *counts); i++) {
		wrong += exo_call(EXO_NR_LIST_CAPS, mine, end - 200, counts[i], 1, 0, 0).status != EXO_E_ADDRESS;
		wrong += exo_call(EXO_NR_LIST_ZONES, mine, end - 200, counts[i], 0, 0, 0).status != EXO_E_ADDRESS;
		exo_call(EXO_NR_AUDIT_READ, mine, end - 40, counts[i], 0, 0, 0);
		wrong += exo_call(EXO_NR_LIST_CAPS, mine, end - 200, counts[i], counts[i], 0, 0).status == EXO_E_CALL;
		wrong += exo_call(EXO_NR_LIST_ZONES, mine, end - 200, counts[i], counts[i], 0, 0).value != 0;
	}
	CHECK("counts that overflow when multiplied", wrong == 0);
	CHECK("nothing beyond the buffer was written", is_filled(pages + 2 * PAGE, 0, 2 * PAGE));
	mprotect(pages + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE);
	CHECK("a count of none", exo_call(EXO_NR_LIST_CAPS, mine, 0, 0, 0, 0, 0).status == EXO_OK &&
	      exo_call(EXO_NR_AUDIT_READ, mine, ~0ULL, 0, 0, 0, 0).status == EXO_OK);
	CHECK("a list from beyond its end", exo_list_caps(mine, (void *)pages, 4, UINT64_MAX, &value) == EXO_OK && value == 0);
}

/* ---- registers ---- */

/* A call changes rax, rdx, rcx and r11, and these to nothing of the kernel's. */
static int registers(uint64_t number)
{
	uint64_t r[16], status = EXO_CALL_BASE | number, in[14];
	uint64_t *from = in, *to = r;
	int same = 0;

	for (int i = 0; i < 14; i++)
		in[i] = 0x1111111111111111ULL * (uint64_t)(i + 1);
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpush %%rbp\n\tpush %%rbx\n\tmov %[in], %%r15\n\tmov %[out], %%r14\n\t"
	                 "push %%r14\n\t"
	                 "mov 0(%%r15), %%rdi\n\tmov 8(%%r15), %%rsi\n\tmov 16(%%r15), %%rdx\n\tmov 24(%%r15), %%r10\n\t"
	                 "mov 32(%%r15), %%r8\n\tmov 40(%%r15), %%r9\n\tmov 48(%%r15), %%rbx\n\tmov 56(%%r15), %%rbp\n\t"
	                 "mov 64(%%r15), %%r12\n\tmov 72(%%r15), %%r13\n\tmov 80(%%r15), %%r14\n\tmov 88(%%r15), %%r15\n\t"
	                 "syscall\n\t"
	                 "xchg %%r14, (%%rsp)\n\t"
	                 "mov %%rdi, 0(%%r14)\n\tmov %%rsi, 8(%%r14)\n\tmov %%rdx, 16(%%r14)\n\tmov %%r10, 24(%%r14)\n\t"
	                 "mov %%r8, 32(%%r14)\n\tmov %%r9, 40(%%r14)\n\tmov %%rbx, 48(%%r14)\n\tmov %%rbp, 56(%%r14)\n\t"
	                 "mov %%r12, 64(%%r14)\n\tmov %%r13, 72(%%r14)\n\tmov %%r15, 88(%%r14)\n\tmov %%rcx, 96(%%r14)\n\tmov %%r11, 104(%%r14)\n\t"
	                 "pop %%r13\n\tmov %%r13, 80(%%r14)\n\t"
	                 "pop %%rbx\n\tpop %%rbp\n\tlea 128(%%rsp), %%rsp"
	                 : "+a"(status), [in] "+D"(from), [out] "+S"(to) :
	                 : "rdx", "r10", "r8", "r9", "r12", "r13", "r14", "r15", "rcx", "r11", "memory");
	for (int i = 0; i < 12; i++)
		same += i == 2 || r[i] == in[i];
	return same == 12 && r[2] < 0x1000 && r[12] - (uint64_t)(void *)registers < 4096 && r[13] < 0x400000;
}

/* Vector state goes on across a call. */
static int vectors(void)
{
	uint64_t in[2] = { 0x0123456789abcdef, 0xfedcba9876543210 }, out[2] = { 0, 0 }, status = EXO_CALL_BASE | EXO_NR_STATS_READ;

	__asm__ volatile("movdqu (%[in]), %%xmm7\n\tmovdqu (%[in]), %%xmm15\n\tsyscall\n\t"
	                 "pxor %%xmm15, %%xmm7\n\tmovdqu %%xmm7, (%[out])"
	                 : "+a"(status) : [in] "r"(in), [out] "r"(out), "D"(mine), "S"(pages)
	                 : "rdx", "rcx", "r11", "memory", "xmm7", "xmm15");
	return status == EXO_OK && out[0] == 0 && out[1] == 0;
}

int main(void)
{
	struct witness witness = witness_start();

	mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
	memset(&seal, 0, sizeof seal);
	CHECK("root gets a capability, and another to look at the records", exo_audit_open() && mine);
	numbers();
	misfits();
	pointers();
	copied();
	lengths();
	CHECK("registers of a call that works", registers(EXO_NR_NOP));
	CHECK("registers of a call that is refused", registers(EXO_NR_ZONE_CREATE) && registers(EXO_NR_CAP_UNSEAL) && registers(0x7777));
	CHECK("vector registers", vectors());
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}
