/* timer_create and its family. */
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

enum { SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD = 2 /* the library's: a signal as well */, SIGEV_THREAD_ID = 4 };

struct sigevent64 { /* 64 bytes: uapi/asm-generic/siginfo.h */
	uint64_t value;
	int32_t signo, notify;
	int32_t tid, pad[11];
};
_Static_assert(sizeof(struct sigevent64) == 64, "struct sigevent");

struct posix_timer {
	struct list node;      /* process->posix_timers */
	struct process *process;
	struct timer timer;    /* not set while its signal waits, nor for SIGEV_NONE */
	bool watched;          /* of a clock of CPU time: the same, seen by cpu_timers_check() */
	int32_t id, notify, signo, tid;
	int32_t clock;         /* one of CPU time is named by whom it is of */
	uint32_t uid;          /* whose account it is in, as a signal that is always queued */
	uint64_t value;
	uint64_t at_ns, interval_ns; /* by timer_now(); at_ns 0: disarmed */
	uint32_t setting;      /* counts timer_settime(): a signal of an earlier one is not delivered */
	uint32_t overrun;      /* of the last signal that was delivered */
	bool ignored;          /* it has expired, and its signal was ignored */
};
#define TIMER_AT(at) LIST_ENTRY(at, struct posix_timer, node)

/*
 * Sends the signal, if it is not ignored. A timer with an interval goes on when that is delivered, and counts then what
 * it has missed: however short the interval, it costs no more than its program takes.
 */
static void send(struct posix_timer *t)
{
	struct process *p = t->process;
	struct signal_info info = {.signo = t->signo, .code = SI_TIMER, .timer_id = t->id, .value = t->value,
	                           .timer_setting = t->setting};
	struct thread *target = t->notify & SIGEV_THREAD_ID ? thread_find(t->tid) : process_any_thread(p);

	t->ignored = false;
	if (!target || target->process != p)
		return;
	if (signal_is_dropped(target, t->signo))
		t->ignored = t->interval_ns != 0;
	else if (t->notify & SIGEV_THREAD_ID)
		signal_send_thread(target, &info);
	else
		signal_send_process(p, &info);
}

static void expire(struct timer *timer)
{
	struct posix_timer *t = LIST_ENTRY(timer, struct posix_timer, timer);

	send(t);
	if (!t->interval_ns)
		t->at_ns = 0;
}

/* The time that it goes by. Of CPU time whose process or thread is gone: never. */
static uint64_t timer_now(const struct posix_timer *t)
{
	uint64_t now;

	if (!clock_is_cpu(t->clock))
		return libos_now();
	return list_empty(&t->process->threads) || clock_now(process_any_thread(t->process), t->clock, &now) ? 0 : now;
}

/* Moves the time on to the first one after `now`; returns how many intervals that were missed in between. */
static uint64_t forward(struct posix_timer *t, uint64_t now)
{
	uint64_t missed;

	if (t->at_ns > now)
		return 0;
	missed = (now - t->at_ns) / t->interval_ns;
	t->at_ns = ns_add(t->at_ns, (missed + 1) * t->interval_ns);
	return missed;
}

static void arm(struct posix_timer *t)
{
	if (t->notify == SIGEV_NONE)
		return;
	if (clock_is_cpu(t->clock)) {
		t->watched = true;
		cpu_tick_start(t->process);
	} else {
		sched_timer_set(&t->timer, t->at_ns);
	}
}

static void disarm(struct posix_timer *t)
{
	t->at_ns = 0;
	t->watched = false;
	sched_timer_cancel(&t->timer);
}

bool cpu_timers_watched(const struct process *p)
{
	LIST_EACH(at, &p->posix_timers) {
		if (TIMER_AT(at)->watched)
			return true;
	}
	return false;
}

void cpu_timers_check(struct process *p)
{
	LIST_EACH(at, &p->posix_timers) {
		struct posix_timer *t = TIMER_AT(at);

		if (t->watched && timer_now(t) >= t->at_ns) {
			t->watched = false;
			expire(&t->timer);
		}
	}
}

static struct posix_timer *find(struct process *p, int32_t id)
{
	LIST_EACH(at, &p->posix_timers) {
		if (TIMER_AT(at)->id == id)
			return TIMER_AT(at);
	}
	return NULL;
}

bool timers_deliver(struct process *p, struct signal_info *info)
{
	struct posix_timer *t;
	uint64_t missed;

	if (info->signo == SIGALRM)
		real_timer_delivered(p);
	if (info->code != SI_TIMER || info->whole)
		return true;
	t = find(p, info->timer_id);
	if (!t || t->setting != info->timer_setting)
		return false;
	missed = t->interval_ns ? forward(t, timer_now(t)) : 0;
	t->overrun = missed > INT32_MAX ? INT32_MAX : (uint32_t)missed;
	info->overrun = (int32_t)t->overrun;
	if (t->interval_ns)
		arm(t);
	return true;
}

void posix_timer_discarded(struct process *p, const struct signal_info *info)
{
	struct posix_timer *t;

	if (info->code != SI_TIMER || info->whole)
		return;
	t = find(p, info->timer_id);
	if (t && t->setting == info->timer_setting)
		t->ignored = t->interval_ns != 0;
}

void posix_timers_unignore(struct process *p, int signo)
{
	LIST_EACH(at, &p->posix_timers) {
		if (TIMER_AT(at)->ignored && TIMER_AT(at)->signo == signo)
			send(TIMER_AT(at));
	}
}

static void drop(struct posix_timer *t)
{
	sched_timer_cancel(&t->timer);
	list_remove(&t->node);
	user_uncharge(t->uid, USER_SIGNALS, 1);
	heap_free(t);
}

void posix_timers_drop(struct process *p)
{
	while (!list_empty(&p->posix_timers))
		drop(TIMER_AT(p->posix_timers.next));
}

static int check_event(struct thread *self, const struct sigevent64 *e)
{
	struct thread *target;

	if (e->notify != SIGEV_SIGNAL && e->notify != SIGEV_NONE && e->notify != SIGEV_THREAD && e->notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (e->notify != SIGEV_NONE && (e->signo < 1 || e->signo > SIGNAL_COUNT))
		return -EINVAL;
	if (e->notify == SIGEV_THREAD_ID) {
		target = thread_find(e->tid);
		if (!target || target->process != self->process)
			return -EINVAL;
	}
	return 0;
}

int64_t sys_timer_create(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	struct sigevent64 event = {.signo = SIGALRM, .notify = SIGEV_SIGNAL};
	int32_t clock = (int32_t)args[0];
	struct posix_timer *t;
	uint64_t now;
	int error;

	if (args[1] && user_read(p->space, &event, args[1], sizeof(event)))
		return -EFAULT;
	if (clock > CLOCK_TAI || clock == CLOCK_SGI_CYCLE)
		return -EINVAL;
	/* The _ALARM ones have timers, for which this machine has no means: which comes last. */
	if (!clock_has_timers(clock) && clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)
		return -EOPNOTSUPP;
	error = check_event(self, &event);
	if (error)
		return error;
	t = heap_zalloc(sizeof(*t));
	if (!t)
		return -EAGAIN;
	t->process = p;
	t->id = p->next_timer_id;
	t->clock = clock_is_cpu(clock) ? clock_cpu_name(self, clock) : clock;
	t->notify = event.notify;
	t->signo = event.signo;
	t->tid = event.tid;
	t->value = args[1] ? event.value : (uint64_t)t->id;
	sched_timer_init(&t->timer, expire);
	t->uid = self->cred.uid;
	error = user_charge(t->uid, USER_SIGNALS, 1, p->limits[RLIMIT_SIGPENDING].soft) ? 0 : -EAGAIN;
	if (!error) {
		if (user_write(p->space, args[2], &t->id, sizeof(t->id)))
			error = -EFAULT;
		else if (!clock_has_timers(clock))
			error = -EOPNOTSUPP;
		else
			error = (int)clock_now(self, t->clock, &now);
		if (error)
			user_uncharge(t->uid, USER_SIGNALS, 1);
	}
	if (error) {
		heap_free(t);
		return error;
	}
	p->next_timer_id = (p->next_timer_id + 1) & INT32_MAX;
	list_push_back(&p->posix_timers, &t->node);
	return 0;
}

/* Time to the next expiry; of one that waits for its signal to be delivered it is computed, not armed. */
static uint64_t time_left(const struct posix_timer *t)
{
	struct posix_timer later = *t;
	uint64_t now = timer_now(t);

	if (t->at_ns == 0)
		return 0;
	if (t->interval_ns && !t->watched && !sched_timer_is_set(&t->timer))
		(void)forward(&later, now);
	if (later.at_ns > now)
		return later.at_ns - now;
	return t->notify == SIGEV_NONE ? 0 : 1;
}

static struct linux_itimerspec timer_setting(const struct posix_timer *t)
{
	return (struct linux_itimerspec){timespec_of(t->interval_ns), timespec_of(time_left(t))};
}

int64_t sys_timer_settime(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	struct posix_timer *t = find(p, (int32_t)args[0]);
	struct linux_itimerspec old;
	int64_t interval, value;
	uint64_t now, own;
	int error;

	if (!args[2])
		return -EINVAL;
	error = timespec_read(self, args[2], &interval);
	if (!error)
		error = timespec_read(self, args[2] + sizeof(struct linux_timespec), &value);
	if (error || !t)
		return error ? error : -EINVAL;
	if (clock_is_cpu(t->clock) && clock_now(self, t->clock, &now))
		return -ESRCH;
	old = timer_setting(t);
	t->interval_ns = (uint64_t)interval;
	t->overrun = 0;
	t->ignored = false;
	t->setting++;
	disarm(t);
	own = timer_now(t);
	if (value && (args[1] & TIMER_ABSTIME)) {
		(void)clock_now(self, t->clock, &now);
		t->at_ns = (uint64_t)value > now ? ns_add(own, (uint64_t)value - now) : own;
	} else if (value) {
		t->at_ns = ns_add(own, (uint64_t)value);
	}
	if (value)
		arm(t);
	if (args[3] && user_write(p->space, args[3], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

int64_t sys_timer_gettime(struct thread *self, const uint64_t *args)
{
	struct posix_timer *t = find(self->process, (int32_t)args[0]);
	struct linux_itimerspec now;

	if (!t)
		return -EINVAL;
	now = timer_setting(t);
	return user_write(self->process->space, args[1], &now, sizeof(now)) ? -EFAULT : 0;
}

int64_t sys_timer_getoverrun(struct thread *self, const uint64_t *args)
{
	struct posix_timer *t = find(self->process, (int32_t)args[0]);

	return t ? (int64_t)t->overrun : -EINVAL;
}

int64_t sys_timer_delete(struct thread *self, const uint64_t *args)
{
	struct posix_timer *t = find(self->process, (int32_t)args[0]);

	if (!t)
		return -EINVAL;
	drop(t);
	return 0;
}
