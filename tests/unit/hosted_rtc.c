/* The simulator's model of the real-time clock, against the data sheet, on the host's real time. */
#include <criterion/criterion.h>
#include <hal/hosted/hosted.h>
#include <time.h>

enum { SECOND, SECOND_ALARM, MINUTE, MINUTE_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D };
#define CENTURY 0x32
#define LINE    8

EXO_NORETURN void libos_start(const struct exo_boot *boot);
void libos_start(const struct exo_boot *boot)
{
	(void)boot;
	hal_halt(1);
}

static struct hal_boot_info info;

static void setup(void)
{
	host_time_begin();
	host_time_start();
	host_devices_start(&info);
}

TestSuite(hosted_rtc, .init = setup, .timeout = 60);

static unsigned get(unsigned reg)
{
	hal_io_write(0x70, 1, reg);
	return (unsigned)hal_io_read(0x71, 1);
}

static void set(unsigned reg, unsigned value)
{
	hal_io_write(0x70, 1, reg);
	hal_io_write(0x71, 1, value);
}

static void wait_ms(unsigned ms)
{
	const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* The line's interrupts since the last time. */
static bool came(void)
{
	return host_irq_pending() && hal_irq_take() == 1 << LINE;
}

/* 2001-02-03 23:59:58, in the modes that register B has. */
static void set_time(unsigned b)
{
	set(B, b | 0x80);
	if (b & 4) {
		set(YEAR, 1), set(CENTURY, 20), set(MONTH, 2), set(DAY, 3);
		set(HOUR, b & 2 ? 23 : 0x80 | 11), set(MINUTE, 59), set(SECOND, 58);
	} else {
		set(YEAR, 0x01), set(CENTURY, 0x20), set(MONTH, 0x02), set(DAY, 0x03);
		set(HOUR, b & 2 ? 0x23 : 0x80 | 0x11), set(MINUTE, 0x59), set(SECOND, 0x58);
	}
	wait_ms(5);
	cr_assert_eq(get(SECOND), b & 4 ? 58u : 0x58u, "the time stands still while it is set");
	cr_assert_eq(get(A) & 0x80, 0);
	set(B, b);
}

Test(hosted_rtc, what_it_is)
{
	cr_assert_eq(info.ports[0].first, 0x70);
	cr_assert_eq(info.ports[0].count, 2);
	cr_assert_eq(get(D), 0x80);
	cr_assert_eq(get(A) & 0x7f, 0x26);
	cr_assert_eq(get(B), 0x02);
	cr_assert_eq(hal_io_read(0x70, 1), 0xff);
	set(D, 0), set(C, 0xff);
	cr_assert_eq(get(D), 0x80);
	set(0x7f, 0x5a);
	cr_assert_eq(get(0x7f), 0x5a);
	cr_assert_eq(get(0xff), 0x5a, "the index has seven bits");
}

/* Every mode, with the day's end coming. */
Test(hosted_rtc, set_and_run)
{
	static const unsigned modes[] = {0, 2, 4, 6};

	for (unsigned i = 0; i < 4; i++) {
		unsigned b = modes[i], bcd = !(b & 4);

		set_time(b);
		for (int k = 0; k < 500 && get(DAY) == 3; k++)
			wait_ms(20);
		cr_assert_eq(get(MINUTE), 0);
		cr_assert_eq(get(HOUR), b & 2 ? 0u : bcd ? 0x12u : 12u);
		cr_assert_eq(get(DAY), 4);
		cr_assert_eq(get(WEEKDAY), 1);
	}
}

Test(hosted_rtc, periodic)
{
	cr_assert_eq(host_irq_due_ns(), UINT64_MAX);
	set(A, 0x26); /* 1024 Hz */
	set(B, 0x42);
	/* Due, or come already: periods do not begin when we ask for them. */
	cr_assert(host_irq_due_ns() != UINT64_MAX || (get(C) & 0xc0) == 0xc0);
	wait_ms(3);
	cr_assert(!came(), "the line is masked");
	hal_irq_unmask(LINE);
	cr_assert(came(), "it was kept");
	cr_assert_eq(host_irq_due_ns(), UINT64_MAX, "nothing new before C has been read");
	cr_assert_eq(get(C) & 0xc0, 0xc0);
	for (int i = 0; i < 20; i++) {
		hal_irq_unmask(LINE);
		wait_ms(2);
		cr_assert(came());
		cr_assert_eq(get(C) & 0xc0, 0xc0);
	}
	/* Reading C and the next period fall together, again and again: no edge may be lost. */
	set(A, 0x23);
	for (int i = 0; i < 2000; i++) {
		uint64_t start = hal_time_ns();

		hal_irq_unmask(LINE);
		while (!came())
			cr_assert_lt(hal_time_ns() - start, UINT64_C(5000000000));
		get(C);
	}
	set(A, 0x20);
	get(C);
	hal_irq_unmask(LINE);
	came();
	get(C);
	hal_irq_unmask(LINE);
	wait_ms(5);
	cr_assert(!came(), "rate 0 is none");
	set(A, 0x66);
	wait_ms(5);
	cr_assert(!came(), "nor is another divider");
}

Test(hosted_rtc, update_and_alarm)
{
	set_time(0x02);
	set(SECOND_ALARM, 0x00), set(MINUTE_ALARM, 0x00), set(HOUR_ALARM, 0xff);
	get(C);
	hal_irq_unmask(LINE);
	set(B, 0x22);
	wait_ms(2200);
	cr_assert(came());
	cr_assert_eq(get(C) & 0xb0, 0xb0);
	set(B, 0x12);
	hal_irq_unmask(LINE);
	wait_ms(1100);
	cr_assert(came());
	cr_assert_eq(get(C) & 0xb0, 0x90, "an update, and no alarm");
	set(B, 0x92);
	cr_assert_eq(get(B), 0x82, "setting the time stops update interrupts");
}

Test(hosted_rtc, firmware)
{
	cr_assert_eq(hal_mmio_read(0xffff0, 1), 0xea);
	cr_assert_eq(hal_mmio_read(0xffff7, 1), '/');
	cr_assert_eq(hal_mmio_read(0xf0000, 8), UINT64_MAX);
}
