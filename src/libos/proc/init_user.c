/*
 * Whose process the first one is, if not root's: -u USER[:GROUP]. Names are looked up in the root's /etc/passwd and
 * /etc/group (passwd(5), group(5)), whose contents are hostile: lines that are too long or not well formed are no lines.
 */
#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define LINE_MAX   1024u
#define NAME_SIZE  256u
#define FILE_LIMIT (UINT64_C(16) << 20) /* what lies behind is not looked at */
#define GROUPS_OF_USER 256u

struct lines {
	struct file *file;
	uint64_t offset;
	uint32_t at, have;
	char bytes[LINE_MAX];
	char line[LINE_MAX];
};

/* NULL: no file, or no memory; it has no lines then. */
static struct lines *lines_open(struct file *file)
{
	struct lines *l = file ? heap_alloc(sizeof(*l)) : NULL;

	if (l) {
		l->file = file;
		l->offset = 0;
		l->at = l->have = 0;
	}
	return l;
}

/* The next byte, -1 at the end. */
static int next_byte(struct lines *l)
{
	if (l->at == l->have) {
		int64_t got = l->offset < FILE_LIMIT ? file_read_at(l->file, l->bytes, sizeof(l->bytes), l->offset) : 0;

		if (got <= 0)
			return -1;
		l->at = 0;
		l->have = (uint32_t)got;
		l->offset += (uint64_t)got;
	}
	return (uint8_t)l->bytes[l->at++];
}

/* The next line that is not too long, without its end; NULL: there is none. */
static char *next_line(struct lines *l)
{
	while (l) {
		uint32_t size = 0;
		int byte;

		while ((byte = next_byte(l)) >= 0 && byte != '\n') {
			if (size < sizeof(l->line))
				l->line[size++] = (char)byte;
		}
		if (byte < 0 && size == 0)
			return NULL;
		if (size < sizeof(l->line)) {
			l->line[size] = '\0';
			return l->line;
		}
	}
	return NULL;
}

/* Cuts the first field of a line off; NULL when there is none left. */
static char *field(char **rest, char separator)
{
	char *start = *rest;
	const char *end;

	if (!start)
		return NULL;
	end = str_find(start, separator);
	*rest = end ? start + (end - start) + 1 : NULL;
	if (end)
		start[end - start] = '\0';
	return start;
}

/* -1 is nobody's number. */
static bool number(const char *text, uint32_t *value)
{
	uint64_t n;

	if (!text || !str_to_u64(text, &n) || n >= UINT32_MAX)
		return false;
	*value = (uint32_t)n;
	return true;
}

struct wanted {
	const char *name;  /* a user's; NULL: a number was given */
	uint32_t uid, gid;
	bool found, has_gid;
};

/* One line of /etc/passwd: is it the user's? Cuts it behind its name. */
static bool is_user(char *line, struct wanted *w, char *home, size_t home_size)
{
	char *rest = line, *name = field(&rest, ':'), *directory;
	uint32_t uid, gid;

	field(&rest, ':');
	if (!number(field(&rest, ':'), &uid) || !number(field(&rest, ':'), &gid))
		return false;
	if (w->name ? !str_equal(w->name, name) : w->uid != uid)
		return false;
	field(&rest, ':');
	directory = field(&rest, ':');
	w->uid = uid;
	if (!w->has_gid)
		w->gid = gid;
	w->found = true;
	if (directory && *directory == '/')
		str_copy(home, directory, home_size);
	return true;
}

static void find_user(struct file *passwd, struct wanted *w, char *name, size_t name_size, char *home, size_t home_size)
{
	struct lines *l = lines_open(passwd);
	char *line;

	while (!w->found && (line = next_line(l)) != NULL)
		if (is_user(line, w, home, home_size))
			str_copy(name, line, name_size);
	heap_free(l);
}

static bool is_member(char *members, const char *name)
{
	char *member;

	while ((member = field(&members, ',')) != NULL)
		if (str_equal(member, name))
			return true;
	return false;
}

/* The number of the group with this name. */
static bool find_group(struct file *groups, const char *wanted, uint32_t *gid)
{
	struct lines *l = lines_open(groups);
	bool found = false;
	char *line;

	while (!found && (line = next_line(l)) != NULL) {
		char *rest = line, *name = field(&rest, ':');

		field(&rest, ':');
		found = str_equal(name, wanted) && number(field(&rest, ':'), gid);
	}
	heap_free(l);
	return found;
}

/* Keeps the list sorted; a group that is in it already, or has no room, is left out. */
static void add_group(struct group_list *list, uint32_t gid)
{
	uint32_t at = list->count;

	while (at > 0 && list->gids[at - 1] > gid)
		at--;
	if (list->count == GROUPS_OF_USER || (at > 0 && list->gids[at - 1] == gid))
		return;
	for (uint32_t i = list->count++; i > at; i--)
		list->gids[i] = list->gids[i - 1];
	list->gids[at] = gid;
}

/* As initgroups(3): the user's own group, and those that have the user as a member; name "": the first alone. */
static struct group_list *groups_of(struct file *groups, const char *name, uint32_t gid)
{
	struct group_list *list = heap_alloc(sizeof(*list) + GROUPS_OF_USER * sizeof(list->gids[0]));
	struct lines *l = list && *name ? lines_open(groups) : NULL;
	char *line;

	if (!list)
		return NULL;
	list->refs = 1;
	list->count = 0;
	add_group(list, gid);
	while ((line = next_line(l)) != NULL) {
		char *rest = line;
		uint32_t other;

		field(&rest, ':');
		field(&rest, ':');
		if (number(field(&rest, ':'), &other) && rest && is_member(rest, name))
			add_group(list, other);
	}
	heap_free(l);
	return list;
}

int init_find_user(struct file *passwd, struct file *groups, const char *who, struct credentials *n, char *home,
                   size_t home_size)
{
	char user[NAME_SIZE], *group = user, name[NAME_SIZE] = "";
	struct wanted w = {.name = user};

	if (str_length(who) >= sizeof(user))
		return -EINVAL;
	str_copy(user, who, sizeof(user));
	field(&group, ':');
	if (group && !number(group, &w.gid) && !find_group(groups, group, &w.gid))
		return -ESRCH;
	w.has_gid = group != NULL;
	if (number(user, &w.uid))
		w.name = NULL;
	str_copy(home, "/", home_size);
	find_user(passwd, &w, name, sizeof(name), home, home_size);
	if (!w.found && w.name)
		return -ESRCH;
	n->groups = groups_of(groups, w.has_gid ? "" : name, w.gid);
	if (!n->groups)
		return -ENOMEM;
	n->uid = n->euid = n->suid = n->fsuid = w.uid;
	n->gid = n->egid = n->sgid = n->fsgid = w.gid;
	return 0;
}

int init_take_user(struct thread *t, const char *who, char *home, size_t home_size)
{
	struct credentials n = t->cred;
	struct file *passwd = NULL, *groups = NULL;
	int error;

	(void)!vfs_open(t, AT_FDCWD, "/etc/passwd", O_RDONLY, 0, &passwd);
	(void)!vfs_open(t, AT_FDCWD, "/etc/group", O_RDONLY, 0, &groups);
	error = init_find_user(passwd, groups, who, &n, home, home_size);
	if (passwd)
		file_put(passwd);
	if (groups)
		file_put(groups);
	if (error)
		return error;
	cred_ids_changed(&t->cred, &n);
	cred_take(t, &n);
	cred_drop(&n);
	return 0;
}
