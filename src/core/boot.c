/*
 * Boot: the kernel's own memory, the first LibOS's zone, its capabilities, its
 * boot page; then the LibOS runs.
 */
#include <core/core.h>
#include <core/state.h>

struct core core;

_Static_assert(HAL_EXTENTS <= EXO_BOOT_EXTENTS && HAL_DISKS <= EXO_BOOT_EXTENTS && HAL_HOLES <= EXO_BOOT_HOLES,
               "the boot page has room");

/*
 * The first LibOS's fund: what its own page tables (one frame per 512, with
 * room) may take. What hal_libos_init() has left of it beyond
 * LIBOS_FUND_KEEP goes to the LibOS as ordinary memory.
 */
#define LIBOS_FUND_MIN  UINT64_C(128)
#define LIBOS_FUND_PART 512
#define LIBOS_FUND_KEEP UINT64_C(32)
/* Below this nothing useful can be run. */
#define BOOT_FRAMES_MIN UINT64_C(1024)

/* Gives the untouched upper part of the fund back; returns the end of what stays. */
CORE_LOCKED static exo_frame_t fund_trim(struct zone *zone, exo_frame_t end)
{
	exo_frame_t keep;

	if (zone->pool.fresh_count <= LIBOS_FUND_KEEP)
		return end;
	keep = zone->pool.fresh + LIBOS_FUND_KEEP;
	zone->pool.count -= end - keep;
	zone->pool.fresh_count = LIBOS_FUND_KEEP;
	zone->fund_total -= end - keep;
	frames_unfund(keep, end - keep);
	return keep;
}

static void window_show_all(exo_frame_t at)
{
	exo_frame_t last = core.info->first_frame + core.info->frame_count, end;

	for (; at < last; at = end) {
		end = last;
		frames_next(&at, &end);
		hal_window_show(at, end - at);
	}
}

CORE_LOCKED static exo_cap_t boot_cap_with(enum exo_cap_type type, uint32_t rights, uint64_t first, uint64_t count)
{
	struct cap_spec spec = {
		.type = type, .rights = rights, .first = first, .count = count,
		.expires = EXO_NO_EXPIRY, .owner = core.libos, .parent = NULL,
	};
	cap_slot_t slot;

	if (cap_reserve(core.libos, NULL, &slot) != EXO_OK)
		hal_panic("boot: no capability slots");
	return cap_commit(slot, &spec);
}

CORE_LOCKED static exo_cap_t boot_cap(enum exo_cap_type type, uint64_t first, uint64_t count)
{
	return boot_cap_with(type, EXO_R_ALL, first, count);
}

CORE_LOCKED static void boot_devices(struct exo_boot *boot)
{
	const struct hal_boot_info *info = core.info;

	for (unsigned i = 0; i < HAL_EXTENTS; i++) {
		uint32_t mmio_rights = info->mmio_read_only[i] ? EXO_R_ALL & ~EXO_R_WRITE : EXO_R_ALL;

		if (info->ports[i].count)
			boot->ioport[i] = boot_cap(EXO_CAP_IOPORT, info->ports[i].first, info->ports[i].count);
		if (info->mmio[i].count)
			boot->mmio[i] = boot_cap_with(EXO_CAP_MMIO, mmio_rights, info->mmio[i].first, info->mmio[i].count);
		if (info->irqs[i].count)
			boot->irq[i] = boot_cap(EXO_CAP_IRQ, info->irqs[i].first, info->irqs[i].count);
	}
	for (uint64_t i = 0; i < HAL_DISKS && info->disks[i].count; i++)
		boot->disk[i] = boot_cap_with(EXO_CAP_DISK, info->disks[i].writable ? EXO_R_ALL : EXO_R_ALL & ~EXO_R_WRITE,
		                              i << EXO_DISK_SHIFT, info->disks[i].count);
}

CORE_LOCKED static void boot_page_fill(struct exo_boot *boot, exo_frame_t memory_first)
{
	const struct hal_boot_info *info = core.info;
	uint64_t zone = (uint64_t)(uintptr_t)core.libos;
	struct exo_console_info console;

	boot->version = EXO_BOOT_VERSION;
	boot->frame_size = EXO_FRAME_SIZE;
	boot->memory_first = memory_first;
	boot->memory_count = info->first_frame + info->frame_count - memory_first;
	for (unsigned i = 0; i < HAL_HOLES; i++) {
		boot->holes[i].first = info->holes[i].first;
		boot->holes[i].count = info->holes[i].count;
	}
	boot->root = boot_cap(EXO_CAP_ROOT, 0, 1);
	boot->zone = boot_cap(EXO_CAP_ZONE, zone, 1);
	boot->memory = boot_cap(EXO_CAP_MEMORY, memory_first, boot->memory_count);
	boot->cpu = boot_cap(EXO_CAP_CPU, 0, info->cpu_count * EXO_QUANTUM_SLOTS);
	boot->timer = boot_cap(EXO_CAP_TIMER, 0, 1);
	boot->console = boot_cap(EXO_CAP_CONSOLE, 0, 1);
	hal_console_info(&console);
	if (console.flags & EXO_CONSOLE_ERRORS)
		boot->errors = boot_cap_with(EXO_CAP_CONSOLE, EXO_R_ALL & ~EXO_R_READ, 1, 1);
	boot->entropy = boot_cap(EXO_CAP_ENTROPY, 0, 1);
	boot->audit = boot_cap(EXO_CAP_AUDIT, 0, 1);
	boot_devices(boot);
	boot->image_first = info->image_first;
	boot->image_size = info->image_size;
	boot->boot_ns = info->boot_ns;
	boot->cycles_per_ms = info->cycles_per_ms;
	boot->memory_zeroed = info->zeroed;
	boot->base_instructions = info->base_instructions;
	for (uint64_t i = 0; i + 1 < sizeof(boot->target) && info->target[i]; i++)
		boot->target[i] = info->target[i];
	for (uint64_t i = 0; i + 1 < sizeof(boot->cmdline) && info->cmdline[i]; i++)
		boot->cmdline[i] = info->cmdline[i];
}

void core_start(void)
{
	static const char name[] = "libos";
	const struct hal_boot_info *info = hal_boot();
	struct exo_boot *boot;
	exo_frame_t first, end;
	uint64_t fund;

	core_lock_init(info->cpu_count);
	core.info = info;
	core.ns_per_cycle = (UINT64_C(1000000) << 32) / (info->cycles_per_ms ? info->cycles_per_ms : 1);
	if (info->frame_count < BOOT_FRAMES_MIN)
		hal_panic("boot: too little memory");
	if (info->cpu_count == 0 || info->cpu_count > CORE_CPU_MAX)
		hal_panic("boot: too many processors");
	if (!frame_ranges_are_sound())
		hal_panic("boot: memory nodes do not make up memory");
	if (!cap_keys_init())
		hal_panic("boot: no entropy for the capability secret");
	frame_table_init();

	core_lock_take();
	core.cap_fresh = 1;
	core.due = (struct due_heap){ 0, core.due_order, core.due_place };
	core.timers = (struct due_heap){ 0, core.timer_order, core.timer_place };
	for (uint32_t i = 0; i < CORE_CPU_MAX; i++)
		core.cpus[i].quantum.turn_end = UINT64_MAX;
	first = info->first_frame + frame_table_frames(info->frame_count);
	fund = info->frame_count / LIBOS_FUND_PART + LIBOS_FUND_MIN;
	end = first + fund;
	if ((info->image_size > 0 && info->image_first < end) || (info->holes[0].count > 0 && info->holes[0].first < end))
		hal_panic("boot: too little memory beside the root image, or before the first hole");
	core.libos = zone_new(ZONE_LIBOS_NUMBER, EXO_ZONE_LIBOS, NULL, first, fund);
	memcpy(core.libos->name, name, sizeof(name));
	/* The boot page is the fund's too: kernel memory, which the HAL hands on. */
	boot = hal_phys_ptr(hal_pool_take(&core.libos->pool));
	memset(boot, 0, sizeof(*boot));
	if (hal_libos_init(&core.libos->space, &core.libos->pool, &boot->window) != EXO_OK)
		hal_panic("boot: the LibOS cannot be set up");
	window_show_all(end);
	end = fund_trim(core.libos, end);
	boot_page_fill(boot, end);
	core_lock_give();
	hal_libos_run(&core.libos->space, boot);
}
