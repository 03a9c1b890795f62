/* Priorities of i/o: ioprio_set(2) and ioprio_get(2). What is printed is what Linux says. */
#include "guests.h"
#include <sys/resource.h>

enum { PROCESS = 1, GROUP, USER };
enum { NONE, REAL_TIME, BEST_EFFORT, IDLE };
#define VALUE(class, level) ((class) << 13 | (level))
#define NOBODY 99999999

static long get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long set(int which, int who, int value) { return syscall(SYS_ioprio_set, which, who, value); }
static int is(int value) { return set(PROCESS, 0, value) == 0 && get(PROCESS, 0) == value; }

static void arguments(void)
{
	FAILS("get: no such kind", EINVAL, get(0, 0));
	FAILS("get: no such kind either", EINVAL, get(4, 0));
	FAILS("get: nobody", ESRCH, get(PROCESS, NOBODY));
	FAILS("get: nobody below zero", ESRCH, get(PROCESS, -1));
	FAILS("get: no such group", ESRCH, get(GROUP, NOBODY));
	FAILS("get: no such user", ESRCH, get(USER, 54321));
	FAILS("set: no such kind", EINVAL, set(9, 0, VALUE(BEST_EFFORT, 0)));
	FAILS("set: nobody", ESRCH, set(PROCESS, NOBODY, VALUE(BEST_EFFORT, 0)));
	FAILS("set: no such user", ESRCH, set(USER, 54321, VALUE(BEST_EFFORT, 0)));
	FAILS("set: the value before who", EINVAL, set(PROCESS, NOBODY, -1));
	FAILS("set: no such class", EINVAL, set(PROCESS, 0, VALUE(4, 0)));
	FAILS("set: nor that", EINVAL, set(PROCESS, 0, VALUE(7, 0)));
	FAILS("set: none, and a level", EINVAL, set(PROCESS, 0, VALUE(NONE, 5)));
}

static void values(void)
{
	CHECK("nothing is set", get(PROCESS, 0) == 0);
	CHECK("a level", is(VALUE(BEST_EFFORT, 3)) && get(GROUP, 0) == VALUE(BEST_EFFORT, 3));
	CHECK("and a hint", is(VALUE(BEST_EFFORT, 8)) && is(VALUE(BEST_EFFORT, 0x1fff)));
	CHECK("idle", is(VALUE(IDLE, 7)));
	CHECK("root's", is(VALUE(REAL_TIME, 2)));
	pid_t pid = fork();
	if (pid == 0)
		_exit(get(PROCESS, 0) != VALUE(REAL_TIME, 2));
	CHECK("a child has it, too", EXITED(wait_status(pid), 0));
	CHECK("it goes", is(VALUE(NONE, 0)));
	CHECK("then the nice value counts, for a group", get(GROUP, 0) == VALUE(BEST_EFFORT, 4) && setpriority(PRIO_PROCESS, 0, 10) == 0 &&
	      get(GROUP, 0) == VALUE(BEST_EFFORT, 6) && get(PROCESS, 0) == 0);
	pid = fork();
	if (pid == 0) {
		setpriority(PRIO_PROCESS, 0, 5);
		int good = get(GROUP, 0) == VALUE(BEST_EFFORT, 5) && set(GROUP, 0, VALUE(IDLE, 0)) == 0 && get(PROCESS, getppid()) == VALUE(IDLE, 0);
		_exit(!good);
	}
	CHECK("the best of a group, and all of it", EXITED(wait_status(pid), 0) && get(PROCESS, 0) == VALUE(IDLE, 0));
}

int main(void)
{
	pid_t me = getpid();

	setpgid(0, 0);
	arguments();
	values();
	AS("somebody", 1000, {
		FAILS("not his to have", EPERM, set(PROCESS, 0, VALUE(REAL_TIME, 2)));
		CHECK("his own", is(VALUE(BEST_EFFORT, 1)));
		FAILS("not his to set", EPERM, set(PROCESS, me, VALUE(BEST_EFFORT, 0)));
		CHECK("anybody's to see", get(PROCESS, me) == VALUE(IDLE, 0));
	});
	DONE();
}
