/*
 * Physical memory at boot: which ranges are free, the kernel's final page
 * tables, and the one extent of frames that the core gets.
 *
 * Until memory_finish() pieces are carved out of the free ranges for ever,
 * away from what the loader left there (its information and the modules).
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/paging.h>

#define PAGE UINT64_C(4096)
#define BIG  (UINT64_C(1) << 21)
#define HUGE (UINT64_C(1) << 30)

/* GRUB's own code lies here, below the end of memory; see place_in(). */
#define LOADER_TOP (UINT64_C(1) << 20)

#define LOW_END     (UINT64_C(1) << 20)
#define LARGE_PIECE (UINT64_C(1) << 16)

/* Of the extent: smaller ranges are not worth a hole; and what the first must hold besides the tables. A frame costs the
 * core's record of it, the LibOS's, and an entry of the window's tables. */
#define RANGE_MIN  (UINT64_C(4) << 20)
#define FIRST_MIN  (UINT64_C(16) << 20)
#define FRAME_COST 24

/* Boot only; one struct, so that there is one place to look. */
static struct {
	struct range free[RANGE_MAX + 16];
	uint32_t count;
	struct range spare; /* pages for tables */
	uint64_t device_next;
} mem;

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t size_of(const struct range *r)
{
	return r->end - r->start;
}

static bool overlap(const struct range *a, const struct range *b)
{
	return a->start < b->end && b->start < a->end;
}

/* Takes `cut` out of the free ranges, whole pages. */
static void take_out(struct range cut)
{
	uint32_t count = mem.count;

	cut.start &= ~(PAGE - 1);
	cut.end = (cut.end + PAGE - 1) & ~(PAGE - 1);
	for (uint32_t i = 0; i < count; i++) {
		struct range *r = &mem.free[i], rest;
		if (!overlap(r, &cut))
			continue;
		rest = (struct range){ max64(r->start, cut.end), r->end };
		r->end = max64(r->start, cut.start);
		if (rest.start >= rest.end)
			continue;
		if (r->start >= r->end)
			*r = rest;
		else if (mem.count < sizeof(mem.free) / sizeof(mem.free[0]))
			mem.free[mem.count++] = rest;
	}
}

/* The last place of `size` bytes in the range that hits nothing busy. From above, since
 * firmware and loader had their code at the beginning of low memory, and an emulator
 * is slow to forget what it translated there. */
static bool place_in(const struct range *r, uint64_t size, uint64_t limit, uint64_t *at)
{
	const struct loader_info *l = &machine.loader;
	const struct range *busy[] = { &l->mbi, &l->libos, &l->root };
	uint64_t end = min64(r->end, limit) & ~(PAGE - 1);

	for (uint32_t i = 0; i < 3;) {
		struct range want = { end - size, end };
		if (end <= r->start || size > end - r->start)
			return false;
		if (busy[i]->start < busy[i]->end && overlap(&want, busy[i])) {
			end = busy[i]->start & ~(PAGE - 1);
			i = 0;
			continue;
		}
		i++;
	}
	*at = end - size;
	return true;
}

/* The smallest range that will do: the large one is for the extent. Large pieces stay
 * out of low memory while they can, also for the reason that place_in() gives. */
uint64_t memory_carve(uint64_t size, uint64_t limit)
{
	uint64_t best = 0, best_size = UINT64_MAX, at;
	uint64_t above = size >= LARGE_PIECE ? LOW_END : 0;

	size = (size + PAGE - 1) & ~(PAGE - 1);
	for (uint32_t i = 0; i < mem.count; i++) {
		const struct range *r = &mem.free[i];
		if (r->start >= above && r->end - r->start < best_size
		    && place_in(r, size, limit, &at)) {
			best = at;
			best_size = r->end - r->start;
		}
	}
	if (best == 0)
		hal_panic("not enough memory to start");
	take_out((struct range){ best, best + size });
	memset(phys_ptr(best), 0, size);
	return best;
}

uint64_t memory_table(void)
{
	if (mem.spare.start == mem.spare.end) {
		mem.spare.start = memory_carve(8 * PAGE, EARLY_LIMIT);
		mem.spare.end = mem.spare.start + 8 * PAGE;
	}
	mem.spare.start += PAGE;
	return mem.spare.start - PAGE;
}

uint64_t *memory_entry(uint64_t root, uint64_t vaddr, unsigned level, uint64_t rights)
{
	uint64_t *table = phys_ptr(root);

	for (unsigned l = 4; l > level; l--) {
		uint64_t *entry = &table[pt_index(vaddr, l)];
		if (*entry == 0)
			*entry = memory_table() | rights;
		table = phys_ptr(*entry & PT_ADDRESS);
	}
	return &table[pt_index(vaddr, level)];
}

static uint64_t *kernel_entry(uint64_t vaddr, unsigned level)
{
	return memory_entry(machine.kernel_pml4, vaddr, level, PT_PRESENT | PT_WRITE);
}

static void map_direct(uint64_t start, uint64_t end)
{
	uint64_t flags = PT_PRESENT | PT_WRITE | PT_LARGE | PT_NX;

	if (machine.can.global)
		flags |= PT_GLOBAL;
	start &= ~(BIG - 1);
	while (start < end) {
		bool huge = machine.can.gib_pages && start % HUGE == 0 && end - start >= HUGE;
		uint64_t *gib = kernel_entry(DIRECT_BASE + start, 3);
		if (*gib & PT_LARGE) {
			start = (start & ~(HUGE - 1)) + HUGE;
			continue;
		}
		if (huge && *gib == 0) {
			*gib = start | flags;
			start += HUGE;
			continue;
		}
		*kernel_entry(DIRECT_BASE + start, 2) = start | flags;
		start += BIG;
	}
}

/* Text: read and execute. Constants: read. Data: read and write. */
static void map_image(void)
{
	uint64_t text = (uint64_t)(kernel_text_end - kernel_start);
	uint64_t rodata = (uint64_t)(kernel_rodata_end - kernel_start);
	uint64_t size = machine.image.end - machine.image.start;

	for (uint64_t at = 0; at < size; at += PAGE) {
		uint64_t flags = PT_PRESENT | (machine.can.global ? PT_GLOBAL : 0);
		if (stack_overflowed(KERNEL_BASE + at))
			continue;
		if (at >= text)
			flags |= PT_NX;
		if (at >= rodata)
			flags |= PT_WRITE;
		*kernel_entry(KERNEL_BASE + at, 1) = (machine.image.start + at) | flags;
	}
}

void *memory_map_device(uint64_t phys, uint64_t size)
{
	uint64_t offset = phys & (PAGE - 1), base = mem.device_next;

	size = (size + offset + PAGE - 1) & ~(PAGE - 1);
	for (uint64_t at = 0; at < size; at += PAGE)
		*kernel_entry(base + at, 1) = (phys - offset + at) | PT_PRESENT | PT_WRITE
		                            | PT_NX | PT_UNCACHED;
	mem.device_next += size + PAGE;
	return (void *)(uintptr_t)(base + offset);
}

void memory_init(void)
{
	const struct loader_info *l = &machine.loader;

	for (uint32_t i = 0; i < l->ram_count; i++)
		mem.free[mem.count++] = l->ram[i];
	take_out(machine.image);
	mem.device_next = DEVICE_BASE;
	machine.kernel_pml4 = memory_table();
	for (uint32_t i = 0; i < l->ram_count; i++)
		map_direct(l->ram[i].start, l->ram[i].end);
	/* The upper half is shared by copying entries: all must exist by now. */
	kernel_entry(DEVICE_BASE, 1);
	map_image();
	cr3_write(machine.kernel_pml4);
	this_cpu()->cr3 = machine.kernel_pml4;
}

/* A module in a range that the map does not call memory is not reachable. */
static bool in_ram(const struct range *r)
{
	const struct loader_info *l = &machine.loader;

	for (uint32_t i = 0; i < l->ram_count; i++) {
		if (r->start >= l->ram[i].start && r->end <= l->ram[i].end)
			return true;
	}
	return false;
}

/* ---- The extent ---------------------------------------------------------- */

/* Ranges in order, those that touch as one, small ones dropped, and no more than holes can be told of. */
static void tidy(void)
{
	uint32_t count = 0;

	for (uint32_t i = 1; i < mem.count; i++)
		for (uint32_t k = i; k > 0 && mem.free[k].start < mem.free[k - 1].start; k--) {
			struct range r = mem.free[k];

			mem.free[k] = mem.free[k - 1];
			mem.free[k - 1] = r;
		}
	for (uint32_t i = 0; i < mem.count; i++) {
		if (count > 0 && mem.free[i].start == mem.free[count - 1].end) {
			mem.free[count - 1].end = mem.free[i].end;
			continue;
		}
		if (count > 0 && size_of(&mem.free[count - 1]) < RANGE_MIN)
			count--;
		mem.free[count++] = mem.free[i];
	}
	while (count > HAL_HOLES + 1) {
		uint32_t least = 0;

		for (uint32_t i = 1; i < count; i++)
			if (size_of(&mem.free[i]) < size_of(&mem.free[least]))
				least = i;
		memmove(&mem.free[least], &mem.free[least + 1], (--count - least) * sizeof(mem.free[0]));
	}
	mem.count = count;
}

/* The core knows one extent, with holes. Each frame of it costs, memory or not, so that a far range may not be worth it. Picks the
 * neighbouring ranges that leave most; the first of them must hold the tables. */
static void choose(uint32_t *first, uint32_t *last)
{
	uint64_t best = 0;

	for (uint32_t i = 0; i < mem.count; i++) {
		uint64_t sum = 0;

		for (uint32_t k = i; k < mem.count; k++) {
			uint64_t cost = (mem.free[k].end - mem.free[i].start) / PAGE * FRAME_COST;

			sum += size_of(&mem.free[k]);
			if ((k > i && size_of(&mem.free[i]) < cost + FIRST_MIN) || sum <= cost || sum - cost <= best)
				continue;
			best = sum - cost;
			*first = i;
			*last = k;
		}
	}
}

/* At the end of the highest range that has the room. */
static uint64_t image_place(uint32_t first, uint32_t last, uint64_t size)
{
	for (uint32_t i = last + 1; i-- > first;) {
		const struct range *r = &mem.free[i];

		if (size + 64 * PAGE <= size_of(r))
			return (r->end - (size_of(r) > LOADER_TOP * 32 ? LOADER_TOP : 0) - size) & ~(PAGE - 1);
	}
	hal_panic("the root image does not fit into memory");
}

static void place_image(uint32_t first, uint32_t last)
{
	struct range *root = &machine.loader.root;
	struct hal_boot_info *boot = &machine.boot;
	uint16_t selector = 0;
	uint32_t given = 0;
	uint64_t size = size_of(root), to;
	bool from_runner = fwcfg_find("opt/feuerbird/root", &selector, &given);

	if (from_runner)
		size = given;
	else if (size > 0 && !in_ram(root))
		hal_panic("the root image is not in memory");
	if (size == 0)
		return;
	to = image_place(first, last, size);
	if (!from_runner)
		memmove(phys_ptr(to), phys_ptr(root->start), size);
	else if (!fwcfg_read(selector, to, given))
		hal_panic("the root image cannot be read");
	memset((uint8_t *)phys_ptr(to) + size, 0, -size & (PAGE - 1));
	boot->image_first = to >> EXO_FRAME_SHIFT;
	boot->image_size = size;
}

void memory_finish(void)
{
	struct hal_boot_info *boot = &machine.boot;
	uint32_t first = 0, last = 0;

	tidy();
	choose(&first, &last);
	boot->first_frame = mem.free[first].start >> EXO_FRAME_SHIFT;
	boot->frame_count = (mem.free[last].end - mem.free[first].start) >> EXO_FRAME_SHIFT;
	for (uint32_t i = first; i < last; i++)
		boot->holes[i - first] = (struct hal_extent){ mem.free[i].end >> EXO_FRAME_SHIFT,
		                                              (mem.free[i + 1].start - mem.free[i].end) >> EXO_FRAME_SHIFT };
	srat_apply(boot);
	boot->colours = cpu_colours();
	place_image(first, last);
}
