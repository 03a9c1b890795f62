/* Is this a program that can be run? Pure checks of bytes; everything in them is hostile. */
#include <libos/abi/errno.h>
#include <libos/lib/string.h>
#include <libos/vm/elf_check.h>

int elf_check_header(const struct elf_header *header, uint64_t file_size)
{
	uint64_t table = (uint64_t)header->phnum * sizeof(struct elf_segment);

	/* Linux does not look at class, byte order and version: the machine says them. */
	if (header->magic != ELF_MAGIC)
		return -ENOEXEC;
	if ((header->type != ET_EXEC && header->type != ET_DYN) || header->machine != EM_X86_64)
		return -ENOEXEC;
	if (header->phentsize != sizeof(struct elf_segment) || header->phnum == 0 ||
	    header->phnum > ELF_SEGMENTS_MAX)
		return -ENOEXEC;
	if (header->phoff > file_size || table > file_size - header->phoff)
		return -ENOEXEC;
	return 0;
}

/* It may reach beyond the end of the file: whoever touches that gets SIGBUS. */
static int check_load(const struct elf_segment *s, uint64_t low, uint64_t high)
{
	if (s->filesz > s->memsz || s->offset > INT64_MAX || PAGE_UP(s->filesz) > INT64_MAX - PAGE_UP(s->offset))
		return -ENOEXEC;
	if (s->vaddr >= high || s->memsz > high - s->vaddr || s->vaddr < low)
		return -ENOEXEC;
	if ((s->vaddr & (PAGE_SIZE - 1)) != (s->offset & (PAGE_SIZE - 1)))
		return -ENOEXEC;
	return 0;
}

int elf_check_segments(const struct elf_header *header, const struct elf_segment *segments, uint64_t file_size,
                       struct elf_extent *extent)
{
	uint64_t low = header->type == ET_EXEC ? EXO_USER_BASE : 0;
	uint64_t end = 0;
	uint32_t loads = 0, interpreters = 0;
	bool entry = false;

	*extent = (struct elf_extent){ .start = UINT64_MAX };
	for (uint32_t i = 0; i < header->phnum; i++) {
		const struct elf_segment *s = &segments[i];

		if (s->type == PT_INTERP) {
			if (++interpreters > 1 || s->filesz < 2 || s->filesz > ELF_INTERP_MAX ||
			    s->offset > file_size || s->filesz > file_size - s->offset)
				return -ENOEXEC;
		}
		if (s->type != PT_LOAD || s->memsz == 0)
			continue;
		/* Ascending and apart, as the ABI has it: so no segment can replace another. */
		if (check_load(s, low, ELF_ADDRESS_MAX) != 0 || (loads > 0 && s->vaddr < end))
			return -ENOEXEC;
		end = s->vaddr + s->memsz;
		extent->start = loads++ == 0 ? PAGE_DOWN(s->vaddr) : extent->start;
		entry |= header->entry >= s->vaddr && header->entry < end && (s->flags & PF_X) != 0;
	}
	extent->end = PAGE_UP(end);
	return loads > 0 && entry ? 0 : -ENOEXEC;
}

int elf_check(const void *bytes, size_t size, uint64_t file_size)
{
	struct elf_header header;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	struct elf_extent extent;
	uint64_t table;

	if (size < sizeof(header))
		return -ENOEXEC;
	memcpy(&header, bytes, sizeof(header));
	if (elf_check_header(&header, file_size) != 0)
		return -ENOEXEC;
	table = (uint64_t)header.phnum * sizeof(struct elf_segment);
	if (header.phoff > size || table > size - header.phoff)
		return 0; /* the table lies further on: checked when it is read */
	memcpy(segments, (const char *)bytes + header.phoff, table);
	return elf_check_segments(&header, segments, file_size, &extent);
}
