/* AF_UNIX: names, in the file system and abstract ones. */
#include <libos/net/unix.h>

#define HEAD 2u /* of an address: its family */

static struct list *bucket_of(const char *bytes, uint32_t count)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (uint32_t i = 0; i < count; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
	return &libos.net.names[hash % NET_NAME_BUCKETS];
}

static struct unix_socket *find_abstract(const char *bytes, uint32_t count, uint16_t type)
{
	LIST_EACH(at, bucket_of(bytes, count)) {
		struct unix_name *name = LIST_ENTRY(at, struct unix_name, hash);
		if (name->size == count + HEAD && name->socket->base.type == type && !memcmp(name->path, bytes, count))
			return name->socket;
	}
	return NULL;
}

static struct unix_name *name_new(struct unix_socket *u, const char *bytes, uint32_t count)
{
	struct unix_name *name = heap_alloc(sizeof(*name) + count);
	if (!name)
		return NULL;
	*name = (struct unix_name){ .refs = 1, .size = count + HEAD, .socket = u };
	list_init(&name->hash);
	memcpy(name->path, bytes, count);
	return name;
}

void unix_name_put(struct unix_name *name)
{
	if (name && --name->refs == 0)
		heap_free(name);
}

/* 0, or -EINVAL for what is no address of this family. */
static int check_address(const struct sockaddr_any *to, uint32_t size)
{
	return size <= HEAD || size > HEAD + UNIX_PATH_MAX || to->family != AF_UNIX ? -EINVAL : 0;
}

/* The path as a string. */
static void path_of(const struct sockaddr_any *to, uint32_t size, char *path)
{
	memcpy(path, to->data, size - HEAD);
	path[size - HEAD] = '\0';
}

static int bind_abstract(struct unix_socket *u, const char *bytes, uint32_t count)
{
	if (u->name)
		return -EINVAL;
	if (find_abstract(bytes, count, u->base.type))
		return -EADDRINUSE;
	u->name = name_new(u, bytes, count);
	if (!u->name)
		return -ENOMEM;
	list_push_back(bucket_of(bytes, count), &u->name->hash);
	return 0;
}

static int bind_path(struct unix_socket *u, struct thread *self, const char *path)
{
	uint32_t count = (uint32_t)str_length(path) + 1;
	struct unix_name *name = name_new(u, path, count);
	if (!name)
		return -ENOMEM;
	int r = vfs_make(self, AT_FDCWD, path, S_IFSOCK | 0777, 0);
	if (r) {
		unix_name_put(name);
		return r == -EEXIST ? -EADDRINUSE : r;
	}
	if (u->name) {
		r = -EINVAL;
		(void)vfs_unlink(self, AT_FDCWD, path, false);
	} else {
		r = path_walk(self, AT_FDCWD, path, WALK_NOFOLLOW, &u->place);
	}
	if (r) {
		unix_name_put(name);
		return r;
	}
	u->name = name;
	u->place.inode->socket = u;
	return 0;
}

int unix_bind_somehow(struct unix_socket *u)
{
	char bytes[7];
	if (u->name)
		return 0;
	for (uint32_t tries = 0; tries < 1u << 20; tries++) {
		format(bytes, sizeof(bytes), "%c%05x", 'x', libos.net.next_name++ & 0xfffff);
		bytes[0] = '\0';
		int r = bind_abstract(u, bytes, 6);
		if (r != -EADDRINUSE)
			return r;
	}
	return -ENOSPC;
}

int unix_bind(struct socket *s, struct thread *self, const struct sockaddr_any *to, uint32_t size)
{
	struct unix_socket *u = unix_of(s);
	char path[UNIX_PATH_MAX + 1];
	if (size == HEAD && to->family == AF_UNIX)
		return unix_bind_somehow(u);
	int r = check_address(to, size);
	if (r)
		return r;
	if (!to->data[0])
		return bind_abstract(u, to->data, size - HEAD);
	path_of(to, size, path);
	return bind_path(u, self, path);
}

void unix_unbind(struct unix_socket *u)
{
	if (u->name && u->name->socket == u) {
		list_remove(&u->name->hash);
		u->name->socket = NULL;
	}
	if (u->place.inode)
		u->place.inode->socket = NULL;
	path_put(&u->place);
}

static int find_path(struct thread *self, const char *path, uint16_t type, struct unix_socket **found)
{
	struct path place;
	int r = path_walk(self, AT_FDCWD, path, 0, &place);
	if (r)
		return r;
	struct unix_socket *u = place.inode->socket;
	r = inode_permission(place.inode, &self->cred, MAY_WRITE);
	if (!r && (!is_type(place.inode, S_IFSOCK) || !u))
		r = -ECONNREFUSED;
	if (!r && u->base.type != type)
		r = -EPROTOTYPE;
	if (!r) {
		socket_get(&u->base);
		inode_touch_atime(place.inode, place.mount);
		*found = u;
	}
	path_put(&place);
	return r;
}

int unix_find(struct thread *self, const struct sockaddr_any *to, uint32_t size, uint16_t type, struct unix_socket **found)
{
	char path[UNIX_PATH_MAX + 1];
	int r = check_address(to, size);
	if (r)
		return r;
	if (to->data[0]) {
		path_of(to, size, path);
		return find_path(self, path, type, found);
	}
	*found = find_abstract(to->data, size - HEAD, type);
	if (!*found)
		return -ECONNREFUSED;
	socket_get(&(*found)->base);
	return 0;
}

void unix_address(const struct unix_name *name, struct sockaddr_any *to, uint32_t *size)
{
	to->family = AF_UNIX;
	*size = name ? name->size : HEAD;
	if (name)
		memcpy(to->data, name->path, name->size - HEAD);
}

int unix_tell_name(struct socket *s, bool peer, struct sockaddr_any *name, uint32_t *size)
{
	struct unix_socket *u = unix_of(s);
	if (peer && !u->peer)
		return -ENOTCONN;
	unix_address(peer ? u->peer->name : u->name, name, size);
	return 0;
}
