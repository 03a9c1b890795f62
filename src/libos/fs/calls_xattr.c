/*
 * Extended attributes: no file system here has any, so each call ends in EOPNOTSUPP, but
 * only after its path, descriptor, flags and name have been looked at as on Linux.
 */
#include <libos/fs/internal.h>

#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_CREATE   1u
#define XATTR_REPLACE  2u

static int name_check(struct thread *self, uint64_t address)
{
	char name[XATTR_NAME_MAX + 1];
	int64_t length = user_string(self->process->space, name, address, sizeof(name));

	if (length == 0 || length == -ENAMETOOLONG)
		return -ERANGE;
	return length < 0 ? (int)length : 0;
}

static int path_check(struct thread *self, uint64_t address, uint32_t walk)
{
	struct user_path path;
	struct path found;
	int r = user_path_get(&path, self, address);

	if (r)
		return r;
	r = path_walk(self, AT_FDCWD, path.text, walk, &found);
	user_path_put(&path);
	if (!r)
		path_put(&found);
	return r;
}

static int descriptor_check(struct thread *self, uint64_t fd)
{
	return fd_io_file(self, fd) ? 0 : -EBADF;
}

/* `r`: what the check of path or descriptor said. */
static int64_t with_name(struct thread *self, int r, uint64_t name)
{
	if (!r)
		r = name_check(self, name);
	return r ? r : -EOPNOTSUPP;
}

static int64_t without_name(int r)
{
	return r ? r : -EOPNOTSUPP;
}

static int64_t set(struct thread *self, int r, const uint64_t *args)
{
	uint32_t flags = (uint32_t)args[4];

	if (!r && flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (!r)
		r = name_check(self, args[1]);
	if (!r && args[3] > XATTR_SIZE_MAX)
		return -E2BIG;
	return r ? r : -EOPNOTSUPP;
}

int64_t sys_setxattr(struct thread *self, const uint64_t *args)
{
	return set(self, path_check(self, args[0], 0), args);
}

int64_t sys_lsetxattr(struct thread *self, const uint64_t *args)
{
	return set(self, path_check(self, args[0], WALK_NOFOLLOW), args);
}

int64_t sys_fsetxattr(struct thread *self, const uint64_t *args)
{
	return set(self, descriptor_check(self, args[0]), args);
}

int64_t sys_getxattr(struct thread *self, const uint64_t *args)
{
	return with_name(self, path_check(self, args[0], 0), args[1]);
}

int64_t sys_lgetxattr(struct thread *self, const uint64_t *args)
{
	return with_name(self, path_check(self, args[0], WALK_NOFOLLOW), args[1]);
}

int64_t sys_fgetxattr(struct thread *self, const uint64_t *args)
{
	return with_name(self, descriptor_check(self, args[0]), args[1]);
}

int64_t sys_listxattr(struct thread *self, const uint64_t *args)
{
	return without_name(path_check(self, args[0], 0));
}

int64_t sys_llistxattr(struct thread *self, const uint64_t *args)
{
	return without_name(path_check(self, args[0], WALK_NOFOLLOW));
}

int64_t sys_flistxattr(struct thread *self, const uint64_t *args)
{
	return without_name(descriptor_check(self, args[0]));
}

int64_t sys_removexattr(struct thread *self, const uint64_t *args)
{
	return with_name(self, path_check(self, args[0], 0), args[1]);
}

int64_t sys_lremovexattr(struct thread *self, const uint64_t *args)
{
	return with_name(self, path_check(self, args[0], WALK_NOFOLLOW), args[1]);
}

int64_t sys_fremovexattr(struct thread *self, const uint64_t *args)
{
	return with_name(self, descriptor_check(self, args[0]), args[1]);
}
