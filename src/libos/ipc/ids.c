/* What the three kinds of System V IPC share: keys and numbers, who may do what, and whom their memory is charged to. */
#include <libos/ipc/internal.h>
#include <libos/lib/string.h>

/* As on Linux. */
#define ROUND_MIN   64u
#define SLOTS_FIRST ROUND_MIN

void ipc_init(void)
{
	/* Linux's defaults, but for what follows from the size of memory. */
	libos.ipc.limits = (struct ipc_limits){
		.semmsl = 32000, .semmns = 1024000000, .semopm = 500, .semmni = 32000, .msgmax = 8192, .msgmnb = 16384, .msgmni = 32000,
		.shmmax = UINT64_MAX - (UINT64_C(1) << 24), .shmall = UINT64_MAX - (UINT64_C(1) << 24), .shmmni = 4096,
	};
	for (int kind = 0; kind < IPC_KINDS; kind++) {
		ipc_table(kind)->last_index = -1;
		for (uint32_t i = 0; i < IPC_KEY_BUCKETS; i++)
			list_init(&ipc_table(kind)->keys[i]);
	}
}

int64_t ipc_now(void)
{
	return (int64_t)(libos_realtime() / 1000000000);
}

bool ipc_charge(const struct thread *self, uint64_t bytes)
{
	uint64_t limit = privileged(&self->cred, PRIV_LIMITS) ? UINT64_MAX : libos.frames.total * PAGE_SIZE / 8;

	return user_charge(self->cred.uid, USER_IPC_BYTES, bytes, limit);
}

void ipc_uncharge(uint32_t uid, uint64_t bytes)
{
	user_uncharge(uid, USER_IPC_BYTES, bytes);
}

/* ---- tables ---- */

static struct list *bucket(enum ipc_kind kind, int32_t key)
{
	uint32_t hash = (uint32_t)key * UINT32_C(2654435761);

	return &ipc_table(kind)->keys[hash >> 24];
}

int ipc_find_key(enum ipc_kind kind, int32_t key, int32_t flags, struct ipc_object **found)
{
	*found = NULL;
	if (key == IPC_PRIVATE)
		return 0;
	LIST_EACH(at, bucket(kind, key)) {
		struct ipc_object *o = LIST_ENTRY(at, struct ipc_object, hash);

		if (o->key != key)
			continue;
		*found = o;
		return (flags & IPC_CREAT) && (flags & IPC_EXCL) ? -EEXIST : 0;
	}
	return flags & IPC_CREAT ? 0 : -ENOENT;
}

struct ipc_object *ipc_at(enum ipc_kind kind, uint32_t index)
{
	return index < ipc_table(kind)->end ? ipc_table(kind)->slots[index] : NULL;
}

struct ipc_object *ipc_find(enum ipc_kind kind, int32_t id)
{
	struct ipc_object *o = ipc_at(kind, (uint32_t)id % IPC_INDEX_COUNT);

	return o && o->id == id ? o : NULL;
}

int32_t ipc_last_index(enum ipc_kind kind)
{
	return ipc_table(kind)->end ? (int32_t)ipc_table(kind)->end - 1 : 0;
}

/* A place is not taken again soon: the next one is behind the last, until half as many again as there are objects have had their turn. */
static bool slot_find(struct ipc_table *t, uint32_t *index)
{
	uint32_t round = t->count + t->count / 2, i = (uint32_t)(t->last_index + 1), capacity = t->capacity ? t->capacity * 2 : SLOTS_FIRST;

	round = round < ROUND_MIN ? ROUND_MIN : round > IPC_INDEX_COUNT ? IPC_INDEX_COUNT : round;
	while (i < t->end && t->slots[i])
		i++;
	if (i >= round) {
		for (i = 0; i < t->end && t->slots[i];)
			i++;
	}
	*index = i;
	if (i < t->capacity)
		return true;
	while (capacity <= i)
		capacity *= 2;
	struct ipc_object **slots = heap_resize(t->slots, capacity * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots + t->capacity, 0, (capacity - t->capacity) * sizeof(*slots));
	t->slots = slots;
	t->capacity = capacity;
	return true;
}

int ipc_add(struct thread *self, enum ipc_kind kind, struct ipc_object *o, int32_t key, int32_t flags, uint64_t limit)
{
	const struct credentials *c = &self->cred;
	struct ipc_table *t = ipc_table(kind);
	uint32_t index;

	limit = limit < IPC_INDEX_COUNT ? limit : IPC_INDEX_COUNT;
	if (!privileged(c, PRIV_RESERVE))
		limit -= limit / 8;
	if (t->count >= limit)
		return -ENOSPC;
	if (!slot_find(t, &index))
		return -ENOMEM;
	if ((int32_t)index <= t->last_index && ++t->sequence >= IPC_SEQUENCE_END)
		t->sequence = 0;
	t->last_index = (int32_t)index;
	o->sequence = t->sequence;
	o->id = (int32_t)(t->sequence << IPC_INDEX_BITS | index);
	o->key = key;
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	o->mode = (uint32_t)flags & MODE_BITS;
	o->refs = 1;
	list_init(&o->hash);
	if (key != IPC_PRIVATE)
		list_push_back(bucket(kind, key), &o->hash);
	t->slots[index] = o;
	t->count++;
	if (index >= t->end)
		t->end = index + 1;
	return 0;
}

void ipc_forget_key(struct ipc_object *o)
{
	list_remove(&o->hash);
	o->key = IPC_PRIVATE;
}

void ipc_remove(enum ipc_kind kind, struct ipc_object *o)
{
	struct ipc_table *t = ipc_table(kind);
	uint32_t index = (uint32_t)o->id % IPC_INDEX_COUNT;

	list_remove(&o->hash);
	o->removed = true;
	t->slots[index] = NULL;
	t->count--;
	while (t->end && !t->slots[t->end - 1])
		t->end--;
	if (t->count)
		return;
	heap_free(t->slots);
	t->slots = NULL;
	t->capacity = 0;
}

/* ---- who may ---- */

bool ipc_allows(const struct thread *self, const struct ipc_object *o, int32_t mode)
{
	const struct credentials *c = &self->cred;
	uint32_t wanted = (uint32_t)(mode >> 6 | mode >> 3 | mode), granted = o->mode;

	if (c->euid == o->cuid || c->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(c, o->cgid) || cred_in_group(c, o->gid))
		granted >>= 3;
	return !(wanted & ~granted & 7) || privileged(c, PRIV_IPC_ACCESS);
}

int ipc_find_own(const struct thread *self, enum ipc_kind kind, int32_t id, struct ipc_object **found)
{
	const struct credentials *c = &self->cred;
	struct ipc_object *o = ipc_find(kind, id);

	*found = o;
	if (!o)
		return -EINVAL;
	return c->euid == o->cuid || c->euid == o->uid || privileged(c, PRIV_IPC_OWNER) ? 0 : -EPERM;
}

int ipc_find_stat(const struct thread *self, enum ipc_kind kind, int32_t id, bool by_index, bool any, struct ipc_object **found)
{
	struct ipc_object *o = by_index ? ipc_at(kind, (uint32_t)id % IPC_INDEX_COUNT) : ipc_find(kind, id);

	*found = o;
	if (!o)
		return -EINVAL;
	return any || ipc_allows(self, o, MODE_READ) ? 0 : -EACCES;
}

int ipc_set_perm(struct ipc_object *o, const struct linux_ipc_perm *perm)
{
	if (perm->uid == UINT32_MAX || perm->gid == UINT32_MAX)
		return -EINVAL;
	o->uid = perm->uid;
	o->gid = perm->gid;
	o->mode = (o->mode & ~MODE_BITS) | (perm->mode & MODE_BITS);
	return 0;
}

struct linux_ipc_perm ipc_perm(const struct ipc_object *o)
{
	return (struct linux_ipc_perm){
		.key = o->key, .uid = o->uid, .gid = o->gid, .cuid = o->cuid, .cgid = o->cgid, .mode = o->mode,
		.sequence = (uint16_t)o->sequence,
	};
}
