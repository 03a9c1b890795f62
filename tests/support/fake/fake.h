/*
 * The scripted HAL: a machine made of one array, virtual time, and programs
 * that are C functions. For unit tests of core and LibOS and for fuzzers.
 *
 *   fake_reset();                       defaults: 16 MiB, no image, no program
 *   fake.program = my_program;          what contexts do when they are entered
 *   how = fake_boot(my_libos);          core_start(), then my_libos(boot)
 *
 * fake_boot() comes back when the LibOS function returns, the machine halts, panics,
 * or sleeps with nothing left to wake it.
 */
#ifndef FAKE_H
#define FAKE_H

#include <hal/hal.h>

#define FAKE_FRAMES_MAX  UINT64_C(36864) /* 144 MiB: more than may become kernel memory at once */
#define FAKE_FIRST_FRAME UINT64_C(0x100)
#define FAKE_CONSOLE_MAX 65536

#define FAKE_PORT       UINT64_C(0x70)
#define FAKE_PORT_COUNT UINT64_C(16)
#define FAKE_MMIO       UINT64_C(0xf0)
#define FAKE_IRQ        UINT64_C(5)
#define FAKE_IRQ_COUNT  UINT64_C(11)
#define FAKE_DISK_BLOCKS 64

/* How fake_boot() ended; fake.status has the status of FAKE_HALTED. */
enum fake_end {
	FAKE_RETURNED,
	FAKE_HALTED,
	FAKE_PANICKED,
	FAKE_STUCK,
};

/* One entry into a context, as its program sees it. */
struct fake_entry {
	struct hal_ctx *ctx;
	struct hal_space *space;
	struct exo_ctx_page *page;
	struct exo_regs *regs; /* live registers: loaded, and stored when it stops */
	uint64_t deadline;
	struct hal_trap *trap; /* to be filled; preset to QUANTUM */
};

typedef void fake_program_fn(void *user, struct fake_entry *entry);
typedef void fake_libos_fn(const struct exo_boot *boot);

struct fake {
	/* Before fake_boot() */
	uint64_t frame_count;
	uint32_t cpu_count; /* 1; more: see fake_cpu_become() */
	const void *image;
	uint64_t image_size;
	const char *cmdline;
	uint32_t nodes, colours; /* equal parts of memory; 0: one */
	struct hal_extent holes[HAL_HOLES]; /* as hal_boot() gives them */
	exo_frame_t mmio;        /* FAKE_MMIO */
	fake_program_fn *program; /* NULL: every context uses up its quantum */
	void *user;

	/* The machine; may be changed at any time */
	uint64_t now_ns, real_offset_ns, cycles;
	uint64_t tick_ns;         /* time that each look at the clock takes */
	uint64_t timer_at;
	uint64_t events;          /* EXO_PEND_* raised by "devices" */
	uint64_t random;          /* state of the generator */
	bool tells_use;           /* it has accessed and dirty bits; else both are always set */
	bool entropy_fails;
	bool no_sha;              /* as if the processor had no SHA extensions */
	bool space_fails;         /* hal_space_init() says E_DEVICE */
	bool checks;              /* hal_boot_info.check; before fake_boot() */
	bool no_mmio_maps;        /* registers cannot be mapped; before fake_boot() */
	uint64_t thunks;          /* bytes that each prepared text uses for them; it then begins with FAKE_TEXT, their pages with FAKE_THUNK */
	bool runs_programs;       /* what hal_space_program() says; none is run */
	bool slow_console;        /* it has room for so many bytes only, until fake_console_drain() */
	bool console_full;        /* it had none for a write */
	uint64_t console_room;
	const char *input;        /* console input not yet read */
	uint64_t input_size;
	uint16_t rows, columns;
	uint32_t console_flags;

	/* Called once, when the core asks next which CPU this is: what another one does at this moment. */
	void (*meanwhile)(void);

	/* Devices for zones: ports FAKE_PORT.., registers in FAKE_MMIO (the second frame read-only),
	 * lines FAKE_IRQ..; an access outside of them is a bug of the core. */
	uint64_t io_value;        /* what reads give */
	struct {
		uint64_t at, value, count;
		uint32_t width;
		bool mmio, write;
	} io; /* the last access, and how many there were */
	uint64_t irq_masked, irq_latched, irq_fired;

	/* Two disks: the first can be written, of FAKE_DISK_BLOCKS blocks; the second not, of one. Transfers are done
	 * by fake_disk_step(), or at once if `immediate`. */
	struct {
		uint8_t blocks[FAKE_DISK_BLOCKS][16]; /* the first bytes of each; the rest of a block is zeroes */
		bool immediate, fails, broken, full;  /* transfers fail; hal_disk_submit() says E_DEVICE, E_BUSY */
		uint32_t waiting, done, failed;       /* transfers, as bits */
		struct exo_disk_request requests[HAL_TRANSFERS];
		uint64_t submits, flushes;
	} disk;

	/* If region_count > 0, the LibOS can be read and written only there, so that
	 * wild pointers can be tried; else they are used as they are. */
	struct {
		const void *base;
		uint64_t size;
	} regions[4];
	unsigned region_count;

	/* What happened */
	char output[FAKE_CONSOLE_MAX]; /* the first so many bytes */
	uint64_t output_size;
	char errors[64]; /* likewise, of hal_errors_write() */
	uint64_t errors_size;
	uint32_t status;
	const char *panic;
	const struct exo_bpf_insn *answer_program; /* the last one */
	uint64_t enters, flushes, tables, spaces, contexts; /* the last three: alive now */
	uint64_t words;           /* of page tables that were looked at on the way to the next page */
	uint64_t unflushed;       /* spaces from which something was taken since the last flush: none when a call ends */
};

#define FAKE_TEXT  0xa1
#define FAKE_THUNK 0xb2

extern struct fake fake;

void fake_reset(void);
enum fake_end fake_boot(fake_libos_fn *libos);

/* A device raises its line: once, however long it stays up. */
void fake_irq(uint32_t line);

/* The disks finish up to `count` transfers, the lowest number first. */
void fake_disk_step(uint32_t count);

/* So many bytes of the console's have gone out. */
void fake_console_drain(uint64_t bytes);

/* Ends fake_boot() from anywhere inside it. */
EXO_NORETURN void fake_end(enum fake_end end);

/*
 * Several CPUs: threads that the test makes, inside of its LibOS function; each calls this first,
 * with a number below fake.cpu_count of its own (the one that booted is 0), and then the core as it likes.
 * Time, events and timer are one for all; output and input are guarded by the core's lock; a program's
 * memory (fake_load, fake_store) by one of the machine's.
 * What the test itself sets in `fake` must be set before. fake_end() is for CPU 0 alone.
 */
#define FAKE_CPUS_MAX 8
void fake_cpu_become(uint32_t cpu);

/* For programs: this CPU was kicked; return, and the trap is PENDING unless it says something else. */
bool fake_is_kicked(void);

/* The machine's own: the kick was heard; the timer's time has come; the LibOS's window (is no frame there hidden? and
 * hal_space_reach()); the memory's lock. */
void fake_kick_end(void);
bool fake_timer_due(void);
bool fake_window_allows(exo_vaddr_t address, uint64_t size);
bool fake_window_reach(exo_vaddr_t *vaddr, exo_frame_t *frame, uint64_t *count);
void fake_space_entered(const struct hal_space *space);
void fake_space_lock(void);
void fake_space_unlock(void);

/* For programs: stop with this trap. */
void fake_syscall(struct fake_entry *entry, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
                  uint64_t a3, uint64_t a4, uint64_t a5);
void fake_fault(struct fake_entry *entry, exo_vaddr_t address, uint32_t access);
void fake_exception(struct fake_entry *entry, uint32_t vector, uint32_t error);

/* For programs: memory, with the program's rights; on failure the entry has
 * its fault trap already. */
EXO_MUST_USE bool fake_load(struct fake_entry *entry, void *to, exo_vaddr_t from, uint64_t size);
EXO_MUST_USE bool fake_store(struct fake_entry *entry, exo_vaddr_t to, const void *from, uint64_t size);

#endif
