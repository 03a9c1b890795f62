/* Inodes, paths and the per-process file-system context: references, permissions, times. */
#include <libos/fs/notify.h>

struct timestamp vfs_now(void)
{
	uint64_t ns = libos_realtime();
	return (struct timestamp){ (int64_t)(ns / 1000000000), (uint32_t)(ns % 1000000000) };
}

void inode_init(struct inode *inode, struct super *super, const struct inode_ops *ops, uint32_t mode,
                const struct credentials *cred)
{
	*inode = (struct inode){ .refs = 1, .mode = mode, .nlink = 1, .ops = ops, .super = super };
	waitq_init(&inode->change_wait);
	inode->uid = cred ? cred->fsuid : 0;
	inode->gid = cred ? cred->fsgid : 0;
	inode->ino = ++super->next_ino;
	inode->atime = inode->mtime = inode->ctime = inode->btime = vfs_now();
	super->inode_count++;
	libos.vfs.inode_live++;
}

void super_put(struct super *super)
{
	if (--super->inode_count == 0 && super != &libos.vfs.pipes && super != &libos.vfs.sockets)
		heap_free(super);
}

void inode_fini(struct inode *inode)
{
	struct super *super = inode->super;
	libos.vfs.inode_live--;
	super_put(super);
}

void inode_enter(struct inode *inode)
{
	struct thread *self = libos.sched.current;

	if (!self)
		return; /* at boot there is nobody else */
	while (inode->changing)
		(void)wait_on(self, &inode->change_wait, NO_DEADLINE, false);
	inode->changing = self;
}

void inode_leave(struct inode *inode)
{
	inode->changing = NULL;
	if (!list_empty(&inode->change_wait.waiters))
		waitq_wake(&inode->change_wait, 1);
}

void inode_get(struct inode *inode)
{
	inode->refs++;
}

/* The last reference is gone; what it held is the caller's to put. */
static struct inode *inode_release(struct inode *inode)
{
	/* release() frees the inode's memory, so the super is looked up first. */
	struct super *super = inode->super;
	struct inode *held;
	if (inode->locks)
		locks_drop_all(inode);
	if (inode->pipe)
		pipe_free(inode);
	if (inode->text || inode->mapped_shared || is_type(inode, S_IFREG))
		vm_inode_forget(inode);
	held = inode->ops->release(inode);
	libos.vfs.inode_live--;
	super_put(super);
	return held;
}

int inode_write_start(struct inode *inode)
{
	if (inode->writers < 0)
		return -ETXTBSY;
	inode->writers++;
	return 0;
}

void inode_write_end(struct inode *inode)
{
	inode->writers--;
}

int inode_run_start(struct inode *inode)
{
	if (inode->writers > 0)
		return -ETXTBSY;
	inode->writers--;
	return 0;
}

void inode_run_end(struct inode *inode)
{
	inode->writers++;
}

void inode_put(struct inode *inode)
{
	while (inode) {
		inode->refs--;
		if (inode->watches)
			inode->refs -= notify_put(inode);
		if (inode->refs)
			return;
		inode = inode_release(inode);
	}
}

int inode_permission(const struct inode *inode, const struct credentials *cred, uint32_t may)
{
	uint32_t mode = inode->mode, somebody = mode & 0111;
	bool directory = is_directory(inode);
	if (cred->fsuid == inode->uid)
		mode >>= 6;
	else if (cred_in_group(cred, inode->gid))
		mode >>= 3;
	if (!(may & ~mode & 7))
		return 0;
	/* Not even root executes a file that nobody may. */
	if ((directory || !(may & MAY_EXEC) || somebody) && privileged(cred, PRIV_ACCESS))
		return 0;
	if ((directory ? !(may & MAY_WRITE) : may == MAY_READ) && privileged(cred, PRIV_SEARCH))
		return 0;
	return -EACCES;
}

static bool is_before(struct timestamp a, struct timestamp b)
{
	return a.seconds < b.seconds || (a.seconds == b.seconds && a.ns < b.ns);
}

/* Linux's relatime: only when the file changed since the last access, or a day has passed. */
void inode_touch_atime(struct inode *inode, const struct mount *mount)
{
	bool relative = !mount || (mount->flags & MS_RELATIME);
	if (mount && (mount_readonly(mount) || (mount->flags & MS_NOATIME) || ((mount->flags & MS_NODIRATIME) && is_directory(inode))))
		return;
	if (relative && is_before(inode->mtime, inode->atime) && is_before(inode->ctime, inode->atime)) {
		struct timestamp now = vfs_now();
		if (now.seconds - inode->atime.seconds >= 86400)
			inode->atime = now;
		return;
	}
	inode->atime = vfs_now();
}

void inode_modified(struct inode *inode)
{
	inode->mtime = inode->ctime = vfs_now();
}

void path_set(struct path *path, struct mount *mount, struct inode *inode)
{
	path->mount = mount;
	path->inode = inode;
	path_get(path);
}

void path_get(struct path *path)
{
	if (path->inode)
		path->inode->refs++;
	if (path->mount)
		path->mount->refs++;
}

void path_put(struct path *path)
{
	struct inode *inode = path->inode;
	struct mount *mount = path->mount;
	path->inode = NULL;
	path->mount = NULL;
	inode_put(inode);
	if (mount)
		mount_put(mount);
}

bool path_equal(const struct path *a, const struct path *b)
{
	return a->inode == b->inode && a->mount == b->mount;
}

int path_writable(const struct path *path)
{
	return path->mount && mount_readonly(path->mount) ? -EROFS : 0;
}

struct fs_context *fs_context_new(void)
{
	struct fs_context *fs = heap_zalloc(sizeof(*fs));
	if (!fs)
		return NULL;
	fs->refs = 1;
	fs->umask = 022;
	path_set(&fs->root, libos.vfs.root, libos.vfs.root->root);
	path_set(&fs->cwd, libos.vfs.root, libos.vfs.root->root);
	return fs;
}

struct fs_context *fs_context_copy(const struct fs_context *from)
{
	struct fs_context *fs = heap_alloc(sizeof(*fs));
	if (!fs)
		return NULL;
	*fs = *from;
	fs->refs = 1;
	path_get(&fs->root);
	path_get(&fs->cwd);
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	if (!fs || --fs->refs)
		return;
	path_put(&fs->cwd);
	path_put(&fs->root);
	heap_free(fs);
}
