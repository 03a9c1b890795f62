/*
 * Look-ups without the lock, against slots that are freed and reused, and the limits of the table.
 */
#include <stress/stress.h>
#include <string.h>

#define STEPS 1000

/* ---- Look-ups ----------------------------------------------------------- */

static exo_cap_t good;

/*
 * The last CPU makes and drops timer capabilities as fast as it can, so that one slot has many lives, in
 * turn without and with the right to read, and as the name of an object; each name is seen by the others before,
 * while and after it lives. A good name never fails; a name whose drop has returned never works; a name without the
 * right never works, though the slot's next life has it; the object's name never passes for a timer's.
 */
static _Atomic exo_cap_t weak, strong, object, dropped;
static _Atomic uint32_t uses;

static exo_cap_t made(uint32_t rights)
{
	exo_cap_t name;

	OK(exo_cap_derive(good, rights, 0, 0, EXO_NO_EXPIRY, &name));
	return name;
}

/* Till the others have used it, or a moment. */
static void linger(void)
{
	uint32_t before = atomic_load(&uses);

	for (uint64_t i = stress_below(400); i > 0 && atomic_load(&uses) == before; i--)
		hal_cpu_relax(0);
}

static void lives(void)
{
	for (unsigned i = 0; i < STEPS; i++) {
		exo_cap_t name = made(EXO_R_WRITE);

		atomic_store(&weak, name);
		linger();
		OK(exo_cap_drop(name, NULL));
		OK(exo_port_create(stress_boot->zone, EXO_CAP_NOTIFY, &name));
		atomic_store(&object, name);
		linger();
		OK(exo_cap_drop(name, NULL));
		name = made(EXO_R_ALL);
		atomic_store(&strong, name);
		linger();
		OK(exo_cap_drop(name, NULL));
		atomic_store(&dropped, name);
	}
}

static enum exo_status use(exo_cap_t name)
{
	uint64_t value;

	return exo_clock_read(name, EXO_CLOCK_MONOTONIC, &value);
}

static void lookup_body(unsigned cpu)
{
	if (cpu == stress_cpus - 1) {
		lives();
		return;
	}
	for (unsigned i = 0; i < STEPS; i++) {
		exo_cap_t gone = atomic_load(&dropped);
		enum exo_status status;

		OK(use(good));
		OK(exo_nop(NULL));
		if (gone)
			REQUIRE_IS(use(gone), EXO_E_CAP);
		status = use(atomic_load(&strong));
		REQUIRE(status == EXO_OK || status == EXO_E_CAP);
		status = use(atomic_load(&weak));
		REQUIRE(status == EXO_E_RIGHTS || status == EXO_E_CAP);
		status = use(atomic_load(&object));
		REQUIRE(status == EXO_E_TYPE || status == EXO_E_CAP);
		atomic_fetch_add(&uses, 1);
	}
}

void test_lookup(void)
{
	OK(exo_cap_derive(stress_boot->timer, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &good));
	do
		stress_run(lookup_body);
	while (stress_more());
}

/* ---- Revocation --------------------------------------------------------- */

#define CHAIN 24
#define BULK  (WORK_CALL / WORK_CAP + 3000) /* more than one call's work */

/*
 * A chain of derivations, whose middle links are dropped (so that the way up changes under those who climb) and
 * whose top is revoked meanwhile. `begun` is raised when the revocation has returned for the first time, be
 * it with E_AGAIN: from then on nothing below works.
 */
static exo_cap_t top, bulk;
static bool long_one; /* every so often the revoked subtree is too large for one call */
static _Atomic exo_cap_t chain[CHAIN];
static _Atomic uint32_t begun;

static void chain_make(void)
{
	exo_cap_t from;

	OK(exo_cap_derive(stress_boot->timer, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &top));
	from = top;
	atomic_store(&begun, 0);
	for (unsigned i = 0; i < CHAIN; i++) {
		exo_cap_t name;

		OK(exo_cap_derive(from, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &name));
		atomic_store(&chain[i], name);
		from = name;
	}
	/* Something else is being revoked all the time: so every look-up has to climb. */
	OK(exo_cap_derive(stress_boot->timer, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &bulk));
	for (unsigned i = 0; i < (long_one ? BULK : BULK / 16); i++)
		OK(exo_cap_derive(long_one ? top : bulk, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, NULL));
}

static void use_body(unsigned cpu)
{
	if (cpu == 0) {
		enum exo_status status;

		for (unsigned i = 0; i < CHAIN / 2; i++) {
			status = exo_cap_drop(atomic_load(&chain[stress_below(CHAIN - 1)]), NULL);
			REQUIRE(status == EXO_OK || status == EXO_E_CAP);
		}
		status = exo_cap_revoke(top, NULL);
		REQUIRE(status == EXO_OK || status == EXO_E_AGAIN);
		atomic_store(&begun, 1);
	} else if (cpu == 1) {
		stress_revoke(bulk);
	}
	for (unsigned i = 0; i < STEPS / 4; i++) {
		uint32_t before = atomic_load(&begun);
		exo_cap_t name = atomic_load(&chain[stress_below(CHAIN)]), child;
		uint64_t value;
		enum exo_status status = stress_below(4) ? exo_clock_read(name, EXO_CLOCK_MONOTONIC, &value) :
		                                           exo_cap_derive(name, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, &child);

		REQUIRE(status == EXO_OK || status == EXO_E_CAP || status == EXO_E_REVOKED);
		REQUIRE(!(before && status == EXO_OK));
	}
}

void test_no_later_use(void)
{
	unsigned round = 0;

	do {
		long_one = round++ % 8 == 0;
		chain_make();
		stress_run(use_body);
		stress_revoke(top);
		stress_revoke(bulk);
		OK(exo_cap_drop(top, NULL));
		OK(exo_cap_drop(bulk, NULL));
	} while (stress_more());
}

/* ---- Limits ------------------------------------------------------------- */

/* Each CPU runs a program of a zone of its own, which derives until it is refused. */
#define SHARE 1024
static exo_cap_t zone_of[FAKE_CPUS_MAX], context_of[FAKE_CPUS_MAX], given[FAKE_CPUS_MAX];
static _Atomic uint32_t refused;
static _Thread_local unsigned this_cpu;
static _Thread_local uint32_t derived;

static void greedy_program(void *user, struct fake_entry *entry)
{
	(void)user;
	if (derived > 0 && entry->regs->rax == EXO_E_SLOTS) {
		fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0); /* to its LibOS: enough */
		return;
	}
	derived++;
	fake_syscall(entry, EXO_CALL_BASE | EXO_NR_CAP_DERIVE, given[this_cpu], EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, 0);
}

static void limits_body(unsigned cpu)
{
	uint64_t event = EXO_EV_NONE;
	struct exo_zone_info info;

	this_cpu = cpu;
	derived = 0;
	do
		OK(exo_run(context_of[cpu], stress_boot->cpu, 1000000, &event));
	while (event != EXO_EV_SYSCALL);
	OK(exo_zone_info(zone_of[cpu], &info, NULL));
	REQUIRE_IS(info.quotas[EXO_QUOTA_CAPS].used, SHARE);
	atomic_fetch_add(&refused, 1);
	/* The LibOS can still make what it needs. */
	OK(exo_cap_derive(stress_boot->timer, EXO_R_ALL, 0, 0, EXO_NO_EXPIRY, NULL));
	for (;;) {
		enum exo_status status = exo_zone_destroy(zone_of[cpu], NULL);

		if (status == EXO_OK || status == EXO_E_CAP)
			break;
		REQUIRE_IS(status, EXO_E_AGAIN);
	}
}

void test_limits(void)
{
	exo_frame_t first = stress_frames(16 * FAKE_CPUS_MAX), pages = stress_frames(FAKE_CPUS_MAX);

	fake.program = greedy_program;
	do {
		atomic_store(&refused, 0);
		for (unsigned i = 0; i < stress_cpus; i++) {
			OK(exo_zone_create(stress_boot->zone, stress_boot->memory, first + 16 * i, 16, "greedy", 6, &zone_of[i]));
			memset(stress_frame_ptr(pages + i), 0, EXO_FRAME_SIZE);
			OK(exo_ctx_create(zone_of[i], stress_boot->memory, pages + i, &context_of[i]));
			OK(exo_zone_quota(stress_boot->zone, zone_of[i], EXO_QUOTA_CAPS, SHARE, NULL));
			OK(exo_cap_grant(stress_boot->timer, zone_of[i], EXO_R_ALL, &given[i]));
		}
		stress_run(limits_body);
		REQUIRE_IS(atomic_load(&refused), stress_cpus);
	} while (stress_more());
	fake.program = NULL;
}
