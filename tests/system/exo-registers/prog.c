/* Device registers mapped into a program: the HPET's counter, read without the kernel, and what must not work with it. */
#include "exo.h"
#include <setjmp.h>

#define HPET      UINT64_C(0xfed00) /* frame, on every PC that QEMU makes */
#define COUNTER   (0xf0 / 8)
#define HOLD      (EXO_R_READ | EXO_R_DERIVE | EXO_R_REVOKE)
#define PROT_KIND (EXO_PROT_READ | EXO_PROT_WRITE | EXO_PROT_EXEC | EXO_PROT_DEVICE)

static sigjmp_buf out;
static volatile uint64_t *volatile at; /* where we have it */
static exo_cap_t zone, registers;

static exo_cap_t grant(uint32_t rights, uint64_t first, uint64_t count)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_MMIO, .rights = rights, .first = first, .count = count };
	int f = open("/dev/exo", O_RDWR);
	int bad = ioctl(f, (int)EXO_DEV_GRANT, &g);

	close(f);
	return bad ? EXO_CAP_NONE : g.cap;
}

static enum exo_status map(exo_cap_t cap, uint64_t frame, uint32_t prot)
{
	static struct exo_map_op op;

	op = (struct exo_map_op){ (uint64_t)(uintptr_t)at, frame, 1, prot };
	return exo_mem_map(zone, cap, &op, 1, NULL);
}

static void faulted(int sig)
{
	siglongjmp(out, sig);
}

static int faults(int write)
{
	int sig = sigsetjmp(out, 1);

	if (sig == 0 && write)
		at[2] = 0;
	else if (sig == 0)
		(void)at[COUNTER];
	return sig == SIGSEGV;
}

static uint64_t mapped(void)
{
	uint64_t value = 1;

	return exo_mem_query(zone, (uint64_t)(uintptr_t)at, &value) == EXO_OK ? value : 1;
}

static void reads(void)
{
	uint64_t a, b, through = 0;

	CHECK("mapped", map(registers, HPET, EXO_PROT_READ) == EXO_OK);
	CHECK("as registers, to be read", mapped() >> 12 == HPET && (mapped() & PROT_KIND) == (EXO_PROT_READ | EXO_PROT_DEVICE));
	CHECK("a period that can be", at[0] >> 32 > 0 && at[0] >> 32 <= 100000000);
	a = at[COUNTER];
	pause_ms(20);
	b = at[COUNTER];
	CHECK("it counts", b > a);
	/* Femtoseconds; a busy host makes the pause longer, never shorter. */
	CHECK("as fast as it says", (b - a) * (at[0] >> 32) / 1000000 >= 19000000);
	CHECK("and so the kernel reads it", exo_direct_io(registers, (HPET << 12) + 0xf0, 8, 0, 0, &through) == EXO_OK && through >= b &&
	      at[COUNTER] >= through);
	CHECK("it cannot be written", faults(1));
}

static void refusals(void)
{
	CHECK("nor mapped to be written", map(registers, HPET, EXO_PROT_READ | EXO_PROT_WRITE) == EXO_E_RIGHTS);
	CHECK("nor changed to that", map(registers, EXO_FRAME_KEEP, EXO_PROT_READ | EXO_PROT_WRITE) == EXO_E_RIGHTS);
	CHECK("nor executed", map(registers, HPET, EXO_PROT_READ | EXO_PROT_EXEC) == EXO_E_RIGHTS);
	CHECK("nor what is beside it", map(registers, HPET + 1, EXO_PROT_READ) == EXO_E_RANGE && map(registers, 0x1000, EXO_PROT_READ) == EXO_E_RANGE);
	CHECK("nor had with more rights", grant(HOLD | EXO_R_WRITE, HPET, 1) == EXO_CAP_NONE && grant(HOLD, HPET - 1, 2) == EXO_CAP_NONE);
	REFUSED("a kernel call takes nothing from there", EXO_E_ADDRESS, EXO_NR_MEM_MAP, zone, registers, at, 1, 0, 0);
	REFUSED("and puts nothing there", EXO_E_ADDRESS, EXO_NR_ZONE_INFO, zone, at, 0, 0, 0, 0);
	FAILS("a system call takes nothing from there", EFAULT, write(1, (void *)(uintptr_t)at, 8));
	CHECK("it pays for no zone", exo_zone_create(zone, registers, HPET, 1, "x", 1, NULL) == EXO_E_TYPE);
	CHECK("it counts still", !faults(0));
}

/* A capability below ours, which is taken back, or is over. */
static void endings(void)
{
	exo_cap_t part = 0;
	uint64_t now = 0, timer = exo_ask(EXO_DEV_TIMER, EXO_R_READ);

	CHECK("by a derived one", exo_cap_derive(registers, EXO_R_READ, HPET, 1, EXO_NO_EXPIRY, &part) == EXO_OK &&
	      map(part, HPET, EXO_PROT_READ) == EXO_OK && !faults(0));
	CHECK("revoked, it is gone", exo_cap_revoke(registers, NULL) == EXO_OK && mapped() == 0 && faults(0));
	CHECK("by one for 50 ms", exo_clock_read(timer, EXO_CLOCK_MONOTONIC, &now) == EXO_OK &&
	      exo_cap_derive(registers, EXO_R_READ, HPET, 1, now + 50000000, &part) == EXO_OK && map(part, HPET, EXO_PROT_READ) == EXO_OK);
	pause_ms(60);
	CHECK("after that it is gone", faults(0) && mapped() == 0);
	CHECK("mapped again, and unmapped", map(registers, HPET, EXO_PROT_READ) == EXO_OK && !faults(0) && map(registers, 0, 0) == EXO_OK && faults(0));
}

int main(void)
{
	signal(SIGSEGV, faulted);
	at = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	zone = exo_ask(EXO_DEV_ZONE, EXO_R_READ | EXO_R_CREATE | EXO_R_MAP);
	registers = grant(HOLD, HPET, 1);
	CHECK("capabilities", exo_audit_open() && zone && registers);
	reads();
	refusals();
	endings();
	CHECK("mapped at the end", map(registers, HPET, EXO_PROT_READ) == EXO_OK);
	DONE();
}
