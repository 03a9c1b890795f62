/* Signals: handlers, masks, queues, restarts of interrupted calls, stop and continue. */
#include "libos_proc_world.h"

Test(libos_proc_signals, handler_runs_and_comes_back)
{
	SCRIPT(1, HANDLE(SIGUSR1, 0, 0), {NR_KILL, {1, SIGUSR1}}, {NR_GETPID, {0}, 1}, {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert_str_eq(world.signals, "1:10 ");
}

Test(libos_proc_signals, blocked_signals_wait)
{
	SCRIPT(1, HANDLE(SIGUSR1, 0, 0), HANDLE(SIGUSR2, 0, 0),
	       {NR_SIGPROCMASK, {SIG_BLOCK, AT(64), 0, SETS}, 0, AT(64), {SIGNAL_BIT(SIGUSR1)}, 1},
	       {NR_KILL, {1, SIGUSR1}}, {NR_KILL, {1, SIGUSR1}}, {NR_KILL, {1, SIGUSR2}},
	       {NR_SIGPENDING, {AT(72), SETS}, 0, 0, {0}, 0, AT(72), UINT64_MAX, SIGNAL_BIT(SIGUSR1)},
	       {NR_SIGPROCMASK, {SIG_UNBLOCK, AT(64), 0, SETS}}, {NR_EXIT_GROUP, {0}});
	world_run(0);
	/* The standard signal came once, though it was sent twice. */
	cr_assert_str_eq(world.signals, "1:12 1:10 ");
}

Test(libos_proc_signals, realtime_signals_queue_in_order)
{
	SCRIPT(1, HANDLE(34, 0, ~UINT64_C(0)), HANDLE(35, 0, ~UINT64_C(0)),
	       {NR_SIGPROCMASK, {SIG_BLOCK, AT(64), 0, SETS}, 0, AT(64), {SIGNAL_BIT(34) | SIGNAL_BIT(35)}, 1},
	       {NR_KILL, {1, 35}}, {NR_KILL, {1, 34}}, {NR_KILL, {1, 34}},
	       {NR_SIGPROCMASK, {SIG_UNBLOCK, AT(64), 0, SETS}}, {NR_EXIT_GROUP, {0}});
	world_run(0);
	/* The mask of the frames is full, so they run one after the other: lowest first, none lost. */
	cr_assert_str_eq(world.signals, "1:34 1:34 1:35 ");
}

Test(libos_proc_signals, pause_is_interrupted_by_alarm)
{
	SCRIPT(1, HANDLE(SIGALRM, SA_RESTART, 0), {NR_ALARM, {2}}, {NR_PAUSE, {0}, -EINTR}, {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert_str_eq(world.signals, "1:14 ");
	cr_assert_geq(world.end_ns, UINT64_C(2000000000));
	cr_assert_lt(world.end_ns, UINT64_C(2100000000));
}

Test(libos_proc_signals, read_is_made_again_after_a_restarting_handler)
{
	SCRIPT(1, HANDLE(SIGUSR1, SA_RESTART, 0), {NR_PIPE, {AT(64)}}, {NR_FORK, {0}, 2},
	       {NR_READ, {3, AT(128), 8}, 1}, {NR_WAIT4, {2, 0, 0, 0}, 2}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_KILL, {1, SIGUSR1}}, {NR_YIELD, {0}},
	      {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {0, 1000000}, 2}, {NR_WRITE, {4, AT(0), 1}, 1}, {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert_str_eq(world.signals, "1:10 ");
}

Test(libos_proc_signals, read_is_interrupted_without_restart)
{
	SCRIPT(1, HANDLE(SIGUSR1, 0, 0), {NR_PIPE, {AT(64)}}, {NR_FORK, {0}, 2}, {NR_READ, {3, AT(128), 8}, -EINTR},
	       {NR_WAIT4, {2, 0, 0, 0}, 2}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_KILL, {1, SIGUSR1}}, {NR_EXIT_GROUP, {0}});
	world_run(0);
}

Test(libos_proc_signals, stop_and_continue_are_reported)
{
	SCRIPT(1, {NR_FORK, {0}, 2}, {NR_KILL, {2, SIGSTOP}},
	       {NR_WAIT4, {2, AT(64), WUNTRACED, 0}, 2, 0, {0}, 0, AT(64), UINT32_MAX, SIGSTOP << 8 | 0x7f},
	       {NR_KILL, {2, SIGCONT}}, {NR_WAIT4, {2, AT(64), WCONTINUED, 0}, 2, 0, {0}, 0, AT(64), UINT32_MAX, 0xffff},
	       {NR_KILL, {2, SIGKILL}}, {NR_WAIT4, {2, AT(64), 0, 0}, 2, 0, {0}, 0, AT(64), UINT32_MAX, SIGKILL},
	       {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_PAUSE, {0}});
	world_run(0);
}

Test(libos_proc_signals, default_action_of_pid_1_ends_the_system)
{
	SCRIPT(1, {NR_KILL, {1, SIGTERM}});
	world_run(128 + SIGTERM);
}

Test(libos_proc_signals, sigsuspend_puts_the_mask_back)
{
	SCRIPT(1, HANDLE(SIGALRM, 0, 0),
	       {NR_SIGPROCMASK, {SIG_SETMASK, AT(64), 0, SETS}, 0, AT(64), {SIGNAL_BIT(SIGALRM)}, 1}, {NR_ALARM, {1}},
	       {NR_SIGSUSPEND, {AT(72), SETS}, -EINTR, AT(72), {0}, 1},
	       {NR_SIGPROCMASK, {SIG_BLOCK, 0, AT(80), SETS}, 0, 0, {0}, 0, AT(80), UINT64_MAX, SIGNAL_BIT(SIGALRM)},
	       {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert_str_eq(world.signals, "1:14 ");
}
