/* Where a handler finds the program that it interrupts in a system call; a call that is made again can be led elsewhere. */
#include "check.h"
#include <ucontext.h>

extern char site[], after[], elsewhere[];
long read_at_site(long fd, void *buffer, long size);
__asm__(".text\n.globl site\n.globl after\n.globl elsewhere\n.globl read_at_site\n.type read_at_site, @function\n"
	"read_at_site:\n\tmov $0, %eax\n\tnop\nsite:\n\tsyscall\nafter:\n\tret\n"
	"elsewhere:\n\tmov $4711, %eax\n\tret\n");

static int ends[2];
static volatile long place, rax;
static volatile int lead;

static void handler(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	place = (char *)r[REG_RIP] - site;
	rax = (long)r[REG_RAX];
	if (lead)
		r[REG_RIP] = (greg_t)(uintptr_t)elsewhere;
	else if (write(ends[1], "x", 1) != 1)
		_exit(98);
}

static long interrupted_read(int flags)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
	char byte = 0;
	pid_t child, me = getpid();
	long result;

	sigaction(SIGUSR1, &sa, NULL);
	if (pipe(ends))
		return -99;
	child = fork();
	if (child == 0) {
		pause_ms(50);
		kill(me, SIGUSR1);
		_exit(0);
	}
	result = read_at_site(ends[0], &byte, 1);
	wait_status(child);
	close(ends[0]);
	close(ends[1]);
	return result;
}

int main(void)
{
	CHECK("a call that fails with EINTR", interrupted_read(0) == -EINTR);
	CHECK("is over: the program stands behind it", place == 2 && rax == -EINTR);
	CHECK("a call that is made again", interrupted_read(SA_RESTART) == 1);
	CHECK("is not: the program stands at it, with its number", place == 0 && rax == 0);
	lead = 1;
	CHECK("a handler can lead the program away from it", interrupted_read(SA_RESTART) == 4711 && place == 0);
	DONE();
}
