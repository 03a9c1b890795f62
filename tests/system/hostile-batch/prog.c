/* Attacks by batches: malformed ones, forged entries, entries that may not be there, and batches that change what they work on. */
#include "exo.h"

#define MANY 4096

static struct exo_batch_op *ops; /* MANY of them, and an unmapped page behind */
static exo_cap_t mine;

static struct exo_batch_op entry(uint32_t call, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return (struct exo_batch_op){ .call = call, .status = 0x5555, .args = { a0, a1, a2 }, .value = 0x5555 };
}

static void fill(uint64_t from, uint64_t count, struct exo_batch_op op)
{
	for (uint64_t i = from; i < from + count; i++)
		ops[i] = op;
}

static int all_are(uint64_t from, uint64_t count, uint32_t status)
{
	for (uint64_t i = from; i < from + count; i++)
		if (ops[i].status != status)
			return 0;
	return 1;
}

static int is_untouched(uint64_t from, uint64_t count)
{
	return all_are(from, count, 0x5555);
}

static struct exo_result batch(const void *at, uint64_t count)
{
	return exo_call(EXO_NR_BATCH, (uint64_t)at, count, 0, 0, 0, 0);
}

/* Again from where it ended, as a batch may end early on a slow machine. */
static struct exo_result whole(uint64_t count)
{
	struct exo_result r = { EXO_E_AGAIN, 0 };
	uint64_t done = 0;

	while (done < count && r.status == EXO_E_AGAIN) {
		r = batch(ops + done, count - done);
		done += r.value;
	}
	return (struct exo_result){ r.status, done };
}

static void shapes(void)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct exo_result r;

	fill(0, MANY, entry(EXO_NR_NOP, 0, 0, 0));
	REFUSED("no entries", EXO_E_ARG, EXO_NR_BATCH, ops, 0, 0, 0, 0, 0);
	REFUSED("entries at 0", EXO_E_ADDRESS, EXO_NR_BATCH, 0, 1, 0, 0, 0, 0);
	REFUSED("entries in the kernel", EXO_E_ADDRESS, EXO_NR_BATCH, 0xffffffff80000000, 1, 0, 0, 0, 0);
	REFUSED("entries at no address", EXO_E_ADDRESS, EXO_NR_BATCH, 0x8000000000000000, 3, 0, 0, 0, 0);
	REFUSED("entries at the end of all addresses", EXO_E_ADDRESS, EXO_NR_BATCH, ~0ULL - 63, 2, 0, 0, 0, 0);
	REFUSED("entries over the end of the zone", EXO_E_ADDRESS, EXO_NR_BATCH, EXO_USER_LIMIT - 64, 2, 0, 0, 0, 0);
	REFUSED("entries that are not mapped", EXO_E_ADDRESS, EXO_NR_BATCH, ops + MANY, 1, 0, 0, 0, 0);
	memcpy(page, ops, 4096);
	mprotect(page, 4096, PROT_READ);
	REFUSED("entries that cannot be written", EXO_E_ADDRESS, EXO_NR_BATCH, page, 4, 0, 0, 0, 0);
	CHECK("of those none was served", ((struct exo_batch_op *)page)[0].status == 0x5555);
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	memcpy(page + 4096 - 96, ops, 192);
	mprotect(page + 4096, 4096, PROT_NONE);
	CHECK("an entry cut by the end of memory", batch(page + 4096 - 96, 2).status == EXO_E_ADDRESS);
	memcpy(page + 3, ops, 64);
	CHECK("a crooked address is an address", batch(page + 3, 1).status == EXO_OK);

	r = batch(ops, MANY + 1);
	CHECK("one more than there are", r.status == EXO_E_ADDRESS || r.status == EXO_E_AGAIN);
	CHECK("what was done is told", r.value <= MANY && all_are(0, r.value, EXO_OK) && is_untouched(r.value, MANY - r.value));
	fill(0, MANY, entry(EXO_NR_NOP, 0, 0, 0));
	r = batch(ops, 1ULL << 58);
	CHECK("so many that their size wraps", (r.status == EXO_E_ADDRESS || r.status == EXO_E_AGAIN) && r.value <= MANY);
	fill(0, MANY, entry(EXO_NR_NOP, 0, 0, 0));
	r = batch(ops, ~0ULL);
	CHECK("as many as there are numbers", (r.status == EXO_E_ADDRESS || r.status == EXO_E_AGAIN) && r.value <= MANY);
	munmap(page, 8192);
}

static void forged(void)
{
	static const uint64_t names[] = { 0, 1, ~0ULL, 0x10001, 0xffff0000ffff, UINT64_MAX / 2 };
	uint64_t n = sizeof names / sizeof *names, more = 0;

	for (uint64_t i = 0; i < n; i++)
		ops[i] = entry(EXO_NR_STATS_READ, names[i], (uint64_t)&ops[MANY - 8], 0);
	ops[n] = entry(EXO_NR_NOP, 0, 0, 0);
	ops[n + 1] = entry(EXO_NR_HALT, mine, 0, 0);
	exo_audit_take();
	CHECK("a batch of guesses is served", whole(n + 2).status == EXO_OK);
	exo_audit_take();
	CHECK("each guess is refused", all_are(0, n, EXO_E_CAP) && exo_is_refused(exo_zone, EXO_NR_STATS_READ, EXO_E_CAP, names[3]));
	CHECK("what stands behind is served", ops[n].status == EXO_OK);

	exo_audit_take();
	ops[0] = entry(EXO_NR_RUN, mine, mine, ~0ULL);
	ops[1] = entry(EXO_NR_WAIT, mine, ~0ULL, 0);
	ops[2] = entry(EXO_NR_HALT, mine, 0, 0);
	ops[3] = entry(EXO_NR_BATCH, (uint64_t)ops, 4, 0);
	ops[4] = entry(EXO_NR_COUNT, 0, 0, 0);
	ops[5] = entry(~0u, 0, 0, 0);
	ops[6] = entry(0xfb000000, 0, 0, 0);
	CHECK("a batch of what may not be in one", whole(7).status == EXO_OK && all_are(0, 7, EXO_E_CALL));
	exo_audit_take();
	CHECK("is recorded", exo_is_refused(exo_zone, EXO_NR_COUNT, EXO_E_CALL, 0));

	/* Use after revoke, in one batch. */
	exo_cap_derive(mine, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &more);
	ops[0] = entry(EXO_NR_CAP_INSPECT, more, (uint64_t)&ops[MANY - 8], 0);
	ops[1] = entry(EXO_NR_CAP_REVOKE, mine, 0, 0);
	ops[2] = entry(EXO_NR_CAP_INSPECT, more, (uint64_t)&ops[MANY - 8], 0);
	ops[3] = entry(EXO_NR_CAP_DROP, more, 0, 0);
	ops[4] = entry(EXO_NR_STATS_READ, mine, (uint64_t)&ops[MANY - 8], 0);
	CHECK("revoked in the middle", whole(5).status == EXO_OK && ops[0].status == EXO_OK && ops[1].status == EXO_OK);
	CHECK("gone at the next entry", ops[2].status == EXO_E_CAP && ops[3].status == EXO_E_CAP && ops[4].status == EXO_OK);
}

/* Entries whose answers go over entries that come later, their own included. Where the batch is interrupted, those are read
 * again, and are whatever the answers have made of them. */
static void over_itself(void)
{
	struct exo_result r;

	fill(0, 64, entry(EXO_NR_NOP, 0, 0, 0));
	for (int i = 0; i < 16; i++)
		ops[i] = entry(EXO_NR_STATS_READ, mine, (uint64_t)&ops[i], 0);
	for (int i = 16; i < 32; i++)
		ops[i] = entry(EXO_NR_STATS_READ, mine, (uint64_t)&ops[i + 16], 0);
	r = whole(64);
	CHECK("answers over entries", r.status == EXO_OK && r.value == 64 && all_are(0, 1, EXO_OK));
}

/* Long calls: a batch of them ends in time, and goes on where it ended. */
static void long_ones(void)
{
	uint64_t done = 0, rounds = 0;
	struct exo_result r = { EXO_E_AGAIN, 0 };

	fill(0, MANY, entry(EXO_NR_LIST_CAPS, mine, (uint64_t)&ops[MANY - 64], 0));
	for (int i = 0; i < MANY; i++)
		ops[i].args[2] = 32;
	while (done < 2048 && r.status == EXO_E_AGAIN && rounds++ < 100000) {
		r = batch(ops + done, 2048 - done);
		done += r.value;
	}
	CHECK("two thousand long calls come to an end", done == 2048 && r.status == EXO_OK && all_are(0, 2048, EXO_OK));
	CHECK("not all at once", rounds > 1);
}

/* Somebody else writes the entries while they are served. */
static void torn(void)
{
	struct exo_batch_op *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	int sane = 1;

	if (child == 0)
		for (uint32_t x = 1;; x = x * 1664525 + 1013904223)
			((volatile uint32_t *)shared)[x >> 8 & 1023] = x >> 20 & 1 ? x >> 26 : x;
	for (int i = 0; i < 300; i++) {
		struct exo_result r = batch(shared, 64);

		sane &= (r.status == EXO_OK || r.status == EXO_E_AGAIN || r.status == EXO_E_ADDRESS || r.status == EXO_E_DEAD) && r.value <= 64;
	}
	kill(child, SIGKILL);
	wait_status(child);
	munmap(shared, 4096);
	CHECK("entries that change while they are served", sane);
	CHECK("nothing of ours is lost", exo_what(mine).cap == mine);
}

int main(void)
{
	struct witness witness = witness_start();

	ops = mmap(NULL, MANY * sizeof *ops + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(ops + MANY, 4096);
	memset(ops, 0, MANY * sizeof *ops);
	mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS);
	CHECK("root gets a capability, and another to look at the records", exo_audit_open() && mine);
	shapes();
	forged();
	over_itself();
	long_ones();
	torn();
	CHECK("the witness is well", witness_is_well(&witness));
	witness_end(&witness);
	DONE();
}
