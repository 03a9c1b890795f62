/*
 * What the HAL may call in the core. The core's own parts are in the other
 * headers of this folder.
 */
#ifndef CORE_H
#define CORE_H

#include <hal/hal.h>

/* Called once by the HAL when the machine is ready. Boots the kernel and the
 * first LibOS. */
EXO_NORETURN void core_start(void);

/* Called by the HAL on each further CPU, from hal_libos_run() on; does not return. hal_cpu_id()
 * is below cpu_count there. */
EXO_NORETURN void core_cpu_start(void);

/* Serves one kernel call of the first LibOS's zone. args: six. On any CPU, several at a time. */
struct exo_result core_call(uint64_t number, const uint64_t *args);

/* For a HAL that can interrupt the first LibOS while it computes: when that must happen at the latest, ns
 * (UINT64_MAX: not at all). Changes with any call. */
uint64_t core_turn_end(void);

/* The first LibOS was interrupted: if its turn is over, other quantum slots have theirs, and only then it may go on. */
void core_interrupted(void);

#endif
