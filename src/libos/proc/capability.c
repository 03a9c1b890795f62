/*
 * Capabilities (capabilities(7)): how they follow the user ids, what exec makes of them, and the calls that look at
 * them and change them. What they permit is in privilege.c.
 */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

/* Linux's ptrace_may_access(): all ids must be one's own, it must be dumpable, and have no capability that one lacks. */
bool thread_may_inspect(const struct thread *self, const struct process *p, bool real)
{
	const struct credentials *c = &self->cred, *t = &p->cred;
	uint32_t uid = real ? c->uid : c->fsuid, gid = real ? c->gid : c->fsgid;

	if (self->process == p || privileged(c, PRIV_INSPECT))
		return true;
	if (uid != t->uid || uid != t->euid || uid != t->suid || gid != t->gid || gid != t->egid || gid != t->sgid)
		return false;
	if (p->space && p->dumpable != 1)
		return false;
	return !(t->permitted & ~(real ? c->permitted : c->effective));
}

bool cred_may_be_traced(const struct credentials *who, const struct credentials *by)
{
	return !(who->permitted & ~by->permitted) || privileged(by, PRIV_INSPECT);
}

void cred_root(struct credentials *c)
{
	*c = (struct credentials){.permitted = CAP_ALL, .effective = CAP_ALL, .bounding = CAP_ALL};
}

/* ---- with the user ids ---- */

/* Those that fsuid 0 has and another has not. */
#define CAP_FILES                                                                                                   \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) |      \
	 CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_LINUX_IMMUTABLE) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_MAC_OVERRIDE))

static bool has_root_id(const struct credentials *c) { return c->uid == 0 || c->euid == 0 || c->suid == 0; }

void cred_ids_changed(const struct credentials *old, struct credentials *new)
{
	if (new->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (has_root_id(old) && !has_root_id(new)) {
		if (!(new->securebits & SECBIT_KEEP_CAPS))
			new->permitted = new->effective = 0;
		new->ambient = 0;
	}
	if (old->euid == 0 && new->euid != 0)
		new->effective = 0;
	if (old->euid != 0 && new->euid == 0)
		new->effective = new->permitted;
}

void cred_fsuid_changed(const struct credentials *old, struct credentials *new)
{
	if (new->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (old->fsuid == 0 && new->fsuid != 0)
		new->effective &= ~CAP_FILES;
	if (old->fsuid != 0 && new->fsuid == 0)
		new->effective |= new->permitted & CAP_FILES;
}

struct credentials cred_real(const struct credentials *c)
{
	struct credentials real = *c;

	real.fsuid = c->uid;
	real.fsgid = c->gid;
	if (!(c->securebits & SECBIT_NO_SETUID_FIXUP))
		real.effective = c->uid == 0 ? c->permitted : 0;
	return real;
}

void cred_take(struct thread *self, const struct credentials *new)
{
	struct process *p = self->process;
	const struct credentials *old = &self->cred;

	/* What the program has in memory, and whom it dies with, was another's. */
	if (new->euid != old->euid || new->egid != old->egid || new->fsuid != old->fsuid || new->fsgid != old->fsgid ||
	    (new->permitted & ~old->permitted)) {
		p->dumpable = 0;
		p->parent_death_signal = 0;
	}
	if (new->uid != self->cred.uid) {
		/* set*uid does not fail for that, since programs do not look; execve does (getrlimit(2)). */
		self->over_limit = user_tasks_over(self, new->uid);
		thread_charge(self, new->uid);
	}
	cred_assign(&self->cred, new);
	if (self->tid == p->pid)
		cred_assign(&p->cred, new);
	if (self == libos.sched.current)
		frames_keep(thread_leaves_reserve(self));
	answers_update(p);
}

/* ---- exec ---- */

/* SECBIT_NOROOT apart, root's programs have all that the bounding set leaves. */
static void exec_root(const struct credentials *old, const struct cred_file *file, struct credentials *new,
                      bool *effective)
{
	if (new->securebits & SECBIT_NOROOT)
		return;
	/* A set-UID-root file with capabilities of its own gives a user only these. */
	if (file->has_caps && new->uid != 0 && new->euid == 0)
		return;
	if (new->euid == 0 || new->uid == 0)
		new->permitted = old->bounding | old->inheritable;
	if (new->euid == 0)
		*effective = true;
}

int cred_exec(const struct credentials *old, const struct cred_file *file, bool shared, struct credentials *new,
              bool *secure, bool *gained)
{
	bool effective = false, changed;

	*new = *old;
	if (file->set_uid && !old->no_new_privs)
		new->euid = file->uid;
	if (file->set_gid && !old->no_new_privs)
		new->egid = file->gid;
	*gained = (file->set_uid || file->set_gid) && !old->no_new_privs;
	new->permitted = 0;
	if (file->has_caps) {
		new->permitted = (old->bounding & file->caps_permitted) | (old->inheritable & file->caps_inheritable);
		/* A program that does not know of capabilities must have all that its file says, or not start. */
		if (file->caps_effective && (file->caps_permitted & ~new->permitted))
			return -EPERM;
		effective = file->caps_effective;
	}
	exec_root(old, file, new, &effective);
	*gained = *gained || (new->permitted & ~old->permitted);
	changed = new->euid != old->euid || !(new->egid == old->egid || cred_in_group(old, new->egid));
	if ((changed || (new->permitted & ~old->permitted)) && (shared || old->no_new_privs)) {
		if (!privileged(old, PRIV_USERS) || old->no_new_privs) {
			new->euid = new->uid;
			new->egid = new->gid;
		}
		new->permitted &= old->permitted;
	}
	new->suid = new->fsuid = new->euid;
	new->sgid = new->fsgid = new->egid;
	if (file->has_caps || changed)
		new->ambient = 0;
	new->permitted |= new->ambient;
	new->effective = effective ? new->permitted : new->ambient;
	new->securebits &= ~SECBIT_KEEP_CAPS;
	*secure = changed || new->euid != old->uid || new->egid != old->gid ||
	          (new->uid != 0 && (effective || (new->permitted & ~new->ambient)));
	return 0;
}

/* ---- capget, capset ---- */

struct cap_header { /* uapi/linux/capability.h */
	uint32_t version;
	int32_t pid;
};
struct cap_data {
	uint32_t effective, permitted, inheritable;
};
#define CAP_VERSION_1 0x19980330u
#define CAP_VERSION_2 0x20071026u
#define CAP_VERSION_3 0x20080522u

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
	struct cap_data data[2];
	uint32_t words = 0;
	const struct thread *t;
	int error = cap_words(self, args[0], &header, &words);

	if (!args[1] && error != -EFAULT)
		return 0; /* a question about the version only */
	if (error)
		return error;
	if (header.pid < 0)
		return -EINVAL;
	t = header.pid ? thread_find(header.pid) : self;
	if (!t)
		return -ESRCH;
	for (uint32_t i = 0; i < words; i++) {
		data[i] = (struct cap_data){(uint32_t)(t->cred.effective >> 32 * i), (uint32_t)(t->cred.permitted >> 32 * i),
		                            (uint32_t)(t->cred.inheritable >> 32 * i)};
	}
	if (user_write(self->process->space, args[1], data, words * sizeof(data[0])))
		return -EFAULT;
	return 0;
}

int64_t sys_capset(struct thread *self, const uint64_t *args)
{
	const struct credentials *c = &self->cred;
	struct credentials n = *c;
	struct cap_header header;
	struct cap_data data[2] = {{0}, {0}};
	uint32_t words = 0;
	int error = cap_words(self, args[0], &header, &words);

	if (error)
		return error;
	if (header.pid && header.pid != self->tid)
		return -EPERM;
	if (user_read(self->process->space, data, args[1], words * sizeof(data[0])))
		return -EFAULT;
	n.effective = (data[0].effective | (uint64_t)data[1].effective << 32) & CAP_ALL;
	n.permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAP_ALL;
	n.inheritable = (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & CAP_ALL;
	if (!privileged(c, PRIV_CAPABILITIES) && (n.inheritable & ~(c->inheritable | c->permitted)))
		return -EPERM;
	if ((n.inheritable & ~(c->inheritable | c->bounding)) || (n.permitted & ~c->permitted) ||
	    (n.effective & ~n.permitted))
		return -EPERM;
	n.ambient &= n.permitted & n.inheritable;
	cred_take(self, &n);
	return 0;
}

/* ---- prctl ---- */

static int64_t bounding_drop(struct thread *self, uint64_t capability)
{
	struct credentials n = self->cred;

	if (!privileged(&n, PRIV_CAPABILITIES))
		return -EPERM;
	if (capability >= CAP_COUNT)
		return -EINVAL;
	n.bounding &= ~CAP_BIT(capability);
	cred_take(self, &n);
	return 0;
}

static int64_t securebits_set(struct thread *self, uint64_t bits)
{
	struct credentials n = self->cred;
	uint64_t locked = (n.securebits >> 1) & SECBITS_BASE;

	if (((n.securebits ^ bits) & locked) || (n.securebits & (SECBITS_BASE << 1) & ~bits) || (bits & ~(uint64_t)SECBITS_ALL))
		return -EPERM;
	if (!privileged(&n, PRIV_CAPABILITIES))
		return -EPERM;
	n.securebits = (uint32_t)bits;
	cred_take(self, &n);
	return 0;
}

static int64_t keep_caps(struct thread *self, uint64_t on)
{
	struct credentials n = self->cred;

	if (on > 1)
		return -EINVAL;
	if (n.securebits & (SECBIT_KEEP_CAPS << 1))
		return -EPERM;
	n.securebits = (n.securebits & ~SECBIT_KEEP_CAPS) | (on ? SECBIT_KEEP_CAPS : 0);
	cred_take(self, &n);
	return 0;
}

static int64_t ambient(struct thread *self, const uint64_t *args)
{
	struct credentials n = self->cred;
	uint64_t bit;

	if (args[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (args[2] || args[3] || args[4])
			return -EINVAL;
		n.ambient = 0;
		cred_take(self, &n);
		return 0;
	}
	if (args[2] >= CAP_COUNT || args[3] || args[4])
		return -EINVAL;
	bit = CAP_BIT(args[2]);
	switch (args[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return (n.ambient & bit) != 0;
	case PR_CAP_AMBIENT_RAISE:
		if (!(n.permitted & n.inheritable & bit) || (n.securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		n.ambient |= bit;
		break;
	case PR_CAP_AMBIENT_LOWER:
		n.ambient &= ~bit;
		break;
	default:
		return -EINVAL;
	}
	cred_take(self, &n);
	return 0;
}

bool prctl_capabilities(struct thread *self, const uint64_t *args, int64_t *result)
{
	switch ((int)args[0]) {
	case PR_GET_KEEPCAPS:
		*result = (self->cred.securebits & SECBIT_KEEP_CAPS) != 0;
		return true;
	case PR_SET_KEEPCAPS:
		*result = keep_caps(self, args[1]);
		return true;
	case PR_GET_SECUREBITS:
		*result = self->cred.securebits;
		return true;
	case PR_SET_SECUREBITS:
		*result = securebits_set(self, args[1]);
		return true;
	case PR_CAPBSET_READ:
		*result = args[1] >= CAP_COUNT ? -EINVAL : (self->cred.bounding & CAP_BIT(args[1])) != 0;
		return true;
	case PR_CAPBSET_DROP:
		*result = bounding_drop(self, args[1]);
		return true;
	case PR_CAP_AMBIENT:
		*result = ambient(self, args);
		return true;
	default:
		return false;
	}
}
