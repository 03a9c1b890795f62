/*
 * The invariants of the kernel (docs/invariants.md), checked by walking everything.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

/* NULL, or a static text that says which invariant is broken. For tests; between
 * calls, or from a script inside hal_ctx_enter(). */
const char *core_check(void);

#endif
