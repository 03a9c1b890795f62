/*
 * fastipc: a call from one context into another, on the caller's quantum, and the answer.
 *
 * Both give the kernel the address of a message in their own zone, which must be mapped and writable. A server's loop is
 *
 *     while (exo_fastipc_wait(&m, NULL) == EXO_OK)
 *             ... answer into m ...
 */
#ifndef EXO_FASTIPC_H
#define EXO_FASTIPC_H

#include <exo/types.h>

struct fastipc_message {
	uint64_t words[8];
	exo_cap_t cap;     /* sent: a capability (right GRANT) of which the receiver shall get one like it, or EXO_CAP_NONE;
	                    * received: the name of that in the receiver's zone, which uses one of its slots */
	uint64_t label;    /* received by the server: exo_port_bind()'s; in an answer 0 */
	uint32_t rights;   /* sent: no more than these; received: those that it has */
	uint32_t takes;    /* sent: not 0: a capability may come with what is received next; received: 0 */
};
_Static_assert(sizeof(struct fastipc_message) == 88, "the same for everybody");

/* Calls within calls: so many contexts may wait for one that serves. */
#define EXO_FASTIPC_DEPTH 8

#endif
