/*
 * Fuzzing the decoder of instructions that UMIP refuses: the input is registers, and code. What is recognised is as long
 * as its own bytes say: bytes behind it change nothing, and without its last one it is not recognised.
 */
#include <libos/abi/umip.h>

#include <stdlib.h>
#include <string.h>

#define MUST(condition)                  \
	do {                             \
		if (!(condition))        \
			abort();         \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const uint8_t *code, uint32_t size, const struct exo_regs *regs)
{
	struct umip found, again;
	uint8_t other[CODE_MAX], *exact;

	if (!umip_decode(code, size, regs, &found))
		return;
	MUST(found.length >= 3 && found.length <= size && found.length <= CODE_MAX);
	MUST(found.size == 2 || found.size == 4 || found.size == 8 || found.size == 10);
	MUST(!found.in_register || (found.number < 16 && found.size <= 8));
	memset(other, 0xa5, sizeof(other));
	memcpy(other, code, found.length);
	MUST(umip_decode(other, sizeof(other), regs, &again) && memcmp(&found, &again, sizeof(found)) == 0);
	/* Not one byte further is read. */
	exact = malloc(found.length);
	memcpy(exact, code, found.length);
	MUST(umip_decode(exact, found.length, regs, &again) && memcmp(&found, &again, sizeof(found)) == 0);
	MUST(!umip_decode(exact, found.length - 1, regs, &again));
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exo_regs regs;
	size_t first = size < sizeof(regs) / 2 ? size : sizeof(regs) / 2;

	memset(&regs, 0x5a, sizeof(regs));
	memcpy(&regs, data, first);
	data += first;
	size -= first;
	for (size_t at = 0; at < size; at++)
		look(data + at, size - at < 32 ? (uint32_t)(size - at) : 32, &regs);
	look(data, 0, &regs);
	return 0;
}
