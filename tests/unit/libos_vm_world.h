/*
 * The world of the memory tests: core and LibOS memory management on the fake HAL, without
 * processes. Files are mocks: an inode with a table of frames.
 */
#ifndef LIBOS_VM_WORLD_H
#define LIBOS_VM_WORLD_H

/* Ours first: the host's headers define some of Linux's names too. */
#include <core/check.h>
#include <exo/calls.h>
#include <fake/fake.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/libos.h>
#include <libos/vm/map.h>
#include <libos/vm/space.h>

#include <criterion/criterion.h>

static void (*world_body)(void);
static void (*world_machine)(void); /* changes the machine before it boots; NULL: nothing */
static uint64_t world_free; /* frames free before the test's body */

static void world_start(const struct exo_boot *boot)
{
	libos.boot = boot;
	frames_init();
	cr_assert(frames_check());
	world_free = libos.frames.free_count;
	world_body();
}

/* Everything that the body took must be back: frames, zones, heap. */
static void world_check_clean(void)
{
	(void)vm_reclaim();
	heap_trim();
	cr_assert(frames_check());
	cr_assert_eq(libos.vm.space_count, 0);
	cr_assert_eq(heap_bytes_in_use(), 0, "%lu bytes of heap leaked", (unsigned long)heap_bytes_in_use());
	cr_assert_eq(libos.frames.free_count, world_free, "%ld frames leaked",
	             (long)(world_free - libos.frames.free_count));
}

static void world_run(uint64_t frames, void (*body)(void))
{
	fake_reset();
	fake.frame_count = frames;
	if (world_machine)
		world_machine();
	memset(&libos, 0, sizeof(libos));
	world_body = body;
	cr_assert_eq(fake_boot(world_start), FAKE_RETURNED, "%s", fake.panic != NULL ? fake.panic : fake.output);
	cr_assert_null(core_check(), "%s", core_check());
}

#define WORLD_TEST(suite, name, frames)                                                                        \
	static void suite##_##name##_body(void);                                                               \
	Test(suite, name)                                                                                      \
	{                                                                                                      \
		world_run(frames, suite##_##name##_body);                                                      \
	}                                                                                                      \
	static void suite##_##name##_body(void)

/* ---- files ---- */
#define MOCK_PAGES 64
struct mock_file {
	struct file file;
	struct inode inode;
	struct super super;
	exo_frame_t frames[MOCK_PAGES];
};

static int mock_page(struct inode *inode, uint64_t index, bool create, exo_frame_t *frame)
{
	struct mock_file *mock = inode->private_data;

	*frame = FRAME_NONE;
	if (index >= MOCK_PAGES)
		return -EFBIG;
	if (mock->frames[index] == FRAME_NONE && create)
		mock->frames[index] = frame_alloc_zeroed();
	*frame = mock->frames[index];
	if (*frame != FRAME_NONE)
		frame_get(*frame);
	return *frame == FRAME_NONE && create ? -ENOMEM : 0;
}

static const struct inode_ops mock_inode_ops = { .page = mock_page };
static int64_t mock_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	const struct mock_file *mock = file->path.inode->private_data;
	int64_t done = 0;

	(void)thread;
	while (io->remaining > 0 && *position < mock->inode.size) {
		uint64_t offset = *position % PAGE_SIZE, part = PAGE_SIZE - offset;

		part = part < io->remaining ? part : io->remaining;
		part = part < mock->inode.size - *position ? part : mock->inode.size - *position;
		done += io_put(io, (char *)frame_ptr(mock->frames[*position / PAGE_SIZE]) + offset, part);
		*position += part;
	}
	return done;
}

static const struct file_ops mock_file_ops = { .read = mock_read };

/* A file of `size` bytes; byte i of it is a function of i. flags: O_ACCMODE. */
static inline void mock_file_init(struct mock_file *mock, uint64_t size, uint32_t flags)
{
	memset(mock, 0, sizeof(*mock));
	mock->inode = (struct inode){
		.refs = 1000, .mode = S_IFREG | 0755, .ops = &mock_inode_ops, .size = size, .super = &mock->super,
		.private_data = mock, .nlink = 1, .ino = 7,
	};
	mock->file = (struct file){ .refs = 1000, .flags = flags, .ops = &mock_file_ops };
	mock->file.path.inode = &mock->inode;
	for (uint64_t i = 0; i < MOCK_PAGES; i++)
		mock->frames[i] = FRAME_NONE;
	for (uint64_t i = 0; i < size; i++) {
		exo_frame_t frame;

		cr_assert_eq(mock_page(&mock->inode, i / PAGE_SIZE, true, &frame), 0);
		((uint8_t *)frame_ptr(frame))[i % PAGE_SIZE] = (uint8_t)(i * 31 + (i >> PAGE_SHIFT));
		frame_put(frame);
	}
}

static inline void mock_file_done(struct mock_file *mock)
{
	cr_assert_eq(mock->file.refs, 1000, "a reference of the file is left");
	vm_inode_forget(&mock->inode);
	for (uint64_t i = 0; i < MOCK_PAGES; i++) {
		if (mock->frames[i] != FRAME_NONE)
			frame_put(mock->frames[i]);
	}
}

/* What the program would see at an address through the kernel's own map: -1 not mapped. */
static inline int64_t program_byte(struct vm_space *space, uint64_t address, uint32_t *prot)
{
	uint64_t value;

	cr_assert_eq(exo_mem_query(vm_zone(space), PAGE_DOWN(address), &value), EXO_OK);
	if (prot != NULL)
		*prot = value & 7;
	if (value == 0)
		return -1;
	return ((uint8_t *)frame_ptr(value >> PAGE_SHIFT))[address & (PAGE_SIZE - 1)];
}

static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
