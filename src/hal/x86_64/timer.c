/*
 * Time: the time-stamp counter, measured against a clock of known frequency, and
 * one one-shot timer: the local APIC's, else channel 0 of the 8254.
 *
 * The hardware is programmed only when something is needed sooner than what it
 * is already set to: a tick that comes too early costs less than setting it at
 * every entry into a program.
 */
#include <hal/x86_64/machine.h>

#define NS_PER_S UINT64_C(1000000000)

/* ACPI 6.4, 4.8.3.3: 24 bits at 3.579545 MHz. 8254: 1.193182 MHz. */
#define PM_HZ  UINT64_C(3579545)
#define PIT_HZ UINT64_C(1193182)
#define MEASURE_NS UINT64_C(4000000)
#define MEASURE_CYCLES (UINT64_C(1) << 33) /* seconds, on any machine: so long no clock takes */
#define MEASURE_TRIES  1000000             /* if the counter does not count either */
#define FIRE_NS    UINT64_C(100000000)

#define APIC_PHYS_MASK UINT64_C(0xffffff000)
#define APIC_ENABLED   UINT64_C(0x800)
#define APIC_X2        UINT64_C(0x400)
#define APIC_ID        0x020
#define APIC_EOI       0x0b0
#define APIC_SPURIOUS  0x0f0
#define APIC_ICR_LOW   0x300
#define APIC_ICR_HIGH  0x310
#define APIC_LVT_TIMER 0x320
#define APIC_LINT0     0x350
#define APIC_LINT1     0x360
#define APIC_INITIAL   0x380
#define APIC_CURRENT   0x390
#define APIC_DIVIDE    0x3e0
#define APIC_MASKED    UINT32_C(0x10000)
#define APIC_DEADLINE  UINT32_C(0x40000)
#define APIC_EXTINT    UINT32_C(0x700)
#define APIC_NMI       UINT32_C(0x400)
#define APIC_BY_16     UINT32_C(3)
#define ICR_NMI        UINT32_C(0x4400)
#define ICR_INIT       UINT32_C(0x4500)
#define ICR_STARTUP    UINT32_C(0x4600)
#define ICR_FIXED      UINT32_C(0x4000)
#define ICR_PENDING    UINT32_C(0x1000)

#define PIT_0       0x40
#define PIT_2       0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61

static struct {
	bool has_apic, has_x2; /* x2: firmware has left it in the mode of SDM vol. 3, 11.12 */
	volatile uint32_t *apic; /* else its registers */
	uint64_t mult; /* ns = cycles * mult >> 32 */
	uint64_t tsc_hz, apic_hz;
	bool by_apic;
	uint64_t start_tsc, start_apic;
	uint64_t start_clock;
	uint64_t real_base;          /* ns since 1970 at hal_time_ns() 0 */
	uint16_t pm_port;
} t;

/* a * b >> 32, the product 128 bits wide. */
static uint64_t scale(uint64_t a, uint64_t b)
{
	uint64_t low, high;

	__asm__("mulq %3" : "=a"(low), "=d"(high) : "0"(a), "r"(b) : "cc");
	return high << 32 | low >> 32;
}

static uint32_t apic_get(unsigned reg)
{
	return t.has_x2 ? (uint32_t)msr_read(MSR_X2APIC + reg / 16) : t.apic[reg / 4];
}

static void apic_set(unsigned reg, uint32_t value)
{
	if (t.has_x2)
		msr_write(MSR_X2APIC + reg / 16, value);
	else
		t.apic[reg / 4] = value;
}

void apic_enable(void)
{
	if (t.has_x2) /* the second CPU like the first */
		msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_ENABLED | APIC_X2);
	apic_set(APIC_SPURIOUS, 0x100 | VEC_SPURIOUS);
	apic_set(APIC_LINT1, APIC_NMI); /* as boards have it wired */
}

void apic_end(void)
{
	if (t.has_apic)
		apic_set(APIC_EOI, 0);
}

uint32_t apic_id(void)
{
	return t.has_x2 ? apic_get(APIC_ID) : apic_get(APIC_ID) >> 24;
}

static void apic_order(uint32_t apic_id, uint32_t order)
{
	if (t.has_x2) {
		/* 11.12.3: what was written before is not yet seen by others otherwise. */
		__asm__ volatile("mfence; lfence" : : : "memory");
		msr_write(MSR_X2APIC + APIC_ICR_LOW / 16, (uint64_t)apic_id << 32 | order);
		return;
	}
	while (apic_get(APIC_ICR_LOW) & ICR_PENDING)
		cpu_pause();
	apic_set(APIC_ICR_HIGH, apic_id << 24);
	apic_set(APIC_ICR_LOW, order);
}

void apic_send(uint32_t apic_id, uint32_t vector)
{
	apic_order(apic_id, ICR_FIXED | vector);
}

bool apic_here(void)
{
	return t.has_apic;
}

void apic_send_nmi(uint32_t apic_id)
{
	apic_order(apic_id, ICR_NMI);
}

/* SDM vol. 3, 9.4.4.1. Between the two the rest of the boot takes its time. */
void apic_reset_cpu(uint32_t apic_id)
{
	apic_order(apic_id, ICR_INIT);
}

void apic_start_cpu(uint32_t apic_id, uint32_t page)
{
	apic_order(apic_id, ICR_STARTUP | page);
}

uint64_t hal_cycles(void)
{
	return tsc_read();
}

uint64_t hal_time_ns(void)
{
	return scale(tsc_read() - machine.entry_tsc, t.mult);
}

/* ---- Measuring ---------------------------------------------------------- */

/* The reference clock, counting up; wraps at clock_mask(). */
static uint64_t clock_read(void)
{
	uint32_t low;

	if (t.pm_port)
		return in32(t.pm_port) & 0xffffff;
	out8(PIT_COMMAND, 0x80); /* latch channel 2 */
	low = in8(PIT_2);
	return 0xffff - (low | (uint32_t)in8(PIT_2) << 8);
}

static uint64_t clock_mask(void)
{
	return t.pm_port ? 0xffffff : 0xffff;
}

/* The counter and the reference read together: of some tries the one with the
 * smallest gap, since a host may have been away between two instructions. */
static uint64_t sample(uint64_t *clock)
{
	uint64_t best = UINT64_MAX, tsc = 0;

	for (int i = 0; i < 8; i++) {
		uint64_t before = tsc_read(), value = clock_read(), after = tsc_read();
		if (after - before < best) {
			best = after - before;
			tsc = before + (after - before) / 2;
			*clock = value;
		}
	}
	return tsc;
}

static void apic_start(void)
{
	uint64_t base = msr_read(MSR_APIC_BASE);

	if (!machine.can.apic || !(base & APIC_ENABLED))
		return;
	t.has_apic = true;
	t.has_x2 = base & APIC_X2; /* only a reset leads back */
	if (!t.has_x2)
		t.apic = memory_map_device(base & APIC_PHYS_MASK, 4096);
	apic_enable();
	apic_set(APIC_LINT0, APIC_EXTINT); /* the 8259 comes in here */
	apic_set(APIC_DIVIDE, APIC_BY_16);
	apic_set(APIC_LVT_TIMER, APIC_MASKED | VEC_TIMER);
	apic_set(APIC_INITIAL, UINT32_MAX);
}

void timer_init_start(void)
{
	t.pm_port = acpi_pm_timer();
	if (!t.pm_port) {
		/* Channel 2, mode 2, from 0xffff; its gate on, the speaker off. */
		out8(PIT_GATE, (uint8_t)((in8(PIT_GATE) & ~2) | 1));
		out8(PIT_COMMAND, 0xb4);
		out8(PIT_2, 0xff);
		out8(PIT_2, 0xff);
	}
	apic_start();
	t.start_tsc = sample(&t.start_clock);
	t.start_apic = t.has_apic ? apic_get(APIC_CURRENT) : 0;
}

static void measure(void)
{
	uint64_t hz = t.pm_port ? PM_HZ : PIT_HZ;
	uint64_t want = MEASURE_NS * hz / NS_PER_S, clock, tsc, apic, ticks;
	uint64_t tries = MEASURE_TRIES;

	do
		tsc = sample(&clock);
	while (((clock - t.start_clock) & clock_mask()) < want && tsc - t.start_tsc < MEASURE_CYCLES && --tries > 0);
	apic = t.has_apic ? apic_get(APIC_CURRENT) : 0;
	ticks = (clock - t.start_clock) & clock_mask();
	if (ticks == 0 || tsc <= t.start_tsc)
		hal_panic("no clock to measure the CPU's counter against");
	t.tsc_hz = (tsc - t.start_tsc) * hz / ticks;
	t.apic_hz = (t.start_apic - apic) * hz / ticks;
}

/* ---- The date ----------------------------------------------------------- */

static uint8_t cmos(uint8_t reg)
{
	out8(0x70, reg); /* bit 7 would mask NMIs */
	return in8(0x71);
}

static unsigned from_bcd(unsigned value)
{
	return (value & 15) + (value >> 4) * 10;
}

static uint64_t days_from_civil(uint64_t year, unsigned month, unsigned day)
{
	static const uint16_t before[12] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334
	};
	uint64_t y = year - 1, days = y * 365 + y / 4 - y / 100 + y / 400;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days + before[(month - 1) % 12] + (leap && month > 2) + day - 1 - 719162;
}

#define RTC_NS_MAX UINT64_C(100000000) /* a clock that does not answer by then tells no date */

static uint64_t rtc_seconds(void)
{
	static const uint8_t regs[6] = { 0, 2, 4, 7, 8, 9 };
	unsigned now[6], last[6] = { 99, 99, 99, 99, 99, 99 };
	uint64_t begin = hal_time_ns();
	uint8_t mode = cmos(0x0b);

	/* Read till two readings agree: then no update was going on. One takes up to 2.3 ms (MC146818A), during which
	 * a fast machine could ask a thousand times: it is time that counts. */
	while (hal_time_ns() - begin < RTC_NS_MAX) {
		if (cmos(0x0a) & 0x80)
			continue;
		for (int i = 0; i < 6; i++)
			now[i] = cmos(regs[i]);
		if (memcmp(now, last, sizeof(now)) == 0)
			break;
		memcpy(last, now, sizeof(last));
	}
	bool afternoon = !(mode & 2) && (last[2] & 0x80);
	last[2] &= 0x7f;
	for (int i = 0; i < 6 && !(mode & 4); i++)
		last[i] = from_bcd(last[i]);
	if (!(mode & 2))
		last[2] = last[2] % 12 + (afternoon ? 12 : 0);
	if (last[4] < 1 || last[4] > 12)
		return 0;
	return (days_from_civil(2000 + last[5], last[4], last[3]) * 24 + last[2]) * 3600
	       + last[1] * 60 + last[0];
}

uint64_t hal_time_real_ns(void)
{
	return t.real_base + hal_time_ns();
}

/* ---- The timer ---------------------------------------------------------- */

static void program(uint64_t delta_ns)
{
	uint64_t count;

	if (delta_ns > NS_PER_S)
		delta_ns = NS_PER_S; /* an early tick is harmless */
	if (t.by_apic && machine.can.tsc_deadline) {
		msr_write(MSR_TSC_DEADLINE, tsc_read() + delta_ns * (t.tsc_hz / 1000) / 1000000);
	} else if (t.by_apic) {
		count = delta_ns * (t.apic_hz / 1000) / 1000000 + 1;
		apic_set(APIC_INITIAL, count > UINT32_MAX ? UINT32_MAX : (uint32_t)count);
	} else {
		count = delta_ns * PIT_HZ / NS_PER_S + 1;
		if (count > 0xffff)
			count = 0xffff;
		out8(PIT_COMMAND, 0x30); /* channel 0, mode 0: one shot */
		out8(PIT_0, (uint8_t)count);
		out8(PIT_0, (uint8_t)(count >> 8));
	}
}

/* Sets the timer and waits: one that never comes would leave the machine asleep at its first idle moment. */
static bool fires(void)
{
	struct cpu *cpu = this_cpu();
	uint64_t give_up = hal_time_ns() + FIRE_NS;

	cpu->armed_at = 0;
	program(1);
	while (cpu->armed_at == 0 && hal_time_ns() < give_up)
		interrupts_take();
	return cpu->armed_at != 0;
}

static void choose_timer(void)
{
	t.by_apic = t.has_apic && t.apic_hz > 0;
	if (t.by_apic) {
		apic_set(APIC_INITIAL, 0);
		apic_set(APIC_LVT_TIMER, VEC_TIMER | (machine.can.tsc_deadline ? APIC_DEADLINE : 0));
		if (machine.can.tsc_deadline)
			__asm__ volatile("mfence" : : : "memory");
		if (fires())
			return;
		apic_set(APIC_LVT_TIMER, APIC_MASKED);
		t.by_apic = false;
	}
	irq_unmask(0);
	if (!fires())
		hal_panic("no timer that interrupts: neither the local APIC's nor the 8254");
}

void timer_init(void)
{
	uint64_t now;

	measure();
	t.mult = (NS_PER_S << 32) / t.tsc_hz;
	machine.boot.cycles_per_ms = t.tsc_hz / 1000;
	now = hal_time_ns();
	t.real_base = rtc_seconds() * NS_PER_S;
	t.real_base -= t.real_base > now ? now : 0;
	choose_timer();
}

void timer_need(uint64_t at)
{
	struct cpu *cpu = this_cpu();
	uint64_t now;

	if (at >= cpu->armed_at)
		return;
	now = hal_time_ns();
	program(at > now ? at - now : 1);
	cpu->armed_at = at;
}

void timer_interrupt(void)
{
	struct cpu *cpu = this_cpu();

	cpu->armed_at = UINT64_MAX;
	apic_end();
	nmi_report();
	if (hal_time_ns() >= cpu->timer_at) {
		cpu->timer_at = UINT64_MAX;
		cpu->pending |= EXO_PEND_TIMER;
	}
}

void hal_timer_arm(uint64_t at_ns)
{
	this_cpu()->timer_at = at_ns;
}
