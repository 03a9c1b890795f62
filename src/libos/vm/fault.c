/* Page faults: demand paging, fault-around, copy-on-write, stack growth. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

struct window { /* pages, by address: [start, end) */
	uint64_t start, end;
};

static bool is_present(struct vm_space *space, uint64_t address)
{
	pte_t *place = table_find(&space->pages, address);

	return place != NULL && *place != 0;
}

/* Up to `pages` (a power of two) absent pages around one: the aligned stretch of that size, cut at the
 * region's borders and at the nearest pages that are there. */
static struct window window_around(struct vm_space *space, const struct region *region, uint64_t address,
                                   uint64_t pages)
{
	uint64_t low = address & ~(pages * PAGE_SIZE - 1), high = low + pages * PAGE_SIZE;
	struct window w = { address, address + PAGE_SIZE };

	low = low > region->start ? low : region->start;
	high = high < region->end ? high : region->end;
	while (w.start > low && !is_present(space, w.start - PAGE_SIZE))
		w.start -= PAGE_SIZE;
	while (w.end < high && !is_present(space, w.end))
		w.end += PAGE_SIZE;
	return w;
}

/* Sequential access doubles the window, scattered access halves it: so no more than about half of what is brought in goes
 * unused for long. */
static uint64_t around_size(struct vm_space *space, struct region *region, uint64_t address)
{
	bool neighbour = (address > region->start && is_present(space, address - PAGE_SIZE)) ||
	                 (address + PAGE_SIZE < region->end && is_present(space, address + PAGE_SIZE));
	uint64_t pages = region->around;

	if (frames_tight())
		return 1;
	if (neighbour)
		pages = pages < AROUND_MAX ? pages * 2 : AROUND_MAX;
	region->around = (uint32_t)pages;
	if (!neighbour && pages > AROUND_MIN)
		region->around = (uint32_t)pages / 2;
	return pages;
}

static exo_frame_t alloc_some(uint64_t want, uint64_t *got)
{
	exo_frame_t first = frames_alloc_some(want, got);

	if (first == FRAME_NONE && vm_reclaim())
		first = frames_alloc_some(want, got);
	return first;
}

/* Where the contents of a private page come from. *frame: with a reference, or FRAME_NONE for zeroes. */
static int page_source(const struct region *region, uint64_t address, exo_frame_t *frame)
{
	uint64_t index = region_offset(region, address) >> PAGE_SHIFT;
	struct inode *inode;

	*frame = FRAME_NONE;
	if (region->file == NULL)
		return 0;
	if (region->text != NULL) {
		*frame = region->text->first + (index - region->text->index);
		frame_get(*frame);
		return 0;
	}
	inode = file_inode(region->file);
	if (index >= PAGE_UP(inode->size) >> PAGE_SHIFT)
		return -EFAULT;
	return inode->ops->page(inode, index, false, frame);
}

/* Fills a fresh frame for a private page. */
static int frame_fill(const struct region *region, uint64_t address, exo_frame_t frame)
{
	exo_frame_t source;
	int r = page_source(region, address, &source);

	if (r != 0)
		return r;
	if (source == FRAME_NONE) {
		memset(frame_ptr(frame), 0, PAGE_SIZE);
		return 0;
	}
	memcpy(frame_ptr(frame), frame_ptr(source), PAGE_SIZE);
	frame_put(source);
	return 0;
}

/* Gives the absent pages of the window private frames of their own, neighbours where possible. Stops at the first failure. */
static int fill_private(struct vm_space *space, struct region *region, struct window w)
{
	uint64_t got = 0, used = 0;
	exo_frame_t first = FRAME_NONE;
	int r = 0;

	for (uint64_t address = w.start; address < w.end && r == 0; address += PAGE_SIZE) {
		pte_t *place;

		if (used == got) {
			first = alloc_some((w.end - address) >> PAGE_SHIFT, &got);
			used = 0;
			if (first == FRAME_NONE)
				return -ENOMEM;
		}
		place = table_make(&space->pages, address);
		if (place == NULL) {
			r = -ENOMEM;
		} else if (*place == 0) {
			r = frame_fill(region, address, first + used);
			if (r == 0)
				page_install(space, region, address, place, first + used++, PTE_OWN);
		}
	}
	if (used < got)
		frames_put(first + used, got - used);
	return r;
}

/* The page that faulted decides about success; those around it are a bonus. */
static int fault_private(struct vm_space *space, struct region *region, uint64_t address, struct window w)
{
	int r = fill_private(space, region, w);

	if (r == 0 || is_present(space, address))
		return 0;
	w = (struct window){ address, address + PAGE_SIZE };
	return fill_private(space, region, w);
}

/* Maps the frame that a file or text copy has for a page; false when it has none. */
static int map_cached(struct vm_space *space, struct region *region, uint64_t address, bool *mapped)
{
	exo_frame_t frame;
	pte_t *place;
	int r = page_source(region, address, &frame);

	*mapped = false;
	if (r != 0 || frame == FRAME_NONE)
		return r;
	place = table_make(&space->pages, address);
	if (place == NULL) {
		frame_put(frame);
		return -ENOMEM;
	}
	page_install(space, region, address, place, frame, PTE_CACHE);
	*mapped = true;
	return 0;
}

/* A read of a private file mapping: the faulting page, then what the cache has around it. */
static int fault_cached(struct vm_space *space, struct region *region, uint64_t address)
{
	struct window w = window_around(space, region, address, AROUND_FILE);
	bool mapped;
	int r = map_cached(space, region, address, &mapped);

	if (r != 0)
		return r;
	if (!mapped) {
		/* A hole of the file: zeroes of our own. */
		return fault_private(space, region, address, (struct window){ address, address + PAGE_SIZE });
	}
	for (uint64_t at = address + PAGE_SIZE; at < w.end; at += PAGE_SIZE) {
		if (map_cached(space, region, at, &mapped) != 0)
			break;
	}
	for (uint64_t at = address; at > w.start; at -= PAGE_SIZE) {
		if (map_cached(space, region, at - PAGE_SIZE, &mapped) != 0)
			break;
	}
	return 0;
}

/* The frame of a shared page, with a reference; FRAME_NONE when it does not exist and make is false. */
static int shared_frame(const struct region *region, uint64_t address, bool make, exo_frame_t *frame)
{
	uint64_t offset = region_offset(region, address);
	struct inode *inode;

	if (region->object != NULL && offset >= region->object->size)
		return -EFAULT;
	if (region->object != NULL) {
		*frame = object_page(region->object, offset, make);
		if (*frame != FRAME_NONE)
			frame_get(*frame);
		return *frame == FRAME_NONE && make ? -ENOMEM : 0;
	}
	inode = file_inode(region->file);
	*frame = FRAME_NONE;
	if (offset >= PAGE_UP(inode->size))
		return -EFAULT;
	return inode->ops->page(inode, offset >> PAGE_SHIFT, make, frame);
}

static int install_shared(struct vm_space *space, struct region *region, uint64_t address, bool make)
{
	exo_frame_t frame;
	int r = shared_frame(region, address, make, &frame);
	pte_t *place;

	if (r != 0 || frame == FRAME_NONE)
		return r != 0 ? r : make ? -EFAULT : 0;
	place = table_make(&space->pages, address);
	if (place == NULL) {
		frame_put(frame);
		return -ENOMEM;
	}
	page_install(space, region, address, place, frame, PTE_CACHE | PTE_OWN);
	return 0;
}

static int fault_shared(struct vm_space *space, struct region *region, uint64_t address)
{
	/* Anonymous memory is made around the fault; of a file only what exists is mapped: a hole stays one. */
	bool make = region->object != NULL;
	struct window w = window_around(space, region, address,
	                                make ? around_size(space, region, address) : AROUND_FILE);
	int r;

	if (make) {
		for (uint64_t at = w.start; at < w.end; at += PAGE_SIZE) {
			if (install_shared(space, region, at, true) != 0)
				break;
		}
		if (is_present(space, address))
			return 0;
	}
	r = install_shared(space, region, address, true);
	if (r == -ENOMEM && vm_reclaim())
		r = install_shared(space, region, address, true);
	for (uint64_t at = w.start; at < w.end && r == 0 && !make; at += PAGE_SIZE) {
		if (at != address && install_shared(space, region, at, false) != 0)
			break;
	}
	return r;
}

/* Must be copied before it may be written, and can be copied the same way as its neighbour. */
static bool is_copy_on_write(const pte_t *place)
{
	return place != NULL && *place != 0 && (*place & PTE_OWN) == 0;
}

/* Nobody else has the page any more: it needs no copy. */
static bool is_sole(pte_t pte)
{
	return (pte & PTE_CACHE) == 0 && frame_refs(pte_frame(pte)) == 1;
}

/* Copies the pages of [start, end), all of which are copy-on-write, into neighbouring frames. */
static int copy_pages(struct vm_space *space, struct region *region, struct window w)
{
	uint64_t got = 0, used = 0;
	exo_frame_t first = FRAME_NONE;

	for (uint64_t address = w.start; address < w.end; address += PAGE_SIZE) {
		pte_t *place = table_find(&space->pages, address);

		if (is_sole(*place)) {
			*place |= PTE_OWN;
			page_protect(space, region, address, place);
			continue;
		}
		if (used == got) {
			first = alloc_some((w.end - address) >> PAGE_SHIFT, &got);
			used = 0;
			if (first == FRAME_NONE)
				return -ENOMEM;
		}
		memcpy(frame_ptr(first + used), frame_ptr(pte_frame(*place)), PAGE_SIZE);
		page_install(space, region, address, place, first + used++, PTE_OWN);
	}
	if (used < got)
		frames_put(first + used, got - used);
	return 0;
}

static int fault_copy(struct vm_space *space, struct region *region, uint64_t address)
{
	struct window w = { address, address + PAGE_SIZE };
	uint64_t pages = frames_tight() ? 1 : AROUND_COPY;
	uint64_t low = address & ~(pages * PAGE_SIZE - 1), high = low + pages * PAGE_SIZE;
	/* Cached pages are copied one by one: most of them are never written. */
	bool cached = (*table_find(&space->pages, address) & PTE_CACHE) != 0;

	low = low > region->start ? low : region->start;
	high = high < region->end ? high : region->end;
	while (!cached && w.start > low) {
		pte_t *place = table_find(&space->pages, w.start - PAGE_SIZE);

		if (!is_copy_on_write(place) || (*place & PTE_CACHE) != 0)
			break;
		w.start -= PAGE_SIZE;
	}
	while (!cached && w.end < high) {
		pte_t *place = table_find(&space->pages, w.end);

		if (!is_copy_on_write(place) || (*place & PTE_CACHE) != 0)
			break;
		w.end += PAGE_SIZE;
	}
	if (copy_pages(space, region, w) == 0)
		return 0;
	if ((*table_find(&space->pages, address) & PTE_OWN) != 0)
		return 0;
	w = (struct window){ address, address + PAGE_SIZE };
	return copy_pages(space, region, w);
}

/* Present, but the kernel does not map it (yet): it and its unmapped neighbours. */
static void map_present(struct vm_space *space, struct region *region, uint64_t address)
{
	uint64_t low = address & ~(AROUND_FILE * PAGE_SIZE - 1), high = low + AROUND_FILE * PAGE_SIZE;
	pte_t *place = table_find(&space->pages, address);

	page_map(space, region, address, place);
	low = low > region->start ? low : region->start;
	high = high < region->end ? high : region->end;
	while ((place = table_next(&space->pages, &low, high)) != NULL) {
		if ((*place & PTE_MAPPED) == 0)
			page_map(space, region, low, place);
		low += PAGE_SIZE;
	}
}

int page_fault_in(struct vm_space *space, struct region *region, uint64_t address, bool write)
{
	pte_t *place;

	address = PAGE_DOWN(address);
	place = table_find(&space->pages, address);
	space->cache[(address >> PAGE_SHIFT) % USER_CACHE].page = 1;
	if (place != NULL && *place != 0) {
		if (write && (*place & PTE_OWN) == 0)
			return fault_copy(space, region, address);
		map_present(space, region, address);
		return 0;
	}
	if ((region->flags & REGION_SHARED) != 0) {
		int r = fault_shared(space, region, address);

		if (r == 0 && write && region->file != NULL)
			inode_modified(file_inode(region->file));
		return r;
	}
	if (region->file != NULL && !write)
		return fault_cached(space, region, address);
	if (region->file != NULL)
		return fault_private(space, region, address, window_around(space, region, address, AROUND_COPY));
	return fault_private(space, region, address,
	                     window_around(space, region, address, around_size(space, region, address)));
}

void region_prefault(struct vm_space *space, struct region *region, uint64_t start, uint64_t end)
{
	if (!frames_tight() && start < end)
		(void)fill_private(space, region, (struct window){ start, end });
}

void region_map_cached(struct vm_space *space, struct region *region, uint64_t max_pages)
{
	uint64_t end = region->end, first = region->start;
	bool mapped;

	if (region->text != NULL && table_next(&space->pages, &first, end) == NULL) {
		exo_frame_t frame =
			region->text->first + ((region->offset >> PAGE_SHIFT) - region->text->index);

		(void)pages_install(space, region, region->start, frame, (end - region->start) >> PAGE_SHIFT,
		                    PTE_CACHE, true);
		return;
	}

	if (end - region->start > max_pages * PAGE_SIZE)
		end = region->start + max_pages * PAGE_SIZE;
	for (uint64_t address = region->start; address < end; address += PAGE_SIZE) {
		if (!is_present(space, address) && map_cached(space, region, address, &mapped) != 0)
			break;
	}
}

/* What grows itself, and what nobody can access, needs no distance to a stack above it. */
static bool needs_distance(const struct region *below)
{
	return (below->flags & REGION_GROWSDOWN) == 0 && below->prot != 0;
}

/* An access just below a region that grows down: the region grows, if its limit and its neighbour allow. */
static struct region *grow_down(struct vm_space *space, uint64_t address)
{
	uint32_t i = region_index(space, address);
	struct region *region = i < space->region_count ? space->regions[i] : NULL;
	uint64_t start = PAGE_DOWN(address);

	if (region == NULL || (region->flags & REGION_GROWSDOWN) == 0 || start < EXO_USER_BASE)
		return NULL;
	if (region->end - start > space->limit_stack)
		return NULL;
	if (i > 0 && needs_distance(space->regions[i - 1]) && start < space->regions[i - 1]->end + STACK_GUARD)
		return NULL;
	if (space_charge(space, region->start - start, region->prot, region->flags) != 0)
		return NULL;
	thunks_yield(space, start, region->start);
	region->offset -= region->start - start;
	region->start = start;
	return region;
}

static bool access_allowed(const struct region *region, uint32_t access)
{
	if ((access & EXO_ACCESS_WRITE) != 0)
		return (region->prot & PROT_WRITE) != 0;
	if ((access & EXO_ACCESS_EXEC) != 0)
		return (region->prot & PROT_EXEC) != 0;
	return region->prot != 0;
}

int vm_fault(struct vm_space *space, uint64_t address, uint32_t access, int *signo, int *code)
{
	struct region *region = NULL;
	int r;

	*signo = SIGSEGV;
	*code = SEGV_MAPERR;
	if (address < EXO_USER_LIMIT) {
		if ((access & (EXO_ACCESS_EXEC | EXO_ACCESS_PRESENT)) == EXO_ACCESS_EXEC && thunks_fault(space, address))
			return 0;
		region = region_find(space, address);
		if (region == NULL)
			region = grow_down(space, address);
	}
	if (region == NULL)
		return -EFAULT;
	*code = SEGV_ACCERR;
	if (!access_allowed(region, access))
		return -EFAULT;
	space->minor_faults++;
	r = page_fault_in(space, region, address, (access & EXO_ACCESS_WRITE) != 0);
	if (r == 0 || r == -ENOMEM)
		return r;
	*signo = SIGBUS;
	*code = BUS_ADRERR;
	return -EFAULT;
}
