/* Extended attributes: wrong paths, descriptors and names are told; then there are none. */
#include "check.h"
#include <sys/xattr.h>

/* A Linux file system may support them, and then says that there is no such one. */
static int has_none(long result)
{
	return result == -1 && (errno == EOPNOTSUPP || errno == ENODATA);
}

static int lists_none(long result)
{
	return result == 0 || (result == -1 && errno == EOPNOTSUPP);
}

int main(void)
{
	char value[16], longest[300];
	int fd = open("f", O_RDWR | O_CREAT, 0644), path = open("f", O_PATH);

	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	symlink("nowhere", "dangling");
	CHECK("getxattr", has_none(getxattr("f", "user.a", value, sizeof value)));
	CHECK("lgetxattr", has_none(lgetxattr("f", "user.a", value, sizeof value)));
	CHECK("lgetxattr of a link", has_none(lgetxattr("dangling", "user.a", value, sizeof value)) || errno == EPERM);
	CHECK("fgetxattr", has_none(fgetxattr(fd, "user.a", value, sizeof value)));
	CHECK("removexattr", has_none(removexattr("f", "user.a")));
	CHECK("fremovexattr", has_none(fremovexattr(fd, "user.a")));
	CHECK("listxattr", lists_none(listxattr("f", value, sizeof value)));
	CHECK("flistxattr", lists_none(flistxattr(fd, value, sizeof value)));
	FAILS("no such file", ENOENT, getxattr("g", "user.a", value, sizeof value));
	FAILS("a dangling link", ENOENT, getxattr("dangling", "user.a", value, sizeof value));
	FAILS("not a directory", ENOTDIR, listxattr("f/x", value, sizeof value));
	FAILS("wild path", EFAULT, getxattr((char *)8, "user.a", value, sizeof value));
	FAILS("bad descriptor", EBADF, fgetxattr(99, "user.a", value, sizeof value));
	FAILS("a descriptor of a path only", EBADF, fgetxattr(path, "user.a", value, sizeof value));
	FAILS("flistxattr of nothing", EBADF, flistxattr(99, value, sizeof value));
	FAILS("empty name", ERANGE, getxattr("f", "", value, sizeof value));
	FAILS("long name", ERANGE, getxattr("f", longest, value, sizeof value));
	FAILS("wild name", EFAULT, getxattr("f", (char *)8, value, sizeof value));
	FAILS("flags", EINVAL, setxattr("f", "user.a", value, 1, 4));
	FAILS("a large value", E2BIG, setxattr("f", "user.a", value, 65537, 0));
	FAILS("set: no such file", ENOENT, lsetxattr("g", "user.a", value, 1, 0));
	FAILS("fsetxattr of nothing", EBADF, fsetxattr(99, "user.a", value, 1, 0));
	FAILS("fremovexattr of nothing", EBADF, fremovexattr(99, "user.a"));
	FAILS("lremovexattr", ENOENT, lremovexattr("g", "user.a"));
	DONE();
}
