/* AF_UNIX: making sockets, and their end; readiness. */
#include <libos/net/unix.h>

static const struct socket_ops stream_ops, sequence_ops, datagram_ops;

static const struct socket_ops *ops_of(uint16_t type)
{
	return type == SOCK_STREAM ? &stream_ops : type == SOCK_DGRAM ? &datagram_ops : &sequence_ops;
}

uint64_t unix_memory_limit(const struct thread *self)
{
	return privileged(&self->cred, PRIV_LIMITS) ? UINT64_MAX : libos.frames.total * PAGE_SIZE / 8;
}

struct unix_socket *unix_alloc(const struct thread *self, uint16_t type)
{
	uint32_t uid = self->cred.uid;
	if (!user_charge(uid, USER_SOCKET_BYTES, sizeof(struct unix_socket), unix_memory_limit(self)))
		return NULL;
	struct unix_socket *u = heap_zalloc(sizeof(*u));
	if (!u) {
		user_uncharge(uid, USER_SOCKET_BYTES, sizeof(*u));
		return NULL;
	}
	socket_init(&u->base, type, ops_of(type), uid);
	u->base.family = AF_UNIX;
	u->base.charged = sizeof(*u);
	u->backlog = (uint32_t)min_u64(UINT32_MAX, setting_number(SETTING_DATAGRAMS, DATAGRAMS_QUEUED));
	list_init(&u->queue);
	list_init(&u->waiting);
	list_init(&u->travels);
	list_init(&u->followers);
	list_init(&u->follows);
	waitq_init(&u->receivers);
	waitq_init(&u->senders);
	waitq_init(&u->arrivals);
	waitq_init(&u->polls);
	list_push_back(&libos.net.sockets, &u->all);
	return u;
}

int unix_new(struct thread *self, uint16_t type, uint32_t protocol, struct socket **made)
{
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM; /* as of old */
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	struct unix_socket *u = unix_alloc(self, type);
	*made = u ? &u->base : NULL;
	return u ? 0 : -ENOBUFS;
}

void unix_tell(struct unix_socket *u, uint32_t events)
{
	waitq_wake_one(&u->receivers, &u->polls, events);
}

static void tell_all(struct unix_socket *u)
{
	waitq_wake_all(&u->receivers);
	waitq_wake_all(&u->senders);
	waitq_wake_all(&u->arrivals);
	waitq_wake_all(&u->polls);
}

void unix_set_peer(struct unix_socket *u, struct unix_socket *peer)
{
	struct unix_socket *old = u->peer;
	if (peer)
		socket_get(&peer->base);
	u->peer = peer;
	list_remove(&u->follows);
	if (peer && unix_is_datagram(u))
		list_push_back(&peer->followers, &u->follows);
	if (old)
		socket_put(&old->base);
}

/* The other end of a connection hears of it: what it has not sent itself is lost. */
static void leave_peer(struct unix_socket *u)
{
	struct unix_socket *peer = u->peer;
	if (!peer)
		return;
	if (!unix_is_datagram(u)) {
		peer->shut = SHUT_BOTH;
		if (!list_empty(&u->queue) || !list_empty(&u->waiting))
			peer->base.error = ECONNRESET;
		tell_all(peer);
	}
	unix_set_peer(u, NULL);
}

/* Connections that nobody accepted. */
static void refuse_waiting(struct unix_socket *u)
{
	while (!list_empty(&u->queue)) {
		struct unix_socket *one = LIST_ENTRY(u->queue.next, struct unix_socket, waiting);
		leave_peer(one);
		list_remove(&one->waiting);
		u->queued--;
		unix_close(one);
		socket_put(&one->base);
	}
}

void unix_close(struct unix_socket *u)
{
	bool listened = u->state == UNIX_LISTENS;
	unix_unbind(u);
	u->shut = SHUT_BOTH;
	u->state = UNIX_ALONE;
	u->gone = true;
	leave_peer(u);
	tell_all(u);
	if (listened)
		refuse_waiting(u);
	else
		unix_purge(u);
	list_remove(&u->all);
}

static void unix_destroy(struct socket *s)
{
	unix_name_put(unix_of(s)->name);
}

static void unix_gone(struct socket *s)
{
	unix_close(unix_of(s));
	rights_collect();
}

static int unix_shut(struct socket *s, uint32_t how)
{
	struct unix_socket *u = unix_of(s), *peer = u->peer;
	u->shut |= how;
	if (peer && !unix_is_datagram(u)) {
		peer->shut |= (how & SHUT_READ ? SHUT_WRITE : 0) | (how & SHUT_WRITE ? SHUT_READ : 0);
		tell_all(peer);
	}
	tell_all(u);
	return 0;
}

static uint32_t unix_readiness(struct socket *s, struct poll_table *table)
{
	struct unix_socket *u = unix_of(s);
	uint32_t mask = s->error ? POLLERR : 0;
	poll_watch(table, &u->polls);
	if (u->shut == SHUT_BOTH)
		mask |= POLLHUP;
	if (u->shut & SHUT_READ)
		mask |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(&u->queue))
		mask |= POLLIN | POLLRDNORM;
	if (!unix_is_datagram(u) && u->state == UNIX_ALONE)
		mask |= POLLHUP;
	if (unix_writable(u) && !(u->peer && !unix_is_stream(u) && unix_is_full_for(u, u->peer)))
		mask |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return mask;
}

static int64_t unix_queued(struct socket *s, bool sent)
{
	struct unix_socket *u = unix_of(s);
	if (sent)
		return (int64_t)u->sent_bytes;
	if (u->state == UNIX_LISTENS)
		return -EINVAL;
	if (!unix_is_datagram(u))
		return u->queued_bytes;
	return list_empty(&u->queue) ? 0 : unix_first(u)->size;
}

static void unix_limit_changed(struct socket *s)
{
	struct unix_socket *u = unix_of(s);
	waitq_wake_all(&u->senders);
	if (unix_writable(u))
		waitq_wake_events(&u->polls, POLLOUT | POLLWRNORM | POLLWRBAND);
}

static int no_listen(struct socket *s, struct thread *self, uint32_t backlog)
{
	(void)s, (void)self, (void)backlog;
	return -EOPNOTSUPP;
}

static int no_accept(struct socket *s, struct thread *self, bool wait, struct socket **made)
{
	(void)s, (void)self, (void)wait, (void)made;
	return -EOPNOTSUPP;
}

#define UNIX_OPS                                \
	.bind_to = unix_bind,                   \
	.pair_up = unix_pair_up,                \
	.tell_name = unix_tell_name,            \
	.shut = unix_shut,                      \
	.readiness = unix_readiness,            \
	.queued = unix_queued,                  \
	.limit_changed = unix_limit_changed,    \
	.gone = unix_gone,                      \
	.destroy = unix_destroy

static const struct socket_ops stream_ops = {
	UNIX_OPS,
	.connect_to = unix_connect,
	.start_listen = unix_listen,
	.take_connection = unix_accept,
	.send_message = unix_stream_send,
	.take_message = unix_stream_receive,
};

static const struct socket_ops sequence_ops = {
	UNIX_OPS,
	.connect_to = unix_connect,
	.start_listen = unix_listen,
	.take_connection = unix_accept,
	.send_message = unix_packet_send,
	.take_message = unix_packet_receive,
};

static const struct socket_ops datagram_ops = {
	UNIX_OPS,
	.connect_to = unix_connect_datagram,
	.start_listen = no_listen,
	.take_connection = no_accept,
	.send_message = unix_packet_send,
	.take_message = unix_packet_receive,
};
