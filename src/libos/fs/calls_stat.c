/* System calls that tell about files: stat and its kin, statx, access, readlink, statfs. */
#include <libos/fs/internal.h>

struct statx_time {
	int64_t seconds;
	uint32_t ns;
	int32_t pad_;
};

struct linux_statx { /* include/uapi/linux/stat.h, 256 bytes */
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad0_;
	uint64_t ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id, spare_[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");

struct linux_statfs { /* include/uapi/asm-generic/statfs.h */
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	int64_t namelen, frsize, flags, spare_[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs");

#define ST_VALID 0x20

/* 512-byte blocks. */
static uint64_t blocks_of(const struct inode *inode)
{
	return inode->pages * (PAGE_SIZE / 512);
}

static void fill_stat(struct inode *inode, struct linux_stat *st)
{
	*st = (struct linux_stat){
		.st_dev = inode->super->device, .st_ino = inode->ino, .st_nlink = inode->nlink, .st_mode = inode->mode,
		.st_uid = inode->uid, .st_gid = inode->gid, .st_rdev = inode->rdev, .st_size = (int64_t)inode->size,
		.st_blksize = (int64_t)PAGE_SIZE, .st_blocks = (int64_t)blocks_of(inode),
		.atime_s = inode->atime.seconds, .atime_ns = inode->atime.ns,
		.mtime_s = inode->mtime.seconds, .mtime_ns = inode->mtime.ns,
		.ctime_s = inode->ctime.seconds, .ctime_ns = inode->ctime.ns,
	};
}

static int64_t put_stat(struct thread *self, struct inode *inode, uint64_t to)
{
	struct linux_stat st;
	fill_stat(inode, &st);
	return user_write(self->process->space, to, &st, sizeof(st));
}

/* The place that (dirfd, path, AT_* flags) names, with a reference. */
static int find(struct thread *self, int dirfd, uint64_t address, uint32_t flags, struct path *found)
{
	struct user_path path;
	uint32_t walk = (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = path_walk(self, dirfd, path.text, walk, found);
	user_path_put(&path);
	return r;
}

static int64_t stat_at(struct thread *self, int dirfd, uint64_t address, uint64_t to, uint32_t flags)
{
	struct path found;
	int64_t r = find(self, dirfd, address, flags, &found);
	if (r)
		return r;
	r = put_stat(self, found.inode, to);
	path_put(&found);
	return r;
}

int64_t sys_stat(struct thread *self, const uint64_t *args_)
{
	return stat_at(self, AT_FDCWD, args_[0], args_[1], 0);
}

int64_t sys_lstat(struct thread *self, const uint64_t *args_)
{
	return stat_at(self, AT_FDCWD, args_[0], args_[1], AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fstat(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_file(self->process->fds, (int)args_[0]);
	if (!file || !file->path.inode)
		return -EBADF;
	return put_stat(self, file->path.inode, args_[1]);
}

/* With AT_EMPTY_PATH and no path, or an empty one: the descriptor itself, and no other flag is looked at. */
static bool names_descriptor(struct thread *self, int fd, uint64_t path, uint32_t flags)
{
	uint8_t first = 1;
	if (!(flags & AT_EMPTY_PATH) || fd < 0)
		return false;
	return !path || (user_read(self->process->space, &first, path, 1) == 0 && !first);
}

int64_t sys_newfstatat(struct thread *self, const uint64_t *args_)
{
	uint32_t flags = (uint32_t)args_[3];
	if (names_descriptor(self, (int)args_[0], args_[1], flags)) {
		const uint64_t args[2] = { args_[0], args_[2] };
		return sys_fstat(self, args);
	}
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	return stat_at(self, (int)args_[0], args_[1], args_[2], flags);
}

static struct statx_time statx_time(struct timestamp t)
{
	return (struct statx_time){ t.seconds, t.ns, 0 };
}

#define STATX_MTIME             0x40u
#define STATX_CTIME             0x80u
#define STATX_MNT_ID            0x1000u
#define STATX_MNT_ID_UNIQUE     0x4000u
#define STATX_RESERVED          0x80000000u
#define STATX_ATTR_KNOWN        0x203000u /* automount, mount root, dax; */
#define STATX_ATTR_TMPFS        0x70u     /* immutable, append, nodump */
#define STATX_ATTR_MOUNT_ROOT   0x2000u

/* What of it was asked for. Of tmpfs's files that depends on the request more than of others', as on Linux. */
static void fill_statx(const struct path *path, uint32_t wanted, struct linux_statx *x)
{
	struct inode *inode = path->inode;
	bool tmpfs = inode_is_tmpfs(inode);
	*x = (struct linux_statx){
		.mask = STATX_BASIC_STATS | (wanted & STATX_MNT_ID_UNIQUE ? STATX_MNT_ID_UNIQUE : STATX_MNT_ID),
		.attributes = path->mount && inode == path->mount->root ? STATX_ATTR_MOUNT_ROOT : 0,
		.attributes_mask = STATX_ATTR_KNOWN | (tmpfs ? STATX_ATTR_TMPFS : 0), .mnt_id = path->mount ? path->mount->id : 0, .blksize = (uint32_t)PAGE_SIZE, .nlink = inode->nlink,
		.uid = inode->uid, .gid = inode->gid, .mode = (uint16_t)inode->mode, .ino = inode->ino,
		.size = inode->size, .blocks = blocks_of(inode), .atime = statx_time(inode->atime),
		.ctime = statx_time(inode->ctime), .mtime = statx_time(inode->mtime),
		.rdev_major = device_major(inode->rdev), .rdev_minor = device_minor(inode->rdev),
		.dev_major = device_major(inode->super->device), .dev_minor = device_minor(inode->super->device),
	};
	if (tmpfs && (wanted & STATX_BTIME)) {
		x->mask |= STATX_BTIME;
		x->btime = statx_time(inode->btime);
	}
	if (tmpfs && !(wanted & (STATX_MTIME | STATX_CTIME))) {
		x->mask &= ~(STATX_MTIME | STATX_CTIME);
		x->mtime = x->ctime = (struct statx_time){ 0 };
	}
}

int64_t sys_statx(struct thread *self, const uint64_t *args_)
{
	const uint32_t sync_type = 0x6000; /* AT_STATX_SYNC_TYPE */
	uint32_t flags = (uint32_t)args_[2];
	struct linux_statx x;
	struct path found;
	if ((flags & sync_type) == sync_type || ((uint32_t)args_[3] & STATX_RESERVED))
		return -EINVAL;
	if (names_descriptor(self, (int)args_[0], args_[1], flags)) {
		const struct file *file = fd_file(self->process->fds, (int)args_[0]);
		if (!file || !file->path.inode)
			return -EBADF;
		found = file->path;
		path_get(&found);
	} else {
		if (flags & ~((uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) | sync_type))
			return -EINVAL;
		int bad = find(self, (int)args_[0], args_[1], flags, &found);
		if (bad)
			return bad;
	}
	int64_t r;
	fill_statx(&found, (uint32_t)args_[3], &x);
	r = user_write(self->process->space, args_[4], &x, sizeof(x));
	path_put(&found);
	return r;
}

/* ---- access ---- */

static int64_t access_at(struct thread *self, int dirfd, uint64_t address, uint32_t mode, uint32_t flags)
{
	struct credentials cred = flags & AT_EACCESS ? self->cred : cred_real(&self->cred);
	struct user_path path;
	struct path found;
	if ((mode & ~7u) || (flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	uint32_t walk = (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	r = path_walk_as(self, &cred, dirfd, path.text, walk, &found);
	user_path_put(&path);
	if (r)
		return r;
	const struct inode *inode = found.inode;
	bool data = is_type(inode, S_IFREG) || is_directory(inode) || is_type(inode, S_IFLNK);
	if ((mode & X_OK) && is_type(inode, S_IFREG) && found.mount && (found.mount->flags & MS_NOEXEC))
		r = -EACCES;
	if (!r && mode && !is_type(inode, S_IFLNK))
		r = inode_permission(inode, &cred, mode);
	if (!r && (mode & W_OK) && data)
		r = path_writable(&found);
	path_put(&found);
	return r;
}

int64_t sys_access(struct thread *self, const uint64_t *args_)
{
	return access_at(self, AT_FDCWD, args_[0], (uint32_t)args_[1], 0);
}

int64_t sys_faccessat(struct thread *self, const uint64_t *args_)
{
	return access_at(self, (int)args_[0], args_[1], (uint32_t)args_[2], 0);
}

int64_t sys_faccessat2(struct thread *self, const uint64_t *args_)
{
	return access_at(self, (int)args_[0], args_[1], (uint32_t)args_[2], (uint32_t)args_[3]);
}

/* ---- readlink ---- */

static int64_t read_link(struct thread *self, int dirfd, uint64_t address, uint64_t to, uint64_t size)
{
	struct path found;
	if ((int32_t)size <= 0)
		return -EINVAL;
	int64_t r = find(self, dirfd, address, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &found);
	if (r)
		return r;
	size = min_u64((uint32_t)size, PATH_LENGTH_MAX);
	char *text = NULL;
	uint8_t first = 0;
	if (!is_type(found.inode, S_IFLNK) || !found.inode->ops->readlink) /* an empty path is no path, unless its descriptor is a link's */
		r = user_read(self->process->space, &first, address, 1) == 0 && !first ? -ENOENT : -EINVAL;
	else if (!(text = heap_alloc(PATH_LENGTH_MAX)))
		r = -ENOMEM;
	if (!r)
		r = found.inode->ops->readlink(found.inode, self, text, size);
	if (r > 0) {
		int bad = user_write(self->process->space, to, text, (uint64_t)r);
		if (bad)
			r = bad;
	}
	heap_free(text);
	path_put(&found);
	return r;
}

int64_t sys_readlink(struct thread *self, const uint64_t *args_)
{
	return read_link(self, AT_FDCWD, args_[0], args_[1], args_[2]);
}

int64_t sys_readlinkat(struct thread *self, const uint64_t *args_)
{
	return read_link(self, (int)args_[0], args_[1], args_[2], args_[3]);
}

/* ---- statfs ---- */

static int64_t statfs_flags(const struct mount *m)
{
	uint32_t same = m->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
	same |= m->super->flags & (MS_RDONLY | MS_SYNCHRONOUS | MS_MANDLOCK);
	return same | (m->flags & MS_RELATIME ? ST_RELATIME : 0) | (m->flags & MS_NOSYMFOLLOW ? ST_NOSYMFOLLOW : 0);
}

static int64_t put_statfs(struct thread *self, const struct path *path, uint64_t to)
{
	const struct super *super = path->inode->super;
	uint64_t total = 0, unused = 0, files = 0, free_files = 0;
	if (super->magic == TMPFS_MAGIC && super->max_metadata != UINT64_MAX) {
		files = super->max_metadata / TMPFS_INODE_SPACE;
		free_files = (super->max_metadata - super->used_metadata) / TMPFS_INODE_SPACE;
	}
	if (super->magic == TMPFS_MAGIC) {
		total = min_u64(libos.frames.total, super->max_bytes >> PAGE_SHIFT);
		unused = min_u64(libos.frames.free_count, total - min_u64(super->used_pages, total));
	}
	struct linux_statfs st = {
		.type = (int64_t)super->magic, .bsize = (int64_t)PAGE_SIZE, .blocks = total, .bfree = unused, .bavail = unused,
		.files = files, .ffree = free_files, .fsid = super->device,
		.namelen = NAME_LENGTH_MAX, .frsize = (int64_t)PAGE_SIZE,
		.flags = ST_VALID | (path->mount ? statfs_flags(path->mount) : 0),
	};
	return user_write(self->process->space, to, &st, sizeof(st));
}

int64_t sys_statfs(struct thread *self, const uint64_t *args_)
{
	struct path found;
	int64_t r = find(self, AT_FDCWD, args_[0], 0, &found);
	if (r)
		return r;
	r = put_statfs(self, &found, args_[1]);
	path_put(&found);
	return r;
}

int64_t sys_fstatfs(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_file(self->process->fds, (int)args_[0]);
	if (!file || !file->path.inode)
		return -EBADF;
	return put_statfs(self, &file->path, args_[1]);
}
