/*
 * mlock and its kin. Nothing is ever paged out here, so a locked page is just one that is there; the region remembers
 * that it is locked, for the limit, and for the calls that refuse locked memory.
 */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/vm/map.h>

/* Locked bytes of [start, end). */
static uint64_t locked_in(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	for (uint32_t i = region_index(space, start); i < space->region_count && space->regions[i]->start < end; i++) {
		const struct region *r = space->regions[i];

		if ((r->flags & REGION_LOCKED) != 0)
			bytes += (r->end < end ? r->end : end) - (r->start > start ? r->start : start);
	}
	return bytes;
}

void vm_set_lock_limit(struct vm_space *space, uint64_t bytes)
{
	space->limit_lock = bytes;
}

static bool may_lock(const struct vm_space *space)
{
	return space->limit_lock != 0;
}

/* Does the limit, which counts whole pages, allow that many bytes more? */
static bool fits(struct vm_space *space, uint64_t bytes)
{
	uint64_t limit = PAGE_DOWN(space->limit_lock);

	return space->limit_lock == UINT64_MAX ||
	       (bytes <= limit && locked_in(space, 0, EXO_USER_LIMIT) <= limit - bytes);
}

int lock_charge(struct vm_space *space, uint64_t bytes, uint32_t flags)
{
	return (flags & REGION_LOCKED) == 0 || fits(space, bytes) ? 0 : -EAGAIN;
}

int lock_new(struct vm_space *space, uint64_t bytes, bool asked, uint32_t *flags)
{
	if (asked && !may_lock(space))
		return -EPERM;
	*flags |= (asked ? REGION_LOCKED : 0) | space->lock_future;
	return lock_charge(space, bytes, *flags);
}

/* Sets the lock bits of all regions up to the first hole; *reached: where that is. 0 or -ENOMEM. */
static int mark(struct vm_space *space, uint64_t start, uint64_t end, uint32_t bits, uint64_t *reached)
{
	uint64_t at = start;

	*reached = start;
	for (uint32_t i = region_index(space, start); at < end; at = space->regions[i++]->end) {
		if (i == space->region_count || space->regions[i]->start > at)
			break;
	}
	end = at < end ? at : end;
	if (end == start)
		return 0;
	if (regions_cut(space, start, end) != 0)
		return -ENOMEM;
	for (uint32_t i = region_index(space, start); i < space->region_count && space->regions[i]->start < end; i++)
		space->regions[i]->flags = (space->regions[i]->flags & ~REGION_LOCK_BITS) | bits;
	*reached = end;
	return 0;
}

/* All pages of the range are there, or as many as can be had. 0; -EFAULT, -ENOMEM: the first that cannot. */
static int bring_in(struct vm_space *space, uint64_t start, uint64_t end)
{
	for (uint32_t i = region_index(space, start); i < space->region_count && space->regions[i]->start < end;) {
		struct region *region = space->regions[i];
		uint64_t from = region->start > start ? region->start : start;
		int r = 0;

		start = region->end < end ? region->end : end;
		if (lock_brings_in(region->flags))
			r = region->prot == 0 ? -EFAULT : region_populate(space, region, from, start);
		if (r != 0)
			return r;
		i = region_index(space, start);
	}
	return 0;
}

static int change(struct vm_space *space, uint64_t start, uint64_t length, uint32_t bits)
{
	uint64_t end = start + length, reached;
	int r;

	if (end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (end > EXO_USER_LIMIT)
		end = EXO_USER_LIMIT;
	r = start < end ? mark(space, start, end, bits, &reached) : -ENOMEM;
	if (r != 0)
		return r;
	if (reached < end || start + length > end) {
		regions_join(space, start, reached);
		return -ENOMEM;
	}
	if (bits == REGION_LOCKED)
		r = bring_in(space, start, end);
	regions_join(space, start, end);
	/* What POSIX calls these. */
	return r == -EFAULT ? -ENOMEM : r == -ENOMEM ? -EAGAIN : r;
}

int vm_mlock(struct vm_space *space, uint64_t address, uint64_t length, int flags)
{
	uint64_t start = PAGE_DOWN(address), size = PAGE_UP(length + (address - start));
	uint64_t end = size <= UINT64_MAX - start ? start + size : UINT64_MAX;

	if ((flags & ~MLOCK_ONFAULT) != 0)
		return -EINVAL;
	if (!may_lock(space))
		return -EPERM;
	/* What is locked already counts once. */
	if (!fits(space, size - locked_in(space, start, end)))
		return -ENOMEM;
	return change(space, start, size, flags != 0 ? REGION_LOCK_BITS : REGION_LOCKED);
}

int vm_munlock(struct vm_space *space, uint64_t address, uint64_t length)
{
	uint64_t start = PAGE_DOWN(address);

	return change(space, start, PAGE_UP(length + (address - start)), 0);
}

int vm_mlockall(struct vm_space *space, int flags)
{
	uint32_t bits = (flags & MCL_ONFAULT) != 0 ? REGION_LOCK_BITS : REGION_LOCKED;

	if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0 || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock(space))
		return -EPERM;
	if ((flags & MCL_CURRENT) != 0) {
		uint64_t all = 0;

		for (uint32_t i = 0; i < space->region_count; i++)
			all += space->regions[i]->end - space->regions[i]->start;
		if (space->limit_lock != UINT64_MAX && all > PAGE_DOWN(space->limit_lock))
			return -ENOMEM;
	}
	space->lock_future = (flags & MCL_FUTURE) != 0 ? bits : 0;
	if ((flags & MCL_CURRENT) == 0)
		return 0;
	for (uint32_t i = 0; i < space->region_count; i++)
		space->regions[i]->flags = (space->regions[i]->flags & ~REGION_LOCK_BITS) | bits;
	/* What cannot be had is no error of this call; the next region may be. */
	for (uint64_t at = 0; at < EXO_USER_LIMIT;) {
		uint32_t i = region_index(space, at);

		if (i == space->region_count || signal_is_pending(libos.sched.current))
			break;
		at = space->regions[i]->end;
		(void)bring_in(space, space->regions[i]->start, at);
	}
	return 0;
}

int vm_munlockall(struct vm_space *space)
{
	space->lock_future = 0;
	for (uint32_t i = 0; i < space->region_count; i++)
		space->regions[i]->flags &= ~REGION_LOCK_BITS;
	regions_join(space, 0, EXO_USER_LIMIT);
	return 0;
}
