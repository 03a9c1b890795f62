/*
 * Operations on semaphores, and who waits for them.
 *
 * A set of operations is done as a whole or not at all. Who cannot go on yet waits in one of four kinds of queues: by whether it
 * subtracts or only waits for zero, and by whether it is one operation, which is in its semaphore's queue, or several. While
 * somebody waits with several that subtract, all that subtract are in one queue, so that they are served in their order.
 *
 * One change may let thousands of sleepers go on, each with hundreds of operations. So whoever makes it gives way between two of
 * them, and keeps others off the array meanwhile (sem_enter()).
 */
#include <libos/ipc/internal.h>

#define SEM_UNDO   0x1000
#define OPS_INLINE 8u

struct linux_sembuf {
	uint16_t number;
	int16_t change;
	int16_t flags;
};
_Static_assert(sizeof(struct linux_sembuf) == 6, "struct sembuf");

#define STATUS_WAITS 1

struct sem_wait { /* on the stack of who waits */
	struct list node;
	struct thread *thread;
	const struct linux_sembuf *ops, *blocking; /* blocking: that could not be done last time */
	uint32_t count;
	int32_t pid;
	struct sem_undo *undo; /* NULL: nothing is to be taken back */
	bool alters;
	int status;            /* STATUS_WAITS, or what the call returns */
};
#define WAIT_OF(at) LIST_ENTRY(at, struct sem_wait, node)

/* ---- one at a time ---- */

int sem_enter(struct thread *self, struct sem_array *a)
{
	a->ipc.refs++;
	while (a->busy)
		(void)wait_on(self, &a->busy_wait, NO_DEADLINE, false);
	a->busy = self;
	if (!a->ipc.removed)
		return 0;
	sem_leave(a);
	return -EIDRM;
}

/* With nobody left who waits with several operations, single ones wait at their semaphores again. */
static void queues_part(struct sem_array *a)
{
	if (a->several)
		return;
	LIST_EACH_SAFE(at, after, &a->change) {
		list_remove(at);
		list_push_back(&a->sems[WAIT_OF(at)->ops->number].change, at);
	}
}

/* In Linux's order: those of the last semaphore first. */
static void queues_join(struct sem_array *a)
{
	for (uint32_t i = a->count; i-- > 0;) {
		LIST_EACH_SAFE(at, after, &a->sems[i].change) {
			list_remove(at);
			list_push_back(&a->change, at);
		}
	}
}

void sem_leave(struct sem_array *a)
{
	queues_part(a);
	a->busy = NULL;
	waitq_wake(&a->busy_wait, 1);
	if (!--a->ipc.refs)
		heap_free(a);
}

/* ---- doing them ---- */

static bool within_undo(int32_t value)
{
	return value >= -SEMAEM - 1 && value <= SEMAEM;
}

/* Adds one operation's change `sign` times. */
static void apply(struct sem_array *a, struct sem_wait *w, const struct linux_sembuf *op, int sign)
{
	a->sems[op->number].value += sign * op->change;
	if (op->flags & SEM_UNDO)
		w->undo->adjust[op->number] = (int16_t)(w->undo->adjust[op->number] - sign * op->change);
}

/* All or none of them. 0; -ERANGE; w->blocking cannot be done now: STATUS_WAITS, or -EAGAIN if it says so. */
static int attempt(struct sem_array *a, struct sem_wait *w)
{
	const struct linux_sembuf *op = w->ops, *end = w->ops + w->count;
	int r = 0;

	for (; op < end && !r; op++) {
		int32_t value = a->sems[op->number].value;

		if (op->change ? value + op->change < 0 : value) {
			w->blocking = op;
			r = op->flags & IPC_NOWAIT ? -EAGAIN : STATUS_WAITS;
		} else if (value + op->change > SEMVMX ||
		           ((op->flags & SEM_UNDO) && !within_undo(w->undo->adjust[op->number] - op->change))) {
			r = -ERANGE;
		} else {
			apply(a, w, op, 1);
		}
	}
	if (r)
		op--; /* which was not applied */
	while (op-- > w->ops) {
		if (r)
			apply(a, w, op, -1);
		else
			a->sems[op->number].pid = w->pid;
	}
	return r;
}

/* ---- who can go on ---- */

static void wait_end(struct sem_array *a, struct sem_wait *w, int status)
{
	list_remove(&w->node);
	a->several -= w->count > 1;
	w->status = status;
}

/* From here on it may be gone. */
static void finish(struct sem_array *a, struct sem_wait *w, int status)
{
	wait_end(a, w, status);
	sched_wake(w->thread);
}

/* Units of work, by how many operations were looked at. */
#define OPS_PER_UNIT 64u

static void worked(const struct sem_wait *w)
{
	(void)sched_worked(&libos.sched, 1 + w->count / OPS_PER_UNIT);
}

/* Those that only wait for zero change nothing, so one look at each is enough. True: one went on. */
static bool update_zero(struct sem_array *a, struct list *queue)
{
	bool done = false;

	LIST_EACH_SAFE(at, after, queue) {
		struct sem_wait *w = WAIT_OF(at);
		int r = attempt(a, w);

		worked(w);
		if (r == STATUS_WAITS)
			continue;
		done |= !r;
		finish(a, w, r);
	}
	return done;
}

/* After these operations, or (NULL) after any. */
static bool update_zeros(struct sem_array *a, const struct linux_sembuf *ops, uint32_t count)
{
	bool done = false, zero = false;

	for (uint32_t i = 0; i < (ops ? count : a->count); i++) {
		struct semaphore *s = &a->sems[ops ? ops[i].number : i];

		if (s->value)
			continue;
		zero = true;
		done |= update_zero(a, &s->zero);
	}
	return (zero && update_zero(a, &a->zero)) | done;
}

/* s: whose queue it is; NULL: that of all. */
static bool update_change(struct sem_array *a, struct list *queue, const struct semaphore *s)
{
	bool done = false, again;

	do {
		again = false;
		LIST_EACH_SAFE(at, after, queue) {
			struct sem_wait *w = WAIT_OF(at);
			int r;

			/* Only what subtracts waits for a single one. */
			if (s && !s->value)
				break;
			r = attempt(a, w);
			worked(w);
			if (r == STATUS_WAITS)
				continue;
			if (!r) {
				done = true;
				update_zeros(a, w->ops, w->count);
				/* What it has done may let go on who waits before it. */
				again = w->count > 1 || !list_empty(&a->change);
			}
			finish(a, w, r);
			if (again)
				break;
		}
	} while (again);
	return done;
}

static void update(struct sem_array *a, const struct linux_sembuf *ops, uint32_t count)
{
	bool done = update_zeros(a, ops, count);

	if (!list_empty(&a->change)) {
		done |= update_change(a, &a->change, NULL);
	} else {
		for (uint32_t i = 0; i < (ops ? count : a->count); i++) {
			struct semaphore *s = &a->sems[ops ? ops[i].number : i];

			if (!ops || ops[i].change > 0)
				done |= update_change(a, &s->change, s);
		}
	}
	if (done)
		a->otime = ipc_now();
}

void sem_update_all(struct sem_array *a)
{
	update(a, NULL, 0);
}

static void finish_all(struct sem_array *a, struct list *queue, int status)
{
	while (!list_empty(queue))
		finish(a, WAIT_OF(queue->next), status);
}

void sem_end_waits(struct sem_array *a)
{
	finish_all(a, &a->zero, -EIDRM);
	finish_all(a, &a->change, -EIDRM);
	for (uint32_t i = 0; i < a->count; i++) {
		finish_all(a, &a->sems[i].zero, -EIDRM);
		finish_all(a, &a->sems[i].change, -EIDRM);
	}
}

static uint32_t count_in(const struct list *queue, uint32_t number, bool zero)
{
	uint32_t count = 0;

	LIST_EACH(at, queue) {
		const struct linux_sembuf *op = WAIT_OF(at)->blocking;

		count += op->number == number && (zero ? !op->change : op->change < 0);
	}
	return count;
}

uint32_t sem_waiting(const struct sem_array *a, uint32_t number, bool zero)
{
	const struct semaphore *s = &a->sems[number];

	return count_in(zero ? &s->zero : &s->change, number, zero) + count_in(&a->change, number, zero) + count_in(&a->zero, number, zero);
}

/* ---- the calls ---- */

static void queue(struct sem_array *a, struct sem_wait *w)
{
	struct semaphore *s = &a->sems[w->ops->number];

	if (w->count == 1) {
		list_push_back(!w->alters ? &s->zero : a->several ? &a->change : &s->change, &w->node);
		return;
	}
	if (!a->several++)
		queues_join(a);
	list_push_back(w->alters ? &a->change : &a->zero, &w->node);
}

/* The array is entered, and is left here. */
static int wait(struct thread *self, struct sem_array *a, struct sem_wait *w, uint64_t deadline)
{
	int error;

	queue(a, w);
	a->ipc.refs++;
	sem_leave(a);
	do
		error = sched_sleep(self, deadline, true);
	while (w->status == STATUS_WAITS && !error);
	/* Whoever is at it just now may still let it go on; who removes the array does. */
	if (w->status == STATUS_WAITS && !sem_enter(self, a)) {
		if (w->status == STATUS_WAITS)
			wait_end(a, w, error == -ETIMEDOUT ? -EAGAIN : -EINTR);
		sem_leave(a);
	}
	if (!--a->ipc.refs)
		heap_free(a);
	return w->status;
}

static int64_t operate(struct thread *self, int32_t id, const struct linux_sembuf *ops, uint32_t count, uint64_t deadline)
{
	struct sem_wait w = { .thread = self, .ops = ops, .count = count, .pid = self->process->pid, .status = STATUS_WAITS };
	struct ipc_object *o = id < 0 ? NULL : ipc_find(IPC_SEMAPHORES, id);
	struct sem_array *a = (struct sem_array *)(void *)o;
	bool undoes = false;
	int r;

	if (!o)
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		if (ops[i].number >= a->count)
			return -EFBIG;
		w.alters |= ops[i].change != 0;
		undoes |= (ops[i].flags & SEM_UNDO) != 0;
	}
	if (!ipc_allows(self, o, w.alters ? MODE_WRITE : MODE_READ))
		return -EACCES;
	r = sem_enter(self, a);
	if (r)
		return r;
	if (undoes) {
		w.undo = sem_undo_get(self, a);
		r = w.undo ? 0 : -ENOMEM;
	}
	if (!r)
		r = attempt(a, &w);
	if (r == STATUS_WAITS)
		return wait(self, a, &w, deadline);
	if (!r) {
		a->otime = ipc_now();
		if (w.alters)
			update(a, ops, count);
	}
	sem_leave(a);
	return r;
}

static int64_t operate_user(struct thread *self, const uint64_t *args, uint64_t deadline, int timeout_error)
{
	struct linux_sembuf few[OPS_INLINE], *ops = few;
	uint32_t count = (uint32_t)args[2];
	int64_t r;

	if (count > libos.ipc.limits.semopm)
		return -E2BIG;
	if (!count)
		return -EINVAL;
	if (count > OPS_INLINE)
		ops = heap_alloc(count * sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	r = user_read(self->process->space, ops, args[1], count * sizeof(*ops));
	if (!r)
		r = timeout_error;
	if (!r)
		r = operate(self, (int32_t)args[0], ops, count, deadline);
	if (ops != few)
		heap_free(ops);
	return r;
}

int64_t sys_semop(struct thread *self, const uint64_t *args)
{
	return operate_user(self, args, NO_DEADLINE, 0);
}

int64_t sys_semtimedop(struct thread *self, const uint64_t *args)
{
	uint64_t deadline = NO_DEADLINE;
	int64_t ns;
	int error = args[3] ? timespec_read(self, args[3], &ns) : 0;

	if (error == -EFAULT)
		return error;
	if (args[3] && !error)
		deadline = ns_add(libos_now(), (uint64_t)ns);
	return operate_user(self, args, deadline, error);
}
