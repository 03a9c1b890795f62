/*
 * The lattice of authority: (set of resource kinds) x (set of rights), each
 * ordered by inclusion. An element says of which kinds of resource what may be
 * done; a capability is the element of its one kind and its rights. Deriving,
 * granting, sealing and unsealing only go down.
 *
 * What a capability names (extent, object) and until when are further bounds, that go
 * down likewise; they are no part of the lattice.
 */
#ifndef EXO_LATTICE_H
#define EXO_LATTICE_H

#include <exo/cap.h>

struct exo_authority {
	uint32_t kinds;  /* bit n: enum exo_cap_type n */
	uint32_t rights; /* EXO_R_* */
};

#define EXO_KIND(name)  (UINT32_C(1) << EXO_CAP_##name)
#define EXO_KINDS_ALL   ((UINT32_C(1) << EXO_CAP_TYPE_COUNT) - 2) /* NONE is no kind */

/* Unions for the table below. */
#define EXO_KINDS_KERNEL (EXO_KIND(MEMORY) | EXO_KIND(CPU) | EXO_KIND(ZONE) | EXO_KIND(CONTEXT) | EXO_KIND(TIMER) | \
	EXO_KIND(CONSOLE) | EXO_KIND(ENTROPY) | EXO_KIND(AUDIT) | EXO_KIND(IRQ) | EXO_KIND(IOPORT) | \
	EXO_KIND(MMIO))
#define EXO_KINDS_IPC    (EXO_KIND(IPC) | EXO_KIND(NOTIFY))
#define EXO_KINDS_FILE   (EXO_KIND(DISK) | EXO_KIND(MEMORY))
#define EXO_KINDS_NET    (EXO_KIND(NET) | EXO_KIND(MEMORY))
#define EXO_KINDS_LIBOS  (EXO_KINDS_FILE | EXO_KINDS_NET | EXO_KINDS_IPC | EXO_KIND(CPU) | EXO_KIND(ZONE) | \
	EXO_KIND(CONTEXT) | EXO_KIND(TIMER) | EXO_KIND(CONSOLE) | EXO_KIND(ENTROPY))
#define EXO_KINDS_APP    (EXO_KINDS_IPC | EXO_KIND(ZONE) | EXO_KIND(CONTEXT) | EXO_KIND(TIMER) | EXO_KIND(NET))
#define EXO_KINDS_DATA   (EXO_KIND(MEMORY) | EXO_KIND(DISK))
#define EXO_R_HOLD       (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE) /* pass on, take back */
#define EXO_R_ACCESS     (EXO_R_READ | EXO_R_WRITE)
#define EXO_R_USE        (EXO_R_ACCESS | EXO_R_HOLD)

/*
 * Named elements: X(NAME, PARENT, kinds, rights, "what for"). Each lies below its parent. They are
 * words for talking about authority; nothing is granted for having a name.
 * First the tree of the design, then the capabilities of each zone.
 */
#define EXO_POINTS(X)                                                                                      \
	X(ROOT, ROOT, EXO_KINDS_ALL, EXO_R_ALL, "everything")                                              \
	X(SYSTEM, ROOT, EXO_KINDS_KERNEL | EXO_KINDS_IPC, EXO_R_ALL, "the machine and its zones")         \
	X(LIBOS, ROOT, EXO_KINDS_LIBOS, EXO_R_ALL, "what a library operating system lives from")         \
	X(USER, ROOT, EXO_KINDS_APP | EXO_KINDS_DATA,                                                      \
	  EXO_R_ACCESS | EXO_R_EXEC | EXO_R_DERIVE | EXO_R_CREATE | EXO_R_MAP, "what a program may be given") \
	X(KERNEL, SYSTEM, EXO_KINDS_KERNEL, EXO_R_ALL, "hardware, zones and time")                        \
	X(IPC, SYSTEM, EXO_KINDS_IPC, EXO_R_USE, "endpoints and notifications")                           \
	X(FILE, LIBOS, EXO_KINDS_FILE, EXO_R_USE, "blocks, and the frames that hold them")                \
	X(NET, LIBOS, EXO_KINDS_NET, EXO_R_USE, "packets, and the frames that hold them")                 \
	X(APP, USER, EXO_KINDS_APP, EXO_R_ACCESS | EXO_R_EXEC | EXO_R_DERIVE | EXO_R_CREATE | EXO_R_MAP,   \
	  "a program that runs")                                                                           \
	X(DATA, USER, EXO_KINDS_DATA, EXO_R_ACCESS, "what a program works on")                            \
	X(CAP_HARDWARE, KERNEL, EXO_KIND(MEMORY) | EXO_KIND(CPU) | EXO_KIND(IRQ) | EXO_KIND(IOPORT) | EXO_KIND(MMIO), EXO_R_ALL, \
	  "direct hardware access")                                                                        \
	X(CAP_MEMORY_PHYS, CAP_HARDWARE, EXO_KIND(MEMORY), EXO_R_USE | EXO_R_EXEC | EXO_R_FUND, "frames")  \
	X(CAP_INTERRUPT, CAP_HARDWARE, EXO_KIND(IRQ), EXO_R_USE, "interrupts")                            \
	X(CAP_IOPORT, CAP_HARDWARE, EXO_KIND(IOPORT), EXO_R_USE, "I/O ports")                             \
	X(CAP_SCHEDULER, LIBOS, EXO_KIND(CPU) | EXO_KIND(CONTEXT) | EXO_KIND(TIMER), EXO_R_USE | EXO_R_EXEC, \
	  "running contexts")                                                                              \
	X(CAP_MEMORY_VIRT, LIBOS, EXO_KIND(ZONE) | EXO_KIND(MEMORY), EXO_R_USE | EXO_R_EXEC | EXO_R_MAP,    \
	  "address spaces")                                                                                \
	X(CAP_FILESYSTEM, FILE, EXO_KINDS_FILE, EXO_R_USE, "a file system's blocks")                      \
	X(CAP_NETWORK, NET, EXO_KINDS_NET, EXO_R_USE, "a network stack's packets")                        \
	X(CAP_FILE_READ, DATA, EXO_KINDS_DATA, EXO_R_READ, "a file, to be read")                          \
	X(CAP_FILE_WRITE, DATA, EXO_KINDS_DATA, EXO_R_WRITE, "a file, to be written")                     \
	X(CAP_PROCESS_CREATE, APP, EXO_KIND(ZONE) | EXO_KIND(CONTEXT), EXO_R_CREATE, "zones and contexts") \
	X(CAP_IPC_SEND, APP, EXO_KINDS_IPC, EXO_R_WRITE, "sending")                                       \
	X(CAP_IPC_RECV, APP, EXO_KINDS_IPC, EXO_R_READ, "receiving")                                      \
	X(CAP_SOCKET, APP, EXO_KIND(NET), EXO_R_ACCESS, "one flow of packets")

enum exo_point {
#define EXO_X(name, parent, kinds, rights, text) EXO_POINT_##name,
	EXO_POINTS(EXO_X)
#undef EXO_X
	EXO_POINT_COUNT
};

/* The element of a name. */
static inline struct exo_authority exo_authority_point(enum exo_point point)
{
	static const struct exo_authority points[] = {
#define EXO_X(name, parent, kinds, rights, text) { (kinds), (rights) },
		EXO_POINTS(EXO_X)
#undef EXO_X
	};

	return points[point];
}

/* The element of a capability. */
static inline struct exo_authority exo_authority_of(uint32_t type, uint32_t rights)
{
	return (struct exo_authority){ UINT32_C(1) << type, rights };
}

/* The order: a allows nothing that b does not. */
static inline bool exo_authority_within(struct exo_authority a, struct exo_authority b)
{
	return (a.kinds & ~b.kinds) == 0 && (a.rights & ~b.rights) == 0;
}

/* The greatest element below both. */
static inline struct exo_authority exo_authority_meet(struct exo_authority a, struct exo_authority b)
{
	return (struct exo_authority){ a.kinds & b.kinds, a.rights & b.rights };
}

/* The least element above both. */
static inline struct exo_authority exo_authority_join(struct exo_authority a, struct exo_authority b)
{
	return (struct exo_authority){ a.kinds | b.kinds, a.rights | b.rights };
}

#endif
