/*
 * 16550 serial ports: COM1 is the console, COM2 the runner's control channel when
 * the runner says that there is one (National PC16550D data sheet).
 *
 * Input that the console cannot take yet stays in the chip: its interrupt is
 * switched off till there is room, and the sender waits.
 */
#include <hal/x86_64/machine.h>

#define COM1 0x3f8
#define COM2 0x2f8

#define REG_DATA 0
#define REG_IER  1
#define REG_FCR  2
#define REG_LCR  3
#define REG_MCR  4
#define REG_LSR  5
#define REG_SCRATCH 7

#define LSR_DATA  0x01
#define LSR_EMPTY 0x20
#define FIFO_SIZE 16
#define PATIENCE  1000000 /* about a second of polls before a port that never drains is given up */

static struct {
	bool com1, com2, held;
} serial;

static bool port_init(uint16_t port)
{
	out8(port + REG_SCRATCH, 0x5a);
	if (in8(port + REG_SCRATCH) != 0x5a)
		return false;
	out8(port + REG_IER, 0);
	out8(port + REG_LCR, 0x80);
	out8(port + REG_DATA, 1); /* 115,200 */
	out8(port + REG_IER, 0);
	out8(port + REG_LCR, 3);  /* 8 bits, no parity, 1 stop bit */
	out8(port + REG_FCR, 0xc7); /* FIFOs on and empty, interrupt at 14 bytes or a pause */
	out8(port + REG_MCR, 0x0b);
	return true;
}

void serial_init(void)
{
	serial.com1 = port_init(COM1);
	if (machine.control)
		serial.com2 = port_init(COM2);
	/* UEFI firmware talks on every port that it finds: our first line starts afresh. */
	control_write("\n");
}

/* A runner that does not read makes the system wait; a broken port must not. */
static void port_write(uint16_t port, const uint8_t *bytes, uint64_t size)
{
	uint32_t room = 0;

	for (uint64_t i = 0; i < size; i++) {
		for (uint32_t n = 0; room == 0; n++) {
			if (in8(port + REG_LSR) & LSR_EMPTY)
				room = FIFO_SIZE;
			else if (n >= PATIENCE && !machine.control) {
				serial.com1 = false; /* once is enough to wait */
				return;
			}
		}
		out8(port + REG_DATA, bytes[i]);
		room--;
	}
}

void serial_write(const uint8_t *bytes, uint64_t size)
{
	if (serial.com1)
		port_write(COM1, bytes, size);
}

void control_write(const char *text)
{
	uint64_t size = 0;

	while (text[size] != 0)
		size++;
	if (serial.com2)
		port_write(COM2, (const uint8_t *)text, size);
}

static void com1_drain(void)
{
	while (in8(COM1 + REG_LSR) & LSR_DATA) {
		if (console_space() == 0) {
			out8(COM1 + REG_IER, 0);
			serial.held = true;
			return;
		}
		console_input(in8(COM1 + REG_DATA));
	}
}

bool serial_typed(void)
{
	if (!serial.com1 || !(in8(COM1 + REG_LSR) & LSR_DATA))
		return false;
	in8(COM1 + REG_DATA);
	return true;
}

void serial_interrupt(uint32_t line)
{
	if (line == 4 && serial.com1 && !serial.held)
		com1_drain();
	if (line == 3)
		while (serial.com2 && (in8(COM2 + REG_LSR) & LSR_DATA))
			console_control(in8(COM2 + REG_DATA));
}

void serial_listen(void)
{
	if (serial.com1) {
		irq_unmask(4);
		out8(COM1 + REG_IER, 1);
	}
	if (serial.com2) {
		irq_unmask(3);
		out8(COM2 + REG_IER, 1);
	}
}

/* The console has room again. */
void serial_resume(void)
{
	if (!serial.held)
		return;
	serial.held = false;
	com1_drain();
	if (!serial.held)
		out8(COM1 + REG_IER, 1);
}
