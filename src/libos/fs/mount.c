/* Mounted file systems: the tree of mounts, and the first ones at boot. */
#include <libos/fs/devpts.h>
#include <libos/fs/notify.h>

#define TTY_GROUP 5u /* as in the /etc/group of most systems */

struct super *super_new(const char *type, const char *source, uint64_t magic)
{
	struct super *super = heap_zalloc(sizeof(*super));
	if (!super)
		return NULL;
	super->type = type;
	super->source = source;
	super->magic = magic;
	super->device = make_device(0, (uint32_t)++libos.vfs.next_device);
	return super;
}

struct mount *mount_on(const struct path *path)
{
	struct mount *m = path->inode->mounted;
	while (m && m->parent != path->mount)
		m = m->next_on;
	return m;
}

struct mount *mount_of(const struct inode *inode)
{
	LIST_EACH(at, &libos.vfs.mounts) {
		struct mount *m = LIST_ENTRY(at, struct mount, node);
		if (m->super == inode->super)
			return m;
	}
	return NULL;
}

bool mount_readonly(const struct mount *m)
{
	return (m->flags | m->super->flags) & MS_RDONLY;
}

bool mount_written(const struct mount *m, bool all)
{
	if (!all)
		return m->writers;
	LIST_EACH(at, &libos.vfs.mounts) {
		const struct mount *other = LIST_ENTRY(at, struct mount, node);
		if (other->super == m->super && other->writers)
			return true;
	}
	return false;
}

void mounts_changed(void)
{
	libos.vfs.mount_changes++;
	waitq_wake_all(&libos.vfs.mount_wait);
}

static void mount_attach(struct mount *m, const struct path *on)
{
	m->parent = on->mount;
	m->covered = on->inode;
	m->parent->refs++;
	inode_get(m->covered);
	m->next_on = m->covered->mounted;
	m->covered->mounted = m;
}

int mount_add(struct super *super, struct inode *root, const struct path *on, const char *source, uint32_t flags,
              struct mount **made)
{
	struct mount *m = heap_zalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->source = heap_strdup(source ? source : "none");
	if (!m->source) {
		heap_free(m);
		return -ENOMEM;
	}
	m->super = super;
	m->root = root;
	inode_get(root);
	m->refs = 1; /* the tree's */
	m->flags = flags;
	m->id = ++libos.vfs.last_mount_id;
	super->mounts++;
	if (on)
		mount_attach(m, on);
	list_push_back(&libos.vfs.mounts, &m->node);
	mounts_changed();
	if (made)
		*made = m;
	return 0;
}

static void mount_uncover(struct mount *m)
{
	struct mount **link = &m->covered->mounted;
	while (*link != m)
		link = &(*link)->next_on;
	*link = m->next_on;
}

void mount_move(struct mount *m, const struct path *on)
{
	struct mount *parent = m->parent;
	struct inode *covered = m->covered;
	mount_uncover(m);
	mount_attach(m, on);
	mounts_changed();
	inode_put(covered);
	mount_put(parent);
}

/* Has the copy of c's parent a place for a copy of c? */
static bool to_copy(const struct mount *c, const struct path *from, uint32_t last)
{
	if (c->id > last || c->copy || (c->flags & MS_UNBINDABLE) || !c->parent || !c->parent->copy)
		return false;
	return c->parent != from->mount || inode_is_below(c->covered, from->inode);
}

int mounts_copy(const struct path *from, struct mount *to, uint32_t last)
{
	bool again = true;
	int r = 0;
	from->mount->copy = to;
	while (again && !r) {
		again = false;
		LIST_EACH(at, &libos.vfs.mounts) {
			struct mount *c = LIST_ENTRY(at, struct mount, node);
			if (r || !to_copy(c, from, last))
				continue;
			const struct path on = { c->parent->copy, c->covered };
			r = mount_add(c->super, c->root, &on, c->source, c->flags, &c->copy);
			again = true;
		}
	}
	LIST_EACH(at, &libos.vfs.mounts)
		LIST_ENTRY(at, struct mount, node)->copy = NULL;
	return r;
}

static void mount_detach(struct mount *m)
{
	mount_uncover(m);
	list_remove(&m->node);
	mounts_changed();
	inode_put(m->covered);
	m->covered = NULL;
	mount_put(m->parent);
	m->parent = NULL;
}

void super_drop_unmounted(struct super *super)
{
	struct inode *root = super->root;
	if (super->mounts || !root)
		return;
	if (super->kill)
		super->kill(super);
	super->root = NULL;
	inode_put(root);
}

/* The last path into it is gone: the file system goes when no other mount shows it. */
void mount_put(struct mount *m)
{
	if (--m->refs)
		return;
	struct super *super = m->super;
	/* kill() must not find the super freed under it by its last inode. */
	super->inode_count++;
	super->mounts--;
	if (!super->mounts)
		notify_unmount(super);
	super_drop_unmounted(super);
	inode_put(m->root);
	super_put(super);
	heap_free(m->source);
	heap_free(m);
}

/* Some mount on a directory of this one, or NULL. */
static struct mount *child_of(const struct mount *m)
{
	LIST_EACH(at, &libos.vfs.mounts) {
		if (LIST_ENTRY(at, struct mount, node)->parent == m)
			return LIST_ENTRY(at, struct mount, node);
	}
	return NULL;
}

bool mount_is_busy(const struct mount *m)
{
	return m->refs > 1 || child_of(m);
}

int mount_remove(struct mount *m, bool lazy)
{
	bool last = false;
	if (!m->parent)
		return -EBUSY;
	if (!lazy && mount_is_busy(m))
		return -EBUSY;
	/* What is mounted inside goes with it, the innermost first. */
	while (!last) {
		struct mount *at = m, *child;
		while ((child = child_of(at)) != NULL)
			at = child;
		last = at == m;
		mount_detach(at);
		mount_put(at);
	}
	return 0;
}

/* ---- boot ---- */

/* The directory `name` in `dir`, made when it is missing. */
static int ensure_directory(struct inode *dir, const char *name, uint32_t mode, struct inode **found)
{
	size_t length = str_length(name);
	int r = dir->ops->lookup(dir, name, length, found);
	if (r == -ENOENT) {
		r = dir->ops->create(dir, name, length, S_IFDIR | (mode & 01777), 0, NULL, found);
	}
	if (!r && !is_directory(*found)) {
		inode_put(*found);
		r = -ENOTDIR;
	}
	return r;
}

static int mount_at(const struct path *dir, const char *name, struct super *super, uint32_t flags, struct mount **made)
{
	if (!super)
		return -ENOMEM;
	struct path on = { dir->mount, NULL };
	int r = ensure_directory(dir->inode, name, 0755, &on.inode);
	if (!r) {
		r = mount_add(super, super->root, &on, super->source, flags | MS_RELATIME, made);
		inode_put(on.inode);
	}
	super_drop_unmounted(super);
	return r;
}

static int mount_first(const struct path *top)
{
	struct mount *dev;
	int r = mount_at(top, "dev", tmpfs_new("devtmpfs", "devtmpfs", UINT64_MAX, 0755), MS_NOSUID, &dev);
	if (!r)
		r = devfs_populate(dev->root);
	struct path in_dev = { r ? NULL : dev, r ? NULL : dev->root };
	if (!r)
		r = mount_at(&in_dev, "shm", tmpfs_new("tmpfs", "tmpfs", tmpfs_default_bytes(), 01777), MS_NOSUID | MS_NODEV, NULL);
	struct mount_options names = DEVPTS_OPTIONS;
	names.mode = 0620;
	names.gid = TTY_GROUP;
	if (!r)
		r = mount_at(&in_dev, "pts", devpts_new("devpts", &names), MS_NOSUID | MS_NOEXEC, NULL);
	if (!r)
		r = mount_at(top, "proc", procfs_new(), MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	struct inode *tmp;
	if (!r)
		r = ensure_directory(top->inode, "tmp", 01777, &tmp);
	if (!r)
		inode_put(tmp);
	return r;
}

/* What files may take: half of memory as Linux's tmpfs, or if the image has more already, half of the rest. */
static uint64_t root_limit(const struct super *super)
{
	uint64_t half = libos.frames.total / 2, grown = super->used_pages + libos.frames.free_count / 2;
	return (half > super->used_pages ? half : grown) << PAGE_SHIFT;
}

/* All frames of the image that no file has taken become free memory. */
static void release_image(const void *image, uint64_t size)
{
	exo_frame_t at = frame_of(image), end = at + (PAGE_UP(size) >> PAGE_SHIFT);
	while (at < end) {
		exo_frame_t start = at;
		while (at < end && frame_refs(at) == 1)
			at++;
		if (at > start)
			frames_release(start, at - start);
		for (; at < end && frame_refs(at) > 1; at++)
			frame_put(at); /* the image's own reference */
	}
}

int vfs_init(const void *image, uint64_t size)
{
	struct vfs *vfs = &libos.vfs;
	list_init(&vfs->mounts);
	waitq_init(&vfs->mount_wait);
	list_init(&vfs->watches);
	list_init(&vfs->lock_waiters);
	list_init(&vfs->lock_sets);
	list_init(&vfs->timerfds);
	vfs->pipes = (struct super){ .type = "pipefs", .source = "pipefs", .magic = PIPEFS_MAGIC, .max_bytes = UINT64_MAX };
	vfs->pipes.device = make_device(0, (uint32_t)++vfs->next_device);
	vfs->sockets = (struct super){ .type = "sockfs", .source = "sockfs", .magic = SOCKFS_MAGIC, .max_bytes = UINT64_MAX };
	vfs->sockets.device = make_device(0, (uint32_t)++vfs->next_device);
	vfs->anon = (struct super){ .type = "anon_inodefs", .source = "anon_inodefs", .magic = ANON_INODE_FS_MAGIC };
	vfs->anon.device = make_device(0, (uint32_t)++vfs->next_device);
	(void)!fs_random(vfs->boot_id, sizeof(vfs->boot_id));
	struct super *super = tmpfs_new("tmpfs", "root", UINT64_MAX, 0755);
	int r = super ? mount_add(super, super->root, NULL, super->source, MS_RELATIME, &vfs->root) : -ENOMEM;
	const char *why = "no memory";
	if (!r && size)
		r = cpio_unpack_frames(super->root, frame_ptr(frame_of(image)), size, &why);
	if (!r && size)
		release_image(image, size);
	if (!r) {
		super->max_bytes = root_limit(super);
		super->max_metadata = super->used_metadata + tmpfs_default_metadata();
	}
	if (r) {
		libos_log("root image: %s", why);
		return r;
	}
	struct path top = { vfs->root, super->root };
	r = mount_first(&top);
	if (r)
		libos_log("cannot mount /dev and /proc: error %d", -r);
	return r;
}
