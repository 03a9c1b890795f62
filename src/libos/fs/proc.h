/* procfs: its table of entries and its nodes. Shared by proc_*.c only. */
#ifndef LIBOS_PROC_H
#define LIBOS_PROC_H

#include <libos/fs/internal.h>

enum proc_kind {
	PROC_FILE,    /* show() makes the content when it is read from its start */
	PROC_LINK,    /* target() makes the text; follow() leads to the inode */
	PROC_FOLDER,  /* children[] */
	PROC_ROOT,    /* children[] and the processes */
	PROC_PROCESS, /* children[] of a process or a thread */
	PROC_TASKS,   /* the threads of a process */
	PROC_FDS,     /* its descriptors, as links */
	PROC_FDINFOS, /* its descriptors, as files */
	PROC_MEMORY,  /* a file whose bytes are made where they are read: read(), write() */
};

struct proc_entry;

struct proc_subject { /* whom an entry is about; all NULL for the system's */
	const struct proc_entry *entry;
	struct process *process;
	struct thread *thread; /* NULL: the process as a whole */
	int fd;
	const struct thread *reader;
};

struct proc_entry {
	const char *name; /* NULL ends a list */
	enum proc_kind kind;
	uint32_t mode;    /* permissions */
	bool inspect;     /* only for those who may look into the process */
	const struct proc_entry *children;
	void (*show)(struct text *text, const struct proc_subject *s);
	int (*store)(const struct proc_subject *s, const char *bytes, size_t size);
	int64_t (*target)(const struct proc_subject *s, char *to, size_t size);
	int (*follow)(const struct proc_subject *s, struct path *to); /* mount without a reference */
	int64_t (*read)(const struct proc_subject *s, struct io *io, uint64_t position);
	int64_t (*write)(const struct proc_subject *s, struct io *io, uint64_t position);
	const char *text; /* what it always shows; of a setting, what it shows until it is written */
	enum proc_setting setting;
};

struct proc_node {
	struct inode inode;
	struct proc_node *parent; /* a reference; NULL for the root */
	const struct proc_entry *entry;
	int32_t pid, tid;
	int fd;
};

extern const struct proc_entry proc_root_entry;
extern const struct proc_entry proc_pid_children[];   /* proc_pid.c */
extern const struct proc_entry proc_system_children[]; /* proc_system.c */

void proc_show_locks(struct text *text, const struct proc_subject *s); /* locks.c */

/* proc_memory.c */
void proc_show_smaps(struct text *text, const struct proc_subject *s);
void proc_show_smaps_rollup(struct text *text, const struct proc_subject *s);
void proc_show_auxv(struct text *text, const struct proc_subject *s);
int64_t proc_read_mem(const struct proc_subject *s, struct io *io, uint64_t position);
int64_t proc_write_mem(const struct proc_subject *s, struct io *io, uint64_t position);
int64_t proc_read_pagemap(const struct proc_subject *s, struct io *io, uint64_t position);

void proc_show_mounts(struct text *text, const struct proc_subject *s); /* proc_system.c */
void proc_show_mountinfo(struct text *text, const struct proc_subject *s);

#endif
