/* The system-call table: an array that linux.def fills. */
#include <libos/abi/errno.h>
#include <libos/abi/table.h>
#include <libos/libos.h>

#define SHAPE(...) {__VA_ARGS__}

const struct syscall_entry syscall_table[SYSCALL_TABLE_SIZE] = {
#define LINUX_CALL(nr, name, args) [nr] = {sys_##name, #name, SHAPE args},
#define LINUX_CALL_MISSING(nr, name, args) [nr] = {0, #name, SHAPE args},
#include <libos/abi/linux.def>
#undef LINUX_CALL
#undef LINUX_CALL_MISSING
};

int64_t syscall_dispatch(struct thread *self)
{
	uint32_t nr = self->syscall_nr;
	syscall_handler handler = nr < SYSCALL_TABLE_SIZE ? syscall_table[nr].handler : 0;

	if (__builtin_expect(libos.options.strace, 0))
		return strace_call(self, nr, handler);
	return handler ? handler(self, self->page->args) : -ENOSYS;
}
