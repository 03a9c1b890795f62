/* setgroups and getgroups: as many as Linux takes, sorted, shared with children, and what they open. */
#include "check.h"
#include <grp.h>

#define MOST 65536

static gid_t groups[MOST + 1];

static int in_order(int count)
{
	static gid_t got[MOST];

	if (getgroups(MOST, got) != count)
		return 0;
	for (int i = 1; i < count; i++) {
		if (got[i - 1] > got[i])
			return 0;
	}
	return 1;
}

int main(void)
{
	gid_t few[] = {900, 7, 7, 30};
	pid_t child;
	int f = open("f", O_CREAT | O_WRONLY, 0040);

	CHECK("a file of group 65999", fchown(f, 0, 65999) == 0 && close(f) == 0);
	CHECK("none", setgroups(0, NULL) == 0 && getgroups(0, NULL) == 0);
	CHECK("a few, sorted, also twice", setgroups(4, few) == 0 && getgroups(0, NULL) == 4 && in_order(4));
	FAILS("room for less", EINVAL, getgroups(3, groups));
	FAILS("less than nothing", EINVAL, getgroups(-1, groups));
	FAILS("no memory", EFAULT, getgroups(4, (gid_t *)8));
	for (int i = 0; i < MOST; i++)
		groups[i] = (gid_t)(1000 + (i * 40503u) % MOST);
	CHECK("65536", setgroups(MOST, groups) == 0 && getgroups(0, NULL) == MOST && in_order(MOST));
	FAILS("one more", EINVAL, setgroups(MOST + 1, groups));
	FAILS("less than nothing", EINVAL, syscall(SYS_setgroups, -1, groups));
	FAILS("no memory", EFAULT, setgroups(4, (gid_t *)8));
	few[2] = (gid_t)-1;
	FAILS("no group", EINVAL, setgroups(4, few));
	CHECK("nothing has changed", getgroups(0, NULL) == MOST);
	child = fork();
	if (!child) {
		if (setgid(5) || setuid(1000))
			_exit(99);
		check_failures = 0;
		CHECK("a user in them reads the file", in_order(MOST) && close(open("f", O_RDONLY)) == 0);
		FAILS("and takes no others", EPERM, setgroups(0, NULL));
		FAILS("too many, and none to take", EPERM, setgroups(MOST + 1, groups));
		_exit(check_failures != 0);
	}
	CHECK("the user", EXITED(wait_status(child), 0));
	child = fork();
	if (!child) {
		if (setgroups(1, few) || setgid(5) || setuid(1000))
			_exit(99);
		_exit(open("f", O_RDONLY) == -1 && errno == EACCES ? 0 : 1);
	}
	CHECK("one who is not does not", EXITED(wait_status(child), 0));
	CHECK("the parent's are as they were", in_order(MOST) && setgroups(0, NULL) == 0);
	DONE();
}
