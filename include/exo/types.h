/*
 * Basic types of the exokernel interface.
 * Only the compiler's own headers are used, so this file serves kernel, LibOS
 * and application alike.
 */
#ifndef EXO_TYPES_H
#define EXO_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames are the unit of physical memory and of mapping: 4 KiB. */
#define EXO_FRAME_SHIFT 12
#define EXO_FRAME_SIZE  UINT64_C(4096)

/* A frame number: physical address >> EXO_FRAME_SHIFT. */
typedef uint64_t exo_frame_t;

/* An address in some zone's space. An integer, never dereferenced as it is. */
typedef uint64_t exo_vaddr_t;

/*
 * The name of a capability: slot in bits 0..15, generation of that slot in
 * bits 16..63. A name stays bad for ever once its slot has been reused.
 * 0 (EXO_CAP_NONE, exo/cap.h) is never a valid name.
 */
typedef uint64_t exo_cap_t;

/* First address that no zone may map; the same on every target, so that a
 * program sees the same address space everywhere (the hosted HAL keeps its
 * stub above it). */
#define EXO_USER_LIMIT UINT64_C(0x7fff00000000)
/* Lowest address that a zone may map (Linux's vm.mmap_min_addr default). */
#define EXO_USER_BASE UINT64_C(0x10000)

#define EXO_MUST_USE __attribute__((warn_unused_result))
#define EXO_NORETURN __attribute__((noreturn))

#endif
