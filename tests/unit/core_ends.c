/* How zones end, and that work which takes long comes in pieces that others help with. */
#include "core_env.h"
#include <core/call.h>

#define BASE UINT64_C(0x400000)
#define MS   UINT64_C(1000000)
#define BIG  9000 /* frames: more than one call gives back */

/* A test on a machine with much memory. */
#define BIG_TEST(name)                                                  \
	static void ends_##name(void);                                  \
	static void ends_##name##_libos(const struct exo_boot *b)       \
	{                                                               \
		boot = b;                                               \
		next_frame = b->memory_first;                           \
		ends_##name();                                          \
		SOUND();                                                \
	}                                                               \
	Test(ends, name)                                                \
	{                                                               \
		fake_reset();                                           \
		fake.frame_count = FAKE_FRAMES_MAX;                     \
		cr_assert_eq(fake_boot(ends_##name##_libos), FAKE_RETURNED); \
	}                                                               \
	static void ends_##name(void)

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

static exo_cap_t give(exo_cap_t cap, exo_cap_t zone)
{
	exo_cap_t out = 0;

	OK(exo_cap_grant(cap, zone, EXO_R_ALL, &out));
	return out;
}

static enum exo_status call(struct zone *caller, uint64_t number, uint64_t a)
{
	const uint64_t args[6] = { a };

	return call_dispatch(caller, number, args).status;
}

/* Neither itself nor what it was made below, though none of them runs. */
CORE_TEST(ends, not_by_itself_nor_by_what_is_below)
{
	exo_cap_t top = zone_make(16), middle, low;

	share_zones(top);
	OK(exo_zone_create(top, boot->memory, frames_take(16), 16, "middle", 6, &middle));
	OK(exo_zone_quota(top, middle, EXO_QUOTA_ZONES, 1, NULL));
	OK(exo_zone_quota(top, middle, EXO_QUOTA_CAPS, 32, NULL));
	OK(exo_zone_create(middle, boot->memory, frames_take(16), 16, "low", 3, &low));
	IS(E_BUSY, call(zone_of(low), EXO_NR_ZONE_DESTROY, give(low, low)));
	IS(E_BUSY, call(zone_of(low), EXO_NR_ZONE_DESTROY, give(middle, low)));
	IS(E_BUSY, call(zone_of(low), EXO_NR_ZONE_DESTROY, give(top, low)));
	IS(E_BUSY, call(zone_of(middle), EXO_NR_ZONE_DESTROY, give(boot->zone, middle)));
	cr_assert(!zone_is_gone(zone_of(low)));
	OK(call(zone_of(middle), EXO_NR_ZONE_DESTROY, give(low, middle)));
	cr_assert(!zone_is_gone(zone_of(middle)));
}

/* exo_cap_revoke() says OK when the last frame is plain again, not when the zone has begun to go. */
BIG_TEST(revoking_its_memory_waits_for_the_last_frame)
{
	exo_frame_t first = frames_take(BIG);
	exo_cap_t top = derive(boot->memory, EXO_R_ALL, first, BIG), below = derive(top, EXO_R_ALL, first, BIG);
	exo_cap_t zone = zone_make_of(below, first, BIG);
	enum exo_status status;
	unsigned calls = 1;

	while ((status = exo_cap_revoke(top, NULL)) == EXO_E_AGAIN && calls < 10000)
		calls++;
	OK(status);
	cr_assert(calls > 1, "one call does not do it all");
	cr_assert(frames_are_plain(first, BIG, true));
	IS(E_CAP, exo_zone_destroy(zone, NULL));
}

BIG_TEST(a_fund_comes_back_in_pieces)
{
	exo_frame_t first = frames_take(BIG);
	exo_cap_t zone = zone_make_of(boot->memory, first, BIG);
	uint64_t before, most = 0;
	enum exo_status status;

	do {
		before = stats().frames_funded;
		status = exo_zone_destroy(zone, NULL);
		if (before - stats().frames_funded > most)
			most = before - stats().frames_funded;
	} while (status == EXO_E_AGAIN);
	OK(status);
	cr_assert(most < BIG / 2, "%llu frames in one call", (unsigned long long)most);
	cr_assert(frames_are_plain(first, BIG, true));
}

/* Entries that find nothing to do are work, too. */
CORE_TEST(ends, a_map_call_with_many_entries_comes_in_pieces)
{
	static struct exo_map_op ops[3 * EXO_MAP_MAX];
	exo_cap_t zone = zone_make(16);
	uint64_t done = 0, all = 0;
	enum exo_status status;

	for (uint32_t i = 0; i < 3 * EXO_MAP_MAX; i++)
		ops[i] = (struct exo_map_op){ BASE + (i % 64) * PAGE, 0, 1, 0 };
	status = exo_mem_map(zone, EXO_CAP_NONE, ops, 3 * EXO_MAP_MAX, &done);
	IS(E_AGAIN, status);
	cr_assert(done > 0 && done < 3 * EXO_MAP_MAX);
	for (all = done; status == EXO_E_AGAIN; all += done)
		status = exo_mem_map(zone, EXO_CAP_NONE, ops + all, 3 * EXO_MAP_MAX - all, &done);
	OK(status);
	cr_assert_eq(all, 3 * EXO_MAP_MAX);
}

static struct zone *zone_below(exo_cap_t top, uint64_t frames, exo_cap_t *name)
{
	OK(exo_zone_create(top, boot->memory, frames_take(frames), frames, "below", 5, name));
	return zone_of(*name);
}

/* Each call of the zone that ends another one does as much of it as the first one. */
CORE_TEST(ends, whoever_ends_a_zone_pays)
{
	exo_cap_t top = zone_make(16), below;
	uint64_t funded;

	share_zones(top);
	zone_below(top, EXO_FUND_MAX, &below);
	OK(exo_zone_fund(below, boot->memory, frames_take(EXO_FUND_MAX), EXO_FUND_MAX, NULL));
	IS(E_AGAIN, call(zone_of(top), EXO_NR_ZONE_DESTROY, give(below, top)));
	funded = stats().frames_funded;
	OK(exo_nop(NULL));
	cr_assert_eq(stats().frames_funded, funded);
	OK(call(zone_of(top), EXO_NR_NOP, 0));
	cr_assert(funded - stats().frames_funded > 10);
	zone_end(below);
}

/* A context of `zone` which another CPU is in, as the kernel sees it. */
static struct context *entered(exo_cap_t zone)
{
	exo_frame_t page;
	struct context *context = cap_at((cap_slot_t)context_make(zone, &page))->context;

	context_pin(context);
	return context;
}

/* What was made below it goes first, and may have to wait for another CPU. */
CORE_TEST(ends, not_before_what_is_below)
{
	exo_cap_t top = zone_make(16), below;
	struct context *context;

	share_zones(top);
	zone_below(top, 16, &below);
	context = entered(below);
	IS(E_AGAIN, exo_zone_destroy(top, NULL));
	cr_assert_eq(stats().zones, 3);
	SOUND();
	context_unpin(context);
	OK(exo_zone_destroy(top, NULL));
	cr_assert_eq(stats().zones, 1);
}

/* One that has to wait does not hold up those behind it. */
CORE_TEST(ends, one_that_waits_lets_others_go)
{
	exo_cap_t first = zone_make(16), second = zone_make(16);
	struct context *context = entered(first);

	OK(exo_cap_drop(first, NULL));
	cr_assert_eq(stats().zones, 3);
	OK(exo_cap_drop(second, NULL));
	cr_assert_eq(stats().zones, 2);
	context_unpin(context);
	strangers_call();
	cr_assert_eq(stats().zones, 1);
}

/* What is due is everybody's work: short calls that have nothing to do with it finish it. */
CORE_TEST(ends, everybody_helps_with_what_is_due)
{
	uint64_t end = hal_time_ns() + 100 * MS;
	exo_cap_t top = 0;
	unsigned calls = 0;
	uint32_t used = stats().caps_used;

	OK(exo_cap_derive(boot->timer, EXO_R_ALL, 0, 0, end, &top));
	for (unsigned i = 0; i < 3000; i++)
		OK(exo_cap_derive(top, EXO_R_READ, 0, 0, end, NULL));
	fake.now_ns = end;
	/* Somebody looks at the time once; after that nobody has to. */
	OK(exo_event_take(boot->zone, &end));
	while (cap_find(top) && ++calls < 1000)
		strangers_call();
	cr_assert(calls > 1 && calls < 1000);
	cr_assert_eq(stats().caps_used, used);
}

/* ---- Slots ------------------------------------------------------------- */

/* Whatever was sealed in a slot's last life: the next one begins at the beginning. */
CORE_TEST(ends, a_slot_keeps_nothing_of_its_last_seals)
{
	exo_cap_t first = derive(boot->timer, EXO_R_ALL, 0, 0), second;
	struct exo_seal seal;

	cap_at((cap_slot_t)first)->seal_epoch = UINT32_MAX;
	cap_at((cap_slot_t)first)->seal_last = UINT32_MAX;
	OK(exo_cap_drop(first, NULL));
	second = derive(boot->timer, EXO_R_ALL, 0, 0);
	cr_assert_eq((cap_slot_t)second, (cap_slot_t)first);
	OK(exo_cap_seal(second, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, 0, &seal, NULL));
	OK(exo_cap_seal(second, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_ONCE, &seal, NULL));
}

/* Time takes from everybody, and tells it, also whom both capabilities belong to. */
CORE_TEST(ends, time_tells_what_it_takes)
{
	uint64_t end = hal_time_ns() + MS, value;
	exo_cap_t top = 0, below = 0;
	struct exo_taken list[4];

	OK(exo_cap_derive(boot->timer, EXO_R_ALL, 0, 0, end, &top));
	OK(exo_cap_derive(top, EXO_R_READ, 0, 0, end, &below));
	OK(exo_wait(boot->cpu, end + MS, &value));
	cr_assert_eq(value, EXO_PEND_REVOKED);
	OK(exo_taken_read(boot->zone, list, 4, &value));
	cr_assert_eq(value, 2);
	cr_assert(list[0].cap == below && list[0].from == top && list[0].why == EXO_TAKEN_EXPIRED);
	cr_assert(list[1].cap == top && list[1].why == EXO_TAKEN_EXPIRED);
}

/* A zone that runs on another CPU cannot end itself from there either. */
static exo_cap_t runner, self;
static enum exo_status answer;

static void ends_itself(void *user, struct fake_entry *entry)
{
	static unsigned step;

	(void)user;
	answer = (enum exo_status)entry->regs->rax;
	if (step++ == 0)
		fake_syscall(entry, EXO_CALL_BASE | EXO_NR_ZONE_DESTROY, self, 0, 0, 0, 0, 0);
	else
		fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
}

/* While it runs here, another CPU has entered it too. */
static void two_cpus(const struct exo_boot *b)
{
	struct run elsewhere = { 0 };
	exo_frame_t page;
	uint64_t event;

	boot = b;
	next_frame = b->memory_first;
	runner = zone_make(32);
	self = give(runner, runner);
	elsewhere.context = elsewhere.base = cap_at((cap_slot_t)context_make(runner, &page))->context;
	fake.program = ends_itself;
	core.cpus[1].place.run = &elsewhere;
	OK(exo_run(context_make(runner, &page), boot->cpu, MS, &event));
	core.cpus[1].place.run = NULL;
	cr_assert_eq(event, EXO_EV_SYSCALL);
	cr_assert_eq(answer, EXO_E_BUSY);
	cr_assert(!zone_is_gone(zone_of(runner)));
	SOUND();
}

Test(ends, not_by_itself_on_two_cpus)
{
	fake_reset();
	fake.cpu_count = 2;
	cr_assert_eq(fake_boot(two_cpus), FAKE_RETURNED);
}
