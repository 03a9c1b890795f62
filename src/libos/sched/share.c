/*
 * Users share the CPU, not processes: the user (real id) whose threads have had the least of it is next, however many they are.
 * Who slept does not save up more than SHARE_CREDIT_NS for it.
 *
 * Of one user's threads, those go first whose sleep is over and that need little; then those that were just woken, in
 * order; then those whose quantum was over. The latter get a turn at least every second quantum, so that a
 * busy pair of pipe ends starves nobody.
 */
#include <libos/libos.h>
#include <libos/sched/share.h>

#define THREAD_OF(at) LIST_ENTRY(at, struct thread, run_node)
#define SHARE_OF(at)  LIST_ENTRY(at, struct sched_share, node)

#define SHARE_CREDIT_NS UINT64_C(20000000)
/* Who used more than this in each of its last two turns does not go ahead of others when its sleep is over. */
#define LIGHT_TURN_NS   UINT64_C(1000000)
/* So many of `expired` in a row, then one of `woken`. */
#define EXPIRED_TURNS   16u

void shares_init(struct sched *s)
{
	list_init(&s->active);
	for (uint32_t i = 0; i < SCHED_SHARES; i++) {
		list_init(&s->shares[i].node);
		list_init(&s->shares[i].expired);
		list_init(&s->shares[i].woken);
		list_init(&s->shares[i].runnable);
	}
}

/* Root has one to itself. Others may have to live with a stranger, but whom is not for them to choose. */
static struct sched_share *share_of(struct sched *s, const struct thread *thread)
{
	uint32_t uid = thread->cred.uid;

	return &s->shares[uid == 0 ? 0 : 1 + uid % (SCHED_SHARES - 1)];
}

static bool is_waiting(const struct sched_share *share)
{
	return !list_empty(&share->expired) || !list_empty(&share->woken) || !list_empty(&share->runnable);
}

static void enqueue(struct sched_share *share, struct list *queue, struct thread *thread)
{
	struct sched *s = &libos.sched;

	if (!is_waiting(share)) {
		/* Nobody of it waited till now, or slept till now. */
		if (s->fair_ns > SHARE_CREDIT_NS && share->had_ns < s->fair_ns - SHARE_CREDIT_NS)
			share->had_ns = s->fair_ns - SHARE_CREDIT_NS;
		list_push_back(&s->active, &share->node);
	}
	thread->state = THREAD_RUNNABLE;
	thread->share = share;
	list_push_back(queue, &thread->run_node);
	s->runnable_count++;
}

/* Two turns, since one may be long by bad luck: the machine below may have had other things to do. */
static bool is_light(const struct thread *thread)
{
	return thread->turns_ns[0] <= LIGHT_TURN_NS || thread->turns_ns[1] <= LIGHT_TURN_NS;
}

void share_add_expired(struct thread *thread)
{
	struct sched_share *share = share_of(&libos.sched, thread);

	enqueue(share, is_light(thread) ? &share->expired : &share->woken, thread);
}

void share_add_woken(struct thread *thread)
{
	struct sched_share *share = share_of(&libos.sched, thread);

	enqueue(share, &share->woken, thread);
}

void share_add_preempted(struct thread *thread, uint64_t now)
{
	struct sched_share *share = share_of(&libos.sched, thread);

	if (list_empty(&share->runnable))
		share->preempted_turn_ns = now;
	enqueue(share, &share->runnable, thread);
}

static struct list *next_queue(struct sched_share *share, uint64_t now)
{
	bool expired = !list_empty(&share->expired), woken = !list_empty(&share->woken);

	if (!list_empty(&share->runnable) &&
	    ((!expired && !woken) || now - share->preempted_turn_ns >= 2 * libos.sched.quantum_ns)) {
		share->preempted_turn_ns = now;
		return &share->runnable;
	}
	if (expired && (!woken || share->expired_turns < EXPIRED_TURNS)) {
		share->expired_turns = woken ? share->expired_turns + 1 : 0;
		return &share->expired;
	}
	share->expired_turns = 0;
	return &share->woken;
}

static struct sched_share *next_share(struct sched *s)
{
	struct sched_share *least = NULL;

	LIST_EACH(at, &s->active) {
		if (least == NULL || SHARE_OF(at)->had_ns < least->had_ns)
			least = SHARE_OF(at);
	}
	return least;
}

struct thread *share_take(uint64_t now)
{
	struct sched *s = &libos.sched;
	struct sched_share *share = next_share(s);
	struct thread *next;

	if (share == NULL)
		return NULL;
	next = THREAD_OF(next_queue(share, now)->next);
	list_remove(&next->run_node);
	s->runnable_count--;
	if (!is_waiting(share))
		list_remove(&share->node);
	if (share->had_ns > s->fair_ns)
		s->fair_ns = share->had_ns;
	return next;
}

void share_charge(struct thread *thread, uint64_t spent_ns)
{
	thread->share->had_ns += spent_ns;
	thread->turns_ns[1] = thread->turns_ns[0];
	thread->turns_ns[0] = spent_ns;
}

bool share_is_urgent(const struct thread *self, bool woken, uint64_t now)
{
	const struct sched *s = &libos.sched;
	uint64_t had_ns = self->share->had_ns + (now - s->slice_ns);

	LIST_EACH(at, &s->active) {
		const struct sched_share *share = SHARE_OF(at);
		bool same = share == self->share;

		if (same ? !list_empty(&share->expired) || (woken && !list_empty(&share->woken)) :
		           share->had_ns < had_ns && (!list_empty(&share->expired) || !list_empty(&share->woken)))
			return true;
	}
	return false;
}
