/*
 * The HAL contract: everything that the core may ask of a machine.
 *
 * Plain functions, resolved at link time: src/hal/hosted, src/hal/x86_64, or
 * the scripted tests/support/fake. Nothing outside src/hal knows the machine.
 * Unless a function says otherwise it may be called on any CPU, with no lock
 * held, outside hal_ctx_enter(), and does not sleep. The core calls with its lock held,
 * except hal_ctx_enter(), hal_idle(), hal_cpu_relax(), the clocks and hashing.
 *
 * Upward there are just these: the HAL calls core_start() once when the machine
 * is ready (it does not return), core_interrupted() where it can, and core_call() for each kernel call of the
 * in-process or ring-3 LibOS (see hal_libos_run()). Both are in core/core.h. A HAL that runs answer programs
 * takes the pure function bpf_run() from bpf/bpf.h besides.
 */
#ifndef HAL_H
#define HAL_H

#include <exo/abi.h>

/* ---- Boot information -------------------------------------------------- */

/* A range of ports, device frames or interrupt lines; count 0: none. */
struct hal_extent {
	uint64_t first, count;
};
#define HAL_EXTENTS   4
#define HAL_IRQ_LINES 64
#define HAL_DISKS     4

/* Frames that are equally near to the same processors: the (or a) range of a NUMA node. */
struct hal_node_range {
	exo_frame_t first;
	uint64_t count;
	uint32_t node; /* as the machine numbers them */
};
#define HAL_NODE_RANGES_MAX 16
#define HAL_HOLES 8

struct hal_boot_info {
	/* The one extent of frames that the core hands out. Everything the HAL and
	 * the core image need for themselves is outside of it. */
	exo_frame_t first_frame;
	uint64_t frame_count;
	/* Frames in the middle of it that are no memory, or the HAL's own: sorted, none beside another; those before the first
	 * with count 0. Nobody gets at them; frames of mmio may be among them. */
	struct hal_extent holes[HAL_HOLES];
	/* The root image: inside that extent, at its upper end. size 0: none. */
	exo_frame_t image_first;
	uint64_t image_size; /* bytes */
	uint64_t boot_ns;    /* hal_time_ns() when the machine got control */
	uint64_t cycles_per_ms;
	uint32_t cpu_count;
	uint32_t spaces;     /* the most that there can be at a time; 0: as many as the core has zones */
	const char *target;  /* "hosted", "x86_64", "fake" */
	const char *cmdline; /* see struct exo_boot */
	bool base_instructions; /* see struct exo_boot */
	bool zeroed;         /* the extent but for the image reads as zeroes */
	bool check;          /* core_check() before the end; panic if it finds something */
	/* What drivers in zones may be given: devices that neither the HAL nor the core uses, and
	 * that cannot reach memory by themselves. Frames of mmio are outside of the extent above, or in a hole of it;
	 * those that mmio_read_only names may not be written. Lines are below HAL_IRQ_LINES. */
	struct hal_extent ports[HAL_EXTENTS], mmio[HAL_EXTENTS], irqs[HAL_EXTENTS];
	bool mmio_read_only[HAL_EXTENTS];
	bool mmio_maps; /* mmio can be mapped into spaces, not only accessed one by one */
	/* Disks: those before the first with count 0. */
	struct hal_disk {
		uint64_t count; /* blocks of EXO_FRAME_SIZE bytes; what is left of a device beyond the last is not used */
		bool writable;
	} disks[HAL_DISKS];
	/* The extent by nodes: sorted, without gap or overlap, all of it. */
	struct hal_node_range nodes[HAL_NODE_RANGES_MAX];
	uint32_t node_ranges;
	/* Frames whose numbers differ by a multiple of this share sets of the largest cache
	 * of which that can be said. 1: of none. */
	uint32_t colours;
};
const struct hal_boot_info *hal_boot(void);

/* ---- Physical memory --------------------------------------------------- */

/* The kernel's pointer to a frame of the extent above that is in no hole; valid for ever.
 * frame must be inside the extent (the core has checked). */
void *hal_phys_ptr(exo_frame_t frame);

/*
 * A zone's kernel memory: a stack of free frames, linked through their first
 * words, and below it a run of frames that nobody has taken yet and nothing was written
 * to. The core owns it; the HAL takes page-table frames from it and gives
 * them back. No locking: the core serialises calls on one zone.
 */
struct hal_pool {
	uint64_t head;     /* of the stack: frame number + 1; 0: empty */
	uint64_t count;    /* frames in stack and run */
	exo_frame_t fresh; /* the run: handed out upwards */
	uint64_t fresh_count;
};

static inline void hal_pool_give(struct hal_pool *pool, exo_frame_t frame)
{
	uint64_t *link = hal_phys_ptr(frame);
	*link = pool->head << 1; /* even: nothing that a machine takes for an entry of a table, if it was one */
	pool->head = frame + 1;
	pool->count++;
}

/* What is under it on the stack: as pool->head. */
static inline uint64_t hal_pool_under(exo_frame_t frame)
{
	return *(const uint64_t *)hal_phys_ptr(frame) >> 1;
}

/* The pool must not be empty: the core checked hal_space_cost() before. */
static inline exo_frame_t hal_pool_take(struct hal_pool *pool)
{
	exo_frame_t frame = pool->head - 1;

	pool->count--;
	if (pool->head == 0) {
		pool->fresh_count--;
		return pool->fresh++;
	}
	pool->head = hal_pool_under(frame);
	return frame;
}

/* A run of frames. So that it costs little to give many, the longer of two runs is kept as such. */
static inline void hal_pool_give_run(struct hal_pool *pool, exo_frame_t first, uint64_t count)
{
	if (pool->fresh_count < count) {
		exo_frame_t fresh = pool->fresh;
		uint64_t fresh_count = pool->fresh_count;

		pool->fresh = first;
		pool->fresh_count = count;
		pool->count += count - fresh_count;
		first = fresh;
		count = fresh_count;
	}
	while (count > 0)
		hal_pool_give(pool, first + --count);
}

/* ---- Address spaces ---------------------------------------------------- */

/* HAL-private; embedded in the core's zone so that nobody allocates. */
struct hal_space {
	uint64_t word[32];
};

/*
 * Makes an empty space. Takes at most HAL_SPACE_INIT_COST frames from the pool.
 * E_FUNDS: pool too small; E_DEVICE: the host refused (out of processes, …).
 */
#define HAL_SPACE_INIT_COST 1
EXO_MUST_USE enum exo_status hal_space_init(struct hal_space *space, struct hal_pool *pool);

/* No context of the space is entered any more, and what it has mapped is out of the program's reach when it returns.
 * The tables stay, to be emptied by hal_space_unmap(). */
void hal_space_stop(struct hal_space *space);

/* Ends a space that was stopped and has nothing mapped; gives the last table frame back to the pool. */
void hal_space_destroy(struct hal_space *space, struct hal_pool *pool);

/* How many pool frames mapping [vaddr, vaddr + count pages) may take at most now. */
uint64_t hal_space_cost(const struct hal_space *space, exo_vaddr_t vaddr, uint64_t count);

/*
 * map: replaces whatever was there. prot: EXO_PROT_* (any of them implies
 * readable). EXO_PROT_DEVICE: the frames are of mmio (only if mmio_maps), accesses go to the device uncached,
 * EXEC is not asked for, and hal_copy_*() do not reach them. protect skips holes. They cannot fail: the core has checked
 * ranges, alignment and the pool. Changes may be queued: they are in force at
 * the latest when hal_space_flush() returns or the space is next entered. The core
 * flushes before a frame that was mapped may be used for anything else: when it returns, that is
 * so even if a context of the space is entered on another CPU (it is stopped for that if
 * need be, and goes on). Queries, changes and copies may come while contexts of the space are entered on other
 * CPUs; but for one space never two of them at a time, since the core calls with its lock.
 */
void hal_space_map(struct hal_space *space, exo_vaddr_t vaddr, exo_frame_t frame,
                   uint64_t count, uint32_t prot, struct hal_pool *pool);
void hal_space_protect(struct hal_space *space, exo_vaddr_t vaddr, uint64_t count,
                       uint32_t prot);
void hal_space_flush(struct hal_space *space);

/*
 * Unmaps the first `count` mapped pages of [*vaddr, end): tells what was mapped there in frames[], moves *vaddr behind the
 * last (to `end` if there are no more), and returns how many there were. In force like the above. Gives table frames that
 * became empty to the pool at once, so that holes cost nothing. Takes the words of tables that it
 * looks at from *words, as far as there are any, and looks for no further page when there are none.
 */
uint64_t hal_space_unmap(struct hal_space *space, exo_vaddr_t *vaddr, exo_vaddr_t end, exo_frame_t *frames,
                         uint64_t count, uint32_t *words, struct hal_pool *pool);

/* What is mapped at vaddr: false if nothing. flags: EXO_PROT_* | HAL_ACCESSED |
 * HAL_DIRTY (a HAL that cannot tell sets both). What the program did since the page was mapped
 * or the bits were cleared, and what hal_copy_*() did for it. */
#define HAL_ACCESSED UINT32_C(0x20)
#define HAL_DIRTY    UINT32_C(0x40)
bool hal_space_query(const struct hal_space *space, exo_vaddr_t vaddr,
                     exo_frame_t *frame, uint32_t *flags);

/* Clears HAL_ACCESSED and HAL_DIRTY, as `bits` says, of what is mapped at vaddr; in force like a change of mapping
 * (flush). A HAL that cannot tell does nothing. */
void hal_space_clear(struct hal_space *space, exo_vaddr_t vaddr, uint32_t bits);

/* The lowest mapped page of [vaddr, end), or `end` if there is none. The cost is bounded by the tables between two
 * pages, however large the hole: less than 4,000 words, which it takes from *words, as far as there are any. Like
 * query, it tells what map and unmap have asked for, queued or not. */
exo_vaddr_t hal_space_next(const struct hal_space *space, exo_vaddr_t vaddr, exo_vaddr_t end, uint32_t *words);

/* Attaches the answer page (exo/context.h); the frame stays the LibOS's. */
void hal_space_answers(struct hal_space *space, exo_frame_t frame);

/* Attaches an answer program that bpf_check() has accepted, to be run beside the answer page; it stays where it is and
 * as it is till another one (or NULL) takes its place. No context of the space runs now. false: this machine runs none. */
bool hal_space_program(struct hal_space *space, const struct exo_bpf_insn *program);

/* Copies between the kernel and addresses of a space, with the rights that the
 * space's program has there. false: some byte is not accessible; how much was
 * copied is then undefined. */
EXO_MUST_USE bool hal_copy_in(const struct hal_space *space, void *to, exo_vaddr_t from, uint64_t size);
EXO_MUST_USE bool hal_copy_out(const struct hal_space *space, exo_vaddr_t to, const void *from, uint64_t size);

/*
 * For core_check(): what ring 3 can reach in the space, as the machine's tables (those that it walks) say it. Moves *vaddr to
 * the first such page at or above it, in whichever half, and tells how many there are from there on whose frames are
 * neighbours; false: there is none. Left out is memory outside of the extent that the first LibOS was loaded into.
 */
bool hal_space_reach(const struct hal_space *space, exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count);

/* ---- Contexts ---------------------------------------------------------- */

struct hal_ctx {
	uint64_t word[64];
};

/* page: the context page (exo/context.h), hostile, stays mapped while the
 * context lives. space must outlive the context. */
void hal_ctx_init(struct hal_ctx *ctx, struct hal_space *space, struct exo_ctx_page *page);
/* Forgets the context; its page is not touched any more. */
void hal_ctx_fini(struct hal_ctx *ctx);

struct hal_trap {
	uint32_t event;  /* enum exo_event: SYSCALL FAULT EXCEPTION QUANTUM PENDING DEAD */
	uint32_t access; /* EXO_ACCESS_* */
	uint32_t vector, error;
	uint64_t address;
	uint64_t nr;      /* of a system call; the core looks for its own prefix here */
	uint64_t args[6]; /* the HAL's own copy, safe from the program */
};

/*
 * Loads the context as its page asks (exo/context.h says how), enters it, and
 * returns when it stops; `trap` tells why. Stops at the latest about when
 * hal_time_ns() reaches `deadline` (QUANTUM; at 0 before its first instruction), and soon after a device
 * event (PENDING; hal_events_take() then has it). For a SYSCALL the HAL has stored nothing in the
 * page but nr and args; for everything else all of regs, or after QUANTUM and PENDING nothing if that would take long. It sets `valid`.
 */
void hal_ctx_enter(struct hal_ctx *ctx, uint64_t deadline, struct hal_trap *trap);

/* After a SYSCALL trap which the core answers itself: the context goes on with
 * rax = status and rdx = value at the next hal_ctx_enter(). */
void hal_ctx_answer(struct hal_ctx *ctx, uint64_t status, uint64_t value);

/* Brings all registers and the vector state of a stopped context into its page. */
void hal_ctx_save(struct hal_ctx *ctx);

/* ---- The first LibOS --------------------------------------------------- */

/*
 * Sets `space` up as the space of the LibOS: on hosted the simulator itself (then
 * hal_copy_* are plain copies and hal_space_map must not be used on it), on x86_64 the ELF boot
 * module. Returns the address of its window onto the frames (struct exo_boot.window), which shows nothing
 * yet. Takes frames from the pool, which is one fresh run.
 */
EXO_MUST_USE enum exo_status hal_libos_init(struct hal_space *space, struct hal_pool *pool,
                                            uint64_t *window);

/*
 * The first LibOS's window: frames of the extent that it reaches, to read and to write. The core shows exactly those
 * that are plain, and hides them before they become kernel memory: when hal_window_hide() returns, the first LibOS does not
 * get at them any more, on whichever CPU. Showing what is shown and hiding what is hidden does nothing; so does hiding before
 * hal_libos_init(). Neither needs memory, and neither can fail. Where the LibOS is linked in, the HAL only
 * remembers, for hal_space_reach().
 */
void hal_window_hide(exo_frame_t first, uint64_t count);
void hal_window_show(exo_frame_t first, uint64_t count);

/* Runs the LibOS, for ever: hosted calls libos_start(boot); x86_64 copies `boot`
 * into the LibOS's space, enters it, and serves each of its kernel calls with core_call(). */
EXO_NORETURN void hal_libos_run(struct hal_space *space, const struct exo_boot *boot);

/* ---- Text -------------------------------------------------------------- */

/* See exo_text_prepare(). All of it is memory that the caller may write. */
struct hal_text {
	void *code;
	uint64_t size;              /* bytes of code */
	exo_vaddr_t address;        /* where it will run */
	void *thunks;               /* room for code that takes the place of call sites */
	uint64_t thunks_size;       /* bytes; whole pages */
	exo_vaddr_t thunks_address; /* where that will be mapped */
};
/* Returns how much of the room is used, bytes: 0, which is always right: nothing was changed. Keeps nothing of `text`. */
uint64_t hal_text_prepare(const struct hal_text *text);

/* ---- Time, CPUs, events ------------------------------------------------ */

uint64_t hal_time_ns(void);      /* monotonic since hal_boot()->boot_ns's origin */
uint64_t hal_time_real_ns(void); /* since 1970-01-01 UTC */
uint64_t hal_cycles(void);       /* a fast counter, hal_boot()->cycles_per_ms */

/* One-shot timer of this CPU: makes hal_events_take() give EXO_PEND_TIMER. UINT64_MAX: off. */
void hal_timer_arm(uint64_t at_ns);

uint32_t hal_cpu_id(void);

/* In a loop that waits for another CPU: `turn` counts how often in a row, from 0. On a machine
 * whose CPUs may themselves be taken away (hosted) it gives way after a while. */
void hal_cpu_relax(uint32_t turn);

/*
 * Tells another CPU to leave hal_ctx_enter() (PENDING, if nothing else stopped it) or hal_idle()
 * soon; if it is in neither, the next one of them ends early. May be called though it was
 * just kicked, and for the own CPU.
 */
void hal_kick(uint32_t cpu);

/* Device events that came since the last call: EXO_PEND_* bits. Cheap enough to be
 * called at every kernel entry. */
uint64_t hal_events_take(void);

/* Sleeps until a device event, the armed timer, or the time; may return early. Takes the machine's interrupts also if the time has passed. */
void hal_idle(uint64_t until_ns);

/* ---- Hashing ------------------------------------------------------------ */

/*
 * SHA-256's compression (FIPS 180-4, section 6.2.2) by the machine: hashes `count` blocks of
 * 64 bytes into `state`. false: this machine has no instructions for it, and nothing was
 * changed; the core then computes by itself. The answer stays the same from core_start() on.
 */
EXO_MUST_USE bool hal_sha256_blocks(uint32_t state[8], const void *blocks, uint64_t count);

/*
 * HMAC-SHA256 (RFC 2104) of `count` messages, 1 or 2, under one key, each of which fits one
 * block after the pad: words[i] is that block, ended (FIPS 180-4, section 5.1.1), as numbers;
 * inner and outer are the states after the pads. The code takes the place of the block's first
 * eight words. Two cost little more than one, since neither waits for the other. false as above.
 */
EXO_MUST_USE bool hal_hmac_words(uint32_t words[][16], const uint32_t inner[8], const uint32_t outer[8], uint32_t count);

/* ---- Devices for drivers in zones --------------------------------------- */

/* One access to a port (width 1, 2 or 4 bytes) or a device register (1, 2, 4 or 8; aligned). All of it
 * lies in one extent of hal_boot(), as the core has checked. */
uint64_t hal_io_read(uint64_t port, uint32_t width);
void hal_io_write(uint64_t port, uint32_t width, uint64_t value);
uint64_t hal_mmio_read(uint64_t address, uint32_t width);
void hal_mmio_write(uint64_t address, uint32_t width, uint64_t value);

/*
 * Interrupt lines of the extents in hal_boot(); all are masked at first. An interrupt masks its line: each
 * comes once until the line is unmasked. One that came while it was masked comes then.
 */
void hal_irq_mask(uint32_t line);
void hal_irq_unmask(uint32_t line);

/* Bit n: line n has interrupted since the last call. To be asked when
 * hal_events_take() has given EXO_PEND_IRQ. */
uint64_t hal_irq_take(void);

/* ---- Disks -------------------------------------------------------------- */

/* Transfers that can be under way at a time, over all disks; the core numbers them. */
#define HAL_TRANSFERS 32

/*
 * Begins transfer `number`, which is not under way, as the request says: all of it is inside of one disk and of the extent, and it is
 * no write or flush if that cannot be written. No copy is made where the device can reach memory
 * by itself: the frames are the device's until hal_disk_take() names the transfer. E_BUSY: the device has no room;
 * E_DEVICE: it is broken. Then nothing was begun.
 */
EXO_MUST_USE enum exo_status hal_disk_submit(uint32_t number, const struct exo_disk_request *request);

/*
 * A transfer that is over, of which nothing touches the frames any more, and EXO_OK or E_DEVICE; false: none. Each is named
 * once, and only what was begun: the HAL believes no device's word for that. One that answers what it was not asked is
 * stopped, and all of its transfers have failed. May be asked at any time; hal_events_take() gives
 * EXO_PEND_BLOCK when there is something.
 */
EXO_MUST_USE bool hal_disk_take(uint32_t *number, enum exo_status *status);

/* ---- Console, entropy, end --------------------------------------------- */

/* Take what there is room for, without waiting for a device, and return how many bytes. After 0 hal_events_take() gives EXO_PEND_ROOM
 * when there is some. What was taken goes out by itself, at hal_halt() and hal_panic() at the latest. At most EXO_BYTES_MAX bytes. */
uint64_t hal_console_write(const void *bytes, uint64_t size);
/* To where struct exo_boot.errors leads, if hal_console_info() says EXO_CONSOLE_ERRORS, which never changes. Waits for the device. */
uint64_t hal_errors_write(const void *bytes, uint64_t size);
/* For the operator: apart from the console's bytes where the machine has a place for that, else on it. */
uint64_t hal_log_write(const void *bytes, uint64_t size);
uint64_t hal_console_read(void *bytes, uint64_t size); /* does not wait */
void hal_console_info(struct exo_console_info *info);

/* true: filled. At most EXO_BYTES_MAX bytes. */
EXO_MUST_USE bool hal_entropy(void *bytes, uint64_t size);

/* Ends the machine with an exit status 0..255: host processes are gone, the
 * terminal is as it was. With EXO_HALT_RESTART a machine that has no runner begins anew. */
EXO_NORETURN void hal_halt(uint32_t status);

/* The kernel is broken: says so with a backtrace, and ends the machine with 125. */
EXO_NORETURN void hal_panic(const char *message);

/* The only library functions that core and LibOS may use. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
