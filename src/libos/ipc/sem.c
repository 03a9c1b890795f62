/* semget and semctl: arrays of semaphores. */
#include <libos/fs/internal.h>
#include <libos/ipc/internal.h>
#include <libos/lib/string.h>

enum { GETPID = 11, GETVAL, GETALL, GETNCNT, GETZCNT, SETVAL, SETALL, SEM_STAT, SEM_INFO, SEM_STAT_ANY }; /* uapi/linux/sem.h */
#define SEMUSZ 20

struct linux_semid { /* struct semid64_ds of x86 */
	struct linux_ipc_perm perm;
	int64_t otime, unused1, ctime, unused2;
	uint64_t count, unused3[2];
};
_Static_assert(sizeof(struct linux_semid) == 104, "struct semid64_ds");

struct linux_seminfo {
	int32_t semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem;
};

static struct sem_array *array_of(struct ipc_object *o)
{
	return (struct sem_array *)(void *)o;
}

/* ---- semget ---- */

static struct sem_array *array_new(uint32_t count)
{
	struct sem_array *a = heap_zalloc(sizeof(*a) + count * sizeof(a->sems[0]));

	if (!a)
		return NULL;
	a->count = count;
	a->ctime = ipc_now();
	list_init(&a->zero);
	list_init(&a->change);
	list_init(&a->undos);
	waitq_init(&a->busy_wait);
	for (uint32_t i = 0; i < count; i++) {
		list_init(&a->sems[i].zero);
		list_init(&a->sems[i].change);
	}
	return a;
}

static int64_t make(struct thread *self, int32_t key, uint32_t count, int32_t flags)
{
	uint64_t size = sizeof(struct sem_array) + count * sizeof(struct semaphore);
	struct sem_array *a;
	int r;

	if (!count)
		return -EINVAL;
	if (libos.ipc.semaphores + count > libos.ipc.limits.semmns)
		return -ENOSPC;
	if (!ipc_charge(self, size))
		return -ENOMEM;
	a = array_new(count);
	r = a ? ipc_add(self, IPC_SEMAPHORES, &a->ipc, key, flags, libos.ipc.limits.semmni) : -ENOMEM;
	if (r) {
		heap_free(a);
		ipc_uncharge(self->cred.uid, size);
		return r;
	}
	a->ipc.account = self->cred.uid;
	a->ipc.charged = size;
	libos.ipc.semaphores += count;
	return a->ipc.id;
}

int64_t sys_semget(struct thread *self, const uint64_t *args)
{
	int32_t key = (int32_t)args[0], count = (int32_t)args[1], flags = (int32_t)args[2];
	struct ipc_object *o;
	int r;

	if (count < 0 || (uint64_t)count > libos.ipc.limits.semmsl)
		return -EINVAL;
	r = ipc_find_key(IPC_SEMAPHORES, key, flags, &o);
	if (r)
		return r;
	if (!o)
		return make(self, key, (uint32_t)count, flags);
	if ((uint32_t)count > array_of(o)->count)
		return -EINVAL;
	return ipc_allows(self, o, flags) ? o->id : -EACCES;
}

/* ---- semctl ---- */

static int64_t info(struct thread *self, bool current, uint64_t address)
{
	const struct ipc_limits *l = &libos.ipc.limits;
	struct linux_seminfo i = {
		.semmap = 32000 * 32000, .semmni = (int32_t)l->semmni, .semmns = (int32_t)l->semmns, .semmnu = 32000 * 32000,
		.semmsl = (int32_t)l->semmsl, .semopm = (int32_t)l->semopm, .semume = 500, .semvmx = SEMVMX,
		.semusz = current ? (int32_t)ipc_table(IPC_SEMAPHORES)->count : SEMUSZ,
		.semaem = current ? (int32_t)libos.ipc.semaphores : SEMAEM,
	};

	return user_write(self->process->space, address, &i, sizeof(i)) ? -EFAULT : ipc_last_index(IPC_SEMAPHORES);
}

static int64_t stat(struct thread *self, int32_t id, int32_t command, uint64_t address)
{
	struct ipc_object *o;
	int r = ipc_find_stat(self, IPC_SEMAPHORES, id, command != IPC_STAT, command == SEM_STAT_ANY, &o);

	if (r)
		return r;
	const struct linux_semid s = { .perm = ipc_perm(o), .otime = array_of(o)->otime, .ctime = array_of(o)->ctime, .count = array_of(o)->count };
	int64_t result = command == IPC_STAT ? 0 : o->id;
	return user_write(self->process->space, address, &s, sizeof(s)) ? -EFAULT : result;
}

static int64_t get_all(struct thread *self, struct sem_array *a, uint64_t address)
{
	uint32_t count = a->count;
	uint16_t *values = heap_alloc(count * sizeof(*values));
	int r;

	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		values[i] = (uint16_t)a->sems[i].value;
	r = user_write(self->process->space, address, values, count * sizeof(*values));
	heap_free(values);
	return r ? -EFAULT : 0;
}

static void undos_clear(struct sem_array *a, uint32_t first, uint32_t count)
{
	LIST_EACH(at, &a->undos) {
		memset(&LIST_ENTRY(at, struct sem_undo, of_array)->adjust[first], 0, count * sizeof(int16_t));
		(void)sched_worked(&libos.sched, (uint32_t)(count * sizeof(int16_t) / PAGE_SIZE));
	}
}

static int64_t set_values(struct thread *self, struct sem_array *a, uint32_t first, uint32_t count, const uint16_t *values)
{
	int r = sem_enter(self, a);

	if (r)
		return r;
	for (uint32_t i = 0; i < count; i++) {
		a->sems[first + i].value = values[i];
		a->sems[first + i].pid = self->process->pid;
	}
	undos_clear(a, first, count);
	a->ctime = ipc_now();
	sem_update_all(a);
	sem_leave(a);
	return 0;
}

static int64_t set_all(struct thread *self, struct sem_array *a, uint64_t address)
{
	uint32_t count = a->count;
	uint16_t *values = heap_alloc(count * sizeof(*values));
	int64_t r = 0;

	if (!values)
		return -ENOMEM;
	a->ipc.refs++;
	if (user_read(self->process->space, values, address, count * sizeof(*values)))
		r = -EFAULT;
	for (uint32_t i = 0; i < count && !r; i++)
		r = values[i] > SEMVMX ? -ERANGE : 0;
	if (!r)
		r = a->ipc.removed ? -EIDRM : set_values(self, a, 0, count, values);
	heap_free(values);
	if (!--a->ipc.refs)
		heap_free(a);
	return r;
}

static int64_t set_one(struct thread *self, int32_t id, int32_t number, int32_t value)
{
	struct ipc_object *o;
	uint16_t one = (uint16_t)value;

	if (value < 0 || value > SEMVMX)
		return -ERANGE;
	o = ipc_find(IPC_SEMAPHORES, id);
	if (!o || number < 0 || (uint32_t)number >= array_of(o)->count)
		return -EINVAL;
	if (!ipc_allows(self, o, MODE_WRITE))
		return -EACCES;
	return set_values(self, array_of(o), (uint32_t)number, 1, &one);
}

static int64_t get(struct thread *self, int32_t id, int32_t number, int32_t command, uint64_t address)
{
	struct ipc_object *o = ipc_find(IPC_SEMAPHORES, id);
	struct sem_array *a = array_of(o);

	if (!o)
		return -EINVAL;
	if (!ipc_allows(self, o, command == SETALL ? MODE_WRITE : MODE_READ))
		return -EACCES;
	if (command == GETALL)
		return get_all(self, a, address);
	if (command == SETALL)
		return set_all(self, a, address);
	if (number < 0 || (uint32_t)number >= a->count)
		return -EINVAL;
	if (command == GETVAL)
		return a->sems[number].value;
	if (command == GETPID)
		return a->sems[number].pid;
	return sem_waiting(a, (uint32_t)number, command == GETZCNT);
}

static void array_remove(struct sem_array *a)
{
	ipc_remove(IPC_SEMAPHORES, &a->ipc);
	while (!list_empty(&a->undos))
		sem_undo_free(LIST_ENTRY(a->undos.next, struct sem_undo, of_array));
	sem_end_waits(a);
	libos.ipc.semaphores -= a->count;
	ipc_uncharge(a->ipc.account, a->ipc.charged);
	a->ipc.refs--;
}

/* IPC_SET and IPC_RMID. */
static int64_t change(struct thread *self, int32_t id, const struct linux_ipc_perm *perm)
{
	struct ipc_object *o;
	int r = ipc_find_own(self, IPC_SEMAPHORES, id, &o);

	if (r)
		return r;
	r = sem_enter(self, array_of(o));
	if (r)
		return r;
	if (!perm) {
		array_remove(array_of(o));
	} else {
		r = ipc_set_perm(o, perm);
		if (!r)
			array_of(o)->ctime = ipc_now();
	}
	sem_leave(array_of(o));
	return r;
}

void sem_line(struct text *text, const struct ipc_object *o)
{
	const struct sem_array *a = (const struct sem_array *)(const void *)o;

	text_printf(text, IPC_COLUMNS "%10u %5u %5u %5u %5u %10lu %10lu\n", o->key, o->id, o->mode, a->count, o->uid, o->gid, o->cuid, o->cgid,
	            (unsigned long)a->otime, (unsigned long)a->ctime);
}

int64_t sys_semctl(struct thread *self, const uint64_t *args)
{
	int32_t id = (int32_t)args[0], number = (int32_t)args[1], command = (int32_t)args[2];
	struct linux_semid s;

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
	case SEM_INFO:
		return info(self, command == SEM_INFO, args[3]);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return stat(self, id, command, args[3]);
	case GETALL:
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETALL:
		return get(self, id, number, command, args[3]);
	case SETVAL:
		return set_one(self, id, number, (int32_t)args[3]);
	case IPC_SET:
		return user_read(self->process->space, &s, args[3], sizeof(s)) ? -EFAULT : change(self, id, &s.perm);
	case IPC_RMID:
		return change(self, id, NULL);
	default:
		return -EINVAL;
	}
}
