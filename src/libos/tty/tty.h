/*
 * Terminals: line discipline (POSIX 11, general terminal interface; termios
 * bits are Linux's, abi/linux.h), job control, window size. The console is one; the line
 * discipline knows nothing of where its bytes come from; pseudo-terminals (pty.h) use it too.
 */
#ifndef LIBOS_TTY_H
#define LIBOS_TTY_H

#include <exo/types.h>

#include <libos/sched/sched.h>

struct file;
struct inode;
struct io;
struct poll_table;
struct session;
struct thread;
struct process;

#define TTY_INPUT_SIZE 4096 /* MAX_CANON and the raw queue: Linux's N_TTY_BUF_SIZE */
#define TTY_OUTPUT_SIZE 4096 /* as much echo as can wait while output is stopped */

struct termios_state { /* the kernel's struct termios2, 44 bytes, laid out as in Linux */
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[19];
	uint32_t ispeed, ospeed;
};

struct winsize {
	uint16_t rows, columns, xpixel, ypixel;
};

/* What somebody at the other end of the line may want to know. */
enum tty_change {
	TTY_OPENED, TTY_HUNG_UP, TTY_STOPPED, TTY_STARTED, TTY_INPUT_FLUSHED, TTY_OUTPUT_FLUSHED, TTY_MODES,
};

struct tty {
	struct termios_state termios;
	struct winsize winsize;
	struct session *session;  /* whose controlling terminal it is */
	int32_t foreground_pgid;
	uint8_t input[TTY_INPUT_SIZE]; /* ring; see tty/ldisc.c */
	uint32_t head, canon, tail;    /* read from head; lines complete up to canon; typed up to tail */
	uint32_t column, canon_column;
	bool eof_pending, stopped /* ^S */, literal_next, hungup, packet, erasing;
	uint32_t eol_marks[TTY_INPUT_SIZE / 32]; /* bit: a line ends at this ring position */
	uint32_t eof_marks[TTY_INPUT_SIZE / 32]; /* bit: it is an EOF, not given to the reader */
	bool writing;             /* somebody's write is going on: others wait for their turn */
	struct waitq readers, writers, turn;
	bool plain;       /* not a terminal: bytes pass as they are, ENOTTY for its ioctls */
	bool input_ended; /* nothing will ever arrive any more: readers get 0 */
	bool held;        /* TCOOFF: only TCOON starts output again */
	bool exclusive;   /* TIOCEXCL */
	uint32_t hangups; /* files opened before the last one are dead */
	/* Post-processed output and echo on its way to output(). */
	uint8_t out[TTY_OUTPUT_SIZE];
	uint32_t out_count;
	uint64_t rdev;
	/* Output side: takes raw bytes; returns how many it took. */
	int64_t (*output)(struct tty *tty, const void *bytes, uint64_t size);
	/* There is room for input again: take what the line kept back. May be NULL. */
	void (*unthrottle)(struct tty *tty);
	/* A slave's (pty.c); NULL: nobody cares. None of them sleeps. closed: one file, which was open at the last hang-up (dead)
	 * or is opened since; the terminal may be no more afterwards. */
	void (*changed)(struct tty *tty, enum tty_change what);
	void (*closed)(struct tty *tty, bool dead);
	void *private_data;
};

void tty_init(struct tty *tty); /* with the usual modes; where its bytes go is the caller's */
void tty_console_init(void);
/* Standard error, where it is apart from the console; -ENXIO: it is not. */
int errors_open(struct file *file);
/* Raw bytes arrive from the line. Echoes, edits, sends signals, wakes readers. */
void tty_input(struct tty *tty, const uint8_t *bytes, uint64_t size);
/* The machine is about to end: what was written goes out first, unless it is stopped. */
void tty_console_end(void);

/* Called by sched_events(): EXO_PEND_CONSOLE, RESIZE, INTR, SUSPEND, HANGUP, ROOM. */
void tty_console_events(uint64_t pending);
void tty_resize(struct tty *tty, const struct winsize *size);
void tty_hangup(struct tty *tty);
/* Opens as /dev/console, /dev/tty, /dev/tty1…: fills in file->ops. O_NOCTTY honoured; a session leader without a terminal gets it. */
int tty_open(struct tty *tty, struct file *file, struct thread *thread);
/* /dev/tty: the controlling terminal of the thread's session, or NULL */
struct tty *tty_controlling(struct thread *thread);
/* Its leader gives the terminal up, or exits: SIGHUP to the foreground group, and SIGCONT; the terminal is free again. */
void tty_session_exit(struct session *session, bool exits);

#endif
