/* Wait queues. */
#include <libos/abi/errno.h>
#include <libos/libos.h>

#define ENTRY_OF(at) LIST_ENTRY(at, struct wait_entry, node)

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

void waitq_add(struct waitq *q, struct wait_entry *entry, struct thread *thread)
{
	entry->thread = thread;
	entry->notify = NULL;
	entry->woken = false;
	list_push_back(&q->waiters, &entry->node);
}

void waitq_add_first(struct waitq *q, struct wait_entry *entry, struct thread *thread)
{
	entry->thread = thread;
	entry->notify = NULL;
	entry->woken = false;
	list_push_front(&q->waiters, &entry->node);
}

/* As on Linux: who came last is told first, and the exclusive ones behind all others in their order. */
void waitq_watch(struct waitq *q, struct wait_entry *entry)
{
	if (entry->exclusive)
		list_push_back(&q->waiters, &entry->node);
	else
		list_push_front(&q->waiters, &entry->node);
}

void waitq_remove(struct wait_entry *entry)
{
	list_remove(&entry->node);
}

static void wake(struct wait_entry *entry)
{
	list_remove(&entry->node);
	entry->woken = true;
	sched_wake(entry->thread);
}

uint32_t waitq_wake(struct waitq *q, uint32_t n)
{
	uint32_t done = 0;

	LIST_EACH_SAFE(at, after, &q->waiters) {
		if (done == n)
			break;
		if (!ENTRY_OF(at)->notify) {
			wake(ENTRY_OF(at));
			done++;
		}
	}
	return done;
}

/* A wake-up inside of another one belongs to its round, so that who is reached on many ways can do his part once. */
void waitq_wake_events(struct waitq *q, uint32_t events)
{
	struct sched *s = &libos.sched;
	bool taken = false;

	if (!s->wake_depth++)
		s->wake_round++;
	LIST_EACH_SAFE(at, after, &q->waiters) {
		struct wait_entry *entry = ENTRY_OF(at);

		if (!entry->notify) {
			wake(entry);
		} else if (!entry->exclusive) {
			entry->notify(entry, events);
		} else if (!taken) {
			taken = entry->notify(entry, events) && events;
		}
	}
	s->wake_depth--;
}

void waitq_wake_all(struct waitq *q)
{
	waitq_wake_events(q, 0);
}

void waitq_abandon(struct waitq *q)
{
	waitq_wake_all(q);
	while (!list_empty(&q->waiters))
		list_remove(q->waiters.next);
}

int wait_on(struct thread *self, struct waitq *q, uint64_t deadline_ns, bool interruptible)
{
	struct wait_entry entry;
	int result;

	waitq_add(q, &entry, self);
	result = sched_sleep(self, deadline_ns, interruptible);
	waitq_remove(&entry);
	/* A wake-up that came together with a signal must not be lost for others. */
	if (result && entry.woken)
		waitq_wake(q, 1);
	return result;
}

void waitq_wake_one(struct waitq *q, struct waitq *polls, uint32_t events)
{
	if (!list_empty(&q->waiters))
		waitq_wake(q, 1);
	if (!list_empty(&polls->waiters))
		waitq_wake_events(polls, events);
}
