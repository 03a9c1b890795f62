/*
 * Calls on processes, limits, clocks and timers that make two or three mistakes at once: which one Linux tells first;
 * and those that look wrong and are not.
 */
#include "../check.h"
#include <sched.h>
#include <sys/resource.h>

#define BAD    ((void *)UINT64_C(0xffffffff81000000))
#define NOBODY 4000000
#define NO_CLOCK 77
#define BOTH   UINT64_C(0x100000000) /* above what an int holds */
#define ID     ((int *)id)

static unsigned char bytes[128];
static int id[2];

static int untouched(int from, int to)
{
	for (int i = from; i < to; i++)
		if (bytes[i] != 7)
			return 0;
	return 1;
}

static void waiting(void)
{
	FAILS("waitid: no such kind, flags, no memory", EFAULT, syscall(SYS_waitid, 9, 1, BAD, WEXITED | 0x100, 0));
	FAILS("waitid: the first is told where it cannot be", EFAULT, syscall(SYS_waitid, 0, 0, BAD, WNOHANG | WEXITED, 0));
	FAILS("waitid: nobody, nowhere to tell", ECHILD, syscall(SYS_waitid, 1, NOBODY, 0, WEXITED, BAD));
	FAILS("waitid: a descriptor that is no process, nothing to wait for", EINVAL, syscall(SYS_waitid, 3, 99, 0, 0, 0));
	FAILS("waitid: a descriptor that is no process", EBADF, syscall(SYS_waitid, 3, 99, 0, WEXITED, 0));
	FAILS("waitid: a descriptor below 0", EINVAL, syscall(SYS_waitid, 3, -1, 0, WEXITED, 0));
	memset(bytes, 7, sizeof(bytes));
	FAILS("waitid: flags", EINVAL, syscall(SYS_waitid, 0, 0, bytes, 0, 0));
	CHECK("waitid: all that is told is there, whatever comes out", !bytes[0] && !bytes[11] && !bytes[16] && !bytes[27]);
	CHECK("waitid: and nothing between", untouched(12, 16) && untouched(28, 128));
	FAILS("wait4: flags, nobody", EINVAL, syscall(SYS_wait4, NOBODY, BAD, 0x100, BAD));
	FAILS("wait4: nobody, nowhere to tell", ECHILD, syscall(SYS_wait4, -1, BAD, 0, BAD));
	FAILS("wait4: the group of the least number", ESRCH, syscall(SYS_wait4, INT32_MIN, 0, 0, 0));
	FAILS("kill: no such signal, nobody", ESRCH, kill(NOBODY, 65));
	FAILS("tgkill: no such signal, nobody", EINVAL, syscall(SYS_tgkill, 0, NOBODY, 65));
	FAILS("tkill: nobody, no such signal", EINVAL, syscall(SYS_tkill, -1, 65));
	FAILS("tgkill: another's thread, no such signal", ESRCH, syscall(SYS_tgkill, NOBODY, getpid(), 65));
}

static void limits(void)
{
	struct rlimit above = {2, 1}, many = {1024, 1048577};

	FAILS("setrlimit: no such limit, no memory", EFAULT, syscall(SYS_setrlimit, 99, BAD));
	FAILS("setrlimit: no such limit, soft above hard", EINVAL, syscall(SYS_setrlimit, 99, &above));
	FAILS("getrlimit: no such limit, no memory", EINVAL, syscall(SYS_getrlimit, 99, BAD));
	FAILS("prlimit64: nobody, no memory", EFAULT, syscall(SYS_prlimit64, NOBODY, 99, BAD, 0));
	FAILS("prlimit64: nobody, no such limit", ESRCH, syscall(SYS_prlimit64, NOBODY, 99, 0, 0));
	FAILS("prlimit64: no such limit, no memory", EINVAL, syscall(SYS_prlimit64, 0, 99, 0, BAD));
	FAILS("setrlimit: more descriptors than there can be", EPERM, setrlimit(RLIMIT_NOFILE, &many));
	FAILS("getrusage: no such kind, no memory", EINVAL, syscall(SYS_getrusage, 9, BAD));
	FAILS("getpriority: no such kind, nobody", EINVAL, getpriority(9, NOBODY));
	FAILS("setpriority: nobody", ESRCH, setpriority(PRIO_PROCESS, NOBODY, 99));
	CHECK("sched_get_priority_min: a policy is an int", syscall(SYS_sched_get_priority_min, BOTH | SCHED_FIFO) == 1);
	CHECK("sched_get_priority_max: of the deadline class", syscall(SYS_sched_get_priority_max, 6) == 0);
	FAILS("sched_setscheduler: nobody, no memory", EINVAL, syscall(SYS_sched_setscheduler, -1, 99, BAD));
	FAILS("sched_setscheduler: no such policy, no memory", EFAULT, syscall(SYS_sched_setscheduler, NOBODY, 99, BAD));
	FAILS("sched_setscheduler: nobody, no such policy", ESRCH, syscall(SYS_sched_setscheduler, NOBODY, 99, &(int){0}));
	FAILS("sched_getparam: nobody, no memory", EINVAL, syscall(SYS_sched_getparam, -1, BAD));
	FAILS("sched_getparam: none, no memory", EINVAL, syscall(SYS_sched_getparam, NOBODY, 0));
	FAILS("sched_setaffinity: nobody, no memory", EFAULT, syscall(SYS_sched_setaffinity, NOBODY, 8, BAD));
	FAILS("sched_getaffinity: nobody, too short", EINVAL, syscall(SYS_sched_getaffinity, NOBODY, 1, BAD));
}

static void ids(void)
{
	FAILS("setpgid: a negative group of nobody", EINVAL, setpgid(NOBODY, -1));
	FAILS("getpgid: nobody", ESRCH, getpgid(NOBODY));
	FAILS("getgroups: negative, no memory", EINVAL, syscall(SYS_getgroups, -1, BAD));
	FAILS("setgroups: too many, no memory", EINVAL, syscall(SYS_setgroups, 65537, BAD));
	FAILS("setgroups: no memory", EFAULT, syscall(SYS_setgroups, 1, BAD));
	CHECK("prctl: what is not looked at", syscall(SYS_prctl, 8 /* SET_KEEPCAPS */, 0, 9, 9, 9) == 0);
	FAILS("prctl: no such call, no memory", EINVAL, syscall(SYS_prctl, 999, BAD, 0, 0, 0));
	FAILS("set_robust_list: no memory, size", EINVAL, syscall(SYS_set_robust_list, BAD, 8));
	FAILS("getrandom: flags, no memory", EINVAL, syscall(SYS_getrandom, BAD, 8, 64));
	FAILS("getrandom: good and bad at once", EINVAL, syscall(SYS_getrandom, BAD, 8, 6));
	CHECK("getrandom: flags are an int", syscall(SYS_getrandom, bytes, 8, BOTH) == 8);
}

static void clocks(void)
{
	struct timespec wrong = {0, 1000000000};
	struct sigevent none = {.sigev_notify = SIGEV_NONE}, odd = {.sigev_notify = 9}, of_library = {.sigev_notify = SIGEV_THREAD, .sigev_signo = 10};

	FAILS("clock_gettime: no such clock, no memory", EINVAL, syscall(SYS_clock_gettime, NO_CLOCK, BAD));
	FAILS("clock_getres: no such clock", EINVAL, syscall(SYS_clock_getres, NO_CLOCK, 0));
	FAILS("clock_settime: cannot be set, no memory", EINVAL, syscall(SYS_clock_settime, CLOCK_MONOTONIC, BAD));
	FAILS("clock_settime: no time, no memory", EFAULT, syscall(SYS_clock_settime, CLOCK_REALTIME, BAD));
	FAILS("clock_settime: of a thread", EINVAL, syscall(SYS_clock_settime, CLOCK_THREAD_CPUTIME_ID, BAD));
	FAILS("clock_nanosleep: no such clock, no memory", EINVAL, syscall(SYS_clock_nanosleep, NO_CLOCK, 0, BAD, 0));
	FAILS("clock_nanosleep: cannot be slept by, no memory", EOPNOTSUPP, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, BAD, 0));
	FAILS("clock_nanosleep: the own thread's, no memory", EOPNOTSUPP, syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, BAD, 0));
	FAILS("clock_nanosleep: the own thread's by name", EINVAL, syscall(SYS_clock_nanosleep, -2, 0, &(struct timespec){0, 1}, 0));
	FAILS("clock_nanosleep: the process's, no time", EINVAL, syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &wrong, 0));
	CHECK("clock_nanosleep: the process's, in the past", syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &(struct timespec){0, 1}, 0) == 0);
	CHECK("clock_getres: coarse clocks are", ({ struct timespec r; syscall(SYS_clock_getres, CLOCK_REALTIME_COARSE, &r) == 0 && r.tv_nsec >= 1000000; }));
	FAILS("timer_create: no such clock, no memory", EFAULT, syscall(SYS_timer_create, NO_CLOCK, BAD, ID));
	FAILS("timer_create: no such clock, no such event", EINVAL, syscall(SYS_timer_create, NO_CLOCK, &odd, BAD));
	FAILS("timer_create: a clock without, no such event", EOPNOTSUPP, syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, &odd, BAD));
	FAILS("timer_create: no such event, nowhere to tell", EINVAL, syscall(SYS_timer_create, CLOCK_MONOTONIC, &odd, BAD));
	FAILS("timer_create: nowhere to tell", EFAULT, syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &none, 0));
	id[0] = -7;
	FAILS("timer_create: a clock that is nobody's", EINVAL, syscall(SYS_timer_create, -1, &none, ID));
	CHECK("timer_create: which number it would have is told", id[0] >= 0);
	CHECK("timer_create: SIGEV_THREAD is a signal", syscall(SYS_timer_create, CLOCK_TAI, &of_library, ID) == 0);
	FAILS("timer_settime: no such timer, no memory", EINVAL, syscall(SYS_timer_settime, 999, 0, 0, 0));
	FAILS("timer_settime: no such timer, a bad time", EFAULT, syscall(SYS_timer_settime, 999, 0, BAD, 0));
	FAILS("timer_gettime: no such timer, no memory", EINVAL, syscall(SYS_timer_gettime, 999, BAD));
	FAILS("setitimer: no such timer, no memory", EFAULT, syscall(SYS_setitimer, 9, BAD, 0));
	FAILS("setitimer: no such timer, a bad time", EINVAL, syscall(SYS_setitimer, 9, &(struct itimerval){{0, 0}, {0, 1000000}}, 0));
	FAILS("getitimer: no such timer, no memory", EINVAL, syscall(SYS_getitimer, 9, BAD));
	FAILS("nanosleep: no time, no memory", EINVAL, syscall(SYS_nanosleep, &wrong, BAD));
	FAILS("settimeofday: no time, no zone", EINVAL, syscall(SYS_settimeofday, &(struct timeval){0, 1000000}, BAD));
}

int main(void)
{
	waiting();
	limits();
	ids();
	clocks();
	DONE();
}
