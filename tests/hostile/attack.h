/*
 * What attacks on the simulator share (src/hal/hosted/layout.h says what there is to attack).
 *
 * An attack runs in a child. It passes if the child ends with HARMLESS or is killed, for what it did or by us when it has shown enough,
 * and the system is as it was: a witness looks after each. Nothing here is timed: what must happen is waited for, for LIMIT_S at most.
 * On a machine without the simulator's pages all attacks are harmless.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <hal/hosted/layout.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HARMLESS 0
#define SURVIVED 99 /* the attack gave the program something */
#define LIMIT_S  60

struct attack {
	const char *name;
	int (*run)(uint64_t argument);
	uint64_t argument;
};

static sigjmp_buf attack_back;
static int attack_failures;

/* Shared with all children. */
static struct {
	volatile uint64_t count; /* of whoever computes on */
	volatile uint64_t word[64];
} *shared;

static inline volatile uint32_t *word32(uint64_t at)
{
	return (volatile uint32_t *)at;
}

static inline volatile uint64_t *word64(uint64_t at)
{
	return (volatile uint64_t *)at;
}

static void attack_on_fault(int number)
{
	siglongjmp(attack_back, number);
}

static inline int can_read(uint64_t at)
{
	volatile int found = 0;

	signal(SIGSEGV, attack_on_fault);
	signal(SIGBUS, attack_on_fault);
	if (sigsetjmp(attack_back, 1) == 0) {
		(void)*(volatile uint8_t *)at;
		found = 1;
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return found;
}

/* Where these bytes are in the stub; 0: nowhere. */
static inline uint64_t stub_find(const char *bytes, size_t size, int n)
{
	for (uint64_t at = STUB_TEXT; at < STUB_TEXT + 0x2000 - size; at++)
		if (memcmp((void *)at, bytes, size) == 0 && n-- == 0)
			return at;
	return 0;
}

#define STUB_RETURN stub_find("\xff\xe1", 2, 0) /* jmp *%rcx */
#define STUB_FUTEX  stub_find("\xb8\xca\0\0\0\x0f\x05", 7, 0) /* mov $SYS_futex, %eax; syscall */

static inline void say_arguments(uint64_t nr, const uint64_t arguments[6])
{
	*word64(ZONE_W + W_NR) = nr;
	for (int i = 0; i < 6; i++)
		*word64(ZONE_W + W_ARGS + 8 * (uint64_t)i) = arguments[i];
	*word32(ZONE_W + W_KIND) = 0;
	*word32(ZONE_W + W_ASLEEP) = 1;
	__atomic_store_n((uint32_t *)(ZONE_W + W_STATE), *word32(ZONE_R + R_TURN), __ATOMIC_SEQ_CST);
}

/* Announces this call, and does not stop. */
#define SAY(...) SAY_WITH(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SAY_WITH(nr, a, b, c, d, e, f, ...) say_arguments(nr, (const uint64_t[6]){a, b, c, d, e, f})

static inline void compute(void)
{
	for (;;)
		shared->count++;
}

static inline void rest(long ms)
{
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
		;
}

/* Waits until the child has ended; kills it when it is too late. True: it ended in time. */
static inline int ended(pid_t pid, int *status)
{
	time_t end = time(0) + LIMIT_S;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (time(0) > end) {
			kill(pid, SIGKILL);
			waitpid(pid, status, 0);
			return 0;
		}
		rest(1);
	}
	return 1;
}

static inline void attack_failed(const char *name, const char *what)
{
	printf("NOT OK %s: %s\n", name, what);
	fflush(stdout);
	attack_failures++;
}

/* The system as it should be, seen by a new program: memory is zeroed and keeps what is written, calls answer, files hold. */
static inline int witness_run(void)
{
	uint64_t *at = mmap(0, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pipes[2];
	uint64_t value = 0;

	for (unsigned i = 0; i < 64 * 512; i++) {
		if (at[i])
			return 1;
		at[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	}
	if (getpid() != syscall(SYS_getpid) || pipe(pipes) != 0)
		return 2;
	for (unsigned i = 0; i < 64; i++)
		if (write(pipes[1], &at[i], 8) != 8 || read(pipes[0], &value, 8) != 8 || value != i * UINT64_C(0x9e3779b97f4a7c15))
			return 3;
	for (unsigned i = 0; i < 64 * 512; i++)
		if (at[i] != i * UINT64_C(0x9e3779b97f4a7c15))
			return 4;
	return 0;
}

static inline void witness(const char *name)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(witness_run());
	if (pid < 0 || !ended(pid, &status) || status != 0)
		attack_failed(name, "the witness saw something");
}

static inline void attack_over(const char *name)
{
	witness(name);
	printf("ok %s\n", name);
	fflush(stdout);
}

/* One that ends by itself, or is killed for what it does. */
static inline void attack_ends(const struct attack *attack)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(attack->run(attack->argument));
	if (!ended(pid, &status))
		attack_failed(attack->name, "endless");
	else if (WIFEXITED(status) && WEXITSTATUS(status) != HARMLESS)
		attack_failed(attack->name, "it got something");
	attack_over(attack->name);
}

/* With the argument `list`, only their names. */
static inline void attacks_list(int argc, char **argv, const char *name)
{
	if (argc > 1 && strcmp(argv[1], "list") == 0)
		printf("%s\n", name);
}

/* With the arguments `alone NUMBER`, that one, again and again: for tests/victim. */
static inline void attacks_alone(int argc, char **argv, const struct attack *attacks, unsigned count)
{
	if (argc < 3 || strcmp(argv[1], "alone") != 0 || (unsigned)atoi(argv[2]) >= count)
		return;
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (;;) {
		const struct attack *attack = &attacks[atoi(argv[2])];
		if (fork() == 0)
			_exit(attack->run(attack->argument));
		wait(0);
	}
}

static inline void attacks_begin(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "list") == 0)
		exit(0);
	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!can_read(STUB_TEXT)) {
		printf("ok\n");
		exit(0);
	}
}

static inline int attacks_end(void)
{
	return attack_failures ? 1 : 0;
}

#endif
