/*
 * The intervals of a zone's space in which pages are mapped: bindings of kind BINDING_PAGES by address, in a balanced
 * tree (A. Andersson, "Balanced search trees made simple", 1993). Each knows the soonest deadline of those below it.
 * All functions take steps by the logarithm of their number.
 */
#ifndef CORE_INTERVAL_H
#define CORE_INTERVAL_H

#include <core/bind.h>

/* The last that starts at or below `vaddr`; NULL: none. */
struct binding *interval_before(const struct bindings *bindings, exo_vaddr_t vaddr);
/* The first that ends above `vaddr`; NULL: none. */
struct binding *interval_after(const struct bindings *bindings, exo_vaddr_t vaddr);
/* One whose capability has expired by `now`; NULL: none. */
struct binding *interval_expired(const struct bindings *bindings, uint64_t now);

/* Puts one in, with its `first` and `slot`, which may only change so that the order stays. */
CORE_LOCKED void interval_insert(struct bindings *bindings, struct binding *binding);
CORE_LOCKED void interval_remove(struct bindings *bindings, struct binding *binding);

/* When the first capability of all expires. */
static inline uint64_t interval_deadline(const struct binding *root)
{
	return root ? root->soonest : EXO_NO_EXPIRY;
}

#endif
