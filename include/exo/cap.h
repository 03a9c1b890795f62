/*
 * Capability types and rights, and what exo_cap_inspect() tells.
 * The rights of a capability are one axis of the lattice (a powerset); the
 * resource kind is the other. Deriving may only go down in both.
 */
#ifndef EXO_CAP_H
#define EXO_CAP_H

#include <exo/types.h>

/* EXO_CAP_TYPE(NAME, value, "name") */
#define EXO_CAP_TYPES(X)                                                       \
	X(NONE, 0, "none")                                                     \
	X(ROOT, 1, "root")                                                     \
	X(MEMORY, 2, "memory")   /* extent of frames [first, count) */         \
	X(CPU, 3, "cpu")         /* extent of quantum slots: to run and to idle */ \
	X(ZONE, 4, "zone")                                                     \
	X(CONTEXT, 5, "context")                                               \
	X(TIMER, 6, "timer")     /* one-shot timer and the clocks */           \
	X(CONSOLE, 7, "console")                                               \
	X(ENTROPY, 8, "entropy")                                               \
	X(AUDIT, 9, "audit")     /* audit ring and statistics */               \
	X(IPC, 10, "endpoint")                                                 \
	X(NOTIFY, 11, "notification")                                          \
	X(DISK, 12, "disk")      /* extent of blocks, over all disks */        \
	X(NET, 13, "network")                                                  \
	X(IRQ, 14, "interrupt")  /* extent of interrupt lines */               \
	X(IOPORT, 15, "ioport")  /* extent of ports */                         \
	X(MMIO, 16, "mmio")      /* extent of frames that are registers, not memory */

/* EXO_CAP_NONE, 0, is also the name of no capability (exo_cap_t). */
enum exo_cap_type {
#define EXO_X(name, value, text) EXO_CAP_##name = value,
	EXO_CAP_TYPES(EXO_X)
#undef EXO_X
	EXO_CAP_TYPE_COUNT
};

/* Capabilities of these types name [first, first + count); of the others one thing each. */
static inline bool exo_cap_is_extent(uint32_t type)
{
	return type == EXO_CAP_MEMORY || type == EXO_CAP_CPU || type == EXO_CAP_DISK || type == EXO_CAP_IRQ ||
	       type == EXO_CAP_IOPORT || type == EXO_CAP_MMIO;
}

#define EXO_R_READ    UINT32_C(0x001) /* read, map readable */
#define EXO_R_WRITE   UINT32_C(0x002) /* write, map writable */
#define EXO_R_EXEC    UINT32_C(0x004) /* map executable, run a context */
#define EXO_R_DERIVE  UINT32_C(0x008) /* derive narrower capabilities */
#define EXO_R_GRANT   UINT32_C(0x010) /* give to another zone */
#define EXO_R_REVOKE  UINT32_C(0x020) /* revoke what was derived from it */
#define EXO_R_CREATE  UINT32_C(0x040) /* create zones / contexts in it */
#define EXO_R_MAP     UINT32_C(0x080) /* zone: change its mappings */
#define EXO_R_FUND    UINT32_C(0x100) /* memory: may become kernel memory */
#define EXO_R_DESTROY UINT32_C(0x200) /* zone: destroy it; root: halt */
#define EXO_R_ALL     UINT32_C(0x3ff)

#define EXO_NO_EXPIRY UINT64_MAX

struct exo_cap_info {
	exo_cap_t cap;
	exo_cap_t parent;    /* EXO_CAP_NONE for a root of derivation */
	uint32_t type;       /* enum exo_cap_type */
	uint32_t rights;     /* EXO_R_* */
	uint64_t first;      /* first frame / block / port / line / quantum slot, or object number */
	uint64_t count;      /* frames, blocks, ports, lines or slots; 1 for objects */
	uint64_t expires_ns; /* EXO_NO_EXPIRY or a monotonic time */
	uint32_t owner_zone; /* zone number */
	uint32_t refs;       /* bindings and children that hold it */
};

#endif
