/*
 * Between the parts of the terminal code: the line discipline proper (ldisc.c), its output side (output.c), its
 * reading side (line.c), job control (job.c), requests (ioctl.c). None of these functions sleeps, but where it says so.
 */
#ifndef LIBOS_TTY_LDISC_H
#define LIBOS_TTY_LDISC_H

#include <libos/abi/linux.h>
#include <libos/tty/tty.h>

static inline bool tty_local(const struct tty *tty, uint32_t bit) { return (tty->termios.lflag & bit) != 0; }
static inline bool tty_in(const struct tty *tty, uint32_t bit) { return (tty->termios.iflag & bit) != 0; }

/* Reads return whole lines. With EXTPROC someone else edits the line, so bytes pass at once. */
static inline bool tty_is_canonical(const struct tty *tty)
{
	return (tty->termios.lflag & (ICANON | EXTPROC)) == ICANON;
}

/* The later bytes of a UTF-8 character: they take no column and are erased with the first. */
static inline bool tty_is_continuation(const struct tty *tty, uint8_t c)
{
	return tty_in(tty, IUTF8) && (c & 0xc0) == 0x80;
}

static inline bool tty_is_control(uint8_t c) { return c < 0x20 || c == 0x7f; }

/* Of a pseudo-terminal? Then somebody is told what becomes of it. */
static inline bool tty_is_slave(const struct tty *tty) { return tty->changed != NULL; }

static inline void tty_tell(struct tty *tty, enum tty_change what)
{
	if (tty_is_slave(tty))
		tty->changed(tty, what);
}

/* ---- output.c ---- */
/* Post-processes (OPOST) one byte into tty->out. false: no room, nothing happened. */
bool tty_out_char(struct tty *tty, uint8_t c);
/* The same for many: how many of them went, 0 when there is no room. */
uint32_t tty_out(struct tty *tty, const uint8_t *bytes, uint32_t size);
/* Echoes a byte as it is / control characters as ^X when ECHOCTL says so. Lost when there is no room. */
void tty_echo_raw(struct tty *tty, uint8_t c);
void tty_echo(struct tty *tty, uint8_t c);
/* Hands tty->out to the line unless output is stopped. */
void tty_out_flush(struct tty *tty);
void tty_out_discard(struct tty *tty);
void tty_stop(struct tty *tty);
void tty_start(struct tty *tty); /* not when held by TCOOFF */

/* ---- line.c ---- */
/* Has a reader something to get? minimum: bytes wanted in raw mode (1 or more). */
bool tty_readable(const struct tty *tty, uint32_t minimum);
/* Moves at most `size` bytes (a line at most in canonical mode) to the reader. Bytes, 0 for a typed EOF, or -EFAULT. */
int64_t tty_take(struct tty *tty, struct io *io, uint64_t size);
uint32_t tty_input_room(const struct tty *tty); /* bytes that may arrive now */
uint32_t tty_input_count(const struct tty *tty); /* FIONREAD */
/* Appends to the ring; the last slot is kept for a byte that ends a line. false: no room. */
bool tty_push(struct tty *tty, uint8_t c);

/* All bytes that there is room for as such; not in canonical mode. */
void tty_push_all(struct tty *tty, const uint8_t *bytes, uint64_t size);
bool tty_push_end(struct tty *tty, uint8_t c, bool is_eof);
void tty_input_discard(struct tty *tty);
/* The termios have changed: `old` were the ones before. */
void tty_termios_changed(struct tty *tty, const struct termios_state *old);
/* No more input will come: what was typed so far becomes readable. */
void tty_input_end(struct tty *tty);
void tty_termios_default(struct termios_state *termios);

/* ---- job.c ---- */
/* May the thread read (SIGTTIN) / change or write (SIGTTOU)? 0, -EIO, or -ERESTARTSYS after its group was signalled. */
int tty_check_background(struct tty *tty, struct thread *thread, int signo);
/* Makes the terminal the controlling one of the thread's session, and its group the foreground. */
void tty_acquire(struct tty *tty, struct thread *thread);
bool tty_is_leader(const struct thread *thread);
/* Job-control requests of ioctl; -ENOTTY when it is none of them. */
int64_t tty_job_ioctl(struct tty *tty, struct file *file, struct thread *thread, uint32_t request, uint64_t arg);

/* ---- ioctl.c, may sleep ---- */
int64_t tty_ioctl(struct file *file, struct thread *thread, uint32_t request, uint64_t arg);
/* The same through a file that is not the terminal's: the master of a pseudo-terminal. */
int64_t tty_request(struct tty *tty, struct file *file, struct thread *thread, uint32_t request, uint64_t arg);

/* ---- file.c ---- */
/* Was the terminal hung up after this file was opened? */
bool tty_file_is_dead(const struct file *file);
/* Waits until output is not stopped and all of it is gone. 0, -ERESTARTSYS. Sleeps. */
int tty_drain(struct tty *tty, struct thread *thread);

#endif
