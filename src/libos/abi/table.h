/* The system-call table, shared by the dispatcher and the tracer. Private to abi/. */
#ifndef LIBOS_SYSCALL_TABLE_H
#define LIBOS_SYSCALL_TABLE_H

#include <libos/abi/kinds.h>
#include <libos/abi/syscall.h>

#define SYSCALL_TABLE_SIZE 512

struct syscall_entry {
	syscall_handler handler; /* NULL: -ENOSYS */
	const char *name;        /* NULL: not known by name either */
	uint16_t shape[8];       /* classes, then enum call_kind of each argument, A_NONE after the last; see linux.def */
};
extern const struct syscall_entry syscall_table[SYSCALL_TABLE_SIZE];

/* Runs a handler (NULL: -ENOSYS) and writes the trace line. */
int64_t strace_call(struct thread *self, uint32_t nr, syscall_handler handler);

#endif
