/*
 * check: what the test programs share.  Each check prints one line that does
 * not depend on the machine; a failed one says where and with which errno, and
 * makes the program end with status 1.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int check_failures;

static inline void check_line(int good, const char *text, const char *file, int line, int err)
{
	char buf[400];
	int n = good ? snprintf(buf, sizeof buf, "ok %s\n", text)
		     : snprintf(buf, sizeof buf, "NOT OK %s (%s:%d, errno %d %s)\n", text,
				file, line, err, strerror(err));

	if (n > (int)sizeof buf)
		n = sizeof buf;
	/* Straight to the descriptor: a forked child must not print it again. */
	if (write(1, buf, (size_t)n) != n)
		_exit(99);
	if (!good)
		check_failures++;
}

/* CHECK(what, condition): the condition holds. */
#define CHECK(what, cond)                                                       \
	do {                                                                    \
		int check_good_ = !!(cond);                                     \
		check_line(check_good_, what, __FILE__, __LINE__, errno);       \
	} while (0)

/* FAILS(what, err, call): the call returns -1 with errno err. */
#define FAILS(what, err, call)                                                  \
	do {                                                                    \
		errno = 0;                                                      \
		long check_got_ = (long)(call);                                 \
		int check_errno_ = errno;                                       \
		check_line(check_got_ == -1 && check_errno_ == (err), what,     \
			   __FILE__, __LINE__, check_errno_);                   \
	} while (0)

#define DONE() return check_failures != 0

/* What wrfsbase and wrgsbase write stays: not so on a host that keeps these instructions from programs. */
static inline int bases_stay(void) { return (getauxval(AT_HWCAP2) & 2) != 0; }

static inline void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static inline long clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The number behind `word` in a file of /proc, of the line that begins with it; -1: there is none. */
static inline long file_number(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	char line[200];
	long number = -1;

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, word, strlen(word)) == 0)
			number = atol(line + strlen(word));
	if (f)
		fclose(f);
	return number;
}

/* wait_status: waits for one child; its wait status, or -1. */
static inline int wait_status(pid_t pid)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid ? status : -1;
}

static inline int EXITED(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline int KILLED(int status, int sig)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

#endif
