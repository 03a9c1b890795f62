/*
 * What the files of this HAL share: the machine's one struct, the per-CPU
 * block, and the prototypes between files. Nothing here is seen by the core.
 *
 * Unless said otherwise a function runs on the boot CPU with interrupts off,
 * and pointers stay the caller's.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <hal/hal.h>
#include <hal/x86_64/x86.h>

struct space;

/* ---- Layout of the kernel's half --------------------------------------- */

#define KERNEL_BASE UINT64_C(0xffffffff80000000) /* as in kernel.ld, boot.S */
#define DIRECT_BASE UINT64_C(0xffff800000000000) /* physical address 0 */
#define DIRECT_SIZE (UINT64_C(1) << 46)
#define DEVICE_BASE UINT64_C(0xffffffffc0000000) /* device registers, uncached */
#define EARLY_LIMIT (UINT64_C(1) << 32)          /* what boot.S has mapped … */
#define EARLY_IMAGE (UINT64_C(64) << 20)         /* … and of the image */

#define AREA_SLOT_FIRST 384 /* of root tables: behind DIRECT_BASE's, entry areas are somewhere; it stays empty itself */

#define WINDOW_BASE UINT64_C(0x600000000000) /* the LibOS's view of frames */

static inline void *phys_ptr(uint64_t phys)
{
	return (void *)(uintptr_t)(DIRECT_BASE + phys);
}

/* ---- Selectors: the values that Linux programs see --------------------- */

#define SEL_KCODE 0x10
#define SEL_KDATA 0x18
#define SEL_UDATA 0x2b
#define SEL_UCODE 0x33
#define SEL_TSS   0x40

/* ---- Vectors ----------------------------------------------------------- */

#define VEC_DB 1
#define VEC_NMI 2
#define VEC_BP 3
#define VEC_NM 7
#define VEC_DF 8
#define VEC_GP 13
#define VEC_PF 14
#define VEC_MC 18
#define VEC_PIC      0x20 /* sixteen lines of the two 8259 */
#define VEC_TIMER    0x40 /* local APIC */
#define VEC_KICK     0x41 /* from the other CPU */
#define VEC_DISK     0x42 /* message of a disk */
#define VEC_STREAM   0x43 /* message of the console's input */
#define VEC_SPURIOUS 0x4f
#define VEC_COUNT    0x50
#define TRAP_SYSCALL 0x100

/* ---- The CPU ----------------------------------------------------------- */

#define PCID_COUNT 32

/* Each CPU's stacks. Traps land on small ones (trap.c), and go on to these only where C has something to do. */
enum stack_use { STACK_MAIN, STACK_NMI, STACK_FAULT, STACK_CHECK, STACK_USES };

/* The first fields are known to traps.S by their offsets. */
struct cpu {
	struct cpu *self;         /* 0 */
	uint64_t kernel_rsp;      /* 8: where user_enter() resumes */
	struct exo_regs *regs;    /* 16: of what runs in ring 3 */
	uint64_t error;           /* 24: error code of the last trap from ring 3 */
	/* Where ring 3 has tables of its own (isolation.c): */
	uint64_t ring3_cr3;       /* 32: loaded at the next entry; 0: ring 3 runs on the kernel's */
	uint64_t ring3_again;     /* 40: what it has besides at the entries after that */
	uint64_t ring3_now;       /* 48: scratch of user_enter() */
	uint64_t leave_sysret, leave_iret; /* 56, 64: the last steps to ring 3 */
	uint64_t landing;         /* 72: top of the stack for traps from ring 3 */
	uint64_t stacks[STACK_USES]; /* 80: their tops */
	uint64_t area_entry;      /* of ring 3's root tables, for this CPU's entry area */
	uint32_t area_slot;       /* where it is in them */

	uint64_t cr3;           /* ring 3's or, if they are the same, the one that is loaded; without CR3_NOFLUSH */
	uint64_t pending;       /* EXO_PEND_*, not yet taken */
	uint64_t timer_at;      /* what the core asked for, ns */
	uint64_t armed_at;      /* when the hardware will fire, ns */
	struct context *fp_owner;  /* whose vector state is in the registers */
	bool fp_closed;            /* CR0.TS: they must not be touched */
	bool is_libos_ready;       /* context_prepare_libos() has nothing to do */
	struct context *seg_owner; /* whose fs and gs bases are loaded */
	uint64_t pcid_owner[PCID_COUNT]; /* space id; 0: free */
	uint32_t pcid_next;
	uint32_t id;
	bool idle;              /* interrupts in ring 0 are expected */
	bool dying;             /* it is the one that says so */
};

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;
	__asm__("mov %%gs:8192, %0" : "=r"(cpu)); /* struct local, trap.c */
	return cpu;
}

/* ---- What the CPU can do ----------------------------------------------- */

struct features {
	bool xsave, avx, fsgsbase, smep, smap, umip, pcid, global, gib_pages;
	bool keeps_fp_pointers; /* FXRSTOR leaves the last x87 instruction's addresses when no exception is pending */
	bool mce, mca, apic, tsc_deadline, rdrand, rdseed, sha, sysenter;
	uint64_t xcr0;
};

/* ---- Boot: what multiboot.c found, copied out of the loader's memory ---- */

struct range {
	uint64_t start, end; /* physical, end exclusive */
};

#define RANGE_MAX 64

struct screen_info {
	uint64_t address;
	uint32_t pitch, width, height;
	uint8_t bits, kind; /* kind: 1 RGB, 2 EGA text */
	uint8_t red_shift, green_shift, blue_shift;
};

struct loader_info {
	struct range ram[RANGE_MAX];
	uint32_t ram_count;
	struct range mbi;    /* the information itself */
	struct range libos, root; /* modules; empty: none */
	struct screen_info screen;
	bool has_rsdp;
	uint8_t rsdp[36];
	char cmdline[EXO_CMDLINE_SIZE];
};

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* ---- The machine -------------------------------------------------------- */

struct machine {
	struct hal_boot_info boot;
	struct features can;
	struct loader_info loader;
	struct range image;      /* the kernel, physical */
	uint64_t kernel_pml4;    /* physical */
	uint64_t cr0;            /* of each CPU, but for TS */
	uint64_t entry_tsc;      /* when the loader handed over */
	char cmdline[EXO_CMDLINE_SIZE];      /* the LibOS's */
	char options[256];       /* the machine's own: boot_option() */
	uint64_t next_space_id;
	uint64_t split_page;     /* physical; 0: one CPU */
	bool boottime;
	bool isolated;           /* ring 3's tables have no kernel in them; fixed before there is a space */
	bool control, log_port;  /* the runner's channels are there */
	bool dying;              /* a panic; the other CPU stops at the NMI that it gets then */
};
extern struct machine machine;

/* ---- boot.S, traps.S ---------------------------------------------------- */

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];
extern char entry_start[], entry_end[];
extern uint64_t trap_stubs[VEC_COUNT];

struct stack {
	uint64_t guard, top; /* an unmapped page, and where it begins */
	const char *name;
};
extern const struct stack stack_table[2 * STACK_USES];                /* stacks.S */

/* Enters ring 3 with *regs and returns when it traps, with the vector or
 * TRAP_SYSCALL; *regs then holds the registers (not fs_base, gs_base). by_sysret: rcx and
 * r11 are lost. rflags must be clean. A rip that no program can have, or whatever else the CPU
 * refuses to enter, comes back as VEC_GP with *regs as it was. */
uint32_t user_enter(struct exo_regs *regs, bool by_sysret);
void syscall_entry(void), syscall_entry_isolated(void), leave_sysret(void), leave_iret(void);

/* Vector state; false: the area was refused with #GP. */
bool fp_xrstor(const void *area, uint64_t mask);
bool fp_fxrstor(const void *area);

/* ---- One line per file -------------------------------------------------- */

void multiboot_parse(uint64_t info, struct loader_info *out);   /* multiboot.c */

void memory_init(void);                                         /* memory.c */
uint64_t memory_carve(uint64_t size, uint64_t limit);  /* physical; for ever */
uint64_t memory_table(void);              /* an empty page for page tables; physical */
/* The entry for vaddr at `level` (1: 4 KiB to 3: 1 GiB) below a root table; tables above it are made, with these rights. */
uint64_t *memory_entry(uint64_t root, uint64_t vaddr, unsigned level, uint64_t rights);
void memory_finish(void);                 /* picks the extent, moves the image */
void *memory_map_device(uint64_t phys, uint64_t size);  /* until memory_finish */

void trap_init(void);                                           /* trap.c */
void trap_init_worker(void);              /* on the second CPU */
struct cpu *worker_cpu(void);
void trap_user_code(bool present);        /* provoke.c: may this CPU enter ring 3? */
void trap_bend_gate(void);                /* provoke.c: one that is not used */
/* The pages that gs points to, LOCAL_SIZE bytes: ring 3's tables need the first two, the second only to be read. */
#define LOCAL_SIZE 12288
void *trap_local(const struct cpu *cpu);
/* This CPU finds them at `local` from now on, and the page from entry_start at `text`; and it
 * loads kernel_cr3 whenever it comes from ring 3. */
void trap_move(uint64_t local, uint64_t text, uint64_t kernel_cr3);
const void *trap_tables(uint32_t id);     /* the second of them, of CPU 0 or 1 */
/* What a program left of its registers where the next one might see it. */
void trap_forget(void);
void kernel_trap(struct trap_frame *frame);
void nmi_handle(const struct cpu *cpu);   /* on the NMI stack; gs may be the program's */
void nmi_report(void);                    /* logs what came since the last time */
/* The stack whose guard page has the address, or NULL. */
const struct stack *stack_overflowed(uint64_t address);
const char *trap_name(uint64_t vector);

void cpu_detect(struct features *can);                          /* cpu.c */
uint32_t cpu_colours(void);               /* of frames, at least 1 */
void cpu_init(const struct features *can);

void check_init(const struct features *can);                    /* check.c */
void check_tell(void);                    /* logs what this CPU's banks have */

void provoke(bool on_worker);                                   /* provoke.c */
void provoke_libos(const struct space *space); /* before the first LibOS runs */
void witness_take(void);                  /* witness.c: now everything is as it is to stay */
bool witness_agrees(void);                /* and so it is, or nobody asked */
/* Before memory_finish(): decides whether ring 3 has tables of its own, prepares them, and puts the boot CPU on them. */
void isolation_init(void);                                      /* isolation.c */
void isolation_join(void);                /* on the second CPU: it, too */
/* The kernel's name for an address in an entry area; any other address stays what it is. */
uint64_t isolation_name(uint64_t rip);

void libos_load(void);                                          /* libos.c */
void libos_name(uint64_t rip);            /* logs an address with its name */
bool libos_has(const struct space *space, exo_frame_t frame); /* it was loaded there, and the space is its */

void srat_read(const uint8_t *table, uint32_t size);             /* srat.c */
void srat_apply(struct hal_boot_info *boot); /* the extent's nodes */

void acpi_init(void);                                           /* acpi.c */
uint16_t acpi_pm_timer(void);             /* I/O port; 0: none */
uint64_t acpi_hpet(void);                 /* address of its registers; 0: none */
bool acpi_other_cpu(uint32_t own, uint32_t *apic_id); /* the first usable CPU but this; false: none */
void acpi_power_off(void);
void acpi_reset(void);

void timer_init_start(void);                                    /* timer.c */
void timer_init(void);
void timer_need(uint64_t at_ns);          /* the hardware fires at the latest then */
void timer_interrupt(void);

void apic_enable(void);                   /* this CPU's */
void apic_end(void);                      /* end of interrupt */
void apic_send(uint32_t apic_id, uint32_t vector);
void apic_send_nmi(uint32_t apic_id);
bool apic_here(void);
uint32_t apic_id(void);                   /* this CPU's */
void apic_reset_cpu(uint32_t apic_id);
void apic_start_cpu(uint32_t apic_id, uint32_t page);

void irq_init(void);                                            /* irq.c */
void irq_handle(uint32_t vector);         /* sets pending bits, acknowledges */
void irq_unmask(uint32_t line);

void device_offer(struct hal_boot_info *boot);                  /* device.c */

void virtio_init(void);                                         /* virtio.c; before memory_finish() */

void disk_found(uint32_t device);         /* as PCI numbers them; disk.c */
void disk_interrupt(void);
/* Sees whether disks that cannot interrupt have done something; returns when to look again, at most `until_ns`. */
uint64_t disk_look(uint64_t until_ns);

void stream_found(uint32_t device);                             /* stream.c */
void stream_interrupt(void);
uint64_t stream_read(uint8_t *to, uint64_t size);

void fwcfg_init(void);                                          /* fwcfg.c */
bool fwcfg_find(const char *name, uint16_t *selector, uint32_t *size);
bool fwcfg_read(uint16_t selector, uint64_t phys, uint32_t size);

void entropy_init(void);                                        /* entropy.c */
void entropy_date(void);                  /* stirs the date in, when that is known */

void serial_init(void);                                         /* serial.c */
uint64_t serial_room(void);               /* bytes that serial_write() takes; 0: EXO_PEND_ROOM comes when there is some */
void serial_write(const uint8_t *bytes, uint64_t size);
void serial_flush(void);                  /* sends all by polling */
uint64_t serial_look(uint64_t until_ns);  /* gives up a port that never drains; when to look again, or until_ns */
void serial_interrupt(uint32_t line);
void serial_listen(void);                 /* interrupts on */
void serial_resume(void);                 /* the console has room again */
bool serial_typed(void);                  /* polls: a byte came on the console; it is lost */
void control_write(const char *text);

void screen_init(void);                                         /* screen.c */
void screen_map(void);                    /* after memory_init() */
/* Takes what does not take long, or all of it, and that is drawn then; how many bytes. */
uint64_t screen_write(const uint8_t *bytes, uint64_t size, bool all);
bool screen_draw_some(void);              /* true: there is more */
void screen_finish(void);                 /* draws all */

void keyboard_init(void);                                       /* keyboard.c */
void keyboard_interrupt(void);
bool keyboard_pressed(void);              /* polls: a key went down; what it was is lost */

void console_init(void);                                        /* console.c */
void console_start(void);                 /* interrupts are there: from now on output goes on by itself */
void console_flush(void);                 /* all that was written is sent and drawn */
uint64_t console_look(uint64_t until_ns); /* goes on with output for a little; when to look again, or until_ns */
void console_input(uint8_t byte);         /* from the serial port */
void console_type(uint8_t byte);          /* from the keyboard; lost if there is no room */
uint64_t console_space(void);             /* bytes that console_input() may still take */
void console_end(void);                   /* there is no more input than what has come */
void console_control(uint8_t byte);       /* one byte from the runner */
void log_text(const char *text);          /* to the runner's log, else the console */
void log_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t text_format(char *out, uint64_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool boot_option(const char *key, uint64_t *value);             /* start.c */
bool boot_option_is(const char *key, const char *value);

EXO_NORETURN void panic_trap(const char *what, const struct trap_frame *frame); /* panic.c */
EXO_NORETURN void panic_libos(const char *what, const struct exo_regs *regs,
                              const struct hal_space *space);

/* Private views of the core's embedded structs; see space.c and ctx.c. */
struct space {
	uint64_t pml4;     /* physical */
	uint64_t id;       /* never reused */
	uint64_t pcid;     /* slot in cpu.pcid_owner */
	uint64_t stale;    /* the TLB may hold what is no longer so */
	uint64_t area_slot; /* where pml4 has an entry area; AREA_SLOT_FIRST: it has none */
	const struct exo_answer_page *answers;
	const struct exo_bpf_insn *program; /* the core's; NULL: none */
};
_Static_assert(sizeof(struct space) <= sizeof(struct hal_space), "fits");

/* Ring 3 is next entered in this space. space.c */
void space_load(struct space *space);
void space_leave(void);                   /* this CPU keeps no space loaded */

/* Makes the tables of the first LibOS's window. false: the pool ran dry. */
bool window_init(struct space *space, struct hal_pool *pool);   /* window.c */

struct context {
	struct exo_regs regs;   /* first: traps.S */
	struct exo_ctx_page *page;
	struct space *space;
	uint32_t state;
	bool by_sysret;
};
_Static_assert(sizeof(struct context) <= sizeof(struct hal_ctx), "fits");

/* Why a context stopped. */
struct stop {
	uint32_t vector, error;
	uint64_t address; /* of a page fault */
};

/* On the CPU that runs contexts: enters ring 3 until something is for the LibOS. */
void context_run(struct context *c, struct stop *stop);         /* ctx.c */
/* After a system call of c: true if its space's answer page or program has the result, which is in rax then. */
bool context_answered(struct context *c);                       /* answer.c */
/* Brings fs and gs bases into c->regs, and the vector state into the page. */
void context_settle(struct context *c, bool with_fp);

/* Before the first LibOS, which is c, is entered: its bases are loaded, and what the vector registers hold of others is
 * closed. It is opened, and they are its own, when it has trapped with VEC_NM. */
void context_prepare_libos(struct context *c);
void context_give_vectors(struct context *c);
/* The kernel may use the vector registers, until the next entry. What is in them stays somebody's. */
void context_open_vectors(void);

/* This CPU keeps nothing of any context or space. */
void context_leave(void);

/* The second CPU; NULL: contexts run on this one. */
struct cpu *split_worker(void);                                 /* split.c */
void split_choose(void);                  /* before an entry: which of the two it is */
void split_prepare(void);                 /* while memory can be carved */
void split_start(void);
void split_join(void);                    /* waits till it is up, for a while */
void split_run(struct context *c, uint64_t deadline, struct stop *stop);
void split_save(struct context *c, bool with_fp);
void split_leave_space(void);             /* context_leave() on the worker */
void split_stop(void);                    /* at a panic: the other CPU stops */

#endif
