/*
 * The simulated machine's devices for drivers in zones: a real-time clock (rtc.c) with its
 * interrupt line, an interrupt controller of sixteen edge-triggered lines, and a piece of firmware memory.
 */
#include "hosted.h"

#define RTC_LINE   8 /* as in a PC */
#define LINE_FIRST 5
#define LINE_COUNT 11

/* The last bytes below 1 MiB: a PC starts here, with a jump; behind it the firmware's date. */
static const uint8_t rom_end[16] = "\xea\x5b\xe0\x00\xf0" "11/25/26" "\x00\xfc";
#define ROM_FIRST UINT64_C(0xf0)
#define ROM_COUNT UINT64_C(16)
#define ROM_END   ((ROM_FIRST + ROM_COUNT) << EXO_FRAME_SHIFT)

/* Accesses come from any CPU, by the core; CPU 0 looks after the lines, also while the core runs elsewhere. */
static struct host_lock device_lock = HOST_LOCK_INIT;

static struct {
	uint64_t masked, latched;
	uint64_t fired; /* this and `due` are looked at without the lock */
	uint64_t due;   /* when a line may rise next */
} lines = {.masked = UINT64_MAX, .due = UINT64_MAX};

void host_devices_start(struct hal_boot_info *boot)
{
	boot->ports[0] = (struct hal_extent){HOST_RTC_PORT, 2};
	boot->irqs[0] = (struct hal_extent){LINE_FIRST, LINE_COUNT};
	boot->mmio[0] = (struct hal_extent){ROM_FIRST, ROM_COUNT};
	boot->mmio_read_only[0] = true;
	host_rtc_start();
}

/* ---- Interrupts ---- */

static void look(void) GUARD_REQUIRES(device_lock);
static void look(void)
{
	uint64_t due, now;

	if (host_rtc_rose())
		lines.latched |= UINT64_C(1) << RTC_LINE;
	now = lines.latched & ~lines.masked;
	lines.latched &= ~now;
	lines.masked |= now;
	due = host_rtc_due();
	/* CPU 0 may sleep until what was due before. */
	if (hal_cpu_id() != 0 && (now || due < lines.due))
		hal_kick(0);
	__atomic_fetch_or(&lines.fired, now, __ATOMIC_RELEASE);
	__atomic_store_n(&lines.due, due, __ATOMIC_RELEASE);
}

uint64_t host_irq_due_ns(void)
{
	return __atomic_load_n(&lines.due, __ATOMIC_ACQUIRE);
}

bool host_irq_pending(void)
{
	uint64_t due = host_irq_due_ns();

	if (due != UINT64_MAX && hal_time_ns() >= due) {
		host_lock_take(&device_lock);
		look();
		host_lock_give(&device_lock);
	}
	return __atomic_load_n(&lines.fired, __ATOMIC_ACQUIRE) != 0;
}

uint64_t hal_irq_take(void)
{
	return __atomic_exchange_n(&lines.fired, 0, __ATOMIC_ACQ_REL);
}

void hal_irq_mask(uint32_t line)
{
	host_lock_take(&device_lock);
	lines.masked |= UINT64_C(1) << line;
	host_lock_give(&device_lock);
}

void hal_irq_unmask(uint32_t line)
{
	host_lock_take(&device_lock);
	lines.masked &= ~(UINT64_C(1) << line);
	look();
	host_lock_give(&device_lock);
}

/* ---- Accesses ---- */

uint64_t hal_io_read(uint64_t port, uint32_t width)
{
	uint64_t value = 0;

	host_lock_take(&device_lock);
	for (uint32_t i = 0; i < width; i++)
		value |= (uint64_t)host_rtc_read(port + i) << (8 * i);
	look();
	host_lock_give(&device_lock);
	return value;
}

void hal_io_write(uint64_t port, uint32_t width, uint64_t value)
{
	host_lock_take(&device_lock);
	for (uint32_t i = 0; i < width; i++)
		host_rtc_write(port + i, (uint8_t)(value >> (8 * i)));
	look();
	host_lock_give(&device_lock);
}

uint64_t hal_mmio_read(uint64_t address, uint32_t width)
{
	uint64_t value = 0, start = ROM_END - sizeof(rom_end);

	for (uint32_t i = 0; i < width; i++) {
		uint8_t byte = address + i < start ? 0xff : rom_end[address + i - start];
		value |= (uint64_t)byte << (8 * i);
	}
	return value;
}

/* There is nothing that could be written; the core knows. */
void hal_mmio_write(uint64_t address, uint32_t width, uint64_t value)
{
	(void)address;
	(void)width;
	(void)value;
}
