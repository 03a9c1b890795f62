/* Unpacking of cpio archives: what must come out, and what must be refused in which words. */
#include "libos_fs_world.h"

#include <stdio.h>

static uint8_t image[1 << 16];
static size_t image_size;

struct entry {
	const char *name;
	uint32_t mode;
	const char *data;
	uint32_t ino, nlink;
};

static void add_raw(const void *bytes, size_t size)
{
	cr_assert_leq(image_size + size, sizeof(image));
	memcpy(image + image_size, bytes, size);
	image_size += size;
}

static void add_sized(const struct entry *e, size_t size)
{
	char header[111];
	size_t name_size = strlen(e->name) + 1;
	snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", e->ino, e->mode, 0, 0,
	         e->nlink ? e->nlink : 1, 1700000000u, (unsigned)size, 0, 0, 1, 3, (unsigned)name_size, 0);
	add_raw(header, 110);
	add_raw(e->name, name_size);
	while (image_size % 4)
		add_raw("", 1);
	if (size)
		add_raw(e->data, size);
	while (image_size % 4)
		add_raw("", 1);
}

static void add(const struct entry *e)
{
	add_sized(e, e->data ? strlen(e->data) : 0);
}

static void trailer(void)
{
	add(&(struct entry){ .name = "TRAILER!!!" });
}

static int unpack(const char **why)
{
	*why = "nothing said";
	int r = cpio_unpack(libos.vfs.root->root, image, image_size, why);
	image_size = 0;
	return r;
}

#define REG (S_IFREG | 0644)
#define DIR (S_IFDIR | 0755)
#define LNK (S_IFLNK | 0777)

WORLD_TEST(libos_fs_cpio, good)
{
	const char *why;
	struct inode seen;
	struct file *file;
	char text[32];
	add(&(struct entry){ ".", DIR, NULL, 1, 0 });
	add(&(struct entry){ "bin", DIR, NULL, 2, 0 });
	add(&(struct entry){ "bin/one", REG | 0111, "content", 3, 0 });
	add(&(struct entry){ "./bin/link", LNK, "one", 4, 0 });
	add(&(struct entry){ "hard1", REG, NULL, 5, 2 });
	add(&(struct entry){ "made/for/it/hard2", REG, "shared", 5, 2 });
	add(&(struct entry){ "node", S_IFCHR | 0600, NULL, 6, 0 });
	add(&(struct entry){ "fifo", S_IFIFO | 0600, NULL, 7, 0 });
	trailer();
	while (image_size % 512)
		add_raw("", 1);
	add(&(struct entry){ "bin", DIR, NULL, 1, 0 }); /* a second archive may replace */
	add(&(struct entry){ "bin/one", REG, "newer", 2, 0 });
	trailer();
	cr_assert_eq(unpack(&why), 0, "%s", why);
	cr_assert_eq(do_open("/bin/link", O_RDONLY, &file), 0);
	cr_expect_eq(do_read(file, text, sizeof(text), 0), 5);
	cr_expect_eq(memcmp(text, "newer", 5), 0);
	file_put(file);
	cr_expect_eq(do_stat("/hard1", 0, &seen), do_stat("/made/for/it/hard2", 0, NULL));
	cr_expect_eq(seen.nlink, 2);
	cr_expect_eq(seen.size, 6);
	cr_expect_eq(seen.mtime.seconds, 1700000000);
	cr_expect_gt(do_stat("/node", 0, &seen), 0);
	cr_expect_eq(seen.rdev, make_device(1, 3));
}

static void refused(const char *what, const char *words)
{
	const char *why;
	cr_expect_lt(unpack(&why), 0, "%s was taken", what);
	cr_expect(strstr(why, words), "%s: says \"%s\"", what, why);
}

static void one(const char *name, uint32_t mode, const char *data)
{
	add(&(struct entry){ name, mode, data, 1, 0 });
}

WORLD_TEST(libos_fs_cpio, refused_names_and_types)
{
	char longest[300];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	one("/etc/passwd", REG, "x");
	refused("absolute", "absolute");
	one("a/../../b", REG, "x");
	refused("dot dot", "..");
	one("..", DIR, NULL);
	refused("dot dot alone", "..");
	one(longest, REG, "x");
	refused("long", "too long");
	one("x", REG, "1");
	one("x", REG, "2");
	refused("twice", "twice");
	one("y", REG, "1");
	one("y/z", REG, "2");
	refused("through a file", "not a directory");
	one("d2", DIR, "content");
	refused("directory with content", "content");
	one("t", 0, NULL);
	refused("no type", "unknown type");
	one("l", LNK, NULL);
	refused("empty link", "symbolic link");
	add_sized(&(struct entry){ "l", LNK, "a\0b", 1, 0 }, 3);
	refused("link with NUL", "NUL");
	one(".", REG, "x");
	refused("root as file", "root");
}

WORLD_TEST(libos_fs_cpio, refused_images)
{
	add_raw("\x1f\x8b\x08 compressed", 14);
	refused("gzip", "gzip");
	add_raw("\xfd" "7zXZ\0 compressed", 17);
	refused("xz", "xz");
	add_raw("070707 old", 10);
	refused("odc", "newc");
	add_raw("\x7f" "ELF is no archive", 18);
	refused("elf", "not a cpio archive");
	one("x", REG, "data");
	refused("no trailer", "TRAILER");
	one("x", REG, "data data data");
	image_size -= 8;
	refused("cut data", "truncated");
	one("x", REG, NULL);
	image_size = 60;
	refused("cut header", "truncated");
	one("x", REG, "data");
	image[6 + 8 * 6] = 'G';
	trailer();
	refused("no number", "hexadecimal");
	one("x", REG, "data");
	memcpy(image + 6 + 8 * 11, "FFFFFFFF", 8);
	refused("endless name", "impossible length");
	one("x", REG, "data");
	memcpy(image + 6 + 8 * 11, "00000000", 8);
	refused("no name", "name");
	one("xy", REG, "data");
	memcpy(image + 6 + 8 * 11, "00000002", 8);
	refused("name without end", "name");
	one("x", REG, "data");
	memcpy(image + 6 + 8 * 6, "FFFFFFFF", 8);
	refused("endless data", "truncated");
	refused("empty", "empty");
}

/* Every cut of a good archive is refused, and nothing leaks (the world checks). */
WORLD_TEST(libos_fs_cpio, every_truncation)
{
	const char *why;
	static uint8_t whole[4096];
	one("dir", DIR, NULL);
	one("dir/file", REG, "some content");
	add(&(struct entry){ "h1", REG, "x", 9, 2 });
	trailer();
	size_t size = image_size;
	memcpy(whole, image, size);
	image_size = 0;
	for (size_t cut = 1; cut < size; cut++) {
		struct super *super = tmpfs_new("tmpfs", "t", UINT64_MAX, 0755);
		int r = cpio_unpack(super->root, whole, cut, &why);
		cr_expect(r < 0 || cut + 3 >= size, "cut at %zu was taken", cut);
		super->mounts = 1;
		super->inode_count++;
		super->kill(super);
		inode_put(super->root);
		super->inode_count--;
		heap_free(super);
	}
}

static uint8_t pattern(size_t file, size_t i) { return (uint8_t)(file * 31 + i * 7 + i / 251); }

/* Files of all sizes, wherever their content lies: each frame is taken or free, and nothing is mixed up. */
WORLD_TEST(libos_fs_cpio, frames_are_adopted)
{
	static const size_t sizes[] = { 1, 4096, 5000, 4095, 8192, 12300, 0, 4097, 20000, 3 };
	static uint8_t content[20000], got[20001];
	const char *why;
	struct file *file;
	char name[16];
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "d%zu/f%zu", i / 3, i);
		for (size_t k = 0; k < sizes[i]; k++)
			content[k] = pattern(i, k);
		add_sized(&(struct entry){ name, REG, (const char *)content, (uint32_t)i + 1, 0 }, sizes[i]);
	}
	trailer();
	exo_frame_t first = frames_alloc(5, false);
	uint64_t size = image_size, taken = 0;
	memcpy(frame_ptr(first), image, size);
	image_size = 0;
	cr_assert_eq(cpio_unpack_frames(libos.vfs.root->root, frame_ptr(first), size, &why), 0, "%s", why);
	for (uint64_t i = 0; i < 32; i++)
		taken += frame_refs(first + i) - 1;
	cr_expect_eq(taken, 1 + 1 + 2 + 3 + 1 + 4);
	memset(image, 0, sizeof(image));
	for (uint64_t i = 0; i < 32; i++) {
		if (frame_refs(first + i) == 1)
			memset(frame_ptr(first + i), 0xee, PAGE_SIZE);
	}
	frames_put(first, 32);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(name, sizeof(name), "/d%zu/f%zu", i / 3, i);
		cr_assert_eq(do_open(name, O_RDONLY, &file), 0);
		cr_assert_eq(do_read(file, got, sizeof(got), 0), (int64_t)sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			cr_assert_eq(got[k], pattern(i, k), "file %zu at %zu", i, k);
		file_put(file);
	}
}
