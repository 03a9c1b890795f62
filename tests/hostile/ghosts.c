/*
 * Programs that say they have stopped, and compute on: the host's clock of their processes shows it, and they are killed.
 * Each counts in shared memory; the count must come to an end, although nobody in the guest has killed it.
 */
#include "attack.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>

#define NORETURN __attribute__((noreturn))

static struct timespec day = {86400, 0};
static int pipes[2];
static struct pollfd polled;
static uint64_t no_signals;
static uint32_t futex_word;

static int says(uint64_t nr)
{
	static int nothing[8192];

	if (!pipes[1] && pipe(pipes) == 0)
		polled = (struct pollfd){.fd = pipes[0], .events = POLLIN};

	switch (nr) {
	case SYS_nanosleep: SAY(nr, (uint64_t)&day); break;
	case SYS_clock_nanosleep: SAY(nr, CLOCK_MONOTONIC, 0, (uint64_t)&day); break;
	case SYS_read: SAY(nr, (uint64_t)pipes[0], (uint64_t)nothing, 1); break;
	case SYS_readv: SAY(nr, (uint64_t)pipes[0], (uint64_t)(uint64_t[2]){(uint64_t)nothing, 1}, 1); break;
	case SYS_write:
		fcntl(pipes[1], F_SETFL, O_NONBLOCK);
		while (write(pipes[1], nothing, sizeof(nothing)) > 0)
			;
		fcntl(pipes[1], F_SETFL, 0);
		SAY(nr, (uint64_t)pipes[1], (uint64_t)nothing, sizeof(nothing));
		break;
	case SYS_poll: SAY(nr, (uint64_t)&polled, 1, (uint64_t)-1); break;
	case SYS_ppoll: SAY(nr, (uint64_t)&polled, 1); break;
	case SYS_select:
	case SYS_pselect6: SAY(nr); break;
	case SYS_futex: SAY(nr, (uint64_t)&futex_word, 0); break;
	case SYS_rt_sigsuspend: SAY(nr, (uint64_t)&no_signals, 8); break;
	case SYS_rt_sigtimedwait: SAY(nr, (uint64_t)&no_signals, 0, 0, 8); break;
	case SYS_wait4:
		if (fork() == 0)
			pause();
		SAY(nr, (uint64_t)-1);
		break;
	case SYS_waitid:
		if (fork() == 0)
			pause();
		SAY(nr, 0, 0, 0, 4 /* WEXITED */);
		break;
	case SYS_exit:
	case SYS_exit_group: SAY(nr); break;
	case SYS_kill: SAY(nr, (uint64_t)getpid(), SIGSTOP); break;
	default: SAY(nr); break;
	}
	compute();
	return SURVIVED;
}

/* A second thread of control in the same space: the ghost forks first, and both are ghosts. */
static int pair(uint64_t nr)
{
	fork();
	return says(nr);
}

static int in_handler_go(uint64_t nr);
static uint64_t handler_nr;
static void handler(int number)
{
	(void)number;
	in_handler_go(handler_nr);
}
static int in_handler_go(uint64_t nr)
{
	return says(nr);
}
static int in_handler(uint64_t nr)
{
	handler_nr = nr;
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	return SURVIVED;
}

/* It computes with vector registers, never touching memory but the count. */
NORETURN static int with_vectors(uint64_t nr)
{
	SAY(nr);
	for (;;) {
		for (int i = 0; i < 1000; i++)
			__asm__ volatile("mulps %%xmm0, %%xmm1; addps %%xmm1, %%xmm2" : : : "xmm0", "xmm1", "xmm2");
		shared->count++;
	}
}

/* It asks for the time without a call. */
NORETURN static int with_time(uint64_t nr)
{
	SAY(nr);
	for (;;) {
		__asm__ volatile("rdtsc" : : : "rax", "rdx");
		shared->count++;
	}
}

#define GHOST(what, nr) {"a ghost that announced " what, says, nr}

static const struct attack attacks[] = {
	GHOST("pause", SYS_pause),
	GHOST("nanosleep", SYS_nanosleep),
	GHOST("clock_nanosleep", SYS_clock_nanosleep),
	GHOST("read of an empty pipe", SYS_read),
	GHOST("readv of an empty pipe", SYS_readv),
	GHOST("write to a full pipe", SYS_write),
	GHOST("poll", SYS_poll),
	GHOST("ppoll", SYS_ppoll),
	GHOST("select", SYS_select),
	GHOST("pselect6", SYS_pselect6),
	GHOST("futex", SYS_futex),
	GHOST("rt_sigsuspend", SYS_rt_sigsuspend),
	GHOST("rt_sigtimedwait", SYS_rt_sigtimedwait),
	GHOST("wait4", SYS_wait4),
	GHOST("waitid", SYS_waitid),
	GHOST("exit", SYS_exit),
	GHOST("exit_group", SYS_exit_group),
	GHOST("its own SIGSTOP", SYS_kill),
	{"two ghosts of one program", pair, SYS_pause},
	{"a ghost in a signal handler", in_handler, SYS_pause},
	{"a ghost with vector registers", with_vectors, SYS_pause},
	{"a ghost that reads the time", with_time, SYS_pause},
};

/* Until nothing has been counted for some looks. A machine that is busy gives it no time either, so it must be so for a while. */
static int comes_to_rest(void)
{
	time_t end = time(0) + LIMIT_S;
	uint64_t before = shared->count;

	for (int still = 0; still < 20;) {
		rest(5);
		still = shared->count == before ? still + 1 : 0;
		before = shared->count;
		if (time(0) > end)
			return 0;
	}
	return 1;
}

static void haunt(const struct attack *attack)
{
	pid_t pid;

	if (pipe(pipes) != 0)
		exit(2);
	polled = (struct pollfd){.fd = pipes[0], .events = POLLIN};
	shared->count = 0;
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		_exit(attack->run(attack->argument));
	}
	setpgid(pid, pid);
	if (!comes_to_rest())
		attack_failed(attack->name, "it computes on");
	kill(-pid, SIGKILL);
	waitpid(pid, 0, 0);
	close(pipes[0]);
	close(pipes[1]);
	attack_over(attack->name);
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		attacks_list(argc, argv, attacks[i].name);
	attacks_alone(argc, argv, attacks, sizeof(attacks) / sizeof(*attacks));
	attacks_begin(argc, argv);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		haunt(&attacks[i]);
	return attacks_end();
}
