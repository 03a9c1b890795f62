/*
 * Pseudo-terminals (pty(7)): a slave, which is a terminal like any other, and a master, whose files have what a person at
 * that terminal would see and type. Slaves have names in a devpts (fs/devpts.c).
 */
#ifndef LIBOS_TTY_PTY_H
#define LIBOS_TTY_PTY_H

#include <libos/tty/queue.h>
#include <libos/tty/tty.h>

#define PTY_MASTER_MAJOR 5u /* /dev/ptmx is 5:2 */
#define PTY_MASTER_MINOR 2u
#define PTY_SLAVE_MAJOR  136u /* minor: the number */
#define PTY_NUMBER_MAX   4096u /* as /proc/sys/kernel/pty/max of Linux */

struct pty {
	struct list node;        /* pty_table.all */
	struct tty slave;
	struct inode *name;      /* in its devpts, a reference; its private_data leads back here while the master is open */
	uint32_t number;         /* in that devpts */
	uint32_t refs;           /* of the master's file, and of each of the slave */
	uint32_t slaves;         /* files of the slave that are not hung up */
	bool locked;             /* the slave is not opened (TIOCSPTLCK) */
	bool slave_closed;       /* it was open, and is no more: the master reads EIO */
	bool stopped;            /* the master's output (TCXONC) */
	bool packet;             /* TIOCPKT: reads say what they are */
	uint8_t status;          /* TIOCPKT_*: what the master was not told yet */
	bool flow, extproc;      /* of the slave's modes, as last looked at for that */
	bool writing;            /* a write to the master is going on */
	struct waitq readers, writers, turn; /* of the master */
	struct tty_queue to_slave, to_master;
};

struct pty_table {
	struct list all;  /* by number, which stays taken while the slave is open */
	uint32_t count;
	uint64_t grown;   /* bytes that queues have beyond their first page */
};

void pty_init(void);
/* How many there may be: memory's part, at most PTY_NUMBER_MAX. */
uint32_t pty_max(void);
/* Opens as /dev/ptmx: a new pair. -ENODEV: there is no devpts beside it; -ENOSPC: there are as many as may be, or the rest
 * is root's; -ENOMEM. */
int pty_open_master(struct file *file, struct thread *thread);
/* Opens as /dev/pts/N. -EIO: locked, or it has no master any more. */
int pty_open_slave(struct inode *inode, struct file *file, struct thread *thread);

#endif
