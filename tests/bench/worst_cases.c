/*
 * bench_worst: capabilities, zones, and what is told of them.
 */
#include "worst.h"

#define FOR(n) for (uint32_t i = 0; i < (n); i++)

/* ---- Capabilities ------------------------------------------------------------------- */

static void nop_helps(void)
{
	revocation_begin();
	measure(true);
	FOR(200) {
		bench_time_skip(REAP_EVERY_NS);
		OK(exo_nop(NULL));
	}
}

/* Who caused it pays with each of its calls. */
static void nop_pays(void)
{
	exo_cap_t zone = zone_make(64), top;

	share(zone, MANY / 2);
	top = grant(derive(BOOT->memory, BOOT->memory_first, 64), zone);
	for (uint32_t i = 0; i < MANY / 3; i++)
		OK(as(zone, EXO_NR_CAP_DERIVE, top, EXO_R_ALL, BOOT->memory_first, 64, EXO_NO_EXPIRY, 0));
	measure(true);
	(void)as(zone, EXO_NR_CAP_REVOKE, top, 0, 0, 0, 0, 0);
	FOR(200)
		OK(as(zone, EXO_NR_NOP, 0, 0, 0, 0, 0, 0));
}

static exo_cap_t deep_and_revoking(void)
{
	exo_cap_t deep = chain(BOOT->memory, DEEP);

	revocation_begin();
	return deep;
}

static void derive_deep(void)
{
	exo_cap_t deep = deep_and_revoking(), out;

	measure(true);
	FOR(200)
		OK(exo_cap_derive(deep, EXO_R_READ, BOOT->memory_first, 32, EXO_NO_EXPIRY, &out));
}

static void grant_deep(void)
{
	exo_cap_t zone = zone_make(8), deep = deep_and_revoking(), out;

	share(zone, 1000);
	measure(true);
	FOR(200)
		OK(exo_cap_grant(deep, zone, EXO_R_READ, &out));
}

static void move_deep(void)
{
	exo_cap_t zone = zone_make(8), deep = deep_and_revoking(), made, out;

	share(zone, 1000);
	FOR(200) {
		made = derive(deep, BOOT->memory_first, 32);
		measure(i == 0 || i == 100);
		OK(exo_cap_move(made, zone, &out));
		measure(false);
	}
}

static void seal_deep(void)
{
	exo_cap_t deep = deep_and_revoking(), out;
	struct exo_seal seal;

	measure(true);
	FOR(60) {
		OK(exo_cap_seal(deep, EXO_R_READ, EXO_CAP_NONE, EXO_NO_EXPIRY, EXO_SEAL_ONCE, &seal, NULL));
		OK(exo_cap_unseal(seal.bytes, sizeof(seal.bytes), EXO_R_READ, &out));
	}
}

static void drop_many(void)
{
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64);

	children(top, EXO_CAP_NONE, MANY);
	ALL(exo_cap_drop(top, NULL));
}

static void revoke_flat(void)
{
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64);

	children(top, EXO_CAP_NONE, MANY);
	ALL(exo_cap_revoke(top, NULL));
}

/* Each has another owner, who is told, and asks all the way up look where they have come to. */
static void revoke_asked(void)
{
	enum { ZONES = 400 };
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64), deep = top, zones[ZONES];

	FOR(ZONES) {
		zones[i] = zone_make(4);
		share(zones[i], 130);
	}
	FOR(DEEP - 1) {
		exo_cap_t above = deep;

		deep = derive(above, BOOT->memory_first, 64);
		(void)!exo_revoke_ask(above, hal_time_ns() + UINT64_C(1000000000000), NULL);
	}
	FOR(MANY / 2)
		(void)grant(deep, zones[i % ZONES]);
	ALL(exo_cap_revoke(top, NULL));
}

static void revoke_chains(void)
{
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64);

	FOR(900)
		(void)chain(top, DEEP);
	ALL(exo_cap_revoke(top, NULL));
}

static void revoke_zones(void)
{
	enum { ZONES = 2000 };
	exo_frame_t first = frames_take(3 * ZONES);
	exo_cap_t top = derive(BOOT->memory, first, 3 * ZONES), memory = derive(top, first, 3 * ZONES), zone;

	FOR(ZONES)
		OK(exo_zone_create(BOOT->zone, memory, first + 3 * i, 3, "z", 1, &zone));
	ALL(exo_cap_revoke(top, NULL));
}

static void revoke_contexts(void)
{
	enum { CONTEXTS = 2000 };
	exo_frame_t first = frames_take(CONTEXTS);
	exo_cap_t zone = zone_make(500), top = derive(BOOT->memory, first, CONTEXTS), memory = derive(top, first, CONTEXTS), context;

	FOR(CONTEXTS)
		OK(exo_ctx_create(zone, memory, first + i, &context));
	ALL(exo_cap_revoke(top, NULL));
}

static void revoke_ports(void)
{
	exo_cap_t zone = zone_make(500), top = derive(zone, 0, 0), target = derive(top, 0, 0), port;

	FOR(5000) {
		OK(exo_port_create(zone, EXO_CAP_NOTIFY, &port));
		OK(exo_port_bind(port, target, 0, NULL));
	}
	ALL(exo_cap_revoke(top, NULL));
}

static void revoke_capabilities_of_zones(void)
{
	exo_cap_t zone = zone_make(64), top = derive(zone, 0, 0);

	FOR(MANY / 2)
		(void)derive(top, 0, 0);
	ALL(exo_zone_destroy(zone, NULL));
}

/* Deadlines that have all passed. */
static void deadlines(void)
{
	uint64_t at = hal_time_ns() + UINT64_C(1000000000);
	exo_cap_t made;

	FOR(MANY / 2)
		OK(exo_cap_derive(BOOT->memory, EXO_R_ALL, BOOT->memory_first, 64, at + i % 1000, &made));
	bench_time_skip(UINT64_C(2000000000));
	measure(true);
	FOR(200) {
		bench_time_skip(REAP_EVERY_NS);
		OK(exo_event_take(BOOT->zone, NULL));
	}
}

static void ask_many(void)
{
	enum { ZONES = 3000 };
	exo_cap_t deep = chain(BOOT->memory, DEEP - 1), zone;

	FOR(ZONES) {
		zone = zone_make(3);
		(void)grant(deep, zone);
	}
	ALL(exo_revoke_ask(deep, hal_time_ns() + UINT64_C(1000000000000), NULL));
}

/* ---- Lists ---------------------------------------------------------------------------- */

static struct exo_cap_info caps[1024];
static struct exo_zone_info zones[1024];
static struct exo_own own[1024];
static struct exo_audit_record records[1024];
static struct exo_frame_info frames[1024];

static void list_caps_all(void)
{
	children(BOOT->memory, EXO_CAP_NONE, MANY);
	measure(true);
	FOR(MANY / 1024)
		(void)!exo_list_caps(BOOT->audit, caps, 1024, i * 1024, NULL);
}

static void list_caps_none(void)
{
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64);
	enum exo_status status;

	children(top, EXO_CAP_NONE, MANY);
	do
		status = exo_cap_revoke(top, NULL);
	while (status == EXO_E_AGAIN);
	measure(true);
	FOR(4)
		(void)!exo_list_caps(BOOT->audit, caps, 1024, 100, NULL);
}

static void list_zones(void)
{
	FOR(4000)
		(void)zone_make(3);
	measure(true);
	FOR(4)
		(void)!exo_list_zones(BOOT->audit, zones, 1024, i * 1000, NULL);
}

static void list_zones_few(void)
{
	exo_cap_t made[4000];

	FOR(4000)
		made[i] = zone_make(3);
	FOR(4000)
		while (exo_zone_destroy(made[i], NULL) == EXO_E_AGAIN)
			;
	measure(true);
	FOR(4)
		(void)!exo_list_zones(BOOT->audit, zones, 1024, 2, NULL);
}

static void list_own(void)
{
	exo_cap_t deep = BOOT->memory, above;

	FOR(DEEP) {
		above = deep;
		deep = derive(above, BOOT->memory_first, 64);
		(void)!exo_revoke_ask(above, hal_time_ns() + UINT64_C(1000000000000), NULL);
	}
	children(deep, EXO_CAP_NONE, 2000);
	measure(true);
	FOR(4)
		OK(exo_list_own(BOOT->zone, own, 1024, EXO_CAP_NONE, NULL));
}

static void list_own_chains(void)
{
	exo_cap_t above = derive(BOOT->memory, BOOT->memory_first, 64);

	FOR(500)
		(void)chain(above, DEEP);
	(void)!exo_revoke_ask(above, hal_time_ns() + UINT64_C(1000000000000), NULL);
	measure(true);
	FOR(4)
		OK(exo_list_own(BOOT->zone, own, 1024, EXO_CAP_NONE, NULL));
}

static void audit_many(void)
{
	exo_cap_t zone;

	FOR(1000) {
		zone = zone_make(3);
		for (int n = 0; n < 3; n++)
			(void)as(zone, EXO_NR_CAP_DROP, 0, 0, 0, 0, 0, 0);
	}
	measure(true);
	FOR(8)
		OK(exo_audit_read(BOOT->audit, records, 1024, NULL));
}

static void frame_infos(void)
{
	measure(true);
	FOR(32)
		OK(exo_frame_info(BOOT->memory, BOOT->memory_first + i * 1024, frames, 1024, NULL));
}

static void stats(void)
{
	struct exo_stats out;

	measure(true);
	FOR(100)
		OK(exo_stats_read(BOOT->audit, &out, NULL));
}

static void taken(void)
{
	static struct exo_taken out[64];
	exo_cap_t zone = zone_make(64), top = derive(BOOT->memory, BOOT->memory_first, 64), self = grant(zone, zone);

	share(zone, 1000);
	map(zone, BOOT->memory, BASE, frames_take(4), 4, RW);
	FOR(100)
		(void)grant(top, zone);
	while (exo_cap_revoke(top, NULL) == EXO_E_AGAIN)
		;
	(void)out;
	measure(true);
	OK(as(zone, EXO_NR_TAKEN_READ, self, BASE, 64, 0, 0, 0));
}

/* ---- Bytes ------------------------------------------------------------------------------ */

static uint8_t bytes[4096];

static void console(void)
{
	measure(true);
	FOR(100) {
		OK(exo_console_write(BOOT->console, bytes, sizeof(bytes), NULL));
		OK(exo_log_write(BOOT->console, bytes, sizeof(bytes), NULL));
		OK(exo_console_read(BOOT->console, bytes, sizeof(bytes), NULL));
	}
}

static void entropy(void)
{
	measure(true);
	FOR(100)
		OK(exo_entropy_read(BOOT->entropy, bytes, sizeof(bytes), NULL));
}

/* ---- Events ------------------------------------------------------------------------------ */

static void timers(void)
{
	uint64_t at = hal_time_ns() + UINT64_C(100000000000);
	exo_cap_t zone, timer;

	FOR(4000) {
		zone = zone_make(3);
		timer = grant(BOOT->timer, zone);
		OK(as(zone, EXO_NR_TIMER_SET, timer, at - i * 1000, 0, 0, 0, 0));
	}
	measure(true);
	FOR(100)
		OK(exo_timer_set(BOOT->timer, i % 2 ? UINT64_MAX : at - UINT64_C(10000000), NULL));
	bench_time_skip(UINT64_C(200000000000));
	FOR(100)
		OK(exo_event_take(BOOT->zone, NULL));
}

static void interrupts(void)
{
	exo_cap_t deep = BOOT->irq[0];

	FOR(DEEP)
		deep = derive(deep, 0, HAL_IRQ_LINES);
	FOR(HAL_IRQ_LINES)
		OK(exo_irq_bind(deep, i, EXO_CAP_NONE, NULL));
	revocation_begin();
	FOR(20) {
		bench_machine.lines = UINT64_MAX;
		bench_machine.events = EXO_PEND_IRQ;
		measure(i == 0);
		OK(exo_irq_take(deep, NULL));
		measure(false);
	}
}

static void disks(void)
{
	exo_frame_t first = frames_take(HAL_TRANSFERS * EXO_DISK_COUNT_MAX);
	struct exo_disk_done out[HAL_TRANSFERS];

	FOR(10) {
		measure(i == 0);
		for (uint32_t n = 0; n < HAL_TRANSFERS; n++) {
			struct exo_disk_request r = { EXO_DISK_READ, EXO_DISK_COUNT_MAX, n * EXO_DISK_COUNT_MAX,
			                              first + n * EXO_DISK_COUNT_MAX, n };

			OK(exo_disk_submit(BOOT->disk[0], BOOT->memory, &r, NULL));
		}
		bench_machine.disk_done = bench_machine.disk_begun;
		bench_machine.disk_begun = 0;
		bench_machine.events = EXO_PEND_BLOCK;
		OK(exo_event_take(BOOT->zone, NULL));
		OK(exo_disk_take(BOOT->disk[0], out, HAL_TRANSFERS, NULL));
	}
}

/* ---- Batches ------------------------------------------------------------------------------ */

static struct exo_batch_op ops[4096];

static void batch_of(uint32_t call, const uint64_t args[6])
{
	FOR(4096) {
		ops[i].call = call;
		memcpy(ops[i].args, args, sizeof(ops[i].args));
	}
	measure(true);
	FOR(50)
		(void)!exo_batch(ops, 4096, NULL);
	measure(false);
}

static void batch_derives(void)
{
	exo_cap_t deep = deep_and_revoking();

	batch_of(EXO_NR_CAP_DERIVE, (const uint64_t[6]){ deep, EXO_R_READ, BOOT->memory_first, 64, EXO_NO_EXPIRY });
}

static void batch_lists(void)
{
	children(BOOT->memory, EXO_CAP_NONE, MANY);
	batch_of(EXO_NR_LIST_CAPS, (const uint64_t[6]){ BOOT->audit, (uint64_t)(uintptr_t)caps, 1024, 1000 });
}

static void batch_drops(void)
{
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64);

	children(top, EXO_CAP_NONE, MANY);
	batch_of(EXO_NR_CAP_DROP, (const uint64_t[6]){ top });
}

const struct worst_case worst_cases[] = {
	{ "nop", "a stranger's revocation of 30,000 is unfinished", nop_helps },
	{ "nop", "the caller's own revocation of 20,000 is unfinished", nop_pays },
	{ "cap_derive", "62 levels down, a revocation is unfinished", derive_deep },
	{ "cap_grant", "the same", grant_deep },
	{ "cap_move", "the same", move_deep },
	{ "cap_seal, cap_unseal", "the same", seal_deep },
	{ "cap_drop", "60,000 derived from it", drop_many },
	{ "cap_revoke", "60,000 derived from it", revoke_flat },
	{ "cap_revoke", "900 chains of 62 levels", revoke_chains },
	{ "cap_revoke", "30,000 of 400 zones, 61 levels down, each level asked for", revoke_asked },
	{ "cap_revoke", "2,000 zones live from it", revoke_zones },
	{ "cap_revoke", "2,000 context pages", revoke_contexts },
	{ "cap_revoke", "5,000 notifications are bound to it", revoke_ports },
	{ "zone_destroy", "30,000 capabilities name it", revoke_capabilities_of_zones },
	{ "event_take", "30,000 capabilities have expired", deadlines },
	{ "revoke_ask", "3,000 zones have what is asked for", ask_many },
	{ "list_caps", "60,000 live", list_caps_all },
	{ "list_caps", "60,000 slots with nothing", list_caps_none },
	{ "list_zones", "4,000 zones", list_zones },
	{ "list_zones", "4,000 numbers with nothing", list_zones_few },
	{ "list_own", "2,000, 62 levels down, each level asked for", list_own },
	{ "list_own", "500 chains of 62 levels, the top is asked for", list_own_chains },
	{ "audit_read", "refusals of 1,000 zones", audit_many },
	{ "frame_info", "as many as it tells of", frame_infos },
	{ "stats_read", "", stats },
	{ "taken_read", "63 records", taken },
	{ "console_write, log_write, console_read", "as many bytes as they take, without the device", console },
	{ "entropy_read", "as many bytes as they take, without the device", entropy },
	{ "timer_set, event_take", "4,000 timers, all due in the end", timers },
	{ "irq_take", "64 lines at once, 62 levels down, a revocation is unfinished", interrupts },
	{ "disk_submit, event_take, disk_take", "32 transfers of 256 frames are done at once", disks },
	{ "batch", "4,096 derivations, 62 levels down", batch_derives },
	{ "batch", "4,096 lists", batch_lists },
	{ "batch", "4,096 drops of one with 60,000 derived from it", batch_drops },
	{ NULL, NULL, NULL },
};
