/* Notifications between processes; calls with their answers; a frame handed over; signals; a server that works in its LibOS. */
#include "../ipc.h"

#define LABEL 4711
#define CALLS 2000

enum { ADD, TAKE_BITS, SUM_FRAME, OPEN_FILE, SPIN, SLEEP, QUIT, DECLINE };

static struct fastipc_message m;
static volatile int *stop; /* shared */

/* ---- the server -------------------------------------------------------------- */

static exo_cap_t bits;

/* Maps the frame that came, over memory that the LibOS leaves alone, and adds its words. */
static uint64_t frame_sum(exo_cap_t memory)
{
	static uint8_t *window;
	struct exo_map_op op = { .frame = exo_what(memory).first, .count = 1, .prot = EXO_PROT_READ };
	uint64_t sum = 0;

	if (!window)
		window = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	op.vaddr = (uint64_t)window;
	if (exo_mem_map(ipc_zone, memory, &op, 1, NULL) != EXO_OK)
		return 0;
	for (int i = 0; i < 512; i++)
		sum += ((uint64_t *)window)[i];
	return sum;
}

static void serve(void)
{
	uint64_t value = 0;
	int f;

	switch (m.words[0]) {
	case ADD:
		m.words[1] += m.words[2];
		break;
	case TAKE_BITS:
		if (exo_notify_take(bits, &value) == EXO_OK)
			m.words[1] = value;
		break;
	case SUM_FRAME:
		m.words[1] = frame_sum(m.cap);
		m.words[2] = m.rights;
		break;
	case OPEN_FILE:
		f = open("/etc/passwd", O_RDONLY);
		m.words[1] = (uint64_t)(f >= 0);
		close(f);
		break;
	case SPIN:
		while (!*stop)
			;
		break;
	case SLEEP:
		pause_ms(100000);
		break;
	case QUIT:
		_exit(m.label == LABEL ? 7 : 8);
	}
	m.cap = EXO_CAP_NONE;
	m.takes = m.words[0] != DECLINE;
}

static void server(int to)
{
	exo_cap_t endpoint;

	memset(&m, 0, sizeof m);
	m.takes = 1;
	if (!ipc_open() || (endpoint = ipc_serve(LABEL)) == EXO_CAP_NONE || (bits = ipc_port(EXO_CAP_NOTIFY)) == EXO_CAP_NONE)
		_exit(1);
	if (!ipc_give(to, endpoint, EXO_R_WRITE) || !ipc_give(to, bits, EXO_R_WRITE))
		_exit(2);
	for (;;) {
		enum exo_status status = exo_fastipc_wait(&m, NULL);

		if (status == EXO_OK)
			serve();
		else if (status != EXO_E_DEAD)
			_exit(3);
	}
}

/* ---- the client -------------------------------------------------------------- */

static exo_cap_t endpoint, notify;

static enum exo_status ask(uint64_t what, uint64_t a, uint64_t b)
{
	m = (struct fastipc_message){ .words = { what, a, b } };
	return ipc_call(endpoint, &m);
}

static pid_t server_start(void)
{
	int p[2];
	pid_t pid;

	if (pipe(p))
		return -1;
	pid = fork();
	if (pid == 0)
		server(p[1]);
	endpoint = ipc_get(p[0], EXO_R_WRITE);
	notify = ipc_get(p[0], EXO_R_WRITE);
	close(p[0]);
	close(p[1]);
	return pid;
}

static void calls(void)
{
	uint64_t sum = 0, wrong = 0;

	for (uint64_t i = 0; i < CALLS; i++) {
		wrong += ask(ADD, sum, i) != EXO_OK || m.words[1] != sum + i || m.label != 0;
		sum += i;
	}
	CHECK("2,000 calls, each with its answer", wrong == 0);
	CHECK("a call to a server that makes system calls", ask(OPEN_FILE, 0, 0) == EXO_OK && m.words[1] == 1);
}

static void notifications(void)
{
	exo_cap_t mine = ipc_port(EXO_CAP_NOTIFY), theirs;
	struct pollfd fd = { .fd = open("/dev/exo", O_RDWR), .events = POLLIN };
	uint64_t got = 0, all = 0, events = 0;
	int p[2], ready = 0;
	pid_t pid;

	for (uint64_t i = 0; i < 64; i += 3)
		if (exo_notify_signal(notify, UINT64_C(1) << i, NULL) == EXO_OK)
			all |= UINT64_C(1) << i;
	CHECK("bits reach another process", ask(TAKE_BITS, 0, 0) == EXO_OK && m.words[1] == all && all == 0x9249249249249249);
	CHECK("and are taken once", ask(TAKE_BITS, 0, 0) == EXO_OK && m.words[1] == 0);

	CHECK("our zone is told of a notification", exo_port_bind(mine, ipc_zone, 0, NULL) == EXO_OK);
	CHECK("nothing has come", poll(&fd, 1, 0) == 0);
	if (pipe(p) || (pid = fork()) < 0)
		return;
	if (pid == 0) {
		theirs = ipc_get(p[0], EXO_R_WRITE);
		for (int i = 0; i < 8; i++) {
			pause_ms(2);
			if (exo_notify_signal(theirs, UINT64_C(1) << i, NULL) != EXO_OK)
				_exit(1);
		}
		_exit(0);
	}
	ipc_give(p[1], mine, EXO_R_WRITE);
	while (all != 0xff && poll(&fd, 1, 10000) == 1) {
		ready++;
		exo_event_take(ipc_zone, &events);
		if (exo_notify_take(mine, &got) == EXO_OK)
			all = (all > 0xff ? 0 : all) | got;
	}
	CHECK("who sleeps in poll(2) is woken by another process's bits", all == 0xff && ready >= 1 && ready <= 8);
	CHECK("which ends well", EXITED(wait_status(pid), 0));
	close(fd.fd);
}

static void frame(void)
{
	exo_frame_t first = 0;
	exo_cap_t memory = ipc_frames(1, &first);
	uint64_t *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), sum = 0;
	struct exo_map_op op = { .vaddr = (uint64_t)page, .frame = first, .count = 1, .prot = EXO_PROT_READ | EXO_PROT_WRITE };

	CHECK("a frame of our own", exo_mem_map(ipc_zone, memory, &op, 1, NULL) == EXO_OK);
	for (uint64_t i = 0; i < 512; i++)
		sum += page[i] = i * i;
	m = (struct fastipc_message){ .words = { SUM_FRAME }, .cap = memory, .rights = EXO_R_READ };
	CHECK("is handed over with a call", ipc_call(endpoint, &m) == EXO_OK && m.words[1] == sum);
	CHECK("with the rights that were said", m.words[2] == EXO_R_READ && m.cap == EXO_CAP_NONE);
	page[0]++;
	m = (struct fastipc_message){ .words = { SUM_FRAME }, .cap = memory, .rights = EXO_R_READ };
	CHECK("the frame itself, not a copy", ipc_call(endpoint, &m) == EXO_OK && m.words[1] == sum + 1);
	CHECK("and taken back", exo_cap_revoke(memory, NULL) == EXO_OK);
	CHECK("the server says that it takes nothing", ask(DECLINE, 0, 0) == EXO_OK);
	m = (struct fastipc_message){ .words = { SUM_FRAME }, .cap = memory, .rights = EXO_R_READ };
	CHECK("and gets nothing", ipc_call(endpoint, &m) == EXO_E_DECLINED && m.words[1] == 0);
	CHECK("but what it does take", ask(ADD, 2, 3) == EXO_OK);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
	*stop = 1;
}

static void signals(pid_t pid)
{
	const struct itimerval soon = { .it_value = { 0, 50000 } };

	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK("a signal ends a call whose server computes", ask(SPIN, 0, 0) == EXO_E_AGAIN && alarms == 1);
	CHECK("the server goes on", ask(ADD, 2, 2) == EXO_OK && m.words[1] == 4);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK("a signal ends a call whose server sleeps", ask(SLEEP, 0, 0) == EXO_E_AGAIN && alarms == 2);
	kill(pid, SIGKILL);
	CHECK("a server that is killed", KILLED(wait_status(pid), SIGKILL));
	CHECK("cannot be called", ask(ADD, 1, 2) != EXO_OK);
}

int main(void)
{
	pid_t pid;

	stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK("our own zone", ipc_open());
	pid = server_start();
	CHECK("a server in another process", endpoint != EXO_CAP_NONE && notify != EXO_CAP_NONE);
	calls();
	notifications();
	frame();
	signals(pid);
	pid = server_start();
	CHECK("another one", ask(ADD, 1, 2) == EXO_OK && m.words[1] == 3);
	CHECK("that ends instead of an answer", ask(QUIT, 0, 0) == EXO_E_DEAD && EXITED(wait_status(pid), 7));
	DONE();
}
