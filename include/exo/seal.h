/*
 * Sealed capabilities: bytes that stand for a capability outside of the system.
 * exo_cap_seal() makes them, exo_cap_unseal() turns them into a new
 * capability, derived from the one that was sealed.
 *
 * Format, version 1: EXO_SEAL_SIZE bytes, integers little-endian.
 *
 *   offset size
 *    0      4   magic: 'F' 'B' 'S' 'C'
 *    4      2   version: 1
 *    6      2   size of all: 128
 *    8     16   boot: public name of the boot whose secret made the code
 *   24      8   cap: name of the sealed capability (exo_cap_t)
 *   32      4   epoch of that capability: revoking it ends all its seals
 *   36      4   nonce; 0: may be unsealed again and again
 *   40      4   type (enum exo_cap_type)
 *   44      4   rights
 *   48      8   first \ as exo_cap_inspect() tells
 *   56      8   count /
 *   64      8   expires: monotonic ns of that boot
 *   72      4   zone that may unseal; 0: any
 *   76      4   flags: EXO_SEAL_*
 *   80      8   serial of that zone: its number can come back, its serial cannot
 *   88      8   time of sealing: monotonic ns
 *   96     32   HMAC-SHA256 over bytes 0..95, under a key for seals of this boot's secret
 *
 * Life. A seal holds nothing: it is good as long as the sealed capability lives
 * with its owner (not moved to another) and has not been revoked (or had cap_revoke called on it). It never outlives the boot.
 *
 * Whom it is for. The zone named when sealing (by a zone capability; EXO_CAP_NONE: the
 * sealer's own), or, with EXO_SEAL_BEARER, whoever shows it.
 *
 * Replay. Without EXO_SEAL_ONCE it may be unsealed any number of times, each giving
 * another capability. With it, once: each such seal of a capability has a nonce of its
 * own, and the kernel remembers which of the last EXO_SEAL_WINDOW were
 * used. An older one is refused like a used one: a sealer has at most so many outstanding.
 *
 * What refuses, in this order, each with an audit record:
 *   E_SEAL_SIZE    not EXO_SEAL_SIZE bytes
 *   E_SEAL_FORMAT  magic, version or size field
 *   E_SEAL_BOOT    made in another boot (or the boot's name was altered)
 *   E_SEAL_FORGED  the code does not match: some bit differs
 *   E_SEAL_ZONE    for another zone
 *   E_EXPIRED      its time is over
 *   E_REVOKED      the sealed capability is gone, was moved, or was revoked
 *   E_FORGED       the sealed capability's slot was altered
 *   E_REPLAYED     single-use, and used (or too old)
 *   E_RIGHTS       more rights asked for than were sealed
 */
#ifndef EXO_SEAL_H
#define EXO_SEAL_H

#include <exo/types.h>

#define EXO_SEAL_SIZE    UINT64_C(128)
#define EXO_SEAL_VERSION 1
#define EXO_SEAL_WINDOW  64

/* Flags of exo_cap_seal() */
#define EXO_SEAL_ONCE   UINT32_C(1) /* may be unsealed once */
#define EXO_SEAL_BEARER UINT32_C(2) /* by any zone */

struct exo_seal {
	uint8_t bytes[EXO_SEAL_SIZE];
};

#endif
