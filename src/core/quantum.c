/*
 * The quantum vector: picking, turns, and their end.
 */
#include <core/core.h>
#include <core/event.h>
#include <core/quantum.h>
#include <core/reap.h>
#include <core/run.h>
#include <core/state.h>

/* What is left of a revocation and waits for another CPU is looked at again after so long. */
#define REAP_RETRY_NS UINT64_C(100000)

struct quantum_slot *quantum_slot_at(uint64_t slot)
{
	return &core.cpus[slot / EXO_QUANTUM_SLOTS].quantum.slots[slot % EXO_QUANTUM_SLOTS];
}

bool quantum_is_mine(const struct zone *caller, uint64_t *number)
{
	const struct quantum *vector = &cpu_this()->quantum;
	const struct quantum_slot *slot = &vector->slots[vector->current];

	*number = EXO_QUANTUM_SLOT(hal_cpu_id(), vector->current);
	if (vector->current == 0)
		return caller == core.libos;
	return slot->context && slot->context->zone == caller && !slot->inner;
}

/* The first LibOS's turn begins, shorter by what it owes: it lasts until somebody else wants one. */
CORE_LOCKED static void first_begins(struct quantum *vector, uint64_t debt)
{
	vector->turn_end = vector->bound > 0 ? hal_time_ns() + QUANTUM_FIRST_NS - debt : UINT64_MAX;
}

/* What was taken of others' time by a turn that should have ended at `end`. */
static uint64_t taken_after(uint64_t end)
{
	uint64_t now = hal_time_ns(), over = now < end ? 0 : now - end;

	return over < QUANTUM_DEBT_NS ? over : QUANTUM_DEBT_NS;
}

/* ---- Binding ----------------------------------------------------------- */

void quantum_bind(uint64_t number, struct context *context, struct cap *cap, struct cap *cpu,
                  const struct cpu_quantum *quantum, uint64_t ns)
{
	struct quantum *vector = &core.cpus[number / EXO_QUANTUM_SLOTS].quantum;
	struct quantum_slot *slot = quantum_slot_at(number);

	memset(slot, 0, sizeof(*slot));
	slot->context = context;
	slot->ns = ns;
	slot->cycles = quantum->cycles;
	slot->priority = quantum->priority;
	slot->next = vector->round;
	bind_plain(&slot->by_cpu, BINDING_QUANTUM, context->zone, cpu, number, number);
	bind_plain(&slot->by_context, BINDING_QUANTUM, context->zone, cap, number, number);
	context->in_slot = true;
	vector->bound++;
	if (vector->current == 0 && vector->bound == 1)
		first_begins(vector, 0);
	cpus_notify(context->zone); /* it may be another CPU's */
}

void quantum_release(struct quantum_slot *slot)
{
	struct quantum *vector = &core.cpus[slot->by_cpu.first / EXO_QUANTUM_SLOTS].quantum;

	cpus_leave(slot->context);
	slot->context->in_slot = false;
	slot->context = NULL;
	unbind_plain(&slot->by_cpu);
	unbind_plain(&slot->by_context);
	vector->bound--;
	if (vector->current == 0 && vector->bound == 0)
		vector->turn_end = UINT64_MAX;
}

bool quantum_is_taken(uint64_t number)
{
	const struct quantum *vector = &core.cpus[number / EXO_QUANTUM_SLOTS].quantum;
	uint64_t here = number % EXO_QUANTUM_SLOTS;

	return vector->slots[here].context || (vector->current != 0 && vector->current == here);
}

void quantum_describe(uint64_t number, struct exo_quantum_info *info)
{
	const struct quantum_slot *slot = quantum_slot_at(number);

	*info = (struct exo_quantum_info){ .zone = number % EXO_QUANTUM_SLOTS == 0 ? core.libos->number : 0 };
	if (slot->context)
		*info = (struct exo_quantum_info){
			.quantum = {
				.cycles = slot->cycles, .priority = slot->priority,
				.cpu_cap = cap_name(cap_at(slot->by_cpu.slot)),
			},
			.zone = slot->context->zone->number, .flags = slot->waiting ? EXO_QUANTUM_WAITING : 0,
			.turns = slot->turns, .used = slot->used, .notices = slot->notices, .overruns = slot->overruns,
		};
}

/* ---- Who is next ------------------------------------------------------- */

CORE_LOCKED static bool is_ready(const struct quantum_slot *slot, uint64_t now)
{
	const struct context *context = slot->context;

	if (!context || context->running || !context_has_page(context) || zone_is_gone(context->zone))
		return false;
	return !slot->waiting || context->zone->pending != 0 || now >= slot->until;
}

/* Of the ready slots the one whose turn comes first: in the earliest round, then by priority. NULL: none is ready. */
CORE_LOCKED static struct quantum_slot *pick(struct quantum *vector)
{
	struct quantum_slot *best = NULL;
	uint64_t now = hal_time_ns(), first = 0;

	for (struct quantum_slot *slot = vector->slots; slot < vector->slots + EXO_QUANTUM_SLOTS; slot++) {
		uint64_t next = slot->next > vector->round ? slot->next : vector->round;

		if (!is_ready(slot, now) || (best && (next > first || (next == first && slot->priority <= best->priority))))
			continue;
		best = slot;
		first = next;
	}
	return best;
}

uint64_t quantum_next(const struct quantum *vector)
{
	uint64_t next = UINT64_MAX;

	if (vector->bound == 0)
		return next;
	for (uint32_t i = 0; i < EXO_QUANTUM_SLOTS; i++) {
		const struct quantum_slot *slot = &vector->slots[i];

		if (slot->context && slot->waiting && slot->until < next && !slot->context->dead &&
		    !zone_is_gone(slot->context->zone))
			next = slot->until;
	}
	return next;
}

/* ---- One turn ---------------------------------------------------------- */

bool quantum_wait(uint64_t number, uint64_t until)
{
	struct quantum_slot *slot = quantum_slot_at(number);

	/* Whoever has been told that its turn is over goes, whatever else there is for it. */
	if (slot->context->zone->pending != 0 && !slot->noticed)
		return false;
	slot->waiting = true;
	slot->until = until;
	return true;
}

/* Its time is over while it computes: it is told once, and may then end the turn itself. */
CORE_LOCKED static bool time_is_over(struct quantum *vector, struct quantum_slot *slot, struct context *context)
{
	uint64_t now;

	cpu_this()->preemptions++;
	cpu_take_kick();
	events_collect();
	now = hal_time_ns();
	if (now < vector->turn_end)
		return true;
	if (slot->context != context || !context_has_page(context))
		return false; /* unbound meanwhile: the slot is no longer its */
	if (slot->noticed) {
		slot->overruns++;
		return false;
	}
	slot->noticed = true;
	slot->notices++;
	/* From now, so that a machine which was late does not eat it up. */
	vector->turn_end = now + EXO_QUANTUM_OVERRUN_NS;
	event_raise(context->zone, EXO_PEND_QUANTUM);
	context->page->notice = vector->turn_end;
	return true;
}

/* A main context has nobody but the kernel to ask: anything else that stops it is its end. */
CORE_LOCKED static void main_dies(struct context *context, const struct hal_trap *trap)
{
	run_event_store(context, trap);
	zone_kill(context->zone);
}

/* One entry into the slot's context and what comes of it; false: the turn is over. */
CORE_LOCKED static bool turn_step(struct quantum *vector, struct quantum_slot *slot, struct run *run)
{
	struct context *context = run->context;
	struct exo_result result;
	struct hal_trap trap;
	enum exo_status status;

	run->start_ns = hal_time_ns();
	if (slot->context != context)
		return false;
	run->deadline = run_deadline(run, UINT64_MAX);
	if (run->start_ns >= run->deadline && (cap_is_expired(run->cap) || cap_is_expired(run->cpu))) {
		quantum_release(slot);
		return false;
	}
	status = zone_transition(run, &trap);
	if (status == EXO_E_DEAD && !zone_is_gone(context->zone))
		zone_kill(context->zone); /* its page was taken */
	if (status != EXO_OK)
		return false;
	switch (trap.event) {
	case EXO_EV_PENDING:
		/* A kick: what it was for, the next entry finds out. */
		cpu_take_kick();
		events_collect();
		return true;
	case EXO_EV_QUANTUM:
		return time_is_over(vector, slot, context);
	case EXO_EV_SYSCALL:
		if (trap.nr >> EXO_CALL_SHIFT != EXO_CALL_PREFIX)
			break;
		result = run_call(context, &trap);
		if (slot->context == context && slot->waiting)
			return false;
		if (!context->dead)
			hal_ctx_answer(&context->hal, result.status, result.value);
		/* At a call the turn may end without a notice: nothing is half done. */
		return hal_time_ns() < vector->turn_end;
	}
	main_dies(context, &trap);
	return false;
}

CORE_LOCKED static void turn(struct quantum *vector, struct quantum_slot *slot)
{
	struct run run = {
		.context = slot->context, .base = slot->context,
		.cap = cap_at(slot->by_context.slot), .name = cap_name(cap_at(slot->by_context.slot)),
		.cpu = cap_at(slot->by_cpu.slot), .cpu_name = cap_name(cap_at(slot->by_cpu.slot)),
	};
	uint64_t cycles = hal_cycles(), end = hal_time_ns() + slot->ns - slot->debt, over;

	context_pin(run.context);
	vector->current = (uint32_t)(slot - vector->slots);
	if (slot->next > vector->round)
		vector->round = slot->next; /* those before have nobody who is ready */
	vector->turn_end = end;
	slot->turns++;
	slot->noticed = false;
	run.context->page->notice = 0;
	if (slot->waiting) {
		slot->waiting = false;
		hal_ctx_answer(&run.context->hal, EXO_OK, events_take(run.context->zone));
	}
	while (turn_step(vector, slot, &run))
		;
	slot->used += hal_cycles() - cycles;
	/* Whatever went on at its end, a notice or a call: turns that it has had already, and part of one. */
	over = taken_after(end);
	slot->next = vector->round + 1 + over / slot->ns;
	slot->debt = over % slot->ns;
	vector->current = 0;
	context_unpin(run.context);
}

/* ---- Rounds ------------------------------------------------------------ */

bool quantum_turn(struct quantum *vector)
{
	struct quantum_slot *slot;

	if (vector->bound == 0)
		return false;
	slot = pick(vector);
	if (slot)
		turn(vector, slot);
	/* Time in which nobody calls the kernel would leave what revocation began, and what is due. */
	if (reap_has_work())
		reap_help(NULL);
	first_begins(vector, 0);
	return slot != NULL;
}

void quantum_round(struct quantum *vector)
{
	struct quantum_slot *slot;
	uint64_t debt = taken_after(vector->turn_end);

	while ((slot = pick(vector)) != NULL && slot->next <= vector->round) {
		turn(vector, slot);
		if (reap_has_work())
			reap_help(NULL);
	}
	vector->round++;
	first_begins(vector, debt);
}

GUARD_UNCHECKED uint64_t core_turn_end(void)
{
	return atomic_load_explicit(&cpu_this()->quantum.turn_end, memory_order_relaxed);
}

void core_interrupted(void)
{
	struct quantum *vector = &cpu_this()->quantum;

	core_lock_take();
	if (quantum_is_over(vector, hal_time_ns()))
		quantum_round(vector);
	core_lock_give();
}

void quantum_idle(const struct quantum *vector, uint64_t until)
{
	uint64_t next = quantum_next(vector), raised = core.events_raised;

	/* With work left, or somebody to tell, it is no longer than others, and the machine's events, want. */
	if ((reap_has_work() && reap_step(REAP_IDLE)) || core.events_raised != raised)
		next = 0;
	/* What waits for another CPU is tried again, if that does not come back before. */
	if (reap_has_work() && next > hal_time_ns() + REAP_RETRY_NS)
		next = hal_time_ns() + REAP_RETRY_NS;
	cpu_idle(next < until ? next : until);
}

/* A CPU that has nothing but its vector. */
void core_cpu_start(void)
{
	struct quantum *vector = &cpu_this()->quantum;

	core_lock_take();
	for (;;) {
		events_collect();
		if (!quantum_turn(vector))
			quantum_idle(vector, UINT64_MAX);
	}
}
