/*
 * 16550 serial ports: COM1 is the console, COM2 the runner's control channel when
 * the runner says that there is one (National PC16550D data sheet).
 *
 * Input that the console cannot take yet stays in the chip: its interrupt is
 * switched off till there is room, and the sender waits. Output lies in a ring, from which the chip's interrupt
 * takes it: at 115,200 baud nobody waits for 4 KiB. Before interrupts are on, and at the end, it is sent by polling.
 */
#include <hal/x86_64/machine.h>

#define COM1 0x3f8
#define COM2 0x2f8

#define REG_DATA 0
#define REG_IER  1
#define REG_FCR  2 /* written */
#define REG_IIR  2 /* read: tells one reason for the interrupt; "may send" is over then */
#define REG_LCR  3
#define REG_MCR  4
#define REG_LSR  5
#define REG_SCRATCH 7

#define IER_DATA  0x01
#define IER_EMPTY 0x02
#define LSR_DATA  0x01
#define LSR_EMPTY 0x20
#define LSR_SENT  0x40 /* the last bit, too */
#define FIFO_SIZE 16
#define RING      4096u /* a power of two */

/* How much the chip is given at a time: an emulated one takes whatever comes. */
#define SEND_WRITE     256u
#define SEND_INTERRUPT 64u

/* A port that never drains is given up, if there is no runner who may just be slow. */
#define PATIENCE    1000000 /* polls: about a second */
#define PATIENCE_NS UINT64_C(1000000000)

static struct {
	bool com1, com2, held;
	bool listening; /* interrupts are on */
	bool full;      /* somebody waits for room in the ring */
	uint8_t ier;    /* of COM1 */
	uint8_t ring[RING];
	uint32_t head, tail; /* free running */
	uint64_t sent_ns;    /* when something was sent last, or nothing was there */
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

/* ---- Output ------------------------------------------------------------- */

static void ier_set(uint8_t ier)
{
	if (ier != serial.ier)
		out8(COM1 + REG_IER, ier);
	serial.ier = ier;
}

/* The chip's FIFO is empty: what fits. */
static void fifo_fill(void)
{
	for (unsigned i = 0; i < FIFO_SIZE && serial.tail != serial.head; i++)
		out8(COM1 + REG_DATA, serial.ring[serial.tail++ % RING]);
}

static void room_tell(void)
{
	if (serial.full)
		this_cpu()->pending |= EXO_PEND_ROOM;
	serial.full = false;
}

static void com1_send(uint32_t most)
{
	uint32_t from = serial.tail;

	while (serial.tail != serial.head && serial.tail - from < most && in8(COM1 + REG_LSR) & LSR_EMPTY)
		fifo_fill();
	if (serial.tail != from || serial.tail == serial.head)
		serial.sent_ns = hal_time_ns();
	ier_set(serial.tail != serial.head ? serial.ier | IER_EMPTY : serial.ier & ~IER_EMPTY);
	if (serial.head - serial.tail <= RING / 2)
		room_tell();
}

static void com1_give_up(void)
{
	serial.com1 = false;
	serial.tail = serial.head;
	room_tell();
}

/* A runner that does not read makes the system wait; a broken port must not. */
void serial_flush(void)
{
	for (uint32_t n = 0; serial.com1 && !(serial.tail == serial.head && in8(COM1 + REG_LSR) & LSR_SENT); n++) {
		if (in8(COM1 + REG_LSR) & LSR_EMPTY && serial.tail != serial.head) {
			fifo_fill();
			n = 0;
		} else if (n >= PATIENCE && !machine.control) {
			com1_give_up(); /* once is enough to wait */
		}
	}
}

uint64_t serial_room(void)
{
	uint32_t room = RING - (serial.head - serial.tail);

	serial.full = serial.full || (serial.com1 && room == 0);
	return serial.com1 ? room : UINT64_MAX;
}

void serial_write(const uint8_t *bytes, uint64_t size)
{
	if (!serial.com1)
		return;
	if (serial.head == serial.tail)
		serial.sent_ns = hal_time_ns();
	for (uint64_t i = 0; i < size; i++)
		serial.ring[serial.head++ % RING] = bytes[i];
	if (serial.listening)
		com1_send(SEND_WRITE);
	else
		serial_flush();
}

uint64_t serial_look(uint64_t until_ns)
{
	uint64_t end = serial.sent_ns + PATIENCE_NS;

	if (!serial.full || machine.control)
		return until_ns;
	if (hal_time_ns() >= end)
		com1_give_up();
	return until_ns < end ? until_ns : end;
}

void control_write(const char *text)
{
	uint32_t room = 0;

	for (; serial.com2 && *text != 0; text++, room--) {
		while (room == 0)
			room = in8(COM2 + REG_LSR) & LSR_EMPTY ? FIFO_SIZE : 0;
		out8(COM2 + REG_DATA, (uint8_t)*text);
	}
}

/* ---- Input -------------------------------------------------------------- */

static void com1_drain(void)
{
	while (in8(COM1 + REG_LSR) & LSR_DATA) {
		if (console_space() == 0) {
			ier_set(serial.ier & ~IER_DATA);
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
	if (line == 4 && serial.com1) {
		uint8_t before = serial.ier;

		in8(COM1 + REG_IIR);
		if (!serial.held)
			com1_drain();
		if (before & IER_EMPTY) {
			com1_send(SEND_INTERRUPT);
			/* The line must fall before it can rise again. */
			out8(COM1 + REG_IER, 0);
			out8(COM1 + REG_IER, serial.ier);
		}
	}
	if (line == 3)
		while (serial.com2 && (in8(COM2 + REG_LSR) & LSR_DATA))
			console_control(in8(COM2 + REG_DATA));
}

void serial_listen(void)
{
	if (serial.com1) {
		irq_unmask(4);
		ier_set(IER_DATA);
	}
	if (serial.com2) {
		irq_unmask(3);
		out8(COM2 + REG_IER, IER_DATA);
	}
	serial.listening = true;
}

/* The console has room again. */
void serial_resume(void)
{
	if (!serial.held)
		return;
	serial.held = false;
	com1_drain();
	if (!serial.held)
		ier_set(serial.ier | IER_DATA);
}
