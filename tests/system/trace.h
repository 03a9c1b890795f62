/* What the tests of ptrace share: requests that print what came of them, and waiting that prints what it was for. */
#ifndef TEST_TRACE_H
#define TEST_TRACE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>


#define P(what, call)                                                                                     \
	do {                                                                                              \
		errno = 0;                                                                                \
		long result_ = (call);                                                                    \
		printf("%s: %ld%s%s\n", what, result_, result_ < 0 ? " " : "", result_ < 0 ? strerrorname(errno) : ""); \
	} while (0)

static inline const char *strerrorname(int e)
{
	switch (e) {
	case 0: return "0";
	case EPERM: return "EPERM";
	case ESRCH: return "ESRCH";
	case EIO: return "EIO";
	case EINVAL: return "EINVAL";
	case EFAULT: return "EFAULT";
	case ENOMEM: return "ENOMEM";
	case EBUSY: return "EBUSY";
	case ECHILD: return "ECHILD";
	case ENODEV: return "ENODEV";
	default: return "?";
	}
}

/* Waits for what happens to it, and prints that; its status. */
static inline int status_of(pid_t pid, const char *what)
{
	int st = 0;
	pid_t got = waitpid(pid, &st, __WALL);

	if (got != pid)
		printf("%s: waitpid %d %s\n", what, got, strerrorname(errno));
	else if (WIFEXITED(st))
		printf("%s: exited %d\n", what, WEXITSTATUS(st));
	else if (WIFSIGNALED(st))
		printf("%s: killed %d\n", what, WTERMSIG(st));
	else
		printf("%s: stopped %d event %d\n", what, WSTOPSIG(st), st >> 16);
	return st;
}

#endif
