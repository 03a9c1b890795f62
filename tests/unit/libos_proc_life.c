/* Processes from fork to wait: numbers, statuses, orphans, exec, sessions. */
#include "libos_proc_world.h"

#include <libos/proc/internal.h>

Test(libos_proc_life, exit_status_reaches_the_parent)
{
	SCRIPT(1, {NR_FORK, {0}, 2}, {NR_WAIT4, {-1, AT(64), 0, 0}, 2, 0, {0}, 0, AT(64), UINT32_MAX, 3 << 8},
	       {NR_WAIT4, {-1, 0, 0, 0}, -ECHILD}, {NR_EXIT_GROUP, {7}});
	CHILD(2, {NR_GETPID, {0}, 2}, {NR_GETPPID, {0}, 1}, {NR_EXIT_GROUP, {3}});
	world_run(7);
	cr_assert_eq(libos.procs.count, 1);
}

Test(libos_proc_life, wait_without_hanging)
{
	SCRIPT(1, {NR_FORK, {0}, 2}, {NR_WAIT4, {-1, 0, WNOHANG, 0}, 0}, {NR_KILL, {2, SIGKILL}},
	       {NR_WAIT4, {2, AT(64), 0, 0}, 2, 0, {0}, 0, AT(64), UINT32_MAX, SIGKILL}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_PAUSE, {0}});
	world_run(0);
}

Test(libos_proc_life, ignored_children_leave_no_zombie)
{
	SCRIPT(1, {NR_SIGACTION, {SIGCHLD, AT(0), 0, SETS}, 0, AT(0), {1}, 4}, {NR_FORK, {0}, 2},
	       {NR_WAIT4, {-1, 0, 0, 0}, -ECHILD}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert_eq(libos.procs.count, 1);
}

Test(libos_proc_life, orphans_go_to_process_1)
{
	SCRIPT(1, {NR_FORK, {0}, 2}, {NR_WAIT4, {-1, 0, 0, 0}, 2}, {NR_WAIT4, {-1, 0, 0, 0}, 3}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_FORK, {0}, 3}, {NR_EXIT_GROUP, {0}});
	CHILD(3, {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {0, 1000000}, 2}, {NR_GETPPID, {0}, 1}, {NR_EXIT_GROUP, {0}});
	world_run(0);
}

/* A CPU limit given to a zombie armed a timer that outlived it. */
Test(libos_proc_life, limits_of_a_zombie_start_no_timer)
{
	SCRIPT(1, {NR_FORK, {0}, 2}, {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {0, 1000000}, 2},
	       {NR_PRLIMIT, {2, RLIMIT_CPU, AT(64), 0}, 0, AT(64), {1000, 1000}, 2}, {NR_WAIT4, {-1, 0, 0, 0}, 2}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_EXIT_GROUP, {0}});
	world_run(0);
	cr_assert(list_empty(&libos.sched.timers));
}

Test(libos_proc_life, vfork_parent_waits)
{
	SCRIPT(1, {NR_VFORK, {0}, 2}, {NR_WAIT4, {-1, 0, WNOHANG, 0}, 2}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_NANOSLEEP, {AT(64), 0}, 0, AT(64), {0, 1000000}, 2}, {NR_EXIT_GROUP, {0}});
	world_run(0);
}

#define TEXT_INIT   UINT64_C(0x74696e692f)     /* "/init" */
#define TEXT_LOOP   UINT64_C(0x706f6f6c2f)     /* "/loop" */
#define TEXT_NONE   UINT64_C(0x656e6f6e2f)     /* "/none" */

Test(libos_proc_life, exec_errors_leave_the_program_as_it_was)
{
	SCRIPT(1, {NR_EXECVE, {AT(0), 0, 0}, -ENOENT, AT(0), {TEXT_NONE}, 1}, {NR_EXECVE, {AT(0), 0, 0}, -ELOOP, AT(0), {TEXT_LOOP}, 1},
	       {NR_EXECVE, {1, 0, 0}, -EFAULT}, {NR_EXECVE, {AT(0), 8, 0}, -EFAULT, AT(0), {TEXT_INIT}, 1}, {NR_EXIT_GROUP, {4}});
	world_run(4);
}

Test(libos_proc_life, exec_starts_afresh)
{
	SCRIPT(1, HANDLE(SIGUSR1, 0, 0), {NR_EXECVE, {AT(0), 0, 0}, 0, AT(0), {TEXT_INIT}, 1},
	       /* The old memory is gone, and so is the handler: this is fatal. */
	       {NR_GETPID, {0}, 1, 0, {0}, 0, AT(0), UINT64_MAX, 0}, {NR_KILL, {1, SIGUSR1}});
	world_run(128 + SIGUSR1);
	cr_assert_str_eq(world.signals, "");
}

Test(libos_proc_life, groups_and_sessions)
{
	CHILD(2, {NR_SETSID, {0}, 2}, {NR_SETPGID, {0, 0}, -EPERM}, {NR_SETPGID, {1, 0}, -ESRCH}, {NR_EXIT_GROUP, {0}});
	SCRIPT(1, {NR_SETSID, {0}, -EPERM}, {NR_FORK, {0}, 2}, {NR_SETPGID, {2, 2}}, {NR_SETPGID, {2, 1}}, {NR_SETPGID, {2, 99}, -EPERM},
	       {NR_SETPGID, {1, 2}, -EPERM}, {NR_SETPGID, {99, 0}, -ESRCH}, {NR_WAIT4, {-1, 0, 0, 0}, 2}, {NR_EXIT_GROUP, {0}});
	world_run(0);
}

Test(libos_proc_life, signals_need_rights)
{
	SCRIPT(1, {NR_FORK, {0}, 2}, {NR_WAIT4, {-1, 0, 0, 0}, 2}, {NR_EXIT_GROUP, {0}});
	CHILD(2, {NR_SETRESUID, {5, 5, 5}}, {NR_KILL, {1, SIGTERM}, -EPERM}, {NR_KILL, {1, SIGCONT}, 0}, {NR_KILL, {2, 0}, 0},
	      {NR_KILL, {99, 0}, -ESRCH}, {NR_KILL, {2, 65}, -EINVAL}, {NR_SETRESUID, {0, 0, 0}, -EPERM}, {NR_EXIT_GROUP, {0}});
	world_run(0);
}

/* ---- numbers ---- */

static struct process taken;

static void numbers(void)
{
	struct process *p = &taken;

	cr_assert_eq(pid_alloc(), 1);
	cr_assert_eq(pid_alloc(), 2);
	libos.procs.last_pid = PID_MAX - 2;
	cr_assert_eq(pid_alloc(), PID_MAX - 1);
	/* Round again: above the first programs' numbers, and past one that is taken. */
	list_init(&p->threads);
	list_init(&p->sibling);
	p->pid = 300;
	process_add(p);
	cr_assert_eq(pid_alloc(), 301);
	/* A group that outlived its leader keeps its number too. */
	p->pgid = 302;
	cr_assert_eq(pid_alloc(), 303);
	cr_assert_eq(process_find(300), p);
	cr_assert_null(process_find(301));
	process_remove(p);
	cr_assert_null(process_find(300));
}

Test(libos_proc_life, numbers)
{
	world_run_bare(numbers);
}
