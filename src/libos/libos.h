/*
 * The POSIX LibOS: its one global struct and its start.
 *
 * Freestanding: below it is only exo_call() and the four mem functions. Linked
 * unchanged into the simulator, the ring-3 image, unit tests and fuzzers.
 * Single CPU for now: LibOS code runs on one stack at a time and is preempted by
 * nobody; it gives the CPU away only in sched_sleep() (sched/sched.h).
 */
#ifndef LIBOS_H
#define LIBOS_H

#include <exo/abi.h>

#include <libos/abi/strace.h>
#include <libos/fs/vfs.h>
#include <libos/ipc/ipc.h>
#include <libos/lib/heap.h>
#include <libos/net/net.h>
#include <libos/proc/process.h>
#include <libos/sched/sched.h>
#include <libos/tty/pty.h>
#include <libos/tty/tty.h>
#include <libos/vm/frames.h>
#include <libos/vm/vm.h>

#define LIBOS_DEFAULT "/bin/fb-init" /* a shell below an init; without that file /bin/sh */

/* Options from the boot command line (exo_boot.cmdline), or from the text that it says lies before the image; strings lie in there. */
struct libos_options {
	const char **args; /* PROGRAM ARGS…, NULL at the end; default LIBOS_DEFAULT */
	const char **env;
	const char *cwd, *user; /* NULL: the defaults */
	uint64_t text_size;     /* bytes of that text; it takes whole frames. 0: there is none */
	uint32_t arg_count, env_count;
	bool args_default; /* nobody named a program */
	bool strace, audit, stats, bench;
};

/* What --stats adds up for zones that are gone, and where --audit stands. */
struct libos_report {
	uint64_t zones, transitions, calls, syscalls, faults, cycles;
	uint32_t audit_next;
	bool audit_started;
};

struct libos {
	const struct exo_boot *boot;
	char cmdline[EXO_CMDLINE_SIZE]; /* boot->cmdline, cut into strings */
	struct libos_report report;   /* report.c */
	struct libos_options options;
	struct strace strace;         /* abi/strace.h */
	struct frames frames;         /* vm/frames.h */
	struct heap heap;             /* lib/heap.h */
	struct vm vm;                 /* vm/vm.h */
	struct sched sched;           /* sched/sched.h */
	struct process_table procs;   /* proc/process.h */
	struct vfs vfs;               /* fs/vfs.h */
	struct net net;               /* net/net.h */
	struct tty console;           /* tty/tty.h */
	struct pty_table ptys;        /* tty/pty.h */
	struct ipc ipc;               /* ipc/ipc.h */
	bool no_answer_programs;      /* this machine runs none */
	bool panicked;                /* for tests: the status alone may be that of a first program that called abort() */
	struct waitq ipc_events;      /* threads that wait in a call of the kernel: EXO_EV_IPC */
	struct waitq zone_events;     /* who waits for events of program zones: fs/dev_exo.c */
	uint64_t realtime_offset_ns;  /* set by clock_settime */
	char hostname[65], domainname[65];
};

extern struct libos libos;

/* Entry, called once by the machine; never returns. boot stays mapped. */
EXO_NORETURN void libos_start(const struct exo_boot *boot);

/* Says why on the console, and halts with 125. For broken invariants only. */
EXO_NORETURN void libos_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line for the operator, not the program (exo_log_write). */
void libos_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Part of a line, as it is. */
void libos_log_bytes(const char *bytes, uint64_t size);

/* Ends the system: the reports that the options ask for, then exo_halt(). */
EXO_NORETURN void libos_halt(uint32_t status);
/* The same with status 0; a machine with nobody who started it begins anew. */
EXO_NORETURN void libos_restart(void);

/* report.c: drains the audit ring when --audit asks for it; adds a zone that is about to go to --stats. */
void libos_report_poll(void);
void libos_report_zone(exo_cap_t zone);
void libos_report_end(void);

/* bench.c: measures kernel calls, tells the operator, and halts. */
EXO_NORETURN void libos_bench(void);

/* ns since boot; ns since 1970 (with the offset that clock_settime set). */
uint64_t libos_now(void);
uint64_t libos_realtime(void);
/* proc/clock.c */
uint64_t ns_add(uint64_t a, uint64_t b); /* saturates */
struct linux_timespec timespec_of(uint64_t ns);
int timespec_read(struct thread *t, uint64_t address, int64_t *ns); /* -EFAULT, -EINVAL */

#endif
