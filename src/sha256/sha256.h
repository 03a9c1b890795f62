/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104). Pure computation: no state
 * but the caller's, any context.
 */
#ifndef SHA256_H
#define SHA256_H

#include <exo/types.h>

#define SHA256_SIZE  32 /* bytes of a digest */
#define SHA256_BLOCK 64

struct sha256 {
	uint32_t state[8];
	uint64_t size; /* bytes so far */
	uint8_t block[SHA256_BLOCK];
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *bytes, uint64_t size);
void sha256_end(struct sha256 *sha, uint8_t digest[SHA256_SIZE]);

/*
 * A key made ready: the hash states after the inner and the outer pad. So the
 * code of a message below 56 bytes costs two compressions.
 */
struct hmac_key {
	uint32_t inner[8], outer[8];
};

void hmac_key_init(struct hmac_key *key, const void *secret, uint64_t size);
void hmac_sha256(const struct hmac_key *key, const void *bytes, uint64_t size, uint8_t mac[SHA256_SIZE]);

/*
 * The codes of `count` messages, 1 or 2, of at most HMAC_WORDS words of 32 bits each, which
 * hmac_words_end() has ended: each takes the place of its message's first eight words, the others
 * are used up. Words are numbers (as bytes they would be big-endian). On a machine that hashes
 * by itself, the second costs next to nothing.
 */
#define HMAC_WORDS 13
void hmac_sha256_words(const struct hmac_key *key, uint32_t words[][16], uint32_t count);

/* FIPS 180-4, section 5.1.1: a one bit, zeroes, and the length in bits, the key's pad included. */
static inline void hmac_words_end(uint32_t words[16], uint32_t size)
{
	words[size] = UINT32_C(0x80000000);
	for (uint32_t i = size + 1; i < 15; i++)
		words[i] = 0;
	words[15] = (SHA256_BLOCK + 4 * size) * 8;
}

/* True if equal; takes the same time wherever they differ. */
bool bytes_are_equal(const void *a, const void *b, uint64_t size);

/* Overwrites a secret; the compiler cannot leave it out. */
void bytes_wipe(void *bytes, uint64_t size);

#endif
