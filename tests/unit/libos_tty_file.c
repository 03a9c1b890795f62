/*
 * Terminals as files: the waiting of read (VMIN, VTIME), of write under ^S, what background groups may do, and the
 * requests of ioctl. Time, waiting, processes and program memory are replaced: a wait plays the next scene of a script.
 */
#include <criterion/criterion.h>
#include <stdio.h>

#undef RENAME_NOREPLACE /* the host spells the same values otherwise */
#undef RENAME_EXCHANGE
#undef WNOWAIT

#include <libos/abi/errno.h>
#include <libos/abi/syscall.h>
#include <libos/fs/file.h>
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/tty/ldisc.h>

#define TENTH UINT64_C(100000000)

struct scene {
	uint64_t at_ns;
	const char *typed; /* NULL: the terminal hangs up */
};

static struct {
	uint64_t now;
	const struct scene *script;
	char shown[8192], signals[128];
	size_t shown_size;
	bool ignored, orphaned;
	struct tty tty;
	struct file file;
	struct process shell, job;
	struct session session;
	struct thread self;
} world;

uint64_t libos_now(void) { return world.now; }
void waitq_init(struct waitq *q) { (void)q; }
void waitq_wake_all(struct waitq *q) { (void)q; }
void waitq_wake_events(struct waitq *q, uint32_t events) { (void)q; (void)events; }
uint32_t waitq_wake(struct waitq *q, uint32_t n) { (void)q; (void)n; return 0; }
bool sched_work_check(void) { return false; }
struct libos libos;
bool signal_is_pending(const struct thread *thread) { (void)thread; return false; }
void poll_watch(struct poll_table *table, struct waitq *q) { (void)table; (void)q; }
bool signal_is_ignored_or_blocked(const struct thread *thread, int signo) { (void)thread; (void)signo; return world.ignored; }
bool process_group_orphaned(int32_t pgid) { (void)pgid; return world.orphaned; }

void signal_send_group(int32_t pgid, int signo)
{
	size_t n = strlen(world.signals);

	snprintf(world.signals + n, sizeof(world.signals) - n, "%d:%d ", pgid, signo);
}

void signal_send_process(struct process *process, const struct signal_info *info)
{
	size_t n = strlen(world.signals);

	snprintf(world.signals + n, sizeof(world.signals) - n, "p%d:%d ", process->pid, info->signo);
}

struct process *process_find(int32_t pid) { return pid == world.shell.pid ? &world.shell : NULL; }

struct process *process_of_group(int32_t pgid)
{
	return pgid == 10 ? &world.shell : pgid == 20 ? &world.job : NULL;
}

int wait_on(struct thread *self, struct waitq *q, uint64_t deadline_ns, bool interruptible)
{
	const struct scene *scene = world.script;

	(void)self;
	(void)q;
	cr_assert(interruptible);
	if (!scene || scene->at_ns == 0) {
		if (deadline_ns == NO_DEADLINE)
			return -EINTR; /* it would wait for ever */
		world.now = deadline_ns;
		return -ETIMEDOUT;
	}
	if (scene->at_ns > deadline_ns) {
		world.now = deadline_ns;
		return -ETIMEDOUT;
	}
	world.now = scene->at_ns;
	world.script++;
	if (scene->typed)
		tty_input(&world.tty, (const uint8_t *)scene->typed, strlen(scene->typed));
	else
		tty_hangup(&world.tty);
	return 0;
}

int64_t io_put(struct io *io, const void *from, uint64_t size)
{
	memcpy((char *)(uintptr_t)io->vec->address + io->offset, from, size);
	io->offset += size;
	io->remaining -= size;
	return (int64_t)size;
}

int64_t io_get(struct io *io, void *to, uint64_t size)
{
	memcpy(to, (const char *)(uintptr_t)io->vec->address + io->offset, size);
	io->offset += size;
	io->remaining -= size;
	return (int64_t)size;
}

int user_read(struct vm_space *space, void *to, uint64_t from, uint64_t size)
{
	(void)space;
	if (from == 0)
		return -EFAULT;
	memcpy(to, (const void *)(uintptr_t)from, size);
	return 0;
}

int user_write(struct vm_space *space, uint64_t to, const void *from, uint64_t size)
{
	(void)space;
	if (to == 0)
		return -EFAULT;
	memcpy((void *)(uintptr_t)to, from, size);
	return 0;
}

static int64_t output(struct tty *tty, const void *bytes, uint64_t size)
{
	(void)tty;
	cr_assert_lt(world.shown_size + size, sizeof(world.shown));
	memcpy(world.shown + world.shown_size, bytes, size);
	world.shown_size += size;
	return (int64_t)size;
}

/* A shell (pid and group 10) that leads its session and has opened the terminal, and a job (20) of the same session. */
static void begin(void)
{
	memset(&world, 0, sizeof(world));
	world.now = 1;
	tty_termios_default(&world.tty.termios);
	world.tty.output = output;
	world.session.sid = 10;
	world.shell.pid = world.shell.pgid = 10;
	world.job.pid = world.job.pgid = 20;
	world.shell.session = world.job.session = &world.session;
	world.self.process = &world.shell;
	world.self.cred.effective = CAP_ALL;
	world.file.flags = O_RDWR;
	cr_assert_eq(tty_open(&world.tty, &world.file, &world.self), 0);
}

static void raw(uint8_t min, uint8_t time)
{
	world.tty.termios.lflag &= ~(uint32_t)(ICANON | ECHO);
	world.tty.termios.cc[VMIN] = min;
	world.tty.termios.cc[VTIME] = time;
}

static int64_t read_some(char *to, uint64_t size)
{
	struct io_vec vec = { (uintptr_t)to, size };
	struct io io = { .vec = &vec, .count = 1, .remaining = size };
	uint64_t position = 0;
	int64_t n = world.file.ops->read(&world.file, &world.self, &io, &position);

	if (n >= 0)
		to[n] = 0;
	return n;
}

static int64_t write_text(const char *text)
{
	struct io_vec vec = { (uintptr_t)text, strlen(text) };
	struct io io = { .vec = &vec, .count = 1, .remaining = vec.size };
	uint64_t position = 0;

	return world.file.ops->write(&world.file, &world.self, &io, &position);
}

static int64_t control(uint32_t request, const void *arg)
{
	return world.file.ops->ioctl(&world.file, &world.self, request, (uintptr_t)arg);
}

/* One row: mode, script, what a read of 8 gives, and when. */
static void expect_read(const struct scene *script, int64_t result, const char *text, uint64_t at_ns, const char *what)
{
	char got[16] = "";
	int64_t n;

	world.script = script;
	n = read_some(got, 8);
	cr_expect_eq(n, result, "%s: read gives %lld", what, (long long)n);
	if (result > 0)
		cr_expect_str_eq(got, text, "%s: \"%s\"", what, got);
	cr_expect_eq(world.now, at_ns, "%s: after %llu", what, (unsigned long long)world.now);
}

Test(libos_tty_file, read_waits_for_a_line)
{
	static const struct scene script[] = { { 5, "he" }, { 9, "llo\n" }, { 0, "" } };

	begin();
	expect_read(script, 6, "hello\n", 9, "a line");
	expect_read(NULL, -ERESTARTSYS, "", 9, "a signal");
	world.file.flags |= O_NONBLOCK;
	expect_read(NULL, -EAGAIN, "", 9, "O_NONBLOCK");
}

Test(libos_tty_file, min_and_time_both_zero)
{
	begin();
	raw(0, 0);
	expect_read(NULL, 0, "", 1, "nothing there");
	world.file.flags |= O_NONBLOCK;
	expect_read(NULL, 0, "", 1, "the same with O_NONBLOCK");
	tty_input(&world.tty, (const uint8_t *)"ab", 2);
	expect_read(NULL, 2, "ab", 1, "what is there");
}

Test(libos_tty_file, min_counts)
{
	static const struct scene script[] = { { 5, "a" }, { 6, "b" }, { 7, "cd" }, { 0, "" } };
	static const struct scene full[] = { { 8, "0123456789" }, { 0, "" } };

	begin();
	raw(3, 0);
	expect_read(script, 4, "abcd", 7, "three at least");
	expect_read(full, 8, "01234567", 8, "a full buffer");
	expect_read(NULL, 2, "89", 8, "a signal cuts the wait short, what came is given");
	expect_read(NULL, -ERESTARTSYS, "", 8, "a signal before the first byte");
}

Test(libos_tty_file, time_without_min)
{
	static const struct scene script[] = { { 1 + TENTH, "a" }, { 0, "" } };
	static const struct scene late[] = { { 100 * TENTH, "a" }, { 0, "" } };

	begin();
	raw(0, 2);
	expect_read(script, 1, "a", 1 + TENTH, "the first byte ends it");
	expect_read(late, 0, "", 1 + 3 * TENTH, "two tenths and nothing");
}

Test(libos_tty_file, time_between_bytes)
{
	static const struct scene script[] = { { 50 * TENTH, "a" }, { 51 * TENTH, "b" }, { 59 * TENTH, "c" }, { 0, "" } };

	begin();
	raw(5, 2);
	expect_read(script, 2, "ab", 53 * TENTH, "no limit before the first byte, two tenths behind each");
}

Test(libos_tty_file, hangup_ends_everything)
{
	static const struct scene script[] = { { 5, NULL }, { 0, "" } };
	struct winsize size;

	begin();
	expect_read(script, 0, "", 5, "a waiting reader");
	expect_read(NULL, 0, "", 5, "any later read");
	cr_expect_eq(write_text("x"), -EIO);
	cr_expect_eq(control(TIOCGWINSZ, &size), -EIO);
	cr_expect_eq(world.file.ops->poll(&world.file, NULL) & POLLHUP, POLLHUP);
	cr_expect_str_eq(world.signals, "p10:1 p10:18 ");
	tty_session_exit(&world.session, true);
	cr_expect_str_eq(world.signals, "p10:1 p10:18 10:1 10:18 ", "the foreground, when the leader ends");
	cr_expect_null(world.session.tty);
}

Test(libos_tty_file, end_of_input_is_an_EOF_and_no_hangup)
{
	begin();
	tty_input(&world.tty, (const uint8_t *)"rest", 4);
	world.tty.input_ended = true;
	tty_input_end(&world.tty);
	expect_read(NULL, 4, "rest", 1, "the last line");
	expect_read(NULL, 0, "", 1, "the end");
	cr_expect_eq(write_text("x"), 1);
	cr_expect_str_eq(world.signals, "");
}

Test(libos_tty_file, write_waits_while_stopped)
{
	static const struct scene script[] = { { 5, "q" }, { 7, "\x11" }, { 0, "" } };
	char long_text[5001];

	begin();
	world.tty.termios.lflag &= ~(uint32_t)ECHO;
	tty_input(&world.tty, (const uint8_t *)"\x13", 1);
	world.script = script;
	cr_expect_eq(write_text("a\nb"), 3);
	cr_expect_eq(world.now, 7);
	cr_expect_str_eq(world.shown, "a\r\nb");
	tty_input(&world.tty, (const uint8_t *)"\x13", 1);
	cr_expect_eq(world.file.ops->poll(&world.file, NULL) & POLLOUT, 0);
	world.script = NULL;
	cr_expect_eq(write_text("c"), -ERESTARTSYS);
	world.file.flags |= O_NONBLOCK;
	cr_expect_eq(write_text("c"), -EAGAIN);
	tty_input(&world.tty, (const uint8_t *)"\x11", 1);
	memset(long_text, 'x', 5000);
	long_text[5000] = 0;
	cr_expect_eq(write_text(long_text), 5000);
	cr_expect_eq(world.shown_size, 5004);
}

Test(libos_tty_file, background_groups)
{
	char c[2];

	begin();
	world.self.process = &world.job;
	cr_expect_eq(read_some(c, 1), -ERESTARTSYS);
	cr_expect_str_eq(world.signals, "20:21 ");
	cr_expect_eq(write_text("x"), 1, "without TOSTOP everyone may write");
	world.tty.termios.lflag |= TOSTOP;
	cr_expect_eq(write_text("x"), -ERESTARTSYS);
	cr_expect_str_eq(world.signals, "20:21 20:22 ");
	world.ignored = true;
	cr_expect_eq(read_some(c, 1), -EIO);
	cr_expect_eq(write_text("x"), 1);
	world.ignored = false;
	world.orphaned = true;
	cr_expect_eq(read_some(c, 1), -EIO);
	cr_expect_eq(write_text("x"), -EIO);
	cr_expect_str_eq(world.signals, "20:21 20:22 ");
}

Test(libos_tty_file, foreground_group)
{
	int32_t group = 20, nobody = 99, negative = -1, got = 0;

	begin();
	cr_expect_eq(control(TIOCGPGRP, &got), 0);
	cr_expect_eq(got, 10, "opening made the shell's group the foreground");
	cr_expect_eq(control(TIOCSPGRP, &nobody), -ESRCH);
	cr_expect_eq(control(TIOCSPGRP, &negative), -EINVAL);
	cr_expect_eq(control(TIOCSPGRP, NULL), -EFAULT);
	cr_expect_eq(control(TIOCSPGRP, &group), 0);
	cr_expect_eq(world.tty.foreground_pgid, 20);
	cr_expect_eq(control(TIOCSPGRP, &group), -ERESTARTSYS, "now the shell is in the background");
	cr_expect_str_eq(world.signals, "10:22 ");
	cr_expect_eq(control(TIOCGSID, &got), 0);
	cr_expect_eq(got, 10);
	tty_input(&world.tty, (const uint8_t *)"\x03", 1);
	cr_expect_str_eq(world.signals, "10:22 20:2 ");
}

Test(libos_tty_file, controlling_terminal)
{
	struct session other = { .sid = 30 };
	struct process leader = { .pid = 30, .pgid = 30, .session = &other };
	int32_t got;

	begin();
	cr_expect_eq(tty_controlling(&world.self), &world.tty);
	world.self.process = &leader;
	world.self.cred.effective = 0;
	cr_expect_null(tty_controlling(&world.self));
	cr_expect_eq(control(TIOCGPGRP, &got), -ENOTTY);
	cr_expect_eq(control(TIOCSPGRP, &(int32_t){ 30 }), -ENOTTY);
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TIOCSCTTY, 1), -EPERM, "only root may steal");
	world.self.cred.effective = CAP_ALL;
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TIOCSCTTY, 0), -EPERM);
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TIOCSCTTY, 1), 0);
	cr_expect_null(world.session.tty);
	cr_expect_eq(world.tty.foreground_pgid, 30);
	tty_session_exit(&other, false);
	cr_expect_str_eq(world.signals, "30:1 30:18 ");
	cr_expect_null(world.tty.session);
}

Test(libos_tty_file, modes)
{
	struct termios_state t = { 0 }, old;
	uint8_t guarded[48];

	begin();
	memset(guarded, 0xee, sizeof(guarded));
	cr_expect_eq(control(TCGETS, guarded), 0);
	cr_expect_eq(guarded[35], 0);
	cr_expect_eq(guarded[36], 0xee, "struct termios has 36 bytes");
	cr_expect_eq(control(TCGETA, guarded), 0);
	cr_expect_eq(control(TCGETS2, &t), 0);
	cr_expect_eq(t.ospeed, 38400);
	cr_expect_eq(t.cc[VINTR], 3);
	old = t;
	t.lflag &= ~(uint32_t)ICANON;
	t.cflag = (t.cflag & ~(uint32_t)CBAUD) | B115200;
	tty_input(&world.tty, (const uint8_t *)"abc", 3);
	cr_expect_eq(control(TCSETSW, &t), 0);
	cr_expect_eq(tty_input_count(&world.tty), 3);
	cr_expect_eq(world.tty.termios.ospeed, 115200);
	cr_expect_eq(control(TCSETSF, &old), 0);
	cr_expect_eq(tty_input_count(&world.tty), 0);
	cr_expect_eq(control(TCSETS, NULL), -EFAULT);
	cr_expect_eq(control(0x5499, NULL), -ENOTTY);
}

Test(libos_tty_file, size_queues_and_flow)
{
	struct winsize size = { 40, 100, 0, 0 }, got;
	int32_t count = 0;

	begin();
	cr_expect_eq(control(TIOCSWINSZ, &size), 0);
	cr_expect_eq(control(TIOCSWINSZ, &size), 0);
	cr_expect_str_eq(world.signals, "10:28 ", "SIGWINCH once, for the one change");
	cr_expect_eq(control(TIOCGWINSZ, &got), 0);
	cr_expect_eq(got.columns, 100);
	tty_input(&world.tty, (const uint8_t *)"ab\nc", 4);
	cr_expect_eq(control(FIONREAD, &count), 0);
	cr_expect_eq(count, 3);
	cr_expect_eq(control(TIOCSTI, "d"), 0);
	world.self.cred.effective = 0;
	cr_expect_eq(control(TIOCSTI, "d"), -EPERM);
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TCXONC, TCOOFF), 0);
	tty_input(&world.tty, (const uint8_t *)"\x11", 1);
	cr_expect(world.tty.stopped, "^Q does not undo TCOOFF");
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TCXONC, TCOON), 0);
	cr_expect_not(world.tty.stopped);
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TCXONC, 9), -EINVAL);
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TCFLSH, TCIFLUSH), 0);
	cr_expect_eq(control(FIONREAD, &count), 0);
	cr_expect_eq(count, 0);
	cr_expect_eq(world.file.ops->ioctl(&world.file, &world.self, TCFLSH, 9), -EINVAL);
}

Test(libos_tty_file, a_plain_stream_is_no_terminal)
{
	char buffer[64];

	begin();
	world.tty.plain = true;
	world.tty.termios.iflag = world.tty.termios.oflag = world.tty.termios.lflag = 0;
	cr_expect_eq(control(TCGETS, buffer), -ENOTTY);
	cr_expect_eq(control(TIOCGWINSZ, buffer), -ENOTTY);
	tty_input(&world.tty, (const uint8_t *)"a\r\n\x03\x04", 5);
	cr_expect_eq(read_some(buffer, 63), 5);
	cr_expect_str_eq(buffer, "a\r\n\x03\x04");
	cr_expect_eq(write_text("x\n"), 2);
	cr_expect_str_eq(world.shown, "x\n");
	world.tty.input_ended = true;
	cr_expect_eq(read_some(buffer, 63), 0);
	cr_expect_str_eq(world.signals, "");
}
