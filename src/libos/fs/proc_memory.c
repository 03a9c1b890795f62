/* /proc/PID: what a process has in its memory. */
#include <libos/fs/proc.h>

#define LINE_MAX   4608u /* a line of maps with the longest path */
#define ENTRY_SIZE 8u    /* of pagemap, one for each page */
#define ENTRIES    64u
#define PAGES_PER_UNIT 256u /* that are counted: as long as copying one */

/* pagemap's bits (Documentation/admin-guide/mm/pagemap.rst): of frame numbers it shows none. */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FILE    (UINT64_C(1) << 61)

static struct vm_space *space_of(const struct proc_subject *s)
{
	return s->process->state == PROCESS_ALIVE ? s->process->space : NULL;
}

static void add_sizes(struct text *text, const struct vm_region_info *r)
{
	unsigned long kib = PAGE_SIZE / 1024, rss = (unsigned long)r->resident * kib, own = (unsigned long)r->own * kib;
	unsigned long anonymous = (unsigned long)(r->resident - r->cached) * kib;

	text_printf(text, "Rss:            %8lu kB\nPss:            %8lu kB\nPss_Dirty:      %8lu kB\n", rss, rss, own);
	text_printf(text, "Shared_Clean:   %8lu kB\nShared_Dirty:   %8lu kB\nPrivate_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\n",
	            rss - own, 0ul, 0ul, own);
	text_printf(text, "Referenced:     %8lu kB\nAnonymous:      %8lu kB\nKSM:            %8lu kB\nLazyFree:       %8lu kB\n", rss,
	            anonymous, 0ul, 0ul);
	text_printf(text, "AnonHugePages:  %8lu kB\nShmemPmdMapped: %8lu kB\nFilePmdMapped:  %8lu kB\n", 0ul, 0ul, 0ul);
	text_printf(text, "Shared_Hugetlb: %8lu kB\nPrivate_Hugetlb:%8lu kB\nSwap:           %8lu kB\nSwapPss:        %8lu kB\n"
	            "Locked:         %8lu kB\n", 0ul, 0ul, 0ul, 0ul, r->locked ? rss : 0ul);
}

/*
 * The region at or above *address, and its index; false: there is none. Others may have run before, so the program may
 * have changed its regions, or ended: who calls this holds the space.
 */
static bool next_region(struct vm_space *space, uint64_t *address, uint64_t *index, struct vm_region_info *r)
{
	if (*address)
		(void)sched_worked(&libos.sched, 1 + (uint32_t)(r->resident / PAGES_PER_UNIT));
	*index = vm_region_index(space, *address);
	if (!vm_region_info(space, *index, r))
		return false;
	*address = r->end;
	return true;
}

void proc_show_smaps(struct text *text, const struct proc_subject *s)
{
	struct vm_space *space = space_of(s);
	char *line = heap_alloc(LINE_MAX);
	struct vm_region_info r;

	text->failed |= !line;
	if (space)
		vm_space_get(space);
	for (uint64_t at = 0, i; line && space && next_region(space, &at, &i, &r);) {
		text_add(text, line, vm_map_line(space, i, line, LINE_MAX));
		text_printf(text, "Size:           %8lu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
		            (unsigned long)((r.end - r.start) / 1024));
		add_sizes(text, &r);
		text_printf(text, "THPeligible:           0\nProtectionKey:         0\nVmFlags:%s%s%s%s mr mw me%s%s%s\n",
		            r.read ? " rd" : "", r.write ? " wr" : "", r.execute ? " ex" : "", r.shared ? " sh" : "",
		            r.shared ? " ms" : "", r.grows_down ? " gd" : "", r.locked ? " lo" : "");
	}
	if (space)
		vm_space_put(space);
	heap_free(line);
}

void proc_show_smaps_rollup(struct text *text, const struct proc_subject *s)
{
	struct vm_space *space = space_of(s);
	struct vm_region_info r, sum = { 0 };

	if (!space)
		return;
	vm_space_get(space);
	for (uint64_t at = 0, i; next_region(space, &at, &i, &r);) {
		sum.start = sum.end ? sum.start : r.start;
		sum.end = r.end;
		sum.resident += r.resident;
		sum.cached += r.cached;
		sum.own += r.own;
	}
	vm_space_put(space);
	if (!sum.end)
		return;
	text_printf(text, "%08lx-%08lx ---p 00000000 00:00 0                          [rollup]\n", (unsigned long)sum.start,
	            (unsigned long)sum.end);
	add_sizes(text, &sum);
}

void proc_show_auxv(struct text *text, const struct proc_subject *s)
{
	struct vm_space *space = space_of(s);
	uint64_t size;
	const void *auxv = space ? vm_auxv(space, &size) : NULL;

	if (auxv)
		text_add(text, auxv, size);
}

/* A page at a time, as a tracer reads and writes it, whatever the program itself may do there. */
static int64_t move_mem(const struct proc_subject *s, struct io *io, uint64_t position, bool write)
{
	struct vm_space *space = space_of(s);
	char *page = heap_alloc(PAGE_SIZE);
	int64_t done = 0;

	if (!page)
		return -ENOMEM;
	while (io->remaining) {
		uint64_t size = min_u64(io->remaining, PAGE_SIZE - (position & (PAGE_SIZE - 1)));
		int64_t r = write ? io_get(io, page, size) : vm_peek(space, page, position, size, true);

		if (r > 0)
			r = write ? vm_poke(space, position, page, (uint64_t)r, true) : io_put(io, page, (uint64_t)r);
		else if (!write)
			r = r ? r : -EIO;
		if (r <= 0) {
			done = done ? done : r ? r : -EIO;
			break;
		}
		done += r;
		position += (uint64_t)r;
		if ((uint64_t)r < size)
			break;
	}
	heap_free(page);
	return done;
}

int64_t proc_read_mem(const struct proc_subject *s, struct io *io, uint64_t position)
{
	return move_mem(s, io, position, false);
}

int64_t proc_write_mem(const struct proc_subject *s, struct io *io, uint64_t position)
{
	return move_mem(s, io, position, true);
}

int64_t proc_read_pagemap(const struct proc_subject *s, struct io *io, uint64_t position)
{
	uint64_t end = EXO_USER_LIMIT / PAGE_SIZE * ENTRY_SIZE, entries[ENTRIES];
	int64_t done = 0;

	if ((position | io->remaining) % ENTRY_SIZE)
		return -EINVAL;
	while (io->remaining && position < end) {
		uint64_t n = min_u64(min_u64(io->remaining, end - position) / ENTRY_SIZE, ENTRIES);
		int64_t r;

		for (uint64_t i = 0; i < n; i++) {
			bool cached;

			entries[i] = vm_page_present(space_of(s), (position / ENTRY_SIZE + i) * PAGE_SIZE, &cached) ?
			             PAGEMAP_PRESENT | (cached ? PAGEMAP_FILE : 0) : 0;
		}
		r = io_put(io, entries, n * ENTRY_SIZE);
		if (r <= 0)
			return done ? done : r;
		done += r;
		position += (uint64_t)r;
		if ((uint64_t)r < n * ENTRY_SIZE)
			break;
	}
	return done;
}
