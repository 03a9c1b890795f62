/*
 * Sealed capabilities as bytes (include/exo/seal.h) and the memory of which
 * single-use ones were used.
 *
 * A capability's slot has `seal_epoch`, raised by each revocation, and `seal_last`, the
 * nonce of its last single-use seal; core.cap_seals_used has a bit for each of the last
 * EXO_SEAL_WINDOW nonces, by nonce modulo the window. All of that is bounded and
 * allocates nothing, however many seals there are.
 */
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include <core/cap.h>

struct seal {
	exo_cap_t cap;
	uint32_t epoch, nonce;
	uint32_t type, rights;
	uint64_t first, count; /* as cap_describe() tells: no kernel address leaves */
	uint64_t expires;
	uint32_t zone, flags;
	uint64_t zone_serial;
	uint64_t sealed_ns;
};

/* Writes the bytes, with this boot's name and code. */
void seal_encode(const struct seal *seal, struct exo_seal *out);

/* Reads bytes from anywhere. E_SEAL_FORMAT, E_SEAL_BOOT, E_SEAL_FORGED:
 * then `seal` is as it was. Whom it is for and whether it still holds is not looked at. */
EXO_MUST_USE enum exo_status seal_decode(const struct exo_seal *in, struct seal *seal);

/* The nonce that the next single-use seal of `cap` gets; 0: none is left. */
CORE_LOCKED uint32_t seal_nonce_next(const struct cap *cap);
/* Gives that nonce out. */
CORE_LOCKED void seal_nonce_take(struct cap *cap);
/* True if it may still be used; and using it. */
CORE_LOCKED bool seal_nonce_is_good(const struct cap *cap, uint32_t nonce);
CORE_LOCKED void seal_nonce_use(const struct cap *cap, uint32_t nonce);

/* Ends all seals of `cap`. */
CORE_LOCKED void seal_revoke(struct cap *cap);

#endif
