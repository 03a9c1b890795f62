/* Running contexts: events, registers, transitions, audit, App zones' own calls, timers. */
#include "core_env.h"

#define BASE UINT64_C(0x400000)

struct app {
	exo_cap_t zone, context;
	exo_frame_t page;
	struct exo_ctx_page *ctx;
};

static struct app app_make(void)
{
	struct app app = { .zone = zone_make(32) };

	app.context = context_make(app.zone, &app.page);
	app.ctx = frame_ptr(app.page);
	app.ctx->load = EXO_CTX_GPRS | EXO_CTX_FP;
	return app;
}

static enum exo_event run(const struct app *app)
{
	uint64_t event = 99;

	OK(exo_run(app->context, boot->cpu, 1000000, &event));
	cr_assert_eq(app->ctx->event, event);
	return (enum exo_event)event;
}

/* ---- Why it stops ------------------------------------------------------ */

/* A program that does what rip says. */
static void by_rip(void *user, struct fake_entry *entry)
{
	(void)user;
	switch (entry->regs->rip++) {
	case 0: fake_syscall(entry, 39, 1, 2, 3, 4, 5, 6); break;
	case 1: fake_fault(entry, 0x1234, EXO_ACCESS_WRITE); break;
	case 2: fake_exception(entry, 6, 7); break;
	case 3: fake.events |= EXO_PEND_CONSOLE; entry->trap->event = EXO_EV_PENDING; break;
	case 4: break;
	case 5: fake_syscall(entry, entry->regs->rax, 0, 0, 0, 0, 0, 0); break;
	case 6: entry->trap->event = EXO_EV_DEAD; break;
	case 7: entry->trap->event = 77; break;
	default: entry->trap->event = EXO_EV_NONE;
	}
}

CORE_TEST(run, tells_why_it_stopped)
{
	struct app app = app_make();
	uint64_t v;

	fake.program = by_rip;
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	cr_assert_eq(app.ctx->nr, 39);
	cr_assert_eq(app.ctx->args[5], 6);
	cr_assert_eq(run(&app), EXO_EV_FAULT);
	cr_assert_eq(app.ctx->address, 0x1234);
	cr_assert_eq(app.ctx->access, EXO_ACCESS_WRITE);
	cr_assert_eq(app.ctx->valid & EXO_CTX_GPRS, EXO_CTX_GPRS);
	cr_assert_eq(run(&app), EXO_EV_EXCEPTION);
	cr_assert_eq(app.ctx->vector, 6);
	cr_assert_eq(app.ctx->error, 7);
	cr_assert_eq(run(&app), EXO_EV_PENDING);
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, EXO_PEND_CONSOLE);
	cr_assert_eq(run(&app), EXO_EV_QUANTUM);
	app.ctx->result = 1;
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	app.ctx->result = 4711;
	cr_assert_eq(app.ctx->load, 0);
	OK(exo_ctx_save(app.context, NULL));
	cr_assert_eq(app.ctx->regs.rip, 6);
}

/* What the next entry loads is what its runner says after it has stopped. */
static void sets_load(void *user, struct fake_entry *entry)
{
	(void)user;
	entry->page->load = EXO_CTX_GPRS;
	fake_syscall(entry, 39, 0, 0, 0, 0, 0, 0);
}

CORE_TEST(run, clears_what_was_to_be_loaded)
{
	struct app app = app_make();

	fake.program = sets_load;
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	cr_assert_eq(app.ctx->load, 0);
}

/* A timer that is due already: the machine tells nothing, and the program's next call would come first, and so on. */
static void calls_on(void *user, struct fake_entry *entry)
{
	(void)user;
	fake_syscall(entry, 39, 0, 0, 0, 0, 0, 0);
}

CORE_TEST(run, tells_at_once_of_what_is_pending_already)
{
	struct app app = app_make();
	uint64_t v;

	fake.program = calls_on;
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	OK(exo_timer_set(boot->timer, 1, NULL));
	cr_assert_eq(run(&app), EXO_EV_PENDING);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL, "once: who does not take it is not held up");
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, EXO_PEND_TIMER);
	OK(exo_timer_set(boot->timer, 1, NULL));
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(run(&app), EXO_EV_SYSCALL, "it was taken before");
}

static void dies(uint64_t rip)
{
	struct app app = app_make();
	struct exo_audit_record record[64];
	uint64_t v, n;

	fake.program = by_rip;
	app.ctx->regs.rip = rip;
	cr_assert_eq(run(&app), EXO_EV_DEAD);
	IS(E_DEAD, exo_run(app.context, boot->cpu, 1000, &v));
	cr_assert_eq(v, EXO_EV_DEAD);
	IS(E_DEAD, exo_ctx_save(app.context, NULL));
	IS(E_DEAD, map_under(app.zone, boot->memory, BASE, frames_take(1), 1, EXO_PROT_READ));
	OK(exo_audit_read(boot->audit, record, 64, &n));
	for (v = 0; v < n && record[v].what != EXO_AUDIT_DEATH; v++)
		;
	cr_assert(v < n, "its death is on record");
	OK(exo_zone_destroy(app.zone, NULL));
	OK(exo_event_take(boot->zone, &v));
	cr_assert(v & EXO_PEND_ZONE);
}

CORE_TEST(run, a_dead_zone_can_only_be_destroyed)
{
	dies(6);
	dies(7); /* an event that no machine may report */
	dies(8);
}

CORE_TEST(run, needs_its_capabilities)
{
	struct app app = app_make();
	uint64_t v;

	IS(E_TYPE, exo_run(app.context, boot->timer, 1000, &v));
	IS(E_CAP, exo_run(app.context, 0, 1000, &v));
	IS(E_RIGHTS, exo_run(app.context, derive(boot->cpu, EXO_R_READ, 0, 1), 1000, &v));
	IS(E_RIGHTS, exo_run(derive(app.context, EXO_R_READ, 0, 0), boot->cpu, 1000, &v));
	IS(E_TYPE, exo_run(app.zone, boot->cpu, 1000, &v));
	cr_assert_eq(fake.enters, 0);
}

CORE_TEST(run, quanta_do_not_overflow)
{
	struct app app = app_make();
	uint64_t v;

	OK(exo_timer_set(boot->timer, 1000000, NULL));
	OK(exo_run(app.context, boot->cpu, UINT64_MAX, &v));
	OK(exo_run(app.context, boot->cpu, 0, &v));
}

CORE_TEST(run, leaves_two_records_each_time)
{
	struct app app = app_make();
	struct exo_audit_record record[64];
	uint64_t n, transitions = stats().transitions;

	do
		OK(exo_audit_read(boot->audit, record, 64, &n));
	while (n > 0);
	run(&app);
	OK(exo_audit_read(boot->audit, record, 64, &n));
	cr_assert_eq(n, 2);
	cr_assert_eq(record[0].what, EXO_AUDIT_ENTER);
	cr_assert_eq(record[0].cap, app.context);
	cr_assert_eq(record[0].zone, inspect(app.zone).first);
	cr_assert_eq(record[1].what, EXO_AUDIT_LEAVE);
	cr_assert_eq(record[1].call, EXO_EV_QUANTUM);
	cr_assert_eq(record[1].sequence, record[0].sequence + 1);
	cr_assert(record[1].time_ns >= record[0].time_ns);
	cr_assert_eq(stats().transitions, transitions + 1);
}

CORE_TEST(run, refusals_outlive_any_routine)
{
	struct app app = app_make();
	struct exo_audit_record record;
	uint64_t n;

	IS(E_CAP, exo_clock_read(4242, 0, &n));
	for (int i = 0; i < 2 * AUDIT_ROUTINE; i++)
		run(&app);
	OK(exo_audit_read(boot->audit, &record, 1, &n));
	cr_assert_eq(n, 1);
	cr_assert_eq(record.what, EXO_AUDIT_REFUSE);
	cr_assert_eq(record.cap, 4242);
	cr_assert_eq(record.call, EXO_NR_CLOCK_READ);
	cr_assert_eq(record.status, EXO_E_CAP);
	OK(exo_audit_read(boot->audit, &record, 1, &n));
	cr_assert(record.what == EXO_AUDIT_LEAVE || record.what == EXO_AUDIT_ENTER);
	cr_assert(record.sequence > 0, "the gap shows what was dropped");
	cr_assert_eq(stats().refusals, 1);
	cr_assert(stats().audit_dropped >= 2 * AUDIT_ROUTINE);
}

/* What calls.def marks so leaves a record when it succeeds, and nothing else does. */
CORE_TEST(run, what_changes_authority_is_recorded)
{
	struct exo_audit_record record[64];
	exo_cap_t cap = 0;
	uint64_t n, now;

	do
		OK(exo_audit_read(boot->audit, record, 64, &n));
	while (n > 0);
	OK(exo_nop(NULL));
	OK(exo_clock_read(boot->timer, EXO_CLOCK_MONOTONIC, &now));
	OK(exo_timer_set(boot->timer, UINT64_MAX, NULL));
	OK(exo_cap_derive(boot->timer, EXO_R_READ, 0, 0, EXO_NO_EXPIRY, &cap));
	OK(exo_cap_drop(cap, NULL));
	OK(exo_audit_read(boot->audit, record, 64, &n));
	cr_assert_eq(n, 2);
	cr_assert(record[0].what == EXO_AUDIT_CALL && record[0].call == EXO_NR_CAP_DERIVE && record[0].cap == boot->timer);
	cr_assert(record[1].what == EXO_AUDIT_CALL && record[1].call == EXO_NR_CAP_DROP && record[1].cap == cap);
	cr_assert_eq(record[1].status, EXO_OK);
}

/* Calls that only look, others, and those in a batch. */
CORE_TEST(run, a_zones_calls_are_counted)
{
	struct exo_batch_op ops[3] = { { .call = EXO_NR_NOP }, { .call = EXO_NR_NOP }, { .call = EXO_NR_NOP } };
	struct exo_zone_info before, after;

	OK(exo_zone_info(boot->zone, &before, NULL));
	OK(exo_nop(NULL));
	OK(exo_nop(NULL));
	OK(exo_timer_set(boot->timer, UINT64_MAX, NULL));
	OK(exo_batch(ops, 3, NULL));
	OK(exo_zone_info(boot->zone, &after, NULL));
	cr_assert_eq(after.calls - before.calls, 2 + 1 + 1 + 3 + 1, "%lu", after.calls - before.calls);
}

/* What could not be written is not counted, and is still there. */
CORE_TEST(run, records_that_cannot_be_written_stay)
{
	static struct exo_audit_record record[2];
	uint64_t n;

	IS(E_CAP, exo_clock_read(4242, 0, &n));
	IS(E_CAP, exo_clock_read(4243, 0, &n));
	fake.regions[0].base = record;
	fake.regions[0].size = sizeof(record[0]);
	fake.region_count = 1;
	IS(E_ADDRESS, exo_audit_read(boot->audit, record, 2, &n));
	cr_assert_eq(n, 1);
	cr_assert_eq(record[0].cap, 4242);
	OK(exo_audit_read(boot->audit, record, 1, &n));
	cr_assert_eq(record[0].cap, 4243);
}

/* ---- Calls of App zones ------------------------------------------------ */

/* What the program calls, one after the other; answers end up in the list. */
static struct step {
	uint64_t nr, args[6];
	uint64_t status, value;
} steps[16];
static unsigned step_count, step_next;

static void stepper(void *user, struct fake_entry *entry)
{
	(void)user;
	if (step_next > 0) {
		steps[step_next - 1].status = entry->regs->rax;
		steps[step_next - 1].value = entry->regs->rdx;
	}
	SOUND();
	if (step_next == step_count) {
		fake_syscall(entry, 60, 0, 0, 0, 0, 0, 0);
		return;
	}
	fake_syscall(entry, EXO_CALL_BASE | steps[step_next].nr, steps[step_next].args[0], steps[step_next].args[1],
	             steps[step_next].args[2], steps[step_next].args[3], steps[step_next].args[4], steps[step_next].args[5]);
	step_next++;
}

static void step_add(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	steps[step_count++] = (struct step){ .nr = nr, .args = { a0, a1, a2, a3 }, .status = 999 };
}

static exo_cap_t grant(const struct app *app, exo_cap_t cap, uint32_t rights)
{
	exo_cap_t given;

	OK(exo_cap_grant(cap, app->zone, rights, &given));
	return given;
}

CORE_TEST(appcalls, are_served_with_the_zone_as_caller)
{
	struct app app = app_make();
	exo_frame_t f = frames_take(1);
	exo_cap_t console = grant(&app, boot->console, EXO_R_WRITE), timer = grant(&app, boot->timer, EXO_R_READ);

	fake.program = stepper;
	OK(map_under(app.zone, boot->memory, BASE, f, 1, EXO_PROT_READ | EXO_PROT_WRITE));
	memcpy(frame_ptr(f), "hello", 5);
	step_add(EXO_NR_NOP, 0, 0, 0, 0);
	step_add(EXO_NR_CONSOLE_WRITE, console, BASE, 5, 0);
	step_add(EXO_NR_CONSOLE_WRITE, console, BASE + PAGE - 2, 5, 0);  /* runs off its memory */
	step_add(EXO_NR_CONSOLE_WRITE, boot->console, BASE, 5, 0);       /* not its own */
	step_add(EXO_NR_CONSOLE_READ, console, BASE, 5, 0);              /* not granted */
	step_add(EXO_NR_CLOCK_READ, timer, EXO_CLOCK_MONOTONIC, 0, 0);
	step_add(12345, 0, 0, 0, 0);
	step_add(EXO_NR_CAP_INSPECT, timer, (uint64_t)(uintptr_t)steps, 0, 0); /* a host address */
	step_add(EXO_NR_CAP_INSPECT, timer, BASE + 64, 0, 0);
	step_add(EXO_NR_CAP_DROP, timer, 0, 0, 0);
	step_add(EXO_NR_CLOCK_READ, timer, EXO_CLOCK_MONOTONIC, 0, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	cr_assert_eq(app.ctx->nr, 60);
	cr_assert_eq(steps[0].status, EXO_OK);
	cr_assert_eq(steps[1].status, EXO_OK);
	cr_assert_eq(steps[1].value, 5);
	cr_assert_eq(memcmp(fake.output, "hello", 5), 0);
	cr_assert_eq(steps[2].status, EXO_E_ADDRESS);
	cr_assert_eq(steps[3].status, EXO_E_CAP);
	cr_assert_eq(steps[4].status, EXO_E_RIGHTS);
	cr_assert_eq(steps[5].status, EXO_OK);
	cr_assert(steps[5].value > 0);
	cr_assert_eq(steps[6].status, EXO_E_CALL);
	cr_assert_eq(steps[7].status, EXO_E_ADDRESS);
	cr_assert_eq(steps[8].status, EXO_OK);
	cr_assert_eq(((struct exo_cap_info *)(void *)((char *)frame_ptr(f) + 64))->cap, timer);
	cr_assert_eq(steps[9].status, EXO_OK);
	cr_assert_eq(steps[10].status, EXO_E_CAP);
}

CORE_TEST(appcalls, only_the_whole_prefix_counts)
{
	struct app app = app_make();

	fake.program = by_rip;
	app.ctx->regs.rip = 5;
	app.ctx->regs.rax = UINT64_C(1) << 32 | EXO_CALL_BASE;
	cr_assert_eq(run(&app), EXO_EV_SYSCALL, "it is the LibOS's");
	cr_assert_eq(app.ctx->nr, UINT64_C(1) << 32 | EXO_CALL_BASE);
}

CORE_TEST(appcalls, what_is_the_liboses_is_refused)
{
	struct app app = app_make();
	exo_cap_t self = grant(&app, app.zone, EXO_R_ALL), cpu = grant(&app, boot->cpu, EXO_R_ALL);
	exo_cap_t context = grant(&app, app.context, EXO_R_ALL);

	OK(exo_zone_answers(app.zone, boot->memory, frames_take(1), NULL));
	fake.program = stepper;
	step_add(EXO_NR_WAIT, cpu, UINT64_MAX, 0, 0);
	step_add(EXO_NR_RUN, context, cpu, 1000, 0);
	step_add(EXO_NR_ZONE_DESTROY, self, 0, 0, 0);
	step_add(EXO_NR_CTX_SAVE, context, 0, 0, 0);
	step_add(EXO_NR_EVENT_TAKE, self, 0, 0, 0);
	step_add(EXO_NR_ZONE_ANSWER_PROGRAM, self, 0, 0, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	cr_assert_eq(steps[0].status, EXO_E_STATE);
	cr_assert_eq(steps[1].status, EXO_E_STATE);
	cr_assert_eq(steps[2].status, EXO_E_BUSY);
	cr_assert_eq(steps[3].status, EXO_E_BUSY);
	cr_assert_eq(steps[4].status, EXO_OK);
	cr_assert_eq(steps[5].status, EXO_E_BUSY);
}

/* The zone makes itself a context, gives it to the LibOS, and takes it back while it runs on it. */
CORE_TEST(appcalls, it_may_take_back_the_context_it_runs_on)
{
	struct app app = app_make(), own = app;
	exo_frame_t page = frames_take(1);
	exo_cap_t self = grant(&app, app.zone, EXO_R_ALL), libos = grant(&app, boot->zone, 0);
	exo_cap_t memory = grant(&app, boot->memory, EXO_R_ALL);
	uint64_t v;

	fake.program = stepper;
	OK(exo_zone_gifts(boot->zone, 1, NULL));
	step_add(EXO_NR_CTX_CREATE, self, memory, page, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	OK(steps[0].status);
	own.context = steps[0].value;
	step_add(EXO_NR_CAP_GRANT, own.context, libos, EXO_R_ALL, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	OK(steps[1].status);
	own.context = steps[1].value;
	step_add(EXO_NR_CAP_REVOKE, self, 0, 0, 0);
	cr_assert_eq(stats().contexts, 2);
	IS(E_REVOKED, exo_run(own.context, boot->cpu, 1000, &v));
	cr_assert_eq(stats().contexts, 1);
	IS(E_CAP, exo_run(own.context, boot->cpu, 1000, &v));
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, EXO_PEND_REVOKED);
	/* Its first context is the LibOS's, and goes on. */
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
}

/* The page of a context that the zone has made, and revokes while it runs on it: the call has no answer. */
CORE_TEST(appcalls, it_may_take_the_page_it_runs_on)
{
	struct app app = app_make(), own = app;
	exo_frame_t page = frames_take(1);
	exo_cap_t self = grant(&app, app.zone, EXO_R_ALL), libos = grant(&app, boot->zone, 0);
	exo_cap_t memory = grant(&app, derive(boot->memory, EXO_R_ALL, page, 1), EXO_R_ALL);
	uint64_t v;

	fake.program = stepper;
	OK(exo_zone_gifts(boot->zone, 1, NULL));
	steps[step_count++] = (struct step){ .nr = EXO_NR_CAP_DERIVE, .args = { memory, EXO_R_ALL, page, 1, EXO_NO_EXPIRY } };
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	OK(steps[0].status);
	step_add(EXO_NR_CTX_CREATE, self, steps[0].value, page, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	OK(steps[1].status);
	step_add(EXO_NR_CAP_GRANT, steps[1].value, libos, EXO_R_ALL, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
	OK(steps[2].status);
	own.context = steps[2].value;
	step_add(EXO_NR_CAP_REVOKE, memory, 0, 0, 0);
	IS(E_DEAD, exo_run(own.context, boot->cpu, 1000, &v));
	cr_assert_eq(frame_at(page)->maps, 0);
	cr_assert_eq(run(&app), EXO_EV_SYSCALL);
}

/* Who waits for a call has not heard anything yet. */
CORE_TEST(appcalls, who_waits_is_as_it_stopped)
{
	struct app app = app_make();
	uint64_t event;

	fake.program = stepper;
	OK(map_under(app.zone, boot->memory, BASE, frames_take(1), 1, EXO_PROT_READ | EXO_PROT_WRITE));
	step_add(EXO_NR_FASTIPC_WAIT, BASE, 0, 0, 0);
	OK(exo_run(app.context, boot->cpu, 1000000, &event));
	cr_assert_eq(event, EXO_EV_IPC);
	OK(exo_ctx_save(app.context, NULL));
	cr_assert_eq(app.ctx->regs.rax, EXO_CALL_BASE | EXO_NR_FASTIPC_WAIT);
}

/* ---- Events and timers ------------------------------------------------- */

CORE_TEST(events, waiting)
{
	uint64_t v, at = hal_time_ns() + 5000000;

	OK(exo_wait(boot->cpu, at, &v));
	cr_assert_eq(v, 0);
	cr_assert(fake.now_ns >= at);
	OK(exo_timer_set(boot->timer, at + 1000, NULL));
	OK(exo_wait(boot->cpu, UINT64_MAX, &v));
	cr_assert_eq(v, EXO_PEND_TIMER);
	cr_assert(fake.now_ns >= at + 1000);
	OK(exo_timer_set(boot->timer, at, NULL)); /* past */
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, EXO_PEND_TIMER);
	OK(exo_timer_set(boot->timer, at + 50000000, NULL));
	OK(exo_timer_set(boot->timer, UINT64_MAX, NULL));
	fake.events = EXO_PEND_INTR | EXO_PEND_RESIZE;
	OK(exo_wait(boot->cpu, UINT64_MAX, &v));
	cr_assert_eq(v, EXO_PEND_INTR | EXO_PEND_RESIZE);
	cr_assert_eq(fake.timer_at, UINT64_MAX);
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, 0);
}

CORE_TEST(events, belong_to_the_caller)
{
	exo_cap_t zone = zone_make(8);

	IS(E_STATE, exo_event_take(zone, NULL));
}

CORE_TEST(events, timers_of_several_zones_share_the_cpu_timer)
{
	struct app app = app_make();
	uint64_t now = hal_time_ns(), v;
	exo_cap_t timer = grant(&app, boot->timer, EXO_R_WRITE), self = grant(&app, app.zone, EXO_R_READ);

	fake.program = stepper;
	step_add(EXO_NR_TIMER_SET, timer, now + 2000000, 0, 0);
	OK(exo_timer_set(boot->timer, now + 3000000, NULL));
	run(&app);
	cr_assert_eq(fake.timer_at, now + 2000000);
	OK(exo_wait(boot->cpu, UINT64_MAX, &v));
	cr_assert_eq(v, EXO_PEND_TIMER);
	cr_assert(fake.now_ns >= now + 3000000);
	step_next = 0;
	step_count = 0;
	step_add(EXO_NR_EVENT_TAKE, self, 0, 0, 0);
	app.ctx->result = 0;
	run(&app);
	cr_assert_eq(steps[0].value, EXO_PEND_TIMER);
}

CORE_TEST(events, a_zone_takes_its_timer_along)
{
	struct app app = app_make();
	exo_cap_t timer = grant(&app, boot->timer, EXO_R_WRITE);

	fake.program = stepper;
	step_add(EXO_NR_TIMER_SET, timer, hal_time_ns() + 2000000, 0, 0);
	run(&app);
	SOUND();
	OK(exo_zone_destroy(app.zone, NULL));
	cr_assert_eq(fake.timer_at, UINT64_MAX);
}

/* An event that comes while what is left is done: whoever waits does not sleep over it. */
CORE_TEST(events, of_what_an_idle_kernel_does)
{
	uint64_t now = hal_time_ns(), v;

	OK(exo_cap_derive(boot->timer, EXO_R_READ, 0, 0, now + 1000000, &v));
	OK(exo_wait(boot->cpu, now + 100000000, &v));
	cr_assert_eq(v, EXO_PEND_REVOKED);
	cr_assert_lt(fake.now_ns, now + 2000000);
}

CORE_TEST(events, all_timers_that_are_due_go_off)
{
	struct app app = app_make();
	exo_cap_t timer = grant(&app, boot->timer, EXO_R_WRITE);
	uint64_t now = hal_time_ns(), v;

	fake.program = stepper;
	step_add(EXO_NR_TIMER_SET, timer, now + 2000000, 0, 0);
	run(&app);
	OK(exo_timer_set(boot->timer, now + 3000000, NULL));
	fake.now_ns = now + 4000000;
	OK(exo_event_take(boot->zone, &v));
	cr_assert_eq(v, EXO_PEND_TIMER);
}
