/*
 * A program that says it has stopped, and runs on: what it gives back it must not be able to
 * reach any more when somebody else gets it. Each child announces munmap() of its
 * memory by messages of its own making and goes on writing into it, with values
 * that whoever uses the frames next would stumble over.
 */
#include <hal/hosted/layout.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 60
#define PAGES  1024
#define PAGE   4096
#define POISON UINT64_C(0x4141414141414000)

static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static int hosted(void)
{
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(back, 1))
		return 0;
	(void)*(volatile uint8_t *)STUB_TEXT;
	signal(SIGSEGV, SIG_DFL);
	return 1;
}

static void say(uint64_t nr, uint64_t a, uint64_t b)
{
	volatile uint64_t *args = (volatile uint64_t *)(ZONE_W + W_ARGS);

	args[0] = a;
	args[1] = b;
	*(volatile uint64_t *)(ZONE_W + W_NR) = nr;
	*(volatile uint32_t *)(ZONE_W + W_KIND) = 0;
	__atomic_store_n((uint32_t *)(ZONE_W + W_STATE), *(volatile uint32_t *)(ZONE_R + R_TURN), __ATOMIC_SEQ_CST);
}

static void attack(void)
{
	uint8_t *at = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(at, 1, PAGES * PAGE);
	for (;;) {
		/* Again and again: a real stop, of a preemption for instance, may come before anybody has seen this one. */
		say(SYS_munmap, (uint64_t)at, PAGES * PAGE);
		for (unsigned i = 0; i < PAGES; i++) {
			volatile uint64_t *words = (volatile uint64_t *)(at + i * PAGE);
			for (unsigned j = 0; j < 4; j++)
				words[j] = POISON;
		}
	}
}

/* Fresh memory is zero and stays what was written. */
static int innocent(void)
{
	uint64_t *at = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned i = 0; i < PAGES * PAGE / 8; i++)
		if (at[i])
			return 1;
	for (unsigned i = 0; i < PAGES * PAGE / 8; i++)
		at[i] = i;
	for (unsigned i = 0; i < PAGES * PAGE / 8; i++)
		if (at[i] != i)
			return 1;
	return 0;
}

int main(void)
{
	int failures = 0;

	if (!hosted()) {
		printf("ok\n");
		return 0;
	}
	for (int i = 0; i < ROUNDS; i++) {
		int status;
		pid_t attacker = fork();
		if (attacker == 0)
			attack();
		if (fork() == 0)
			_exit(innocent());
		for (int j = 0; j < 2; j++)
			if (wait(&status) != attacker)
				failures += status != 0;
	}
	printf("%s\n", failures ? "NOT OK" : "ok");
	return failures != 0;
}
