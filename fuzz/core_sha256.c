/*
 * SHA-256 and HMAC-SHA256 against OpenSSL's, by the core itself and by the machine's instructions.
 *
 * The first byte says how large the pieces are, the second where the key ends.
 */
#include <sha256/sha256.h>
#include <fake/fake.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hash_compare(const uint8_t *data, size_t size, size_t step)
{
	uint8_t ours[SHA256_SIZE], theirs[SHA256_SIZE];
	struct sha256 sha;

	sha256_init(&sha);
	for (size_t at = 0; at < size; at += step)
		sha256_add(&sha, data + at, size - at < step ? size - at : step);
	sha256_end(&sha, ours);
	if (EVP_Digest(data, size, theirs, NULL, EVP_sha256(), NULL) != 1 || memcmp(ours, theirs, sizeof(ours)) != 0)
		abort();
}

static uint32_t load_be(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The way of the tags: words, two messages at once; the second differs in one bit. */
static void words_compare(const struct hmac_key *key, const uint8_t *data, size_t count, const uint8_t mac[SHA256_SIZE])
{
	uint32_t words[2][16];

	for (size_t i = 0; i < count; i++)
		words[0][i] = words[1][i] = load_be(data + 4 * i);
	if (count > 0)
		words[1][count / 2] ^= 1;
	hmac_words_end(words[0], (uint32_t)count);
	hmac_words_end(words[1], (uint32_t)count);
	hmac_sha256_words(key, words, 2);
	for (unsigned i = 0; i < 8; i++)
		if (words[0][i] != load_be(mac + 4 * i))
			abort();
	if (count > 0 && memcmp(words[0], words[1], SHA256_SIZE) == 0)
		abort();
}

static void mac_compare(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size)
{
	uint8_t ours[SHA256_SIZE], theirs[SHA256_SIZE];
	struct hmac_key ready;
	unsigned length = sizeof(theirs);

	hmac_key_init(&ready, key, key_size);
	hmac_sha256(&ready, data, size, ours);
	/* A key of no bytes must still have an address. */
	if (!HMAC(EVP_sha256(), key_size ? (const void *)key : "", (int)key_size, data, size, theirs, &length) ||
	    length != sizeof(theirs) || !bytes_are_equal(ours, theirs, sizeof(ours)))
		abort();
	if (size % 4 == 0 && size / 4 <= HMAC_WORDS)
		words_compare(&ready, data, size / 4, theirs);
	theirs[size % sizeof(theirs)] ^= 1;
	if (bytes_are_equal(ours, theirs, sizeof(ours)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step, key_size;

	if (size < 2)
		return 0;
	step = data[0] + 1u;
	key_size = data[1] < size - 2 ? data[1] : size - 2;
	data += 2;
	size -= 2;
	for (int way = 0; way < 2; way++) {
		fake.no_sha = way;
		hash_compare(data, size, step);
		mac_compare(data, key_size, data + key_size, size - key_size);
	}
	return 0;
}
