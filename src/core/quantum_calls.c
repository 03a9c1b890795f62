/*
 * Calls on quantum slots: bind, info, unbind; and exo_wait(), which gives a turn away.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/fastipc.h>
#include <core/quantum.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>

/* The first LibOS's own slots, which nobody can take. */
static bool is_first(uint64_t slot)
{
	return slot % EXO_QUANTUM_SLOTS == 0;
}

static bool quantum_is_valid(const struct cpu_quantum *quantum, const struct cap *cpu, uint64_t ns)
{
	return quantum->reserved == 0 && ns > 0 && ns <= EXO_QUANTUM_NS_MAX &&
	       (quantum->cpu_cap == EXO_CAP_NONE || quantum->cpu_cap == cap_name(cpu));
}

enum exo_status call_quantum_bind(struct zone *caller, struct cap *cpu, uint64_t slot, exo_cap_t name,
                                  exo_vaddr_t quantum)
{
	struct cpu_quantum asked;
	struct cap *cap;
	enum exo_status status = cap_lookup(caller, name, EXO_CAP_CONTEXT, EXO_R_EXEC, &cap);
	struct context *context;

	if (status == EXO_OK)
		status = copy_in(caller, &asked, quantum, sizeof(asked));
	if (status != EXO_OK)
		return status;
	if (!cap_covers(cpu, slot, 1))
		return EXO_E_RANGE;
	if (!quantum_is_valid(&asked, cpu, cycles_to_ns(asked.cycles)))
		return EXO_E_ARG;
	context = cap->context;
	if (context->zone->kind != EXO_ZONE_LIBOS)
		return EXO_E_STATE;
	if (context->dead || zone_is_gone(context->zone))
		return EXO_E_DEAD;
	if (is_first(slot) || quantum_is_taken(slot) || context->in_slot || context->running || fastipc_is_waiting(context) || context->caller)
		return EXO_E_BUSY;
	quantum_bind(slot, context, cap, cpu, &asked, cycles_to_ns(asked.cycles));
	return EXO_OK;
}

enum exo_status call_quantum_info(struct zone *caller, struct cap *cpu, uint64_t slot, exo_vaddr_t info)
{
	struct exo_quantum_info out;

	if (!cap_covers(cpu, slot, 1))
		return EXO_E_RANGE;
	quantum_describe(slot, &out);
	return copy_out(caller, info, &out, sizeof(out));
}

enum exo_status call_quantum_unbind(struct zone *caller, struct cap *cpu, uint64_t slot)
{
	if (!cap_covers(cpu, slot, 1))
		return EXO_E_RANGE;
	if (is_first(slot))
		return EXO_E_BUSY;
	if (!quantum_slot_at(slot)->context)
		return EXO_E_STATE;
	quantum_release(quantum_slot_at(slot));
	return EXO_OK;
}

/* The first LibOS waits inside of its call; whoever has a slot of the vector waits outside of its turn. */
enum exo_status call_wait(struct zone *caller, struct cap *cpu, uint64_t until, uint64_t *value)
{
	struct quantum *vector = &cpu_this()->quantum;
	uint64_t slot;

	/* An App zone would put its LibOS to sleep. */
	if (!quantum_is_mine(caller, &slot))
		return EXO_E_STATE;
	if (!cap_covers(cpu, slot, 1))
		return EXO_E_RANGE;
	if (vector->current != 0) {
		if (!quantum_wait(slot, until))
			*value = events_take(caller);
		return EXO_OK;
	}
	while ((*value = events_take(caller)) == 0 && hal_time_ns() < until)
		if (!quantum_turn(vector))
			quantum_idle(vector, until);
	return EXO_OK;
}
