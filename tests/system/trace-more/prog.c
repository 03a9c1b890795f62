/*
 * Of tracing what the other tests do not notice: that calls are seen which a running program has made thousands of times
 * before, that only its tracer has a say, and sizes and offsets at their ends.
 */
#include "trace.h"

#include <elf.h>

enum { CALLS = 4000 };

static void busy(void)
{
	for (;;) {
		for (int i = 0; i < CALLS; i++) {
			getppid();
			getpid();
			syscall(SYS_getuid);
		}
		usleep(1000);
	}
}

/* Which of the three calls were seen within some thousand stops. */
static unsigned look(pid_t pid, int *instructions)
{
	unsigned seen = 0;

	*instructions = 1;

	for (int i = 0; i < 3 * CALLS && seen != 7; i++) {
		struct user_regs_struct regs;
		int status;

		ptrace(PTRACE_SYSCALL, pid, 0, 0);
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			break;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		/* The tracer sees the program's text, whatever has become of it to make calls fast. */
		*instructions &= (ptrace(PTRACE_PEEKTEXT, pid, regs.rip - 2, 0) & 0xffff) == 0x050f;
		seen |= regs.orig_rax == SYS_getppid ? 1 : regs.orig_rax == SYS_getpid ? 2 : regs.orig_rax == SYS_getuid ? 4 : 0;
	}
	return seen;
}

int main(void)
{
	struct user_regs_struct regs[2];
	struct iovec part = {regs, sizeof(regs)};
	pid_t pid = fork(), other;
	long value;
	int status, instructions;
	unsigned seen;

	if (pid == 0)
		busy();
	usleep(300000); /* its calls are as fast as they can be by now */
	P("seize", ptrace(PTRACE_SEIZE, pid, 0, 0));
	P("interrupt", ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	waitpid(pid, &status, __WALL);
	seen = look(pid, &instructions);
	printf("getppid, getpid, getuid seen: %u, where a syscall instruction is: %d\n", seen, instructions);

	fflush(stdout);
	other = fork();
	if (other == 0) {
		P("another's tracee goes on", ptrace(PTRACE_CONT, pid, 0, 0));
		P("is looked into", ptrace(PTRACE_PEEKUSER, pid, 0, 0));
		P("is attached to", ptrace(PTRACE_ATTACH, pid, 0, 0));
		P("is seized", ptrace(PTRACE_SEIZE, pid, 0, 0));
		fflush(stdout);
		_exit(0);
	}
	waitpid(other, NULL, 0);
	P("attached to again", ptrace(PTRACE_ATTACH, pid, 0, 0));

	memset(regs, 0x5a, sizeof(regs));
	P("registers, with room for twice as many", ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part));
	printf("so many: %d, and not more: %d\n", part.iov_len == sizeof(regs[0]), regs[1].r15 == 0x5a5a5a5a5a5a5a5a);
	part.iov_len = sizeof(regs);
	P("set, as many too many", ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part));
	printf("so many: %d\n", part.iov_len == sizeof(regs[0]));
	part.iov_len = 16;
	memset(regs, 0x5a, sizeof(regs));
	P("two of them", ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part));
	printf("so many: %d, and not more: %d\n", part.iov_len == 16, regs[0].r13 == 0x5a5a5a5a5a5a5a5a);
	part.iov_len = 12;
	P("one and a half", ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &part));

	P("at an odd place", ptrace(PTRACE_PEEKUSER, pid, 4, 0));
	P("behind the end", ptrace(PTRACE_PEEKUSER, pid, 4096, 0));
	P("far behind it", ptrace(PTRACE_PEEKUSER, pid, -8L, 0));
	P("set at an odd place", ptrace(PTRACE_POKEUSER, pid, 4, 0));
	P("set behind the end", ptrace(PTRACE_POKEUSER, pid, 4096, 0));
	errno = 0;
	value = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.cs), 0);
	printf("cs: %ld %d\n", value, errno);
	kill(pid, SIGKILL);
	waitpid(pid, &status, __WALL);
	printf("killed: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return 0;
}
