/*
 * The way into the kernel: decode, dispatch, account. All calls come through
 * call_dispatch(), whoever makes them.
 */
#ifndef CORE_CALL_H
#define CORE_CALL_H

#include <core/zone.h>

/* Serves call `number` (without prefix) of `caller`; args: six. */
struct exo_result call_dispatch(struct zone *caller, uint64_t number, const uint64_t *args);

/* Copies from and to the caller's memory; E_ADDRESS. */
EXO_MUST_USE enum exo_status copy_in(const struct zone *caller, void *to, exo_vaddr_t from, uint64_t size);
EXO_MUST_USE enum exo_status copy_out(const struct zone *caller, exo_vaddr_t to, const void *from, uint64_t size);

#endif
