/* System calls that change attributes: mode, owner, times, size, allocation. */
#include <libos/fs/notify.h>

static int find(struct thread *self, int dirfd, uint64_t address, uint32_t walk, struct path *found)
{
	struct user_path path;
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = path_walk(self, dirfd, path.text, walk, found);
	user_path_put(&path);
	return r;
}

static int64_t chmod_at(struct thread *self, int dirfd, uint64_t address, uint32_t mode)
{
	struct path found;
	int r = find(self, dirfd, address, 0, &found);
	if (r)
		return r;
	r = vfs_chmod(self, &found, mode);
	path_put(&found);
	return r;
}

int64_t sys_chmod(struct thread *self, const uint64_t *args_)
{
	return chmod_at(self, AT_FDCWD, args_[0], (uint32_t)args_[1]);
}

int64_t sys_fchmodat(struct thread *self, const uint64_t *args_)
{
	return chmod_at(self, (int)args_[0], args_[1], (uint32_t)args_[2]);
}

int64_t sys_fchmodat2(struct thread *self, const uint64_t *args_)
{
	uint32_t flags = (uint32_t)args_[3];
	struct path found;
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	uint32_t walk = (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	int r = find(self, (int)args_[0], args_[1], walk, &found);
	if (r)
		return r;
	/* A link's own mode cannot be changed. */
	r = is_type(found.inode, S_IFLNK) ? -EOPNOTSUPP : vfs_chmod(self, &found, (uint32_t)args_[2]);
	path_put(&found);
	return r;
}

int64_t sys_fchmod(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	return file && file->path.inode ? vfs_chmod(self, &file->path, (uint32_t)args_[1]) : -EBADF;
}

static int64_t chown_at(struct thread *self, int dirfd, uint64_t address, uint32_t uid, uint32_t gid, uint32_t flags)
{
	struct path found;
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int r = find(self, dirfd, address, (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) |
	             (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &found);
	if (r)
		return r;
	r = vfs_chown(self, &found, uid, gid);
	path_put(&found);
	return r;
}

int64_t sys_chown(struct thread *self, const uint64_t *args_)
{
	return chown_at(self, AT_FDCWD, args_[0], (uint32_t)args_[1], (uint32_t)args_[2], 0);
}

int64_t sys_lchown(struct thread *self, const uint64_t *args_)
{
	return chown_at(self, AT_FDCWD, args_[0], (uint32_t)args_[1], (uint32_t)args_[2], AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchownat(struct thread *self, const uint64_t *args_)
{
	return chown_at(self, (int)args_[0], args_[1], (uint32_t)args_[2], (uint32_t)args_[3], (uint32_t)args_[4]);
}

int64_t sys_fchown(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	return file && file->path.inode ? vfs_chown(self, &file->path, (uint32_t)args_[1], (uint32_t)args_[2]) : -EBADF;
}

/* ---- times ---- */

struct new_times {
	struct timestamp atime, mtime;
	bool set_atime, set_mtime;
	bool both_now; /* write permission is enough */
	bool invalid;  /* not a time; told only when the file was found */
};

static int change_times(struct thread *self, const struct path *path, const struct new_times *t)
{
	const struct credentials *cred = &self->cred;
	struct inode *inode = path->inode;
	if (t->invalid)
		return -EINVAL;
	int r = path_writable(path);
	if (r)
		return r;
	if (!inode_owned(inode, cred)) {
		r = t->both_now ? inode_permission(inode, cred, MAY_WRITE) : -EPERM;
		if (r)
			return r;
	}
	if (inode_is_anon(inode))
		return -EOPNOTSUPP;
	if (t->set_atime)
		inode->atime = t->atime;
	if (t->set_mtime)
		inode->mtime = t->mtime;
	inode->ctime = vfs_now();
	notify_inode(inode, t->set_atime && t->set_mtime ? IN_ATTRIB : t->set_atime ? IN_ACCESS : IN_MODIFY);
	return 0;
}

static int64_t times_at(struct thread *self, int dirfd, uint64_t address, const struct new_times *t, uint32_t flags)
{
	struct path found;
	int r;
	/* utimensat(fd, NULL, …) is futimens(). */
	if (!address && dirfd != AT_FDCWD) {
		struct file *file = flags ? NULL : fd_io_file(self, (uint64_t)dirfd);
		if (flags)
			return -EINVAL;
		return file && file->path.inode ? change_times(self, &file->path, t) : -EBADF;
	}
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = find(self, dirfd, address, (flags & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0) |
	         (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &found);
	if (r)
		return r;
	r = change_times(self, &found, t);
	path_put(&found);
	return r;
}

static void times_now(struct new_times *t)
{
	t->atime = t->mtime = vfs_now();
	t->set_atime = t->set_mtime = t->both_now = true;
}

static void one_time(const struct linux_timespec *ts, struct new_times *t, struct timestamp *to, bool *set)
{
	*set = ts->ns != UTIME_OMIT;
	if (ts->ns == UTIME_NOW)
		*to = vfs_now();
	else if (*set && (ts->ns < 0 || ts->ns > 999999999))
		t->invalid = true;
	else if (*set)
		*to = (struct timestamp){ ts->seconds, (uint32_t)ts->ns };
}

int64_t sys_utimensat(struct thread *self, const uint64_t *args_)
{
	struct new_times t = { 0 };
	struct linux_timespec ts[2];
	uint32_t flags = (uint32_t)args_[3];
	if (!args_[2]) {
		times_now(&t);
	} else {
		int r = user_read(self->process->space, ts, args_[2], sizeof(ts));
		if (r)
			return r;
		one_time(&ts[0], &t, &t.atime, &t.set_atime);
		one_time(&ts[1], &t, &t.mtime, &t.set_mtime);
		if (!t.set_atime && !t.set_mtime)
			return 0; /* whatever the path is */
		t.both_now = ts[0].ns == UTIME_NOW && ts[1].ns == UTIME_NOW;
	}
	return times_at(self, (int)args_[0], args_[1], &t, flags);
}

static int64_t times_from_timeval(struct thread *self, int dirfd, uint64_t address, uint64_t times)
{
	struct new_times t = { 0 };
	struct linux_timeval tv[2];
	if (!times) {
		times_now(&t);
		return times_at(self, dirfd, address, &t, 0);
	}
	int r = user_read(self->process->space, tv, times, sizeof(tv));
	if (r)
		return r;
	if (tv[0].us < 0 || tv[0].us > 999999 || tv[1].us < 0 || tv[1].us > 999999)
		return -EINVAL;
	t.atime = (struct timestamp){ tv[0].seconds, (uint32_t)tv[0].us * 1000 };
	t.mtime = (struct timestamp){ tv[1].seconds, (uint32_t)tv[1].us * 1000 };
	t.set_atime = t.set_mtime = true;
	return times_at(self, dirfd, address, &t, 0);
}

int64_t sys_utimes(struct thread *self, const uint64_t *args_)
{
	return times_from_timeval(self, AT_FDCWD, args_[0], args_[1]);
}

int64_t sys_futimesat(struct thread *self, const uint64_t *args_)
{
	return times_from_timeval(self, (int)args_[0], args_[1], args_[2]);
}

int64_t sys_utime(struct thread *self, const uint64_t *args_)
{
	struct new_times t = { 0 };
	int64_t seconds[2];
	if (!args_[1]) {
		times_now(&t);
	} else {
		int r = user_read(self->process->space, seconds, args_[1], sizeof(seconds));
		if (r)
			return r;
		t.atime.seconds = seconds[0];
		t.mtime.seconds = seconds[1];
		t.set_atime = t.set_mtime = true;
	}
	return times_at(self, AT_FDCWD, args_[0], &t, 0);
}

/* ---- size ---- */

int64_t sys_truncate(struct thread *self, const uint64_t *args_)
{
	struct path found;
	if ((int64_t)args_[1] < 0)
		return -EINVAL;
	int r = find(self, AT_FDCWD, args_[0], 0, &found);
	if (r)
		return r;
	if (is_directory(found.inode))
		r = -EISDIR;
	else if (!is_type(found.inode, S_IFREG))
		r = -EINVAL;
	else
		r = inode_permission(found.inode, &self->cred, MAY_WRITE);
	if (!r)
		r = inode_write_start(found.inode);
	if (!r) {
		r = vfs_truncate(self, &found, args_[1]);
		inode_write_end(found.inode);
	}
	path_put(&found);
	return r;
}

int64_t sys_ftruncate(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	if ((int64_t)args_[1] < 0)
		return -EINVAL;
	if (!file)
		return -EBADF;
	if (!file_writable(file) || !file->path.inode || !is_type(file->path.inode, S_IFREG))
		return -EINVAL;
	return vfs_truncate(self, &file->path, args_[1]);
}

/* One operation of those that Linux has; a hole leaves the size, and what moves the rest cannot. */
static bool fallocate_mode_good(uint32_t mode)
{
	bool keeps = mode & FALLOC_KEEP_SIZE;
	switch (mode & ~FALLOC_KEEP_SIZE) {
	case 0:
	case FALLOC_UNSHARE_RANGE:
	case FALLOC_ZERO_RANGE:
		return true;
	case FALLOC_PUNCH_HOLE:
		return keeps;
	case FALLOC_COLLAPSE_RANGE:
	case FALLOC_INSERT_RANGE:
	case FALLOC_WRITE_ZEROES:
		return !keeps;
	default:
		return false;
	}
}

int64_t sys_fallocate(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	int64_t offset = (int64_t)args_[2], length = (int64_t)args_[3], end;
	if (!file)
		return -EBADF;
	if (offset < 0 || length <= 0)
		return -EINVAL;
	struct inode *inode = file->path.inode;
	if (!fallocate_mode_good((uint32_t)args_[1]))
		return -EOPNOTSUPP;
	if (!file_writable(file))
		return -EBADF;
	if (inode && is_type(inode, S_IFIFO))
		return -ESPIPE;
	if (!inode || !is_type(inode, S_IFREG))
		return -ENODEV;
	if (!inode->ops->fallocate)
		return -EOPNOTSUPP;
	if (__builtin_add_overflow(offset, length, &end))
		return -EFBIG;
	if (!(args_[1] & FALLOC_KEEP_SIZE) && (uint64_t)end > inode->size && (uint64_t)end > self->process->limits[RLIMIT_FSIZE].soft)
		return vfs_too_large(self);
	inode_get(inode); /* another thread may close the file meanwhile */
	inode_enter(inode);
	int r = inode->ops->fallocate(inode, (int)args_[1], (uint64_t)offset, (uint64_t)length);
	if (!r) {
		inode_drop_setid(inode, &self->cred);
		inode_modified(inode);
	}
	inode_leave(inode);
	if (!r)
		notify_inode(inode, IN_MODIFY);
	inode_put(inode);
	return r;
}
