/* The process table: numbers, look-up, sessions, groups. */
#include <exo/calls.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define HASH_SIZE 256
#define PID_FIRST_REUSED 300 /* low numbers stay with the system's first programs, as on Linux */

static struct list *pid_bucket(int32_t pid) { return &libos.procs.by_pid[(uint32_t)pid % HASH_SIZE]; }
static struct list *tid_bucket(int32_t tid) { return &libos.procs.by_tid[(uint32_t)tid % HASH_SIZE]; }

void process_table_init(void)
{
	struct process_table *table = &libos.procs;

	list_init(&table->all);
	for (int i = 0; i < HASH_SIZE; i++) {
		list_init(&table->by_pid[i]);
		list_init(&table->by_tid[i]);
	}
}

struct process *process_find(int32_t pid)
{
	LIST_EACH(at, pid_bucket(pid)) {
		struct process *p = LIST_ENTRY(at, struct process, hash);

		if (p->pid == pid)
			return p;
	}
	return NULL;
}

struct thread *thread_find(int32_t tid)
{
	LIST_EACH(at, tid_bucket(tid)) {
		struct thread *t = LIST_ENTRY(at, struct thread, hash);

		if (t->tid == tid)
			return t;
	}
	return NULL;
}

struct process *process_of_group(int32_t pgid)
{
	struct process *leader = process_find(pgid);

	if (leader && leader->pgid == pgid)
		return leader;
	LIST_EACH(at, &libos.procs.all) {
		if (PROCESS_OF(at)->pgid == pgid)
			return PROCESS_OF(at);
	}
	return NULL;
}

struct process *process_of_zone(uint32_t number)
{
	LIST_EACH(at, &libos.procs.all) {
		struct process *p = PROCESS_OF(at);
		struct exo_zone_info info;

		if (p->state == PROCESS_ALIVE && p->space && exo_zone_info(vm_zone(p->space), &info, NULL) == EXO_OK && info.number == number)
			return p;
	}
	return NULL;
}

static bool session_exists(int32_t sid)
{
	LIST_EACH(at, &libos.procs.all) {
		if (PROCESS_OF(at)->session && PROCESS_OF(at)->session->sid == sid)
			return true;
	}
	return false;
}

bool process_group_orphaned(int32_t pgid)
{
	LIST_EACH(at, &libos.procs.all) {
		const struct process *p = PROCESS_OF(at), *parent = p->parent;

		if (p->pgid != pgid || p->state != PROCESS_ALIVE || !parent)
			continue;
		if (parent->pgid != pgid && parent->session == p->session)
			return false;
	}
	return true;
}

/* A number that a group or session still bears must not come back as a process. */
static bool pid_taken(int32_t pid)
{
	if (process_find(pid) || thread_find(pid))
		return true;
	return libos.procs.pids_wrapped && (process_of_group(pid) || session_exists(pid));
}

int32_t pid_alloc(void)
{
	struct process_table *table = &libos.procs;

	for (int32_t tries = 0; tries < PID_MAX; tries++) {
		if (++table->last_pid >= PID_MAX) {
			table->last_pid = PID_FIRST_REUSED;
			table->pids_wrapped = true;
		}
		if (!pid_taken(table->last_pid))
			return table->last_pid;
	}
	return -EAGAIN;
}

struct process *process_new(void)
{
	struct process *p = heap_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all);
	list_init(&p->hash);
	list_init(&p->threads);
	list_init(&p->posix_timers);
	pending_init(&p->pending);
	waitq_init(&p->child_wait);
	waitq_init(&p->signal_wait);
	list_init(&p->pidfds);
	list_init(&p->tracees);
	real_timer_init(p);
	p->exit_signal = SIGCHLD;
	p->dumpable = 1;
	p->start_ns = libos_now();
	return p;
}

void process_set_exe(struct process *p, struct inode *exe)
{
	struct inode *old = p->exe;

	/* Who gives it runs it already, so that it cannot be refused. */
	p->exe = exe && inode_run_start(exe) == 0 ? exe : NULL;
	if (p->exe)
		inode_get(exe);
	if (old) {
		inode_run_end(old);
		inode_put(old);
	}
}

void process_free(struct process *p)
{
	if (p->charged)
		user_uncharge(p->charged_uid, USER_TASKS, 1);
	pidfds_forget(p);
	waitq_abandon(&p->signal_wait);
	process_set_exe(p, NULL);
	session_put(p->session);
	cred_drop(&p->cred);
	if (p->actions && --p->actions->refs == 0)
		heap_free(p->actions);
	heap_free(p);
}

void process_add(struct process *p)
{
	list_push_back(&libos.procs.all, &p->all);
	list_push_back(pid_bucket(p->pid), &p->hash);
	libos.procs.count++;
}

void process_remove(struct process *p)
{
	list_remove(&p->all);
	list_remove(&p->hash);
	list_remove(&p->sibling);
	libos.procs.count--;
}

void thread_add(struct process *p, struct thread *t)
{
	t->process = p;
	list_push_back(&p->threads, &t->sibling);
	list_push_back(tid_bucket(t->tid), &t->hash);
	p->thread_count++;
	libos.procs.thread_count++;
	thread_charge(t, t->cred.uid);
}

void thread_remove(struct thread *t)
{
	list_remove(&t->sibling);
	list_remove(&t->hash);
	libos.procs.thread_count--;
	if (--t->process->thread_count == 0) {
		t->process->charged = t->charged;
		t->process->charged_uid = t->charged_uid;
		t->charged = false;
	}
	thread_uncharge(t);
}

void thread_rename(struct thread *t, int32_t tid)
{
	list_remove(&t->hash);
	t->tid = tid;
	list_push_back(tid_bucket(tid), &t->hash);
}

/* ---- sessions ---- */

struct session *session_new(int32_t sid)
{
	struct session *s = heap_zalloc(sizeof(*s));

	if (s) {
		s->sid = sid;
		s->refs = 1;
	}
	return s;
}

void session_get(struct session *s)
{
	s->refs++;
}

void session_put(struct session *s)
{
	if (!s || --s->refs)
		return;
	if (s->tty && s->tty->session == s)
		s->tty->session = NULL;
	heap_free(s);
}
