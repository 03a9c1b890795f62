/*
 * Fuzzing the ELF loader: the input is a file that exec is asked to load. Whatever it says, it is
 * refused or loaded; a loaded one lies in order below the limit and starts in executable memory; and
 * all that it took comes back.
 */
#include <core/check.h>
#include <core/state.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/libos.h>
#include <libos/vm/space.h>

#undef WNOWAIT /* the host spells the same value otherwise */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boots.h"

#define FRAMES     2048
#define FILE_PAGES 32

static struct {
	const uint8_t *data;
	size_t size;
	struct inode inode;
	struct super super;
	struct file file;
	exo_frame_t frames[FILE_PAGES];
} input;

#define MUST(condition)                                                                                        \
	do {                                                                                                   \
		if (!(condition)) {                                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                              \
	} while (0)

static int input_page(struct inode *inode, uint64_t index, bool create, exo_frame_t *frame)
{
	(void)inode;
	(void)create;
	MUST(index < FILE_PAGES && input.frames[index] != FRAME_NONE);
	*frame = input.frames[index];
	frame_get(*frame);
	return 0;
}

static int64_t input_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	uint64_t rest = *position < input.size ? input.size - *position : 0;

	(void)file;
	(void)thread;
	return io_put(io, input.data + (rest > 0 ? *position : 0), io->remaining < rest ? io->remaining : rest);
}

static const struct inode_ops input_inode_ops = { .page = input_page };
static const struct file_ops input_file_ops = { .read = input_read };

static void open_input(void)
{
	input.inode = (struct inode){
		.refs = 100, .mode = S_IFREG | 0755, .ops = &input_inode_ops, .size = input.size, .super = &input.super,
	};
	input.file = (struct file){ .refs = 100, .ops = &input_file_ops };
	input.file.path.inode = &input.inode;
	for (uint64_t i = 0; i < FILE_PAGES; i++) {
		uint64_t at = i * PAGE_SIZE, part = at < input.size ? input.size - at : 0;

		input.frames[i] = part > 0 ? frame_alloc_zeroed() : FRAME_NONE;
		if (part > 0)
			memcpy(frame_ptr(input.frames[i]), input.data + at, part < PAGE_SIZE ? part : PAGE_SIZE);
	}
}

static void close_input(void)
{
	MUST(input.file.refs == 100);
	vm_inode_forget(&input.inode);
	for (uint64_t i = 0; i < FILE_PAGES; i++) {
		if (input.frames[i] != FRAME_NONE)
			frame_put(input.frames[i]);
	}
}

static void check_loaded(struct vm_space *space, const struct elf_image *image)
{
	const struct region *text = region_find(space, image->entry);
	uint8_t byte;

	MUST(text != NULL && (text->prot & PROT_EXEC) != 0);
	for (uint32_t i = 0; i < space->region_count; i++) {
		const struct region *r = space->regions[i];

		MUST(r->start >= EXO_USER_BASE && r->start < r->end && r->end <= EXO_USER_LIMIT);
		MUST(i == 0 || space->regions[i - 1]->end <= r->start);
		(void)user_read(space, &byte, r->start, 1);
		(void)user_read(space, &byte, r->end - 1, 1);
		(void)user_write(space, r->end - 1, &byte, 1);
	}
	(void)vm_brk(space, image->brk + PAGE_SIZE);
}

static void load(const struct exo_boot *boot)
{
	struct elf_image image;
	struct vm_space *space, *child;
	uint64_t before;
	int r;

	libos.boot = boot;
	frames_init();
	before = libos.frames.free_count;
	open_input();
	space = vm_space_new("fuzz");
	MUST(space != NULL);
	r = elf_load(space, &input.file, &image);
	MUST(r == 0 || r == -ENOEXEC || r == -ENOMEM);
	MUST(r != 0 || elf_check(input.data, input.size < PAGE_SIZE ? input.size : PAGE_SIZE, input.size) == 0);
	if (r == 0) {
		check_loaded(space, &image);
		MUST(vm_stack_create(space, UINT64_C(8) << 20) > 0);
		(void)vm_commit(space);
		child = vm_space_fork(space, "child");
		if (child != NULL)
			vm_space_put(child);
	}
	vm_space_put(space);
	close_input();
	(void)vm_reclaim();
	heap_trim();
	MUST(frames_check() && libos.frames.free_count == before && heap_bytes_in_use() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *broken;

	if (size > FILE_PAGES * PAGE_SIZE)
		return -1;
	input.data = data;
	input.size = size;
	core_forget();
	fake_reset();
	fake.frame_count = FRAMES;
	memset(&libos, 0, sizeof(libos));
	MUST(fake_boot(load) == FAKE_RETURNED);
	broken = core_check();
	if (broken != NULL)
		fprintf(stderr, "core_check: %s\n", broken);
	MUST(broken == NULL);
	return 0;
}
