/* wait4 and waitid. */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

struct wait_request {
	int32_t pid;       /* > 0 a process, 0 our group, -1 any, < -1 that group */
	uint32_t options;  /* WNOHANG WEXITED WSTOPPED WCONTINUED WNOWAIT __WALL … */
};

struct wait_result {
	int32_t pid, status, code; /* status as wait4 gives it; code CLD_* */
	bool traced;               /* a tracee's stop: all of its code counts */
	uint32_t uid;
	struct linux_rusage usage;
};

static bool is_traced_by(const struct process *child, const struct process *p)
{
	const struct thread *first = list_empty(&child->threads) ? NULL : THREAD_OF(child->threads.next);

	return first && first->trace && first->trace->tracer == p;
}

static bool matches(const struct process *p, const struct process *child, const struct wait_request *r)
{
	bool clone_child = child->exit_signal != SIGCHLD && !is_traced_by(child, p);

	if (r->pid > 0 ? child->pid != r->pid : r->pid == 0 ? child->pgid != p->pgid
	                                                    : r->pid < -1 && child->pgid != -r->pid)
		return false;
	return (r->options & __WALL) || clone_child == !!(r->options & __WCLONE);
}

static void collect(struct process *p, struct process *child)
{
	process_account(child);
	p->children_user_ns += child->user_ns + child->children_user_ns;
	p->children_system_ns += child->system_ns + child->children_system_ns;
	p->children_minor_faults += child->minor_faults + child->children_minor_faults;
	if (child->max_resident_pages > p->children_max_resident)
		p->children_max_resident = child->max_resident_pages;
	if (child->children_max_resident > p->children_max_resident)
		p->children_max_resident = child->children_max_resident;
}

/* ---- tracees ---- */

static bool tracee_matches(const struct process *p, const struct trace *tr, const struct wait_request *r)
{
	int32_t pgid = tr->process ? tr->process->pgid : tr->pgid;

	return r->pid > 0 ? tr->tid == r->pid : r->pid == 0 ? pgid == p->pgid : r->pid == -1 || pgid == -r->pid;
}

static bool report_tracee_end(struct trace *tr, const struct wait_request *r, struct wait_result *out)
{
	/* The end of the first thread is the process's. */
	if (!(r->options & WEXITED) || (tr->process && tr->process->state != PROCESS_ZOMBIE))
		return false;
	out->status = tr->exit_code;
	out->code = tr->exit_code & 0x7f ? CLD_KILLED : CLD_EXITED;
	if (tr->process)
		process_rusage(tr->process, RUSAGE_SELF, NULL, &out->usage);
	if (!(r->options & WNOWAIT))
		trace_end(tr, 0);
	return true;
}

static bool report_tracee(struct trace *tr, const struct wait_request *r, struct wait_result *out)
{
	memset(out, 0, sizeof(*out));
	out->pid = tr->tid;
	out->uid = tr->process ? tr->process->cred.uid : tr->uid;
	if (!tr->thread)
		return report_tracee_end(tr, r, out);
	if (!tr->stopped || tr->listening || tr->reported)
		return false;
	out->status = (int32_t)(tr->code << 8 | 0x7f);
	out->code = CLD_TRAPPED;
	out->traced = true;
	process_rusage(tr->process, RUSAGE_SELF, NULL, &out->usage);
	if (!(r->options & WNOWAIT)) {
		tr->reported = true;
		tr->thread->trace_signal = 0;
	}
	return true;
}

/* True: one of them had something to tell. */
static bool wait_tracees(const struct process *p, const struct wait_request *r, struct wait_result *out, bool *candidates)
{
	LIST_EACH(at, &p->tracees) {
		if (!tracee_matches(p, TRACE_OF(at), r))
			continue;
		*candidates = true;
		if (report_tracee(TRACE_OF(at), r, out))
			return true;
	}
	return false;
}

/* Has this child something to report? It is taken unless WNOWAIT. */
static bool report(struct process *p, struct process *child, const struct wait_request *r, struct wait_result *out)
{
	bool keep = r->options & WNOWAIT;

	memset(out, 0, sizeof(*out));
	out->pid = child->pid;
	out->uid = child->cred.uid;
	if (child->unseen)
		return false; /* its tracer is told first */
	if (child->state == PROCESS_ZOMBIE && (r->options & WEXITED)) {
		out->status = child->exit_code;
		out->code = child->exit_code & 0x7f ? CLD_KILLED : CLD_EXITED;
		process_rusage(child, RUSAGE_SELF, NULL, &out->usage);
		if (!keep) {
			collect(p, child);
			process_reap(child);
		}
		return true;
	}
	/* Whom one traces oneself tells of its stops as a tracee. */
	if (child->stopped && !child->stop_reported && (r->options & WSTOPPED) && !is_traced_by(child, p)) {
		out->status = child->stop_signal << 8 | 0x7f;
		out->code = CLD_STOPPED;
		process_rusage(child, RUSAGE_SELF, NULL, &out->usage);
		if (!keep)
			child->stop_reported = true;
		return true;
	}
	if (child->continued && child->state == PROCESS_ALIVE && (r->options & WCONTINUED)) {
		out->status = 0xffff;
		out->code = CLD_CONTINUED;
		process_rusage(child, RUSAGE_SELF, NULL, &out->usage);
		if (!keep)
			child->continued = false;
		return true;
	}
	return false;
}

/* The child's number, 0 with WNOHANG, or -errno. */
static int64_t wait_any(struct thread *self, const struct wait_request *r, struct wait_result *out)
{
	struct process *p = self->process;

	for (;;) {
		bool candidates = false;
		int error;

		LIST_EACH(at, &p->children) {
			if (!matches(p, CHILD_OF(at), r))
				continue;
			candidates = true;
			if (report(p, CHILD_OF(at), r, out))
				return out->pid;
		}
		if (wait_tracees(p, r, out, &candidates))
			return out->pid;
		if (!candidates)
			return -ECHILD;
		if (r->options & WNOHANG)
			return 0;
		error = wait_on(self, &p->child_wait, NO_DEADLINE, true);
		if (error)
			return -ERESTARTSYS;
	}
}

int64_t sys_wait4(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	const uint32_t known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	struct wait_request r = {.pid = (int32_t)args[0], .options = (uint32_t)args[2]};
	struct wait_result out;
	int64_t pid;

	if (r.options & ~known)
		return -EINVAL;
	if (r.pid == INT32_MIN)
		return -ESRCH;
	r.options |= WEXITED;
	pid = wait_any(self, &r, &out);
	if (pid <= 0)
		return pid;
	if (args[1] && user_write(space, args[1], &out.status, sizeof(out.status)))
		return -EFAULT;
	if (args[3] && user_write(space, args[3], &out.usage, sizeof(out.usage)))
		return -EFAULT;
	return pid;
}

enum { P_ALL = 0, P_PID = 1, P_PGID = 2, P_PIDFD = 3 };

/* A child by its descriptor; one that does not block makes the call one that does not. */
static int pidfd_target(struct thread *self, int32_t fd, struct wait_request *r, bool *nonblocking)
{
	struct process *p;
	int error = fd < 0 ? -EINVAL : pidfd_process(self, fd, &p, nonblocking);

	if (error)
		return error;
	r->pid = p ? p->pid : INT32_MAX; /* nobody's number */
	if (*nonblocking)
		r->options |= WNOHANG;
	return 0;
}

static int waitid_target(struct thread *self, int type, int32_t id, struct wait_request *r, bool *nonblocking)
{
	switch (type) {
	case P_ALL:
		r->pid = -1;
		return 0;
	case P_PID:
		r->pid = id;
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		if (id < 0)
			return -EINVAL;
		r->pid = -id;
		return 0;
	case P_PIDFD:
		return pidfd_target(self, id, r, nonblocking);
	default:
		return -EINVAL;
	}
}

static int64_t waitid(struct thread *self, const uint64_t *args, struct wait_result *out)
{
	const uint32_t known = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
	struct wait_request r = {.options = (uint32_t)args[3]};
	bool nonblocking = false;
	int64_t result;
	int error;

	if ((r.options & ~known) || !(r.options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	error = waitid_target(self, (int)args[0], (int32_t)args[1], &r, &nonblocking);
	if (error)
		return error;
	result = wait_any(self, &r, out);
	return !result && nonblocking && !(args[3] & WNOHANG) ? -EAGAIN : result;
}

/* What the fields of siginfo say of it; all are written whatever came out, and none of what lies between and behind them. */
static int tell_child(struct vm_space *space, uint64_t address, const struct wait_result *out, bool found)
{
	int32_t status = out->traced ? out->status >> 8 : out->code == CLD_CONTINUED ? SIGCONT : out->code == CLD_KILLED ? out->status & 0x7f : out->status >> 8 & 0xff;
	const int32_t head[3] = {found ? SIGCHLD : 0, 0, found ? out->code : 0};
	const int32_t fields[3] = {found ? out->pid : 0, found ? (int32_t)out->uid : 0, found ? status : 0};

	if (user_write(space, address, head, sizeof(head)) || user_write(space, address + SIGINFO_FIELDS, fields, sizeof(fields)))
		return -EFAULT;
	return 0;
}

int64_t sys_waitid(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	struct wait_result out = {0};
	int64_t pid = waitid(self, args, &out);

	if (pid > 0 && args[4] && user_write(space, args[4], &out.usage, sizeof(out.usage)))
		return -EFAULT;
	if (args[2] && tell_child(space, args[2], &out, pid > 0))
		return -EFAULT;
	return pid < 0 ? pid : 0;
}
