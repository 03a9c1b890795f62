/*
 * What a program finds of others in its host process: nothing that the program before it left in registers, in the
 * page that it could write, or in the lists of the mapper; nothing of the host's processes.
 * A child leaves a mark everywhere and ends; programs after it look. The simulator has few processes in store, so some get the same one.
 */
#include "attack.h"

#include <fcntl.h>

#define MARK   UINT64_C(0x5ec2e75ec2e75ec2)
#define ROUNDS 6

/* ---- what it leaves ---- */

static int leave_words(uint64_t from)
{
	uint64_t end = from < ZONE_W + W_STACK ? ZONE_W + W_STACK : ZONE_W + ZONE_W_SIZE;

	/* Not what the stub needs to end properly. */
	for (uint64_t at = from; at < end; at += 8)
		if (at >= ZONE_W + 256)
			*word64(at) = MARK;
	return 0;
}

static int leave_line(uint64_t at)
{
	*word64(at) = MARK;
	return 0;
}

static int leave_vectors(uint64_t unused)
{
	uint64_t mark[2] = {MARK, MARK};

	(void)unused;
	__asm__ volatile("movups %0, %%xmm0; movups %0, %%xmm7; movups %0, %%xmm15" : : "m"(mark) : "xmm0", "xmm7", "xmm15");
	return 0;
}

static int leave_x87(uint64_t unused)
{
	double mark = 1.2345;

	(void)unused;
	__asm__ volatile("fldl %0; fldl %0; fldl %0" : : "m"(mark));
	return 0;
}

static int leave_control(uint64_t unused)
{
	uint32_t mxcsr = 0x7fbf;
	uint16_t control = 0x0f7f;

	(void)unused;
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
	return 0;
}

static int leave_base(uint64_t code)
{
	return (int)syscall(SYS_arch_prctl, code, UINT64_C(0x123456789000)) & 0;
}

static int leave_nothing(uint64_t unused)
{
	(void)unused;
	return 0;
}

/* ---- what is found ---- */

/* What the compiler knows nothing of. */
static uint64_t opaque(uint64_t value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

/* Never with the mark in a register of its own: a preemption would put that where it looks. */
static int see_words(uint64_t from)
{
	uint64_t end = from >= ZONE_W ? ZONE_W + ZONE_W_SIZE : ZONE_R + ZONE_R_SIZE, other = opaque(~MARK);

	for (uint64_t at = from; at < end; at += 8)
		if (opaque(*word64(at) ^ other) == UINT64_MAX)
			return SURVIVED;
	return HARMLESS;
}

static int see_vectors(uint64_t unused)
{
	uint64_t found[3][2];

	(void)unused;
	__asm__ volatile("movups %%xmm0, %0; movups %%xmm7, %1; movups %%xmm15, %2" : "=m"(found[0]), "=m"(found[1]), "=m"(found[2]));
	for (int i = 0; i < 3; i++)
		if (found[i][0] == MARK || found[i][1] == MARK)
			return SURVIVED;
	return HARMLESS;
}

/* The environment of the x87 unit, with the address of the last instruction, which some processors keep. */
static int see_x87(uint64_t unused)
{
	uint32_t environment[7];

	(void)unused;
	__asm__ volatile("fnstenv %0" : "=m"(environment));
	return (environment[2] & 0xffff) == 0xffff && environment[3] == 0 && environment[5] == 0 ? HARMLESS : SURVIVED;
}

static int see_control(uint64_t unused)
{
	uint32_t mxcsr;
	uint16_t control;

	(void)unused;
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
	return (mxcsr & 0xffc0) == 0x1f80 && control == 0x037f ? HARMLESS : SURVIVED;
}

static int see_base(uint64_t code)
{
	uint64_t base = 0;

	syscall(SYS_arch_prctl, code, &base);
	return base == UINT64_C(0x123456789000) ? SURVIVED : HARMLESS;
}

static int see_selectors(uint64_t unused)
{
	uint16_t ds, es, fs, gs;

	(void)unused;
	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3" : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	return ds | es | fs | gs ? SURVIVED : HARMLESS;
}

/* The siginfo in the frame of a preemption: who has sent it? */
static int see_sender(uint64_t unused)
{
	uint64_t at;
	clock_t end = clock() + CLOCKS_PER_SEC / 20;

	(void)unused;
	while (clock() < end)
		;
	for (at = ZONE_W + W_STACK; at < ZONE_W + ZONE_W_SIZE - 128; at += 8)
		if (*word32(at) == SIG_PREEMPT && *word32(at + 4) == 0 && (int32_t)*word32(at + 8) == -1)
			if (*word32(at + 16) || *word32(at + 20))
				return SURVIVED;
	return HARMLESS;
}

/* Of another uid, a program sees its own there and not the host's: the simulator's. */
static int see_group(uint64_t unused)
{
	(void)unused;
	for (uint64_t at = ZONE_R; at < ZONE_R + R_PROGRAM; at += 4)
		if (at < ZONE_R + R_SLOT && *word32(at) > 100000000 && at != ZONE_R + R_SPIN && at != ZONE_R + R_XMASK)
			return SURVIVED;
	return HARMLESS;
}

/* Programs find nothing of the host in the places where Linux has something. */
static int see_nothing_at(uint64_t at)
{
	return can_read(at) ? SURVIVED : HARMLESS;
}

static int see_file(uint64_t name)
{
	char text[4096] = "";
	int fd = open((const char *)name, O_RDONLY);
	ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[size < 0 ? 0 : size] = 0;
	return strstr(text, "feuerbird-zone") || strstr(text, "feuerbird-sim") || strstr(text, "feuerbird-memory") ? SURVIVED : HARMLESS;
}

/* The answer program's words and the mapper's list are the program's own. */
static int see_orders(uint64_t unused)
{
	(void)unused;
	for (uint64_t at = ZONE_R + R_ORDERS; at < ZONE_R + R_ORDERS + ORDER_MAX * ORDER_SIZE; at += ORDER_SIZE)
		if (*word64(at + 8) >> 32 == 0x5ec2)
			return SURVIVED;
	return HARMLESS;
}
static int leave_orders(uint64_t unused)
{
	(void)unused;
	for (uint64_t i = 0; i < 60; i++) {
		volatile uint8_t *at = mmap((void *)(UINT64_C(0x5ec200000000) + i * 0x10000), 4096, PROT_READ | PROT_WRITE,
		                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (at != MAP_FAILED)
			*at = 1;
	}
	return 0;
}

static const struct leak {
	struct attack leaves, sees;
} leaks[] = {
	{{"", leave_words, ZONE_W + 256}, {"words left behind the message", see_words, ZONE_W}},
	{{"", leave_words, ZONE_W + W_SAVE}, {"words left where registers are saved", see_words, ZONE_W}},
	{{"", leave_words, ZONE_W + W_STACK}, {"words left on the signal stack", see_words, ZONE_W}},
	{{"", leave_line, ZONE_W + W_RIP}, {"a word left in the stub's scratch", see_words, ZONE_W}},
	{{"", leave_line, ZONE_W + W_TRIES + 12}, {"a word left beside it", see_words, ZONE_W}},
	{{"", leave_line, ZONE_W + W_REST + 8}, {"a word left beside the bells", see_words, ZONE_W}},
	{{"", leave_line, ZONE_W + ZONE_W_SIZE - 8}, {"a word left at the very end", see_words, ZONE_W}},
	{{"", leave_vectors, 0}, {"vector registers", see_vectors, 0}},
	{{"", leave_vectors, 0}, {"saved vector registers", see_words, ZONE_W}},
	{{"", leave_vectors, 0}, {"vector registers that were to be loaded", see_words, ZONE_R}},
	{{"", leave_x87, 0}, {"the x87 unit's last instruction", see_x87, 0}},
	{{"", leave_control, 0}, {"control words of the floating-point units", see_control, 0}},
	{{"", leave_base, 0x1002}, {"the base of fs", see_base, 0x1003}},
	{{"", leave_base, 0x1001}, {"the base of gs", see_base, 0x1004}},
	{{"", leave_orders, 0}, {"the mapper's list", see_orders, 0}},
	{{"", leave_nothing, 0}, {"selectors", see_selectors, 0}},
	{{"", leave_nothing, 0}, {"who sends a preemption", see_sender, 0}},
	{{"", leave_nothing, 0}, {"numbers of the host in the page that is read", see_group, 0}},
	{{"", leave_nothing, 0}, {"the first page", see_nothing_at, 0}},
	{{"", leave_nothing, 0}, {"the zygote's stack", see_nothing_at, INIT_STACK}},
	{{"", leave_nothing, 0}, {"the host's stack", see_nothing_at, HOST_TOP - 0x1000}},
	{{"", leave_nothing, 0}, {"pages behind its own group", see_nothing_at, ZONE_W + ZONE_W_SIZE}},
	{{"", leave_nothing, 0}, {"pages between its two groups", see_nothing_at, ZONE_R + ZONE_R_SIZE}},
	{{"", leave_nothing, 0}, {"/proc/self/maps", see_file, (uint64_t)"/proc/self/maps"}},
	{{"", leave_nothing, 0}, {"/proc/self/auxv", see_file, (uint64_t)"/proc/self/auxv"}},
	{{"", leave_nothing, 0}, {"/proc/self/status", see_file, (uint64_t)"/proc/self/status"}},
	{{"", leave_nothing, 0}, {"/proc/1/cmdline", see_file, (uint64_t)"/proc/1/cmdline"}},
};

/* A child that leaves it, and one that looks; as another program, or everything would be as it is in this one. */
static void leak(const struct leak *leak, const char *self, const char *number)
{
	for (int i = 0; i < ROUNDS; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			leak->leaves.run(leak->leaves.argument);
			__asm__ volatile("mov $231, %%eax; xor %%edi, %%edi; syscall" : : : "rax", "rdi", "rcx", "r11"); /* exit_group */
		}
		if (!ended(pid, &status))
			attack_failed(leak->sees.name, "who leaves something does not end");
		pid = fork();
		if (pid == 0) {
			execl(self, self, number, (char *)0);
			_exit(1);
		}
		if (!ended(pid, &status))
			attack_failed(leak->sees.name, "endless");
		else if (status != 0)
			attack_failed(leak->sees.name, "it was seen");
	}
	attack_over(leak->sees.name);
}

int main(int argc, char **argv)
{
	char number[12];

	for (unsigned i = 0; i < sizeof(leaks) / sizeof(*leaks); i++)
		attacks_list(argc, argv, leaks[i].sees.name);
	if (argc > 1 && strcmp(argv[1], "list") != 0) {
		const struct attack *sees = &leaks[atoi(argv[1])].sees;
		return sees->run(sees->argument);
	}
	attacks_begin(argc, argv);
	for (unsigned i = 0; i < sizeof(leaks) / sizeof(*leaks); i++) {
		snprintf(number, sizeof(number), "%u", i);
		leak(&leaks[i], argv[0], number);
	}
	return attacks_end();
}
