/*
 * The Linux x86-64 system-call table: linux.def is the only place where a system call is
 * listed; handlers, dispatcher and strace decoder come from it.
 */
#ifndef LIBOS_SYSCALL_H
#define LIBOS_SYSCALL_H

#include <exo/types.h>

struct thread;

/* A handler: six raw arguments, the result or a negative errno. */
typedef int64_t (*syscall_handler)(struct thread *self, const uint64_t *args);

#define LINUX_CALL(nr, name, args) int64_t sys_##name(struct thread *self, const uint64_t *args_);
#define LINUX_CALL_MISSING(nr, name, args)
#include <libos/abi/linux.def>
#undef LINUX_CALL
#undef LINUX_CALL_MISSING

/* Runs the call that the thread's context page asks for. May sleep. Returns what goes into rax, or one
 * of the internal -ERESTART* codes for the signal code to resolve. */
int64_t syscall_dispatch(struct thread *self);

/* Internal results, never seen by programs (Linux's include/linux/errno.h uses the same numbers). */
#define ERESTARTSYS           512 /* restart if SA_RESTART or no handler, else EINTR */
#define ERESTARTNOINTR        513 /* restart in any case */
#define ERESTARTNOHAND        514 /* restart only if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall */

#endif
