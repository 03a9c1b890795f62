/*
 * Segments of shared memory: shmget, shmat, shmdt and shmctl.
 *
 * A segment is a file without a name, beside those of memfd_create, and attaching maps it: its pages, and what a space may do with
 * them, are those files' and mappings' matter. vm/ tells of each mapping that begins or ends, whoever does that (fork, exec, exit,
 * munmap of a part); so many are counted.
 */
#include <libos/fs/internal.h>
#include <libos/ipc/internal.h>
#include <libos/lib/string.h>

enum { SHM_LOCK = 11, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY }; /* uapi/linux/shm.h */
#define SHM_RDONLY    010000
#define SHM_RND       020000
#define SHM_REMAP     040000
#define SHM_EXEC      0100000
#define SHM_HUGETLB   04000
#define SHM_NORESERVE 010000
#define SHM_DEST      01000u /* of a mode: it goes with the last who has it attached */
#define SHM_LOCKED    02000u
#define HUGE_SHIFT    26
#define HUGE_MASK     0x3f
#define HUGE_2MB      21

struct linux_shmid { /* struct shmid64_ds */
	struct linux_ipc_perm perm;
	uint64_t size;
	int64_t atime, dtime, ctime;
	int32_t maker, last;
	uint64_t attached, unused[2];
};
_Static_assert(sizeof(struct linux_shmid) == 112, "struct shmid64_ds");

struct linux_shminfo {
	uint64_t shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};

struct linux_shm_info {
	int32_t count, pad;
	uint64_t pages, resident, swapped, swap_attempts, swap_successes;
};

struct shm_segment {
	struct ipc_object ipc;
	struct inode *inode;    /* a reference; its private_data leads back */
	uint64_t size;
	int64_t atime, dtime, ctime;
	int32_t maker, last;    /* processes: last: that attached or detached it */
	uint64_t attached;      /* mappings */
	uint32_t lock_uid;      /* SHM_LOCKED: of whose USER_SHM_LOCKED it is */
};

static struct shm_segment *segment_of(struct ipc_object *o)
{
	return (struct shm_segment *)(void *)o;
}

static uint64_t pages_of(const struct shm_segment *s)
{
	return PAGE_UP(s->size) >> PAGE_SHIFT;
}

struct shm_segment *shm_of(const struct inode *inode)
{
	return inode->super == libos.vfs.memfds ? inode->private_data : NULL;
}

/* ---- its life ---- */

static void unlock(struct shm_segment *s)
{
	if (s->ipc.mode & SHM_LOCKED)
		user_uncharge(s->lock_uid, USER_SHM_LOCKED, pages_of(s));
	s->ipc.mode &= ~SHM_LOCKED;
}

/* Gives back its inode, with the reference, which its pages go with. */
static struct inode *segment_end(struct shm_segment *s)
{
	struct inode *inode = s->inode;

	unlock(s);
	ipc_remove(IPC_SEGMENTS, &s->ipc);
	libos.ipc.pages -= pages_of(s);
	ipc_uncharge(s->ipc.account, s->ipc.charged);
	inode->private_data = NULL;
	heap_free(s);
	return inode;
}

static bool is_left(const struct shm_segment *s)
{
	return !s->attached && (s->ipc.mode & SHM_DEST);
}

static int32_t current_pid(void)
{
	return libos.sched.current ? libos.sched.current->process->pid : 0;
}

void shm_mapped(struct shm_segment *s)
{
	s->attached++;
	s->atime = ipc_now();
	s->last = current_pid();
}

void shm_unmapped(struct shm_segment *s)
{
	s->attached--;
	s->dtime = ipc_now();
	s->last = current_pid();
	if (is_left(s))
		segment_end(s)->refs--; /* never the last: who maps it has it open */
}

/* ---- shmget ---- */

/* As a Linux that has huge pages of 2 MiB, and none set aside. */
static int huge_pages(const struct thread *self, int32_t flags)
{
	int32_t size = flags >> HUGE_SHIFT & HUGE_MASK;

	if (size && size != HUGE_2MB)
		return -EINVAL;
	return privileged(&self->cred, PRIV_LOCK_MEMORY) ? -ENOMEM : -EPERM;
}

static int check_size(const struct thread *self, uint64_t size, int32_t flags)
{
	uint64_t pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
	const struct ipc_limits *l = &libos.ipc.limits;

	if (size < 1 || size > l->shmmax)
		return -EINVAL;
	if (pages > UINT64_MAX >> PAGE_SHIFT || pages > l->shmall || libos.ipc.pages > l->shmall - pages)
		return -ENOSPC;
	if (flags & SHM_HUGETLB)
		return huge_pages(self, flags);
	if (size > INT64_MAX)
		return -EINVAL;
	/* As with mappings: only what can never be had is refused. */
	return !(flags & SHM_NORESERVE) && pages > libos.frames.total ? -ENOMEM : 0;
}

static int segment_new(struct thread *self, int32_t key, uint64_t size, struct shm_segment **made)
{
	struct shm_segment *s = heap_zalloc(sizeof(*s));
	char title[16];
	int r;

	if (!s)
		return -ENOMEM;
	(void)format(title, sizeof(title), "SYSV%08x", (uint32_t)key);
	r = memfd_inode(&self->cred, title, 0777, &s->inode);
	if (r) {
		heap_free(s);
		return r;
	}
	s->inode->size = s->size = size;
	s->ctime = ipc_now();
	s->maker = self->process->pid;
	*made = s;
	return 0;
}

static int64_t make(struct thread *self, int32_t key, uint64_t size, int32_t flags)
{
	const uint64_t takes = sizeof(struct shm_segment) + TMPFS_INODE_SPACE;
	struct shm_segment *s;
	int r = check_size(self, size, flags);

	if (r)
		return r;
	if (!ipc_charge(self, takes))
		return -ENOMEM;
	r = segment_new(self, key, size, &s);
	if (!r) {
		r = ipc_add(self, IPC_SEGMENTS, &s->ipc, key, flags, libos.ipc.limits.shmmni);
		if (r) {
			inode_put(s->inode);
			heap_free(s);
		}
	}
	if (r) {
		ipc_uncharge(self->cred.uid, takes);
		return r;
	}
	s->ipc.account = self->cred.uid;
	s->ipc.charged = takes;
	s->inode->private_data = s;
	s->inode->ino = (uint64_t)s->ipc.id; /* what /proc/PID/maps shows */
	libos.ipc.pages += pages_of(s);
	return s->ipc.id;
}

int64_t sys_shmget(struct thread *self, const uint64_t *args)
{
	int32_t key = (int32_t)args[0], flags = (int32_t)args[2];
	uint64_t size = args[1];
	struct ipc_object *o;
	int r = ipc_find_key(IPC_SEGMENTS, key, flags, &o);

	if (r)
		return r;
	if (!o)
		return make(self, key, size, flags);
	if (segment_of(o)->size < size)
		return -EINVAL;
	return ipc_allows(self, o, flags) ? o->id : -EACCES;
}

/* ---- shmat and shmdt ---- */

static int64_t attach(struct thread *self, struct file *file, uint64_t address, uint64_t size, int prot, bool remap)
{
	struct vm_space *space = self->process->space;
	int flags = MAP_SHARED | (!address ? 0 : remap ? MAP_FIXED : MAP_FIXED_NOREPLACE);
	int64_t r;

	if (address && !remap && address + size < address)
		return -EINVAL;
	vm_enter(space, self);
	vm_set_lock_limit(space, privileged(&self->cred, PRIV_LOCK_MEMORY) ? UINT64_MAX : self->process->limits[RLIMIT_MEMLOCK].soft);
	r = vm_mmap(space, address, size, prot, flags, file, 0);
	vm_leave(space);
	return r == -EEXIST ? -EINVAL : r;
}

/* Where it is to be; 0: anywhere. */
static int place_of(uint64_t *address, int32_t flags)
{
	bool asked = *address != 0;

	if (flags & SHM_RND)
		*address = PAGE_DOWN(*address);
	if (*address & (PAGE_SIZE - 1))
		return -EINVAL;
	return (flags & SHM_REMAP) && (!asked || !*address) ? -EINVAL : 0;
}

int64_t sys_shmat(struct thread *self, const uint64_t *args)
{
	int32_t id = (int32_t)args[0], flags = (int32_t)args[2];
	uint64_t address = args[1];
	bool reads = flags & SHM_RDONLY, runs = flags & SHM_EXEC;
	struct ipc_object *o;
	struct shm_segment *s;
	struct file *file;
	int64_t r = id < 0 ? -EINVAL : place_of(&address, flags);

	if (r)
		return r;
	o = ipc_find(IPC_SEGMENTS, id);
	if (!o)
		return -EINVAL;
	if (!ipc_allows(self, o, (int32_t)(MODE_READ | (reads ? 0 : MODE_WRITE) | (runs ? MODE_EXEC : 0))))
		return -EACCES;
	r = files_check(&self->cred);
	if (r)
		return r;
	s = segment_of(o);
	inode_get(s->inode);
	r = open_inode(self, s->inode, reads ? O_RDONLY : O_RDWR, &file);
	if (r)
		return r;
	s->attached++; /* nobody takes it away meanwhile */
	r = attach(self, file, address, s->size, PROT_READ | (reads ? 0 : PROT_WRITE) | (runs ? PROT_EXEC : 0), flags & SHM_REMAP);
	s->attached--;
	if (is_left(s))
		inode_put(segment_end(s));
	file_put(file);
	return r;
}

int64_t sys_shmdt(struct thread *self, const uint64_t *args)
{
	struct vm_space *space = self->process->space;

	vm_enter(space, self);
	int r = vm_detach(space, args[0]);
	vm_leave(space);
	return r;
}

/* ---- shmctl ---- */

static int64_t info(struct thread *self, uint64_t address)
{
	const struct ipc_limits *l = &libos.ipc.limits;
	struct linux_shminfo i = { .shmmax = l->shmmax, .shmmin = 1, .shmmni = l->shmmni, .shmseg = l->shmmni, .shmall = l->shmall };

	return user_write(self->process->space, address, &i, sizeof(i)) ? -EFAULT : ipc_last_index(IPC_SEGMENTS);
}

static int64_t use(struct thread *self, uint64_t address)
{
	struct linux_shm_info i = { .count = (int32_t)ipc_table(IPC_SEGMENTS)->count, .pages = libos.ipc.pages };

	for (uint32_t n = 0; n < ipc_table(IPC_SEGMENTS)->end; n++)
		i.resident += ipc_at(IPC_SEGMENTS, n) ? segment_of(ipc_at(IPC_SEGMENTS, n))->inode->pages : 0;
	return user_write(self->process->space, address, &i, sizeof(i)) ? -EFAULT : ipc_last_index(IPC_SEGMENTS);
}

static int64_t stat(struct thread *self, int32_t id, int32_t command, uint64_t address)
{
	struct ipc_object *o;
	int r = ipc_find_stat(self, IPC_SEGMENTS, id, command != IPC_STAT, command == SHM_STAT_ANY, &o);

	if (r)
		return r;
	const struct shm_segment *s = segment_of(o);
	const struct linux_shmid d = {
		.perm = ipc_perm(o), .size = s->size, .atime = s->atime, .dtime = s->dtime, .ctime = s->ctime, .maker = s->maker,
		.last = s->last, .attached = s->attached,
	};
	int64_t result = command == IPC_STAT ? 0 : o->id;
	return user_write(self->process->space, address, &d, sizeof(d)) ? -EFAULT : result;
}

static int64_t set(struct thread *self, int32_t id, uint64_t address)
{
	struct linux_shmid d;
	struct ipc_object *o;
	int r = user_read(self->process->space, &d, address, sizeof(d)) ? -EFAULT : ipc_find_own(self, IPC_SEGMENTS, id, &o);

	if (!r)
		r = ipc_set_perm(o, &d.perm);
	if (!r)
		segment_of(o)->ctime = ipc_now();
	return r;
}

static int64_t remove(struct thread *self, int32_t id)
{
	struct ipc_object *o;
	int r = ipc_find_own(self, IPC_SEGMENTS, id, &o);

	if (r)
		return r;
	o->mode |= SHM_DEST;
	ipc_forget_key(o);
	if (is_left(segment_of(o)))
		inode_put(segment_end(segment_of(o)));
	return 0;
}

static int64_t lock(struct thread *self, int32_t id, bool locks)
{
	const struct credentials *c = &self->cred;
	uint64_t limit = self->process->limits[RLIMIT_MEMLOCK].soft;
	bool may = privileged(c, PRIV_LOCK_MEMORY);
	struct ipc_object *o = ipc_find(IPC_SEGMENTS, id);

	if (!o)
		return -EINVAL;
	if (!may && ((c->euid != o->uid && c->euid != o->cuid) || (locks && !limit)))
		return -EPERM;
	if (!locks)
		unlock(segment_of(o));
	if (!locks || (o->mode & SHM_LOCKED))
		return 0;
	if (!user_charge(c->uid, USER_SHM_LOCKED, pages_of(segment_of(o)), may || limit == UINT64_MAX ? UINT64_MAX : limit >> PAGE_SHIFT))
		return -ENOMEM;
	segment_of(o)->lock_uid = c->uid;
	o->mode |= SHM_LOCKED;
	return 0;
}

void shm_line(struct text *text, const struct ipc_object *o)
{
	const struct shm_segment *s = (const struct shm_segment *)(const void *)o;

	text_printf(text, IPC_COLUMNS "%21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu %10lu %21lu %21u\n", o->key, o->id, o->mode,
	            (unsigned long)s->size, (unsigned)s->maker, (unsigned)s->last, (unsigned long)s->attached, o->uid, o->gid, o->cuid, o->cgid,
	            (unsigned long)s->atime, (unsigned long)s->dtime, (unsigned long)s->ctime, (unsigned long)(s->inode->pages * PAGE_SIZE), 0u);
}

int64_t sys_shmctl(struct thread *self, const uint64_t *args)
{
	int32_t id = (int32_t)args[0], command = (int32_t)args[1];

	if (id < 0 || command < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
		return info(self, args[2]);
	case SHM_INFO:
		return use(self, args[2]);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return stat(self, id, command, args[2]);
	case IPC_SET:
		return set(self, id, args[2]);
	case IPC_RMID:
		return remove(self, id);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return lock(self, id, command == SHM_LOCK);
	default:
		return -EINVAL;
	}
}
