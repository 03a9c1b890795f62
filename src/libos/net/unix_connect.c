/* AF_UNIX: connections. */
#include <libos/net/unix.h>

int unix_pair_up(struct socket *sa, struct socket *sb, struct thread *self)
{
	struct unix_socket *a = unix_of(sa), *b = unix_of(sb);
	unix_set_peer(a, b);
	unix_set_peer(b, a);
	sa->peer = sb->peer = cred_of_thread(self);
	if (!unix_is_datagram(a))
		a->state = b->state = UNIX_CONNECTED;
	return 0;
}

int unix_listen(struct socket *s, struct thread *self, uint32_t backlog)
{
	struct unix_socket *u = unix_of(s);
	if (!u->name || u->state == UNIX_CONNECTED)
		return -EINVAL;
	backlog = (uint32_t)min_u64(backlog, setting_number(SETTING_LISTEN_MAX, SOMAXCONN_DEFAULT));
	if (backlog > u->backlog)
		waitq_wake_all(&u->arrivals);
	u->backlog = backlog;
	u->state = UNIX_LISTENS;
	s->listening = true;
	s->peer = cred_of_thread(self);
	return 0;
}

/* A place in the queue of a socket that listens, a reference. May sleep. */
static int find_listener(struct thread *self, const struct unix_socket *u, const struct sockaddr_any *to, uint32_t size,
                         uint64_t deadline, struct unix_socket **found)
{
	for (;;) {
		struct unix_socket *l;
		int r = unix_find(self, to, size, u->base.type, &l);
		if (r)
			return r;
		if (l->state != UNIX_LISTENS || (l->shut & SHUT_READ))
			r = -ECONNREFUSED;
		else if (l->queued <= l->backlog) {
			*found = l;
			return 0;
		} else if (!deadline)
			r = -EAGAIN;
		else if ((r = wait_on(self, &l->arrivals, deadline, true)) != 0)
			r = socket_interrupted(r, u->base.send_ns);
		socket_put(&l->base);
		if (r)
			return r;
	}
}

/* Why it cannot connect now. */
static int check_connect(const struct unix_socket *u)
{
	return u->state == UNIX_CONNECTED ? -EISCONN : u->state == UNIX_LISTENS ? -EINVAL : 0;
}

/* The end of the connection that will be accepted. */
static void enqueue(struct unix_socket *u, struct unix_socket *l, struct unix_socket *end, struct thread *self)
{
	unix_set_peer(end, u);
	unix_set_peer(u, end);
	end->state = u->state = UNIX_CONNECTED;
	end->base.peer = cred_of_thread(self);
	u->base.peer = l->base.peer;
	end->base.pass_cred = l->base.pass_cred;
	end->name = l->name;
	end->name->refs++;
	list_push_back(&l->queue, &end->waiting);
	l->queued++;
	unix_tell(l, POLLIN | POLLRDNORM);
}

int unix_connect(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size)
{
	struct unix_socket *u = unix_of(s), *l;
	const struct socket_message how = { .flags = s->file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0 };
	if (size <= 2 || size > 2 + UNIX_PATH_MAX || to->family != AF_UNIX)
		return -EINVAL;
	int r = s->pass_cred ? unix_bind_somehow(u) : 0;
	if (r)
		return r;
	struct unix_socket *end = unix_alloc(self, s->type);
	if (!end)
		return -ENOMEM;
	r = find_listener(self, u, to, size, socket_deadline(&how, s->send_ns), &l);
	if (r) {
		unix_close(end);
		socket_put(&end->base);
		return r;
	}
	r = check_connect(u);
	if (r) {
		unix_close(end);
		socket_put(&end->base);
	} else {
		enqueue(u, l, end, self);
	}
	socket_put(&l->base);
	return r;
}

/* Whom it sent to hears that nobody does any more. */
static void disconnect(struct unix_socket *u)
{
	struct unix_socket *old = u->peer;
	if (!old)
		return;
	socket_get(&old->base);
	if (!list_empty(&u->queue)) {
		unix_purge(u); /* may give way */
		if (!old->gone && old->peer == u) {
			old->base.error = ECONNRESET;
			waitq_wake_all(&old->polls);
			waitq_wake_all(&old->receivers);
		}
	}
	unix_set_peer(u, NULL);
	socket_put(&old->base);
}

int unix_connect_datagram(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size)
{
	struct unix_socket *u = unix_of(s), *peer = NULL;
	int r = 0;
	if (size < 2)
		return -EINVAL;
	if (to->family != AF_UNSPEC) {
		if (s->pass_cred)
			r = unix_bind_somehow(u);
		if (!r)
			r = unix_find(self, to, size, s->type, &peer);
		if (r)
			return r;
		if (!unix_may_send(u, peer)) {
			socket_put(&peer->base);
			return -EPERM;
		}
	}
	if (u->peer != peer)
		disconnect(u);
	unix_set_peer(u, peer);
	if (peer)
		socket_put(&peer->base);
	waitq_wake_all(&u->polls);
	return 0;
}

int unix_accept(struct socket *s, struct thread *self, bool wait, struct socket **made)
{
	struct unix_socket *u = unix_of(s);
	const struct socket_message how = { .flags = wait ? 0 : MSG_DONTWAIT };
	uint64_t deadline = socket_deadline(&how, s->receive_ns);
	for (;;) {
		if (u->state != UNIX_LISTENS)
			return -EINVAL;
		if (!list_empty(&u->queue))
			break;
		if (u->shut & SHUT_READ)
			return -EINVAL;
		if (!deadline)
			return -EAGAIN;
		int r = wait_on(self, &u->receivers, deadline, true);
		if (r)
			return socket_interrupted(r, s->receive_ns);
	}
	struct unix_socket *end = LIST_ENTRY(u->queue.next, struct unix_socket, waiting);
	list_remove(&end->waiting);
	u->queued--;
	waitq_wake_all(&u->arrivals);
	if (!list_empty(&u->queue) && !list_empty(&u->receivers.waiters))
		waitq_wake(&u->receivers, 1);
	*made = &end->base;
	return 0;
}
