/* AF_UNIX: streams of bytes. */
#include <libos/net/unix.h>

#define CHUNK_MAX (32768u - (uint32_t)sizeof(struct unix_message)) /* bytes in a message */

static int64_t broken(struct thread *self, const struct socket_message *m)
{
	struct process *p = self->process;
	struct signal_info info = { .signo = SIGPIPE, .code = SI_USER, .pid = p->pid, .uid = p->cred.uid };
	if (!(m->flags & MSG_NOSIGNAL))
		signal_send_thread(self, &info);
	return -EPIPE;
}

static bool is_broken(const struct unix_socket *u)
{
	return (u->shut & SHUT_WRITE) || u->peer->gone || (u->peer->shut & SHUT_READ);
}

static uint32_t chunk_of(const struct unix_socket *u, uint64_t left)
{
	uint64_t half = u->base.send_limit / 2 - 64;
	return (uint32_t)min_u64(min_u64(left, half), CHUNK_MAX);
}

int64_t unix_stream_send(struct socket *s, struct thread *self, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);
	uint64_t deadline = socket_deadline(m, s->send_ns), done = 0;
	int64_t r = 0;
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->address_size)
		return u->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (!u->peer)
		return -ENOTCONN;
	if (u->shut & SHUT_WRITE)
		return broken(self, m);
	while (m->io->remaining) {
		struct unix_message *message;
		r = unix_message_new(u, self, m, chunk_of(u, m->io->remaining), deadline, &message);
		if (r)
			break;
		r = is_broken(u) ? -EPIPE : unix_sign(message, u->peer, self, m);
		if (r) {
			unix_message_free(NULL, message);
			break;
		}
		done += message->size;
		unix_queue(u->peer, message);
		(void)sched_worked(&libos.sched, message->size >> PAGE_SHIFT);
	}
	if (done)
		return (int64_t)done;
	return r == -EPIPE ? broken(self, m) : r;
}

/* May the bytes of this message go to the same reader as those before, of `first`? */
static bool belongs(const struct unix_socket *u, const struct unix_message *m, const struct socket_message *to, bool first)
{
	const struct ucred *a = &m->cred, *b = &to->cred;
	if (first || !u->base.pass_cred)
		return true;
	return m->has_cred && a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* From `skip` bytes into the message on: how many the reader got, or -EFAULT. */
static int64_t take(struct unix_message *m, uint32_t skip, struct socket_message *to)
{
	return io_put(to->io, m->data + m->at + skip, min_u64(m->size - m->at - skip, to->io->remaining));
}

/* What is there, as far as it goes into one read; `first`: nothing was read yet. `skip`: bytes that are only passed over. */
static int64_t take_all(struct unix_socket *u, struct socket_message *to, bool first, uint32_t skip)
{
	bool peek = to->flags & MSG_PEEK;
	int64_t done = 0;
	struct list *at = u->queue.next;
	while (at != &u->queue && to->io->remaining) {
		struct unix_message *m = LIST_ENTRY(at, struct unix_message, node);
		uint32_t left = m->size - m->at;
		at = at->next;
		if (peek && skip >= left) {
			skip -= left;
			continue;
		}
		if (!belongs(u, m, to, first))
			break;
		int64_t n = take(m, skip, to);
		if (n < 0)
			return done ? done : n;
		int r = unix_reveal(u, m, to, first);
		if (r)
			return done ? done : r;
		first = false;
		skip = 0;
		done += n;
		if (peek) {
			if (to->rights)
				break;
			continue;
		}
		m->at += (uint32_t)n;
		u->queued_bytes -= (uint32_t)n;
		if (m->at < m->size)
			break;
		unix_message_free(u, m);
		if (to->rights)
			break;
	}
	return done;
}

/* Nothing is there: 0 at the end of the stream, 1 after a wait, or -errno. */
static int wait_for_more(struct unix_socket *u, struct thread *self, uint64_t deadline)
{
	int r = socket_take_error(&u->base);
	if (r || (u->shut & SHUT_READ))
		return r;
	if (!deadline)
		return -EAGAIN;
	r = wait_on(self, &u->receivers, deadline, true);
	return r ? socket_interrupted(r, u->base.receive_ns) : 1;
}

int64_t unix_stream_receive(struct socket *s, struct thread *self, struct socket_message *m)
{
	struct unix_socket *u = unix_of(s);
	uint64_t deadline = socket_deadline(m, s->receive_ns), want = m->io->remaining;
	uint64_t target = m->flags & MSG_WAITALL ? want : min_u64((uint32_t)s->low_water, want);
	uint32_t skip = (m->flags & MSG_PEEK) && s->peek_offset > 0 ? (uint32_t)s->peek_offset : 0;
	uint64_t done = 0;
	int64_t r = 0;
	if (u->state != UNIX_CONNECTED || (m->flags & MSG_OOB))
		return -EINVAL;
	for (;;) {
		r = take_all(u, m, !done, skip);
		if (r < 0)
			break;
		done += (uint64_t)r;
		if (r > 0 && s->peek_offset >= 0)
			s->peek_offset = m->flags & MSG_PEEK ? s->peek_offset + (int32_t)r : (int32_t)(s->peek_offset > r ? s->peek_offset - r : 0);
		if (m->rights || done >= (target ? target : 1) || (want && !m->io->remaining) || (r > 0 && (m->flags & MSG_PEEK)) ||
		    !list_empty(&u->queue))
			break;
		r = wait_for_more(u, self, deadline);
		if (r <= 0)
			break;
	}
	if (!list_empty(&u->queue) && !list_empty(&u->receivers.waiters))
		waitq_wake(&u->receivers, 1);
	return done ? (int64_t)done : r;
}
