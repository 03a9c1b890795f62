/*
 * The file-system layer: inodes, mounts, path walk. Open files are in file.h.
 *
 * Names live in the directories of each file system; there is a small dentry cache above them
 * only if it pays. All functions return 0 (or a value) or a negative errno.
 * Types and bits (S_IF*, O_*, AT_*) are Linux's, abi/linux.h.
 */
#ifndef LIBOS_VFS_H
#define LIBOS_VFS_H

#include <exo/types.h>

#include <libos/lib/list.h>
#include <libos/sched/sched.h>

struct credentials;
struct file;
struct inode;
struct mount;
struct process;
struct thread;

#define NAME_LENGTH_MAX 255
#define PATH_LENGTH_MAX 4096
#define SYMLINK_DEPTH_MAX 40

struct timestamp {
	int64_t seconds;
	uint32_t ns;
};

/* Called for each entry by readdir; false stops. `next`: position after this entry. */
typedef bool (*readdir_emit)(void *arg, const char *name, size_t length, uint64_t ino, uint32_t type, uint64_t next);

struct inode_ops {
	/* Directories. Names are not NUL-terminated and not "." or "..". lookup returns a reference. */
	int (*lookup)(struct inode *dir, const char *name, size_t length, struct inode **found);
	int (*create)(struct inode *dir, const char *name, size_t length, uint32_t mode, uint64_t rdev,
	              const struct credentials *cred, struct inode **made); /* all types but links */
	int (*symlink)(struct inode *dir, const char *name, size_t length, const char *target,
	               const struct credentials *cred);
	int (*link)(struct inode *dir, const char *name, size_t length, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, size_t length, struct inode *victim); /* also rmdir */
	int (*rename)(struct inode *from_dir, const char *from, size_t from_length, struct inode *moved,
	              struct inode *to_dir, const char *to, size_t to_length, struct inode *replaced, uint32_t flags,
	              struct inode *whiteout); /* NULL, or what stays under the old name */
	int (*readdir)(struct inode *dir, uint64_t position, readdir_emit emit, void *arg);
	struct inode *(*parent)(struct inode *dir); /* a reference */
	/* Symbolic links: at most size bytes, no NUL; the length. thread: who looks, for /proc. */
	int64_t (*readlink)(struct inode *inode, struct thread *thread, char *to, size_t size);
	/* "Magic" links of /proc (exe, cwd, fd/N): the inode itself, a reference; NULL op: use readlink. */
	int (*follow)(struct inode *inode, struct thread *thread, struct inode **target, struct mount **mount);
	/* Files: the page-cache frame of page `index`; one reference is taken for the caller. create: make it when
	 * there is a hole (else FRAME_NONE and 0). Only for file systems that have pages. */
	int (*page)(struct inode *inode, uint64_t index, bool create, exo_frame_t *frame);
	int (*truncate)(struct inode *inode, uint64_t size);
	int (*setattr)(struct inode *inode); /* after mode, owner or times changed in the inode; may be NULL */
	/* May the thread look into this directory although its mode says no? NULL: nobody may. */
	bool (*own)(struct inode *dir, const struct thread *thread);
	/* Fills in f_op and private of a fresh open file. */
	int (*open)(struct inode *inode, struct file *file, struct thread *thread);
	/* The last reference is gone. Gives the inode that it held, a parent directory, or NULL: the caller puts that, so that
	 * a chain of any length goes on a stack of one frame. */
	struct inode *(*release)(struct inode *inode);
	/* A name of the inode (size > NAME_LENGTH_MAX, no NUL) and the directory that has it, a reference; the length, or
	 * -ENOENT when it has none any more. For path_text(). */
	int64_t (*name)(struct inode *inode, char *to, size_t size, struct inode **dir);
	/* fallocate(2); NULL: -EOPNOTSUPP. */
	int (*fallocate)(struct inode *inode, int mode, uint64_t offset, uint64_t length);
	/* The first page index >= index that is no hole (data) or is one (!data), at most `end`. */
	uint64_t (*next_page)(struct inode *inode, uint64_t index, uint64_t end, bool data);
	/* Extended attributes, all three or none; rules and permissions were checked above. The value, valid until the next
	 * change, and its size, or -ENODATA. */
	int64_t (*xattr_get)(struct inode *inode, const char *name, const void **value);
	/* value NULL: it goes. flags: XATTR_*. 0, -EEXIST, -ENODATA, -ENOSPC, -ENOMEM. */
	int (*xattr_set)(struct inode *inode, const char *name, const void *value, size_t size, uint32_t flags);
	/* The name after one that this function gave (NULL: the first), or NULL. */
	const char *(*xattr_next)(struct inode *inode, const char *name);
};

struct super { /* one mounted file system instance */
	const char *type;     /* "tmpfs", "proc", "devtmpfs" */
	const char *source;
	uint64_t device;      /* st_dev */
	struct inode *root;
	uint64_t max_bytes;
	uint64_t used_pages, inode_count;
	uint64_t max_metadata, used_metadata; /* bytes of inodes, links and attributes, as Linux's tmpfs counts them */
	uint64_t magic;
	uint64_t next_ino;
	uint32_t flags;       /* MS_* of all its mounts */
	uint32_t root_mode, root_uid, root_gid; /* as it was mounted */
	uint32_t mounts;      /* struct mounts that show it; at 0 kill() */
	void (*kill)(struct super *super); /* takes the tree apart; super is freed with its last inode */
	void *private_data;
};

struct inode {
	uint32_t refs;
	uint32_t mode;        /* S_IFMT | permissions */
	uint32_t uid, gid, nlink;
	uint64_t ino, size, rdev;
	uint64_t pages;       /* that its contents take; holes take none */
	struct timestamp atime, mtime, ctime, btime;
	const struct inode_ops *ops;
	struct super *super;
	struct mount *mounted; /* a file system is mounted on this directory */
	void *private_data;
	struct pipe *pipe;     /* FIFOs: made at first open */
	struct unix_socket *socket; /* a socket's name: bound to it, no reference */
	void *locks;           /* advisory locks */
	struct watch *watches; /* fs/inotify.c: each with a reference */
	void *text;            /* vm/: prepared text copies of this file */
	uint32_t mapped_shared;
	uint32_t mapped_writable; /* of these, what may be written through or become so */
	uint32_t seals;        /* F_SEAL_* */
	uint8_t write_hint;    /* F_SET_RW_HINT; kept, and means nothing */
	int32_t writers;       /* files that may write it; below 0: so many programs that run it */
	struct thread *changing;    /* its contents, in a call that may give way; see inode_enter() */
	struct waitq change_wait;
};

#define ANON_KINDS 8u
struct anon_kind { /* all files of one name (fs/anon.c) share an inode */
	struct inode inode; /* first */
	const char *name;   /* NULL: none yet */
};

struct mount {
	struct list node;
	struct super *super;
	struct inode *root;           /* what is shown; for a bind mount not super->root */
	struct mount *next_on;        /* further mounts on the same inode, through other mounts */
	struct inode *covered;        /* NULL for the root */
	struct mount *parent;
	struct mount *copy;           /* while mounts_copy() runs */
	uint32_t refs, flags;         /* MS_* */
	bool expiring;                /* umount2() with MNT_EXPIRE marked it, and no walk has come in since */
	uint32_t writers;             /* regular files open for writing */
	uint32_t id;                  /* for /proc/PID/mountinfo; never used again */
	char *source;                 /* what was mounted, for /proc/mounts */
};

struct path { /* a place in the tree; holds a reference of inode */
	struct mount *mount;
	struct inode *inode;
};

/* Per-process (or shared by clone) file-system context. */
struct fs_context {
	uint32_t refs;
	struct path cwd, root;
	uint32_t umask;
};
struct fs_context *fs_context_new(void);              /* at the root of the tree, umask 022 */
struct fs_context *fs_context_copy(const struct fs_context *fs);
void fs_context_put(struct fs_context *fs);

/* Values of /proc/sys that can be written and are kept: some real programs ask for them, and nothing here needs them. */
enum proc_setting {
	SETTING_NONE,
	SETTING_CORE_PATTERN, SETTING_CORE_USES_PID, SETTING_PANIC, SETTING_PRINTK, SETTING_DMESG_RESTRICT,
	SETTING_KPTR_RESTRICT, SETTING_OVERCOMMIT_MEMORY, SETTING_OVERCOMMIT_RATIO, SETTING_SWAPPINESS,
	SETTING_DIRTY_RATIO, SETTING_DIRTY_BACKGROUND_RATIO, SETTING_VFS_CACHE_PRESSURE, SETTING_MIN_FREE, SETTING_DROP_CACHES,
	SETTING_PIPE_MAX, SETTING_PIPE_USER_SOFT, SETTING_PIPE_USER_HARD, SETTING_SUID_DUMPABLE, SETTING_EPOLL_WATCHES,
	SETTING_INOTIFY_INSTANCES, SETTING_INOTIFY_WATCHES, SETTING_INOTIFY_EVENTS, SETTING_LISTEN_MAX, SETTING_DATAGRAMS,
	SETTING_COUNT
};
#define SETTING_SIZE 128
/* A number that was written there, or else `unset`. (fs/proc.c) */
uint64_t setting_number(enum proc_setting which, uint64_t unset);

struct vfs {
	struct list mounts;
	struct mount *root;
	uint64_t next_device;
	uint32_t last_mount_id;
	uint32_t mount_changes;    /* how often the mounts have changed */
	struct waitq mount_wait;   /* who polls /proc/PID/mounts */
	uint64_t inode_live, file_live;
	struct super *memfds;      /* of the files of memfd_create(2); NULL: none was made yet */
	struct super pipes;        /* of the inodes that pipe(2) makes */
	struct super sockets;      /* and of those of sockets */
	struct list timerfds;      /* all timers with a descriptor */
	uint32_t next_eventfd;     /* a number for /proc/PID/fdinfo */
	struct super anon;         /* fs/anon.c: of files without a place */
	struct anon_kind anon_kinds[ANON_KINDS];
	uint64_t epoll_check;      /* fs/epoll.c: which search for cycles this is */
	struct list watches;       /* fs/inotify.c: all of them */
	uint32_t move_cookie;      /* of the last renaming that somebody was told of */
	struct list lock_waiters;  /* fs/locks.c: who waits for whose record lock */
	struct list lock_sets;     /* fs/locks.c: all that have or had locks */
	char settings[SETTING_COUNT][SETTING_SIZE]; /* of /proc/sys; empty: never written */
	uint8_t boot_id[16];       /* random, /proc/sys/kernel/random/boot_id */
};

/* Mounts tmpfs on /, unpacks the root image (cpio newc) from memory, mounts /dev, /proc, makes /tmp, /dev/shm.
 * 0, or -errno with a message given to libos_log(). */
int vfs_init(const void *image, uint64_t size);
/* Unpacks a cpio newc archive below `root`; everything in it is hostile. *why: a text on failure. */
int cpio_unpack(struct inode *root, const void *image, uint64_t size, const char **why);

/*
 * Around each call that reads, writes, cuts or fills the contents of a regular file, so that it is atomic although it may give way:
 * whoever wants the same waits, not interruptibly. The caller has a reference. It may not sleep for anything else meanwhile.
 */
void inode_enter(struct inode *inode);
void inode_leave(struct inode *inode);
/* A program's file is not written while it runs, and what may be written is not run: -ETXTBSY. As often as it started it ends. */
int inode_write_start(struct inode *inode);
void inode_write_end(struct inode *inode);
int inode_run_start(struct inode *inode);
void inode_run_end(struct inode *inode);
void inode_modified(struct inode *inode); /* mtime and ctime are now */
void inode_touch_atime(struct inode *inode, const struct mount *mount); /* relatime */
void inode_get(struct inode *inode);
void inode_put(struct inode *inode); /* NULL is harmless */

/* Path walk. dirfd: AT_FDCWD or a descriptor of `thread`. path: a NUL-terminated kernel string. flags: WALK_*. */
#define WALK_NOFOLLOW 1u   /* do not follow a final symbolic link */
#define WALK_EMPTY    2u   /* AT_EMPTY_PATH */
#define WALK_DIRECTORY 4u  /* must be a directory */
#define WALK_UNMOUNT  8u   /* who comes into a mount is no user of it */
int path_walk(struct thread *thread, int dirfd, const char *path, uint32_t flags, struct path *found);
/* For creating or removing: walks to the parent; *name points into `path`, the last component, *length long. When
 * it exists already *found.inode holds a reference, else NULL. A final symlink is not followed. */
int path_walk_parent(struct thread *thread, int dirfd, const char *path, struct path *dir,
                     const char **name, size_t *length, struct inode **existing);
void path_get(struct path *path);
void path_put(struct path *path);
/* The absolute path below the process's root, for getcwd and /proc/…; length or -errno ( -ERANGE, -ENOENT when unlinked). */
int64_t path_text(const struct fs_context *fs, const struct path *path, char *to, size_t size);
/* Like path_text(), with " (deleted)", "pipe:[n]" and "anon_inode:NAME" and "/memfd:NAME (deleted)", for /proc. */
int64_t path_describe(const struct fs_context *fs, const struct path *path, char *to, size_t size);

/* may: bits MAY_*; 0 or -EACCES. */
#define MAY_READ 4u
#define MAY_WRITE 2u
#define MAY_EXEC 1u
int inode_permission(const struct inode *inode, const struct credentials *cred, uint32_t may);
struct timestamp vfs_now(void);

/* What a program's file says of capabilities (security.capability). */
struct file_caps {
	uint32_t revision; /* 1 to 3 */
	bool effective;
	uint64_t permitted, inheritable;
	uint32_t root;     /* the user id that is root where it holds */
};
/* Anything may be in there; 0 or -EINVAL. */
int file_caps_parse(const void *value, size_t size, struct file_caps *caps);
int file_caps_of(struct inode *inode, struct file_caps *caps); /* -ENODATA: it has none; -EINVAL: they say nothing */

/* Internal open flag, not visible to programs: execute instead of read permission, and a regular file. */
#define O_EXEC_INTERNAL 0x40000000

/* Opens a path as open(2) does (flags O_*, mode); *file holds a reference. Also used by exec (O_RDONLY | O_EXEC_INTERNAL). */
int vfs_open(struct thread *thread, int dirfd, const char *path, int flags, uint32_t mode, struct file **file);

#endif
