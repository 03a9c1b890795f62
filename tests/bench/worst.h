/*
 * bench_worst: what its cases and its measuring share.
 */
#ifndef WORST_H
#define WORST_H

#include "bench.h"

#include <core/call.h>
#include <core/core.h>
#include <core/reap.h>
#include <core/state.h>
#include <exo/calls.h>
#include <stdlib.h>
#include <string.h>

/* A state is built by the same calls: what is made between these two is what the row is about. */
void measure(bool on);

/* One call, or a state and a row of calls, of which each is looked at. */
struct worst_case {
	const char *call, *state;
	void (*run)(void);
};
extern const struct worst_case worst_cases[], worst_maps[];

/* ---- What cases are made of (worst_make.c) -------------------------------------------- */

extern const struct exo_boot *worst_boot;
extern exo_frame_t worst_frame; /* those below are taken */
#define BOOT worst_boot

void must(enum exo_status status, const char *what);
#define OK(call) must((call), #call)

exo_frame_t frames_take(uint64_t count);
void *frame_ptr(exo_frame_t frame);
exo_cap_t derive(exo_cap_t cap, uint64_t first, uint64_t count);
exo_cap_t grant(exo_cap_t cap, exo_cap_t zone);
/* So many below each other, the first below `cap`: the last. */
exo_cap_t chain(exo_cap_t cap, uint32_t length);
/* Names of `cap`, or of parts of it, that the zone owns (EXO_CAP_NONE: the first LibOS). */
void children(exo_cap_t cap, exo_cap_t zone, uint32_t count);
exo_cap_t zone_below(exo_cap_t parent, uint64_t frames);
exo_cap_t zone_make(uint64_t frames);
void share(exo_cap_t zone, uint64_t caps);
struct zone *zone_of(exo_cap_t cap);
exo_cap_t context_make(exo_cap_t zone);
void map(exo_cap_t zone, exo_cap_t memory, exo_vaddr_t at, exo_frame_t frame, uint32_t count, uint32_t prot);

/* A call of a zone that is not the first LibOS. */
enum exo_status as(exo_cap_t zone, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* Revokes a capability with very many descendants, but for the most of them: from then on every look-up climbs. */
void revocation_begin(void);

/* Makes a call until it says something else than E_AGAIN. */
#define ALL(call)                                     \
	do {                                          \
		enum exo_status status_;              \
                                                      \
		measure(true);                        \
		do                                    \
			status_ = (call);             \
		while (status_ == EXO_E_AGAIN);       \
		measure(false);                       \
		if (status_ != EXO_E_CAP)             \
			must(status_, #call);         \
	} while (0)

#define MANY UINT32_C(60000) /* capabilities, of the 65,535 that there are */
#define DEEP UINT32_C(62)    /* levels of derivation, of 64 */
#define BASE UINT64_C(0x100000000)
#define PAGE EXO_FRAME_SIZE
#define TABLE (512 * PAGE)   /* what one table of level 1 covers */
#define RW   (EXO_PROT_READ | EXO_PROT_WRITE)

#endif
