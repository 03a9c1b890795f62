/*
 * Structures that kernel calls read and write, the boot page, and the one
 * entry point. The calls themselves are in calls.def; <exo/calls.h> (generated)
 * has a typed stub for each.
 */
#ifndef EXO_ABI_H
#define EXO_ABI_H

#include <exo/cap.h>
#include <exo/context.h>
#include <exo/fastipc.h>
#include <exo/quantum.h>
#include <exo/seal.h>
#include <exo/status.h>
#include <exo/types.h>

/* A kernel call is number EXO_CALL_BASE | n in rax, arguments in rdi rsi rdx
 * r10 r8 r9; status comes back in rax, value in rdx. rcx and r11 are lost. */
#define EXO_CALL_BASE   UINT64_C(0xFB000000)
#define EXO_CALL_PREFIX UINT64_C(0xFB)
#define EXO_CALL_SHIFT  24

struct exo_result {
	uint64_t status; /* enum exo_status */
	uint64_t value;
};

/*
 * The one entry into the kernel. In the simulator the HAL defines it as a
 * direct call of the core; in a ring-3 LibOS or program it is the `syscall`
 * instruction. number: without EXO_CALL_BASE.
 */
struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a3, uint64_t a4, uint64_t a5);

/* One entry of exo_mem_map(): `count` pages from `vaddr`. */
struct exo_map_op {
	exo_vaddr_t vaddr; /* page aligned */
	exo_frame_t frame; /* first frame, or EXO_FRAME_KEEP to change `prot` only */
	uint32_t count;    /* pages, 1..EXO_MAP_MAX; to unmap, 1..EXO_UNMAP_MAX, of which most may not be mapped */
	uint32_t prot;     /* EXO_PROT_*; 0 unmaps (frame is not looked at) */
};
#define EXO_FRAME_KEEP UINT64_MAX
/*
 * No call keeps the kernel's lock for long (docs/architecture.md): so these are the most of each that one does.
 */
#define EXO_MAP_MAX    UINT32_C(504)      /* pages of an entry that maps */
#define EXO_UNMAP_MAX  UINT32_C(0x100000) /* pages of an entry that unmaps */
#define EXO_FUND_MAX   UINT32_C(512)  /* frames that become kernel memory */
#define EXO_BYTES_MAX  UINT64_C(512)  /* bytes of console, log and entropy: a call does fewer than it was asked for */
#define EXO_LIST_MAX   UINT64_C(128)  /* entries of a list or a record, likewise */
#define EXO_LIST_SLOTS UINT64_C(1024) /* slots that exo_list_caps() looks at, from `start` (or 1) on; E_AGAIN: go on so far behind it */
#define EXO_TEXT_MAX   UINT32_C(1024) /* frames for exo_text_prepare(): it looks at every byte, a text as a whole */
#define EXO_PROT_READ  UINT32_C(1)
#define EXO_PROT_WRITE UINT32_C(2)
#define EXO_PROT_EXEC  UINT32_C(4)
#define EXO_PROT_DEVICE UINT32_C(8) /* told, not asked for: device registers, mapped under an MMIO capability */

/*
 * One entry of exo_batch(): a call as exo_call() takes it. The first argument is the
 * entry's own capability, if the call takes one.
 */
struct exo_batch_op {
	uint32_t call;    /* in: enum exo_call_number */
	uint32_t status;  /* out: enum exo_status */
	uint64_t args[6]; /* in */
	uint64_t value;   /* out */
};
_Static_assert(sizeof(struct exo_batch_op) == 64, "one cache line");

/* exo_list_nodes(): a range of frames of one NUMA node. */
struct exo_node_info {
	exo_frame_t first;
	uint64_t count;
	uint32_t node;    /* as the machine numbers them; may have several ranges */
	uint32_t colours; /* frames whose numbers differ by a multiple of it compete for the same cache sets;
	                   * 1: nothing can be said */
};

/* exo_frame_info() */
struct exo_frame_info {
	exo_frame_t frame;
	uint32_t node;
	uint32_t colour; /* 0..colours - 1 */
	uint32_t maps;   /* how often it is mapped, or a context or answer page */
	uint16_t kind;   /* EXO_FRAME_* */
	uint16_t zone;   /* EXO_FRAME_FUND: whose */
};
#define EXO_FRAME_PLAIN  0 /* memory of whoever has the capability */
#define EXO_FRAME_FUND   1 /* kernel memory, paid by a zone */
#define EXO_FRAME_KERNEL 2 /* the kernel's own */
#define EXO_FRAME_HOLE   3 /* no memory, or the machine's own: nobody's (struct exo_boot.holes) */

/* exo_mem_scan(): a mapped page */
struct exo_page_info {
	exo_vaddr_t vaddr;
	uint64_t entry; /* as exo_mem_query() tells */
};
#define EXO_PAGE_ACCESSED UINT64_C(0x20) /* a machine that cannot tell sets both, always */
#define EXO_PAGE_DIRTY    UINT64_C(0x40)
#define EXO_SCAN_CLEAR    UINT32_C(1)    /* clears both of what it tells of; needs the right MAP */

/* Pending events of a zone: bits of exo_event_take() and exo_wait(). */
#define EXO_PEND_TIMER    UINT64_C(0x01) /* exo_timer_set()'s time has come */
#define EXO_PEND_CONSOLE  UINT64_C(0x02) /* console input can be read */
#define EXO_PEND_RESIZE   UINT64_C(0x04) /* console window size changed */
#define EXO_PEND_INTR     UINT64_C(0x08) /* the operator asked to interrupt (host SIGINT) */
#define EXO_PEND_SUSPEND  UINT64_C(0x10) /* the operator asked to suspend (host SIGTSTP) */
#define EXO_PEND_SHUTDOWN UINT64_C(0x20) /* the machine is asked to go down (SIGTERM, power button) */
#define EXO_PEND_HANGUP   UINT64_C(0x40) /* console input has ended for good */
#define EXO_PEND_REVOKED  UINT64_C(0x80) /* a capability was taken from this zone: exo_taken_read() */
#define EXO_PEND_QUANTUM  UINT64_C(0x100) /* its turn was over: exo_ctx_page.notice */
#define EXO_PEND_ZONE     UINT64_C(0x200) /* a zone that was made below this one has died */
#define EXO_PEND_IRQ      UINT64_C(0x400) /* interrupts: exo_irq_take() */
#define EXO_PEND_ZONE_EVENT UINT64_C(0x800) /* an App zone that was made below this one got EXO_PEND_IRQ, _BLOCK or _NOTIFY */
#define EXO_PEND_ASKED    UINT64_C(0x1000) /* capabilities of this zone are asked for: exo_list_asked() */
#define EXO_PEND_BACK     UINT64_C(0x2000) /* what this zone asked for is given back or taken */
#define EXO_PEND_BLOCK    UINT64_C(0x4000) /* a disk has done something: exo_disk_take() */
#define EXO_PEND_NOTIFY   UINT64_C(0x8000) /* a notification has got bits: exo_notify_take(); stays till events are taken */
#define EXO_PEND_ROOM     UINT64_C(0x20000) /* the console, which had no room for all of a write, takes bytes again */
#define EXO_PEND_IPC      UINT64_C(0x10000) /* a context that exo_run() gave EXO_EV_IPC for may have something to do, or nobody runs whom it serves */

/*
 * Disks are made of blocks of a frame's size. Blocks of all disks are numbered together: number of the disk
 * << EXO_DISK_SHIFT | block. A disk capability is an extent of such numbers.
 */
#define EXO_DISK_SHIFT 40
#define EXO_DISK_BLOCK ((UINT64_C(1) << EXO_DISK_SHIFT) - 1) /* the bits of the block */
#define EXO_DISK_COUNT_MAX UINT32_C(256)

/* exo_disk_submit(): one transfer between neighbouring blocks and neighbouring frames. */
struct exo_disk_request {
	uint32_t op;       /* EXO_DISK_* */
	uint32_t count;    /* blocks and frames, 1..EXO_DISK_COUNT_MAX; 0 for a flush */
	uint64_t first;    /* block, by its number over all disks; of a flush: any block of the disk */
	exo_frame_t frame; /* first frame; of a flush it is not looked at */
	uint64_t tag;      /* comes back with the answer; means nothing to the kernel */
};
#define EXO_DISK_READ  UINT32_C(0) /* blocks into frames */
#define EXO_DISK_WRITE UINT32_C(1) /* frames into blocks; may stay in the device's cache till a flush */
#define EXO_DISK_FLUSH UINT32_C(2) /* all writes that were answered before it was submitted are on the medium */

/* exo_disk_take(): the answer. */
struct exo_disk_done {
	uint64_t tag;
	uint32_t status; /* enum exo_status: OK; E_DEVICE: it failed, and any part may have been done;
	                  * E_REVOKED: it was done, or part of it, but the memory was taken away meanwhile */
	uint32_t pad_;
};

/* exo_disk_info() */
struct exo_disk_info {
	uint64_t first, count; /* all blocks of the disk, of which the capability may cover a part */
	uint32_t block_size;   /* bytes: EXO_FRAME_SIZE */
	uint32_t count_max;    /* blocks of a transfer */
	uint32_t queue;        /* transfers that the calling zone may have under way or not yet taken */
	uint32_t writable;     /* 0: nobody can write to it */
};

/* exo_clock_read() */
#define EXO_CLOCK_MONOTONIC UINT64_C(0) /* ns since boot */
#define EXO_CLOCK_REALTIME  UINT64_C(1) /* ns since 1970-01-01 UTC */

/* exo_console_info() */
struct exo_console_info {
	uint16_t rows, columns; /* 0 when not known */
	uint32_t flags;         /* EXO_CONSOLE_* */
};
#define EXO_CONSOLE_TTY    UINT32_C(1) /* a person's terminal: echo, job control */
#define EXO_CONSOLE_ERRORS UINT32_C(2) /* what is written to struct exo_boot.errors goes somewhere else */

/* exo_halt(): a machine with nobody who started it begins anew, where it would be switched off else. */
#define EXO_HALT_RESTART UINT64_C(0x100)

#define EXO_CMDLINE_SIZE 3584
#define EXO_BOOT_EXTENTS 4
#define EXO_BOOT_HOLES   8

/* What the kernel hands the first LibOS, and a creator the LibOS that it makes (what that is not
 * given is EXO_CAP_NONE). All capabilities are owned by its zone. */
struct exo_boot {
	uint32_t version;     /* EXO_BOOT_VERSION */
	uint32_t frame_size;
	exo_cap_t root;       /* ROOT: halt */
	exo_cap_t zone;       /* ZONE: its own */
	exo_cap_t memory;     /* MEMORY: [memory_first, memory_count), all rights */
	exo_cap_t cpu;        /* CPU: an extent of quantum slots (exo/quantum.h) */
	exo_cap_t timer;
	exo_cap_t console;
	exo_cap_t errors;     /* CONSOLE, to be written only: programs' standard error; NONE: it is the console */
	exo_cap_t entropy;
	exo_cap_t audit;
	/* Devices that the kernel leaves alone and that cannot reach memory by themselves; EXO_CAP_NONE
	 * beyond the last. exo_cap_inspect() tells the extents. */
	exo_cap_t ioport[EXO_BOOT_EXTENTS];
	exo_cap_t mmio[EXO_BOOT_EXTENTS];
	exo_cap_t irq[EXO_BOOT_EXTENTS];
	exo_cap_t disk[EXO_BOOT_EXTENTS]; /* DISK: whole ones, in order of their numbers, likewise */
	exo_frame_t memory_first;
	uint64_t memory_count; /* frames, those of holes included */
	/* Frames of `memory` that are none: whatever is asked with them is refused. Sorted; those before the first with count 0. */
	struct {
		exo_frame_t first;
		uint64_t count;
	} holes[EXO_BOOT_HOLES];
	/* Where the LibOS sees frame f of `memory`: window + (f << EXO_FRAME_SHIFT). The first LibOS sees it while it is plain:
	 * kernel memory (exo_zone_create, exo_zone_fund) is not there, and comes back with zeroes where the kernel wrote. Other
	 * LibOSes' windows are mappings like others. */
	uint64_t window;
	/* The root image lies inside `memory`; the LibOS may reuse its frames when
	 * it has unpacked it. 0 frames: none was given. */
	exo_frame_t image_first;
	uint64_t image_size; /* bytes */
	uint64_t boot_ns;    /* monotonic time when the kernel got control */
	uint64_t cycles_per_ms; /* of the counter that hal_cycles() reads */
	uint64_t memory_zeroed; /* 1: `memory` but for the image reads as zeroes; 0: unknown */
	uint64_t base_instructions; /* 1: rdfsbase, wrgsbase and their kin are there, and what they write stays (Linux's HWCAP2_FSGSBASE) */
	char target[16];     /* "hosted" or "x86_64" */
	/* The boot command line, NUL-terminated: options of the LibOS, one per
	 * element, each ended by '\n' (see src/libos/boot.c). Inside an element
	 * a newline is written \n and a backslash \\. */
	char cmdline[EXO_CMDLINE_SIZE];
};
_Static_assert(sizeof(struct exo_boot) <= 4096, "one frame");
#define EXO_BOOT_VERSION 5

/* Tables of the kernel that zones share. What a zone may use of each comes out of the share of the zone that it was made
 * below (exo_zone_quota()), and goes back when it ends: so it can use up that one's share, and nobody else's. */
#define EXO_QUOTA_CAPS  0 /* capability slots that it owns */
#define EXO_QUOTA_ZONES 1 /* numbers of the zones that were made below it */
#define EXO_QUOTA_DISK  2 /* transfers under way or not yet taken */
#define EXO_QUOTA_COUNT 3
#define EXO_QUOTA_FIRST 8 /* slots that a new zone has; it has nothing else */

struct exo_quota {
	uint32_t limit; /* at most this many */
	uint32_t used;  /* by the zone itself */
	uint32_t given; /* to zones that were made below it; used + given <= limit */
};

/* The zone's own view of a zone: exo_zone_info() */
struct exo_zone_info {
	uint32_t number;
	uint32_t kind;         /* EXO_ZONE_* */
	uint64_t transitions;  /* entries into it */
	uint64_t calls;        /* kernel calls it made */
	uint64_t syscalls;     /* system calls it made of its LibOS */
	uint64_t faults;
	uint64_t cycles;       /* spent inside it */
	uint64_t mapped_pages;
	uint64_t fund_free;    /* frames */
	uint64_t fund_total;
	uint32_t contexts;
	struct exo_quota quotas[EXO_QUOTA_COUNT];
	uint64_t pending;      /* EXO_PEND_*, not yet taken */
	uint64_t taken_lost;   /* records for exo_taken_read() that were lost */
	char name[16];
};
#define EXO_ZONE_LIBOS 1
#define EXO_ZONE_APP   2

/* exo_stats_read(): the whole system */
struct exo_stats {
	uint64_t uptime_ns;
	uint64_t transitions, calls, syscalls, faults, exceptions, preemptions;
	uint64_t refusals;           /* calls that a check refused */
	uint64_t audit_records, audit_dropped;
	uint32_t caps_used, caps_total;
	uint32_t zones, contexts;
	uint64_t frames_total, frames_funded;
};

/* exo_audit_read() */
struct exo_audit_record {
	uint64_t time_ns;
	exo_cap_t cap;     /* what was shown */
	uint32_t zone;     /* who */
	uint16_t what;     /* EXO_AUDIT_* */
	uint16_t call;     /* call number, or enum exo_event */
	uint32_t status;   /* verdict: enum exo_status */
	uint32_t sequence; /* of the zone's refusals, or of the CPU's other records: a gap shows what was dropped */
};
#define EXO_AUDIT_ENTER  1 /* transition into a zone */
#define EXO_AUDIT_LEAVE  2 /* transition back to who entered it: its LibOS, or the quantum vector */
#define EXO_AUDIT_CALL   3 /* a kernel call that changes authority */
#define EXO_AUDIT_REFUSE 4 /* a kernel call that was refused */
#define EXO_AUDIT_DEATH  5 /* a zone died */
#define EXO_AUDIT_DUE    6 /* a deadline came: the zone's capability expired (E_EXPIRED), or what was
                            * derived from it, and had been asked for, is taken (E_REVOKED) */

/* exo_list_own(): a capability of the calling zone */
struct exo_own {
	struct exo_cap_info info;
	exo_cap_t asked_from;    /* what is derived from this one is asked for; EXO_CAP_NONE: nothing that it is below */
	uint64_t asked_until_ns; /* then it is taken; else EXO_NO_EXPIRY */
};

/* exo_taken_read(): a capability that was taken from a zone. */
struct exo_taken {
	uint64_t time_ns;
	exo_cap_t cap;         /* its name, that is good for nothing any more */
	exo_cap_t from;        /* the capability whose revocation it was; itself: its time was over */
	uint64_t first, count; /* as exo_cap_inspect() told */
	uint64_t undone;       /* pages that were mapped, or were context or answer pages, by it */
	uint32_t type, rights;
	uint32_t why;          /* EXO_TAKEN_* */
	uint32_t sequence;     /* a gap shows what was lost */
};
#define EXO_TAKEN_REVOKED 1 /* revoked by whoever holds `from` */
#define EXO_TAKEN_ASKED   2 /* asked for, and not given back until the deadline */
#define EXO_TAKEN_EXPIRED 3 /* its time, or that of `from`, was over */

#endif
