/* devpts: a tmpfs in which nobody but pseudo-terminals makes and removes names. */
#include <libos/fs/devpts.h>
#include <libos/fs/tmpfs.h>
#include <libos/tty/pty.h>

#define PTMX_INO     2u
#define FIRST_INO    3u /* of number 0 */
#define DIGITS       11u

/* Its settings are in the super: root_mode, root_uid and root_gid are those of names (UINT32_MAX: who opens it), max_bytes is
 * the most names. */

static const struct inode_ops root_ops = {
	.lookup = tmpfs_lookup,
	.readdir = tmpfs_readdir,
	.parent = tmpfs_parent,
	.open = tmpfs_open,
	.release = tmpfs_release,
	.name = tmpfs_name,
};
static const struct inode_ops name_ops = { .release = tmpfs_release, .name = tmpfs_name };

static size_t name_of(uint32_t number, char *to)
{
	return format(to, DIGITS, "%u", number);
}

static int make(struct super *super, const char *name, uint32_t mode, uint64_t rdev, const struct credentials *cred, struct inode **made)
{
	int r = tmpfs_ops.create(super->root, name, str_length(name), S_IFCHR | mode, rdev, cred, made);
	if (!r)
		(*made)->ops = &name_ops;
	return r;
}

void devpts_set(struct super *super, const struct mount_options *options)
{
	struct inode *ptmx;
	super->root_mode = options->mode;
	super->root_uid = options->uid;
	super->root_gid = options->gid;
	super->max_bytes = options->count;
	if (tmpfs_lookup(super->root, "ptmx", 4, &ptmx))
		return;
	ptmx->mode = S_IFCHR | options->ptmx_mode;
	inode_put(ptmx);
}

struct super *devpts_new(const char *source, const struct mount_options *options)
{
	struct super *super = tmpfs_new("devpts", source, UINT64_MAX, 0755);
	struct inode *ptmx;
	if (!super)
		return NULL;
	super->magic = DEVPTS_SUPER_MAGIC;
	super->root->ops = &root_ops;
	if (make(super, "ptmx", 0, make_device(PTY_MASTER_MAJOR, PTY_MASTER_MINOR), NULL, &ptmx)) {
		super_drop_unmounted(super);
		return NULL;
	}
	ptmx->ino = PTMX_INO;
	inode_put(ptmx);
	devpts_set(super, options);
	return super;
}

void devpts_show_options(struct text *text, const struct super *super)
{
	struct inode *ptmx;
	uint32_t mode = 0;
	if (!tmpfs_lookup(super->root, "ptmx", 4, &ptmx)) {
		mode = ptmx->mode & 07777;
		inode_put(ptmx);
	}
	if (super->root_uid != UINT32_MAX)
		text_printf(text, ",uid=%u", super->root_uid);
	if (super->root_gid != UINT32_MAX)
		text_printf(text, ",gid=%u", super->root_gid);
	text_printf(text, ",mode=%03o,ptmxmode=%03o", super->root_mode, mode);
	if (super->max_bytes != UINT32_MAX)
		text_printf(text, ",max=%u", (uint32_t)super->max_bytes);
}

bool devpts_has(const struct inode *inode)
{
	return inode->super->magic == DEVPTS_SUPER_MAGIC;
}

struct super *devpts_beside(const struct path *ptmx)
{
	struct path at = { ptmx->mount, NULL };
	char name[NAME_LENGTH_MAX + 1];
	struct inode *dir;
	struct mount *m;
	if (devpts_has(ptmx->inode))
		return ptmx->inode->super;
	if (!ptmx->mount || !ptmx->inode->ops->name || ptmx->inode->ops->name(ptmx->inode, name, sizeof(name), &dir) < 0)
		return NULL;
	int r = dir->ops->lookup(dir, "pts", 3, &at.inode);
	inode_put(dir);
	if (r)
		return NULL;
	m = mount_on(&at);
	inode_put(at.inode);
	return m && devpts_has(m->root) ? m->super : NULL;
}

uint32_t devpts_max(const struct super *super)
{
	return (uint32_t)super->max_bytes;
}

int devpts_add(struct super *super, uint32_t number, const struct credentials *cred, struct inode **made)
{
	char name[DIGITS];
	(void)name_of(number, name);
	int r = make(super, name, super->root_mode, make_device(PTY_SLAVE_MAJOR, number), cred, made);
	if (r)
		return r;
	(*made)->ino = FIRST_INO + number;
	if (super->root_uid != UINT32_MAX)
		(*made)->uid = super->root_uid;
	if (super->root_gid != UINT32_MAX)
		(*made)->gid = super->root_gid;
	return 0;
}

/* If it is not gone already, with the file system. */
void devpts_remove(struct inode *name, uint32_t number)
{
	char text[DIGITS];
	size_t length = name_of(number, text);
	if (name->super->root)
		(void)tmpfs_ops.unlink(name->super->root, text, length, name);
}
