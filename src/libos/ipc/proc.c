/* /proc/sysvipc and /proc/sys/kernel: what is there, and how much of it may be. */
#include <libos/fs/internal.h>
#include <libos/ipc/internal.h>

void ipc_text(struct text *text, enum ipc_kind kind)
{
	static const char *const heads[IPC_KINDS] = {
		"       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n",
		"       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n",
		("       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      "
		 "ctime                   rss                  swap\n"),
	};

	text_printf(text, "%s", heads[kind]);
	for (uint32_t i = 0; i < ipc_table(kind)->end && !text->failed; i++) {
		const struct ipc_object *o = ipc_at(kind, i);

		if (o && kind == IPC_SEMAPHORES)
			sem_line(text, o);
		else if (o && kind == IPC_MESSAGES)
			msg_line(text, o);
		else if (o)
			shm_line(text, o);
		(void)sched_worked(&libos.sched, 1);
	}
}

/* ---- limits ---- */

static const struct {
	uint64_t *value, max;
} settings[] = {
	[IPC_MSGMAX] = { &libos.ipc.limits.msgmax, INT32_MAX }, [IPC_MSGMNB] = { &libos.ipc.limits.msgmnb, INT32_MAX },
	[IPC_MSGMNI] = { &libos.ipc.limits.msgmni, IPC_INDEX_COUNT }, [IPC_SHMMAX] = { &libos.ipc.limits.shmmax, UINT64_MAX },
	[IPC_SHMALL] = { &libos.ipc.limits.shmall, UINT64_MAX }, [IPC_SHMMNI] = { &libos.ipc.limits.shmmni, IPC_INDEX_COUNT },
};

void ipc_setting_text(struct text *text, enum ipc_setting which)
{
	const struct ipc_limits *l = &libos.ipc.limits;

	if (which != IPC_SEM)
		text_printf(text, "%lu\n", (unsigned long)*settings[which].value);
	else
		text_printf(text, "%lu\t%lu\t%lu\t%lu\n", (unsigned long)l->semmsl, (unsigned long)l->semmns, (unsigned long)l->semopm,
		            (unsigned long)l->semmni);
}

/* The next number of a text, behind blanks. */
static bool number(const char **at, uint64_t *value)
{
	while (**at == ' ' || **at == '\t')
		(*at)++;
	if (**at < '0' || **at > '9')
		return false;
	for (*value = 0; **at >= '0' && **at <= '9'; (*at)++) {
		if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, (uint64_t)(**at - '0'), value))
			return false;
	}
	return **at == '\0' || **at == ' ' || **at == '\t';
}

/* Those that are not given stay. */
static int store_sem(const char *text)
{
	struct ipc_limits new = libos.ipc.limits;
	uint64_t *const values[] = { &new.semmsl, &new.semmns, &new.semopm, &new.semmni };
	uint32_t given = 0;

	while (given < 4 && *text) {
		if (!number(&text, values[given]) || *values[given++] > INT32_MAX)
			return -EINVAL;
	}
	/* Operations are copied as one piece; and an array is one. */
	if (!given || new.semmni > IPC_INDEX_COUNT || new.semopm > UINT16_MAX)
		return -EINVAL;
	libos.ipc.limits = new;
	return 0;
}

int ipc_setting_store(enum ipc_setting which, const char *text)
{
	uint64_t value;

	if (which == IPC_SEM)
		return store_sem(text);
	if (!number(&text, &value) || value > settings[which].max)
		return -EINVAL;
	*settings[which].value = value;
	return 0;
}
