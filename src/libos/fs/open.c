/* Open files: making them, opening paths, dropping them. */
#include <libos/fs/notify.h>

const struct file_ops path_only_file_ops = { 0 };

int files_check(const struct credentials *cred)
{
	return libos.vfs.file_live >= FD_MAX && !privileged(cred, PRIV_FILES) ? -ENFILE : 0;
}

struct file *file_new(const struct file_ops *ops, uint32_t flags)
{
	struct file *file = heap_zalloc(sizeof(*file));
	if (!file)
		return NULL;
	file->refs = 1;
	file->flags = flags;
	file->ops = ops;
	libos.vfs.file_live++;
	return file;
}

void file_get(struct file *file)
{
	file->refs++;
}

static void write_end(struct file *file)
{
	inode_write_end(file->path.inode);
	if (file->path.mount)
		file->path.mount->writers--;
}

void file_put(struct file *file)
{
	if (!file || --file->refs)
		return;
	if (file->opened)
		notify_inode(file->path.inode, file_writable(file) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (file->watches)
		epoll_file_gone(file);
	if (file->path.inode && file->path.inode->locks)
		locks_release(file->path.inode, file);
	if (file->ops && file->ops->release)
		file->ops->release(file);
	if (file->writes)
		write_end(file);
	if (file->runs)
		inode_run_end(file->path.inode);
	path_put(&file->path);
	heap_free(file);
	libos.vfs.file_live--;
}

int64_t file_read_at(struct file *file, void *to, uint64_t size, uint64_t offset)
{
	struct io_vec vec = { (uint64_t)(uintptr_t)to, size };
	struct io io;
	if (!file->ops->read)
		return -EINVAL;
	io_init(&io, NULL, &vec, 1);
	return file->ops->read(file, NULL, &io, &offset);
}

static uint32_t access_needed(int flags)
{
	static const uint8_t may[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	uint32_t need = may[flags & O_ACCMODE];
	if (flags & O_EXEC_INTERNAL)
		need = MAY_EXEC;
	if (flags & O_TRUNC)
		need |= MAY_WRITE;
	return need;
}

static int check_open(struct thread *thread, const struct path *path, int flags)
{
	const struct credentials *cred = &thread->cred;
	struct inode *inode = path->inode;
	uint32_t need = access_needed(flags);
	if (is_type(inode, S_IFLNK))
		return -ELOOP;
	if ((flags & O_EXEC_INTERNAL) && !is_type(inode, S_IFREG))
		return -EACCES;
	if ((flags & O_EXEC_INTERNAL) && path->mount && (path->mount->flags & MS_NOEXEC))
		return -EACCES;
	if (is_directory(inode) && (need & MAY_WRITE))
		return -EISDIR;
	if ((is_type(inode, S_IFCHR) || is_type(inode, S_IFBLK)) && path->mount && (path->mount->flags & MS_NODEV))
		return -EACCES;
	/* Writing to a device or a FIFO does not change a read-only file system. */
	if ((need & MAY_WRITE) && (is_type(inode, S_IFREG)) && path_writable(path))
		return -EROFS;
	if ((flags & O_NOATIME) && !inode_owned(inode, cred))
		return -EPERM;
	int r = inode_permission(inode, cred, need);
	return r && inode->ops->own && inode->ops->own(inode, thread) ? 0 : r;
}

static int start_file(struct file *file, struct thread *thread)
{
	struct inode *inode = file->path.inode;
	switch (inode->mode & S_IFMT) {
	case S_IFIFO:
		return fifo_open(inode, file, thread);
	case S_IFCHR:
		return device_open(inode, file, thread);
	case S_IFBLK:
	case S_IFSOCK:
		return -ENXIO;
	default:
		return inode->ops->open ? inode->ops->open(inode, file, thread) : -ENXIO;
	}
}

/* Programs that run, and what is open for writing, exclude each other. */
static int claim(struct file *file, int flags)
{
	struct inode *inode = file->path.inode;
	int r = 0;
	if (!is_type(inode, S_IFREG))
		return 0;
	if (flags & O_EXEC_INTERNAL) {
		r = inode_run_start(inode);
		file->runs = !r;
	} else if (file_writable(file)) {
		r = inode_write_start(inode);
		file->writes = !r;
		if (!r && file->path.mount)
			file->path.mount->writers++;
	}
	return r;
}

/* O_TRUNC may come with O_RDONLY. */
static int empty(struct file *file, struct thread *thread)
{
	struct inode *inode = file->path.inode;
	int r;
	if (!is_type(inode, S_IFREG) || !inode->ops->truncate)
		return 0;
	r = inode_write_start(inode);
	if (r)
		return r;
	r = vfs_truncate(thread, &file->path, 0);
	inode_write_end(inode);
	return r;
}

/* The file for an inode that was found and checked; the path's references are taken over, also on failure. */
static int make_file(struct thread *thread, struct path *path, int flags, bool created, struct file **made)
{
	struct file *file = file_new(&path_only_file_ops, (uint32_t)flags & ~(uint32_t)(O_CREAT | O_EXCL | O_CLOEXEC |
	                             O_TRUNC | O_EXEC_INTERNAL));
	if (!file) {
		path_put(path);
		return -ENOMEM;
	}
	file->flags |= O_LARGEFILE;
	file->path = *path;
	*path = (struct path){ NULL, NULL };
	int r = 0;
	if (flags & O_PATH) {
		file->flags = (uint32_t)flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
	} else {
		/* O_NOCTTY means something to the terminal only while it is being opened. */
		r = claim(file, flags);
		if (!r)
			r = start_file(file, thread);
		if (!r) {
			file->opened = true;
			notify_inode(file->path.inode, IN_OPEN);
		}
		if (!r && (file->flags & O_DIRECT) && !inode_takes_direct(file->path.inode))
			r = -EINVAL;
		if (!r && (flags & O_TRUNC) && !created)
			r = empty(file, thread);
		file->flags &= ~(uint32_t)O_NOCTTY;
	}
	if (r) {
		file_put(file);
		return r;
	}
	*made = file;
	return 0;
}

int open_inode(struct thread *thread, struct inode *inode, int flags, struct file **made)
{
	struct path path = { NULL, inode };
	return make_file(thread, &path, flags, true, made);
}

int open_path(struct thread *thread, const struct path *path, int flags, struct file **made)
{
	struct path own;
	path_set(&own, path->mount, path->inode);
	return make_file(thread, &own, flags, false, made);
}

static int open_existing(struct thread *thread, struct path *path, int flags, struct file **made)
{
	int r = 0;
	if ((flags & O_DIRECTORY) && !is_directory(path->inode))
		r = -ENOTDIR;
	if (!r && !(flags & O_PATH))
		r = check_open(thread, path, flags);
	if (r) {
		path_put(path);
		return r;
	}
	return make_file(thread, path, flags, false, made);
}

static int open_unnamed(struct thread *thread, struct path *dir, int flags, uint32_t mode, struct file **made)
{
	const struct credentials *cred = &thread->cred;
	struct inode *inode = NULL;
	int r = directory_writable(dir, cred);
	if (!r && !inode_is_tmpfs(dir->inode))
		r = -EOPNOTSUPP;
	if (!r)
		r = dir->inode->ops->create(dir->inode, "", 0, mode_for_new(thread, dir->inode, S_IFREG | (mode & 07777)), 0, cred,
		                            &inode);
	if (!r) {
		if (flags & O_EXCL)
			tmpfs_never_link(inode);
		inode_put(dir->inode);
		dir->inode = inode;
		return make_file(thread, dir, flags, true, made);
	}
	path_put(dir);
	return r;
}

/* The last component is missing in w->at: makes it. */
static int create_last(struct walk *w, int flags, uint32_t mode, struct file **made)
{
	struct path path;
	struct inode *dir = w->at.inode, *inode;
	int r = directory_writable(&w->at, w->cred);
	if (r)
		return r;
	if (!dir->ops->create)
		return -EACCES;
	mode = mode_for_new(w->thread, dir, S_IFREG | (mode & 07777));
	r = dir->ops->create(dir, w->name, w->length, mode, 0, w->cred, &inode);
	if (r)
		return r;
	notify_name(dir, w->name, w->length, IN_CREATE);
	path_set(&path, w->at.mount, inode);
	inode_put(inode);
	return make_file(w->thread, &path, flags, true, made);
}

/* The path ended at w->at itself: "/", or what a magic link of /proc leads to. */
static int open_walked(struct walk *w, int flags, struct file **made)
{
	struct path found = w->at;
	if (flags & O_EXCL)
		return -EEXIST;
	if (is_directory(found.inode))
		return -EISDIR;
	path_get(&found);
	return open_existing(w->thread, &found, flags, made);
}

static int open_or_create(struct walk *w, int flags, uint32_t mode, struct file **made)
{
	for (;;) {
		struct path found;
		int r = walk_last(w);
		if (r)
			return r;
		if (!w->length)
			return open_walked(w, flags, made);
		if (w->trailing)
			return -EISDIR;
		r = walk_lookup(w, &found);
		if (r == -ENOENT)
			return create_last(w, flags, mode, made);
		if (r)
			return r;
		bool link = is_type(found.inode, S_IFLNK);
		if (flags & O_EXCL)
			r = -EEXIST;
		else if (link && (flags & O_NOFOLLOW))
			r = -ELOOP;
		else if (link)
			r = walk_follow(w, &found);
		else if (is_directory(found.inode))
			r = -EISDIR;
		else
			return open_existing(w->thread, &found, flags, made);
		path_put(&found);
		if (r)
			return r;
	}
}

int vfs_open(struct thread *thread, int dirfd, const char *path, int flags, uint32_t mode, struct file **file)
{
	if (files_check(&thread->cred))
		return -ENFILE;
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((flags & O_TMPFILE) == O_TMPFILE || !(flags & O_CREAT)) {
		struct path found;
		uint32_t walk_flags = (flags & O_NOFOLLOW ? WALK_NOFOLLOW : 0) | (flags & O_DIRECTORY ? WALK_DIRECTORY : 0);
		int r = path_walk(thread, dirfd, path, walk_flags, &found);
		if (r)
			return r;
		if ((flags & O_TMPFILE) == O_TMPFILE)
			return open_unnamed(thread, &found, flags, mode, file);
		return open_existing(thread, &found, flags, file);
	}
	if (flags & O_DIRECTORY)
		return -EINVAL;
	struct walk w;
	int r = walk_begin(&w, thread, &thread->cred, dirfd, path, 0);
	if (r)
		return r;
	r = open_or_create(&w, flags, mode, file);
	walk_end(&w);
	return r;
}
