/*
 * The descriptor tables, and what happens on a trap from ring 0: an interrupt
 * in hal_idle(), the fixups of the two vector-state restores, or the end. NMI.
 */
#include <hal/x86_64/machine.h>

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

/* Of each CPU. */
static struct local {
	struct cpu cpu;
	uint64_t gdt[10];
	struct tss tss;
} boot_local __attribute__((aligned(64))), worker_local __attribute__((aligned(64)));

static struct gate idt[256];

static struct {
	uint32_t count, told;
	uint8_t reasons; /* NMI_* */
} nmi;

extern void nmi_entry(void), fault_entry(void), check_entry(void);
extern const uint8_t fp_xrstor_site[], fp_fxrstor_site[], fp_refused[];

static void gate_set(unsigned vector, uint64_t address, unsigned ist, uint8_t type)
{
	idt[vector] = (struct gate){
		.low = (uint16_t)address, .selector = SEL_KCODE, .ist = (uint8_t)ist,
		.type = type, .middle = (uint16_t)(address >> 16),
		.high = (uint32_t)(address >> 32),
	};
}

static void gdt_init(struct local *local)
{
	uint64_t tss = (uint64_t)(uintptr_t)&local->tss;
	uint64_t *gdt = local->gdt;
	struct table_pointer pointer = { sizeof(local->gdt) - 1, (uint64_t)(uintptr_t)gdt };

	local->tss.iomap = sizeof(struct tss);
	/* No 32-bit code segment: the entry below SEL_UDATA stays empty. */
	gdt[SEL_KCODE / 8] = UINT64_C(0x00af9b000000ffff);
	gdt[SEL_KDATA / 8] = UINT64_C(0x00cf93000000ffff);
	gdt[SEL_UDATA / 8] = UINT64_C(0x00cff3000000ffff);
	gdt[SEL_UCODE / 8] = UINT64_C(0x00affb000000ffff);
	gdt[SEL_TSS / 8] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16
	                   | UINT64_C(0x89) << 40 | (tss >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = tss >> 32;
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
	                 "lldt %w3"
	                 : : "m"(pointer), "i"(SEL_KCODE), "r"(SEL_KDATA), "r"(0), "r"(SEL_TSS)
	                 : "rax", "memory");
}

/* Where a gate finds its stack in the task segment. */
static unsigned ist(enum stack_use use)
{
	return use - STACK_TRAP;
}

static void local_init(struct local *local, const struct stack stacks[STACK_USES])
{
	struct table_pointer pointer = { sizeof(idt) - 1, (uint64_t)(uintptr_t)idt };

	local->tss.rsp[0] = stacks[STACK_TRAP].top;
	for (enum stack_use use = STACK_NMI; use < STACK_USES; use++)
		local->tss.ist[ist(use) - 1] = stacks[use].top;
	gdt_init(local);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	local->cpu.self = &local->cpu;
	local->cpu.timer_at = UINT64_MAX;
	local->cpu.armed_at = UINT64_MAX;
	msr_write(MSR_GS_BASE, (uint64_t)(uintptr_t)&local->cpu);
	msr_write(MSR_KERNEL_GS_BASE, 0);
}

void trap_init(void)
{
	for (unsigned i = 0; i < VEC_COUNT; i++)
		gate_set(i, trap_stubs[i], 0, i == 3 || i == 4 ? GATE_USER : GATE_INTERRUPT);
	gate_set(VEC_DB, trap_stubs[VEC_DB], ist(STACK_DEBUG), GATE_INTERRUPT);
	gate_set(VEC_NMI, (uint64_t)(uintptr_t)nmi_entry, ist(STACK_NMI), GATE_INTERRUPT);
	gate_set(VEC_DF, (uint64_t)(uintptr_t)fault_entry, ist(STACK_FAULT), GATE_INTERRUPT);
	gate_set(VEC_MC, (uint64_t)(uintptr_t)check_entry, ist(STACK_CHECK), GATE_INTERRUPT);
	local_init(&boot_local, stack_table);
}

void trap_init_worker(void)
{
	local_init(&worker_local, stack_table + STACK_USES);
	worker_local.cpu.id = 1;
}

void trap_user_code(bool present)
{
	const uint64_t bit = UINT64_C(1) << 47; /* SDM vol. 3, figure 3-8 */
	uint64_t *entry = &boot_local.gdt[SEL_UCODE / 8];

	*(volatile uint64_t *)entry = present ? *entry | bit : *entry & ~bit;
}

struct cpu *worker_cpu(void)
{
	return &worker_local.cpu;
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

/* Of the CPU whose stack that is; gs may be a program's when the CPU did not choose when to come here. */
static struct local *local_at(const void *on_stack)
{
	const uint64_t at = (uint64_t)(uintptr_t)on_stack;

	return at < stack_table[STACK_USES].guard ? &boot_local : &worker_local;
}

/* At any instruction of ring 3 or ring 0, also where gs and the stack are half changed. So nothing is done but counting,
 * unless another CPU has ended it all. */
void nmi_handle(const void *frame)
{
	uint8_t why = in8(NMI_PORT) & (NMI_SERR | NMI_IOCHK);

	if (machine.dying && !local_at(frame)->cpu.dying)
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

	/* Both may come from anywhere, also from ring 3. */
	if (frame->vector == VEC_MC || frame->vector == VEC_DF) {
		msr_write(MSR_GS_BASE, (uint64_t)(uintptr_t)&local_at(frame)->cpu);
		panic_trap(trap_name(frame->vector), frame);
	}
	/* Nobody watches the kernel. What a program had watched, or its trap flag, may be seen one
	 * instruction late, when gs is still the program's. */
	if (frame->vector == VEC_DB)
		return;
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
