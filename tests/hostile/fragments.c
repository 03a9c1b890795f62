/*
 * More pieces of memory with different protections than the host allows mappings for one
 * process: the program gets ENOMEM at the limit that Linux has, too, keeps all its
 * memory, and goes on.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#define PAGES 66000
#define PAGE  4096

static int wrong(volatile uint32_t *at)
{
	for (uint32_t i = 0; i < PAGES; i++)
		if (at[i * (PAGE / 4)] != i * 7 + 1)
			return 1;
	return 0;
}

int main(void)
{
	uint8_t *at = mmap(0, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile uint32_t *words = (volatile uint32_t *)at;
	unsigned done = 0;
	int bad = 0;

	if (at == MAP_FAILED)
		return 2;
	for (uint32_t i = 0; i < PAGES; i++)
		words[i * (PAGE / 4)] = i * 7 + 1;
	while (2 * done < PAGES && mprotect(at + (size_t)2 * done * PAGE, PAGE, PROT_READ) == 0)
		done++;
	bad += done < 32000 || errno != ENOMEM;
	bad += wrong(words) + wrong(words);
	for (uint32_t i = 1; i < PAGES; i += 2)
		words[i * (PAGE / 4)] = i * 7 + 1;
	/* Back to one piece, in a single call. */
	bad += mprotect(at, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE) != 0;
	for (uint32_t i = 0; i < PAGES; i += 2)
		words[i * (PAGE / 4)] = i * 7 + 1;
	bad += wrong(words);
	bad += munmap(at, (size_t)PAGES * PAGE) != 0;
	printf("%s\n", bad ? "NOT OK" : "ok");
	return bad != 0;
}
