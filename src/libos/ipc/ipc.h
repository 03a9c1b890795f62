/*
 * System V IPC (sysvipc(7)): arrays of semaphores, queues of messages, segments of shared memory.
 *
 * All three are found by a number that is never used again soon (an index and a sequence number) or by a key, belong to somebody,
 * and stay until they are removed, whoever ends. ids.c has what they share.
 */
#ifndef LIBOS_IPC_H
#define LIBOS_IPC_H

#include <libos/lib/list.h>
#include <stdint.h>

struct inode;
struct text;
struct thread;

enum ipc_kind { IPC_SEMAPHORES, IPC_MESSAGES, IPC_SEGMENTS, IPC_KINDS };

#define IPC_KEY_BUCKETS 256u

struct ipc_object;

struct ipc_table {
	struct ipc_object **slots;
	uint32_t capacity, count;
	uint32_t end;            /* no slot from here on is used */
	int32_t last_index;      /* of the last object that was made; one that is not above it takes … */
	uint32_t sequence;       /* … the next sequence number */
	struct list keys[IPC_KEY_BUCKETS];
};

/* /proc/sys/kernel/{sem,msgmax,msgmnb,msgmni,shmmax,shmall,shmmni}: what root may change. */
struct ipc_limits {
	uint64_t semmsl, semmns, semopm, semmni;
	uint64_t msgmax, msgmnb, msgmni;
	uint64_t shmmax, shmall, shmmni;
};

struct ipc { /* part of struct libos */
	struct ipc_table tables[IPC_KINDS];
	struct ipc_limits limits;
	uint64_t semaphores;      /* in all arrays */
	uint64_t messages, bytes; /* in all queues */
	uint64_t pages;           /* of all segments, there or not */
};

void ipc_init(void);

/* ---- undo.c: what a thread's operations on semaphores were, to be taken back at its end ---- */
/* CLONE_SYSVSEM: `made` shares the list of `self`. 0 or -ENOMEM. */
int sem_undo_share(struct thread *self, struct thread *made);
/* The thread is never going to run. */
void sem_undo_discard(struct thread *made);
/* The thread ends; with the last that shares the list, all of it is taken back. May sleep. */
void sem_undo_end(struct thread *self);

/* ---- shm.c ---- */
struct shm_segment;
/* The segment whose contents this file is; NULL: none, or one that is gone. */
struct shm_segment *shm_of(const struct inode *inode);
/* One mapping of it more, or less: with the last one it may go. */
void shm_mapped(struct shm_segment *s);
void shm_unmapped(struct shm_segment *s);

/* ---- proc.c: /proc/sysvipc and /proc/sys/kernel ---- */
enum ipc_setting { IPC_SEM, IPC_MSGMAX, IPC_MSGMNB, IPC_MSGMNI, IPC_SHMMAX, IPC_SHMALL, IPC_SHMMNI };
void ipc_text(struct text *text, enum ipc_kind kind);
void ipc_setting_text(struct text *text, enum ipc_setting which);
int ipc_setting_store(enum ipc_setting which, const char *text); /* 0 or -EINVAL */

#endif
