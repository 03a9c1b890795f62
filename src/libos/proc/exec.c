/*
 * execve: which program it really is, its new memory, and the point where the
 * old one is gone. All that can fail happens before that point.
 */
#include <exo/calls.h>

#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/exec_args.h>
#include <libos/proc/internal.h>

#define SCRIPT_DEPTH_MAX 5   /* nested #!, as Linux's bprm */
#define SCRIPT_LINE_SIZE 256 /* BINPRM_BUF_SIZE */
#define RFLAGS_INITIAL   0x202
#define STACK_SECURE     (UINT64_C(8) << 20) /* _STK_LIM */
#define READ_IMPLIES_EXEC 0x0400000u
/* It, ADDR_NO_RANDOMIZE, ADDR_COMPAT_LAYOUT, MMAP_PAGE_ZERO: PER_CLEAR_ON_SETID (linux/personality.h) */
#define PERSONALITY_DANGEROUS (READ_IMPLIES_EXEC | 0x0040000u | 0x0200000u | 0x0100000u)

struct program { /* a program that is ready to run, and not yet anybody's */
	struct vm_space *space;
	struct file *file;
	exo_cap_t ctx;
	exo_frame_t frame;
	struct credentials cred;
	bool secure, gained;
	bool unsafe; /* traced, when its credentials were settled, by whom trace_is_unsafe() means */
	uint64_t entry, sp, stack;
};

/* ---- which file ---- */

static int check_executable(struct thread *self, const struct file *file)
{
	const struct inode *inode = file_inode(file);
	const struct mount *mount = file->path.mount;

	if (!inode || (inode->mode & S_IFMT) != S_IFREG)
		return -EACCES;
	if (mount && (mount->flags & MS_NOEXEC))
		return -EACCES;
	/* Not even root executes what nobody may. */
	if (!(inode->mode & 0111))
		return -EACCES;
	return inode_permission(inode, &self->cred, MAY_EXEC);
}

static int open_program(struct thread *self, int dirfd, const char *path, struct file **file)
{
	int error = vfs_open(self, dirfd, path, O_RDONLY | O_EXEC_INTERNAL, 0, file);

	if (error)
		return error;
	error = check_executable(self, *file);
	if (error) {
		file_put(*file);
		*file = NULL;
	}
	return error;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Cuts "#! interpreter argument" in place. False: it is not a proper one. */
static bool script_parse(char *line, char **interpreter, char **argument)
{
	char *at = line + 2, *end = line;

	while (*end && *end != '\n')
		end++;
	/* A line that does not end within the buffer may have lost the rest of the path. */
	if (*end != '\n' && (size_t)(end - line) >= SCRIPT_LINE_SIZE - 1 && !str_find(at + 1, ' '))
		return false;
	while (end > at && is_blank(end[-1]))
		end--;
	*end = '\0';
	while (is_blank(*at))
		at++;
	*interpreter = at;
	while (*at && !is_blank(*at))
		at++;
	if (*at) {
		*at++ = '\0';
		while (is_blank(*at))
			at++;
	}
	*argument = *at ? at : NULL;
	return **interpreter != '\0';
}

/* Follows #! lines until a file is not a script. On return *file is what to load. */
static int resolve_scripts(struct thread *self, struct exec_args *a, struct file **file)
{
	char line[SCRIPT_LINE_SIZE];

	for (int depth = 0;; depth++) {
		char *interpreter, *argument;
		const char *with[3];
		uint32_t count = 0;
		int64_t got = file_read_at(*file, line, sizeof(line) - 1, 0);
		int error;

		if (got < 0)
			return (int)got;
		if (got < 2 || line[0] != '#' || line[1] != '!')
			return 0;
		line[got] = '\0';
		if (depth >= SCRIPT_DEPTH_MAX)
			return -ELOOP;
		if (a->unreachable)
			return -ENOENT;
		if (!script_parse(line, &interpreter, &argument))
			return -ENOEXEC;
		with[count++] = interpreter;
		if (argument)
			with[count++] = argument;
		with[count++] = a->program;
		error = strings_replace_first(a, with, count);
		if (error)
			return error;
		str_copy(a->program, interpreter, sizeof(a->program));
		file_put(*file);
		*file = NULL;
		error = open_program(self, AT_FDCWD, a->program, file);
		if (error)
			return error;
	}
}

/* ---- its memory ---- */

/* Is the file-system context used by processes that exec does not end? They could move what the program stands on. */
static bool fs_is_shared(const struct process *p)
{
	return p->fs->refs > 1;
}

static int fs_unshare(struct process *p)
{
	struct fs_context *own = fs_context_copy(p->fs);

	if (!own)
		return -ENOMEM;
	fs_context_put(p->fs);
	p->fs = own;
	return 0;
}

static int set_ids(struct thread *self, struct program *prog)
{
	struct inode *inode = file_inode(prog->file);
	const struct mount *mount = prog->file->path.mount;
	bool honoured = !(mount && (mount->flags & MS_NOSUID));
	struct cred_file file = {
		.set_uid = honoured && (inode->mode & S_ISUID), .uid = inode->uid,
		.set_gid = honoured && (inode->mode & (S_ISGID | 0010)) == (S_ISGID | 0010), .gid = inode->gid,
	};

	struct file_caps caps;
	int error = honoured ? file_caps_of(inode, &caps) : -ENODATA;

	if (error && error != -ENODATA)
		return error;
	if (!error) {
		file.has_caps = true;
		file.caps_effective = caps.effective;
		file.caps_permitted = caps.permitted;
		file.caps_inheritable = caps.inheritable;
	}
	prog->unsafe = trace_is_unsafe(self);
	return cred_exec(&self->cred, &file, fs_is_shared(self->process) || prog->unsafe, &prog->cred, &prog->secure, &prog->gained);
}

static const char *base_name(const char *path)
{
	const char *name = path;

	for (; *path; path++) {
		if (path[0] == '/' && path[1])
			name = path + 1;
	}
	return name;
}

/* But the file. */
static void program_unload(struct program *prog)
{
	if (prog->ctx)
		thread_context_free(prog->ctx, prog->frame);
	if (prog->space)
		vm_space_put(prog->space);
	*prog = (struct program){.file = prog->file};
}

static void program_discard(struct program *prog)
{
	program_unload(prog);
	if (prog->file)
		file_put(prog->file);
}

static int program_load(struct thread *self, struct exec_args *a, struct program *prog)
{
	const struct rlimit64 *limits = self->process->limits;
	struct elf_image image;
	int64_t top, sp;
	int error;

	memset(&image, 0, sizeof(image));
	error = set_ids(self, prog);
	if (error)
		return error;
	/* Nobody makes a program with privileges run on a stack of a size that it does not expect. */
	prog->stack = limits[RLIMIT_STACK].soft;
	if (prog->secure && prog->stack > STACK_SECURE)
		prog->stack = STACK_SECURE;
	prog->space = vm_space_new(base_name(a->path));
	if (!prog->space)
		return -ENOMEM;
	if (self->trace)
		vm_show_text(prog->space);
	vm_set_limits(prog->space, limits[RLIMIT_AS].soft, limits[RLIMIT_DATA].soft, prog->stack);
	error = elf_load(prog->space, prog->file, &image);
	if (error)
		return error;
	vm_set_brk(prog->space, image.brk);
	top = vm_stack_create(prog->space, prog->stack);
	if (top < 0)
		return (int)top;
	sp = exec_stack_build(a, prog->space, (uint64_t)top, &image, &prog->cred, prog->secure);
	if (sp < 0)
		return (int)sp;
	prog->entry = image.entry;
	prog->sp = (uint64_t)sp;
	return thread_context_new(prog->space, &prog->ctx, &prog->frame);
}

/* ---- the point of no return ---- */

static void reset_signals(struct thread *self, struct signal_actions *fresh)
{
	struct process *p = self->process;
	struct signal_actions *old = p->actions;

	for (int i = 1; i <= SIGNAL_COUNT; i++) {
		fresh->action[i] = (struct signal_action){0};
		if (old->action[i].handler == 1)
			fresh->action[i].handler = 1;
	}
	fresh->refs = 1;
	p->actions = fresh;
	if (--old->refs == 0)
		heap_free(old);
	self->altstack = (struct signal_stack){.flags = SS_DISABLE};
}

static void start_registers(struct thread *self, const struct program *prog)
{
	struct exo_ctx_page *page = frame_ptr(prog->frame);
	uint16_t fcw = 0x037f;
	uint32_t mxcsr = 0x1f80;

	self->page = page;
	self->page_frame = prog->frame;
	self->ctx = prog->ctx;
	page->regs.rip = prog->entry;
	page->regs.rsp = prog->sp;
	page->regs.rflags = RFLAGS_INITIAL;
	memcpy(page->fp, &fcw, sizeof(fcw));
	memcpy(page->fp + 24, &mxcsr, sizeof(mxcsr));
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
}

static void take_identity(struct thread *self, struct program *prog, struct exec_args *a)
{
	struct process *p = self->process;
	const char *name = a->path;

	/* A name that was made up tells nothing: the file's own. */
	if (a->made_up && path_text(p->fs, &prog->file->path, a->program, sizeof(a->program)) > 0)
		name = a->program;
	str_copy(p->name, base_name(name), sizeof(p->name));
	str_copy(self->name, p->name, sizeof(self->name));
	process_set_exe(p, file_inode(prog->file));
	/* A file that its user may not read is not to be read from the process either. */
	p->dumpable = prog->cred.uid == prog->cred.euid && prog->cred.gid == prog->cred.egid &&
	              !inode_permission(p->exe, &self->cred, MAY_READ);
	if (prog->secure) {
		p->parent_death_signal = 0;
		p->limits[RLIMIT_STACK].soft = prog->stack;
	}
	p->personality &= ~READ_IMPLIES_EXEC; /* no 64-bit program has it */
	if (prog->gained)
		p->personality &= ~PERSONALITY_DANGEROUS;
	/* From here on the first thread's number is its own, so that the process takes them too. */
	cred_take(self, &prog->cred);
	p->did_exec = true;
	p->exit_signal = SIGCHLD;
	p->execs++;
}

/* From here on nothing fails. */
static void become(struct thread *self, struct program *prog, struct signal_actions *fresh, struct fd_table *fds,
                   struct exec_args *a)
{
	struct process *p = self->process;
	struct vm_space *old_space = p->space;
	exo_cap_t old_ctx = self->ctx;
	exo_frame_t old_frame = self->page_frame;
	bool first = old_ctx == EXO_CAP_NONE;

	if (!first) {
		thread_context_take_back(self);
		process_account(p);
		p->past_user_ns = p->user_ns;
		futex_thread_exit(self);
	}
	/* Somebody has begun to trace it who would not have been given that. */
	if ((prog->gained || prog->secure) && trace_is_unsafe(self) && !prog->unsafe)
		trace_end(self->trace, 0);
	if (self->trace)
		vm_show_text(prog->space);
	if (self->tid != p->pid)
		thread_rename(self, p->pid);
	reset_signals(self, fresh);
	posix_timers_drop(p);
	if (fds) {
		struct fd_table *shared = p->fds;

		p->fds = fds;
		fd_table_put(shared); /* may give way, if it is the last */
	}
	fd_table_close_on_exec(p->fds);
	take_identity(self, prog, a);
	start_registers(self, prog);
	p->space = prog->space;
	p->answers = NULL;
	p->answer_program = false;
	p->answer_calls = 0;
	if (!first)
		thread_context_free(old_ctx, old_frame);
	if (old_space) {
		vm_space_put(old_space);
		vfork_done(p);
	}
	file_put(prog->file);
}

static int exec_file(struct thread *self, struct exec_args *a, struct file *file)
{
	struct process *p = self->process;
	struct program prog = {.file = file};
	struct signal_actions *fresh = NULL;
	struct fd_table *fds = NULL;
	int32_t old_tid;
	int error = resolve_scripts(self, a, &prog.file);
	bool shared;

	while (!error && (error = program_load(self, a, &prog)) == -ENOMEM && process_make_room(self)) {
		program_unload(&prog);
		error = 0;
	}
	if (!error && !(fresh = heap_alloc(sizeof(*fresh))))
		error = -ENOMEM;
	if (!error && fd_table_shared(p->fds) && !(fds = fd_table_copy(p->fds)))
		error = -ENOMEM;
	shared = fs_is_shared(p);
	if (!error && p->thread_count > 1)
		error = threads_end_others(self);
	/* One of them may have begun to share it after the credentials were settled. */
	if (!error && !shared && fs_is_shared(p))
		error = fs_unshare(p);
	if (error) {
		heap_free(fresh);
		if (fds)
			fd_table_put(fds);
		program_discard(&prog);
		return error;
	}
	old_tid = self->tid;
	become(self, &prog, fresh, fds, a);
	trace_exec(self, old_tid);
	return 0;
}

/* ---- the calls ---- */

/* The name that the program goes by: as it was given, or, by a descriptor, one that leads through that. */
static int name_program(struct thread *self, int dirfd, const char *given, struct exec_args *a)
{
	if (dirfd == AT_FDCWD || given[0] == '/') {
		str_copy(a->path, given, sizeof(a->path));
		return 0;
	}
	a->made_up = true;
	a->unreachable = fd_cloexec(self->process->fds, dirfd);
	if (str_length(given) + sizeof("/dev/fd/-2147483648/") > sizeof(a->path))
		return -ENAMETOOLONG;
	format(a->path, sizeof(a->path), given[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, given);
	return 0;
}

/* The descriptor's own file, opened anew. */
static int open_descriptor(struct thread *self, int fd, struct file **file)
{
	char path[32];

	if (fd == AT_FDCWD)
		return -EACCES; /* a directory */
	if (!fd_file(self->process->fds, fd))
		return -EBADF;
	format(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open_program(self, AT_FDCWD, path, file);
}

static int open_named(struct thread *self, int dirfd, const char *given, int flags, struct file **file)
{
	struct path found;
	int error;

	if (!given[0])
		return flags & AT_EMPTY_PATH ? open_descriptor(self, dirfd, file) : -ENOENT;
	error = open_program(self, dirfd, given, file);
	if (error || !(flags & AT_SYMLINK_NOFOLLOW))
		return error;
	error = path_walk(self, dirfd, given, WALK_NOFOLLOW, &found);
	if (!error) {
		if ((found.inode->mode & S_IFMT) == S_IFLNK)
			error = -ELOOP;
		path_put(&found);
	}
	return error;
}

static int64_t exec_user(struct thread *self, int dirfd, const uint64_t *args, int flags)
{
	struct vm_space *space = self->process->space;
	struct exec_args *a = exec_args_new(self->process->limits[RLIMIT_STACK].soft);
	struct file *file = NULL;
	int64_t error;

	if (self->over_limit && user_tasks_over(self, self->cred.uid)) {
		exec_args_free(a);
		return -EAGAIN;
	}
	self->over_limit = false;
	if (!a)
		return -ENOMEM;
	error = user_string(space, a->program, args[0], sizeof(a->program));
	if (error >= 0)
		error = open_named(self, dirfd, a->program, flags, &file);
	if (!error)
		error = name_program(self, dirfd, a->program, a);
	if (!error)
		error = strings_add_user(a, &a->argv, space, args[1]);
	if (!error && !a->argv.count)
		error = strings_add(a, &a->argv, ""); /* as Linux since 5.18 */
	if (!error)
		error = strings_add_user(a, &a->envp, space, args[2]);
	if (!error) {
		str_copy(a->program, a->path, sizeof(a->program));
		error = exec_file(self, a, file);
	} else if (file) {
		file_put(file);
	}
	exec_args_free(a);
	return error;
}

int64_t sys_execve(struct thread *self, const uint64_t *args)
{
	return exec_user(self, AT_FDCWD, args, 0);
}

int64_t sys_execveat(struct thread *self, const uint64_t *args)
{
	int flags = (int)args[4];

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec_user(self, (int)args[0], args + 1, flags);
}

int exec_first(struct thread *self, const char *path, const char *const *argv, const char *const *envp)
{
	struct exec_args *a = exec_args_new(self->process->limits[RLIMIT_STACK].soft);
	struct file *file = NULL;
	int error;

	if (!a)
		return -ENOMEM;
	str_copy(a->path, path, sizeof(a->path));
	str_copy(a->program, path, sizeof(a->program));
	error = open_program(self, AT_FDCWD, path, &file);
	for (; !error && *argv; argv++)
		error = strings_add(a, &a->argv, *argv);
	for (; !error && *envp; envp++)
		error = strings_add(a, &a->envp, *envp);
	if (!error)
		error = exec_file(self, a, file);
	else if (file)
		file_put(file);
	exec_args_free(a);
	return error;
}
