/* Attacks by a LibOS zone that a program has made: what it may not do in its slot, and what an App zone of its own may not. */
#include "exo.h"
#include <elf.h>

#define PAGE 4096UL
#define FRAMES 128
#define AT_CODE   0
#define AT_BOOT   1
#define AT_PAGE   2 /* main context's */
#define AT_SCRIPT 3
#define AT_INNER  4 /* inner context's */
#define AT_STACK  8
#define AT_FUND   32
#define AT_FUND2  80
#define GUEST     0x10000000UL /* where the guest sees its frames */
#define HOLD (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define RW (EXO_PROT_READ | EXO_PROT_WRITE)

/* What it shall try, one call after the other. */
struct attempt {
	uint64_t number, args[6], status, value;
};

struct script {
	volatile uint64_t count, done; /* attempts that there are, and that were made */
	volatile uint64_t beats;       /* it lives */
	struct attempt attempts[40];
};

static inline __attribute__((always_inline)) struct exo_result call(uint64_t number, const uint64_t *a)
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	uint64_t status = EXO_CALL_BASE | number, value = a[2];

	__asm__ volatile("syscall"
	                 : "+a"(status), "+d"(value)
	                 : "D"(a[0]), "S"(a[1]), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return (struct exo_result){ status, value };
}

#define IN_GUEST __attribute__((section(".guest"), noinline, used))

IN_GUEST __attribute__((aligned(4096))) void guest_main(const struct exo_boot *boot)
{
	struct script *script = (void *)(GUEST + AT_SCRIPT * PAGE);
	uint64_t rest[6] = { boot->cpu, 0, 0, 0, 0, 0 };

	for (;;) {
		script->beats++;
		if (script->done < script->count) {
			struct attempt *attempt = &script->attempts[script->done];
			struct exo_result r = call(attempt->number, attempt->args);

			attempt->status = r.status;
			attempt->value = r.value;
			script->done++;
		} else {
			call(EXO_NR_WAIT, rest);
		}
	}
}

/* What runs below it: kernel calls for ever, of the number in rsi on the capabilities in rdi and rdx. */
IN_GUEST void guest_inner(uint64_t cap, uint64_t number, uint64_t other)
{
	uint64_t args[6] = { cap, other, 1000000, 0, 0, 0 };
	volatile uint64_t *result = (void *)(GUEST + AT_STACK * PAGE);

	for (;;) {
		result[0] = call(number, args).status;
		result[1]++;
	}
}

/* The section as it is in the file: in memory its calls may have been rewritten for this process. */
static int guest_code(unsigned char *to)
{
	static unsigned char page[4096], code[4096];
	uint64_t at = (uint64_t)(uintptr_t)guest_main & ~4095UL;
	const Elf64_Ehdr *header = (const void *)page;
	int f = open("/proc/self/exe", O_RDONLY);

	if (pread(f, page, sizeof page, 0) != sizeof page)
		return 0;
	for (int i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *p = (const void *)(page + header->e_phoff + (size_t)i * sizeof *p);

		/* Not at once into the window, which the LibOS does not know of. */
		if (p->p_type == PT_LOAD && at >= p->p_vaddr && at < p->p_vaddr + p->p_filesz)
			return pread(f, code, 4096, (off_t)(p->p_offset + at - p->p_vaddr)) > 0 && memcpy(to, code, 4096) && close(f) == 0;
	}
	return 0;
}

/* ---- its creator ---- */

static exo_cap_t zone, memory, cpu, guest, context, app, inner;
static exo_cap_t g_zone, g_memory, g_cpu, g_part, g_main, g_inner, g_app; /* names in the guest */
static uint64_t first, slot;
static uint32_t guest_number;
static uint8_t *window;
static struct script *script;

static exo_cap_t grant(uint32_t kind, uint32_t rights, uint64_t count, uint64_t *at)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights, .count = count };
	int f = open("/dev/exo", O_RDWR);

	if (ioctl(f, (int)EXO_DEV_GRANT, &g))
		g.cap = EXO_CAP_NONE;
	close(f);
	if (at)
		*at = g.first;
	return g.cap;
}

static exo_cap_t give(exo_cap_t cap)
{
	uint64_t name = EXO_CAP_NONE;

	return exo_cap_grant(cap, guest, EXO_R_ALL, &name) == EXO_OK ? name : EXO_CAP_NONE;
}

static struct exo_ctx_page *context_page(unsigned at, uint64_t rip, unsigned stack)
{
	struct exo_ctx_page *page = (void *)(window + at * PAGE);

	memset(page, 0, sizeof *page);
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	page->regs.rip = rip;
	page->regs.rsp = GUEST + (AT_STACK + 8UL * stack) * PAGE - 64;
	page->regs.rdi = GUEST + AT_BOOT * PAGE;
	return page;
}

static int map_guest(exo_cap_t to)
{
	static struct exo_map_op ops[2];

	ops[0] = (struct exo_map_op){ (uint64_t)(uintptr_t)guest_main & ~4095UL, first + AT_CODE, 1, EXO_PROT_READ | EXO_PROT_EXEC };
	ops[1] = (struct exo_map_op){ GUEST, first, AT_FUND, RW };
	return exo_mem_map(to, memory, ops, 2, NULL) == EXO_OK;
}

static int guest_make(void)
{
	static struct exo_map_op op;
	static struct exo_zone_info info;
	static struct cpu_quantum q = { .cycles = 3000000, .priority = 1 };
	struct exo_boot *boot;
	uint64_t part = EXO_CAP_NONE;

	zone = grant(EXO_DEV_ZONE, EXO_R_READ | EXO_R_CREATE | EXO_R_MAP | HOLD, 0, NULL);
	memory = grant(EXO_DEV_MEMORY, EXO_R_READ | EXO_R_WRITE | EXO_R_EXEC | EXO_R_FUND | HOLD, FRAMES, &first);
	cpu = grant(EXO_DEV_CPU, EXO_R_READ | EXO_R_EXEC | HOLD, 2, &slot);
	window = mmap(NULL, AT_FUND * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	op = (struct exo_map_op){ (uint64_t)window, first, AT_FUND, RW };
	memset(&info, 0, sizeof info);
	if (exo_mem_map(zone, memory, &op, 1, NULL) != EXO_OK || !guest_code(window + AT_CODE * PAGE) ||
	    exo_libos_create(zone, memory, first + AT_FUND, 32, "hostile", 7, &guest) != EXO_OK || !map_guest(guest))
		return 0;
	boot = (void *)(window + AT_BOOT * PAGE);
	script = (void *)(window + AT_SCRIPT * PAGE);
	boot->cpu = g_cpu = give(cpu);
	g_zone = give(guest);
	g_memory = give(memory);
	exo_cap_derive(cpu, EXO_R_EXEC | EXO_R_GRANT, slot + 1, 1, EXO_NO_EXPIRY, &part);
	g_part = give(part);
	context_page(AT_PAGE, (uint64_t)(uintptr_t)guest_main, 1);
	if (exo_ctx_create(guest, memory, first + AT_PAGE, &context) != EXO_OK || exo_zone_info(guest, &info, NULL) != EXO_OK ||
	    exo_zone_create(guest, memory, first + AT_FUND2, 32, "inner", 5, &app) != EXO_OK || !map_guest(app))
		return 0;
	guest_number = info.number;
	g_main = give(context);
	g_app = give(app);
	return exo_quantum_bind(cpu, slot, context, &q, NULL) == EXO_OK;
}

/* The guest makes this call; its status, and whether there is a record if it is a refusal. */
static uint64_t attempt(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	struct attempt *next = &script->attempts[0];

	*next = (struct attempt){ .number = number, .args = { a0, a1, a2, a3, a4, a5 }, .status = 999 };
	exo_audit_take();
	script->count = 0;
	script->done = 0;
	script->count = 1;
	for (int i = 0; i < 5000 && script->done == 0; i++)
		pause_ms(1);
	exo_audit_take();
	return next->status;
}

#define TRIES(what, want, nr, a0, a1, a2, a3, a4, a5)                                                            \
	do {                                                                                                     \
		uint64_t got_ = attempt(nr, (uint64_t)(a0), a1, a2, a3, a4, a5);                                 \
		int recorded_ = (want) == EXO_OK || (want) == EXO_E_BUSY || exo_is_refused(guest_number, nr, want, 0); \
		if (got_ != (want))                                                                              \
			fprintf(stderr, "%s: status %d\n", what, (int)got_);                                     \
		check_line(got_ == (want) && recorded_, what, __FILE__, __LINE__, (int)got_);                    \
	} while (0)

static void in_its_slot(void)
{
	struct exo_map_op *op = (void *)(window + (AT_STACK + 1) * PAGE);
	const uint64_t at = GUEST + (AT_STACK + 1) * PAGE;

	TRIES("it works", EXO_OK, EXO_NR_NOP, 0, 0, 0, 0, 0, 0);
	TRIES("running itself", EXO_E_BUSY, EXO_NR_RUN, g_main, g_cpu, 1000000, 0, 0, 0);
	TRIES("running what it does not have", EXO_E_CAP, EXO_NR_RUN, context, g_cpu, 1000000, 0, 0, 0);
	TRIES("running on a slot that is not this one", EXO_E_RANGE, EXO_NR_RUN, g_main, g_part, 1000000, 0, 0, 0);
	TRIES("waiting in a slot that is not this one", EXO_E_RANGE, EXO_NR_WAIT, g_part, ~0ULL, 0, 0, 0, 0);
	TRIES("its creator's zone, by the name that the creator knows", EXO_E_CAP, EXO_NR_ZONE_DESTROY, zone, 0, 0, 0, 0, 0);
	TRIES("its creator's memory likewise", EXO_E_CAP, EXO_NR_MEM_MAP, g_zone, memory, at, 1, 0, 0);
	TRIES("destroying itself", EXO_E_BUSY, EXO_NR_ZONE_DESTROY, g_zone, 0, 0, 0, 0, 0);
	*op = (struct exo_map_op){ 0x20000000, first + AT_FUND, 1, RW };
	TRIES("mapping its own fund", EXO_E_OVERLAP, EXO_NR_MEM_MAP, g_zone, g_memory, at, 1, 0, 0);
	*op = (struct exo_map_op){ 0x20000000, first - 1, 1, RW };
	TRIES("mapping the POSIX LibOS's memory", EXO_E_RANGE, EXO_NR_MEM_MAP, g_zone, g_memory, at, 1, 0, 0);
	*op = (struct exo_map_op){ EXO_USER_LIMIT, first, 1, RW };
	TRIES("mapping above the user limit", EXO_E_ARG, EXO_NR_MEM_MAP, g_zone, g_memory, at, 1, 0, 0);
	*op = (struct exo_map_op){ 0xffffffff80000000, first, 1, RW };
	TRIES("mapping over the kernel", EXO_E_ARG, EXO_NR_MEM_MAP, g_zone, g_memory, at, 1, 0, 0);
	TRIES("entries in its creator's memory", EXO_E_ADDRESS, EXO_NR_MEM_MAP, g_zone, g_memory, (uint64_t)window, 1, 0, 0);
	TRIES("entries in the kernel", EXO_E_ADDRESS, EXO_NR_MEM_MAP, g_zone, g_memory, 0xffffffff80000000, 1, 0, 0);
	TRIES("all memory there is", EXO_E_RANGE, EXO_NR_CAP_DERIVE, g_memory, EXO_R_READ, 0, 1 << 20, EXO_NO_EXPIRY, 0);
	TRIES("the first LibOS's slot", EXO_E_RANGE, EXO_NR_CAP_DERIVE, g_cpu, EXO_R_EXEC, 0, 1, EXO_NO_EXPIRY, 0);
	TRIES("events of its App zone", EXO_E_STATE, EXO_NR_EVENT_TAKE, g_app, 0, 0, 0, 0, 0);
	TRIES("halting the machine", EXO_E_CAP, EXO_NR_HALT, 1, 0, 0, 0, 0, 0);
	TRIES("halting it with memory", EXO_E_TYPE, EXO_NR_HALT, g_memory, 0, 0, 0, 0, 0);
	TRIES("a call that there is not", EXO_E_CALL, 0xfff, g_memory, 0, 0, 0, 0, 0);
	TRIES("bytes that are no seal", EXO_E_SEAL_FORMAT, EXO_NR_CAP_UNSEAL, GUEST + AT_STACK * PAGE, EXO_SEAL_SIZE, 1, 0, 0, 0);
	TRIES("it works still", EXO_OK, EXO_NR_NOP, 0, 0, 0, 0, 0, 0);
}

/* An App zone of the guest's that does nothing but make this kernel call. The guest gets the CPU back. */
static void below(const char *what, uint64_t number, exo_cap_t a, exo_cap_t b, uint64_t want)
{
	volatile uint64_t *result = (void *)(window + AT_STACK * PAGE);
	struct exo_ctx_page *page = context_page(AT_INNER, (uint64_t)(uintptr_t)guest_inner, 2);
	uint64_t beats, status = 996, event = 0;

	page->regs.rdi = a;
	page->regs.rsi = number;
	page->regs.rdx = b;
	result[0] = 998;
	result[1] = 0;
	if (exo_ctx_create(app, memory, first + AT_INNER, &inner) != EXO_OK)
		want = 997;
	g_inner = give(inner);
	/* A busy host may eat up a whole quantum. */
	for (int i = 0; i < 50 && result[1] < 2; i++) {
		status = attempt(EXO_NR_RUN, g_inner, g_cpu, 2000000, 0, 0, 0);
		event = script->attempts[0].value;
	}
	beats = script->beats;
	for (int i = 0; i < 5000 && script->beats < beats + 3; i++)
		pause_ms(1);
	if (status != EXO_OK || event != EXO_EV_QUANTUM || result[0] != want)
		fprintf(stderr, "%s: run %d, event %d, status %d\n", what, (int)status, (int)event, (int)result[0]);
	CHECK(what, status == EXO_OK && event == EXO_EV_QUANTUM && result[0] == want && result[1] > 1 && script->beats >= beats + 3);
	exo_cap_revoke(inner, NULL);
	exo_cap_drop(inner, NULL);
}

int main(void)
{
	struct witness witness = witness_start();
	uint64_t status;

	CHECK("a LibOS of our own", exo_audit_open() && guest_make());
	in_its_slot();
	CHECK("the witness is well", witness_is_well(&witness));
	below("below it: the cheapest call for ever", EXO_NR_NOP, 0, 0, EXO_OK);
	below("below it: running, with its LibOS's names", EXO_NR_RUN, g_main, g_cpu, EXO_E_CAP);
	below("below it: waiting with its LibOS's time", EXO_NR_WAIT, g_cpu, ~0ULL, EXO_E_CAP);
	below("below it: a call that there is not", 0x999, 0, 0, EXO_E_CALL);
	CHECK("the witness is well", witness_is_well(&witness));
	do
		status = exo_zone_destroy(guest, NULL);
	while (status == EXO_E_AGAIN);
	CHECK("it ends, and its App zone with it", status == EXO_OK && exo_cap_drop(app, NULL) == EXO_E_CAP);
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}
