/* What sendmsg(2) and recvmsg(2) have in a struct msghdr: addresses, and ancillary data (cmsg(3)). */
#include <libos/net/message.h>

#define SOL_SOCKET      1
#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define CONTROL_MAX     131072u /* /proc/sys/net/core/optmem_max */
#define CMSG_ALIGN(n)   (((n) + 7) & ~UINT64_C(7))

struct cmsghdr {
	uint64_t size; /* with this header */
	int32_t level, type;
};

int sockaddr_get(struct thread *self, uint64_t address, int32_t size, struct sockaddr_any *name)
{
	if (size < 0 || (uint32_t)size > sizeof(*name))
		return -EINVAL;
	*name = (struct sockaddr_any){ .family = AF_UNSPEC };
	return size ? user_read(self->process->space, name, address, (uint32_t)size) : 0;
}

int sockaddr_put(struct thread *self, uint64_t address, uint64_t size_address, const struct sockaddr_any *name, uint32_t size)
{
	int32_t room;
	if (user_read(self->process->space, &room, size_address, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (user_write(self->process->space, address, name, min_u64((uint32_t)room, size)))
		return -EFAULT;
	return user_write(self->process->space, size_address, &size, sizeof(size));
}

int64_t socket_send(struct file *file, struct thread *self, struct socket_message *m)
{
	struct socket *s = file->private_data;
	if (file->flags & O_NONBLOCK)
		m->flags |= MSG_DONTWAIT;
	return s->ops->send_message(s, self, m);
}

int64_t socket_receive(struct file *file, struct thread *self, struct socket_message *m)
{
	struct socket *s = file->private_data;
	if (file->flags & O_NONBLOCK)
		m->flags |= MSG_DONTWAIT;
	if (m->flags & MSG_ERRQUEUE)
		m->flags |= MSG_DONTWAIT; /* there are no such messages; the others are read */
	int64_t r = s->ops->take_message(s, self, m);
	if (r < 0 || !m->rights || m->takes_rights)
		return r;
	rights_drop(m->rights);
	m->rights = NULL;
	return r;
}

/* ---- what is sent ---- */

/* May the thread say that it is these? */
static int check_cred(const struct thread *self, const struct ucred *u)
{
	const struct credentials *c = &self->cred;
	bool uid = u->uid == c->uid || u->uid == c->euid || u->uid == c->suid || privileged(c, PRIV_USERS);
	bool gid = u->gid == c->gid || u->gid == c->egid || u->gid == c->sgid || privileged(c, PRIV_GROUPS);
	bool pid = u->pid == self->process->pid || privileged(c, PRIV_FOREIGN_PID);
	if (!pid || !uid || !gid)
		return -EPERM;
	if (u->uid == UINT32_MAX || u->gid == UINT32_MAX)
		return -EINVAL;
	return u->pid == self->process->pid || process_find(u->pid) ? 0 : -ESRCH;
}

static int parse_one(struct thread *self, const struct cmsghdr *h, const uint8_t *data, struct socket_message *m)
{
	uint64_t size = h->size - sizeof(*h);
	if (h->level != SOL_SOCKET)
		return 0;
	if (h->type == SCM_RIGHTS) {
		int32_t fds[RIGHTS_MAX];
		uint32_t count = (uint32_t)(size / sizeof(fds[0]));
		if (count > RIGHTS_MAX)
			return -EINVAL;
		memcpy(fds, data, count * sizeof(fds[0]));
		return count ? rights_add(&m->rights, self, fds, count) : 0;
	}
	if (h->type != SCM_CREDENTIALS || size != sizeof(m->cred))
		return -EINVAL;
	memcpy(&m->cred, data, sizeof(m->cred));
	m->has_cred = true;
	return check_cred(self, &m->cred);
}

/* m->rights may be there also on failure. */
static int parse(struct thread *self, const uint8_t *control, uint64_t size, struct socket_message *m)
{
	uint64_t at = 0;
	while (size - at >= sizeof(struct cmsghdr)) {
		struct cmsghdr h;
		memcpy(&h, control + at, sizeof(h));
		if (h.size < sizeof(h) || h.size > size - at)
			return -EINVAL;
		int r = parse_one(self, &h, control + at + sizeof(h), m);
		if (r)
			return r;
		if (CMSG_ALIGN(h.size) > size - at)
			break;
		at += CMSG_ALIGN(h.size);
	}
	return 0;
}

int message_get_control(struct thread *self, const struct linux_msghdr *h, struct socket_message *m)
{
	if (h->control_size > INT32_MAX || h->control_size > CONTROL_MAX)
		return -ENOBUFS;
	if (!h->control_size)
		return 0;
	uint8_t *control = heap_alloc(h->control_size);
	if (!control)
		return -ENOBUFS;
	int r = user_read(self->process->space, control, h->control, h->control_size);
	if (!r)
		r = parse(self, control, h->control_size, m);
	heap_free(control);
	return r;
}

/* ---- what is received ---- */

struct control { /* where it goes, and what is left there */
	uint64_t at, left;
};

static int put_header(struct thread *self, const struct control *c, int32_t type, uint64_t size)
{
	const struct cmsghdr h = { size, SOL_SOCKET, type };
	return user_write(self->process->space, c->at, &h, sizeof(h));
}

static void advance(struct control *c, uint64_t size)
{
	uint64_t n = min_u64(CMSG_ALIGN(size), c->left);
	c->at += n;
	c->left -= n;
}

/* Cut where the room ends. */
static int put_cred(struct thread *self, struct control *c, struct socket_message *m)
{
	uint64_t size = sizeof(struct cmsghdr) + sizeof(m->cred);
	if (size > c->left)
		m->told |= MSG_CTRUNC;
	if (c->left < sizeof(struct cmsghdr))
		return 0;
	size = min_u64(size, c->left);
	int r = put_header(self, c, SCM_CREDENTIALS, size);
	if (!r)
		r = user_write(self->process->space, c->at + sizeof(struct cmsghdr), &m->cred, size - sizeof(struct cmsghdr));
	if (r)
		return r;
	advance(c, size);
	return 0;
}

/* As many as there is room for, and as he may have; the others are closed. */
static int put_rights(struct thread *self, struct control *c, struct socket_message *m)
{
	struct rights *rights = m->rights;
	uint64_t room = c->left < sizeof(struct cmsghdr) ? 0 : (c->left - sizeof(struct cmsghdr)) / sizeof(int32_t);
	uint32_t given = 0;
	int r = 0;
	m->rights = NULL;
	while (given < rights->count && given < room) {
		uint64_t to = c->at + sizeof(struct cmsghdr) + given * sizeof(int32_t);
		struct file *file = rights->files[given];
		file_get(file);
		int64_t fd = fd_give(self, file, m->flags & MSG_CMSG_CLOEXEC);
		if (fd < 0)
			break;
		int32_t number = (int32_t)fd;
		if (user_write(self->process->space, to, &number, sizeof(number))) {
			(void)fd_close(self, self->process->fds, number);
			break;
		}
		given++;
	}
	if (given < rights->count)
		m->told |= MSG_CTRUNC;
	if (given) {
		uint64_t size = sizeof(struct cmsghdr) + given * sizeof(int32_t);
		r = put_header(self, c, SCM_RIGHTS, size);
		advance(c, size);
	}
	rights_drop(rights);
	return r;
}

int message_put_control(struct thread *self, struct linux_msghdr *h, struct socket_message *m)
{
	struct control c = { h->control, h->control ? h->control_size : 0 };
	int r = 0;
	if (!h->control && (m->has_cred || m->rights))
		m->told |= MSG_CTRUNC;
	if (h->control && m->has_cred)
		r = put_cred(self, &c, m);
	if (h->control && m->rights && !r)
		r = put_rights(self, &c, m);
	rights_drop(m->rights);
	m->rights = NULL;
	h->control_size = c.at - h->control;
	return r;
}
