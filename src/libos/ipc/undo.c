/* SEM_UNDO: what is to be taken back of a thread's operations on semaphores at its end. */
#include <libos/ipc/internal.h>

#define UNDO_OF_LIST(at)  LIST_ENTRY(at, struct sem_undo, of_list)
#define UNDO_OF_ARRAY(at) LIST_ENTRY(at, struct sem_undo, of_array)

static struct sem_undo_list *list_of(struct thread *self)
{
	if (!self->sem_undos) {
		self->sem_undos = heap_zalloc(sizeof(*self->sem_undos));
		if (!self->sem_undos)
			return NULL;
		self->sem_undos->refs = 1;
		list_init(&self->sem_undos->undos);
	}
	return self->sem_undos;
}

int sem_undo_share(struct thread *self, struct thread *made)
{
	struct sem_undo_list *list = list_of(self);

	if (!list)
		return -ENOMEM;
	list->refs++;
	made->sem_undos = list;
	return 0;
}

void sem_undo_discard(struct thread *made)
{
	if (made->sem_undos)
		made->sem_undos->refs--; /* whoever made it has one, too */
	made->sem_undos = NULL;
}

static uint64_t size_of(const struct sem_array *a)
{
	return sizeof(struct sem_undo) + a->count * sizeof(int16_t);
}

/* Programs have many arrays, or arrays many programs; whatever is shorter is looked through. */
static struct sem_undo *find(const struct sem_undo_list *list, const struct sem_array *a)
{
	if (list->count <= a->undo_count) {
		LIST_EACH(at, &list->undos) {
			if (UNDO_OF_LIST(at)->array == a)
				return UNDO_OF_LIST(at);
		}
	} else {
		LIST_EACH(at, &a->undos) {
			if (UNDO_OF_ARRAY(at)->list == list)
				return UNDO_OF_ARRAY(at);
		}
	}
	return NULL;
}

struct sem_undo *sem_undo_get(struct thread *self, struct sem_array *a)
{
	struct sem_undo_list *list = list_of(self);
	struct sem_undo *u = list ? find(list, a) : NULL;

	if (!list || u)
		return u;
	if (!ipc_charge(self, size_of(a)))
		return NULL;
	u = heap_zalloc(size_of(a));
	if (!u) {
		ipc_uncharge(self->cred.uid, size_of(a));
		return NULL;
	}
	u->uid = self->cred.uid;
	u->array = a;
	u->list = list;
	list_push_back(&a->undos, &u->of_array);
	list_push_back(&list->undos, &u->of_list);
	a->undo_count++;
	list->count++;
	return u;
}

void sem_undo_free(struct sem_undo *u)
{
	list_remove(&u->of_array);
	list_remove(&u->of_list);
	u->array->undo_count--;
	u->list->count--;
	ipc_uncharge(u->uid, size_of(u->array));
	heap_free(u);
}

/* As on Linux, no value leaves its bounds by that. */
static void take_back(struct thread *self, const struct sem_undo *u)
{
	for (uint32_t i = 0; i < u->array->count; i++) {
		struct semaphore *s = &u->array->sems[i];

		if (!u->adjust[i])
			continue;
		s->value += u->adjust[i];
		s->value = s->value < 0 ? 0 : s->value > SEMVMX ? SEMVMX : s->value;
		s->pid = self->process->pid;
	}
}

void sem_undo_end(struct thread *self)
{
	struct sem_undo_list *list = self->sem_undos;

	self->sem_undos = NULL;
	if (!list || --list->refs)
		return;
	while (!list_empty(&list->undos)) {
		struct sem_undo *u = UNDO_OF_LIST(list->undos.next);
		struct sem_array *a = u->array;

		if (sem_enter(self, a))
			continue; /* it is gone, and this with it */
		take_back(self, u);
		sem_undo_free(u);
		a->otime = ipc_now();
		sem_update_all(a);
		sem_leave(a);
		(void)sched_worked(&libos.sched, 1);
	}
	heap_free(list);
}
