/* What a space holds, for /proc and limits. */
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

void vm_set_args(struct vm_space *space, uint64_t arg_start, uint64_t arg_end, uint64_t env_start, uint64_t env_end)
{
	space->arg_start = arg_start;
	space->arg_end = arg_end;
	space->env_start = env_start;
	space->env_end = env_end;
}

void vm_stats(const struct vm_space *space, struct vm_stats *stats)
{
	*stats = (struct vm_stats){
		.resident_pages = space->resident,
		.shared_pages = space->cached,
		.minor_faults = space->minor_faults,
		.brk_start = space->brk_start,
		.brk_end = space->brk_end,
		.stack_start = space->stack_top,
		.arg_start = space->arg_start,
		.arg_end = space->arg_end,
		.env_start = space->env_start,
		.env_end = space->env_end,
	};
	for (uint32_t i = 0; i < space->region_count; i++) {
		const struct region *r = space->regions[i];
		uint64_t pages = (r->end - r->start) >> PAGE_SHIFT;

		stats->virtual_pages += pages;
		stats->locked_pages += (r->flags & REGION_LOCKED) != 0 ? pages : 0;
		if ((r->flags & REGION_STACK) != 0)
			stats->stack_pages += pages;
		else if ((r->prot & PROT_WRITE) != 0 && (r->flags & REGION_SHARED) == 0)
			stats->data_pages += pages;
		else if ((r->prot & PROT_EXEC) != 0 && r->file != NULL)
			stats->text_pages += pages;
	}
}

uint64_t vm_space_cost(const struct vm_space *space)
{
	uint64_t pages = space->resident + space->pages.nodes;

	for (uint32_t i = 0; i < space->fund_count; i++)
		pages += space->fund[i].count;
	return pages + (space->region_count * sizeof(struct region) + space->region_capacity * sizeof(struct region *)) / PAGE_SIZE;
}

/* The name that Linux shows at the end of the line. */
static void region_name(const struct region *region, char *to, size_t size)
{
	to[0] = '\0';
	if (region->file != NULL) {
		/* As seen from the root of the tree; path_text() looks at nothing else of the context. */
		const struct fs_context tree = { .root = { libos.vfs.root, libos.vfs.root->root } };

		(void)path_describe(&tree, &region->file->path, to, size);
	} else if (region->object != NULL) {
		str_copy(to, "/dev/zero (deleted)", size);
	} else if ((region->flags & REGION_STACK) != 0) {
		str_copy(to, "[stack]", size);
	} else if ((region->flags & REGION_HEAP) != 0) {
		str_copy(to, "[heap]", size);
	}
}

#define MINOR_BITS 8

static size_t region_line(const struct region *r, char *to, size_t size, char *name, size_t name_size)
{
	const struct inode *inode = r->file != NULL ? file_inode(r->file) : NULL;
	uint64_t device = inode != NULL && inode->super != NULL ? inode->super->device : 0;
	size_t n;

	region_name(r, name, name_size);
	n = format(to, size, "%08llx-%08llx %c%c%c%c %08llx %02llx:%02llx %llu ", (unsigned long long)r->start,
	           (unsigned long long)r->end, (r->prot & PROT_READ) != 0 ? 'r' : '-',
	           (r->prot & PROT_WRITE) != 0 ? 'w' : '-', (r->prot & PROT_EXEC) != 0 ? 'x' : '-',
	           (r->flags & REGION_SHARED) != 0 ? 's' : 'p',
	           (unsigned long long)(inode != NULL ? r->offset : 0), (unsigned long long)(device >> MINOR_BITS),
	           (unsigned long long)(device & ((1u << MINOR_BITS) - 1)),
	           (unsigned long long)(inode != NULL ? inode->ino : 0));
	if (n >= size)
		return size;
	if (name[0] != '\0') /* names begin in column 73 */
		return n + format(to + n, size - n, "%*s%s\n", n < 73 ? (int)(73 - n) : 0, "", name);
	return n + format(to + n, size - n, "\n");
}

size_t vm_map_line(const struct vm_space *space, uint64_t index, char *to, size_t size)
{
	char *name = index < space->region_count ? heap_alloc(PATH_LENGTH_MAX) : NULL;
	size_t n = name == NULL ? 0 : region_line(space->regions[index], to, size, name, PATH_LENGTH_MAX);

	heap_free(name);
	return n < size ? n : 0;
}

bool vm_region_info(const struct vm_space *space, uint64_t index, struct vm_region_info *info)
{
	const struct region *r = index < space->region_count ? space->regions[index] : NULL;
	uint64_t at;
	pte_t *place;

	if (r == NULL)
		return false;
	*info = (struct vm_region_info){
		.start = r->start, .end = r->end, .read = (r->prot & PROT_READ) != 0, .write = (r->prot & PROT_WRITE) != 0,
		.execute = (r->prot & PROT_EXEC) != 0, .shared = (r->flags & REGION_SHARED) != 0,
		.grows_down = (r->flags & REGION_GROWSDOWN) != 0, .locked = (r->flags & REGION_LOCKED) != 0,
	};
	for (at = r->start; (place = table_next((struct table *)(uintptr_t)&space->pages, &at, r->end)) != NULL; at += PAGE_SIZE) {
		info->resident++;
		info->cached += (*place & PTE_CACHE) != 0;
		info->own += (*place & (PTE_CACHE | PTE_OWN)) == PTE_OWN;
	}
	return true;
}

bool vm_page_present(const struct vm_space *space, uint64_t address, bool *cached)
{
	const pte_t *place = table_find((struct table *)(uintptr_t)&space->pages, address);

	*cached = place != NULL && (*place & PTE_CACHE) != 0;
	return place != NULL && *place != 0;
}

void vm_set_auxv(struct vm_space *space, const void *auxv, uint64_t size)
{
	space->auxv_size = size < sizeof(space->auxv) ? size : sizeof(space->auxv);
	memcpy(space->auxv, auxv, space->auxv_size);
}

const void *vm_auxv(const struct vm_space *space, uint64_t *size)
{
	*size = space->auxv_size;
	return space->auxv;
}

uint64_t vm_region_index(const struct vm_space *space, uint64_t address)
{
	return region_index((struct vm_space *)(uintptr_t)space, address);
}

size_t vm_maps_text(const struct vm_space *space, char *to, size_t size, uint64_t *address)
{
	char *name = heap_alloc(PATH_LENGTH_MAX);
	size_t used = 0;

	for (uint64_t i = vm_region_index(space, *address); i < space->region_count && name != NULL; i++) {
		size_t n = region_line(space->regions[i], to + used, size - used, name, PATH_LENGTH_MAX);

		if (n >= size - used)
			break;
		used += n;
		*address = space->regions[i]->end;
	}
	heap_free(name);
	return used;
}
