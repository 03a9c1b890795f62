/*
 * Futexes. A private one is known by its space and address; one that may be shared by these or by the frame: the
 * first survives copy-on-write of the page, the second is the same for all who map it. Both have the same offset in the
 * page, which is therefore what the hash is made of. A private and a shared one at one address are two.
 */
#include <libos/proc/internal.h>

#define BUCKETS 256
#define ROBUST_MAX 2048 /* entries of a robust list, as Linux's ROBUST_LIST_LIMIT */

struct futex_name {
	const struct vm_space *space;
	uint64_t address, frame_key;
	bool shared;
};

struct futex_waiter {
	struct list node;
	struct futex_name name;
	struct thread *thread;
	uint32_t bits;
	bool woken;
};
#define WAITER_OF(at) LIST_ENTRY(at, struct futex_waiter, node)

static struct list *bucket(const struct futex_name *name)
{
	struct list *b = &libos.procs.futexes[name->address / 4 % BUCKETS];

	if (!b->next)
		list_init(b);
	return b;
}

static bool same(const struct futex_name *a, const struct futex_name *b)
{
	if (a->shared != b->shared)
		return false;
	return (a->space == b->space && a->address == b->address) || (a->shared && a->frame_key == b->frame_key);
}

/* word: NULL if its value does not matter; then there need be nothing at a private one's address. */
static int futex_name(struct vm_space *space, uint64_t address, bool shared, struct futex_name *name,
                      const uint32_t **word)
{
	const uint32_t *unused;

	*name = (struct futex_name){.space = space, .address = address, .shared = shared};
	if (!word && !shared)
		return address & 3 ? -EINVAL : address >= EXO_USER_LIMIT ? -EFAULT : 0;
	return user_word_read(space, address, &name->frame_key, word ? word : &unused);
}

/* The same for a word that is going to be changed, which the program must be allowed to do. */
static int futex_name_changing(struct vm_space *space, uint64_t address, bool shared, struct futex_name *name,
                               uint32_t **word)
{
	*name = (struct futex_name){.space = space, .address = address, .shared = shared};
	return user_word_write(space, address, &name->frame_key, word);
}

/* Fewer than one wakes one, as on Linux. */
static uint32_t count_of(uint64_t arg)
{
	return (int32_t)arg < 1 ? 1 : (uint32_t)arg;
}

static uint32_t wake(const struct futex_name *name, uint32_t count, uint32_t bits)
{
	uint32_t done = 0;

	LIST_EACH_SAFE(at, after, bucket(name)) {
		struct futex_waiter *w = WAITER_OF(at);

		if (done >= count)
			break;
		if (!same(&w->name, name) || !(w->bits & bits))
			continue;
		list_remove(&w->node);
		w->woken = true;
		sched_wake(w->thread);
		done++;
	}
	return done;
}

void futex_wake_address(struct vm_space *space, uint64_t address, uint32_t count)
{
	struct futex_name name;

	if (!futex_name(space, address, true, &name, NULL))
		(void)wake(&name, count, UINT32_MAX);
}

static int64_t futex_wait(struct thread *self, uint64_t address, bool shared, uint32_t value, uint64_t deadline,
                          uint32_t bits);

/* restart_args: address, whether it is shared, value and bits, deadline. */
static int64_t futex_wait_again(struct thread *self)
{
	const uint64_t *a = self->restart_args;

	return futex_wait(self, a[0], a[1] != 0, (uint32_t)a[2], a[3], (uint32_t)(a[2] >> 32));
}

static int64_t futex_wait(struct thread *self, uint64_t address, bool shared, uint32_t value, uint64_t deadline,
                          uint32_t bits)
{
	struct futex_waiter w = {.thread = self, .bits = bits};
	const uint32_t *word;
	int error = futex_name(self->process->space, address, shared, &w.name, &word);

	if (error)
		return error;
	if (!bits)
		return -EINVAL;
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value)
		return -EAGAIN;
	list_push_back(bucket(&w.name), &w.node);
	while (!w.woken) {
		error = sched_sleep(self, deadline, true);
		if (error)
			break;
	}
	list_remove(&w.node);
	if (w.woken)
		return 0;
	if (error == -ETIMEDOUT)
		return -ETIMEDOUT;
	if (deadline == NO_DEADLINE)
		return -ERESTARTSYS;
	/* One with a timeout is not made again after a handler. */
	self->restart = futex_wait_again;
	self->restart_args[0] = address;
	self->restart_args[1] = shared;
	self->restart_args[2] = (uint64_t)bits << 32 | value;
	self->restart_args[3] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

static int64_t requeue(struct thread *self, const uint64_t *args, bool shared, bool compare)
{
	struct vm_space *space = self->process->space;
	struct futex_name from, to;
	const uint32_t *word;
	uint32_t done, moved = 0, limit = (uint32_t)args[3];
	int error;

	if ((int32_t)args[2] < 0 || (int32_t)args[3] < 0)
		return -EINVAL;
	error = futex_name(space, args[4], shared, &to, NULL);
	if (!error)
		error = futex_name(space, args[0], shared, &from, compare ? &word : NULL);
	if (error)
		return error;
	if (compare && __atomic_load_n(word, __ATOMIC_SEQ_CST) != (uint32_t)args[5])
		return -EAGAIN;
	done = wake(&from, (uint32_t)args[2], UINT32_MAX);
	LIST_EACH_SAFE(at, after, bucket(&from)) {
		struct futex_waiter *w = WAITER_OF(at);

		if (moved >= limit)
			break;
		if (!same(&w->name, &from) || same(&w->name, &to))
			continue;
		list_remove(&w->node);
		w->name = to;
		list_push_back(bucket(&to), &w->node);
		moved++;
	}
	return done + moved;
}

/* FUTEX_WAKE_OP: operation, comparison and both operands in one word (linux/futex.h, FUTEX_OP). */
static int apply_op(uint32_t *word, uint32_t encoded, bool *compares)
{
	uint32_t op = encoded >> 28 & 7, comparison = encoded >> 24 & 15, old = __atomic_load_n(word, __ATOMIC_SEQ_CST), new;
	int32_t arg = (int32_t)(encoded << 8) >> 20, with = (int32_t)(encoded << 20) >> 20;

	if (encoded >> 31)
		arg = (int32_t)(UINT32_C(1) << ((uint32_t)arg & 31));
	do {
		switch (op) {
		case 0:
			new = (uint32_t)arg;
			break;
		case 1:
			new = old + (uint32_t)arg;
			break;
		case 2:
			new = old | (uint32_t)arg;
			break;
		case 3:
			new = old & ~(uint32_t)arg;
			break;
		case 4:
			new = old ^ (uint32_t)arg;
			break;
		default:
			return -ENOSYS;
		}
	} while (!__atomic_compare_exchange_n(word, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	switch (comparison) {
	case 0:
		*compares = (int32_t)old == with;
		return 0;
	case 1:
		*compares = (int32_t)old != with;
		return 0;
	case 2:
		*compares = (int32_t)old < with;
		return 0;
	case 3:
		*compares = (int32_t)old <= with;
		return 0;
	case 4:
		*compares = (int32_t)old > with;
		return 0;
	case 5:
		*compares = (int32_t)old >= with;
		return 0;
	default:
		return -ENOSYS;
	}
}

static int64_t wake_op(struct thread *self, const uint64_t *args, bool shared)
{
	struct vm_space *space = self->process->space;
	struct futex_name first, second;
	uint32_t *word, done;
	bool compares = false;
	int error = futex_name(space, args[0], shared, &first, NULL);

	if (!error)
		error = futex_name_changing(space, args[4], shared, &second, &word);
	if (!error)
		error = apply_op(word, (uint32_t)args[5], &compares);
	if (error)
		return error;
	done = wake(&first, count_of(args[2]), UINT32_MAX);
	if (compares)
		done += wake(&second, count_of(args[3]), UINT32_MAX);
	return done;
}

/* The timeout argument as a monotonic deadline. WAIT's is relative, WAIT_BITSET's absolute. */
static int deadline_of(struct thread *self, uint64_t address, int op, bool realtime, uint64_t *deadline)
{
	int64_t ns;
	uint64_t now;
	int error;

	*deadline = NO_DEADLINE;
	if (!address)
		return 0;
	error = timespec_read(self, address, &ns);
	if (error)
		return error;
	if (op == FUTEX_WAIT) {
		*deadline = ns_add(libos_now(), (uint64_t)ns);
	} else if (realtime) {
		now = libos_realtime();
		*deadline = ns_add(libos_now(), (uint64_t)ns > now ? (uint64_t)ns - now : 0);
	} else {
		*deadline = (uint64_t)ns;
	}
	return 0;
}

int64_t sys_futex(struct thread *self, const uint64_t *args)
{
	int op = (int)args[1] & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	bool shared = !(args[1] & FUTEX_PRIVATE_FLAG), realtime = args[1] & FUTEX_CLOCK_REALTIME;
	struct futex_name name;
	uint64_t deadline;
	int error;

	/* Only one of the calls that we know takes a time by the clock on the wall; but a bad time is told first. */
	if (realtime && op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (op) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		error = deadline_of(self, args[3], op, realtime, &deadline);
		if (error)
			return error;
		if (realtime && op == FUTEX_WAIT)
			return -ENOSYS;
		return futex_wait(self, args[0], shared, (uint32_t)args[2], deadline,
		                  op == FUTEX_WAIT ? UINT32_MAX : (uint32_t)args[5]);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		if (op == FUTEX_WAKE_BITSET && !(uint32_t)args[5])
			return -EINVAL;
		error = futex_name(self->process->space, args[0], shared, &name, NULL);
		if (error)
			return error;
		return wake(&name, count_of(args[2]), op == FUTEX_WAKE ? UINT32_MAX : (uint32_t)args[5]);
	case FUTEX_REQUEUE:
		return requeue(self, args, shared, false);
	case FUTEX_CMP_REQUEUE:
		return requeue(self, args, shared, true);
	case FUTEX_WAKE_OP:
		return wake_op(self, args, shared);
	default:
		return -ENOSYS;
	}
}

/* ---- what a thread leaves behind ---- */

/* A lock that the thread may have held. False: the word cannot be reached or may not be changed. */
static bool robust_died(struct thread *t, uint64_t address)
{
	struct futex_name name;
	const uint32_t *seen;
	uint32_t *word, old;

	if (futex_name(t->process->space, address, true, &name, &seen))
		return false;
	if ((__atomic_load_n(seen, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) != (uint32_t)t->tid)
		return true;
	if (futex_name_changing(t->process->space, address, true, &name, &word))
		return false;
	old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	do {
		if ((old & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return true;
	} while (!__atomic_compare_exchange_n(word, &old, (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED, false,
	                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if (old & FUTEX_WAITERS)
		(void)wake(&name, 1, UINT32_MAX);
	return true;
}

/* A list that leads to what the thread may not change ends there, as on Linux. */
static void robust_walk(struct thread *t)
{
	struct { uint64_t next; int64_t offset; uint64_t pending; } head;
	struct vm_space *space = t->process->space;
	uint64_t at;

	if (user_read(space, &head, t->robust_list, sizeof(head)))
		return;
	at = head.next;
	/* Bit 0 marks PI futexes, which there are none of here. */
	for (int i = 0; i < ROBUST_MAX && (at & ~UINT64_C(1)) != t->robust_list; i++) {
		uint64_t entry = at & ~UINT64_C(1), next;
		bool last = user_read(space, &next, entry, sizeof(next)) != 0;

		if (at != head.pending && !robust_died(t, entry + (uint64_t)head.offset))
			return;
		if (last)
			return;
		at = next;
	}
	if (head.pending)
		(void)robust_died(t, (head.pending & ~UINT64_C(1)) + (uint64_t)head.offset);
}

void futex_thread_exit(struct thread *t)
{
	const uint32_t zero = 0;

	if (t->robust_list)
		robust_walk(t);
	t->robust_list = 0;
	/* Nobody else can see the word if this was the last user of the memory. */
	if (t->clear_child_tid && (t->process->thread_count > 1 || t->process->shares_parent_space) && !user_write(t->process->space, t->clear_child_tid,
	    &zero, sizeof(zero)))
		futex_wake_address(t->process->space, t->clear_child_tid, 1);
	t->clear_child_tid = 0;
}

#define ROBUST_HEAD_SIZE 24

int64_t sys_set_robust_list(struct thread *self, const uint64_t *args)
{
	if (args[1] != ROBUST_HEAD_SIZE)
		return -EINVAL;
	self->robust_list = args[0];
	return 0;
}

int64_t sys_get_robust_list(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	const uint64_t size = ROBUST_HEAD_SIZE;
	struct thread *t = args[0] ? thread_find((int32_t)args[0]) : self;

	if (!t)
		return -ESRCH;
	if (!thread_may_inspect(self, t->process, true))
		return -EPERM;
	if (user_write(space, args[2], &size, sizeof(size)) ||
	    user_write(space, args[1], &t->robust_list, sizeof(t->robust_list)))
		return -EFAULT;
	return 0;
}
