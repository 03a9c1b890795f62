/* Queues of messages: msgget, msgsnd, msgrcv and msgctl. */
#include <libos/fs/internal.h>
#include <libos/ipc/internal.h>
#include <libos/lib/string.h>

enum { MSG_STAT = 11, MSG_INFO, MSG_STAT_ANY }; /* uapi/linux/msg.h */
#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000
#define MSG_COPY    040000
#define MSGSSZ      16
#define MSGSEG      0xffff
#define MSGPOOL     (32000 * 16384 / 1024)
#define MSGMNB      16384

struct linux_msqid { /* struct msqid64_ds */
	struct linux_ipc_perm perm;
	int64_t stime, rtime, ctime;
	uint64_t bytes, count, limit;
	int32_t last_sender, last_receiver;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_msqid) == 120, "struct msqid64_ds");

struct linux_msginfo {
	int32_t msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql;
	uint16_t msgseg, pad;
};

struct message {
	struct list node;
	int64_t type;
	uint64_t size;
	uint32_t uid; /* whose USER_IPC_BYTES it takes */
	char text[];
};
#define MESSAGE_OF(at) LIST_ENTRY(at, struct message, node)

struct msg_queue {
	struct ipc_object ipc;
	int64_t stime, rtime, ctime;
	uint64_t bytes, count, limit; /* limit: of bytes, and of messages */
	int32_t last_sender, last_receiver;
	struct list messages, senders, receivers;
};

struct sender { /* on the stack of who waits, as the next one */
	struct list node;
	struct thread *thread;
	uint64_t size;
};

enum search { SEARCH_ANY, SEARCH_EQUAL, SEARCH_NOT, SEARCH_UP_TO, SEARCH_PLACE };

#define STATUS_WAITS 1
#define STATUS_AGAIN 2 /* look once more: what is allowed has changed */

struct receiver {
	struct list node;
	struct thread *thread;
	enum search how;
	int64_t type;
	uint64_t size;       /* the largest that it takes */
	struct message *got;
	int status;          /* without a message: one of the above, or -errno */
};

static struct msg_queue *queue_of(struct ipc_object *o)
{
	return (struct msg_queue *)(void *)o;
}

static void queue_put(struct msg_queue *q)
{
	if (!--q->ipc.refs)
		heap_free(q);
}

/* ---- messages ---- */

static void message_free(struct message *m)
{
	ipc_uncharge(m->uid, sizeof(*m) + m->size);
	heap_free(m);
}

static int message_new(struct thread *self, uint64_t address, uint64_t size, struct message **made)
{
	struct message *m;

	if (!ipc_charge(self, sizeof(*m) + size))
		return -ENOMEM;
	m = heap_alloc(sizeof(*m) + size);
	if (!m) {
		ipc_uncharge(self->cred.uid, sizeof(*m) + size);
		return -ENOMEM;
	}
	m->size = size;
	m->uid = self->cred.uid;
	if (user_read(self->process->space, m->text, address, size)) {
		message_free(m);
		return -EFAULT;
	}
	*made = m;
	return 0;
}

static bool fits(const struct msg_queue *q, uint64_t size)
{
	return size + q->bytes <= q->limit && q->count + 1 <= q->limit;
}

static void count(struct msg_queue *q, const struct message *m, int64_t by)
{
	q->count += (uint64_t)by;
	q->bytes += (uint64_t)by * m->size;
	libos.ipc.messages += (uint64_t)by;
	libos.ipc.bytes += (uint64_t)by * m->size;
}

static bool wants(enum search how, int64_t type, const struct message *m)
{
	return how == SEARCH_EQUAL ? m->type == type : how == SEARCH_NOT ? m->type != type : how != SEARCH_UP_TO || m->type <= type;
}

/* The first that is wanted; of SEARCH_UP_TO the first of the lowest type. */
static struct message *find(const struct msg_queue *q, enum search how, int64_t type)
{
	struct message *found = NULL;
	int64_t place = 0;

	LIST_EACH(at, &q->messages) {
		struct message *m = MESSAGE_OF(at);

		if (how == SEARCH_PLACE && place++ != type)
			continue;
		if (!wants(how, type, m))
			continue;
		if (how != SEARCH_UP_TO)
			return m;
		found = m;
		type = m->type - 1;
	}
	return found;
}

/* ---- sleepers ---- */

/* All for whom there is room now; the others stay in their order. */
static void wake_senders(struct msg_queue *q)
{
	const struct list *first = NULL;

	LIST_EACH_SAFE(at, after, &q->senders) {
		const struct sender *s = LIST_ENTRY(at, struct sender, node);

		if (at == first)
			break;
		if (fits(q, s->size)) {
			sched_wake(s->thread);
			continue;
		}
		first = first ? first : at;
		list_remove(at);
		list_push_back(&q->senders, at);
	}
}

static void tell(struct receiver *r, struct message *got, int status)
{
	list_remove(&r->node);
	r->got = got;
	r->status = status;
	sched_wake(r->thread);
}

static void tell_all(struct msg_queue *q, int status)
{
	while (!list_empty(&q->receivers))
		tell(LIST_ENTRY(q->receivers.next, struct receiver, node), NULL, status);
}

/* To the first who waits for such a one. Those for whom it is too large hear of that. */
static bool hand_over(struct msg_queue *q, struct message *m)
{
	LIST_EACH_SAFE(at, after, &q->receivers) {
		struct receiver *r = LIST_ENTRY(at, struct receiver, node);

		if (!wants(r->how, r->type, m))
			continue;
		if (r->size < m->size) {
			tell(r, NULL, -E2BIG);
			continue;
		}
		q->last_receiver = r->thread->tid;
		q->rtime = ipc_now();
		tell(r, m, 0);
		return true;
	}
	return false;
}

/* ---- msgget ---- */

static int64_t make(struct thread *self, int32_t key, int32_t flags)
{
	struct msg_queue *q;
	int r;

	if (!ipc_charge(self, sizeof(*q)))
		return -ENOMEM;
	q = heap_zalloc(sizeof(*q));
	r = q ? ipc_add(self, IPC_MESSAGES, &q->ipc, key, flags, libos.ipc.limits.msgmni) : -ENOMEM;
	if (r) {
		heap_free(q);
		ipc_uncharge(self->cred.uid, sizeof(*q));
		return r;
	}
	q->ipc.account = self->cred.uid;
	q->ipc.charged = sizeof(*q);
	q->ctime = ipc_now();
	q->limit = libos.ipc.limits.msgmnb;
	list_init(&q->messages);
	list_init(&q->senders);
	list_init(&q->receivers);
	return q->ipc.id;
}

int64_t sys_msgget(struct thread *self, const uint64_t *args)
{
	int32_t key = (int32_t)args[0], flags = (int32_t)args[1];
	struct ipc_object *o;
	int r = ipc_find_key(IPC_MESSAGES, key, flags, &o);

	if (r)
		return r;
	if (!o)
		return make(self, key, flags);
	return ipc_allows(self, o, flags) ? o->id : -EACCES;
}

/* ---- msgsnd ---- */

/* Until there is room. */
static int wait_for_room(struct thread *self, struct msg_queue *q, uint64_t size, int32_t flags)
{
	while (ipc_allows(self, &q->ipc, MODE_WRITE)) {
		struct sender s = { .thread = self, .size = size };
		int error;

		if (fits(q, size))
			return 0;
		if (flags & IPC_NOWAIT)
			return -EAGAIN;
		q->ipc.refs++;
		list_push_back(&q->senders, &s.node);
		error = sched_sleep(self, NO_DEADLINE, true);
		list_remove(&s.node);
		error = q->ipc.removed ? -EIDRM : error ? -ERESTARTNOHAND : 0;
		queue_put(q);
		if (error)
			return error;
	}
	return -EACCES;
}

int64_t sys_msgsnd(struct thread *self, const uint64_t *args)
{
	int32_t id = (int32_t)args[0], flags = (int32_t)args[3];
	uint64_t size = args[2];
	struct ipc_object *o;
	struct msg_queue *q;
	struct message *m;
	int64_t type;
	int r;

	if (user_read(self->process->space, &type, args[1], sizeof(type)))
		return -EFAULT;
	if (size > libos.ipc.limits.msgmax || id < 0 || type < 1)
		return -EINVAL;
	r = message_new(self, args[1] + sizeof(type), size, &m);
	if (r)
		return r;
	m->type = type;
	o = ipc_find(IPC_MESSAGES, id);
	q = queue_of(o);
	r = o ? wait_for_room(self, q, size, flags) : -EINVAL;
	if (r) {
		message_free(m);
		return r;
	}
	q->last_sender = self->process->pid;
	q->stime = ipc_now();
	if (!hand_over(q, m)) {
		list_push_back(&q->messages, &m->node);
		count(q, m, 1);
	}
	return 0;
}

/* ---- msgrcv ---- */

static enum search search_of(int32_t flags, int64_t *type)
{
	if (flags & MSG_COPY)
		return SEARCH_PLACE;
	if (!*type)
		return SEARCH_ANY;
	if (*type > 0)
		return flags & MSG_EXCEPT ? SEARCH_NOT : SEARCH_EQUAL;
	*type = *type == INT64_MIN ? INT64_MAX : -*type;
	return SEARCH_UP_TO;
}

static int deliver(struct thread *self, uint64_t address, const struct message *m, uint64_t size)
{
	struct vm_space *space = self->process->space;

	if (user_write(space, address, &m->type, sizeof(m->type)))
		return -EFAULT;
	return user_write(space, address + sizeof(m->type), m->text, size) ? -EFAULT : 0;
}

/* Takes one that is there out of the queue. NULL, and 0: there is none. */
static int take(struct thread *self, struct msg_queue *q, const struct receiver *r, struct message **got)
{
	struct message *m;

	*got = NULL;
	if (!ipc_allows(self, &q->ipc, MODE_READ))
		return -EACCES;
	m = find(q, r->how, r->type);
	if (!m)
		return 0;
	if (m->size > r->size)
		return -E2BIG;
	list_remove(&m->node);
	count(q, m, -1);
	q->rtime = ipc_now();
	q->last_receiver = self->process->pid;
	wake_senders(q);
	*got = m;
	return 0;
}

static int receive(struct thread *self, struct msg_queue *q, struct receiver *r, int32_t flags)
{
	int error;

	for (;;) {
		error = take(self, q, r, &r->got);
		if (error || r->got)
			return error;
		if (flags & IPC_NOWAIT)
			return -ENOMSG;
		r->status = STATUS_WAITS;
		q->ipc.refs++;
		list_push_back(&q->receivers, &r->node);
		do
			error = sched_sleep(self, NO_DEADLINE, true);
		while (r->status == STATUS_WAITS && !error);
		list_remove(&r->node);
		queue_put(q);
		if (r->status == STATUS_WAITS)
			return -ERESTARTNOHAND;
		if (r->status != STATUS_AGAIN)
			return r->status;
	}
}

/* MSG_COPY: the message at a place of the queue, which stays there. As on Linux, what it overwrites is read before. */
static int64_t copy(struct thread *self, int32_t id, uint64_t address, uint64_t size, int64_t place, int32_t flags)
{
	uint64_t room = size < libos.ipc.limits.msgmax ? size : libos.ipc.limits.msgmax;
	struct ipc_object *o;
	struct message *m, *found;
	int64_t r;

	if ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT))
		return -EINVAL;
	r = message_new(self, address, room, &m);
	if (r)
		return r;
	o = ipc_find(IPC_MESSAGES, id);
	found = o && ipc_allows(self, o, MODE_READ) ? find(queue_of(o), SEARCH_PLACE, place) : NULL;
	if (!found)
		r = !o ? -EINVAL : ipc_allows(self, o, MODE_READ) ? -ENOMSG : -EACCES;
	else if (found->size > size && !(flags & MSG_NOERROR))
		r = -E2BIG;
	else if (found->size > room)
		r = -EINVAL;
	if (!r) {
		uint64_t bytes = found->size;
		m->type = found->type;
		memcpy(m->text, found->text, bytes);
		r = deliver(self, address, m, bytes);
		r = r ? r : (int64_t)bytes;
	}
	message_free(m);
	return r;
}

int64_t sys_msgrcv(struct thread *self, const uint64_t *args)
{
	int32_t id = (int32_t)args[0], flags = (int32_t)args[4];
	uint64_t size = args[2];
	struct receiver receiver = { .thread = self, .type = (int64_t)args[3], .size = flags & MSG_NOERROR ? UINT64_MAX : size };
	struct ipc_object *o;
	int64_t r;

	if (id < 0 || (int64_t)size < 0)
		return -EINVAL;
	if (flags & MSG_COPY)
		return copy(self, id, args[1], size, receiver.type, flags);
	receiver.how = search_of(flags, &receiver.type);
	o = ipc_find(IPC_MESSAGES, id);
	if (!o)
		return -EINVAL;
	r = receive(self, queue_of(o), &receiver, flags);
	if (r)
		return r;
	size = size < receiver.got->size ? size : receiver.got->size;
	r = deliver(self, args[1], receiver.got, size);
	message_free(receiver.got);
	return r ? r : (int64_t)size;
}

/* ---- msgctl ---- */

static int64_t info(struct thread *self, bool current, uint64_t address)
{
	const struct ipc_limits *l = &libos.ipc.limits;
	struct linux_msginfo i = {
		.msgpool = current ? (int32_t)ipc_table(IPC_MESSAGES)->count : MSGPOOL,
		.msgmap = current ? (int32_t)libos.ipc.messages : MSGMNB,
		.msgmax = (int32_t)l->msgmax, .msgmnb = (int32_t)l->msgmnb, .msgmni = (int32_t)l->msgmni, .msgssz = MSGSSZ,
		.msgtql = current ? (int32_t)libos.ipc.bytes : MSGMNB, .msgseg = MSGSEG,
	};

	return user_write(self->process->space, address, &i, sizeof(i)) ? -EFAULT : ipc_last_index(IPC_MESSAGES);
}

static int64_t stat(struct thread *self, int32_t id, int32_t command, uint64_t address)
{
	struct ipc_object *o;
	int r = ipc_find_stat(self, IPC_MESSAGES, id, command != IPC_STAT, command == MSG_STAT_ANY, &o);

	if (r)
		return r;
	const struct msg_queue *q = queue_of(o);
	const struct linux_msqid s = {
		.perm = ipc_perm(o), .stime = q->stime, .rtime = q->rtime, .ctime = q->ctime, .bytes = q->bytes, .count = q->count,
		.limit = q->limit, .last_sender = q->last_sender, .last_receiver = q->last_receiver,
	};
	int64_t result = command == IPC_STAT ? 0 : o->id;
	return user_write(self->process->space, address, &s, sizeof(s)) ? -EFAULT : result;
}

static int64_t set(struct thread *self, int32_t id, uint64_t address)
{
	struct linux_msqid s;
	struct ipc_object *o;
	struct msg_queue *q;
	int r = user_read(self->process->space, &s, address, sizeof(s)) ? -EFAULT : ipc_find_own(self, IPC_MESSAGES, id, &o);

	if (r)
		return r;
	if (s.limit > libos.ipc.limits.msgmnb && !privileged(&self->cred, PRIV_LIMITS))
		return -EPERM;
	r = ipc_set_perm(o, &s.perm);
	if (r)
		return r;
	q = queue_of(o);
	q->limit = s.limit;
	q->ctime = ipc_now();
	/* Receivers may have lost their right, and senders found room. */
	tell_all(q, STATUS_AGAIN);
	wake_senders(q);
	return 0;
}

static int64_t remove(struct thread *self, int32_t id)
{
	struct ipc_object *o;
	struct msg_queue *q;
	int r = ipc_find_own(self, IPC_MESSAGES, id, &o);

	if (r)
		return r;
	q = queue_of(o);
	ipc_remove(IPC_MESSAGES, o);
	tell_all(q, -EIDRM);
	LIST_EACH(at, &q->senders)
		sched_wake(LIST_ENTRY(at, struct sender, node)->thread);
	while (!list_empty(&q->messages)) {
		struct message *m = MESSAGE_OF(q->messages.next);

		list_remove(&m->node);
		count(q, m, -1);
		message_free(m);
		(void)sched_worked(&libos.sched, 1);
	}
	ipc_uncharge(o->account, o->charged);
	queue_put(q);
	return 0;
}

void msg_line(struct text *text, const struct ipc_object *o)
{
	const struct msg_queue *q = (const struct msg_queue *)(const void *)o;

	text_printf(text, IPC_COLUMNS " %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n", o->key, o->id, o->mode,
	            (unsigned long)q->bytes, (unsigned long)q->count, (unsigned)q->last_sender, (unsigned)q->last_receiver, o->uid, o->gid, o->cuid,
	            o->cgid, (unsigned long)q->stime, (unsigned long)q->rtime, (unsigned long)q->ctime);
}

int64_t sys_msgctl(struct thread *self, const uint64_t *args)
{
	int32_t id = (int32_t)args[0], command = (int32_t)args[1];

	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
	case MSG_INFO:
		return info(self, command == MSG_INFO, args[2]);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return stat(self, id, command, args[2]);
	case IPC_SET:
		return set(self, id, args[2]);
	case IPC_RMID:
		return remove(self, id);
	default:
		return -EINVAL;
	}
}
