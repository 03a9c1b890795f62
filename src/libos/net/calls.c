/* System calls on sockets: making, naming and connecting them. */
#include <libos/net/socket.h>

#define SOCK_FLAGS (O_CLOEXEC | O_NONBLOCK)

/* The socket of a descriptor; NULL: *error says why. */
static struct socket *socket_get_fd(struct thread *self, uint64_t fd, struct file **file, int *error)
{
	*file = socket_file_of_fd(self, fd, error);
	return *file ? socket_of_file(*file) : NULL;
}

static int check_type(uint32_t domain, uint32_t type)
{
	if (type & ~(0xfu | SOCK_FLAGS))
		return -EINVAL;
	if (domain >= AF_MAX)
		return -EAFNOSUPPORT;
	return (type & 0xf) >= SOCK_TYPES ? -EINVAL : 0;
}

/* No other family is there, as in a Linux that was built without. Programs like su take that for an answer. */
static int make(struct thread *self, uint32_t domain, uint32_t type, uint32_t protocol, struct socket **made)
{
	int r = check_type(domain, type);
	if (!r && domain != AF_UNIX)
		r = -EAFNOSUPPORT;
	if (!r)
		r = files_check(&self->cred);
	return r ? r : unix_new(self, type & 0xf, protocol, made);
}

/* A descriptor for it; takes over the reference. */
static int64_t give(struct thread *self, struct socket *s, uint32_t type)
{
	struct file *file = socket_file(s, &self->cred, type & O_NONBLOCK);
	return file ? fd_give(self, file, type & O_CLOEXEC) : -ENFILE;
}

int64_t sys_socket(struct thread *self, const uint64_t *args)
{
	struct socket *s;
	int r = make(self, (uint32_t)args[0], (uint32_t)args[1], (uint32_t)args[2], &s);
	return r ? r : give(self, s, (uint32_t)args[1]);
}

/* Two connected ones; *made: both. */
static int make_pair(struct thread *self, const uint64_t *args, struct file **made)
{
	struct socket *a, *b;
	uint32_t type = (uint32_t)args[1];
	int r = make(self, (uint32_t)args[0], type, (uint32_t)args[2], &a);
	if (r)
		return r;
	r = unix_new(self, type & 0xf, (uint32_t)args[2], &b);
	if (r) {
		a->ops->gone(a);
		socket_put(a);
		return r;
	}
	a->ops->pair_up(a, b, self);
	made[0] = socket_file(a, &self->cred, type & O_NONBLOCK);
	made[1] = socket_file(b, &self->cred, type & O_NONBLOCK);
	if (made[0] && made[1])
		return 0;
	file_put(made[0]);
	file_put(made[1]);
	return -ENFILE;
}

/* Takes over both references. */
static int give_pair(struct thread *self, struct file **files, bool cloexec, int32_t *fds)
{
	fds[0] = (int32_t)fd_give(self, files[0], cloexec);
	if (fds[0] < 0) {
		file_put(files[1]);
		return fds[0];
	}
	fds[1] = (int32_t)fd_give(self, files[1], cloexec);
	if (fds[1] < 0)
		(void)fd_close(self, self->process->fds, fds[0]);
	return fds[1] < 0 ? fds[1] : 0;
}

int64_t sys_socketpair(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	struct file *files[2];
	int32_t fds[2];
	if ((uint32_t)args[1] & ~(0xfu | SOCK_FLAGS))
		return -EINVAL;
	/* Linux writes the descriptors before it makes the sockets. */
	if (user_read(space, fds, args[3], sizeof(fds)) || user_write(space, args[3], fds, sizeof(fds)))
		return -EFAULT;
	int r = make_pair(self, args, files);
	if (!r)
		r = give_pair(self, files, args[1] & O_CLOEXEC, fds);
	if (r)
		return r;
	r = user_write(space, args[3], fds, sizeof(fds));
	for (int i = 0; r && i < 2; i++)
		(void)fd_close(self, self->process->fds, fds[i]);
	return r;
}

int64_t sys_bind(struct thread *self, const uint64_t *args)
{
	struct sockaddr_any name;
	struct file *file;
	int r;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	if (s)
		r = sockaddr_get(self, args[1], (int32_t)args[2], &name);
	return s && !r ? s->ops->bind_to(s, self, &name, (uint32_t)args[2]) : r;
}

int64_t sys_connect(struct thread *self, const uint64_t *args)
{
	struct sockaddr_any name;
	struct file *file;
	int r;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	if (s)
		r = sockaddr_get(self, args[1], (int32_t)args[2], &name);
	if (!s || r)
		return r;
	bool held = file_hold(self, file);
	r = s->ops->connect_to(s, self, &name, (uint32_t)args[2]);
	file_unhold(file, held);
	return r;
}

int64_t sys_listen(struct thread *self, const uint64_t *args)
{
	struct file *file;
	int r;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	return s ? s->ops->start_listen(s, self, (uint32_t)args[1]) : r;
}

static int64_t accept_one(struct thread *self, const uint64_t *args, uint32_t flags)
{
	struct sockaddr_any name;
	struct socket *made;
	struct file *file;
	uint32_t size;
	int r;
	if (flags & ~SOCK_FLAGS)
		return -EINVAL;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	if (!s)
		return r;
	r = files_check(&self->cred);
	if (r)
		return r;
	bool held = file_hold(self, file);
	r = s->ops->take_connection(s, self, !(file->flags & O_NONBLOCK), &made);
	file_unhold(file, held);
	if (r)
		return r;
	/* It may have been closed at the other end. */
	if (args[1] && made->ops->tell_name(made, true, &name, &size))
		r = -ECONNABORTED;
	struct file *end = socket_file(made, &self->cred, flags & O_NONBLOCK);
	if (!end)
		return -ENFILE;
	if (!r && args[1])
		r = sockaddr_put(self, args[1], args[2], &name, size);
	if (r) {
		file_put(end);
		return r;
	}
	return fd_give(self, end, flags & O_CLOEXEC);
}

int64_t sys_accept(struct thread *self, const uint64_t *args)
{
	return accept_one(self, args, 0);
}

int64_t sys_accept4(struct thread *self, const uint64_t *args)
{
	return accept_one(self, args, (uint32_t)args[3]);
}

static int64_t tell_name(struct thread *self, const uint64_t *args, bool peer)
{
	struct sockaddr_any name;
	struct file *file;
	uint32_t size;
	int r;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	if (s)
		r = s->ops->tell_name(s, peer, &name, &size);
	return s && !r ? sockaddr_put(self, args[1], args[2], &name, size) : r;
}

int64_t sys_getsockname(struct thread *self, const uint64_t *args)
{
	return tell_name(self, args, false);
}

int64_t sys_getpeername(struct thread *self, const uint64_t *args)
{
	return tell_name(self, args, true);
}

int64_t sys_shutdown(struct thread *self, const uint64_t *args)
{
	struct file *file;
	int r;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	if (!s)
		return r;
	return (uint32_t)args[1] <= 2 ? s->ops->shut(s, (uint32_t)args[1] + 1) : -EINVAL;
}

int64_t sys_setsockopt(struct thread *self, const uint64_t *args)
{
	struct file *file;
	int r;
	if ((int32_t)args[4] < 0)
		return -EINVAL;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	return s ? socket_set_option(s, self, (uint32_t)args[1], (uint32_t)args[2], args[3], (int32_t)args[4]) : r;
}

int64_t sys_getsockopt(struct thread *self, const uint64_t *args)
{
	struct file *file;
	int r;
	struct socket *s = socket_get_fd(self, args[0], &file, &r);
	return s ? socket_get_option(s, self, (uint32_t)args[1], (uint32_t)args[2], args[3], args[4]) : r;
}
