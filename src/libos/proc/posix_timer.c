/* timer_create and its family. */
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define TIMERS_PER_PROCESS 256

enum { SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD = 2, SIGEV_THREAD_ID = 4 };

struct sigevent64 { /* 64 bytes: uapi/asm-generic/siginfo.h */
	uint64_t value;
	int32_t signo, notify;
	int32_t tid, pad[11];
};
_Static_assert(sizeof(struct sigevent64) == 64, "struct sigevent");

struct posix_timer {
	struct list node;      /* process->posix_timers */
	struct process *process;
	struct timer timer;
	int32_t id, clock, notify, signo, tid;
	uint64_t value, interval_ns;
	uint32_t overrun;
};
#define TIMER_AT(at) LIST_ENTRY(at, struct posix_timer, node)

struct itimerspec64 {
	struct linux_timespec interval, value;
};

static void expire(struct timer *timer)
{
	struct posix_timer *t = LIST_ENTRY(timer, struct posix_timer, timer);
	struct signal_info info = {.signo = t->signo, .code = SI_TIMER, .timer_id = t->id, .value = t->value};
	struct thread *target;

	if (t->interval_ns) {
		uint64_t now = libos_now(), late = now - timer->at_ns, missed = late / t->interval_ns;

		t->overrun = missed > INT32_MAX ? INT32_MAX : (uint32_t)missed;
		info.overrun = (int32_t)t->overrun;
		sched_timer_set(timer, ns_add(timer->at_ns, (missed + 1) * t->interval_ns));
	}
	if (t->notify == SIGEV_NONE)
		return;
	target = t->notify & SIGEV_THREAD_ID ? thread_find(t->tid) : NULL;
	if (target && target->process == t->process)
		signal_send_thread(target, &info);
	else
		signal_send_process(t->process, &info);
}

static struct posix_timer *find(struct process *p, int32_t id)
{
	LIST_EACH(at, &p->posix_timers) {
		if (TIMER_AT(at)->id == id)
			return TIMER_AT(at);
	}
	return NULL;
}

static void drop(struct posix_timer *t)
{
	sched_timer_cancel(&t->timer);
	list_remove(&t->node);
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

	if (e->notify != SIGEV_SIGNAL && e->notify != SIGEV_NONE && e->notify != SIGEV_THREAD_ID)
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
	uint32_t count = 0;
	int error;

	/* CPU-time clocks have no timers yet: their time is charged too coarsely to honour one. */
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ? -EOPNOTSUPP : -EINVAL;
	if (args[1] && user_read(p->space, &event, args[1], sizeof(event)))
		return -EFAULT;
	error = check_event(self, &event);
	if (error)
		return error;
	LIST_EACH(at, &p->posix_timers)
		count++;
	if (count >= TIMERS_PER_PROCESS || !(t = heap_zalloc(sizeof(*t))))
		return -EAGAIN;
	t->process = p;
	t->id = p->next_timer_id;
	t->clock = clock;
	t->notify = event.notify;
	t->signo = event.signo;
	t->tid = event.tid;
	t->value = args[1] ? event.value : (uint64_t)t->id;
	sched_timer_init(&t->timer, expire);
	if (user_write(p->space, args[2], &t->id, sizeof(t->id))) {
		heap_free(t);
		return -EFAULT;
	}
	p->next_timer_id = (p->next_timer_id + 1) & INT32_MAX;
	list_push_back(&p->posix_timers, &t->node);
	return 0;
}

static struct linux_timespec to_timespec(uint64_t ns)
{
	return (struct linux_timespec){(int64_t)(ns / (uint64_t)NS_PER_SECOND), (int64_t)(ns % (uint64_t)NS_PER_SECOND)};
}

static struct itimerspec64 setting(const struct posix_timer *t)
{
	uint64_t now = libos_now(), left = 0;

	if (sched_timer_is_set(&t->timer))
		left = t->timer.at_ns > now ? t->timer.at_ns - now : 1;
	return (struct itimerspec64){to_timespec(t->interval_ns), to_timespec(left)};
}

int64_t sys_timer_settime(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	struct posix_timer *t = find(p, (int32_t)args[0]);
	struct itimerspec64 old;
	int64_t interval, value;
	uint64_t now, monotonic;
	int error;

	if (!t || !args[2])
		return -EINVAL;
	error = timespec_read(self, args[2], &interval);
	if (!error)
		error = timespec_read(self, args[2] + sizeof(struct linux_timespec), &value);
	if (error)
		return error;
	old = setting(t);
	t->interval_ns = (uint64_t)interval;
	t->overrun = 0;
	monotonic = libos_now();
	if (!value) {
		sched_timer_cancel(&t->timer);
	} else if (args[1] & TIMER_ABSTIME) {
		(void)clock_now(self, t->clock, &now);
		sched_timer_set(&t->timer, (uint64_t)value > now ? ns_add(monotonic, (uint64_t)value - now) : monotonic);
	} else {
		sched_timer_set(&t->timer, ns_add(monotonic, (uint64_t)value));
	}
	if (args[3] && user_write(p->space, args[3], &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

int64_t sys_timer_gettime(struct thread *self, const uint64_t *args)
{
	struct posix_timer *t = find(self->process, (int32_t)args[0]);
	struct itimerspec64 now;

	if (!t)
		return -EINVAL;
	now = setting(t);
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
