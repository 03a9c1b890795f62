/* Open files: the table of them, and read, write and seek on each kind. */
#include "v6.h"

static struct file files[FILES];

static struct file *file_new(enum file_kind kind, uint32_t mode)
{
	for (uint32_t i = 0; i < FILES; i++) {
		if (files[i].kind != FILE_FREE)
			continue;
		files[i] = (struct file){ .kind = kind, .refs = 1, .mode = mode };
		return &files[i];
	}
	return NULL;
}

void file_share(struct file *file)
{
	file->refs++;
}

void file_close(struct file *file)
{
	if (--file->refs > 0)
		return;
	if (file->kind == FILE_PIPE)
		pipe_close(file->pipe, file->mode);
	file->kind = FILE_FREE;
}

void files_init(struct process *first)
{
	struct file *console = file_new(FILE_CONSOLE, MODE_READ | MODE_WRITE);

	console->refs = 3;
	first->files[0] = first->files[1] = first->files[2] = console;
}

static int64_t fd_new(struct process *p, struct file *file)
{
	for (int fd = 0; fd < FILES_EACH; fd++) {
		if (p->files[fd])
			continue;
		p->files[fd] = file;
		return fd;
	}
	return -V6_EMFILE;
}

static struct file *fd_file(const struct process *p, uint64_t fd, uint32_t mode)
{
	struct file *file = fd < FILES_EACH ? p->files[fd] : NULL;

	return file && (file->mode & mode) == mode ? file : NULL;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int64_t sys_open(struct process *p, const uint64_t *args)
{
	const char *path = user_string(p, args[0]);
	enum file_kind kind = FILE_ARCHIVE;
	struct archive_entry entry = { 0 };
	struct file *file;
	int64_t fd;

	if (!path)
		return -V6_EFAULT;
	if (args[1] > 2)
		return -V6_EINVAL;
	if (same(path, "/dev/console"))
		kind = FILE_CONSOLE;
	else if (same(path, "/dev/null"))
		kind = FILE_NULL;
	else if (!archive_find(&v6.archive, path, &entry))
		return args[1] == 0 ? -V6_ENOENT : -V6_EROFS;
	else if (args[1] != 0)
		return -V6_EROFS;
	file = file_new(kind, (uint32_t)args[1] + 1);
	if (!file)
		return -V6_ENFILE;
	file->entry = entry;
	fd = fd_new(p, file);
	if (fd < 0)
		file_close(file);
	return fd;
}

int64_t sys_close(struct process *p, const uint64_t *args)
{
	struct file *file = fd_file(p, args[0], 0);

	if (!file)
		return -V6_EBADF;
	p->files[args[0]] = NULL;
	file_close(file);
	return 0;
}

int64_t sys_dup(struct process *p, const uint64_t *args)
{
	struct file *file = fd_file(p, args[0], 0);
	int64_t fd = file ? fd_new(p, file) : -V6_EBADF;

	if (fd >= 0)
		file_share(file);
	return fd;
}

int64_t sys_pipe(struct process *p, const uint64_t *args)
{
	int32_t *fds = user_at(p, args[0], 2 * sizeof(*fds), EXO_PROT_WRITE);
	struct file *ends[2];
	int64_t fd[2];

	if (!fds || args[0] % sizeof(*fds) != 0)
		return -V6_EFAULT;
	ends[0] = file_new(FILE_PIPE, MODE_READ);
	ends[1] = file_new(FILE_PIPE, MODE_WRITE);
	fd[0] = ends[1] ? fd_new(p, ends[0]) : -V6_ENFILE;
	fd[1] = fd[0] >= 0 ? fd_new(p, ends[1]) : fd[0];
	if (fd[1] >= 0) {
		ends[0]->pipe = ends[1]->pipe = pipe_new();
		if (ends[0]->pipe) {
			fds[0] = (int32_t)fd[0];
			fds[1] = (int32_t)fd[1];
			return 0;
		}
		p->files[fd[1]] = NULL;
		fd[1] = -V6_ENOMEM;
	}
	if (fd[0] >= 0)
		p->files[fd[0]] = NULL;
	for (int i = 0; i < 2; i++) {
		if (ends[i])
			ends[i]->kind = FILE_FREE;
	}
	return fd[1];
}

/* The entries below a folder, made up as they are read. */
static int64_t folder_read(struct file *file, uint8_t *to, uint64_t size)
{
	uint64_t done = 0;

	while (done < size) {
		struct v6_dirent out = { 0 };
		struct archive_entry child;
		uint64_t skip = file->position % sizeof(out), n = sizeof(out) - skip;

		if (!archive_child(&v6.archive, file->entry.name, file->entry.name_size, file->position / sizeof(out), &child))
			break;
		out.inode = (uint16_t)(child.number + 2);
		memcpy(out.name, child.name, child.name_size < V6_NAME_SIZE ? child.name_size : V6_NAME_SIZE);
		if (n > size - done)
			n = size - done;
		memcpy(to + done, (const uint8_t *)&out + skip, n);
		file->position += n;
		done += n;
	}
	return (int64_t)done;
}

static int64_t archive_read(struct file *file, uint8_t *to, uint64_t size)
{
	uint64_t rest = file->position < file->entry.size ? file->entry.size - file->position : 0;

	if (archive_is_folder(&file->entry))
		return folder_read(file, to, size);
	if (size > rest)
		size = rest;
	memcpy(to, file->entry.data + file->position, size);
	file->position += size;
	return (int64_t)size;
}

int64_t sys_read(struct process *p, const uint64_t *args)
{
	struct file *file = fd_file(p, args[0], MODE_READ);
	uint8_t *to = user_at(p, args[1], args[2], EXO_PROT_WRITE);

	if (!file)
		return -V6_EBADF;
	if (!to)
		return -V6_EFAULT;
	switch (file->kind) {
	case FILE_ARCHIVE:
		return archive_read(file, to, args[2]);
	case FILE_CONSOLE:
		return console_read(p, to, args[2]);
	case FILE_PIPE:
		return pipe_read(p, file->pipe, to, args[2]);
	default:
		return 0;
	}
}

int64_t sys_write(struct process *p, const uint64_t *args)
{
	struct file *file = fd_file(p, args[0], MODE_WRITE);
	const uint8_t *from = user_at(p, args[1], args[2], EXO_PROT_READ);

	if (!file)
		return -V6_EBADF;
	if (!from)
		return -V6_EFAULT;
	switch (file->kind) {
	case FILE_CONSOLE:
		return console_write(p, from, args[2]);
	case FILE_PIPE:
		return pipe_write(p, file->pipe, from, args[2]);
	default:
		return (int64_t)args[2];
	}
}

int64_t sys_seek(struct process *p, const uint64_t *args)
{
	struct file *file = fd_file(p, args[0], 0);
	uint64_t from;

	if (!file)
		return -V6_EBADF;
	if (file->kind != FILE_ARCHIVE)
		return -V6_ESPIPE;
	if (args[2] > 2)
		return -V6_EINVAL;
	from = args[2] == 0 ? 0 : args[2] == 1 ? file->position : file->entry.size;
	from += args[1];
	if (from > (UINT64_C(1) << 32))
		return -V6_EINVAL;
	file->position = from;
	return (int64_t)from;
}
