/*
 * The file system: a cpio archive (format newc: Linux's initramfs buffer format), read where it lies. Nothing in it is
 * trusted. Names have no leading slash; "" is the root.
 */
#ifndef V6_ARCHIVE_H
#define V6_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

struct archive {
	const uint8_t *bytes;
	uint64_t size;
};

struct archive_entry {
	const char *name;  /* `name_size` characters, not ended by 0 */
	uint64_t name_size;
	const uint8_t *data;
	uint64_t size;     /* bytes */
	uint32_t mode;     /* as in the archive: type and permissions */
	uint32_t number;   /* its place in the archive, from 0 */
	uint64_t next;     /* where the next one begins */
};

/* Takes the entry at `at` (0: the first); false at the end, or where the archive makes no sense. */
bool archive_entry_at(const struct archive *archive, uint64_t at, uint32_t number, struct archive_entry *entry);

/* Finds a name (leading slashes do not count, nor one at the end). The root is found if nothing is left of it. */
bool archive_find(const struct archive *archive, const char *path, struct archive_entry *entry);

/* The index-th entry directly below the folder `folder` of `folder_size` characters; false: there are fewer. */
bool archive_child(const struct archive *archive, const char *folder, uint64_t folder_size, uint64_t index,
                   struct archive_entry *entry);

/* The folder type of cpio's mode field. */
static inline bool archive_is_folder(const struct archive_entry *entry)
{
	return (entry->mode & 0170000) == 0040000;
}

#endif
