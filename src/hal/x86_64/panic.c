/*
 * The end: a message with registers and a backtrace by name, and the exit
 * status on its way to whoever started the machine.
 *
 * Kernel symbols come from a table that the second link adds (tools/mksyms);
 * the LibOS's from its ELF module (libos.c).
 */
#include <hal/version.h>
#include <hal/x86_64/machine.h>

#define STATUS_PANIC 125
#define DEBUG_EXIT   0xf4 /* QEMU -device isa-debug-exit */
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_BUSY    0x02
#define KEYBOARD_RESET   0xfe
#define RESET_CONTROL    0xcf9
#define RESET_HARD       0x06
#define RESET_TRIES      100000
#define RESET_WAIT_MS    50
#define DEPTH        24
#define DEPTH_SCREEN 12 /* so that what it is about stays on a screen of 25 lines */
#define TYPED_BEFORE 64

/* Sorted by address; weak, for the first link has none. */
extern const uint32_t ksyms_count __attribute__((weak));
extern const uint32_t ksyms_offset[] __attribute__((weak)); /* from KERNEL_BASE */
extern const uint32_t ksyms_name[] __attribute__((weak));   /* into ksyms_text */
extern const char ksyms_text[] __attribute__((weak));

EXO_NORETURN static void stop(void)
{
	for (;;)
		cpu_stop();
}

/* What was typed before does not count. A port that always has something to say holds it up no longer than this. */
static void await_key(void)
{
	for (unsigned i = 0; i < TYPED_BEFORE; i++) {
		keyboard_pressed();
		serial_typed();
	}
	log_text("Press a key to switch the machine off.\n");
	while (!keyboard_pressed() && !serial_typed())
		cpu_pause();
}

static void wait_ms(uint64_t ms)
{
	uint64_t end = hal_time_ns() + ms * 1000000;

	while (hal_time_ns() < end)
		cpu_pause();
}

/* By the keyboard controller, else by the chipset (Intel ICH, 13.7.5: RST_CNT), else by a fault that nobody can take. */
static void restart(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	for (int i = 0; i < RESET_TRIES && (in8(KEYBOARD_COMMAND) & KEYBOARD_BUSY); i++)
		cpu_pause();
	out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
	wait_ms(RESET_WAIT_MS);
	out8(RESET_CONTROL, RESET_HARD);
	wait_ms(RESET_WAIT_MS);
	__asm__ volatile("lidt %0; int3" : : "m"(none));
}

void hal_halt(uint32_t status)
{
	char text[32];

	if (!machine.dying && !witness_agrees())
		hal_panic("the kernel's text, constants or tables have been changed");
	console_flush();
	text_format(text, sizeof(text), "exit %u\n", status & 0xff);
	control_write(text);
	/* The status has more bits than this port can tell; it only ends QEMU. */
	if (machine.control)
		out8(DEBUG_EXIT, (uint8_t)status);
	else if (status == EXO_HALT_RESTART)
		restart();
	else if (status != 0)
		await_key(); /* else nobody could read why */
	acpi_power_off();
	stop();
}

static void name_kernel(uint64_t rip)
{
	uint32_t low = 0, high = &ksyms_count ? ksyms_count : 0;
	uint64_t offset;

	rip = isolation_name(rip);
	offset = rip - KERNEL_BASE;
	if (high == 0 || rip < KERNEL_BASE || rip >= (uint64_t)(uintptr_t)kernel_text_end) {
		log_format("  %016lx\n", rip);
		return;
	}
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (ksyms_offset[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	log_format("  %016lx %s+0x%lx\n", rip, ksyms_text + ksyms_name[low],
	           offset - ksyms_offset[low]);
}

static bool in_kernel(uint64_t address)
{
	return address >= (uint64_t)(uintptr_t)kernel_start
	       && address < (uint64_t)(uintptr_t)kernel_end - 16 && address % 8 == 0;
}

static int depth(void)
{
	return machine.log_port ? DEPTH : DEPTH_SCREEN;
}

static void backtrace_kernel(uint64_t rip, uint64_t rbp)
{
	if (rip != 0)
		name_kernel(rip);
	for (int i = 0; i < depth() && in_kernel(rbp); i++) {
		const uint64_t *frame = (const void *)(uintptr_t)rbp;
		if (frame[1] == 0)
			return;
		name_kernel(frame[1]);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
	}
}

/* A panic inside the panic ends at once; one of the other CPU leaves the word to the first. */
static void once(void)
{
	struct cpu *cpu = this_cpu();

	if (cpu->dying)
		hal_halt(STATUS_PANIC);
	cpu->dying = true;
	if (__atomic_exchange_n(&machine.dying, true, __ATOMIC_SEQ_CST))
		stop();
	split_stop();
	control_write("panic\n");
	log_format("\nFeuerBird %s", hal_version);
}

void hal_panic(const char *message)
{
	once();
	log_format("\nkernel panic: %s\n", message);
	backtrace_kernel(0, (uint64_t)(uintptr_t)__builtin_frame_address(0));
	hal_halt(STATUS_PANIC);
}

void panic_trap(const char *what, const struct trap_frame *f)
{
	const struct stack *stack = f->vector == VEC_DF || f->vector == VEC_PF ? stack_overflowed(cr2_read()) : NULL;

	once();
	if (f->vector == VEC_MC)
		check_tell();
	log_format("\nkernel panic: %s%s%s, vector %lu, error %lx, address %016lx\n",
	           stack ? stack->name : "", stack ? " has overflowed: " : "", what,
	           f->vector, f->error, cr2_read());
	log_format("rip %016lx rsp %016lx rflags %08lx cr3 %016lx\n", f->rip, f->rsp,
	           f->rflags, cr3_read());
	log_format("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	log_format("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", f->rsi, f->rdi, f->rbp, f->r8);
	log_format("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", f->r9, f->r10, f->r11, f->r12);
	log_format("r13 %016lx r14 %016lx r15 %016lx\n", f->r13, f->r14, f->r15);
	backtrace_kernel(f->rip, f->rbp);
	hal_halt(STATUS_PANIC);
}

void panic_libos(const char *what, const struct exo_regs *r, const struct hal_space *space)
{
	uint64_t rbp = r->rbp, frame[2];

	once();
	log_format("\nLibOS died: %s, error %lx, address %016lx\n", what, this_cpu()->error,
	           cr2_read());
	log_format("rip %016lx rsp %016lx rflags %08lx\n", r->rip, r->rsp, r->rflags);
	log_format("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	log_format("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	log_format("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	log_format("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
	libos_name(r->rip);
	for (int i = 0; i < depth(); i++) {
		if (rbp % 8 != 0 || !hal_copy_in(space, frame, rbp, sizeof(frame)) || frame[1] == 0)
			break;
		libos_name(frame[1]);
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
	hal_halt(STATUS_PANIC);
}
