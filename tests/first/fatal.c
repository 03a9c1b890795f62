/*
 * x86_64 only: what the processor itself must stop. Each attack ends the LibOS with a fault, and so the machine with status 125;
 * one that comes back was not stopped.
 */
#include "first.h"

#define DIRECT  UINT64_C(0xffff800000000000)
#define IMAGE   UINT64_C(0xffffffff80000000)
#define DEVICES UINT64_C(0xffffffffc0000000)
#define PIECE   512 /* frames in a large page */

static void fetch(uint64_t address)
{
	(void)*(volatile uint64_t *)(uintptr_t)address;
}

static void store(uint64_t address)
{
	*(volatile uint64_t *)(uintptr_t)address = 0x4141414141414141;
}

static void jump(uint64_t address)
{
	((void (*)(void))(uintptr_t)address)();
}

static uint64_t window_at(exo_frame_t frame)
{
	return (uint64_t)(uintptr_t)see(frame);
}

/* Every frame of it is used, and `target` last, so that the TLB has that for sure. */
static void use(exo_frame_t first, uint64_t count, exo_frame_t target)
{
	for (uint64_t i = 0; i < count; i++)
		*see(first + i) = i;
	*see(target) = 1;
}

/* A fund of `count` frames, `at` frames into a run of `run` that was used; where `target` frames into the run was. */
static uint64_t funded(uint64_t run, uint64_t align, uint64_t at, uint64_t count, uint64_t target)
{
	exo_frame_t first = take(run, align);
	uint64_t part = count < EXO_FUND_MAX ? count : EXO_FUND_MAX;
	exo_cap_t zone;

	use(first, run, first + target);
	zone = zone_at(first + at, part);
	if (zone == EXO_CAP_NONE)
		say("no zone\n");
	for (uint64_t done = part; done < count; done += part) {
		part = count - done < EXO_FUND_MAX ? count - done : EXO_FUND_MAX;
		if (exo_zone_fund(zone, boot->memory, first + at + done, part, NULL) != EXO_OK)
			say("no fund\n");
	}
	return window_at(first + target);
}

static void fund_read(void) { fetch(funded(16, 1, 0, 16, 0)); }
static void fund_write(void) { store(funded(16, 1, 0, 16, 1)); }
static void fund_last(void) { store(funded(16, 1, 0, 16, 15) + PAGE - 8); }

/* A large page as a whole; a part of it; what is left of one that is broken up; the end of one, a whole one, and the beginning
 * of one. */
static void fund_piece(void) { store(funded(PIECE, PIECE, 0, PIECE, PIECE / 2)); }
static void fund_in_piece(void) { fetch(funded(PIECE, PIECE, 100, 16, 107)); }
static void fund_across_begin(void) { fetch(funded(3 * PIECE, PIECE, 100, 2 * PIECE + 50, 101)); }
static void fund_across_middle(void) { fetch(funded(3 * PIECE, PIECE, 100, 2 * PIECE + 50, PIECE + 3)); }
static void fund_across_end(void) { fetch(funded(3 * PIECE, PIECE, 100, 2 * PIECE + 50, 2 * PIECE + 149)); }

static void fund_broken_piece(void)
{
	exo_frame_t first = take(PIECE, PIECE);

	(void)zone_at(first, 4);
	use(first + 4, PIECE - 4, first + 203);
	(void)zone_at(first + 200, 8);
	fetch(window_at(first + 203));
}

/* Given, and taken back, and given again. */
static void fund_again(void)
{
	exo_frame_t first = take(16, 1);
	exo_cap_t zone = zone_at(first, 16);

	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		;
	*see(first + 2) = 1;
	(void)!exo_zone_fund(boot->zone, boot->memory, first, 16, NULL);
	fetch(window_at(first + 2));
}

static void own_fund(void) { store(window_at(boot->memory_first - 1)); }
static void own_tables(void) { fetch(window_at(boot->memory_first - 40)); }

static void frame_table(void)
{
	struct exo_stats stats;

	(void)!exo_stats_read(boot->audit, &stats, NULL);
	store(window_at(boot->memory_first + boot->memory_count - stats.frames_total));
}

static void behind_memory(void) { fetch(window_at(boot->memory_first + boot->memory_count)); }
static void low_memory(void) { fetch(window_at(0)); }
static void window_code(void) { jump(window_at(take(1, 1))); }
static void own_text(void) { store((uint64_t)(uintptr_t)own_text); }
static void own_stack(void)
{
	uint64_t here;

	jump((uint64_t)(uintptr_t)&here);
}
static void boot_page_code(void) { jump((uint64_t)(uintptr_t)boot); }
static void null_read(void) { fetch(0); }
static void direct_read(void) { fetch(DIRECT + (boot->memory_first << EXO_FRAME_SHIFT)); }
static void direct_write(void) { store(DIRECT + 0x200000); }
static void direct_code(void) { jump(DIRECT + 0x200000); }
static void image_read(void) { fetch(IMAGE); }
static void image_write(void) { store(IMAGE + 0x10000); }
static void image_code(void) { jump(IMAGE + 0x1000); }
static void devices_read(void) { fetch(DEVICES); }
static void last_page(void) { fetch(UINT64_C(0xfffffffffffff000)); }
static void not_canonical(void) { fetch(UINT64_C(0x0000800000000000)); }
static void not_canonical_code(void) { jump(UINT64_C(0x0000800000000000)); }

/* Instructions of the kernel's, by their bytes; registers are 0 but for what the bytes load. */
#define INSTRUCTION(name, bytes)                                                            \
	static void name(void)                                                              \
	{                                                                                   \
		__asm__ volatile(".byte " bytes : : "a"(0), "c"(0), "d"(0), "D"(0) : "memory"); \
	}

INSTRUCTION(i_cli, "0xfa")
INSTRUCTION(i_in_dx, "0x66, 0xba, 0xf8, 0x0c, 0xed") /* mov $0xcf8, %dx; in (%dx), %eax */
INSTRUCTION(i_out_dx, "0x66, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee") /* the reset register 0xcf9 */
INSTRUCTION(i_wrmsr, "0xb9, 0x82, 0x00, 0x00, 0xc0, 0x0f, 0x30")
INSTRUCTION(i_to_cr3, "0x0f, 0x22, 0xd8")
INSTRUCTION(i_to_dr7, "0x0f, 0x23, 0xf8")
INSTRUCTION(i_invlpg, "0x0f, 0x01, 0x3c, 0x24")
INSTRUCTION(i_lidt, "0x0f, 0x01, 0x1c, 0x24")
INSTRUCTION(i_ltr, "0x66, 0xb8, 0x40, 0x00, 0x0f, 0x00, 0xd8")
INSTRUCTION(i_swapgs, "0x0f, 0x01, 0xf8")
INSTRUCTION(i_sysexit, "0x48, 0x0f, 0x35")
INSTRUCTION(i_sysenter, "0x0f, 0x34")
INSTRUCTION(i_xsetbv, "0x0f, 0x01, 0xd1")
INSTRUCTION(i_int_timer, "0xcd, 0x40")
INSTRUCTION(i_int_fault, "0xcd, 0x0e")
INSTRUCTION(i_int_nmi, "0xcd, 0x02")
INSTRUCTION(i_int_80, "0xcd, 0x80")
/* push $0x18; push %rsp; pushfq; push $0x10; push $0x400000; iretq: to the kernel's selectors */
INSTRUCTION(i_iret, "0x6a, 0x18, 0x54, 0x9c, 0x6a, 0x10, 0x68, 0x00, 0x00, 0x40, 0x00, 0x48, 0xcf")
/* push $0x10; push $0x400000; lretq */
INSTRUCTION(i_lret, "0x6a, 0x10, 0x68, 0x00, 0x00, 0x40, 0x00, 0x48, 0xcb")
/* mov $0x18, %ax; mov %ax, %ss */
INSTRUCTION(i_ss, "0x66, 0xb8, 0x18, 0x00, 0x8e, 0xd0")

static const struct {
	const char *name;
	void (*attack)(void);
} attacks[] = {
	{ "fund-read", fund_read }, { "fund-write", fund_write }, { "fund-last", fund_last }, { "fund-piece", fund_piece },
	{ "fund-in-piece", fund_in_piece }, { "fund-broken-piece", fund_broken_piece }, { "fund-across-begin", fund_across_begin },
	{ "fund-across-middle", fund_across_middle }, { "fund-across-end", fund_across_end }, { "fund-again", fund_again },
	{ "own-fund", own_fund }, { "own-tables", own_tables }, { "frame-table", frame_table }, { "behind-memory", behind_memory },
	{ "low-memory", low_memory }, { "window-code", window_code }, { "own-text", own_text }, { "own-stack", own_stack },
	{ "boot-page-code", boot_page_code }, { "null", null_read }, { "direct-read", direct_read }, { "direct-write", direct_write },
	{ "direct-code", direct_code }, { "image-read", image_read }, { "image-write", image_write }, { "image-code", image_code },
	{ "devices-read", devices_read }, { "last-page", last_page }, { "not-canonical", not_canonical },
	{ "not-canonical-code", not_canonical_code },
	{ "cli", i_cli }, { "in-pci", i_in_dx }, { "out-reset", i_out_dx }, { "wrmsr", i_wrmsr }, { "to-cr3", i_to_cr3 },
	{ "to-dr7", i_to_dr7 }, { "invlpg", i_invlpg }, { "lidt", i_lidt }, { "ltr", i_ltr }, { "swapgs", i_swapgs },
	{ "sysexit", i_sysexit }, { "sysenter", i_sysenter }, { "xsetbv", i_xsetbv }, { "int-timer", i_int_timer },
	{ "int-fault", i_int_fault }, { "int-nmi", i_int_nmi }, { "int-80", i_int_80 }, { "iret", i_iret }, { "lret", i_lret },
	{ "ss", i_ss },
};

bool attack_fatal(const char *name)
{
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (is_same(attacks[i].name, name)) {
			say("trying\n");
			attacks[i].attack();
			return true;
		}
	return false;
}

void attack_list(void)
{
	for (unsigned i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		say(attacks[i].name);
		say("\n");
	}
}
