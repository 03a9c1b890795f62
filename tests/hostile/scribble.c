/*
 * A fuzzer of a zone's shared pages in a running simulator: while a program runs, everything that it may write of what it shares with the
 * simulator is written over with random bytes, offsets, numbers and old values, by its own thread between and in calls. It may die of that, again
 * and again; nobody else may notice. A witness looks after every tenth.
 *
 * scribble [SECONDS [SEED]]   10 rounds, or for so long
 */
#include "attack.h"

#define ROUNDS 60

static uint64_t state;

static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t odd_value(void)
{
	static const uint64_t values[] = {0, 1, 2, 11, SIG_PREEMPT, 31, SIGSEGV, ZONE_W, ZONE_R, ZONE_ANSWERS, STUB_TEXT, STUB_FRESH, ZONE_W + W_STACK,
	                                  ZONE_W + W_STACK + W_STACK_SIZE, UINT64_MAX, UINT64_C(1) << 63, UINT32_MAX, 0x7ffffffff000, 0x400000};
	uint64_t pick = random64();

	switch (pick % 4) {
	case 0: return values[pick / 4 % (sizeof(values) / sizeof(*values))];
	case 1: return ZONE_W + pick / 4 % ZONE_W_SIZE;
	case 2: return *word32(ZONE_R + R_TURN) + (pick / 4 % 3) - 1;
	default: return random64();
	}
}

/* The words that mean something get more than their share. */
static uint64_t odd_place(void)
{
	static const uint16_t words[] = {W_STATE, W_KIND, W_NR, W_ARGS, W_ARGS + 8, W_ARGS + 16, W_RET, W_FRAME, W_FS, W_GS, W_ASLEEP, W_RIP,
	                                 W_RETURN, W_TRIES, W_STARTED, W_SEEN, W_BELL, W_WAKE, W_REST, W_SAVE, W_SAVEFP, W_STACK};
	uint64_t pick = random64();

	if (pick % 3 == 0)
		return ZONE_W + words[pick / 3 % (sizeof(words) / sizeof(*words))];
	if (pick % 3 == 1) /* a signal frame, where the last one is */
		return ZONE_W + ((*word64(ZONE_W + W_FRAME) - ZONE_W + pick / 3 % 0x400) % (ZONE_W_SIZE - 8) & ~UINT64_C(7));
	return ZONE_W + (pick / 3 % (ZONE_W_SIZE - 8) & ~UINT64_C(3));
}

static void scribble(void)
{
	uint64_t at = odd_place(), value = odd_value();

	switch (random64() % 4) {
	case 0: *word32(at) = (uint32_t)value; break;
	case 1: *(volatile uint8_t *)at = (uint8_t)value; break;
	case 2: *word64(at & ~UINT64_C(7)) = value; break;
	default: memset((void *)at, (int)value, random64() % 64 % (ZONE_W + ZONE_W_SIZE - at)); break;
	}
}

static void on_signal(int number)
{
	(void)number;
	scribble();
}

static int play(uint64_t seed)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (int number = 1; number < 32; number++)
		signal(number, on_signal);
	for (int i = 0; i < 2000; i++) {
		for (uint64_t n = random64() % 8; n; n--)
			scribble();
		switch (random64() % 12) {
		case 0: getpid(); break;
		case 1: getppid(); break;
		case 2: munmap(mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 8192); break;
		case 3:
			if (fork() == 0)
				_exit(0);
			break;
		case 4: waitpid(-1, 0, WNOHANG); break;
		case 5: rest(1); break;
		case 6: raise(SIGUSR1); break;
		case 7: *(volatile int *)(random64() % 4096) = 1; break; /* a fault */
		case 8: __asm__ volatile("xor %%ecx, %%ecx; mov $39, %%eax; syscall" : : : "rax", "rcx", "r11", "memory"); break;
		case 9: /* a stop without the stub */
			*word32(ZONE_W + W_STATE) = *word32(ZONE_R + R_TURN);
			break;
		case 10: /* computes until it is preempted */
			for (volatile unsigned j = 0; j < 3000000; j++)
				;
			break;
		default: /* into the stub */
			((void (*)(void))(STUB_TEXT + random64() % 0x1000))();
		}
	}
	return HARMLESS;
}

int main(int argc, char **argv)
{
	time_t end = argc > 1 ? time(0) + atoi(argv[1]) : 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], 0, 0) : 1;

	attacks_list(argc, argv, "a fuzzer that scribbles over what it shares with the simulator");
	attacks_begin(argc, argv);
	for (uint64_t i = 0; end ? time(0) < end : i < ROUNDS; i++, seed++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			setpgid(0, 0);
			_exit(play(seed));
		}
		for (int looks = 0; looks < 60 && waitpid(pid, &status, WNOHANG) == 0; looks++)
			rest(5);
		/* It may have stopped itself, sleep for ever, or have children that do. */
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		while (waitpid(-1, &status, WNOHANG) > 0 || kill(pid, 0) == 0)
			rest(1);
		if (i % 10 == 0) {
			char name[32];
			snprintf(name, sizeof(name), "seed %llu", (unsigned long long)seed);
			witness(name);
		}
	}
	attack_over("a fuzzer that scribbles over what it shares with the simulator");
	return attacks_end();
}
