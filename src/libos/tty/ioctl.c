/*
 * ioctl of terminals: modes, window size, flow control, queues. Job control is in job.c.
 */
#include <libos/abi/errno.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/tty/ldisc.h>

/* Layouts of the three generations of termios (include/uapi/asm-generic/termbits.h, termios.h). */
#define TERMIOS_SIZE  36u /* struct termios: struct termios2 without the speeds */
#define TERMIOS2_SIZE 44u
#define TERMIO_CC     8u
#define BOTHER        0x1000u /* CBAUD: the speeds of struct termios2 say it */
struct termio {
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[TERMIO_CC];
};
_Static_assert(sizeof(struct termio) == 18, "struct termio");
_Static_assert(sizeof(struct termios_state) == TERMIOS2_SIZE, "struct termios2");
_Static_assert(offsetof(struct termios_state, ispeed) == TERMIOS_SIZE, "struct termios");

/* CBAUD's values (termbits.h), B0 to B38400 and, with CBAUDEX, B57600 to B4000000. */
static uint32_t baud_rate(uint32_t cflag)
{
	static const uint32_t low[16] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200,
		                          38400 };
	static const uint32_t high[16] = { 0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000,
		                           1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };
	uint32_t code = cflag & CBAUD;

	return code < 16 ? low[code] : high[code % 16];
}

static int get_modes(struct tty *tty, struct vm_space *space, uint32_t request, uint64_t arg)
{
	const struct termios_state *t = &tty->termios;
	struct termio old = { (uint16_t)t->iflag, (uint16_t)t->oflag, (uint16_t)t->cflag, (uint16_t)t->lflag, t->line,
		              { 0 } };

	if (request == TCGETS)
		return user_write(space, arg, t, TERMIOS_SIZE);
	if (request == TCGETS2)
		return user_write(space, arg, t, TERMIOS2_SIZE);
	memcpy(old.cc, t->cc, sizeof(old.cc));
	return user_write(space, arg, &old, sizeof(old));
}

static int read_termio(struct vm_space *space, struct termios_state *t, uint64_t arg)
{
	struct termio new;
	int r = user_read(space, &new, arg, sizeof(new));

	if (r < 0)
		return r;
	/* Only the lower halves of the flags existed. */
	t->iflag = (t->iflag & 0xffff0000u) | new.iflag;
	t->oflag = (t->oflag & 0xffff0000u) | new.oflag;
	t->cflag = (t->cflag & 0xffff0000u) | new.cflag;
	t->lflag = (t->lflag & 0xffff0000u) | new.lflag;
	t->line = new.line;
	memcpy(t->cc, new.cc, sizeof(new.cc));
	return 0;
}

enum when { NOW, DRAIN, FLUSH };

static int64_t set_modes(struct tty *tty, struct thread *thread, uint32_t request, uint64_t arg, enum when when)
{
	struct termios_state old, new = tty->termios;
	struct vm_space *space = thread->process->space;
	int r = tty_check_background(tty, thread, SIGTTOU);

	if (r < 0)
		return r;
	if (request >= TCSETA && request <= TCSETAF)
		r = read_termio(space, &new, arg);
	else
		r = user_read(space, &new, arg, request <= TCSETSF ? TERMIOS_SIZE : TERMIOS2_SIZE);
	if (r < 0)
		return r;
	if (request <= TCSETAF || (new.cflag & CBAUD) != BOTHER)
		new.ispeed = new.ospeed = baud_rate(new.cflag);
	if (when != NOW) {
		r = tty_drain(tty, thread);
		if (r < 0)
			return r;
	}
	if (when == FLUSH)
		tty_input_discard(tty);
	old = tty->termios;
	tty->termios = new;
	tty_termios_changed(tty, &old);
	return 0;
}

static int64_t modes(struct tty *tty, struct thread *thread, uint32_t request, uint64_t arg)
{
	switch (request) {
	case TCGETS:
	case TCGETS2:
	case TCGETA: return get_modes(tty, thread->process->space, request, arg);
	case TCSETS:
	case TCSETS2:
	case TCSETA: return set_modes(tty, thread, request, arg, NOW);
	case TCSETSW:
	case TCSETSW2:
	case TCSETAW: return set_modes(tty, thread, request, arg, DRAIN);
	case TCSETSF:
	case TCSETSF2:
	case TCSETAF: return set_modes(tty, thread, request, arg, FLUSH);
	default: return -ENOTTY;
	}
}

void tty_resize(struct tty *tty, const struct winsize *size)
{
	if (memcmp(&tty->winsize, size, sizeof(*size)) == 0)
		return;
	tty->winsize = *size;
	if (tty->foreground_pgid > 0)
		signal_send_group(tty->foreground_pgid, SIGWINCH);
}

static int64_t set_size(struct tty *tty, struct vm_space *space, uint64_t arg)
{
	struct winsize size;
	int r = user_read(space, &size, arg, sizeof(size));

	if (r == 0)
		tty_resize(tty, &size);
	return r;
}

static int64_t flow(struct tty *tty, uint64_t action)
{
	switch (action) {
	case TCOOFF:
		tty->held = true;
		tty_stop(tty);
		return 0;
	case TCOON:
		tty->held = false;
		tty_start(tty);
		return 0;
	case TCIOFF:
	case TCION: {
		uint8_t c = tty->termios.cc[action == TCIOFF ? VSTOP : VSTART];

		if (c != 0)
			(void)tty->output(tty, &c, 1);
		return 0;
	}
	default: return -EINVAL;
	}
}

static int64_t flush(struct tty *tty, uint64_t queue)
{
	if (queue != TCIFLUSH && queue != TCOFLUSH && queue != TCIOFLUSH)
		return -EINVAL;
	if (queue != TCOFLUSH)
		tty_input_discard(tty);
	if (queue != TCIFLUSH)
		tty_out_discard(tty);
	if (tty->unthrottle)
		tty->unthrottle(tty);
	return 0;
}

/* Requests that a background group may not make. */
static int64_t line(struct tty *tty, struct thread *thread, uint32_t request, uint64_t arg)
{
	int r = tty_check_background(tty, thread, SIGTTOU);

	if (r < 0)
		return r;
	switch (request) {
	case TCXONC: return flow(tty, arg);
	case TCFLSH: return flush(tty, arg);
	default: return tty_drain(tty, thread); /* TCSBRK, TCSBRKP: there is no line on which to send a break */
	}
}

/* Acts as if the byte had been typed: root only, for it can type commands into a shell. */
static int64_t simulate(struct tty *tty, struct thread *thread, uint64_t arg)
{
	uint8_t c;
	int r;

	if (!privileged(&thread->cred, PRIV_TERMINAL))
		return -EPERM;
	r = user_read(thread->process->space, &c, arg, 1);
	if (r == 0)
		tty_input(tty, &c, 1);
	return r;
}

static int64_t tell(struct thread *thread, uint64_t arg, uint32_t value)
{
	return user_write(thread->process->space, arg, &value, sizeof(value));
}

static int64_t hang_up(struct tty *tty, struct thread *thread)
{
	if (!privileged(&thread->cred, PRIV_HANG_UP))
		return -EPERM;
	tty_hangup(tty);
	return 0;
}

int64_t sys_vhangup(struct thread *self, const uint64_t *args)
{
	struct tty *tty = tty_controlling(self);

	(void)args;
	if (!privileged(&self->cred, PRIV_HANG_UP))
		return -EPERM;
	return tty ? hang_up(tty, self) : 0;
}

int64_t tty_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	if (tty_file_is_dead(file))
		return request == TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_request(file->private_data, file, thread, request, arg);
}

int64_t tty_request(struct tty *tty, struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	if (request == FIONREAD)
		return tell(thread, arg, tty_input_count(tty));
	if (tty->plain)
		return -ENOTTY;
	switch (request) {
	case TIOCGWINSZ: return user_write(thread->process->space, arg, &tty->winsize, sizeof(tty->winsize));
	case TIOCSWINSZ: return set_size(tty, thread->process->space, arg);
	case TIOCOUTQ: return tell(thread, arg, tty_is_slave(tty) ? 0 : tty->out_count);
	case TIOCSTI: return simulate(tty, thread, arg);
	case TIOCVHANGUP: return hang_up(tty, thread);
	case TIOCEXCL:
	case TIOCNXCL: tty->exclusive = request == TIOCEXCL; return 0;
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TCFLSH: return line(tty, thread, request, arg);
	case TIOCSCTTY:
	case TIOCNOTTY:
	case TIOCSPGRP:
	case TIOCGPGRP:
	case TIOCGSID: return tty_job_ioctl(tty, file, thread, request, arg);
	default: return modes(tty, thread, request, arg);
	}
}
