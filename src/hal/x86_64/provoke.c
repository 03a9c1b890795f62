/*
 * Faults of the kernel on purpose, by the machine's option provoke=N, so that tests see what becomes of them:
 * 1 to 8 overflow that stack of stack_table, 20 enters ring 3 with a code segment that is not present, 21 sets
 * the trap flag in the kernel, 22 calls a null pointer,
 * 23 changes a gate; 24 gives ring 3 a page of the kernel's image, 25 shows the first LibOS a frame of the kernel's, 26
 * hides one of its own.
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

#define PROVOKE_ENTRY 20
#define PROVOKE_TRAP  21
#define PROVOKE_NULL  22
#define PROVOKE_GATE  23
#define PROVOKE_USER  24
#define PROVOKE_SHOW  25
#define PROVOKE_HIDE  26

static volatile bool forever = true;

static uint64_t deeper(uint64_t depth)
{
	volatile uint64_t kept[8] = { depth };

	return forever ? deeper(depth + 1) + kept[0] : 0;
}

static void overflow(const struct stack *stack)
{
	__asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall *%1" : : "r"(stack->top), "r"(deeper), "D"(0) : "memory");
}

static void refused_entry(void)
{
	struct exo_regs regs = { .rip = EXO_USER_BASE, .rflags = FLAG_IF | FLAG_ONE };
	uint32_t vector;

	trap_user_code(false);
	vector = user_enter(&regs, false);
	trap_user_code(true);
	log_format("provoked: an entry that the CPU refuses, vector %u\n", vector);
}

static void trap_flag(void)
{
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq"
	                 : : : "memory", "cc");
	log_text("provoked: the trap flag in the kernel\n");
}

void provoke(bool on_worker)
{
	uint64_t what;

	if (!boot_option("provoke", &what))
		return;
	if (what >= 1 && what <= 2 * STACK_USES && on_worker == (what > STACK_USES))
		overflow(&stack_table[what - 1]);
	else if (on_worker)
		return;
	else if (what == PROVOKE_ENTRY)
		refused_entry();
	else if (what == PROVOKE_TRAP)
		trap_flag();
	else if (what == PROVOKE_NULL)
		((void (*)(void))(uintptr_t)0)();
	else if (what == PROVOKE_GATE)
		trap_bend_gate();
}

static void user_image(const struct space *space)
{
	uint64_t *table = phys_ptr(space->pml4);

	for (unsigned level = 4; level > 0; level--) {
		uint64_t *entry = &table[pt_index(KERNEL_BASE, level)];

		*entry |= PT_USER;
		table = phys_ptr(*entry & PT_ADDRESS);
	}
}

void provoke_libos(const struct space *space)
{
	const struct hal_boot_info *boot = &machine.boot;
	uint64_t what;

	if (!boot_option("provoke", &what))
		return;
	if (what == PROVOKE_USER)
		user_image(space);
	else if (what == PROVOKE_SHOW)
		hal_window_show(boot->first_frame, 1);
	else if (what == PROVOKE_HIDE)
		hal_window_hide(boot->first_frame + boot->frame_count - 1, 1);
}
