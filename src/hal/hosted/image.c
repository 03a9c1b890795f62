/*
 * The root image: what --root names and the layers of --add, one archive after the other, at the upper end of memory.
 * In front of them lies the request's text, in frames of its own, if the boot page has no room for it (request.h).
 */
#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_MIN (UINT64_C(4) << 20) /* memory beside the image */

static const char no_room[] = "the root image does not fit; give more memory with -m";

static struct piece {
	const char *path;
	int fd;
	bool folder;
	uint64_t size; /* of a file */
} pieces[1 + LAYERS_MAX];
static unsigned piece_count;

/* The message with the name of what it is about. */
static bool fail(const char *path, const char *why, const char **message)
{
	static char text[PATH_MAX + 256];

	snprintf(text, sizeof(text), "%s: %s", path, why);
	*message = text;
	return false;
}

/* ---- opening ---- */

static bool open_piece(const char *path, const char **message)
{
	struct piece *piece = &pieces[piece_count];
	struct stat status;
	char magic[6];

	piece->path = path;
	piece->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is refused, not waited for */
	if (piece->fd < 0 || fstat(piece->fd, &status) != 0)
		return fail(path, errno == EMFILE ? host_refusal_of_memory(errno) : strerror(errno), message);
	piece_count++;
	piece->folder = S_ISDIR(status.st_mode);
	if (piece->folder)
		return true;
	if (!S_ISREG(status.st_mode) || status.st_size < 6)
		return fail(path, "not a cpio archive (newc) or a directory", message);
	if (pread(piece->fd, magic, sizeof(magic), 0) != sizeof(magic) || memcmp(magic, "07070", 5) != 0)
		return fail(path, "not a cpio archive in the newc format", message);
	piece->size = (uint64_t)status.st_size;
	return true;
}

bool host_image_open(const struct options *options, const char **message)
{
	bool opened = open_piece(options->root, message);

	for (unsigned i = 0; i < LAYERS_MAX && options->layers[i] && opened; i++)
		opened = open_piece(options->layers[i], message);
	return opened;
}

void host_image_confine(void)
{
	int folders[1 + LAYERS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < piece_count; i++)
		if (pieces[i].folder)
			folders[count++] = pieces[i].fd;
	host_confine_start(folders, count);
}

/* ---- reading ---- */

static uint64_t whole_frames(uint64_t size)
{
	return (size + EXO_FRAME_SIZE - 1) & ~(EXO_FRAME_SIZE - 1);
}

static uint64_t memory_size(void)
{
	return host_machine.boot.frame_count << EXO_FRAME_SHIFT;
}

static bool place(uint64_t size, const char **message)
{
	uint64_t frames = whole_frames(size) >> EXO_FRAME_SHIFT;

	if ((frames << EXO_FRAME_SHIFT) + WORK_MIN > memory_size()) {
		*message = no_room;
		return false;
	}
	host_machine.boot.image_first = FIRST_FRAME + host_machine.boot.frame_count - frames;
	host_machine.boot.image_size = size;
	return true;
}

/* Into the file of guest memory, not into our view of it: that would cost a fault a page. */
static bool read_file(struct piece *piece, uint8_t *to, const char **message)
{
	off_t at = to - host_machine.memory;
	uint64_t done = 0;

	if (lseek(host_machine.memory_fd, at, SEEK_SET) != at)
		return fail(piece->path, strerror(errno), message);
	while (done < piece->size) {
		ssize_t got = sendfile(host_machine.memory_fd, piece->fd, 0, piece->size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fail(piece->path, got ? strerror(errno) : "the file became shorter while it was read", message);
		done += (uint64_t)got;
	}
	return true;
}

/* One file behind the text: its place is known before. */
static bool load_file(const struct options *options, uint64_t text, const char **message)
{
	uint8_t *image;

	if (!place(text + pieces[0].size, message))
		return false;
	image = hal_phys_ptr(host_machine.boot.image_first);
	memcpy(image, options->text, text ? options->text_size : 0);
	return read_file(&pieces[0], image + text, message);
}

/* How much a directory will take is not known before: everything is put to the lower end of memory, then moved up. */
static bool load_pieces(const struct options *options, uint64_t text, const char **message)
{
	uint8_t *first = hal_phys_ptr(FIRST_FRAME), *image;
	uint64_t room = memory_size(), size = text, left;
	const char *why;

	*message = no_room;
	if (room < WORK_MIN * 2 || text > room - WORK_MIN)
		return false;
	room -= WORK_MIN;
	memcpy(first, options->text, text ? options->text_size : 0);
	for (unsigned i = 0; i < piece_count; i++) {
		struct piece *piece = &pieces[i];

		size = (size + 3) & ~UINT64_C(3); /* as cpio archives follow one another */
		if (size > room || (!piece->folder && piece->size > room - size))
			return false;
		left = piece->size;
		if (piece->folder) {
			left = host_pack_directory(piece->fd, first + size, room - size, &why);
			piece->fd = -1;
			if (left == 0)
				return fail(piece->path, why, message);
		} else if (!read_file(piece, first + size, message)) {
			return false;
		}
		size += left;
	}
	if (!place(size, message))
		return false;
	image = hal_phys_ptr(host_machine.boot.image_first);
	memmove(image, first, size);
	/* What it left behind must read as fresh memory. */
	size = whole_frames(size);
	host_machine.boot.zeroed = madvise(first, first + size <= image ? size : (uint64_t)(image - first), MADV_REMOVE) == 0;
	return true;
}

bool host_image_load(const struct options *options, const char **message)
{
	uint64_t text = options->text_size < EXO_CMDLINE_SIZE ? 0 : whole_frames(options->text_size);
	bool loaded = piece_count == 1 && !pieces[0].folder ? load_file(options, text, message) : load_pieces(options, text, message);

	for (unsigned i = 0; i < piece_count; i++)
		if (pieces[i].fd >= 0)
			close(pieces[i].fd);
	return loaded;
}
