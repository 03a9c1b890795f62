/* SHA-256 and HMAC-SHA256: vectors of NIST and of RFC 4231, by the core itself and, where the processor can, by the machine. */
#include <sha256/sha256.h>
#include <criterion/criterion.h>
#include <fake/fake.h>
#include <hal/x86/sha256.h>
#include <hal/x86/vectors.h>
#include <stdio.h>
#include <string.h>

static void hex(const uint8_t digest[SHA256_SIZE], char text[2 * SHA256_SIZE + 1])
{
	for (unsigned i = 0; i < SHA256_SIZE; i++)
		sprintf(text + 2 * i, "%02x", digest[i]);
}

/* The computation once with the machine's help, if it gives any, and once without. */
#define BOTH_WAYS(body)                                                              \
	do {                                                                         \
		for (int way_ = 0; way_ < 2; way_++) {                               \
			fake.no_sha = way_;                                          \
			body;                                                        \
		}                                                                    \
		fake.no_sha = false;                                                 \
	} while (0)

/* In pieces of `step` bytes. */
static void hash_once(const void *bytes, uint64_t size, uint64_t step, const char *expected)
{
	char text[2 * SHA256_SIZE + 1];
	uint8_t digest[SHA256_SIZE];
	struct sha256 sha;

	sha256_init(&sha);
	for (uint64_t at = 0; at < size; at += step)
		sha256_add(&sha, (const uint8_t *)bytes + at, size - at < step ? size - at : step);
	sha256_end(&sha, digest);
	hex(digest, text);
	cr_assert_str_eq(text, expected);
}

static void hash_is(const void *bytes, uint64_t size, uint64_t step, const char *expected)
{
	BOTH_WAYS(hash_once(bytes, size, step, expected));
}

static uint32_t load_be(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The short way, for messages of whole words: alone, and first or second of two. */
static void short_is(const struct hmac_key *key, const uint8_t *bytes, uint32_t count, const uint8_t mac[SHA256_SIZE])
{
	for (uint32_t lanes = 1; lanes <= 2; lanes++) {
		for (uint32_t which = 0; which < lanes; which++) {
			uint32_t words[2][16] = { { 1, 2, 3 }, { 4, 5, 6 } };

			hmac_words_end(words[0], 3);
			hmac_words_end(words[1], 3);
			for (uint32_t i = 0; i < count; i++)
				words[which][i] = load_be(bytes + 4 * i);
			hmac_words_end(words[which], count);
			hmac_sha256_words(key, words, lanes);
			for (uint32_t i = 0; i < 8; i++)
				cr_assert_eq(words[which][i], load_be(mac + 4 * i));
		}
	}
}

static void mac_once(const void *key, uint64_t key_size, const void *bytes, uint64_t size, const char *expected)
{
	char text[2 * SHA256_SIZE + 1];
	uint8_t mac[SHA256_SIZE];
	struct hmac_key k;

	hmac_key_init(&k, key, key_size);
	hmac_sha256(&k, bytes, size, mac);
	hex(mac, text);
	text[strlen(expected)] = 0; /* one vector is truncated */
	cr_assert_str_eq(text, expected);
	if (size % 4 == 0 && size / 4 <= HMAC_WORDS)
		short_is(&k, bytes, (uint32_t)size / 4, mac);
}

static void mac_is(const void *key, uint64_t key_size, const void *bytes, uint64_t size, const char *expected)
{
	BOTH_WAYS(mac_once(key, key_size, bytes, size, expected));
}

/* NIST, "Descriptions of SHA-256": one block, two blocks; and the empty and the long message of the CAVP sets. */
Test(sha256, nist)
{
	static char million[1000000];
	static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	static const char four[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
				   "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

	hash_is("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (uint64_t step = 1; step <= 64; step += 7) {
		hash_is("abc", 3, step, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
		hash_is(two, strlen(two), step, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
		hash_is(four, strlen(four), step, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
	}
	memset(million, 'a', sizeof(million));
	hash_is(million, sizeof(million), 999, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 4231, section 4: test cases 1 to 7. */
Test(sha256, rfc_4231)
{
	uint8_t key[131], data[50];

	memset(key, 0x0b, 20);
	mac_is(key, 20, "Hi There", 8, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	mac_is("Jefe", 4, "what do ya want for nothing?", 28,
	       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 20);
	memset(data, 0xdd, 50);
	mac_is(key, 20, data, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	for (uint8_t i = 0; i < 25; i++)
		key[i] = (uint8_t)(i + 1);
	memset(data, 0xcd, 50);
	mac_is(key, 25, data, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
	memset(key, 0x0c, 20);
	mac_is(key, 20, "Test With Truncation", 20, "a3b6167473100ee06e0c796c2955552b");
	memset(key, 0xaa, 131);
	mac_is(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	mac_is(key, 131,
	       "This is a test using a larger than block-size key and a larger than block-size data. "
	       "The key needs to be hashed before being used by the HMAC algorithm.", 152,
	       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

/* Every length that fits, against the long way. */
Test(sha256, short_messages)
{
	uint8_t bytes[4 * HMAC_WORDS], mac[SHA256_SIZE];
	struct hmac_key key;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 5);
	hmac_key_init(&key, "a key", 5);
	for (uint32_t count = 0; count <= HMAC_WORDS; count++) {
		fake.no_sha = true;
		hmac_sha256(&key, bytes, 4 * count, mac);
		BOTH_WAYS(short_is(&key, bytes, count, mac));
	}
}

/* What hal/x86_64/hash.c relies on: the program's vector registers are as they were. */
Test(sha256, registers_are_kept)
{
	static uint8_t before[16][16], after[16][16];
	struct vectors kept;

	for (unsigned i = 0; i < 256; i++)
		before[i / 16][i % 16] = (uint8_t)(i + 1);
	/* The very instructions that are tested set and read the registers here. */
	memcpy(kept.xmm, before, sizeof(before));
	vectors_restore(&kept);
	vectors_save(&kept);
	__asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm8, %%xmm8; pxor %%xmm15, %%xmm15" : : : "memory");
	vectors_restore(&kept);
	__asm__ volatile("movups %%xmm0, 0(%0); movups %%xmm7, 112(%0); movups %%xmm8, 128(%0); movups %%xmm15, 240(%0)"
	                 : : "r"(after) : "memory");
	for (unsigned i = 0; i < 16; i++) {
		if (i == 0 || i == 7 || i == 8 || i == 15)
			cr_assert_eq(memcmp(before[i], after[i], 16), 0, "xmm%u", i);
		cr_assert_eq(memcmp(before[i], kept.xmm[i], 16), 0, "xmm%u", i);
	}
}

Test(sha256, comparing_and_wiping)
{
	uint8_t a[32], b[32];

	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	cr_assert(bytes_are_equal(a, b, 32));
	for (unsigned i = 0; i < 32; i++) {
		b[i] ^= 0x80;
		cr_assert(!bytes_are_equal(a, b, 32));
		b[i] ^= 0x80;
	}
	bytes_wipe(a, 31);
	cr_assert(a[0] == 0 && a[30] == 0 && a[31] == 7);
}
