/*
 * Interrupts of devices whose drivers are in zones. A line is bound to one zone, by an IRQ
 * capability; an interrupt sets its bit in the zone's word and masks the line, so that between two
 * exo_irq_ack() each line costs the kernel one interrupt at most, whatever the device does.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include <core/lock.h>
#include <core/zone.h>

/* Hands out what the machine has reported. An interrupt by a capability that has expired
 * or is revoked goes nowhere, and its binding ends. */
CORE_LOCKED void irqs_deliver(void);

/* The zone has taken these lines' interrupts, or is not to get them any more. */
CORE_LOCKED void irq_forget(struct zone *zone, uint64_t lines);

#endif
