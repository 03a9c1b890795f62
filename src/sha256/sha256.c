/*
 * SHA-256 and HMAC. Names of functions and of the working variables are those of
 * FIPS 180-4, section 4.1.2 and 6.2.2.
 */
#include <sha256/sha256.h>
#include <hal/hal.h>

/* FIPS 180-4, section 4.2.2. */
static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Section 5.3.3. */
static const uint32_t H0[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static inline uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_be32(uint8_t *p, uint32_t x)
{
	p[0] = (uint8_t)(x >> 24);
	p[1] = (uint8_t)(x >> 16);
	p[2] = (uint8_t)(x >> 8);
	p[3] = (uint8_t)x;
}

/* One round. Instead of moving eight variables along, each round names them shifted by one. */
#define ROUND(a, b, c, d, e, f, g, h, t)                                                        \
	do {                                                                                    \
		uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & (f ^ g)) ^ g) + K[t] + w[t]; \
		uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));             \
		d += t1;                                                                        \
		h = t1 + t2;                                                                    \
	} while (0)

static void schedule(uint32_t w[64])
{
	for (unsigned t = 16; t < 64; t++) {
		uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}
}

/* The first 16 words of w are the block. */
static void compress_words(uint32_t state[8], const uint32_t from[8], uint32_t w[64])
{
	uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
	uint32_t e = from[4], f = from[5], g = from[6], h = from[7];

	schedule(w);
	for (unsigned t = 0; t < 64; t += 8) {
		ROUND(a, b, c, d, e, f, g, h, t);
		ROUND(h, a, b, c, d, e, f, g, t + 1);
		ROUND(g, h, a, b, c, d, e, f, t + 2);
		ROUND(f, g, h, a, b, c, d, e, t + 3);
		ROUND(e, f, g, h, a, b, c, d, t + 4);
		ROUND(d, e, f, g, h, a, b, c, t + 5);
		ROUND(c, d, e, f, g, h, a, b, t + 6);
		ROUND(b, c, d, e, f, g, h, a, t + 7);
	}
	state[0] = from[0] + a;
	state[1] = from[1] + b;
	state[2] = from[2] + c;
	state[3] = from[3] + d;
	state[4] = from[4] + e;
	state[5] = from[5] + f;
	state[6] = from[6] + g;
	state[7] = from[7] + h;
}

static void compress(uint32_t state[8], const uint8_t *block)
{
	uint32_t w[64];

	if (hal_sha256_blocks(state, block, 1))
		return;
	for (unsigned t = 0; t < 16; t++)
		w[t] = load_be32(block + 4 * t);
	compress_words(state, state, w);
}

void sha256_init(struct sha256 *sha)
{
	memcpy(sha->state, H0, sizeof(H0));
	sha->size = 0;
}

void sha256_add(struct sha256 *sha, const void *bytes, uint64_t size)
{
	const uint8_t *from = bytes;

	while (size > 0) {
		uint64_t used = sha->size % SHA256_BLOCK;
		uint64_t n = size < SHA256_BLOCK - used ? size : SHA256_BLOCK - used;

		memcpy(sha->block + used, from, n);
		sha->size += n;
		from += n;
		size -= n;
		if (used + n == SHA256_BLOCK)
			compress(sha->state, sha->block);
	}
}

/* Section 5.1.1: a one bit, zeroes, and the length in bits in the last eight bytes. */
void sha256_end(struct sha256 *sha, uint8_t digest[SHA256_SIZE])
{
	uint64_t used = sha->size % SHA256_BLOCK, bits = sha->size * 8;

	sha->block[used++] = 0x80;
	if (used > SHA256_BLOCK - 8) {
		memset(sha->block + used, 0, SHA256_BLOCK - used);
		compress(sha->state, sha->block);
		used = 0;
	}
	memset(sha->block + used, 0, SHA256_BLOCK - 8 - used);
	store_be32(sha->block + 56, (uint32_t)(bits >> 32));
	store_be32(sha->block + 60, (uint32_t)bits);
	compress(sha->state, sha->block);
	for (unsigned i = 0; i < 8; i++)
		store_be32(digest + 4 * i, sha->state[i]);
}

/* ---- HMAC -------------------------------------------------------------- */

static void pad_state(uint32_t state[8], const uint8_t *key, uint8_t pad)
{
	uint8_t block[SHA256_BLOCK];

	for (unsigned i = 0; i < SHA256_BLOCK; i++)
		block[i] = key[i] ^ pad;
	memcpy(state, H0, sizeof(H0));
	compress(state, block);
	bytes_wipe(block, sizeof(block));
}

void hmac_key_init(struct hmac_key *key, const void *secret, uint64_t size)
{
	uint8_t block[SHA256_BLOCK] = { 0 };
	struct sha256 sha;

	if (size <= SHA256_BLOCK) {
		memcpy(block, secret, size);
	} else {
		sha256_init(&sha);
		sha256_add(&sha, secret, size);
		sha256_end(&sha, block);
	}
	pad_state(key->inner, block, 0x36);
	pad_state(key->outer, block, 0x5c);
	bytes_wipe(block, sizeof(block));
}

/* Goes on from a state in which one block, the pad, has been hashed. */
static void resume(struct sha256 *sha, const uint32_t state[8])
{
	memcpy(sha->state, state, sizeof(sha->state));
	sha->size = SHA256_BLOCK;
}

void hmac_sha256(const struct hmac_key *key, const void *bytes, uint64_t size, uint8_t mac[SHA256_SIZE])
{
	struct sha256 sha;

	resume(&sha, key->inner);
	sha256_add(&sha, bytes, size);
	sha256_end(&sha, mac);
	resume(&sha, key->outer);
	sha256_add(&sha, mac, SHA256_SIZE);
	sha256_end(&sha, mac);
}

/* ---- HMAC of short messages -------------------------------------------- */

static void hmac_portable(const struct hmac_key *key, uint32_t words[16])
{
	uint32_t w[64];

	memcpy(w, words, 16 * sizeof(w[0]));
	compress_words(w, key->inner, w);
	hmac_words_end(w, 8);
	compress_words(words, key->outer, w);
}

void hmac_sha256_words(const struct hmac_key *key, uint32_t words[][16], uint32_t count)
{
	if (hal_hmac_words(words, key->inner, key->outer, count))
		return;
	for (uint32_t i = 0; i < count; i++)
		hmac_portable(key, words[i]);
}

bool bytes_are_equal(const void *a, const void *b, uint64_t size)
{
	const volatile uint8_t *p = a, *q = b;
	uint8_t difference = 0;

	for (uint64_t i = 0; i < size; i++)
		difference |= p[i] ^ q[i];
	return difference == 0;
}

void bytes_wipe(void *bytes, uint64_t size)
{
	volatile uint8_t *p = bytes;

	while (size-- > 0)
		*p++ = 0;
}
