/*
 * fastipc: contexts that call each other (exo/fastipc.h). A chain leads from a caller to whom it called, and so on;
 * whoever runs its head runs its end, where the work is. A server that is `detached` heads a chain of its own, though
 * it still owes its caller an answer.
 */
#ifndef CORE_FASTIPC_H
#define CORE_FASTIPC_H

#include <core/context.h>

/* It waits for a message or an answer, and is not entered. */
static inline bool fastipc_is_waiting(const struct context *context)
{
	return context->parked || context->callee;
}

/* Whom to enter for whoever runs `head`; NULL: nobody, before EXO_PEND_IPC comes. */
CORE_LOCKED struct context *fastipc_next(struct context *head);

/* The runner of the context shall look again. */
CORE_LOCKED void fastipc_tell(const struct context *context);

/* Its runner runs it no more: if it is the head of its chain, whoever serves it may be run by its own runner from now on, who is told. */
CORE_LOCKED void fastipc_leave_chain(const struct context *context); /* the same for one that has called somebody */
CORE_LOCKED static inline void fastipc_leave(const struct context *context)
{
	if (context->callee)
		fastipc_leave_chain(context);
}

/* Its own runner runs it: if nobody runs the head of its chain, it goes on here and not there. */
CORE_LOCKED void fastipc_take_from_chain(struct context *context); /* the same for one that somebody has called */
CORE_LOCKED static inline void fastipc_take_back(struct context *context)
{
	if (context->caller)
		fastipc_take_from_chain(context);
}

/* Ends the call in which `caller` waits. */
CORE_LOCKED void fastipc_end(struct context *caller, enum exo_status status);

/* It is to be entered no more: who called it, and whom it called, go on without it. */
CORE_LOCKED void fastipc_forget(struct context *context);

#endif
