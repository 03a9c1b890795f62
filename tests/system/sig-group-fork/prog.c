/* What is sent to a group, or to all, reaches the children that its members are just making. */
#include "guests.h"
#include <sys/mman.h>

#define ROUNDS  12
#define REGIONS 800 /* so that a fork takes a while */

static volatile int *ready;

/* Forks all the time. */
static void breed(void)
{
	char *at = mmap(NULL, REGIONS * 8192l, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; i < REGIONS; i++) {
		at[i * 8192] = 1;
		mprotect(at + i * 8192, 4096, PROT_READ);
	}
	*ready = 1;
	for (;;) {
		/* Not by way of the library, which blocks signals meanwhile. */
		if (syscall(SYS_fork) == 0)
			pause();
	}
}

/* 1: nobody of the group is left. */
static int all_gone(pid_t group)
{
	for (int tries = 0; tries < 400; tries++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (kill(-group, 0) && errno == ESRCH)
			return 1;
		pause_ms(5);
	}
	return 0;
}

static int rounds(int signo)
{
	for (int i = 0; i < ROUNDS; i++) {
		pid_t group;

		*ready = 0;
		group = fork();
		if (group == 0) {
			setpgid(0, 0);
			become(1000);
			breed();
		}
		setpgid(group, group);
		while (!*ready)
			usleep(100);
		usleep((useconds_t)i * 400);
		kill(-group, signo);
		if (!all_gone(group)) {
			kill(-group, SIGKILL);
			return 0;
		}
	}
	return 1;
}

int main(void)
{
	ready = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	CHECK("killed", rounds(SIGKILL));
	CHECK("ended", rounds(SIGTERM));
	DONE();
}
