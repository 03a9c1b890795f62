/*
 * Attacks on what the simulator keeps in a program's process (src/hal/hosted/layout.h).
 * Each runs in a child; it must get an error, a signal, or its death, and the next
 * one must find the system as it was. On x86_64 the addresses are just unmapped, and
 * the same answers are right.
 */
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

#define SURVIVED 99 /* the attack gave the program something */
#define HARMLESS 0
#define LIMIT_S  8

static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

/* Can this byte be read? */
static int readable(uint64_t at)
{
	volatile uint8_t byte;

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (sigsetjmp(back, 1))
		return 0;
	byte = *(volatile uint8_t *)at;
	(void)byte;
	return 1;
}

static int writable(uint64_t at)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (sigsetjmp(back, 1))
		return 0;
	*(volatile uint8_t *)at = *(volatile uint8_t *)at;
	return 1;
}

static void calm(void)
{
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
}

static int hosted(void)
{
	int found = readable(STUB_TEXT);

	calm();
	return found;
}

/* The n-th `syscall` instruction in the stub, 0: no more. */
static uint64_t stub_syscall(int n)
{
	for (uint64_t at = STUB_TEXT; at < STUB_TEXT + 0xfff; at++)
		if (memcmp((void *)at, "\x0f\x05", 2) == 0 && n-- == 0)
			return at;
	return 0;
}

static uint64_t stub_bytes(const char *bytes, size_t size)
{
	for (uint64_t at = STUB_TEXT; at < STUB_TEXT + 0x1000 - size; at++)
		if (memcmp((void *)at, bytes, size) == 0)
			return at;
	return 0;
}

/* Jumps there with these registers; the stub's ways back lead to `here`. */
__attribute__((noinline)) static long jump(uint64_t to, long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("lea 1f(%%rip), %%rcx\n\t"
	                 "mov %%rcx, (%[ret])\n\t"
	                 "mov %%rcx, 8(%[ret])\n\t"
	                 "mov %%rcx, -0x70+0x40(%[ret])\n\t"
	                 "jmp *%[to]\n"
	                 "1:"
	                 : "+a"(nr)
	                 : [to] "r"(to), [ret] "r"(ZONE_W + W_RIP), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory", "rbx", "r12", "r13");
	return nr;
}

static int attack_syscalls(int instruction, long nr)
{
	uint64_t at = stub_syscall(instruction);
	void *probe = (void *)0x123450000000;

	if (!at)
		return HARMLESS;
	switch (nr) {
	case SYS_mmap: jump(at, nr, (long)probe, 1 << 20, 3, MAP_SHARED | MAP_FIXED, FD_MEMORY, 0x100000); break;
	case SYS_futex: jump(at, nr, (long)&back, 1, 1, 0, 0, 0); break;
	case SYS_kill: jump(at, nr, -1, SIGKILL, 0, 0, 0, 0); break;
	case SYS_mprotect: jump(at, nr, ZONE_R, 4096, 3, 0, 0, 0); break;
	case SYS_munmap: jump(at, nr, ZONE_R, 4096, 0, 0, 0, 0); break;
	case SYS_write: jump(at, nr, 2, (long)"escaped\n", 8, 0, 0, 0); break;
	case SYS_pwrite64: jump(at, nr, FD_CONTROL, (long)"escaped\n", 8, R_MDONE, 0, 0); break;
	default: jump(at, nr, 0, 0, 0, 0, 0, 0); break;
	}
	if (nr == SYS_mmap && readable((uint64_t)probe))
		return SURVIVED;
	return HARMLESS;
}

static int attack_write(uint64_t at)
{
	return writable(at) ? SURVIVED : HARMLESS;
}

static int attack_unmap(int unused)
{
	(void)unused;
	if (munmap((void *)STUB_TEXT, STUB_SPAN) == 0 && hosted() == 0)
		return SURVIVED;
	if (mprotect((void *)ZONE_R, ZONE_R_SIZE, PROT_READ | PROT_WRITE) == 0)
		return SURVIVED;
	if (mmap((void *)ZONE_R, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
		return SURVIVED;
	return getppid() > 0 ? HARMLESS : SURVIVED;
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/* All signals blocked, then an endless loop: no preemption signal can get in. */
static int attack_sigreturn(int selector)
{
	static uint64_t frame[64] __attribute__((aligned(64)));
	static uint8_t stack[4096];
	uint64_t at = stub_bytes("\x48\x83\xc4\x08\xb8\x0f\x00\x00\x00\x0f\x05", 11);

	if (!at)
		return HARMLESS;
	memset(frame, 0, sizeof(frame));
	frame[FRAME_GREGS / 8 + 15] = (uint64_t)(stack + sizeof(stack) - 64);
	frame[FRAME_GREGS / 8 + 16] = (uint64_t)spin;
	frame[FRAME_GREGS / 8 + 17] = 0x202;
	frame[FRAME_GREGS / 8 + 18] = (uint64_t)selector | UINT64_C(0x2b) << 48;
	frame[FRAME_GREGS / 8 + 23 + 8] = ~UINT64_C(0); /* the mask */
	for (int i = 24; i < 36; i++)
		frame[FRAME_GREGS / 8 + i] = ~UINT64_C(0);
	__asm__ volatile("mov %0, %%rsp\n\tjmp *%1" : : "r"(frame), "r"(at) : "memory");
	return SURVIVED;
}

/* Waits where nobody wakes. */
static int attack_sleep(int offset)
{
	uint64_t at = stub_bytes("\xb8\xca\x00\x00\x00\x0f\x05", 7);

	if (!at)
		return HARMLESS;
	for (;;)
		jump(at, 0, ZONE_R + (uint64_t)offset, 0, *(volatile int32_t *)(ZONE_R + (uint64_t)offset), 0, 0, 0);
}

/* Says that it has stopped, and goes on. */
static int attack_message(int kind)
{
	volatile uint32_t *turn = (uint32_t *)(ZONE_R + R_TURN), *state = (uint32_t *)(ZONE_W + W_STATE);
	time_t end = time(0) + 1;
	unsigned seed = 12345;

	if (!hosted())
		return HARMLESS;
	while (time(0) < end) {
		for (int i = 0; i < 2000; i++) {
			seed = seed * 1103515245 + 12345;
			/* always getpid: a forged exit would be just an exit */
			for (int j = 0; j < 6; j++)
				((volatile uint64_t *)(ZONE_W + W_ARGS))[j] = (uint64_t)seed << (j * 7);
			*(volatile uint64_t *)(ZONE_W + W_NR) = 39;
			*(volatile uint64_t *)(ZONE_W + W_FRAME) = ZONE_W + (seed % 3 ? seed % 0x10000 & ~7U : seed);
			*(volatile uint32_t *)(ZONE_W + W_KIND) = (uint32_t)kind;
			*state = *turn;
		}
	}
	return HARMLESS;
}

/* A signal frame in ZONE_W with wild pointers in it, announced as a page fault. */
static int attack_frame(int where)
{
	uint64_t at = ZONE_W + (uint64_t)where, offset;

	if (!hosted())
		return HARMLESS;
	for (offset = at & ~7ULL; offset + 512 < ZONE_W + ZONE_W_SIZE && offset < at + 512; offset += 8)
		*(volatile uint64_t *)offset = ZONE_W + ZONE_W_SIZE - 64;
	*(volatile uint64_t *)(ZONE_W + W_FRAME) = at;
	*(volatile uint32_t *)(ZONE_W + W_KIND) = SIGSEGV;
	*(volatile uint32_t *)(ZONE_W + W_STATE) = *(volatile uint32_t *)(ZONE_R + R_TURN);
	spin();
	return SURVIVED;
}

static volatile uint64_t *word(uint64_t at) { return (volatile uint64_t *)at; }

static void told(int number)
{
	(void)number;
	_exit(SURVIVED);
}

/* A fault that is told of as the host would, but for where the vector state is: whoever believed that would copy what lies there. */
static int attack_vectors(int where)
{
	static uint8_t stack[65536] __attribute__((aligned(64)));
	uint64_t at = ZONE_W + W_STACK + 0x1000;
	struct sigaction action = {.sa_handler = told};

	if (!hosted())
		return HARMLESS;
	sigaction(SIGSEGV, &action, NULL);
	for (uint64_t i = 0; i < 512; i += 8)
		*word(at + i) = 0;
	*word(at + FRAME_GREGS + 15 * 8) = (uint64_t)(stack + sizeof(stack) - 64);
	*word(at + FRAME_GREGS + GREG_RIP) = (uint64_t)spin;
	*word(at + FRAME_GREGS + GREG_FLAGS) = 0x202;
	*word(at + FRAME_GREGS + GREG_ERROR) = 4;
	*word(at + FRAME_GREGS + GREG_TRAP) = 14;
	*word(at + FRAME_GREGS + GREG_CR2) = 8;
	*word(at + FRAME_GREGS + GREG_FPSTATE) = ZONE_W + (uint64_t)(unsigned)where;
	*word(ZONE_W + W_FRAME) = at;
	*(volatile uint32_t *)(ZONE_W + W_KIND) = SIGSEGV;
	*(volatile uint32_t *)(ZONE_W + W_STATE) = *(volatile uint32_t *)(ZONE_R + R_TURN);
	spin();
	return SURVIVED;
}

/* Code of the other width, where `int $0x80` and sysenter are Linux's own. */
static int attack_narrow(int gate)
{
	static const uint8_t code[] = {
		0xb8, 0x14, 0, 0, 0,       /* mov $20 (getpid), %eax */
		0xcd, 0x80,                /* int $0x80 */
		0xf4,
	};
	uint8_t *low = mmap((void *)0x50000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	struct { uint32_t offset; uint16_t selector; } far = {0x50000000, 0x23};

	if (low == MAP_FAILED)
		return HARMLESS;
	memcpy(low, code, sizeof(code));
	if (gate)
		__asm__ volatile("ljmp *%0" : : "m"(far) : "memory");
	else
		__asm__ volatile("call *%0" : : "r"(low) : "rax", "memory");
	return SURVIVED;
}

static int attack_x32(int nr)
{
	return syscall(0x40000000L + nr) == -1 && errno == ENOSYS ? HARMLESS : SURVIVED;
}

static int attack_vsyscall(int offset)
{
	long (*call)(void *) = (long (*)(void *))(0xffffffffff600000 + (uint64_t)offset);

	call(0);
	return HARMLESS;
}

static int attack_keys(int value)
{
	/* wrpkru: no access to anything, the stub's pages included */
	__asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; .byte 0x0f, 0x01, 0xef" : : "a"(value) : "rcx", "rdx");
	getpid();
	return HARMLESS;
}

static int attack_trap_flag(int unused)
{
	(void)unused;
	signal(SIGTRAP, SIG_IGN);
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; mov $110, %%eax; syscall" : : : "rax", "rcx", "r11", "memory");
	return HARMLESS;
}

static int attack_stack(int where)
{
	__asm__ volatile("mov %0, %%rsp; mov $110, %%eax; syscall; ud2" : : "r"(ZONE_W + (uint64_t)where) : "memory");
	return SURVIVED;
}

/* 0x7fff…: nothing of the host's, whatever the step happens to hit. */
static int attack_scan(int unused)
{
	int found = 0;

	(void)unused;
	for (uint64_t at = ZONE_END; at < HOST_TOP; at += 0x1fffe000)
		found += readable(at);
	for (uint64_t at = HOST_TOP - 0x2000000; at < HOST_TOP; at += 0x10000)
		found += readable(at);
	return found ? SURVIVED : HARMLESS;
}

static int attack_descriptors(int nr)
{
	for (int fd = 3; fd < 64; fd++) {
		void *at = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
		char byte;
		if (at != MAP_FAILED || read(fd, &byte, 1) >= 0)
			return SURVIVED;
	}
	(void)nr;
	return HARMLESS;
}

static int failures;

/* A child must end by itself with HARMLESS, or by a signal, and in time. */
static void run(const char *name, int (*attack)(int), int argument)
{
	time_t end = time(0) + LIMIT_S;
	int status = 0, pid = fork();

	if (pid == 0)
		_exit(attack(argument));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timespec pause = {0, 2000000};
		nanosleep(&pause, 0);
		if (time(0) > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			printf("NOT OK %s: endless\n", name);
			failures++;
			return;
		}
	}
	if (WIFSIGNALED(status) || WEXITSTATUS(status) == HARMLESS)
		return;
	printf("NOT OK %s %d: status %d\n", name, argument, WEXITSTATUS(status));
	failures++;
}

static void done(const char *name)
{
	printf("ok %s\n", name);
	fflush(stdout);
}

static int instruction;
static int call_instruction(int nr)
{
	return attack_syscalls(instruction, nr);
}

static uint64_t place;
static int write_place(int unused)
{
	(void)unused;
	return attack_write(place);
}

int main(void)
{
	static const int calls[] = {SYS_mmap, SYS_mprotect, SYS_munmap, SYS_kill, SYS_tgkill, SYS_futex, SYS_fork, SYS_write,
	                            SYS_pwrite64, SYS_prctl, SYS_ptrace, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_exit_group};
	static const uint64_t places[] = {STUB_TEXT, ZONE_R, ZONE_R + R_ORDERS, ZONE_R + R_LOAD, ZONE_R + R_MPOSTED,
	                                  ZONE_ANSWERS, ZONE_ANSWERS + 0x1000, 0x8000};
	static const int vectors[] = {0, W_STACK - 64, W_STACK + 0x2008, W_STACK + W_STACK_SIZE - 448, W_STACK + W_STACK_SIZE, 0x40000000};
	static const int frames[] = {0, 8, 0x1000, 0x2000, 0x2001, 0x6e00, 0x7000, 0x7e00, 0x7ff8};

	for (instruction = 0; hosted() && stub_syscall(instruction); instruction++)
		for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			run("syscall instruction of the stub", call_instruction, calls[i]);
	done("system calls of the stub");
	for (unsigned i = 0; i < sizeof(places) / sizeof(*places); i++) {
		place = places[i];
		run("write to the stub", write_place, (int)i);
	}
	done("writes to the stub's pages");
	run("unmap the stub", attack_unmap, 0);
	done("unmapping the stub");
	run("forged sigreturn", attack_sigreturn, 0x33);
	run("forged sigreturn", attack_sigreturn, 0x23);
	run("forged sigreturn", attack_sigreturn, 0x10);
	done("forged sigreturn");
	run("sleep in the stub", attack_sleep, R_MDONE);
	run("sleep in the stub", attack_sleep, R_MPOSTED);
	done("sleeping in the stub");
	for (int kind = 0; kind < 32; kind += kind < 12 ? 11 : 10)
		run("forged message", attack_message, kind);
	done("forged messages");
	for (unsigned i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		run("forged frame", attack_frame, frames[i]);
	done("forged frames");
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		run("forged vector state", attack_vectors, vectors[i]);
	done("forged vector state");
	run("int 0x80", attack_narrow, 0);
	run("32-bit code", attack_narrow, 1);
	run("x32", attack_x32, 39);
	run("x32", attack_x32, 512 + 8);
	done("other system-call gates");
	for (int i = 0; i < 3; i++)
		run("vsyscall", attack_vsyscall, i * 1024);
	run("protection keys", attack_keys, -1);
	run("trap flag", attack_trap_flag, 0);
	for (unsigned i = 0; i < 0x8000; i += 0x1100)
		run("stack in the stub", attack_stack, (int)i);
	done("odd machine states");
	run("scan", attack_scan, 0);
	run("descriptors", attack_descriptors, 0);
	done("nothing of the host is there");
	return failures ? 1 : 0;
}
