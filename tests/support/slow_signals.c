/*
 * slow_signals DELAY_US PROGRAM ARGS...: runs the simulator so that each signal of a zone's program thread is
 * delivered late, as on a host that takes long to write the frame or to give the thread its core back. A tracer holds
 * each signal for that long, before the program runs on: what is sent meanwhile comes on top of it.
 * The exit status is the program's; 77: nothing may be traced here.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void trace(pid_t simulator, useconds_t delay)
{
	int status, signal;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			if (pid == simulator)
				exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
			continue;
		}
		signal = status >> 16 ? 0 : WSTOPSIG(status);
		/* Of what a process gets, only what its zone is told to stop by. */
		if (signal == SIGUSR1 && pid != simulator)
			usleep(delay);
		ptrace(PTRACE_CONT, pid, 0, signal);
	}
	exit(127);
}

int main(int argc, char **argv)
{
	int go[2];
	char byte;
	pid_t pid;

	if (argc < 3 || pipe2(go, O_CLOEXEC) != 0)
		return 2;
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(77);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL) != 0)
		return 77;
	if (write(go[1], "", 1) != 1)
		return 2;
	trace(pid, (useconds_t)atoi(argv[1]));
}
