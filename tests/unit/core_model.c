/* The core against the executable model of capabilities, in random steps. */
#include "core_env.h"
#include <model/lockstep.h>
#include <stdio.h>
#include <stdlib.h>

/* More on demand: MODEL_STEPS=10000000 MODEL_SEED=7 build/unit/core_model */
static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void run(uint64_t seed)
{
	struct lockstep lockstep = { .random = seed, .steps = setting("MODEL_STEPS", 8000) };

	fake.tick_ns = 0;
	lockstep_run(&lockstep, boot);
	cr_assert_null(lockstep.wrong, "seed %llu: %s: %s", (unsigned long long)seed, lockstep.wrong, lockstep.text);
	/* If nearly all were refused, little would be tried. */
	cr_assert(lockstep.succeeded * 5 > lockstep.done, "%llu of %llu", (unsigned long long)lockstep.succeeded,
	          (unsigned long long)lockstep.done);
	if (getenv("MODEL_STEPS"))
		printf("%llu steps, %llu succeeded\n", (unsigned long long)lockstep.done,
		       (unsigned long long)lockstep.succeeded);
}

static uint64_t seed;

static void libos(const struct exo_boot *b)
{
	boot = b;
	run(seed);
}

/* Little memory, so that core_check() is quick. */
static void start(uint64_t with)
{
	seed = with;
	fake_reset();
	fake.frame_count = 1280;
	cr_assert_eq(fake_boot(libos), FAKE_RETURNED);
}

Test(model, agrees_1, .timeout = 7200)
{
	start(setting("MODEL_SEED", 1) * UINT64_C(0x9e3779b97f4a7c15));
}

Test(model, agrees_2, .timeout = 7200)
{
	start((setting("MODEL_SEED", 1) + 1000) * UINT64_C(0xbf58476d1ce4e5b9));
}
