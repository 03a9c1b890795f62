/* System calls on directories and names: listing, working directory, making, linking, removing, renaming. */
#include <libos/fs/internal.h>

static int64_t list(struct thread *self, const uint64_t *args, bool old_layout)
{
	struct file *file = fd_io_file(self, args[0]);
	struct io_vec vec = { args[1], min_u64((uint32_t)args[2], IO_SIZE_MAX) };
	struct io io;
	if (!file)
		return -EBADF;
	io_init(&io, self->process->space, &vec, 1);
	return directory_list(file, &io, old_layout);
}

int64_t sys_getdents(struct thread *self, const uint64_t *args_)
{
	return list(self, args_, true);
}

int64_t sys_getdents64(struct thread *self, const uint64_t *args_)
{
	return list(self, args_, false);
}

/* What Linux says before the path of a working directory that is not below the root. */
#define UNREACHABLE "(unreachable)"

int64_t sys_getcwd(struct thread *self, const uint64_t *args_)
{
	struct fs_context *fs = self->process->fs;
	const size_t prefix = sizeof(UNREACHABLE) - 1;
	char *text = heap_alloc(prefix + PATH_LENGTH_MAX), *start;
	bool below;
	if (!text)
		return -ENOMEM;
	start = text + prefix;
	int64_t r = path_text_below(fs, &fs->cwd, start, PATH_LENGTH_MAX, &below);
	if (r == -ERANGE)
		r = -ENAMETOOLONG;
	if (r >= 0 && !below) {
		start = memcpy(text, UNREACHABLE, prefix);
		r += (int64_t)prefix;
	}
	if (r >= 0 && (uint64_t)r + 1 > args_[1])
		r = -ERANGE;
	if (r >= 0) {
		uint64_t size = (uint64_t)r + 1;
		int bad = user_write(self->process->space, args_[0], start, size);
		r = bad ? bad : (int64_t)size;
	}
	heap_free(text);
	return r;
}

/* Replaces a place of the context by a directory that may be searched; takes the reference over. */
static int64_t change(struct thread *self, struct path *place, struct path *to)
{
	int r = is_directory(to->inode) ? inode_permission(to->inode, &self->cred, MAY_EXEC) : -ENOTDIR;
	if (!r && place == &self->process->fs->root && !privileged(&self->cred, PRIV_ROOT_DIRECTORY))
		r = -EPERM;
	if (r) {
		path_put(to);
		return r;
	}
	struct path old = *place;
	*place = *to;
	path_put(&old);
	return 0;
}

static int64_t change_to_path(struct thread *self, struct path *place, uint64_t address)
{
	struct user_path path;
	struct path found;
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, path.text, WALK_DIRECTORY, &found);
	user_path_put(&path);
	return r ? r : change(self, place, &found);
}

int64_t sys_chdir(struct thread *self, const uint64_t *args_)
{
	return change_to_path(self, &self->process->fs->cwd, args_[0]);
}

int64_t sys_fchdir(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_file(self->process->fds, (int)args_[0]);
	if (!file || !file->path.inode)
		return -EBADF;
	struct path to = file->path;
	path_get(&to);
	return change(self, &self->process->fs->cwd, &to);
}

int64_t sys_chroot(struct thread *self, const uint64_t *args_)
{
	return change_to_path(self, &self->process->fs->root, args_[0]);
}

int64_t sys_umask(struct thread *self, const uint64_t *args_)
{
	uint32_t old = self->process->fs->umask;
	self->process->fs->umask = (uint32_t)args_[0] & 0777;
	return old;
}

/* ---- making ---- */

static int64_t make(struct thread *self, int dirfd, uint64_t address, uint32_t mode, uint64_t rdev)
{
	struct user_path path;
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = vfs_make(self, dirfd, path.text, mode, rdev);
	user_path_put(&path);
	return r;
}

int64_t sys_mkdir(struct thread *self, const uint64_t *args_)
{
	return make(self, AT_FDCWD, args_[0], S_IFDIR | ((uint32_t)args_[1] & 01777), 0);
}

int64_t sys_mkdirat(struct thread *self, const uint64_t *args_)
{
	return make(self, (int)args_[0], args_[1], S_IFDIR | ((uint32_t)args_[2] & 01777), 0);
}

static int64_t make_node(struct thread *self, int dirfd, uint64_t address, uint32_t mode, uint64_t rdev)
{
	uint32_t type = mode & S_IFMT;
	if (type == 0)
		mode |= S_IFREG;
	else if (type == S_IFDIR)
		return -EPERM;
	else if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR && type != S_IFBLK)
		return -EINVAL;
	bool device = type == S_IFCHR || type == S_IFBLK;
	if (device && !privileged(&self->cred, PRIV_DEVICE_NODE))
		return -EPERM;
	return make(self, dirfd, address, mode & (S_IFMT | 07777), device ? (uint32_t)rdev : 0);
}

int64_t sys_mknod(struct thread *self, const uint64_t *args_)
{
	return make_node(self, AT_FDCWD, args_[0], (uint32_t)args_[1], args_[2]);
}

int64_t sys_mknodat(struct thread *self, const uint64_t *args_)
{
	return make_node(self, (int)args_[0], args_[1], (uint32_t)args_[2], args_[3]);
}

/* ---- removing ---- */

static int64_t drop(struct thread *self, int dirfd, uint64_t address, bool directory)
{
	struct user_path path;
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = vfs_unlink(self, dirfd, path.text, directory);
	user_path_put(&path);
	return r;
}

int64_t sys_rmdir(struct thread *self, const uint64_t *args_)
{
	return drop(self, AT_FDCWD, args_[0], true);
}

int64_t sys_unlink(struct thread *self, const uint64_t *args_)
{
	return drop(self, AT_FDCWD, args_[0], false);
}

int64_t sys_unlinkat(struct thread *self, const uint64_t *args_)
{
	if (args_[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	return drop(self, (int)args_[0], args_[1], args_[2] & AT_REMOVEDIR);
}

/* ---- two paths ---- */

static int64_t rename_at(struct thread *self, int from_fd, uint64_t from, int to_fd, uint64_t to, uint32_t flags)
{
	struct user_path old, fresh;
	if (!rename_flags_good(flags))
		return -EINVAL;
	int r = user_path_get(&old, self, from);
	if (r)
		return r;
	int error = user_path_get(&fresh, self, to);
	r = vfs_rename(self, from_fd, old.text, to_fd, error ? NULL : fresh.text, error, flags);
	user_path_put(&old);
	if (!error)
		user_path_put(&fresh);
	return r;
}

int64_t sys_rename(struct thread *self, const uint64_t *args_)
{
	return rename_at(self, AT_FDCWD, args_[0], AT_FDCWD, args_[1], 0);
}

int64_t sys_renameat(struct thread *self, const uint64_t *args_)
{
	return rename_at(self, (int)args_[0], args_[1], (int)args_[2], args_[3], 0);
}

int64_t sys_renameat2(struct thread *self, const uint64_t *args_)
{
	return rename_at(self, (int)args_[0], args_[1], (int)args_[2], args_[3], (uint32_t)args_[4]);
}

static int64_t link_at(struct thread *self, int from_fd, uint64_t from, int to_fd, uint64_t to, uint32_t flags)
{
	struct user_path old, fresh;
	struct path target;
	if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	int r = user_path_get(&old, self, from);
	if (r)
		return r;
	uint32_t walk = (flags & AT_SYMLINK_FOLLOW ? 0 : WALK_NOFOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	/* Linking what only a descriptor names is for root, as in Linux. */
	if ((flags & AT_EMPTY_PATH) && !*old.text && !privileged(&self->cred, PRIV_SEARCH))
		r = -ENOENT;
	if (!r)
		r = path_walk(self, from_fd, old.text, walk, &target);
	user_path_put(&old);
	if (r)
		return r;
	r = user_path_get(&fresh, self, to);
	if (!r) {
		r = vfs_link(self, &target, to_fd, fresh.text);
		user_path_put(&fresh);
	}
	path_put(&target);
	return r;
}

int64_t sys_link(struct thread *self, const uint64_t *args_)
{
	return link_at(self, AT_FDCWD, args_[0], AT_FDCWD, args_[1], 0);
}

int64_t sys_linkat(struct thread *self, const uint64_t *args_)
{
	return link_at(self, (int)args_[0], args_[1], (int)args_[2], args_[3], (uint32_t)args_[4]);
}

static int64_t symlink_at(struct thread *self, uint64_t target, int dirfd, uint64_t address)
{
	struct user_path text, path;
	int r = user_path_get(&text, self, target);
	if (r)
		return r;
	r = *text.text ? user_path_get(&path, self, address) : -ENOENT;
	if (!r) {
		r = vfs_symlink(self, dirfd, path.text, text.text);
		user_path_put(&path);
	}
	user_path_put(&text);
	return r;
}

int64_t sys_symlink(struct thread *self, const uint64_t *args_)
{
	return symlink_at(self, args_[0], AT_FDCWD, args_[1]);
}

int64_t sys_symlinkat(struct thread *self, const uint64_t *args_)
{
	return symlink_at(self, args_[0], (int)args_[1], args_[2]);
}
