/*
 * Hashing with the host processor's SHA extensions, if it has them.
 */
#include "hosted.h"

#include <hal/x86/sha256.h>

static bool present;

void host_hash_start(void)
{
	present = x86_sha_present();
}

bool hal_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count)
{
	if (present)
		x86_sha256_blocks(state, blocks, count);
	return present;
}

bool hal_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count)
{
	if (present)
		x86_hmac_words(words, inner, outer, count);
	return present;
}
