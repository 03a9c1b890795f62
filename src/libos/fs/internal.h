/* What the files of fs/ share among themselves, and with net/, whose sockets are files. */
#ifndef LIBOS_FS_INTERNAL_H
#define LIBOS_FS_INTERNAL_H

#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/fs/file.h>
#include <libos/fs/vfs.h>
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/libos.h>

#define FILE_SIZE_MAX INT64_MAX
#define IO_SIZE_MAX   UINT64_C(0x7ffff000) /* what one read or write moves at most, as in Linux */

static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline bool is_type(const struct inode *inode, uint32_t type) { return (inode->mode & S_IFMT) == type; }
static inline bool is_directory(const struct inode *inode) { return is_type(inode, S_IFDIR); }
static inline uint64_t make_device(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
	       (uint64_t)(major & ~0xfffu) << 32;
}
static inline uint32_t device_major(uint64_t d) { return (uint32_t)((d >> 8 & 0xfff) | (d >> 32 & ~UINT64_C(0xfff))); }
static inline uint32_t device_minor(uint64_t d) { return (uint32_t)((d & 0xff) | (d >> 12 & ~UINT64_C(0xff))); }

/* ---- inode.c ---- */
/* One reference, nlink 1, times now, owner from cred (NULL: root). Counted in its super. */
void inode_init(struct inode *inode, struct super *super, const struct inode_ops *ops, uint32_t mode,
                const struct credentials *cred);
/* Undoes inode_init() for an inode that nobody has seen. */
void inode_fini(struct inode *inode);
/* One inode less: with the last one a file system goes, but for those that are never mounted. */
void super_put(struct super *super);
/* A path with references taken from a mount (may be NULL) and an inode. */
void path_set(struct path *path, struct mount *mount, struct inode *inode);
bool path_equal(const struct path *a, const struct path *b);
/* Is `dir` the same as or below `ancestor`, in their file system? */
bool inode_is_below(struct inode *dir, const struct inode *ancestor);
/* 0, or -EROFS when the mount forbids writing. */
int path_writable(const struct path *path);

/* ---- mount.c ---- */
struct super *super_new(const char *type, const char *source, uint64_t magic);
/* Lets go of a file system that nothing shows (any more), which frees it when none of its files is open. */
void super_drop_unmounted(struct super *super);
/* Shows `root` of `super` on the directory at `on` (NULL: the root of all). Takes its own references.
 * 0 or -ENOMEM. source: what /proc/mounts calls it; NULL: "none". */
int mount_add(struct super *super, struct inode *root, const struct path *on, const char *source, uint32_t flags,
              struct mount **made);
/* Shows it there instead, with all that is mounted in it; not below itself. */
void mount_move(struct mount *mount, const struct path *on);
/* Mounts in `to` all that is mounted below `from` and not newer than `last`, except what cannot be bound. 0 or -ENOMEM,
 * then some of it is mounted. */
int mounts_copy(const struct path *from, struct mount *to, uint32_t last);
/* Tells those who poll /proc/PID/mounts. */
void mounts_changed(void);
bool mount_readonly(const struct mount *mount);
/* Are files open for writing in it (all: in any mount of its file system)? */
bool mount_written(const struct mount *mount, bool all);
/* Is somebody in it, or something mounted there? */
bool mount_is_busy(const struct mount *mount);
int mount_remove(struct mount *mount, bool lazy);
void mount_put(struct mount *mount);
/* The mount that covers this place, or NULL. */
struct mount *mount_on(const struct path *path);
/* Some mount that shows the file system of this inode, or NULL. */
struct mount *mount_of(const struct inode *inode);

/* ---- walk.c ---- */
struct walk_saved {
	const char *rest; /* what to walk after the link's text */
	char *text;       /* heap: the link's text */
};
struct walk {
	struct thread *thread;
	const struct credentials *cred;
	struct path root; /* borrowed */
	struct path at;   /* a reference */
	const char *rest;
	const char *name; /* last component, valid after walk_last() */
	size_t length;    /* 0: the path ended at `at` itself */
	bool trailing;    /* a slash follows the last component */
	bool unmounts;    /* WALK_UNMOUNT */
	uint32_t links, depth;
	uint32_t more;    /* saved[] entries whose rest is not empty */
	struct walk_saved saved[SYMLINK_DEPTH_MAX];
};
int walk_begin(struct walk *w, struct thread *thread, const struct credentials *cred, int dirfd, const char *path,
               uint32_t flags);
void walk_end(struct walk *w); /* drops `at` and all texts; `name` is gone */
int walk_last(struct walk *w); /* walks to the last component, which stays to be looked up */
/* Looks w->name up in w->at; -ENOENT when there is none. "." and ".." too. Crosses into mounts. */
int walk_lookup(struct walk *w, struct path *found);
int walk_follow(struct walk *w, const struct path *link); /* goes on with the link's target: call walk_last() again */
int path_walk_as(struct thread *thread, const struct credentials *cred, int dirfd, const char *path, uint32_t flags,
                 struct path *found);

/* ---- names.c: creating, removing and renaming with all rules ---- */
/* May entries of this directory be added or removed? */
int directory_writable(const struct path *dir, const struct credentials *cred);
/* What becomes of the mode that was asked for an entry to be made in `dir`: foreign groups, then the umask. */
uint32_t mode_for_new(const struct thread *thread, const struct inode *dir, uint32_t mode);
/* All four: mode as the program gave it. */
int vfs_make(struct thread *thread, int dirfd, const char *path, uint32_t mode, uint64_t rdev);
int vfs_symlink(struct thread *thread, int dirfd, const char *path, const char *target);
int vfs_unlink(struct thread *thread, int dirfd, const char *path, bool directory);
int vfs_link(struct thread *thread, const struct path *target, int dirfd, const char *path);
/* The flags are told before anything about the paths. */
bool rename_flags_good(uint32_t flags);
/* to_error: what reading the second path gave; it is told behind what is wrong with the first. */
int vfs_rename(struct thread *thread, int from_dirfd, const char *from, int to_dirfd, const char *to, int to_error, uint32_t flags);

/* ---- open.c ---- */
/* 0, or -ENFILE: there are /proc/sys/fs/file-max open files, and the rest is root's. */
int files_check(const struct credentials *cred);
/* Opens a new file without a place; takes its reference, also on failure. */
int open_inode(struct thread *thread, struct inode *inode, int flags, struct file **made);
/* Opens what is there, whoever may. */
int open_path(struct thread *thread, const struct path *path, int flags, struct file **made);

/* ---- xattr.c ---- */
#define XATTR_CREATE  1u
#define XATTR_REPLACE 2u
struct xattr_value {
	const void *value; /* valid until the next change */
	uint8_t caps[24];
};
/* value NULL: it is to go. */
int vfs_xattr_set(const struct path *path, const struct credentials *cred, const char *name, const void *value, size_t size,
                  uint32_t flags);
int64_t vfs_xattr_get(struct inode *inode, const struct credentials *cred, const char *name, struct xattr_value *found);
const char *vfs_xattr_next(struct inode *inode, const struct credentials *cred, const char *name); /* as inode_ops */
/* The file's contents or owner change: its capabilities were another's. */
void file_caps_drop(struct inode *inode);

/* ---- attributes.c ---- */
/* A file may not grow past RLIMIT_FSIZE: SIGXFSZ, and -EFBIG. */
int vfs_too_large(struct thread *thread);
int vfs_truncate(struct thread *thread, const struct path *path, uint64_t size); /* permissions were checked */
int vfs_chmod(struct thread *thread, const struct path *path, uint32_t mode);
int vfs_chown(struct thread *thread, const struct path *path, uint32_t uid, uint32_t gid); /* UINT32_MAX: keep */
/* Its contents have been changed: by someone without rights over set-id bits that takes them away. */
void inode_drop_setid(struct inode *inode, const struct credentials *cred);
/* May they do what only the owner may? */
bool inode_owned(const struct inode *inode, const struct credentials *cred);
/* May these credentials set the set-group-id bit of what has the group `gid`? */
bool cred_may_setgid(const struct credentials *cred, uint32_t gid);

/* ---- path_text.c ---- */
/* path_text(), and whether the path is below the context's root; if not, the text begins at the root of the tree. */
int64_t path_text_below(const struct fs_context *fs, const struct path *path, char *to, size_t size, bool *below);

/* ---- user_path.c ---- */
#define USER_PATH_INLINE 256
struct user_path {
	char *text; /* the string; in here or on the heap */
	char inline_[USER_PATH_INLINE];
};
int user_path_get(struct user_path *path, struct thread *thread, uint64_t address);
void user_path_put(struct user_path *path);

/* ---- tmpfs ---- */
struct super *tmpfs_new(const char *type, const char *source, uint64_t max_bytes, uint32_t mode);
/* How much of inodes, links and attributes one may have that says nothing else: an inode for two pages of memory. */
uint64_t tmpfs_default_metadata(void);
/* And of contents: half of memory. */
uint64_t tmpfs_default_bytes(void);
#define TMPFS_INODE_SPACE 1024u /* BOGO_INODE_SIZE: of an inode, and of each further name that it has */
bool inode_is_tmpfs(const struct inode *inode);
/* A regular file of tmpfs: in memory, so that O_DIRECT asks for nothing. */
bool inode_takes_direct(const struct inode *inode);
void tmpfs_never_link(struct inode *inode); /* a file of tmpfs without a name never gets one: O_TMPFILE | O_EXCL */
/* Appends to a regular tmpfs file whose size is a multiple of the page size, from LibOS memory. 0, -ENOSPC, -ENOMEM. */
int tmpfs_fill(struct inode *inode, const void *data, uint64_t size);
/* Makes frames of the LibOS the first pages of an empty file, as they are; one reference of each is taken. */
int tmpfs_adopt(struct inode *inode, exo_frame_t first, uint64_t count);
/* cpio_unpack() of frames that begin at `image`, which it may write: whole pages of files are not copied to
 * other frames but these frames are taken, which shows in their reference count. */
int cpio_unpack_frames(struct inode *root, void *image, uint64_t size, const char **why);

/* ---- others ---- */
struct super *procfs_new(void);
int devfs_populate(struct inode *root);
/* Opens a character device. -ENXIO when there is none of that number. */
int device_open(struct inode *inode, struct file *file, struct thread *thread);
int fs_random(void *to, uint64_t size); /* 0 or -EIO */
void dev_exo_open(struct file *file, struct thread *thread); /* /dev/exo */

/* ---- fd_table.c ---- */
/* Puts the file at exactly fd (< FD_MAX), closing what is there; takes over the reference. fd or -ENOMEM. */
int fd_replace(struct fd_table *table, struct file *file, int fd, bool cloexec);
void fd_set_cloexec(struct fd_table *table, int fd, bool on); /* fd is open */

/* Is this call not to wait? */
static inline bool file_nonblocking(const struct file *file, const struct io *io)
{
	return (file->flags & O_NONBLOCK) || (io->flags & RWF_NOWAIT);
}
/* A file whose inode only has a path (O_PATH). */
extern const struct file_ops path_only_file_ops;

/* The lowest free descriptor for a new file, or -errno, then the file has gone. */
int64_t fd_give(struct thread *self, struct file *file, bool cloexec);

/* The file of a descriptor, without O_PATH ones; NULL: -EBADF. */
static inline struct file *fd_io_file(struct thread *self, uint64_t fd)
{
	struct file *file = fd_file(self->process->fds, (int)fd);
	return file && !(file->flags & O_PATH) ? file : NULL;
}
static inline bool file_readable(const struct file *file) { return (file->flags & O_ACCMODE) == O_RDONLY || (file->flags & O_ACCMODE) == O_RDWR; }
static inline bool file_writable(const struct file *file) { return (file->flags & O_ACCMODE) == O_WRONLY || (file->flags & O_ACCMODE) == O_RDWR; }
/* Around calls that may sleep: only a shared table can lose the file meanwhile. */
static inline bool file_hold(struct thread *self, struct file *file)
{
	if (!fd_table_shared(self->process->fds))
		return false;
	file_get(file);
	return true;
}
static inline void file_unhold(struct file *file, bool held)
{
	if (held)
		file_put(file);
}

/* ---- directory.c ---- */
int64_t directory_list(struct file *file, struct io *io, bool old_layout);

/* ---- anon.c ---- */
/*
 * For a program, a file without a place: /proc/PID/fd shows "anon_inode:NAME" (name: a literal, with the brackets that Linux
 * has). Its private_data are `size` zero bytes of the heap, which the ops' release() frees. flags: O_NONBLOCK counts. 0 and one
 * reference, -ENFILE, -ENOMEM.
 */
int anon_file_make(const struct thread *self, const struct file_ops *ops, const char *name, uint32_t flags, size_t size,
                   struct file **made);
static inline bool inode_is_anon(const struct inode *inode) { return inode->super == &libos.vfs.anon; }
const char *anon_name(const struct inode *inode); /* NULL: it is none */

/* ---- poll.c ---- */
struct poll_table {
	void (*watch)(struct poll_table *table, struct waitq *q); /* what poll_watch() does */
};
/* The monotonic time in so many ns, at most NO_DEADLINE. */
uint64_t poll_deadline(uint64_t ns);
/* From a program's timespec: NO_DEADLINE if there is none, 0 for nothing to wait; -EFAULT, -EINVAL. */
int poll_get_deadline(struct thread *self, uint64_t address, uint64_t *deadline);
/* The time that is left goes back to the program, so that a restarted call does not wait longer in all. 0 or -EFAULT. */
int put_timespec_left(struct thread *self, uint64_t address, uint64_t deadline);
/* The signal mask of a call like ppoll (address 0: it stays); 0, -EINVAL, -EFAULT. And its end: after an interruption the mask
 * stays until the handler has been set up. */
int poll_set_mask(struct thread *self, uint64_t address, uint64_t size);
void poll_unset_mask(struct thread *self, int64_t result);

/* ---- epoll.c ---- */
/* /proc/sys/fs/epoll/max_user_watches: the most that one user's epoll files may watch. */
uint64_t epoll_max_watches(void);
/* The file's last reference is gone: nobody watches it any more. May give way. */
void epoll_file_gone(struct file *file);

/* ---- memfd.c ---- */
const char *memfd_title(struct inode *inode); /* what it is shown as; NULL: it is none */
/* A new file without a name, with one reference. 0, -ENOSPC, -ENOMEM. */
int memfd_inode(const struct credentials *cred, const char *title, uint32_t mode, struct inode **made);
int64_t seals_of(const struct inode *inode);  /* F_SEAL_*, or -EINVAL for a file that cannot have any */
int64_t seals_add(const struct file *file, uint32_t seals);

/* ---- pipe.c ---- */
/* /proc/sys/fs/pipe-user-pages-soft and -hard: the most pages of one user's pipes, UINT64_MAX none. */
uint64_t pipe_user_pages(bool hard);
uint64_t pipe_size_max(void); /* pipe-max-size: without a privilege a pipe is not larger */
int64_t pipe_set_size(struct inode *inode, uint64_t size, const struct credentials *cred);
int64_t pipe_get_size(const struct inode *inode);
void pipe_free(struct inode *inode);

/* ---- locks.c ---- */
int lock_record(struct thread *self, struct file *file, int command, uint64_t user_flock);
int lock_whole(struct thread *self, struct file *file, int operation);
void locks_drop_all(struct inode *inode); /* the inode is being freed */

/* ---- text.c: a growing text, for /proc ---- */
struct text {
	char *data;
	size_t size, capacity;
	bool failed; /* no memory; data stays valid */
};
void text_printf(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_add(struct text *text, const void *bytes, size_t size);
void text_free(struct text *text);

#endif
