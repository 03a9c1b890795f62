/*
 * The intervals of a zone's space in which pages are mapped: bindings of kind BINDING_PAGES, in a tree by address (tree.h).
 */
#ifndef CORE_INTERVAL_H
#define CORE_INTERVAL_H

#include <core/bind.h>

/* An interval is a binding's first part. */
static inline struct binding *interval_binding(struct interval *interval)
{
	return (struct binding *)(void *)interval;
}

static inline struct binding *interval_before(const struct bindings *bindings, exo_vaddr_t vaddr)
{
	return interval_binding(tree_before(bindings->root, vaddr));
}

static inline struct binding *interval_after(const struct bindings *bindings, exo_vaddr_t vaddr)
{
	return interval_binding(tree_after(bindings->root, vaddr));
}

#endif
