/* System calls on extended attributes. Flags, name and value are looked at before the path, as by Linux since 6.13. */
#include <libos/fs/internal.h>

#define NAME_SIZE 256 /* XATTR_NAME_MAX and a NUL */
#define SIZE_MAX_ 65536u /* XATTR_SIZE_MAX, XATTR_LIST_MAX */

enum place { PLACE_PATH, PLACE_LINK, PLACE_DESCRIPTOR }; /* what args[0] is */

static int name_get(struct thread *self, char *name, uint64_t address)
{
	int64_t length = user_string(self->process->space, name, address, NAME_SIZE);
	if (length == 0 || length == -ENAMETOOLONG)
		return -ERANGE;
	return length < 0 ? (int)length : 0;
}

static int place_get(struct thread *self, enum place place, uint64_t address, struct path *found)
{
	struct user_path path;
	if (place == PLACE_DESCRIPTOR) {
		struct file *file = fd_io_file(self, address);
		if (!file || !file->path.inode)
			return -EBADF;
		*found = file->path;
		path_get(found);
		return 0;
	}
	int r = user_path_get(&path, self, address);
	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, path.text, place == PLACE_LINK ? WALK_NOFOLLOW : 0, found);
	user_path_put(&path);
	return r;
}

static int value_get(struct thread *self, uint64_t address, uint64_t size, void **value)
{
	*value = NULL;
	if (size > SIZE_MAX_)
		return -E2BIG;
	/* An empty value is one, too. */
	*value = heap_alloc(size ? size : 1);
	if (!*value)
		return -ENOMEM;
	return user_read(self->process->space, *value, address, size) ? -EFAULT : 0;
}

static int64_t set(struct thread *self, enum place place, const uint64_t *args)
{
	uint32_t flags = (uint32_t)args[4];
	char name[NAME_SIZE];
	struct path path;
	void *value = NULL;
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int r = name_get(self, name, args[1]);
	if (!r)
		r = value_get(self, args[2], args[3], &value);
	if (!r)
		r = place_get(self, place, args[0], &path);
	if (!r) {
		r = vfs_xattr_set(&path, &self->cred, name, value, args[3], flags);
		path_put(&path);
	}
	heap_free(value);
	return r;
}

static int64_t remove(struct thread *self, enum place place, const uint64_t *args)
{
	char name[NAME_SIZE];
	struct path path;
	int r = name_get(self, name, args[1]);
	if (!r)
		r = place_get(self, place, args[0], &path);
	if (!r) {
		r = vfs_xattr_set(&path, &self->cred, name, NULL, 0, XATTR_REPLACE);
		path_put(&path);
	}
	return r;
}

static int64_t get(struct thread *self, enum place place, const uint64_t *args)
{
	uint64_t room = min_u64(args[3], SIZE_MAX_);
	char name[NAME_SIZE];
	struct xattr_value found;
	struct path path;
	int r = name_get(self, name, args[1]);
	if (!r)
		r = place_get(self, place, args[0], &path);
	if (r)
		return r;
	int64_t size = vfs_xattr_get(path.inode, &self->cred, name, &found);
	if (size > 0 && room && (uint64_t)size > room)
		size = room == SIZE_MAX_ ? -E2BIG : -ERANGE;
	else if (size > 0 && room && user_write(self->process->space, args[2], found.value, (uint64_t)size))
		size = -EFAULT;
	path_put(&path);
	return size;
}

/* All names one after another, with their NULs. */
static int64_t names_put(struct thread *self, struct inode *inode, uint64_t to, uint64_t room)
{
	uint64_t size = 0, done = 0;
	const char *name = NULL;
	char *text;
	while ((name = vfs_xattr_next(inode, &self->cred, name)))
		size += str_length(name) + 1;
	if (!room || !size)
		return (int64_t)size;
	if (size > room)
		return room == SIZE_MAX_ ? -E2BIG : -ERANGE;
	text = heap_alloc(size);
	if (!text)
		return -ENOMEM;
	while ((name = vfs_xattr_next(inode, &self->cred, name))) {
		memcpy(text + done, name, str_length(name) + 1);
		done += str_length(name) + 1;
	}
	bool bad = user_write(self->process->space, to, text, size);
	heap_free(text);
	return bad ? -EFAULT : (int64_t)size;
}

static int64_t list(struct thread *self, enum place place, const uint64_t *args)
{
	struct path path;
	int64_t r = place_get(self, place, args[0], &path);
	if (r)
		return r;
	r = names_put(self, path.inode, args[1], min_u64(args[2], SIZE_MAX_));
	path_put(&path);
	return r;
}

int64_t sys_setxattr(struct thread *self, const uint64_t *args) { return set(self, PLACE_PATH, args); }
int64_t sys_lsetxattr(struct thread *self, const uint64_t *args) { return set(self, PLACE_LINK, args); }
int64_t sys_fsetxattr(struct thread *self, const uint64_t *args) { return set(self, PLACE_DESCRIPTOR, args); }
int64_t sys_getxattr(struct thread *self, const uint64_t *args) { return get(self, PLACE_PATH, args); }
int64_t sys_lgetxattr(struct thread *self, const uint64_t *args) { return get(self, PLACE_LINK, args); }
int64_t sys_fgetxattr(struct thread *self, const uint64_t *args) { return get(self, PLACE_DESCRIPTOR, args); }
int64_t sys_listxattr(struct thread *self, const uint64_t *args) { return list(self, PLACE_PATH, args); }
int64_t sys_llistxattr(struct thread *self, const uint64_t *args) { return list(self, PLACE_LINK, args); }
int64_t sys_flistxattr(struct thread *self, const uint64_t *args) { return list(self, PLACE_DESCRIPTOR, args); }
int64_t sys_removexattr(struct thread *self, const uint64_t *args) { return remove(self, PLACE_PATH, args); }
int64_t sys_lremovexattr(struct thread *self, const uint64_t *args) { return remove(self, PLACE_LINK, args); }
int64_t sys_fremovexattr(struct thread *self, const uint64_t *args) { return remove(self, PLACE_DESCRIPTOR, args); }
