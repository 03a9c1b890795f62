/*
 * Job control: controlling terminals, foreground groups, and what a background group may do (POSIX 11.1.2 to 11.1.4).
 */
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/abi/syscall.h>
#include <libos/fs/file.h>
#include <libos/libos.h>
#include <libos/tty/ldisc.h>

bool tty_is_leader(const struct thread *thread)
{
	const struct process *process = thread->process;

	return process->session && process->session->sid == process->pid;
}

static bool is_controlling(const struct tty *tty, const struct thread *thread)
{
	const struct session *session = thread->process->session;

	return session && session->tty == tty && tty->session == session;
}

struct tty *tty_controlling(struct thread *thread)
{
	return thread->process->session ? thread->process->session->tty : NULL;
}

int tty_check_background(struct tty *tty, struct thread *thread, int signo)
{
	int32_t group = thread->process->pgid;

	if (!is_controlling(tty, thread) || tty->foreground_pgid == 0 || tty->foreground_pgid == group)
		return 0;
	/* Who cannot be stopped may write all the same, but has nothing to read. */
	if (signal_is_ignored_or_blocked(thread, signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (process_group_orphaned(group))
		return -EIO; /* stopped, nobody could continue it */
	signal_send_group(group, signo);
	return -ERESTARTSYS;
}

void tty_acquire(struct tty *tty, struct thread *thread)
{
	struct session *session = thread->process->session;

	if (tty->session)
		tty->session->tty = NULL;
	tty->session = session;
	session->tty = tty;
	tty->foreground_pgid = thread->process->pgid;
}

/* The terminal is nobody's any more. */
static void release(struct tty *tty)
{
	if (tty->session)
		tty->session->tty = NULL;
	tty->session = NULL;
	tty->foreground_pgid = 0;
}

void tty_session_exit(struct session *session, bool exits)
{
	struct tty *tty = session->tty;

	if (!tty && exits && session->hung_up_pgid > 0) {
		signal_send_group(session->hung_up_pgid, SIGHUP);
		signal_send_group(session->hung_up_pgid, SIGCONT);
	}
	if (!tty)
		return;
	if (tty->session == session) {
		int32_t group = tty->foreground_pgid;

		release(tty);
		if (group > 0) {
			signal_send_group(group, SIGHUP);
			if (!exits || !tty_is_slave(tty)) /* a pseudo-terminal is not hung up then */
				signal_send_group(group, SIGCONT);
		}
	}
	session->tty = NULL;
}

void tty_hangup(struct tty *tty)
{
	const struct signal_info hup = { .signo = SIGHUP, .code = SI_KERNEL };
	const struct signal_info cont = { .signo = SIGCONT, .code = SI_KERNEL };
	struct process *leader = tty->session ? process_find(tty->session->sid) : NULL;

	/* The foreground group hears of it when the leader ends. */
	if (tty->session)
		tty->session->hung_up_pgid = tty->foreground_pgid;
	tty->hangups++;
	tty->stopped = tty->held = tty->exclusive = false;
	tty_input_discard(tty);
	tty_out_discard(tty);
	tty_termios_default(&tty->termios);
	release(tty);
	if (leader && leader->state == PROCESS_ALIVE) {
		signal_send_process(leader, &hup);
		signal_send_process(leader, &cont);
	}
	tty_tell(tty, TTY_HUNG_UP);
	waitq_wake_all(&tty->readers);
	waitq_wake_all(&tty->writers);
}

/* ---- requests ---- */

static int64_t set_controlling(struct tty *tty, struct file *file, struct thread *thread, uint64_t steal)
{
	bool root = privileged(&thread->cred, PRIV_TERMINAL);

	if (tty_is_leader(thread) && is_controlling(tty, thread))
		return 0;
	if (!tty_is_leader(thread) || thread->process->session->tty)
		return -EPERM;
	if (tty->session && !(steal == 1 && root))
		return -EPERM;
	if ((file->flags & O_ACCMODE) == O_WRONLY && !root)
		return -EPERM;
	tty_acquire(tty, thread);
	return 0;
}

static int64_t give_up(struct tty *tty, struct thread *thread)
{
	if (!is_controlling(tty, thread))
		return -ENOTTY;
	/* The terminal is recorded with the session, so its other members cannot part from it alone. */
	if (!tty_is_leader(thread))
		return -EPERM;
	tty_session_exit(thread->process->session, false);
	return 0;
}

static int64_t set_foreground(struct tty *tty, struct thread *thread, uint64_t arg)
{
	struct process *member;
	int32_t group;
	int r = tty_check_background(tty, thread, SIGTTOU);

	if (r < 0)
		return r == -EIO ? -ENOTTY : r;
	if (!is_controlling(tty, thread))
		return -ENOTTY;
	r = user_read(thread->process->space, &group, arg, sizeof(group));
	if (r < 0)
		return r;
	if (group < 0)
		return -EINVAL;
	member = process_of_group(group);
	if (!member)
		return -ESRCH;
	if (member->session != thread->process->session)
		return -EPERM;
	tty->foreground_pgid = group;
	return 0;
}

static int64_t tell(struct tty *tty, struct thread *thread, uint64_t arg, int32_t id)
{
	if (!is_controlling(tty, thread))
		return -ENOTTY;
	return user_write(thread->process->space, arg, &id, sizeof(id));
}

int64_t tty_job_ioctl(struct tty *tty, struct file *file, struct thread *thread, uint32_t request, uint64_t arg)
{
	switch (request) {
	case TIOCSCTTY: return set_controlling(tty, file, thread, arg);
	case TIOCNOTTY: return give_up(tty, thread);
	case TIOCSPGRP: return set_foreground(tty, thread, arg);
	case TIOCGPGRP: return tell(tty, thread, arg, tty->foreground_pgid);
	case TIOCGSID: return tell(tty, thread, arg, tty->session ? tty->session->sid : 0);
	default: return -ENOTTY;
	}
}
