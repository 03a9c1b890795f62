/* mount and umount2. All mounts are private: nothing is propagated (MS_SHARED is refused). */
#include <libos/fs/devpts.h>

#define MS_ATIME    (MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
#define MS_KINDS    (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define MS_MAGIC    0xc0ed0000u /* from before Linux 2.4; still passed by some */
#define TYPE_MAX    32u
#define OPTIONS_MAX 4096u

/* What one mount has, and what all mounts of a file system have. */
static uint32_t mount_flags(uint32_t flags)
{
	uint32_t own = flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME);
	if (flags & MS_STRICTATIME)
		return own & ~(uint32_t)MS_NOATIME;
	return flags & MS_NOATIME ? own : own | MS_RELATIME;
}

static uint32_t super_flags(uint32_t flags)
{
	return flags & (MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK | MS_DIRSYNC | MS_LAZYTIME);
}

static struct super *devtmpfs(void)
{
	LIST_EACH(at, &libos.vfs.mounts) {
		struct mount *m = LIST_ENTRY(at, struct mount, node);
		if (str_equal(m->super->type, "devtmpfs"))
			return m->super;
	}
	return NULL;
}

static int tmpfs_mounted(const char *type, char *text, struct super **made)
{
	bool ramfs = str_equal(type, "ramfs");
	struct mount_options o = { .max_bytes = tmpfs_default_bytes(), .max_metadata = tmpfs_default_metadata(), .mode = ramfs ? 0755 : 01777 };
	int r = mount_options_parse(text, &o);
	/* ramfs has never minded what it does not know. */
	if (!ramfs && (r || o.max_metadata < TMPFS_INODE_SPACE))
		return -EINVAL;
	struct super *super = tmpfs_new(ramfs ? "ramfs" : "tmpfs", type, o.max_bytes, o.mode);
	if (!super)
		return -ENOMEM;
	if (ramfs)
		super->magic = RAMFS_MAGIC;
	super->max_metadata = o.max_metadata;
	super->root->uid = super->root_uid = o.uid;
	super->root->gid = super->root_gid = o.gid;
	*made = super;
	return 0;
}

static int devpts_mounted(char *text, struct super **made)
{
	struct mount_options o = DEVPTS_OPTIONS;
	if (mount_options_parse(text, &o))
		return -EINVAL;
	*made = devpts_new("devpts", &o);
	return *made ? 0 : -ENOMEM;
}

/* *fresh: it was made for this mount. */
static int new_super(const char *type, char *options, struct super **made, bool *fresh)
{
	*made = NULL;
	*fresh = true;
	if (str_equal(type, "tmpfs") || str_equal(type, "ramfs"))
		return tmpfs_mounted(type, options, made);
	if (str_equal(type, "proc")) {
		*made = procfs_new();
		return *made ? 0 : -ENOMEM;
	}
	if (str_equal(type, "devpts"))
		return devpts_mounted(options, made);
	if (str_equal(type, "devtmpfs")) {
		/* There is one, with the system's devices. */
		*made = devtmpfs();
		*fresh = !*made;
		if (*made)
			return 0;
		*made = tmpfs_new("devtmpfs", "devtmpfs", UINT64_MAX, 0755);
		return *made ? devfs_populate((*made)->root) : -ENOMEM;
	}
	return -ENODEV;
}

/* The place that the first argument names. */
static int source_path(struct thread *self, const char *source, struct path *from)
{
	if (!source || !*source)
		return -EINVAL;
	return path_walk(self, AT_FDCWD, source, 0, from);
}

/* Only the flags of the mount that it shows count: the others are changed by a remount. */
static int bind(struct thread *self, const char *source, const struct path *on, bool recursive)
{
	struct path from;
	struct mount *made;
	int r = source_path(self, source, &from);
	if (r)
		return r;
	if (!from.mount || (from.mount->flags & MS_UNBINDABLE))
		r = -EINVAL;
	else if (is_directory(from.inode) != is_directory(on->inode))
		r = -ENOTDIR;
	uint32_t last = libos.vfs.last_mount_id;
	if (!r)
		r = mount_add(from.inode->super, from.inode, on, from.mount->source, from.mount->flags, &made);
	if (!r && recursive) {
		r = mounts_copy(&from, made, last);
		if (r)
			(void)mount_remove(made, true);
	}
	path_put(&from);
	return r;
}

static int move(struct thread *self, const char *source, const struct path *on)
{
	struct path from;
	int r = source_path(self, source, &from);
	if (r)
		return r;
	struct mount *m = from.mount;
	if (!m || from.inode != m->root || !m->parent || is_directory(m->root) != is_directory(on->inode))
		r = -EINVAL;
	for (const struct mount *at = on->mount; !r && at; at = at->parent) {
		if (at == m)
			r = -ELOOP;
	}
	path_put(&from);
	if (!r)
		mount_move(m, on);
	return r;
}

static int change_kind(const struct path *on, uint32_t kind)
{
	if (on->inode != on->mount->root)
		return -EINVAL;
	if ((kind & ~(uint32_t)MS_KINDS) || (kind & (kind - 1)) || kind == MS_SHARED)
		return -EINVAL;
	/* A slave of nobody is private. */
	on->mount->flags = (on->mount->flags & ~(uint32_t)MS_UNBINDABLE) | (kind & MS_UNBINDABLE);
	return 0;
}

static int resize(struct super *super, const struct mount_options *o)
{
	bool bytes = o->has_bytes && o->max_bytes != UINT64_MAX, metadata = o->has_metadata && o->max_metadata != UINT64_MAX;
	if (bytes && (super->max_bytes == UINT64_MAX || super->used_pages > o->max_bytes >> PAGE_SHIFT))
		return -EINVAL;
	if (metadata && (super->max_metadata == UINT64_MAX || super->used_metadata > o->max_metadata))
		return -EINVAL;
	if (o->has_bytes)
		super->max_bytes = o->max_bytes;
	if (o->has_metadata)
		super->max_metadata = o->max_metadata;
	return 0;
}

/* Of this mount alone (with MS_BIND), or of the file system too. Times of access stay as they are unless they are named. */
static int remount(const struct path *on, char *options, uint32_t flags)
{
	struct mount *m = on->mount;
	struct super *super = m->super;
	struct mount_options o = { 0 }, names = DEVPTS_OPTIONS;
	uint32_t keep = MS_UNBINDABLE;
	bool whole = !(flags & MS_BIND);
	if (on->inode != m->root)
		return -EINVAL;
	if (whole && super->magic == TMPFS_MAGIC && mount_options_parse(options, &o))
		return -EINVAL;
	if (whole && super->magic == DEVPTS_SUPER_MAGIC && mount_options_parse(options, &names))
		return -EINVAL;
	bool freezes = (flags & MS_RDONLY) && !((whole ? super->flags : m->flags) & MS_RDONLY);
	if (freezes && mount_written(m, whole))
		return -EBUSY;
	if (whole) {
		int r = super->magic == DEVPTS_SUPER_MAGIC ? 0 : resize(super, &o);
		if (r)
			return r;
		if (super->magic == DEVPTS_SUPER_MAGIC)
			devpts_set(super, &names);
		super->flags = super_flags(flags);
	}
	if (!(flags & MS_ATIME))
		keep |= MS_ATIME;
	m->flags = (mount_flags(flags) & ~keep) | (m->flags & keep);
	mounts_changed();
	return 0;
}

static int mount_new(const char *type, const char *source, char *options, const struct path *on, uint32_t flags)
{
	struct super *super;
	bool fresh;
	if (!type)
		return -EINVAL;
	int r = new_super(type, options, &super, &fresh);
	if (!r && fresh)
		super->flags = super_flags(flags);
	if (!r && !is_directory(on->inode))
		r = -ENOTDIR;
	if (!r && on->inode == on->mount->root && on->mount->super == super)
		r = -EBUSY;
	if (!r)
		r = mount_add(super, super->root, on, source, mount_flags(flags), NULL);
	if (super)
		super_drop_unmounted(super);
	return r;
}

struct mount_texts {
	char type[TYPE_MAX];
	char source[PATH_LENGTH_MAX], options[OPTIONS_MAX];
};

/* Strings that are given; what is too long is no type and no option. */
static int texts_get(struct thread *self, const uint64_t *args, struct mount_texts *t)
{
	struct vm_space *space = self->process->space;
	int64_t r = args[2] ? user_string(space, t->type, args[2], sizeof(t->type)) : 0;
	if (r == -ENAMETOOLONG)
		str_copy(t->type, "-", sizeof(t->type));
	else if (r < 0)
		return (int)r;
	r = args[0] ? user_string(space, t->source, args[0], sizeof(t->source)) : 0;
	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : (int)r;
	r = args[4] ? user_string(space, t->options, args[4], sizeof(t->options)) : 0;
	if (r == -ENAMETOOLONG)
		str_copy(t->options, "-", sizeof(t->options));
	else if (r < 0)
		return (int)r;
	return 0;
}

static int mount_on_path(struct thread *self, const uint64_t *args, struct mount_texts *t, const struct path *on)
{
	uint32_t flags = (uint32_t)args[3];
	const char *source = args[0] ? t->source : NULL;
	if ((flags & 0xffff0000u) == MS_MAGIC)
		flags &= 0xffff;
	if (flags & MS_NOUSER)
		return -EINVAL;
	if (!privileged(&self->cred, PRIV_MOUNT))
		return -EPERM;
	if (!on->mount)
		return -EINVAL;
	if (flags & MS_REMOUNT)
		return remount(on, t->options, flags);
	if (flags & MS_BIND)
		return bind(self, source, on, flags & MS_REC);
	if (flags & MS_KINDS)
		return change_kind(on, flags & ~(uint32_t)(MS_REC | MS_SILENT));
	if (flags & MS_MOVE)
		return move(self, source, on);
	return mount_new(args[2] ? t->type : NULL, source, t->options, on, flags);
}

int64_t sys_mount(struct thread *self, const uint64_t *args_)
{
	struct mount_texts *t = heap_zalloc(sizeof(*t));
	struct user_path target;
	struct path on;
	if (!t)
		return -ENOMEM;
	int r = texts_get(self, args_, t);
	if (!r)
		r = user_path_get(&target, self, args_[1]);
	if (!r) {
		r = path_walk(self, AT_FDCWD, target.text, 0, &on);
		user_path_put(&target);
	}
	if (!r) {
		r = mount_on_path(self, args_, t, &on);
		path_put(&on);
	}
	heap_free(t);
	return r;
}

/* 0 when it is asked for the second time, and nobody has been there in between. */
static int expire(const struct thread *self, struct mount *m, uint32_t flags)
{
	if (m == self->process->fs->root.mount || (flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	if (mount_is_busy(m))
		return -EBUSY;
	if (m->expiring)
		return 0;
	m->expiring = true;
	return -EAGAIN;
}

int64_t sys_umount2(struct thread *self, const uint64_t *args_)
{
	uint32_t flags = (uint32_t)args_[1];
	struct user_path target;
	struct path on;
	if (flags & ~(uint32_t)(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	int r = user_path_get(&target, self, args_[0]);
	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, target.text, WALK_UNMOUNT | (flags & UMOUNT_NOFOLLOW ? WALK_NOFOLLOW : 0), &on);
	user_path_put(&target);
	if (r)
		return r;
	struct mount *m = on.mount;
	bool is_root = m && on.inode == m->root;
	path_put(&on);
	if (!privileged(&self->cred, PRIV_MOUNT))
		return -EPERM;
	if (!is_root)
		return -EINVAL;
	r = flags & MNT_EXPIRE ? expire(self, m, flags) : 0;
	return r ? r : mount_remove(m, flags & MNT_DETACH);
}
