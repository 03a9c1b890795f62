/*
 * Many mappings of little memory: programs share pages that lie scattered in the machine's memory, so that the host needs a mapping for each. What that
 * costs the host is bounded (space.c), and costs these programs faults, no memory. tests/hostile/run counts the host's mappings meanwhile.
 */
#include "attack.h"

#define PROGRAMS 32
#define PAGES    4099 /* a prime: STRIDE visits all */
#define STRIDE   211

static uint8_t *at;

static int reads(void)
{
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < PAGES; i++)
			if (*(volatile uint32_t *)(at + (size_t)i * 4096) != i)
				return SURVIVED;
		/* All have them at once, then once more. */
		if (round == 0)
			__atomic_add_fetch(&shared->word[0], 1, __ATOMIC_SEQ_CST);
		while (shared->word[0] < PROGRAMS)
			rest(20);
	}
	return HARMLESS;
}

int main(int argc, char **argv)
{
	static const char name[] = "more mappings than the host has room for";
	pid_t pids[PROGRAMS];

	attacks_list(argc, argv, name);
	attacks_begin(argc, argv);
	at = mmap(0, (size_t)PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (uint32_t i = 0, page = 0; i < PAGES; i++, page = (page + STRIDE) % PAGES)
		*(volatile uint32_t *)(at + (size_t)page * 4096) = page;
	for (int i = 0; i < PROGRAMS; i++)
		if ((pids[i] = fork()) == 0)
			_exit(reads());
	for (int i = 0; i < PROGRAMS; i++) {
		int status = 0;

		waitpid(pids[i], &status, 0);
		if (status != 0)
			attack_failed(name, "a program did not have its memory");
	}
	attack_over(name);
	return attacks_end();
}
