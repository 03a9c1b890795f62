/*
 * The invariants of the kernel (docs/invariants.md), checked by walking everything.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include <core/lock.h>

/* NULL, or a static text that says which invariant is broken. For tests; between
 * calls, or from a script inside hal_ctx_enter(). */
CORE_LOCKED const char *core_check(void);

#endif
