/*
 * Every call at once, from LibOS and programs, with names that live, died, or come to be: whatever
 * the interleaving, core_check() finds nothing and everything comes back.
 */
#include <stress/stress.h>
#include <string.h>

enum kind { MEMORY, ZONE, CONTEXT, TIMER, CPU, PORT, KINDS };

#define NAMES   24  /* shared names of each kind */
#define STEPS   400 /* of one CPU in a round */
#define DATA    64
#define FUNDS   16  /* extents for zones */
#define FUND    12  /* frames of one */
#define PAGES   256
#define AREA    UINT64_C(0x400000)
#define SEALS   8

static _Atomic exo_cap_t names[KINDS][NAMES];
static _Atomic exo_cap_t given[NAMES]; /* names that zones hold */
static exo_frame_t data, funds, pages;
static _Atomic uint32_t pages_used;
static _Thread_local struct exo_seal seals[SEALS];
static _Thread_local unsigned steps_left; /* of a program's stay */

static exo_cap_t pick(enum kind kind)
{
	const exo_cap_t roots[KINDS] = { stress_boot->memory, stress_boot->zone, EXO_CAP_NONE, stress_boot->timer,
		                         stress_boot->cpu, EXO_CAP_NONE };
	exo_cap_t name = atomic_load(&names[kind][stress_below(NAMES)]);

	return name == EXO_CAP_NONE || stress_below(16) == 0 ? roots[kind] : name;
}

/* Nothing is allowed to be revoked at the roots while the round goes on. */
static exo_cap_t pick_derived(enum kind kind)
{
	return atomic_load(&names[kind][stress_below(NAMES)]);
}

/* What it replaces is dropped, whoever uses it just then. */
static void put(enum kind kind, exo_cap_t name)
{
	exo_cap_t old = atomic_exchange(&names[kind][stress_below(NAMES)], name);

	if (old != EXO_CAP_NONE)
		(void)!exo_cap_drop(old, NULL);
}

static enum kind any(void)
{
	return (enum kind)stress_below(KINDS);
}

static uint64_t expiry(void)
{
	return stress_below(8) ? EXO_NO_EXPIRY : hal_time_ns() + stress_below(20000);
}

static uint32_t some_rights(void)
{
	return stress_below(3) ? EXO_R_ALL : (uint32_t)stress_below(EXO_R_ALL + 1);
}

/* ---- The LibOS's calls ---------------------------------------------------- */

static void derive(void)
{
	enum kind kind = any();
	uint64_t first = 0, count = 0;
	exo_cap_t from = pick(kind), name;
	struct exo_cap_info info;

	if (kind == MEMORY) {
		first = data + stress_below(DATA);
		count = 1 + stress_below(DATA / 2);
		if (stress_below(2) && exo_cap_inspect(from, &info, NULL) == EXO_OK) {
			first = info.first;
			count = info.count;
		}
	}
	if (exo_cap_derive(from, some_rights(), first, count, expiry(), &name) == EXO_OK)
		put(kind, name);
}

static void grant(void)
{
	exo_cap_t name;

	if (exo_cap_grant(pick(any()), pick(ZONE), some_rights(), &name) == EXO_OK)
		atomic_store(&given[stress_below(NAMES)], name);
}

static void seal(void)
{
	enum kind kind = any();
	struct exo_seal *at = &seals[stress_below(SEALS)];
	exo_cap_t name;

	if (stress_below(2)) {
		(void)!exo_cap_seal(pick(kind), some_rights(), stress_below(2) ? pick(ZONE) : EXO_CAP_NONE, expiry(),
		                    (uint32_t)stress_below(4), at, NULL);
	} else if (exo_cap_unseal(at, sizeof(*at), (uint32_t)stress_below(EXO_R_ALL + 1), &name) == EXO_OK) {
		struct exo_cap_info info;

		(void)!exo_cap_inspect(name, &info, NULL);
		(void)!exo_cap_drop(name, NULL);
	}
}

static void zone_calls(void)
{
	exo_frame_t fund = funds + stress_below(FUNDS) * FUND;
	struct exo_zone_info info;
	exo_cap_t name;

	switch (stress_below(7)) {
	case 6:
		(void)!exo_zone_quota(pick(ZONE), pick_derived(ZONE), (uint32_t)stress_below(EXO_QUOTA_COUNT), stress_below(64), NULL);
		break;
	case 0:
	case 1:
		if (exo_zone_create(pick(ZONE), stress_boot->memory, fund, FUND - 2, "chaos", 5, &name) == EXO_OK)
			put(ZONE, name);
		break;
	case 2:
		(void)!exo_zone_destroy(pick_derived(ZONE), NULL);
		break;
	case 3:
		/* The LibOS's own zone would keep it. */
		name = pick_derived(ZONE);
		if (exo_zone_info(name, &info, NULL) == EXO_OK && info.number != ZONE_LIBOS_NUMBER)
			(void)!exo_zone_fund(name, stress_boot->memory, fund + FUND - 2, 2, NULL);
		break;
	case 4:
		(void)!exo_zone_info(pick(ZONE), &info, NULL);
		break;
	default:
		(void)!exo_zone_answers(pick(ZONE), pick(MEMORY), data + stress_below(DATA), NULL);
	}
}

static void map(void)
{
	struct exo_map_op ops[3];
	uint64_t done;

	for (unsigned i = 0; i < 3; i++)
		ops[i] = (struct exo_map_op){
			.vaddr = AREA + stress_below(DATA) * EXO_FRAME_SIZE,
			.frame = stress_below(8) ? data + stress_below(DATA) : EXO_FRAME_KEEP,
			.count = 1 + (uint32_t)stress_below(8),
			.prot = (uint32_t)stress_below(8),
		};
	(void)!exo_mem_map(pick(ZONE), pick(MEMORY), ops, 3, &done);
	(void)!exo_mem_query(pick(ZONE), AREA + stress_below(DATA) * EXO_FRAME_SIZE, &done);
}

static void context_calls(void)
{
	exo_frame_t page = pages + atomic_fetch_add(&pages_used, 1);
	uint64_t event;
	exo_cap_t name;

	if (page < pages + PAGES && exo_ctx_create(pick(ZONE), pick(MEMORY), page, &name) == EXO_OK)
		put(CONTEXT, name);
	for (unsigned i = 0; i < 3; i++) {
		steps_left = 1 + (unsigned)stress_below(30);
		(void)!exo_run(pick(CONTEXT), pick(CPU), 1000 + stress_below(100000), &event);
	}
	if (stress_below(8) == 0)
		(void)!exo_ctx_save(pick(CONTEXT), NULL);
}

/* Ports, what is bound to them, and the end of what waits at them. */
static void port_calls(void)
{
	uint32_t type = stress_below(3) ? EXO_CAP_IPC : EXO_CAP_NOTIFY;
	exo_cap_t name;
	uint64_t bits;

	switch (stress_below(8)) {
	case 0:
	case 1:
	case 2:
		if (exo_port_create(pick(ZONE), type, &name) != EXO_OK)
			break;
		(void)!exo_port_bind(name, pick(type == EXO_CAP_IPC ? CONTEXT : ZONE), stress_below(9), NULL);
		put(PORT, name);
		if (exo_cap_grant(name, pick(ZONE), EXO_R_ALL, &name) == EXO_OK)
			atomic_store(&given[stress_below(NAMES)], name);
		break;
	case 3:
		(void)!exo_port_bind(pick(PORT), pick(stress_below(2) ? CONTEXT : ZONE), 1, NULL);
		break;
	case 4:
		(void)!exo_port_unbind(pick(PORT), NULL);
		break;
	case 5:
		(void)!exo_notify_signal(pick(PORT), stress_below(4), NULL);
		break;
	case 6:
		(void)!exo_notify_take(pick(PORT), &bits);
		break;
	default:
		(void)!exo_ctx_cancel(pick(CONTEXT), NULL);
	}
}

static void look(void)
{
	struct exo_audit_record records[8];
	struct exo_cap_info caps[4], info;
	struct exo_zone_info zones[4];
	struct exo_stats stats;
	uint64_t value;

	switch (stress_below(9)) {
	case 0: (void)!exo_audit_read(stress_boot->audit, records, 8, &value); break;
	case 1: (void)!exo_stats_read(stress_boot->audit, &stats, NULL); break;
	case 2: (void)!exo_list_caps(stress_boot->audit, caps, 4, stress_below(2000), &value); break;
	case 3: (void)!exo_list_zones(stress_boot->audit, zones, 4, stress_below(20), &value); break;
	case 4: (void)!exo_timer_set(pick(TIMER), hal_time_ns() + stress_below(5000), NULL); break;
	case 5: (void)!exo_event_take(stress_boot->zone, &value); break;
	case 6: (void)!exo_wait(pick(CPU), hal_time_ns() + 100, &value); break;
	case 7: (void)!exo_cap_inspect(pick(any()), &info, NULL); break;
	default:
		(void)!exo_clock_read(pick(TIMER), EXO_CLOCK_MONOTONIC, &value);
		(void)!exo_nop(NULL);
	}
}

static void body(unsigned cpu)
{
	static void (*const calls[])(void) = { derive, derive, grant, seal, zone_calls, map, map, context_calls, context_calls, port_calls,
	                                     look };

	(void)cpu;
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t which = stress_below(sizeof(calls) / sizeof(calls[0]) + 2);

		if (which == 0)
			(void)!exo_cap_drop(pick_derived(any()), NULL);
		else if (which == 1 && stress_below(3) == 0)
			(void)!exo_cap_revoke(pick_derived(any()), NULL);
		else if (which >= 2)
			calls[which - 2]();
	}
}

/* ---- Programs -------------------------------------------------------------- */

static uint64_t word_of(uint64_t i)
{
	switch (stress_below(6)) {
	case 0: return AREA + stress_below(DATA) * EXO_FRAME_SIZE + stress_below(EXO_FRAME_SIZE);
	case 1: return stress_below(9);
	case 2: return EXO_NO_EXPIRY;
	case 3: return data + stress_below(DATA);
	default: return i == 0 || stress_below(2) ? atomic_load(&given[stress_below(NAMES)]) : stress_below(EXO_R_ALL + 1);
	}
}

/* Wild calls of its own, reads and writes, and now and then something for its LibOS. */
static void program(void *user, struct fake_entry *entry)
{
	uint64_t word = 0;

	(void)user;
	while (!fake_is_kicked() && steps_left > 0) {
		exo_vaddr_t at = AREA + stress_below(DATA) * EXO_FRAME_SIZE + 8 * stress_below(512);

		steps_left--;
		switch (stress_below(10)) {
		case 8:
			fake_syscall(entry, EXO_CALL_BASE | EXO_NR_FASTIPC_WAIT, at & ~UINT64_C(0xfff), 0, 0, 0, 0, 0);
			return;
		case 9:
			fake_syscall(entry, EXO_CALL_BASE | EXO_NR_FASTIPC_CALL, atomic_load(&given[stress_below(NAMES)]),
			             at & ~UINT64_C(0xfff), 0, 0, 0, 0);
			return;
		case 0:
		case 1:
		case 2:
			fake_syscall(entry, EXO_CALL_BASE | stress_below(EXO_NR_COUNT), word_of(0), word_of(1), word_of(2),
			             word_of(3), word_of(4), word_of(5));
			return;
		case 3:
			fake_syscall(entry, stress_below(300), 0, 0, 0, 0, 0, 0);
			return;
		case 4:
		case 5:
			if (!fake_load(entry, &word, at, sizeof(word)))
				return;
			break;
		default:
			if (!fake_store(entry, at, &word, sizeof(word)))
				return;
		}
	}
}

void test_chaos(void)
{
	data = stress_frames(DATA);
	funds = stress_frames(FUNDS * FUND);
	pages = stress_frames(PAGES);
	fake.program = program;
	do {
		memset(stress_frame_ptr(pages), 0, PAGES * EXO_FRAME_SIZE);
		memset(names, 0, sizeof(names));
		memset(given, 0, sizeof(given));
		atomic_store(&pages_used, 0);
		stress_run(body);
		REQUIRE(core_check() == NULL);
		stress_clean();
	} while (stress_more());
	fake.program = NULL;
}
