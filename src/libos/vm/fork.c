/*
 * fork: a second space with the same regions. Private pages of a small process are copied at
 * once into neighbouring frames (see FORK_COPY_MAX); a large one shares them copy-on-write.
 * Pages of files, objects and text copies are shared as they are.
 */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

struct fork {
	struct vm_space *parent, *child;
	bool eager;
	struct frame_run block;  /* frames for eager copies, not used yet */
	uint64_t left;           /* private pages still to come */
	uint32_t runs;           /* mappings queued for the child */
	uint64_t next_address;   /* where the last one ended */
	exo_frame_t next_frame;
};

static int copy_regions(struct vm_space *parent, struct vm_space *child)
{
	if (regions_reserve(child, parent->region_count) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < parent->region_count; i++) {
		const struct region *from = parent->regions[i];
		struct region *region;

		if ((from->flags & REGION_NOFORK) != 0)
			continue;
		region = region_copy(child, from, from->start, from->end);
		if (region == NULL)
			return -ENOMEM;
		region->flags &= ~REGION_LOCK_BITS;
		child->regions[child->region_count++] = region;
		(void)sched_worked(&libos.sched, 1);
	}
	return 0;
}

/* The next frame for an eager copy, or FRAME_NONE: then the rest is shared. */
static exo_frame_t take_frame(struct fork *f)
{
	if (f->block.count == 0) {
		uint64_t got;
		exo_frame_t first = frames_alloc_some(f->left, &got);

		if (first == FRAME_NONE)
			return FRAME_NONE;
		f->block = (struct frame_run){ first, got };
	}
	f->block.count--;
	return f->block.first++;
}

/* Large parents may be scattered: beyond some mappings, the child's faults bring in what it needs. */
static bool map_now(struct fork *f, uint64_t address, exo_frame_t frame, uint64_t count)
{
	if (address != f->next_address || frame != f->next_frame) {
		if (f->runs >= FORK_MAP_RUNS)
			return false;
		f->runs++;
	}
	f->next_address = address + count * PAGE_SIZE;
	f->next_frame = frame + count;
	return true;
}

/* Pages that the child gets as they are, collected while address, frame and flags go on. */
struct share {
	uint64_t address, count;
	exo_frame_t first;
	pte_t flags;
};

static int share_flush(struct fork *f, const struct region *to, struct share *share)
{
	int r = 0;

	if (share->count > 0) {
		bool map = map_now(f, share->address, share->first, share->count);

		r = pages_install(f->child, to, share->address, share->first, share->count, share->flags, map);
	}
	share->count = 0;
	return r;
}

static int share_page(struct fork *f, const struct region *to, struct share *share, uint64_t address,
                      exo_frame_t frame, pte_t flags)
{
	if (share->count == 0 || address != share->address + share->count * PAGE_SIZE ||
	    frame != share->first + share->count || flags != share->flags) {
		if (share_flush(f, to, share) != 0)
			return -ENOMEM;
		*share = (struct share){ address, 0, frame, flags };
	}
	share->count++;
	return 0;
}

/* One page of a private region: a copy for the child, or the page itself, no longer anybody's own. */
static int fork_private(struct fork *f, const struct region *from, const struct region *to, struct share *share,
                        uint64_t address, pte_t *place)
{
	exo_frame_t frame = FRAME_NONE, source = pte_frame(*place);

	if ((*place & PTE_CACHE) != 0)
		return share_page(f, to, share, address, source, PTE_CACHE);
	if (f->eager)
		frame = take_frame(f);
	f->left--;
	if (frame != FRAME_NONE) {
		int r = 0;

		memcpy(frame_ptr(frame), frame_ptr(source), PAGE_SIZE);
		libos.sched.work++;
		if (share_flush(f, to, share) != 0 ||
		    pages_install(f->child, to, address, frame, 1, PTE_OWN, map_now(f, address, frame, 1)) != 0)
			r = -ENOMEM;
		frame_put(frame); /* the entry has its own reference */
		return r;
	}
	if ((*place & PTE_OWN) != 0) {
		*place &= ~PTE_OWN;
		if ((*place & PTE_WRITABLE) != 0)
			page_protect(f->parent, from, address, place);
	}
	return share_page(f, to, share, address, source, 0);
}

static int fork_pages(struct fork *f, const struct region *from, const struct region *to)
{
	struct share share = { 0, 0, 0, 0 };
	uint64_t address = from->start, count;
	pte_t *place;
	int r = 0;

	if ((from->flags & REGION_WIPE) != 0)
		return 0;
	while (r == 0 && (place = table_next_run(&f->parent->pages, &address, from->end, &count)) != NULL) {
		libos.sched.work++;
		/* Others may run between two pages; then the place is looked up again. */
		for (; count > 0 && r == 0 && libos.sched.work < SCHED_WORK_UNITS; count--, place++, address += PAGE_SIZE) {
			if (count % 8 == 0)
				libos.sched.work++;
			if (*place == 0)
				continue;
			if ((from->flags & REGION_SHARED) != 0)
				r = share_page(f, to, &share, address, pte_frame(*place),
				               *place & (PTE_CACHE | PTE_OWN));
			else
				r = fork_private(f, from, to, &share, address, place);
		}
		/* Frames that are only collected have no reference yet. */
		if (r == 0 && libos.sched.work >= SCHED_WORK_UNITS) {
			r = share_flush(f, to, &share);
			(void)sched_worked(&libos.sched, 0);
		}
	}
	return r == 0 ? share_flush(f, to, &share) : r;
}

static void copy_layout(const struct vm_space *parent, struct vm_space *child)
{
	child->brk_start = parent->brk_start;
	child->brk_end = parent->brk_end;
	child->stack_top = parent->stack_top;
	child->mmap_base = parent->mmap_base;
	vm_set_auxv(child, parent->auxv, parent->auxv_size);
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
	child->limit_as = parent->limit_as;
	child->limit_data = parent->limit_data;
	child->limit_stack = parent->limit_stack;
}

struct vm_space *vm_space_fork(struct vm_space *parent, const char *name)
{
	struct fork f = { .parent = parent, .next_frame = FRAME_NONE };
	uint32_t from = 0;
	int r;

	f.child = vm_space_new(name);
	if (f.child == NULL)
		return NULL;
	copy_layout(parent, f.child);
	f.left = parent->resident - parent->cached;
	f.eager = f.left <= FORK_COPY_MAX && !frames_tight();
	r = copy_regions(parent, f.child);
	for (uint32_t i = 0; i < f.child->region_count && r == 0; i++) {
		const struct region *to = f.child->regions[i];

		while (parent->regions[from]->start != to->start)
			from++; /* not inherited */
		r = fork_pages(&f, parent->regions[from], to);
	}
	frames_put(f.block.first, f.block.count);
	space_cache_flush(parent);
	if (r != 0) {
		vm_space_put(f.child);
		return NULL;
	}
	return f.child;
}
