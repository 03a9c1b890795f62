/*
 * Pseudo-terminals: both directions, their ends, and what the master is told of the slave.
 *
 * What the master writes goes through the slave's line discipline as far as that takes it, and waits in to_slave; what the
 * slave writes, and its echo, waits in to_master.
 */
#include <libos/fs/devpts.h>
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/tty/ldisc.h>
#include <libos/tty/pty.h>

#define WRITE_PIECE 1024u /* bytes taken from the program at once, on the stack */
#define ROOT_SHARE  8u    /* the last of all pseudo-terminals, one in so many, are root's */
#define READ_KEPT   4095u /* what a reader was to have already is not taken back by a flush: Linux's line discipline has it */

static struct pty *pty_of(const struct tty *tty) { return tty->private_data; }
static struct pty *pty_of_master(const struct file *file) { return file->private_data; }

void pty_init(void)
{
	list_init(&libos.ptys.all);
}

uint32_t pty_max(void)
{
	uint64_t part = libos.frames.total / 160; /* a pair has five pages: a 32nd of memory */

	return part < PTY_NUMBER_MAX ? (uint32_t)part : PTY_NUMBER_MAX;
}

static void pty_put(struct pty *pty)
{
	if (--pty->refs > 0)
		return;
	list_remove(&pty->node);
	libos.ptys.count--;
	tty_queue_fini(&pty->to_slave);
	tty_queue_fini(&pty->to_master);
	inode_put(pty->name);
	heap_free(pty);
}

/* ---- the slave's side ---- */

static int64_t slave_output(struct tty *tty, const void *bytes, uint64_t size)
{
	struct pty *pty = pty_of(tty);
	uint32_t n = tty_queue_put(&pty->to_master, bytes, (uint32_t)size);

	if (n > 0)
		waitq_wake_events(&pty->readers, POLLIN | POLLRDNORM);
	return n;
}

/* What waits goes to the line discipline, as far as there is room. */
static void slave_pump(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	const uint8_t *bytes;
	uint32_t n, room;
	bool any = false;

	while ((n = tty_queue_peek(&pty->to_slave, &bytes)) > 0 && (room = tty_input_room(tty)) > 0) {
		uint8_t piece[WRITE_PIECE]; /* the queue may be emptied meanwhile, by ^C */

		n = n < room ? n : room;
		n = n < sizeof(piece) ? n : (uint32_t)sizeof(piece);
		memcpy(piece, bytes, n);
		tty_queue_drop(&pty->to_slave, n);
		tty_input(tty, piece, n);
		any = true;
	}
	if (any)
		waitq_wake_events(&pty->writers, POLLOUT | POLLWRNORM);
}

static void tell_master(struct pty *pty, uint8_t set, uint8_t instead_of)
{
	if (!pty->packet)
		return;
	pty->status = (uint8_t)((pty->status & ~instead_of) | set);
	waitq_wake_events(&pty->readers, POLLIN | POLLRDNORM | POLLPRI);
}

/* With the usual characters, ^S and ^Q may be acted on by whoever is at the other end of a network. */
static bool has_flow(const struct tty *tty)
{
	return tty_in(tty, IXON) && tty->termios.cc[VSTOP] == 0x13 && tty->termios.cc[VSTART] == 0x11;
}

static void modes_changed(struct pty *pty)
{
	bool flow = has_flow(&pty->slave), extproc = tty_local(&pty->slave, EXTPROC), was = pty->extproc;
	bool changed = flow != pty->flow;

	pty->flow = flow;
	pty->extproc = extproc;
	if (changed)
		tell_master(pty, flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP, TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
	if (extproc || was)
		tell_master(pty, TIOCPKT_IOCTL, 0);
}

static void slave_closed(struct pty *pty)
{
	pty->slaves = 0;
	pty->slave_closed = true;
	waitq_wake_all(&pty->readers);
	waitq_wake_all(&pty->writers);
}

static void slave_file_closed(struct tty *tty, bool dead)
{
	struct pty *pty = pty_of(tty);

	if (!dead && --pty->slaves == 0)
		slave_closed(pty);
	pty_put(pty);
}

static void slave_changed(struct tty *tty, enum tty_change what)
{
	struct pty *pty = pty_of(tty);

	switch (what) {
	case TTY_OPENED:
		pty->refs++;
		pty->slaves++;
		pty->slave_closed = false;
		break;
	case TTY_HUNG_UP: slave_closed(pty); break;
	case TTY_STOPPED: tell_master(pty, TIOCPKT_STOP, TIOCPKT_START); break;
	case TTY_STARTED: tell_master(pty, TIOCPKT_START, TIOCPKT_STOP); break;
	case TTY_INPUT_FLUSHED: tell_master(pty, TIOCPKT_FLUSHREAD, 0); break;
	case TTY_OUTPUT_FLUSHED:
		tty_queue_cut(&pty->to_master, READ_KEPT);
		tell_master(pty, TIOCPKT_FLUSHWRITE, 0);
		break;
	case TTY_MODES: modes_changed(pty); break;
	}
}

int pty_open_slave(struct inode *inode, struct file *file, struct thread *thread)
{
	struct pty *pty = inode->private_data;

	if (!devpts_has(inode) || !pty || pty->locked)
		return -EIO;
	return tty_open(&pty->slave, file, thread);
}

/* ---- the master's files ---- */

/* What is there, as much as the reader takes. */
static int64_t give(struct pty *pty, struct io *io)
{
	const uint8_t *bytes;
	int64_t done = 0, moved = 0;
	uint32_t n;

	while (io->remaining > 0 && (n = tty_queue_peek(&pty->to_master, &bytes)) > 0) {
		n = n < io->remaining ? n : (uint32_t)io->remaining;
		moved = io_put(io, bytes, n);
		if (moved <= 0)
			break;
		tty_queue_drop(&pty->to_master, (uint32_t)moved);
		done += moved;
	}
	tty_out_flush(&pty->slave);
	return done > 0 ? done : moved;
}

/* In packet mode: a byte that says what changed, or 0 and what was written. */
static int64_t give_packet(struct pty *pty, struct io *io)
{
	uint8_t head = pty->status;
	int64_t r;

	pty->status = 0;
	r = io_put(io, &head, 1);
	if (r <= 0 || head || io->remaining == 0)
		return r;
	r = give(pty, io);
	return r < 0 ? r : r + 1;
}

static int64_t master_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct pty *pty = pty_of_master(file);

	(void)position;
	if (io->remaining == 0)
		return 0;
	for (;;) {
		if (pty->to_master.count > 0 || (pty->packet && pty->status))
			return pty->packet ? give_packet(pty, io) : give(pty, io);
		if (pty->slave_closed)
			return -EIO;
		if (file_nonblocking(file, io))
			return -EAGAIN;
		if (wait_on(thread, &pty->readers, NO_DEADLINE, true) == -EINTR)
			return -ERESTARTSYS;
	}
}

/* As typed: behind what waits already. There is room. */
static void type(struct pty *pty, const uint8_t *bytes, uint32_t size)
{
	uint32_t room = pty->to_slave.count > 0 ? 0 : tty_input_room(&pty->slave), n = size < room ? size : room;

	if (n > 0)
		tty_input(&pty->slave, bytes, n);
	(void)tty_queue_put(&pty->to_slave, bytes + n, size - n);
	/* What came may have made room: ^C, or the end of the line that the reader waits for. */
	slave_pump(&pty->slave);
}

static int64_t write_all(struct pty *pty, struct file *file, struct thread *thread, struct io *io)
{
	uint8_t piece[WRITE_PIECE];
	uint64_t done = 0;
	int64_t r = 0;

	while (io->remaining > 0) {
		uint32_t room = pty->stopped ? 0 : tty_queue_room(&pty->to_slave);

		if (room == 0) {
			r = file_nonblocking(file, io) ? -EAGAIN : wait_on(thread, &pty->writers, NO_DEADLINE, true) == -EINTR ? -ERESTARTSYS : 0;
			if (r < 0)
				break;
			continue;
		}
		room = room < sizeof(piece) ? room : (uint32_t)sizeof(piece);
		r = io_get(io, piece, io->remaining < room ? io->remaining : room);
		if (r <= 0)
			break;
		type(pty, piece, (uint32_t)r);
		done += (uint64_t)r;
		if (sched_worked(&libos.sched, SCHED_WORK_UNITS) && signal_is_pending(thread))
			break;
	}
	return done > 0 ? (int64_t)done : r;
}

static int64_t master_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct pty *pty = pty_of_master(file);
	int64_t r;

	(void)position;
	while (pty->writing) {
		if (file_nonblocking(file, io))
			return -EAGAIN;
		if (wait_on(thread, &pty->turn, NO_DEADLINE, true) == -EINTR)
			return -ERESTARTSYS;
	}
	pty->writing = true;
	r = write_all(pty, file, thread, io);
	pty->writing = false;
	waitq_wake(&pty->turn, 1);
	return r;
}

static uint32_t master_poll(struct file *file, struct poll_table *table)
{
	struct pty *pty = pty_of_master(file);
	uint32_t ready = 0;

	poll_watch(table, &pty->readers);
	poll_watch(table, &pty->writers);
	if (pty->to_master.count > 0)
		ready |= POLLIN | POLLRDNORM;
	if (pty->packet && pty->status)
		ready |= POLLPRI | POLLIN | POLLRDNORM;
	if (pty->slave_closed)
		ready |= POLLHUP;
	if (!pty->stopped && tty_queue_room(&pty->to_slave) > 0)
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static void master_release(struct file *file)
{
	struct pty *pty = pty_of_master(file);

	pty->name->private_data = NULL;
	devpts_remove(pty->name, pty->number);
	tty_hangup(&pty->slave);
	pty_put(pty);
}

/* ---- requests to the master ---- */

static int64_t tell(struct thread *thread, uint64_t arg, uint32_t value)
{
	return user_write(thread->process->space, arg, &value, sizeof(value));
}

static int64_t ask(struct thread *thread, uint64_t arg, bool *on)
{
	int32_t value;
	int r = user_read(thread->process->space, &value, arg, sizeof(value));

	if (r == 0)
		*on = value != 0;
	return r;
}

static int64_t set_packet(struct pty *pty, struct thread *thread, uint64_t arg)
{
	bool on = false;
	int64_t r = ask(thread, arg, &on);

	if (r < 0)
		return r;
	if (on && !pty->packet)
		pty->status = 0;
	pty->packet = on;
	return 0;
}

static int64_t send_signal(const struct pty *pty, uint64_t signo)
{
	if (signo != SIGINT && signo != SIGQUIT && signo != SIGTSTP)
		return -EINVAL;
	if (pty->slave.foreground_pgid > 0)
		signal_send_group(pty->slave.foreground_pgid, (int)signo);
	return 0;
}

static int64_t open_peer(struct pty *pty, struct thread *thread, uint64_t flags)
{
	const struct path path = { mount_of(pty->name), pty->name };
	struct file *file;
	int r = files_check(&thread->cred);

	if (r == 0)
		r = open_path(thread, &path, (int)flags, &file);
	return r < 0 ? r : fd_give(thread, file, flags & O_CLOEXEC);
}

static int64_t flow(struct pty *pty, uint64_t action)
{
	if (action > TCION)
		return -EINVAL;
	if (action == TCOOFF || action == TCOON) {
		pty->stopped = action == TCOOFF;
		waitq_wake_events(&pty->writers, POLLOUT | POLLWRNORM);
	} else if (tty_queue_room(&pty->to_slave) > 0) {
		/* The master's own characters, which nobody can change. */
		type(pty, (const uint8_t *)(action == TCIOFF ? "\x13" : "\x11"), 1);
	}
	return 0;
}

static int64_t flush(struct pty *pty, uint64_t queue)
{
	if (queue != TCIFLUSH && queue != TCOFLUSH && queue != TCIOFLUSH)
		return -EINVAL;
	if (queue != TCOFLUSH)
		tty_queue_cut(&pty->to_master, 0);
	if (queue != TCIFLUSH)
		tty_queue_cut(&pty->to_slave, 0);
	tty_out_flush(&pty->slave);
	waitq_wake_events(&pty->writers, POLLOUT | POLLWRNORM);
	return 0;
}

static int64_t simulate(struct pty *pty, struct thread *thread, uint64_t arg)
{
	uint8_t c;
	int r;

	if (!privileged(&thread->cred, PRIV_TERMINAL))
		return -EPERM;
	r = user_read(thread->process->space, &c, arg, 1);
	if (r == 0)
		(void)slave_output(&pty->slave, &c, 1);
	return r;
}

static int64_t master_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	struct pty *pty = pty_of_master(file);
	struct tty *slave = &pty->slave;

	switch (request) {
	case TIOCGPTN: return tell(thread, arg, pty->number);
	case TIOCSPTLCK: return ask(thread, arg, &pty->locked);
	case TIOCGPTLCK: return tell(thread, arg, pty->locked);
	case TIOCPKT: return set_packet(pty, thread, arg);
	case TIOCGPKT: return tell(thread, arg, pty->packet);
	case TIOCSIG: return send_signal(pty, arg);
	case TIOCGPTPEER: return open_peer(pty, thread, arg);
	case FIONREAD: return tell(thread, arg, pty->to_master.count);
	case TIOCOUTQ: return tell(thread, arg, 0);
	case TCSBRK:
	case TCSBRKP:
	case TIOCEXCL:
	case TIOCNXCL: return 0; /* nobody else can open it, and it has no line */
	case TCXONC: return flow(pty, arg);
	case TCFLSH: return flush(pty, arg);
	case TIOCSTI: return simulate(pty, thread, arg);
	case TIOCNOTTY: return -ENOTTY;
	case TIOCGPGRP: return tell(thread, arg, (uint32_t)slave->foreground_pgid);
	case TIOCGSID: return slave->session ? tell(thread, arg, (uint32_t)slave->session->sid) : -ENOTTY;
	default: return tty_request(slave, file, thread, request, arg); /* modes and size are the slave's */
	}
}

static const struct file_ops master_ops = {
	.read = master_read,
	.write = master_write,
	.ioctl = master_ioctl,
	.poll = master_poll,
	.release = master_release,
	.splices = SPLICE_FROM | SPLICE_TO,
	.rwf = RWF_FILE,
};

/* ---- a new pair ---- */

static void slave_init(struct tty *tty, struct pty *pty)
{
	tty_init(tty);
	tty->rdev = make_device(PTY_SLAVE_MAJOR, pty->number);
	tty->output = slave_output;
	tty->unthrottle = slave_pump;
	tty->changed = slave_changed;
	tty->closed = slave_file_closed;
	tty->private_data = pty;
	tty->termios.iflag &= ~(uint32_t)IUTF8;
	tty->termios.cflag &= ~(uint32_t)HUPCL;
}

/* The lowest number that is free in that devpts, and behind which of all it comes. */
static uint32_t free_number(const struct super *super, struct list **behind)
{
	uint32_t number = 0;

	*behind = &libos.ptys.all;
	LIST_EACH(at, &libos.ptys.all) {
		const struct pty *pty = LIST_ENTRY(at, struct pty, node);

		if (pty->number > number)
			break;
		number += pty->number == number && pty->name->super == super;
		*behind = at;
	}
	return number;
}

static int pty_new(struct super *super, const struct thread *thread, struct pty **made)
{
	struct list *behind;
	struct pty *pty = frames_exhausted() ? NULL : heap_zalloc(sizeof(*pty));
	int r;

	if (!pty)
		return -ENOMEM;
	pty->number = free_number(super, &behind);
	r = pty->number < devpts_max(super) ? devpts_add(super, pty->number, &thread->cred, &pty->name) : -ENOSPC;
	if (r < 0) {
		heap_free(pty);
		return r;
	}
	pty->name->private_data = pty;
	pty->refs = 1;
	pty->locked = true;
	waitq_init(&pty->readers);
	waitq_init(&pty->writers);
	waitq_init(&pty->turn);
	tty_queue_init(&pty->to_slave);
	tty_queue_init(&pty->to_master);
	slave_init(&pty->slave, pty);
	pty->flow = has_flow(&pty->slave);
	list_push_front(behind, &pty->node);
	libos.ptys.count++;
	*made = pty;
	return 0;
}

int pty_open_master(struct file *file, struct thread *thread)
{
	struct super *super = devpts_beside(&file->path);
	uint32_t max = pty_max();
	struct pty *pty;
	int r;

	if (!super)
		return -ENODEV;
	if (!privileged(&thread->cred, PRIV_LIMITS))
		max -= max / ROOT_SHARE;
	if (libos.ptys.count >= max)
		return -ENOSPC;
	r = pty_new(super, thread, &pty);
	if (r < 0)
		return r;
	file->ops = &master_ops;
	file->private_data = pty;
	return 0;
}
