/* What the files of ipc/ share with each other and with nobody else. */
#ifndef LIBOS_IPC_INTERNAL_H
#define LIBOS_IPC_INTERNAL_H

#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/libos.h>

/* uapi/linux/ipc.h */
#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_NOWAIT  04000
#define IPC_RMID    0
#define IPC_SET     1
#define IPC_STAT    2
#define IPC_INFO    3
#define MODE_BITS   0777u
#define MODE_READ   0444u
#define MODE_WRITE  0222u
#define MODE_EXEC   0111u

/* A number is sequence << 15 | index. */
#define IPC_INDEX_BITS   15
#define IPC_INDEX_COUNT  (1u << IPC_INDEX_BITS)
#define IPC_SEQUENCE_END (INT32_MAX >> IPC_INDEX_BITS)

struct ipc_object { /* the first member of all three */
	int32_t id, key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint32_t sequence;
	uint32_t refs;    /* the table's, and those of who sleeps */
	uint32_t account; /* of this user's USER_IPC_BYTES it takes … */
	uint64_t charged; /* … so many */
	bool removed;
	struct list hash; /* ipc_table.keys; in none without a key */
};

struct linux_ipc_perm { /* struct ipc64_perm, 48 bytes */
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t sequence, pad[3];
	uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_ipc_perm) == 48, "struct ipc64_perm");

static inline struct ipc_table *ipc_table(enum ipc_kind kind) { return &libos.ipc.tables[kind]; }

/* ---- ids.c ---- */
/* What one of the *get calls asks for: *found, or NULL if it is to be made. -ENOENT, -EEXIST. */
int ipc_find_key(enum ipc_kind kind, int32_t key, int32_t flags, struct ipc_object **found);
/* By its number; and whatever is in that place of the table. NULL: there is none. */
struct ipc_object *ipc_find(enum ipc_kind kind, int32_t id);
struct ipc_object *ipc_at(enum ipc_kind kind, uint32_t index);
/* Puts a new one into its table, as the caller's; the last eighth of all there may be is root's. 0; -ENOSPC, -ENOMEM. */
int ipc_add(struct thread *self, enum ipc_kind kind, struct ipc_object *o, int32_t key, int32_t flags, uint64_t limit);
/* Takes it out. The table's reference is the caller's to give up. */
void ipc_remove(enum ipc_kind kind, struct ipc_object *o);
void ipc_forget_key(struct ipc_object *o);
/* May the caller do what these mode bits say (any of user's, group's, others' places)? */
bool ipc_allows(const struct thread *self, const struct ipc_object *o, int32_t mode);
/* For IPC_SET and IPC_RMID: 0; -EINVAL: there is none; -EPERM: it is another's. */
int ipc_find_own(const struct thread *self, enum ipc_kind kind, int32_t id, struct ipc_object **found);
/* For *_STAT and *_STAT_ANY: 0; -EINVAL, -EACCES. */
int ipc_find_stat(const struct thread *self, enum ipc_kind kind, int32_t id, bool by_index, bool any, struct ipc_object **found);
int ipc_set_perm(struct ipc_object *o, const struct linux_ipc_perm *perm); /* 0 or -EINVAL */
struct linux_ipc_perm ipc_perm(const struct ipc_object *o);
int32_t ipc_last_index(enum ipc_kind kind); /* of all that are used; 0: none is */
/* So many bytes that the LibOS keeps for the caller's user. False: he would have more than an eighth of memory. */
bool ipc_charge(const struct thread *self, uint64_t bytes);
void ipc_uncharge(uint32_t uid, uint64_t bytes);
int64_t ipc_now(void); /* seconds since 1970 */

/* Lines of /proc/sysvipc begin with key, number and mode. */
#define IPC_COLUMNS "%10d %10d  %4o "
void msg_line(struct text *text, const struct ipc_object *o);
void sem_line(struct text *text, const struct ipc_object *o);
void shm_line(struct text *text, const struct ipc_object *o);

/* ---- sem.c, undo.c ---- */
struct semaphore {
	int32_t value, pid;       /* pid: whose last operation it was */
	struct list zero, change; /* struct sem_wait.node: single operations that wait for 0, or to subtract */
};

struct sem_array {
	struct ipc_object ipc;
	uint32_t count;
	int64_t ctime, otime;
	/* Those of several operations that wait; while there are any of these, also all single ones that subtract. */
	struct list zero, change;
	uint32_t several;
	struct list undos;        /* struct sem_undo.of_array */
	uint32_t undo_count;
	struct thread *busy;      /* whoever operates on it may give way between two sleepers */
	struct waitq busy_wait;
	struct semaphore sems[];
};

struct sem_undo {
	struct list of_array, of_list;
	struct sem_array *array;
	struct sem_undo_list *list;
	uint32_t uid;       /* whom it is charged to */
	int16_t adjust[];   /* for each semaphore what comes to it at the end */
};

struct sem_undo_list { /* of the threads that share it */
	uint32_t refs, count;
	struct list undos;
};

#define SEMVMX 32767
#define SEMAEM SEMVMX

/* Nobody else changes the array, nor what waits for it, until sem_leave(). 0; -EIDRM: it was removed meanwhile. Takes a reference. */
int sem_enter(struct thread *self, struct sem_array *a);
void sem_leave(struct sem_array *a);
/* All sleepers that can go on now do; after a change of any semaphore. May give way. */
void sem_update_all(struct sem_array *a);
/* All sleepers get -EIDRM. */
void sem_end_waits(struct sem_array *a);
/* How many sleepers wait for this semaphore to become zero, or to be added to. */
uint32_t sem_waiting(const struct sem_array *a, uint32_t number, bool zero);
/* The caller's list's entry for the array, made if there is none; NULL: no memory. */
struct sem_undo *sem_undo_get(struct thread *self, struct sem_array *a);
void sem_undo_free(struct sem_undo *u);

#endif
