/*
 * /dev/exo: how a program gets capabilities of its own from the POSIX LibOS.
 * Only root may. The number follows Linux's _IOWR('X', 1, 32).
 *
 * What is given is the calling program's zone's, and is taken back when the program ends or
 * execs: with it goes every zone that was made below the program's zone or lives from memory that was given.
 *
 * poll(2) of the open file tells POLLIN while an interrupt, a disk's answer or EXO_PEND_NOTIFY is pending in the zone of the program
 * that opened it (exo_irq_take() or exo_disk_take() has something; the last till exo_event_take()), and POLLHUP when that zone is
 * gone (it ended, or called exec).
 */
#ifndef LIBOS_DEV_EXO_H
#define LIBOS_DEV_EXO_H

#include <stdint.h>

#define EXO_DEV_GRANT 0xc0205801u

/* Kinds of capability that can be asked for, and the rights that they can have. "hold": EXO_DEV_HOLD. What
 * others have made of a capability goes with it when it is revoked, not when it is dropped. */
#define EXO_DEV_AUDIT   1 /* zones, capabilities, statistics, the audit ring: READ, hold */
#define EXO_DEV_MEMORY  2 /* `count` neighbouring frames, zeroed: READ, WRITE, EXEC, FUND, hold */
#define EXO_DEV_ZONE    3 /* the program's own zone: READ, WRITE (interrupts and notifications for it), CREATE (zones
                           * below it, ports), MAP, hold. What it maps into
                           * itself the LibOS does not know of: only over PROT_NONE memory will it stay */
#define EXO_DEV_CPU     4 /* `count` quantum slots of CPU number `first`: READ, EXEC, hold */
#define EXO_DEV_CONSOLE 5 /* WRITE, hold */
#define EXO_DEV_TIMER   6 /* READ, WRITE, hold */
#define EXO_DEV_ENTROPY 7 /* READ, hold */
#define EXO_DEV_FRAMES  8 /* all memory, to ask about frames: hold, or no rights at all */
#define EXO_DEV_CONTEXT 9 /* the calling thread's context, until the thread ends: EXEC (to serve an endpoint), hold */
#define EXO_DEV_QUOTA  10 /* sets the zone's share of a table of the kernel: `count` of table `first` (EXO_QUOTA_*); no rights,
                           * and nothing comes out. With its first grant a zone gets 256 slots, with CREATE of its own zone
                           * 16 zone numbers, with a disk 4 places for transfers; the LibOS keeps a quarter of each table */
/* Devices, of the extent [first, first + count): EXO_DEV_DEVICE_RIGHTS */
#define EXO_DEV_IOPORT 16 /* EXO_CAP_IOPORT: ports */
#define EXO_DEV_MMIO   17 /* EXO_CAP_MMIO: frames of device registers */
#define EXO_DEV_IRQ    18 /* EXO_CAP_IRQ: interrupt lines */
#define EXO_DEV_DISK   19 /* EXO_CAP_DISK: blocks, numbered over all disks; count 0: all of the disk that `first` is in */

#define EXO_DEV_HOLD          (EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE)
#define EXO_DEV_AUDIT_RIGHTS  (EXO_R_READ | EXO_DEV_HOLD)
#define EXO_DEV_DEVICE_RIGHTS (EXO_R_READ | EXO_R_WRITE | EXO_R_DERIVE | EXO_R_REVOKE)

/* EINVAL: no such kind, rights or count; EPERM; ENOMEM: no frames, slots, capabilities, … are left; EBUSY: more is used than
 * the share would be. For devices
 * ENXIO: the kernel has not offered all of that extent to anybody; EACCES: nor with these rights. */
struct exo_dev_grant {
	uint32_t kind;   /* in: EXO_DEV_* */
	uint32_t rights; /* in: EXO_R_* */
	uint64_t cap;    /* out: its name in the caller's zone */
	uint64_t count;  /* in: frames, slots, ports, lines or blocks; else not looked at. Out: of a disk */
	uint64_t first;  /* in: CPU, port, line or block; out: first frame, slot or block */
};

/* Which process runs in a zone, for a program that shows zones. Only root may. ESRCH: no living process of this LibOS. */
#define EXO_DEV_PROCESS 0xc0085802u /* _IOWR('X', 2, 8) */

struct exo_dev_process {
	uint32_t zone; /* in: number */
	int32_t pid;   /* out */
};

#endif
