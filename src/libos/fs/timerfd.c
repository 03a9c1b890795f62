/*
 * Timers with a descriptor (timerfd_create(2)). One with an interval is not set again when it expires, but when it is
 * read or asked for: however short the interval, it costs no more than its program takes.
 */
#include <libos/fs/internal.h>

#define NS_PER_S          UINT64_C(1000000000)
#define ABSTIME           1u /* TFD_TIMER_* */
#define CANCEL_ON_SET     2u
#define IOC_SET_TICKS     0x40085400u /* TFD_IOC_SET_TICKS */

struct timerfd {
	struct timer timer;
	struct list node;      /* libos.vfs.timerfds */
	int32_t clock;
	uint32_t flags;        /* of the last setting */
	bool real;             /* it goes by the clock that can be set: ABSTIME there */
	uint64_t at_ns, interval_ns; /* at_ns 0: disarmed */
	uint64_t ticks;        /* since it was read */
	bool expired;          /* and not set again yet */
	bool watches;          /* is told when the clock is set, … */
	bool clock_was_set;    /* …and was, or in an earlier such setting, and nobody has heard of it */
	struct waitq wait;
};
#define TIMERFD_AT(at) LIST_ENTRY(at, struct timerfd, node)

static struct timerfd *timerfd_of(const struct file *file)
{
	return file->private_data;
}

static void expire(struct timer *timer)
{
	struct timerfd *t = LIST_ENTRY(timer, struct timerfd, timer);
	t->expired = true;
	t->ticks++;
	waitq_wake_events(&t->wait, POLLIN);
}

static uint64_t now_of(const struct timerfd *t)
{
	return t->real ? libos_realtime() : libos_now();
}

static void start(struct timerfd *t)
{
	uint64_t now = now_of(t);
	if (t->at_ns > now)
		sched_timer_set(&t->timer, ns_add(libos_now(), t->at_ns - now));
	else
		expire(&t->timer);
}

/* Counts the intervals that have passed since it expired, and sets it for the next one. */
static void go_on(struct timerfd *t)
{
	uint64_t now = now_of(t);
	if (!t->expired || !t->interval_ns)
		return;
	uint64_t missed = now > t->at_ns ? (now - t->at_ns) / t->interval_ns : 0;
	t->ticks += missed;
	t->at_ns = ns_add(t->at_ns, (missed + 1) * t->interval_ns);
	t->expired = false;
	start(t);
}

/* Says once that the clock was set. */
static bool is_cancelled(struct timerfd *t)
{
	bool set = t->watches && t->clock_was_set;
	if (set)
		t->clock_was_set = false;
	return set;
}

void timerfds_clock_set(void)
{
	LIST_EACH(at, &libos.vfs.timerfds) {
		struct timerfd *t = TIMERFD_AT(at);
		if (t->watches) {
			t->clock_was_set = true;
			t->ticks++;
			waitq_wake_events(&t->wait, POLLIN);
		}
		if (t->real && sched_timer_is_set(&t->timer)) {
			sched_timer_cancel(&t->timer);
			start(t);
		}
	}
}

static int64_t timerfd_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct timerfd *t = timerfd_of(file);
	(void)position;
	if (io->remaining < sizeof(t->ticks))
		return -EINVAL;
	while (!t->ticks) {
		if (file_nonblocking(file, io))
			return -EAGAIN;
		if (wait_on(thread, &t->wait, NO_DEADLINE, true))
			return -ERESTARTSYS;
	}
	if (is_cancelled(t)) {
		t->ticks = 0;
		t->expired = false;
		return -ECANCELED;
	}
	go_on(t);
	uint64_t ticks = t->ticks;
	t->ticks = 0;
	int64_t r = io_put(io, &ticks, sizeof(ticks));
	return r == sizeof(ticks) ? r : -EFAULT;
}

static uint32_t timerfd_poll(struct file *file, struct poll_table *table)
{
	struct timerfd *t = timerfd_of(file);
	poll_watch(table, &t->wait);
	return t->ticks ? POLLIN : 0;
}

static int64_t timerfd_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	struct timerfd *t = timerfd_of(file);
	uint64_t ticks;
	if (request != IOC_SET_TICKS)
		return -ENOTTY;
	if (user_read(thread->process->space, &ticks, arg, sizeof(ticks)))
		return -EFAULT;
	if (!ticks)
		return -EINVAL;
	if (t->watches && t->clock_was_set)
		return -ECANCELED;
	t->ticks = ticks;
	waitq_wake_events(&t->wait, POLLIN);
	return 0;
}

static void timerfd_release(struct file *file)
{
	struct timerfd *t = timerfd_of(file);
	sched_timer_cancel(&t->timer);
	list_remove(&t->node);
	heap_free(t);
}

static struct linux_itimerspec setting(const struct timerfd *t)
{
	uint64_t now = now_of(t), left = t->at_ns > now && !t->expired ? t->at_ns - now : 0;
	return (struct linux_itimerspec){ timespec_of(t->interval_ns), timespec_of(left) };
}

static void timerfd_info(const struct file *file, struct text *text)
{
	const struct timerfd *t = timerfd_of(file);
	struct linux_itimerspec s = setting(t);
	text_printf(text, "clockid: %d\nticks: %lu\nsettime flags: 0%o\nit_value: (%lu, %lu)\nit_interval: (%lu, %lu)\n", t->clock,
	            (unsigned long)t->ticks, t->flags, (unsigned long)s.value.seconds, (unsigned long)s.value.ns,
	            (unsigned long)s.interval.seconds, (unsigned long)s.interval.ns);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.ioctl = timerfd_ioctl,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.info = timerfd_info,
	.rwf = RWF_FILE | RWF_NOWAIT,
};

static bool is_alarm(int32_t clock)
{
	return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

static bool is_realtime(const struct timerfd *t)
{
	return t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM;
}

int64_t sys_timerfd_create(struct thread *self, const uint64_t *args_)
{
	int32_t clock = (int32_t)args_[0];
	uint32_t flags = (uint32_t)args_[1];
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && !is_alarm(clock))
		return -EINVAL;
	if (is_alarm(clock) && !privileged(&self->cred, PRIV_WAKE))
		return -EPERM;
	struct file *file;
	int r = anon_file_make(self, &timerfd_ops, "[timerfd]", flags, sizeof(struct timerfd), &file);
	if (r)
		return r;
	struct timerfd *t = timerfd_of(file);
	t->clock = clock;
	waitq_init(&t->wait);
	sched_timer_init(&t->timer, expire);
	list_push_back(&libos.vfs.timerfds, &t->node);
	return fd_give(self, file, flags & O_CLOEXEC);
}

/* Seconds and nanoseconds; 292 years are as good as for ever. */
static bool time_good(const struct linux_timespec *ts)
{
	return ts->seconds >= 0 && ts->ns >= 0 && (uint64_t)ts->ns < NS_PER_S;
}

static uint64_t to_ns(const struct linux_timespec *ts)
{
	uint64_t most = INT64_MAX / NS_PER_S;
	return (uint64_t)ts->seconds >= most ? most * NS_PER_S : (uint64_t)ts->seconds * NS_PER_S + (uint64_t)ts->ns;
}

static int timerfd_get(struct thread *self, uint64_t fd, struct timerfd **t)
{
	struct file *file = fd_io_file(self, fd);
	if (!file)
		return -EBADF;
	if (file->ops != &timerfd_ops)
		return -EINVAL;
	*t = timerfd_of(file);
	return 0;
}

static void set(struct timerfd *t, const struct linux_itimerspec *to, uint32_t flags)
{
	uint64_t value = to_ns(&to->value);
	bool absolute = flags & ABSTIME;
	sched_timer_cancel(&t->timer);
	t->expired = false;
	t->ticks = 0;
	t->interval_ns = to_ns(&to->interval);
	t->watches = is_realtime(t) && absolute && (flags & CANCEL_ON_SET);
	t->real = absolute && is_realtime(t);
	t->at_ns = !value || absolute ? value : ns_add(libos_now(), value);
	if (value)
		start(t);
}

int64_t sys_timerfd_settime(struct thread *self, const uint64_t *args_)
{
	struct linux_itimerspec to, old;
	uint32_t flags = (uint32_t)args_[1];
	struct timerfd *t = NULL;
	if (user_read(self->process->space, &to, args_[2], sizeof(to)))
		return -EFAULT;
	if ((flags & ~(ABSTIME | CANCEL_ON_SET)) || !time_good(&to.value) || !time_good(&to.interval))
		return -EINVAL;
	int r = timerfd_get(self, args_[0], &t);
	if (r)
		return r;
	if (is_alarm(t->clock) && !privileged(&self->cred, PRIV_WAKE))
		return -EPERM;
	go_on(t);
	old = setting(t);
	set(t, &to, flags);
	if (t->at_ns && is_cancelled(t))
		r = -ECANCELED;
	else
		t->flags = flags;
	if (args_[3] && !r && user_write(self->process->space, args_[3], &old, sizeof(old)))
		r = -EFAULT;
	return r;
}

int64_t sys_timerfd_gettime(struct thread *self, const uint64_t *args_)
{
	struct timerfd *t = NULL;
	int r = timerfd_get(self, args_[0], &t);
	if (r)
		return r;
	go_on(t);
	struct linux_itimerspec now = setting(t);
	return user_write(self->process->space, args_[1], &now, sizeof(now)) ? -EFAULT : 0;
}
