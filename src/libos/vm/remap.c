/* mremap: growing, shrinking and moving a mapping with its pages. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/vm/map.h>

/* Makes the nodes for the pages' new entries, so that moving them cannot fail. */
static int prepare_move(struct vm_space *space, uint64_t from, uint64_t to, uint64_t length)
{
	uint64_t at = from;

	while (table_next(&space->pages, &at, from + length) != NULL) {
		if (table_make(&space->pages, to + (at - from)) == NULL)
			return -ENOMEM;
		at += PAGE_SIZE;
	}
	return 0;
}

static void move_pages(struct vm_space *space, const struct region *target, uint64_t from, uint64_t to,
                       uint64_t length)
{
	uint64_t at = from;
	pte_t *place;

	pages_hide(space, from, from + length);
	while ((place = table_next(&space->pages, &at, from + length)) != NULL) {
		uint64_t new = to + (at - from);
		pte_t entry = *place;

		pte_t *there = table_make(&space->pages, new);

		table_set(there, entry);
		page_map(space, target, new, there);
		table_clear(&space->pages, at, table_find(&space->pages, at));
		at += PAGE_SIZE;
	}
}

struct remap {
	uint64_t address, old_length, length;
	uint64_t target;   /* 0: anywhere; a hint unless it is fixed */
	bool fixed;
	bool keep_old;     /* MREMAP_DONTUNMAP, or old_length 0: the old mapping stays */
};

/* Moves (part of) a region; everything that can fail comes first. */
static int64_t remap_move(struct vm_space *space, struct region *region, const struct remap *m)
{
	uint64_t to = m->fixed ? m->target : region_place(space, m->target, m->length);
	uint64_t common = m->old_length < m->length ? m->old_length : m->length;
	struct region *made;

	if (to == 0 || space_charge(space, m->keep_old ? m->length : m->length - common, region->prot, region->flags) != 0)
		return -ENOMEM;
	if (regions_reserve(space, 5) != 0)
		return -ENOMEM;
	/* The new region begins where the old part does in its file or object; text copies are bound to an address. */
	region_leave_text(region);
	made = region_copy(space, region, m->address, m->address + PAGE_SIZE);
	if (made == NULL)
		return -ENOMEM;
	made->start = to;
	made->end = to + m->length;
	made->flags &= ~(REGION_HEAP | REGION_STACK);
	if (regions_cut(space, m->address, m->address + m->old_length) != 0 ||
	    prepare_move(space, m->address, to, common) != 0) {
		regions_join(space, m->address, m->address + m->old_length);
		region_free(made);
		return -ENOMEM;
	}
	region_insert(space, made);
	move_pages(space, made, m->address, to, common);
	if (!m->keep_old)
		regions_drop(space, m->address, m->address + m->old_length);
	else
		regions_join(space, m->address, m->address + m->old_length);
	regions_join(space, to, to + m->length);
	return (int64_t)to;
}

/* Room right behind it? */
static bool remap_extend(struct vm_space *space, struct region *region, uint64_t end, uint64_t new_end)
{
	uint32_t i = region_index(space, region->start);

	if (region->end != end || region->text != NULL || !range_is_valid(region->start, new_end - region->start))
		return false;
	if (i + 1 < space->region_count) {
		const struct region *above = space->regions[i + 1];
		uint64_t gap = (above->flags & REGION_GROWSDOWN) != 0 ? STACK_GUARD : 0;

		if (above->start < new_end + gap)
			return false;
	}
	if (space_charge(space, new_end - end, region->prot, region->flags) != 0)
		return false;
	thunks_yield(space, end, new_end);
	region->end = new_end;
	regions_join(space, region->start, new_end);
	return true;
}

/* Is the place good by itself, whatever is mapped? */
static bool target_good(const struct remap *m)
{
	if (m->target > EXO_USER_LIMIT || m->length > EXO_USER_LIMIT - m->target || (m->target & (PAGE_SIZE - 1)) != 0)
		return false;
	return m->target >= m->address + m->old_length || m->address >= m->target + m->length;
}

/* To a place that was asked for, all mappings of the range. One that cannot is an error, and those before it have moved. */
static int64_t remap_move_all(struct vm_space *space, const struct remap *m)
{
	uint64_t end = m->address + m->old_length;

	for (uint64_t at = m->address; at < end;) {
		uint32_t i = region_index(space, at);
		struct region *region;
		struct remap part = *m;
		int64_t r;

		if (i == space->region_count || space->regions[i]->start >= end)
			break;
		region = space->regions[i];
		part.address = region->start > at ? region->start : at;
		part.old_length = part.length = (region->end < end ? region->end : end) - part.address;
		part.target = m->target + (part.address - m->address);
		at = part.address + part.length;
		r = remap_move(space, region, &part);
		if (r < 0)
			return r;
	}
	return (int64_t)m->target;
}

/* What the arguments say by themselves, whatever is mapped. */
static int check_arguments(const struct remap *m, int flags)
{
	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0)
		return -EINVAL;
	if ((m->address & (PAGE_SIZE - 1)) != 0 || m->length == 0 || m->length > EXO_USER_LIMIT)
		return -EINVAL;
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) == 0)
		return 0;
	if ((flags & MREMAP_MAYMOVE) == 0 || ((flags & MREMAP_DONTUNMAP) != 0 && m->old_length != m->length))
		return -EINVAL;
	return target_good(m) ? 0 : -EINVAL;
}

/* May this mapping, the first of the range, move or grow as it is asked for? */
static int check_mapping(const struct region *region, const struct remap *m)
{
	uint64_t common = m->old_length < m->length ? m->old_length : m->length;

	if (m->old_length == 0 && (region->flags & REGION_SHARED) == 0)
		return -EINVAL;
	return common > region->end - m->address ? -EFAULT : 0;
}

/* With MREMAP_FIXED or MREMAP_DONTUNMAP. */
static int64_t remap_to(struct vm_space *space, struct remap *m)
{
	struct region *region;
	int r = 0;

	if (m->fixed && !range_is_valid(m->target, m->length))
		return m->target < EXO_USER_BASE ? -EPERM : -EINVAL;
	if (m->fixed && !range_is_free(space, m->target, m->target + m->length))
		r = vm_munmap(space, m->target, m->length);
	if (r == 0 && m->length < m->old_length)
		r = vm_munmap(space, m->address + m->length, m->old_length - m->length);
	if (r != 0)
		return r;
	m->old_length = m->old_length < m->length ? m->old_length : m->length;
	if (m->fixed && m->old_length == m->length)
		return remap_move_all(space, m);
	region = region_find(space, m->address);
	return region == NULL ? -EFAULT : remap_move(space, region, m);
}

/* In place, or elsewhere. */
static int64_t grow(struct vm_space *space, struct region *region, const struct remap *m, bool may_move)
{
	bool locked = lock_brings_in(region->flags);
	int64_t at = (int64_t)m->address;

	if (m->keep_old || !remap_extend(space, region, m->address + m->old_length, m->address + m->length))
		at = may_move ? remap_move(space, region, m) : -ENOMEM;
	region = at < 0 || !locked ? NULL : region_find(space, (uint64_t)at);
	if (region != NULL)
		(void)region_populate(space, region, (uint64_t)at + m->old_length, (uint64_t)at + m->length);
	return at;
}

int64_t vm_mremap(struct vm_space *space, uint64_t address, uint64_t old_length, uint64_t length, int flags,
                  uint64_t new_address)
{
	struct remap m = { address, PAGE_UP(old_length), PAGE_UP(length), 0, (flags & MREMAP_FIXED) != 0, false };
	bool moves = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;
	struct region *region;
	int r;

	m.target = moves ? new_address : 0;
	m.keep_old = m.old_length == 0 || (flags & MREMAP_DONTUNMAP) != 0;
	r = check_arguments(&m, flags);
	if (r != 0)
		return r;
	region = region_find(space, address);
	if (region == NULL)
		return -EFAULT;
	/* What stays or only moves may be several mappings, and have holes; so may what is cut off. */
	if ((moves || m.length > m.old_length) && !(m.fixed && m.length == m.old_length))
		r = check_mapping(region, &m);
	if (r != 0)
		return r;
	if (moves)
		return remap_to(space, &m);
	if (m.length <= m.old_length) {
		if (m.length < m.old_length)
			r = vm_munmap(space, address + m.length, m.old_length - m.length);
		return r != 0 ? r : (int64_t)address;
	}
	r = lock_charge(space, m.length - m.old_length, region->flags);
	if (r != 0)
		return r;
	return grow(space, region, &m, (flags & MREMAP_MAYMOVE) != 0);
}
