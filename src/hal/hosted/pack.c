/*
 * A directory of the host as a cpio archive (newc), as Linux's initramfs has it: for --root DIR and --add DIR. Names are
 * sorted, so that the same tree gives the same archive; the names of one file stay that (its first one has the content).
 */
#include "hosted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define HEADER_SIZE 110
#define DEPTH_MAX   64
#define PATH_ROOM   4096

static const char no_room[] = "does not fit any more; give more memory with -m";

struct several { /* a file with several names */
	dev_t device;
	ino_t number;
	uint32_t inode; /* in the archive; 0: the place is free */
};

struct packer {
	uint8_t *to;
	uint64_t room, size;
	uint32_t inode;
	struct several *several; /* a hash table; 0: none yet */
	size_t several_room, several_count;
	const char *message;
	char path[PATH_ROOM]; /* inside the archive */
};

/* The first thing that goes wrong, and with what. */
static bool fail(struct packer *packer, const char *message)
{
	static char text[PATH_ROOM + 256];

	if (packer->message)
		return false;
	packer->message = message;
	if (packer->path[0]) {
		snprintf(text, sizeof(text), "%s: %s", packer->path, message);
		packer->message = text;
	}
	return false;
}

/* ---- files with several names ---- */

static struct several *place_of(struct several *table, size_t room, dev_t device, ino_t number)
{
	size_t at = (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) % room;

	while (table[at].inode && (table[at].device != device || table[at].number != number))
		at = (at + 1) % room;
	return &table[at];
}

static bool several_grow(struct packer *packer)
{
	size_t room = packer->several_room ? 2 * packer->several_room : 64;
	struct several *table = calloc(room, sizeof(*table));

	if (!table)
		return fail(packer, strerror(ENOMEM));
	for (size_t i = 0; i < packer->several_room; i++)
		if (packer->several[i].inode)
			*place_of(table, room, packer->several[i].device, packer->several[i].number) = packer->several[i];
	free(packer->several);
	packer->several = table;
	packer->several_room = room;
	return true;
}

/* The number in the archive; *seen: an earlier name had the content. */
static bool inode_of(struct packer *packer, const struct stat *status, uint32_t *inode, bool *seen)
{
	struct several *place;

	*seen = false;
	*inode = ++packer->inode;
	if (status->st_nlink < 2)
		return true;
	if (2 * packer->several_count >= packer->several_room && !several_grow(packer))
		return false;
	place = place_of(packer->several, packer->several_room, status->st_dev, status->st_ino);
	if (place->inode) {
		*seen = true;
		*inode = place->inode;
		return true;
	}
	*place = (struct several){status->st_dev, status->st_ino, *inode};
	packer->several_count++;
	return true;
}

static bool put(struct packer *packer, const void *bytes, uint64_t size)
{
	if (size > packer->room - packer->size)
		return fail(packer, no_room);
	memcpy(packer->to + packer->size, bytes, size);
	packer->size += size;
	return true;
}

static bool align(struct packer *packer)
{
	return put(packer, "\0\0\0", -packer->size & 3);
}

static bool put_header_of(struct packer *packer, const char *name, const struct stat *status, uint64_t size, uint32_t inode,
                          unsigned names)
{
	char header[HEADER_SIZE + 1];
	uint64_t length = strlen(name) + 1;

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
	         inode, (unsigned)status->st_mode, (unsigned)status->st_uid,
	         (unsigned)status->st_gid, names, (unsigned)status->st_mtime, (unsigned)size, 0U, 0U,
	         major(status->st_rdev), minor(status->st_rdev), (unsigned)length, 0U);
	return put(packer, header, HEADER_SIZE) && put(packer, name, length) && align(packer);
}

static bool put_header(struct packer *packer, const char *name, const struct stat *status, uint64_t size)
{
	return put_header_of(packer, name, status, size, ++packer->inode, 1);
}

static bool put_file(struct packer *packer, int directory, const char *entry, const struct stat *status)
{
	uint64_t size = (uint64_t)status->st_size, done = 0;
	uint32_t inode;
	bool seen;
	int fd;

	if (size > UINT32_MAX)
		return fail(packer, "larger than 4 GiB");
	if (!inode_of(packer, status, &inode, &seen) ||
	    !put_header_of(packer, packer->path, status, seen ? 0 : size, inode, status->st_nlink > 1 ? 2 : 1))
		return false;
	if (seen)
		return true;
	if (size > packer->room - packer->size)
		return fail(packer, no_room);
	fd = openat(directory, entry, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && done < size) {
		ssize_t got = read(fd, packer->to + packer->size + done, size - done);
		if (got <= 0)
			break;
		done += (uint64_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (done < size)
		return fail(packer, fd < 0 ? "cannot be opened" : "cannot be read, or became shorter");
	packer->size += size;
	return align(packer);
}

static bool put_link(struct packer *packer, int directory, const char *entry, const struct stat *status)
{
	char target[PATH_ROOM];
	ssize_t size = readlinkat(directory, entry, target, sizeof(target));

	if (size < 0)
		return fail(packer, "the symbolic link cannot be read");
	return put_header(packer, packer->path, status, (uint64_t)size) &&
	       put(packer, target, (uint64_t)size) && align(packer);
}

static bool put_directory(struct packer *packer, int fd, unsigned depth);

static bool put_entry(struct packer *packer, int directory, const char *entry, unsigned depth)
{
	struct stat status;
	size_t length = strlen(packer->path);
	bool done = true;

	if (length + strlen(entry) + 2 > sizeof(packer->path))
		return fail(packer, "a path in it is too long");
	if (fstatat(directory, entry, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return true; /* gone meanwhile */
	if (length)
		strcat(packer->path, "/");
	strcat(packer->path, entry);
	if (S_ISREG(status.st_mode)) {
		done = put_file(packer, directory, entry, &status);
	} else if (S_ISLNK(status.st_mode)) {
		done = put_link(packer, directory, entry, &status);
	} else if (S_ISDIR(status.st_mode)) {
		int fd = openat(directory, entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		done = put_header(packer, packer->path, &status, 0);
		if (fd < 0)
			done = fail(packer, "the directory cannot be read");
		else if (done)
			done = put_directory(packer, fd, depth + 1);
		else
			close(fd);
	} else {
		done = put_header(packer, packer->path, &status, 0);
	}
	packer->path[length] = 0;
	return done;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted, without itself and its parent; the array and each name are the caller's to free. */
static bool read_names(struct packer *packer, DIR *directory, char ***names, size_t *count)
{
	struct dirent *entry;
	size_t room = 0;

	*names = NULL;
	*count = 0;
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (*count == room) {
			char **more = realloc(*names, (room = room ? 2 * room : 32) * sizeof(**names));

			if (!more)
				return fail(packer, strerror(ENOMEM));
			*names = more;
		}
		(*names)[*count] = strdup(entry->d_name);
		if (!(*names)[*count])
			return fail(packer, strerror(ENOMEM));
		++*count;
	}
	if (*count)
		qsort(*names, *count, sizeof(**names), by_name);
	return true;
}

/* Takes fd. */
static bool put_directory(struct packer *packer, int fd, unsigned depth)
{
	DIR *directory = depth > DEPTH_MAX ? NULL : fdopendir(fd);
	char **names;
	size_t count;
	bool done;

	if (!directory) {
		close(fd);
		return fail(packer, depth > DEPTH_MAX ? "directories are nested too deeply" : strerror(errno));
	}
	done = read_names(packer, directory, &names, &count);
	for (size_t i = 0; i < count; i++) {
		done = done && put_entry(packer, fd, names[i], depth);
		free(names[i]);
	}
	free(names);
	closedir(directory);
	return done;
}

uint64_t host_pack_directory(int fd, uint8_t *to, uint64_t room, const char **message)
{
	struct packer *packer = calloc(1, sizeof(*packer));
	struct stat none = {.st_mode = 0};
	uint64_t size = 0;

	if (!packer) {
		*message = strerror(errno);
		close(fd);
		return 0;
	}
	packer->to = to;
	packer->room = room;
	if (put_directory(packer, fd, 0) && put_header(packer, "TRAILER!!!", &none, 0))
		size = packer->size;
	*message = packer->message;
	free(packer->several);
	free(packer);
	return size;
}
