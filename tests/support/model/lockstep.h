/*
 * Runs the core and the model of capabilities in lockstep: a step is one call, chosen by
 * bytes; status, value and every capability must agree, and core_check() must hold.
 */
#ifndef LOCKSTEP_H
#define LOCKSTEP_H

#include <stddef.h>
#include <stdint.h>

struct lockstep {
	/* Where choices come from: bytes until they are used up, or, with data NULL, a
	 * generator, for `steps` steps. */
	const uint8_t *data;
	size_t size;
	uint64_t random, steps;
	/* What came of it */
	uint64_t done, succeeded;
	const char *wrong; /* NULL: they agree */
	char text[256];    /* which step, what it was */
};

/* Inside of fake_boot(), as the LibOS, with fake.tick_ns 0. */
struct exo_boot;
void lockstep_run(struct lockstep *run, const struct exo_boot *boot);

#endif
