/* Timers, sleeping, threads and futexes, fairness. */
#include "libos_proc_world.h"

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
