/*
 * Interrupts: the two 8259 (remapped, all lines masked but those in use),
 * what each vector does, and waiting for one.
 */
#include <hal/x86_64/machine.h>

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_EOI 0x20
#define PIC_READ_ISR 0x0b

static uint16_t masked = 0xffff;
static uint16_t fired; /* lines of zones, for hal_irq_take() */

static void write_mask(void)
{
	out8(PIC1 + 1, (uint8_t)masked);
	out8(PIC2 + 1, (uint8_t)(masked >> 8));
}

void irq_init(void)
{
	/* 8259A data sheet: ICW1..ICW4; edge triggered, cascaded on line 2. */
	out8(PIC1, 0x11);
	out8(PIC2, 0x11);
	out8(PIC1 + 1, VEC_PIC);
	out8(PIC2 + 1, VEC_PIC + 8);
	out8(PIC1 + 1, 4);
	out8(PIC2 + 1, 2);
	out8(PIC1 + 1, 1);
	out8(PIC2 + 1, 1);
	masked = 0xffff & ~(1u << 2);
	write_mask();
}

void irq_unmask(uint32_t line)
{
	masked &= (uint16_t)~(1u << line);
	write_mask();
}

static void mask(uint32_t line)
{
	masked |= (uint16_t)(1u << line);
	write_mask();
}

/* Has it been offered to zones? */
static bool is_offered(uint32_t line)
{
	for (unsigned i = 0; i < HAL_EXTENTS; i++)
		if (line - machine.boot.irqs[i].first < machine.boot.irqs[i].count)
			return true;
	return false;
}

/* Lines 7 and 15 also stand for "the request went away": then no bit is set in
 * the in-service register, and that chip wants no end of interrupt. */
static bool spurious(uint32_t line)
{
	uint16_t chip = line == 7 ? PIC1 : PIC2;

	if (line != 7 && line != 15)
		return false;
	out8(chip, PIC_READ_ISR);
	return !(in8(chip) & 0x80);
}

static void line_handle(uint32_t line)
{
	if (spurious(line)) {
		if (line == 15)
			out8(PIC1, PIC_EOI);
		return;
	}
	/* Masked before its end: else a line that stays up would come again at once. */
	if (is_offered(line))
		mask(line);
	if (line >= 8)
		out8(PIC2, PIC_EOI);
	out8(PIC1, PIC_EOI);
	if (is_offered(line)) {
		fired |= (uint16_t)(1u << line);
		this_cpu()->pending |= EXO_PEND_IRQ;
		return;
	}
	if (line == 0)
		timer_interrupt();
	else if (line == 1)
		keyboard_interrupt();
	else if (line == 3 || line == 4)
		serial_interrupt(line);
}

void irq_handle(uint32_t vector)
{
	if (vector == VEC_TIMER)
		timer_interrupt();
	else if (vector == VEC_KICK)
		apic_end();
	else if (vector == VEC_DISK)
		disk_interrupt();
	else if (vector == VEC_STREAM)
		stream_interrupt();
	else if (vector >= VEC_PIC && vector < VEC_PIC + 16)
		line_handle(vector - VEC_PIC);
}

void hal_irq_mask(uint32_t line)
{
	mask(line);
}

void hal_irq_unmask(uint32_t line)
{
	irq_unmask(line);
}

uint64_t hal_irq_take(void)
{
	uint64_t lines = fired;

	fired = 0;
	return lines;
}

uint64_t hal_events_take(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t events;

	disk_look(UINT64_MAX);
	console_look(UINT64_MAX);
	events = cpu->pending;
	cpu->pending = 0;
	return events;
}

void hal_idle(uint64_t until_ns)
{
	struct cpu *cpu = this_cpu();

	until_ns = console_look(disk_look(until_ns));
	if (cpu->pending || hal_time_ns() >= until_ns) {
		interrupts_take();
		return;
	}
	if (until_ns > cpu->timer_at)
		until_ns = cpu->timer_at;
	if (until_ns != UINT64_MAX)
		timer_need(until_ns);
	/* sti holds interrupts off for one more instruction: none is missed. */
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}
