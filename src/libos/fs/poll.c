/* The poll core: which descriptors are ready, and waiting for them; poll(2), select(2) and their kin. */
#include <libos/fs/internal.h>

#define POLL_INLINE 8u  /* wait entries on the caller's stack */
#define POLL_CHUNK  64u /* and in each block of the heap */
#define POLL_ALWAYS (POLLERR | POLLHUP | POLLNVAL)

struct poll_chunk {
	struct poll_chunk *next;
	uint32_t count;
	struct wait_entry entry[POLL_CHUNK];
};

struct poll_set { /* of a thread that polls */
	struct poll_table table;
	struct thread *thread;
	uint32_t count;
	bool failed; /* no memory for an entry */
	struct poll_chunk *chunks;
	struct wait_entry entry[POLL_INLINE];
};

void poll_watch(struct poll_table *table, struct waitq *q)
{
	if (table)
		table->watch(table, q);
}

static void set_watch(struct poll_table *base, struct waitq *q)
{
	struct poll_set *table = LIST_ENTRY(base, struct poll_set, table);
	if (table->count < POLL_INLINE) {
		waitq_add(q, &table->entry[table->count++], table->thread);
		return;
	}
	struct poll_chunk *c = table->chunks;
	if (!c || c->count == POLL_CHUNK) {
		c = heap_alloc(sizeof(*c));
		if (!c) {
			table->failed = true;
			return;
		}
		c->count = 0;
		c->next = table->chunks;
		table->chunks = c;
	}
	waitq_add(q, &c->entry[c->count++], table->thread);
}

static void table_init(struct poll_set *table, struct thread *thread)
{
	table->table.watch = set_watch;
	table->thread = thread;
	table->count = 0;
	table->failed = false;
	table->chunks = NULL;
}

static void table_clear(struct poll_set *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		waitq_remove(&table->entry[i]);
	table->count = 0;
	while (table->chunks) {
		struct poll_chunk *c = table->chunks;
		for (uint32_t i = 0; i < c->count; i++)
			waitq_remove(&c->entry[i]);
		table->chunks = c->next;
		heap_free(c);
	}
}

struct pollfd { /* poll(2) */
	int32_t fd;
	int16_t events, revents;
};

static uint32_t file_poll(struct file *file, struct poll_table *table)
{
	if (file->flags & O_PATH)
		return POLLNVAL;
	if (!file->ops->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return file->ops->poll(file, table);
}

/* One pass; how many are ready. always: bits that count without being asked for. Once one is, nothing more need be watched. */
static int64_t pass(struct thread *self, struct pollfd *fds, uint32_t count, uint32_t always, struct poll_table *table)
{
	int64_t ready = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t mask = 0;
		if (fds[i].fd >= 0) {
			struct file *file = fd_file(self->process->fds, fds[i].fd);
			mask = file ? file_poll(file, ready ? NULL : table) : POLLNVAL;
			mask &= (uint16_t)fds[i].events | always;
		}
		fds[i].revents = (int16_t)mask;
		ready += mask != 0;
	}
	return ready;
}

/* A file that another thread closes while we sleep must stay: its wait queues are in our table. */
static void hold_all(struct thread *self, const struct pollfd *fds, uint32_t count, struct file **held)
{
	for (uint32_t i = 0; i < count; i++) {
		held[i] = fds[i].fd >= 0 ? fd_file(self->process->fds, fds[i].fd) : NULL;
		if (held[i])
			file_get(held[i]);
	}
}

/* Until something is ready (how many), the deadline passes (0), or a signal comes (-EINTR). */
static int64_t poll_wait(struct thread *self, struct pollfd *fds, uint32_t count, uint32_t always, uint64_t deadline)
{
	struct poll_set table;
	struct file **held = NULL;
	int64_t ready;
	if (count && deadline && fd_table_shared(self->process->fds)) {
		held = heap_alloc(count * sizeof(*held));
		if (!held)
			return -ENOMEM;
	}
	table_init(&table, self);
	for (;;) {
		ready = pass(self, fds, count, always, deadline ? &table.table : NULL);
		if (ready || !deadline)
			break;
		if (table.failed) {
			ready = -ENOMEM;
			break;
		}
		if (held)
			hold_all(self, fds, count, held);
		int r = sched_sleep(self, deadline, true);
		table_clear(&table);
		for (uint32_t i = 0; held && i < count; i++)
			file_put(held[i]);
		if (r == -EINTR) {
			/* What is ready by now counts more than the signal. */
			ready = pass(self, fds, count, always, NULL);
			if (!ready)
				ready = -EINTR;
			break;
		}
		if (r == -ETIMEDOUT)
			deadline = 0;
	}
	table_clear(&table);
	heap_free(held);
	return ready;
}

/* ---- timeouts and masks ---- */

uint64_t poll_deadline(uint64_t ns)
{
	uint64_t now = libos_now();
	return ns >= NO_DEADLINE - now ? NO_DEADLINE : now + ns;
}

/* seconds and ns as a program gave them; 0 or -EINVAL. Nothing to wait is the deadline 0. */
static int deadline_from(int64_t seconds, int64_t ns, uint64_t *deadline)
{
	if (seconds < 0 || ns < 0 || ns >= 1000000000)
		return -EINVAL;
	if (!seconds && !ns)
		*deadline = 0;
	else if (seconds > INT64_MAX / 1000000000 - 1)
		*deadline = NO_DEADLINE;
	else
		*deadline = poll_deadline((uint64_t)seconds * 1000000000 + (uint64_t)ns);
	return 0;
}

static uint64_t time_left(uint64_t deadline)
{
	uint64_t now = libos_now();
	return deadline > now ? deadline - now : 0;
}

int poll_set_mask(struct thread *self, uint64_t address, uint64_t size)
{
	uint64_t mask;
	if (!address)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	int r = user_read(self->process->space, &mask, address, sizeof(mask));
	if (r)
		return r;
	self->saved_blocked = self->blocked;
	self->restore_blocked = true;
	self->blocked = mask & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	signal_recheck(self);
	return 0;
}

void poll_unset_mask(struct thread *self, int64_t result)
{
	if (!self->restore_blocked || result == -ERESTARTNOHAND || result == -EINTR)
		return;
	self->blocked = self->saved_blocked;
	self->restore_blocked = false;
	signal_recheck(self);
}

/* ---- poll ---- */

static int64_t poll_user(struct thread *self, uint64_t address, uint64_t count, uint64_t deadline)
{
	struct vm_space *space = self->process->space;
	struct pollfd few[POLL_INLINE], *fds = few;
	uint64_t limit = self->process->limits[RLIMIT_NOFILE].soft;
	if (count > (limit > FD_MAX ? FD_MAX : limit))
		return -EINVAL;
	if (count > POLL_INLINE) {
		fds = heap_alloc(count * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	int64_t r = count ? user_read(space, fds, address, count * sizeof(*fds)) : 0;
	if (!r)
		r = poll_wait(self, fds, (uint32_t)count, POLL_ALWAYS, deadline);
	if (r >= 0) {
		for (uint64_t i = 0; i < count; i++) {
			int bad = user_write(space, address + i * sizeof(*fds) + offsetof(struct pollfd, revents),
			                     &fds[i].revents, sizeof(fds[i].revents));
			if (bad)
				r = bad;
		}
	}
	if (fds != few)
		heap_free(fds);
	return r;
}

static int64_t poll_restart(struct thread *self)
{
	int64_t r = poll_user(self, self->restart_args[0], self->restart_args[1], self->restart_args[2]);
	return r == -EINTR ? -ERESTART_RESTARTBLOCK : r;
}

int64_t sys_poll(struct thread *self, const uint64_t *args_)
{
	int32_t ms = (int32_t)args_[2];
	uint64_t deadline = ms < 0 ? NO_DEADLINE : ms ? poll_deadline((uint64_t)ms * 1000000) : 0;
	int64_t r = poll_user(self, args_[0], (uint32_t)args_[1], deadline);
	if (r != -EINTR)
		return r;
	self->restart = poll_restart;
	self->restart_args[0] = args_[0];
	self->restart_args[1] = (uint32_t)args_[1];
	self->restart_args[2] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

int put_timespec_left(struct thread *self, uint64_t address, uint64_t deadline)
{
	if (!address || deadline == NO_DEADLINE)
		return 0;
	struct linux_timespec ts = timespec_of(deadline ? time_left(deadline) : 0);
	return user_write(self->process->space, address, &ts, sizeof(ts));
}

int poll_get_deadline(struct thread *self, uint64_t address, uint64_t *deadline)
{
	struct linux_timespec ts;
	*deadline = NO_DEADLINE;
	if (!address)
		return 0;
	int r = user_read(self->process->space, &ts, address, sizeof(ts));
	return r ? r : deadline_from(ts.seconds, ts.ns, deadline);
}

int64_t sys_ppoll(struct thread *self, const uint64_t *args_)
{
	uint64_t deadline;
	int64_t r = poll_get_deadline(self, args_[2], &deadline);
	if (!r)
		r = poll_set_mask(self, args_[3], args_[4]);
	if (r)
		return r;
	r = poll_user(self, args_[0], (uint32_t)args_[1], deadline);
	if (r == -EINTR)
		r = -ERESTARTNOHAND;
	(void)!put_timespec_left(self, args_[2], deadline);
	poll_unset_mask(self, r);
	return r;
}

/* ---- select ---- */

#define SELECT_IN  (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EX  POLLPRI

struct select_sets {
	uint64_t words;      /* per set */
	uint64_t *in[3];     /* read, write, except; then the results */
	uint64_t address[3];
};

static bool wants(const struct select_sets *s, int set, uint32_t fd)
{
	return s->address[set] && (s->in[set][fd / 64] >> (fd % 64) & 1);
}

static uint32_t count_wanted(const struct select_sets *s)
{
	uint32_t count = 0;
	for (uint64_t w = 0; w < s->words; w++)
		for (uint64_t bits = s->in[0][w] | s->in[1][w] | s->in[2][w]; bits; bits &= bits - 1)
			count++;
	return count;
}

static int build(struct thread *self, const struct select_sets *s, struct pollfd *fds)
{
	uint32_t at = 0;
	for (uint64_t w = 0; w < s->words; w++) {
		for (uint64_t bits = s->in[0][w] | s->in[1][w] | s->in[2][w]; bits; bits &= bits - 1) {
			uint32_t fd = (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(bits);
			uint32_t events = 0;
			if (!fd_file(self->process->fds, (int)fd))
				return -EBADF;
			if (wants(s, 0, fd))
				events |= SELECT_IN;
			if (wants(s, 1, fd))
				events |= SELECT_OUT;
			if (wants(s, 2, fd))
				events |= SELECT_EX;
			fds[at++] = (struct pollfd){ (int32_t)fd, (int16_t)events, 0 };
		}
	}
	return 0;
}

/* POLLERR and POLLHUP are told for every descriptor: a set only gets what it asked for. */
static int64_t results(struct select_sets *s, const struct pollfd *fds, uint32_t count)
{
	static const uint32_t told[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };
	int64_t ready = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t fd = (uint32_t)fds[i].fd;
		for (int set = 0; set < 3; set++) {
			bool asked = wants(s, set, fd), on = asked && ((uint16_t)fds[i].revents & told[set]);
			if (asked && !on)
				s->in[set][fd / 64] &= ~(UINT64_C(1) << (fd % 64));
			ready += on;
		}
	}
	return ready;
}

/* Bytes that hold n bits, as the kernel's long-sized words. */
static int load_sets(struct thread *self, struct select_sets *s, uint64_t n)
{
	for (int set = 0; set < 3; set++) {
		memset(s->in[set], 0, s->words * 8);
		if (!s->address[set])
			continue;
		int r = user_read(self->process->space, s->in[set], s->address[set], s->words * 8);
		if (r)
			return r;
		if (n % 64)
			s->in[set][s->words - 1] &= (UINT64_C(1) << (n % 64)) - 1;
	}
	return 0;
}

static int64_t select_core(struct thread *self, struct select_sets *s, uint64_t deadline)
{
	struct pollfd few[POLL_INLINE], *fds = few;
	uint32_t count = count_wanted(s);
	if (count > POLL_INLINE) {
		fds = heap_alloc(count * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	int64_t r = build(self, s, fds);
	if (!r)
		r = poll_wait(self, fds, count, 0, deadline);
	if (r >= 0)
		r = results(s, fds, count);
	if (fds != few)
		heap_free(fds);
	return r;
}

static int64_t select_user(struct thread *self, const uint64_t *args, uint64_t deadline)
{
	int32_t n = (int32_t)args[0];
	uint64_t few[3 * 4], *block = few;
	if (n < 0)
		return -EINVAL;
	if ((uint32_t)n > fd_table_capacity(self->process->fds))
		n = (int32_t)fd_table_capacity(self->process->fds); /* beyond that there are no descriptors */
	struct select_sets s = { .words = ((uint64_t)n + 63) / 64, .address = { args[1], args[2], args[3] } };
	if (s.words > 4) {
		block = heap_alloc(3 * s.words * 8);
		if (!block)
			return -ENOMEM;
	}
	for (uint64_t set = 0; set < 3; set++)
		s.in[set] = block + set * s.words;
	int64_t r = load_sets(self, &s, (uint64_t)n);
	if (!r)
		r = select_core(self, &s, deadline);
	for (int set = 0; r >= 0 && set < 3; set++) {
		int bad = s.address[set] && s.words ? user_write(self->process->space, s.address[set], s.in[set], s.words * 8) : 0;
		if (bad)
			r = bad;
	}
	if (block != few)
		heap_free(block);
	return r == -EINTR ? -ERESTARTNOHAND : r;
}

int64_t sys_select(struct thread *self, const uint64_t *args_)
{
	struct linux_timeval tv;
	uint64_t deadline = NO_DEADLINE;
	if (args_[4]) {
		int r = user_read(self->process->space, &tv, args_[4], sizeof(tv));
		if (!r && tv.us >= 1000000) { /* Linux normalises it */
			tv.seconds += tv.us / 1000000;
			tv.us %= 1000000;
		}
		if (!r)
			r = tv.us < 0 ? -EINVAL : deadline_from(tv.seconds, tv.us * 1000, &deadline);
		if (r)
			return r;
	}
	int64_t r = select_user(self, args_, deadline);
	if (args_[4] && deadline != NO_DEADLINE) {
		uint64_t left = deadline ? time_left(deadline) : 0;
		tv = (struct linux_timeval){ (int64_t)(left / 1000000000), (int64_t)(left % 1000000000 / 1000) };
		(void)!user_write(self->process->space, args_[4], &tv, sizeof(tv));
	}
	return r;
}

int64_t sys_pselect6(struct thread *self, const uint64_t *args_)
{
	uint64_t sigmask[2] = { 0, 0 }; /* pointer and size */
	uint64_t deadline;
	int64_t r = poll_get_deadline(self, args_[4], &deadline);
	if (!r && args_[5])
		r = user_read(self->process->space, sigmask, args_[5], sizeof(sigmask));
	if (!r)
		r = poll_set_mask(self, sigmask[0], sigmask[1]);
	if (r)
		return r;
	r = select_user(self, args_, deadline);
	(void)!put_timespec_left(self, args_[4], deadline);
	poll_unset_mask(self, r);
	return r;
}
