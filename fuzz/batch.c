/*
 * Fuzzing batches. The first byte of the input says whose they are.
 *
 * The LibOS's: any entries, and then the same calls made one by one in a machine of its own. Status and
 * value of every entry must agree. Virtual time stands still, so nothing depends on how often the clock
 * is looked at. A program's: entries in its own memory, which it may change and take away.
 *
 * core_check() must hold after each batch. The rest of the input is batches: a byte for the
 * length; then for each entry a byte for the call and two for each of five arguments.
 */
#include "boots.h"
#include <core/check.h>
#include <core/core.h>
#include <core/due.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <stdio.h>
#include <stdlib.h>

#define FRAMES   2048
#define OPS_MAX  40
#define LOG_MAX  4096
#define CAPS_MAX 64
#define APP      UINT64_C(0x400000)
#define APP_PAGES 2

static struct {
	const uint8_t *data;
	size_t size;
	bool app;    /* a program's batches */
	bool single; /* the run that makes each call by itself */
	exo_cap_t caps[2][CAPS_MAX]; /* of the LibOS, of the program */
	unsigned cap_count[2];
	exo_cap_t context;
	exo_frame_t frame; /* the program's pages */
	const struct exo_boot *boot;
} input;

/* What each entry of the batched run gave. */
static struct {
	uint32_t call;
	uint64_t status, value;
} told[LOG_MAX];
static unsigned told_count, compared;

static _Alignas(4096) struct exo_batch_op scratch[OPS_MAX];
static _Alignas(4096) uint8_t room[8192]; /* for what the LibOS's calls read and write */

static uint8_t byte_take(void)
{
	if (input.size == 0)
		return 0;
	input.size--;
	return *input.data++;
}

static void broken(const char *what)
{
	fprintf(stderr, "invariant: %s\n", what);
	abort();
}

static void check(void)
{
	const char *text = core_check();

	if (text)
		broken(text);
}

static void cap_add(unsigned who, exo_cap_t cap)
{
	unsigned at = input.cap_count[who]++;

	input.caps[who][at < CAPS_MAX ? at : 8 + at % (CAPS_MAX - 8)] = cap;
}

static uint64_t argument(unsigned who)
{
	static const uint64_t special[] = { 0, 1, 2, 4, EXO_R_ALL, APP, APP + 4000, EXO_USER_LIMIT, UINT64_MAX,
		                            UINT64_MAX - 1, UINT32_MAX, EXO_FRAME_SIZE, 3, 16, 7, 0x1ff };
	unsigned count = input.cap_count[who] < CAPS_MAX ? input.cap_count[who] : CAPS_MAX;
	uint8_t kind = byte_take(), pick = byte_take();

	switch (kind & 7) {
	case 0:
	case 1:
	case 2:
		return input.caps[who][pick % count];
	case 3:
	case 4:
		return input.boot->memory_first + pick % 128u;
	case 5:
		return who ? APP + pick * UINT64_C(64) : (uint64_t)(uintptr_t)room + pick * UINT64_C(64);
	default:
		return special[pick % 16];
	}
}

/* Calls whose effect differs between the two runs by nature: they count what was done. */
static bool is_odd(uint32_t call)
{
	return call == EXO_NR_STATS_READ || call == EXO_NR_LIST_ZONES || call == EXO_NR_AUDIT_READ ||
	       call == EXO_NR_ZONE_INFO;
}

static unsigned ops_take(struct exo_batch_op *ops, unsigned who)
{
	unsigned count = byte_take() % OPS_MAX + 1;

	for (unsigned i = 0; i < count; i++) {
		ops[i] = (struct exo_batch_op){ .call = byte_take() % (EXO_NR_COUNT + 1), .status = 99, .value = 99 };
		if (is_odd(ops[i].call))
			ops[i].call = EXO_NR_NOP;
		for (int k = 0; k < 5; k++)
			ops[i].args[k] = argument(who);
	}
	return count;
}

static void harvest(unsigned who, const struct exo_batch_op *op)
{
	if (op->status != EXO_OK)
		return;
	if (op->call == EXO_NR_CAP_DERIVE || op->call == EXO_NR_ZONE_CREATE || op->call == EXO_NR_CTX_CREATE)
		cap_add(who, op->value);
	if (op->call == EXO_NR_CAP_GRANT) {
		cap_add(0, op->value);
		cap_add(1, op->value);
	}
}

/* Notes what the batched run gave, or compares the other one with it. */
static void tell(unsigned who, const struct exo_batch_op *op)
{
	harvest(who, op);
	if (!input.single && told_count < LOG_MAX) {
		told[told_count].call = op->call;
		told[told_count].status = op->status;
		told[told_count++].value = op->value;
	} else if (input.single && compared < told_count) {
		if (told[compared].call != op->call || told[compared].status != op->status || told[compared].value != op->value) {
			fprintf(stderr, "entry %u, %s: in a batch %llu %#llx, alone %u %#llx\n", compared, exo_call_name(op->call),
			        (unsigned long long)told[compared].status, (unsigned long long)told[compared].value, op->status,
			        (unsigned long long)op->value);
			broken("a batch differs from its calls");
		}
		compared++;
	}
}

/* ---- Of the LibOS ------------------------------------------------------ */

static bool may_not(uint32_t call)
{
	return call == EXO_NR_RUN || call == EXO_NR_WAIT || call == EXO_NR_BATCH || call == EXO_NR_HALT ||
	       call == EXO_NR_FASTIPC_CALL || call == EXO_NR_FASTIPC_WAIT;
}

static void libos_batch(void)
{
	unsigned count = ops_take(scratch, 0);
	uint64_t done = 0;

	if (input.single) {
		for (unsigned i = 0; i < count; i++) {
			/* How much of what calls leave behind is cleared away by when is not the same in a batch, so what
			 * still has a name differs; from here on nothing can be compared. */
			if (reap_is_needed() || due_heap_first(&core.due) <= hal_time_ns())
				compared = told_count;
			struct exo_result r = core_call(may_not(scratch[i].call) ? EXO_NR_COUNT : scratch[i].call, scratch[i].args);

			scratch[i].status = (uint32_t)r.status;
			scratch[i].value = r.value;
			tell(0, &scratch[i]);
		}
		return;
	}
	if (exo_batch(scratch, count, &done) != EXO_OK || done != count)
		broken("a batch of the LibOS ended early, though time stands still");
	for (unsigned i = 0; i < count; i++)
		tell(0, &scratch[i]);
}

/* ---- Of a program ------------------------------------------------------ */

/* The program's entries lie in its pages; what it does to them is its own business. So here only the
 * kernel's part is looked at: nothing breaks, and never more is done than was asked. */
static void program(void *user, struct fake_entry *entry)
{
	static unsigned count;
	uint8_t what;

	(void)user;
	if (entry->regs->rbx == 1 && entry->regs->rdx > count)
		broken("more entries done than there were");
	what = byte_take();
	if (input.size == 0)
		return; /* the quantum is over */
	fake.now_ns += 1000;
	if (what & 1) {
		count = what >> 1;
		entry->regs->rbx = 1;
		fake_syscall(entry, EXO_CALL_BASE | EXO_NR_BATCH, APP + (uint64_t)byte_take() * 64, count, 0, 0, 0, 0);
	} else {
		fake_syscall(entry, 1, 0, 0, 0, 0, 0, 0);
	}
}

static void app_batches(void)
{
	struct exo_batch_op *ops = (void *)(uintptr_t)(input.boot->window + (input.frame << EXO_FRAME_SHIFT));
	unsigned count = ops_take(ops, 1);
	uint64_t event;

	(void)!exo_run(input.context, input.boot->cpu, 1000000, &event);
	for (unsigned i = 0; i < count; i++)
		harvest(1, &ops[i]);
}

/* ---- Both runs --------------------------------------------------------- */

static void prepare(const struct exo_boot *boot)
{
	exo_frame_t at = boot->memory_first + 64;
	const exo_cap_t first[] = { boot->zone, boot->memory, boot->timer, boot->console, boot->entropy, boot->audit, boot->cpu };
	const struct exo_map_op map = { APP, at + 17, APP_PAGES, 7 };
	exo_cap_t gifts[] = { 0, 0, boot->memory, boot->timer, boot->console, 0 };
	uint64_t zone = 0, given;

	input.boot = boot;
	input.frame = at + 17;
	for (unsigned i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		cap_add(0, first[i]);
	if (exo_zone_create(boot->zone, boot->memory, at, 16, "fuzz", 4, &zone) != EXO_OK ||
	    exo_ctx_create(zone, boot->memory, at + 16, &input.context) != EXO_OK ||
	    exo_mem_map(zone, boot->memory, &map, 1, NULL) != EXO_OK ||
	    exo_cap_derive(boot->memory, EXO_R_ALL, boot->memory_first, 128, EXO_NO_EXPIRY, &gifts[5]) != EXO_OK)
		abort();
	if (exo_zone_quota(boot->zone, zone, EXO_QUOTA_CAPS, 64, NULL) != EXO_OK)
		abort();
	gifts[0] = zone;
	gifts[1] = input.context;
	cap_add(0, zone);
	cap_add(0, gifts[5]);
	cap_add(0, input.context);
	for (unsigned i = 0; i < sizeof(gifts) / sizeof(gifts[0]); i++)
		if (exo_cap_grant(gifts[i], zone, EXO_R_ALL, &given) == EXO_OK)
			cap_add(1, given);
	/* The program's own answers go nowhere near the test's memory. */
	fake.regions[0].base = scratch;
	fake.regions[0].size = sizeof(scratch);
	fake.regions[1].base = room;
	fake.regions[1].size = sizeof(room);
	fake.region_count = 2;
}

static void libos(const struct exo_boot *boot)
{
	prepare(boot);
	while (input.size > 0) {
		if (input.app)
			app_batches();
		else
			libos_batch();
		check();
	}
}

static void run(const uint8_t *data, size_t size, bool single)
{
	core_forget();
	memset(&input, 0, sizeof(input));
	memset(scratch, 0, sizeof(scratch));
	memset(room, 0, sizeof(room));
	input.data = data;
	input.size = size;
	input.app = byte_take() & 1;
	input.single = single;
	fake_reset();
	fake.frame_count = FRAMES;
	fake.tick_ns = 0;
	fake.program = program;
	if (fake_boot(libos) == FAKE_PANICKED)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	told_count = compared = 0;
	run(data, size, false);
	if (!input.app)
		run(data, size, true);
	return 0;
}
