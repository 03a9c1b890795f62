/*
 * Descriptors in messages (SCM_RIGHTS), and the collector of those that nobody can receive any more: sockets that are only
 * held by messages which wait in such sockets themselves. The rule is Linux's (net/unix/garbage.c): a socket may be garbage
 * if all references to its file travel; it is not, if one of these is in a queue that somebody can still read.
 */
#include <libos/net/unix.h>

/* How many descriptors that travel are looked at for each socket that is closed. */
#define COLLECT_FREELY 64u
#define COLLECT_SHARE  16u

static struct unix_socket *socket_in(const struct file *file)
{
	struct socket *s = socket_of_file(file);
	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

static struct rights *rights_new(uint32_t count)
{
	struct rights *r = heap_alloc(sizeof(*r) + count * sizeof(r->files[0]));
	if (!r)
		return NULL;
	*r = (struct rights){ .count = 0 };
	list_init(&r->doomed);
	return r;
}

int rights_add(struct rights **rights, struct thread *self, const int32_t *fds, uint32_t count)
{
	uint32_t had = *rights ? (*rights)->count : 0;
	if (count > RIGHTS_MAX - had)
		return -EINVAL;
	struct rights *r = rights_new(had + count);
	if (!r)
		return -ENOMEM;
	if (had)
		memcpy(r->files, (*rights)->files, had * sizeof(r->files[0]));
	heap_free(*rights);
	*rights = r;
	r->count = had;
	for (uint32_t i = 0; i < count; i++) {
		struct file *file = fd_file(self->process->fds, fds[i]);
		if (!file)
			return -EBADF;
		file_get(file);
		r->files[r->count++] = file;
	}
	return 0;
}

struct rights *rights_copy(const struct rights *from)
{
	struct rights *r = rights_new(from->count);
	if (!r)
		return NULL;
	for (; r->count < from->count; r->count++) {
		r->files[r->count] = from->files[r->count];
		file_get(r->files[r->count]);
	}
	return r;
}

/* One more, or one less, message carries the files. */
static void count(struct rights *r, bool more)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct unix_socket *u = socket_in(r->files[i]);
		if (!u)
			continue;
		if (more && !u->in_flight++)
			list_push_back(&libos.net.travelling, &u->travels);
		if (!more && !--u->in_flight)
			list_remove(&u->travels);
	}
	libos.net.in_flight += more ? r->count : -(uint64_t)r->count;
	r->travels = more;
}

int rights_send(struct rights *r, struct thread *self)
{
	bool free_of_limits = privileged(&self->cred, PRIV_LIMITS) || privileged(&self->cred, PRIV_FILES);
	uint64_t limit = free_of_limits ? UINT64_MAX : self->process->limits[RLIMIT_NOFILE].soft;
	/* As on Linux one message may go beyond. */
	if (user_count(self->cred.uid, USER_IN_FLIGHT) > limit ||
	    !user_charge(self->cred.uid, USER_IN_FLIGHT, r->count, UINT64_MAX))
		return -ETOOMANYREFS;
	r->uid = self->cred.uid;
	count(r, true);
	return 0;
}

void rights_arrive(struct rights *r)
{
	if (!r->travels)
		return;
	count(r, false);
	user_uncharge(r->uid, USER_IN_FLIGHT, r->count);
}

/* A file that is closed here may be a socket with more of them in its queue: these come behind, on the same stack. */
static void close_doomed(void)
{
	struct net *net = &libos.net;
	bool nested = net->closing;
	net->closing = true;
	while (!nested && !list_empty(&net->doomed)) {
		struct rights *r = LIST_ENTRY(net->doomed.next, struct rights, doomed);
		list_remove(&r->doomed);
		for (uint32_t i = 0; i < r->count; i++) {
			file_put(r->files[i]);
			(void)sched_worked(&libos.sched, 1);
		}
		heap_free(r);
	}
	net->closing = nested;
}

void rights_drop(struct rights *r)
{
	if (!r)
		return;
	rights_arrive(r);
	list_push_back(&libos.net.doomed, &r->doomed);
	close_doomed();
}

typedef void (*visitor)(struct unix_socket *u, struct list *found);

/* Calls it for each socket under suspicion whose file waits in the queue of `u`. */
static void visit_queue(struct unix_socket *u, visitor visit, struct list *found)
{
	if (!u->queued_rights)
		return;
	LIST_EACH(at, &u->queue) {
		const struct rights *r = LIST_ENTRY(at, struct unix_message, node)->rights;
		for (uint32_t i = 0; r && i < r->count; i++) {
			struct unix_socket *carried = socket_in(r->files[i]);
			if (carried && carried->suspect)
				visit(carried, found);
		}
	}
}

static void visit_all(struct unix_socket *u, visitor visit, struct list *found)
{
	if (u->state != UNIX_LISTENS) {
		visit_queue(u, visit, found);
		return;
	}
	LIST_EACH(at, &u->queue)
		visit_queue(LIST_ENTRY(at, struct unix_socket, waiting), visit, found);
}

static void explain(struct unix_socket *u, struct list *found)
{
	(void)found;
	u->unexplained--;
}

/* Somebody can still receive it. */
static void acquit(struct unix_socket *u, struct list *found)
{
	u->suspect = false;
	list_remove(&u->travels);
	list_push_back(found, &u->travels);
}

/* Sorts those that travel: what is left in libos.net.travelling is garbage, if it is suspect. */
static void judge(struct list *alive)
{
	struct list *all = &libos.net.travelling;
	LIST_EACH(at, all) {
		struct unix_socket *u = LIST_ENTRY(at, struct unix_socket, travels);
		u->suspect = u->base.file && u->base.file->refs == u->in_flight;
		u->unexplained = u->in_flight;
	}
	LIST_EACH(at, all) {
		struct unix_socket *u = LIST_ENTRY(at, struct unix_socket, travels);
		if (u->suspect)
			visit_all(u, explain, NULL);
	}
	LIST_EACH_SAFE(at, after, all) {
		struct unix_socket *u = LIST_ENTRY(at, struct unix_socket, travels);
		if (!u->suspect || u->unexplained)
			acquit(u, alive);
	}
	/* What these have in their queues can be received, too; the list grows while it is walked. */
	LIST_EACH(at, alive)
		visit_all(LIST_ENTRY(at, struct unix_socket, travels), acquit, alive);
}

/* The rights in its queue go; the messages stay, which nobody will read. */
static void empty(struct unix_socket *u)
{
	LIST_EACH(at, &u->queue) {
		struct unix_message *m = LIST_ENTRY(at, struct unix_message, node);
		if (!m->rights)
			continue;
		list_push_back(&libos.net.doomed, &m->rights->doomed);
		m->rights = NULL;
		u->queued_rights--;
	}
}

void rights_collect(void)
{
	struct net *net = &libos.net;
	struct list alive, *doomed = &net->doomed;
	uint64_t often = net->in_flight < COLLECT_FREELY ? 1 : net->in_flight / COLLECT_SHARE;
	if (!net->in_flight || ++net->closed < often)
		return;
	net->closed = 0;
	list_init(&alive);
	judge(&alive);
	LIST_EACH(at, &net->travelling) {
		struct unix_socket *u = LIST_ENTRY(at, struct unix_socket, travels);
		if (u->state != UNIX_LISTENS) {
			empty(u);
			continue;
		}
		LIST_EACH(end, &u->queue)
			empty(LIST_ENTRY(end, struct unix_socket, waiting));
	}
	while (!list_empty(&alive)) {
		struct list *one = alive.next;
		list_remove(one);
		list_push_back(&net->travelling, one);
	}
	LIST_EACH(at, doomed)
		rights_arrive(LIST_ENTRY(at, struct rights, doomed));
	close_doomed();
}
