/*
 * exo-rtc: a driver of the PC's real-time clock (Motorola MC146818A) that is an ordinary program.
 *
 * /dev/exo gives it a capability for the clock's two ports and one for its interrupt line. From then on it deals with
 * the device by kernel calls alone: exo_direct_io() for the registers, exo_irq_bind/take/ack() for the
 * interrupts. To sleep until one comes it polls /dev/exo, which the LibOS wakes it from.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libos/dev_exo.h>

#include "exo_call.h"

#define PORT_INDEX 0x70
#define PORT_DATA  0x71
#define LINE       8

/* Registers and bits as the data sheet names them. */
enum { SECOND = 0, MINUTE = 2, HOUR = 4, DAY = 7, MONTH = 8, YEAR = 9, A = 10, B = 11, C = 12, D = 13 };
#define CENTURY  0x32 /* where PCs have it */
#define A_UIP    0x80 /* the time will change at once */
#define A_RATE   0x0f
#define B_PIE    0x40
#define B_BINARY 0x04
#define B_24     0x02
#define C_PF     0x40
#define D_VRT    0x80
#define HOUR_PM  0x80

#define CRYSTAL_HZ  32768u
#define HZ_MIN      2u
#define HZ_MAX      8192u
#define COUNT_MAX   1000000u
#define PATIENCE_MS 2000
#define TRIES       1000

static exo_cap_t ports, irq;
static int device = -1;
static volatile sig_atomic_t stopped;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "exo-rtc: %s: %s\n", what, why);
	exit(1);
}

static void check(enum exo_status status, const char *what)
{
	if (status != EXO_OK)
		fail(what, exo_status_text(status));
}

static exo_cap_t grant(uint32_t kind, uint64_t first, uint64_t count, const char *what)
{
	struct exo_dev_grant g = { .kind = kind, .rights = EXO_R_READ | EXO_R_WRITE, .first = first, .count = count };

	if (ioctl(device, (int)EXO_DEV_GRANT, &g) < 0)
		fail(what, errno == ENXIO ? "this machine does not offer it" : strerror(errno));
	return g.cap;
}

static void attach(bool interrupts)
{
	device = open("/dev/exo", O_RDWR | O_CLOEXEC);
	if (device < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		fail("/dev/exo", "not here: this system is not FeuerBird");
	if (device < 0)
		fail("/dev/exo", errno == EACCES || errno == EPERM ? "only root may drive devices" : strerror(errno));
	ports = grant(EXO_DEV_IOPORT, PORT_INDEX, 2, "the clock's ports");
	if (interrupts)
		irq = grant(EXO_DEV_IRQ, LINE, 1, "the clock's interrupt");
}

/* ---- Registers ---- */

static unsigned get(unsigned reg)
{
	uint64_t value = 0;

	check(exo_direct_io(ports, PORT_INDEX, 1, 1, reg, NULL), "cannot choose a register");
	check(exo_direct_io(ports, PORT_DATA, 1, 0, 0, &value), "cannot read a register");
	return (unsigned)value;
}

static void set(unsigned reg, unsigned value)
{
	check(exo_direct_io(ports, PORT_INDEX, 1, 1, reg, NULL), "cannot choose a register");
	check(exo_direct_io(ports, PORT_DATA, 1, 1, value, NULL), "cannot write a register");
}

/* ---- date ---- */

static unsigned from_bcd(unsigned value)
{
	return (value >> 4) * 10 + (value & 15);
}

static int show_date(void)
{
	static const unsigned regs[] = { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY };
	unsigned now[7], last[7] = { 0 }, mode = get(B);
	bool steady = false, afternoon;

	/* Read till two readings agree: then no update was going on. */
	for (int i = 0; i < TRIES && !steady; i++) {
		if (get(A) & A_UIP) {
			usleep(1000); /* a machine that is itself waited for leaves the bit set for many milliseconds */
			continue;
		}
		for (int k = 0; k < 7; k++)
			now[k] = get(regs[k]);
		steady = memcmp(now, last, sizeof(now)) == 0;
		memcpy(last, now, sizeof(last));
	}
	if (!steady)
		fail("the clock", "its time does not hold still");
	if (!(get(D) & D_VRT))
		fail("the clock", "its battery is empty");
	afternoon = !(mode & B_24) && (now[2] & HOUR_PM);
	now[2] &= mode & B_24 ? 0xff : 0x7f;
	for (int k = 0; k < 7 && !(mode & B_BINARY); k++)
		now[k] = from_bcd(now[k]);
	if (!(mode & B_24))
		now[2] = now[2] % 12 + (afternoon ? 12 : 0);
	printf("%02u%02u-%02u-%02u %02u:%02u:%02u\n", now[6], now[5], now[4], now[3], now[2], now[1], now[0]);
	return fflush(stdout) != 0;
}

/* ---- tick ---- */

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* True: one more. False: stopped by a signal. */
static bool tick_wait(void)
{
	struct pollfd p = { .fd = device, .events = POLLIN };
	uint64_t lines = 0;

	while (!stopped) {
		bool ticked;

		check(exo_irq_take(irq, &lines), "cannot take interrupts");
		if (lines == 0) {
			int ready = poll(&p, 1, PATIENCE_MS);

			if (ready == 0 || (ready > 0 && !(p.revents & POLLIN)))
				return false;
			continue;
		}
		/* Reading C lets the device put its line down; only then may the line speak again. */
		ticked = get(C) & C_PF;
		check(exo_irq_ack(irq, LINE, NULL), "cannot acknowledge");
		if (ticked)
			return true;
	}
	return false;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int show_ticks(unsigned hz, unsigned count)
{
	unsigned rate = 1, a, b, n = 0;
	uint64_t start;

	while (CRYSTAL_HZ >> (rate - 1) != hz)
		rate++;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	a = get(A);
	b = get(B);
	check(exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL), "cannot bind the interrupt");
	set(A, (a & ~(unsigned)A_RATE) | rate);
	get(C); /* what is pending is not ours */
	set(B, b | B_PIE);
	start = now_ms();
	while (n < count && tick_wait())
		n++;
	start = now_ms() - start;
	set(B, b & ~(unsigned)B_PIE);
	set(A, a);
	get(C);
	check(exo_irq_unbind(irq, LINE, NULL), "cannot unbind the interrupt");
	printf("%u interrupts at %u Hz in %llu.%03llu s\n", n, hz, (unsigned long long)start / 1000,
	       (unsigned long long)start % 1000);
	if (fflush(stdout) != 0)
		return 1;
	if (n < count && !stopped)
		fail("the clock", "no interrupt came for two seconds");
	return n < count;
}

/* ---- The command line ---- */

static int help(int status)
{
	fputs("usage: exo-rtc date               the clock's date and time\n"
	      "       exo-rtc tick [HZ [COUNT]]  waits for COUNT (16) periodic interrupts;\n"
	      "                                  HZ: a power of two, 2 to 8192 (64)\n"
	      "       exo-rtc help\n"
	      "Drives the PC's real-time clock from a program, by kernel calls. For root only.\n",
	      status ? stderr : stdout);
	return status;
}

/* A number of the command line between min and max, or 0. */
static unsigned number(const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && value >= min && value <= max ? (unsigned)value : 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned hz, count;
	int status;

	if (strcmp(what, "help") == 0 || strcmp(what, "--help") == 0)
		return help(0);
	if (strcmp(what, "date") == 0 && argc == 2) {
		attach(false);
		status = show_date();
	} else if (strcmp(what, "tick") == 0 && argc <= 4) {
		hz = argc > 2 ? number(argv[2], HZ_MIN, HZ_MAX) : 64;
		count = argc > 3 ? number(argv[3], 1, COUNT_MAX) : 16;
		if (hz == 0 || (hz & (hz - 1))) {
			fprintf(stderr, "exo-rtc: HZ must be a power of two, %u to %u\n", HZ_MIN, HZ_MAX);
			return 2;
		}
		if (count == 0) {
			fprintf(stderr, "exo-rtc: COUNT must be a number, 1 to %u\n", COUNT_MAX);
			return 2;
		}
		attach(true);
		status = show_ticks(hz, count);
		check(exo_cap_drop(irq, NULL), "cannot give the interrupt back");
	} else {
		return help(2);
	}
	check(exo_cap_drop(ports, NULL), "cannot give the ports back");
	close(device);
	return status;
}
