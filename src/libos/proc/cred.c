/* User and group identities (POSIX "saved set-user-ID" rules, Linux's fsuid), and capabilities as root has them. */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define KEEP UINT32_MAX /* -1: leave as it is */

static struct credentials *cred(struct thread *self) { return &self->process->cred; }

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

/* Whoever changed identity: fs ids follow, core files and answers are adjusted. */
static int64_t changed(struct thread *self)
{
	struct credentials *c = cred(self);

	c->fsuid = c->euid;
	c->fsgid = c->egid;
	if (c->uid != c->euid || c->gid != c->egid)
		self->process->dumpable = 0;
	answers_update(self->process);
	return 0;
}

int64_t sys_setuid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self);
	uint32_t uid = (uint32_t)args[0];

	if (uid == KEEP)
		return -EINVAL;
	if (cred_is_root(c))
		c->uid = c->euid = c->suid = uid;
	else if (uid == c->uid || uid == c->suid)
		c->euid = uid;
	else
		return -EPERM;
	return changed(self);
}

int64_t sys_setgid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self);
	uint32_t gid = (uint32_t)args[0];

	if (gid == KEEP)
		return -EINVAL;
	if (cred_is_root(c))
		c->gid = c->egid = c->sgid = gid;
	else if (gid == c->gid || gid == c->sgid)
		c->egid = gid;
	else
		return -EPERM;
	return changed(self);
}

int64_t sys_setreuid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self), n = *c;
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];

	if (r != KEEP) {
		if (!cred_is_root(c) && r != c->uid && r != c->euid)
			return -EPERM;
		n.uid = r;
	}
	if (e != KEEP) {
		if (!cred_is_root(c) && e != c->uid && e != c->euid && e != c->suid)
			return -EPERM;
		n.euid = e;
	}
	if (r != KEEP || (e != KEEP && e != c->uid))
		n.suid = n.euid;
	*c = n;
	return changed(self);
}

int64_t sys_setregid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self), n = *c;
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1];

	if (r != KEEP) {
		if (!cred_is_root(c) && r != c->gid && r != c->egid)
			return -EPERM;
		n.gid = r;
	}
	if (e != KEEP) {
		if (!cred_is_root(c) && e != c->gid && e != c->egid && e != c->sgid)
			return -EPERM;
		n.egid = e;
	}
	if (r != KEEP || (e != KEEP && e != c->gid))
		n.sgid = n.egid;
	*c = n;
	return changed(self);
}

static bool one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == KEEP || id == a || id == b || id == c;
}

int64_t sys_setresuid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self);
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1], s = (uint32_t)args[2];

	if (!cred_is_root(c) && !(one_of(r, c->uid, c->euid, c->suid) && one_of(e, c->uid, c->euid, c->suid) &&
	                          one_of(s, c->uid, c->euid, c->suid)))
		return -EPERM;
	c->uid = r == KEEP ? c->uid : r;
	c->euid = e == KEEP ? c->euid : e;
	c->suid = s == KEEP ? c->suid : s;
	return changed(self);
}

int64_t sys_setresgid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self);
	uint32_t r = (uint32_t)args[0], e = (uint32_t)args[1], s = (uint32_t)args[2];

	if (!cred_is_root(c) && !(one_of(r, c->gid, c->egid, c->sgid) && one_of(e, c->gid, c->egid, c->sgid) &&
	                          one_of(s, c->gid, c->egid, c->sgid)))
		return -EPERM;
	c->gid = r == KEEP ? c->gid : r;
	c->egid = e == KEEP ? c->egid : e;
	c->sgid = s == KEEP ? c->sgid : s;
	return changed(self);
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
	struct credentials *c = cred(self);
	uint32_t uid = (uint32_t)args[0], old = c->fsuid;

	if (uid != KEEP && (cred_is_root(c) || one_of(uid, c->uid, c->euid, c->suid)))
		c->fsuid = uid;
	return old;
}

int64_t sys_setfsgid(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self);
	uint32_t gid = (uint32_t)args[0], old = c->fsgid;

	if (gid != KEEP && (cred_is_root(c) || one_of(gid, c->gid, c->egid, c->sgid)))
		c->fsgid = gid;
	return old;
}

int64_t sys_getgroups(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = cred(self);
	int32_t room = (int32_t)args[0];

	if (room < 0 || (room > 0 && (uint32_t)room < c->group_count))
		return -EINVAL;
	if (room > 0 && user_write(self->process->space, args[1], c->groups, c->group_count * sizeof(c->groups[0])))
		return -EFAULT;
	return c->group_count;
}

int64_t sys_setgroups(struct thread *self, const uint64_t *args)
{
	struct credentials *c = cred(self);
	uint32_t groups[GROUPS_MAX], count = (uint32_t)args[0];

	if (!cred_is_root(c))
		return -EPERM;
	if (count > GROUPS_MAX)
		return -EINVAL;
	if (user_read(self->process->space, groups, args[1], count * sizeof(groups[0])))
		return -EFAULT;
	memcpy(c->groups, groups, count * sizeof(groups[0]));
	c->group_count = count;
	return 0;
}

/* ---- capabilities: root has all, others none ---- */

struct cap_header { /* uapi/linux/capability.h */
	uint32_t version;
	int32_t pid;
};
#define CAP_VERSION_1 0x19980330u
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_3 0x20080522u
#define CAP_ALL UINT64_C(0x1ffffffffff) /* 41 of Linux 6.1 */

static int cap_words(struct thread *self, uint64_t address, struct cap_header *header, uint32_t *words)
{
	const uint32_t newest = CAP_VERSION_3;

	if (user_read(self->process->space, header, address, sizeof(*header)))
		return -EFAULT;
	if (header->version == CAP_VERSION_1)
		*words = 1;
	else if (header->version == CAP_VERSION_2 || header->version == CAP_VERSION_3)
		*words = 2;
	else
		return user_write(self->process->space, address, &newest, sizeof(newest)) ? -EFAULT : -EINVAL;
	return 0;
}

int64_t sys_capget(struct thread *self, const uint64_t *args)
{
	struct cap_header header;
	uint32_t words = 0, data[6];
	const struct process *p;
	uint64_t have;
	int error = cap_words(self, args[0], &header, &words);

	if (error)
		return args[1] || error == -EFAULT ? error : 0;
	if (header.pid < 0)
		return -EINVAL;
	p = header.pid ? process_find(header.pid) : self->process;
	if (!p)
		return -ESRCH;
	have = cred_is_root(&p->cred) ? CAP_ALL : 0;
	for (uint32_t i = 0; i < words; i++) {
		data[3 * i] = data[3 * i + 1] = (uint32_t)(have >> (32 * i));
		data[3 * i + 2] = 0;
	}
	if (args[1] && user_write(self->process->space, args[1], data, words * 3 * sizeof(data[0])))
		return -EFAULT;
	return 0;
}

/* Identity and capabilities are one thing here, so sets can be confirmed but not changed. */
int64_t sys_capset(struct thread *self, const uint64_t *args)
{
	struct cap_header header;
	uint32_t words = 0, data[6] = {0};
	uint64_t effective, have = cred_is_root(cred(self)) ? CAP_ALL : 0;
	int error = cap_words(self, args[0], &header, &words);

	if (error)
		return error;
	if (header.pid && header.pid != self->tid)
		return -EPERM;
	if (user_read(self->process->space, data, args[1], words * 3 * sizeof(data[0])))
		return -EFAULT;
	effective = data[0] | (words > 1 ? (uint64_t)data[3] << 32 : 0);
	return (effective & CAP_ALL) == have ? 0 : -EPERM;
}
