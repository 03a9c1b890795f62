/*
 * Terminals as open files: open, read with its waiting (VMIN, VTIME), write, poll.
 */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/tty/ldisc.h>

#define VTIME_NS   UINT64_C(100000000) /* termios counts in tenths of a second */
#define WRITE_PIECE 1024u              /* bytes taken from the program at once, on the stack */

bool tty_file_is_dead(const struct file *file)
{
	const struct tty *tty = file->private_data;

	/* The field is otherwise for directories only. */
	return file->dir_generation != tty->hangups;
}

/* ---- reading ---- */

/* When a read that has found nothing yet gives up. */
static uint64_t first_deadline(const struct tty *tty)
{
	const uint8_t *cc = tty->termios.cc;

	if (tty_is_canonical(tty) || cc[VMIN] > 0)
		return NO_DEADLINE;
	return libos_now() + cc[VTIME] * VTIME_NS;
}

/* And after a byte has come: VTIME is then the longest gap between bytes. */
static uint64_t next_deadline(const struct tty *tty, uint64_t old)
{
	return tty->termios.cc[VTIME] > 0 ? libos_now() + tty->termios.cc[VTIME] * VTIME_NS : old;
}

static bool is_enough(const struct tty *tty, uint64_t count)
{
	return tty_is_canonical(tty) || count >= tty->termios.cc[VMIN];
}

/* Waits for input. 1: there is some; 0: there will be none (end, hang-up, timeout); or -EAGAIN, -ERESTARTSYS. */
static int wait_input(struct tty *tty, struct file *file, struct thread *thread, uint64_t deadline)
{
	for (;;) {
		if (!tty_readable(tty, 1) && tty->unthrottle)
			tty->unthrottle(tty);
		if (tty_file_is_dead(file))
			return 0;
		if (tty_readable(tty, 1))
			return 1;
		if (tty->input_ended || libos_now() >= deadline)
			return 0;
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_on(thread, &tty->readers, deadline, true) == -EINTR)
			return -ERESTARTSYS;
	}
}

static int64_t tty_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct tty *tty = file->private_data;
	uint64_t done = 0, deadline;
	int r;

	(void)position;
	if (tty_file_is_dead(file) || io->remaining == 0)
		return 0;
	r = tty_check_background(tty, thread, SIGTTIN);
	if (r < 0)
		return r;
	deadline = first_deadline(tty);
	while (io->remaining > 0) {
		int64_t n;

		r = wait_input(tty, file, thread, deadline);
		if (r <= 0)
			break;
		n = tty_take(tty, io, io->remaining);
		if (tty->unthrottle)
			tty->unthrottle(tty);
		if (n < 0)
			return done > 0 ? (int64_t)done : n;
		done += (uint64_t)n;
		if (is_enough(tty, done))
			break;
		deadline = next_deadline(tty, deadline);
	}
	return done > 0 ? (int64_t)done : r < 0 ? r : 0;
}

/* ---- writing ---- */

static int wait_output(struct tty *tty, struct file *file, struct thread *thread)
{
	if (tty_file_is_dead(file))
		return -EIO;
	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	return wait_on(thread, &tty->writers, NO_DEADLINE, true) == -EINTR ? -ERESTARTSYS : 0;
}

/* Post-processes one piece. How many of its bytes went; fewer than size with *r set when the wait ended early. */
static uint32_t write_piece(struct file *file, struct thread *thread, const uint8_t *bytes, uint32_t size, int *r)
{
	struct tty *tty = file->private_data;
	uint32_t done = 0, n;

	while (done < size && *r == 0) {
		if (!tty->stopped && (n = tty_out(tty, bytes + done, size - done)) > 0)
			done += n;
		else
			*r = wait_output(tty, file, thread);
	}
	return done;
}

/* One write at a time, so that a long one may give way without getting mixed with others. */
static int wait_turn(struct tty *tty, struct file *file, struct thread *thread)
{
	while (tty->writing) {
		if (file->flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_on(thread, &tty->turn, NO_DEADLINE, true) == -EINTR)
			return -ERESTARTSYS;
	}
	tty->writing = true;
	return 0;
}

static int64_t write_all(struct file *file, struct thread *thread, struct io *io)
{
	struct tty *tty = file->private_data;
	uint8_t piece[WRITE_PIECE];
	uint64_t done = 0;
	int r = 0;

	if (tty_file_is_dead(file))
		return -EIO;
	while (r == 0 && io->remaining > 0) {
		uint64_t size = io->remaining < sizeof(piece) ? io->remaining : sizeof(piece);
		int64_t n;

		/* Before bytes are taken, for those that were cannot be given back. */
		if (tty->stopped) {
			r = wait_output(tty, file, thread);
			continue;
		}
		n = io_get(io, piece, size);
		if (n <= 0)
			r = n < 0 ? (int)n : -EFAULT;
		else
			done += write_piece(file, thread, piece, (uint32_t)n, &r);
		if (sched_worked(&libos.sched, SCHED_WORK_UNITS) && signal_is_pending(thread))
			break;
	}
	tty_out_flush(tty);
	return done > 0 ? (int64_t)done : r;
}

static int64_t tty_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	struct tty *tty = file->private_data;
	int64_t r = 0;

	(void)position;
	if (tty_file_is_dead(file))
		return -EIO;
	if (tty_local(tty, TOSTOP))
		r = tty_check_background(tty, thread, SIGTTOU);
	if (r == 0)
		r = wait_turn(tty, file, thread);
	if (r != 0)
		return r;
	r = write_all(file, thread, io);
	tty->writing = false;
	waitq_wake(&tty->turn, 1);
	return r;
}

/* At the other end of a pseudo-terminal nobody may be reading, who need not be waited for: nothing is on a line. */
int tty_drain(struct tty *tty, struct thread *thread)
{
	while (tty->out_count > 0 && !tty_is_slave(tty)) {
		tty_out_flush(tty);
		if (tty->out_count > 0 && wait_on(thread, &tty->writers, NO_DEADLINE, true) == -EINTR)
			return -ERESTARTSYS;
	}
	return 0;
}

static uint32_t tty_poll(struct file *file, struct poll_table *table)
{
	struct tty *tty = file->private_data;
	const uint8_t *cc = tty->termios.cc;
	uint32_t ready = 0;

	poll_watch(table, &tty->readers);
	poll_watch(table, &tty->writers);
	if (tty_file_is_dead(file))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	/* With a timer between bytes any byte will do, for the read returns by itself. */
	if (tty_readable(tty, cc[VTIME] == 0 && cc[VMIN] > 0 ? cc[VMIN] : 1) || tty->input_ended)
		ready |= POLLIN | POLLRDNORM;
	if (tty->input_ended && !tty->plain)
		ready |= POLLHUP;
	if (!tty->stopped && tty->out_count < TTY_OUTPUT_SIZE / 2)
		ready |= POLLOUT | POLLWRNORM;
	return ready;
}

static void tty_release(struct file *file)
{
	struct tty *tty = file->private_data;

	if (tty->closed)
		tty->closed(tty, tty_file_is_dead(file));
}

static const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.ioctl = tty_ioctl,
	.poll = tty_poll,
	.splices = SPLICE_FROM | SPLICE_TO,
	.release = tty_release,
	.rwf = RWF_FILE,
};

void tty_init(struct tty *tty)
{
	memset(tty, 0, sizeof(*tty));
	waitq_init(&tty->readers);
	waitq_init(&tty->writers);
	waitq_init(&tty->turn);
	tty_termios_default(&tty->termios);
}

int tty_open(struct tty *tty, struct file *file, struct thread *thread)
{
	bool takes = thread && !tty->plain && !(file->flags & O_NOCTTY) && (file->flags & O_ACCMODE) != O_WRONLY;

	if (tty->exclusive && thread && !privileged(&thread->cred, PRIV_TERMINAL))
		return -EBUSY;
	file->ops = &tty_file_ops;
	file->private_data = tty;
	file->dir_generation = tty->hangups;
	tty_tell(tty, TTY_OPENED);
	if (takes && tty_is_leader(thread) && !thread->process->session->tty && !tty->session)
		tty_acquire(tty, thread);
	return 0;
}
