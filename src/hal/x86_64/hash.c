/*
 * Hashing with the SHA extensions, where the processor has them (QEMU's TCG does not).
 * The kernel is built with general registers only, and the vector registers hold the state
 * of the program that ran last: so they are kept over the computation. That costs about 20 cycles
 * where it saves nearly 2,000 (docs/performance.md). Nothing of the keys stays in them either.
 */
#include <hal/x86/sha256.h>
#include <hal/x86/vectors.h>
#include <hal/x86_64/machine.h>

bool hal_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count)
{
	struct vectors kept;

	if (!machine.can.sha)
		return false;
	context_open_vectors();
	vectors_save(&kept);
	x86_sha256_blocks(state, blocks, count);
	vectors_restore(&kept);
	return true;
}

bool hal_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count)
{
	struct vectors kept;

	if (!machine.can.sha)
		return false;
	context_open_vectors();
	vectors_save(&kept);
	x86_hmac_words(words, inner, outer, count);
	vectors_restore(&kept);
	return true;
}
