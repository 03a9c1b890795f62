/* Sockets as files. */
#include <libos/net/socket.h>

static const struct file_ops socket_file_ops;

void socket_init(struct socket *s, uint16_t type, const struct socket_ops *ops, uint32_t uid)
{
	s->refs = 1;
	s->type = type;
	s->ops = ops;
	s->uid = uid;
	s->send_limit = s->receive_limit = SOCKET_BUFFER_DEFAULT;
	s->receive_ns = s->send_ns = NO_DEADLINE;
	s->low_water = 1;
	s->peek_offset = -1;
	s->peer = (struct ucred){ 0, UINT32_MAX, UINT32_MAX };
}

void socket_put(struct socket *s)
{
	if (!s || --s->refs)
		return;
	s->ops->destroy(s);
	user_uncharge(s->uid, USER_SOCKET_BYTES, s->charged);
	heap_free(s);
}

static struct inode *socket_inode_release(struct inode *inode)
{
	socket_put(LIST_ENTRY(inode, struct socket, inode));
	return NULL;
}

static const struct inode_ops socket_inode_ops = { .release = socket_inode_release };

struct file *socket_file(struct socket *s, const struct credentials *cred, uint32_t flags)
{
	struct file *file = file_new(&socket_file_ops, O_RDWR | (flags & O_NONBLOCK));
	if (!file) {
		s->ops->gone(s);
		socket_put(s);
		return NULL;
	}
	inode_init(&s->inode, &libos.vfs.sockets, &socket_inode_ops, S_IFSOCK | 0777, cred);
	file->path.inode = &s->inode;
	file->private_data = s;
	s->file = file;
	return file;
}

struct socket *socket_of_file(const struct file *file)
{
	return file->ops == &socket_file_ops ? file->private_data : NULL;
}

struct file *socket_file_of_fd(struct thread *self, uint64_t fd, int *error)
{
	struct file *file = fd_io_file(self, fd);
	*error = !file ? -EBADF : socket_of_file(file) ? 0 : -ENOTSOCK;
	return *error ? NULL : file;
}

int socket_take_error(struct socket *s)
{
	int error = s->error;
	s->error = 0;
	return -error;
}

uint64_t socket_deadline(const struct socket_message *m, uint64_t timeout_ns)
{
	if (m->flags & MSG_DONTWAIT)
		return 0;
	return timeout_ns == NO_DEADLINE ? NO_DEADLINE : ns_add(libos_now(), timeout_ns);
}

int socket_interrupted(int slept, uint64_t timeout_ns)
{
	if (slept == -ETIMEDOUT)
		return -EAGAIN;
	return timeout_ns == NO_DEADLINE ? -ERESTARTSYS : -EINTR;
}

struct ucred cred_of_thread(const struct thread *self)
{
	return (struct ucred){ self->process->pid, self->cred.euid, self->cred.egid };
}

static int64_t socket_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct socket_message m = { .io = io, .flags = io->flags & RWF_NOWAIT ? MSG_DONTWAIT : 0 };
	(void)position;
	return io->remaining ? socket_receive(file, thread, &m) : 0;
}

static int64_t socket_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct socket_message m = { .io = io };
	(void)position;
	m.flags = (io->flags & RWF_NOWAIT ? MSG_DONTWAIT : 0) | (io->flags & RWF_NOSIGNAL ? MSG_NOSIGNAL : 0);
	return socket_send(file, thread, &m);
}

static uint32_t socket_poll(struct file *file, struct poll_table *table)
{
	struct socket *s = file->private_data;
	return s->ops->readiness(s, table);
}

static int64_t socket_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	struct socket *s = file->private_data;
	if (request != FIONREAD && request != TIOCOUTQ)
		return -ENOTTY;
	int64_t r = s->ops->queued(s, request == TIOCOUTQ);
	int32_t n = (int32_t)r;
	return r < 0 ? r : user_write(thread->process->space, arg, &n, sizeof(n));
}

static void socket_release(struct file *file)
{
	struct socket *s = file->private_data;
	s->file = NULL;
	s->ops->gone(s);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.ioctl = socket_ioctl,
	.poll = socket_poll,
	.release = socket_release,
	.splices = SPLICE_FROM | SPLICE_TO | SPLICE_NOWAIT,
	.rwf = RWF_FILE | RWF_NOWAIT,
};
