/* The sorted regions of a space: finding, cutting, joining, accounting. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

#define REGIONS_FIRST 16u

bool range_is_valid(uint64_t start, uint64_t length)
{
	return start >= EXO_USER_BASE && start <= EXO_USER_LIMIT && length <= EXO_USER_LIMIT - start;
}

uint32_t region_index(struct vm_space *space, uint64_t address)
{
	uint32_t low = 0, high = space->region_count, hint = space->region_hint;

	if (hint < high && space->regions[hint]->start <= address && address < space->regions[hint]->end)
		return hint;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (space->regions[middle]->end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	space->region_hint = low;
	return low;
}

struct region *region_find(struct vm_space *space, uint64_t address)
{
	uint32_t i = region_index(space, address);

	return i < space->region_count && space->regions[i]->start <= address ? space->regions[i] : NULL;
}

bool range_is_free(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint32_t i = region_index(space, start);

	return i == space->region_count || space->regions[i]->start >= end;
}

struct region *region_new(struct vm_space *space, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags)
{
	struct region *region;

	if (frames_exhausted() && !vm_reclaim())
		return NULL;
	region = heap_zalloc(sizeof(*region));
	if (region == NULL)
		return NULL;
	region->start = start;
	region->end = end;
	region->prot = prot;
	region->max_prot = PROT_READ | PROT_WRITE | PROT_EXEC;
	region->flags = flags;
	region->around = AROUND_FIRST;
	region->space = space;
	list_init(&region->inode_node);
	return region;
}

struct region *region_copy(struct vm_space *space, const struct region *from, uint64_t start, uint64_t end)
{
	struct region *region = region_new(space, start, end, from->prot, from->flags);

	if (region == NULL)
		return NULL;
	region->max_prot = from->max_prot;
	region->offset = region_offset(from, start);
	region->file = from->file;
	if (region->file != NULL) {
		file_get(region->file);
		if (region_attach_inode(region) != 0) {
			region_free(region);
			return NULL;
		}
	}
	region->object = from->object;
	if (region->object != NULL)
		region->object->refs++;
	if (from->text != NULL && region_text_set(region, from->text) != 0) {
		region_free(region);
		return NULL;
	}
	return region;
}

void region_free(struct region *region)
{
	region_text_clear(region);
	if (region->object != NULL)
		object_put(region->object);
	if (region->file != NULL) {
		region_detach_inode(region);
		file_put(region->file);
	}
	heap_free(region);
}

int regions_reserve(struct vm_space *space, uint32_t n)
{
	uint32_t need = space->region_count + n;
	uint32_t capacity = space->region_capacity == 0 ? REGIONS_FIRST : space->region_capacity;
	struct region **regions;

	if (need <= space->region_capacity)
		return 0;
	if (need > REGIONS_MAX)
		return -ENOMEM;
	while (capacity < need)
		capacity *= 2;
	regions = heap_resize(space->regions, capacity * sizeof(struct region *));
	if (regions == NULL)
		return -ENOMEM;
	space->regions = regions;
	space->region_capacity = capacity;
	return 0;
}

void region_insert(struct vm_space *space, struct region *region)
{
	uint32_t i = region_index(space, region->start);

	thunks_yield(space, region->start, region->end);
	memmove(&space->regions[i + 1], &space->regions[i],
	        (space->region_count - i) * sizeof(struct region *));
	space->regions[i] = region;
	space->region_count++;
	space->region_hint = i;
}

void region_remove_at(struct vm_space *space, uint32_t index)
{
	region_free(space->regions[index]);
	space->region_count--;
	memmove(&space->regions[index], &space->regions[index + 1],
	        (space->region_count - index) * sizeof(struct region *));
	space->region_hint = 0;
}

/* Cuts the region that `at` lies inside of; the array has room. */
static int region_cut(struct vm_space *space, uint64_t at)
{
	struct region *low = region_find(space, at), *high;

	if (low == NULL || low->start == at)
		return 0;
	high = region_copy(space, low, at, low->end);
	if (high == NULL)
		return -ENOMEM;
	high->around = low->around;
	low->end = at;
	region_insert(space, high);
	return 0;
}

static bool is_inside(struct vm_space *space, uint64_t at)
{
	const struct region *region = region_find(space, at);

	return region != NULL && region->start < at;
}

int regions_cut(struct vm_space *space, uint64_t start, uint64_t end)
{
	/* With all regions in use, what needs no cut must still work: unmapping above all. */
	uint32_t cuts = is_inside(space, start) + is_inside(space, end);

	if (regions_reserve(space, cuts) != 0 || region_cut(space, start) != 0)
		return -ENOMEM;
	if (region_cut(space, end) != 0) {
		regions_join(space, start, start);
		return -ENOMEM;
	}
	return 0;
}

static bool regions_alike(const struct region *a, const struct region *b)
{
	if (a->end != b->start || a->prot != b->prot || a->flags != b->flags || a->max_prot != b->max_prot)
		return false;
	if (a->file != b->file || a->object != b->object || a->text != b->text)
		return false;
	if ((a->flags & (REGION_GROWSDOWN | REGION_STACK)) != 0)
		return false;
	/* As on Linux, each piece counts as an attachment, for good. */
	if (a->file != NULL && shm_of(file_inode(a->file)) != NULL)
		return false;
	return (a->file == NULL && a->object == NULL) || region_offset(a, b->start) == b->offset;
}

void regions_join(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint32_t i = region_index(space, start > 0 ? start - 1 : 0);

	uint32_t kept = i, next = i + 1;

	/* One pass: those that are kept move down over those that were joined. */
	while (next < space->region_count && space->regions[kept]->end <= end) {
		struct region *a = space->regions[kept], *b = space->regions[next++];

		if (!regions_alike(a, b)) {
			space->regions[++kept] = b;
			continue;
		}
		a->end = b->end;
		a->around = b->around;
		region_free(b);
	}
	if (kept + 1 >= next || next > space->region_count)
		return;
	memmove(&space->regions[kept + 1], &space->regions[next],
	        (space->region_count - next) * sizeof(struct region *));
	space->region_count -= next - kept - 1;
	space->region_hint = 0;
}

/* A region that grows down keeps a guard gap below it. */
static uint64_t occupied_from(const struct region *region)
{
	if ((region->flags & REGION_GROWSDOWN) != 0)
		return region->start > STACK_GUARD ? region->start - STACK_GUARD : 0;
	return region->start;
}

uint64_t region_gap(struct vm_space *space, uint64_t length)
{
	uint64_t top = space->mmap_base;
	uint32_t i = region_index(space, top);

	if (i < space->region_count && occupied_from(space->regions[i]) < top)
		top = occupied_from(space->regions[i]);
	while (i > 0) {
		const struct region *below = space->regions[--i];
		uint64_t place = thunks_avoid(space, below->end, top, length);

		if (place != 0)
			return place;
		if (occupied_from(below) < top)
			top = occupied_from(below);
	}
	return thunks_avoid(space, EXO_USER_BASE, top, length);
}

uint64_t region_place(struct vm_space *space, uint64_t hint, uint64_t length)
{
	uint32_t i;

	hint = PAGE_DOWN(hint);
	if (hint == 0)
		return region_gap(space, length);
	hint = hint < EXO_USER_BASE ? EXO_USER_BASE : hint;
	i = region_index(space, hint);
	if (range_is_valid(hint, length) &&
	    (i == space->region_count || hint + length <= occupied_from(space->regions[i])))
		return hint;
	return region_gap(space, length);
}

uint64_t region_gap_between(struct vm_space *space, uint64_t start, uint64_t end, uint64_t length)
{
	for (uint32_t i = region_index(space, start); i < space->region_count; i++) {
		const struct region *r = space->regions[i];

		if (occupied_from(r) >= end || (occupied_from(r) > start && occupied_from(r) - start >= length))
			break;
		if (r->end > start)
			start = r->end;
	}
	return start < end && end - start >= length ? start : 0;
}

void regions_drop(struct vm_space *space, uint64_t start, uint64_t end)
{
	uint32_t first, last;

	/* Again: what other threads have touched meanwhile. */
	if (pages_remove_long(space, start, end))
		pages_remove(space, start, end);
	first = last = region_index(space, start);
	while (last < space->region_count && space->regions[last]->start < end)
		region_free(space->regions[last++]);
	memmove(&space->regions[first], &space->regions[last],
	        (space->region_count - last) * sizeof(struct region *));
	space->region_count -= last - first;
	space->region_hint = 0;
}

/* Bytes that count for RLIMIT_DATA: private, writable, not a stack. */
static bool counts_as_data(uint32_t prot, uint32_t flags)
{
	return (prot & PROT_WRITE) != 0 && (flags & (REGION_SHARED | REGION_GROWSDOWN)) == 0;
}

static uint64_t bytes_of(const struct vm_space *space, bool data_only)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < space->region_count; i++) {
		const struct region *r = space->regions[i];

		if (!data_only || counts_as_data(r->prot, r->flags))
			bytes += r->end - r->start;
	}
	return bytes;
}

int space_charge(struct vm_space *space, uint64_t bytes, uint32_t prot, uint32_t flags)
{
	if (space->limit_as != UINT64_MAX) {
		uint64_t used = bytes_of(space, false);

		if (bytes > space->limit_as || used > space->limit_as - bytes)
			return -ENOMEM;
	}
	if (!counts_as_data(prot, flags))
		return 0;
	if (space->limit_data != UINT64_MAX) {
		uint64_t used = bytes_of(space, true);

		if (bytes > space->limit_data || used > space->limit_data - bytes)
			return -ENOMEM;
	}
	/* As Linux's heuristic overcommit: only what can never be had is refused. */
	if ((flags & REGION_NORESERVE) == 0 && bytes >> PAGE_SHIFT > libos.frames.total)
		return -ENOMEM;
	return 0;
}
