/*
 * Running contexts: the zone transition, and the kernel calls of App zones.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/run.h>
#include <core/state.h>
#include <core_calls.h>

/* In two parts, so that neither a long stay nor a fast counter overflows. */
static uint64_t cycles_to_ns(uint64_t cycles)
{
	return (cycles >> 32) * core.ns_per_cycle + ((cycles & UINT32_MAX) * core.ns_per_cycle >> 32);
}

/* Still the capability that was looked up as `name`, not revoked since, and not over. */
static enum exo_status still_valid(const struct cap *cap, exo_cap_t name)
{
	uint64_t state = atomic_load_explicit(&cap->state, memory_order_acquire);

	if ((state & ~CAP_REVOKING) != (name >> CAP_GEN_SHIFT << CAP_GEN_SHIFT | CAP_LIVE) ||
	    (reap_is_needed() && cap_is_revoked(cap)))
		return EXO_E_REVOKED;
	return cap_is_expired(cap) ? EXO_E_EXPIRED : EXO_OK;
}

/* The second step: is there a reason not to let this zone run? */
CORE_LOCKED static enum exo_status entry_check(struct context *context)
{
	struct zone *zone = context->zone;
	uint32_t budget = REAP_BUDGET;

	if (context->dead || context->doomed || zone_is_gone(zone))
		return EXO_E_DEAD;
	if (reap_is_needed() &&
	    (!bindings_are_sound(zone) || cap_is_revoked(cap_at(context->page_binding.slot))))
		return EXO_E_AGAIN;
	if (zone->bindings.expires != EXO_NO_EXPIRY && hal_time_ns() >= zone->bindings.expires) {
		if (!unbind_expired(zone, &budget))
			return EXO_E_AGAIN;
		if (context->dead || zone->dead) /* with their pages */
			return EXO_E_DEAD;
	}
	return EXO_OK;
}

enum exo_status zone_transition(const struct run *run, struct hal_trap *trap)
{
	struct context *context = run->context;
	struct zone *zone = context->zone;
	struct cpu_state *cpu = cpu_this();
	uint64_t cycles;
	enum exo_status status;

	/* 1. A valid capability: still the one that was looked up, not revoked. */
	status = still_valid(run->cap, run->name);
	if (status == EXO_OK)
		status = still_valid(run->cpu, run->cpu_name);
	/* 2. Permission: nothing that the zone holds has been taken from it. */
	if (status == EXO_OK)
		status = entry_check(context);
	if (status != EXO_OK)
		return status;
	/* 3. State out and in. */
	audit_add(&cpu->audit, EXO_AUDIT_ENTER, zone->number, 0, run->name, EXO_OK, run->start_ns);
	zone->running++;
	context->running = true;
	cycles = hal_cycles();
	/* Others may do anything meanwhile, but free what is running. */
	cpu_enter(run, trap);
	cycles = hal_cycles() - cycles;
	context->running = false;
	zone->running--;
	/* 4. The record. */
	zone->cycles += cycles;
	zone->transitions++;
	cpu->transitions++;
	audit_add(&cpu->audit, EXO_AUDIT_LEAVE, zone->number, (uint16_t)trap->event, run->name, EXO_OK,
	          run->start_ns + cycles_to_ns(cycles));
	return EXO_OK;
}

/* A kernel call that the zone makes itself: it is the caller. */
CORE_LOCKED static void app_call(struct context *context, const struct hal_trap *trap)
{
	struct zone *zone = context->zone;
	struct exo_result result;

	/* Pinned, so that a call that ends the context or the zone does so afterwards. */
	zone->running++;
	context->running = true;
	result = call_serve(zone, trap->nr & ((UINT64_C(1) << EXO_CALL_SHIFT) - 1), trap->args);
	context->running = false;
	zone->running--;
	if (!context->dead)
		hal_ctx_answer(&context->hal, result.status, result.value);
}

/* Tells the LibOS, in the context's page, why it stopped. The page is hostile, so
 * it is only written here. */
CORE_LOCKED static enum exo_event event_store(struct context *context, const struct hal_trap *trap)
{
	struct exo_ctx_page *page = context->page;
	struct cpu_state *cpu = cpu_this();

	page->load = 0;
	page->event = trap->event;
	switch (trap->event) {
	case EXO_EV_SYSCALL:
		context->zone->syscalls++;
		cpu->syscalls++;
		break;
	case EXO_EV_FAULT:
		context->zone->faults++;
		cpu->faults++;
		page->access = trap->access;
		page->address = trap->address;
		break;
	case EXO_EV_EXCEPTION:
		cpu->exceptions++;
		page->vector = trap->vector;
		page->error = trap->error;
		page->address = trap->address;
		break;
	case EXO_EV_QUANTUM:
		cpu->preemptions++;
		events_collect();
		break;
	case EXO_EV_PENDING:
		events_collect();
		break;
	default: /* EXO_EV_DEAD, or nothing that a machine may say */
		zone_kill(context->zone);
		page->event = EXO_EV_DEAD;
		return EXO_EV_DEAD;
	}
	return (enum exo_event)trap->event;
}

static uint64_t deadline_of(const struct run *run, uint64_t quantum)
{
	uint64_t deadline = run->start_ns + quantum < quantum ? UINT64_MAX : run->start_ns + quantum;

	if (run->cap->expires < deadline)
		deadline = run->cap->expires;
	if (run->context->zone->bindings.expires < deadline)
		deadline = run->context->zone->bindings.expires;
	return deadline;
}

/*
 * Another CPU has changed something that we may run under: zone_transition() finds out what. The
 * caller hears of it only if there is something for it, or if it runs itself in a context
 * that the kick may have been for.
 */
CORE_LOCKED static bool only_kicked(const struct zone *caller)
{
	if (!cpu_take_kick())
		return false;
	events_collect();
	return caller->pending == 0 && caller->running == 0;
}

CORE_LOCKED static enum exo_status run_loop(const struct zone *caller, struct run *run, uint64_t quantum, uint64_t *value)
{
	struct hal_trap trap;

	for (;;) {
		enum exo_status status;

		run->deadline = deadline_of(run, quantum);
		status = zone_transition(run, &trap);
		if (status != EXO_OK) {
			*value = status == EXO_E_DEAD ? EXO_EV_DEAD : EXO_EV_NONE;
			return status;
		}
		if (trap.event == EXO_EV_PENDING && only_kicked(caller))
			continue;
		if (trap.event != EXO_EV_SYSCALL || trap.nr >> EXO_CALL_SHIFT != EXO_CALL_PREFIX)
			break;
		app_call(run->context, &trap);
	}
	*value = event_store(run->context, &trap);
	return EXO_OK;
}

enum exo_status call_run(struct zone *caller, struct cap *cap, exo_cap_t cpu, uint64_t quantum, uint64_t *value)
{
	struct run run = { .context = cap->context, .cap = cap, .name = cap_name(cap), .cpu_name = cpu };
	enum exo_status status = cap_lookup(caller, cpu, EXO_CAP_CPU, EXO_R_EXEC, &run.cpu);
	struct cpu_place *place = &cpu_this()->place;
	const struct zone *outer;

	if (status != EXO_OK)
		return status;
	/* One level: what runs under an App zone would run on its LibOS's time unseen. */
	if (caller->kind != EXO_ZONE_LIBOS)
		return EXO_E_STATE;
	/* On another CPU, or below us on this one. */
	if (run.context->running)
		return EXO_E_BUSY;
	run.start_ns = hal_time_ns();
	outer = place->run_for;
	place->run_for = caller;
	status = run_loop(caller, &run, quantum, value);
	place->run_for = outer;
	if (run.context->doomed)
		context_destroy(run.context);
	/* The timer that stopped it may have been a capability's deadline. */
	if (core.due_ready)
		reap_some(REAP_HELP_BUDGET);
	return status;
}

enum exo_status call_ctx_save(struct zone *caller, struct cap *cap, uint64_t *value)
{
	struct context *context = cap->context;

	(void)caller;
	(void)value;
	if (context->running)
		return EXO_E_BUSY;
	if (context->dead || zone_is_gone(context->zone))
		return EXO_E_DEAD;
	hal_ctx_save(&context->hal);
	return EXO_OK;
}
