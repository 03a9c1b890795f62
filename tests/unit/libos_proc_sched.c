/* Timers, sleeping, threads and futexes, fairness. */
#include "libos_proc_world.h"

#include <libos/sched/share.h>

#define CLONE_THREAD_FLAGS                                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID)

/* ---- timers by themselves ---- */

static char fired[64];
static struct timer timers[4];

static void fire(struct timer *timer)
{
	size_t n = strlen(fired);

	snprintf(fired + n, sizeof(fired) - n, "%d", (int)(timer - timers));
}

static void timers_in_order(void)
{
	uint64_t now = libos_now();

	for (int i = 0; i < 4; i++)
		sched_timer_init(&timers[i], fire);
	sched_timer_set(&timers[0], now + 300);
	sched_timer_set(&timers[1], now + 100);
	sched_timer_set(&timers[2], now + 200);
	sched_timer_set(&timers[3], now + 100); /* equal times: in the order of setting */
	cr_assert_eq(timers_next(), now + 100);
	sched_timer_set(&timers[2], now + 400); /* moved */
	sched_timer_cancel(&timers[0]);
	sched_timer_cancel(&timers[0]);
	cr_assert_not(sched_timer_is_set(&timers[0]));
	fake.now_ns = now + 150;
	timers_run();
	cr_assert_str_eq(fired, "13");
	fake.now_ns = now + 1000;
	timers_run();
	cr_assert_str_eq(fired, "132");
	cr_assert_eq(timers_next(), NO_DEADLINE);
}

Test(libos_proc_sched, timers_in_order)
{
	world_run_bare(timers_in_order);
}

/* ---- who is next ---- */

#define MS UINT64_C(1000000)

static struct thread root, users[3];

static void threads_make(void)
{
	root.cred.uid = 0;
	list_init(&root.run_node);
	for (int i = 0; i < 3; i++) {
		users[i].cred.uid = 1000;
		list_init(&users[i].run_node);
	}
}

/* So many turns of `ms` each, and how many of them were root's. */
static int turns_of_root(int turns, uint64_t ms)
{
	int roots = 0;

	while (turns-- > 0) {
		struct thread *next = share_take(fake.now_ns);

		roots += next == &root;
		fake.now_ns += ms * MS;
		share_charge(next, ms * MS);
		share_add_preempted(next, fake.now_ns);
	}
	return roots;
}

static void users_share_alike(void)
{
	threads_make();
	for (int i = 0; i < 3; i++)
		share_add_woken(&users[i]);
	share_add_woken(&root);
	cr_assert_eq(turns_of_root(40, 10), 20);
	cr_assert_eq(users[0].share, users[2].share);
	cr_assert_eq(libos.sched.runnable_count, 4);
}

Test(libos_proc_sched, users_share_the_cpu_not_processes)
{
	world_run_bare(users_share_alike);
}

/* Behind any number of a user's, whatever its own turns were; but a long sleep is not worth a long turn. */
static void sleeper_goes_first(void)
{
	threads_make();
	root.turns_ns[0] = root.turns_ns[1] = 50 * MS;
	for (int i = 0; i < 3; i++)
		share_add_woken(&users[i]);
	cr_assert_eq(turns_of_root(100, 10), 0);
	share_add_expired(&root);
	cr_assert_eq(turns_of_root(1, 10), 1);
	cr_assert_eq(turns_of_root(9, 10), 5);
}

Test(libos_proc_sched, a_sleeper_goes_before_another_users_many)
{
	world_run_bare(sleeper_goes_first);
}

static void order_of_one_user(void)
{
	threads_make();
	share_add_preempted(&users[0], fake.now_ns);
	share_add_woken(&users[1]);
	share_add_expired(&users[2]);
	cr_assert_eq(share_take(fake.now_ns), &users[2]);
	users[2].turns_ns[0] = users[2].turns_ns[1] = 2 * MS;
	share_add_expired(&users[2]); /* it needs too much to go ahead */
	cr_assert_eq(share_take(fake.now_ns), &users[1]);
	share_add_woken(&users[1]);
	cr_assert_eq(share_take(fake.now_ns + 20 * MS), &users[0]);
	cr_assert_eq(share_take(fake.now_ns + 20 * MS), &users[2]);
	cr_assert_eq(share_take(fake.now_ns + 20 * MS), &users[1]);
	cr_assert_null(share_take(fake.now_ns + 20 * MS));
}

Test(libos_proc_sched, order_among_the_threads_of_a_user)
{
	world_run_bare(order_of_one_user);
}

static void what_is_urgent(void)
{
	threads_make();
	share_add_woken(&users[0]);
	cr_assert_eq(share_take(fake.now_ns), &users[0]);
	libos.sched.slice_ns = fake.now_ns;
	share_add_woken(&users[1]);
	cr_assert_not(share_is_urgent(&users[0], false, fake.now_ns));
	cr_assert(share_is_urgent(&users[0], true, fake.now_ns));
	share_add_expired(&users[2]);
	cr_assert(share_is_urgent(&users[0], false, fake.now_ns));
	while (share_take(fake.now_ns))
		;
	share_add_woken(&root);
	cr_assert_not(share_is_urgent(&users[0], false, fake.now_ns)); /* both have had nothing yet */
	cr_assert(share_is_urgent(&users[0], false, fake.now_ns + MS));
	cr_assert_eq(share_take(fake.now_ns), &root);
	share_charge(&root, 2 * MS);
	share_add_woken(&root);
	cr_assert_not(share_is_urgent(&users[0], true, fake.now_ns + MS));
}

Test(libos_proc_sched, work_gives_way_to_who_had_less)
{
	world_run_bare(what_is_urgent);
}

/* ---- sleeping ---- */

Test(libos_proc_sched, nanosleep_takes_its_time)
{
	SCRIPT(1, {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {1, 500000000}, 2}, {NR_NANOSLEEP, {AT(64), 0}, -EINVAL, AT(64), {0, 1000000000}, 2},
	       {NR_NANOSLEEP, {AT(64), 0}, -EINVAL, AT(64), {UINT64_MAX, 0}, 2}, {NR_NANOSLEEP, {8, 0}, -EFAULT}, {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert_geq(world.end_ns, UINT64_C(1500000000));
	cr_assert_lt(world.end_ns, UINT64_C(1600000000));
}

Test(libos_proc_sched, a_pair_on_a_pipe_takes_turns)
{
	SCRIPT(1, {NR_PIPE, {AT(64)}}, {NR_PIPE, {AT(72)}}, {NR_FORK, {0}, 2}, {NR_WRITE, {4, AT(0), 1}, 1}, {NR_READ, {5, AT(0), 1}, 1},
	       {NR_WRITE, {4, AT(0), 1}, 1}, {NR_READ, {5, AT(0), 1}, 1}, {NR_WAIT4, {2, 0, 0, 0}, 2}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_READ, {3, AT(0), 1}, 1}, {NR_WRITE, {6, AT(0), 1}, 1}, {NR_READ, {3, AT(0), 1}, 1}, {NR_WRITE, {6, AT(0), 1}, 1},
	      {NR_EXIT_GROUP, {0}});
	world_run(0);
	/* Each runs until it must wait: no call is made in vain, and there is one switch for each hand-over. */
	cr_assert_str_eq(world.order, "1 1 1 1 1 2 2 2 1 1 2 2 1 1 ");
}

/* ---- threads ---- */

Test(libos_proc_sched, thread_end_wakes_who_joins)
{
	SCRIPT(1, {NR_CLONE, {CLONE_THREAD_FLAGS, AT(0x1000), AT(128), AT(128), 0}, 2},
	       {NR_FUTEX, {AT(128), FUTEX_WAIT, 2, 0, 0, 0}, 0, 0, {0}, 0, AT(128), UINT32_MAX, 0}, {NR_GETTID, {0}, 1},
	       {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_GETPID, {0}, 1}, {NR_GETTID, {0}, 2}, {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {0, 1000000}, 2}, {NR_EXIT, {0}});
	world_run(0);
}

Test(libos_proc_sched, futex_waits_and_wakes)
{
	SCRIPT(1, {NR_FUTEX, {AT(128), FUTEX_WAIT, 1, 0, 0, 0}, -EAGAIN},
	       {NR_FUTEX, {AT(128), FUTEX_WAIT, 0, AT(64), 0, 0}, -ETIMEDOUT, AT(64), {0, 1000000}, 2},
	       {NR_FUTEX, {AT(129), FUTEX_WAIT, 0, 0, 0, 0}, -EINVAL}, {NR_FUTEX, {8, FUTEX_WAIT, 0, 0, 0, 0}, -EFAULT},
	       {NR_FUTEX, {AT(128), FUTEX_LOCK_PI, 0, 0, 0, 0}, -ENOSYS},
	       {NR_CLONE, {CLONE_THREAD_FLAGS, AT(0x1000), AT(136), AT(136), 0}, 2},
	       {NR_FUTEX, {AT(128), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0}, 0}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {0, 1000000}, 2}, {NR_FUTEX, {AT(128), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, 0, 0, 0}, 1},
	      {NR_FUTEX, {AT(128), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, 0, 0, 0}, 0}, {NR_PAUSE, {0}});
	world_run(0);
}

Test(libos_proc_sched, exit_group_ends_all_threads)
{
	SCRIPT(1, {NR_CLONE, {CLONE_THREAD_FLAGS, AT(0x1000), AT(128), AT(128), 0}, 2}, {NR_PAUSE, {0}});
	CHILD(2, {NR_YIELD, {0}}, {NR_EXIT_GROUP, {9}});
	world_run(9);
}

Test(libos_proc_sched, exec_ends_the_other_threads)
{
	/* The thread that calls exec goes on as the process: under its number, with the script of that one. */
	CHILD(2, {NR_YIELD, {0}}, {NR_EXECVE, {AT(0), 0, 0}, 0, AT(0), {UINT64_C(0x74696e692f)}, 1});
	SCRIPT(1, {NR_CLONE, {CLONE_THREAD_FLAGS, AT(0x1000), AT(128), AT(128), 0}, 2}, {NR_PAUSE, {0}, 0}, {NR_GETTID, {0}, 1},
	       {NR_EXIT_GROUP, {6}});
	world_run(6);
}
