/*
 * The world of the file-system tests: core and LibOS on the fake HAL, a mounted tree, and one
 * process made by hand whose calls go straight to the file-system layer.
 */
#ifndef LIBOS_FS_WORLD_H
#define LIBOS_FS_WORLD_H

/* Ours first: the host's headers define some of Linux's names too. */
#include <core/check.h>
#include <fake/fake.h>
#include <libos/fs/internal.h>
#include <libos/vm/space.h>

#include <criterion/criterion.h>

static struct {
	void (*body)(void);
	struct process process;
	struct thread thread;
	struct signal_actions actions;
	struct session session;
} world;

static struct thread *const me = &world.thread;

static inline void world_process(void)
{
	struct process *p = &world.process;
	*p = (struct process){ .pid = 1, .pgid = 1, .state = PROCESS_ALIVE, .actions = &world.actions, .session = &world.session };
	world.actions = (struct signal_actions){ .refs = 1 };
	world.actions.action[SIGPIPE].handler = 1;
	world.actions.action[SIGXFSZ].handler = 1;
	list_init(&p->threads);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all);
	list_init(&p->pending.queue);
	for (int i = 0; i < RLIMIT_COUNT; i++)
		p->limits[i] = (struct rlimit64){ UINT64_MAX, UINT64_MAX };
	p->limits[RLIMIT_NOFILE].soft = 1024;
	p->fs = fs_context_new();
	p->fds = fd_table_new();
	world.thread = (struct thread){ .tid = 1, .process = p, .state = THREAD_RUNNABLE };
	cred_root(&world.thread.cred);
	p->cred = world.thread.cred;
	list_init(&world.thread.pending.queue);
	list_push_back(&p->threads, &world.thread.sibling);
	cr_assert(p->fs && p->fds);
}

static inline void world_unmount_all(void)
{
	struct vfs *vfs = &libos.vfs;
	for (;;) {
		struct mount *m = LIST_ENTRY(vfs->mounts.prev, struct mount, node);
		if (m == vfs->root)
			break;
		cr_assert_eq(mount_remove(m, true), 0);
	}
	list_remove(&vfs->root->node);
	cr_assert_eq(vfs->root->refs, 1);
	mount_put(vfs->root);
	cr_assert_eq(vfs->inode_live, 0, "%lu inodes leaked", (unsigned long)vfs->inode_live);
	cr_assert_eq(vfs->file_live, 0, "%lu files leaked", (unsigned long)vfs->file_live);
}

static inline void world_start(const struct exo_boot *boot)
{
	libos.boot = boot;
	frames_init();
	uint64_t before = libos.frames.free_count;
	cr_assert_eq(vfs_init(NULL, 0), 0);
	world_process();
	world.body();
	fd_table_put(world.process.fds);
	fs_context_put(world.process.fs);
	world_unmount_all();
	(void)vm_reclaim();
	heap_trim();
	cr_assert(frames_check());
	cr_assert_eq(heap_bytes_in_use(), 0, "%lu bytes of heap leaked", (unsigned long)heap_bytes_in_use());
	cr_assert_eq(libos.frames.free_count, before, "%ld frames leaked", (long)(before - libos.frames.free_count));
}

static inline void world_run(uint64_t frames, void (*body)(void))
{
	fake_reset();
	fake.frame_count = frames;
	memset(&libos, 0, sizeof(libos));
	world.body = body;
	cr_assert_eq(fake_boot(world_start), FAKE_RETURNED, "%s", fake.panic ? fake.panic : fake.output);
	cr_assert_null(core_check(), "%s", core_check());
}

#define WORLD_TEST(suite, name)                                                                                \
	static void suite##_##name##_body(void);                                                               \
	Test(suite, name)                                                                                      \
	{                                                                                                      \
		world_run(4096, suite##_##name##_body);                                                        \
	}                                                                                                      \
	static void suite##_##name##_body(void)

/* ---- short forms of calls ---- */

static inline int do_open(const char *path, int flags, struct file **file)
{
	return vfs_open(me, AT_FDCWD, path, flags, 0644, file);
}

static inline int do_mkdir(const char *path) { return vfs_make(me, AT_FDCWD, path, S_IFDIR | 0755, 0); }
static inline int do_touch(const char *path) { return vfs_make(me, AT_FDCWD, path, S_IFREG | 0644, 0); }
static inline int do_symlink(const char *target, const char *path) { return vfs_symlink(me, AT_FDCWD, path, target); }
static inline int do_unlink(const char *path) { return vfs_unlink(me, AT_FDCWD, path, false); }
static inline int do_rmdir(const char *path) { return vfs_unlink(me, AT_FDCWD, path, true); }
static inline int do_rename(const char *from, const char *to, uint32_t flags)
{
	return vfs_rename(me, AT_FDCWD, from, AT_FDCWD, to, 0, flags);
}

static inline int do_link(const char *from, const char *to)
{
	struct path target;
	int r = path_walk(me, AT_FDCWD, from, WALK_NOFOLLOW, &target);
	if (r)
		return r;
	r = vfs_link(me, &target, AT_FDCWD, to);
	path_put(&target);
	return r;
}

/* The inode number, or a negative errno. */
static inline int64_t do_stat(const char *path, uint32_t walk, struct inode *copy)
{
	struct path found;
	int r = path_walk(me, AT_FDCWD, path, walk, &found);
	if (r)
		return r;
	int64_t ino = (int64_t)found.inode->ino;
	if (copy)
		*copy = *found.inode;
	path_put(&found);
	return ino;
}

static inline int64_t do_read(struct file *file, void *to, uint64_t size, uint64_t at)
{
	struct io_vec vec = { (uint64_t)(uintptr_t)to, size };
	struct io io;
	io_init(&io, NULL, &vec, 1);
	return file->ops->read(file, me, &io, &at);
}

static inline int64_t do_write(struct file *file, const void *from, uint64_t size, uint64_t at)
{
	struct io_vec vec = { (uint64_t)(uintptr_t)from, size };
	struct io io;
	io_init(&io, NULL, &vec, 1);
	return file->ops->write(file, me, &io, &at);
}

static inline void become(uint32_t uid)
{
	if (uid == 0)
		cred_root(&world.thread.cred);
	else
		world.thread.cred = (struct credentials){ .uid = uid, .euid = uid, .suid = uid, .fsuid = uid,
		                                          .gid = uid, .egid = uid, .sgid = uid, .fsgid = uid };
	world.process.cred = world.thread.cred;
}

/* xorshift64* (Vigna 2016): the same numbers in every run. */
static uint64_t random_state = 88172645463325252u;
static inline uint64_t random_u64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 2685821657736338717u;
}
static inline uint64_t random_below(uint64_t n) { return random_u64() % n; }

#endif
