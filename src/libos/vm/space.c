/* Pages of a space, and the queue of mapping changes that goes with them. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

_Static_assert(PROT_READ == EXO_PROT_READ && PROT_WRITE == EXO_PROT_WRITE && PROT_EXEC == EXO_PROT_EXEC,
               "Linux's protection bits are the kernel's");

void space_cache_flush(struct vm_space *space)
{
	for (unsigned i = 0; i < USER_CACHE; i++)
		space->cache[i].page = 1;
}

static uint32_t op_pages_max(uint32_t prot)
{
	return prot == 0 ? EXO_UNMAP_MAX : EXO_MAP_MAX;
}

/* Does `op` go on where `last` ends (or end where it begins)? Then they become one. */
static bool op_merge(struct exo_map_op *last, const struct exo_map_op *op)
{
	bool frames = op->prot != 0 && op->frame != EXO_FRAME_KEEP;
	bool last_frames = last->prot != 0 && last->frame != EXO_FRAME_KEEP;

	if (last->prot != op->prot || frames != last_frames || last->count + op->count > op_pages_max(op->prot))
		return false;
	if (last->vaddr + last->count * PAGE_SIZE == op->vaddr &&
	    (!frames || last->frame + last->count == op->frame)) {
		last->count += op->count;
		return true;
	}
	if (op->vaddr + op->count * PAGE_SIZE == last->vaddr && (!frames || op->frame + op->count == last->frame)) {
		last->vaddr = op->vaddr;
		last->frame = op->frame;
		last->count += op->count;
		return true;
	}
	return false;
}

/* Room for one more, by growing or, at the worst, by sending what there is. */
static void ops_make_room(struct vm_space *space)
{
	uint32_t capacity = space->op_capacity == 0 ? OPS_FIRST : space->op_capacity * 2;
	struct exo_map_op *ops = NULL;

	if (space->op_count < space->op_capacity)
		return;
	if (capacity <= OPS_MAX)
		ops = heap_resize(space->ops, capacity * sizeof(*ops));
	if (ops != NULL) {
		space->ops = ops;
		space->op_capacity = capacity;
	} else {
		(void)vm_commit(space); /* pages that could not be mapped fault again */
	}
}

static void queue_op(struct vm_space *space, const struct exo_map_op *op)
{
	if (space->op_count > 0 && op_merge(&space->ops[space->op_count - 1], op))
		return;
	ops_make_room(space);
	space->ops[space->op_count++] = *op;
}

void space_queue(struct vm_space *space, uint64_t vaddr, exo_frame_t frame, uint64_t count, uint32_t prot)
{
	while (count > 0) {
		uint64_t max = op_pages_max(prot), part = count < max ? count : max;
		struct exo_map_op op = { vaddr, prot == 0 ? 0 : frame, (uint32_t)part, prot };

		queue_op(space, &op);
		vaddr += part * PAGE_SIZE;
		if (frame != EXO_FRAME_KEEP)
			frame += part;
		count -= part;
	}
}

void space_put_frame(struct vm_space *space, exo_frame_t frame)
{
	struct frame_run *last = space->dead_count > 0 ? &space->dead[space->dead_count - 1] : NULL;

	if (last != NULL && last->first + last->count == frame) {
		last->count++;
		space->dead_frames++;
		return;
	}
	if (space->dead_count == space->dead_capacity) {
		uint32_t capacity = space->dead_capacity == 0 ? OPS_FIRST : space->dead_capacity * 2;
		struct frame_run *dead =
			capacity > OPS_MAX ? NULL : heap_resize(space->dead, capacity * sizeof(*dead));

		if (dead == NULL) {
			(void)vm_commit(space);
			frame_put(frame);
			return;
		}
		space->dead = dead;
		space->dead_capacity = capacity;
	}
	space->dead[space->dead_count++] = (struct frame_run){ frame, 1 };
	space->dead_frames++;
}

uint32_t region_page_prot(const struct region *region, pte_t pte)
{
	uint32_t prot = region->prot;

	if (prot == 0)
		return 0;
	if ((pte & PTE_OWN) == 0)
		prot &= ~(uint32_t)PROT_WRITE;
	return prot | EXO_PROT_READ;
}

void page_map(struct vm_space *space, const struct region *region, uint64_t address, pte_t *place)
{
	uint32_t prot = region_page_prot(region, *place);

	if (prot == 0)
		return;
	*place |= PTE_MAPPED;
	if ((prot & EXO_PROT_WRITE) != 0)
		*place |= PTE_WRITABLE;
	else
		*place &= ~PTE_WRITABLE;
	space_queue(space, address, pte_frame(*place), 1, prot);
}

void page_protect(struct vm_space *space, const struct region *region, uint64_t address, pte_t *place)
{
	uint32_t prot = region_page_prot(region, *place);

	if ((*place & PTE_MAPPED) == 0 || prot == 0) {
		page_map(space, region, address, place);
		return;
	}
	if ((prot & EXO_PROT_WRITE) != 0)
		*place |= PTE_WRITABLE;
	else
		*place &= ~PTE_WRITABLE;
	space_queue(space, address, EXO_FRAME_KEEP, 1, prot);
}

static void count_page(struct vm_space *space, pte_t pte, int64_t by)
{
	space->resident += (uint64_t)by;
	if ((pte & PTE_CACHE) != 0)
		space->cached += (uint64_t)by;
}

void page_install(struct vm_space *space, const struct region *region, uint64_t address, pte_t *place,
                  exo_frame_t frame, pte_t flags)
{
	pte_t old = *place, new = pte_make(frame, flags);
	uint32_t prot = region_page_prot(region, new);

	if (old != 0) {
		count_page(space, old, -1);
		space->cache[(address >> PAGE_SHIFT) % USER_CACHE].page = 1;
	}
	count_page(space, new, 1);
	table_set(place, new);
	if (prot != 0)
		page_map(space, region, address, place);
	else if ((old & PTE_MAPPED) != 0)
		space_queue(space, address, 0, 1, 0);
	/* After the change is queued, so that a commit forced here includes it. */
	if ((old & PTE_MAPPED) != 0)
		space_put_frame(space, pte_frame(old));
	else if (old != 0)
		frame_put(pte_frame(old));
}

int pages_install(struct vm_space *space, const struct region *region, uint64_t address, exo_frame_t first,
                  uint64_t count, pte_t flags, bool map)
{
	uint32_t prot = region_page_prot(region, PTE_PRESENT | flags);

	if (map && prot != 0)
		flags |= PTE_MAPPED | ((prot & EXO_PROT_WRITE) != 0 ? PTE_WRITABLE : 0);
	while (count > 0) {
		uint64_t part = table_run_length(address);
		pte_t *place = table_make(&space->pages, address);

		if (place == NULL)
			return -ENOMEM;
		part = part < count ? part : count;
		frames_get(first, part);
		table_set_run(place, part, pte_make(first, flags), PAGE_SIZE);
		space->resident += part;
		space->cached += (flags & PTE_CACHE) != 0 ? part : 0;
		if ((flags & PTE_MAPPED) != 0)
			space_queue(space, address, first, part, prot);
		address += part * PAGE_SIZE;
		first += part;
		count -= part;
	}
	return 0;
}

void pages_remove(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t address = start, first = end, last = start;
	pte_t *place;

	/* One unmapping for all of it, holes included, queued before any frame is let go. */
	while ((place = table_next(&space->pages, &address, end)) != NULL) {
		if ((*place & PTE_MAPPED) != 0) {
			first = address < first ? address : first;
			last = address + PAGE_SIZE;
		}
		address += PAGE_SIZE;
	}
	if (first < last)
		space_queue(space, first, 0, (last - first) >> PAGE_SHIFT, 0);
	address = start;
	while ((place = table_next(&space->pages, &address, end)) != NULL) {
		pte_t old = *place;

		count_page(space, old, -1);
		table_clear(&space->pages, address, place);
		if ((old & PTE_MAPPED) != 0)
			space_put_frame(space, pte_frame(old));
		else
			frame_put(pte_frame(old));
		address += PAGE_SIZE;
	}
	space_cache_flush(space);
	if (space->dead_frames > DEAD_MAX)
		(void)vm_commit(space);
}

/* Up to this many pages in a piece. */
#define REMOVE_PIECE 512u

bool pages_remove_long(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t count;
	bool gave_way = false;

	if (end - start <= REMOVE_PIECE * PAGE_SIZE) {
		pages_remove(space, start, end);
		return false;
	}
	while (table_next_run(&space->pages, &start, end, &count) != NULL) {
		uint64_t stop = start + (count < REMOVE_PIECE ? count : REMOVE_PIECE) * PAGE_SIZE;

		pages_remove(space, start, stop);
		start = stop;
		gave_way |= sched_worked(&libos.sched, SCHED_WORK_UNITS);
	}
	return gave_way;
}

void pages_remove_cached(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t address = start;
	pte_t *place;

	while ((place = table_next(&space->pages, &address, end)) != NULL) {
		if ((*place & PTE_CACHE) != 0)
			pages_remove(space, address, address + PAGE_SIZE);
		address += PAGE_SIZE;
	}
}

void pages_hide(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t address = start, first = end, last = start;
	pte_t *place;

	while ((place = table_next(&space->pages, &address, end)) != NULL) {
		if ((*place & PTE_MAPPED) != 0) {
			first = address < first ? address : first;
			last = address + PAGE_SIZE;
			*place &= ~(PTE_MAPPED | PTE_WRITABLE);
		}
		address += PAGE_SIZE;
	}
	if (first < last)
		space_queue(space, first, 0, (last - first) >> PAGE_SHIFT, 0);
	space_cache_flush(space);
}
