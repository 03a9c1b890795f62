/*
 * Tables for ring 3 without the kernel, for machines on which ring 3 reaches what its tables forbid it.
 *
 * A processor that has Meltdown reads ahead of the check of rights. QEMU's TCG before 9.1 makes the stack accesses of far calls,
 * far returns and iretq in ring 3 with ring 0's rights. On both a page is out of reach only when it is not mapped. So where
 * that is so, the upper half of a space's root table has one entry: the *entry area* of the CPU. In it are the page with the
 * code that enters and leaves ring 3 (traps.S), and of the CPU's struct local (trap.c) a page with descriptor
 * tables and task segment, which can only be read there, and one with the stacks on which traps land.
 * Nothing in them is a secret, and what is in the last one is believed only if it was written after ring 3 was left.
 *
 * In the kernel's own tables, which are loaded while ring 0 runs, the area is at the same addresses, with the third page of struct local.
 * These tables have no lower half: the kernel reaches a program's memory through its own mapping of all frames.
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

#define PAGE UINT64_C(4096)

#define MSR_ARCH_CAPABILITIES 0x10au
#define RDCL_NO UINT64_C(1) /* SDM vol. 4, table 2-2 */

/* ---- Is it needed? -------------------------------------------------------- */

/* The processor does not say that it is free of Meltdown. */
static bool processor_leaks(void)
{
	struct cpuid zero = cpuid(0, 0);

	if (zero.b == VENDOR_AMD || zero.b == VENDOR_HYGON)
		return false;
	if (zero.a < 7 || !(cpuid(7, 0).d >> 29 & 1))
		return true;
	return !(msr_read(MSR_ARCH_CAPABILITIES) & RDCL_NO);
}

/* Ring 3 for the probe: one page, at this address. */
#define PROBE_AT EXO_USER_BASE

enum probe { PROBE_FAR_RETURN, PROBE_IRET, PROBE_FAR_CALL, PROBES };

/* Runs one instruction in ring 3 on a stack that only ring 0 may use. true: it got through, to the int3 behind it. */
static bool probe(uint64_t root, uint8_t *page, enum probe which)
{
	static const uint8_t code[PROBES][4] = {
		[PROBE_FAR_RETURN] = { 0x48, 0xcb },
		[PROBE_IRET] = { 0x48, 0xcf },
		[PROBE_FAR_CALL] = { 0xff, 0x1f }, /* lcall *(%rdi) */
	};
	static volatile uint64_t stack[8];
	const uint32_t landing = PROBE_AT + 64, pointer[2] = { landing, SEL_UCODE };
	struct exo_regs regs = {
		.rip = PROBE_AT, .rdi = PROBE_AT + 128, .rflags = FLAG_ONE,
		.rsp = (uint64_t)(uintptr_t)(stack + (which == PROBE_FAR_CALL ? 8 : 0)),
	};
	uint32_t vector;

	memset(page, 0xcc, 256);
	memcpy(page, code[which], sizeof(code[which]));
	memcpy(page + 128, pointer, sizeof(pointer));
	stack[0] = landing;
	stack[1] = SEL_UCODE;
	stack[2] = FLAG_ONE;
	stack[3] = PROBE_AT + 256;
	stack[4] = SEL_UDATA;
	cr3_write(root);
	vector = user_enter(&regs, false);
	cr3_write(machine.kernel_pml4);
	return vector == VEC_BP && regs.rip == landing + 1;
}

static bool ring3_gets_through(void)
{
	uint64_t root = memory_table(), phys = memory_table();
	bool found = false;

	memcpy((uint64_t *)phys_ptr(root) + 256, (uint64_t *)phys_ptr(machine.kernel_pml4) + 256, 256 * sizeof(uint64_t));
	*memory_entry(root, PROBE_AT, 1, PT_PRESENT | PT_WRITE | PT_USER) = phys | PT_PRESENT | PT_USER;
	for (enum probe which = 0; which < PROBES; which++)
		found = probe(root, phys_ptr(phys), which) || found;
	return found;
}

/* Why; NULL: it is not. `found`: what the probe has said. */
static const char *reason(bool found)
{
	if (boot_option_is("isolation", "on"))
		return "asked for";
	if (boot_option_is("isolation", "off"))
		return NULL;
	if (found)
		return "ring 3 reaches ring 0's stacks";
	return processor_leaks() ? "the processor may have Meltdown" : NULL;
}

/* ---- Entry areas ------------------------------------------------------------ */

static struct {
	uint64_t base; /* of a CPU's local, and behind it the page with the entry code; 0: none */
} areas[2];

static uint64_t random_below(uint64_t limit)
{
	uint64_t word;

	if (!hal_entropy(&word, sizeof(word)))
		hal_panic("no entropy");
	return word % limit;
}

/* A place that nothing else has, all of it below one table of level 1. */
static uint64_t random_base(void)
{
	const uint64_t *root = phys_ptr(machine.kernel_pml4);
	uint64_t slot;

	do
		slot = AREA_SLOT_FIRST + 1 + random_below(PT_ENTRIES - 2 - AREA_SLOT_FIRST);
	while (root[slot] != 0);
	return UINT64_MAX << 48 | slot << 39 | random_below(1 << 18) << 21
	       | random_below(PT_ENTRIES - LOCAL_SIZE / PAGE) << 12;
}

static uint64_t image_phys(const void *address)
{
	return machine.image.start + ((uint64_t)(uintptr_t)address - KERNEL_BASE);
}

/* The entry area of a CPU, in the kernel's tables (`all` of it) or in those that ring 3's root tables share. */
static void area_map(uint64_t root, uint64_t base, const uint8_t *local, bool all)
{
	uint64_t *entry = memory_entry(root, base, 1, PT_PRESENT | PT_WRITE);

	entry[0] = image_phys(local) | PT_PRESENT | PT_WRITE | PT_NX;
	entry[1] = image_phys(local + PAGE) | PT_PRESENT | PT_NX | (all ? PT_WRITE : 0);
	if (all)
		entry[2] = image_phys(local + 2 * PAGE) | PT_PRESENT | PT_WRITE | PT_NX;
	entry[3] = image_phys(entry_start) | PT_PRESENT;
}

static void area_make(struct cpu *cpu, uint64_t ring3)
{
	uint64_t base = random_base();

	area_map(machine.kernel_pml4, base, trap_local(cpu), true);
	area_map(ring3, base, trap_local(cpu), false);
	cpu->area_slot = pt_index(base, 4);
	cpu->area_entry = ((uint64_t *)phys_ptr(ring3))[cpu->area_slot];
	areas[cpu == worker_cpu()].base = base;
}

static void area_enter(uint64_t base)
{
	uint64_t noflush = machine.can.pcid ? CR3_NOFLUSH : 0;

	this_cpu()->ring3_again = noflush;
	trap_move(base, base + LOCAL_SIZE, machine.kernel_pml4 | noflush);
}

/* For the operator, on the console; a runner decides itself whether it passes it on. */
static void tell(const char *why)
{
	char text[80];

	text_format(text, sizeof(text), "isolation %s: %s\n", why ? "on" : "off",
	            why ? why : boot_option_is("isolation", "off") ? "asked for" : "not needed");
	control_write(text);
	if (!machine.control)
		log_text(text);
}

void isolation_init(void)
{
	bool found = ring3_gets_through();
	const char *why = reason(found);
	uint64_t ring3;

	machine.isolated = why != NULL;
	tell(why);
	if (!why)
		return;
	/* Nothing of the kernel may stay in the TLB when ring 3 is entered. SMAP has nothing to guard, and where ring 3's
	 * stacks are used with ring 0's rights it would refuse a program its own. */
	machine.can.global = false;
	machine.can.smap = machine.can.smap && !found;
	cr4_write(cr4_read() & ~(CR4_PGE | (found ? CR4_SMAP : 0)));
	ring3 = memory_table();
	area_make(this_cpu(), ring3);
	area_make(worker_cpu(), ring3);
	area_enter(areas[0].base);
}

void isolation_join(void)
{
	if (machine.isolated)
		area_enter(areas[1].base);
}

uint64_t isolation_name(uint64_t rip)
{
	for (unsigned i = 0; i < 2; i++)
		if (areas[i].base && rip - (areas[i].base + LOCAL_SIZE) < PAGE)
			return (uint64_t)(uintptr_t)entry_start + (rip & (PAGE - 1));
	return rip;
}
