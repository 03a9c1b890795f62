/*
 * Which regions map a file, and prepared copies of its text.
 *
 * The kernel may rewrite system-call sites in program text for speed, so text is run
 * from a copy of the file's pages, made once and shared by all processes that map the
 * same part of the file at the same address (a static program always does). An unused
 * copy stays for the next exec until memory is short or the file changes.
 */
#include <exo/calls.h>

#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/vm/space.h>

/* Copies of one file at different addresses, and the share of memory in all copies (1/4): beyond it text runs
 * unprepared from the page cache, which is slower but right. */
#define TEXTS_PER_INODE 4u
#define TEXTS_SHARE     4u

static struct list *all_texts(void)
{
	if (libos.vm.texts.next == NULL)
		list_init(&libos.vm.texts);
	return &libos.vm.texts;
}

static struct inode_vm *inode_vm(const struct inode *inode)
{
	return inode->text;
}

static bool may_write_file(const struct region *region)
{
	return (region->flags & REGION_SHARED) != 0 && (region->max_prot & PROT_WRITE) != 0;
}

int region_attach_inode(struct region *region)
{
	struct inode *inode = file_inode(region->file);
	struct inode_vm *vm = inode_vm(inode);

	if (vm == NULL) {
		vm = heap_alloc(sizeof(*vm));
		if (vm == NULL)
			return -ENOMEM;
		list_init(&vm->regions);
		list_init(&vm->texts);
		inode->text = vm;
	}
	list_push_front(&vm->regions, &region->inode_node);
	if ((region->flags & REGION_SHARED) != 0)
		inode->mapped_shared++;
	if (may_write_file(region))
		inode->mapped_writable++;
	if (shm_of(inode) != NULL)
		shm_mapped(shm_of(inode));
	return 0;
}

void region_detach_inode(struct region *region)
{
	struct inode *inode = file_inode(region->file);

	if (list_empty(&region->inode_node))
		return; /* attaching it had failed */
	list_remove(&region->inode_node);
	if ((region->flags & REGION_SHARED) != 0)
		inode->mapped_shared--;
	if (may_write_file(region))
		inode->mapped_writable--;
	if (shm_of(inode) != NULL)
		shm_unmapped(shm_of(inode));
}

static void text_free(struct text_copy *text)
{
	list_remove(&text->node);
	list_remove(&text->all);
	frames_put(text->first, text->count + text->thunk_count);
	libos.vm.text_frames -= text->count + text->thunk_count;
	heap_free(text);
}

void text_put(struct text_copy *text)
{
	/* A stale copy is in no list, and nobody will look for it again. */
	if (--text->refs == 0 && list_empty(&text->node))
		text_free(text);
}

/* Frees copies of one file that no region uses. Pages that still are on some space's way out hold their own references. */
static bool texts_trim(struct inode_vm *vm)
{
	bool freed = false;

	LIST_EACH_SAFE(node, after, &vm->texts) {
		struct text_copy *text = LIST_ENTRY(node, struct text_copy, node);

		if (text->refs == 0) {
			text_free(text);
			freed = true;
		}
	}
	return freed;
}

static bool text_room(struct inode_vm *vm, uint64_t count)
{
	uint32_t copies = 0;

	LIST_EACH(node, &vm->texts)
		copies++;
	if (copies >= TEXTS_PER_INODE && !texts_trim(vm))
		return false;
	return !frames_tight() && libos.vm.text_frames + count <= libos.frames.total / TEXTS_SHARE;
}

/* Copies the pages; holes are zeroes. */
static bool text_fill(struct inode *inode, struct text_copy *text)
{
	for (uint64_t i = 0; i < text->count; i++) {
		exo_frame_t frame = FRAME_NONE;

		if (inode->ops->page(inode, text->index + i, false, &frame) != 0)
			return false;
		if (frame == FRAME_NONE) {
			memset(frame_ptr(text->first + i), 0, PAGE_SIZE);
			continue;
		}
		memcpy(frame_ptr(text->first + i), frame_ptr(frame), PAGE_SIZE);
		frame_put(frame);
	}
	return true;
}

/* Has the kernel rewrite call sites in the copy; what is not needed of the frames behind it goes back. */
static bool text_prepare(struct text_copy *text)
{
	uint64_t used = 0;
	enum exo_status status = exo_text_prepare(libos.boot->memory, text->first, text->count + THUNK_PAGES, text->code_size,
	                                          text->vaddr, text->thunks, &used);

	if (status != EXO_OK)
		return false;
	text->thunk_count = PAGE_UP(used) >> PAGE_SHIFT;
	libos.vm.text_frames -= THUNK_PAGES - text->thunk_count;
	frames_put(text->first + text->count + text->thunk_count, THUNK_PAGES - text->thunk_count);
	return true;
}

static struct text_copy *text_make(struct inode *inode, const struct region *region, uint64_t code_size)
{
	uint64_t count = (region->end - region->start) >> PAGE_SHIFT;
	uint64_t thunks = thunks_place(region->space, region->start);
	struct text_copy *text;

	if (count > TEXT_PAGES_MAX || PAGE_UP(code_size) != region->end - region->start || thunks == 0 ||
	    !text_room(inode_vm(inode), count + THUNK_PAGES))
		return NULL;
	text = heap_zalloc(sizeof(*text));
	if (text == NULL)
		return NULL;
	text->index = region->offset >> PAGE_SHIFT;
	text->vaddr = region->start;
	text->count = count;
	text->code_size = code_size;
	text->thunks = thunks;
	text->thunk_count = THUNK_PAGES;
	text->first = frames_alloc_run(count + THUNK_PAGES, true);
	if (text->first == FRAME_NONE) {
		heap_free(text);
		return NULL;
	}
	list_init(&text->node);
	list_push_back(all_texts(), &text->all);
	libos.vm.text_frames += count + THUNK_PAGES;
	if (!text_fill(inode, text) || !text_prepare(text)) {
		text_free(text);
		return NULL;
	}
	list_push_front(&inode_vm(inode)->texts, &text->node);
	return text;
}

/* The copy for these addresses, whose thunks have their place in the region's space; NULL: there is none. */
static struct text_copy *text_find(const struct inode *inode, const struct region *region, uint64_t code_size)
{
	uint64_t count = (region->end - region->start) >> PAGE_SHIFT;

	LIST_EACH(node, &inode_vm(inode)->texts) {
		struct text_copy *text = LIST_ENTRY(node, struct text_copy, node);

		if (text->vaddr == region->start && text->count == count && text->code_size == code_size &&
		    text->index == region->offset >> PAGE_SHIFT && thunks_fit(region->space, text))
			return text;
	}
	return NULL;
}

void region_attach_text(struct region *region, uint64_t code_size)
{
	struct inode *inode = file_inode(region->file);
	struct text_copy *text;

	if ((region->prot & (PROT_EXEC | PROT_WRITE)) != PROT_EXEC || (region->flags & REGION_SHARED) != 0 || region->space->plain_text)
		return;
	/* What begins with the file's headers has the linker's constants in it as well: bytes that look
	 * like a call site may be data. */
	if (region->offset == 0)
		return;
	text = text_find(inode, region, code_size);
	if (text == NULL)
		text = text_make(inode, region, code_size);
	if (text != NULL)
		(void)region_text_set(region, text);
}

void region_leave_text(struct region *region)
{
	if (region->text == NULL)
		return;
	pages_remove_cached(region->space, region->start, region->end);
	region_text_clear(region);
}

bool texts_reclaim(void)
{
	bool freed = false;

	LIST_EACH_SAFE(node, after, all_texts()) {
		struct text_copy *text = LIST_ENTRY(node, struct text_copy, all);

		if (text->refs == 0) {
			text_free(text);
			freed = true;
		}
	}
	return freed;
}

/* Takes the copy away from the file and from the regions that use it, whose pages fault again. */
static void text_drop(struct inode_vm *vm, struct text_copy *text)
{
	list_remove(&text->node);
	text->refs++;
	LIST_EACH(node, &vm->regions) {
		struct region *region = LIST_ENTRY(node, struct region, inode_node);

		if (region->text != text)
			continue;
		region_leave_text(region);
	}
	text_put(text);
}

/* Pages taken away in one piece. */
#define REFRESH_PIECE 256u

/* Takes away the file's pages of the region with an index in [first, last]: they fault in again as they are now.
 * True: there are more. */
static bool region_refresh(struct inode *inode, struct region *region, uint64_t first, uint64_t last)
{
	uint64_t low = region->offset >> PAGE_SHIFT;
	uint64_t count = (region->end - region->start) >> PAGE_SHIFT;
	uint64_t pages = PAGE_UP(inode->size) >> PAGE_SHIFT;
	uint64_t address, end;
	uint32_t removed = 0;
	pte_t *place;

	if (last < low || first >= low + count)
		return false;
	first = first > low ? first - low : 0;
	last = last < low + count ? last - low : count - 1;
	address = region->start + first * PAGE_SIZE;
	end = region->start + (last + 1) * PAGE_SIZE;
	/* Private copies outlive a change of the file, but not its end. */
	while ((place = table_next(&region->space->pages, &address, end)) != NULL) {
		uint64_t index = region_offset(region, address) >> PAGE_SHIFT;

		if (index >= pages || (*place & PTE_CACHE) != 0) {
			if (removed++ == REFRESH_PIECE)
				return true;
			pages_remove(region->space, address, address + PAGE_SIZE);
		}
		address += PAGE_SIZE;
	}
	return false;
}

/*
 * Whenever others have run, regions may have gone or come: those that are done go to the end of the list, and new ones, which
 * fork makes with the pages of old ones, come to its front. One such pass at a time: the caller has entered the inode.
 */
static void regions_refresh(struct inode *inode, struct inode_vm *vm, uint64_t first, uint64_t last)
{
	uint64_t pass = ++libos.vm.refresh_passes;

	while (!list_empty(&vm->regions)) {
		struct list *node = vm->regions.next;
		struct region *region = LIST_ENTRY(node, struct region, inode_node);

		if (region->refresh_pass == pass)
			return;
		if (!region_refresh(inode, region, first, last)) {
			region->refresh_pass = pass;
			list_remove(node);
			list_push_back(&vm->regions, node);
		}
		(void)sched_worked(&libos.sched, SCHED_WORK_UNITS / 4);
	}
}

void vm_inode_changed(struct inode *inode, uint64_t first_index, uint64_t last_index)
{
	struct inode_vm *vm = inode_vm(inode);

	if (vm == NULL)
		return;
	LIST_EACH_SAFE(node, after, &vm->texts) {
		struct text_copy *text = LIST_ENTRY(node, struct text_copy, node);

		if (first_index < text->index + text->count && last_index >= text->index)
			text_drop(vm, text);
	}
	regions_refresh(inode, vm, first_index, last_index);
}

void vm_inode_forget(struct inode *inode)
{
	struct inode_vm *vm = inode_vm(inode);

	if (vm == NULL)
		return;
	if (!list_empty(&vm->regions))
		libos_panic("inode %llu freed while mapped", (unsigned long long)inode->ino);
	(void)texts_trim(vm);
	heap_free(vm);
	inode->text = NULL;
}
