/*
 * What drivers in zones may reach: devices that the kernel does not use, and that cannot write
 * memory by themselves. There is no IOMMU here, so whoever programs a device that masters the bus owns the
 * machine; neither PCI nor the DMA controllers are on the list, nor anything behind them.
 */
#include <hal/x86_64/machine.h>

#define RTC_PORT      0x70
#define PARALLEL_PORT 0x378
#define COM2_PORT     0x2f8
#define COM2_LINE     3
/* Lines 0 to 4 are timer, keyboard, cascade and the serial ports. */
#define LINE_FIRST    5
#define LINE_COUNT    11

/* The firmware's code and tables below 1 MiB. */
#define ROM_FIRST UINT64_C(0xf0)
#define ROM_COUNT UINT64_C(16)

static volatile uint8_t *rom;

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
	rom = memory_map_device(ROM_FIRST << EXO_FRAME_SHIFT, ROM_COUNT << EXO_FRAME_SHIFT);
	boot->mmio[0] = (struct hal_extent){ ROM_FIRST, ROM_COUNT };
	boot->mmio_read_only[0] = true;
}

uint64_t hal_io_read(uint64_t port, uint32_t width)
{
	if (width == 1)
		return in8((uint16_t)port);
	return width == 2 ? in16((uint16_t)port) : in32((uint16_t)port);
}

void hal_io_write(uint64_t port, uint32_t width, uint64_t value)
{
	if (width == 1)
		out8((uint16_t)port, (uint8_t)value);
	else if (width == 2)
		out16((uint16_t)port, (uint16_t)value);
	else
		out32((uint16_t)port, (uint32_t)value);
}

static volatile void *register_at(uint64_t address)
{
	return rom + (address - (ROM_FIRST << EXO_FRAME_SHIFT));
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
