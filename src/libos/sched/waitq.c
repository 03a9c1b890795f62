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
	entry->woken = false;
	list_push_back(&q->waiters, &entry->node);
}

void waitq_remove(struct wait_entry *entry)
{
	list_remove(&entry->node);
}

uint32_t waitq_wake(struct waitq *q, uint32_t n)
{
	uint32_t done = 0;

	while (done < n && !list_empty(&q->waiters)) {
		struct wait_entry *entry = ENTRY_OF(q->waiters.next);

		list_remove(&entry->node);
		entry->woken = true;
		sched_wake(entry->thread);
		done++;
	}
	return done;
}

void waitq_wake_all(struct waitq *q)
{
	waitq_wake(q, UINT32_MAX);
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
