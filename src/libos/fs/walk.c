/*
 * The path walk: components, "." and "..", symbolic links, mounts, and search permission.
 *
 * It never recurses: the text after a link waits in walk.saved. Nothing in a walk sleeps, so the
 * process's root and working directory are borrowed without references.
 */
#include <libos/fs/internal.h>

static const char *skip_slashes(const char *s)
{
	while (*s == '/')
		s++;
	return s;
}

int walk_begin(struct walk *w, struct thread *thread, const struct credentials *cred, int dirfd, const char *path,
               uint32_t flags)
{
	struct process *p = thread->process;
	const struct path *base = &p->fs->cwd;
	w->thread = thread;
	w->cred = cred;
	w->root = p->fs->root;
	w->rest = path;
	w->name = path;
	w->length = 0;
	w->trailing = false;
	w->unmounts = flags & WALK_UNMOUNT;
	w->links = w->depth = w->more = 0;
	if (!*path && !(flags & WALK_EMPTY))
		return -ENOENT;
	if (*path == '/') {
		base = &p->fs->root;
	} else if (dirfd != AT_FDCWD) {
		struct file *file = fd_file(p->fds, dirfd);
		if (!file)
			return -EBADF;
		base = &file->path;
		if (!base->inode)
			return -ENOTDIR;
		if (*path && !is_directory(base->inode))
			return -ENOTDIR;
	}
	w->at = *base;
	path_get(&w->at);
	return 0;
}

static void walk_move(struct walk *w, const struct path *to)
{
	struct path old = w->at;
	w->at = *to;
	path_put(&old);
}

void walk_end(struct walk *w)
{
	while (w->depth)
		heap_free(w->saved[--w->depth].text);
	path_put(&w->at);
}

static void cross_down(const struct walk *w, struct path *at)
{
	struct mount *m;
	while (at->inode->mounted && (m = mount_on(at)) != NULL) {
		struct path old = *at;
		m->expiring &= w->unmounts;
		path_set(at, m, m->root);
		path_put(&old);
	}
}

static int lookup_parent(struct walk *w, struct path *found)
{
	struct path at = w->at;
	while (!path_equal(&at, &w->root) && at.mount && at.inode == at.mount->root && at.mount->parent) {
		at.inode = at.mount->covered;
		at.mount = at.mount->parent;
	}
	if (path_equal(&at, &w->root) || !at.mount || at.inode == at.mount->root) {
		*found = at;
		path_get(found);
		cross_down(w, found);
		return 0;
	}
	found->inode = at.inode->ops->parent(at.inode);
	if (!found->inode)
		return -ENOENT;
	found->mount = at.mount;
	found->mount->refs++;
	cross_down(w, found);
	return 0;
}

int walk_lookup(struct walk *w, struct path *found)
{
	struct inode *dir = w->at.inode;
	if (!is_directory(dir))
		return -ENOTDIR;
	int r = inode_permission(dir, w->cred, MAY_EXEC);
	if (r && !(dir->ops->own && dir->ops->own(dir, w->thread)))
		return r;
	if (w->length > NAME_LENGTH_MAX)
		return -ENAMETOOLONG;
	if (w->name[0] == '.') {
		if (w->length == 1) {
			*found = w->at;
			path_get(found);
			return 0;
		}
		if (w->length == 2 && w->name[1] == '.')
			return lookup_parent(w, found);
	}
	found->inode = NULL;
	r = dir->ops->lookup(dir, w->name, w->length, &found->inode);
	if (r)
		return r;
	found->mount = w->at.mount;
	if (found->mount)
		found->mount->refs++;
	if (found->inode->mounted)
		cross_down(w, found);
	return 0;
}

static int push_text(struct walk *w, char *text)
{
	const char *rest = skip_slashes(w->rest);
	struct walk_saved *s = &w->saved[w->depth++];
	s->rest = rest;
	s->text = text;
	if (*rest)
		w->more++;
	w->rest = text;
	if (*text == '/') {
		struct path root = w->root;
		path_get(&root);
		walk_move(w, &root);
	}
	return 0;
}

int walk_follow(struct walk *w, const struct path *link)
{
	struct inode *inode = link->inode;
	if (++w->links > SYMLINK_DEPTH_MAX || (link->mount && (link->mount->flags & MS_NOSYMFOLLOW)))
		return -ELOOP;
	if (inode->ops->follow) {
		struct path target = { NULL, NULL };
		int r = inode->ops->follow(inode, w->thread, &target.inode, &target.mount);
		if (r != -EINVAL) {
			if (r)
				return r;
			if (target.mount)
				target.mount->refs++;
			walk_move(w, &target);
			return 0;
		}
	}
	/* Links of /proc have size 0: their text is only known by asking. */
	size_t room = inode->size ? inode->size + 1 : PATH_LENGTH_MAX;
	char *text = heap_alloc(room);
	if (!text)
		return -ENOMEM;
	int64_t length = inode->ops->readlink(inode, w->thread, text, room - 1);
	if (length <= 0) {
		heap_free(text);
		return length ? (int)length : -ENOENT;
	}
	text[length] = '\0';
	return push_text(w, text);
}

/* Takes the next component off the text; false when all texts are used up. */
static bool next_component(struct walk *w)
{
	for (;;) {
		w->rest = skip_slashes(w->rest);
		if (*w->rest)
			break;
		/* Texts of finished links stay until walk_end(): `name` may point into one. */
		uint32_t i = w->depth;
		while (i && !*w->saved[i - 1].rest)
			i--;
		if (!i)
			return false;
		w->rest = w->saved[i - 1].rest;
		w->saved[i - 1].rest = "";
		w->more--;
	}
	w->name = w->rest;
	while (*w->rest && *w->rest != '/')
		w->rest++;
	w->length = (size_t)(w->rest - w->name);
	return true;
}

int walk_last(struct walk *w)
{
	for (;;) {
		if (!next_component(w)) {
			w->length = 0;
			return 0;
		}
		if (!*skip_slashes(w->rest) && !w->more) {
			if (*w->rest == '/')
				w->trailing = true;
			return 0;
		}
		struct path found;
		int r = walk_lookup(w, &found);
		if (r)
			return r;
		if (is_type(found.inode, S_IFLNK)) {
			r = walk_follow(w, &found);
			path_put(&found);
			if (r)
				return r;
		} else {
			walk_move(w, &found);
		}
	}
}

/* A symbolic link's own text may end in a slash too: walk_last() sets `trailing` for it then. */
static int walk_all(struct walk *w, uint32_t flags)
{
	for (;;) {
		int r = walk_last(w);
		if (r || !w->length)
			return r;
		struct path found;
		r = walk_lookup(w, &found);
		if (r)
			return r;
		if (is_type(found.inode, S_IFLNK) && (w->trailing || !(flags & WALK_NOFOLLOW))) {
			r = walk_follow(w, &found);
			path_put(&found);
			if (r)
				return r;
			flags &= ~WALK_NOFOLLOW;
			continue;
		}
		walk_move(w, &found);
		return 0;
	}
}

int path_walk_as(struct thread *thread, const struct credentials *cred, int dirfd, const char *path, uint32_t flags,
                 struct path *found)
{
	struct walk w;
	int r = walk_begin(&w, thread, cred, dirfd, path, flags);
	if (r)
		return r;
	r = walk_all(&w, flags);
	if (!r && (w.trailing || (flags & WALK_DIRECTORY)) && !is_directory(w.at.inode))
		r = -ENOTDIR;
	if (!r) {
		*found = w.at;
		path_get(found);
	}
	walk_end(&w);
	return r;
}

int path_walk(struct thread *thread, int dirfd, const char *path, uint32_t flags, struct path *found)
{
	return path_walk_as(thread, &thread->cred, dirfd, path, flags, found);
}

int path_walk_parent(struct thread *thread, int dirfd, const char *path, struct path *dir, const char **name,
                     size_t *length, struct inode **existing)
{
	struct walk w;
	struct path found = { NULL, NULL };
	int r = walk_begin(&w, thread, &thread->cred, dirfd, path, 0);
	if (r)
		return r;
	r = walk_last(&w);
	if (!r && w.length) {
		r = walk_lookup(&w, &found);
		if (r == -ENOENT || (r == -ENAMETOOLONG && w.length > NAME_LENGTH_MAX))
			r = 0;
	} else if (!r) {
		found = w.at;
		path_get(&found);
	}
	if (r) {
		walk_end(&w);
		return r;
	}
	*dir = w.at;
	path_get(dir);
	*name = w.name;
	*length = w.length;
	*existing = found.inode;
	if (found.inode)
		inode_get(found.inode);
	path_put(&found);
	walk_end(&w);
	return 0;
}
