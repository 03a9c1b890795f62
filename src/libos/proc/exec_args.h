/* The argument and environment strings of an exec, on their way from the old memory to the new. */
#ifndef LIBOS_EXEC_ARGS_H
#define LIBOS_EXEC_ARGS_H

#include <exo/types.h>

#include <libos/fs/vfs.h>
#include <libos/vm/vm.h>

struct strings { /* NUL-terminated, one after the other */
	char *bytes;
	uint64_t size, room;
	uint32_t count;
};

struct exec_args {
	struct strings argv, envp;
	uint64_t limit;                 /* bytes for all strings and pointers */
	char path[PATH_LENGTH_MAX];     /* AT_EXECFN: what was asked for, or a name made up for a descriptor */
	bool made_up, unreachable;      /* it is such a name; that descriptor is closed when the program starts */
	char program[PATH_LENGTH_MAX];  /* what is run: the script's interpreter, or path */
};

/* All on the heap, because a coroutine's stack is small. NULL: no memory. */
struct exec_args *exec_args_new(uint64_t stack_limit);
void exec_args_free(struct exec_args *a);

/* Appends a string; -E2BIG, -ENOMEM. */
int strings_add(struct exec_args *a, struct strings *to, const char *s);
/* Appends a NULL-ended vector of strings of the program's memory. -EFAULT, -E2BIG, -ENOMEM. */
int strings_add_user(struct exec_args *a, struct strings *to, struct vm_space *space, uint64_t vector);
/* Replaces argv[0] by `count` strings. */
int strings_replace_first(struct exec_args *a, const char *const *with, uint32_t count);

/* Lays strings, vectors and auxv out on the new stack, whose top is `top`. Gives the stack pointer or -errno. */
struct credentials;
int64_t exec_stack_build(struct exec_args *a, struct vm_space *space, uint64_t top, const struct elf_image *image,
                         const struct credentials *cred, bool secure);

#endif
