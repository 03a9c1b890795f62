/* shmdt: a mapping of a file without a name goes as a whole, whatever has been cut out of it or was moved away. */
#include <libos/abi/errno.h>
#include <libos/fs/file.h>
#include <libos/vm/space.h>

/* Is it a piece of a segment that was attached at this address? */
static bool is_piece(const struct region *r, uint64_t address)
{
	return r->file != NULL && shm_of(file_inode(r->file)) != NULL && r->start - address == r->offset;
}

int vm_detach(struct vm_space *space, uint64_t address)
{
	struct file *file = NULL;
	uint64_t end = EXO_USER_LIMIT;
	uint32_t i;

	if ((address & (PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	i = region_index(space, address);
	while (i < space->region_count && space->regions[i]->end <= end) {
		struct region *r = space->regions[i];
		uint64_t start = r->start;

		/* Only pieces of the same time of attaching: each has a file of its own. */
		if (!is_piece(r, address) || (file != NULL && r->file != file)) {
			i++;
			continue;
		}
		if (file == NULL) {
			uint64_t size = PAGE_UP(file_inode(r->file)->size);

			file = r->file;
			file_get(file);
			end = size < EXO_USER_LIMIT - address ? address + size : EXO_USER_LIMIT;
		}
		regions_drop(space, start, r->end);
		i = region_index(space, start);
	}
	if (file == NULL)
		return -EINVAL;
	file_put(file);
	return 0;
}
