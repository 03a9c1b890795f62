/* sysv: what the tests of System V IPC share. */
#ifndef SYSV_H
#define SYSV_H

#include "check.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

/* The kernel's numbers; musl has not all of them. */
#undef MSG_COPY
#define MSG_COPY 040000
#undef SEM_STAT_ANY
#undef MSG_STAT_ANY
#undef SHM_STAT_ANY
enum { SEM_STAT_ANY = 20, MSG_STAT_ANY = 13, SHM_STAT_ANY = 15 };

struct all_of { unsigned long words[40]; };

/* The calls themselves: what the library makes of their arguments is another matter. */
static inline long sem_get(int key, int count, int flags) { return syscall(SYS_semget, key, count, flags); }
static inline long sem_ctl(int id, int number, int command, unsigned long arg) { return syscall(SYS_semctl, id, number, command, arg); }
static inline long sem_do(int id, struct sembuf *ops, unsigned long count) { return syscall(SYS_semtimedop, id, ops, count, NULL); }
static inline long sem_add(int id, int number, int change, int flags)
{
	struct sembuf op = { (unsigned short)number, (short)change, (short)flags };

	return sem_do(id, &op, 1);
}
static inline int sem_value(int id, int number) { return (int)sem_ctl(id, number, GETVAL, 0); }

/* Waits until a counter of semctl (GETNCNT, GETZCNT) has the value; a test that hangs says so by itself. */
static inline void until_waiting(int id, int number, int command, int count)
{
	while (sem_ctl(id, number, command, 0) != count)
		pause_ms(2);
}

/* The state letter of /proc/PID/stat becomes S, twice: the process waits in its call. */
static inline void until_asleep(pid_t pid)
{
	for (int seen = 0; seen < 2;) {
		char path[40], line[200] = "";
		snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
		int f = open(path, O_RDONLY);
		ssize_t n = f < 0 ? 0 : read(f, line, sizeof line - 1);

		if (f >= 0)
			close(f);
		const char *at = n > 0 ? strrchr(line, ')') : NULL;
		seen = at && at[2] == 'S' ? seen + 1 : 0;
		pause_ms(5);
	}
}

#endif
