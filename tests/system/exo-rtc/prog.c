/* A driver of the real-time clock in a program: registers, interrupts, and what it may not reach. */
#include "check.h"
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <exo_call.h>
#include <libos/dev_exo.h>

#define LINE 8
#define RW   (EXO_R_READ | EXO_R_WRITE)
#define ROM  UINT64_C(0xf0)

static int device;
static exo_cap_t ports, irq;

static exo_cap_t grant(uint32_t kind, uint32_t rights, uint64_t first, uint64_t count)
{
	struct exo_dev_grant g = { .kind = kind, .rights = rights, .first = first, .count = count };

	return ioctl(device, (int)EXO_DEV_GRANT, &g) ? 0 : g.cap;
}

static int refused(uint32_t kind, uint32_t rights, uint64_t first, uint64_t count)
{
	errno = 0;
	return grant(kind, rights, first, count) == 0 ? errno : 0;
}

static enum exo_status io(exo_cap_t cap, uint64_t at, uint32_t width, uint32_t write)
{
	return exo_direct_io(cap, at, width, write, 0, NULL);
}

static unsigned get(unsigned reg)
{
	uint64_t value = 0;

	return exo_direct_io(ports, 0x70, 1, 1, reg, NULL) || exo_direct_io(ports, 0x71, 1, 0, 0, &value) ? 0x100 : (unsigned)value;
}

static void set(unsigned reg, unsigned value)
{
	if (exo_direct_io(ports, 0x70, 1, 1, reg, NULL) || exo_direct_io(ports, 0x71, 1, 1, value, NULL))
		CHECK("a register can be written", 0);
}

static uint64_t take(void)
{
	uint64_t lines = 0;

	return exo_irq_take(irq, &lines) == EXO_OK ? lines : ~0ULL;
}

static int ready(int ms)
{
	struct pollfd p = { .fd = device, .events = POLLIN };

	return poll(&p, 1, ms) > 0 ? p.revents : 0;
}

/* ---- what is given ---- */

static void grants(void)
{
	CHECK("not the interrupt controller", refused(EXO_DEV_IOPORT, RW, 0x20, 2) == ENXIO);
	CHECK("not the console's port", refused(EXO_DEV_IOPORT, RW, 0x3f8, 8) == ENXIO);
	CHECK("not the bus", refused(EXO_DEV_IOPORT, RW, 0xcf8, 8) == ENXIO);
	CHECK("not all ports", refused(EXO_DEV_IOPORT, RW, 0, 65536) == ENXIO);
	CHECK("not one port more", refused(EXO_DEV_IOPORT, RW, 0x70, 3) == ENXIO && refused(EXO_DEV_IOPORT, RW, 0x6f, 2) == ENXIO);
	CHECK("no extent that wraps", refused(EXO_DEV_IOPORT, RW, 0x71, ~0ULL) == ENXIO && refused(EXO_DEV_IOPORT, RW, ~0ULL, 2) == ENXIO);
	CHECK("no empty extent", refused(EXO_DEV_IOPORT, RW, 0x70, 0) == ENXIO);
	CHECK("not the timer's line", refused(EXO_DEV_IRQ, RW, 0, 1) == ENXIO);
	CHECK("no memory as registers", refused(EXO_DEV_MMIO, EXO_R_READ, 0x1000, 1) == ENXIO);
	CHECK("no other rights", refused(EXO_DEV_IOPORT, RW | EXO_R_FUND, 0x70, 2) == EINVAL && refused(EXO_DEV_IRQ, 0, LINE, 1) == EINVAL);
	CHECK("the firmware may not be written", refused(EXO_DEV_MMIO, RW, ROM, 16) == EACCES);
	ports = grant(EXO_DEV_IOPORT, RW, 0x70, 2);
	irq = grant(EXO_DEV_IRQ, RW | EXO_R_DERIVE | EXO_R_REVOKE, LINE, 1);
	CHECK("the clock's ports", ports != 0);
	CHECK("the clock's line", irq != 0);
}

/* A refusal leaves a record that names the capability. */
static int audited(exo_cap_t cap)
{
	static struct exo_audit_record r[64];
	exo_cap_t audit = grant(EXO_DEV_AUDIT, EXO_R_READ, 0, 0);
	uint64_t count = 0;
	int found = 0;

	for (int i = 0; i < 100 && !found; i++) {
		memset(r, 0xff, sizeof r);
		if (exo_audit_read(audit, r, 64, &count) != EXO_OK || count == 0)
			break;
		for (uint64_t k = 0; k < count; k++)
			found |= r[k].what == EXO_AUDIT_REFUSE && r[k].call == EXO_NR_DIRECT_IO && r[k].cap == cap && r[k].status == EXO_E_RANGE;
	}
	return found;
}

static void outside(void)
{
	exo_cap_t ro = grant(EXO_DEV_IOPORT, EXO_R_READ, 0x71, 1);

	CHECK("ports beside it", io(ports, 0x6f, 1, 0) == EXO_E_RANGE && io(ports, 0x72, 1, 0) == EXO_E_RANGE);
	CHECK("a width that reaches beyond", io(ports, 0x71, 2, 0) == EXO_E_RANGE && io(ports, 0x70, 4, 1) == EXO_E_RANGE);
	CHECK("ports far away", io(ports, 0x64, 1, 1) == EXO_E_RANGE && io(ports, 0x10070, 1, 1) == EXO_E_RANGE && io(ports, ~0ULL, 1, 1) == EXO_E_RANGE);
	CHECK("it is on record", audited(ports));
	CHECK("odd widths", io(ports, 0x70, 0, 0) == EXO_E_ARG && io(ports, 0x70, 3, 0) == EXO_E_ARG && io(ports, 0x70, 8, 0) == EXO_E_ARG);
	CHECK("reading only", io(ro, 0x71, 1, 0) == EXO_OK && io(ro, 0x71, 1, 1) == EXO_E_RIGHTS && io(ro, 0x70, 1, 0) == EXO_E_RANGE);
	CHECK("by a line no port", io(irq, 0x70, 1, 0) == EXO_E_TYPE);
	CHECK("dropped is gone", exo_cap_drop(ro, NULL) == EXO_OK && io(ro, 0x71, 1, 0) == EXO_E_CAP);
}

static void firmware(void)
{
	exo_cap_t rom = grant(EXO_DEV_MMIO, EXO_R_READ, ROM, 16);
	uint64_t at = 0xffff0, eight = 0, one = 0, byte = 0, bad = 0;

	CHECK("the firmware can be read", exo_direct_io(rom, at, 8, 0, 0, &eight) == EXO_OK);
	for (int i = 0; i < 8; i++)
		bad += exo_direct_io(rom, at + (uint64_t)i, 1, 0, 0, &one) != EXO_OK || one != (eight >> (8 * i) & 0xff);
	CHECK("in each width alike", bad == 0);
	/* A BIOS begins with a far jump, and then says when it was made; other firmware need not. */
	for (uint64_t i = 5; i < 13 && (eight & 0xff) == 0xea; i++) {
		bad += exo_direct_io(rom, at + i, 1, 0, 0, &byte) != EXO_OK;
		bad += i == 7 || i == 10 ? byte != '/' : byte < '0' || byte > '9';
	}
	CHECK("its date is there", bad == 0);
	CHECK("outside of it", io(rom, 0xeffff, 1, 0) == EXO_E_RANGE && io(rom, 0x100000, 1, 0) == EXO_E_RANGE);
	CHECK("across a boundary", io(rom, 0xffffc, 8, 0) == EXO_E_ARG && io(rom, 0xf0001, 2, 0) == EXO_E_ARG);
	CHECK("writing", io(rom, at, 1, 1) == EXO_E_RIGHTS);
	exo_call(EXO_NR_CAP_DROP, rom, 0, 0, 0, 0, 0);
}

/* ---- the clock ---- */

static unsigned bcd(unsigned v)
{
	return (v >> 4) * 10 + (v & 15);
}

static struct tm read_clock(void)
{
	struct tm tm = { 0 };

	for (int i = 0; i < 1000 && get(10) & 0x80; i++)
		usleep(1000);
	tm.tm_sec = (int)bcd(get(0));
	tm.tm_min = (int)bcd(get(2));
	tm.tm_hour = (int)bcd(get(4));
	tm.tm_mday = (int)bcd(get(7));
	tm.tm_mon = (int)bcd(get(8)) - 1;
	tm.tm_year = (int)(bcd(get(0x32)) * 100 + bcd(get(9))) - 1900;
	return tm;
}

static void date(void)
{
	struct tm tm, before;
	long off, tries = 0;

	/* It goes on while it is read: two readings are the same, or it is read again. */
	do {
		before = read_clock();
		tm = read_clock();
	} while (memcmp(&tm, &before, sizeof tm) != 0 && ++tries < 100);
	off = (long)(timegm(&tm) - time(NULL));
	if (off <= -60 || off >= 60)
		fprintf(stderr, "%ld s off, %ld tries\n", off, tries);
	CHECK("the clock tells the time", off > -60 && off < 60);
	CHECK("its memory keeps a byte", (set(0x40, 0x5a), get(0x40) == 0x5a) && (set(0x40, 0xa5), get(0x40) == 0xa5));
}

/* Sets the periodic interrupt; rate 0: off. */
static void periodic(unsigned rate)
{
	set(11, get(11) & ~0x40u);
	set(10, (get(10) & 0x70) | (rate ? rate : 6));
	get(12);
	if (rate)
		set(11, get(11) | 0x40);
}

static int ticks(int want)
{
	int n = 0;

	while (n < want) {
		uint64_t lines = take();

		if (lines == 1u << LINE) {
			n += (get(12) & 0x40) != 0;
			if (exo_irq_ack(irq, LINE, NULL) != EXO_OK)
				return -1;
		} else if (lines || !(ready(5000) & POLLIN)) {
			return -1;
		}
	}
	return n;
}

static void interrupts(void)
{
	long start;

	CHECK("nothing without a binding", exo_irq_ack(irq, LINE, NULL) == EXO_E_STATE && take() == 0);
	CHECK("only this line", exo_irq_bind(irq, 1, EXO_CAP_NONE, NULL) == EXO_E_RANGE && exo_irq_bind(irq, ~0ULL, EXO_CAP_NONE, NULL) == EXO_E_RANGE);
	CHECK("bound", exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL) == EXO_OK);
	CHECK("only once", exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL) == EXO_E_BUSY);
	CHECK("in use, it cannot be dropped", exo_cap_drop(irq, NULL) == EXO_E_BUSY);
	take();
	get(12);
	exo_call(EXO_NR_IRQ_ACK, irq, LINE, 0, 0, 0, 0);
	take();
	CHECK("a quiet device is quiet", (periodic(0), ready(100) == 0));
	start = clock_ms();
	periodic(10);
	CHECK("32 interrupts", ticks(32) == 32);
	start = clock_ms() - start;
	CHECK("64 a second, about", start >= 400 && start < 10000);
	periodic(0);
}

/* The device interrupts as fast as it can and is served, but nobody says that the line may come again. */
static void storm(void)
{
	int came = 0;

	periodic(3);
	for (int i = 0; i < 100; i++) {
		pause_ms(2);
		came += take() != 0;
		get(12);
	}
	CHECK("unacknowledged, a line comes once", came == 1);
	CHECK("then again", exo_irq_ack(irq, LINE, NULL) == EXO_OK && (ready(5000) & POLLIN) && take() == 1u << LINE);
	periodic(0);
	get(12);
}

static void revoked(void)
{
	exo_cap_t child = 0;

	CHECK("unbound", exo_irq_unbind(irq, LINE, NULL) == EXO_OK && exo_irq_unbind(irq, LINE, NULL) == EXO_E_STATE);
	CHECK("derived", exo_cap_derive(irq, RW, LINE, 1, EXO_NO_EXPIRY, &child) == EXO_OK);
	CHECK("bound by what was derived", exo_irq_bind(child, LINE, EXO_CAP_NONE, NULL) == EXO_OK);
	periodic(6);
	CHECK("it comes", (ready(5000) & POLLIN) != 0);
	CHECK("revoked", exo_cap_revoke(irq, NULL) == EXO_OK);
	CHECK("what had come is not told", take() == 0 && ready(100) == 0);
	CHECK("nothing works any more", exo_irq_ack(child, LINE, NULL) == EXO_E_CAP && exo_irq_ack(irq, LINE, NULL) == EXO_E_STATE);
	CHECK("the line is free", exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL) == EXO_OK);
	get(12);
	CHECK("and works", ticks(3) == 3);
}

static int other_binds(void)
{
	device = open("/dev/exo", O_RDWR);
	irq = grant(EXO_DEV_IRQ, RW, LINE, 1);
	return (int)exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL);
}

static void processes(void)
{
	pid_t child;
	int status;

	if ((child = fork()) == 0)
		_exit(io(ports, 0x71, 1, 0) == EXO_E_CAP && exo_irq_ack(irq, LINE, NULL) == EXO_E_CAP ? 0 : 1);
	CHECK("a child has none of it", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0)
		_exit(other_binds());
	CHECK("another program cannot take the line", EXITED(wait_status(child), EXO_E_BUSY));
	CHECK("unbound again", exo_irq_unbind(irq, LINE, NULL) == EXO_OK);
	if ((child = fork()) == 0)
		_exit(other_binds());
	CHECK("now it can", EXITED(wait_status(child), EXO_OK));
	for (int i = 0; (status = (int)exo_irq_bind(irq, LINE, EXO_CAP_NONE, NULL)) == EXO_E_BUSY && i < 100; i++)
		pause_ms(10);
	CHECK("and when it ends, the line is free", status == EXO_OK);
	exo_call(EXO_NR_IRQ_UNBIND, irq, LINE, 0, 0, 0, 0);
	periodic(0);
	/* An open file whose opener is gone. */
	close(device);
	child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		_exit(open("/dev/exo", O_RDWR) != device);
	CHECK("opened by another", EXITED(wait_status(child), 0));
	CHECK("who is gone", ready(0) == POLLHUP);
	close(device);
}

static int shell(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void program(void)
{
	CHECK("exo-rtc date", shell("exo-rtc date | grep -Eq '^20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]$'") == 0);
	CHECK("exo-rtc tick", shell("exo-rtc tick 128 32 | grep -Eq '^32 interrupts at 128 Hz in [0-9]+[.][0-9]{3} s$'") == 0);
	CHECK("exo-rtc tick, stopped", shell("exo-rtc tick 2 1000 >out & sleep 1; kill $!; wait $!; test $? = 1 && grep -q ' interrupts at 2 Hz' out") == 0);
	CHECK("a rate that the clock does not have", shell("exo-rtc tick 100 2>err; test $? = 2 && grep -q 'power of two' err") == 0);
	CHECK("wrong usage", shell("exo-rtc 2>/dev/null") == 2 && shell("exo-rtc date now 2>/dev/null") == 2 && shell("exo-rtc tick 64 0 2>/dev/null") == 2);
	CHECK("help", shell("exo-rtc --help | grep -q usage") == 0);
	CHECK("for root only", shell("chmod 777 .; su user -c 'exo-rtc date' 2>err; test $? = 1 && grep -q 'only root' err") == 0);
}

int main(void)
{
	device = open("/dev/exo", O_RDWR);
	grants();
	outside();
	firmware();
	date();
	interrupts();
	storm();
	revoked();
	processes();
	program();
	DONE();
}
