/*
 * Creating, removing, linking and renaming: all rules that hold for every file system.
 * The file systems' own operations only carry out what was decided here.
 */
#include <libos/fs/notify.h>

struct place { /* a name in a directory, and what it names now */
	struct path dir;
	const char *name;
	size_t length;
	struct inode *existing;
};

/* Also finds a name that is too long, which nothing can have. */
static int place_find_any(struct thread *thread, int dirfd, const char *path, struct place *p)
{
	return path_walk_parent(thread, dirfd, path, &p->dir, &p->name, &p->length, &p->existing);
}

static void place_put(struct place *p)
{
	inode_put(p->existing);
	path_put(&p->dir);
}

static int place_find(struct thread *thread, int dirfd, const char *path, struct place *p)
{
	int r = place_find_any(thread, dirfd, path, p);
	if (!r && p->length > NAME_LENGTH_MAX) {
		place_put(p);
		r = -ENAMETOOLONG;
	}
	return r;
}

static bool is_dot(const struct place *p)
{
	return p->length == 1 && p->name[0] == '.';
}

static bool is_dot_dot(const struct place *p)
{
	return p->length == 2 && p->name[0] == '.' && p->name[1] == '.';
}

/* "/", "." and ".." are not names of entries. */
static bool is_special(const struct place *p)
{
	return !p->length || is_dot(p) || is_dot_dot(p);
}

static bool has_trailing_slash(const struct place *p)
{
	return p->name[p->length] == '/';
}

int directory_writable(const struct path *dir, const struct credentials *cred)
{
	int r = path_writable(dir);
	return r ? r : inode_permission(dir->inode, cred, MAY_WRITE | MAY_EXEC);
}

static int may_remove(const struct path *dir, const struct inode *victim, const struct credentials *cred)
{
	int r = directory_writable(dir, cred);
	if (r)
		return r;
	if ((dir->inode->mode & S_ISVTX) && !inode_owned(victim, cred) && cred->fsuid != dir->inode->uid)
		return -EPERM;
	return victim->mounted ? -EBUSY : 0;
}

static int may_create(const struct place *p, const struct credentials *cred)
{
	if (p->existing)
		return -EEXIST;
	return directory_writable(&p->dir, cred);
}

/* Whoever is in no group of a set-group-id directory makes nothing there that runs with that group (CVE-2018-13405). */
uint32_t mode_for_new(const struct thread *thread, const struct inode *dir, uint32_t mode)
{
	bool runs = (mode & (S_ISGID | 0010)) == (S_ISGID | 0010);
	if (runs && (mode & S_IFMT) != S_IFDIR && (dir->mode & S_ISGID) &&
	    !cred_may_setgid(&thread->cred, dir->gid))
		mode &= ~(uint32_t)S_ISGID;
	return mode & ~thread->process->fs->umask;
}

int vfs_make(struct thread *thread, int dirfd, const char *path, uint32_t mode, uint64_t rdev)
{
	const struct credentials *cred = &thread->cred;
	struct place p;
	struct inode *made;
	int r = place_find(thread, dirfd, path, &p);
	if (r)
		return r;
	struct inode *dir = p.dir.inode;
	r = may_create(&p, cred);
	if (!r && (mode & S_IFMT) != S_IFDIR && has_trailing_slash(&p))
		r = -ENOENT;
	mode = mode_for_new(thread, dir, mode);
	if (!r)
		r = dir->ops->create ? dir->ops->create(dir, p.name, p.length, mode, rdev, cred, &made) : -EPERM;
	if (!r) {
		inode_put(made);
		notify_name(dir, p.name, p.length, IN_CREATE | ((mode & S_IFMT) == S_IFDIR ? IN_ISDIR : 0));
	}
	place_put(&p);
	return r;
}

int vfs_symlink(struct thread *thread, int dirfd, const char *path, const char *target)
{
	const struct credentials *cred = &thread->cred;
	struct place p;
	if (!*target)
		return -ENOENT;
	int r = place_find(thread, dirfd, path, &p);
	if (r)
		return r;
	struct inode *dir = p.dir.inode;
	r = may_create(&p, cred);
	if (!r && has_trailing_slash(&p))
		r = -ENOENT;
	if (!r)
		r = dir->ops->symlink ? dir->ops->symlink(dir, p.name, p.length, target, cred) : -EPERM;
	if (!r)
		notify_name(dir, p.name, p.length, IN_CREATE);
	place_put(&p);
	return r;
}

static int check_unlink(const struct place *p, bool directory, const struct credentials *cred)
{
	if (directory) {
		if (!p->length)
			return -EBUSY;
		if (is_dot(p))
			return -EINVAL;
		if (is_dot_dot(p))
			return -ENOTEMPTY;
	} else if (is_special(p)) {
		return -EISDIR;
	}
	if (!p->existing)
		return -ENOENT;
	if (!directory && has_trailing_slash(p))
		return is_directory(p->existing) ? -EISDIR : -ENOTDIR;
	int r = may_remove(&p->dir, p->existing, cred);
	/* A mount point that is being looked through is busy however it is named. */
	if (!r && p->existing->super != p->dir.inode->super)
		r = -EBUSY;
	if (r)
		return r;
	if (directory != is_directory(p->existing))
		return directory ? -ENOTDIR : -EISDIR;
	return p->dir.inode->ops->unlink ? 0 : -EPERM;
}

/* What has lost its last name may be told to be gone before its directory tells of that. */
static void removed(struct place *p, bool directory)
{
	if (!directory)
		notify_self(p->existing, IN_ATTRIB);
	inode_put(p->existing);
	p->existing = NULL;
	notify_name(p->dir.inode, p->name, p->length, IN_DELETE | (directory ? IN_ISDIR : 0));
}

int vfs_unlink(struct thread *thread, int dirfd, const char *path, bool directory)
{
	struct place p;
	int r = place_find(thread, dirfd, path, &p);
	if (r)
		return r;
	r = check_unlink(&p, directory, &thread->cred);
	if (!r)
		r = p.dir.inode->ops->unlink(p.dir.inode, p.name, p.length, p.existing);
	if (!r)
		removed(&p, directory);
	place_put(&p);
	return r;
}

int vfs_link(struct thread *thread, const struct path *target, int dirfd, const char *path)
{
	struct place p;
	int r = place_find(thread, dirfd, path, &p);
	if (r)
		return r;
	struct inode *dir = p.dir.inode;
	if (p.existing)
		r = -EEXIST;
	else if (has_trailing_slash(&p))
		r = -ENOENT;
	else if (p.dir.mount != target->mount)
		r = -EXDEV;
	else
		r = may_create(&p, &thread->cred);
	if (!r && is_directory(target->inode))
		r = -EPERM;
	if (!r)
		r = dir->ops->link ? dir->ops->link(dir, p.name, p.length, target->inode) : -EPERM;
	if (!r) {
		notify_self(target->inode, IN_ATTRIB);
		notify_name(dir, p.name, p.length, IN_CREATE);
	}
	place_put(&p);
	return r;
}

bool inode_is_below(struct inode *dir, const struct inode *ancestor)
{
	struct inode *at = dir;
	inode_get(at);
	while (at != ancestor && at != at->super->root) {
		struct inode *up = at->ops->parent(at);
		inode_put(at);
		at = up;
	}
	bool below = at == ancestor;
	inode_put(at);
	return below;
}

static int check_types(const struct place *from, const struct place *to, uint32_t flags)
{
	if (!to->existing || (flags & RENAME_EXCHANGE))
		return 0;
	bool from_dir = is_directory(from->existing), to_dir = is_directory(to->existing);
	if (from_dir && !to_dir)
		return -ENOTDIR;
	return !from_dir && to_dir ? -EISDIR : 0;
}

/* Moving a directory to another parent changes its "..". */
static int check_moved_directory(const struct place *from, const struct place *to, const struct credentials *cred)
{
	if (!is_directory(from->existing) || from->dir.inode == to->dir.inode)
		return 0;
	return inode_permission(from->existing, cred, MAY_WRITE);
}

/* What is wrong whoever asks. */
static int check_names(const struct place *from, const struct place *to, uint32_t flags)
{
	if (from->dir.mount != to->dir.mount)
		return -EXDEV;
	if (is_special(from) || is_special(to))
		return !(flags & RENAME_NOREPLACE) || is_special(from) ? -EBUSY : -EEXIST;
	if (!from->existing)
		return from->length > NAME_LENGTH_MAX ? -ENAMETOOLONG : -ENOENT;
	if (to->length > NAME_LENGTH_MAX)
		return -ENAMETOOLONG;
	if (to->existing && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!to->existing && (flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (from->existing->super != from->dir.inode->super || (to->existing && to->existing->super != to->dir.inode->super))
		return -EBUSY;
	/* A slash behind a name stands for a folder. */
	bool from_dir = is_directory(from->existing), to_dir = flags & RENAME_EXCHANGE ? is_directory(to->existing) : from_dir;
	if ((!from_dir && has_trailing_slash(from)) || (!to_dir && has_trailing_slash(to)))
		return -ENOTDIR;
	/* Neither may be an ancestor of the other. */
	if (is_directory(from->existing) && inode_is_below(to->dir.inode, from->existing))
		return -EINVAL;
	if (to->existing && is_directory(to->existing) && inode_is_below(from->dir.inode, to->existing))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_rename(const struct place *from, const struct place *to, uint32_t flags, const struct credentials *cred)
{
	int r = may_remove(&from->dir, from->existing, cred);
	if (!r)
		r = to->existing ? may_remove(&to->dir, to->existing, cred) : directory_writable(&to->dir, cred);
	if (!r)
		r = check_types(from, to, flags);
	if (!r)
		r = check_moved_directory(from, to, cred);
	if (!r && to->existing && is_directory(to->existing) && (flags & RENAME_EXCHANGE))
		r = check_moved_directory(to, from, cred);
	return r;
}

bool rename_flags_good(uint32_t flags)
{
	if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return false;
	return !(flags & RENAME_EXCHANGE) || flags == RENAME_EXCHANGE;
}

int vfs_rename(struct thread *thread, int from_dirfd, const char *from_path, int to_dirfd, const char *to_path,
               int to_error, uint32_t flags)
{
	struct place from, to;
	if (!rename_flags_good(flags))
		return -EINVAL;
	int r = place_find_any(thread, from_dirfd, from_path, &from);
	if (r)
		return r;
	r = to_error ? to_error : place_find_any(thread, to_dirfd, to_path, &to);
	if (r) {
		place_put(&from);
		return r;
	}
	r = check_names(&from, &to, flags);
	/* Two names of one file: nothing to do, nor to be allowed. */
	if (!r && from.existing != to.existing)
		r = check_rename(&from, &to, flags, &thread->cred);
	struct inode *dir = from.dir.inode, *whiteout = NULL;
	if (!r && !dir->ops->rename)
		r = -EPERM;
	bool moves = !r && from.existing != to.existing;
	if (moves && (flags & RENAME_WHITEOUT))
		r = dir->ops->create(dir, "", 0, S_IFCHR, 0, &thread->cred, &whiteout);
	if (moves && !r)
		r = dir->ops->rename(dir, from.name, from.length, from.existing, to.dir.inode, to.name, to.length,
		                     to.existing, flags, whiteout);
	if (moves && !r) {
		notify_move(dir, from.name, from.length, from.existing, to.dir.inode, to.name, to.length,
		            flags & RENAME_EXCHANGE ? to.existing : NULL);
		if (to.existing && !(flags & RENAME_EXCHANGE) && !is_directory(to.existing))
			notify_self(to.existing, IN_ATTRIB);
	}
	if (whiteout)
		inode_put(whiteout);
	place_put(&to);
	place_put(&from);
	return r;
}
