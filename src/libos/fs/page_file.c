/* Reading and writing regular files whose content is in page-cache frames (inode_ops.page). */
#include <libos/fs/internal.h>

static int64_t read_pages(struct file *file, struct io *io, uint64_t *position)
{
	struct inode *inode = file->path.inode;
	uint64_t at = *position, done = 0;
	int64_t r = 0;
	if (at >= inode->size)
		return 0;
	uint64_t want = min_u64(io->remaining, inode->size - at);
	while (done < want) {
		uint64_t offset = at % PAGE_SIZE, n = min_u64(PAGE_SIZE - offset, want - done);
		exo_frame_t frame;
		r = inode->ops->page(inode, at >> PAGE_SHIFT, false, &frame);
		if (r)
			break;
		if (frame == FRAME_NONE) {
			r = io_put_zero(io, n);
		} else {
			r = io_put(io, (const char *)frame_ptr(frame) + offset, n);
			frame_put(frame);
		}
		if (r <= 0)
			break;
		at += (uint64_t)r;
		done += (uint64_t)r;
		if ((uint64_t)r < n)
			break;
		(void)sched_worked(&libos.sched, 1);
	}
	if (done && !(file->flags & O_NOATIME))
		inode_touch_atime(inode, file->path.mount);
	*position = at;
	return done ? (int64_t)done : r;
}

static int64_t page_file_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct inode *inode = file->path.inode;
	(void)thread;
	inode_enter(inode);
	int64_t r = read_pages(file, io, position);
	inode_leave(inode);
	return r;
}

/* How much may be written at `at` under RLIMIT_FSIZE and the largest size; or -EFBIG, with the signal sent. */
static int64_t allowed(struct thread *thread, uint64_t at, uint64_t want)
{
	uint64_t limit = thread ? thread->process->limits[RLIMIT_FSIZE].soft : UINT64_MAX;
	if (want && at >= limit) {
		struct signal_info info = { .signo = SIGXFSZ, .code = SI_USER, .pid = thread->process->pid,
		                            .uid = thread->cred.uid };
		signal_send_thread(thread, &info);
		return -EFBIG;
	}
	limit = min_u64(limit, FILE_SIZE_MAX);
	if (want && at >= limit)
		return -EFBIG;
	return (int64_t)min_u64(want, limit - at);
}

static int64_t write_pages(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct inode *inode = file->path.inode;
	if ((io->flags & RWF_APPEND) || ((file->flags & O_APPEND) && !(io->flags & RWF_NOAPPEND)))
		*position = inode->size;
	uint64_t at = *position, first = at >> PAGE_SHIFT, done = 0;
	int64_t r = io->remaining ? allowed(thread, at, io->remaining) : 0;
	if (r <= 0)
		return r;
	uint64_t want = (uint64_t)r;
	if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	while (done < want) {
		uint64_t offset = at % PAGE_SIZE, n = min_u64(PAGE_SIZE - offset, want - done);
		exo_frame_t frame;
		if ((inode->seals & F_SEAL_GROW) && at + n > inode->size) {
			r = -EPERM;
			break;
		}
		r = inode->ops->page(inode, at >> PAGE_SHIFT, true, &frame);
		if (r)
			break;
		r = io_get(io, (char *)frame_ptr(frame) + offset, n);
		frame_put(frame);
		if (r <= 0)
			break;
		at += (uint64_t)r;
		done += (uint64_t)r;
		if ((uint64_t)r < n)
			break;
		(void)sched_worked(&libos.sched, 1);
	}
	if (!done)
		return r;
	if (at > inode->size)
		inode->size = at;
	if (inode->text)
		vm_inode_changed(inode, first, (at - 1) >> PAGE_SHIFT);
	if (thread)
		inode_drop_setid(inode, &thread->cred);
	inode_modified(inode);
	*position = at;
	return (int64_t)done;
}

static int64_t page_file_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct inode *inode = file->path.inode;
	inode_enter(inode);
	int64_t r = write_pages(file, thread, io, position);
	inode_leave(inode);
	return r;
}

static int64_t seek_data(const struct file *file, uint64_t offset, bool data)
{
	struct inode *inode = file->path.inode;
	if (offset >= inode->size)
		return -ENXIO;
	if (!inode->ops->next_page)
		return (int64_t)(data ? offset : inode->size);
	uint64_t end = PAGE_UP(inode->size) >> PAGE_SHIFT;
	uint64_t index = inode->ops->next_page(inode, offset >> PAGE_SHIFT, end, data);
	if (index == end)
		return data ? -ENXIO : (int64_t)inode->size;
	uint64_t found = index << PAGE_SHIFT;
	return (int64_t)(found > offset ? found : offset);
}

static int64_t page_file_seek(struct file *file, int64_t offset, int whence)
{
	int64_t base = 0;
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = (int64_t)file->position;
		break;
	case SEEK_END:
		base = (int64_t)file->path.inode->size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (offset < 0)
			return -ENXIO;
		offset = seek_data(file, (uint64_t)offset, whence == SEEK_DATA);
		if (offset < 0)
			return offset;
		break;
	default:
		return -EINVAL;
	}
	int64_t to;
	if (__builtin_add_overflow(base, offset, &to))
		return -EINVAL;
	if (to < 0)
		return -EINVAL;
	file->position = (uint64_t)to;
	return to;
}

const struct file_ops page_file_ops = {
	.read = page_file_read,
	.write = page_file_write,
	.seek = page_file_seek,
	.splices = SPLICE_FROM | SPLICE_TO | SPLICE_PAGES,
	.rwf = RWF_FILE,
};
