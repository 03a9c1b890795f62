/* prctl and arch_prctl. */
#include <libos/lib/string.h>
#include <libos/proc/internal.h>

#define NAME_SIZE 16
#define TIMER_SLACK_NS 50000
#define PR_GET_TID_ADDRESS 40
/* linux/prctl.h */
#define PR_GET_TIMING      13
#define PR_SET_TIMING      14
#define PR_GET_TSC         25
#define PR_SET_TSC         26
#define PR_TSC_ENABLE      1
#define PR_MCE_KILL_GET    34
#define PR_SET_THP_DISABLE 41
#define PR_GET_THP_DISABLE 42
#define ARCH_GET_CPUID     0x1011

static int64_t put_int(struct thread *self, uint64_t address, int32_t value)
{
	return user_write(self->process->space, address, &value, sizeof(value)) ? -EFAULT : 0;
}

static int64_t set_name(struct thread *self, uint64_t address)
{
	char name[NAME_SIZE];
	int64_t length = user_string(self->process->space, name, address, sizeof(name));

	if (length == -ENAMETOOLONG && user_read(self->process->space, name, address, sizeof(name) - 1))
		return -EFAULT;
	if (length < 0 && length != -ENAMETOOLONG)
		return length;
	name[NAME_SIZE - 1] = '\0';
	str_copy(self->name, name, sizeof(self->name));
	if (self->tid == self->process->pid)
		str_copy(self->process->name, name, sizeof(self->process->name));
	return 0;
}

static int64_t get_name(struct thread *self, uint64_t address)
{
	char name[NAME_SIZE];

	memset(name, 0, sizeof(name));
	str_copy(name, self->name, sizeof(name));
	return user_write(self->process->space, address, name, sizeof(name)) ? -EFAULT : 0;
}

int64_t sys_prctl(struct thread *self, const uint64_t *args)
{
	struct process *p = self->process;
	uint64_t arg = args[1];
	int64_t result;

	if (prctl_capabilities(self, args, &result))
		return result;
	switch ((int)args[0]) {
	case PR_SET_PDEATHSIG:
		if (arg > SIGNAL_COUNT)
			return -EINVAL;
		p->parent_death_signal = (int32_t)arg;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_int(self, arg, p->parent_death_signal);
	case PR_GET_DUMPABLE:
		return (int64_t)p->dumpable;
	case PR_SET_DUMPABLE:
		if (arg > 1)
			return -EINVAL;
		p->dumpable = (uint32_t)arg;
		return 0;
	case PR_SET_NAME:
		return set_name(self, arg);
	case PR_GET_NAME:
		return get_name(self, arg);
	case PR_GET_SECCOMP:
		return 0;
	case PR_GET_TIMERSLACK: /* kept, and not needed: timers are as exact as they can be */
		return self->timer_slack_ns ? (int64_t)self->timer_slack_ns : TIMER_SLACK_NS;
	case PR_SET_TIMERSLACK:
		self->timer_slack_ns = (int64_t)arg > 0 ? arg : 0;
		return 0;
	case PR_GET_TSC:
		return put_int(self, arg, PR_TSC_ENABLE);
	case PR_SET_TSC: /* a machine that runs programs on the processor itself cannot take it away */
		return arg == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_GET_TIMING:
		return 0;
	case PR_SET_TIMING:
		return arg == 0 ? 0 : -EINVAL;
	case PR_GET_THP_DISABLE:
		return arg || args[2] || args[3] || args[4] ? -EINVAL : (int64_t)p->thp_disable;
	case PR_SET_THP_DISABLE: /* there are no huge pages */
		if (args[2] || args[3] || args[4])
			return -EINVAL;
		p->thp_disable = arg != 0;
		return 0;
	case PR_MCE_KILL_GET: /* PR_MCE_KILL_DEFAULT */
		return arg || args[2] || args[3] || args[4] ? -EINVAL : 2;
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = arg != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_int(self, arg, p->child_subreaper);
	case PR_SET_NO_NEW_PRIVS:
		if (arg != 1 || args[2] || args[3] || args[4])
			return -EINVAL;
		self->cred.no_new_privs = true;
		if (self->tid == p->pid)
			p->cred.no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return args[1] || args[2] || args[3] || args[4] ? -EINVAL : (int64_t)self->cred.no_new_privs;
	case PR_GET_TID_ADDRESS:
		return user_write(p->space, arg, &self->clear_child_tid, sizeof(self->clear_child_tid)) ? -EFAULT : 0;
	default:
		return -EINVAL;
	}
}

int64_t sys_arch_prctl(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;
	struct exo_regs *regs = &self->page->regs;
	uint64_t address = args[1];

	switch ((int)args[0]) {
	case ARCH_SET_FS:
		if (address >= EXO_USER_LIMIT)
			return -EPERM;
		regs_edit(self);
		regs->fs_base = address;
		return 0;
	case ARCH_SET_GS:
		if (address >= EXO_USER_LIMIT)
			return -EPERM;
		regs_edit(self);
		regs->gs_base = address;
		return 0;
	case ARCH_GET_FS:
		regs_save(self);
		return user_write(space, address, &regs->fs_base, sizeof(regs->fs_base)) ? -EFAULT : 0;
	case ARCH_GET_GS:
		regs_save(self);
		return user_write(space, address, &regs->gs_base, sizeof(regs->gs_base)) ? -EFAULT : 0;
	case ARCH_GET_CPUID: /* the instruction works */
		return 1;
	default:
		return -EINVAL;
	}
}
