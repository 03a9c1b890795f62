/*
 * The capability table: slots, names, look-up, and the tree of derivation.
 *
 * A slot's `state` is its generation and two flags; the name of a capability is
 * generation << 16 | slot, so a look-up is one compare, takes no lock, and a
 * name stays bad for ever once its slot has been freed. All fields that
 * authority depends on are immutable while the slot lives, and the tag covers them.
 * Tags are in a table of their own: a slot is one cache line, and tags are rarely read.
 */
#ifndef CORE_CAP_H
#define CORE_CAP_H

#include <core/work.h>
#include <exo/abi.h>
#include <hal/hal.h>
#include <stdatomic.h>

struct binding;
struct context;
struct port;
struct zone;

typedef uint16_t cap_slot_t;

#define CAP_SLOTS UINT32_C(65536)
#define CAP_NIL   0 /* slot 0 is never used: index for "none" */
/* Longest chain of derivation: what a look-up may have to climb while a
 * revocation is not finished. */
#define CAP_DEPTH_MAX 64

/* Flags in cap.state, below the generation */
#define CAP_LIVE     UINT64_C(1)
#define CAP_REVOKING UINT64_C(2) /* everything derived from it is revoked already,
                                  * though it may not be gone yet */
#define CAP_GEN_SHIFT 16

struct cap {
	_Atomic uint64_t state;
	union {
		uint64_t first; /* of an extent */
		struct zone *zone;
		struct context *context;
		struct port *port;
	};
	uint64_t count; /* of an extent; of an object's name the links of its ring, cap_object_next() */
	uint64_t expires;
	uint32_t seal_epoch CORE_GUARDED, seal_last CORE_GUARDED; /* seal.h */
	uint8_t type;
	uint8_t depth; /* at least parent's + 1, at most CAP_DEPTH_MAX */
	uint16_t rights;
	uint16_t owner; /* zone number */
	cap_slot_t parent; /* guarded by the core lock, but read without it (cap_is_revoked()) */
	cap_slot_t child CORE_GUARDED, next CORE_GUARDED, prev CORE_GUARDED;
	cap_slot_t owner_next CORE_GUARDED, owner_prev CORE_GUARDED; /* ring of all that a zone owns */
	cap_slot_t revoke_next CORE_GUARDED;
	uint32_t refs CORE_GUARDED; /* children and bindings; of a free slot: the next free one */
};

_Static_assert(sizeof(struct cap) == 64, "one cache line");

struct cap_tag {
	uint64_t word[2];
};

/* Each CPU remembers the names of so many capabilities whose tags it has
 * found good. A name never comes back, so an entry never needs to be taken out. */
#define CAP_VALIDATED 1024

/*
 * A look-up may run without the core lock while the slot that it looks at is freed and
 * reused. So the immutable fields (type, rights, owner, first, count, expires), the parent
 * and the tag are read with CAP_LOAD and written with CAP_STORE wherever the reader may be
 * without the lock, always whole. Acquire and release, because the look-up ends by reading `state` again:
 * a field of the slot's next life was stored after `state` had changed, so whoever loaded
 * that field sees the change. They are not declared _Atomic, since they have no
 * writer while the slot lives, and whoever holds the lock needs no order.
 */
#define CAP_LOAD(field)         __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define CAP_STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

/*
 * The ring of all capabilities of one object; for ports, of all of a zone. Both links are one word, which is
 * always stored and loaded whole: a look-up without the lock that still takes the slot for an extent's reads
 * it as a count.
 */
CORE_LOCKED static inline cap_slot_t cap_object_next(const struct cap *cap)
{
	return (cap_slot_t)cap->count;
}

CORE_LOCKED static inline cap_slot_t cap_object_prev(const struct cap *cap)
{
	return (cap_slot_t)(cap->count >> 16);
}

CORE_LOCKED static inline void cap_object_set(struct cap *cap, cap_slot_t next, cap_slot_t prev)
{
	CAP_STORE(cap->count, (uint64_t)prev << 16 | next);
}

/* What a new capability shall be. For objects `first` is the object's pointer. */
struct cap_spec {
	enum exo_cap_type type;
	uint32_t rights;
	uint64_t first, count;
	uint64_t expires;
	struct zone *owner;
	struct cap *parent; /* NULL: root of derivation */
};

static inline bool cap_is_port(enum exo_cap_type type)
{
	return type == EXO_CAP_IPC || type == EXO_CAP_NOTIFY;
}

static inline bool cap_is_object(enum exo_cap_type type)
{
	return type == EXO_CAP_ZONE || type == EXO_CAP_CONTEXT || cap_is_port(type);
}

static inline exo_cap_t cap_name_of_state(uint64_t state, cap_slot_t slot)
{
	return (state >> CAP_GEN_SHIFT) << CAP_GEN_SHIFT | slot;
}

/*
 * The one look-up: `name` must be a live capability of `zone`, of `type` (NONE:
 * any) with all of `rights`, neither expired nor revoked. E_CAP, E_FORGED, E_REVOKED,
 * E_TYPE, E_RIGHTS, E_EXPIRED.
 * With or without the core lock; wait-free: at most CAP_DEPTH_MAX^2 steps, whatever other CPUs
 * do. Without the lock EXO_OK says that all of it held at one moment of the call; *cap may be freed
 * right after, so only with the lock held may it be used. Without the lock a refusal may be wrong (the
 * slot was reused meanwhile) and must be asked for again with the lock.
 */
EXO_MUST_USE enum exo_status cap_lookup(const struct zone *zone, exo_cap_t name,
                                        enum exo_cap_type type, uint32_t rights, struct cap **cap);

/* The live capability of that name, whoever owns it, or NULL. Not for names that a
 * zone has shown: those are looked up with its zone. */
struct cap *cap_find(exo_cap_t name);

/* True while a revocation above `cap` is unfinished: it must not be used. With or without the
 * lock; without it true may also mean that `cap` has gone. */
bool cap_is_revoked(const struct cap *cap);

static inline bool cap_is_expired(const struct cap *cap)
{
	uint64_t expires = CAP_LOAD(cap->expires);

	return expires != EXO_NO_EXPIRY && hal_time_ns() >= expires;
}

/* True if [first, count) lies inside the capability's extent and is not empty. */
static inline bool cap_covers(const struct cap *cap, uint64_t first, uint64_t count)
{
	return count > 0 && first >= cap->first && count <= cap->count && first - cap->first <= cap->count - count;
}

/*
 * Creation in two steps, so that a call can take its slot before it changes
 * anything: reserve (E_SLOTS), then commit, which cannot fail, or unreserve.
 * parent may be NULL.
 */
CORE_LOCKED EXO_MUST_USE enum exo_status cap_reserve(const struct zone *owner, struct cap *parent,
                                                     cap_slot_t *slot);
CORE_LOCKED exo_cap_t cap_commit(cap_slot_t slot, const struct cap_spec *spec);
/* The same for a slot that has its tag already (cap_tag_derive()). */
CORE_LOCKED exo_cap_t cap_commit_tagged(cap_slot_t slot, const struct cap_spec *spec);
CORE_LOCKED void cap_unreserve(cap_slot_t slot);

/* Gives a capability without bindings another owner, who has room for it (EXO_QUOTA_CAPS). Its place in the tree and what
 * was derived from it stay; its name, and so each seal of it, dies. Returns the new name. */
CORE_LOCKED exo_cap_t cap_move(struct cap *cap, struct zone *owner);

/* Moves children of `cap` to its parent; true when none is left. */
CORE_LOCKED bool cap_splice(struct cap *cap, struct work *work);

/* Frees a slot that has neither children, so that nothing is asked for any more, nor bindings. If it was the last of
 * its object, the object goes (zones through the reaper). */
CORE_LOCKED void cap_remove(struct cap *cap);

/* Fills `info`. */
CORE_LOCKED void cap_describe(const struct cap *cap, struct exo_cap_info *info);

/* cap_tag.c. Makes this boot's keys; false: no entropy. */
EXO_MUST_USE bool cap_keys_init(void);
/* Writes the tag of what cap_commit() will make of a reserved slot. */
void cap_tag_set(cap_slot_t slot, const struct cap_spec *spec);
/* Checks the parent's tag, always, and writes that of the slot as above. E_FORGED: wrote nothing. */
EXO_MUST_USE enum exo_status cap_tag_derive(cap_slot_t slot, const struct cap_spec *spec);
/* A free slot has no tag: damage that makes it look alive does not make it good. */
void cap_tag_clear(const struct cap *cap);
/* Checks the tag, always. E_FORGED. */
EXO_MUST_USE enum exo_status cap_tag_check(const struct cap *cap);
/* Checks the tag unless this CPU has found it good before. E_FORGED. */
EXO_MUST_USE enum exo_status cap_validate_slow(const struct cap *cap, exo_cap_t name);

#endif
