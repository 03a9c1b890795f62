/* Changing an inode's size, mode and owner. */
#include <libos/fs/notify.h>

static void attributes_changed(struct inode *inode)
{
	inode->ctime = vfs_now();
	if (inode->ops->setattr)
		inode->ops->setattr(inode);
	notify_inode(inode, IN_ATTRIB);
}

bool inode_owned(const struct inode *inode, const struct credentials *cred)
{
	return cred->fsuid == inode->uid || privileged(cred, PRIV_OWNER);
}

bool cred_may_setgid(const struct credentials *cred, uint32_t gid)
{
	return cred_in_group(cred, gid) || privileged(cred, PRIV_KEEP_SETID);
}

/* Without x for the group the bit does not make a program of it; whoever may set it keeps it then. */
static uint32_t setid_to_drop(const struct inode *inode, const struct credentials *cred)
{
	uint32_t drop = inode->mode & S_ISUID;
	if ((inode->mode & S_ISGID) && ((inode->mode & 0010) || !cred_may_setgid(cred, inode->gid)))
		drop |= S_ISGID;
	return drop;
}

void inode_drop_setid(struct inode *inode, const struct credentials *cred)
{
	/* Capabilities go whoever it is. */
	file_caps_drop(inode);
	if (is_type(inode, S_IFREG) && !privileged(cred, PRIV_KEEP_SETID))
		inode->mode &= ~setid_to_drop(inode, cred);
}

int vfs_too_large(struct thread *thread)
{
	const struct process *p = thread->process;
	struct signal_info info = { .signo = SIGXFSZ, .code = SI_USER, .pid = p->pid, .uid = p->cred.uid };
	signal_send_thread(thread, &info);
	return -EFBIG;
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
	if (size > inode->size && size > p->limits[RLIMIT_FSIZE].soft)
		return vfs_too_large(thread);
	inode_get(inode); /* another thread may close the file meanwhile */
	inode_enter(inode);
	r = inode->ops->truncate(inode, size);
	if (!r) {
		inode_drop_setid(inode, &thread->cred);
		inode_modified(inode);
	}
	inode_leave(inode);
	if (!r)
		notify_inode(inode, IN_MODIFY);
	inode_put(inode);
	return r;
}

int vfs_chmod(struct thread *thread, const struct path *path, uint32_t mode)
{
	const struct credentials *cred = &thread->cred;
	struct inode *inode = path->inode;
	int r = inode_is_anon(inode) ? -EOPNOTSUPP : path_writable(path);
	if (r)
		return r;
	if (!inode_owned(inode, cred))
		return -EPERM;
	if (is_type(inode, S_IFLNK))
		return -EOPNOTSUPP;
	mode &= 07777;
	if ((inode->seals & F_SEAL_EXEC) && ((inode->mode ^ mode) & 0111))
		return -EPERM;
	if (!cred_may_setgid(cred, inode->gid))
		mode &= ~(uint32_t)S_ISGID;
	inode->mode = (inode->mode & S_IFMT) | mode;
	attributes_changed(inode);
	return 0;
}

int vfs_chown(struct thread *thread, const struct path *path, uint32_t uid, uint32_t gid)
{
	const struct credentials *cred = &thread->cred;
	struct inode *inode = path->inode;
	int r = inode_is_anon(inode) ? -EOPNOTSUPP : path_writable(path);
	if (r)
		return r;
	if (!privileged(cred, PRIV_CHOWN)) {
		bool own = cred->fsuid == inode->uid;
		if (uid != UINT32_MAX && !(own && uid == inode->uid))
			return -EPERM;
		if (gid != UINT32_MAX && !(own && (gid == inode->gid || cred_in_group(cred, gid))))
			return -EPERM;
	}
	if (!is_directory(inode) && setid_to_drop(inode, cred) && !inode_owned(inode, cred))
		return -EPERM;
	/* The set-id bits were the old owner's, so root's chown takes them too. */
	if (!is_directory(inode)) {
		inode->mode &= ~setid_to_drop(inode, cred);
		file_caps_drop(inode);
	}
	if (uid != UINT32_MAX)
		inode->uid = uid;
	if (gid != UINT32_MAX)
		inode->gid = gid;
	attributes_changed(inode);
	return 0;
}
