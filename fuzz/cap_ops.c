/* The core against the executable model of capabilities (tests/support/model): the input chooses the steps. */
#include "boots.h"
#include <fake/fake.h>
#include <model/lockstep.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct lockstep run;

static void libos(const struct exo_boot *boot)
{
	fake.tick_ns = 0;
	lockstep_run(&run, boot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	core_forget();
	fake_reset();
	fake.frame_count = 1280;
	memset(&run, 0, sizeof(run));
	run.data = data;
	run.size = size;
	if (size > 0 && (fake_boot(libos) != FAKE_RETURNED || run.wrong)) {
		fprintf(stderr, "model: %s: %s\n", run.wrong ? run.wrong : "the core ended", run.text);
		abort();
	}
	return 0;
}
