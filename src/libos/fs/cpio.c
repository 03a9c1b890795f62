/*
 * Unpacking cpio archives (newc "070701" and crc "070702", as in Linux's initramfs) into a
 * tmpfs. Every byte is hostile: each field is checked before it is used, and what is
 * wrong is said in words. Archives may follow one another, with zeroes between them.
 */
#include <libos/fs/internal.h>

#define HEADER_SIZE  110u
#define NAME_MAX_    4096u
#define LINK_BUCKETS 64u

enum field { F_INO, F_MODE, F_UID, F_GID, F_NLINK, F_MTIME, F_SIZE, F_DEVMAJOR, F_DEVMINOR, F_RDEVMAJOR, F_RDEVMINOR,
	F_NAMESIZE, F_CHECK, F_COUNT };

struct hard_link { /* the first name of a file that says it has several */
	struct hard_link *next;
	uint32_t ino, major, minor;
	struct inode *inode;
};

struct cpio {
	const uint8_t *image;
	uint64_t size, at;
	struct inode *root;
	uint64_t first_ino;   /* inodes made by the archive now being read are above it */
	const char *why;
	uint32_t field[F_COUNT];
	bool crc;
	uint8_t *adopt;       /* the image itself if its frames may be changed and taken, else NULL */
	const char *name;     /* in the image, NUL-terminated */
	size_t length;
	const uint8_t *data;
	struct inode *dir;    /* the last directory and its path: names come sorted */
	char dir_path[256];
	size_t dir_length;
	struct hard_link *links[LINK_BUCKETS];
};

static int bad(struct cpio *c, const char *why)
{
	c->why = why;
	return -EINVAL;
}

static int failed(struct cpio *c, int r)
{
	c->why = r == -ENOSPC || r == -ENOMEM ? "not enough memory to unpack it" : "a name in it cannot be made";
	return r;
}

/* ---- one header ---- */

static bool parse_hex(const uint8_t *s, uint32_t *value)
{
	uint32_t v = 0;
	for (int i = 0; i < 8; i++) {
		uint8_t ch = s[i];
		uint32_t digit;
		if (ch >= '0' && ch <= '9')
			digit = ch - '0';
		else if (ch >= 'a' && ch <= 'f')
			digit = ch - 'a' + 10u;
		else if (ch >= 'A' && ch <= 'F')
			digit = ch - 'A' + 10u;
		else
			return false;
		v = v << 4 | digit;
	}
	*value = v;
	return true;
}

static bool starts_with(const struct cpio *c, const char *bytes, size_t n)
{
	return c->size - c->at >= n && !memcmp(c->image + c->at, bytes, n);
}

static int foreign_format(struct cpio *c)
{
	if (starts_with(c, "\x1f\x8b", 2))
		return bad(c, "it is compressed with gzip: unpack it first");
	if (starts_with(c, "\xfd" "7zXZ", 5))
		return bad(c, "it is compressed with xz: unpack it first");
	if (starts_with(c, "\x28\xb5\x2f\xfd", 4))
		return bad(c, "it is compressed with zstd: unpack it first");
	if (starts_with(c, "BZh", 3))
		return bad(c, "it is compressed with bzip2: unpack it first");
	if (starts_with(c, "\x02\x21\x4c\x18", 4) || starts_with(c, "\x04\x22\x4d\x18", 4))
		return bad(c, "it is compressed with lz4: unpack it first");
	if (starts_with(c, "070707", 6) || starts_with(c, "\xc7\x71", 2))
		return bad(c, "it is a cpio archive in an old format: make it with cpio -H newc");
	return bad(c, c->at ? "an entry does not begin with the cpio magic number" : "it is not a cpio archive (newc)");
}

/* Reads header, name and data bounds at c->at and moves behind them. */
static int read_header(struct cpio *c)
{
	if (!starts_with(c, "070701", 6) && !starts_with(c, "070702", 6))
		return foreign_format(c);
	if (c->size - c->at < HEADER_SIZE)
		return bad(c, "it is truncated inside a header");
	const uint8_t *h = c->image + c->at;
	c->crc = h[5] == '2';
	for (unsigned i = 0; i < F_COUNT; i++) {
		if (!parse_hex(h + 6 + 8 * i, &c->field[i]))
			return bad(c, "a header field is not a hexadecimal number");
	}
	uint64_t name_size = c->field[F_NAMESIZE], data_at = (c->at + HEADER_SIZE + name_size + 3) & ~UINT64_C(3);
	uint64_t end = data_at + c->field[F_SIZE];
	if (!name_size || name_size > NAME_MAX_)
		return bad(c, "a name has an impossible length");
	if (end > c->size)
		return bad(c, "it is truncated inside an entry");
	c->name = (const char *)h + HEADER_SIZE;
	if (c->name[name_size - 1])
		return bad(c, "a name does not end where its header says");
	c->length = str_length(c->name);
	c->data = c->image + data_at;
	c->at = min_u64((end + 3) & ~UINT64_C(3), c->size);
	return 0;
}

static int check_crc(struct cpio *c)
{
	uint32_t sum = 0;
	if (!c->crc || (c->field[F_MODE] & S_IFMT) != S_IFREG)
		return 0;
	for (uint32_t i = 0; i < c->field[F_SIZE]; i++)
		sum += c->data[i];
	return sum == c->field[F_CHECK] ? 0 : bad(c, "the checksum of a file is wrong");
}

/* ---- names ---- */

static int check_name(struct cpio *c)
{
	const char *at = c->name;
	if (*at == '/')
		return bad(c, "a name is absolute");
	for (;;) {
		while (*at == '/')
			at++;
		if (!*at)
			return 0;
		const char *start = at;
		while (*at && *at != '/')
			at++;
		if (at - start > NAME_LENGTH_MAX)
			return bad(c, "a part of a name is too long");
		if (at - start == 2 && start[0] == '.' && start[1] == '.')
			return bad(c, "a name contains \"..\"");
	}
}

static int step_into(struct cpio *c, struct inode **dir, const char *name, size_t length)
{
	struct inode *next;
	if (length == 1 && name[0] == '.')
		return 0;
	int r = (*dir)->ops->lookup(*dir, name, length, &next);
	if (r == -ENOENT)
		r = (*dir)->ops->create(*dir, name, length, S_IFDIR | 0755, 0, NULL, &next);
	if (r)
		return failed(c, r);
	inode_put(*dir);
	*dir = next;
	return is_directory(next) ? 0 : bad(c, "a name leads through something that is not a directory");
}

/* Finds (and makes) the directory of the entry; the last part of its name is left in *name, empty for the root. */
static int find_directory(struct cpio *c, const char **name, size_t *length)
{
	size_t end = c->length;
	while (end && c->name[end - 1] == '/')
		end--;
	size_t start = end;
	while (start && c->name[start - 1] != '/')
		start--;
	*name = c->name + start;
	*length = end - start;
	if (*length == 1 && **name == '.')
		*length = 0;
	if (c->dir && c->dir_length == start && !memcmp(c->dir_path, c->name, start))
		return 0;
	struct inode *dir = c->root;
	inode_get(dir);
	int r = 0;
	for (size_t at = 0; !r && at < start;) {
		size_t stop = at;
		while (c->name[stop] != '/')
			stop++;
		if (stop > at)
			r = step_into(c, &dir, c->name + at, stop - at);
		at = stop + 1;
	}
	if (r) {
		inode_put(dir);
		return r;
	}
	inode_put(c->dir);
	c->dir = dir;
	c->dir_length = start <= sizeof(c->dir_path) ? start : SIZE_MAX; /* too long to be remembered */
	if (c->dir_length == start)
		memcpy(c->dir_path, c->name, start);
	return 0;
}

/* ---- hard links ---- */

static struct hard_link **link_bucket(struct cpio *c)
{
	return &c->links[(c->field[F_INO] ^ c->field[F_INO] >> 6) % LINK_BUCKETS];
}

static struct inode *find_link(struct cpio *c)
{
	for (struct hard_link *l = *link_bucket(c); l; l = l->next) {
		if (l->ino == c->field[F_INO] && l->major == c->field[F_DEVMAJOR] && l->minor == c->field[F_DEVMINOR])
			return l->inode;
	}
	return NULL;
}

static int remember_link(struct cpio *c, struct inode *inode)
{
	struct hard_link *l = heap_alloc(sizeof(*l)), **bucket = link_bucket(c);
	if (!l)
		return failed(c, -ENOMEM);
	*l = (struct hard_link){ *bucket, c->field[F_INO], c->field[F_DEVMAJOR], c->field[F_DEVMINOR], inode };
	inode_get(inode);
	*bucket = l;
	return 0;
}

static void forget_links(struct cpio *c)
{
	for (unsigned i = 0; i < LINK_BUCKETS; i++) {
		while (c->links[i]) {
			struct hard_link *l = c->links[i];
			c->links[i] = l->next;
			inode_put(l->inode);
			heap_free(l);
		}
	}
}

/* ---- entries ---- */

static void set_attributes(const struct cpio *c, struct inode *inode)
{
	inode->mode = (inode->mode & S_IFMT) | (c->field[F_MODE] & 07777);
	inode->uid = c->field[F_UID];
	inode->gid = c->field[F_GID];
	inode->mtime = inode->atime = (struct timestamp){ c->field[F_MTIME], 0 };
}

static int fill(struct cpio *c, struct inode *inode)
{
	uint64_t size = c->field[F_SIZE], whole = 0;
	int r = 0;
	if (!size || inode->size)
		return 0;
	if (c->adopt && size >= PAGE_SIZE) {
		/* The content slides down to where its page begins. What was there lies behind us: headers, names, and
		 * ends of files that were copied. The frames that earlier files took end at or before that page. */
		uint8_t *page = c->adopt + PAGE_DOWN((uint64_t)(c->data - c->image));
		whole = PAGE_DOWN(size);
		if (page != c->data)
			memmove(page, c->data, whole);
		r = tmpfs_adopt(inode, frame_of(page), whole >> PAGE_SHIFT);
	}
	if (!r && size > whole)
		r = tmpfs_fill(inode, c->data + whole, size - whole);
	return r ? failed(c, r) : 0;
}

static int make_symlink(struct cpio *c, const char *name, size_t length)
{
	uint32_t size = c->field[F_SIZE];
	if (!size || size >= PATH_LENGTH_MAX)
		return bad(c, "a symbolic link has an impossible length");
	char *target = heap_alloc(size + 1);
	if (!target)
		return failed(c, -ENOMEM);
	memcpy(target, c->data, size);
	target[size] = '\0';
	int r = str_length(target) == size ? c->dir->ops->symlink(c->dir, name, length, target, NULL) : -EINVAL;
	heap_free(target);
	if (r == -EINVAL)
		return bad(c, "a symbolic link contains a NUL byte");
	struct inode *made;
	if (r || (r = c->dir->ops->lookup(c->dir, name, length, &made)) != 0)
		return failed(c, r);
	uint32_t mode = made->mode;
	set_attributes(c, made);
	made->mode = mode;
	inode_put(made);
	return 0;
}

static int make_other(struct cpio *c, const char *name, size_t length)
{
	uint32_t mode = c->field[F_MODE], type = mode & S_IFMT;
	struct inode *inode = NULL;
	bool shared = type == S_IFREG && c->field[F_NLINK] > 1;
	if (shared && (inode = find_link(c)) != NULL) {
		int r = c->dir->ops->link(c->dir, name, length, inode);
		return r ? failed(c, r) : fill(c, inode);
	}
	uint64_t rdev = type == S_IFCHR || type == S_IFBLK ? make_device(c->field[F_RDEVMAJOR], c->field[F_RDEVMINOR]) : 0;
	int r = c->dir->ops->create(c->dir, name, length, mode & (S_IFMT | 07777), rdev, NULL, &inode);
	if (r)
		return failed(c, r);
	if (type == S_IFREG)
		r = fill(c, inode);
	if (!r && shared)
		r = remember_link(c, inode);
	set_attributes(c, inode);
	inode_put(inode);
	return r;
}

/* Something has the name already. 1: it was a directory and stays; 0: it is gone now. */
static int replace(struct cpio *c, const char *name, size_t length, struct inode *old)
{
	bool directory = (c->field[F_MODE] & S_IFMT) == S_IFDIR;
	if (directory && is_directory(old)) {
		set_attributes(c, old);
		return 1;
	}
	if (old->ino > c->first_ino)
		return bad(c, "a name appears twice");
	int r = c->dir->ops->unlink(c->dir, name, length, old);
	return r ? bad(c, "a file would replace a directory that is not empty") : 0;
}

static int check_type(struct cpio *c)
{
	switch (c->field[F_MODE] & S_IFMT) {
	case S_IFREG:
	case S_IFLNK:
		return 0;
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return c->field[F_SIZE] ? bad(c, "an entry that is no file has content") : 0;
	default:
		return bad(c, "an entry has an unknown type");
	}
}

static int make_entry(struct cpio *c)
{
	const char *name;
	size_t length;
	struct inode *old;
	int r = check_type(c);
	if (!r)
		r = check_name(c);
	if (!r)
		r = check_crc(c);
	if (!r)
		r = find_directory(c, &name, &length);
	if (r)
		return r;
	if (!length) { /* "." */
		if ((c->field[F_MODE] & S_IFMT) != S_IFDIR)
			return bad(c, "the root is not a directory");
		set_attributes(c, c->dir);
		return 0;
	}
	/* The directory keeps the times that its own entry gave it. */
	struct timestamp mtime = c->dir->mtime;
	if (c->dir->ops->lookup(c->dir, name, length, &old) == 0) {
		r = replace(c, name, length, old);
		inode_put(old);
	}
	if (!r)
		r = (c->field[F_MODE] & S_IFMT) == S_IFLNK ? make_symlink(c, name, length) : make_other(c, name, length);
	c->dir->mtime = mtime;
	return r < 0 ? r : 0;
}

static int unpack_one(struct cpio *c)
{
	c->first_ino = c->root->super->next_ino;
	for (;;) {
		if (c->at >= c->size)
			return bad(c, "it is truncated: its end mark (TRAILER!!!) is missing");
		int r = read_header(c);
		if (r)
			return r;
		if (str_equal(c->name, "TRAILER!!!")) {
			forget_links(c);
			return 0;
		}
		r = make_entry(c);
		if (r)
			return r;
	}
}

static int unpack(struct inode *root, const void *image, uint64_t size, void *adopt, const char **why)
{
	struct cpio c = { .image = image, .size = size, .root = root, .adopt = adopt };
	int r = 0;
	if (!inode_is_tmpfs(root) || !is_directory(root))
		return -EINVAL;
	if (!size)
		r = bad(&c, "it is empty");
	while (!r && c.at < size) {
		r = unpack_one(&c);
		while (!r && c.at < size && !c.image[c.at])
			c.at++;
	}
	forget_links(&c);
	inode_put(c.dir);
	if (r && why)
		*why = c.why;
	return r;
}

int cpio_unpack(struct inode *root, const void *image, uint64_t size, const char **why)
{
	return unpack(root, image, size, NULL, why);
}

int cpio_unpack_frames(struct inode *root, void *image, uint64_t size, const char **why)
{
	return unpack(root, image, size, image, why);
}
