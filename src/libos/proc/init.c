/* Process 1: the program from the command line. */
#include <exo/calls.h>

#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define STATUS_NOT_FOUND  127
#define STATUS_NOT_RUN    126
#define STACK_LIMIT       (UINT64_C(8) << 20)
#define OPEN_FILES_SOFT   1024
#define OPEN_FILES_HARD   4096
#define SIGNALS_QUEUED    4096
#define LOCKED_BYTES      (UINT64_C(8) << 20) /* as Linux */

static const char *const default_env[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/root", NULL};

static const char *error_text(int error)
{
	switch (error) {
	case -ENOENT:
		return "no such file";
	case -ENOTDIR:
		return "not a directory";
	case -EACCES:
		return "not executable";
	case -ENOEXEC:
		return "not a program for this machine (x86-64 ELF or #! script)";
	case -ENOMEM:
		return "not enough memory";
	case -ELOOP:
		return "too many links or nested scripts";
	case -E2BIG:
		return "arguments too long";
	case -EIO:
		return "read error";
	default:
		return "it cannot be loaded";
	}
}

EXO_NORETURN static void cannot_run(const char *what, int error)
{
	if (error == -ENOENT)
		libos_log("feuerbird: cannot run %s: no such file", what);
	else
		libos_log("feuerbird: cannot run %s: %s (error %d)", what, error_text(error), -error);
	libos_halt(error == -ENOENT || error == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

static void default_limits(struct rlimit64 *limits)
{
	for (int i = 0; i < RLIMIT_COUNT; i++)
		limits[i] = (struct rlimit64){UINT64_MAX, UINT64_MAX};
	limits[RLIMIT_STACK].soft = STACK_LIMIT;
	limits[RLIMIT_CORE].soft = 0;
	/* As on Linux, no user has more than half of the places. */
	limits[RLIMIT_NPROC] = (struct rlimit64){PROCESS_MAX / 2, PROCESS_MAX / 2};
	limits[RLIMIT_NOFILE] = (struct rlimit64){OPEN_FILES_SOFT, OPEN_FILES_HARD};
	limits[RLIMIT_SIGPENDING] = (struct rlimit64){SIGNALS_QUEUED, SIGNALS_QUEUED};
	limits[RLIMIT_MEMLOCK] = (struct rlimit64){LOCKED_BYTES, LOCKED_BYTES};
	limits[RLIMIT_NICE] = limits[RLIMIT_RTPRIO] = (struct rlimit64){0, 0};
}

static bool sets_variable(const char *setting, const char *other)
{
	const char *end = str_find(setting, '=');
	size_t length = end ? (size_t)(end - setting) + 1 : 0;

	return length && str_length(other) >= length && memcmp(setting, other, length) == 0;
}

/* The defaults that -e does not override, then what -e says. */
static void environment(const char **env, const char *term)
{
	const struct libos_options *o = &libos.options;
	uint32_t n = 0;

	for (int i = 0; i < 3; i++) {
		const char *setting = i < 2 ? default_env[i] : term;
		bool overridden = false;

		for (uint32_t j = 0; j < o->env_count; j++)
			overridden |= sets_variable(setting, o->env[j]);
		if (!overridden)
			env[n++] = setting;
	}
	for (uint32_t j = 0; j < o->env_count; j++)
		env[n++] = o->env[j];
	env[n] = NULL;
}

/* A name without a slash is looked for where PATH's default looks. */
static int find_program(struct thread *t, const char *name, char *path, size_t size)
{
	static const char *const places[] = {"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"};
	struct path found;

	if (str_find(name, '/')) {
		str_copy(path, name, size);
		return 0;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		format(path, size, "%s%s", places[i], name);
		if (!path_walk(t, AT_FDCWD, path, 0, &found)) {
			path_put(&found);
			return 0;
		}
	}
	return -ENOENT;
}

static void open_console(struct thread *t)
{
	struct process *p = t->process;
	struct file *file;

	/* A session leader's first terminal becomes its controlling one. */
	if (vfs_open(t, AT_FDCWD, "/dev/console", O_RDWR, 0, &file))
		libos_panic("/dev/console cannot be opened");
	for (int fd = 0; fd < 3; fd++) {
		if (fd)
			file_get(file);
		if (fd_install(p->fds, file, 0, false, OPEN_FILES_SOFT) != fd)
			libos_panic("no descriptor for the console");
	}
	if (p->session->tty)
		p->session->tty->foreground_pgid = p->pgid;
}

static void start_directory(struct thread *t)
{
	struct path home;

	if (path_walk(t, AT_FDCWD, "/root", WALK_DIRECTORY, &home))
		return;
	path_put(&t->process->fs->cwd);
	t->process->fs->cwd = home;
}

static struct thread *make_init(void)
{
	struct process *p = process_new();
	struct thread *t = heap_zalloc(sizeof(*t));

	if (!p || !t)
		libos_panic("not enough memory to start");
	p->pid = p->pgid = pid_alloc();
	p->session = session_new(p->pid);
	p->actions = heap_zalloc(sizeof(*p->actions));
	p->fds = fd_table_new();
	p->fs = fs_context_new();
	if (!p->session || !p->actions || !p->fds || !p->fs)
		libos_panic("not enough memory to start");
	p->actions->refs = 1;
	default_limits(p->limits);
	t->process = p;
	t->tid = p->pid;
	cred_root(&t->cred);
	p->cred = t->cred;
	list_init(&t->sibling);
	list_init(&t->run_node);
	list_init(&t->hash);
	pending_init(&t->pending);
	t->altstack.flags = SS_DISABLE;
	thread_add(p, t);
	process_add(p);
	libos.procs.init = p;
	libos.procs.forks++;
	return t;
}

void process_start_init(void)
{
	struct libos_options *o = &libos.options;
	const char *env[LIBOS_ARGS_MAX + 4];
	const char *argv[LIBOS_ARGS_MAX + 1];
	struct exo_console_info console = {0};
	struct thread *t = make_init();
	char path[256];
	int error;

	if (exo_console_info(libos.boot->console, &console, NULL) != EXO_OK)
		libos_panic("console_info refused");
	open_console(t);
	start_directory(t);
	environment(env, str_equal(libos.boot->target, "x86_64") ? "TERM=vt100" : "TERM=linux");
	for (uint32_t i = 0; i < o->arg_count; i++)
		argv[i] = o->args[i];
	argv[o->arg_count] = NULL;
	error = find_program(t, argv[0], path, sizeof(path));
	if (!error)
		error = exec_first(t, path, argv, env);
	if (error)
		cannot_run(argv[0], error);
	if (sched_start(t))
		libos_panic("not enough memory to start");
}
