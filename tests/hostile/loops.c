/*
 * Programs that never let go: stops that the simulator resolves by itself, loops in the stub, where no preemption takes place, and
 * sleeps in it. Beside each the others must go on, and it must die of a signal like anybody.
 */
#include "attack.h"

#define NORETURN __attribute__((noreturn))
#define PAGES    2000

static struct timespec millisecond = {0, 1000000}, quarter = {0, 250000};

/* Pages that the LibOS has mapped and the host process need not have: more mappings than come at once. */
static uint8_t *scattered(void)
{
	FILE *file = fopen("/tmp/scattered", "w+");
	uint8_t *at = mmap(0, PAGES * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (int i = 0; i < 4096; i++)
		fputc(1, file);
	fflush(file);
	for (int i = 0; i < PAGES; i++) {
		mmap(at + i * 4096, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fileno(file), 0);
		(void)*(volatile uint8_t *)(at + i * 4096);
	}
	fclose(file);
	return at;
}

/* Announces a fault on this page in a frame of its own making. */
static void say_fault(uint64_t page, uint32_t signal, uint64_t error, uint64_t rip)
{
	uint64_t frame = ZONE_W + W_STACK + 0x1000, g = frame + FRAME_GREGS;
	uint32_t turn = *word32(ZONE_R + R_TURN);

	*word64(g + GREG_RIP) = rip;
	*word64(g + GREG_FLAGS) = 0x202;
	*word64(g + GREG_ERROR) = error;
	*word64(g + GREG_TRAP) = 14;
	*word64(g + GREG_CR2) = page;
	*word64(g + GREG_FPSTATE) = ZONE_W + W_STACK + 0x2000;
	*word64(ZONE_W + W_FRAME) = frame;
	*word32(ZONE_W + W_KIND) = signal;
	*word32(ZONE_W + W_ASLEEP) = 0;
	__atomic_store_n((uint32_t *)(ZONE_W + W_STATE), turn, __ATOMIC_SEQ_CST);
	while (*word32(ZONE_R + R_TURN) == turn)
		__asm__ volatile("pause");
}

NORETURN static void faults(uint32_t signal, uint64_t error, uint64_t rip)
{
	uint64_t at = (uint64_t)scattered();

	shared->word[0] = 1;
	for (uint64_t n = 0;; n += 33)
		say_fault(at + n % PAGES * 4096, signal, error, rip);
}

NORETURN static int announced_faults(uint64_t signal)
{
	faults((uint32_t)signal, 4, 0x400000);
}

NORETURN static int fetches_of_vsyscall(uint64_t rip)
{
	faults(SIGSEGV, 0x14, rip);
}

/* Preemptions that never were. */
NORETURN static int announced_preemptions(uint64_t unused)
{
	(void)unused;
	shared->word[0] = 1;
	for (;;)
		say_fault(0, SIG_PREEMPT, 0, 0x400000);
}

/* Real ones: the host process forgets all of its mappings when it has too many. */
NORETURN static int real_faults(uint64_t unused)
{
	volatile uint8_t *at = scattered();

	(void)unused;
	shared->word[0] = 1;
	for (uint64_t n = 0;; n += 33) {
		(void)at[n % PAGES * 4096];
		if (n % PAGES < 33)
			mprotect((void *)(uintptr_t)at, PAGES * 4096, n & 1 ? PROT_READ : PROT_READ | PROT_EXEC);
	}
}

static void jump_with_rcx(uint64_t to, uint64_t rcx)
{
	__asm__ volatile("mov %1, %%rcx; xor %%eax, %%eax; jmp *%0" : : "r"(to), "r"(rcx) : "rcx", "rax", "memory");
}

/* In the stub for ever, at one instruction. */
static int in_stub(uint64_t unused)
{
	uint64_t at = STUB_RETURN;

	(void)unused;
	shared->word[0] = 1;
	jump_with_rcx(at, at);
	return SURVIVED;
}

/* Rewritten calls that return to the place where calls are made. */
static int in_calls(uint64_t number)
{
	(void)number;
	shared->word[0] = 1;
	__asm__ volatile("mov %0, %%rcx; mov %1, %%rax; jmp *%0" : : "r"((uint64_t)STUB_TEXT), "r"(number) : "rcx", "rax", "memory");
	return SURVIVED;
}

/* Most of the time in the stub, with a call after a while. */
NORETURN static int in_stub_with_calls(uint64_t turns)
{
	uint64_t at = STUB_RETURN;

	shared->word[0] = 1;
	for (;;) {
		for (uint64_t i = 0; i < turns; i++)
			__asm__ volatile("lea 1f(%%rip), %%rcx; jmp *%0; 1:" : : "r"(at) : "rcx");
		getppid();
	}
}

/* Calls that are answered in the zone, and nothing else. */
NORETURN static int answered_calls(uint64_t nr)
{
	shared->word[0] = 1;
	for (;;)
		syscall((long)nr);
}

static void stub_futex(uint64_t word, uint64_t op, uint32_t value)
{
	uint64_t at = STUB_FUTEX - 17; /* do_futex_save: the way back is in r11 */

	__asm__ volatile("lea 1f(%%rip), %%r11; jmp *%0; 1:" : : "r"(at), "D"(word), "S"(op), "d"(value)
	                 : "rax", "rcx", "r8", "r9", "r10", "r11", "memory");
}

/* Asleep where only the stub sleeps, without having stopped. */
NORETURN static int asleep(uint64_t word)
{
	shared->word[0] = 1;
	for (;;)
		stub_futex(word, 0, *word32(word));
}

/* The same, with a stop in between that it announces only after a while. */
NORETURN static int asleep_at_times(uint64_t word)
{
	shared->word[0] = 1;
	for (;;) {
		for (int i = 0; i < 100; i++)
			stub_futex(word, 0, *word32(word) + 1);
		getppid();
	}
}

/* Wakes the simulator without end. */
NORETURN static int wakes(uint64_t word)
{
	shared->word[0] = 1;
	for (;;)
		stub_futex(word, 1, 0x7fffffff);
}

/* Short sleeps, announced one after another: its turns are counted, but they are short. */
NORETURN static int naps(uint64_t time)
{
	shared->word[0] = 1;
	for (;;) {
		uint32_t turn = *word32(ZONE_R + R_TURN);

		SAY(SYS_nanosleep, time);
		while (*word32(ZONE_R + R_TURN) == turn)
			shared->count++;
	}
}

/* The same with waits that a second process ends. */
NORETURN static int feeds(uint64_t unused)
{
	static int pipes[2];
	uint64_t byte;

	(void)unused;
	if (pipe(pipes) != 0)
		_exit(SURVIVED);
	signal(SIGPIPE, SIG_DFL);
	if (fork() == 0) {
		close(pipes[0]);
		for (;;) {
			rest(1);
			if (write(pipes[1], "x", 1) != 1)
				_exit(0);
		}
	}
	close(pipes[1]);
	shared->word[0] = 1;
	for (;;) {
		uint32_t turn = *word32(ZONE_R + R_TURN);

		SAY(SYS_read, (uint64_t)pipes[0], (uint64_t)&byte, 1);
		while (*word32(ZONE_R + R_TURN) == turn)
			shared->count++;
	}
}

static const struct attack attacks[] = {
	{"announced page faults", announced_faults, SIGSEGV},
	{"announced bus errors", announced_faults, SIGBUS},
	{"announced fetches from the host's page", fetches_of_vsyscall, 0xffffffffff600000},
	{"announced preemptions", announced_preemptions, 0},
	{"page faults that the simulator answers", real_faults, 0},
	{"a loop at one instruction of the stub", in_stub, 0},
	{"an endless rewritten call", in_calls, SYS_getpid},
	{"an endless rewritten call of no number", in_calls, 100000},
	{"loops in the stub, and calls every millisecond", in_stub_with_calls, 1000000},
	{"loops in the stub, and calls every 40 ms", in_stub_with_calls, 40000000},
	{"answered calls without end", answered_calls, SYS_getpid},
	{"answered calls that take a file", answered_calls, SYS_getuid},
	{"asleep on its bell", asleep, ZONE_W + W_BELL},
	{"asleep for its mapper", asleep, ZONE_R + R_MDONE},
	{"short sleeps on its bell", asleep_at_times, ZONE_W + W_BELL},
	{"short sleeps for its mapper", asleep_at_times, ZONE_R + R_MDONE},
	{"waking the simulator", wakes, ZONE_W + W_STATE},
	{"waking its mapper", wakes, ZONE_R + R_MPOSTED},
	{"waking its neighbour", wakes, ZONE_W + W_WAKE},
	{"a ghost in short sleeps of 1 ms", naps, (uint64_t)&millisecond},
	{"a ghost in short sleeps of a quarter", naps, (uint64_t)&quarter},
	{"a ghost in reads that are fed", feeds, 0},
};

/* The others have their turns: what they do takes many. */
static void beside(const struct attack *attack)
{
	int status = 0;
	pid_t pid;

	shared->word[0] = 0;
	pid = fork();
	if (pid == 0)
		_exit(attack->run(attack->argument));
	while (shared->word[0] == 0 && waitpid(pid, &status, WNOHANG) == 0)
		rest(1);
	for (int i = 0; i < 10; i++)
		rest(2);
	witness(attack->name);
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, WNOHANG) == 0 && !ended(pid, &status))
		attack_failed(attack->name, "it does not die of SIGTERM");
	if (WIFEXITED(status) && WEXITSTATUS(status) != HARMLESS)
		attack_failed(attack->name, "it got something");
	attack_over(attack->name);
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		attacks_list(argc, argv, attacks[i].name);
	attacks_alone(argc, argv, attacks, sizeof(attacks) / sizeof(*attacks));
	attacks_begin(argc, argv);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		beside(&attacks[i]);
	return attacks_end();
}
