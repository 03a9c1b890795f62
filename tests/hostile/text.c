/*
 * What can be executed and is not the program's own: the stub, which is jumped into everywhere, with every register under the program's
 * control. And what is the program's own but written by the simulator: the thunks of its rewritten calls.
 */
#include "attack.h"

#include <sys/time.h>

#define STUB_CODE  0x1160 /* code and constants; behind them nothing up to STUB_FRESH */
#define STUB_BYTES 0x1860

/* ---- the stub: of its bytes, in which any may begin an instruction, every third or thirteenth ---- */

static void on_any(int number)
{
	siglongjmp(attack_back, number);
}

__attribute__((noinline)) static void jump_to(uint64_t at, uint64_t value)
{
	static uint64_t stack[512];

	/* Whatever goes back goes back to `1:`. */
	__asm__ volatile("push %%rbx; push %%rbp; mov %%rsp, (%[keep]); lea 1f(%%rip), %%rcx; mov %%rcx, 112(%[w]); mov %%rcx, 120(%[w]); mov %%rcx, 64(%[w]);"
	                 "mov %%rcx, %%r8; mov %%rcx, %%r11; mov %[value], %%rdi; mov %[value], %%rsi; mov %[value], %%rbx; mov %[value], %%r9;"
	                 "mov %[value], %%r10; mov $39, %%eax; jmp *%[at];"
	                 "1: mov %[keep2], %%rsp; pop %%rbp; pop %%rbx"
	                 :
	                 : [at] "d"(at), [value] "r"(value), [w] "r"((uint64_t)ZONE_W), [keep] "r"(&stack[0]), [keep2] "m"(stack[0])
	                 : "rax", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* One byte after the other, in as many children as die of it. */
static int jumps(uint64_t value)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS};
	static uint8_t stack[65536];
	const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&alternative, 0);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct sigaction action = {.sa_handler = on_any, .sa_flags = SA_ONSTACK | SA_NODEFER};
		sigaction(signals[i], &action, 0);
	}
	while (shared->word[1] < STUB_BYTES) {
		const struct itimerval soon = {.it_value = {0, 20000}};
		uint64_t at = shared->word[1];

		shared->word[1] = at + (value ? 13 : 3);
		if (at >= STUB_CODE && at < STUB_FRESH - STUB_TEXT)
			continue;
		setitimer(ITIMER_REAL, &soon, 0); /* for ever in the stub: killed, and the next */
		if (sigsetjmp(attack_back, 1) == 0)
			jump_to(STUB_TEXT + at, value);
	}
	return HARMLESS;
}

static void sweep(const struct attack *attack)
{
	shared->word[1] = 0;
	while (shared->word[1] < STUB_BYTES) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			_exit(attack->run(attack->argument));
		if (!ended(pid, &status)) {
			attack_failed(attack->name, "endless");
			break;
		}
	}
	attack_over(attack->name);
}

static uint64_t own_stack[64];
static const struct attack sweeps[] = {
	{"all over the stub, registers of zero", jumps, 0},
	{"all over the stub, registers that point at the message", jumps, ZONE_W},
	{"all over the stub, registers that point at the orders", jumps, ZONE_R + R_ORDERS},
	{"all over the stub, registers that point at memory", jumps, (uint64_t)own_stack},
};

/* ---- thunks ---- */

/* A call that was rewritten: a jump to its thunk stands there. */
__attribute__((noinline)) static long rewritten(void)
{
	long result;

	__asm__ volatile("mov $39, %%eax; syscall; nop; nop; nop; nop; nop; nop; nop; nop" : "=a"(result) : : "rcx", "r11", "memory");
	return result;
}

/* Where the first instruction that jumps out of rewritten() leads to; 0: it was not rewritten. */
static uint64_t thunk_of(void)
{
	const uint8_t *code = (const uint8_t *)(uint64_t)rewritten;
	int32_t distance;

	for (unsigned i = 0; i < 32; i++)
		if (code[i] == 0xe9 || code[i] == 0xe8) {
			memcpy(&distance, code + i + 1, 4);
			return (uint64_t)(code + i + 5) + (uint64_t)(int64_t)distance;
		}
	return 0;
}

static int write_thunk(uint64_t unused)
{
	uint64_t at = thunk_of();

	(void)unused;
	if (!at)
		return HARMLESS;
	*(volatile uint8_t *)at = 0xcc;
	return SURVIVED;
}

/* Its own right to change; others of the same text must not see it. */
static int change_thunk(uint64_t unused)
{
	uint64_t at = thunk_of(), page = at & ~UINT64_C(4095);
	int status = 0;

	(void)unused;
	if (!at || mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		return HARMLESS;
	memset((void *)at, 0xcc, 16);
	if (fork() == 0) {
		execl("/proc/self/exe", "text", "call", (char *)0);
		_exit(1);
	}
	wait(&status);
	return status == 0 ? HARMLESS : SURVIVED;
}

static int unmap_thunk(uint64_t unused)
{
	uint64_t at = thunk_of();

	(void)unused;
	if (at)
		munmap((void *)(at & ~UINT64_C(4095)), 4096);
	return rewritten() == 0 ? SURVIVED : HARMLESS;
}

static int replace_thunk(uint64_t unused)
{
	uint64_t at = thunk_of();
	uint8_t *page = at ? mmap((void *)(at & ~UINT64_C(4095)), 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) : MAP_FAILED;

	(void)unused;
	if (page != MAP_FAILED)
		memset(page, 0xcc, 4096);
	return rewritten() == 0 ? SURVIVED : HARMLESS;
}

static int move_thunk(uint64_t unused)
{
	uint64_t at = thunk_of();

	(void)unused;
	if (at)
		mremap((void *)(at & ~UINT64_C(4095)), 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x66660000);
	return rewritten() == 0 ? SURVIVED : HARMLESS;
}

/* Makes its text writable and writes over the site, so that it is its own again. */
static int write_site(uint64_t unused)
{
	uint64_t page = (uint64_t)rewritten & ~UINT64_C(4095);

	(void)unused;
	if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		return HARMLESS;
	for (unsigned i = 0; i < 32; i++)
		((volatile uint8_t *)(uint64_t)rewritten)[i] ^= 0;
	return rewritten() == getpid() ? HARMLESS : SURVIVED;
}

/* The simulator keeps nothing at the low addresses where it once had a table of sites for all. */
static int map_low(uint64_t at)
{
	uint8_t *page = mmap((void *)at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int status = 0;

	if (page == MAP_FAILED)
		return HARMLESS;
	for (int i = 0; i < 4096; i++)
		if (page[i])
			return SURVIVED;
	memset(page, 0xcc, 4096);
	munmap(page, 4096);
	if (fork() == 0) {
		execl("/proc/self/exe", "text", "call", (char *)0);
		_exit(1);
	}
	wait(&status);
	return status == 0 ? HARMLESS : SURVIVED;
}

/* Frames that were text go back and come again as memory: nobody writes into them as if they were text. */
static int stale(uint64_t pages)
{
	uint8_t *at;

	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			execl("/proc/self/exe", "text", "call", (char *)0);
			_exit(1);
		}
		wait(0);
	}
	at = mmap(0, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (uint64_t i = 0; i < pages; i++)
		at[i * 4096] = 1;
	for (uint64_t low = 0x8000; low < 0x20000; low += 0x1000)
		map_low(low);
	for (uint64_t i = 0; i < pages * 4096; i++)
		if (at[i] != (i % 4096 == 0))
			return SURVIVED;
	return HARMLESS;
}

static const struct attack attacks[] = {
	{"writing to a thunk", write_thunk, 0},
	{"changing the thunks of a text", change_thunk, 0},
	{"unmapping thunks", unmap_thunk, 0},
	{"other memory in the place of thunks", replace_thunk, 0},
	{"moving thunks away", move_thunk, 0},
	{"making rewritten text its own again", write_site, 0},
	{"memory at 0x8000", map_low, 0x8000},
	{"memory at 0x10000", map_low, 0x10000},
	{"memory of zeroes while others' text goes", stale, 640},
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "call") == 0)
		return rewritten() == getpid() ? 0 : 1;
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		attacks_list(argc, argv, attacks[i].name);
	for (unsigned i = 0; i < sizeof(sweeps) / sizeof(*sweeps); i++)
		attacks_list(argc, argv, sweeps[i].name);
	attacks_alone(argc, argv, attacks, sizeof(attacks) / sizeof(*attacks));
	attacks_begin(argc, argv);
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(*attacks); i++)
		attack_ends(&attacks[i]);
	for (unsigned i = 0; i < sizeof(sweeps) / sizeof(*sweeps); i++)
		sweep(&sweeps[i]);
	return attacks_end();
}
