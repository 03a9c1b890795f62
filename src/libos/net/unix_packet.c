/* AF_UNIX: datagrams, and messages of a connection (SOCK_SEQPACKET). */
#include <libos/net/unix.h>

bool unix_may_send(const struct unix_socket *u, const struct unix_socket *to)
{
	return !to->peer || to->peer == u;
}

bool unix_is_full_for(const struct unix_socket *u, const struct unix_socket *to)
{
	return to->queued > to->backlog && !(u && to->peer == u);
}

/* To whom a message without an address goes, a reference. */
static int peer_of(struct unix_socket *u, struct unix_socket **to)
{
	if (!u->peer)
		return -ENOTCONN;
	socket_get(&u->peer->base);
	*to = u->peer;
	return 0;
}

/* Whom it sent to has gone. */
static int refused(struct unix_socket *u, struct unix_socket *to)
{
	if (!unix_is_datagram(u))
		return -EPIPE;
	if (u->peer == to) {
		unix_set_peer(u, NULL);
		unix_purge(u);
	}
	return -ECONNREFUSED;
}

/* Until `to` takes a message of u. */
static int wait_for_place(struct unix_socket *u, struct unix_socket *to, struct thread *self, uint64_t deadline)
{
	for (;;) {
		if (!unix_may_send(u, to))
			return -EPERM;
		if (to->gone)
			return refused(u, to);
		if (to->shut & SHUT_READ)
			return -EPIPE;
		if (!unix_is_full_for(u, to))
			return 0;
		if (!deadline)
			return -EAGAIN;
		int r = wait_on(self, &to->arrivals, deadline, true);
		if (r)
			return socket_interrupted(r, u->base.send_ns);
	}
}

static int64_t send_to(struct unix_socket *u, struct unix_socket *to, struct thread *self, struct socket_message *m)
{
	uint64_t deadline = socket_deadline(m, u->base.send_ns), size = m->io->remaining;
	struct unix_message *message;
	if (size > (u->base.send_limit > 32 ? u->base.send_limit - 32 : 0))
		return -EMSGSIZE;
	int r = unix_message_new(u, self, m, (uint32_t)size, deadline, &message);
	if (r)
		return r;
	r = wait_for_place(u, to, self, deadline);
	if (!r)
		r = unix_sign(message, to, self, m);
	if (r) {
		unix_message_free(NULL, message);
		return r;
	}
	unix_queue(to, message);
	return (int64_t)size;
}

int64_t unix_packet_send(struct socket *s, struct thread *self, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s), *to = NULL;
	bool datagram = unix_is_datagram(u);
	int64_t r = datagram ? 0 : socket_take_error(s);
	if (r)
		return r;
	if (!datagram && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (s->pass_cred && datagram)
		r = unix_bind_somehow(u);
	if (!r)
		r = datagram && m->address_size ? unix_find(self, &m->address, m->address_size, s->type, &to) : peer_of(u, &to);
	if (!r) {
		r = send_to(u, to, self, m);
		socket_put(&to->base);
	}
	return r;
}

/* The message that is next to be read, NULL at the end; waits for it. `skip`: bytes that are passed over to peek. */
static int wait_for_message(struct unix_socket *u, struct thread *self, struct socket_message *m, struct unix_message **found)
{
	uint64_t deadline = socket_deadline(m, u->base.receive_ns);
	*found = NULL;
	for (;;) {
		int r = socket_take_error(&u->base);
		if (r)
			return r;
		if (!list_empty(&u->queue))
			break;
		if ((u->shut & SHUT_READ) && (deadline || !unix_is_datagram(u)))
			return 0;
		if (!unix_is_datagram(u) && u->state != UNIX_CONNECTED)
			return -ENOTCONN;
		if (!deadline)
			return -EAGAIN;
		r = wait_on(self, &u->receivers, deadline, true);
		if (r)
			return socket_interrupted(r, u->base.receive_ns);
	}
	*found = unix_first(u);
	return 0;
}

int64_t unix_packet_receive(struct socket *s, struct thread *self, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);
	struct unix_message *message;
	bool peek = m->flags & MSG_PEEK;
	if (!unix_is_datagram(u) && u->state != UNIX_CONNECTED)
		return -ENOTCONN;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	int r = wait_for_message(u, self, m, &message);
	if (r || !message)
		return r;
	uint32_t skip = peek && s->peek_offset > 0 ? (uint32_t)min_u64((uint32_t)s->peek_offset, message->size) : 0;
	uint64_t n = min_u64(message->size - skip, m->io->remaining);
	if (n < message->size - skip)
		m->told |= MSG_TRUNC;
	if (n && io_put(m->io, message->data + skip, n) != (int64_t)n)
		r = -EFAULT;
	if (!r)
		r = unix_reveal(u, message, m, true);
	int64_t whole = (int64_t)message->size - skip;
	if (peek && !r && s->peek_offset >= 0)
		s->peek_offset += (int32_t)n;
	if (!peek) {
		/* What its reader could not take is lost, too. */
		struct rights *rights = message->rights;
		if (rights) {
			u->queued_rights--;
			rights_arrive(rights);
		}
		message->rights = NULL;
		unix_message_free(u, message);
		rights_drop(rights);
	}
	if (!list_empty(&u->queue) && !list_empty(&u->receivers.waiters))
		waitq_wake(&u->receivers, 1);
	return r ? r : m->flags & MSG_TRUNC ? whole : (int64_t)n;
}
