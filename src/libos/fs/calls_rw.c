/* System calls that move bytes: read, write and their vector and positioned kin, lseek. */
#include <libos/fs/notify.h>

#define IOV_MAX 1024u
/* Linux's TASK_SIZE_MAX (arch/x86/include/asm/page_64_types.h): what a call may name at all, whatever is mapped there. */
#define ADDRESS_LIMIT UINT64_C(0x7ffffffff000)

bool io_address_good(uint64_t address, uint64_t size)
{
	return address <= ADDRESS_LIMIT && size <= ADDRESS_LIMIT - address;
}

/* What ends beyond the largest offset is refused, whatever the file has there. */
static bool ends_too_far(const struct file *file, const struct io *io, const uint64_t *position)
{
	return file->ops->seek && io->remaining > INT64_MAX - min_u64(*position, INT64_MAX);
}

/* What comes before the program's own buffers are looked at. */
static int check_readable(const struct file *file)
{
	if (!file || !file_readable(file))
		return -EBADF;
	return file->ops->read ? 0 : -EINVAL;
}

static int check_writable(const struct file *file)
{
	if (!file || !file_writable(file))
		return -EBADF;
	return file->ops->write ? 0 : -EINVAL;
}

/* preadv2, pwritev2: what they ask for beside. */
static int check_flags(const struct file *file, uint32_t flags)
{
	const uint32_t both = RWF_APPEND | RWF_NOAPPEND;
	bool known = !(flags & ~(file->ops->rwf | RWF_NOWAIT | RWF_HIPRI));
	if (!known || (flags & both) == both)
		return known ? -EINVAL : -EOPNOTSUPP;
	if (!(flags & RWF_NOWAIT))
		return 0;
	/* A FIFO has the calls of a pipe, but for this. */
	bool fifo = file->path.inode->pipe && file->path.inode->super != &libos.vfs.pipes;
	return (file->ops->rwf & RWF_NOWAIT) && !fifo ? 0 : -EOPNOTSUPP;
}

/* Prepares *io, and checks what comes behind the list of parts. */
static int begin(struct thread *self, const struct file *file, const struct io_vec *vec, uint32_t count, const uint64_t *position,
                 uint32_t flags, struct io *io)
{
	io_init(io, self->process->space, vec, count);
	io->flags = flags;
	if (ends_too_far(file, io, position))
		return -EINVAL;
	return flags ? check_flags(file, flags) : 0;
}

/* Of what goes through a pipe, also one with a name, nobody is told. */
static void moved(const struct file *file, int64_t bytes, uint32_t mask)
{
	if (notify_is_on() && bytes > 0 && !file->path.inode->pipe)
		notify_inode_now(file->path.inode, mask);
}

static int64_t do_read(struct thread *self, struct file *file, const struct io_vec *vec, uint32_t count, uint64_t *position,
                       uint32_t flags)
{
	struct io io;
	int error = begin(self, file, vec, count, position, flags, &io);
	if (error)
		return error;
	bool held = file_hold(self, file);
	int64_t r = file->ops->read(file, self, &io, position);
	moved(file, r, IN_ACCESS);
	file_unhold(file, held);
	return r;
}

static int64_t do_write(struct thread *self, struct file *file, const struct io_vec *vec, uint32_t count, uint64_t *position,
                        uint32_t flags)
{
	struct io io;
	int error = begin(self, file, vec, count, position, flags, &io);
	if (error)
		return error;
	bool held = file_hold(self, file);
	int64_t r = file->ops->write(file, self, &io, position);
	moved(file, r, IN_MODIFY);
	file_unhold(file, held);
	return r;
}

/* A device that always does the same may be worth an answer program. */
static void consider(struct thread *self, const struct file *file, uint64_t fd)
{
	uint32_t known = file->ops->always & ((file_readable(file) ? FILE_EMPTY | FILE_ZEROES : 0u) |
	                                      (file_writable(file) ? FILE_SWALLOWS : 0u));
	if (known)
		answers_file(self, (uint32_t)fd, (uint8_t)known);
}

int64_t sys_read(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	struct io_vec vec = { args_[1], min_u64(args_[2], IO_SIZE_MAX) };
	int r = check_readable(file);
	if (!r && !io_address_good(args_[1], args_[2]))
		r = -EFAULT;
	if (r)
		return r;
	if (file->ops->always)
		consider(self, file, args_[0]);
	return do_read(self, file, &vec, 1, &file->position, 0);
}

int64_t sys_write(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	struct io_vec vec = { args_[1], min_u64(args_[2], IO_SIZE_MAX) };
	int r = check_writable(file);
	if (!r && !io_address_good(args_[1], args_[2]))
		r = -EFAULT;
	if (r)
		return r;
	if (file->ops->always)
		consider(self, file, args_[0]);
	return do_write(self, file, &vec, 1, &file->position, 0);
}

int user_vec_get(struct thread *self, uint64_t address, uint32_t count, struct user_vec *v)
{
	v->vec = v->inline_;
	v->count = count;
	if (count > IOV_MAX)
		return -EINVAL;
	if (count > IOV_INLINE) {
		v->vec = heap_alloc(count * sizeof(*v->vec));
		if (!v->vec)
			return -ENOMEM;
	}
	int r = count ? user_read(self->process->space, v->vec, address, count * sizeof(*v->vec)) : 0;
	uint64_t left = IO_SIZE_MAX;
	for (uint32_t i = 0; !r && i < v->count; i++) {
		if ((int64_t)v->vec[i].size < 0)
			r = -EINVAL;
		else if (!io_address_good(v->vec[i].address, min_u64(v->vec[i].size, IO_SIZE_MAX)))
			r = -EFAULT;
		v->vec[i].size = min_u64(v->vec[i].size, left);
		left -= v->vec[i].size;
	}
	v->total = IO_SIZE_MAX - left;
	if (r && v->vec != v->inline_)
		heap_free(v->vec);
	return r;
}

void user_vec_put(struct user_vec *v)
{
	if (v->vec != v->inline_)
		heap_free(v->vec);
}

typedef int64_t (*mover)(struct thread *self, struct file *file, const struct io_vec *vec, uint32_t count, uint64_t *position,
                         uint32_t flags);

static int check_direction(const struct file *file, mover move)
{
	return move == do_read ? check_readable(file) : check_writable(file);
}

/* position NULL: the file's own. */
static int64_t move_vec(struct thread *self, const uint64_t *args, struct file *file, mover move, uint64_t *position, uint32_t flags)
{
	struct user_vec v;
	int64_t r = check_direction(file, move);
	if (!r)
		r = user_vec_get(self, args[1], (uint32_t)args[2], &v);
	if (r)
		return r;
	r = v.total ? move(self, file, v.vec, v.count, position ? position : &file->position, flags) : 0;
	user_vec_put(&v);
	return r;
}

int64_t sys_readv(struct thread *self, const uint64_t *args_)
{
	return move_vec(self, args_, fd_io_file(self, args_[0]), do_read, NULL, 0);
}

int64_t sys_writev(struct thread *self, const uint64_t *args_)
{
	return move_vec(self, args_, fd_io_file(self, args_[0]), do_write, NULL, 0);
}

/* Positioned calls need a file that can seek, and leave its own position alone. */
static int check_positioned(const struct file *file, uint64_t position)
{
	if ((int64_t)position < 0)
		return -EINVAL;
	if (!file)
		return -EBADF;
	return file->ops->seek ? 0 : -ESPIPE;
}

static int64_t move_at(struct thread *self, const uint64_t *args, mover move)
{
	struct file *file = fd_io_file(self, args[0]);
	struct io_vec vec = { args[1], min_u64(args[2], IO_SIZE_MAX) };
	uint64_t position = args[3];
	int r = check_positioned(file, position);
	if (!r)
		r = check_direction(file, move);
	if (!r && !io_address_good(args[1], args[2]))
		r = -EFAULT;
	return r ? r : move(self, file, &vec, 1, &position, 0);
}

int64_t sys_pread64(struct thread *self, const uint64_t *args_)
{
	return move_at(self, args_, do_read);
}

int64_t sys_pwrite64(struct thread *self, const uint64_t *args_)
{
	return move_at(self, args_, do_write);
}

static int64_t move_vec_at(struct thread *self, const uint64_t *args, mover move, uint32_t flags)
{
	struct file *file = fd_io_file(self, args[0]);
	uint64_t position = args[3];
	int r = check_positioned(file, position);
	return r ? r : move_vec(self, args, file, move, &position, flags);
}

int64_t sys_preadv(struct thread *self, const uint64_t *args_)
{
	return move_vec_at(self, args_, do_read, 0);
}

int64_t sys_pwritev(struct thread *self, const uint64_t *args_)
{
	return move_vec_at(self, args_, do_write, 0);
}

/* At -1 they are readv() and writev() with flags. */
static int64_t move_vec_with_flags(struct thread *self, const uint64_t *args, mover move)
{
	uint32_t flags = (uint32_t)args[5];
	if (args[3] == UINT64_MAX)
		return move_vec(self, args, fd_io_file(self, args[0]), move, NULL, flags);
	return move_vec_at(self, args, move, flags);
}

int64_t sys_preadv2(struct thread *self, const uint64_t *args_)
{
	return move_vec_with_flags(self, args_, do_read);
}

int64_t sys_pwritev2(struct thread *self, const uint64_t *args_)
{
	return move_vec_with_flags(self, args_, do_write);
}

int64_t sys_lseek(struct thread *self, const uint64_t *args_)
{
	struct file *file = fd_io_file(self, args_[0]);
	uint32_t whence = (uint32_t)args_[2];
	if (!file)
		return -EBADF;
	if (whence > SEEK_HOLE)
		return -EINVAL;
	if (inode_is_anon(file->path.inode))
		return 0; /* it goes nowhere, and that is no mistake */
	return file->ops->seek ? file->ops->seek(file, (int64_t)args_[1], (int)whence) : -ESPIPE;
}
