/* Loading a program: ELF64 for x86-64, static, static PIE, or with an interpreter. */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/vm/elf_check.h>
#include <libos/vm/map.h>

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

struct loader {
	struct vm_space *space;
	struct file *file;
	struct elf_header header;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	struct elf_extent extent;
	uint64_t bias; /* added to every address of the file */
};

static int read_exactly(struct file *file, void *to, uint64_t size, uint64_t offset)
{
	int64_t n = file_read_at(file, to, size, offset);

	if (n < 0)
		return (int)n;
	return (uint64_t)n == size ? 0 : -ENOEXEC;
}

static int read_headers(struct loader *l)
{
	struct inode *inode = file_inode(l->file);
	int r;

	if (inode == NULL || (inode->mode & S_IFMT) != S_IFREG || inode->ops->page == NULL)
		return -EACCES;
	r = read_exactly(l->file, &l->header, sizeof(l->header), 0);
	if (r == 0)
		r = elf_check_header(&l->header, inode->size);
	if (r == 0)
		r = read_exactly(l->file, l->segments, l->header.phnum * sizeof(struct elf_segment),
		                 l->header.phoff);
	if (r == 0)
		r = elf_check_segments(&l->header, l->segments, inode->size, &l->extent);
	return r;
}

static uint32_t segment_prot(const struct elf_segment *s)
{
	return ((s->flags & PF_R) != 0 ? PROT_READ : 0u) | ((s->flags & PF_W) != 0 ? PROT_WRITE : 0u) |
	       ((s->flags & PF_X) != 0 ? PROT_EXEC : 0u);
}

/* offset: of `start` in the file; code_size: bytes of the segment from there on. */
static int map_file_pages(struct loader *l, const struct elf_segment *s, uint64_t start, uint64_t end,
                          uint64_t offset, uint64_t code_size)
{
	struct map_request m = {
		.start = start, .length = end - start, .offset = offset,
		.prot = segment_prot(s), .max_prot = PROT_ALL, .file = l->file,
	};
	struct region *region;
	int r = map_insert(l->space, &m, &region);

	if (r != 0)
		return r;
	if (PAGE_DOWN(s->offset) != 0 /* else constants are in it, see region_attach_text() */ &&
	    offset + m.length <= PAGE_UP(file_inode(l->file)->size))
		region_attach_text(region, code_size < m.length ? code_size : m.length);
	if ((m.prot & PROT_WRITE) == 0)
		region_map_cached(l->space, region, PREFAULT_FILE);
	return 0;
}

/* Large text is mapped in pieces, each of which can have a text copy in one run of frames. */
static int map_file_part(struct loader *l, const struct elf_segment *s, uint64_t start, uint64_t end)
{
	uint64_t piece = (s->flags & PF_X) != 0 ? TEXT_PAGES_MAX * PAGE_SIZE : end - start;
	uint64_t code_size = (s->vaddr & (PAGE_SIZE - 1)) + s->filesz;
	int r = 0;

	for (uint64_t done = 0; start + done < end && r == 0; done += piece) {
		uint64_t stop = end - (start + done) > piece ? start + done + piece : end;

		r = map_file_pages(l, s, start + done, stop, PAGE_DOWN(s->offset) + done, code_size - done);
		(void)sched_worked(&libos.sched, SCHED_WORK_UNITS);
	}
	return r;
}

static int map_zero_part(struct loader *l, const struct elf_segment *s, uint64_t start, uint64_t end)
{
	struct map_request m = {
		.start = start, .length = end - start, .prot = segment_prot(s), .max_prot = PROT_ALL,
	};
	struct region *region;

	return map_insert(l->space, &m, &region);
}

/* First pages of writable memory, of both parts in one stretch of frames. */
static void prefault_data(struct loader *l, uint64_t start, uint64_t end)
{
	if (end - start > PREFAULT_DATA * PAGE_SIZE)
		end = start + PREFAULT_DATA * PAGE_SIZE;
	while (start < end) {
		struct region *region = region_find(l->space, start);
		uint64_t stop = region->end < end ? region->end : end;

		region_prefault(l->space, region, start, stop);
		start = stop;
		(void)sched_worked(&libos.sched, SCHED_WORK_UNITS);
	}
}

static int load_segment(struct loader *l, const struct elf_segment *s)
{
	uint64_t vaddr = s->vaddr + l->bias;
	uint64_t start = PAGE_DOWN(vaddr), end = PAGE_UP(vaddr + s->memsz);
	uint64_t file_end = vaddr + s->filesz, zero_start = s->filesz > 0 ? PAGE_UP(file_end) : start;
	int r = 0;

	if (s->filesz > 0)
		r = map_file_part(l, s, start, zero_start);
	if (r == 0 && zero_start < end)
		r = map_zero_part(l, s, zero_start, end);
	if (r != 0 || (s->flags & PF_W) == 0)
		return r;
	prefault_data(l, start, end);
	/* The rest of the file part's last page holds other bytes of the file. All of it is cleared, beyond memsz too: Linux
	 * does, and the dynamic linker's first allocations count on it. */
	if (s->filesz > 0 && s->memsz > s->filesz && file_end < zero_start)
		r = user_zero(l->space, file_end, zero_start - file_end);
	return r == -EFAULT ? -ENOEXEC : r;
}

static int load_segments(struct loader *l)
{
	for (uint32_t i = 0; i < l->header.phnum; i++) {
		const struct elf_segment *s = &l->segments[i];
		int r;

		if (s->type != PT_LOAD || s->memsz == 0)
			continue;
		r = load_segment(l, s);
		if (r != 0)
			return r;
	}
	return 0;
}

static struct loader *loader_new(struct vm_space *space, struct file *file, int *error)
{
	struct loader *l = heap_zalloc(sizeof(*l));

	*error = -ENOMEM;
	if (l == NULL)
		return NULL;
	l->space = space;
	l->file = file;
	*error = read_headers(l);
	if (*error == 0)
		return l;
	heap_free(l);
	return NULL;
}

/* Where in memory the table of program headers lies, for AT_PHDR: 0 if no segment has it. */
static uint64_t find_table(const struct loader *l)
{
	uint64_t size = (uint64_t)l->header.phnum * sizeof(struct elf_segment);

	for (uint32_t i = 0; i < l->header.phnum; i++) {
		const struct elf_segment *s = &l->segments[i];

		if (s->type == PT_LOAD && l->header.phoff >= s->offset && s->filesz >= size &&
		    l->header.phoff - s->offset <= s->filesz - size)
			return s->vaddr + l->bias + (l->header.phoff - s->offset);
	}
	return 0;
}

static const struct elf_segment *find_segment(const struct loader *l, uint32_t type)
{
	for (uint32_t i = 0; i < l->header.phnum; i++) {
		if (l->segments[i].type == type)
			return &l->segments[i];
	}
	return NULL;
}

/* A place for what has no fixed address: the usual one, or wherever there is room. */
static int choose_bias(struct loader *l, uint64_t wanted)
{
	uint64_t size = l->extent.end - l->extent.start;

	if (l->header.type == ET_EXEC) {
		l->bias = 0;
		return 0;
	}
	if (wanted == 0 || !range_is_valid(wanted, size) || !range_is_free(l->space, wanted, wanted + size))
		wanted = region_gap(l->space, size);
	if (wanted == 0)
		return -ENOMEM;
	l->bias = wanted - l->extent.start;
	return 0;
}

/* The thread in whose tree and with whose rights the interpreter is opened; at boot, nobody runs yet. */
static struct thread *who_opens(void)
{
	struct process *init = libos.procs.init;

	if (libos.sched.current != NULL)
		return libos.sched.current;
	return init == NULL ? NULL : LIST_ENTRY(init->threads.next, struct thread, sibling);
}

static int read_interpreter(struct file *file, const struct elf_segment *s, char *path)
{
	int r = read_exactly(file, path, s->filesz, s->offset);

	return r == 0 && path[s->filesz - 1] != '\0' ? -ENOEXEC : r;
}

int elf_interpreter(struct file *file, char *path)
{
	const struct elf_segment *s;
	int r;
	struct loader *l = loader_new(NULL, file, &r);

	if (l == NULL)
		return r;
	s = find_segment(l, PT_INTERP);
	r = s != NULL ? read_interpreter(file, s, path) : -ENOENT;
	heap_free(l);
	return r;
}

static int load_interpreter(struct loader *program, const struct elf_segment *s, struct elf_image *image)
{
	struct thread *self = who_opens();
	char path[ELF_INTERP_MAX];
	struct file *file;
	struct loader *l;
	int r = self == NULL ? -ENOEXEC : read_interpreter(program->file, s, path);

	if (r != 0)
		return r;
	r = vfs_open(self, AT_FDCWD, path, O_RDONLY, 0, &file);
	if (r != 0)
		return r;
	l = loader_new(program->space, file, &r);
	if (l != NULL) {
		/* Its own interpreter would be nonsense; one with fixed addresses could overwrite the program. */
		r = find_segment(l, PT_INTERP) != NULL || l->header.type != ET_DYN ? -ENOEXEC : 0;
		if (r == 0)
			r = choose_bias(l, 0);
		if (r == 0)
			r = load_segments(l);
		image->base = l->bias + l->extent.start;
		image->entry = l->header.entry + l->bias;
		heap_free(l);
	}
	file_put(file);
	return r;
}

int elf_load(struct vm_space *space, struct file *file, struct elf_image *image)
{
	const struct elf_segment *s;
	int r;
	struct loader *l = loader_new(space, file, &r);

	if (l == NULL)
		return r;
	*image = (struct elf_image){ .phnum = l->header.phnum, .phent = sizeof(struct elf_segment) };
	r = choose_bias(l, PIE_BASE);
	space->image_end = PAGE_UP(l->extent.end + l->bias);
	if (r == 0)
		r = load_segments(l);
	if (r == 0) {
		image->entry = image->program_entry = l->header.entry + l->bias;
		image->phdr = find_table(l);
		image->brk = thunks_above(space, l->extent.end + l->bias);
		s = find_segment(l, PT_GNU_STACK);
		image->stack_exec = s != NULL && (s->flags & PF_X) != 0;
		vm_set_brk(space, image->brk);
		s = find_segment(l, PT_INTERP);
		if (s != NULL)
			r = load_interpreter(l, s, image);
	}
	heap_free(l);
	return r;
}
