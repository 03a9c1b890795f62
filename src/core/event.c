/*
 * Events and timers.
 */
#include <core/due.h>
#include <core/event.h>
#include <core/irq.h>
#include <core/state.h>

/* What a program's zone cannot wait for, but whoever runs it can. */
#define FOR_PROGRAMS (EXO_PEND_IRQ | EXO_PEND_BLOCK | EXO_PEND_NOTIFY)

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
	uint64_t at = core.timers ? core.timers->timer_at : UINT64_MAX;

	/* What is due already is waiting for the reaper, who sets the timer when it is done. */
	if (!core.due_ready && due_next() < at)
		at = due_next();
	hal_timer_arm(at);
}

static bool timer_unlink(struct zone *zone)
{
	struct zone **link = &core.timers;

	if (zone->timer_at == UINT64_MAX)
		return false;
	while (*link != zone)
		link = &(*link)->timer_next;
	*link = zone->timer_next;
	zone->timer_next = NULL;
	zone->timer_at = UINT64_MAX;
	return true;
}

void timer_cancel(struct zone *zone)
{
	if (timer_unlink(zone))
		timer_arm();
}

void timer_set(struct zone *zone, uint64_t at_ns)
{
	struct zone **link = &core.timers;
	struct zone *first = core.timers;

	timer_unlink(zone);
	if (at_ns != UINT64_MAX && at_ns <= hal_time_ns()) {
		event_raise(zone, EXO_PEND_TIMER);
	} else if (at_ns != UINT64_MAX) {
		while (*link && (*link)->timer_at <= at_ns)
			link = &(*link)->timer_next;
		zone->timer_at = at_ns;
		zone->timer_next = *link;
		*link = zone;
	}
	if (first == zone || core.timers != first)
		timer_arm();
}

CORE_LOCKED static void timers_fire(void)
{
	uint64_t now = hal_time_ns();

	while (core.timers && core.timers->timer_at <= now) {
		struct zone *zone = core.timers;

		timer_unlink(zone);
		event_raise(zone, EXO_PEND_TIMER);
	}
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
