/* What the kernel must refuse to the first LibOS, however much that holds. */
#include "first.h"

#define FUND 16
#define RWX  (EXO_PROT_READ | EXO_PROT_WRITE | EXO_PROT_EXEC)

static exo_frame_t fund, plain, extent; /* the last: the first frame of all, which is the kernel's */
static exo_cap_t zone;

static bool on_machine(void)
{
	return boot->target[0] == 'x';
}

/* Kernel memory is in the place of what `at` shows; behind it plain memory goes on. */
static enum exo_status info_to(uint64_t address)
{
	return exo_zone_info(zone, (struct exo_zone_info *)(uintptr_t)address, NULL);
}

/* Not E_ADDRESS: the kernel has read 128 bytes there (and found no seal). */
static enum exo_status seal_from(uint64_t address)
{
	uint64_t made;

	return exo_cap_unseal((const void *)(uintptr_t)address, sizeof(struct exo_seal), EXO_R_READ, &made);
}

static uint64_t at(exo_frame_t frame)
{
	return (uint64_t)(uintptr_t)see(frame);
}

/* ---- Pointers --------------------------------------------------------------- */

static void pointers_to_kernel_memory(void)
{
	uint64_t wrong = 0;

	check("no call writes into a zone's fund", info_to(at(fund)) == EXO_E_ADDRESS && info_to(at(fund + FUND) - 8) == EXO_E_ADDRESS);
	check("nor across its beginning", info_to(at(fund) - 8) == EXO_E_ADDRESS);
	check("no call reads from there", seal_from(at(fund + 1)) == EXO_E_ADDRESS && seal_from(at(fund) - 4) == EXO_E_ADDRESS);
	/* What is below our memory: the table of all frames, our own zone, our own page tables. */
	for (exo_frame_t f = extent; f < boot->memory_first; f++)
		wrong += info_to(at(f)) != EXO_E_ADDRESS || seal_from(at(f)) != EXO_E_ADDRESS;
	check("nothing below our memory is in the window", wrong == 0);
	if (!on_machine())
		return; /* the simulator follows what the linked-in LibOS names in its own process */
	static const uint64_t places[] = {
		0, 0x1000, UINT64_C(0x00007fff00000000), UINT64_C(0x00007ffffffff000), UINT64_C(0x0000800000000000),
		UINT64_C(0xffff7ffffffff000), UINT64_C(0xffff800000000000), UINT64_C(0xffff800000200000), UINT64_C(0xffffffff80000000),
		UINT64_C(0xffffffffc0000000), UINT64_C(0xfffffffffffff000), UINT64_C(0xfffffffffffffff8),
	};
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		wrong += info_to(places[i]) != EXO_E_ADDRESS || seal_from(places[i]) != EXO_E_ADDRESS;
	check("no address of the kernel's half, none that is not canonical, none that wraps", wrong == 0);
	check("no call writes into our text", info_to((uint64_t)(uintptr_t)info_to) == EXO_E_ADDRESS);
	check("nor behind the last frame", info_to(at(boot->memory_first + boot->memory_count)) == EXO_E_ADDRESS &&
	      info_to(at(boot->memory_first + boot->memory_count) - 8) == EXO_E_ADDRESS);
}

/* For each frame of our memory the kernel's words and the window agree. */
static void window_agrees(void)
{
	static struct exo_frame_info infos[512];
	uint64_t wrong = 0, funded = 0, got;

	for (exo_frame_t f = boot->memory_first; f < boot->memory_first + boot->memory_count; f += got) {
		if (exo_frame_info(boot->memory, f, infos, 512, &got) != EXO_OK || got == 0)
			break;
		for (uint64_t i = 0; i < got; i++) {
			bool is_plain = infos[i].kind == EXO_FRAME_PLAIN;

			funded += !is_plain;
			wrong += (seal_from(at(f + i)) != EXO_E_ADDRESS) != is_plain;
			if (is_plain)
				(void)*see(f + i);
		}
	}
	check("the window shows what is plain, and no more", wrong == 0 && funded == FUND);
}

/* ---- Frames ----------------------------------------------------------------- */

static enum exo_status map_into(exo_cap_t to, exo_cap_t under, exo_frame_t frame, uint32_t count, uint32_t prot)
{
	struct exo_map_op op = { UINT64_C(0x10000000), frame, count, prot };

	return exo_mem_map(to, under, &op, 1, NULL);
}

static void frames_of_the_kernel(void)
{
	exo_frame_t below = boot->memory_first - 1, above = boot->memory_first + boot->memory_count;
	exo_cap_t made;

	check("kernel memory is mapped nowhere", map_into(zone, boot->memory, fund, 1, EXO_PROT_READ) == EXO_E_OVERLAP &&
	      map_into(zone, boot->memory, fund - 1, 2, EXO_PROT_READ) == EXO_E_OVERLAP);
	check("nor what is outside of our memory", map_into(zone, boot->memory, below, 1, EXO_PROT_READ) == EXO_E_RANGE &&
	      map_into(zone, boot->memory, below, 2, RWX) == EXO_E_RANGE && map_into(zone, boot->memory, above, 1, RWX) == EXO_E_RANGE &&
	      map_into(zone, boot->memory, 0, 1, RWX) == EXO_E_RANGE && map_into(zone, boot->memory, UINT64_MAX - 1, 2, RWX) == EXO_E_RANGE);
	check("nothing is mapped into our own space by a call", map_into(boot->zone, boot->memory, plain, 1, RWX) == EXO_E_STATE);
	check("kernel memory is no context page, no answer page, no text", exo_ctx_create(zone, boot->memory, fund + 2, &made) == EXO_E_OVERLAP &&
	      exo_zone_answers(zone, boot->memory, fund + 2, NULL) == EXO_E_OVERLAP &&
	      exo_text_prepare(boot->memory, fund + 2, 1, 64, 0x400000, 0, NULL) == EXO_E_OVERLAP);
	check("it is not given twice", zone_at(fund + 4, 4) == EXO_CAP_NONE && exo_zone_fund(boot->zone, boot->memory, fund, 1, NULL) == EXO_E_OVERLAP);
	check("nor what is outside", zone_at(below, 4) == EXO_CAP_NONE && zone_at(above - 1, 4) == EXO_CAP_NONE && zone_at(0, 4) == EXO_CAP_NONE);
	check("no capability grows", exo_cap_derive(boot->memory, EXO_R_ALL, below, 2, EXO_NO_EXPIRY, &made) == EXO_E_RANGE &&
	      exo_cap_derive(boot->memory, EXO_R_ALL, plain, UINT64_MAX, EXO_NO_EXPIRY, &made) == EXO_E_RANGE);
}

/* A frame in another LibOS's window, or under a device's hands, is in use. */
static void frames_in_use(void)
{
	exo_frame_t other = take(32, 1), theirs = take(4, 1);
	exo_cap_t libos;
	struct exo_disk_request read = { .op = EXO_DISK_READ, .count = 1, .frame = fund };
	struct exo_disk_done done;
	uint64_t count = 0;

	check("another LibOS", exo_libos_create(boot->zone, boot->memory, other, 32, "other", 5, &libos) == EXO_OK &&
	      map_into(libos, boot->memory, theirs, 4, EXO_PROT_READ | EXO_PROT_WRITE) == EXO_OK);
	check("what its window has does not become kernel memory", zone_at(theirs, 4) == EXO_CAP_NONE &&
	      exo_zone_fund(libos, boot->memory, theirs + 3, 1, NULL) == EXO_E_OVERLAP);
	check("it ends", exo_zone_destroy(libos, NULL) == EXO_OK);
	if (boot->disk[0] == EXO_CAP_NONE) {
		check("(no disk)", false);
		return;
	}
	check("no device writes into kernel memory", exo_disk_submit(boot->disk[0], boot->memory, &read, NULL) == EXO_E_OVERLAP);
	read.frame = boot->memory_first - 1;
	check("nor below our memory", exo_disk_submit(boot->disk[0], boot->memory, &read, NULL) == EXO_E_RANGE);
	read.frame = fund - 1;
	read.count = 2;
	check("nor across", exo_disk_submit(boot->disk[0], boot->memory, &read, NULL) == EXO_E_OVERLAP);
	read.frame = theirs;
	check("a transfer begins", exo_disk_submit(boot->disk[0], boot->memory, &read, NULL) == EXO_OK);
	check("its frames do not become kernel memory", zone_at(theirs, 4) == EXO_CAP_NONE && zone_at(theirs + 1, 4) == EXO_CAP_NONE);
	while (count == 0 && exo_disk_take(boot->disk[0], &done, 1, &count) == EXO_OK)
		;
	check("until it is over", count == 1 && zone_at(theirs, 4) != EXO_CAP_NONE);
}

/* ---- Devices ---------------------------------------------------------------- */

static struct exo_cap_info what(exo_cap_t cap)
{
	static struct exo_cap_info info;

	(void)!exo_cap_inspect(cap, &info, NULL);
	return info;
}

/* All of an access lies in what the capability covers. */
static bool is_covered(const struct exo_cap_info *info, uint64_t first, uint64_t count)
{
	return first >= info->first && count <= info->count && first - info->first <= info->count - count;
}

static void ports(void)
{
	uint64_t wrong = 0, value, offered = 0;

	for (unsigned i = 0; i < EXO_BOOT_EXTENTS && boot->ioport[i] != EXO_CAP_NONE; i++) {
		const struct exo_cap_info info = what(boot->ioport[i]);

		offered += info.count;
		for (uint64_t port = 0; port < 0x10008; port++)
			for (uint32_t width = 1; width <= 4; width *= 2)
				if (!is_covered(&info, port, width))
					wrong += exo_direct_io(boot->ioport[i], port, width, 0, 0, &value) != EXO_E_RANGE;
		wrong += exo_direct_io(boot->ioport[i], info.first, 3, 0, 0, &value) == EXO_OK;
		wrong += exo_direct_io(boot->ioport[i], info.first, 8, 0, 0, &value) == EXO_OK;
		wrong += exo_direct_io(boot->ioport[i], UINT64_MAX, 2, 0, 0, &value) == EXO_OK;
		wrong += exo_direct_io(boot->ioport[i], info.first + 0x10000, 1, 0, 0, &value) == EXO_OK;
	}
	check("only offered ports are reached, by whole accesses", wrong == 0);
	check("and these are few", offered <= 18);
}

static void registers(void)
{
	/* Interrupt controllers, PCI's registers, low memory, the kernel's image, frames of ours. */
	const exo_frame_t others[] = { 0, 0xa0, 0xfec00, 0xfee00, 0xb0000, 0xe0000, 0x200, fund, plain, UINT64_C(1) << 40 };
	uint64_t wrong = 0, value;
	exo_cap_t made;

	for (unsigned i = 0; i < EXO_BOOT_EXTENTS && boot->mmio[i] != EXO_CAP_NONE; i++) {
		const struct exo_cap_info info = what(boot->mmio[i]);
		uint64_t address = info.first << EXO_FRAME_SHIFT;

		for (unsigned k = 0; k < sizeof(others) / sizeof(others[0]); k++)
			wrong += !is_covered(&info, others[k], 1) && (map_into(zone, boot->mmio[i], others[k], 1, EXO_PROT_READ) != EXO_E_RANGE ||
			         exo_direct_io(boot->mmio[i], others[k] << EXO_FRAME_SHIFT, 4, 0, 0, &value) != EXO_E_RANGE);
		wrong += map_into(zone, boot->mmio[i], info.first, (uint32_t)info.count + 1, EXO_PROT_READ) != EXO_E_RANGE;
		wrong += map_into(zone, boot->mmio[i], info.first, 1, EXO_PROT_READ | EXO_PROT_EXEC) != EXO_E_RIGHTS;
		wrong += exo_ctx_create(zone, boot->mmio[i], info.first, &made) != EXO_E_TYPE;
		wrong += exo_zone_create(boot->zone, boot->mmio[i], info.first, 4, "x", 1, &made) != EXO_E_TYPE;
		if (on_machine()) {
			/* All that is offered there is only to be read. */
			wrong += map_into(zone, boot->mmio[i], info.first, 1, EXO_PROT_READ | EXO_PROT_WRITE) != EXO_E_RIGHTS;
			wrong += exo_direct_io(boot->mmio[i], address, 4, 1, 0, &value) != EXO_E_RIGHTS;
			wrong += exo_cap_derive(boot->mmio[i], EXO_R_ALL, info.first, info.count, EXO_NO_EXPIRY, &made) == EXO_OK;
		}
	}
	check("registers: none but those that are offered, never written or executed", wrong == 0);
}

static void lines(void)
{
	uint64_t wrong = 0, value;

	for (unsigned i = 0; i < EXO_BOOT_EXTENTS && boot->irq[i] != EXO_CAP_NONE; i++) {
		const struct exo_cap_info info = what(boot->irq[i]);

		for (uint64_t line = 0; line < 260; line++)
			wrong += !is_covered(&info, line, 1) && (exo_irq_bind(boot->irq[i], line, boot->zone, &value) != EXO_E_RANGE ||
			         exo_irq_ack(boot->irq[i], line, &value) != EXO_E_RANGE);
		wrong += exo_irq_bind(boot->irq[i], UINT64_MAX, boot->zone, &value) != EXO_E_RANGE;
		/* Timer, keyboard, the chips' connection, the console's serial port. */
		wrong += on_machine() && (is_covered(&info, 0, 1) || is_covered(&info, 1, 1) || is_covered(&info, 2, 1) || is_covered(&info, 4, 1));
	}
	check("interrupt lines: none of the kernel's", wrong == 0);
}

/* ---- What comes back -------------------------------------------------------- */

static void comes_back_clean(void)
{
	exo_frame_t first = take(64, 1), page = take(8, 1);
	exo_cap_t made, context;
	uint64_t left = 0;

	for (uint64_t i = 0; i < 64 * PAGE / 8; i++)
		see(first)[i] = 0;
	made = zone_at(first, 40);
	check("a zone that uses its fund", made != EXO_CAP_NONE && exo_zone_fund(made, boot->memory, first + 40, 24, NULL) == EXO_OK &&
	      map_into(made, boot->memory, page, 4, EXO_PROT_READ) == EXO_OK &&
	      exo_ctx_create(made, boot->memory, page + 4, &context) == EXO_OK);
	check("ends", exo_zone_destroy(made, NULL) == EXO_OK);
	for (uint64_t i = 0; i < 64 * PAGE / 8; i++)
		left += see(first)[i] != 0;
	check("and leaves nothing", left == 0);
}

void attack_calls(void)
{
	struct exo_stats stats;

	plain = take(8, 1);
	fund = take(FUND, 1);
	(void)take(8, 1);
	extent = boot->memory_first;
	if (exo_stats_read(boot->audit, &stats, NULL) == EXO_OK)
		extent = boot->memory_first + boot->memory_count - stats.frames_total;
	zone = zone_at(fund, FUND);
	check("a zone", zone != EXO_CAP_NONE && extent < boot->memory_first);
	pointers_to_kernel_memory();
	window_agrees();
	frames_of_the_kernel();
	frames_in_use();
	ports();
	registers();
	lines();
	comes_back_clean();
}
