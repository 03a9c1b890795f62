/* What the files of proc/ share with each other and with nobody else. */
#ifndef LIBOS_PROC_INTERNAL_H
#define LIBOS_PROC_INTERNAL_H

#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/proc/trace.h>

#define THREAD_OF(at)  LIST_ENTRY(at, struct thread, sibling)
#define PROCESS_OF(at) LIST_ENTRY(at, struct process, all)
#define CHILD_OF(at)   LIST_ENTRY(at, struct process, sibling)

#define NS_PER_SECOND INT64_C(1000000000)

/* ---- table.c ---- */
struct process *process_new(void); /* zeroed, lists initialised, no pid yet; NULL: no memory */
void process_free(struct process *p);
int32_t pid_alloc(void); /* -EAGAIN when all are taken */
void process_add(struct process *p); /* p->pid is set */
void process_remove(struct process *p);
void thread_add(struct process *p, struct thread *t); /* t->tid is set */
void thread_remove(struct thread *t);
void thread_rename(struct thread *t, int32_t tid);
void session_get(struct session *s);
void session_put(struct session *s);
struct session *session_new(int32_t sid); /* NULL: no memory */
static inline struct thread *process_any_thread(struct process *p)
{
	return list_empty(&p->threads) ? NULL : THREAD_OF(p->threads.next);
}

/* ---- thread.c ---- */
/* A thread with a context in `space`, in no list yet, registers all zero and to be loaded. NULL: no memory. */
struct thread *thread_new(struct vm_space *space);
/* Makes a context and its page in a space. 0 or -ENOMEM. */
int thread_context_new(struct vm_space *space, exo_cap_t *ctx, exo_frame_t *frame);
void thread_context_free(exo_cap_t ctx, exo_frame_t frame);
/* What its program has made of the capability for its context goes. Before that is freed. */
void thread_context_take_back(struct thread *t);
/* Brings all registers into the page; regs_edit() also has them loaded at the next run. */
void regs_save(struct thread *t);
void regs_edit(struct thread *t);
/* Takes the calling thread out of its process; the last one takes the process with it. */
EXO_NORETURN void thread_exit(struct thread *self);
/* Has all other threads of the process end, and waits until they have. -EINTR when this one is being killed. */
int threads_end_others(struct thread *self);

/* ---- users.c ---- */
/* From now on the thread is one of this user's, or of nobody's. */
void thread_charge(struct thread *t, uint32_t uid);
void thread_uncharge(struct thread *t);
/* Has the user more than the thread's RLIMIT_NPROC? Never root. */
bool user_tasks_over(const struct thread *t, uint32_t uid);

/* ---- oom.c ---- */
#define OOM_ADJ_MIN (-1000)
#define OOM_ADJ_MAX 1000
/* Memory ran out under its program: kills who takes most, says so, and waits a little. Returns if that is another one:
 * what failed is to be tried again. */
void process_out_of_memory(struct thread *self);
/* Memory ran out in a call of root's: the same, but for the caller. False: there is nobody to kill, or no right to. */
bool process_make_room(struct thread *self);

/* ---- emulate.c ---- */
/* After a general protection fault: true if it was an instruction that Linux answers in the processor's place. The thread goes
 * on behind it; or info->signo is not 0: that signal comes of it. */
bool emulate_umip(struct thread *self, struct signal_info *info);
/* After a fault: true if it was a call of the vsyscall page. The thread is where it returns to, with the system call's
 * number in rax, and that call is to be made. */
bool emulate_vsyscall(struct thread *self);

/* ---- answers.c ---- */
/* Counts a call that an answer page could serve; attaches one when it is worth it. */
void answers_hint(struct thread *self);
/* Makes the page true again after anything in it has changed. */
void answers_update(struct process *p);
/* The space has a second user (vfork child, thread): which answers must go, or come back. */
void answers_stop(struct process *p);

/* ---- exit.c ---- */
void process_finish(struct thread *last);      /* the last thread is gone: zombie, or nothing */
void process_notify_parent(struct process *p); /* a zombie child: SIGCHLD, or reaps it */
void process_reap(struct process *p);
void vfork_done(struct process *p);
bool process_ignores_children(const struct process *p);

/* ---- pidfd.c ---- */
/* A descriptor of the child for its parent, whose number goes to `address`. 0 or -errno; then *fd may be there, or is below 0. */
int pidfd_for_child(struct thread *self, struct process *child, uint64_t address, int32_t *fd);
void pidfds_tell(struct process *p);   /* it has ended */
void pidfds_forget(struct process *p); /* it has been waited for */
/* The process of a descriptor (NULL: it is no more), or -EBADF. */
int pidfd_process(struct thread *self, int32_t fd, struct process **p, bool *nonblocking);

/* ---- times ---- */
void itimer_check(struct process *p); /* ITIMER_VIRTUAL/PROF, RLIMIT_CPU; after accounting */
void itimers_stop(struct process *p);
void cpu_tick_start(struct process *p); /* some CPU-time limit is or may be set */
/* The program that it runs, which nobody may write meanwhile; NULL: none. */
void process_set_exe(struct process *p, struct inode *exe);
void posix_timers_drop(struct process *p);
/* Timers on clocks of CPU time: is one armed; and sends what has come. */
bool cpu_timers_watched(const struct process *p);
void cpu_timers_check(struct process *p);
/* A signal is about to be delivered: timers whose it is go on. False: it is of a setting that holds no more. */
bool timers_deliver(struct process *p, struct signal_info *info);
/* A signal that was queued is not delivered, since it is ignored now, or its thread has ended. */
void posix_timer_discarded(struct process *p, const struct signal_info *info);
/* The signal is no longer ignored: timers that sent it meanwhile send it now. */
void posix_timers_unignore(struct process *p, int signo);
void real_timer_delivered(struct process *p);
void real_timer_init(struct process *p);
int timespec_write(struct thread *t, uint64_t address, uint64_t ns);
/* Now on a Linux clock, or -EINVAL. */
int64_t clock_now(struct thread *self, int32_t clock, uint64_t *ns);
/* Is it a clock of CPU time? Then it is named by the process or thread that it is of. */
bool clock_is_cpu(int32_t clock);
int32_t clock_cpu_name(const struct thread *self, int32_t clock);
bool clock_has_timers(int32_t clock);
void process_rusage(struct process *p, int who, const struct thread *t, struct linux_rusage *out);

/* ---- futex.c ---- */
void futex_wake_address(struct vm_space *space, uint64_t address, uint32_t count);
void futex_thread_exit(struct thread *t); /* robust list and clear_child_tid */

/* ---- signal*.c ---- */
enum return_to { RETURN_GO, RETURN_RESTART, RETURN_RESTART_BLOCK };
/* The work before the program goes on: signals, stops, death. result: of the system call just served, or NULL. */
enum return_to signal_before_return(struct thread *self, int64_t *result);
/* What is pending and not blocked, of which the process's own counts for threads that it was offered to. */
static inline uint64_t signals_deliverable(const struct thread *t)
{
	return (t->pending.set | (t->offered ? t->process->pending.set : 0)) & ~t->blocked;
}
static inline bool thread_needs_attention(const struct thread *t)
{
	return signals_deliverable(t) || t->restore_blocked || t->exiting || t->process->group_exiting || trace_holds(t);
}
void pending_init(struct signal_pending *pending);
void pending_flush(struct process *p, struct signal_pending *pending, uint64_t set);
/* Takes one signal of `set` that is pending; 0: none. */
int signal_take(struct thread *t, uint64_t set, struct signal_info *info);
/* As the void ones of signal.h, with -EAGAIN when a queue is full. */
int signal_queue_process(struct process *p, const struct signal_info *info);
int signal_queue_thread(struct thread *t, const struct signal_info *info);
bool signal_ignored(const struct process *p, int signo);
/* Sent to this thread, it would leave nothing behind: it is ignored, and not blocked either. */
bool signal_is_dropped(const struct thread *t, int signo);
bool signal_default_ignored(int signo);
bool signal_default_stops(int signo);
void signal_thread_ends(struct thread *t); /* others see to what was offered to it; it is still in the process */
void process_kill(struct process *p);  /* SIGKILL, from within */
void process_stop(struct process *p, int signo);
void process_continue(struct process *p);
/* Builds the frame for a handler. False: no room on the stack. */
bool signal_frame_push(struct thread *self, const struct signal_action *action, const struct signal_info *info,
                       uint64_t mask);
#define SIGINFO_SIZE 128
#define SIGINFO_FIELDS 16 /* where what depends on the signal begins */
#define SYSCALL_SIZE 2 /* bytes of the instruction */
/* The arguments of a system call, as the registers have them. */
static inline void call_args(const struct exo_regs *r, uint64_t *args)
{
	const uint64_t six[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};

	memcpy(args, six, sizeof(six));
}

/* The XSAVE area (SDM vol. 1, 13.4) as programs see it: in signal frames, and through ptrace. */
#define FP_SW_OFFSET 464 /* struct _fpx_sw_bytes */
#define FP_HEADER    512
#define FP_AVX_SIZE  832
#define FP_FULL_SIZE 2696
#define FEATURES_AVX UINT64_C(0x7)
#define FEATURES_ALL UINT64_C(0xe7)
uint64_t fp_features(const struct exo_ctx_page *page); /* sigframe.c: one of these */
void siginfo_encode(const struct signal_info *info, void *bytes);
void siginfo_decode(const void *bytes, struct signal_info *info);
bool may_signal(const struct thread *from, const struct process *to, int signo);

#define SIGNAL_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

/* ---- capability.c ---- */
/* Those requests of prctl() that are about capabilities. False: another one. */
bool prctl_capabilities(struct thread *self, const uint64_t *args, int64_t *result);

/* ---- exec ---- */
struct exec_args; /* exec_args.h */
/* pid 1: loads `path` into a fresh process. 0 or -errno. */
int exec_first(struct thread *self, const char *path, const char *const *argv, const char *const *envp);
/* Says why the first program, which was called `what` and looked for at `path`, cannot be run; halts with 126 or 127. */
EXO_NORETURN void init_cannot_run(struct thread *t, const char *what, const char *path, int error);
/* Who "USER[:GROUP]" is, by files as passwd(5) and group(5) have them (NULL: there is none): ids and groups of `n`, of which the
 * caller has a reference then. Errors and home as below. */
int init_find_user(struct file *passwd, struct file *groups, const char *who, struct credentials *n, char *home,
                   size_t home_size);
/* Makes the first thread a user's, "USER[:GROUP]", names or numbers; home: his home directory, or "/". -ESRCH: there is no such
 * user or group; -EINVAL, -ENOMEM. */
int init_take_user(struct thread *t, const char *who, char *home, size_t home_size);

#endif
