/*
 * Processes, threads, process groups and sessions.
 *
 * A process has an address space, descriptors, file-system context, credentials and signal
 * handlers; a thread has a context (registers) and a coroutine. Other parts get at processes
 * through this header; nobody below abi/ uses a hidden current one.
 */
#ifndef LIBOS_PROCESS_H
#define LIBOS_PROCESS_H

#include <exo/abi.h>

#include <libos/abi/strace.h>
#include <libos/lib/list.h>
#include <libos/proc/cred.h>
#include <libos/proc/signal.h>
#include <libos/sched/sched.h>
#include <libos/vm/vm.h>

struct fd_table;
struct fs_context;
struct inode;
struct tty;
struct trace;

#define PID_MAX 32768
#define PROCESS_MAX 4000 /* fork gives EAGAIN beyond this, or RLIMIT_NPROC */

struct rlimit64 {
	uint64_t soft, hard; /* UINT64_MAX: none */
};
/* Places in the table that only root takes. */
#define PROCESSES_KEPT 64
#define ZONES_KEPT     32
#define RLIMIT_COUNT 16 /* Linux's numbers, abi/linux.h */

struct session {
	int32_t sid;
	uint32_t refs;
	struct tty *tty; /* controlling terminal, or NULL */
	int32_t hung_up_pgid; /* foreground group of the one that was hung up; 0: none was */
};

enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE, PROCESS_REAPED };

struct process {
	int32_t pid, pgid;
	struct session *session;
	struct process *parent;
	struct list children, sibling;    /* of parent */
	struct list all;                  /* in process_table.all */
	struct list threads;              /* struct thread.sibling */
	uint32_t thread_count;
	enum process_state state;

	struct vm_space *space;
	struct fd_table *fds;             /* fs/file.h; may be shared (CLONE_FILES) */
	struct fs_context *fs;            /* cwd, root, umask: fs/vfs.h; may be shared */
	struct credentials cred;          /* that others judge it by: cred.h */
	struct signal_actions *actions;   /* may be shared (CLONE_SIGHAND) */
	struct signal_pending pending;    /* sent to the process as a whole */
	struct thread *signal_target;     /* that the last of them was offered to; NULL: none, or it has ended */
	struct rlimit64 limits[RLIMIT_COUNT];
	int32_t nice;
	uint32_t personality, dumpable;
	int32_t oom_score_adj;            /* -1000 to 1000 */
	int32_t oom_score_adj_min;        /* as low as it goes without a privilege: what somebody with that set last */
	bool thp_disable;

	char name[16];                    /* comm */
	struct inode *exe;                /* /proc/PID/exe, one reference */

	int32_t exit_code;                /* as wait4 reports it: status << 8 | signal */
	int32_t exit_signal;              /* to the parent, SIGCHLD or what clone asked for; 0 none */
	uint32_t execs, parent_execs;     /* how often it has run exec; the same of its parent when it was made */
	bool group_exiting, stopped, stop_reported, continued, did_exec;
	int32_t stop_signal;
	struct thread *vfork_waiter;      /* parent thread that vfork()ed us and waits */
	bool shares_parent_space;         /* vfork child that has not exec'd */

	struct waitq child_wait;          /* wait4() of this process */
	struct waitq signal_wait;         /* who reads or polls its signals from a descriptor (signalfd.c) */
	struct list pidfds;               /* descriptors of it (pidfd.c) */
	struct list tracees;              /* whom it traces (trace.h) */
	struct trace *left_trace;         /* of its first thread, which has ended */
	uint32_t traced, stops;           /* so many of its threads are; how often it was stopped */
	bool unseen;                      /* a zombie of which its tracer is to be told before its parent */
	struct timer real_timer;          /* ITIMER_REAL, alarm */
	uint64_t real_interval_ns;
	struct list posix_timers;
	uint64_t start_ns, user_ns, system_ns; /* this process's exited + live threads */
	uint64_t children_user_ns, children_system_ns;
	uint64_t minor_faults, children_minor_faults;
	uint64_t voluntary_switches, involuntary_switches;

	struct list hash;                 /* process_table.by_pid */
	bool charged;                     /* a zombie still counts as one of … */
	uint32_t charged_uid;             /* … this user's */
	uint64_t past_user_ns;            /* user time in zones it has left by exec */
	uint64_t virtual_at_ns, virtual_interval_ns; /* ITIMER_VIRTUAL, in user_ns; 0 off */
	uint64_t prof_at_ns, prof_interval_ns;       /* ITIMER_PROF, in user_ns + system_ns */
	uint64_t cpu_limit_next_ns;       /* next SIGXCPU */
	struct timer cpu_tick;            /* looks at the three above while any is set */
	int32_t next_timer_id, parent_death_signal;
	struct exo_answer_page *answers;  /* the zone's answer page once it is worth it */
	uint32_t answer_calls;
	bool answer_program;              /* the zone has its answer program */
	bool child_subreaper;
	uint32_t sched_policy;
	uint32_t io_priority; /* ioprio_set(2): kept, and means nothing; 0: by the nice value */
	uint64_t max_resident_pages, children_max_resident;
};

enum thread_state { THREAD_RUNNABLE, THREAD_SLEEPING, THREAD_DEAD };

struct thread {
	int32_t tid;
	struct process *process;
	struct list sibling;              /* process->threads */
	enum thread_state state;
	struct list run_node;             /* in a queue of … */
	struct sched_share *share;        /* … its user's, the last one that it was in */
	struct coroutine co;
	bool interruptible;               /* the sleep may end by a signal */
	bool wake_pending, timed_out;
	struct timer sleep_timer;

	struct credentials cred;
	struct sem_undo_list *sem_undos;  /* ipc/undo.c; NULL: there is nothing to take back */

	exo_cap_t ctx;
	exo_frame_t page_frame;
	struct exo_ctx_page *page;        /* the context page, in the window */

	struct signal_pending pending;
	bool forks;                       /* it makes a child, which is not yet one of its group */
	uint64_t fork_signals;            /* …sent to that meanwhile */
	bool offered;                     /* it was chosen for signals sent to the process, or has looked for some */
	uint64_t blocked, saved_blocked;  /* signal sets, bit n-1 for signal n */
	uint64_t real_blocked;            /* blocked but for an rt_sigtimedwait in progress */
	bool restore_blocked;             /* sigsuspend, ppoll, …: put saved_blocked back on return */
	struct signal_stack altstack;
	uint64_t clear_child_tid, robust_list;
	uint64_t restart_until_ns;        /* restart_syscall of a sleep */
	uint64_t timer_slack_ns;          /* PR_SET_TIMERSLACK; 0: the usual one */
	bool exiting;
	uint32_t syscall_nr;              /* being handled, for strace and restart */
	uint64_t user_ns, system_ns;
	uint64_t turns_ns[2];             /* how long its last turns were, the newest first */
	uint64_t last_mark_ns;
	char name[16];

	struct list hash;                 /* process_table.by_tid */
	bool charged, over_limit;         /* it counts as one of …; by set*uid it became one too many (execve looks) */
	uint32_t charged_uid;             /* … this user's */
	uint32_t calls;                   /* system calls, for the slice check */
	bool killable_only;               /* its sleep ends for nothing but death */
	bool in_stop;                     /* parked because the process is stopped, or its tracer has it wait */
	bool sigreturned;                 /* rax came from a signal frame */
	bool resumes;                     /* and the call that it interrupted is to be made again */
	bool restart_after;               /* the handler that starts now interrupted a call to be made again */
	bool in_syscall;                  /* a system call of its program is being served */
	uint32_t last_event;              /* enum exo_event that exo_run() gave last */
	bool ctx_given;                   /* its program has a capability for its context */
	int64_t (*restart)(struct thread *); /* what restart_syscall goes on with */
	uint64_t restart_args[4];
	uint64_t fault_error, fault_vector, fault_address; /* of the last fault, for signal frames */
	struct trace *trace;              /* it is traced (trace.h) */
	int32_t trace_signal;             /* that its tracer lets it go on with */
	int32_t exit_code;                /* of this thread, as process->exit_code */
	bool strace_begun;                /* its call is in a line of --strace that has no end yet */
	uint16_t injected[STRACE_INJECTS]; /* calls that each of --strace's injections is about */
	bool exit_told;                   /* PTRACE_EVENT_EXIT */
};

struct process_table {
	struct list all;
	uint32_t count;
	int32_t last_pid;
	struct process *init;             /* pid 1: the first program; orphans go to it */
	uint64_t forks;
	struct list by_pid[256], by_tid[256];
	struct list futexes[256];   /* proc/futex.c; a bucket is made at its first use */
	bool pids_wrapped;
	uint32_t thread_count;
	bool shutting_down;
	struct timer shutdown_timer;
	struct user_account *users[64]; /* users.c */
	uint64_t oom_until_ns;      /* so long whoever was killed for his memory is waited for while he has not ended */
};

/* ---- users.c: what is counted by user ---- */
enum user_resource {
	USER_TASKS,      /* threads, and processes that nobody has waited for: RLIMIT_NPROC */
	USER_SIGNALS,    /* queued signals and POSIX timers: RLIMIT_SIGPENDING of who gets them */
	USER_PIPE_PAGES, /* what pipes may hold: /proc/sys/fs/pipe-user-pages-soft and -hard */
	USER_LOCKS,      /* record locks and flocks: LOCKS_SHARE of memory */
	USER_EPOLL_WATCHES, /* /proc/sys/fs/epoll/max_user_watches */
	USER_SOCKET_BYTES, /* sockets, and messages that nobody has read yet: an eighth of memory */
	USER_IN_FLIGHT,    /* descriptors in messages: RLIMIT_NOFILE */
	USER_INOTIFY_INSTANCES, /* /proc/sys/fs/inotify/max_user_instances */
	USER_INOTIFY_WATCHES,   /* …max_user_watches */
	USER_INOTIFY_BYTES,     /* events that nobody has read yet: a sixteenth of memory */
	USER_SHM_LOCKED,        /* pages of segments that are locked (SHM_LOCK): RLIMIT_MEMLOCK */
	USER_IPC_BYTES,         /* System V IPC, but for the pages of segments: an eighth of memory */
	USER_COUNT
};
/* False: that would be beyond the limit, or there is no memory for an account. */
bool user_charge(uint32_t uid, enum user_resource what, uint64_t count, uint64_t limit);
void user_uncharge(uint32_t uid, enum user_resource what, uint64_t count);
uint64_t user_count(uint32_t uid, enum user_resource what);

/* What it takes of memory, in pages, and what /proc/PID/oom_score shows. */
uint64_t process_cost(const struct process *process);
uint64_t process_oom_score(const struct process *process);

void process_table_init(void);
/* Makes pid 1 from the boot options and starts it. Halts with a clear message when it cannot. */
void process_start_init(void);

/* answers.c: a descriptor of the calling process is of a file that always does the same (FILE_*). Counts that, and has
 * the kernel answer when it is worth it and the machine can. */
void answers_file(struct thread *self, uint32_t fd, uint8_t always);
void answers_forget_file(struct process *p, uint32_t fd);
void answers_forget_files(struct process *p);

struct process *process_find(int32_t pid);           /* NULL: none; zombies are found */
struct process *process_of_zone(uint32_t number);    /* a living one that runs in it (of a parent and its vfork child the parent), or NULL */
struct thread *thread_find(int32_t tid);
struct process *process_of_group(int32_t pgid);      /* any member; NULL: no such group */
/* Is it an orphaned process group (POSIX 3.264)? */
bool process_group_orphaned(int32_t pgid);

/* The whole process ends (exit_group or a fatal signal); code as in exit_code. Called from one of its threads:
 * its other threads are woken and end too. Does not return. */
EXO_NORETURN void process_exit(struct thread *self, int32_t code);

/* Brings user_ns and system_ns of a living process up to now. For whoever shows them. */
void process_account(struct process *process);
/* SIGTERM to all, and after a grace time the end. */
void process_shutdown_all(void);
/* Frees what is left of a thread whose coroutine has ended. For the scheduler. */
void thread_free(struct thread *thread);

/* Does the thread leave what is kept for root? Whoever ends does not: that gives back. */
static inline bool thread_leaves_reserve(const struct thread *t)
{
	return !t->exiting && !t->process->group_exiting && !privileged(&t->cred, PRIV_RESERVE);
}

/* Who traces it (the process's number), 0: nobody; *stopped: it waits for that one. */
int32_t thread_tracer(const struct thread *thread, bool *stopped);

/* The coroutine's body: runs program and system calls until the thread dies. */
void thread_main(struct thread *self);

#endif
