/*
 * Why no process for a program could be made, in words that say what to do. The zygote and zones tell by their exit
 * status which step failed (STEP_* in layout.h); those before the zygote's exec are told with errno.
 */
#include "hosted.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

#define DENIED(call) call " is denied here: a seccomp filter of the container, or of whoever started this, must allow it"

static const char few_files[] = "too few open files are allowed: raise `ulimit -n` to 32 or more";
static const char few_processes[] =
	"the host allows no more processes or threads: raise `ulimit -u`, or pids.max of the control group (8 are enough to begin with)";

static const struct {
	int step;
	const char *text;
} steps[] = {
	{STEP_PDEATHSIG, DENIED("prctl")},
	{STEP_NO_NEW_PRIVS, DENIED("prctl")},
	{STEP_MASK, DENIED("rt_sigprocmask")},
	{STEP_CLOSE_RANGE, DENIED("close_range")},
	{STEP_UNMAP, DENIED("munmap")},
	{STEP_SIGACTION, DENIED("rt_sigaction")},
	{STEP_THREAD, few_processes},
	{STEP_CONTROL, DENIED("mmap")},
	{STEP_ALTSTACK, DENIED("sigaltstack")},
	{STEP_SECCOMP, DENIED("seccomp")},
	{STEP_NOEXEC, "the host executes no memory files: vm.memfd_noexec is 2; set it to 0 or 1 (sysctl vm.memfd_noexec=1)"},
	{STEP_MEMFD, DENIED("memfd_create")},
	{STEP_SOCKET, DENIED("socketpair")},
	{STEP_EXEC, DENIED("execveat")},
};

const char *host_refusal_of(int step, int error)
{
	if (error == EMFILE || error == ENFILE)
		return few_files;
	if (error == EAGAIN)
		return few_processes;
	if (step == STEP_THREAD && (error == EPERM || error == ENOSYS))
		return DENIED("clone");
	if (error == ENOMEM)
		return "the host has no memory for another process";
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (steps[i].step == step)
			return steps[i].text;
	return 0;
}

const char *host_refusal_of_status(int status)
{
	const char *text = WIFEXITED(status) ? host_refusal_of(WEXITSTATUS(status), 0) : 0;

	if (text)
		return text;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return "a seccomp filter of the container, or of whoever started this, kills a zone process for one of its calls";
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return "the host has killed a zone process; is it short of memory?";
	return "a zone process does not start here; `strace -f` tells which of its calls the host refuses";
}

const char *host_refusal_of_memory(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
		return few_files;
	case EFBIG:
		return "the machine's memory is larger than files may be: raise `ulimit -f`, or try a smaller -m";
	case EPERM:
	case EACCES:
	case ENOSYS:
		return DENIED("memfd_create");
	}
	return "the host does not give that much memory; try a smaller -m, or raise `ulimit -v`";
}
