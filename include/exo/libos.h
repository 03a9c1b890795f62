/*
 * The page that a LibOS is started with: the boot page, and behind it where a LibOS that somebody else started says
 * that it has ended. (The first LibOS ends with exo_halt().) Whoever started it looks there, and destroys the zone.
 */
#ifndef EXO_LIBOS_H
#define EXO_LIBOS_H

#include <exo/abi.h>

#define EXO_LIBOS_RUNS  UINT32_C(0)
#define EXO_LIBOS_ENDED UINT32_C(0x444e4521) /* "!END" */

struct exo_libos_page {
	struct exo_boot boot;
	uint8_t pad_[EXO_FRAME_SIZE - sizeof(struct exo_boot) - 8];
	uint32_t status; /* exit status, 0..255; written first */
	uint32_t state;  /* EXO_LIBOS_*; written last */
};
_Static_assert(sizeof(struct exo_libos_page) == EXO_FRAME_SIZE, "one frame");

#endif
