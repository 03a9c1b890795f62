/*
 * Advisory locks: flock(2), and record locks of processes (POSIX) and of open file
 * descriptions. All locks of an inode are in one list; flock locks live apart from record locks.
 *
 * Who waits does so on one lock that is in its way. When that one changes, whoever changes it looks for the waiter: it gets
 * its lock and is woken, or waits on the next one in its way. So nobody wakes in vain, however many wait.
 */
#include <libos/fs/internal.h>
#include <libos/fs/proc.h>

#define LOCKS_PER_FRAME 2u /* of memory: the most of one user */
/* So many locks are looked at for others; the waiters that are left are woken to look themselves. */
#define LOOK_MAX        20000u
/* A longer circle of waiters is not seen, as on Linux (MAX_DEADLK_ITERATIONS). */
#define DEADLOCK_HOPS   11

enum lock_kind { LOCK_POSIX, LOCK_OFD, LOCK_FLOCK };

struct lock {
	struct list node;
	enum lock_kind kind;
	bool exclusive;
	const void *owner;   /* POSIX: the descriptor table, as in Linux; OFD, flock: the file */
	int32_t pid;         /* for F_GETLK */
	uint32_t uid;        /* in whose account it is */
	bool unlimited;      /* of a lock that is wanted: its user may have more than others */
	uint64_t start, end;           /* [start, end]; end INT64_MAX: to the end of the file */
	struct list waiters;           /* struct lock_waiter.node: whom it is in the way of */
};

struct lock_set { /* inode->locks */
	struct list all; /* in vfs.lock_sets */
	const struct inode *inode;
	struct list locks;
	uint32_t count;   /* of them */
	uint32_t waiting; /* who sleeps here keeps the set alive */
};

struct lock_waiter { /* on the sleeper's stack */
	struct list node; /* of a lock that is in its way */
	struct list all;  /* in vfs.lock_waiters, if it is a POSIX one */
	struct thread *thread;
	const struct lock *want, *blocker; /* blocker: whose `waiters` it is in; NULL: none */
	bool done; /* somebody else has seen to it: */
	int result;
};
#define WAITER_OF(at) LIST_ENTRY(at, struct lock_waiter, node)

struct user_flock { /* struct flock of fcntl(2) */
	int16_t type, whence;
	int64_t start, length;
	int32_t pid;
};

static struct lock_set *set_of(struct inode *inode)
{
	if (inode->locks)
		return inode->locks;
	struct lock_set *set = heap_alloc(sizeof(*set));
	if (!set)
		return NULL;
	list_init(&set->locks);
	list_push_back(&libos.vfs.lock_sets, &set->all);
	set->inode = inode;
	set->count = 0;
	set->waiting = 0;
	inode->locks = set;
	return set;
}

static void set_drop_empty(struct inode *inode)
{
	struct lock_set *set = inode->locks;
	if (!set || set->waiting || !list_empty(&set->locks))
		return;
	list_remove(&set->all);
	heap_free(set);
	inode->locks = NULL;
}

static bool same_owner(const struct lock *a, const struct lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

static bool overlaps(const struct lock *a, const struct lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/* The first one in the file, as F_GETLK has to tell. */
static struct lock *find_conflict(const struct lock_set *set, const struct lock *want)
{
	struct lock *first = NULL;
	LIST_EACH(at, &set->locks) {
		struct lock *l = LIST_ENTRY(at, struct lock, node);
		if ((l->kind == LOCK_FLOCK) != (want->kind == LOCK_FLOCK) || same_owner(l, want))
			continue;
		if (overlaps(l, want) && (l->exclusive || want->exclusive) && (!first || l->start < first->start))
			first = l;
	}
	return first;
}

/* The first of the asker's own, which F_OFD_GETLK of F_UNLCK tells. */
static struct lock *find_own(const struct lock_set *set, const struct lock *want)
{
	struct lock *first = NULL;
	LIST_EACH(at, &set->locks) {
		struct lock *l = LIST_ENTRY(at, struct lock, node);
		if (same_owner(l, want) && overlaps(l, want) && (!first || l->start < first->start))
			first = l;
	}
	return first;
}

/* A user's locks take a share of memory at most: LOCKS_PER_FRAME of them are not even a twentieth. */
static struct lock *lock_new(const struct lock *want, bool unlimited)
{
	uint64_t limit = unlimited ? UINT64_MAX : libos.frames.total * LOCKS_PER_FRAME;
	if (!user_charge(want->uid, USER_LOCKS, 1, limit))
		return NULL;
	struct lock *l = heap_alloc(sizeof(*l));
	if (!l) {
		user_uncharge(want->uid, USER_LOCKS, 1);
		return NULL;
	}
	l->uid = want->uid;
	list_init(&l->node);
	list_init(&l->waiters);
	return l;
}

/* One that is in no set. */
static void lock_free(struct lock *l)
{
	if (!l)
		return;
	user_uncharge(l->uid, USER_LOCKS, 1);
	heap_free(l);
}

/* It changes, or goes: who waited for it must look again. */
static void waiters_take(struct lock *l, struct list *again)
{
	while (!list_empty(&l->waiters)) {
		struct list *first = l->waiters.next;
		list_remove(first);
		list_push_back(again, first);
	}
}

static void lock_remove(struct lock_set *set, struct lock *l, struct list *again)
{
	waiters_take(l, again);
	list_remove(&l->node);
	set->count--;
	lock_free(l);
}

/* A new lock like another one, but in its own account. */
static void lock_add(struct lock_set *set, struct list *after, struct lock *l, const struct lock *from)
{
	uint32_t uid = l->uid;
	*l = *from;
	l->uid = uid;
	list_init(&l->waiters);
	list_insert_after(after, &l->node);
	set->count++;
}

/*
 * The owner's range [start, end] becomes what `want` says (or free, with `unlock`). At most two new
 * records are needed; they are made before anything is changed. Who has to look again is added to `again`.
 */
static int change(struct lock_set *set, const struct lock *want, bool unlock, struct list *again)
{
	struct lock *fresh = lock_new(want, unlock || want->unlimited), *split = lock_new(want, true);
	if (!fresh || !split) {
		lock_free(fresh);
		lock_free(split);
		return -ENOLCK;
	}
	struct lock merged = *want;
	LIST_EACH_SAFE(at, after, &set->locks) {
		struct lock *l = LIST_ENTRY(at, struct lock, node);
		if (!same_owner(l, want))
			continue;
		bool touching = l->end + 1 >= merged.start && (merged.end == UINT64_MAX || l->start <= merged.end + 1);
		if (!unlock && l->exclusive == want->exclusive && touching) {
			if (l->start < merged.start)
				merged.start = l->start;
			if (l->end > merged.end)
				merged.end = l->end;
			lock_remove(set, l, again);
			continue;
		}
		if (!overlaps(l, want))
			continue;
		waiters_take(l, again);
		if (l->start < want->start && l->end > want->end) {
			lock_add(set, &l->node, split, l);
			split->start = want->end + 1;
			l->end = want->start - 1;
			split = NULL;
		} else if (l->start < want->start) {
			l->end = want->start - 1;
		} else if (l->end > want->end) {
			l->start = want->end + 1;
		} else {
			lock_remove(set, l, again);
		}
	}
	if (unlock)
		lock_free(fresh);
	else
		lock_add(set, set->locks.prev, fresh, &merged);
	lock_free(split);
	return 0;
}

static void wait_behind(struct lock_waiter *w, struct lock *blocker)
{
	w->blocker = blocker;
	list_push_back(&blocker->waiters, &w->node);
}

/* Each of `again` gets what it waits for, or waits on. What one gets may have others look again. */
static void look_again(struct lock_set *set, struct list *again)
{
	uint32_t looked = 0;
	while (!list_empty(again)) {
		struct lock_waiter *w = WAITER_OF(again->next);
		struct lock *conflict = looked < LOOK_MAX ? find_conflict(set, w->want) : NULL;
		looked += set->count;
		list_remove(&w->node);
		if (conflict) {
			wait_behind(w, conflict);
			continue;
		}
		w->blocker = NULL;
		if (looked < LOOK_MAX) {
			w->result = change(set, w->want, false, again);
			w->done = true;
		}
		sched_wake(w->thread);
	}
}

static int change_and_look(struct lock_set *set, const struct lock *want, bool unlock)
{
	struct list again;
	list_init(&again);
	int r = change(set, want, unlock, &again);
	look_again(set, &again);
	return r;
}

static const void *owner_of(const struct lock *blocker)
{
	return blocker && blocker->kind == LOCK_POSIX ? blocker->owner : NULL;
}

/* Whom does the owner wait for? By the lock that it asked for last, as on Linux. */
static const void *waits_for(const void *owner)
{
	const struct lock *blocker = NULL;
	LIST_EACH(at, &libos.vfs.lock_waiters) {
		const struct lock_waiter *w = LIST_ENTRY(at, struct lock_waiter, all);
		if (w->want->owner == owner && w->blocker)
			blocker = w->blocker;
	}
	return owner_of(blocker);
}

/* Would waiting for `blocker` close a circle? */
static bool is_deadlock(const void *self, const void *blocker)
{
	for (int hops = 0; blocker && blocker != self && hops < DEADLOCK_HOPS; hops++)
		blocker = waits_for(blocker);
	return blocker == self;
}

static void wait_for(struct lock_waiter *w, struct lock *blocker)
{
	int r;
	wait_behind(w, blocker);
	if (w->want->kind == LOCK_POSIX)
		list_push_back(&libos.vfs.lock_waiters, &w->all);
	r = sched_sleep(w->thread, NO_DEADLINE, true);
	list_remove(&w->node);
	list_remove(&w->all);
	if (!w->done)
		w->result = r ? -ERESTARTSYS : 0;
}

/* Waits until nothing conflicts, and takes the lock. The file must be held by the caller. */
static int take_waiting(struct thread *self, struct lock_set *set, const struct lock *want)
{
	struct lock_waiter w = { .thread = self, .want = want };
	struct lock *conflict;
	list_init(&w.node);
	list_init(&w.all);
	while (!w.done && !w.result && (conflict = find_conflict(set, want)) != NULL) {
		if (want->kind == LOCK_POSIX && is_deadlock(want->owner, owner_of(conflict)))
			return -EDEADLK;
		wait_for(&w, conflict);
	}
	return w.done || w.result ? w.result : change_and_look(set, want, false);
}

static int acquire(struct thread *self, struct file *file, const struct lock *want, bool unlock, bool wait)
{
	struct inode *inode = file->path.inode;
	if (unlock && !inode->locks)
		return 0;
	struct lock_set *set = set_of(inode);
	if (!set)
		return -ENOLCK;
	int r = 0;
	if (!unlock && find_conflict(set, want)) {
		if (!wait)
			return -EAGAIN;
		file_get(file); /* another thread may close it meanwhile */
		set->waiting++;
		r = take_waiting(self, set, want);
		set->waiting--;
		set_drop_empty(inode);
		file_put(file);
		return r;
	}
	r = change_and_look(set, want, unlock);
	set_drop_empty(inode);
	return r;
}

static int get_range(const struct file *file, const struct user_flock *u, struct lock *l)
{
	int64_t base = 0, start, end;
	switch (u->whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = (int64_t)file->position;
		break;
	case SEEK_END:
		base = (int64_t)file->path.inode->size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, u->start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	end = INT64_MAX;
	if (u->length > 0 && __builtin_add_overflow(start, u->length - 1, &end))
		return -EOVERFLOW;
	if (u->length < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, u->length, &start) || start < 0)
			return -EINVAL;
	}
	l->start = (uint64_t)start;
	l->end = (uint64_t)end;
	return 0;
}

static int test_lock(struct thread *self, struct inode *inode, const struct lock *want, struct user_flock *u,
                     uint64_t address)
{
	const struct lock *l = !inode->locks ? NULL : u->type == F_UNLCK ? find_own(inode->locks, want) : find_conflict(inode->locks, want);
	if (l) {
		u->type = l->exclusive ? F_WRLCK : F_RDLCK;
		u->whence = SEEK_SET;
		u->start = (int64_t)l->start;
		u->length = l->end >= INT64_MAX ? 0 : (int64_t)(l->end - l->start + 1);
		u->pid = l->kind == LOCK_POSIX ? l->pid : -1;
	} else {
		u->type = F_UNLCK;
	}
	return user_write(self->process->space, address, u, sizeof(*u));
}

int lock_record(struct thread *self, struct file *file, int command, uint64_t address)
{
	struct user_flock u;
	bool ofd = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
	bool test = command == F_GETLK || command == F_OFD_GETLK;
	int r = user_read(self->process->space, &u, address, sizeof(u));
	if (r)
		return r;
	if (u.type != F_RDLCK && u.type != F_WRLCK && (u.type != F_UNLCK || command == F_GETLK))
		return -EINVAL;
	if (ofd && u.pid)
		return -EINVAL;
	struct lock want = { .kind = ofd ? LOCK_OFD : LOCK_POSIX, .exclusive = u.type == F_WRLCK, .pid = self->process->pid };
	want.owner = ofd ? (const void *)file : self->process->fds;
	want.uid = self->cred.uid;
	want.unlimited = privileged(&self->cred, PRIV_LIMITS);
	r = get_range(file, &u, &want);
	if (r)
		return r;
	if (test)
		return test_lock(self, file->path.inode, &want, &u, address);
	if ((u.type == F_RDLCK && !file_readable(file)) || (u.type == F_WRLCK && !file_writable(file)))
		return -EBADF;
	return acquire(self, file, &want, u.type == F_UNLCK, command == F_SETLKW || command == F_OFD_SETLKW);
}

int lock_whole(struct thread *self, struct file *file, int operation)
{
	int kind = operation & ~LOCK_NB;
	struct lock want = { .kind = LOCK_FLOCK, .exclusive = kind == LOCK_EX, .owner = file, .start = 0, .end = INT64_MAX,
	                     .uid = self->cred.uid, .unlimited = privileged(&self->cred, PRIV_LIMITS) };
	return acquire(self, file, &want, kind == LOCK_UN, !(operation & LOCK_NB));
}

void locks_release(struct inode *inode, const void *owner)
{
	struct lock_set *set = inode->locks;
	struct list again;
	if (!set)
		return;
	list_init(&again);
	LIST_EACH_SAFE(at, after, &set->locks) {
		struct lock *l = LIST_ENTRY(at, struct lock, node);
		if (l->owner == owner)
			lock_remove(set, l, &again);
	}
	look_again(set, &again);
	set_drop_empty(inode);
}

void locks_drop_all(struct inode *inode)
{
	struct lock_set *set = inode->locks;
	struct list nobody; /* who waited would hold the inode */
	list_init(&nobody);
	while (!list_empty(&set->locks))
		lock_remove(set, LIST_ENTRY(set->locks.next, struct lock, node), &nobody);
	list_remove(&set->all);
	heap_free(set);
	inode->locks = NULL;
}

/* ---- /proc/locks ---- */

void proc_show_locks(struct text *text, const struct proc_subject *s)
{
	static const char *const kinds[] = { [LOCK_POSIX] = "POSIX ", [LOCK_OFD] = "OFDLCK", [LOCK_FLOCK] = "FLOCK " };
	unsigned number = 0;

	(void)s;
	LIST_EACH(at, &libos.vfs.lock_sets) {
		const struct lock_set *set = LIST_ENTRY(at, struct lock_set, all);
		uint64_t device = set->inode->super->device;

		LIST_EACH(node, &set->locks) {
			const struct lock *l = LIST_ENTRY(node, struct lock, node);

			text_printf(text, "%u: %s ADVISORY  %s %d %02x:%02x:%lu %lu ", ++number, kinds[l->kind],
			            l->exclusive ? "WRITE" : "READ ", l->kind == LOCK_OFD ? -1 : l->pid, device_major(device),
			            device_minor(device), (unsigned long)set->inode->ino, (unsigned long)l->start);
			if (l->end >= INT64_MAX)
				text_printf(text, "EOF\n");
			else
				text_printf(text, "%lu\n", (unsigned long)l->end);
		}
	}
}
