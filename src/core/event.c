/*
 * Events and timers.
 */
#include <core/due.h>
#include <core/event.h>
#include <core/irq.h>
#include <core/state.h>

/* What a program's zone cannot wait for, but whoever runs it can. */
#define FOR_PROGRAMS (EXO_PEND_IRQ | EXO_PEND_BLOCK | EXO_PEND_NOTIFY)

/* Timers that go off in one entry. */
#define TIMERS_FIRED 64

void event_raise(struct zone *zone, uint64_t events)
{
	/* What is pending and untold was made known when it came. */
	if (!zone || ((zone->pending & events) == events && zone->untold))
		return;
	zone->pending |= events;
	zone->untold = true;
	core.events_raised++;
	cpus_notify(zone);
	if (zone->kind == EXO_ZONE_APP && (events & FOR_PROGRAMS))
		event_raise(zone->parent, EXO_PEND_ZONE_EVENT);
}

void timer_arm(void)
{
	uint64_t at = due_heap_first(&core.timers);

	/* What is due already is waiting for the reaper, who sets the timer when it is done. */
	if (!core.due_ready && due_heap_first(&core.due) < at)
		at = due_heap_first(&core.due);
	hal_timer_arm(at);
}

void timer_set(struct zone *zone, uint64_t at_ns)
{
	bool past = at_ns != UINT64_MAX && at_ns <= hal_time_ns();

	zone->timer_at = past ? UINT64_MAX : at_ns;
	due_heap_update(&core.timers, (uint16_t)zone->number, zone->timer_at != UINT64_MAX);
	if (past)
		event_raise(zone, EXO_PEND_TIMER);
}

/* If there are more, the timer comes again at once. */
CORE_LOCKED static void timers_fire(void)
{
	uint64_t now = hal_time_ns();

	for (uint32_t i = 0; i < TIMERS_FIRED && due_heap_first(&core.timers) <= now; i++)
		timer_set(core.zones[core.timers.order[1]], now);
	due_look(now);
}

void events_collect(void)
{
	uint64_t events = hal_events_take();

	if (!events)
		return;
	if (events & EXO_PEND_TIMER)
		timers_fire();
	if (events & EXO_PEND_IRQ)
		irqs_deliver();
	if (events & EXO_PEND_BLOCK)
		disks_collect();
	event_raise(core.libos, events & ~(EXO_PEND_TIMER | EXO_PEND_IRQ | EXO_PEND_BLOCK));
}

uint64_t events_take(struct zone *zone)
{
	uint64_t events;

	events_collect();
	events = zone->pending;
	zone->pending = 0;
	zone->untold = false;
	return events;
}
