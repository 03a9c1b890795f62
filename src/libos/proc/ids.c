/* Process numbers, groups and sessions. */
#include <libos/proc/internal.h>

int64_t sys_getpid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return self->process->pid;
}

int64_t sys_gettid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return self->tid;
}

int64_t sys_getppid(struct thread *self, const uint64_t *args)
{
	(void)args;
	answers_hint(self);
	return self->process->parent ? self->process->parent->pid : 0;
}

int64_t sys_getpgrp(struct thread *self, const uint64_t *args)
{
	(void)args;
	return self->process->pgid;
}

static struct process *process_or_self(struct thread *self, int32_t pid)
{
	return pid == 0 ? self->process : process_find(pid);
}

int64_t sys_getpgid(struct thread *self, const uint64_t *args)
{
	struct process *p = process_or_self(self, (int32_t)args[0]);

	return p ? p->pgid : -ESRCH;
}

int64_t sys_getsid(struct thread *self, const uint64_t *args)
{
	struct process *p = process_or_self(self, (int32_t)args[0]);

	return p ? p->session->sid : -ESRCH;
}

/* POSIX setpgid(): of oneself or a child that has not yet run exec, within the session. */
int64_t sys_setpgid(struct thread *self, const uint64_t *args)
{
	struct process *caller = self->process, *p = process_or_self(self, (int32_t)args[0]), *member;
	int32_t pgid = (int32_t)args[1];

	if (pgid == 0)
		pgid = args[0] ? (int32_t)args[0] : caller->pid;
	if (pgid < 0)
		return -EINVAL;
	if (!p || p->state != PROCESS_ALIVE)
		return -ESRCH;
	if (p != caller) {
		if (p->parent != caller)
			return -ESRCH;
		if (p->session != caller->session)
			return -EPERM;
		if (p->did_exec)
			return -EACCES;
	}
	if (p->session->sid == p->pid)
		return -EPERM;
	if (pgid != p->pid) {
		member = process_of_group(pgid);
		if (!member || member->session != caller->session)
			return -EPERM;
	}
	p->pgid = pgid;
	return 0;
}

int64_t sys_setsid(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	struct session *session;

	(void)args;
	if (process_of_group(p->pid))
		return -EPERM;
	session = session_new(p->pid);
	if (!session)
		return -ENOMEM;
	session_put(p->session);
	p->session = session;
	p->pgid = p->pid;
	return p->pid;
}

int64_t sys_set_tid_address(struct thread *self, const uint64_t *args)
{
	self->clear_child_tid = args[0];
	return self->tid;
}
