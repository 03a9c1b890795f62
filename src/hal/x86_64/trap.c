/*
 * The descriptor tables, and what happens on a trap from ring 0: an interrupt
 * in hal_idle(), the fixups of the two vector-state restores, or the end. NMI.
 */
#include <hal/x86_64/machine.h>

#define IST_NMI   1
#define IST_DEBUG 2
#define IST_FAULT 3
#define IST_CHECK 4

#define NMI_PORT   0x61 /* why there was one */
#define NMI_SERR   0x80
#define NMI_IOCHK  0x40
#define NMI_NO_SERR  0x04
#define NMI_NO_IOCHK 0x08

#define GATE_INTERRUPT 0x8e /* present, ring 0 only */
#define GATE_USER      0xee /* present, also for int3 and into */

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, zero;
};

struct __attribute__((packed)) tss {
	uint32_t zero0;
	uint64_t rsp[3];
	uint64_t zero1;
	uint64_t ist[7];
	uint64_t zero2;
	uint16_t zero3, iomap;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

/*
 * Of each CPU: three pages, which gs points to. The first two are all that ring 3's tables have of them, where ring 3 has
 * tables of its own; then the CPU is given their addresses in the entry area (isolation.c).
 */
static struct local {
	/* Written in ring 0 before it is read there; see traps.S. */
	struct {
		uint64_t user_rsp, rdi;
		uint8_t trap[752], nmi[832], debug[832], fault[832], check[832]; /* stacks on which traps land */
	} landing;
	union {
		struct {
			uint64_t kernel_cr3, spare;
			uint64_t gdt[10];
			struct tss tss;
			struct gate idt[VEC_COUNT];
		};
		uint8_t page[4096];
	} tables;
	union {
		struct cpu cpu;
		uint8_t page[4096];
	} block;
} boot_local __attribute__((aligned(4096))), worker_local __attribute__((aligned(4096)));

_Static_assert(sizeof(struct local) == LOCAL_SIZE, "pages");
_Static_assert(offsetof(struct local, landing.nmi) % 16 == 0 && offsetof(struct local, landing.debug) % 16 == 0
               && offsetof(struct local, landing.fault) % 16 == 0 && offsetof(struct local, landing.check) % 16 == 0,
               "what the CPU pushes begins at the very top");
_Static_assert(offsetof(struct local, tables) == 4096 && offsetof(struct local, tables.gdt) == 4096 + 16
               && offsetof(struct local, block) == 8192 && offsetof(struct cpu, ring3_cr3) == 32
               && offsetof(struct cpu, stacks[STACK_NMI]) == 88 && sizeof(struct trap_frame) == 176, "as traps.S has them");

static struct {
	uint32_t count, told;
	uint8_t reasons; /* NMI_* */
} nmi;

extern void nmi_entry(void), debug_entry(void), fault_entry(void), check_entry(void);
extern const uint8_t fp_xrstor_site[], fp_fxrstor_site[], fp_refused[];

/* Where a local, and the page with the entry code, are for the CPU. */
struct place {
	uint64_t local, text;
};

static uint64_t top_of(const struct local *local, const uint8_t *stack, uint64_t size, struct place at)
{
	return at.local + (uint64_t)(stack - (const uint8_t *)local) + size;
}

static void tss_init(struct local *local, struct place at)
{
	struct tss *tss = &local->tables.tss;

	local->block.cpu.landing = top_of(local, local->landing.trap, sizeof(local->landing.trap), at);
	tss->rsp[0] = local->block.cpu.landing;
	tss->ist[IST_NMI - 1] = top_of(local, local->landing.nmi, sizeof(local->landing.nmi), at);
	tss->ist[IST_DEBUG - 1] = top_of(local, local->landing.debug, sizeof(local->landing.debug), at);
	tss->ist[IST_FAULT - 1] = top_of(local, local->landing.fault, sizeof(local->landing.fault), at);
	tss->ist[IST_CHECK - 1] = top_of(local, local->landing.check, sizeof(local->landing.check), at);
	tss->iomap = sizeof(*tss);
}

static uint64_t text_at(uint64_t address, struct place at)
{
	return at.text + (address - (uint64_t)(uintptr_t)entry_start);
}

static void gate_set(struct local *local, unsigned vector, uint64_t entry, struct place at, unsigned ist, uint8_t type)
{
	uint64_t address = text_at(entry, at);

	local->tables.idt[vector] = (struct gate){
		.low = (uint16_t)address, .selector = SEL_KCODE, .ist = (uint8_t)ist,
		.type = type, .middle = (uint16_t)(address >> 16),
		.high = (uint32_t)(address >> 32),
	};
}

static void idt_init(struct local *local, struct place at)
{
	for (unsigned i = 0; i < VEC_COUNT; i++)
		gate_set(local, i, trap_stubs[i], at, 0, i == 3 || i == 4 ? GATE_USER : GATE_INTERRUPT);
	gate_set(local, VEC_NMI, (uint64_t)(uintptr_t)nmi_entry, at, IST_NMI, GATE_INTERRUPT);
	gate_set(local, VEC_DB, (uint64_t)(uintptr_t)debug_entry, at, IST_DEBUG, GATE_INTERRUPT);
	gate_set(local, VEC_DF, (uint64_t)(uintptr_t)fault_entry, at, IST_FAULT, GATE_INTERRUPT);
	gate_set(local, VEC_MC, (uint64_t)(uintptr_t)check_entry, at, IST_CHECK, GATE_INTERRUPT);
}

static void gdt_init(struct local *local, struct place at)
{
	uint64_t *gdt = local->tables.gdt, tss = at.local + offsetof(struct local, tables.tss);

	/* No 32-bit code segment: the entry below SEL_UDATA stays empty. All are marked as accessed, since the CPU may not
	 * be able to write it here. */
	gdt[SEL_KCODE / 8] = UINT64_C(0x00af9b000000ffff);
	gdt[SEL_KDATA / 8] = UINT64_C(0x00cf93000000ffff);
	gdt[SEL_UDATA / 8] = UINT64_C(0x00cff3000000ffff);
	gdt[SEL_UCODE / 8] = UINT64_C(0x00affb000000ffff);
	gdt[SEL_TSS / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16
	                   | UINT64_C(0x89) << 40 | (tss >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = tss >> 32;
}

/* Makes the tables, for these addresses, and this CPU use them. */
static void local_load(struct local *local, struct place at)
{
	struct table_pointer gdt = { sizeof(local->tables.gdt) - 1, at.local + offsetof(struct local, tables.gdt) };
	struct table_pointer idt = { sizeof(local->tables.idt) - 1, at.local + offsetof(struct local, tables.idt) };

	tss_init(local, at);
	idt_init(local, at);
	gdt_init(local, at);
	__asm__ volatile("lgdt %0\n\t"
	                 "pushq %1\n\t"
	                 "leaq 1f(%%rip), %%rax\n\t"
	                 "pushq %%rax\n\t"
	                 "lretq\n"
	                 "1:\tmov %2, %%ss\n\t"
	                 "mov %3, %%ds\n\t"
	                 "mov %3, %%es\n\t"
	                 "mov %3, %%fs\n\t"
	                 "mov %3, %%gs\n\t"
	                 "ltr %w4\n\t"
	                 /* No local table: firmware or a reset may have left one at address 0. */
	                 "lldt %w3\n\t"
	                 "lidt %5"
	                 : : "m"(gdt), "i"(SEL_KCODE), "r"(SEL_KDATA), "r"(0), "r"(SEL_TSS), "m"(idt)
	                 : "rax", "memory");
	msr_write(MSR_GS_BASE, at.local);
	msr_write(MSR_KERNEL_GS_BASE, 0);
}

static void local_init(struct local *local, const struct stack stacks[STACK_USES])
{
	struct cpu *cpu = &local->block.cpu;

	cpu->self = cpu;
	cpu->timer_at = UINT64_MAX;
	cpu->armed_at = UINT64_MAX;
	for (enum stack_use use = STACK_MAIN; use < STACK_USES; use++)
		cpu->stacks[use] = stacks[use].top;
	local_load(local, (struct place){ (uint64_t)(uintptr_t)local, (uint64_t)(uintptr_t)entry_start });
}

void trap_init(void)
{
	local_init(&boot_local, stack_table);
}

void trap_init_worker(void)
{
	worker_local.block.cpu.id = 1;
	local_init(&worker_local, stack_table + STACK_USES);
}

void trap_user_code(bool present)
{
	const uint64_t bit = UINT64_C(1) << 47; /* SDM vol. 3, figure 3-8 */
	uint64_t *entry = &boot_local.tables.gdt[SEL_UCODE / 8];

	*(volatile uint64_t *)entry = present ? *entry | bit : *entry & ~bit;
}

void trap_bend_gate(void)
{
	boot_local.tables.idt[VEC_COUNT - 1].low ^= 1;
}

struct cpu *worker_cpu(void)
{
	return &worker_local.block.cpu;
}

/* this_cpu() is somewhere in it. */
static struct local *local_of(const struct cpu *cpu)
{
	return cpu == &boot_local.block.cpu ? &boot_local : &worker_local;
}

void *trap_local(const struct cpu *cpu)
{
	return local_of(cpu);
}

const void *trap_tables(uint32_t id)
{
	return id == 0 ? &boot_local.tables : &worker_local.tables;
}

void trap_move(uint64_t local, uint64_t text, uint64_t kernel_cr3)
{
	struct cpu *cpu = this_cpu();
	const struct place at = { local, text };

	local_of(cpu)->tables.kernel_cr3 = kernel_cr3;
	cpu->leave_sysret = text_at((uint64_t)(uintptr_t)leave_sysret, at);
	cpu->leave_iret = text_at((uint64_t)(uintptr_t)leave_iret, at);
	local_load(local_of(cpu), at);
	msr_write(MSR_LSTAR, text_at((uint64_t)(uintptr_t)syscall_entry_isolated, at));
}

/* What a landing has, in words: the frame that the CPU pushes, and what traps.S has below it before it is elsewhere. The other
 * registers that an NMI saves there it clears itself. A double fault and a machine check are the end. */
#define FRAME_WORDS 5
#define TRAP_WORDS  8 /* error code, vector, rax */

static inline void clear_top(uint8_t *stack, uint64_t size, unsigned count)
{
	volatile uint64_t *end = (volatile uint64_t *)(void *)(stack + size);

	for (unsigned i = 1; i <= count; i++)
		end[-(int)i] = 0;
}

void trap_forget(void)
{
	struct local *local = local_of(this_cpu());

	local->landing.user_rsp = local->landing.rdi = 0;
	clear_top(local->landing.trap, sizeof(local->landing.trap), TRAP_WORDS);
	clear_top(local->landing.debug, sizeof(local->landing.debug), TRAP_WORDS);
	clear_top(local->landing.nmi, sizeof(local->landing.nmi), FRAME_WORDS);
}

static const char *const names[] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound range",
	"invalid opcode", "no FPU", "double fault", "", "invalid TSS",
	"segment not present", "stack fault", "general protection", "page fault", "",
	"FPU error", "alignment check", "machine check", "SIMD error",
};

const char *trap_name(uint64_t vector)
{
	return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "trap";
}

const struct stack *stack_overflowed(uint64_t address)
{
	for (unsigned i = 0; i < 2 * STACK_USES; i++)
		if (address - stack_table[i].guard < EXO_FRAME_SIZE)
			return &stack_table[i];
	return NULL;
}

/* At any instruction of ring 3 or ring 0, also where gs and the stack are half changed. So nothing is done but counting,
 * unless another CPU has ended it all. */
void nmi_handle(const struct cpu *cpu)
{
	uint8_t why = in8(NMI_PORT) & (NMI_SERR | NMI_IOCHK);

	if (machine.dying && !cpu->dying)
		for (;;)
			cpu_stop();
	__atomic_fetch_or(&nmi.reasons, why, __ATOMIC_RELAXED);
	__atomic_fetch_add(&nmi.count, 1, __ATOMIC_RELAXED);
}

/* Each time that the number has doubled, so that a source that does not end says little. A source of
 * errors is switched off: it would come again at once. */
void nmi_report(void)
{
	uint32_t count = __atomic_load_n(&nmi.count, __ATOMIC_RELAXED);
	uint8_t why;

	if (count < 2 * nmi.told || count == nmi.told)
		return;
	nmi.told = count;
	why = __atomic_exchange_n(&nmi.reasons, 0, __ATOMIC_RELAXED);
	if (why)
		out8(NMI_PORT, (uint8_t)((in8(NMI_PORT) & 3) | (why & NMI_SERR ? NMI_NO_SERR : 0)
		                         | (why & NMI_IOCHK ? NMI_NO_IOCHK : 0)));
	log_format("NMI: %u so far; %s\n", count, why & NMI_SERR ? "an error of memory or bus"
	           : why & NMI_IOCHK ? "an error of a device" : "nobody says why");
}

void kernel_trap(struct trap_frame *frame)
{
	uint64_t rip = frame->rip;

	if (frame->vector >= VEC_PIC && frame->vector < VEC_COUNT) {
		irq_handle((uint32_t)frame->vector);
		return;
	}
	if (frame->vector == VEC_GP && (rip == (uint64_t)(uintptr_t)fp_xrstor_site
	                                || rip == (uint64_t)(uintptr_t)fp_fxrstor_site)) {
		frame->rip = (uint64_t)(uintptr_t)fp_refused;
		return;
	}
	panic_trap(trap_name(frame->vector), frame);
}

/* The core runs on one CPU here, which is never in hal_ctx_enter() when it calls this. */
void hal_kick(uint32_t cpu)
{
	(void)cpu;
}

void hal_cpu_relax(uint32_t turn)
{
	(void)turn;
	__builtin_ia32_pause();
}

uint32_t hal_cpu_id(void)
{
	return this_cpu()->id;
}
