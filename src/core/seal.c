/*
 * The bytes of sealed capabilities, and their nonces.
 */
#include <core/seal.h>
#include <core/state.h>

/* Offsets of the format; see include/exo/seal.h. */
enum {
	AT_VERSION = 4, AT_SIZE = 6, AT_BOOT = 8, AT_CAP = 24, AT_EPOCH = 32, AT_NONCE = 36,
	AT_TYPE = 40, AT_RIGHTS = 44, AT_FIRST = 48, AT_COUNT = 56, AT_EXPIRES = 64, AT_ZONE = 72,
	AT_FLAGS = 76, AT_SERIAL = 80, AT_TIME = 88, AT_CODE = 96,
};

_Static_assert(AT_CODE + SHA256_SIZE == EXO_SEAL_SIZE, "the code comes last");

static const uint8_t magic[4] = { 'F', 'B', 'S', 'C' };

static void put(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = size; i > 0; i--)
		value = value << 8 | at[i - 1];
	return value;
}

void seal_encode(const struct seal *seal, struct exo_seal *out)
{
	uint8_t *b = out->bytes;

	memcpy(b, magic, sizeof(magic));
	put(b + AT_VERSION, EXO_SEAL_VERSION, 2);
	put(b + AT_SIZE, EXO_SEAL_SIZE, 2);
	memcpy(b + AT_BOOT, core.boot_id, sizeof(core.boot_id));
	put(b + AT_CAP, seal->cap, 8);
	put(b + AT_EPOCH, seal->epoch, 4);
	put(b + AT_NONCE, seal->nonce, 4);
	put(b + AT_TYPE, seal->type, 4);
	put(b + AT_RIGHTS, seal->rights, 4);
	put(b + AT_FIRST, seal->first, 8);
	put(b + AT_COUNT, seal->count, 8);
	put(b + AT_EXPIRES, seal->expires, 8);
	put(b + AT_ZONE, seal->zone, 4);
	put(b + AT_FLAGS, seal->flags, 4);
	put(b + AT_SERIAL, seal->zone_serial, 8);
	put(b + AT_TIME, seal->sealed_ns, 8);
	hmac_sha256(&core.seal_key, b, AT_CODE, b + AT_CODE);
}

enum exo_status seal_decode(const struct exo_seal *in, struct seal *seal)
{
	const uint8_t *b = in->bytes;
	uint8_t code[SHA256_SIZE];

	if (memcmp(b, magic, sizeof(magic)) != 0 || get(b + AT_VERSION, 2) != EXO_SEAL_VERSION ||
	    get(b + AT_SIZE, 2) != EXO_SEAL_SIZE)
		return EXO_E_SEAL_FORMAT;
	if (memcmp(b + AT_BOOT, core.boot_id, sizeof(core.boot_id)) != 0)
		return EXO_E_SEAL_BOOT;
	hmac_sha256(&core.seal_key, b, AT_CODE, code);
	if (!bytes_are_equal(code, b + AT_CODE, sizeof(code)))
		return EXO_E_SEAL_FORGED;
	*seal = (struct seal){
		.cap = get(b + AT_CAP, 8), .epoch = (uint32_t)get(b + AT_EPOCH, 4),
		.nonce = (uint32_t)get(b + AT_NONCE, 4), .type = (uint32_t)get(b + AT_TYPE, 4),
		.rights = (uint32_t)get(b + AT_RIGHTS, 4), .first = get(b + AT_FIRST, 8),
		.count = get(b + AT_COUNT, 8), .expires = get(b + AT_EXPIRES, 8),
		.zone = (uint32_t)get(b + AT_ZONE, 4), .flags = (uint32_t)get(b + AT_FLAGS, 4),
		.zone_serial = get(b + AT_SERIAL, 8), .sealed_ns = get(b + AT_TIME, 8),
	};
	return EXO_OK;
}

/* ---- Nonces ------------------------------------------------------------ */

static uint64_t nonce_bit(uint32_t nonce)
{
	return UINT64_C(1) << nonce % EXO_SEAL_WINDOW;
}

uint32_t seal_nonce_next(const struct cap *cap)
{
	return cap->seal_last + 1;
}

void seal_nonce_take(struct cap *cap)
{
	uint64_t *used = &core.cap_seals_used[cap_slot(cap)];

	*used &= ~nonce_bit(++cap->seal_last);
}

bool seal_nonce_is_good(const struct cap *cap, uint32_t nonce)
{
	return nonce != 0 && nonce <= cap->seal_last && cap->seal_last - nonce < EXO_SEAL_WINDOW &&
	       (core.cap_seals_used[cap_slot(cap)] & nonce_bit(nonce)) == 0;
}

void seal_nonce_use(const struct cap *cap, uint32_t nonce)
{
	core.cap_seals_used[cap_slot(cap)] |= nonce_bit(nonce);
}

/* At its end the epoch stays, and nothing is sealed in the last one: so none comes twice. */
void seal_revoke(struct cap *cap)
{
	if (cap->seal_epoch != UINT32_MAX)
		cap->seal_epoch++;
}
