/* Character devices of the LibOS itself, and the nodes and links in /dev. */
#include <exo/calls.h>
#include <libos/fs/internal.h>

#define MAJOR_MEM     1u
#define MAJOR_TTY     4u
#define MAJOR_TTYAUX  5u
#define MAJOR_MISC    10u
#define MINOR_SERIAL0 64u
#define MINOR_EXO     200u
#define MINOR_ERRORS  201u
#define RANDOM_CHUNK  512u
#define ENTROPY_BITS  256         /* as /proc/sys/kernel/random/entropy_avail */
#define RANDOM_UNITS  4u          /* of work, a chunk (sched_worked) */
#define ZERO_CHUNK    262144u
#define RANDOM_MAX    (32u << 20) /* one read gives no more, so that it ends */

int fs_random(void *to, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		uint64_t got = 0;
		if (exo_entropy_read(libos.boot->entropy, (char *)to + done, size - done, &got) != EXO_OK || !got)
			return -EIO;
		done += got;
	}
	return 0;
}

/* ---- /dev/null, zero, full, random ---- */

static int64_t null_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	(void)file, (void)thread, (void)io, (void)position;
	return 0;
}

static int64_t null_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	(void)file, (void)thread, (void)position;
	uint64_t n = io->remaining;
	io->remaining = 0;
	return (int64_t)n;
}

static int64_t zero_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	uint64_t done = 0;
	int64_t r = 0;
	(void)file, (void)position;
	while (io->remaining) {
		r = io_put_zero(io, min_u64(io->remaining, ZERO_CHUNK));
		if (r <= 0)
			break;
		done += (uint64_t)r;
		if (sched_worked(&libos.sched, (uint32_t)((uint64_t)r >> PAGE_SHIFT) + 1) && thread && signal_is_pending(thread))
			break;
	}
	return done ? (int64_t)done : r;
}

static int64_t full_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	(void)file, (void)thread, (void)position;
	return io->flags & ~RWF_HIPRI ? -EOPNOTSUPP : -ENOSPC;
}

static int64_t random_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	uint8_t bytes[RANDOM_CHUNK];
	uint64_t done = 0, want = min_u64(io->remaining, RANDOM_MAX);
	(void)file, (void)position;
	while (done < want) {
		uint64_t n = min_u64(want - done, sizeof(bytes));
		int64_t r = fs_random(bytes, n);
		if (!r)
			r = io_put(io, bytes, n);
		if (r < 0)
			return done ? (int64_t)done : r;
		done += (uint64_t)r;
		(void)sched_worked(&libos.sched, RANDOM_UNITS);
		if ((uint64_t)r < n || (thread && signal_is_pending(thread)))
			break;
	}
	memset(bytes, 0, sizeof(bytes));
	return (int64_t)done;
}

/* Its pool is full, and what is said of that changes nothing. */
static int64_t random_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	struct vm_space *space = thread->process->space;
	int32_t bits[2] = { ENTROPY_BITS, 0 }; /* with RNDADDENTROPY the size behind it */
	uint64_t size = request == RNDADDENTROPY ? sizeof(bits) : sizeof(bits[0]);
	(void)file;
	switch (request) {
	case RNDGETENTCNT:
		return user_write(space, arg, bits, size) ? -EFAULT : 0;
	case RNDADDTOENTCNT:
	case RNDADDENTROPY:
		if (!privileged(&thread->cred, PRIV_ENTROPY))
			return -EPERM;
		if (user_read(space, bits, arg, size))
			return -EFAULT;
		return bits[0] < 0 ? -EINVAL : bits[1] < 0 ? -EFAULT : 0;
	case RNDZAPENTCNT:
	case RNDCLEARPOOL:
	case RNDRESEEDCRNG:
		return privileged(&thread->cred, PRIV_ENTROPY) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

static int64_t device_seek(struct file *file, int64_t offset, int whence)
{
	(void)file, (void)offset, (void)whence;
	return 0;
}

static int zero_mmap(struct file *file, bool *anonymous)
{
	(void)file;
	*anonymous = true;
	return 0;
}

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .seek = device_seek,
                                           .always = FILE_SWALLOWS | FILE_EMPTY, .splices = SPLICE_TO, .rwf = RWF_FILE | RWF_NOWAIT };
static const struct file_ops zero_ops = { .read = zero_read, .write = null_write, .seek = device_seek, .mmap = zero_mmap,
                                           .always = FILE_SWALLOWS | FILE_ZEROES, .splices = SPLICE_FROM | SPLICE_TO,
                                           .rwf = RWF_FILE | RWF_NOWAIT };
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .seek = device_seek, .splices = SPLICE_FROM,
                                           .rwf = RWF_FILE };
static const struct file_ops random_ops = { .read = random_read, .write = null_write, .seek = device_seek, .ioctl = random_ioctl,
                                             .splices = SPLICE_FROM | SPLICE_TO, .rwf = RWF_FILE | RWF_NOWAIT };

/* Only /dev/random can be waited for, and never has to be. */
static uint32_t random_poll(struct file *file, struct poll_table *table)
{
	(void)file, (void)table;
	return POLLIN | POLLRDNORM;
}

static const struct file_ops blocking_random_ops = { .read = random_read, .write = null_write, .seek = device_seek,
                                                      .ioctl = random_ioctl, .poll = random_poll,
                                                      .splices = SPLICE_FROM | SPLICE_TO, .rwf = RWF_FILE | RWF_NOWAIT };

/* ---- opening by number ---- */

static int open_memory(uint32_t minor, struct file *file)
{
	switch (minor) {
	case 3:
		file->ops = &null_ops;
		return 0;
	case 5:
		file->ops = &zero_ops;
		return 0;
	case 7:
		file->ops = &full_ops;
		return 0;
	case 8:
		file->ops = &blocking_random_ops;
		return 0;
	case 9:
		file->ops = &random_ops;
		return 0;
	default:
		return -ENXIO;
	}
}

static int open_controlling(struct file *file, struct thread *thread)
{
	struct tty *tty = tty_controlling(thread);
	return tty ? tty_open(tty, file, thread) : -ENXIO;
}

int device_open(struct inode *inode, struct file *file, struct thread *thread)
{
	uint32_t major = device_major(inode->rdev), minor = device_minor(inode->rdev);
	if (major == MAJOR_MEM)
		return open_memory(minor, file);
	if (major == MAJOR_TTYAUX && minor == 0)
		return open_controlling(file, thread);
	if (major == PTY_MASTER_MAJOR && minor == PTY_MASTER_MINOR)
		return pty_open_master(file, thread);
	if (major == PTY_SLAVE_MAJOR)
		return pty_open_slave(inode, file, thread);
	if ((major == MAJOR_TTYAUX && minor == 1) || (major == MAJOR_TTY && (minor <= 1 || minor == MINOR_SERIAL0)))
		return tty_open(&libos.console, file, thread);
	if (major == MAJOR_MISC && minor == MINOR_EXO) {
		dev_exo_open(file, thread);
		return 0;
	}
	if (major == MAJOR_MISC && minor == MINOR_ERRORS)
		return errors_open(file);
	return -ENXIO;
}

/* ---- the nodes ---- */

static const struct {
	const char *name;
	uint32_t mode, major, minor;
} nodes[] = {
	{ "null", 0666, MAJOR_MEM, 3 },      { "zero", 0666, MAJOR_MEM, 5 },     { "full", 0666, MAJOR_MEM, 7 },
	{ "random", 0666, MAJOR_MEM, 8 },    { "urandom", 0666, MAJOR_MEM, 9 },  { "tty", 0666, MAJOR_TTYAUX, 0 },
	{ "console", 0600, MAJOR_TTYAUX, 1 }, { "ttyS0", 0600, MAJOR_TTY, MINOR_SERIAL0 },
	{ "exo", 0600, MAJOR_MISC, MINOR_EXO },    { "errors", 0600, MAJOR_MISC, MINOR_ERRORS },
	{ "ptmx", 0666, PTY_MASTER_MAJOR, PTY_MASTER_MINOR },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
};

int devfs_populate(struct inode *root)
{
	struct inode *made;
	int r;
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		r = root->ops->create(root, nodes[i].name, str_length(nodes[i].name), S_IFCHR | nodes[i].mode,
		                      make_device(nodes[i].major, nodes[i].minor), NULL, &made);
		if (r)
			return r;
		inode_put(made);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		r = root->ops->symlink(root, links[i].name, str_length(links[i].name), links[i].target, NULL);
		if (r)
			return r;
	}
	return 0;
}
