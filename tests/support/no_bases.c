/*
 * no_bases COMMAND...: runs the command as on a host that does not tell of FSGSBASE: without its bit in AT_HWCAP2. It is
 * stopped at its first instruction, and the auxiliary vector on its stack is changed.
 */
#include <asm/hwcap2.h>
#include <errno.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static long word(int child, uint64_t at)
{
	return ptrace(PTRACE_PEEKDATA, child, at, 0);
}

int main(int argc, char **argv)
{
	int child, status;
	struct user_regs_struct regs;
	uint64_t at;

	if (argc < 2)
		return 125;
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execvp(argv[1], argv + 1);
		_exit(126);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, child, 0, &regs) != 0)
		return 125;
	/* The count of arguments, them, NULL; the environment, NULL; pairs. */
	at = regs.rsp + 8 + 8 * (uint64_t)word(child, regs.rsp) + 8;
	while (word(child, at))
		at += 8;
	for (at += 8; word(child, at) != AT_NULL; at += 16)
		if (word(child, at) == AT_HWCAP2 && ptrace(PTRACE_POKEDATA, child, at + 8, word(child, at + 8) & ~(long)HWCAP2_FSGSBASE) != 0)
			return 125;
	ptrace(PTRACE_DETACH, child, 0, 0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
