/*
 * Signals that are read from a descriptor (signalfd(2)). A descriptor has a set of signals and no more: whose are read, and
 * whose arrival is told, is whoever reads or polls.
 */
#include <libos/fs/internal.h>
#include <libos/proc/internal.h>

struct signalfd {
	uint64_t set;
};

struct signalfd_siginfo { /* uapi/linux/signalfd.h */
	uint32_t signo;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, number;
	uint64_t pointer, user_ticks, system_ticks, address;
	uint16_t address_lsb, pad1_;
	int32_t call;
	uint64_t call_address;
	uint32_t arch;
	uint8_t pad2_[28];
};
_Static_assert(sizeof(struct signalfd_siginfo) == 128, "struct signalfd_siginfo");

static uint32_t get32(const uint8_t *bytes, uint32_t at)
{
	uint32_t value;
	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *bytes, uint32_t at)
{
	uint64_t value;
	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

/* What the kernel sends has fields by the signal, what a program sends by the code (Linux's siginfo_layout()). */
static void translate(const struct signal_info *info, struct signalfd_siginfo *to)
{
	uint8_t from[SIGINFO_SIZE];
	bool of_signal = info->code > SI_USER && info->code < SI_KERNEL;
	int signo = info->signo;
	siginfo_encode(info, from);
	*to = (struct signalfd_siginfo){ .signo = (uint32_t)signo, .error = info->error, .code = info->code };
	if (info->code == SI_TIMER) {
		to->tid = get32(from, 16);
		to->overrun = get32(from, 20);
		to->pointer = get64(from, 24);
		to->number = (int32_t)to->pointer;
	} else if (of_signal && (signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE || signo == SIGTRAP)) {
		to->address = get64(from, 16);
	} else {
		to->pid = get32(from, 16);
		to->uid = get32(from, 20);
		if (of_signal && signo == SIGCHLD) {
			to->status = (int32_t)get32(from, 24);
			to->user_ticks = get64(from, 32);
			to->system_ticks = get64(from, 40);
		} else if (info->code < 0) {
			to->pointer = get64(from, 24);
			to->number = (int32_t)to->pointer;
		}
	}
}

/* The next of the thread's signals of the set, or -errno. */
static int take(struct file *file, struct thread *thread, struct io *io, struct signal_info *info)
{
	const struct signalfd *s = file->private_data;
	int signo = signal_take(thread, s->set, info);
	while (!signo) {
		if (file_nonblocking(file, io))
			return -EAGAIN;
		int r = wait_on(thread, &thread->process->signal_wait, NO_DEADLINE, true);
		signo = signal_take(thread, s->set, info);
		if (!signo && r)
			return -ERESTARTSYS;
	}
	return signo;
}

static int64_t signalfd_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	const struct signalfd *s = file->private_data;
	int64_t done = 0;
	(void)position;
	if (io->remaining < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	while (io->remaining >= sizeof(struct signalfd_siginfo)) {
		struct signal_info info;
		struct signalfd_siginfo told;
		/* One is waited for; more come along if they are there. */
		int signo = done ? signal_take(thread, s->set, &info) : take(file, thread, io, &info);
		if (signo <= 0)
			return done ? done : signo;
		translate(&info, &told);
		if (io_put(io, &told, sizeof(told)) != sizeof(told))
			return done ? done : -EFAULT;
		done += (int64_t)sizeof(told);
	}
	return done;
}

static uint32_t signalfd_poll(struct file *file, struct poll_table *table)
{
	const struct signalfd *s = file->private_data;
	struct thread *self = libos.sched.current;
	if (!self)
		return 0;
	poll_watch(table, &self->process->signal_wait);
	return (self->pending.set | self->process->pending.set) & s->set ? POLLIN : 0;
}

static void signalfd_release(struct file *file)
{
	heap_free(file->private_data);
}

static void signalfd_info(const struct file *file, struct text *text)
{
	const struct signalfd *s = file->private_data;
	text_printf(text, "sigmask:\t%016lx\n", (unsigned long)s->set);
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.info = signalfd_info,
	.rwf = RWF_FILE | RWF_NOWAIT,
};

static int64_t make(struct thread *self, uint64_t set, uint32_t flags)
{
	struct file *file;
	int r = anon_file_make(self, &signalfd_ops, "[signalfd]", flags, sizeof(struct signalfd), &file);
	if (r)
		return r;
	((struct signalfd *)file->private_data)->set = set;
	return fd_give(self, file, flags & O_CLOEXEC);
}

/* The set of one that is there already becomes another. */
static int64_t change(struct thread *self, int32_t fd, uint64_t set)
{
	struct file *file = fd_file(self->process->fds, fd);
	if (!file)
		return -EBADF;
	if (file->ops != &signalfd_ops)
		return -EINVAL;
	((struct signalfd *)file->private_data)->set = set;
	waitq_wake_all(&self->process->signal_wait);
	return fd;
}

static int64_t signalfd(struct thread *self, const uint64_t *args, uint32_t flags)
{
	uint64_t set;
	if (args[2] != sizeof(set))
		return -EINVAL;
	if (user_read(self->process->space, &set, args[1], sizeof(set)))
		return -EFAULT;
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	set &= ~SIGNAL_UNBLOCKABLE;
	return (int32_t)args[0] == -1 ? make(self, set, flags) : change(self, (int32_t)args[0], set);
}

int64_t sys_signalfd(struct thread *self, const uint64_t *args)
{
	return signalfd(self, args, 0);
}

int64_t sys_signalfd4(struct thread *self, const uint64_t *args)
{
	return signalfd(self, args, (uint32_t)args[3]);
}
