/*
 * What the parts of the hosted HAL share. Each CPU is a thread (cpu.c); by default there is one,
 * and no lock is taken. Signal handlers only set flags.
 *
 * Locks, taken in this order, all below the core's: a space's, the zones', watch.c's, the console's; the disks' (block.c) alone.
 * A space's lock is not held while its program runs; space->entered says that it does.
 */
#ifndef HOSTED_H
#define HOSTED_H

#include "request.h"

#include <hal/guard.h>
#include <hal/hal.h>
#include <hal/hosted/layout.h>
#include <pthread.h>

/* ---- CPUs (cpu.c) ---- */

#define HOST_CPUS_MAX 8 /* CORE_CPU_MAX */

extern bool host_several; /* there is more than one */

/* Taken only if there is more than one CPU. */
struct GUARD_LOCK host_lock {
	pthread_mutex_t mutex;
};
#define HOST_LOCK_INIT {PTHREAD_MUTEX_INITIALIZER}
void host_lock_init(struct host_lock *lock);
void host_lock_fini(struct host_lock *lock);
void host_lock_take(struct host_lock *lock) GUARD_ACQUIRES(*lock);
void host_lock_give(struct host_lock *lock) GUARD_RELEASES(*lock);

/* The calling thread is this CPU from now on. */
void host_cpu_become(uint32_t cpu);
/* Starts the threads of the other CPUs. What new threads ask of the host has been asked on return. */
void host_cpus_start(void);
/* From any thread: CPU 0 ends its sleep and looks for events. */
void host_cpu_wake(void);
/* Was this CPU kicked? And: it has heard of it. */
bool host_cpu_is_kicked(void);
void host_cpu_kick_end(void);

/* ---- A zone's process (zone.c) ---- */

struct host_zone {
	int pid;          /* 0: none */
	uint32_t slot;    /* its page group */
	uint32_t turn;    /* number of the last entry */
	uint32_t list;    /* number of the last mapper list posted */
	uint32_t strikes; /* faults in a row that should not have been */
	uint32_t sleepy;  /* looks in a row that found it asleep in its turn */
	uint32_t next_serial;
	bool ready;       /* the mapper has reported once */
	bool used;        /* it ran another program before */
	bool spare;       /* it runs none now */
	uint8_t *r, *w;   /* our views of its page group */
	void *sleeps_on;  /* the word that its program thread sleeps on, if it does */
	struct host_zone *successor; /* that ran after it, the last time; perhaps it is no more */
	uint64_t rests_at; /* when it was given back, by hal_time_ns() */
	uint64_t rest_cpu; /* CPU time of its process when it was first found not to rest; 0: it was not */
	struct host_watched {
		bool known;        /* the rest says something */
		bool running;      /* a CPU waits for its program */
		bool shot;         /* it was killed, since it was a ghost */
		uint32_t suspicion; /* looks that found too much */
		uint32_t caught;   /* how sure it is that it computes without a turn */
		uint64_t entries;  /* turns since the last look */
		uint64_t turn_ns;  /* that they took, the short ones not counted */
		uint64_t seen_ns;  /* when the last look was */
		uint64_t cpu_ns;   /* CPU time that its process had used then */
		uint64_t last_ns;  /* …and when it was last asked for */
		uint64_t total_ns; /* what all turns had taken then */
	} watched;         /* watch.c */
	struct {
		uint64_t due_ns;  /* when the next one may follow, by hal_time_ns() */
		uint64_t gap_ns;  /* between the last two; 0: it was not told to stop in this turn */
		uint32_t dropped; /* W_DROPPED at the last one */
	} signals;         /* that tell it to stop */
	struct host_zone *next; /* in the pool */
};

/* Why it failed, for whoever started us; static text. `step` is STEP_*; error: errno, 0: none. 0: nothing is known of that step. */
const char *host_refusal_of(int step, int error);
const char *host_refusal_of_status(int status); /* as of waitpid(), of the zygote or a zone */
const char *host_refusal_of_memory(int error);

/* Starts the zygote. message: where to put why it failed. */
bool host_zones_start(const char **message);
/* Waits till it is there (its start takes a while; meanwhile the root image is read). */
bool host_zones_ready(const char **message);
/* Looks after those that were given back, and asks for spare ones, so that host_zone_take() finds one. Does not wait. */
void host_zones_refill(void);
/* A process that maps nothing, or 0: the host refuses more. fresh: one that never ran a program. */
struct host_zone *host_zone_take(bool fresh);
/* Gives it back: it must map nothing of the guest's any more. Does not wait. */
void host_zone_give(struct host_zone *zone);
/* Ends the process; its pages are out of reach when this returns. */
void host_zone_kill(struct host_zone *zone);
/* The same while another CPU waits for it: only that one can make its slot free. */
void host_zone_shoot(const struct host_zone *zone);
/* Calls this for each zone that runs a program, at most `count` of them, going on where the last call ended. True:
 * all were visited. With the zones' lock. */
bool host_zones_visit(uint32_t count, void (*visit)(struct host_zone *zone, uint64_t now));
/* Is the process gone? Cheap while no child has died. */
bool host_zone_is_dead(struct host_zone *zone);
/* CPU time that the zone's process has used; 0: the host does not tell. It runs on while the host of a virtual machine has taken
 * the process's core away. */
uint64_t host_zone_cpu_ns(const struct host_zone *zone);
/* Ends all host processes. Safe in a signal handler. */
void host_zones_end(void);

static inline uint32_t load32(const uint8_t *page, unsigned offset)
{
	return __atomic_load_n((const uint32_t *)(const void *)(page + offset), __ATOMIC_ACQUIRE);
}
static inline uint64_t load64(const uint8_t *page, unsigned offset)
{
	return __atomic_load_n((const uint64_t *)(const void *)(page + offset), __ATOMIC_ACQUIRE);
}
static inline void store32(uint8_t *page, unsigned offset, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(page + offset), value, __ATOMIC_RELEASE);
}
static inline void store64(uint8_t *page, unsigned offset, uint64_t value)
{
	__atomic_store_n((uint64_t *)(void *)(page + offset), value, __ATOMIC_RELEASE);
}

/* ---- Hand-over (cross.c) ---- */

/* LATE: it was told to stop, and has used a millisecond of CPU since. */
enum cross_result { CROSS_STOPPED, CROSS_DEAD, CROSS_LATE };

void host_cross_start(void);
/* In the process that becomes the zygote: puts it on the zones' core. */
void host_cross_pin_zones(void);
/* Lets the zone's program thread go on with `action`, waits until it stops
 * again. deadline: hal_time_ns() when it is preempted; CROSS_NO_PREEMPT: never, but it
 * is dead when it has used 5 ms of CPU without stopping. */
#define CROSS_NO_PREEMPT UINT64_MAX
/* Once in a while, between entries: split or local? */
void host_cross_review(uint64_t now);
enum cross_result host_cross_enter(struct host_zone *zone, uint32_t action, uint64_t deadline);
/* After CROSS_LATE: waits once more for the same turn. final: then it is dead instead. */
enum cross_result host_cross_wait(struct host_zone *zone, uint64_t deadline, bool final);
/* Has the mapper run the list in ZONE_R, `count` orders, and waits for it. */
enum cross_result host_cross_map(struct host_zone *zone, uint32_t count);
/* The same, but only posts it: the next host_cross_enter() with ACTION_MAPPER runs it. */
void host_cross_post(struct host_zone *zone, uint32_t count);
bool host_cross_map_done(const struct host_zone *zone);
/* Its program has ended: does its thread sleep? Says the host. Then it sleeps until the next host_cross_enter(), whatever
 * the program had in mind. */
bool host_cross_is_at_rest(struct host_zone *zone);
/* Do both of the zone's threads sleep? Says the host. Then they do so until they are woken. */
bool host_cross_sleeps(const struct host_zone *zone);
/* Returns when each zone's thread that has a core now has been interrupted, and so has had its core. False: the host cannot do that. */
bool host_cross_interrupt(void);
/* The zone's process is gone. */
void host_cross_forget(const struct host_zone *zone);

/* ---- Who says that it has stopped (watch.c) ---- */

/* Its turn begins, and has ended: with the time that it took, 0 if it was short. */
void host_watch_begin(struct host_zone *zone);
void host_watch_end(struct host_zone *zone, uint64_t ns);
/* The same of what its mapper did for the simulator. */
void host_watch_mapper(struct host_zone *zone, uint64_t ns);
/* Once in a while: kills zones that run when they should not. */
void host_watch(void);
/* Before and after a sleep: false if some zone may run that should not. */
bool host_watch_is_quiet(void);
/* Was it killed by that? */
bool host_watch_has_shot(const struct host_zone *zone);
/* Another program has it now. */
void host_watch_forget(struct host_zone *zone);

/* ---- Spaces (space.c, order.c) ---- */

/* A word of the lowest tables (hal/tables.h): 0, or the frame in bits 12 to 43 and these. */
#define PTE_PROT   UINT64_C(0x07) /* EXO_PROT_* */
#define PTE_VALID  UINT64_C(0x10)
#define PTE_HOST   (UINT64_C(0xfffff) << 44) /* number of the cache in which the host process has it; 0: it has it not */
#define PTE_CACHES UINT32_C(0xfffff)
#define PTE_CACHE(number) ((uint64_t)(number) << 44)

static inline exo_frame_t pte_frame(uint64_t entry)
{
	return (entry & ~PTE_HOST) >> EXO_FRAME_SHIFT;
}

struct ctx;
struct space {
	uint32_t kind;       /* SPACE_* */
	uint32_t orders;     /* queued in the zone's list */
	uint32_t grants;     /* of these, ones that only add */
	uint32_t host_maps;  /* host mappings, at most: merging is not counted */
	uint32_t maps_told;  /* of these, in the sum over all spaces */
	uint32_t cache;      /* the number of what the host process has, from 1; space.c */
	bool revoking;       /* some order takes something away */
	exo_frame_t root;
	struct host_zone *zone; /* 0: dead */
	exo_frame_t answers;    /* the answer page; 0: none */
	struct ctx *current;    /* whose registers the program thread holds */
	bool entered;           /* a CPU waits for its program to stop, without the lock */
	bool late;              /* nobody waits, and it has not stopped yet */
	struct host_lock lock;
};
#define SPACE_SELF 1 /* the LibOS in this process */
#define SPACE_ZONE 2
#define SPACE_STOPPED 3
_Static_assert(sizeof(struct space) <= sizeof(struct hal_space), "struct space fits");

static inline struct space *space_of(const struct hal_space *space)
{
	return (struct space *)(uintptr_t)space;
}

/* Everything below, and whatever reads or changes a space, is done with its lock held. */

/* The leaf entry for vaddr, or 0. */
uint64_t *host_space_entry(const struct space *space, exo_vaddr_t vaddr);
/* Copies from the space what its program may read. False: not all of it is there. */
bool host_space_read(const struct space *space, exo_vaddr_t vaddr, void *to, uint64_t size);
/* A fault that the LibOS need not hear of: the software table allows it. True:
 * orders were queued, the program can go on. */
bool host_space_resolve(struct space *space, exo_vaddr_t vaddr, uint32_t access);

/* Queues orders; neighbours merge. A queue that is full is run at once. */
void host_order_map(struct space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint32_t prot, bool replaces);
void host_order_unmap(struct space *space, exo_vaddr_t vaddr, uint64_t size);
void host_order_protect(struct space *space, exo_vaddr_t vaddr, uint64_t size, uint32_t prot, bool takes);
/* space->answers has changed. */
void host_order_answers(struct space *space);
/* May another page be mapped at once, or should it wait for a fault? */
bool host_order_eager(const struct space *space, exo_vaddr_t vaddr, exo_frame_t frame, uint32_t prot);
/* Runs what is queued and waits. */
void host_order_flush(struct space *space);
/* Before an entry: ACTION_MAPPER or 0. */
uint32_t host_order_before_entry(struct space *space);

/* The LibOS's window (window.c): nothing of [address, + size) is a frame that is hidden from the LibOS. */
bool host_window_allows(exo_vaddr_t address, uint64_t size);
/* hal_space_reach() for the LibOS's space. */
bool host_window_reach(exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count);

/* Why the next zone that this CPU kills must die; with --check that is printed (a program that dies without
 * having deserved it is a bug of ours). A text that lives for ever. Returns false. */
bool host_accuse(const char *why);
/* The zone has broken its machine. */
void host_space_kill(struct space *space);
/* The process died in its first turn, before it began with this program: of what an earlier one had left in it. The space gets
 * a new one, and the turn can be tried again. False: it did not, or there is none. */
bool host_space_move(struct space *space);

/* ---- Text (text.c, decode.c) ---- */

/* Where an instruction pointer of a program stands by its own text, of which parts may have been rewritten. */
enum text_place {
	TEXT_PLAIN,   /* where it says */
	TEXT_BEFORE,  /* at *original; nothing of what was moved has been done */
	TEXT_INSIDE,  /* between two instructions that were moved: no place of the original says that */
	TEXT_AT_CALL, /* at the `syscall` at *original; what was moved has been done */
	TEXT_IN_CALL, /* the same, and rcx already holds the return address */
};
/* Reads the program's memory, and believes nothing of it: what it says is true, or means the same to the program. */
enum text_place host_text_place(const struct space *space, exo_vaddr_t rip, exo_vaddr_t *original);
/* Length of the instruction at code; 0: there is none, or it is cut off; DECODE_UNKNOWN: there may be one. */
#define DECODE_UNKNOWN 16
unsigned host_decode_length(const uint8_t *code, uint64_t size);

/* ---- Devices for zones (device.c, rtc.c) ---- */

#define HOST_RTC_PORT UINT64_C(0x70)

/* Fills in what zones may be given. */
void host_devices_start(struct hal_boot_info *boot);
/* When an interrupt line may rise next, by hal_time_ns(); UINT64_MAX: not by time alone. On CPU 0,
 * which takes the devices' interrupts. */
uint64_t host_irq_due_ns(void);
/* Has a line interrupted that hal_irq_take() has not yet told? On CPU 0. */
bool host_irq_pending(void);

/* The clock's two ports. All this with the lock of device.c. */
void host_rtc_start(void);
uint8_t host_rtc_read(uint64_t port);
void host_rtc_write(uint64_t port, uint8_t value);
/* Has its interrupt line risen since the last call; and when may it rise next. */
bool host_rtc_rose(void);
uint64_t host_rtc_due(void);

/* ---- Disks (block.c) ---- */

/* "FILE" or "FILE,ro"; before the machine starts. false: *message. */
bool host_disk_add(const char *option, const char **message);
/* On CPU 0: is there an answer that was not yet reported? And: it is reported now. */
bool host_disk_pending(void);
bool host_disk_event(void);

/* Starts the thread that serves them, if there are any. What new threads ask of the host has been asked on return. */
void host_disks_start(void);

/* ---- Confinement (confine.c) ---- */

/* This call, with this descriptor as its first argument, will be made after the start. Those that nobody names end us. */
void host_confine_allow(int call, int fd);
/* The three steps, in this order; without the first one the others do nothing. folder: that of --root, open; -1: none. */
void host_confine_start(const int *folders, unsigned count);
void host_confine_rights(void);
void host_confine_calls(void);
/* Says what of it there is. */
void host_confine_report(void);
/* A bit for each layer that is not there, in the order of what host_confine_report() says; 0: all are. */
int host_confine_missing(void);

/* ---- The machine (boot.c, main.c, console.c, time.c) ---- */

#define FIRST_FRAME UINT64_C(0x100) /* 1 MiB; frame numbers are never tiny */

#define LAYERS_MAX 32 /* --add */

struct options {
	uint64_t memory;      /* bytes */
	const char *root;     /* 0: the default */
	const char *log;      /* --strace=FILE; 0: stderr */
	bool check;           /* core_check() at the end */
	bool stats;           /* --stats */
	bool no_confine;      /* --no-confine */
	bool impatient;       /* --impatient */
	uint32_t cpus;        /* 0: one */
	const char *numa;     /* --numa; 0: one node */
	uint32_t colours;     /* --colours */
	const char *disks[HAL_DISKS]; /* --disk; those that are not 0 */
	const char *layers[LAYERS_MAX]; /* --add; those that are not 0 */
	struct request request;
	char *text;           /* of the request: what the LibOS is told */
	size_t text_size;
};

#define EXIT_FAILED REQUEST_FAILED

#define XSTATE_PKRU   9 /* Intel SDM vol. 1, 13.1 */
#define MXCSR_OFFSET  24 /* of the XSAVE image */
#define MXCSR_DEFAULT UINT32_C(0x1f80)

struct machine {
	struct hal_boot_info boot;
	uint8_t *memory;      /* frame f is at memory + (f << 12) */
	uint8_t *shown;       /* frame_set.h, of frame numbers: what the LibOS may reach of it */
	uint8_t *control;     /* the control memfd */
	int memory_fd, control_fd;
	uint32_t cpus;        /* that we may use: 1 or more */
	uint32_t xmask;       /* vector state components */
	uint32_t bases;       /* BASES_*: of fs and gs */
	bool compacts;        /* it knows compacted XSAVE images */
	uint32_t pkru_offset; /* of PKRU in the XSAVE image, if xmask has it */
	uint64_t cycles_origin;
	bool stats;           /* --stats: how we are confined is told, too */
	bool impatient;       /* --impatient: each turn that is over and still goes on is given up (CROSS_LATE) */
};
extern struct machine host_machine;

/* First of all; what comes before host_time_start() is time in which the counter is measured. */
void host_time_begin(void);
void host_time_start(void);
void host_hash_start(void); /* hash.c */
/* The same for another CPU, on its thread. */
void host_time_cpu_start(void);
bool host_machine_start(const struct options *options, const char **message);
/* Splits memory as --numa says: a number of nodes, or the sizes of all but the last. Before the machine starts;
 * false: *message. */
bool host_nodes_start(const struct options *options, const char **message);
/* The root image and its layers (image.c): opens them; false: *message, which names the file. */
bool host_image_open(const struct options *options, const char **message);
/* No other files of the host can be opened any more: host_confine_start(). */
void host_image_confine(void);
/* Reads them, or packs the directories, to the upper end of memory, behind the request's text if that is too long for the
 * boot page. Closes them. */
bool host_image_load(const struct options *options, const char **message);
/* cpio newc of a directory into memory at `to`, at most `room` bytes. Returns its size; 0: *message, which names the
 * entry below the directory. Closes fd. */
uint64_t host_pack_directory(int fd, uint8_t *to, uint64_t room, const char **message);

/* Says what this host allows (doctor.c); the exit status. */
int host_doctor(void);

/* In bytes; UINT64_MAX: no limit is known (limits.c). */
uint64_t host_memory_of_machine(void);
uint64_t host_memory_of_group(void);

/* The terminal (terminal.c). Is there one? Then it is raw, if we are in the foreground. Before any thread. */
bool host_terminal_start(void);
bool host_terminal_foreground(void);
/* Makes it raw if it is not. False: we are in the background, and it is not ours. */
bool host_terminal_take(void);
void host_terminal_give(void);      /* as it was; safe in a signal handler */
void host_terminal_continued(void); /* after a stop; safe in a signal handler */

/* Flags that signal handlers set. */
extern volatile uint32_t host_signal_flags;
/* Children that have died, ever. */
extern volatile uint32_t host_children_died;
#define FLAG_ENDING UINT32_C(0x100) /* SIGTERM was seen */
/* the lower bits are EXO_PEND_* */

/* log: a file to open, 0: standard error. False: errno tells why it cannot be opened. */
bool host_console_start(const char *log);
/* After so many ms the system is shut down (0: never), and ends with REQUEST_TIMEDOUT. */
void host_timeout_start(uint64_t ms);
int host_end_status(void); /* -1: what the LibOS says */
void host_leave(void);     /* whoever sits at the terminal wants to */
void host_console_stop(void); /* the terminal as it was; safe in a signal handler */
/* Was output lost, to a full disk for instance? Then it says so. */
bool host_console_failed(void);
/* Looks for input. True: there is something that was not yet reported. */
bool host_console_poll(void);
int host_console_input_fd(void); /* -1: nothing more to wait for */
bool host_events_pending(void);
void host_signals_start(void); /* the first time */
uint64_t host_timer_due_ns(void);
/* The next thing that time alone brings: the timer or an interrupt. */
uint64_t host_event_due_ns(void);

static inline uint64_t cycles_now(void)
{
	return __builtin_ia32_rdtsc();
}

#endif
