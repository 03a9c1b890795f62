/*
 * Interrupt lines: calls and delivery.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/irq.h>
#include <core/state.h>
#include <core_calls.h>

CORE_LOCKED static void deliver(uint32_t line)
{
	struct binding *b = &core.irqs[line];

	if (b->kind == BINDING_NONE)
		return;
	if (binding_is_stale(b)) {
		unbind_irq(b);
	} else if (!zone_is_gone(b->zone)) {
		b->zone->irq_lines |= UINT64_C(1) << line;
		event_raise(b->zone, EXO_PEND_IRQ);
	}
}

void irqs_deliver(void)
{
	for (uint64_t lines = hal_irq_take(); lines; lines &= lines - 1)
		deliver((uint32_t)__builtin_ctzll(lines));
}

void irq_forget(struct zone *zone, uint64_t lines)
{
	zone->irq_lines &= ~lines;
	if (zone->irq_lines == 0)
		zone->pending &= ~EXO_PEND_IRQ;
}

/* The lines of a capability's extent. */
static uint64_t lines_of(const struct cap *irq)
{
	uint64_t all = irq->count >= HAL_IRQ_LINES ? UINT64_MAX : (UINT64_C(1) << irq->count) - 1;

	return all << irq->first;
}

enum exo_status call_irq_bind(struct zone *caller, struct cap *irq, uint64_t line, exo_cap_t zone)
{
	struct zone *target = caller;
	enum exo_status status = EXO_OK;

	if (!cap_covers(irq, line, 1))
		return EXO_E_RANGE;
	if (zone != EXO_CAP_NONE)
		status = zone_lookup(caller, zone, EXO_R_WRITE, &target);
	if (status != EXO_OK)
		return status;
	if (core.irqs[line].kind != BINDING_NONE && !binding_is_stale(&core.irqs[line]))
		return EXO_E_BUSY;

	if (core.irqs[line].kind != BINDING_NONE)
		unbind_irq(&core.irqs[line]);
	bind_irq((uint32_t)line, target, irq);
	return EXO_OK;
}

enum exo_status call_irq_unbind(struct zone *caller, struct cap *irq, uint64_t line)
{
	if (!cap_covers(irq, line, 1))
		return EXO_E_RANGE;
	if (core.irqs[line].kind == BINDING_NONE || core.irqs[line].slot != cap_slot(irq))
		return EXO_E_STATE;
	unbind_irq(&core.irqs[line]);
	return EXO_OK;
}

enum exo_status call_irq_take(struct zone *caller, struct cap *irq, uint64_t *value)
{
	events_collect();
	*value = caller->irq_lines & lines_of(irq);
	irq_forget(caller, *value);
	return EXO_OK;
}

enum exo_status call_irq_ack(struct zone *caller, struct cap *irq, uint64_t line)
{
	if (!cap_covers(irq, line, 1))
		return EXO_E_RANGE;
	if (core.irqs[line].kind == BINDING_NONE || binding_is_stale(&core.irqs[line]))
		return EXO_E_STATE;
	hal_irq_unmask((uint32_t)line);
	return EXO_OK;
}
