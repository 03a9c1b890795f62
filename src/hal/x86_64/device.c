/*
 * What drivers in zones may reach: devices that the kernel does not use, and that cannot write
 * memory by themselves. There is no IOMMU here, so whoever programs a device that masters the bus owns the
 * machine; neither PCI nor the DMA controllers are on the list, nor anything behind them.
 */
#include <hal/x86_64/machine.h>

#define RTC_PORT      0x70
#define RTC_NO_NMI    0x80
#define PARALLEL_PORT 0x378
#define COM2_PORT     0x2f8
#define COM2_LINE     3
/* Lines 0 to 4 are timer, keyboard, cascade and the serial ports. */
#define LINE_FIRST    5
#define LINE_COUNT    11

/* The firmware's code and tables below 1 MiB. */
#define ROM_FIRST UINT64_C(0xf0)
#define ROM_COUNT UINT64_C(16)

/* HPET's registers (its specification 1.0a, 2.3.4 and 2.3.5) */
#define HPET_PERIOD     4 /* the upper half of the first register: femtoseconds */
#define HPET_PERIOD_MAX UINT32_C(100000000)
#define HPET_CONFIG     16
#define HPET_ENABLE     UINT64_C(1) /* the counter counts; its timers stay off */

/* What is behind boot.mmio, in the same order. */
static volatile uint8_t *registers[HAL_EXTENTS];

/* Any of it. What is memory may be the kernel's, and so is no register, whatever tables or habit say. */
static bool is_ram(uint64_t address, uint64_t size)
{
	for (uint32_t i = 0; i < machine.loader.ram_count; i++)
		if (address < machine.loader.ram[i].end && machine.loader.ram[i].start < address + size)
			return true;
	return false;
}

/* The firmware, to be read only. */
static void rom_offer(struct hal_boot_info *boot, unsigned which)
{
	uint64_t address = ROM_FIRST << EXO_FRAME_SHIFT, size = ROM_COUNT << EXO_FRAME_SHIFT;

	if (is_ram(address, size))
		return;
	registers[which] = memory_map_device(address, size);
	boot->mmio[which] = (struct hal_extent){ ROM_FIRST, ROM_COUNT };
	boot->mmio_read_only[which] = true;
}

/* A counter that any program may be shown. Only to be read: a timer that sends its interrupts as messages writes
 * to memory. */
static void hpet_offer(struct hal_boot_info *boot, unsigned which)
{
	uint64_t address = acpi_hpet();
	volatile uint8_t *at;
	uint32_t period;

	if (address == 0 || address % EXO_FRAME_SIZE != 0 || is_ram(address, EXO_FRAME_SIZE))
		return;
	at = memory_map_device(address, EXO_FRAME_SIZE);
	period = *(volatile uint32_t *)(at + HPET_PERIOD);
	if (period == 0 || period > HPET_PERIOD_MAX)
		return;
	*(volatile uint64_t *)(at + HPET_CONFIG) = HPET_ENABLE;
	registers[which] = at;
	boot->mmio[which] = (struct hal_extent){ address >> EXO_FRAME_SHIFT, 1 };
	boot->mmio_read_only[which] = true;
}

/* Before memory_finish(). */
void device_offer(struct hal_boot_info *boot)
{
	boot->ports[0] = (struct hal_extent){ RTC_PORT, 2 };
	boot->ports[1] = (struct hal_extent){ PARALLEL_PORT, 8 };
	boot->irqs[0] = (struct hal_extent){ LINE_FIRST, LINE_COUNT };
	/* The second serial port, unless the runner talks to us through it. */
	if (!machine.control) {
		boot->ports[2] = (struct hal_extent){ COM2_PORT, 8 };
		boot->irqs[1] = (struct hal_extent){ COM2_LINE, 1 };
	}
	rom_offer(boot, 0);
	hpet_offer(boot, boot->mmio[0].count > 0);
	boot->mmio_maps = true;
}

uint64_t hal_io_read(uint64_t port, uint32_t width)
{
	if (width == 1)
		return in8((uint16_t)port);
	return width == 2 ? in16((uint16_t)port) : in32((uint16_t)port);
}

void hal_io_write(uint64_t port, uint32_t width, uint64_t value)
{
	/* The clock's index has the switch for NMIs beside it. */
	if (port == RTC_PORT)
		value &= ~(uint64_t)RTC_NO_NMI;
	if (width == 1)
		out8((uint16_t)port, (uint8_t)value);
	else if (width == 2)
		out16((uint16_t)port, (uint16_t)value);
	else
		out32((uint16_t)port, (uint32_t)value);
}

/* The core has found the address in one of them. */
static volatile void *register_at(uint64_t address)
{
	const struct hal_extent *extent = machine.boot.mmio;
	unsigned i = 0;

	while ((address >> EXO_FRAME_SHIFT) - extent[i].first >= extent[i].count)
		i++;
	return registers[i] + (address - (extent[i].first << EXO_FRAME_SHIFT));
}

uint64_t hal_mmio_read(uint64_t address, uint32_t width)
{
	volatile void *at = register_at(address);

	switch (width) {
	case 1: return *(volatile uint8_t *)at;
	case 2: return *(volatile uint16_t *)at;
	case 4: return *(volatile uint32_t *)at;
	default: return *(volatile uint64_t *)at;
	}
}

void hal_mmio_write(uint64_t address, uint32_t width, uint64_t value)
{
	volatile void *at = register_at(address);

	switch (width) {
	case 1: *(volatile uint8_t *)at = (uint8_t)value; break;
	case 2: *(volatile uint16_t *)at = (uint16_t)value; break;
	case 4: *(volatile uint32_t *)at = (uint32_t)value; break;
	default: *(volatile uint64_t *)at = value; break;
	}
}
