/* mmap, munmap, mprotect and brk. Checks first, then changes that cannot fail. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/vm/map.h>

#define MAP_TYPE 0xf
/* Where MAP_32BIT maps: the second GiB, as Linux does. */
#define LOW_FIRST UINT64_C(0x40000000)
#define LOW_END   UINT64_C(0x80000000)
#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
/* Flags that MAP_SHARED_VALIDATE knows; it refuses others instead of ignoring them. */
#define MAP_KNOWN                                                                                              \
	(MAP_SHARED_VALIDATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | \
	 MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_ABOVE4G |              \
	 MAP_HUGE_2MB | MAP_HUGE_1GB)

/* Offsets of regular files end where their sizes do; whatever else can be mapped takes nearly any. */
static bool ends_too_far(const struct file *file, uint64_t offset, uint64_t length)
{
	const struct inode *inode = file_inode(file);
	uint64_t end = inode != NULL && (inode->mode & S_IFMT) == S_IFREG ? INT64_MAX : UINT64_MAX;

	return offset > end - length;
}

static int check_seals(struct map_request *m, const struct inode *inode)
{
	if ((m->flags & REGION_SHARED) == 0 || (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == 0)
		return 0;
	m->max_prot &= ~(uint32_t)PROT_WRITE;
	return (m->prot & PROT_WRITE) != 0 ? -EPERM : 0;
}

/* May this file be mapped like that? */
static int check_file(struct map_request *m, struct file *file, int flags)
{
	struct inode *inode = file_inode(file);
	bool readable = (file->flags & O_ACCMODE) == O_RDONLY || (file->flags & O_ACCMODE) == O_RDWR;
	bool writable = (file->flags & O_ACCMODE) == O_RDWR;
	bool anonymous = false;

	if ((flags & MAP_TYPE) == MAP_SHARED_VALIDATE && (flags & ~MAP_KNOWN) != 0)
		return -EOPNOTSUPP;
	if ((m->flags & REGION_SHARED) != 0 && !writable) {
		if ((m->prot & PROT_WRITE) != 0)
			return -EACCES;
		m->max_prot &= ~(uint32_t)PROT_WRITE;
	}
	if (!readable)
		return -EACCES;
	if (file->path.mount != NULL && (file->path.mount->flags & MS_NOEXEC) != 0) {
		if ((m->prot & PROT_EXEC) != 0)
			return -EPERM;
		m->max_prot &= ~(uint32_t)PROT_EXEC;
	}
	if (file->ops != NULL && file->ops->mmap != NULL) {
		int r = file->ops->mmap(file, &anonymous);

		if (r != 0)
			return r;
	} else if (inode == NULL || inode->ops == NULL || inode->ops->page == NULL || (inode->mode & S_IFMT) != S_IFREG) {
		return -ENODEV;
	}
	/* Only private anonymous memory has something to grow into. */
	if ((m->flags & REGION_GROWSDOWN) != 0)
		return -EINVAL;
	m->file = anonymous ? NULL : file;
	return anonymous ? 0 : check_seals(m, inode);
}

static int check_type(const struct map_request *m, int flags, struct file *file)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		return file == NULL && (m->flags & REGION_GROWSDOWN) != 0 ? -EINVAL : 0;
	case MAP_SHARED_VALIDATE:
		return file == NULL ? -EINVAL : 0;
	case MAP_PRIVATE:
		return 0;
	case MAP_DROPPABLE:
		return file != NULL || (flags & MAP_LOCKED) != 0 || (m->flags & REGION_GROWSDOWN) != 0 ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

/* As a Linux that has huge pages of 2 MiB, and none set aside. */
static int huge_pages(int flags)
{
	uint32_t size = (uint32_t)flags & MAP_HUGE_MASK;

	if ((flags & MAP_HUGETLB) == 0)
		return 0;
	return (flags & MAP_ANONYMOUS) != 0 && (size == 0 || size == MAP_HUGE_2MB) ? -ENOMEM : -EINVAL;
}

static void decode_flags(struct map_request *m, int prot, int flags)
{
	int type = flags & MAP_TYPE;

	if (type == MAP_SHARED || type == MAP_SHARED_VALIDATE)
		m->flags |= REGION_SHARED;
	if (type == MAP_DROPPABLE)
		m->flags |= REGION_NORESERVE | REGION_WIPE;
	if ((flags & MAP_GROWSDOWN) != 0)
		m->flags |= REGION_GROWSDOWN;
	m->low = (flags & MAP_32BIT) != 0;
	if ((flags & MAP_NORESERVE) != 0)
		m->flags |= REGION_NORESERVE;
	m->prot = (uint32_t)prot & PROT_ALL;
	m->max_prot = PROT_ALL;
	m->fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
	m->no_replace = (flags & MAP_FIXED_NOREPLACE) != 0;
	m->lock = (flags & MAP_LOCKED) != 0;
	m->populate = (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
}

/* Settles m->start. */
static int choose_address(struct vm_space *space, struct map_request *m, uint64_t hint)
{
	if (m->fixed) {
		/* Linux takes such an address for an error of its own, and hands it on. */
		if (hint >= (uint64_t)-ERRNO_MAX)
			return (int)hint;
		if (hint > EXO_USER_LIMIT || m->length > EXO_USER_LIMIT - hint)
			return -ENOMEM;
		if ((hint & (PAGE_SIZE - 1)) != 0)
			return -EINVAL;
		if (hint < EXO_USER_BASE)
			return -EPERM;
		if (m->no_replace && !range_is_free(space, hint, hint + m->length))
			return -EEXIST;
		m->start = hint;
		return 0;
	}
	if (m->low) {
		m->start = region_gap_between(space, LOW_FIRST, LOW_END, m->length);
		return m->start == 0 ? -ENOMEM : 0;
	}
	m->start = region_place(space, hint, m->length);
	return m->start == 0 ? -ENOMEM : 0;
}

static uint64_t bytes_in(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	for (uint32_t i = region_index(space, start); i < space->region_count; i++) {
		const struct region *r = space->regions[i];

		if (r->start >= end)
			break;
		bytes += (r->end < end ? r->end : end) - (r->start > start ? r->start : start);
	}
	return bytes;
}

static int attach_backing(struct region *region, const struct map_request *m)
{
	region->offset = m->offset;
	region->max_prot = m->max_prot;
	if (m->file != NULL) {
		region->file = m->file;
		file_get(m->file);
		return region_attach_inode(region);
	}
	region->offset = 0;
	if ((m->flags & REGION_SHARED) == 0)
		return 0;
	region->object = object_new(m->length);
	return region->object == NULL ? -ENOMEM : 0;
}

int map_insert(struct vm_space *space, const struct map_request *m, struct region **made)
{
	uint64_t end = m->start + m->length;
	uint64_t replaced = bytes_in(space, m->start, end);
	struct region *region;

	if (space_charge(space, m->length - replaced, m->prot, m->flags) != 0)
		return -ENOMEM;
	region = region_new(space, m->start, end, m->prot, m->flags);
	if (region == NULL)
		return -ENOMEM;
	if (attach_backing(region, m) != 0 || regions_reserve(space, 3) != 0 ||
	    (replaced > 0 && regions_cut(space, m->start, end) != 0)) {
		region_free(region);
		return -ENOMEM;
	}
	if (replaced > 0)
		regions_drop(space, m->start, end);
	region_insert(space, region);
	*made = region;
	return 0;
}

/* First pages of small private memory, all pages of what asks for it. */
static void prefault(struct vm_space *space, struct region *region, bool populate)
{
	uint64_t pages = (region->end - region->start) >> PAGE_SHIFT;
	uint64_t end = region->end;

	if (region->prot == 0 || (region->flags & REGION_GROWSDOWN) != 0)
		return;
	if (populate) {
		(void)region_populate(space, region, region->start, region->end);
		return;
	}
	if ((region->flags & REGION_SHARED) != 0)
		return;
	if (region->file != NULL) {
		if (region->text != NULL)
			region_map_cached(space, region, FRAMES_RUN_MAX);
		return;
	}
	if ((region->prot & PROT_WRITE) == 0 || pages > PREFAULT_REGION_MAX)
		return;
	if (pages > PREFAULT_PAGES)
		end = region->start + PREFAULT_PAGES * PAGE_SIZE;
	region_prefault(space, region, region->start, end);
}

int region_populate(struct vm_space *space, struct region *region, uint64_t start, uint64_t end)
{
	bool write = (region->prot & PROT_WRITE) != 0 && (region->flags & REGION_SHARED) == 0;

	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		pte_t *place;
		int r;

		if (sched_worked(&libos.sched, 1) && signal_is_pending(libos.sched.current))
			return 0;
		place = table_find(&space->pages, at);
		if (place != NULL && (*place & PTE_MAPPED) != 0 && (!write || (*place & PTE_OWN) != 0))
			continue;
		r = frames_tight() ? -ENOMEM : page_fault_in(space, region, at, write);
		if (r != 0)
			return r;
	}
	return 0;
}

int64_t vm_mmap(struct vm_space *space, uint64_t address, uint64_t length, int prot, int flags,
                struct file *file, uint64_t offset)
{
	struct map_request m = { .length = PAGE_UP(length), .offset = offset };
	struct region *region;
	int r;

	r = huge_pages(flags);
	if (r == 0 && length == 0)
		r = -EINVAL;
	if (r == 0 && (m.length < length || m.length > EXO_USER_LIMIT))
		r = -ENOMEM;
	if (r != 0)
		return r;
	if ((offset & (PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	decode_flags(&m, prot, flags);
	r = choose_address(space, &m, address);
	if (r == 0)
		r = lock_new(space, m.length, m.lock, &m.flags);
	m.populate |= lock_brings_in(m.flags);
	if (r == 0 && file != NULL && ends_too_far(file, offset, m.length))
		r = -EOVERFLOW;
	if (r == 0)
		r = check_type(&m, flags, file);
	if (r == 0 && file != NULL)
		r = check_file(&m, file, flags);
	if (r == 0)
		r = map_insert(space, &m, &region);
	if (r != 0)
		return r;
	if (region->file != NULL) {
		region_attach_text(region, m.length);
		if ((region->file->flags & O_NOATIME) == 0)
			inode_touch_atime(file_inode(region->file), region->file->path.mount);
	}
	prefault(space, region, m.populate);
	regions_join(space, m.start, m.start + m.length);
	return (int64_t)m.start;
}

int vm_munmap(struct vm_space *space, uint64_t address, uint64_t length)
{
	uint64_t size = PAGE_UP(length);

	if ((address & (PAGE_SIZE - 1)) != 0 || length == 0 || size < length)
		return -EINVAL;
	if (address > EXO_USER_LIMIT || size > EXO_USER_LIMIT - address)
		return -EINVAL;
	if (range_is_free(space, address, address + size))
		return 0;
	if (regions_cut(space, address, address + size) != 0)
		return -ENOMEM;
	regions_drop(space, address, address + size);
	return 0;
}

/* The region's new protection reaches the pages that are there. */
static void reprotect_pages(struct vm_space *space, struct region *region)
{
	uint64_t address = region->start;
	pte_t *place;

	if (region->prot == 0) {
		pages_hide(space, region->start, region->end);
		return;
	}
	space_cache_flush(space);
	if ((region->prot & PROT_WRITE) != 0)
		region_leave_text(region);
	while ((place = table_next(&space->pages, &address, region->end)) != NULL) {
		page_protect(space, region, address, place);
		address += PAGE_SIZE;
		(void)sched_worked(&libos.sched, 1);
	}
	/* Other threads may have had translations cached meanwhile, with the old protection. */
	space_cache_flush(space);
}

int vm_mprotect(struct vm_space *space, uint64_t address, uint64_t length, int prot)
{
	uint64_t end, size = PAGE_UP(length);
	int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), r = 0;
	uint64_t at;
	uint32_t i;

	if ((address & (PAGE_SIZE - 1)) != 0 || grows == (PROT_GROWSDOWN | PROT_GROWSUP))
		return -EINVAL;
	if (length == 0)
		return 0;
	if (size < length || address > EXO_USER_LIMIT || size > EXO_USER_LIMIT - address)
		return -ENOMEM;
	if ((prot & ~(PROT_ALL | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)) != 0)
		return -EINVAL;
	end = address + size;
	if (grows == PROT_GROWSDOWN) {
		struct region *region = region_find(space, address);

		if (region == NULL || (region->flags & REGION_GROWSDOWN) == 0)
			return -EINVAL;
		address = region->start;
	} else if (grows != 0) {
		return -EINVAL;
	}
	prot &= PROT_ALL;
	/* What lies before a hole, or before what may not be so, is changed all the same. */
	for (i = region_index(space, address), at = address; at < end; at = space->regions[i++]->end) {
		if (i == space->region_count || space->regions[i]->start > at)
			r = -ENOMEM;
		else if (((uint32_t)prot & ~space->regions[i]->max_prot) != 0)
			r = -EACCES;
		if (r != 0)
			break;
	}
	end = at < end ? at : end;
	if (end == address)
		return r;
	if (regions_cut(space, address, end) != 0)
		return -ENOMEM;
	for (i = region_index(space, address); i < space->region_count && space->regions[i]->start < end; i++) {
		struct region *region = space->regions[i];

		if (region->prot == (uint32_t)prot)
			continue;
		region->prot = (uint32_t)prot;
		reprotect_pages(space, region);
	}
	regions_join(space, address, end);
	return r;
}

void vm_set_brk(struct vm_space *space, uint64_t start)
{
	space->brk_start = space->brk_end = PAGE_UP(start);
}

static int brk_grow(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct map_request m = {
		.start = start, .length = end - start, .prot = PROT_READ | PROT_WRITE,
		.max_prot = PROT_ALL, .flags = REGION_HEAP,
	};
	struct region *region;
	uint32_t i = region_index(space, start);
	uint64_t stop = i < space->region_count ? space->regions[i]->start : EXO_USER_LIMIT;
	int r;

	if (i < space->region_count && (space->regions[i]->flags & REGION_GROWSDOWN) != 0)
		stop -= STACK_GUARD;
	if (end > stop || lock_new(space, m.length, false, &m.flags) != 0)
		return -ENOMEM;
	r = map_insert(space, &m, &region);
	if (r != 0)
		return r;
	if (lock_brings_in(m.flags))
		(void)region_populate(space, region, start, end);
	if (m.length > PREFAULT_PAGES * PAGE_SIZE)
		end = start + PREFAULT_PAGES * PAGE_SIZE;
	region_prefault(space, region, start, end);
	regions_join(space, start, region->end);
	return 0;
}

/* Like the system call: the new break, or the old one when it cannot be had. */
int64_t vm_brk(struct vm_space *space, uint64_t address)
{
	uint64_t old = PAGE_UP(space->brk_end), new = PAGE_UP(address);

	if (space->brk_start == 0 || address < space->brk_start || address > EXO_USER_LIMIT)
		return (int64_t)space->brk_end;
	if (new > old && brk_grow(space, old, new) != 0)
		return (int64_t)space->brk_end;
	if (new < old && vm_munmap(space, new, old - new) != 0)
		return (int64_t)space->brk_end;
	space->brk_end = address;
	return (int64_t)address;
}

int64_t vm_stack_create(struct vm_space *space, uint64_t limit)
{
	struct map_request m = {
		.length = STACK_INITIAL, .prot = PROT_READ | PROT_WRITE, .max_prot = PROT_ALL,
		.flags = REGION_GROWSDOWN | REGION_STACK,
	};
	struct region *region;
	int r;

	m.start = EXO_USER_LIMIT - m.length;
	vm_set_limits(space, space->limit_as, space->limit_data, limit);
	r = map_insert(space, &m, &region);
	if (r != 0)
		return r;
	space->stack_top = region->end;
	region_prefault(space, region, region->end - PREFAULT_STACK * PAGE_SIZE, region->end);
	return (int64_t)region->end;
}
