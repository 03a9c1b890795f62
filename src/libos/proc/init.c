/* Process 1: the program from the command line. */
#include <exo/calls.h>

#include <libos/fs/file.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define STATUS_FAILED     125 /* what was asked for cannot be had: as docker has it */
#define DEFAULT_ENV       3 /* variables that there are without -e */
#define STACK_LIMIT       (UINT64_C(8) << 20)
#define PATH_HOME         256 /* of a home directory */
#define OPEN_FILES_SOFT   1024
#define OPEN_FILES_HARD   4096
#define SIGNALS_QUEUED    4096
#define LOCKED_BYTES      (UINT64_C(8) << 20) /* as Linux */

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

/* The defaults that -e does not override, then what -e says. NULL: no memory. */
static const char **environment(const char *const *defaults)
{
	const struct libos_options *o = &libos.options;
	const char **env = heap_alloc((DEFAULT_ENV + o->env_count + 1) * sizeof(*env));
	uint32_t n = 0;

	if (!env)
		return NULL;
	for (int i = 0; i < DEFAULT_ENV; i++) {
		bool overridden = false;

		for (uint32_t j = 0; j < o->env_count; j++)
			overridden |= sets_variable(defaults[i], o->env[j]);
		if (!overridden)
			env[n++] = defaults[i];
	}
	for (uint32_t j = 0; j < o->env_count; j++)
		env[n++] = o->env[j];
	env[n] = NULL;
	return env;
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
		if (fd == 2 && libos.boot->errors != EXO_CAP_NONE && vfs_open(t, AT_FDCWD, "/dev/errors", O_WRONLY, 0, &file))
			libos_panic("/dev/errors cannot be opened");
		else if (fd == 1 || (fd == 2 && libos.boot->errors == EXO_CAP_NONE))
			file_get(file);
		if (fd_install(p->fds, file, 0, false, OPEN_FILES_SOFT) != fd)
			libos_panic("no descriptor for the console");
	}
	if (p->session->tty)
		p->session->tty->foreground_pgid = p->pgid;
}

static bool enter(struct thread *t, const char *directory)
{
	struct path found;

	if (path_walk(t, AT_FDCWD, directory, WALK_DIRECTORY, &found))
		return false;
	if (inode_permission(found.inode, &t->cred, MAY_EXEC)) {
		path_put(&found);
		return false;
	}
	path_put(&t->process->fs->cwd);
	t->process->fs->cwd = found;
	return true;
}

/* What cannot be had is an error only if it was asked for. */
static void start_directory(struct thread *t, const char *home)
{
	const char *wanted = libos.options.cwd;

	if (enter(t, wanted ? wanted : home) || !wanted)
		return;
	libos_log("feuerbird: -w %s: no directory inside the root that this user may enter", wanted);
	libos_halt(STATUS_FAILED);
}

static void take_user(struct thread *t, char *home, size_t size)
{
	int error = libos.options.user ? init_take_user(t, libos.options.user, home, size) : 0;

	if (!error)
		return;
	libos_log("feuerbird: -u %s: %s", libos.options.user, error == -ESRCH ? "the root's /etc/passwd and /etc/group do not have that name" :
	          error == -ENOMEM ? "not enough memory" : "not a user");
	libos_halt(STATUS_FAILED);
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

static int run_program(struct thread *t, const char *const *args, const char *const *env, char *path, size_t size)
{
	int error = find_program(t, args[0], path, size);

	return error ? error : exec_first(t, path, args, env);
}

void process_start_init(void)
{
	struct libos_options *o = &libos.options;
	char home[PATH_HOME + 5] = "HOME=/root", path[256] = "";
	const char *defaults[DEFAULT_ENV] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", home, NULL};
	struct exo_console_info console = {0};
	struct thread *t = make_init();
	const char **env;
	int error;

	if (exo_console_info(libos.boot->console, &console, NULL) != EXO_OK)
		libos_panic("console_info refused");
	open_console(t);
	take_user(t, home + 5, PATH_HOME);
	start_directory(t, home + 5);
	defaults[2] = str_equal(libos.boot->target, "x86_64") ? "TERM=vt100" : "TERM=linux";
	env = environment(defaults);
	if (!env)
		libos_panic("not enough memory to start");
	error = run_program(t, o->args, env, path, sizeof(path));
	if (error == -ENOENT && o->args_default) {
		o->args[0] = "/bin/sh";
		error = run_program(t, o->args, env, path, sizeof(path));
	}
	heap_free(env);
	if (error)
		init_cannot_run(t, o->args[0], path, error);
	if (sched_start(t))
		libos_panic("not enough memory to start");
}
