/*
 * What a program leaves behind in its host process must not reach the next program
 * that gets the process: signal mask, signal stack, protection keys, and
 * the lists of the mapper. A child poisons its process by a forged sigreturn and
 * ends properly, so that the process is parked; then others run in it.
 */
#include <hal/hosted/layout.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 6 /* more than the simulator has processes in store */
#define VICTIM 0x20000000 /* where the next program has data */
#define VICTIM_SIZE 0x10000
#define FRAME_MASK (FRAME_INFO - 8)

static sigjmp_buf back;
static int failures;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static int readable(uint64_t at)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (sigsetjmp(back, 1))
		return 0;
	(void)*(volatile uint8_t *)at;
	return 1;
}

static uint64_t stub_bytes(const char *bytes, size_t size)
{
	for (uint64_t at = STUB_TEXT; at < STUB_TEXT + 0x1000 - size; at++)
		if (memcmp((void *)at, bytes, size) == 0)
			return at;
	return 0;
}

static void leave(void)
{
	_exit(0);
}

/* Ends with this mask, and this signal stack if it has a size. */
static void poison(uint64_t mask, uint64_t stack_at, uint64_t stack_size)
{
	static uint64_t frame[64] __attribute__((aligned(64)));
	static uint8_t stack[8192] __attribute__((aligned(64)));
	uint64_t at = stub_bytes("\x48\x83\xc4\x08\xb8\x0f\x00\x00\x00\x0f\x05", 11);

	memset(frame, 0, sizeof(frame));
	frame[3] = stack_at;
	frame[5] = stack_size;
	frame[FRAME_GREGS / 8 + 15] = (uint64_t)(stack + sizeof(stack) - 72);
	frame[FRAME_GREGS / 8 + 16] = (uint64_t)leave;
	frame[FRAME_GREGS / 8 + 17] = 0x202;
	frame[FRAME_GREGS / 8 + 18] = 0x33 | UINT64_C(0x2b) << 48;
	frame[FRAME_MASK / 8] = mask;
	__asm__ volatile("mov %0, %%rsp\n\tjmp *%1" : : "r"(frame), "r"(at) : "memory");
}

static void poison_keys(void)
{
	/* wrpkru: nothing may be read or written; _exit() needs no memory but the stub's. */
	__asm__ volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $-1, %%eax; .byte 0x0f, 0x01, 0xef\n\t"
	                 "xor %%edi, %%edi; mov $231, %%eax; syscall" : : : "rax", "rcx", "rdx", "rdi", "r11");
}

/* A program that needs everything: a long loop with system calls of both kinds, faults, a handler. */
static int victim(void)
{
	volatile uint8_t *data = mmap((void *)VICTIM, VICTIM_SIZE, PROT_READ | PROT_WRITE,
	                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	clock_t end;

	if (data == MAP_FAILED)
		return 3;
	for (int i = 0; i < VICTIM_SIZE; i++)
		data[i] = (uint8_t)(i * 7);
	if (readable(16))
		return 4;
	end = clock() + CLOCKS_PER_SEC / 5;
	while (clock() < end) {
		long result;
		for (volatile int i = 0; i < 20000000; i++)
			;
		__asm__ volatile("xor %%ecx, %%ecx; syscall" : "=a"(result) : "a"(39L) : "rcx", "r11", "memory");
		if (result != getpid())
			return 5;
	}
	for (int i = 0; i < VICTIM_SIZE; i++)
		if (data[i] != (uint8_t)(i * 7))
			return 6;
	return 0;
}

static void await(const char *name, pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	if (status == 0)
		return;
	printf("NOT OK %s: status %#x\n", name, status);
	failures++;
}

static void attack(const char *name, uint64_t mask, uint64_t stack_at, uint64_t stack_size)
{
	pid_t pids[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		if ((pids[i] = fork()) == 0) {
			if (!stack_at && !mask)
				poison_keys();
			poison(mask, stack_at, stack_size);
		}
	for (int i = 0; i < ROUNDS; i++)
		waitpid(pids[i], 0, 0);
	for (int i = 0; i < ROUNDS; i++)
		if ((pids[i] = fork()) == 0)
			_exit(victim());
	for (int i = 0; i < ROUNDS; i++)
		await(name, pids[i]);
	printf("ok %s\n", name);
	fflush(stdout);
}

/* Nothing of another program's orders is in the list of a process that was taken from the pool. */
static int old_orders(void)
{
	const volatile uint64_t *orders = (const volatile uint64_t *)(ZONE_R + R_ORDERS);
	int found = 0;

	for (unsigned i = 0; i < ORDER_MAX; i++)
		found += orders[i * (ORDER_SIZE / 8) + 1] >> 32 == 0x1234;
	return found;
}

int main(void)
{
	pid_t pid;

	if (!readable(STUB_TEXT)) {
		printf("ok\n");
		return 0;
	}
	signal(SIGSEGV, SIG_DFL);
	attack("a mask is inherited", ~UINT64_C(0), 0, 0);
	attack("a signal stack is inherited", 0, VICTIM, VICTIM_SIZE);
	attack("a signal stack out of reach is inherited", 0, 0x66660000, VICTIM_SIZE);
	attack("protection keys are inherited", 0, 0, 0);
	for (int i = 0; i < ROUNDS; i++) {
		pid = fork();
		if (pid == 0) {
			for (uint64_t j = 0; j < 100; j++) {
				uint8_t *at = mmap((void *)(0x123400000000 + j * 0x10000), 4096, PROT_READ | PROT_WRITE,
				                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
				*at = 1;
			}
			if (fork() > 0) /* takes the right to write away from all of them */
				wait(0);
			_exit(0);
		}
		waitpid(pid, 0, 0);
		pid = fork();
		if (pid == 0)
			_exit(old_orders());
		await("orders of others are left behind", pid);
	}
	printf("ok orders\n");
	return failures ? 1 : 0;
}
