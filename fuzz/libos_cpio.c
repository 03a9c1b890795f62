/*
 * Fuzzes the unpacking of root images. Whatever the bytes are: no access outside of them, a text
 * for each refusal, no ".." or absolute name in the tree, and all memory comes back.
 */
/* Ours first: the host's headers define some of Linux's names too. */
#include <fake/fake.h>
#include <libos/fs/internal.h>

#include <stdlib.h>
#include <string.h>

static const uint8_t *input;
static size_t input_size;

static bool walk_entry(void *arg, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next)
{
	(void)arg, (void)ino, (void)type, (void)next;
	if (!length || length > NAME_LENGTH_MAX || memchr(name, '/', length) || memchr(name, 0, length))
		abort();
	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		abort();
	return true;
}

static void run(const struct exo_boot *boot)
{
	const char *why = NULL;
	libos.boot = boot;
	frames_init();
	list_init(&libos.vfs.mounts);
	list_init(&libos.vfs.lock_waiters);
	uint64_t before = libos.frames.free_count;
	struct super *super = tmpfs_new("tmpfs", "root", UINT64_MAX, 0755);
	if (!super)
		abort();
	int r;
	if (input_size && input[input_size - 1] & 1) { /* as at boot: the frames of the image are taken over */
		uint64_t count = PAGE_UP(input_size) >> PAGE_SHIFT;
		exo_frame_t first = frames_alloc_run(count, false);
		if (first == FRAME_NONE)
			abort();
		memcpy(frame_ptr(first), input, input_size);
		r = cpio_unpack_frames(super->root, frame_ptr(first), input_size, &why);
		frames_put(first, count);
	} else {
		/* An exact copy on the host's heap, so that the sanitizer sees each byte beyond the end. */
		uint8_t *copy = malloc(input_size ? input_size : 1);
		memcpy(copy, input, input_size);
		r = cpio_unpack(super->root, copy, input_size, &why);
		free(copy);
	}
	if ((r != 0) != (why != NULL))
		abort();
	super->root->ops->readdir(super->root, 0, walk_entry, NULL);
	super->inode_count++;
	super->kill(super);
	inode_put(super->root);
	if (--super->inode_count)
		abort();
	heap_free(super);
	heap_trim();
	if (heap_bytes_in_use() || libos.frames.free_count != before || libos.vfs.inode_live)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	input_size = size;
	fake_reset();
	fake.frame_count = 1024;
	memset(&libos, 0, sizeof(libos));
	if (fake_boot(run) != FAKE_RETURNED)
		abort();
	return 0;
}
