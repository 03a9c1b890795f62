/* madvise, msync and mincore. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/vm/map.h>

#define MADV_HWPOISON_FIRST 100 /* MADV_HWPOISON, MADV_SOFT_OFFLINE: not ours to offer */

static bool advice_is_known(int advice)
{
	return advice >= MADV_NORMAL && advice <= MADV_DONTNEED_LOCKED && (advice <= MADV_DONTNEED || advice >= MADV_FREE);
}

/* Advice that changes only the region's flags. */
static bool flag_advice(int advice, uint32_t *set, uint32_t *clear)
{
	*set = advice == MADV_DONTFORK ? REGION_NOFORK : advice == MADV_WIPEONFORK ? REGION_WIPE : 0;
	*clear = advice == MADV_DOFORK ? REGION_NOFORK : advice == MADV_KEEPONFORK ? REGION_WIPE : 0;
	return (*set | *clear) != 0;
}

static int advise_populate(struct vm_space *space, struct region *region, uint64_t start, uint64_t end, bool write)
{
	if ((region->prot & (write ? PROT_WRITE : PROT_READ | PROT_EXEC)) == 0)
		return -EINVAL;
	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		pte_t *place;
		int r;

		if (sched_worked(&libos.sched, 1) && signal_is_pending(libos.sched.current))
			return -EINTR;
		place = table_find(&space->pages, at);
		if (place != NULL && (*place & PTE_MAPPED) != 0 && (!write || (*place & PTE_WRITABLE) != 0))
			continue;
		r = page_fault_in(space, region, at, write);
		if (r != 0)
			return r;
	}
	return 0;
}

/* A hole in the file; whoever maps it loses the pages. */
static int remove_file(const struct region *region, uint64_t start, uint64_t end)
{
	struct inode *inode = file_inode(region->file);

	if ((region->flags & REGION_SHARED) == 0 || (region->max_prot & PROT_WRITE) == 0)
		return -EACCES;
	if (inode->ops->fallocate == NULL)
		return -EOPNOTSUPP;
	inode_enter(inode);
	int r = inode->ops->fallocate(inode, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, region_offset(region, start), end - start);
	inode_leave(inode);
	return r;
}

static bool spares_locked(int advice)
{
	return advice == MADV_FREE || advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_COLD || advice == MADV_PAGEOUT;
}

/* One region's part of the range. */
static int advise_region(struct vm_space *space, struct region *region, uint64_t start, uint64_t end, int advice)
{
	if ((region->flags & REGION_LOCKED) != 0 && spares_locked(advice))
		return -EINVAL;
	switch (advice) {
	case MADV_FREE:
		if (region->file != NULL || region->object != NULL)
			return -EINVAL;
		(void)pages_remove_long(space, start, end);
		return 0;
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		(void)pages_remove_long(space, start, end);
		return 0;
	case MADV_REMOVE:
		if (region->file != NULL)
			return remove_file(region, start, end);
		if (region->object == NULL)
			return -EINVAL;
		/* Other spaces that map the object keep their pages till they unmap them: so refuse when there are any. */
		if (region->object->refs > 1)
			return -EOPNOTSUPP;
		pages_remove(space, start, end);
		(void)vm_commit(space);
		object_remove(region->object, region_offset(region, start), region_offset(region, end));
		return 0;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return advise_populate(space, region, start, end, advice == MADV_POPULATE_WRITE);
	case MADV_WIPEONFORK:
		return region->file != NULL || region->object != NULL ? -EINVAL : 0;
	default:
		return 0; /* hints that this memory manager has no use for */
	}
}

int vm_madvise(struct vm_space *space, uint64_t address, uint64_t length, int advice)
{
	uint64_t size = PAGE_UP(length), end, at;
	uint32_t set, clear;
	bool holes = false;

	if (!advice_is_known(advice) || (address & (PAGE_SIZE - 1)) != 0 || size < length)
		return -EINVAL;
	if (address + size < address)
		return -EINVAL;
	if (size == 0)
		return 0;
	end = address + size;
	if (flag_advice(advice, &set, &clear) && regions_cut(space, address, end) != 0)
		return -ENOMEM;
	at = address;
	for (uint32_t i = region_index(space, address); i < space->region_count; i++) {
		struct region *region = space->regions[i];
		int r;

		if (region->start >= end)
			break;
		holes |= region->start > at;
		at = region->start > address ? region->start : address;
		r = advise_region(space, region, at, region->end < end ? region->end : end, advice);
		if (r != 0)
			return r;
		region->flags = (region->flags | set) & ~clear;
		at = region->end;
	}
	if ((set | clear) != 0)
		regions_join(space, address, end);
	return holes || at < end ? -ENOMEM : 0;
}

/* Shared pages are the file's own pages here, so there is nothing to write back. */
int vm_msync(struct vm_space *space, uint64_t address, uint64_t length, int flags)
{
	uint64_t size = PAGE_UP(length), end, at = address;
	bool holes = false;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0 || (address & (PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	if ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0)
		return -EINVAL;
	end = address + size;
	if (end < address)
		return -ENOMEM;
	for (uint32_t i = region_index(space, address); i < space->region_count && at < end; i++) {
		if (space->regions[i]->end <= at)
			continue;
		holes |= space->regions[i]->start > at;
		if ((flags & MS_INVALIDATE) != 0 && space->regions[i]->start < end && (space->regions[i]->flags & REGION_LOCKED) != 0)
			return -EBUSY;
		at = space->regions[i]->end;
	}
	return at < end || holes ? -ENOMEM : 0;
}

static bool is_in_core(struct vm_space *space, struct region *region, uint64_t address)
{
	pte_t *place = table_find(&space->pages, address);
	exo_frame_t frame = FRAME_NONE;
	struct inode *inode;

	if (place != NULL && *place != 0)
		return true;
	if (region->object != NULL)
		return object_page(region->object, region_offset(region, address), false) != FRAME_NONE;
	if (region->file == NULL)
		return false;
	inode = file_inode(region->file);
	if (region_offset(region, address) >= PAGE_UP(inode->size) ||
	    inode->ops->page(inode, region_offset(region, address) >> PAGE_SHIFT, false, &frame) != 0)
		return false;
	if (frame != FRAME_NONE)
		frame_put(frame);
	return frame != FRAME_NONE;
}

int vm_mincore(struct vm_space *space, uint64_t address, uint64_t length, uint64_t vector)
{
	uint64_t pages = PAGE_UP(length) >> PAGE_SHIFT;

	if ((address & (PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	if (length == 0)
		return 0;
	if (PAGE_UP(length) < length || address >= EXO_USER_LIMIT || pages * PAGE_SIZE > EXO_USER_LIMIT - address)
		return -ENOMEM;
	if (vector >= EXO_USER_LIMIT || pages > EXO_USER_LIMIT - vector)
		return -EFAULT;
	for (uint64_t i = 0; i < pages; i++) {
		uint64_t at = address + i * PAGE_SIZE;
		struct region *region = region_find(space, at);
		uint8_t byte;

		if (region == NULL)
			return -ENOMEM;
		byte = is_in_core(space, region, at);
		if (user_write(space, vector + i, &byte, 1) != 0)
			return -EFAULT;
		(void)sched_worked(&libos.sched, 1);
	}
	return 0;
}
