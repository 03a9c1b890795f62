/* tmpfs regular files: their pages are frames of the LibOS, found through a page map. */
#include <libos/fs/tmpfs.h>

bool tmpfs_has_room(const struct super *super, uint64_t pages)
{
	/* Whatever the sizes of the file systems: users' files leave some memory to programs, since no killing gives it back. */
	if (pages && libos.frames.kept && frames_tight())
		return false;
	return super->max_bytes == UINT64_MAX || super->used_pages + pages <= super->max_bytes >> PAGE_SHIFT;
}

static void take(struct inode *inode, uint64_t pages)
{
	inode->pages += pages;
	inode->super->used_pages += pages;
}

static void give_back(struct inode *inode, uint64_t pages)
{
	inode->pages -= pages;
	inode->super->used_pages -= pages;
}

int tmpfs_page(struct inode *inode, uint64_t index, bool create, exo_frame_t *frame)
{
	uint64_t *slot = page_map_slot(&tmpfs_node(inode)->pages, index, create);
	if (slot && *slot) {
		*frame = *slot - 1;
		frame_get(*frame);
		return 0;
	}
	*frame = FRAME_NONE;
	if (!create)
		return 0;
	if (!tmpfs_has_room(inode->super, 1))
		return -ENOSPC;
	if (!slot)
		return -ENOMEM;
	exo_frame_t made = frame_alloc_zeroed();
	if (made == FRAME_NONE)
		return -ENOMEM;
	*slot = made + 1;
	take(inode, 1);
	frame_get(made);
	*frame = made;
	return 0;
}

int tmpfs_fill(struct inode *inode, const void *data, uint64_t size)
{
	struct tmpfs_node *node = tmpfs_node(inode);
	uint64_t first_index = inode->size >> PAGE_SHIFT;
	uint64_t pages = PAGE_UP(size) >> PAGE_SHIFT, index = 0, done = 0;
	if (!tmpfs_has_room(inode->super, pages))
		return -ENOSPC;
	while (index < pages) {
		uint64_t got;
		exo_frame_t first = frames_alloc_some(pages - index, &got);
		if (first == FRAME_NONE)
			return -ENOMEM;
		uint64_t n = min_u64(size - done, got << PAGE_SHIFT);
		char *to = frame_ptr(first);
		memcpy(to, (const char *)data + done, n);
		memset(to + n, 0, (got << PAGE_SHIFT) - n);
		for (uint64_t i = 0; i < got; i++) {
			uint64_t *slot = page_map_slot(&node->pages, first_index + index + i, true);
			if (!slot) {
				frames_put(first + i, got - i);
				return -ENOMEM;
			}
			*slot = first + i + 1;
			take(inode, 1);
		}
		done += n;
		index += got;
		inode->size += n;
	}
	return 0;
}

int tmpfs_adopt(struct inode *inode, exo_frame_t first, uint64_t count)
{
	if (!tmpfs_has_room(inode->super, count))
		return -ENOSPC;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t *slot = page_map_slot(&tmpfs_node(inode)->pages, i, true);
		if (!slot)
			return -ENOMEM;
		frame_get(first + i);
		*slot = first + i + 1;
		take(inode, 1);
		inode->size += PAGE_SIZE;
	}
	return 0;
}

/* The bytes of [from, to) in page `index`, if it is there, become zero. */
static void zero_part(struct inode *inode, uint64_t index, uint64_t from, uint64_t to)
{
	uint64_t *slot = page_map_slot(&tmpfs_node(inode)->pages, index, false);
	if (slot && *slot && from < to)
		memset((char *)frame_ptr(*slot - 1) + from, 0, to - from);
}

/* The pages [first, last) go. Nobody sees them any more, nor makes new ones there (inode_enter()): so others may run meanwhile. */
static void drop_pages(struct inode *inode, uint64_t first, uint64_t last)
{
	struct page_map *map = &tmpfs_node(inode)->pages;
	for (uint64_t i = first; (i = page_map_next(map, i, last, true)) < last; i++) {
		uint64_t *slot = page_map_slot(map, i, false);
		frame_put(*slot - 1);
		*slot = 0;
		give_back(inode, 1);
		(void)sched_worked(&libos.sched, 1);
	}
}

int tmpfs_truncate(struct inode *inode, uint64_t size)
{
	if (inode->seals & (size < inode->size ? F_SEAL_SHRINK : size > inode->size ? F_SEAL_GROW : 0))
		return -EPERM;
	if (size < inode->size) {
		uint64_t first = PAGE_UP(size) >> PAGE_SHIFT, tail = size % PAGE_SIZE;
		inode->size = size;
		vm_inode_changed(inode, first, UINT64_MAX);
		drop_pages(inode, first, UINT64_MAX);
		give_back(inode, page_map_cut(&tmpfs_node(inode)->pages, first));
		if (tail)
			zero_part(inode, size >> PAGE_SHIFT, tail, PAGE_SIZE);
	}
	inode->size = size;
	return 0;
}

static void punch(struct inode *inode, uint64_t offset, uint64_t end)
{
	uint64_t first = PAGE_UP(offset) >> PAGE_SHIFT, last = end >> PAGE_SHIFT; /* whole pages [first, last) */
	if (offset >> PAGE_SHIFT == end >> PAGE_SHIFT) {
		zero_part(inode, offset >> PAGE_SHIFT, offset % PAGE_SIZE, end % PAGE_SIZE);
		return;
	}
	if (offset % PAGE_SIZE)
		zero_part(inode, offset >> PAGE_SHIFT, offset % PAGE_SIZE, PAGE_SIZE);
	zero_part(inode, last, 0, end % PAGE_SIZE);
	if (first >= last)
		return;
	vm_inode_changed(inode, first, last - 1);
	drop_pages(inode, first, last);
}

static int fill_holes(struct inode *inode, uint64_t offset, uint64_t end)
{
	struct page_map *map = &tmpfs_node(inode)->pages;
	uint64_t last = PAGE_UP(end) >> PAGE_SHIFT;
	for (uint64_t i = offset >> PAGE_SHIFT; (i = page_map_next(map, i, last, false)) < last; i++) {
		exo_frame_t frame;
		int r = tmpfs_page(inode, i, true, &frame);
		if (r)
			return r;
		frame_put(frame);
		(void)sched_worked(&libos.sched, 1);
	}
	return 0;
}

int tmpfs_fallocate(struct inode *inode, int mode, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;
	int r = 0;
	if (mode == (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE)) {
		if (inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
			return -EPERM;
		punch(inode, offset, min_u64(end, PAGE_UP(inode->size)) > offset ? min_u64(end, PAGE_UP(inode->size)) : offset);
		return 0;
	}
	if (mode & ~FALLOC_KEEP_SIZE)
		return -EOPNOTSUPP;
	if ((inode->seals & F_SEAL_GROW) && end > inode->size)
		return -EPERM;
	/* What cannot succeed is refused before a single page is taken. */
	if (inode->super->max_bytes != UINT64_MAX && length > inode->super->max_bytes)
		return -ENOSPC;
	if (length >> PAGE_SHIFT > libos.frames.free_count + PAGE_SIZE)
		return -ENOSPC;
	r = fill_holes(inode, offset, end);
	if (!r && !(mode & FALLOC_KEEP_SIZE) && end > inode->size)
		inode->size = end;
	return r;
}

uint64_t tmpfs_next_page(struct inode *inode, uint64_t index, uint64_t end, bool data)
{
	return page_map_next(&tmpfs_node(inode)->pages, index, end, data);
}

void tmpfs_file_fini(struct inode *inode)
{
	give_back(inode, page_map_cut(&tmpfs_node(inode)->pages, 0));
}
