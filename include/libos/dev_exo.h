/*
 * /dev/exo: how a program gets capabilities of its own from the POSIX LibOS.
 * Only root may. The numbers follow Linux's _IOWR('X', 1, 16).
 */
#ifndef LIBOS_DEV_EXO_H
#define LIBOS_DEV_EXO_H

#include <stdint.h>

#define EXO_DEV_GRANT 0xc0105801u

/* Kinds of capability that can be asked for. */
#define EXO_DEV_AUDIT 1 /* EXO_CAP_AUDIT: zones, capabilities, statistics, the audit ring */
/* It may be narrowed, sealed for others, and taken back from them; what others
 * have made of it goes with it when it is revoked, not when it is dropped. */
#define EXO_DEV_AUDIT_RIGHTS (EXO_R_READ | EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)

struct exo_dev_grant {
	uint32_t kind;   /* in: EXO_DEV_* */
	uint32_t rights; /* in: EXO_R_*, for audit some of EXO_DEV_AUDIT_RIGHTS */
	uint64_t cap;    /* out: its name in the caller's zone, good until the program ends or execs */
};

#endif
