/* mount and umount2. */
#include <libos/fs/internal.h>

#define MS_KNOWN  (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define MS_REC    0x4000
#define MS_SILENT 0x8000
#define MS_HARMLESS (MS_REC | MS_SILENT | 0x400 /* noatime */ | 0x800 /* nodiratime */ | 0x200000 /* relatime */)
#define MS_MAGIC  0xc0ed0000u /* from before Linux 2.4; still passed by some */
#define DATA_MAX  256u

/* "size=64k,mode=1777": sizes with k, m, g or % of memory. */
static bool parse_size(const char *s, uint64_t *bytes)
{
	uint64_t v = 0;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (v > UINT64_MAX / 100)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	unsigned shift = *s == 'k' || *s == 'K' ? 10 : *s == 'm' || *s == 'M' ? 20 : *s == 'g' || *s == 'G' ? 30 : 0;
	if (*s == '%')
		v = libos.frames.total * PAGE_SIZE / 100 * (v > 100 ? 100 : v);
	else if (shift && v >> (63 - shift))
		return false;
	else
		v <<= shift;
	if (shift || *s == '%')
		s++;
	*bytes = v ? v : UINT64_MAX;
	return !*s;
}

static bool parse_mode(const char *s, uint32_t *mode)
{
	uint32_t v = 0;
	for (; *s >= '0' && *s <= '7' && v < 010000; s++)
		v = v * 8 + (uint32_t)(*s - '0');
	*mode = v;
	return !*s && v <= 07777;
}

static bool parse_inodes(const char *s, uint64_t *max_metadata)
{
	uint64_t inodes;
	/* None, or 0, is no limit (tmpfs(5)). */
	if (!parse_size(s, &inodes) || str_find(s, '%'))
		return false;
	*max_metadata = inodes < UINT64_MAX / TMPFS_INODE_SPACE ? inodes * TMPFS_INODE_SPACE : UINT64_MAX;
	return true;
}

static int parse_options(char *data, uint64_t *max_bytes, uint64_t *max_metadata, uint32_t *mode)
{
	for (char *at = data; *at;) {
		char *end = at;
		while (*end && *end != ',')
			end++;
		bool last = !*end;
		*end = '\0';
		bool ok = !*at || str_starts(at, "uid=0") || str_starts(at, "gid=0");
		if (str_starts(at, "size="))
			ok = parse_size(at + 5, max_bytes);
		else if (str_starts(at, "nr_inodes="))
			ok = parse_inodes(at + 10, max_metadata);
		else if (str_starts(at, "mode="))
			ok = parse_mode(at + 5, mode);
		if (!ok)
			return -EINVAL;
		if (last)
			break;
		at = end + 1;
	}
	return 0;
}

static int new_super(const char *type, char *data, struct super **made)
{
	uint64_t max_bytes = libos.frames.total * PAGE_SIZE / 2, max_metadata = tmpfs_default_metadata();
	uint32_t mode = 01777;
	*made = NULL;
	if (str_equal(type, "tmpfs") || str_equal(type, "ramfs")) {
		int r = parse_options(data, &max_bytes, &max_metadata, &mode);
		if (!r && max_metadata < TMPFS_INODE_SPACE)
			r = -EINVAL;
		if (r)
			return r;
		*made = tmpfs_new("tmpfs", "tmpfs", max_bytes, mode);
		if (*made)
			(*made)->max_metadata = max_metadata;
		return *made ? 0 : -ENOMEM;
	}
	if (str_equal(type, "proc")) {
		*made = procfs_new();
		return *made ? 0 : -ENOMEM;
	}
	if (str_equal(type, "devtmpfs")) {
		/* There is one, with the system's devices. */
		LIST_EACH(at, &libos.vfs.mounts) {
			struct mount *m = LIST_ENTRY(at, struct mount, node);
			if (str_equal(m->super->type, "devtmpfs"))
				*made = m->super;
		}
		if (*made)
			return 0;
		*made = tmpfs_new("devtmpfs", "devtmpfs", UINT64_MAX, 0755);
		return *made ? devfs_populate((*made)->root) : -ENOMEM;
	}
	return -ENODEV;
}

static int bind(struct thread *self, uint64_t source, const struct path *on, const char *where, uint32_t flags)
{
	struct user_path path;
	struct path from;
	int r = user_path_get(&path, self, source);
	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, path.text, 0, &from);
	user_path_put(&path);
	if (r)
		return r;
	if (is_directory(from.inode) != is_directory(on->inode))
		r = -ENOTDIR;
	if (!r && !from.mount)
		r = -EINVAL;
	if (!r)
		r = mount_add(from.inode->super, from.inode, on, where, flags | from.mount->flags, NULL);
	path_put(&from);
	return r;
}

static int remount(const struct path *on, uint32_t flags)
{
	if (!on->mount || on->inode != on->mount->root)
		return -EINVAL;
	on->mount->flags = flags;
	return 0;
}

static int mount_new(struct thread *self, const uint64_t *args, const struct path *on, const char *where, uint32_t flags)
{
	char type[32], data[DATA_MAX] = "";
	struct super *super;
	int64_t r = args[2] ? user_string(self->process->space, type, args[2], sizeof(type)) : -EINVAL;
	if (r == -ENAMETOOLONG)
		r = -ENODEV;
	if (r >= 0 && args[4])
		r = user_string(self->process->space, data, args[4], sizeof(data));
	if (r < 0)
		return (int)r;
	if (!is_directory(on->inode))
		return -ENOTDIR;
	r = new_super(type, data, &super);
	if (!r)
		r = mount_add(super, super->root, on, where, flags, NULL);
	if (super)
		super_drop_unmounted(super);
	return (int)r;
}

int64_t sys_mount(struct thread *self, const uint64_t *args_)
{
	uint32_t flags = (uint32_t)args_[3];
	struct user_path target;
	struct path on;
	if (!privileged(&self->cred, PRIV_MOUNT))
		return -EPERM;
	if ((flags & 0xffff0000u) == MS_MAGIC)
		flags &= 0xffff;
	uint32_t mode = flags & (MS_BIND | MS_REMOUNT);
	if (flags & ~(uint32_t)(MS_KNOWN | MS_HARMLESS | MS_BIND | MS_REMOUNT))
		return -EINVAL;
	int r = user_path_get(&target, self, args_[1]);
	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, target.text, 0, &on);
	user_path_put(&target);
	if (r)
		return r;
	char *where = heap_alloc(PATH_LENGTH_MAX);
	int64_t length = where ? path_text(self->process->fs, &on, where, PATH_LENGTH_MAX) : -ENOMEM;
	flags &= MS_KNOWN;
	if (length < 0)
		r = (int)length;
	else if (mode & MS_REMOUNT)
		r = remount(&on, flags);
	else if (mode & MS_BIND)
		r = bind(self, args_[0], &on, where, flags);
	else
		r = mount_new(self, args_, &on, where, flags);
	heap_free(where);
	path_put(&on);
	return r;
}

int64_t sys_umount2(struct thread *self, const uint64_t *args_)
{
	const uint32_t nofollow = 8, force = 1; /* UMOUNT_NOFOLLOW, MNT_FORCE */
	uint32_t flags = (uint32_t)args_[1];
	struct user_path target;
	struct path on;
	if (flags & ~(uint32_t)(MNT_DETACH | nofollow | force))
		return -EINVAL;
	if (!privileged(&self->cred, PRIV_MOUNT))
		return -EPERM;
	int r = user_path_get(&target, self, args_[0]);
	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, target.text, flags & nofollow ? WALK_NOFOLLOW : 0, &on);
	user_path_put(&target);
	if (r)
		return r;
	struct mount *m = on.mount;
	bool is_root = m && on.inode == m->root;
	path_put(&on);
	return is_root ? mount_remove(m, flags & MNT_DETACH) : -EINVAL;
}
