/*
 * tmpfs against a simple model: random operations on a few names and files, compared after
 * each step; and directories whose entries come and go while they are listed.
 */
#include "libos_fs_world.h"

#define NAMES     12
#define SIZE_MAX_ (40 * 4096)

struct model_file {
	uint8_t bytes[SIZE_MAX_];
	uint64_t size;
	uint32_t links;
};

static struct model_file files[NAMES];
static int names[NAMES]; /* which file has the name, -1 none */

static void name_of(int i, char *path) { format(path, 16, "/tmp/n%d", i); }

static int new_model_file(void)
{
	for (int i = 0; i < NAMES; i++) {
		if (!files[i].links) {
			memset(&files[i], 0, sizeof(files[i]));
			return i;
		}
	}
	cr_assert_fail("more files than names");
	return -1;
}

static void compare(int name)
{
	static uint8_t got[SIZE_MAX_ + 1];
	char path[16];
	struct file *file;
	struct inode seen;
	name_of(name, path);
	int r = do_open(path, O_RDONLY, &file);
	if (names[name] < 0) {
		cr_assert_eq(r, -ENOENT);
		return;
	}
	const struct model_file *m = &files[names[name]];
	cr_assert_eq(r, 0);
	do_stat(path, 0, &seen);
	cr_assert_eq(seen.size, m->size);
	cr_assert_eq(seen.nlink, m->links);
	cr_assert_eq(do_read(file, got, sizeof(got), 0), (int64_t)m->size);
	cr_assert_eq(memcmp(got, m->bytes, m->size), 0);
	file_put(file);
}

static void step_create(int a)
{
	char path[16];
	name_of(a, path);
	int r = do_touch(path);
	cr_assert_eq(r, names[a] < 0 ? 0 : -EEXIST);
	if (!r) {
		names[a] = new_model_file();
		files[names[a]].links = 1;
	}
}

static void step_write(int a)
{
	static uint8_t bytes[3 * 4096];
	char path[16];
	struct file *file;
	uint64_t at = random_below(SIZE_MAX_ - sizeof(bytes)), size = random_below(sizeof(bytes));
	if (random_below(2))
		size = random_below(64);
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)random_u64();
	name_of(a, path);
	if (names[a] < 0)
		return;
	struct model_file *m = &files[names[a]];
	cr_assert_eq(do_open(path, O_RDWR, &file), 0);
	cr_assert_eq(do_write(file, bytes, size, at), (int64_t)size);
	memcpy(m->bytes + at, bytes, size);
	if (size && at + size > m->size)
		m->size = at + size;
	file_put(file);
}

static void step_truncate(int a)
{
	char path[16];
	struct path found;
	uint64_t size = random_below(SIZE_MAX_);
	if (names[a] < 0)
		return;
	struct model_file *m = &files[names[a]];
	name_of(a, path);
	cr_assert_eq(path_walk(me, AT_FDCWD, path, 0, &found), 0);
	if (random_below(3)) {
		cr_assert_eq(vfs_truncate(me, &found, size), 0);
		if (size < m->size)
			memset(m->bytes + size, 0, m->size - size);
		m->size = size;
	} else { /* punch a hole */
		uint64_t at = random_below(SIZE_MAX_), length = 1 + random_below(SIZE_MAX_ - at);
		cr_assert_eq(found.inode->ops->fallocate(found.inode, 3, at, length), 0);
		memset(m->bytes + at, 0, length);
	}
	path_put(&found);
}

static void step_unlink(int a)
{
	char path[16];
	name_of(a, path);
	cr_assert_eq(do_unlink(path), names[a] < 0 ? -ENOENT : 0);
	if (names[a] >= 0)
		files[names[a]].links--;
	names[a] = -1;
}

static void step_link(int a, int b)
{
	char from[16], to[16];
	name_of(a, from);
	name_of(b, to);
	int expect = names[a] < 0 ? -ENOENT : names[b] >= 0 ? -EEXIST : 0;
	cr_assert_eq(do_link(from, to), expect);
	if (!expect) {
		names[b] = names[a];
		files[names[a]].links++;
	}
}

static void step_rename(int a, int b)
{
	char from[16], to[16];
	bool exchange = random_below(4) == 0;
	name_of(a, from);
	name_of(b, to);
	int expect = names[a] < 0 || (exchange && names[b] < 0) ? -ENOENT : 0;
	cr_assert_eq(do_rename(from, to, exchange ? RENAME_EXCHANGE : 0), expect);
	if (expect || names[a] == names[b])
		return;
	int old = names[b];
	names[b] = names[a];
	names[a] = exchange ? old : -1;
	if (!exchange && old >= 0)
		files[old].links--;
}

WORLD_TEST(libos_fs_model, files)
{
	memset(files, 0, sizeof(files));
	for (int i = 0; i < NAMES; i++)
		names[i] = -1;
	for (int step = 0; step < 6000; step++) {
		int a = (int)random_below(NAMES), b = (int)random_below(NAMES);
		switch (random_below(8)) {
		case 0:
			step_create(a);
			break;
		case 1:
			step_unlink(a);
			break;
		case 2:
			step_link(a, b);
			break;
		case 3:
			step_rename(a, b);
			break;
		case 4:
		case 5:
			step_truncate(a);
			break;
		default:
			step_write(a);
			break;
		}
		compare(a);
		compare(b);
	}
}

/* ---- listing ---- */

#define ENTRIES 300

struct seen {
	uint8_t count[2 * ENTRIES];
	uint64_t next;
	int budget;
};

static bool note(void *arg, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next)
{
	struct seen *s = arg;
	int n = 0;
	(void)ino, (void)type;
	if (!s->budget--)
		return false;
	for (size_t i = 1; i < length; i++)
		n = n * 10 + (name[i] - '0');
	s->count[n]++;
	s->next = next;
	return true;
}

WORLD_TEST(libos_fs_model, listing_while_it_changes)
{
	static struct seen s;
	char path[24];
	struct path dir;
	cr_assert_eq(do_mkdir("/tmp/d"), 0);
	for (int i = 0; i < ENTRIES; i++) {
		format(path, sizeof(path), "/tmp/d/e%d", i);
		cr_assert_eq(do_touch(path), 0);
	}
	cr_assert_eq(path_walk(me, AT_FDCWD, "/tmp/d", 0, &dir), 0);
	memset(&s, 0, sizeof(s));
	s.next = 2;
	bool gone[ENTRIES] = { false };
	for (int round = 0;; round++) {
		uint64_t before = s.next;
		s.budget = 7;
		cr_assert_eq(dir.inode->ops->readdir(dir.inode, s.next, note, &s), 0);
		if (s.next == before)
			break;
		int victim = (int)random_below(ENTRIES);
		format(path, sizeof(path), "/tmp/d/e%d", victim);
		cr_assert_eq(do_unlink(path), gone[victim] ? -ENOENT : 0);
		gone[victim] = true;
		format(path, sizeof(path), "/tmp/d/e%d", ENTRIES + round);
		cr_assert_eq(do_touch(path), 0);
	}
	for (int i = 0; i < ENTRIES; i++)
		cr_expect(gone[i] ? s.count[i] <= 1 : s.count[i] == 1, "entry %d seen %d times", i, s.count[i]);
	path_put(&dir);
}

WORLD_TEST(libos_fs_model, limits)
{
	static uint8_t page[4096];
	struct super *super = tmpfs_new("tmpfs", "small", 8 * PAGE_SIZE, 0755);
	struct path on;
	struct file *file;
	cr_assert_not_null(super);
	cr_assert_eq(do_mkdir("/m"), 0);
	cr_assert_eq(path_walk(me, AT_FDCWD, "/m", 0, &on), 0);
	cr_assert_eq(mount_add(super, super->root, &on, "t", 0, NULL), 0);
	path_put(&on);
	cr_assert_eq(do_open("/m/f", O_RDWR | O_CREAT, &file), 0);
	for (uint64_t i = 0; i < 8; i++)
		cr_expect_eq(do_write(file, page, sizeof(page), i * sizeof(page)), 4096);
	cr_expect_eq(do_write(file, page, 1, 8 * sizeof(page)), -ENOSPC);
	cr_expect_eq(super->used_pages, 8);
	cr_expect_eq(do_write(file, page, 1, FILE_SIZE_MAX), -EFBIG);
	struct path found;
	cr_assert_eq(path_walk(me, AT_FDCWD, "/m/f", 0, &found), 0);
	struct mount *m = found.mount;
	path_put(&found);
	cr_expect_eq(mount_remove(m, false), -EBUSY); /* a file is open */
	file_put(file);
	cr_expect_eq(mount_remove(m, false), 0);
	cr_expect_eq(do_stat("/m/f", 0, NULL), -ENOENT);
	/* All memory used up by one file: an error, and all of it comes back. */
	cr_assert_eq(do_open("/big", O_RDWR | O_CREAT, &file), 0);
	uint64_t at = 0;
	int64_t r;
	while ((r = do_write(file, page, sizeof(page), at)) > 0)
		at += (uint64_t)r;
	cr_expect(r == -ENOMEM || r == -ENOSPC);
	cr_expect_eq(vfs_truncate(me, &file->path, 0), 0);
	/* Sparse to the end of what a file may be. */
	cr_expect_eq(do_write(file, page, 1, FILE_SIZE_MAX - 1), 1);
	cr_expect_eq(file->ops->seek(file, 0, SEEK_DATA), FILE_SIZE_MAX & ~INT64_C(4095));
	cr_expect_eq(file->ops->seek(file, 0, SEEK_HOLE), 0);
	cr_expect_eq(vfs_truncate(me, &file->path, 5), 0);
	file_put(file);
}
