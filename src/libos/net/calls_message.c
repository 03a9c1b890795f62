/* System calls on sockets: sending and receiving. */
#include <libos/net/message.h>

#define VECTORS_MAX 1024u /* UIO_MAXIOV; also of messages in one call */

/* A message under way: the parts of the program's buffer belong to it. */
struct passage {
	struct user_vec vec;
	struct io io;
	struct socket_message message;
};

int64_t sys_sendto(struct thread *self, const uint64_t *args)
{
	struct io_vec vec = { args[1], min_u64(args[2], IO_SIZE_MAX) };
	struct socket_message m = { .flags = (uint32_t)args[3] };
	struct io io;
	int r;
	if (!io_address_good(args[1], vec.size))
		return -EFAULT;
	struct file *file = socket_file_of_fd(self, args[0], &r);
	if (file && args[4]) {
		m.address_size = (uint32_t)args[5];
		r = sockaddr_get(self, args[4], (int32_t)args[5], &m.address);
	}
	if (!file || r)
		return r;
	io_init(&io, self->process->space, &vec, 1);
	m.io = &io;
	bool held = file_hold(self, file);
	int64_t sent = socket_send(file, self, &m);
	file_unhold(file, held);
	return sent;
}

int64_t sys_recvfrom(struct thread *self, const uint64_t *args)
{
	struct io_vec vec = { args[1], min_u64(args[2], IO_SIZE_MAX) };
	struct socket_message m = { .flags = (uint32_t)args[3] };
	struct io io;
	int r;
	if (!io_address_good(args[1], vec.size))
		return -EFAULT;
	struct file *file = socket_file_of_fd(self, args[0], &r);
	if (!file)
		return r;
	io_init(&io, self->process->space, &vec, 1);
	m.io = &io;
	bool held = file_hold(self, file);
	int64_t got = socket_receive(file, self, &m);
	file_unhold(file, held);
	if (got < 0 || !args[4])
		return got;
	r = sockaddr_put(self, args[4], args[5], &m.address, m.address_size);
	return r ? r : got;
}

/* The file of a socket, for a call with the structures of this kernel and no other's. */
static struct file *socket_file_for(struct thread *self, uint64_t fd, uint32_t flags, int *error)
{
	*error = -EINVAL;
	return flags & MSG_CMSG_COMPAT ? NULL : socket_file_of_fd(self, fd, error);
}

static int get_header(struct thread *self, uint64_t address, struct linux_msghdr *h)
{
	if (user_read(self->process->space, h, address, sizeof(*h)))
		return -EFAULT;
	if (!h->name)
		h->name_size = 0;
	if (h->name_size < 0)
		return -EINVAL;
	return h->vec_count > VECTORS_MAX ? -EMSGSIZE : 0;
}

static int begin(struct thread *self, const struct linux_msghdr *h, uint32_t flags, struct passage *p)
{
	p->message = (struct socket_message){ .flags = flags, .io = &p->io };
	int r = user_vec_get(self, h->vec, (uint32_t)h->vec_count, &p->vec);
	if (!r)
		io_init(&p->io, self->process->space, p->vec.vec, p->vec.count);
	return r;
}

static int64_t send_one(struct thread *self, struct file *file, uint64_t address, uint32_t flags)
{
	struct linux_msghdr h;
	struct passage p;
	int64_t r = get_header(self, address, &h);
	if (r)
		return r;
	struct sockaddr_any *name = &p.message.address;
	uint32_t size = (uint32_t)min_u64((uint32_t)h.name_size, sizeof(*name));
	r = begin(self, &h, flags, &p);
	if (r)
		return r;
	p.message.address_size = size;
	if (size)
		r = sockaddr_get(self, h.name, (int32_t)size, name);
	if (!r)
		r = message_get_control(self, &h, &p.message);
	if (!r)
		r = socket_send(file, self, &p.message);
	rights_drop(p.message.rights);
	user_vec_put(&p.vec);
	return r;
}

static int64_t receive_one(struct thread *self, struct file *file, uint64_t address, uint32_t flags)
{
	struct linux_msghdr h;
	struct passage p;
	int64_t r = get_header(self, address, &h);
	if (!r)
		r = begin(self, &h, flags, &p);
	if (r)
		return r;
	p.message.takes_rights = true;
	r = socket_receive(file, self, &p.message);
	user_vec_put(&p.vec);
	if (r < 0)
		return r;
	struct socket_message *m = &p.message;
	int error = message_put_control(self, &h, m);
	if (!error && h.name) {
		uint64_t n = min_u64((uint32_t)h.name_size, m->address_size);
		error = user_write(self->process->space, h.name, &m->address, n);
		h.name_size = (int32_t)m->address_size;
	}
	h.flags = m->told | (flags & MSG_CMSG_CLOEXEC);
	if (!error && h.name)
		error = user_write(self->process->space, address + offsetof(struct linux_msghdr, name_size), &h.name_size,
		                   sizeof(h.name_size));
	if (!error)
		error = user_write(self->process->space, address + offsetof(struct linux_msghdr, control_size), &h.control_size,
		                   sizeof(h.control_size) + sizeof(h.flags));
	return error ? error : r;
}

int64_t sys_sendmsg(struct thread *self, const uint64_t *args)
{
	int error;
	struct file *file = socket_file_for(self, args[0], (uint32_t)args[2], &error);
	if (!file)
		return error;
	bool held = file_hold(self, file);
	int64_t r = send_one(self, file, args[1], (uint32_t)args[2]);
	file_unhold(file, held);
	return r;
}

int64_t sys_recvmsg(struct thread *self, const uint64_t *args)
{
	int error;
	struct file *file = socket_file_for(self, args[0], (uint32_t)args[2], &error);
	if (!file)
		return error;
	bool held = file_hold(self, file);
	int64_t r = receive_one(self, file, args[1], (uint32_t)args[2]);
	file_unhold(file, held);
	return r;
}

/* struct mmsghdr: a msghdr, and the bytes that it moved. */
#define MMSG_SIZE (sizeof(struct linux_msghdr) + 8)

static int64_t send_many(struct thread *self, struct file *file, const uint64_t *args)
{
	uint32_t count = (uint32_t)min_u64((uint32_t)args[2], VECTORS_MAX), done = 0;
	int64_t r = 0;
	for (; done < count; done++) {
		uint64_t at = args[1] + done * MMSG_SIZE;
		r = send_one(self, file, at, (uint32_t)args[3]);
		uint32_t sent = (uint32_t)r;
		if (r >= 0 && user_write(self->process->space, at + sizeof(struct linux_msghdr), &sent, sizeof(sent)))
			r = -EFAULT;
		if (r < 0)
			break;
	}
	return done ? (int64_t)done : r < 0 ? r : 0;
}

/* An error behind the first message is told by the next call. */
static int64_t receive_many(struct thread *self, struct file *file, const uint64_t *args, uint64_t deadline)
{
	uint32_t count = (uint32_t)args[2], done = 0, flags = (uint32_t)args[3];
	struct socket *s = file->private_data;
	int64_t r = socket_take_error(s);
	if (r)
		return r;
	while (done < count) {
		uint64_t at = args[1] + done * MMSG_SIZE;
		r = receive_one(self, file, at, flags & ~MSG_WAITFORONE);
		uint32_t got = (uint32_t)r;
		if (r >= 0 && user_write(self->process->space, at + sizeof(struct linux_msghdr), &got, sizeof(got)))
			r = -EFAULT;
		if (r < 0)
			break;
		done++;
		(void)sched_worked(&libos.sched, 1);
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if ((deadline != NO_DEADLINE && libos_now() >= deadline) || signal_is_pending(self))
			break;
	}
	if (!done)
		return r < 0 ? r : 0;
	if (r < 0 && r != -EAGAIN && r != -ERESTARTSYS)
		s->error = (int32_t)-r;
	return done;
}

int64_t sys_sendmmsg(struct thread *self, const uint64_t *args)
{
	int error;
	struct file *file = socket_file_for(self, args[0], (uint32_t)args[3], &error);
	if (!file)
		return error;
	bool held = file_hold(self, file);
	int64_t r = send_many(self, file, args);
	file_unhold(file, held);
	return r;
}

int64_t sys_recvmmsg(struct thread *self, const uint64_t *args)
{
	uint64_t deadline;
	int error = poll_get_deadline(self, args[4], &deadline);
	if (error)
		return error;
	struct file *file = socket_file_for(self, args[0], (uint32_t)args[3], &error);
	if (!file)
		return error;
	bool held = file_hold(self, file);
	int64_t r = receive_many(self, file, args, deadline);
	file_unhold(file, held);
	if (r > 0 && args[4] && put_timespec_left(self, args[4], deadline))
		r = -EFAULT;
	return r;
}
