/* AF_UNIX: messages, from their sender's account into the receiver's queue. */
#include <libos/net/unix.h>

/* What Linux counts beside the bytes, so that as much fits as there: sizeof(struct sk_buff), and what follows the data. */
#define CHARGE_STRUCT 256u
#define CHARGE_SHARED 320u
#define CHARGE_HEAD   512u
#define LINEAR_MAX    3776u /* SKB_MAX_HEAD(0): more of a stream lies in pages */

static uint32_t charge_of(const struct unix_socket *from, uint32_t size)
{
	uint32_t linear = size + CHARGE_SHARED, room = CHARGE_HEAD;
	if (unix_is_stream(from) && size > LINEAR_MAX)
		return CHARGE_STRUCT + CHARGE_HEAD + (uint32_t)PAGE_UP(size);
	if (linear > PAGE_SIZE)
		return CHARGE_STRUCT + (uint32_t)PAGE_UP(linear);
	while (room < linear)
		room *= 2;
	return CHARGE_STRUCT + room;
}

bool unix_writable(const struct unix_socket *u)
{
	return u->state != UNIX_LISTENS && u->sent_bytes * 4 <= u->base.send_limit;
}

/* Until there is room below the sender's limit. */
static int wait_for_room(struct unix_socket *from, struct thread *self, uint64_t deadline)
{
	for (;;) {
		int r = socket_take_error(&from->base);
		if (r)
			return r;
		if (from->shut & SHUT_WRITE)
			return -EPIPE;
		if (from->sent_bytes < from->base.send_limit)
			return 0;
		if (!deadline)
			return -EAGAIN;
		r = wait_on(self, &from->senders, deadline, true);
		if (r)
			return socket_interrupted(r, from->base.send_ns);
	}
}

/* Room was made for one, who may need less of it than there is. */
static void wake_sender(struct unix_socket *from)
{
	if (from->sent_bytes < from->base.send_limit && !list_empty(&from->senders.waiters))
		waitq_wake(&from->senders, 1);
}

static void give_room(struct unix_socket *from, uint32_t charge)
{
	from->sent_bytes -= charge;
	wake_sender(from);
	if (unix_writable(from) && !list_empty(&from->polls.waiters))
		waitq_wake_events(&from->polls, POLLOUT | POLLWRNORM | POLLWRBAND);
}

int unix_message_new(struct unix_socket *from, struct thread *self, struct socket_message *m, uint32_t size, uint64_t deadline,
                     struct unix_message **made)
{
	uint32_t account = (uint32_t)sizeof(struct unix_message) + size;
	int r = wait_for_room(from, self, deadline);
	if (r)
		return r;
	if (account > PAGE_SIZE / 2)
		account = (uint32_t)PAGE_UP(account);
	if (!user_charge(from->base.uid, USER_SOCKET_BYTES, account, unix_memory_limit(self))) {
		wake_sender(from);
		return -ENOBUFS;
	}
	struct unix_message *message = heap_alloc(sizeof(*message) + size);
	if (!message) {
		user_uncharge(from->base.uid, USER_SOCKET_BYTES, account);
		wake_sender(from);
		return -ENOBUFS;
	}
	*message = (struct unix_message){ .from = from, .size = size, .charge = charge_of(from, size), .account = account };
	list_init(&message->node);
	socket_get(&from->base);
	from->sent_bytes += message->charge;
	wake_sender(from);
	if (size && io_get(m->io, message->data, size) != size) {
		unix_message_free(NULL, message);
		return -EFAULT;
	}
	*made = message;
	return 0;
}

int unix_sign(struct unix_message *m, const struct unix_socket *to, struct thread *self, struct socket_message *from)
{
	int r = from->rights ? rights_send(from->rights, self) : 0;
	if (r)
		return r;
	m->has_cred = from->has_cred || m->from->base.pass_cred || to->base.pass_cred;
	m->cred = from->has_cred ? from->cred : (struct ucred){ self->process->pid, self->cred.uid, self->cred.gid };
	m->rights = from->rights;
	from->rights = NULL;
	return 0;
}

void unix_queue(struct unix_socket *to, struct unix_message *m)
{
	list_push_back(&to->queue, &m->node);
	to->queued++;
	to->queued_bytes += m->size - m->at;
	to->queued_rights += m->rights != NULL;
	unix_tell(to, POLLIN | POLLRDNORM);
}

/* Its queue takes messages again. */
static void tell_senders(struct unix_socket *to)
{
	waitq_wake_all(&to->arrivals);
	LIST_EACH(at, &to->followers)
		waitq_wake_events(&LIST_ENTRY(at, struct unix_socket, follows)->polls, POLLOUT | POLLWRNORM | POLLWRBAND);
}

void unix_message_free(struct unix_socket *u, struct unix_message *m)
{
	struct unix_socket *from = m->from;
	if (!list_empty(&m->node)) {
		bool was_full = unix_is_full_for(NULL, u);
		list_remove(&m->node);
		u->queued--;
		u->queued_bytes -= m->size - m->at;
		if (was_full && !unix_is_full_for(NULL, u))
			tell_senders(u);
	}
	user_uncharge(from->base.uid, USER_SOCKET_BYTES, m->account);
	give_room(from, m->charge);
	socket_put(&from->base);
	heap_free(m);
}

void unix_purge(struct unix_socket *u)
{
	while (!list_empty(&u->queue)) {
		struct unix_message *m = unix_first(u);
		struct rights *rights = m->rights;
		if (rights) {
			u->queued_rights--;
			rights_arrive(rights);
		}
		m->rights = NULL;
		unix_message_free(u, m);
		rights_drop(rights);
	}
}

int unix_reveal(struct unix_socket *u, struct unix_message *m, struct socket_message *to, bool with_name)
{
	const struct ucred nobody = { 0, 65534, 65534 };
	if (with_name && m->from->name)
		unix_address(m->from->name, &to->address, &to->address_size);
	if (u->base.pass_cred) {
		to->has_cred = true;
		to->cred = m->has_cred ? m->cred : nobody;
	}
	if (!m->rights)
		return 0;
	if (to->flags & MSG_PEEK) {
		to->rights = rights_copy(m->rights);
		return to->rights ? 0 : -ENOMEM;
	}
	to->rights = m->rights;
	m->rights = NULL;
	u->queued_rights--;
	rights_arrive(to->rights);
	return 0;
}
