/*
 * Descriptor tables: an array of files and two bitmaps (open, close-on-exec), which grow
 * by doubling. `lowest` bounds the search for a free descriptor from below.
 */
#include <libos/fs/internal.h>

#define FD_FIRST_CAPACITY 64u

struct fd_table {
	uint32_t refs, capacity, lowest;
	struct process *told; /* fd_table_told(); NULL: nobody */
	struct file **files;
	uint64_t *open, *cloexec; /* capacity / 64 words each; in the block of `files` */
	struct file *first_files[FD_FIRST_CAPACITY];
	uint64_t first_bits[2];
};

static void use_first(struct fd_table *t)
{
	t->capacity = FD_FIRST_CAPACITY;
	t->files = t->first_files;
	t->open = &t->first_bits[0];
	t->cloexec = &t->first_bits[1];
}

struct fd_table *fd_table_new(void)
{
	struct fd_table *t = heap_zalloc(sizeof(*t));
	if (!t)
		return NULL;
	t->refs = 1;
	use_first(t);
	return t;
}

static int grow(struct fd_table *t, uint32_t needed)
{
	uint32_t capacity = t->capacity;
	while (capacity < needed)
		capacity *= 2;
	size_t words = capacity / 64, files_size = capacity * sizeof(struct file *);
	struct file **files = heap_zalloc(files_size + 2 * words * sizeof(uint64_t));
	if (!files)
		return -ENOMEM;
	uint64_t *open = (uint64_t *)(void *)(files + capacity), *cloexec = open + words;
	memcpy(files, t->files, t->capacity * sizeof(struct file *));
	memcpy(open, t->open, t->capacity / 64 * sizeof(uint64_t));
	memcpy(cloexec, t->cloexec, t->capacity / 64 * sizeof(uint64_t));
	if (t->files != t->first_files)
		heap_free(t->files);
	t->files = files;
	t->open = open;
	t->cloexec = cloexec;
	t->capacity = capacity;
	return 0;
}

struct fd_table *fd_table_copy(const struct fd_table *from)
{
	struct fd_table *t = heap_alloc(sizeof(*t));
	if (!t)
		return NULL;
	t->refs = 1;
	t->told = NULL;
	t->lowest = from->lowest;
	memset(t->first_files, 0, sizeof(t->first_files));
	t->first_bits[0] = t->first_bits[1] = 0;
	use_first(t);
	uint32_t words = from->capacity / 64;
	while (words > 1 && !from->open[words - 1])
		words--;
	if (words * 64 > t->capacity && grow(t, words * 64)) {
		heap_free(t);
		return NULL;
	}
	for (uint32_t i = 0; i < words; i++) {
		t->open[i] = from->open[i];
		t->cloexec[i] = from->cloexec[i];
		for (uint64_t bits = from->open[i]; bits; bits &= bits - 1) {
			uint32_t fd = i * 64 + (uint32_t)__builtin_ctzll(bits);
			t->files[fd] = from->files[fd];
			t->files[fd]->refs++;
		}
	}
	return t;
}

void fd_table_told(struct fd_table *t, struct process *process)
{
	t->told = process;
}

uint32_t fd_table_capacity(const struct fd_table *t)
{
	return t->capacity;
}

void fd_table_get(struct fd_table *t)
{
	if (t->told)
		answers_forget_files(t->told);
	t->told = NULL;
	t->refs++;
}

/* A descriptor's reference goes, and with it all record locks of this table on the file (POSIX: close). */
static void drop_file(struct fd_table *t, struct file *file)
{
	struct inode *inode = file->path.inode;
	if (inode && inode->locks)
		locks_release(inode, t);
	file_put(file);
}

void fd_table_put(struct fd_table *t)
{
	if (!t || --t->refs)
		return;
	for (uint32_t i = 0; i < t->capacity / 64; i++) {
		while (t->open[i]) {
			uint32_t bit = (uint32_t)__builtin_ctzll(t->open[i]);
			struct file *file = t->files[i * 64 + bit];
			t->open[i] &= t->open[i] - 1;
			t->files[i * 64 + bit] = NULL;
			drop_file(t, file); /* may give way */
		}
	}
	if (t->files != t->first_files)
		heap_free(t->files);
	heap_free(t);
}

bool fd_table_shared(const struct fd_table *t)
{
	return t->refs > 1;
}

struct file *fd_file(struct fd_table *t, int fd)
{
	return (uint32_t)fd < t->capacity ? t->files[fd] : NULL;
}

static void mark(uint64_t *bits, uint32_t fd, bool on)
{
	uint64_t bit = UINT64_C(1) << (fd % 64);
	if (on)
		bits[fd / 64] |= bit;
	else
		bits[fd / 64] &= ~bit;
}

/* The lowest descriptor >= minimum that is free; may be the capacity. */
static uint32_t find_free(const struct fd_table *t, uint32_t minimum)
{
	uint32_t fd = minimum;
	while (fd < t->capacity) {
		uint64_t unused = ~t->open[fd / 64] >> (fd % 64);
		if (unused)
			return fd + (uint32_t)__builtin_ctzll(unused);
		fd = (fd / 64 + 1) * 64;
	}
	return fd;
}

int fd_install(struct fd_table *t, struct file *file, int minimum, bool cloexec, uint64_t limit)
{
	uint32_t from = (uint32_t)minimum;
	bool from_lowest = from <= t->lowest;
	uint32_t fd = find_free(t, from_lowest ? t->lowest : from);
	if (fd >= limit || fd >= FD_MAX)
		return -EMFILE;
	if (fd >= t->capacity && grow(t, fd + 1))
		return -ENOMEM;
	t->files[fd] = file;
	mark(t->open, fd, true);
	mark(t->cloexec, fd, cloexec);
	if (from_lowest)
		t->lowest = fd + 1;
	return (int)fd;
}

static struct file *take_out(struct fd_table *t, uint32_t fd)
{
	struct file *file = t->files[fd];
	t->files[fd] = NULL;
	mark(t->open, fd, false);
	mark(t->cloexec, fd, false);
	if (t->told)
		answers_forget_file(t->told, fd);
	if (fd < t->lowest)
		t->lowest = fd;
	return file;
}

int fd_close(struct thread *thread, struct fd_table *t, int fd)
{
	(void)thread;
	if (!fd_file(t, fd))
		return -EBADF;
	drop_file(t, take_out(t, (uint32_t)fd));
	return 0;
}

int fd_replace(struct fd_table *t, struct file *file, int fd, bool cloexec)
{
	if ((uint32_t)fd >= t->capacity && grow(t, (uint32_t)fd + 1))
		return -ENOMEM;
	struct file *old = t->files[fd];
	t->files[fd] = file;
	mark(t->open, (uint32_t)fd, true);
	mark(t->cloexec, (uint32_t)fd, cloexec);
	if (t->told)
		answers_forget_file(t->told, (uint32_t)fd);
	if (old)
		drop_file(t, old);
	return fd;
}

void fd_table_close_on_exec(struct fd_table *t)
{
	for (uint32_t i = 0; i < t->capacity / 64; i++) {
		while (t->cloexec[i])
			drop_file(t, take_out(t, i * 64 + (uint32_t)__builtin_ctzll(t->cloexec[i])));
	}
}

bool fd_cloexec(const struct fd_table *t, int fd)
{
	return (uint32_t)fd < t->capacity && (t->cloexec[fd / 64] >> (fd % 64) & 1);
}

void fd_set_cloexec(struct fd_table *t, int fd, bool on)
{
	mark(t->cloexec, (uint32_t)fd, on);
}

int fd_next(const struct fd_table *t, int from)
{
	uint32_t fd = from < 0 ? 0 : (uint32_t)from;
	while (fd < t->capacity) {
		uint64_t used = t->open[fd / 64] >> (fd % 64);
		if (used)
			return (int)(fd + (uint32_t)__builtin_ctzll(used));
		fd = (fd / 64 + 1) * 64;
	}
	return -1;
}
