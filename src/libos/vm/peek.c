/* Memory of a program that another one reads and writes: tracers, process_vm_readv, /proc/PID/mem. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

/* As Linux's check_vma_flags(): a tracer writes to what is private whatever its protection says. */
static bool is_allowed(const struct region *region, bool write, bool forced)
{
	if (write)
		return (region->prot & PROT_WRITE) != 0 || (forced && (region->flags & REGION_SHARED) == 0);
	return (region->prot & PROT_READ) != 0 || forced;
}

static bool is_there(const pte_t *place, const struct region *region, bool write)
{
	return place != NULL && *place != 0 && (!write || (*place & PTE_OWN) != 0 || (region->flags & REGION_SHARED) != 0);
}

/* The first byte of the page of an address, or NULL with *error set. */
static char *page_at(struct vm_space *space, struct region *region, uint64_t address, bool write, int *error)
{
	for (int tries = 0; tries < 3; tries++) {
		pte_t *place = table_find(&space->pages, address);

		if (is_there(place, region, write))
			return frame_ptr(pte_frame(*place));
		*error = page_fault_in(space, region, address, write);
		if (*error != 0)
			return NULL;
	}
	*error = -ENOMEM;
	return NULL;
}

static bool copy_of_text(const struct region *region, uint64_t address, char *to, uint64_t size)
{
	struct inode *inode = file_inode(region->file);
	exo_frame_t frame = FRAME_NONE;

	if (inode->ops->page(inode, region_offset(region, address) >> PAGE_SHIFT, false, &frame) != 0)
		return false;
	if (frame == FRAME_NONE) {
		memset(to, 0, size);
		return true;
	}
	memcpy(to, (const char *)frame_ptr(frame) + (address & (PAGE_SIZE - 1)), size);
	frame_put(frame);
	return true;
}

/* One piece within a page. 0, -EFAULT or -ENOMEM. */
static int move_piece(struct vm_space *space, uint64_t address, char *to, const char *from, uint64_t size, bool forced)
{
	struct region *region = address < EXO_USER_LIMIT ? region_find(space, address) : NULL;
	bool write = from != NULL;
	int error = -EFAULT;
	char *page;

	if (region == NULL || !is_allowed(region, write, forced))
		return -EFAULT;
	/* Writing to text, which is somebody's only if he is forced to show it. */
	if (region->text != NULL && write)
		region_leave_text(region);
	if (region->text != NULL)
		return copy_of_text(region, address, to, size) ? 0 : -EFAULT;
	page = page_at(space, region, address, write, &error);
	if (page == NULL)
		return error;
	page += address & (PAGE_SIZE - 1);
	if (write)
		memcpy(page, from, size);
	else
		memcpy(to, page, size);
	return 0;
}

static int64_t move(struct vm_space *space, uint64_t address, char *to, const char *from, uint64_t size, bool forced)
{
	uint64_t done = 0;

	while (done < size) {
		uint64_t part = PAGE_SIZE - ((address + done) & (PAGE_SIZE - 1));
		int error;

		if (part > size - done)
			part = size - done;
		error = move_piece(space, address + done, to ? to + done : NULL, from ? from + done : NULL, part, forced);
		if (error == -ENOMEM && done == 0)
			return -ENOMEM;
		if (error != 0)
			break;
		done += part;
	}
	return (int64_t)done;
}

int64_t vm_peek(struct vm_space *space, void *to, uint64_t from, uint64_t size, bool forced)
{
	return move(space, from, to, NULL, size, forced);
}

/* A page that nobody has touched yet, as it would be found. */
static bool look_untouched(struct region *region, uint64_t address, char *to, uint64_t size)
{
	const struct inode *inode = region->file != NULL ? file_inode(region->file) : NULL;
	const pte_t *place;

	if (inode != NULL)
		return inode->ops->page != NULL && (inode->mode & S_IFMT) == S_IFREG && region_offset(region, address) < inode->size &&
		       copy_of_text(region, address, to, size);
	place = region->object != NULL ? table_find(&region->object->pages, region_offset(region, address)) : NULL;
	if (place != NULL && *place != 0)
		memcpy(to, (const char *)frame_ptr(pte_frame(*place)) + (address & (PAGE_SIZE - 1)), size);
	else
		memset(to, 0, size);
	return true;
}

bool vm_look(struct vm_space *space, void *to, uint64_t from, uint64_t size)
{
	char *at = to;

	for (uint64_t part; size > 0; size -= part, from += part, at += part) {
		struct region *region = from < EXO_USER_LIMIT ? region_find(space, from) : NULL;
		const pte_t *place;

		part = PAGE_SIZE - (from & (PAGE_SIZE - 1));
		if (part > size)
			part = size;
		if (region == NULL || !is_allowed(region, false, false))
			return false;
		place = table_find(&space->pages, from);
		if (place != NULL && *place != 0)
			memcpy(at, (const char *)frame_ptr(pte_frame(*place)) + (from & (PAGE_SIZE - 1)), part);
		else if (!look_untouched(region, from, at, part))
			return false;
	}
	return true;
}

int64_t vm_poke(struct vm_space *space, uint64_t to, const void *from, uint64_t size, bool forced)
{
	return move(space, to, NULL, from, size, forced);
}

void vm_show_text(struct vm_space *space)
{
	space->plain_text = true;
	for (uint32_t i = 0; i < space->region_count; i++)
		region_leave_text(space->regions[i]);
}
