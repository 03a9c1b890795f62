/*
 * Calls on ports: make, bind; and those on notifications. Those on endpoints are in fastipc.c.
 */
#include <core/call.h>
#include <core/event.h>
#include <core/fastipc.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>

void port_unbind(struct port *port)
{
	struct context *server = port->server;

	if (server && server->port == port)
		fastipc_end(server->caller, EXO_E_DEAD);
	port->server = NULL;
	unbind_plain(&port->by_port);
	unbind_plain(&port->by_target);
}

bool port_is_free(struct port *port)
{
	bool bound = port->by_port.kind != BINDING_NONE;

	if (bound && !binding_is_stale(&port->by_port) && !binding_is_stale(&port->by_target))
		return false;
	if (bound)
		port_unbind(port);
	return true;
}

enum exo_status call_port_create(struct zone *caller, struct cap *cap, uint32_t type, uint64_t *value)
{
	struct cap_spec spec = {
		.type = type, .rights = EXO_R_READ | EXO_R_WRITE | EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE, .count = 1,
		.expires = cap->expires, .owner = caller, .parent = cap,
	};
	struct zone *zone = cap->zone;
	enum exo_status status;
	struct port *port;
	cap_slot_t slot;

	if (!cap_is_port(type))
		return EXO_E_ARG;
	status = object_reserve(caller, cap, &zone->port_slab, &slot);
	if (status != EXO_OK)
		return status;
	port = slab_alloc(&zone->port_slab, &zone->pool, sizeof(*port));
	port->zone = zone;
	port->type = type;
	port->serial = ++core.object_serial;
	spec.first = (uint64_t)(uintptr_t)port;
	*value = cap_commit(slot, &spec);
	return EXO_OK;
}

enum exo_status call_port_bind(struct zone *caller, struct cap *cap, exo_cap_t name, uint64_t label)
{
	struct port *port = cap->port;
	bool notifies = cap->type == EXO_CAP_NOTIFY;
	enum exo_status status;
	struct zone *zone;
	struct cap *target;

	if (!cap_is_port(cap->type))
		return EXO_E_TYPE;
	status = cap_lookup(caller, name, notifies ? EXO_CAP_ZONE : EXO_CAP_CONTEXT, notifies ? EXO_R_WRITE : EXO_R_EXEC, &target);
	if (status != EXO_OK)
		return status;
	zone = notifies ? target->zone : target->context->zone;
	if (zone_is_gone(zone) || (!notifies && target->context->dead))
		return EXO_E_DEAD;
	if (!port_is_free(port))
		return EXO_E_BUSY;
	bind_plain(&port->by_port, BINDING_PORT, zone, cap, (uint64_t)(uintptr_t)port, 0);
	bind_plain(&port->by_target, BINDING_PORT, zone, target, (uint64_t)(uintptr_t)port, 0);
	port->label = label;
	if (!notifies)
		port->server = target->context;
	else if (port->bits != 0)
		event_raise(zone, EXO_PEND_NOTIFY);
	return EXO_OK;
}

enum exo_status call_port_unbind(struct zone *caller, struct cap *cap)
{
	if (!cap_is_port(cap->type))
		return EXO_E_TYPE;
	if (cap->port->by_port.kind == BINDING_NONE || cap->port->by_port.slot != cap_slot(cap))
		return EXO_E_STATE;
	port_unbind(cap->port);
	return EXO_OK;
}

/* ---- Notifications ----------------------------------------------------- */

enum exo_status call_notify_signal(struct zone *caller, struct cap *cap, uint64_t bits)
{
	struct port *port = cap->port;

	if (port->bits == 0 && bits != 0 && !port_is_free(port))
		event_raise(port->by_target.zone, EXO_PEND_NOTIFY);
	port->bits |= bits;
	return EXO_OK;
}

enum exo_status call_notify_take(struct zone *caller, struct cap *cap, uint64_t *value)
{
	*value = cap->port->bits;
	cap->port->bits = 0;
	return EXO_OK;
}
