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

#include <exo/abi.h>
#include <stdatomic.h>

struct binding;
struct context;
struct zone;

typedef uint16_t cap_slot_t;

#define CAP_SLOTS UINT32_C(65536)
#define CAP_NIL   0 /* slot 0 is never used: index for "none" */
/* Longest chain of derivation: what a look-up may have to climb while a
 * revocation is not finished. */
#define CAP_DEPTH_MAX 64
/* A zone may own so many, and the last slots are the first LibOS's. */
#define CAP_APP_LIMIT   1024
#define CAP_LIBOS_LIMIT 8192
#define CAP_RESERVE     4096

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
	};
	union {
		uint64_t count; /* of an extent */
		struct {        /* ring of all capabilities of one object */
			cap_slot_t object_next, object_prev;
		};
	};
	uint64_t expires;
	uint32_t seal_epoch, seal_last; /* seal.h */
	uint8_t type;
	uint8_t depth; /* at least parent's + 1 */
	uint16_t rights;
	uint16_t owner; /* zone number */
	cap_slot_t parent, child, next, prev;
	cap_slot_t owner_next, owner_prev; /* ring of all that a zone owns */
	cap_slot_t revoke_next;
	_Atomic uint32_t refs; /* children and bindings; of a free slot: the next free one */
};

_Static_assert(sizeof(struct cap) == 64, "one cache line");

struct cap_tag {
	uint64_t word[2];
};

/* Each CPU remembers the names of so many capabilities whose tags it has
 * found good. A name never comes back, so an entry never needs to be taken out. */
#define CAP_VALIDATED 1024

/* What a new capability shall be. For objects `first` is the object's pointer. */
struct cap_spec {
	enum exo_cap_type type;
	uint32_t rights;
	uint64_t first, count;
	uint64_t expires;
	struct zone *owner;
	struct cap *parent; /* NULL: root of derivation */
};

static inline bool cap_is_extent(enum exo_cap_type type)
{
	return type == EXO_CAP_MEMORY || type == EXO_CAP_CPU;
}

static inline bool cap_is_object(enum exo_cap_type type)
{
	return type == EXO_CAP_ZONE || type == EXO_CAP_CONTEXT;
}

cap_slot_t cap_slot(const struct cap *cap);
struct cap *cap_at(cap_slot_t slot);

static inline exo_cap_t cap_name_of_state(uint64_t state, cap_slot_t slot)
{
	return (state >> CAP_GEN_SHIFT) << CAP_GEN_SHIFT | slot;
}

exo_cap_t cap_name(const struct cap *cap);

/*
 * The one look-up: `name` must be a live capability of `zone`, of `type` (NONE:
 * any) with all of `rights`, neither expired nor revoked. E_CAP, E_FORGED, E_REVOKED,
 * E_TYPE, E_RIGHTS, E_EXPIRED.
 */
EXO_MUST_USE enum exo_status cap_lookup(const struct zone *zone, exo_cap_t name,
                                        enum exo_cap_type type, uint32_t rights, struct cap **cap);

/* The live capability of that name, whoever owns it, or NULL. Not for names that a
 * zone has shown: those are looked up with its zone. */
struct cap *cap_find(exo_cap_t name);

/* True while a revocation above `cap` is unfinished: it must not be used. */
bool cap_is_revoked(const struct cap *cap);

bool cap_is_expired(const struct cap *cap);

/* True if [first, count) lies inside the capability's extent and is not empty. */
bool cap_covers(const struct cap *cap, uint64_t first, uint64_t count);

/*
 * Creation in two steps, so that a call can take its slot before it changes
 * anything: reserve (E_SLOTS), then commit, which cannot fail, or unreserve.
 * parent may be NULL.
 */
EXO_MUST_USE enum exo_status cap_reserve(const struct zone *owner, const struct cap *parent,
                                         cap_slot_t *slot);
exo_cap_t cap_commit(cap_slot_t slot, const struct cap_spec *spec);
void cap_unreserve(cap_slot_t slot);

/* Moves up to *budget children of `cap` to its parent; true when none is left. */
bool cap_splice(struct cap *cap, uint32_t *budget);

/* Frees a slot that has neither children nor bindings. If it was the last of
 * its object, the object goes (zones through the reaper). */
void cap_remove(struct cap *cap);

/* Adds to or takes from the count of bindings and children. */
void cap_ref(struct cap *cap);
void cap_unref(struct cap *cap);

/* Fills `info`. */
void cap_describe(const struct cap *cap, struct exo_cap_info *info);

/* cap_tag.c. Makes this boot's keys; false: no entropy. */
EXO_MUST_USE bool cap_keys_init(void);
/* Writes the tag of a slot that will have this state; this CPU need not check it again. */
void cap_tag_set(const struct cap *cap, uint64_t state);
/* A free slot has no tag: damage that makes it look alive does not make it good. */
void cap_tag_clear(const struct cap *cap);
/* Checks the tag, always. E_FORGED. */
EXO_MUST_USE enum exo_status cap_tag_check(const struct cap *cap);
/* Checks the tag unless this CPU has found it good before. E_FORGED. */
EXO_MUST_USE enum exo_status cap_validate_slow(const struct cap *cap, exo_cap_t name);

#endif
