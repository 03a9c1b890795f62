/*
 * Pending events of zones, and their one-shot timers on the CPU's one timer.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <core/zone.h>

/* Marks events as pending; zone may be NULL. Of some that a program's zone gets, whoever runs it hears too. */
CORE_LOCKED void event_raise(struct zone *zone, uint64_t events);

/* Hands out what the devices have reported since the last time. */
CORE_LOCKED void events_collect(void);

/* Collects, then takes the zone's pending events. */
CORE_LOCKED uint64_t events_take(struct zone *zone);

/* Sets the zone's timer; at_ns UINT64_MAX: off. A time in the past fires at once. */
CORE_LOCKED void timer_set(struct zone *zone, uint64_t at_ns);

/* Sets the CPU's timer to the first of the zones' timers and of the capabilities' deadlines. */
CORE_LOCKED void timer_arm(void);

#endif
