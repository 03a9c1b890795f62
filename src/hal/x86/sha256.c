/*
 * SHA-256 with the SHA extensions. Intel SDM, vol. 2: SHA256RNDS2 does two rounds
 * on a state that is kept as {A, B, E, F} and {C, D, G, H}; SHA256MSG1 and
 * SHA256MSG2 make four words of the message schedule (FIPS 180-4, 6.2.2).
 *
 * Two rounds must wait for the two before: one stream leaves the unit idle half
 * of the time. So a second, independent block costs little more (both()).
 */
#include <hal/x86/sha256.h>

typedef uint32_t words __attribute__((vector_size(16)));
typedef int ints __attribute__((vector_size(16)));
typedef char bytes __attribute__((vector_size(16)));

#define SHA    __attribute__((target("sha,ssse3,sse4.1")))
#define INLINE static inline __attribute__((always_inline)) SHA
/* Kept vectors lie on the stack, and whoever calls may be built without any and so without care for 16 bytes. */
#define ENTRY  __attribute__((force_align_arg_pointer)) SHA
#define BLOCK 64

/* FIPS 180-4, section 4.2.2. */
static const words K[16] = {
	{ 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5 }, { 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5 },
	{ 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3 }, { 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174 },
	{ 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc }, { 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da },
	{ 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7 }, { 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967 },
	{ 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13 }, { 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85 },
	{ 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3 }, { 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070 },
	{ 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5 }, { 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3 },
	{ 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208 }, { 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 },
};

struct halves {
	words abef, cdgh;
};

static inline uint32_t cpuid_bit(uint32_t leaf, unsigned which, unsigned n)
{
	uint32_t r[4];

	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
	return r[which] >> n & 1;
}

bool x86_sha_present(void)
{
	uint32_t most;

	__asm__ volatile("cpuid" : "=a"(most) : "a"(0) : "rbx", "rcx", "rdx");
	return most >= 7 && cpuid_bit(7, 1, 29) && cpuid_bit(1, 2, 9) && cpuid_bit(1, 2, 19);
}

INLINE words load(const void *from)
{
	words to;

	__builtin_memcpy(&to, from, sizeof(to));
	return to;
}

/* The message's words are big-endian. */
INLINE words load_be(const void *from)
{
	const bytes order = { 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12 };

	return (words)__builtin_ia32_pshufb128((bytes)load(from), order);
}

INLINE struct halves state_load(const uint32_t state[8])
{
	words abcd = load(state), efgh = load(state + 4);

	return (struct halves){ __builtin_shufflevector(abcd, efgh, 5, 4, 1, 0),
	                        __builtin_shufflevector(abcd, efgh, 7, 6, 3, 2) };
}

/* The sum of `from` and what the rounds have made of it (FIPS 180-4, 6.2.2, step 4): words 0 to 3, and 4 to 7. */
INLINE words sum_low(const uint32_t from[8], struct halves s)
{
	return load(from) + __builtin_shufflevector(s.abef, s.cdgh, 3, 2, 7, 6);
}

INLINE words sum_high(const uint32_t from[8], struct halves s)
{
	return load(from + 4) + __builtin_shufflevector(s.abef, s.cdgh, 1, 0, 5, 4);
}

INLINE void store(uint32_t to[8], words low, words high)
{
	__builtin_memcpy(to, &low, sizeof(low));
	__builtin_memcpy(to + 4, &high, sizeof(high));
}

/* w0 to w3 are the last sixteen words; w0 becomes the next four. */
INLINE words schedule(words w0, words w1, words w2, words w3)
{
	words sum = (words)__builtin_ia32_sha256msg1((ints)w0, (ints)w1);

	sum += __builtin_shufflevector(w2, w3, 1, 2, 3, 4);
	return (words)__builtin_ia32_sha256msg2((ints)sum, (ints)w3);
}

/* Two rounds; x and y change their places each time. */
INLINE words rounds(words x, words y, words wk)
{
	return (words)__builtin_ia32_sha256rnds2((ints)x, (ints)y, (ints)wk);
}

INLINE words upper(words wk)
{
	return __builtin_shufflevector(wk, wk, 2, 3, 2, 3);
}

struct block {
	words w0, w1, w2, w3;
};

INLINE struct block block_load(const uint32_t from[16])
{
	return (struct block){ load(from), load(from + 4), load(from + 8), load(from + 12) };
}

/* ---- One block ----------------------------------------------------------- */

/* Four rounds. */
INLINE void four(struct halves *s, words w, unsigned i)
{
	words wk = w + K[i];

	s->cdgh = rounds(s->cdgh, s->abef, wk);
	s->abef = rounds(s->abef, s->cdgh, upper(wk));
}

INLINE void sixteen(struct halves *s, struct block *w, unsigned i)
{
	w->w0 = schedule(w->w0, w->w1, w->w2, w->w3);
	four(s, w->w0, i);
	w->w1 = schedule(w->w1, w->w2, w->w3, w->w0);
	four(s, w->w1, i + 1);
	w->w2 = schedule(w->w2, w->w3, w->w0, w->w1);
	four(s, w->w2, i + 2);
	w->w3 = schedule(w->w3, w->w0, w->w1, w->w2);
	four(s, w->w3, i + 3);
}

INLINE struct halves one(struct halves s, struct block w)
{
	four(&s, w.w0, 0);
	four(&s, w.w1, 1);
	four(&s, w.w2, 2);
	four(&s, w.w3, 3);
	sixteen(&s, &w, 4);
	sixteen(&s, &w, 8);
	sixteen(&s, &w, 12);
	return s;
}

ENTRY void x86_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count)
{
	for (const uint8_t *block = blocks; count > 0; count--, block += BLOCK) {
		struct block w = { load_be(block), load_be(block + 16), load_be(block + 32), load_be(block + 48) };
		struct halves s = one(state_load(state), w);

		store(state, sum_low(state, s), sum_high(state, s));
	}
}

/* What ends a digest as the second block of a message. */
static const words end_low = { 0x80000000, 0, 0, 0 }, end_high = { 0, 0, 0, (BLOCK + 32) * 8 };

static SHA void hmac_one(uint32_t x[16], const uint32_t inner[8], const uint32_t outer[8])
{
	struct halves s = one(state_load(inner), block_load(x));

	s = one(state_load(outer), (struct block){ sum_low(inner, s), sum_high(inner, s), end_low, end_high });
	store(x, sum_low(outer, s), sum_high(outer, s));
}

/* ---- Two blocks, each pair of instructions beside the other's ---------------- */

/* Both are ready before what follows: else gcc puts all of one block before all of the
 * other, and the processor does not see far enough to do them at once. */
#define BESIDE(a, b) __asm__("" : "+x"(a), "+x"(b))

INLINE void four_both(struct halves *a, struct halves *b, words va, words wb, unsigned i)
{
	words ka = va + K[i], kb = wb + K[i];

	a->cdgh = rounds(a->cdgh, a->abef, ka);
	b->cdgh = rounds(b->cdgh, b->abef, kb);
	a->abef = rounds(a->abef, a->cdgh, upper(ka));
	b->abef = rounds(b->abef, b->cdgh, upper(kb));
}

INLINE void sixteen_both(struct halves *a, struct halves *b, struct block *v, struct block *w, unsigned i)
{
	v->w0 = schedule(v->w0, v->w1, v->w2, v->w3);
	w->w0 = schedule(w->w0, w->w1, w->w2, w->w3);
	BESIDE(v->w0, w->w0);
	four_both(a, b, v->w0, w->w0, i);
	v->w1 = schedule(v->w1, v->w2, v->w3, v->w0);
	w->w1 = schedule(w->w1, w->w2, w->w3, w->w0);
	BESIDE(v->w1, w->w1);
	four_both(a, b, v->w1, w->w1, i + 1);
	v->w2 = schedule(v->w2, v->w3, v->w0, v->w1);
	w->w2 = schedule(w->w2, w->w3, w->w0, w->w1);
	BESIDE(v->w2, w->w2);
	four_both(a, b, v->w2, w->w2, i + 2);
	v->w3 = schedule(v->w3, v->w0, v->w1, v->w2);
	w->w3 = schedule(w->w3, w->w0, w->w1, w->w2);
	BESIDE(v->w3, w->w3);
	four_both(a, b, v->w3, w->w3, i + 3);
}

INLINE void both(struct halves *a, struct halves *b, struct block v, struct block w)
{
	four_both(a, b, v.w0, w.w0, 0);
	four_both(a, b, v.w1, w.w1, 1);
	four_both(a, b, v.w2, w.w2, 2);
	four_both(a, b, v.w3, w.w3, 3);
	sixteen_both(a, b, &v, &w, 4);
	sixteen_both(a, b, &v, &w, 8);
	sixteen_both(a, b, &v, &w, 12);
}

static SHA void hmac_two(uint32_t x[16], uint32_t y[16], const uint32_t inner[8], const uint32_t outer[8])
{
	struct halves a = state_load(inner), b = a;
	struct block v, w;

	both(&a, &b, block_load(x), block_load(y));
	v = (struct block){ sum_low(inner, a), sum_high(inner, a), end_low, end_high };
	w = (struct block){ sum_low(inner, b), sum_high(inner, b), end_low, end_high };
	a = b = state_load(outer);
	both(&a, &b, v, w);
	store(x, sum_low(outer, a), sum_high(outer, a));
	store(y, sum_low(outer, b), sum_high(outer, b));
}

ENTRY void x86_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count)
{
	if (count == 2)
		hmac_two(words[0], words[1], inner, outer);
	else
		hmac_one(words[0], inner, outer);
}
