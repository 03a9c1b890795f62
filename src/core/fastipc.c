/*
 * fastipc: chains of contexts, and the calls.
 */
#include <core/call.h>
#include <core/derive.h>
#include <core/event.h>
#include <core/fastipc.h>
#include <core/state.h>
#include <core_calls.h>
#include <exo/calls.h>
#include <exo/fastipc.h>

struct context *fastipc_next(struct context *head)
{
	struct context *end = head;

	if (head->caller && !head->detached)
		return NULL;
	while (end->callee && !end->callee->detached)
		end = end->callee;
	return fastipc_is_waiting(end) ? NULL : end;
}

void fastipc_tell(const struct context *context)
{
	event_raise(context->zone->parent, EXO_PEND_IPC);
}

/* Of the chain that the context is in. */
static const struct context *head_of(const struct context *context)
{
	while (context->caller && !context->detached)
		context = context->caller;
	return context;
}

void fastipc_leave_chain(const struct context *context)
{
	if (head_of(context) != context)
		return;
	for (context = context->callee; context && !context->detached; context = context->callee)
		fastipc_tell(context);
}

void fastipc_take_from_chain(struct context *context)
{
	if (!head_of(context)->running)
		context->detached = true;
}

CORE_LOCKED static void answer(struct context *context, enum exo_status status)
{
	context->parked = false;
	hal_ctx_answer(&context->hal, status, 0);
}

CORE_LOCKED static void unlink(struct context *caller, enum exo_status status)
{
	struct context *server = caller->callee;

	/* On another runner's quantum: that one does not hear of it otherwise. */
	if (server->detached)
		fastipc_tell(caller);
	caller->callee = server->caller = NULL;
	server->port = NULL;
	server->detached = false;
	answer(caller, status);
}

void fastipc_end(struct context *caller, enum exo_status status)
{
	struct context *server = caller->callee;

	cpus_leave(head_of(server));
	server->orphan = true;
	unlink(caller, status);
	fastipc_tell(caller);
	fastipc_tell(server);
}

void fastipc_forget(struct context *context)
{
	if (context->callee)
		fastipc_end(context, EXO_E_DEAD);
	if (context->caller)
		fastipc_end(context->caller, EXO_E_DEAD);
	context->parked = false;
}

/* The message, and what it hands over, for `to`. E_BUSY: that one's memory cannot be written any more. */
CORE_LOCKED static enum exo_status pass(struct zone *zone, struct fastipc_message m, const struct context *to, uint64_t label)
{
	struct cap_spec spec = { .rights = 0 };
	cap_slot_t slot = CAP_NIL;
	struct cap *cap = NULL;
	enum exo_status status = EXO_OK;

	if (m.cap != EXO_CAP_NONE) {
		status = cap_lookup(zone, m.cap, EXO_CAP_NONE, EXO_R_GRANT, &cap);
		if (status == EXO_OK && !to->takes)
			status = EXO_E_DECLINED;
		if (status == EXO_OK) {
			spec = derive_spec(cap, cap->rights & m.rights, cap->expires, to->zone);
			status = derive_reserve(&spec, &slot);
		}
	}
	if (status != EXO_OK)
		return status;
	m.cap = slot == CAP_NIL ? EXO_CAP_NONE : cap_name_next(slot);
	m.rights = spec.rights;
	m.label = label;
	m.takes = 0;
	if (copy_out(to->zone, to->message, &m, sizeof(m)) != EXO_OK) {
		if (slot != CAP_NIL)
			cap_unreserve(slot);
		return EXO_E_BUSY;
	}
	if (slot != CAP_NIL) {
		audit_add(&cpu_this()->audit, EXO_AUDIT_CALL, zone->number, EXO_NR_CAP_GRANT, cap_name(cap), EXO_OK, hal_time_ns());
		cap_commit_tagged(slot, &spec);
	}
	return EXO_OK;
}

enum exo_status call_fastipc_call(struct zone *caller, struct cap *cap, exo_vaddr_t message)
{
	struct context *context = cpu_this()->calling, *server = cap->port->server;
	struct fastipc_message m;
	enum exo_status status;
	unsigned depth = 1;

	if (!context || !server)
		return EXO_E_STATE;
	if (port_is_free(cap->port) || server->dead || zone_is_gone(server->zone))
		return EXO_E_DEAD;
	if (!server->parked)
		return EXO_E_BUSY;
	for (const struct context *c = context; c->caller; c = c->caller)
		depth++;
	if (depth > EXO_FASTIPC_DEPTH)
		return EXO_E_RANGE;
	status = copy_in(caller, &m, message, sizeof(m));
	if (status == EXO_OK)
		status = pass(caller, m, server, cap->port->label);
	if (status == EXO_E_BUSY) {
		answer(server, EXO_E_ADDRESS);
		fastipc_tell(server);
	}
	if (status != EXO_OK)
		return status;
	context->message = message;
	context->takes = m.takes != 0;
	context->callee = server;
	server->caller = context;
	server->port = cap->port;
	answer(server, EXO_OK);
	return EXO_OK;
}

enum exo_status call_fastipc_wait(struct zone *caller, exo_vaddr_t message)
{
	static const struct fastipc_message none;
	struct context *context = cpu_this()->calling;
	enum exo_status status;
	struct fastipc_message m;

	if (!context)
		return EXO_E_STATE;
	if (context->caller && zone_is_gone(context->caller->zone))
		fastipc_end(context->caller, EXO_E_DEAD);
	if (context->orphan) {
		context->orphan = false;
		return EXO_E_DEAD;
	}
	status = copy_in(caller, &m, message, sizeof(m));
	if (status == EXO_OK && !context->caller) {
		status = copy_out(caller, message, &none, sizeof(none));
	} else if (status == EXO_OK) {
		status = pass(caller, m, context->caller, 0);
		if (status == EXO_OK || status == EXO_E_BUSY) {
			unlink(context->caller, status == EXO_OK ? EXO_OK : EXO_E_ADDRESS);
			status = EXO_OK;
		}
	}
	if (status != EXO_OK)
		return status;
	context->message = message;
	context->takes = m.takes != 0;
	context->parked = true;
	return EXO_OK;
}

enum exo_status call_ctx_cancel(struct zone *caller, struct cap *cap)
{
	struct context *context = cap->context;

	cpus_leave(head_of(context));
	if (context->parked)
		answer(context, EXO_E_AGAIN);
	else if (context->callee)
		fastipc_end(context, EXO_E_AGAIN);
	else if (context->caller && !context->detached)
		context->detached = true;
	else
		return EXO_E_STATE;
	fastipc_tell(context);
	return EXO_OK;
}
