/* User and group identities (POSIX "saved set-user-ID" rules, Linux's fsuid). */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define KEEP UINT32_MAX /* -1: leave as it is */

static struct credentials *cred(struct thread *self) { return &self->cred; }

int64_t sys_getuid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return cred(self)->uid;
}

int64_t sys_geteuid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return cred(self)->euid;
}

int64_t sys_getgid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return cred(self)->gid;
}

int64_t sys_getegid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return cred(self)->egid;
}

/* User ids are about to change: which capabilities go with that. */
static int64_t take_user(struct thread *self, struct credentials *n)
{
	n->fsuid = n->euid;
	cred_ids_changed(cred(self), n);
	cred_take(self, n);
	return 0;
}

static int64_t take_group(struct thread *self, struct credentials *n)
{
	n->fsgid = n->egid;
	cred_take(self, n);
	return 0;
}

static bool one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == KEEP || id == a || id == b || id == c;
}

int64_t sys_setuid(struct thread *self, const uint64_t *args)
{
	struct credentials n = *cred(self);
	uint32_t uid = (uint32_t)args[0];

	if (uid == KEEP)
		return -EINVAL;
	if (privileged(&n, PRIV_USERS))
		n.uid = n.suid = uid;
	else if (uid != n.uid && uid != n.suid)
		return -EPERM;
	n.euid = uid;
	return take_user(self, &n);
}

int64_t sys_setgid(struct thread *self, const uint64_t *args)
{
	struct credentials n = *cred(self);
	uint32_t gid = (uint32_t)args[0];

	if (gid == KEEP)
		return -EINVAL;
	if (privileged(&n, PRIV_GROUPS))
		n.gid = n.sgid = gid;
	else if (gid != n.gid && gid != n.sgid)
		return -EPERM;
	n.egid = gid;
	return take_group(self, &n);
}

int64_t sys_setreuid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	struct credentials n = *c;
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];

	if (!privileged(c, PRIV_USERS) && !(one_of(r, c->uid, c->euid, c->euid) && one_of(e, c->uid, c->euid, c->suid)))
		return -EPERM;
	n.uid = r == KEEP ? c->uid : r;
	n.euid = e == KEEP ? c->euid : e;
	if (r != KEEP || (e != KEEP && e != c->uid))
		n.suid = n.euid;
	return take_user(self, &n);
}

int64_t sys_setregid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	struct credentials n = *c;
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];

	if (!privileged(c, PRIV_GROUPS) && !(one_of(r, c->gid, c->egid, c->egid) && one_of(e, c->gid, c->egid, c->sgid)))
		return -EPERM;
	n.gid = r == KEEP ? c->gid : r;
	n.egid = e == KEEP ? c->egid : e;
	if (r != KEEP || (e != KEEP && e != c->gid))
		n.sgid = n.egid;
	return take_group(self, &n);
}

int64_t sys_setresuid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	struct credentials n = *c;
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1], s = (uint32_t)args[2];

	if (!privileged(c, PRIV_USERS) && !(one_of(r, c->uid, c->euid, c->suid) && one_of(e, c->uid, c->euid, c->suid) &&
	                                    one_of(s, c->uid, c->euid, c->suid)))
		return -EPERM;
	n.uid = r == KEEP ? c->uid : r;
	n.euid = e == KEEP ? c->euid : e;
	n.suid = s == KEEP ? c->suid : s;
	/* Who changes nothing changes the file system's id neither. */
	if (n.uid == c->uid && n.suid == c->suid && n.euid == c->euid && (e == KEEP || e == c->fsuid))
		return 0;
	return take_user(self, &n);
}

int64_t sys_setresgid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	struct credentials n = *c;
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1], s = (uint32_t)args[2];

	if (!privileged(c, PRIV_GROUPS) && !(one_of(r, c->gid, c->egid, c->sgid) && one_of(e, c->gid, c->egid, c->sgid) &&
	                                     one_of(s, c->gid, c->egid, c->sgid)))
		return -EPERM;
	n.gid = r == KEEP ? c->gid : r;
	n.egid = e == KEEP ? c->egid : e;
	n.sgid = s == KEEP ? c->sgid : s;
	if (n.gid == c->gid && n.sgid == c->sgid && n.egid == c->egid && (e == KEEP || e == c->fsgid))
		return 0;
	return take_group(self, &n);
}

static int64_t three_out(struct thread *self, const uint64_t *args, uint32_t a, uint32_t b, uint32_t c)
{
	struct vm_space *space = self->process->space;

	if (user_write(space, args[0], &a, sizeof(a)) || user_write(space, args[1], &b, sizeof(b)) ||
	    user_write(space, args[2], &c, sizeof(c)))
		return -EFAULT;
	return 0;
}

int64_t sys_getresuid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);

	return three_out(self, args, c->uid, c->euid, c->suid);
}

int64_t sys_getresgid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);

	return three_out(self, args, c->gid, c->egid, c->sgid);
}

/* These two give the old value whether they changed anything or not. */
int64_t sys_setfsuid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	struct credentials n = *c;
	uint32_t uid = (uint32_t)args[0], old = c->fsuid;

	if (uid == KEEP || uid == old || !(privileged(c, PRIV_USERS) || one_of(uid, c->uid, c->euid, c->suid)))
		return old;
	n.fsuid = uid;
	cred_fsuid_changed(c, &n);
	cred_take(self, &n);
	return old;
}

int64_t sys_setfsgid(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	struct credentials n = *c;
	uint32_t gid = (uint32_t)args[0], old = c->fsgid;

	if (gid == KEEP || gid == old || !(privileged(c, PRIV_GROUPS) || one_of(gid, c->gid, c->egid, c->sgid)))
		return old;
	n.fsgid = gid;
	cred_take(self, &n);
	return old;
}

/* ---- supplementary groups ---- */

static void groups_put(struct group_list *groups)
{
	if (groups && --groups->refs == 0)
		heap_free(groups);
}

void cred_assign(struct credentials *to, const struct credentials *from)
{
	struct group_list *old = to->groups;

	if (from->groups)
		from->groups->refs++;
	*to = *from;
	groups_put(old);
}

void cred_drop(struct credentials *c)
{
	groups_put(c->groups);
	c->groups = NULL;
}

static void sift_down(uint32_t *gids, uint32_t at, uint32_t count)
{
	for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
		uint32_t value = gids[at];

		if (child + 1 < count && gids[child + 1] > gids[child])
			child++;
		if (gids[child] <= value)
			return;
		gids[at] = gids[child];
		gids[child] = value;
	}
}

/* A heap sort: nothing is worse than n log n. */
static void sort(uint32_t *gids, uint32_t count)
{
	for (uint32_t i = count / 2; i > 0; i--)
		sift_down(gids, i - 1, count);
	for (uint32_t last = count; last > 1; last--) {
		uint32_t largest = gids[0];

		gids[0] = gids[last - 1];
		gids[last - 1] = largest;
		sift_down(gids, 0, last - 1);
	}
}

int64_t sys_getgroups(struct thread *self, const uint64_t *args)
{
	const struct group_list *groups = cred(self)->groups;
	uint32_t count = groups ? groups->count : 0;
	int32_t room = (int32_t)args[0];

	if (room < 0 || (room > 0 && (uint32_t)room < count))
		return -EINVAL;
	if (room > 0 && count > 0 && user_write(self->process->space, args[1], groups->gids, count * sizeof(groups->gids[0])))
		return -EFAULT;
	return count;
}

static int groups_get(struct thread *self, uint64_t from, uint32_t count, struct group_list **made)
{
	struct group_list *groups = heap_alloc(sizeof(*groups) + count * sizeof(groups->gids[0]));
	int error;

	if (!groups)
		return -ENOMEM;
	*groups = (struct group_list){.refs = 1, .count = count};
	error = user_read(self->process->space, groups->gids, from, count * sizeof(groups->gids[0])) ? -EFAULT : 0;
	for (uint32_t i = 0; !error && i < count; i++)
		error = groups->gids[i] == KEEP ? -EINVAL : 0;
	if (error) {
		heap_free(groups);
		return error;
	}
	sort(groups->gids, count);
	*made = groups;
	return 0;
}

int64_t sys_setgroups(struct thread *self, const uint64_t *args)
{
	struct credentials n = *cred(self);
	uint32_t count = (uint32_t)args[0];
	int error;

	if (!privileged(&n, PRIV_GROUPS))
		return -EPERM;
	if (count > GROUPS_MAX)
		return -EINVAL;
	n.groups = NULL;
	error = count ? groups_get(self, args[1], count, &n.groups) : 0;
	if (error)
		return error;
	cred_take(self, &n);
	cred_drop(&n);
	return 0;
}
