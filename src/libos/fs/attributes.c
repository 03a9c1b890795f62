/* Changing an inode's size, mode and owner. */
#include <libos/fs/internal.h>

static void attributes_changed(struct inode *inode)
{
	inode->ctime = vfs_now();
	if (inode->ops->setattr)
		inode->ops->setattr(inode);
}

void inode_drop_setid(struct inode *inode, const struct credentials *cred)
{
	if (!(inode->mode & (S_ISUID | S_ISGID)) || is_directory(inode) || cred_is_root(cred))
		return;
	inode->mode &= ~(uint32_t)S_ISUID;
	if (inode->mode & 010)
		inode->mode &= ~(uint32_t)S_ISGID;
}

int vfs_truncate(struct thread *thread, const struct path *path, uint64_t size)
{
	struct inode *inode = path->inode;
	struct process *p = thread->process;
	int r = path_writable(path);
	if (r)
		return r;
	if (!inode->ops->truncate)
		return -EINVAL;
	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	if (size > inode->size && size > p->limits[RLIMIT_FSIZE].soft) {
		struct signal_info info = { .signo = SIGXFSZ, .code = SI_USER, .pid = p->pid, .uid = p->cred.uid };
		signal_send_thread(thread, &info);
		return -EFBIG;
	}
	r = inode->ops->truncate(inode, size);
	if (!r) {
		inode_drop_setid(inode, &p->cred);
		inode_modified(inode);
	}
	return r;
}

int vfs_chmod(struct thread *thread, const struct path *path, uint32_t mode)
{
	const struct credentials *cred = &thread->process->cred;
	struct inode *inode = path->inode;
	int r = path_writable(path);
	if (r)
		return r;
	if (!cred_is_root(cred) && cred->fsuid != inode->uid)
		return -EPERM;
	if (is_type(inode, S_IFLNK))
		return -EOPNOTSUPP;
	mode &= 07777;
	if (!cred_is_root(cred) && cred->fsgid != inode->gid && !cred_in_group(cred, inode->gid))
		mode &= ~(uint32_t)S_ISGID;
	inode->mode = (inode->mode & S_IFMT) | mode;
	attributes_changed(inode);
	return 0;
}

int vfs_chown(struct thread *thread, const struct path *path, uint32_t uid, uint32_t gid)
{
	const struct credentials *cred = &thread->process->cred;
	struct inode *inode = path->inode;
	int r = path_writable(path);
	if (r)
		return r;
	if (!cred_is_root(cred)) {
		if (cred->fsuid != inode->uid || (uid != UINT32_MAX && uid != inode->uid))
			return -EPERM;
		if (gid != UINT32_MAX && gid != inode->gid && gid != cred->fsgid && !cred_in_group(cred, gid))
			return -EPERM;
	}
	if (uid != UINT32_MAX)
		inode->uid = uid;
	if (gid != UINT32_MAX)
		inode->gid = gid;
	if (!is_directory(inode) && (inode->mode & 0111)) {
		/* The set-id bits were the old owner's. */
		inode->mode &= ~(uint32_t)S_ISUID;
		if (inode->mode & 010)
			inode->mode &= ~(uint32_t)S_ISGID;
	}
	attributes_changed(inode);
	return 0;
}
