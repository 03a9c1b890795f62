/* From a place in the tree back to its text, and path arguments of system calls. */
#include <libos/fs/internal.h>

static void climb_mounts(const struct fs_context *fs, struct path *at)
{
	while (!path_equal(at, &fs->root) && at->inode == at->mount->root && at->mount->parent) {
		struct path up;
		path_set(&up, at->mount->parent, at->mount->covered);
		path_put(at);
		*at = up;
	}
}

int64_t path_text(const struct fs_context *fs, const struct path *path, char *to, size_t size)
{
	bool below;
	return path_text_below(fs, path, to, size, &below);
}

int64_t path_text_below(const struct fs_context *fs, const struct path *path, char *to, size_t size, bool *below)
{
	char name[NAME_LENGTH_MAX + 1];
	struct path at = *path;
	size_t start = size;
	int64_t r = 0;
	if (!at.mount)
		return -ENOENT;
	path_get(&at);
	for (;;) {
		climb_mounts(fs, &at);
		*below = path_equal(&at, &fs->root);
		if (*below || at.inode == at.mount->root)
			break;
		struct inode *dir = NULL;
		r = at.inode->ops->name ? at.inode->ops->name(at.inode, name, sizeof(name), &dir) : -ENOENT;
		if (r < 0)
			break;
		if ((uint64_t)r + 1 > start) {
			inode_put(dir);
			r = -ERANGE;
			break;
		}
		start -= (size_t)r;
		memcpy(to + start, name, (size_t)r);
		to[--start] = '/';
		inode_put(at.inode);
		at.inode = dir;
		r = 0;
	}
	path_put(&at);
	if (!r && start == size) {
		if (!size)
			return -ERANGE;
		to[--start] = '/';
	}
	/* The text ends with NUL, so one byte must be left. */
	if (!r && start == 0)
		r = -ERANGE;
	if (r)
		return r;
	size_t length = size - start;
	memmove(to, to + start, length);
	to[length] = '\0';
	return (int64_t)length;
}

int64_t path_describe(const struct fs_context *fs, const struct path *path, char *to, size_t size)
{
	if (!path->inode)
		return -ENOENT;
	if (path->inode->super == &libos.vfs.pipes)
		return (int64_t)format(to, size, "pipe:[%lu]", (unsigned long)path->inode->ino);
	if (path->inode->super == &libos.vfs.sockets)
		return (int64_t)format(to, size, "socket:[%lu]", (unsigned long)path->inode->ino);
	if (inode_is_anon(path->inode))
		return (int64_t)format(to, size, "anon_inode:%s", anon_name(path->inode));
	const char *title = memfd_title(path->inode);
	if (title)
		return (int64_t)format(to, size, "/%s (deleted)", title);
	int64_t r = path_text(fs, path, to, size);
	if (r == -ENOENT)
		return (int64_t)format(to, size, "/ (deleted)");
	return r;
}

int user_path_get(struct user_path *path, struct thread *thread, uint64_t address)
{
	struct vm_space *space = thread->process->space;
	path->text = path->inline_;
	int64_t r = user_string(space, path->inline_, address, sizeof(path->inline_));
	if (r != -ENAMETOOLONG)
		return r < 0 ? (int)r : 0;
	path->text = heap_alloc(PATH_LENGTH_MAX);
	if (!path->text)
		return -ENOMEM;
	r = user_string(space, path->text, address, PATH_LENGTH_MAX);
	if (r >= 0)
		return 0;
	heap_free(path->text);
	return (int)r;
}

void user_path_put(struct user_path *path)
{
	if (path->text != path->inline_)
		heap_free(path->text);
}
