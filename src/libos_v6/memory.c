/* The memory of processes: images made, copied, mapped, grown; and the one way from an address to bytes. */
#include "v6.h"

static uint64_t pages_of(uint64_t size)
{
	return (size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
}

/* Adds a piece with frames of its own, filled with zeroes. */
static struct segment *segment_add(struct image *image, exo_vaddr_t start, uint64_t count, uint32_t prot)
{
	struct segment *s = &image->segments[image->count];
	exo_frame_t first = count < (STACK_TOP >> EXO_FRAME_SHIFT) ? frames_take(count) : FRAME_NONE;

	if (first == FRAME_NONE)
		return NULL;
	memset(frame_ptr(first), 0, count << EXO_FRAME_SHIFT);
	*s = (struct segment){ start, count, first, prot };
	image->count++;
	return s;
}

/* The stack that a program begins with: argc, argv[0..], 0, and the strings above. */
static int stack_make(struct image *image, const char *args, uint64_t size, uint64_t count)
{
	uint64_t room = (size + 15) & ~UINT64_C(15), vector = (count + 2) * sizeof(uint64_t);
	struct segment *s;
	uint64_t *slot, text = STACK_TOP - room;
	char *top;

	vector = (vector + 15) & ~UINT64_C(15);
	if (room + vector > STACK_PAGES * EXO_FRAME_SIZE / 2)
		return -V6_E2BIG;
	s = segment_add(image, STACK_TOP - STACK_PAGES * EXO_FRAME_SIZE, STACK_PAGES, EXO_PROT_READ | EXO_PROT_WRITE);
	if (!s)
		return -V6_ENOMEM;
	top = (char *)frame_ptr(s->first) + STACK_PAGES * EXO_FRAME_SIZE;
	memcpy(top - room, args, size);
	slot = (uint64_t *)(void *)(top - room - vector);
	*slot++ = count;
	for (uint64_t i = 0, at = 0; i < count; i++) {
		*slot++ = text + at;
		while (args[at++])
			;
	}
	image->stack = text - vector;
	return 0;
}

int image_load(struct image *image, const void *file, uint64_t file_size, const char *args, uint64_t size, uint64_t count)
{
	struct exo_elf elf;
	struct segment *last = NULL;
	int error = 0;

	memset(image, 0, sizeof(*image));
	if (!exo_elf_parse(file, file_size, IMAGE_LIMIT, &elf))
		return -V6_ENOEXEC;
	for (uint32_t i = 0; i < elf.count && !error; i++) {
		const struct exo_elf_load *load = &elf.loads[i];

		last = segment_add(image, load->vaddr, load->pages, load->prot);
		if (last)
			memcpy((char *)frame_ptr(last->first) + load->lead, (const char *)file + load->offset, load->size);
		else
			error = -V6_ENOMEM;
	}
	/* A program without data gets a first page of it from sbrk(). */
	if (!error && !(last->prot & EXO_PROT_WRITE)) {
		last = segment_add(image, last->start + (last->count << EXO_FRAME_SHIFT), 1, EXO_PROT_READ | EXO_PROT_WRITE);
		error = last ? 0 : -V6_ENOMEM;
	}
	image->entry = elf.entry;
	image->data = image->count - 1;
	if (!error)
		image->brk = last->start + (last->count << EXO_FRAME_SHIFT);
	if (!error)
		error = stack_make(image, args, size, count);
	if (error)
		image_free(image);
	return error;
}

int image_copy(struct image *to, const struct image *from)
{
	*to = *from;
	to->count = 0;
	for (uint32_t i = 0; i < from->count; i++) {
		const struct segment *s = &from->segments[i];
		struct segment *copy = &to->segments[i];

		if (s->prot & EXO_PROT_WRITE) {
			copy->first = frames_take(s->count);
			if (copy->first == FRAME_NONE) {
				image_free(to);
				return -V6_ENOMEM;
			}
			memcpy(frame_ptr(copy->first), frame_ptr(s->first), s->count << EXO_FRAME_SHIFT);
		} else {
			frames_share(s->first, s->count);
		}
		to->count++;
	}
	return 0;
}

void image_free(struct image *image)
{
	for (uint32_t i = 0; i < image->count; i++)
		frames_drop(image->segments[i].first, image->segments[i].count);
	image->count = 0;
}

/* One change of the process's space. Only page tables can be missing, and unmapping needs none. */
static int change(struct process *p, const struct segment *s, uint32_t prot)
{
	struct exo_map_op op = { .vaddr = s->start, .frame = s->first, .prot = prot };
	enum exo_status status = EXO_OK;

	for (uint64_t left = s->count; left > 0 && status == EXO_OK; left -= op.count) {
		op.count = left < EXO_MAP_MAX ? (uint32_t)left : EXO_MAP_MAX;
		do {
			status = exo_mem_map(p->zone, v6.boot->memory, &op, 1, NULL);
		} while (status == EXO_E_AGAIN || (status == EXO_E_FUNDS && process_fund(p)));
		op.vaddr += (uint64_t)op.count << EXO_FRAME_SHIFT;
		op.frame += op.count;
	}
	return status == EXO_OK ? 0 : -V6_ENOMEM;
}

int image_map(struct process *p)
{
	for (uint32_t i = 0; i < p->image.count; i++) {
		int error = change(p, &p->image.segments[i], p->image.segments[i].prot);

		if (error)
			return error;
	}
	return 0;
}

void image_unmap(struct process *p)
{
	for (uint32_t i = 0; i < p->image.count; i++)
		(void)change(p, &p->image.segments[i], 0);
}

/* As on the PDP-11: a piece that cannot grow where it lies is copied to a larger place. */
static int segment_move(struct process *p, struct segment *s, uint64_t count)
{
	struct segment new = { s->start, count, frames_take(count), s->prot }, old = *s;
	int error;

	if (new.first == FRAME_NONE)
		return -V6_ENOMEM;
	memcpy(frame_ptr(new.first), frame_ptr(old.first), old.count << EXO_FRAME_SHIFT);
	memset(frame_ptr(new.first + old.count), 0, (count - old.count) << EXO_FRAME_SHIFT);
	(void)change(p, &old, 0);
	error = change(p, &new, new.prot);
	if (error) { /* there were tables for the old one */
		(void)change(p, &new, 0);
		(void)change(p, &old, old.prot);
		frames_drop(new.first, count);
		return error;
	}
	frames_drop(old.first, old.count);
	*s = new;
	return 0;
}

static int segment_grow(struct process *p, struct segment *s, uint64_t more)
{
	struct segment part = { s->start + (s->count << EXO_FRAME_SHIFT), more, s->first + s->count, s->prot };

	if (!frames_extend(part.first, more))
		return segment_move(p, s, s->count + more);
	memset(frame_ptr(part.first), 0, more << EXO_FRAME_SHIFT);
	if (change(p, &part, part.prot)) {
		(void)change(p, &part, 0);
		frames_drop(part.first, more);
		return -V6_ENOMEM;
	}
	s->count += more;
	return 0;
}

static int segment_shrink(struct process *p, struct segment *s, uint64_t count)
{
	struct segment part = { s->start + (count << EXO_FRAME_SHIFT), s->count - count, s->first + count, s->prot };

	if (change(p, &part, 0))
		return -V6_ENOMEM;
	frames_drop(part.first, part.count);
	s->count = count;
	return 0;
}

int image_grow(struct process *p, int64_t bytes, exo_vaddr_t *old)
{
	struct segment *s = &p->image.segments[p->image.data];
	uint64_t most = STACK_TOP - STACK_PAGES * EXO_FRAME_SIZE - s->start, size = p->image.brk - s->start, count;
	int error = 0;

	if (bytes < 0 ? (uint64_t)-(bytes + 1) + 1 > size : (uint64_t)bytes > most - size)
		return -V6_ENOMEM;
	size += (uint64_t)bytes;
	count = size > 0 ? pages_of(size) : 1;
	if (count > s->count)
		error = segment_grow(p, s, count - s->count);
	else if (count < s->count)
		error = segment_shrink(p, s, count);
	if (error)
		return error;
	*old = p->image.brk;
	p->image.brk = s->start + size;
	return 0;
}

void *user_at(const struct process *p, exo_vaddr_t address, uint64_t size, uint32_t prot)
{
	for (uint32_t i = 0; i < p->image.count; i++) {
		const struct segment *s = &p->image.segments[i];
		uint64_t offset = address - s->start, end = s->count << EXO_FRAME_SHIFT;

		if (address >= s->start && offset < end && size <= end - offset && (s->prot & prot) == prot)
			return (char *)frame_ptr(s->first) + offset;
	}
	return NULL;
}

const char *user_string(const struct process *p, exo_vaddr_t address)
{
	for (uint64_t size = 1; size <= ARGS_SIZE; size++) {
		const char *text = user_at(p, address, size, EXO_PROT_READ);

		if (!text)
			return NULL;
		if (text[size - 1] == '\0')
			return text;
	}
	return NULL;
}
