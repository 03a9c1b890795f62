/*
 * Fuzzes the two parsers of the teaching LibOS: the archive that is its file system, and the executables in it (the
 * latter parser is exo/elf.h, which starts LibOSes too). The first byte says which. Whatever the bytes are: nothing outside of them is
 * touched or told of, and what is accepted keeps its promises.
 */
#include <exo/elf.h>
#include <libos_v6/archive.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT UINT64_C(0x30000000)

#define MUST(condition)                                                                                        \
	do {                                                                                                   \
		if (!(condition)) {                                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
			abort();                                                                               \
		}                                                                                              \
	} while (0)

static bool is_inside(const struct archive *archive, const void *start, uint64_t size)
{
	const uint8_t *at = start;

	return at >= archive->bytes && size <= archive->size && (uint64_t)(at - archive->bytes) <= archive->size - size;
}

static void check_entry(const struct archive *archive, const struct archive_entry *entry)
{
	static volatile uint8_t last;

	MUST(is_inside(archive, entry->name, entry->name_size + 1));
	MUST(is_inside(archive, entry->data, entry->size));
	MUST(entry->name[entry->name_size] == '\0');
	for (uint64_t i = 0; i < entry->size; i++)
		last = entry->data[i];
	(void)last;
}

static void check_folder(const struct archive *archive, const char *folder, uint64_t size)
{
	struct archive_entry child;

	for (uint64_t i = 0; i < 8 && archive_child(archive, folder, size, i, &child); i++) {
		check_entry(archive, &child);
		MUST(child.name_size > 0 && memchr(child.name, '/', child.name_size) == NULL);
	}
}

static void try_archive(const struct archive *archive)
{
	struct archive_entry entry, found;
	uint64_t at = 0;

	for (uint32_t n = 0; n < 64 && archive_entry_at(archive, at, n, &entry); at = entry.next, n++) {
		MUST(entry.next > at && entry.number == n);
		check_entry(archive, &entry);
		check_folder(archive, entry.name, entry.name_size);
		/* A name with a 0 in it, or slashes around it, is one that nobody can ask for. */
		if (archive_find(archive, entry.name, &found) && found.number != UINT32_MAX)
			check_entry(archive, &found);
	}
	check_folder(archive, "", 0);
	MUST(archive_find(archive, "/", &found) && archive_is_folder(&found));
	if (archive_find(archive, "/bin/sh", &found))
		check_entry(archive, &found);
}

static void try_elf(const uint8_t *bytes, uint64_t size)
{
	struct exo_elf elf;
	uint64_t end = EXO_USER_BASE;
	bool enters = false;

	if (!exo_elf_parse(bytes, size, LIMIT, &elf))
		return;
	MUST(elf.count > 0 && elf.count <= EXO_ELF_LOADS);
	for (uint32_t i = 0; i < elf.count; i++) {
		const struct exo_elf_load *load = &elf.loads[i];
		uint64_t room = load->pages << EXO_FRAME_SHIFT;

		MUST(load->vaddr % EXO_FRAME_SIZE == 0 && load->vaddr >= end && load->pages > 0);
		end = load->vaddr + room;
		MUST(end > load->vaddr && end <= LIMIT);
		MUST(load->offset <= size && load->size <= size - load->offset);
		MUST(load->lead < EXO_FRAME_SIZE && load->lead + load->size <= room);
		MUST((load->prot & EXO_PROT_READ) && (load->prot & (EXO_PROT_WRITE | EXO_PROT_EXEC)) != (EXO_PROT_WRITE | EXO_PROT_EXEC));
		enters |= (load->prot & EXO_PROT_EXEC) && elf.entry >= load->vaddr && elf.entry < end;
	}
	MUST(enters);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return -1;
	/* On the heap, so that the sanitizer sees each byte beyond the end. */
	copy = malloc(size > 1 ? size - 1 : 1);
	MUST(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		try_elf(copy, size - 1);
	else
		try_archive(&(struct archive){ copy, size - 1 });
	free(copy);
	return 0;
}
