/* /proc/PID/mounts and mountinfo: what is mounted below that process's root directory. */
#include <libos/fs/devpts.h>
#include <libos/fs/proc.h>

/* Blanks and backslashes as octal. */
static void add_escaped(struct text *text, const char *s)
{
	for (; *s; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
			text_printf(text, "\\%03o", (unsigned)(uint8_t)*s);
		else
			text_add(text, s, 1);
	}
}

struct flag_name {
	uint32_t flag;
	const char *name;
};
static const struct flag_name mount_names[] = {
	{ MS_NOSUID, ",nosuid" },         { MS_NODEV, ",nodev" },       { MS_NOEXEC, ",noexec" },         { MS_NOATIME, ",noatime" },
	{ MS_NODIRATIME, ",nodiratime" }, { MS_RELATIME, ",relatime" }, { MS_NOSYMFOLLOW, ",nosymfollow" }, { 0, NULL },
};
static const struct flag_name super_names[] = {
	{ MS_SYNCHRONOUS, ",sync" }, { MS_DIRSYNC, ",dirsync" }, { MS_MANDLOCK, ",mand" }, { MS_LAZYTIME, ",lazytime" }, { 0, NULL },
};

static void add_flags(struct text *text, uint32_t flags, const struct flag_name *names)
{
	for (; names->flag; names++) {
		if (flags & names->flag)
			text_printf(text, "%s", names->name);
	}
}

/* What a tmpfs has other than one that was mounted without options. */
static void add_options(struct text *text, const struct super *super)
{
	if (super->magic == RAMFS_MAGIC && super->root_mode != 0755)
		text_printf(text, ",mode=%03o", super->root_mode);
	if (super->magic == DEVPTS_SUPER_MAGIC)
		devpts_show_options(text, super);
	if (super->magic != TMPFS_MAGIC)
		return;
	if (super->max_bytes != tmpfs_default_bytes() && super->max_bytes != UINT64_MAX)
		text_printf(text, ",size=%luk", (unsigned long)(super->max_bytes / 1024));
	if (super->max_metadata != tmpfs_default_metadata() && super->max_metadata != UINT64_MAX)
		text_printf(text, ",nr_inodes=%lu", (unsigned long)(super->max_metadata / TMPFS_INODE_SPACE));
	if (super->root_mode != 01777)
		text_printf(text, ",mode=%03o", super->root_mode);
	if (super->root_uid)
		text_printf(text, ",uid=%u", super->root_uid);
	if (super->root_gid)
		text_printf(text, ",gid=%u", super->root_gid);
}

/* Where it is for that process, into path; false: not below its root. */
static bool place_of(const struct proc_subject *s, struct mount *m, char *path)
{
	const struct fs_context *fs = s->process ? s->process->fs : s->reader->process->fs;
	const struct path place = { m, m->root };
	bool below = false;

	return fs && path_text_below(fs, &place, path, PATH_LENGTH_MAX, &below) > 0 && below;
}

void proc_show_mounts(struct text *text, const struct proc_subject *s)
{
	char *path = heap_alloc(PATH_LENGTH_MAX);
	text->failed |= !path;
	LIST_EACH(at, &libos.vfs.mounts) {
		struct mount *m = LIST_ENTRY(at, struct mount, node);
		if (!path || !place_of(s, m, path))
			continue;
		add_escaped(text, m->source);
		text_printf(text, " ");
		add_escaped(text, path);
		text_printf(text, " %s %s", m->super->type, mount_readonly(m) ? "ro" : "rw");
		add_flags(text, m->super->flags, super_names);
		add_flags(text, m->flags, mount_names);
		add_options(text, m->super);
		text_printf(text, " 0 0\n");
	}
	heap_free(path);
}

/* What is shown there, as a path in its own file system: not "/" for a bind mount. */
static void add_mount_root(struct text *text, const struct mount *m, char *path)
{
	struct mount whole = { .super = m->super, .root = m->super->root, .refs = 1 };
	const struct fs_context top = { .root = { &whole, m->super->root } };
	const struct path shown = { &whole, m->root };

	add_escaped(text, path_text(&top, &shown, path, PATH_LENGTH_MAX) > 0 ? path : "/");
}

/* proc(5), /proc/PID/mountinfo; there are no peer groups to tell of. */
void proc_show_mountinfo(struct text *text, const struct proc_subject *s)
{
	char *path = heap_alloc(2 * PATH_LENGTH_MAX);
	text->failed |= !path;
	LIST_EACH(at, &libos.vfs.mounts) {
		struct mount *m = LIST_ENTRY(at, struct mount, node);
		const struct super *super = m->super;
		if (!path || !place_of(s, m, path))
			continue;
		text_printf(text, "%u %u %u:%u ", m->id, m->parent ? m->parent->id : 0, device_major(super->device), device_minor(super->device));
		add_mount_root(text, m, path + PATH_LENGTH_MAX);
		text_printf(text, " ");
		add_escaped(text, path);
		text_printf(text, " %s", m->flags & MS_RDONLY ? "ro" : "rw");
		add_flags(text, m->flags, mount_names);
		text_printf(text, "%s - %s ", m->flags & MS_UNBINDABLE ? " unbindable" : "", super->type);
		add_escaped(text, m->source);
		text_printf(text, " %s", super->flags & MS_RDONLY ? "ro" : "rw");
		add_flags(text, super->flags, super_names);
		add_options(text, super);
		text_printf(text, "\n");
	}
	heap_free(path);
}
