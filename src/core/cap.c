/*
 * The capability table: free list, look-up, tree links.
 */
#include <core/ask.h>
#include <core/derive.h>
#include <core/due.h>
#include <core/event.h>
#include <core/reap.h>
#include <core/state.h>

/* ---- Free list --------------------------------------------------------- */

/* A stack. Slots that were never used are handed out in order, so that an idle table costs no memory. There is one: all
 * shares of the table together are the table. */
CORE_LOCKED static cap_slot_t slot_pop(void)
{
	cap_slot_t slot = core.cap_free;

	if (slot == CAP_NIL)
		return (cap_slot_t)core.cap_fresh++;
	core.cap_free = (cap_slot_t)cap_at(slot)->refs;
	return slot;
}

CORE_LOCKED static void slot_push(cap_slot_t slot)
{
	cap_at(slot)->refs = core.cap_free;
	core.cap_free = slot;
}

/* A drop leaves what was below it with a depth that is too large. Only the way up is counted again: no depth on it
 * grows, so what hangs off it is still deeper. */
CORE_LOCKED static void depth_count(struct cap *cap)
{
	uint8_t depth = 0;

	for (cap_slot_t slot = cap->parent; slot != CAP_NIL; slot = cap_at(slot)->parent)
		depth++;
	for (; depth > 0; cap = cap_at(cap->parent))
		cap->depth = depth--;
}

enum exo_status cap_reserve(const struct zone *owner, struct cap *parent, cap_slot_t *slot)
{
	if (!zone_has_room(owner, EXO_QUOTA_CAPS, 1))
		return EXO_E_SLOTS;
	if (parent && parent->depth >= CAP_DEPTH_MAX)
		depth_count(parent);
	if (parent && parent->depth >= CAP_DEPTH_MAX)
		return EXO_E_SLOTS;
	*slot = slot_pop();
	core.caps_used++;
	return EXO_OK;
}

void cap_unreserve(cap_slot_t slot)
{
	cap_tag_clear(cap_at(slot));
	core.caps_used--;
	slot_push(slot);
}

/* ---- Links ------------------------------------------------------------- */

/* prev: the child of `parent` that it comes behind; NULL: it comes first. */
CORE_LOCKED static void child_link(struct cap *parent, struct cap *cap, struct cap *prev)
{
	cap_slot_t *link;

	CAP_STORE(cap->parent, parent ? cap_slot(parent) : CAP_NIL);
	cap->prev = cap->next = CAP_NIL;
	if (!parent)
		return;
	link = prev ? &prev->next : &parent->child;
	cap->prev = prev ? cap_slot(prev) : CAP_NIL;
	cap->next = *link;
	if (cap->next != CAP_NIL)
		cap_at(cap->next)->prev = cap_slot(cap);
	*link = cap_slot(cap);
	parent->refs++;
}

CORE_LOCKED static void child_unlink(struct cap *cap)
{
	cap_slot_t parent = cap->parent;

	if (parent == CAP_NIL)
		return;
	if (cap->prev != CAP_NIL)
		cap_at(cap->prev)->next = cap->next;
	else
		cap_at(parent)->child = cap->next;
	if (cap->next != CAP_NIL)
		cap_at(cap->next)->prev = cap->prev;
	cap_at(parent)->refs--;
	if (core.cap_asked[parent] != 0 && cap_at(parent)->child == CAP_NIL)
		ask_fulfilled(cap_at(parent));
}

/* They come behind it, so that whoever walks through the tree (ask.h) passes over none. */
bool cap_splice(struct cap *cap, struct work *work)
{
	struct cap *parent = cap->parent == CAP_NIL ? NULL : cap_at(cap->parent);

	while (cap->child != CAP_NIL && work->words > 0) {
		struct cap *child = cap_at(cap->child);

		work_charge(work, WORK_ENTRY);
		child_unlink(child);
		child_link(parent, child, cap);
	}
	return cap->child == CAP_NIL;
}

CORE_LOCKED static void owner_link(struct zone *zone, struct cap *cap)
{
	cap_slot_t slot = cap_slot(cap);

	cap->owner_prev = CAP_NIL;
	cap->owner_next = zone->caps_owned;
	if (cap->owner_next != CAP_NIL)
		cap_at(cap->owner_next)->owner_prev = slot;
	zone->caps_owned = slot;
	zone->quotas[EXO_QUOTA_CAPS].used++;
}

CORE_LOCKED static void owner_unlink(struct zone *zone, struct cap *cap)
{
	if (cap->owner_prev != CAP_NIL)
		cap_at(cap->owner_prev)->owner_next = cap->owner_next;
	else
		zone->caps_owned = cap->owner_next;
	if (cap->owner_next != CAP_NIL)
		cap_at(cap->owner_next)->owner_prev = cap->owner_prev;
	zone->quotas[EXO_QUOTA_CAPS].used--;
}

static cap_slot_t *object_head(struct cap *cap)
{
	if (cap_is_port(cap->type))
		return &cap->port->zone->port_caps;
	return cap->type == EXO_CAP_ZONE ? &cap->zone->caps_naming : &cap->context->caps_naming;
}

CORE_LOCKED static void object_link(struct cap *cap)
{
	cap_slot_t *head = object_head(cap);

	if (cap_is_port(cap->type))
		cap->port->names++;
	cap_object_set(cap, *head, CAP_NIL);
	if (*head != CAP_NIL)
		cap_object_set(cap_at(*head), cap_object_next(cap_at(*head)), cap_slot(cap));
	*head = cap_slot(cap);
}

/* True if it was the last. */
CORE_LOCKED static bool object_unlink(struct cap *cap)
{
	cap_slot_t *head = object_head(cap), next = cap_object_next(cap), prev = cap_object_prev(cap);

	if (prev != CAP_NIL)
		cap_object_set(cap_at(prev), next, cap_object_prev(cap_at(prev)));
	else
		*head = next;
	if (next != CAP_NIL)
		cap_object_set(cap_at(next), cap_object_next(cap_at(next)), prev);
	return cap_is_port(cap->type) ? --cap->port->names == 0 : *head == CAP_NIL;
}

/* ---- Life of a slot ---------------------------------------------------- */

exo_cap_t cap_commit(cap_slot_t slot, const struct cap_spec *spec)
{
	cap_tag_set(slot, spec);
	return cap_commit_tagged(slot, spec);
}

exo_cap_t cap_commit_tagged(cap_slot_t slot, const struct cap_spec *spec)
{
	struct cap *cap = cap_at(slot);
	exo_cap_t name = cap_name_next(slot);
	uint64_t state = name >> CAP_GEN_SHIFT << CAP_GEN_SHIFT | CAP_LIVE;

	CAP_STORE(cap->type, (uint8_t)spec->type);
	cap->depth = spec->parent ? (uint8_t)(spec->parent->depth + 1) : 0;
	CAP_STORE(cap->rights, (uint16_t)spec->rights);
	CAP_STORE(cap->owner, (uint16_t)spec->owner->number);
	CAP_STORE(cap->first, spec->first);
	CAP_STORE(cap->count, spec->count);
	CAP_STORE(cap->expires, spec->expires);
	cap->child = CAP_NIL;
	cap->revoke_next = CAP_NIL;
	cap->refs = 0;
	cap->seal_epoch = 0;
	cap->seal_last = 0;
	child_link(spec->parent, cap, NULL);
	owner_link(spec->owner, cap);
	if (cap_is_object(spec->type))
		object_link(cap);
	/* This CPU has just made the tag. */
	cpu_this()->validated[slot % CAP_VALIDATED] = name;
	atomic_store_explicit(&cap->state, state, memory_order_release);
	if (spec->expires != EXO_NO_EXPIRY)
		due_update(cap);
	if (ask_find(cap))
		event_raise(spec->owner, EXO_PEND_ASKED);
	return name;
}

exo_cap_t cap_move(struct cap *cap, struct zone *owner)
{
	uint64_t state = atomic_load_explicit(&cap->state, memory_order_relaxed);
	exo_cap_t name = cap_name_next(cap_slot(cap));
	const struct cap_spec spec = derive_spec(cap, cap->rights, cap->expires, owner);

	/* The old name dies before anything that a look-up without the lock may read changes. */
	atomic_store_explicit(&cap->state, state & ~CAP_LIVE, memory_order_release);
	ask_tell_end(cap);
	owner_unlink(core.zones[cap->owner], cap);
	CAP_STORE(cap->owner, (uint16_t)owner->number);
	owner_link(owner, cap);
	cap_tag_set(cap_slot(cap), &spec);
	cpu_this()->validated[cap_slot(cap) % CAP_VALIDATED] = name;
	atomic_store_explicit(&cap->state, name >> CAP_GEN_SHIFT << CAP_GEN_SHIFT | CAP_LIVE, memory_order_release);
	if (ask_find(cap))
		event_raise(owner, EXO_PEND_ASKED);
	return name;
}

void cap_remove(struct cap *cap)
{
	uint64_t state = atomic_load_explicit(&cap->state, memory_order_relaxed);
	struct zone *owner = core.zones[cap->owner];

	if (state & CAP_REVOKING)
		reap_revoke_done(cap);
	if (cap->type == EXO_CAP_CPU || cap->type == EXO_CAP_CONTEXT)
		cpus_leave(cap);
	ask_tell_past(cap);
	due_heap_update(&core.due, cap_slot(cap), false);
	/* The generation stays, without the live flag: no name matches any more. */
	atomic_store_explicit(&cap->state, state & ~(CAP_LIVE | CAP_REVOKING), memory_order_release);
	child_unlink(cap);
	owner_unlink(owner, cap);
	if (cap_is_object(cap->type) && object_unlink(cap)) {
		if (cap->type == EXO_CAP_CONTEXT)
			context_destroy(cap->context);
		else if (cap_is_port(cap->type))
			slab_free(&cap->port->zone->port_slab, cap->port);
		else
			reap_zone(cap->zone);
	}
	cap_unreserve(cap_slot(cap));
}

/* ---- Look-up ----------------------------------------------------------- */

static uint64_t state_of(const struct cap *cap)
{
	return atomic_load_explicit(&cap->state, memory_order_acquire);
}

/*
 * One way up, hand over hand: from a slot to its parent, which counts as seen if the slot is still in
 * the life it was in and still has that parent. A live slot's parent is live, and a drop makes
 * children pass to their grandparent; no slot ever comes in between. So a link that is the
 * same before and after was the same all the time, the parent lived, and `above` is of that life.
 * 1: revoked, 0: not, -1: something changed on the way.
 */
static int climb(const struct cap *cap)
{
	uint64_t state = state_of(cap);
	cap_slot_t slot;

	while ((slot = CAP_LOAD(cap->parent)) != CAP_NIL) {
		const struct cap *parent = cap_at(slot);
		uint64_t above = state_of(parent);

		if (CAP_LOAD(cap->parent) != slot || (state_of(cap) ^ state) & ~CAP_REVOKING)
			return -1;
		if (above & CAP_REVOKING)
			return 1;
		cap = parent;
		state = above;
	}
	return (state_of(cap) ^ state) & ~CAP_REVOKING ? -1 : 0;
}

/* Each failure is a drop or the end of one of the slots above, of which there are at most so many.
 * With the lock held nothing changes, and the first way succeeds. */
bool cap_is_revoked(const struct cap *cap)
{
	for (unsigned tries = 0; tries <= CAP_DEPTH_MAX; tries++) {
		int revoked = climb(cap);

		if (revoked >= 0)
			return revoked;
	}
	return true; /* `cap` itself has gone */
}

struct cap *cap_find(exo_cap_t name)
{
	struct cap *cap = cap_at((cap_slot_t)name);
	uint64_t state = atomic_load_explicit(&cap->state, memory_order_acquire);

	return state >> CAP_GEN_SHIFT == name >> CAP_GEN_SHIFT && (state & CAP_LIVE) ? cap : NULL;
}

static enum exo_status validate(const struct cap *cap, exo_cap_t name)
{
	return cpu_this()->validated[cap_slot(cap) % CAP_VALIDATED] == name ? EXO_OK : cap_validate_slow(cap, name);
}

enum exo_status cap_lookup(const struct zone *zone, exo_cap_t name, enum exo_cap_type type,
                           uint32_t rights, struct cap **out)
{
	struct cap *cap = cap_find(name);

	if (!cap || CAP_LOAD(cap->owner) != zone->number)
		return EXO_E_CAP;
	if (validate(cap, name) != EXO_OK)
		return EXO_E_FORGED;
	if (reap_is_needed() && cap_is_revoked(cap))
		return EXO_E_REVOKED;
	if (type != EXO_CAP_NONE && CAP_LOAD(cap->type) != type)
		return EXO_E_TYPE;
	if ((CAP_LOAD(cap->rights) & rights) != rights)
		return EXO_E_RIGHTS;
	if (cap_is_expired(cap))
		return EXO_E_EXPIRED;
	*out = cap;
	/* Of the same life still: then all that was read is of it. */
	return cap_find(name) ? EXO_OK : EXO_E_CAP;
}

void cap_describe(const struct cap *cap, struct exo_cap_info *info)
{
	*info = (struct exo_cap_info){
		.cap = cap_name(cap), .parent = cap->parent == CAP_NIL ? EXO_CAP_NONE : cap_name(cap_at(cap->parent)),
		.type = cap->type, .rights = cap->rights, .first = cap->first, .count = cap->count,
		.expires_ns = cap->expires, .owner_zone = cap->owner,
		.refs = cap->refs,
	};
	if (cap_is_object(cap->type)) {
		info->first = cap_is_port(cap->type) ? cap->port->serial :
		              cap->type == EXO_CAP_ZONE ? cap->zone->number : cap->context->serial;
		info->count = 1;
	}
}
