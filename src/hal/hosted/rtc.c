/*
 * A model of the MC146818A real-time clock (Motorola's data sheet), as a PC has it at ports 0x70 and
 * 0x71: time and date in BCD or binary, 12 or 24 hours; alarm, periodic and update-ended interrupts; memory.
 *
 * The time is the host's clock, plus an offset that setting the time makes. Nothing runs by itself:
 * what has become due is found out when somebody looks. Not modelled: daylight saving, the square wave, and
 * divider settings other than that for a 32.768 kHz crystal, which stop the periodic interrupt.
 */
#include "hosted.h"

#include <string.h>
#include <time.h>

#define INDEX_MASK 0x7f
#define NS_PER_S   UINT64_C(1000000000)
#define UIP_NS     UINT64_C(244141) /* how long before an update it is announced */
#define CRYSTAL_HZ UINT64_C(32768)
#define LATE_MAX   64 /* seconds that are looked through for an alarm */

enum { SECOND, SECOND_ALARM, MINUTE, MINUTE_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D };
#define CENTURY 0x32 /* where PCs have it */

#define A_UIP     0x80
#define A_DIVIDER 0x70
#define A_CRYSTAL 0x20
#define A_RATE    0x0f
#define B_SET     0x80
#define B_UIE     0x10
#define B_AIE     0x20
#define B_BINARY  0x04
#define B_24      0x02
#define FLAGS     0x70 /* PF AF UF in C; PIE AIE UIE in B */
#define C_IRQ     0x80
#define C_PERIOD  0x40
#define C_ALARM   0x20
#define C_UPDATE  0x10
#define D_VALID   0x80
#define PM        0x80 /* of an hour */
#define ANY       0xc0 /* an alarm field that matches always */

static struct {
	uint8_t index, ram[128];
	int64_t offset;      /* our seconds less the host's */
	uint64_t second;     /* the last one whose update was seen; the host's */
	uint64_t periodic;   /* next periodic flag, hal_time_ns(); UINT64_MAX: off */
	bool rose;           /* the interrupt line, since host_rtc_rose() */
} rtc = {.ram = {[A] = A_CRYSTAL | 6, [B] = B_24, [D] = D_VALID}, .periodic = UINT64_MAX};

/* ---- Fields ---- */

static uint8_t encode(unsigned value)
{
	return (uint8_t)(rtc.ram[B] & B_BINARY ? value : value / 10 << 4 | value % 10);
}

static int decode(uint8_t value)
{
	return rtc.ram[B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t encode_hour(int hour)
{
	if (rtc.ram[B] & B_24)
		return encode((unsigned)hour);
	return (uint8_t)(encode(hour % 12 ? (unsigned)hour % 12 : 12) | (hour >= 12 ? PM : 0));
}

static int decode_hour(uint8_t value)
{
	if (rtc.ram[B] & B_24)
		return decode(value);
	return decode(value & ~PM) % 12 + (value & PM ? 12 : 0);
}

static void fields_store(uint64_t second)
{
	time_t t = (time_t)((int64_t)second + rtc.offset);
	struct tm tm;

	gmtime_r(&t, &tm);
	rtc.ram[SECOND] = encode((unsigned)tm.tm_sec);
	rtc.ram[MINUTE] = encode((unsigned)tm.tm_min);
	rtc.ram[HOUR] = encode_hour(tm.tm_hour);
	rtc.ram[WEEKDAY] = encode((unsigned)tm.tm_wday + 1);
	rtc.ram[DAY] = encode((unsigned)tm.tm_mday);
	rtc.ram[MONTH] = encode((unsigned)tm.tm_mon + 1);
	rtc.ram[YEAR] = encode((unsigned)tm.tm_year % 100);
	rtc.ram[CENTURY] = encode((unsigned)(tm.tm_year + 1900) / 100);
}

static uint64_t host_second(void)
{
	return hal_time_real_ns() / NS_PER_S;
}

static void fields_take(void)
{
	struct tm tm = {
		.tm_sec = decode(rtc.ram[SECOND]), .tm_min = decode(rtc.ram[MINUTE]), .tm_hour = decode_hour(rtc.ram[HOUR]),
		.tm_mday = decode(rtc.ram[DAY]), .tm_mon = decode(rtc.ram[MONTH]) - 1,
		.tm_year = decode(rtc.ram[CENTURY]) * 100 + decode(rtc.ram[YEAR]) - 1900,
	};

	rtc.second = host_second();
	rtc.offset = (int64_t)timegm(&tm) - (int64_t)rtc.second;
}

static bool alarm_matches(uint64_t second)
{
	static const uint8_t fields[] = {SECOND, MINUTE, HOUR};

	fields_store(second);
	for (unsigned i = 0; i < sizeof(fields); i++) {
		uint8_t wanted = rtc.ram[fields[i] + 1];
		if ((wanted & ANY) != ANY && wanted != rtc.ram[fields[i]])
			return false;
	}
	return true;
}

/* ---- Interrupts ---- */

/* Register A's rate: 3 to 15 are powers of two below the crystal; 1 and 2 are like 8 and 9. */
static uint64_t period_ns(void)
{
	unsigned rate = rtc.ram[A] & A_RATE;

	if (rate == 0 || (rtc.ram[A] & A_DIVIDER) != A_CRYSTAL)
		return 0;
	return (NS_PER_S << ((rate < 3 ? rate + 7 : rate) - 1)) / CRYSTAL_HZ;
}

static void period_start(void)
{
	uint64_t period = period_ns();

	rtc.periodic = period ? hal_time_ns() + period : UINT64_MAX;
}

/* Sets the flags of what has happened since the last time. */
static void look(void)
{
	uint64_t now = hal_time_ns(), second;

	if (now >= rtc.periodic) {
		uint64_t period = period_ns();
		rtc.ram[C] |= C_PERIOD;
		rtc.periodic += (now - rtc.periodic) / period * period + period;
	}
	if (!(rtc.ram[B] & B_SET) && (second = host_second()) != rtc.second) {
		uint64_t at = second - rtc.second > LATE_MAX ? second - LATE_MAX : rtc.second;
		rtc.ram[C] |= C_UPDATE;
		while (at++ < second && !(rtc.ram[C] & C_ALARM))
			if (alarm_matches(at))
				rtc.ram[C] |= C_ALARM;
		rtc.second = second;
	}
	if (!(rtc.ram[C] & rtc.ram[B] & FLAGS)) {
		rtc.ram[C] &= (uint8_t)~C_IRQ;
	} else if (!(rtc.ram[C] & C_IRQ)) {
		rtc.ram[C] |= C_IRQ;
		rtc.rose = true;
	}
}

bool host_rtc_rose(void)
{
	bool rose;

	look();
	rose = rtc.rose;
	rtc.rose = false;
	return rose;
}

uint64_t host_rtc_due(void)
{
	uint64_t due = UINT64_MAX, update;

	if (rtc.ram[C] & C_IRQ)
		return due; /* up already, until somebody reads C */
	if (rtc.ram[B] & C_PERIOD)
		due = rtc.periodic;
	if ((rtc.ram[B] & (B_UIE | B_AIE)) && !(rtc.ram[B] & B_SET)) {
		update = hal_time_ns() + NS_PER_S - hal_time_real_ns() % NS_PER_S;
		if (update < due)
			due = update;
	}
	return due;
}

/* ---- Registers ---- */

static bool is_time(uint8_t index)
{
	return index == CENTURY || (index <= YEAR && index != SECOND_ALARM && index != MINUTE_ALARM && index != HOUR_ALARM);
}

static uint8_t register_read(uint8_t index)
{
	uint8_t value;

	if (is_time(index) && !(rtc.ram[B] & B_SET))
		fields_store(host_second());
	look();
	value = rtc.ram[index];
	if (index == A && !(rtc.ram[B] & B_SET) && hal_time_real_ns() % NS_PER_S >= NS_PER_S - UIP_NS)
		value |= A_UIP;
	if (index == C)
		rtc.ram[C] = 0;
	return value;
}

static void write_b(uint8_t value)
{
	uint8_t before = rtc.ram[B];

	if (!(before & B_SET) && (value & B_SET))
		fields_store(host_second()); /* the time stands still, to be changed */
	if (value & B_SET)
		value &= (uint8_t)~B_UIE;
	rtc.ram[B] = value;
	if ((before & B_SET) && !(value & B_SET))
		fields_take();
}

static void register_write(uint8_t index, uint8_t value)
{
	bool runs = is_time(index) && !(rtc.ram[B] & B_SET);

	look();
	if (index == C || index == D)
		return;
	if (index == B) {
		write_b(value);
		return;
	}
	if (runs)
		fields_store(host_second());
	rtc.ram[index] = index == A ? value & (uint8_t)~A_UIP : value;
	if (runs)
		fields_take();
	if (index == A)
		period_start();
}

void host_rtc_start(void)
{
	time_t now = (time_t)host_second();
	struct tm tm;

	gmtime_r(&now, &tm); /* the first time the C library reads its file of time zones */
	rtc.second = (uint64_t)now;
	period_start();
}

uint8_t host_rtc_read(uint64_t port)
{
	return port == HOST_RTC_PORT ? 0xff : register_read(rtc.index);
}

void host_rtc_write(uint64_t port, uint8_t value)
{
	if (port == HOST_RTC_PORT)
		rtc.index = value & INDEX_MASK;
	else
		register_write(rtc.index, value);
}
