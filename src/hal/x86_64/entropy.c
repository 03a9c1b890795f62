/*
 * Random bytes: a ChaCha20 generator (RFC 8439, 2.3) whose key is replaced after
 * every request, so that a later look at memory tells nothing of earlier output.
 *
 * What goes into the key: RDSEED or RDRAND when the CPU has them, a seed file
 * from the runner, the date, and the jitter of the time-stamp counter around
 * port reads. With none of the first two the jitter is all there is: nobody
 * has measured how many bits of it a given machine yields.
 */
#include <hal/x86_64/machine.h>

static struct {
	uint32_t key[8];
	uint64_t counter;
} pool;

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(uint32_t out[16])
{
	static const uint32_t constant[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	uint32_t state[16];

	memcpy(state, constant, sizeof(constant));
	memcpy(state + 4, pool.key, sizeof(pool.key));
	state[12] = (uint32_t)pool.counter;
	state[13] = (uint32_t)(pool.counter >> 32);
	state[14] = state[15] = 0;
	pool.counter++;
	memcpy(out, state, sizeof(state));
	for (int round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 4; i++)
			quarter(out, i, 4 + i, 8 + i, 12 + i);
		for (unsigned i = 0; i < 4; i++)
			quarter(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (unsigned i = 0; i < 16; i++)
		out[i] += state[i];
}

/* The key becomes a function of itself and the words. */
static void stir(uint64_t word)
{
	uint32_t out[16];

	pool.key[0] ^= (uint32_t)word;
	pool.key[1] ^= (uint32_t)(word >> 32);
	block(out);
	memcpy(pool.key, out, sizeof(pool.key));
}

static bool hardware(uint64_t *value)
{
	uint8_t ok = 0;

	for (int tries = 0; tries < 10 && !ok; tries++) {
		if (machine.can.rdseed)
			__asm__ volatile("rdseed %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
		else if (machine.can.rdrand)
			__asm__ volatile("rdrand %0; setc %1" : "=r"(*value), "=q"(ok) : : "cc");
	}
	return ok;
}

static void seed_from_runner(void)
{
	uint16_t selector;
	uint32_t size;
	uint64_t words[8];

	if (!fwcfg_find("opt/feuerbird/seed", &selector, &size) || size != sizeof(words))
		return;
	if (!fwcfg_read(selector, machine.image.start + ((uint64_t)(uintptr_t)&pool - KERNEL_BASE),
	                sizeof(pool.key)))
		return;
	stir(tsc_read());
}

void entropy_init(void)
{
	uint64_t word;

	seed_from_runner();
	for (int i = 0; i < 8 && hardware(&word); i++)
		stir(word);
	for (int i = 0; i < (machine.can.rdrand ? 4 : 64); i++) {
		word = 0;
		for (int j = 0; j < 8; j++) {
			in8(0x61);
			word = word << 7 ^ word >> 57 ^ tsc_read();
		}
		stir(word);
	}
}

void entropy_date(void)
{
	stir(hal_time_real_ns());
}

bool hal_entropy(void *bytes, uint64_t size)
{
	uint8_t *to = bytes;
	uint32_t out[16];
	uint64_t word;

	if (size > 4096)
		return false;
	stir(tsc_read());
	if (hardware(&word))
		stir(word);
	while (size > 0) {
		uint64_t piece = size < sizeof(out) ? size : sizeof(out);
		block(out);
		memcpy(to, out, piece);
		to += piece;
		size -= piece;
	}
	block(out);
	memcpy(pool.key, out, sizeof(pool.key));
	memset(out, 0, sizeof(out));
	return true;
}
