/* Signals: sets, actions, sending, delivery. Numbers and flags are Linux's (abi/linux.h). */
#ifndef LIBOS_SIGNAL_H
#define LIBOS_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <libos/lib/list.h>

struct process;
struct thread;
struct session;

#define SIGNAL_COUNT 64
#define SIGNAL_BIT(n) (UINT64_C(1) << ((n) - 1))

#define SIGINFO_KEPT 48 /* bytes of a siginfo_t that Linux keeps of what a program sends */

/* What Linux's siginfo_t carries. */
struct signal_info {
	int32_t signo, code, error;
	int32_t pid;
	uint32_t uid;
	int32_t status;     /* SIGCHLD */
	int32_t timer_id, overrun;
	uint32_t timer_setting; /* posix_timer.c: which one it comes from */
	uint64_t address;   /* faults */
	uint64_t value;     /* sigqueue, timers */
	uint64_t user_ns, system_ns;
	bool whole;         /* a program made all of it (rt_sigqueueinfo): what counts is in `bytes` */
	uint8_t bytes[SIGINFO_KEPT];
};

struct signal_queued { /* one instance; realtime signals queue many */
	struct list node;
	uint32_t uid;  /* whose account it is in, if charged */
	bool charged;
	struct signal_info info;
};

struct signal_pending {
	uint64_t set;
	struct list queue; /* signal_queued, in order of arrival; a standard signal at most once */
};

struct signal_action {
	uint64_t handler; /* 0 default, 1 ignore */
	uint64_t flags, restorer, mask;
};

struct signal_actions {
	uint32_t refs;
	struct signal_action action[SIGNAL_COUNT + 1];
};

struct signal_stack {
	uint64_t sp, size;
	uint32_t flags;
};

/* Sends to the process as a whole / to one thread. Ignored signals vanish; stop and continue act at once
 * on the process state. Never fails: a standard signal needs no memory. */
void signal_send_process(struct process *process, const struct signal_info *info);
void signal_send_thread(struct thread *thread, const struct signal_info *info);
/* To every member of a process group, from the kernel (tty). */
void signal_send_group(int32_t pgid, int signo);
/* The process was sent it as one of several: a child that it is making gets it too. Whoever sends to a group or to all calls this. */
void signal_sent_to_many(struct process *process, int signo);
/* A fault that the program cannot block or ignore its way around. */
void signal_force(struct thread *thread, const struct signal_info *info);
/* The thread's mask has changed: what it takes now comes to it, what it takes no longer goes to other threads. */
void signal_recheck(struct thread *thread);
/* Has the thread a signal that it does not block (or must it exit)? */
bool signal_is_pending(const struct thread *thread);
/* Would the thread see this signal at all: not blocked and not ignored? (background tty reads) */
bool signal_is_ignored_or_blocked(const struct thread *thread, int signo);

#endif
