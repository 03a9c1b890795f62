/*
 * Running contexts: the zone transition, and the kernel calls of App zones.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/fastipc.h>
#include <core/reap.h>
#include <core/run.h>
#include <core/state.h>
#include <core_calls.h>

/* Still the capability that was looked up as `name`, not revoked since, and not over. */
static enum exo_status still_valid(const struct cap *cap, exo_cap_t name)
{
	uint64_t state = atomic_load_explicit(&cap->state, memory_order_acquire);

	if ((state & ~CAP_REVOKING) != (name >> CAP_GEN_SHIFT << CAP_GEN_SHIFT | CAP_LIVE) ||
	    (reap_is_needed() && cap_is_revoked(cap)))
		return EXO_E_REVOKED;
	return cap_is_expired(cap) ? EXO_E_EXPIRED : EXO_OK;
}

/* The second step: is there a reason not to let this zone run? deadline: bindings_deadline() of the context. */
CORE_LOCKED static enum exo_status entry_check(struct context *context, uint64_t deadline)
{
	struct zone *zone = context->zone;
	struct work work = { .words = WORK_CALL };
	struct cap *revoked;
	bool done;

	if (context->dead || context->doomed || zone_is_gone(zone))
		return EXO_E_DEAD;
	revoked = core.revoking != CAP_NIL ? bindings_revoked(context) : NULL;
	if (revoked) {
		do
			revoked = cap_at(revoked->parent);
		while (!cap_is_revoking(revoked));
		/* It waits for that: so its time is best spent on it. */
		reap_revoke_some(revoked, &work);
		work_end(&work);
		return EXO_E_AGAIN;
	}
	if (deadline == EXO_NO_EXPIRY || hal_time_ns() < deadline)
		return EXO_OK;
	done = unbind_expired(context, &work);
	work_end(&work);
	if (!done)
		return EXO_E_AGAIN;
	return context->dead || zone_is_gone(zone) ? EXO_E_DEAD : EXO_OK; /* with their pages */
}

CORE_LOCKED static enum exo_status base_check(const struct run *run)
{
	return entry_check(run->base, bindings_deadline(run->base));
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
	if (status == EXO_OK && context != run->base)
		status = base_check(run);
	if (status == EXO_OK)
		status = entry_check(context, run->bound);
	if (status != EXO_OK)
		return status;
	/* 3. State out and in. */
	audit_add(&cpu->audit, EXO_AUDIT_ENTER, zone->number, 0, run->name, EXO_OK, run->start_ns);
	cycles = hal_cycles();
	/* Others may do anything meanwhile, but free what is running. */
	cpu_enter(run, trap);
	cycles = hal_cycles() - cycles;
	/* Whoever kicks, and whatever the machine tells of: no deadline waits for the end of it. */
	if (trap->event == EXO_EV_PENDING && hal_time_ns() >= run->deadline)
		trap->event = EXO_EV_QUANTUM;
	/* 4. The record. */
	zone->cycles += cycles;
	zone->transitions++;
	cpu->transitions++;
	audit_add(&cpu->audit, EXO_AUDIT_LEAVE, zone->number, (uint16_t)trap->event, run->name, EXO_OK,
	          run->start_ns + cycles_to_ns(cycles));
	return EXO_OK;
}

struct exo_result run_call(struct context *context, const struct hal_trap *trap)
{
	return call_serve(context->zone, trap->nr & ((UINT64_C(1) << EXO_CALL_SHIFT) - 1), trap->args);
}

/* The page is hostile, so it is only written here. */
enum exo_event run_event_store(const struct context *context, const struct hal_trap *trap)
{
	struct exo_ctx_page *page = context->page;
	struct cpu_state *cpu = cpu_this();

	if (!context_has_page(context))
		return EXO_EV_DEAD;
	page->load = 0;
	page->event = trap->event;
	page->in_call = context->callee != NULL;
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
		break;
	case EXO_EV_PENDING:
		break;
	default: /* EXO_EV_DEAD, or nothing that a machine may say */
		zone_kill(context->zone);
		page->event = EXO_EV_DEAD;
		return EXO_EV_DEAD;
	}
	return (enum exo_event)trap->event;
}

uint64_t run_deadline(struct run *run, uint64_t quantum)
{
	uint64_t deadline = run->start_ns + quantum < quantum ? UINT64_MAX : run->start_ns + quantum;

	if (cpu_this()->quantum.turn_end < deadline)
		deadline = cpu_this()->quantum.turn_end;
	if (run->cap->expires < deadline)
		deadline = run->cap->expires;
	if (run->cpu->expires < deadline)
		deadline = run->cpu->expires;
	run->bound = bindings_deadline(run->context);
	return run->bound < deadline ? run->bound : deadline;
}

/* Only the first LibOS's turn has an end that it does not see: the others have theirs, and what
 * they took is not taken from the quantum that it asked for. False: that is over, too. */
CORE_LOCKED static bool turn_renewed(struct run *run, uint64_t quantum)
{
	struct quantum *vector = &cpu_this()->quantum;
	uint64_t before = hal_time_ns(), used = before - run->start_ns;

	if (!quantum_is_over(vector, before))
		return false;
	quantum_round(vector);
	run->start_ns += hal_time_ns() - before;
	return used < quantum;
}

/*
 * The context was stopped from outside; true: not for anything that its runner wants to know. After a kick (another CPU
 * has changed something that we may run under) zone_transition() finds out what; a runner that has a context
 * itself comes back, since the kick may have been for that.
 */
CORE_LOCKED static bool goes_on(struct run *run, uint64_t quantum, struct hal_trap *trap)
{
	bool renewed = trap->event == EXO_EV_QUANTUM && turn_renewed(run, quantum);
	bool kicked = cpu_take_kick();

	events_collect();
	run->runner->untold = false;
	if (run->runner->pending != 0) {
		trap->event = EXO_EV_PENDING;
		return false;
	}
	if (trap->event != EXO_EV_PENDING)
		return renewed;
	/* Events are first for the first LibOS. */
	return run->runner == core.libos ? kicked : !kicked;
}

/* One entry and what comes of it. *value: what the runner is to hear, if anything. */
CORE_LOCKED static enum exo_status run_step(struct run *run, uint64_t quantum, uint64_t *value)
{
	struct context *context = run->context;
	struct exo_result result;
	struct hal_trap trap;
	enum exo_status status;

	/* What the machine does not tell, or has told already in somebody else's turn, must not wait for the next
	 * stop of its own: a program's system calls end the quantum before it is over, again and again. */
	run->deadline = run_deadline(run, quantum);
	if (run->runner->untold)
		run->deadline = 0;
	status = zone_transition(run, &trap);
	if (status == EXO_E_DEAD && context != run->base && base_check(run) == EXO_OK) {
		fastipc_forget(context); /* its caller goes on */
		return EXO_OK;
	}
	if (status != EXO_OK)
		return status;
	if (trap.event == EXO_EV_QUANTUM || trap.event == EXO_EV_PENDING) {
		if (!goes_on(run, quantum, &trap))
			*value = run_event_store(run->base, &trap);
	} else if (trap.event == EXO_EV_SYSCALL && trap.nr >> EXO_CALL_SHIFT == EXO_CALL_PREFIX) {
		cpu_this()->calling = context;
		result = run_call(context, &trap);
		cpu_this()->calling = NULL;
		if (!context->dead && !fastipc_is_waiting(context))
			hal_ctx_answer(&context->hal, result.status, result.value);
	} else if (context == run->base) {
		*value = run_event_store(context, &trap);
	} else {
		/* What its own runner has to see to. */
		context->untold = (uint8_t)run_event_store(context, &trap);
		context->detached = context->caller && !context->zone->dead;
	}
	if (context != run->base && !fastipc_is_waiting(context) && fastipc_next(run->base) != context)
		fastipc_tell(context); /* it has left the chain */
	return EXO_OK;
}

CORE_LOCKED static enum exo_status run_loop(struct run *run, uint64_t quantum, uint64_t *value)
{
	enum exo_status status = EXO_OK;

	*value = EXO_EV_NONE;
	while (status == EXO_OK && *value == EXO_EV_NONE) {
		struct context *context = run->context = fastipc_next(run->base);

		if (!context) {
			status = base_check(run);
			if (status == EXO_OK)
				*value = run->base->page->event = EXO_EV_IPC;
		} else if (context == run->base || !port_is_free(context->port)) {
			context_pin(context);
			status = run_step(run, quantum, value);
			context_unpin(context);
		}
	}
	if (status == EXO_E_DEAD)
		*value = EXO_EV_DEAD;
	return status;
}

enum exo_status call_run(struct zone *caller, struct cap *cap, exo_cap_t cpu, uint64_t quantum, uint64_t *value)
{
	struct run run = {
		.context = cap->context, .base = cap->context, .runner = caller, .cap = cap, .name = cap_name(cap), .cpu_name = cpu,
	};
	struct quantum *vector = &cpu_this()->quantum;
	enum exo_status status = cap_lookup(caller, cpu, EXO_CAP_CPU, EXO_R_EXEC, &run.cpu);
	uint64_t slot;

	if (status != EXO_OK)
		return status;
	/* One level below the slot: what ran further down would run on others' time unseen. */
	if (!quantum_is_mine(caller, &slot))
		return EXO_E_STATE;
	if (!cap_covers(run.cpu, slot, 1))
		return EXO_E_RANGE;
	/* On another CPU, or below us on this one; or a slot's. */
	if (run.context->running || run.context->in_slot)
		return EXO_E_BUSY;
	if (run.base->untold != EXO_EV_NONE) {
		*value = run.base->untold;
		run.base->untold = EXO_EV_NONE;
		return EXO_OK;
	}
	fastipc_take_back(run.base);
	context_pin(run.base);
	run.start_ns = hal_time_ns();
	if (quantum_is_over(vector, run.start_ns)) {
		quantum_round(vector);
		run.start_ns = hal_time_ns();
	}
	vector->slots[vector->current].inner = true;
	status = run_loop(&run, quantum, value);
	vector->slots[vector->current].inner = false;
	fastipc_leave(run.base);
	context_unpin(run.base);
	/* The timer that stopped it may have been a capability's deadline. */
	if (core.due_ready)
		reap_help(caller);
	return status;
}

enum exo_status call_ctx_save(struct zone *caller, struct cap *cap)
{
	struct context *context = cap->context;

	if (context->running)
		return EXO_E_BUSY;
	if (!context_has_page(context) || zone_is_gone(context->zone))
		return EXO_E_DEAD;
	hal_ctx_save(&context->hal);
	return EXO_OK;
}
