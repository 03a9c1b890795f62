/*
 * An executable model of what capabilities mean, to be compared with the core step by
 * step. Arrays, loops and recursion; nothing is shared with the core but the ABI. It knows
 * no slots, generations, tags or nonces: only who may do what, and for how long.
 *
 * Each function takes what the call takes and returns the status that the call must
 * give. Where a capability comes into being, `model->made` is its index, and
 * whoever runs the model writes the name that the core gave it.
 */
#ifndef MODEL_H
#define MODEL_H

#include <exo/abi.h>

#define MODEL_CAPS  48
#define MODEL_ZONES 6   /* [0] is the LibOS's */
#define MODEL_SEALS 128
#define MODEL_NONE  (-1)

struct model_cap {
	bool live;
	exo_cap_t name;
	int parent; /* MODEL_NONE: something that the model does not know */
	uint32_t type, rights;
	uint64_t first, count, expires;
	int owner, object; /* zones; object only of ZONE */
	unsigned depth; /* if `parent` is MODEL_NONE */
	uint64_t once_seals; /* how many single-use seals were made of it */
	uint64_t asked;      /* until when what is derived from it is asked for; 0: it is not */
};

struct model_seal {
	bool made, revoked, used, once, bearer;
	exo_cap_t cap; /* names are unique for ever */
	uint32_t rights;
	uint64_t expires;
	int zone;
	uint64_t zone_life, order; /* which life of that zone; which of the once_seals */
};

struct model {
	uint64_t now;
	struct model_cap caps[MODEL_CAPS];
	bool alive[MODEL_ZONES];
	uint64_t life[MODEL_ZONES]; /* how often it was created */
	int above[MODEL_ZONES];     /* the zone that it was made below, and ends with */
	uint64_t limit[MODEL_ZONES][EXO_QUOTA_COUNT];
	uint64_t gifts[MODEL_ZONES]; /* capabilities that it takes from whoever only names it */
	uint64_t unknown;           /* capabilities of the LibOS that the model does not know */
	struct model_seal seals[MODEL_SEALS];
	int made;
	uint64_t gone; /* capabilities that the last revocation took */
};

enum model_damage { MODEL_WHOLE, MODEL_CUT, MODEL_HEADER, MODEL_BOOT, MODEL_BODY };

/* unknown: how many capabilities the LibOS has besides. */
void model_init(struct model *m, uint64_t now, uint64_t unknown);
/* True if no more capabilities fit. */
bool model_is_full(const struct model *m);
/* A root, owned by the LibOS. depth: the core's, which bounds chains. */
void model_root(struct model *m, exo_cap_t name, uint32_t type, uint64_t first, uint64_t count, unsigned depth);

enum exo_status model_derive(struct model *m, int zone, exo_cap_t cap, uint32_t rights, uint64_t first,
                             uint64_t count, uint64_t expires);
enum exo_status model_grant(struct model *m, int zone, exo_cap_t cap, exo_cap_t target, uint32_t rights);
enum exo_status model_drop(struct model *m, int zone, exo_cap_t cap);
enum exo_status model_move(struct model *m, int zone, exo_cap_t cap, exo_cap_t target);
enum exo_status model_revoke(struct model *m, int zone, exo_cap_t cap);
enum exo_status model_ask(struct model *m, int zone, exo_cap_t cap, uint64_t until);
/* How many capabilities of a zone are asked for. */
unsigned model_asked(const struct model *m, int zone);
/* The kernel does what has been due by now. */
void model_due(struct model *m);
enum exo_status model_seal(struct model *m, int zone, exo_cap_t cap, uint32_t rights, exo_cap_t target,
                           uint64_t expires, uint32_t flags, struct model_seal *seal);
enum exo_status model_unseal(struct model *m, int zone, struct model_seal *seal, enum model_damage damage,
                             uint32_t rights);
/* number: which of the model's zones it shall be; not alive. */
enum exo_status model_zone_create(struct model *m, int zone, exo_cap_t parent, int number);
enum exo_status model_zone_quota(struct model *m, int zone, exo_cap_t parent, exo_cap_t cap, uint32_t table, uint64_t limit);
/* *before: how many it took until now. */
enum exo_status model_zone_gifts(struct model *m, int zone, exo_cap_t cap, uint64_t count, uint64_t *before);
enum exo_status model_zone_destroy(struct model *m, int zone, exo_cap_t cap);

#endif
