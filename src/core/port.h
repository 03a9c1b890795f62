/*
 * Ports: notifications and endpoints. A port lives in a slab of the fund of the zone that it was made in, and goes
 * with its last capability or with that zone. It is bound under one of its own capabilities and one of
 * what is bound to it, so that none of the three goes while it is bound.
 */
#ifndef CORE_PORT_H
#define CORE_PORT_H

#include <core/bind.h>

struct port {
	struct zone *zone;
	uint64_t serial;
	uint32_t type;             /* of its capabilities */
	uint32_t names;            /* their number */
	struct binding by_port, by_target;
	uint64_t bits;             /* of a notification: signalled, not yet taken */
	uint64_t label;            /* of an endpoint */
	struct context *server;    /* of an endpoint; NULL: nobody is bound */
};

/* Undoes what is bound. */
CORE_LOCKED void port_unbind(struct port *port);

/* Nothing is bound, or no longer lawfully: then it is unbound. */
CORE_LOCKED bool port_is_free(struct port *port);

static inline struct port *port_of_binding(const struct binding *binding)
{
	return (struct port *)(uintptr_t)binding->first;
}

#endif
