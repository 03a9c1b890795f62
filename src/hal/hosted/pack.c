/*
 * A directory of the host as a cpio archive (newc), as Linux's initramfs has it:
 * for --root DIR.
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

struct packer {
	uint8_t *to;
	uint64_t room, size;
	uint32_t inode;
	const char *message;
	char path[PATH_ROOM]; /* inside the archive */
};

static bool fail(struct packer *packer, const char *message)
{
	if (!packer->message)
		packer->message = message;
	return false;
}

static bool put(struct packer *packer, const void *bytes, uint64_t size)
{
	if (size > packer->room - packer->size)
		return fail(packer, "the directory does not fit; give more memory with -m");
	memcpy(packer->to + packer->size, bytes, size);
	packer->size += size;
	return true;
}

static bool align(struct packer *packer)
{
	return put(packer, "\0\0\0", -packer->size & 3);
}

static bool put_header(struct packer *packer, const char *name, const struct stat *status, uint64_t size)
{
	char header[HEADER_SIZE + 1];
	uint64_t length = strlen(name) + 1;

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
	         ++packer->inode, (unsigned)status->st_mode, (unsigned)status->st_uid,
	         (unsigned)status->st_gid, 1U, (unsigned)status->st_mtime, (unsigned)size, 0U, 0U,
	         major(status->st_rdev), minor(status->st_rdev), (unsigned)length, 0U);
	return put(packer, header, HEADER_SIZE) && put(packer, name, length) && align(packer);
}

static bool put_file(struct packer *packer, int directory, const char *entry, const struct stat *status)
{
	uint64_t size = (uint64_t)status->st_size, done = 0;
	int fd;

	if (size > UINT32_MAX)
		return fail(packer, "a file is larger than 4 GiB");
	if (!put_header(packer, packer->path, status, size))
		return false;
	if (size > packer->room - packer->size)
		return fail(packer, "the directory does not fit; give more memory with -m");
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
		return fail(packer, "a file cannot be read");
	packer->size += size;
	return align(packer);
}

static bool put_link(struct packer *packer, int directory, const char *entry, const struct stat *status)
{
	char target[PATH_ROOM];
	ssize_t size = readlinkat(directory, entry, target, sizeof(target));

	if (size < 0)
		return fail(packer, "a symbolic link cannot be read");
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
		return fail(packer, "a path is too long");
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
			done = fail(packer, "a directory cannot be read");
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

/* Takes fd. */
static bool put_directory(struct packer *packer, int fd, unsigned depth)
{
	DIR *directory = fdopendir(fd);
	struct dirent *entry;
	bool done = true;

	if (!directory || depth > DEPTH_MAX) {
		if (directory)
			closedir(directory);
		else
			close(fd);
		return fail(packer, "directories are nested too deeply");
	}
	while (done && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			done = put_entry(packer, fd, entry->d_name, depth);
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
	free(packer);
	return size;
}
