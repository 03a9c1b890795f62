/*
 * Contexts: register state that can be entered. A context lives in a slab of
 * the fund of the zone it runs in.
 */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include <core/bind.h>
#include <hal/hal.h>

struct context {
	struct hal_ctx hal;
	struct zone *zone;
	struct exo_ctx_page *page; /* hostile: shared with its LibOS */
	struct binding page_binding;
	struct context *next, *prev; /* of the zone */
	cap_slot_t caps_naming;      /* ring: capabilities that name it */
	uint16_t running;            /* pins: it is in a run or a turn */
	bool in_slot;                /* bound to a quantum slot, which alone enters it */
	bool dead;                   /* its page was revoked: never entered again */
	bool doomed;                 /* its last capability went while it was running */
	uint64_t serial;

	struct context *caller, *callee; /* fastipc.h: whom it serves; who serves it */
	struct port *port;           /* through which its caller came */
	exo_vaddr_t message;         /* waiting: where it wants its message */
	bool takes;                  /* waiting: a capability may come with it */
	bool parked;                 /* waits to be called */
	bool detached;               /* its runner runs it, not that of its caller */
	bool orphan;                 /* its caller went */
	uint8_t untold;              /* event that its runner is to hear of at exo_run(); EXO_EV_NONE */
};

/* Makes a context whose page is `page`, bound under `memory`. Cannot fail: the
 * caller has checked cost and page. */
CORE_LOCKED struct context *context_new(struct zone *zone, struct cap *memory, exo_frame_t page);

/* Ends it; no capability names it any more. If it is running, it ends when it stops. */
CORE_LOCKED void context_destroy(struct context *context);

/* Its page may be written to: it was not taken, and the capability has not expired, whoever may have seen that yet. */
CORE_LOCKED bool context_has_page(const struct context *context);

/* Between these two it is not freed; the last unpin ends a context that nobody names any more. */
CORE_LOCKED void context_pin(struct context *context);
CORE_LOCKED void context_unpin(struct context *context);

/* The context that a BINDING_CONTEXT is part of. */
struct context *context_of_binding(struct binding *binding);

#endif
