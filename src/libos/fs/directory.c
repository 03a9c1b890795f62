/* Open directories: getdents in both layouts. */
#include <libos/fs/notify.h>

/* struct linux_dirent64 and the older struct linux_dirent; the record size is a multiple of 8. */
#define DIRENT64_HEADER 19u
#define DIRENT_HEADER   18u
#define DIRENT_MAX      ((DIRENT64_HEADER + NAME_LENGTH_MAX + 1 + 7) & ~7u)

struct listing {
	struct io *io;
	uint64_t position; /* after the last entry given out */
	bool old_layout;
	int result;        /* -EINVAL: the first does not fit; -EFAULT */
	uint64_t count;
};

static bool emit(void *arg, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next)
{
	struct listing *l = arg;
	uint8_t record[DIRENT_MAX];
	size_t header = l->old_layout ? DIRENT_HEADER : DIRENT64_HEADER;
	size_t size = (header + length + 1 + (l->old_layout ? 1 : 0) + 7) & ~(size_t)7;
	uint16_t size16 = (uint16_t)size;
	uint8_t dtype = (uint8_t)(type >> 12);
	if (length > NAME_LENGTH_MAX)
		return true;
	if (size > l->io->remaining) {
		if (!l->count)
			l->result = -EINVAL;
		return false;
	}
	memset(record, 0, size);
	memcpy(record, &ino, 8);
	memcpy(record + 8, &next, 8);
	memcpy(record + 16, &size16, 2);
	memcpy(record + header, name, length);
	record[l->old_layout ? size - 1 : 18] = dtype;
	if (io_put(l->io, record, size) != (int64_t)size) {
		if (!l->count)
			l->result = -EFAULT;
		return false;
	}
	l->count += size;
	l->position = next;
	return true;
}

static uint64_t parent_ino(const struct path *path)
{
	const struct mount *m = path->mount;
	struct inode *at = path->inode;
	while (m && at == m->root && m->parent) {
		at = m->covered;
		m = m->parent;
	}
	struct inode *up = at->ops->parent ? at->ops->parent(at) : NULL;
	uint64_t ino = up ? up->ino : at->ino;
	inode_put(up);
	return ino;
}

/* Fills io with records; bytes or -errno. */
int64_t directory_list(struct file *file, struct io *io, bool old_layout)
{
	struct inode *dir = file->path.inode;
	struct listing l = { .io = io, .position = file->position, .old_layout = old_layout };
	bool more = true;
	if (!dir || !is_directory(dir) || !dir->ops->readdir)
		return -ENOTDIR;
	if (dir->nlink == 0)
		return -ENOENT;
	if (l.position == 0)
		more = emit(&l, ".", 1, dir->ino, S_IFDIR, 1);
	if (more && l.position == 1)
		more = emit(&l, "..", 2, parent_ino(&file->path), S_IFDIR, 2);
	int r = more ? dir->ops->readdir(dir, l.position, emit, &l) : 0;
	file->position = l.position;
	if (!l.count && (r || l.result))
		return r ? r : l.result;
	inode_touch_atime(dir, file->path.mount);
	notify_inode(dir, IN_ACCESS);
	return (int64_t)l.count;
}

static int64_t directory_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	(void)file, (void)thread, (void)io, (void)position;
	return -EISDIR;
}

static int64_t directory_seek(struct file *file, int64_t offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += (int64_t)file->position;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	file->position = (uint64_t)offset;
	return offset;
}

const struct file_ops directory_file_ops = {
	.read = directory_read,
	.seek = directory_seek,
};
