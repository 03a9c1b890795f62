/* The model. */
#include <model/model.h>
#include <string.h>

/* What the kernel promises: the longest chain, and its tables. */
#define DEPTH_MAX 64
static const uint64_t tables[EXO_QUOTA_COUNT] = { 65535, 4094, 32 };

void model_init(struct model *m, uint64_t now, uint64_t unknown)
{
	memset(m, 0, sizeof(*m));
	m->now = now;
	m->alive[0] = true;
	m->unknown = unknown;
	memcpy(m->limit[0], tables, sizeof(tables));
}

/* What the zone itself uses of a table, and what it has given away. */
static uint64_t in_use(const struct model *m, int zone, uint32_t table)
{
	uint64_t used = table == EXO_QUOTA_CAPS && zone == 0 ? m->unknown : 0;

	for (int i = 0; table == EXO_QUOTA_CAPS && i < MODEL_CAPS; i++)
		used += m->caps[i].live && m->caps[i].owner == zone;
	for (int i = 1; i < MODEL_ZONES; i++)
		if (m->alive[i] && m->above[i] == zone)
			used += m->limit[i][table] + (table == EXO_QUOTA_ZONES);
	return used;
}

static bool has_room(const struct model *m, int zone, uint32_t table, uint64_t count)
{
	return in_use(m, zone, table) + count <= m->limit[zone][table];
}

static int free_find(const struct model *m)
{
	for (int i = 0; i < MODEL_CAPS; i++)
		if (!m->caps[i].live)
			return i;
	return MODEL_NONE;
}

bool model_is_full(const struct model *m)
{
	return free_find(m) == MODEL_NONE;
}

static struct model_cap *cap_new(struct model *m, const struct model_cap *what)
{
	m->made = free_find(m);
	m->caps[m->made] = *what;
	m->caps[m->made].live = true;
	m->caps[m->made].once_seals = 0;
	m->caps[m->made].asked = 0;
	return &m->caps[m->made];
}

void model_root(struct model *m, exo_cap_t name, uint32_t type, uint64_t first, uint64_t count, unsigned depth)
{
	const struct model_cap root = {
		.name = name, .parent = MODEL_NONE, .type = type, .rights = EXO_R_ALL, .first = first, .count = count,
		.expires = EXO_NO_EXPIRY, .owner = 0, .object = 0, .depth = depth,
	};

	cap_new(m, &root);
}

/* ---- Look-up ----------------------------------------------------------- */

static struct model_cap *cap_named(struct model *m, exo_cap_t name)
{
	for (int i = 0; i < MODEL_CAPS; i++)
		if (m->caps[i].live && m->caps[i].name == name)
			return &m->caps[i];
	return NULL;
}

static bool is_over(const struct model *m, uint64_t expires)
{
	return expires != EXO_NO_EXPIRY && m->now >= expires;
}

static enum exo_status lookup(struct model *m, int zone, exo_cap_t name, uint32_t type, uint32_t rights,
                              struct model_cap **out)
{
	struct model_cap *cap = cap_named(m, name);

	if (!cap || cap->owner != zone)
		return EXO_E_CAP;
	if (type != EXO_CAP_NONE && cap->type != type)
		return EXO_E_TYPE;
	if ((rights & ~cap->rights) != 0)
		return EXO_E_RIGHTS;
	if (is_over(m, cap->expires))
		return EXO_E_EXPIRED;
	*out = cap;
	return EXO_OK;
}

/* ---- Ends of things ---------------------------------------------------- */

static void zone_end(struct model *m, int zone);

/* There is nothing left to ask for. */
static void asks_settle(struct model *m)
{
	bool has_children[MODEL_CAPS] = { false };

	for (int i = 0; i < MODEL_CAPS; i++)
		if (m->caps[i].live && m->caps[i].parent != MODEL_NONE)
			has_children[m->caps[i].parent] = true;
	for (int i = 0; i < MODEL_CAPS; i++)
		if (!has_children[i])
			m->caps[i].asked = 0;
}

/* One capability goes; those derived from it pass to its parent. */
static void cap_end(struct model *m, struct model_cap *cap)
{
	int index = (int)(cap - m->caps), named = 0;

	cap->live = false;
	for (int i = 0; i < MODEL_CAPS; i++)
		if (m->caps[i].live && m->caps[i].parent == index) {
			m->caps[i].parent = cap->parent;
			m->caps[i].depth = cap->depth;
		}
	asks_settle(m);
	if (cap->type != EXO_CAP_ZONE || cap->object == 0)
		return;
	for (int i = 0; i < MODEL_CAPS; i++)
		named += m->caps[i].live && m->caps[i].type == EXO_CAP_ZONE && m->caps[i].object == cap->object;
	if (named == 0)
		zone_end(m, cap->object);
}

static void zone_end(struct model *m, int zone)
{
	if (!m->alive[zone])
		return;
	m->alive[zone] = false;
	for (int i = 1; i < MODEL_ZONES; i++)
		if (m->above[i] == zone)
			zone_end(m, i);
	for (int i = 0; i < MODEL_CAPS; i++)
		if (m->caps[i].live &&
		    (m->caps[i].owner == zone || (m->caps[i].type == EXO_CAP_ZONE && m->caps[i].object == zone)))
			cap_end(m, &m->caps[i]);
}

static bool is_below(const struct model *m, int cap, int top)
{
	for (cap = m->caps[cap].parent; cap != MODEL_NONE; cap = m->caps[cap].parent)
		if (cap == top)
			return true;
	return false;
}

/* ---- Calls ------------------------------------------------------------- */

static enum exo_status may_beget(const struct model_cap *cap, uint32_t rights, uint64_t expires)
{
	if ((rights & ~cap->rights) != 0)
		return EXO_E_RIGHTS;
	return expires > cap->expires ? EXO_E_RANGE : EXO_OK;
}

static unsigned depth_of(const struct model *m, const struct model_cap *cap)
{
	unsigned depth = 0;

	for (; cap->parent != MODEL_NONE; cap = &m->caps[cap->parent])
		depth++;
	return depth + cap->depth;
}

static enum exo_status beget(struct model *m, struct model_cap *cap, int owner, uint32_t rights, uint64_t first,
                             uint64_t count, uint64_t expires)
{
	struct model_cap child = *cap;

	if (depth_of(m, cap) >= DEPTH_MAX || !has_room(m, owner, EXO_QUOTA_CAPS, 1))
		return EXO_E_SLOTS;
	child.parent = (int)(cap - m->caps);
	child.owner = owner;
	child.rights = rights;
	child.first = first;
	child.count = count;
	child.expires = expires;
	cap_new(m, &child);
	return EXO_OK;
}

enum exo_status model_derive(struct model *m, int zone, exo_cap_t name, uint32_t rights, uint64_t first,
                             uint64_t count, uint64_t expires)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_NONE, EXO_R_DERIVE, &cap);

	if (status == EXO_OK)
		status = may_beget(cap, rights, expires);
	if (status != EXO_OK)
		return status;
	if (cap->type != EXO_CAP_MEMORY) {
		if (first != 0 || count != 0)
			return EXO_E_RANGE;
		return beget(m, cap, zone, rights, cap->first, cap->count, expires);
	}
	if (count == 0 || first < cap->first || first + count < first || first + count > cap->first + cap->count)
		return EXO_E_RANGE;
	return beget(m, cap, zone, rights, first, count, expires);
}

/* Whoever only names a zone must be expected there. */
static bool needs_word(const struct model_cap *to, int zone)
{
	return to->object != zone && !(to->rights & EXO_R_WRITE);
}

/* Zone `zone` gives `name` to whom `target` names. */
static enum exo_status may_give(struct model *m, int zone, exo_cap_t name, exo_cap_t target, struct model_cap **cap,
                                struct model_cap **to)
{
	enum exo_status status = lookup(m, zone, name, EXO_CAP_NONE, EXO_R_GRANT, cap);

	if (status == EXO_OK)
		status = lookup(m, zone, target, EXO_CAP_ZONE, 0, to);
	if (status == EXO_OK && needs_word(*to, zone) && m->gifts[(*to)->object] == 0)
		status = EXO_E_DECLINED;
	return status;
}

static void given(struct model *m, int zone, const struct model_cap *to)
{
	if (needs_word(to, zone))
		m->gifts[to->object]--;
}

enum exo_status model_grant(struct model *m, int zone, exo_cap_t name, exo_cap_t target, uint32_t rights)
{
	struct model_cap *cap, *to;
	enum exo_status status = may_give(m, zone, name, target, &cap, &to);

	if (status == EXO_OK)
		status = beget(m, cap, to->object, cap->rights & rights, cap->first, cap->count, cap->expires);
	if (status == EXO_OK)
		given(m, zone, to);
	return status;
}

/* The same capability under another name. */
enum exo_status model_move(struct model *m, int zone, exo_cap_t name, exo_cap_t target)
{
	struct model_cap *cap, *to;
	enum exo_status status = may_give(m, zone, name, target, &cap, &to);

	if (status != EXO_OK)
		return status;
	if (!has_room(m, to->object, EXO_QUOTA_CAPS, 1))
		return EXO_E_SLOTS;
	given(m, zone, to);
	cap->owner = to->object;
	m->made = (int)(cap - m->caps);
	return EXO_OK;
}

enum exo_status model_zone_gifts(struct model *m, int zone, exo_cap_t name, uint64_t count, uint64_t *before)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_ZONE, EXO_R_WRITE, &cap);

	if (status != EXO_OK)
		return status;
	*before = m->gifts[cap->object];
	m->gifts[cap->object] = count;
	return EXO_OK;
}

enum exo_status model_drop(struct model *m, int zone, exo_cap_t name)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_NONE, 0, &cap);

	if (status == EXO_OK)
		cap_end(m, cap);
	return status;
}

static void revoke(struct model *m, struct model_cap *cap)
{
	bool doomed[MODEL_CAPS] = { false };

	m->gone = 0;
	for (int i = 0; i < MODEL_SEALS; i++)
		if (m->seals[i].made && m->seals[i].cap == cap->name)
			m->seals[i].revoked = true;
	for (int i = 0; i < MODEL_CAPS; i++) {
		doomed[i] = m->caps[i].live && is_below(m, i, (int)(cap - m->caps));
		m->gone += doomed[i];
	}
	for (int i = 0; i < MODEL_CAPS; i++)
		if (doomed[i] && m->caps[i].live)
			cap_end(m, &m->caps[i]);
}

enum exo_status model_revoke(struct model *m, int zone, exo_cap_t name)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_NONE, EXO_R_REVOKE, &cap);

	if (status == EXO_OK)
		revoke(m, cap);
	return status;
}

enum exo_status model_ask(struct model *m, int zone, exo_cap_t name, uint64_t until)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_NONE, EXO_R_REVOKE, &cap);

	if (status != EXO_OK)
		return status;
	cap->asked = until == EXO_NO_EXPIRY ? 0 : until;
	asks_settle(m);
	return EXO_OK;
}

unsigned model_asked(const struct model *m, int zone)
{
	unsigned count = 0;

	for (int i = 0; i < MODEL_CAPS; i++) {
		int above = m->caps[i].parent;

		if (!m->caps[i].live || m->caps[i].owner != zone)
			continue;
		while (above != MODEL_NONE && m->caps[above].asked == 0)
			above = m->caps[above].parent;
		count += above != MODEL_NONE;
	}
	return count;
}

static uint64_t due_of(const struct model_cap *cap)
{
	return cap->asked != 0 && cap->asked < cap->expires ? cap->asked : cap->expires;
}

/* Earliest first; of two at the same time the one in the lower slot, which names tell. */
static struct model_cap *due_first(struct model *m)
{
	struct model_cap *first = NULL;

	for (int i = 0; i < MODEL_CAPS; i++) {
		struct model_cap *cap = &m->caps[i];

		if (!cap->live || due_of(cap) == EXO_NO_EXPIRY || due_of(cap) > m->now)
			continue;
		if (!first || due_of(cap) < due_of(first) ||
		    (due_of(cap) == due_of(first) && (uint16_t)cap->name < (uint16_t)first->name))
			first = cap;
	}
	return first;
}

void model_due(struct model *m)
{
	struct model_cap *cap;

	while ((cap = due_first(m)) != NULL) {
		bool over = is_over(m, cap->expires);

		revoke(m, cap);
		if (over && cap->live)
			cap_end(m, cap);
	}
}

enum exo_status model_seal(struct model *m, int zone, exo_cap_t name, uint32_t rights, exo_cap_t target,
                           uint64_t expires, uint32_t flags, struct model_seal *seal)
{
	struct model_cap *cap, *to;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_NONE, EXO_R_GRANT, &cap);
	struct model_seal out = { .made = true, .cap = name, .rights = rights, .expires = expires, .zone = zone };

	if (status == EXO_OK)
		status = may_beget(cap, rights, expires);
	if (status != EXO_OK)
		return status;
	if (flags & ~(EXO_SEAL_ONCE | EXO_SEAL_BEARER))
		return EXO_E_ARG;
	out.once = flags & EXO_SEAL_ONCE;
	out.bearer = flags & EXO_SEAL_BEARER;
	if (out.bearer && target != EXO_CAP_NONE)
		return EXO_E_ARG;
	if (target != EXO_CAP_NONE) {
		status = lookup(m, zone, target, EXO_CAP_ZONE, 0, &to);
		if (status != EXO_OK)
			return status;
		out.zone = to->object;
	}
	out.zone_life = m->life[out.zone];
	out.order = out.once ? ++cap->once_seals : 0;
	*seal = out;
	return EXO_OK;
}

enum exo_status model_unseal(struct model *m, int zone, struct model_seal *seal, enum model_damage damage,
                             uint32_t rights)
{
	static const enum exo_status refused[] = {
		EXO_OK, EXO_E_SEAL_SIZE, EXO_E_SEAL_FORMAT, EXO_E_SEAL_BOOT, EXO_E_SEAL_FORGED,
	};
	struct model_cap *cap = cap_named(m, seal->cap);
	enum exo_status status;

	if (damage != MODEL_WHOLE)
		return refused[damage];
	if (!seal->bearer && (zone != seal->zone || m->life[zone] != seal->zone_life))
		return EXO_E_SEAL_ZONE;
	if (is_over(m, seal->expires))
		return EXO_E_EXPIRED;
	if (!cap || seal->revoked)
		return EXO_E_REVOKED;
	if (seal->once && (seal->used || cap->once_seals - seal->order >= EXO_SEAL_WINDOW))
		return EXO_E_REPLAYED;
	if ((rights & ~seal->rights) != 0)
		return EXO_E_RIGHTS;
	status = beget(m, cap, zone, rights, cap->first, cap->count, seal->expires);
	if (status == EXO_OK && seal->once)
		seal->used = true;
	return status;
}

enum exo_status model_zone_create(struct model *m, int zone, exo_cap_t parent, int number)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, parent, EXO_CAP_ZONE, EXO_R_CREATE, &cap);

	if (status == EXO_OK && (!has_room(m, cap->object, EXO_QUOTA_ZONES, 1) ||
	                         !has_room(m, cap->object, EXO_QUOTA_CAPS, EXO_QUOTA_FIRST + (cap->object == zone))))
		status = EXO_E_SLOTS;
	if (status == EXO_OK)
		status = beget(m, cap, zone, EXO_R_ALL, 0, 1, cap->expires);
	if (status != EXO_OK)
		return status;
	memset(m->limit[number], 0, sizeof(m->limit[number]));
	m->limit[number][EXO_QUOTA_CAPS] = EXO_QUOTA_FIRST;
	m->caps[m->made].object = number;
	m->gifts[number] = 0;
	m->above[number] = cap->object;
	m->alive[number] = true;
	m->life[number]++;
	return EXO_OK;
}

enum exo_status model_zone_quota(struct model *m, int zone, exo_cap_t parent, exo_cap_t name, uint32_t table, uint64_t limit)
{
	struct model_cap *above, *cap;
	enum exo_status status = lookup(m, zone, parent, EXO_CAP_ZONE, EXO_R_CREATE, &above);
	int of;

	if (status == EXO_OK)
		status = lookup(m, zone, name, EXO_CAP_ZONE, EXO_R_MAP, &cap);
	if (status != EXO_OK)
		return status;
	of = cap->object;
	if (table >= EXO_QUOTA_COUNT)
		return EXO_E_ARG;
	if (of == 0 || m->above[of] != above->object)
		return EXO_E_STATE;
	if (limit < in_use(m, of, table))
		return EXO_E_BUSY;
	if (limit > m->limit[of][table] && !has_room(m, above->object, table, limit - m->limit[of][table]))
		return EXO_E_SLOTS;
	m->limit[of][table] = limit;
	return EXO_OK;
}

enum exo_status model_zone_destroy(struct model *m, int zone, exo_cap_t name)
{
	struct model_cap *cap;
	enum exo_status status = lookup(m, zone, name, EXO_CAP_ZONE, EXO_R_DESTROY, &cap);

	if (status != EXO_OK)
		return status;
	for (int at = zone; at != 0; at = m->above[at])
		if (at == cap->object)
			return EXO_E_BUSY;
	if (cap->object == 0)
		return EXO_E_BUSY;
	zone_end(m, cap->object);
	return EXO_OK;
}
