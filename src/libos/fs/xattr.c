/*
 * Extended attributes: who may see and change which, as xattr(7) and Linux's fs/xattr.c have it, and
 * the capabilities of a program's file, which are one of them.
 */
#include <libos/fs/notify.h>

#define NAME_CAPS "security.capability"

/* uapi/linux/capability.h: little endian words. */
#define VFS_CAP_REVISION_MASK 0xff000000u
#define VFS_CAP_REVISION_1    0x01000000u
#define VFS_CAP_REVISION_2    0x02000000u
#define VFS_CAP_REVISION_3    0x03000000u
#define VFS_CAP_EFFECTIVE     1u
#define CAPS_SIZE_1 12u
#define CAPS_SIZE_2 20u
#define CAPS_SIZE_3 24u /* with the root user of the namespace that it is meant for */

/* A file system has these three kinds; -EINVAL: the kind alone. */
static int name_kind(const char *name)
{
	static const char *const kinds[] = { "security.", "trusted.", "user." };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (str_starts(name, kinds[i]))
			return name[str_length(kinds[i])] ? 0 : -EINVAL;
	}
	return -EOPNOTSUPP;
}

static int permission(const struct inode *inode, const struct credentials *cred, const char *name, bool write)
{
	int refused = write ? -EPERM : -ENODATA;
	/* Those of the system are asked for by name, below. */
	if (str_starts(name, "security.") || str_starts(name, "system."))
		return 0;
	if (str_starts(name, "trusted."))
		return privileged(cred, PRIV_TRUSTED_XATTR) ? 0 : refused;
	if (str_starts(name, "user.")) {
		if (!is_type(inode, S_IFREG) && !is_directory(inode))
			return refused;
		if (write && is_directory(inode) && (inode->mode & S_ISVTX) && !inode_owned(inode, cred))
			return -EPERM;
	}
	return inode_permission(inode, cred, write ? MAY_WRITE : MAY_READ);
}

/* What cap_inode_setxattr() and cap_inode_removexattr() ask. */
static int security_permission(const struct credentials *cred, const char *name)
{
	if (!str_starts(name, "security."))
		return 0;
	return privileged(cred, str_equal(name, NAME_CAPS) ? PRIV_FILE_CAPS : PRIV_SECURITY_XATTR) ? 0 : -EPERM;
}

/* ---- capabilities of files ---- */

static uint32_t word(const uint8_t *bytes, unsigned at)
{
	return bytes[4 * at] | (uint32_t)bytes[4 * at + 1] << 8 | (uint32_t)bytes[4 * at + 2] << 16 | (uint32_t)bytes[4 * at + 3] << 24;
}

int file_caps_parse(const void *value, size_t size, struct file_caps *caps)
{
	const uint8_t *bytes = value;
	*caps = (struct file_caps){ .root = 0 };
	if (size < 4)
		return -EINVAL;
	uint32_t magic = word(bytes, 0), revision = magic & VFS_CAP_REVISION_MASK;
	if (!(revision == VFS_CAP_REVISION_1 && size == CAPS_SIZE_1) && !(revision == VFS_CAP_REVISION_2 && size == CAPS_SIZE_2) &&
	    !(revision == VFS_CAP_REVISION_3 && size == CAPS_SIZE_3))
		return -EINVAL;
	caps->effective = magic & VFS_CAP_EFFECTIVE;
	caps->revision = revision >> 24;
	uint64_t permitted = word(bytes, 1), inheritable = word(bytes, 2);
	if (caps->revision >= 2) {
		permitted |= (uint64_t)word(bytes, 3) << 32;
		inheritable |= (uint64_t)word(bytes, 4) << 32;
	}
	caps->permitted = CAP_ALL & permitted;
	caps->inheritable = CAP_ALL & inheritable;
	if (caps->revision == 3)
		caps->root = word(bytes, 5);
	return 0;
}

int file_caps_of(struct inode *inode, struct file_caps *caps)
{
	const void *value;
	int64_t size = inode->ops->xattr_get ? inode->ops->xattr_get(inode, NAME_CAPS, &value) : -ENODATA;
	if (size < 0)
		return (int)size;
	int r = file_caps_parse(value, (size_t)size, caps);
	/* Meant for another namespace's root: here it is as if there were none. */
	return !r && caps->root ? -ENODATA : r;
}

void file_caps_drop(struct inode *inode)
{
	const void *value;
	if (inode->ops->xattr_get && inode->ops->xattr_get(inode, NAME_CAPS, &value) >= 0)
		(void)inode->ops->xattr_set(inode, NAME_CAPS, NULL, 0, XATTR_REPLACE);
}

/*
 * Only what a privileged program says, and in a form of today, becomes one. On Linux 6.18's tmpfs anybody may set an
 * empty one on any file, which then cannot be run; that is no permission that somebody could need.
 */
static int caps_check(const void *value, size_t size, const struct credentials *cred)
{
	struct file_caps caps;
	if (size && (file_caps_parse(value, size, &caps) || caps.revision < 2))
		return -EINVAL;
	return privileged(cred, PRIV_FILE_CAPS) ? 0 : -EPERM;
}

/* As it is shown: in the short form where the long one says nothing more (cap_inode_getsecurity()). */
static int64_t caps_show(const void *value, size_t size, uint8_t *to)
{
	struct file_caps caps;
	if (file_caps_parse(value, size, &caps) || caps.revision < 2)
		return -EINVAL;
	memcpy(to, value, size);
	if (caps.root)
		return (int64_t)size;
	to[3] = VFS_CAP_REVISION_2 >> 24;
	return CAPS_SIZE_2;
}

/* ---- the operations ---- */

int vfs_xattr_set(const struct path *path, const struct credentials *cred, const char *name, const void *value, size_t size,
                  uint32_t flags)
{
	struct inode *inode = path->inode;
	int r = path_writable(path);
	if (!r && value && str_equal(name, NAME_CAPS))
		r = caps_check(value, size, cred);
	if (!r)
		r = permission(inode, cred, name, true);
	if (!r)
		r = security_permission(cred, name);
	if (!r)
		r = inode->ops->xattr_set ? name_kind(name) : -EOPNOTSUPP;
	if (!r)
		r = inode->ops->xattr_set(inode, name, value, size, flags);
	if (!r)
		notify_inode(inode, IN_ATTRIB);
	return r;
}

int64_t vfs_xattr_get(struct inode *inode, const struct credentials *cred, const char *name, struct xattr_value *found)
{
	int64_t r = permission(inode, cred, name, false);
	if (!r)
		r = inode->ops->xattr_get ? name_kind(name) : -EOPNOTSUPP;
	if (!r)
		r = inode->ops->xattr_get(inode, name, &found->value);
	if (r < 0 || !str_equal(name, NAME_CAPS))
		return r;
	r = caps_show(found->value, (size_t)r, found->caps);
	found->value = found->caps;
	return r;
}

const char *vfs_xattr_next(struct inode *inode, const struct credentials *cred, const char *name)
{
	if (!inode->ops->xattr_next)
		return NULL;
	do
		name = inode->ops->xattr_next(inode, name);
	while (name && str_starts(name, "trusted.") && !privileged(cred, PRIV_TRUSTED_XATTR));
	return name;
}
