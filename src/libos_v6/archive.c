/* Reading the cpio archive. */
#include "archive.h"

#include <stddef.h>

int memcmp(const void *a, const void *b, size_t size);

#define HEADER_SIZE 110u
#define FIELD_SIZE  8u
#define NAME_MAX    4096u

/* Numbers of the fields behind the magic. */
enum { FIELD_MODE = 1, FIELD_SIZE_OF_DATA = 6, FIELD_SIZE_OF_NAME = 11 };

static const struct archive_entry root = { .name = "", .mode = 0040755, .number = UINT32_MAX };

static bool field_read(const uint8_t *header, uint32_t index, uint32_t *value)
{
	const uint8_t *digits = header + 6 + index * FIELD_SIZE;

	*value = 0;
	for (uint32_t i = 0; i < FIELD_SIZE; i++) {
		uint8_t c = digits[i], low = c | 0x20;

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uint32_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			*value = *value << 4 | (uint32_t)(low - 'a' + 10);
		else
			return false;
	}
	return true;
}

static uint64_t round_up(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

bool archive_entry_at(const struct archive *archive, uint64_t at, uint32_t number, struct archive_entry *entry)
{
	const uint8_t *header = archive->bytes + at;
	uint32_t mode, size, name_size;
	uint64_t data;

	if (at > archive->size || archive->size - at < HEADER_SIZE || memcmp(header, "070701", 6) != 0)
		return false;
	if (!field_read(header, FIELD_MODE, &mode) || !field_read(header, FIELD_SIZE_OF_DATA, &size) ||
	    !field_read(header, FIELD_SIZE_OF_NAME, &name_size))
		return false;
	if (name_size < 2 || name_size > NAME_MAX || name_size > archive->size - at - HEADER_SIZE)
		return false;
	if (header[HEADER_SIZE + name_size - 1] != 0)
		return false;
	data = round_up(at + HEADER_SIZE + name_size);
	if (data > archive->size || size > archive->size - data)
		return false;
	*entry = (struct archive_entry){
		.name = (const char *)header + HEADER_SIZE, .name_size = name_size - 1,
		.data = archive->bytes + data, .size = size, .mode = mode, .number = number,
		.next = round_up(data + size),
	};
	return !(entry->name_size == 10 && memcmp(entry->name, "TRAILER!!!", 10) == 0);
}

static uint64_t path_length(const char *path)
{
	uint64_t n = 0;

	while (path[n])
		n++;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

bool archive_find(const struct archive *archive, const char *path, struct archive_entry *entry)
{
	uint64_t length;

	while (*path == '/')
		path++;
	length = path_length(path);
	if (length == 0 || (length == 1 && path[0] == '.')) {
		*entry = root;
		return true;
	}
	for (uint64_t at = 0, n = 0; archive_entry_at(archive, at, (uint32_t)n, entry); at = entry->next, n++) {
		if (entry->name_size == length && memcmp(entry->name, path, length) == 0)
			return true;
	}
	return false;
}

/* In the folder itself, not deeper? Leaves only the last part of the name. */
static bool is_child(struct archive_entry *entry, const char *folder, uint64_t folder_size)
{
	uint64_t skip = folder_size > 0 ? folder_size + 1 : 0;

	if (entry->name_size <= skip || memcmp(entry->name, folder, folder_size) != 0)
		return false;
	if (skip > 0 && entry->name[folder_size] != '/')
		return false;
	for (uint64_t i = skip; i < entry->name_size; i++) {
		if (entry->name[i] == '/')
			return false;
	}
	entry->name += skip;
	entry->name_size -= skip;
	return true;
}

bool archive_child(const struct archive *archive, const char *folder, uint64_t folder_size, uint64_t index,
                   struct archive_entry *entry)
{
	for (uint64_t at = 0, n = 0; archive_entry_at(archive, at, (uint32_t)n, entry); at = entry->next, n++) {
		if (is_child(entry, folder, folder_size) && index-- == 0)
			return true;
	}
	return false;
}
