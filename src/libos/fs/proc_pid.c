/* /proc/PID: what a process tells about itself. */
#include <libos/fs/proc.h>

#define TICK_NS     UINT64_C(10000000) /* USER_HZ 100 */
#define KIB(pages)  ((unsigned long)((pages) * (PAGE_SIZE / 1024)))
#define AREA_MAX    (UINT64_C(1) << 20) /* of arguments and environment that are shown */
#define MAPS_CHUNK  4096u

static const struct thread *any_thread(const struct proc_subject *s)
{
	if (s->thread)
		return s->thread;
	struct list *first = list_first(&s->process->threads);
	return first ? LIST_ENTRY(first, struct thread, sibling) : NULL;
}

static char state_letter(const struct proc_subject *s)
{
	if (s->process->state != PROCESS_ALIVE)
		return 'Z';
	/* A process is in the state of its first thread, whatever the others do. */
	const struct thread *t = s->thread ? s->thread : thread_find(s->process->pid);
	bool traced = false;
	if (t && thread_tracer(t, &traced) && traced)
		return 't';
	if (s->process->stopped)
		return 'T';
	if (!t)
		return 'Z';
	return t == libos.sched.current || t->state == THREAD_RUNNABLE ? 'R' : 'S';
}

static const char *state_text(char letter)
{
	switch (letter) {
	case 'R':
		return "R (running)";
	case 'T':
		return "T (stopped)";
	case 't':
		return "t (tracing stop)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "S (sleeping)";
	}
}

static struct vm_stats stats_of(const struct process *p)
{
	struct vm_stats v = { 0 };
	if (p->space && p->state == PROCESS_ALIVE)
		vm_stats(p->space, &v);
	return v;
}

static void signal_sets(const struct process *p, uint64_t *ignored, uint64_t *caught)
{
	*ignored = *caught = 0;
	for (int i = 1; p->actions && i <= SIGNAL_COUNT; i++) {
		if (p->actions->action[i].handler == 1)
			*ignored |= SIGNAL_BIT(i);
		else if (p->actions->action[i].handler)
			*caught |= SIGNAL_BIT(i);
	}
}

static unsigned long ticks(uint64_t ns)
{
	return (unsigned long)(ns / TICK_NS);
}

static const char *name_of(const struct proc_subject *s)
{
	return s->thread && s->thread->name[0] ? s->thread->name : s->process->name;
}

static void show_stat(struct text *text, const struct proc_subject *s)
{
	struct process *p = s->process;
	if (p->state == PROCESS_ALIVE)
		process_account(p);
	const struct tty *tty = p->session ? p->session->tty : NULL;
	struct vm_stats v = stats_of(p);
	const struct thread *t = any_thread(s);
	uint64_t ignored, caught;
	signal_sets(p, &ignored, &caught);
	uint64_t user = s->thread ? s->thread->user_ns : p->user_ns, system = s->thread ? s->thread->system_ns : p->system_ns;
	text_printf(text, "%d (%s) %c %d %d %d %d %d 0 %lu %lu 0 0 ", s->thread ? s->thread->tid : p->pid, name_of(s),
	            state_letter(s), p->parent ? p->parent->pid : 0, p->pgid, p->session ? p->session->sid : 0,
	            tty ? (int)tty->rdev : 0, tty ? tty->foreground_pgid : -1, (unsigned long)p->minor_faults,
	            (unsigned long)p->children_minor_faults);
	text_printf(text, "%lu %lu %lu %lu %d %d %u 0 %lu %lu %lu %lu ", ticks(user), ticks(system),
	            ticks(p->children_user_ns), ticks(p->children_system_ns), 20 + p->nice, p->nice, p->thread_count,
	            ticks(p->start_ns), (unsigned long)(v.virtual_pages * PAGE_SIZE), (unsigned long)v.resident_pages,
	            (unsigned long)p->limits[RLIMIT_RSS].soft);
	text_printf(text, "1 1 %lu 0 0 %lu %lu %lu %lu 0 0 0 %d 0 0 %u 0 0 0 0 0 %lu %lu %lu %lu %lu %d\n",
	            (unsigned long)v.stack_start, (unsigned long)(p->pending.set & 0x7fffffff),
	            (unsigned long)(t ? t->blocked & 0x7fffffff : 0), (unsigned long)(ignored & 0x7fffffff),
	            (unsigned long)(caught & 0x7fffffff), p->exit_signal, p->sched_policy, (unsigned long)v.brk_start,
	            (unsigned long)v.arg_start, (unsigned long)v.arg_end, (unsigned long)v.env_start,
	            (unsigned long)v.env_end, p->state == PROCESS_ALIVE ? 0 : p->exit_code);
}

static void show_memory(struct text *text, const struct process *p)
{
	struct vm_stats v = stats_of(p);
	uint64_t peak = p->max_resident_pages > v.resident_pages ? p->max_resident_pages : v.resident_pages;
	if (p->state != PROCESS_ALIVE)
		return;
	text_printf(text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
	            KIB(v.virtual_pages), KIB(v.virtual_pages), KIB(v.locked_pages), 0ul, KIB(peak), KIB(v.resident_pages));
	text_printf(text, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8lu kB\n",
	            KIB(v.resident_pages - v.shared_pages), KIB(v.shared_pages), 0ul);
	text_printf(text, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8lu kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8lu kB\n",
	            KIB(v.data_pages), KIB(v.stack_pages), KIB(v.text_pages), 0ul, 0ul, 0ul);
}

static void show_status(struct text *text, const struct proc_subject *s)
{
	struct process *p = s->process;
	const struct credentials *c = s->thread ? &s->thread->cred : &p->cred;
	const struct thread *t = any_thread(s);
	uint64_t ignored, caught;
	bool waits;
	signal_sets(p, &ignored, &caught);
	text_printf(text, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
	            name_of(s), p->fs ? p->fs->umask : 0, state_text(state_letter(s)), p->pid,
	            s->thread ? s->thread->tid : p->pid, p->parent ? p->parent->pid : 0, t ? thread_tracer(t, &waits) : 0);
	text_printf(text, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", c->uid, c->euid, c->suid, c->fsuid,
	            c->gid, c->egid, c->sgid, c->fsgid, 64u);
	for (uint32_t i = 0; c->groups && i < c->groups->count; i++)
		text_printf(text, "%u ", c->groups->gids[i]);
	/* There is one pid namespace, and no kernel thread. */
	text_printf(text, "%s\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", c->groups && c->groups->count ? "" : " ", p->pid,
	            s->thread ? s->thread->tid : p->pid, p->pgid, p->session ? p->session->sid : 0);
	show_memory(text, p);
	if (p->state == PROCESS_ALIVE)
		text_printf(text, "CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n");
	text_printf(text, "Threads:\t%u\nSigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
	            p->thread_count, (unsigned)user_count(p->cred.uid, USER_SIGNALS), (unsigned long)p->limits[RLIMIT_SIGPENDING].soft,
	            (unsigned long)(t ? t->pending.set : 0), (unsigned long)p->pending.set,
	            (unsigned long)(t ? t->blocked : 0), (unsigned long)ignored, (unsigned long)caught);
	text_printf(text, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%u\nSeccomp:\t0\nSeccomp_filters:\t0\n",
	            (unsigned long)c->inheritable, (unsigned long)c->permitted, (unsigned long)c->effective,
	            (unsigned long)c->bounding, (unsigned long)c->ambient, c->no_new_privs);
	text_printf(text, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
	            (unsigned long)p->voluntary_switches, (unsigned long)p->involuntary_switches);
}

/* Bytes of the program's memory, as far as they can be read. */
static void show_area(struct text *text, const struct process *p, uint64_t start, uint64_t end)
{
	char chunk[256];
	if (!p->space || p->state != PROCESS_ALIVE || end <= start)
		return;
	if (end - start > AREA_MAX)
		end = start + AREA_MAX;
	for (uint64_t at = start; at < end;) {
		uint64_t n = min_u64(end - at, sizeof(chunk));
		if (user_read(p->space, chunk, at, n))
			return;
		text_add(text, chunk, n);
		at += n;
	}
}

static void show_cmdline(struct text *text, const struct proc_subject *s)
{
	struct vm_stats v = stats_of(s->process);
	show_area(text, s->process, v.arg_start, v.arg_end);
}

static void show_environ(struct text *text, const struct proc_subject *s)
{
	struct vm_stats v = stats_of(s->process);
	show_area(text, s->process, v.env_start, v.env_end);
}

static void show_comm(struct text *text, const struct proc_subject *s)
{
	text_printf(text, "%s\n", name_of(s));
}

static int store_comm(const struct proc_subject *s, const char *bytes, size_t size)
{
	(void)size;
	if (!s->reader || s->reader->process != s->process)
		return -EINVAL;
	if (s->thread)
		str_copy(s->thread->name, bytes, sizeof(s->thread->name));
	if (!s->thread || s->thread->tid == s->process->pid)
		str_copy(s->process->name, bytes, sizeof(s->process->name));
	return 0;
}

static void show_maps(struct text *text, const struct proc_subject *s)
{
	if (!s->process->space || s->process->state != PROCESS_ALIVE)
		return;
	char *chunk = heap_alloc(MAPS_CHUNK);
	if (!chunk) {
		text->failed = true;
		return;
	}
	struct vm_space *space = s->process->space;
	uint64_t address = 0;
	size_t n;
	vm_space_get(space); /* the process may end meanwhile */
	while ((n = vm_maps_text(space, chunk, MAPS_CHUNK, &address)) != 0) {
		text_add(text, chunk, n);
		(void)sched_worked(&libos.sched, SCHED_WORK_UNITS);
	}
	vm_space_put(space);
	heap_free(chunk);
}

static void show_statm(struct text *text, const struct proc_subject *s)
{
	struct vm_stats v = stats_of(s->process);
	text_printf(text, "%lu %lu %lu %lu 0 %lu 0\n", (unsigned long)v.virtual_pages, (unsigned long)v.resident_pages,
	            (unsigned long)v.shared_pages, (unsigned long)v.text_pages, (unsigned long)(v.data_pages + v.stack_pages));
}

static void show_limits(struct text *text, const struct proc_subject *s)
{
	static const struct {
		const char *name, *unit;
	} rows[RLIMIT_COUNT] = {
		{ "Max cpu time", "seconds" },        { "Max file size", "bytes" },     { "Max data size", "bytes" },
		{ "Max stack size", "bytes" },        { "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" },     { "Max open files", "files" },    { "Max locked memory", "bytes" },
		{ "Max address space", "bytes" },     { "Max file locks", "locks" },    { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },     { "Max nice priority", "" },      { "Max realtime priority", "" },
		{ "Max realtime timeout", "us" },
	};
	text_printf(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < RLIMIT_COUNT; i++) {
		const struct rlimit64 *l = &s->process->limits[i];
		char soft[24] = "unlimited", hard[24] = "unlimited";
		if (l->soft != UINT64_MAX)
			format(soft, sizeof(soft), "%lu", (unsigned long)l->soft);
		if (l->hard != UINT64_MAX)
			format(hard, sizeof(hard), "%lu", (unsigned long)l->hard);
		text_printf(text, "%-25s %-20s %-20s ", rows[i].name, soft, hard);
		text_printf(text, *rows[i].unit ? "%-10s\n" : "%s\n", rows[i].unit);
	}
}

static void show_personality(struct text *text, const struct proc_subject *s)
{
	text_printf(text, "%08x\n", s->process->personality);
}

/* Of kernel functions nothing is told. */
static void show_wchan(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "0");
}

static void show_no_id(struct text *text, const struct proc_subject *s)
{
	(void)s;
	text_printf(text, "4294967295");
}

static void show_schedstat(struct text *text, const struct proc_subject *s)
{
	const struct process *p = s->process;
	text_printf(text, "%lu 0 %lu\n", (unsigned long)(p->user_ns + p->system_ns),
	            (unsigned long)(p->voluntary_switches + p->involuntary_switches));
}

/* ---- links ---- */

static int follow_exe(const struct proc_subject *s, struct path *to)
{
	if (!s->process->exe)
		return -ENOENT;
	to->inode = s->process->exe;
	to->mount = mount_of(s->process->exe);
	return 0;
}

static int64_t target_exe(const struct proc_subject *s, char *to, size_t size)
{
	struct path path = { NULL, NULL };
	if (follow_exe(s, &path) || !s->reader->process->fs)
		return -ENOENT;
	return path_describe(s->reader->process->fs, &path, to, size);
}

static int follow_cwd(const struct proc_subject *s, struct path *to)
{
	if (!s->process->fs)
		return -ENOENT;
	*to = s->process->fs->cwd;
	return 0;
}

static int follow_root(const struct proc_subject *s, struct path *to)
{
	if (!s->process->fs)
		return -ENOENT;
	*to = s->process->fs->root;
	return 0;
}

static int64_t target_cwd(const struct proc_subject *s, char *to, size_t size)
{
	return s->process->fs && s->reader->process->fs ? path_describe(s->reader->process->fs, &s->process->fs->cwd, to, size) : -ENOENT;
}

static int64_t target_root(const struct proc_subject *s, char *to, size_t size)
{
	return s->process->fs && s->reader->process->fs ? path_describe(s->reader->process->fs, &s->process->fs->root, to, size) : -ENOENT;
}

static void show_oom_score(struct text *text, const struct proc_subject *s)
{
	text_printf(text, "%lu\n", (unsigned long)process_oom_score(s->process));
}

static void show_oom_score_adj(struct text *text, const struct proc_subject *s)
{
	text_printf(text, "%d\n", s->process->oom_score_adj);
}

static int store_oom_score_adj(const struct proc_subject *s, const char *bytes, size_t size)
{
	uint64_t value;
	bool negative = bytes[0] == '-';
	int32_t adj;
	(void)size;
	if (!str_to_u64(bytes + negative, &value) || value > 1000)
		return -EINVAL;
	adj = negative ? -(int32_t)value : (int32_t)value;
	if (privileged(&s->reader->cred, PRIV_LIMITS))
		s->process->oom_score_adj_min = adj;
	else if (adj < s->process->oom_score_adj_min)
		return -EACCES;
	s->process->oom_score_adj = adj;
	return 0;
}

/* There is no security module that would know something. */
static int64_t read_attribute(const struct proc_subject *s, struct io *io, uint64_t position)
{
	(void)s, (void)io, (void)position;
	return -EINVAL;
}

static const struct proc_entry attr_children[] = {
	{ "current", PROC_MEMORY, 0444, .read = read_attribute },
	{ .name = NULL },
};

/* There is one namespace of each kind, as a Linux has at its start: its number there. */
static int64_t target_namespace(const struct proc_subject *s, char *to, size_t size)
{
	return (int64_t)format(to, size, "%s", s->entry->text);
}

#define NAMESPACE(name, text_) { name, PROC_LINK, 0777, true, .target = target_namespace, .text = text_ }
static const struct proc_entry namespace_children[] = {
	NAMESPACE("cgroup", "cgroup:[4026531835]"), NAMESPACE("ipc", "ipc:[4026531839]"), NAMESPACE("mnt", "mnt:[4026531841]"),
	NAMESPACE("net", "net:[4026531840]"), NAMESPACE("pid", "pid:[4026531836]"),
	NAMESPACE("pid_for_children", "pid:[4026531836]"), NAMESPACE("time", "time:[4026531834]"),
	NAMESPACE("time_for_children", "time:[4026531834]"), NAMESPACE("user", "user:[4026531837]"),
	NAMESPACE("uts", "uts:[4026531838]"), { .name = NULL },
};

const struct proc_entry proc_pid_children[] = {
	{ "stat", PROC_FILE, 0444, .show = show_stat },
	{ "status", PROC_FILE, 0444, .show = show_status },
	{ "statm", PROC_FILE, 0444, .show = show_statm },
	{ "cmdline", PROC_FILE, 0444, .show = show_cmdline },
	{ "comm", PROC_FILE, 0644, .show = show_comm, .store = store_comm },
	{ "environ", PROC_FILE, 0400, true, .show = show_environ },
	{ "maps", PROC_FILE, 0444, true, .show = show_maps },
	{ "limits", PROC_FILE, 0444, .show = show_limits },
	{ "mounts", PROC_FILE, 0444, .show = proc_show_mounts },
	{ "mountinfo", PROC_FILE, 0444, .show = proc_show_mountinfo },
	{ "oom_score", PROC_FILE, 0444, .show = show_oom_score },
	{ "oom_score_adj", PROC_FILE, 0644, .show = show_oom_score_adj, .store = store_oom_score_adj },
	{ "attr", PROC_FOLDER, 0555, .children = attr_children },
	{ "smaps", PROC_FILE, 0444, true, .show = proc_show_smaps },
	{ "smaps_rollup", PROC_FILE, 0444, true, .show = proc_show_smaps_rollup },
	{ "auxv", PROC_FILE, 0400, true, .show = proc_show_auxv },
	{ "mem", PROC_MEMORY, 0600, true, .read = proc_read_mem, .write = proc_write_mem },
	{ "pagemap", PROC_MEMORY, 0400, true, .read = proc_read_pagemap },
	{ "personality", PROC_FILE, 0400, true, .show = show_personality },
	{ "wchan", PROC_FILE, 0444, .show = show_wchan },
	{ "cgroup", PROC_FILE, 0444, .text = "0::/" },
	{ "loginuid", PROC_FILE, 0444, .show = show_no_id },
	{ "sessionid", PROC_FILE, 0444, .show = show_no_id },
	{ "timerslack_ns", PROC_FILE, 0444, .text = "50000" },
	{ "uid_map", PROC_FILE, 0444, .text = "         0          0 4294967295" },
	{ "gid_map", PROC_FILE, 0444, .text = "         0          0 4294967295" },
	{ "setgroups", PROC_FILE, 0444, .text = "allow" },
	{ "schedstat", PROC_FILE, 0444, .show = show_schedstat },
	{ "ns", PROC_FOLDER, 0511, .children = namespace_children },
	{ "exe", PROC_LINK, 0777, true, .target = target_exe, .follow = follow_exe },
	{ "cwd", PROC_LINK, 0777, true, .target = target_cwd, .follow = follow_cwd },
	{ "root", PROC_LINK, 0777, true, .target = target_root, .follow = follow_root },
	{ "fd", PROC_FDS, .mode = 0500 },
	{ "fdinfo", PROC_FDINFOS, 0500, .inspect = true },
	{ "task", PROC_TASKS, .mode = 0555 },
	{ .name = NULL },
};
