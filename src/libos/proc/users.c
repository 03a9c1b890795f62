/* What each user has of things that are counted by user (real id), whoever of his processes took them. */
#include <libos/proc/internal.h>

struct user_account {
	struct user_account *next; /* process_table.users */
	uint32_t uid;
	uint64_t counts[USER_COUNT];
};

static struct user_account **bucket_of(uint32_t uid)
{
	return &libos.procs.users[uid % (sizeof(libos.procs.users) / sizeof(libos.procs.users[0]))];
}

static struct user_account *find(uint32_t uid)
{
	struct user_account *a = *bucket_of(uid);

	while (a && a->uid != uid)
		a = a->next;
	return a;
}

uint64_t user_count(uint32_t uid, enum user_resource what)
{
	const struct user_account *a = find(uid);

	return a ? a->counts[what] : 0;
}

bool user_charge(uint32_t uid, enum user_resource what, uint64_t count, uint64_t limit)
{
	struct user_account *a = find(uid);

	if (count > limit || (a && a->counts[what] > limit - count))
		return false;
	if (!count)
		return true; /* and there is nothing that would be given back */
	if (!a) {
		a = heap_zalloc(sizeof(*a));
		if (!a)
			return false;
		a->uid = uid;
		a->next = *bucket_of(uid);
		*bucket_of(uid) = a;
	}
	a->counts[what] += count;
	return true;
}

void user_uncharge(uint32_t uid, enum user_resource what, uint64_t count)
{
	struct user_account *a = find(uid), **link = bucket_of(uid);

	if (!count)
		return;
	if (!a || a->counts[what] < count)
		libos_panic("user %u gives back what he has not", uid);
	a->counts[what] -= count;
	for (int i = 0; i < USER_COUNT; i++) {
		if (a->counts[i])
			return;
	}
	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	heap_free(a);
}

void thread_charge(struct thread *t, uint32_t uid)
{
	/* Without memory for a new user's account it stays with the old one. */
	if ((t->charged && t->charged_uid == uid) || !user_charge(uid, USER_TASKS, 1, UINT64_MAX))
		return;
	thread_uncharge(t);
	t->charged = true;
	t->charged_uid = uid;
}

void thread_uncharge(struct thread *t)
{
	if (t->charged)
		user_uncharge(t->charged_uid, USER_TASKS, 1);
	t->charged = false;
}

bool user_tasks_over(const struct thread *t, uint32_t uid)
{
	return uid != 0 && user_count(uid, USER_TASKS) > t->process->limits[RLIMIT_NPROC].soft;
}
