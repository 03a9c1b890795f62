/* Open files, descriptor tables, pipes, readiness. */
#ifndef LIBOS_FILE_H
#define LIBOS_FILE_H

#include <exo/types.h>

#include <libos/fs/vfs.h>
#include <libos/sched/sched.h>

struct process;
struct text;
struct vm_space;
struct thread;

/*
 * Program memory as the source or target of i/o: a list of (address, size) stretches in `space`,
 * consumed by io_read/io_write. With space NULL the addresses are the LibOS's own pointers.
 */
struct io_vec {
	uint64_t address, size;
};
struct io {
	struct vm_space *space;
	const struct io_vec *vec;
	uint32_t count, at;
	uint64_t offset;    /* inside vec[at] */
	uint64_t remaining; /* bytes in all */
	uint32_t flags;     /* RWF_*, of this call alone */
};
void io_init(struct io *io, struct vm_space *space, const struct io_vec *vec, uint32_t count);
/* Moves `size` bytes to / from the program; the number moved, short only at a bad address, then -EFAULT if none. */
int64_t io_put(struct io *io, const void *from, uint64_t size); /* towards the reader (read(2)) */
int64_t io_get(struct io *io, void *to, uint64_t size);         /* from the writer (write(2)) */
int64_t io_put_zero(struct io *io, uint64_t size);

/* ---- calls_rw.c: a program's list of buffers ---- */
/* Could a call name these bytes at all, whatever is mapped there? */
bool io_address_good(uint64_t address, uint64_t size);
#define IOV_INLINE 8u
struct user_vec {
	struct io_vec *vec; /* in here or on the heap */
	uint32_t count;
	uint64_t total; /* bytes; of none nothing more is looked at */
	struct io_vec inline_[IOV_INLINE];
};
/* Takes the list over from the program: lengths are checked, and their sum cut to IO_SIZE_MAX as Linux does. 0; -EINVAL (also for more
 * than 1,024 parts), -EFAULT, -ENOMEM. */
int user_vec_get(struct thread *self, uint64_t address, uint32_t count, struct user_vec *v);
void user_vec_put(struct user_vec *v);

/* dev_exo.c: programs' zones have events (EXO_PEND_ZONE_EVENT); wakes who polls /dev/exo. */
void dev_exo_events(void);

struct poll_table; /* collects the wait queues while polling: of a thread that polls, or of what watches for epoll */
void poll_watch(struct poll_table *table, struct waitq *q); /* NULL table: just asks */

/* What every read and write of some devices does: file_ops.always. The kernel may then answer them. */
enum {
	FILE_SWALLOWS = 1, /* a write takes all bytes and looks at none */
	FILE_EMPTY = 2,    /* a read is at the end */
	FILE_ZEROES = 4,   /* a read gives zeroes, as many as asked for */
};

/* How splice(2) and sendfile(2) take a file that is no pipe: file_ops.splices. */
enum {
	SPLICE_FROM = 1,   /* as the source */
	SPLICE_TO = 2,     /* as the target */
	SPLICE_PAGES = 4,  /* its bytes lie in pages of the file, which a pipe gets as they are */
	SPLICE_NOWAIT = 8, /* SPLICE_F_NONBLOCK, which is about the pipe, is also about it */
};

struct file_ops {
	/* Bytes moved or -errno. position: read and advanced. Blocks unless file_nonblocking().
	 * -ERESTARTSYS when a signal came before any byte moved. */
	int64_t (*read)(struct file *file, struct thread *thread, struct io *io, uint64_t *position);
	int64_t (*write)(struct file *file, struct thread *thread, struct io *io, uint64_t *position);
	int64_t (*ioctl)(struct file *file, struct thread *thread, uint32_t request, uint64_t arg);
	/* POLL* bits that hold now; calls poll_watch() for every queue that will tell of a change. */
	uint32_t (*poll)(struct file *file, struct poll_table *table);
	int64_t (*seek)(struct file *file, int64_t offset, int whence); /* NULL: -ESPIPE */
	void (*release)(struct file *file);  /* last reference gone */
	int (*fsync)(struct file *file);     /* NULL: nothing to do, 0 */
	void (*info)(const struct file *file, struct text *text); /* further lines of /proc/PID/fdinfo; may be NULL, may give way */
	/* May it be mapped? NULL: -ENODEV unless inode->ops->page. /dev/zero: *anonymous = true. */
	int (*mmap)(struct file *file, bool *anonymous);
	uint8_t always; /* FILE_*; 0: it depends */
	uint8_t splices; /* SPLICE_*; 0: it is neither source nor target */
	uint32_t rwf;   /* RWF_* that it takes, beside RWF_HIPRI */
};

struct file {
	uint32_t refs;
	uint32_t flags;          /* O_ACCMODE, O_APPEND, O_NONBLOCK, … */
	uint64_t position;
	struct path path;        /* inode NULL for pipes made by pipe(2)? no: they have an anonymous inode */
	const struct file_ops *ops;
	void *private_data;
	int32_t owner_pid;       /* F_SETOWN */
	uint32_t dir_generation;
	struct epoll_item *watches; /* epoll.c: of those that watch it */
	bool writes, runs;       /* its inode was told so: inode_write_start(), inode_run_start() */
	bool opened;             /* its opening was told (notify.h), so its end is */
};

struct file *file_new(const struct file_ops *ops, uint32_t flags); /* one reference; NULL: no memory */
void file_get(struct file *file);
void file_put(struct file *file);
static inline struct inode *file_inode(const struct file *file) { return file->path.inode; }
/* Whole-buffer read into LibOS memory at an offset (exec, #!). Bytes or -errno. */
int64_t file_read_at(struct file *file, void *to, uint64_t size, uint64_t offset);

/* ---- descriptor tables ---- */
#define FD_MAX 65536
struct fd_table;
struct fd_table *fd_table_new(void);
struct fd_table *fd_table_copy(const struct fd_table *table); /* NULL: no memory */
void fd_table_get(struct fd_table *table);
void fd_table_put(struct fd_table *table);                    /* closes all at the last reference */
void fd_table_close_on_exec(struct fd_table *table);
bool fd_table_shared(const struct fd_table *table);
uint32_t fd_table_capacity(const struct fd_table *table); /* no open descriptor is at or above it; a multiple of 64 */
/* No reference is taken: valid until the next sleep or close; NULL: bad descriptor. Callers that sleep take one. */
struct file *fd_file(struct fd_table *table, int fd);
/* Lowest free descriptor >= minimum and < limit; takes over the reference. -EMFILE, -ENOMEM (reference kept by the caller). */
int fd_install(struct fd_table *table, struct file *file, int minimum, bool cloexec, uint64_t limit);
int fd_close(struct thread *thread, struct fd_table *table, int fd);
bool fd_cloexec(const struct fd_table *table, int fd);
/* The answer page of `process`, whose table this is, says something of its descriptors: that is taken back when
 * one of them is closed or gets another file, and for all of them when the table becomes shared. */
void fd_table_told(struct fd_table *table, struct process *process);
int fd_next(const struct fd_table *table, int from); /* lowest open descriptor >= from, -1: none */

/* Regular-file i/o over inode_ops.page (tmpfs and friends). */
extern const struct file_ops page_file_ops;
extern const struct file_ops directory_file_ops;

/* Opens the FIFO end / makes both ends of a pipe. */
int pipe_make(uint32_t flags, const struct credentials *cred, struct file **read_end, struct file **write_end);
int fifo_open(struct inode *inode, struct file *file, struct thread *thread);

/* timerfd.c: the clock CLOCK_REALTIME was set. */
void timerfds_clock_set(void);

/* Advisory locks go when a file is closed (owner: the descriptor table) / a description dies (owner: the file). */
void locks_release(struct inode *inode, const void *owner);

#endif
