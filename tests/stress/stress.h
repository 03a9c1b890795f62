/*
 * What the stress tests of the core share: CPUs are threads of the scripted machine
 * (tests/support/fake), all in the core at a time. Each test goes through rounds; after a round the CPUs are
 * at rest, and core_check() walks everything.
 *
 *   STRESS_SECONDS=60 STRESS_CPUS=8 STRESS_SEED=7 build/stress-thread/core_smp
 */
#ifndef STRESS_H
#define STRESS_H

#include <core/check.h>
#include <core/reap.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <stdatomic.h>

/* Fails the test: says where and why, and ends the process. */
EXO_NORETURN void stress_fail(const char *file, int line, const char *what, uint64_t value);
#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition))                                          \
			stress_fail(__FILE__, __LINE__, #condition, 0);    \
	} while (0)
#define REQUIRE_IS(value, expected)                                                        \
	do {                                                                               \
		uint64_t value_ = (uint64_t)(value);                                       \
		if (value_ != (uint64_t)(expected))                                        \
			stress_fail(__FILE__, __LINE__, #value " is " #expected, value_);  \
	} while (0)
#define OK(call) REQUIRE_IS(call, EXO_OK)

extern const struct exo_boot *stress_boot;
extern unsigned stress_cpus;

/* Runs body(0) here and body(1)… on the other CPUs, all at once; returns when all are done. */
void stress_run(void (*body)(unsigned cpu));

/* True while the test's time is not over; counts rounds. */
bool stress_more(void);

/* Of this thread: a number, and one below a limit. */
uint64_t stress_random(void);
uint64_t stress_below(uint64_t limit);

/* Frames of memory that no test has taken. */
exo_frame_t stress_frames(uint64_t count);
void *stress_frame_ptr(exo_frame_t frame);

/* Calls again while the call says E_AGAIN. */
void stress_revoke(exo_cap_t cap);
/* Takes back everything that was ever derived from the boot capabilities, and waits for
 * what dies of it; then everything must be as after boot. */
void stress_clean(void);

/* The tests. */
void test_lookup(void);       /* lookup.c: look-ups while slots are reused */
void test_no_later_use(void); /* a revoked name never works again */
void test_limits(void);       /* no zone uses up the table */
void test_memory(void);       /* revoke.c: frames of a running program */
void test_stop(void);         /* contexts on other CPUs are stopped */
void test_chaos(void);        /* chaos.c: all calls at once */

#endif
