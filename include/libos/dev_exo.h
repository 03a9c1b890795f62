/*
 * /dev/exo: how a program gets capabilities of its own from the POSIX LibOS.
 * Only root may. The number follows Linux's _IOWR('X', 1, 32).
 *
 * poll(2) of the open file tells POLLIN while an interrupt is pending in the zone of the program that
 * opened it (exo_irq_take() has something), and POLLHUP when that zone is gone (it ended, or called exec).
 */
#ifndef LIBOS_DEV_EXO_H
#define LIBOS_DEV_EXO_H

#include <stdint.h>

#define EXO_DEV_GRANT 0xc0205801u

/* Kinds of capability that can be asked for. */
#define EXO_DEV_AUDIT  1 /* EXO_CAP_AUDIT: zones, capabilities, statistics, the audit ring */
#define EXO_DEV_MEMORY 2 /* EXO_CAP_MEMORY over all memory, that lets nobody touch it; for asking about frames */
#define EXO_DEV_ZONE   3 /* EXO_CAP_ZONE, the caller's own: what it has mapped, its events, and what was asked
                          * for and taken of it */
/* They may be narrowed, sealed for others, and taken back from them; what others
 * have made of one goes with it when it is revoked, not when it is dropped. */
#define EXO_DEV_MEMORY_RIGHTS (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE) /* or none */
#define EXO_DEV_ZONE_RIGHTS   (EXO_R_READ | EXO_R_MAP)
#define EXO_DEV_AUDIT_RIGHTS  (EXO_R_READ | EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define EXO_DEV_IOPORT 16 /* EXO_CAP_IOPORT: ports of the extent; these may have EXO_DEV_DEVICE_RIGHTS */
#define EXO_DEV_MMIO   17 /* EXO_CAP_MMIO: frames of device registers */
#define EXO_DEV_IRQ    18 /* EXO_CAP_IRQ: interrupt lines */

/* EXO_R_READ | EXO_R_WRITE | EXO_R_DERIVE | EXO_R_REVOKE */
#define EXO_DEV_DEVICE_RIGHTS 0x2bu

/*
 * EINVAL: no such kind, or rights that it cannot have. ENXIO: the kernel has not offered all of that
 * extent to anybody. EACCES: nor with these rights.
 */
struct exo_dev_grant {
	uint32_t kind;         /* in: EXO_DEV_* */
	uint32_t rights;       /* in: EXO_R_* */
	uint64_t first, count; /* in: the extent; 0, 0 for kinds without */
	uint64_t cap;          /* out: its name in the caller's zone, good until the program ends or execs */
};

#endif
