/*
 * --strace: system calls, signals and ends of threads as lines, in the manner of strace(1); counts; injected failures.
 *
 * Nothing is different for a program that is traced but the time that it takes, unless something is injected.
 */
#ifndef LIBOS_STRACE_H
#define LIBOS_STRACE_H

#include <stdbool.h>
#include <stdint.h>

struct thread;
struct line;
struct signal_info;

#define STRACE_CALLS   512u /* numbers of calls that a set can have */
#define STRACE_INJECTS 8u

struct strace_set {
	uint64_t bits[STRACE_CALLS / 64];
	bool others; /* are those with higher numbers in it? */
};

struct strace_inject {
	struct strace_set calls;
	bool has_result;              /* else the call is made */
	uint8_t signal;               /* 0: none */
	uint16_t first, last, step;   /* which of a thread's calls, from 1 */
	int64_t result;
	uint64_t enter_ns, exit_ns;   /* delays */
};

struct strace_count {
	uint64_t calls, errors, ns;
};

enum strace_clock { STRACE_NO_CLOCK, STRACE_SECONDS, STRACE_MICROSECONDS, STRACE_EPOCH };

struct strace {
	struct line *line;            /* the one that is being made; NULL: no lines at all */
	struct thread *owner;         /* whose call it is about and has not ended; NULL: nobody's */
	uint64_t written;             /* bytes of it that are on the log already */
	uint64_t last_ns;             /* when the last line began, for -r */
	struct strace_set calls;      /* that are shown */
	uint64_t signals;             /* likewise */
	struct line *table;           /* a buffer for the counts */
	struct strace_count *counts;  /* -c: of each call, and of those with higher numbers together; NULL: not wanted */
	struct strace_inject injects[STRACE_INJECTS];
	uint32_t inject_count;
	enum strace_clock clock;      /* -t, -tt, -ttt */
	bool relative, spent, wall;   /* -r, -T, -w */
	uint32_t string_size, wants;  /* -s; strace_options.c */
	bool sees_answers;            /* of calls that the kernel answers some are wanted */
};

/* strace_options.c. strace_option(): an element of the boot command line behind "strace"; after the last one strace_start() allocates.
 * What is not understood is said, and the system ends with status 2. */
void strace_option(const char *text);
void strace_start(void);

/* A signal is about to be acted on. */
void strace_signal(struct thread *self, const struct signal_info *info);
/* It stops, by this one. */
void strace_stopped(struct thread *self, int32_t signo);
/* The thread ends, and its process with this code (as wait4 has it) if it is the last one. */
void strace_thread_ends(struct thread *self, int32_t code);
/* Somebody else has something to say in between; nothing runs: what there is of a line is shown. */
void strace_pause(void);
void strace_idle(void);
/* The counts. */
void strace_end(void);

#endif
