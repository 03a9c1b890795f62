/*
 * Threads that another process traces (ptrace(2)): what they stop for, and what their tracer is told. Private to proc/.
 *
 * A tracer is a process here, where it is a thread on Linux: any thread of it may ask and wait.
 */
#ifndef LIBOS_TRACE_H
#define LIBOS_TRACE_H

#include <libos/proc/process.h>

enum trace_resume { TRACE_RUN, TRACE_CALLS, TRACE_EMULATE }; /* PTRACE_CONT, _SYSCALL, _SYSEMU */

/* One traced thread. It outlives the thread until the tracer has been told of its end, or has ended itself. */
struct trace {
	struct list node;         /* tracer->tracees */
	struct process *tracer;
	struct thread *thread;    /* NULL: it has ended */
	struct process *process;  /* of the thread; NULL: it has ended, and was not the process's first one */
	int32_t tid, pgid;        /* pgid, uid: of one that has ended */
	uint32_t uid;
	int32_t exit_code;        /* likewise, as struct process has it */

	uint32_t options;         /* PTRACE_O_* */
	bool seized;
	bool privileged;          /* who began it could look into whomever he likes: the tracer, or the tracee itself (PTRACE_TRACEME) */
	bool trap;                /* PTRACE_INTERRUPT, SIGCONT: it is to stop */
	bool stepping;            /* TF is set in its flags for the tracer's sake */
	bool killed;              /* not even the stop of its end holds it */
	enum trace_resume resume;
	uint32_t stop_seen;       /* process->stops of the last stop of the process that it was held in */

	/* The stop that it is in, or was in last. */
	bool stopped, reported, listening, has_info;
	uint8_t call;             /* TRACE_CALL_* */
	uint32_t code;            /* wait status >> 8: signal | PTRACE_EVENT_* << 8 */
	struct signal_info info;
	uint64_t message;         /* PTRACE_GETEVENTMSG */
	int64_t orig_rax;         /* the system call that it is in, or -1 */
};

enum { TRACE_CALL_NONE, TRACE_CALL_ENTRY, TRACE_CALL_EXIT };

#define TRACE_OF(at) LIST_ENTRY(at, struct trace, node)

/* ---- trace.c ---- */
/* privileged: see struct trace. 0, -EPERM: it is traced already, -ENOMEM. */
int trace_begin(struct process *tracer, struct thread *t, uint32_t options, bool seized, bool privileged);
/* The thread goes on, untraced, with this signal (0: none). */
void trace_end(struct trace *tr, int32_t signal);
/* The process ends: nobody is traced by it any more. */
void trace_end_all(struct process *tracer);
/* Lets it go on out of a stop, with this signal (0: none). */
void trace_resume(struct trace *tr, int32_t signal);

/* Of the thread that stops: the calling one, which is traced. */
/* Before a system call: the call that the tracer has left, in page->nr and args; false: it is not to be made, with *result. */
bool trace_call_enter(struct thread *self, int64_t *result);
/* After it; what comes of it then. */
int64_t trace_call_exit(struct thread *self, int64_t result);
/* Before a signal is delivered: the one that is to be, or 0. in_call: it interrupts the call with this outcome, which may change. */
int trace_signal(struct thread *self, struct signal_info *info, bool in_call, int64_t *outcome);
/* Was it to make one step? The handler that it enters is that: the flags that it comes back to are its own. */
bool trace_step_taken(struct thread *self);
void trace_handler(struct thread *self);
/* The process is stopped, or the tracer has interrupted it. */
void trace_hold(struct thread *self);
/* PTRACE_EVENT_*, if the tracer wants to hear of it. */
void trace_event(struct thread *self, uint32_t event, uint64_t message);
void trace_exec(struct thread *self, int32_t old_tid);

/* Whoever is called for these need not be traced. */
/* A new thread or child, which does not run yet, of a clone() with these flags: it is traced, too, if the tracer wants that. 0 or -ENOMEM. */
int trace_inherit(struct thread *t, const struct thread *self, uint64_t clone_flags, uint32_t exit_signal);
/* The same thread's event; pid: of what it has made. */
void trace_cloned(struct thread *self, uint64_t clone_flags, uint32_t exit_signal, int32_t pid);
/* It ends: before anything of it has gone, and as the last step. */
void trace_exit_event(struct thread *self);
void trace_thread_ends(struct thread *self);
/* The process has ended, and is a zombie. True: its tracer, who is not its parent, is told first. */
bool trace_process_ends(struct process *p);
/* SIGCONT is sent to the process. */
void trace_continued(struct process *p);

/* Does somebody trace it who may not look into a program with more privileges? */
static inline bool trace_is_unsafe(const struct thread *t) { return t->trace && !t->trace->privileged; }

/* Is it to be held because the process is stopped, or interrupted? */
static inline bool trace_holds(const struct thread *t)
{
	const struct process *p = t->process;

	return (p->stopped && !(t->trace && t->trace->stop_seen == p->stops)) || (t->trace && t->trace->trap);
}

/* ---- user_area.c ---- */
/* Registers as struct user has them: of a thread in a stop. 0, -EIO: no such place, or no such value. */
int user_area_get(struct trace *tr, uint64_t offset, uint64_t *value);
int user_area_set(struct trace *tr, uint64_t offset, uint64_t value);
#define USER_REGS_SIZE UINT64_C(216)
#define USER_FP_SIZE   UINT64_C(512)
/* The vector state, in XSAVE's form; of the size that the register set NT_X86_XSTATE has. */
uint64_t user_xstate_size(const struct thread *t);
void user_fp_get(const struct thread *t, void *to, uint64_t size);
int user_fp_set(struct thread *t, const void *from, uint64_t size);

#endif
