/*
 * Fuzzing -u USER[:GROUP]: the input is the name, a passwd and a group file, each ended by byte 0xff. Whatever they say,
 * there is such a user or not; its groups are sorted, each once, with its own one among them; its home directory is a
 * path from the root; it gets no number that is nobody's; and all memory comes back.
 */
#include <fake/fake.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/libos.h>
#include <libos/proc/internal.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                                        \
	do {                                                                                                   \
		if (!(condition)) {                                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                              \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct part {
	const uint8_t *data;
	size_t size;
} parts[3]; /* name, passwd, group */

static int64_t part_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	const struct part *part = file->private_data;
	uint64_t rest = *position < part->size ? part->size - *position : 0;

	(void)thread;
	return io_put(io, part->data + (rest ? *position : 0), io->remaining < rest ? io->remaining : rest);
}

static const struct file_ops part_ops = {.read = part_read};

static void look_up(const struct exo_boot *boot)
{
	static struct inode inode = {.refs = 100, .mode = S_IFREG | 0644};
	struct file passwd = {.refs = 100, .ops = &part_ops, .private_data = &parts[1]};
	struct file groups = {.refs = 100, .ops = &part_ops, .private_data = &parts[2]};
	struct credentials n = {.uid = 0};
	char name[300], home[64];
	uint64_t before;
	bool among = false;
	int r;

	passwd.path.inode = groups.path.inode = &inode;
	libos.boot = boot;
	frames_init();
	before = libos.frames.free_count;
	snprintf(name, sizeof(name), "%.*s", (int)parts[0].size, (const char *)parts[0].data);
	r = init_find_user(parts[1].size ? &passwd : NULL, parts[2].size ? &groups : NULL, name, &n, home, sizeof(home));
	MUST(r == 0 || r == -ESRCH || r == -EINVAL);
	if (r == 0) {
		MUST(n.groups && n.groups->count >= 1 && n.groups->count <= 256 && n.groups->refs == 1);
		for (uint32_t i = 0; i < n.groups->count; i++) {
			MUST(i == 0 || n.groups->gids[i - 1] < n.groups->gids[i]);
			MUST(n.groups->gids[i] != UINT32_MAX);
			among |= n.groups->gids[i] == n.gid;
		}
		MUST(among && n.uid != UINT32_MAX && n.gid != UINT32_MAX);
		MUST(n.uid == n.euid && n.uid == n.suid && n.uid == n.fsuid && n.gid == n.egid && n.gid == n.sgid && n.gid == n.fsgid);
		MUST(home[0] == '/' && memchr(home, 0, sizeof(home)));
		cred_drop(&n);
	} else {
		MUST(!n.groups);
	}
	heap_trim();
	MUST(heap_bytes_in_use() == 0 && libos.frames.free_count == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *end = memchr(data, 0xff, size);

		parts[i].data = data;
		parts[i].size = end ? (size_t)(end - data) : size;
		size -= end ? parts[i].size + 1 : size;
		data = end ? end + 1 : data + parts[i].size;
	}
	fake_reset();
	fake.frame_count = 1024;
	memset(&libos, 0, sizeof(libos));
	if (fake_boot(look_up) != FAKE_RETURNED)
		abort();
	return 0;
}
