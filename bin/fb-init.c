/*
 * fb-init: a small process 1 around one program, as people want it below a shell on the console.
 *
 *   fb-init [PROGRAM [ARG]...]      (default: what /etc/motd says, and /bin/sh)
 *
 * Runs PROGRAM in the foreground, takes in whoever has lost his parent, and ends with PROGRAM's status (128 and the
 * signal's number if one killed it). SIGUSR1 (halt), SIGUSR2 (poweroff) and SIGTERM (reboot), as busybox's programs of these
 * names send them, end everything: SIGTERM to all, a second later SIGKILL, then reboot(2). SIGHUP and SIGINT go on to PROGRAM.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NS   1000000000
#define STEP_NS    20000000
#define NOT_FOUND  127
#define NOT_RUN    126
#define FAILED     125

static sigset_t watched;

_Noreturn static void program(char **argv)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	setpgid(0, 0);
	/* Else who reads from the terminal would be stopped; in the background SIGTTOU would stop us here. */
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(STDIN_FILENO, getpid());
	signal(SIGTTOU, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	error = errno; /* which writing may change */
	fprintf(stderr, "fb-init: %s: %s\n", argv[0], strerror(error));
	_exit(error == ENOENT ? NOT_FOUND : NOT_RUN);
}

/* Waits until everybody else is gone, or the time is over. */
static void await_end(long ns)
{
	const struct timespec step = {.tv_nsec = STEP_NS};

	for (; ns > 0; ns -= STEP_NS) {
		pid_t gone;

		while ((gone = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (gone < 0 && errno == ECHILD)
			return;
		nanosleep(&step, NULL);
	}
}

_Noreturn static void end_all(int how, const char *what)
{
	printf("\r\n%s\r\n", what);
	fflush(stdout);
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	await_end(GRACE_NS);
	kill(-1, SIGKILL);
	await_end(GRACE_NS);
	sync();
	reboot(how);
	/* Without the privilege, or where there is nothing to switch off. */
	exit(0);
}

/* Takes in who has ended; -1: PROGRAM has not. */
static int reap(pid_t first)
{
	int status, result = -1;
	pid_t gone;

	while ((gone = waitpid(-1, &status, WNOHANG)) > 0)
		if (gone == first)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

static void welcome(void)
{
	FILE *file = fopen("/etc/motd", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		fputs(line, stdout);
	if (file)
		fclose(file);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static char *shell[] = {"/bin/sh", NULL};
	static const int numbers[] = {SIGCHLD, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP, SIGINT};
	char **what = argc > 1 ? argv + 1 : shell;
	int number, status;
	pid_t first;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		puts("Usage: fb-init [PROGRAM [ARG]...]\n"
		     "Runs PROGRAM (/bin/sh, after a welcome) as process 1's child, and ends with\n"
		     "its status. halt, poweroff and reboot end everything.");
		return 0;
	}
	if (argc == 1 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		welcome();
	sigemptyset(&watched);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&watched, numbers[i]);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	first = fork();
	if (first < 0) {
		perror("fb-init: fork");
		return FAILED;
	}
	if (first == 0)
		program(what);
	for (;;) {
		siginfo_t info;

		number = sigwaitinfo(&watched, &info);
		switch (number) {
		case -1: break;
		case SIGCHLD:
			status = reap(first);
			if (status >= 0)
				return status;
			break;
		case SIGTERM:
			/* From whoever started the system: it waits for our end, and not for long. */
			if (info.si_code == SI_KERNEL)
				return 128 + SIGTERM;
			end_all(RB_AUTOBOOT, "The system is restarted.");
		case SIGUSR1: end_all(RB_HALT_SYSTEM, "The system is halted.");
		case SIGUSR2: end_all(RB_POWER_OFF, "The system is switched off.");
		default: kill(-first, number); break;
		}
	}
}
