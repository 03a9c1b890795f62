/*
 * The descriptor tables, and what happens on a trap from ring 0: an interrupt
 * in hal_idle(), the fixups of the two vector-state restores, or the end.
 */
#include <hal/x86_64/machine.h>

#define IST_NMI   1
#define IST_FAULT 2

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

/* The worker's stacks for traps: from ring 3, NMI, faults of the kernel. */
static uint8_t worker_stacks[3][4096] __attribute__((aligned(4096)));

static struct gate idt[256];

extern void nmi_entry(void);
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

static void local_init(struct local *local, const uint8_t *trap, const uint8_t *nmi,
                       const uint8_t *fault)
{
	struct table_pointer pointer = { sizeof(idt) - 1, (uint64_t)(uintptr_t)idt };

	local->tss.rsp[0] = (uint64_t)(uintptr_t)trap;
	local->tss.ist[IST_NMI - 1] = (uint64_t)(uintptr_t)nmi;
	local->tss.ist[IST_FAULT - 1] = (uint64_t)(uintptr_t)fault;
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
	gate_set(VEC_NMI, (uint64_t)(uintptr_t)nmi_entry, IST_NMI, GATE_INTERRUPT);
	gate_set(VEC_DF, trap_stubs[VEC_DF], IST_FAULT, GATE_INTERRUPT);
	gate_set(VEC_MC, trap_stubs[VEC_MC], IST_FAULT, GATE_INTERRUPT);
	local_init(&boot_local, trap_stack_top, nmi_stack_top, fault_stack_top);
}

void trap_init_worker(void)
{
	local_init(&worker_local, worker_stacks[1], worker_stacks[2],
	           worker_stacks[2] + sizeof(worker_stacks[2]));
	worker_local.cpu.id = 1;
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
