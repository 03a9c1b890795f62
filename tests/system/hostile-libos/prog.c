/* Attacks by a LibOS zone that a program has made: what it may not do in its slot, and what an App zone of its own may not. */
#include "guest.h"

/* What it shall try, one call after the other. */
struct attempt {
	uint64_t number, args[6], status, value;
};

struct script {
	volatile uint64_t count, done; /* attempts that there are, and that were made */
	volatile uint64_t beats;       /* it lives */
	struct attempt attempts[40];
};

GUEST_MAIN void guest_main(const struct exo_boot *boot)
{
	struct script *script = (void *)(GUEST + AT_REPORT * PAGE);

	for (;;) {
		script->beats++;
		if (script->done < script->count) {
			struct attempt *attempt = &script->attempts[script->done];
			const uint64_t *a = attempt->args;
			struct exo_result r = exo_call_here(attempt->number, a[0], a[1], a[2], a[3], a[4], a[5]);

			attempt->status = r.status;
			attempt->value = r.value;
			script->done++;
		} else {
			exo_call_here(EXO_NR_WAIT, boot->cpu, 0, 0, 0, 0, 0);
		}
	}
}

/* What runs below it: kernel calls for ever, of the number in rsi on the capabilities in rdi and rdx. */
IN_GUEST void guest_inner(uint64_t cap, uint64_t number, uint64_t other)
{
	volatile uint64_t *result = (void *)(GUEST + AT_STACK * PAGE);

	for (;;) {
		result[0] = exo_call_here(number, cap, other, 1000000, 0, 0, 0).status;
		result[1]++;
	}
}

/* ---- its creator ---- */

static exo_cap_t guest, context, app, inner;
static exo_cap_t g_zone, g_memory, g_cpu, g_part, g_main, g_inner, g_app; /* names in the guest */
static uint32_t guest_number;
static struct script *script;

static int guest_make(void)
{
	static struct exo_zone_info info;
	static struct cpu_quantum q = { .cycles = 3000000, .priority = 1 };
	const struct exo_boot *boot;
	uint64_t part = EXO_CAP_NONE;

	memset(&info, 0, sizeof info);
	if (!guest_start(0) || !guest_create("hostile", &guest, &context) || !guest_create_below(guest, &app) ||
	    exo_zone_info(guest, &info, NULL) != EXO_OK)
		return 0;
	boot = guest_frame(AT_BOOT);
	script = guest_frame(AT_REPORT);
	guest_number = info.number;
	g_cpu = boot->cpu;
	g_zone = boot->zone;
	g_memory = boot->memory;
	exo_cap_derive(cpu, EXO_R_EXEC | EXO_R_GRANT, slot + 1, 1, EXO_NO_EXPIRY, &part);
	g_part = guest_give(part, guest);
	g_main = guest_give(context, guest);
	g_app = guest_give(app, guest);
	return guest_bind(context, &q) == EXO_OK;
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
	struct exo_ctx_page *page = guest_page(AT_INNER, (uint64_t)(uintptr_t)guest_inner, 2);
	uint64_t beats, status = 996, event = 0;

	page->regs.rdi = a;
	page->regs.rsi = number;
	page->regs.rdx = b;
	result[0] = 998;
	result[1] = 0;
	if (exo_ctx_create(app, memory, first + AT_INNER, &inner) != EXO_OK)
		want = 997;
	g_inner = guest_give(inner, guest);
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

	CHECK("a LibOS of our own", exo_audit_open() && guest_make());
	in_its_slot();
	CHECK("the witness is well", witness_is_well(&witness));
	below("below it: the cheapest call for ever", EXO_NR_NOP, 0, 0, EXO_OK);
	below("below it: running, with its LibOS's names", EXO_NR_RUN, g_main, g_cpu, EXO_E_CAP);
	below("below it: waiting with its LibOS's time", EXO_NR_WAIT, g_cpu, ~0ULL, EXO_E_CAP);
	below("below it: a call that there is not", 0x999, 0, 0, EXO_E_CALL);
	CHECK("the witness is well", witness_is_well(&witness));
	CHECK("it ends, and its App zone with it", guest_end(guest) && exo_cap_drop(app, NULL) == EXO_E_CAP);
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}
