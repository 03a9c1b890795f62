/* Capabilities that nobody asked for: whoever only names a zone, or may only call a server, gives nothing without being asked. */
#include "../ipc.h"

static struct fastipc_message m;

/* What the victim is told to do, and answers. */
enum { TAKE, COUNT, SERVE_TAKE, LEAVE };

struct order {
	uint64_t what, count;
};

static uint64_t own_count(exo_cap_t zone)
{
	static struct exo_own own[64];
	exo_cap_t after = EXO_CAP_NONE;
	uint64_t n, all = 0;

	memset(own, 0, sizeof own);
	while (exo_list_own(zone, own, 64, after, &n) == EXO_OK && n > 0) {
		all += n;
		after = own[n - 1].info.cap;
	}
	return all;
}

/* A process that passes on a name of its zone, without any right, and then does as it is told. */
static void victim(int from, int to)
{
	struct order order;

	if (!ipc_open() || !ipc_give(to, ipc_zone, 0))
		_exit(1);
	while (read(from, &order, sizeof order) == sizeof order) {
		uint64_t answer = 0;

		if (order.what == TAKE)
			answer = exo_zone_gifts(ipc_zone, order.count, &answer) == EXO_OK ? answer : 999;
		else if (order.what == COUNT)
			answer = own_count(ipc_zone);
		if (write(to, &answer, sizeof answer) != sizeof answer || order.what == LEAVE)
			break;
	}
	_exit(0);
}

static int there, back;

static uint64_t tell(uint64_t what, uint64_t count)
{
	struct order order = { what, count };
	uint64_t answer = 0;

	return write(there, &order, sizeof order) == sizeof order && read(back, &answer, sizeof answer) == sizeof answer ? answer : 999;
}

static void grants(void)
{
	exo_frame_t first = 0;
	exo_cap_t mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS), memory = ipc_frames(4, &first), name, part, given;
	uint64_t before, n = 0, v;
	int a[2], b[2];
	pid_t pid;

	if (pipe(a) || pipe(b) || (pid = fork()) < 0)
		exit(9);
	if (pid == 0) {
		close(a[1]);
		victim(a[0], b[1]);
	}
	close(b[1]);
	there = a[1];
	back = b[0];
	name = ipc_get(back, 0);
	CHECK("a zone that we can name", name != EXO_CAP_NONE && exo_what(name).rights == 0);
	before = tell(COUNT, 0);
	CHECK("counts its capabilities by itself", before > 0 && before < 20);
	exo_cap_derive(memory, EXO_R_READ | EXO_R_GRANT, first, 1, EXO_NO_EXPIRY, &part);
	REFUSED("a grant", EXO_E_DECLINED, EXO_NR_CAP_GRANT, mine, name, EXO_R_READ, 0, 0, 0);
	REFUSED("frames", EXO_E_DECLINED, EXO_NR_SHARE_PAGES, memory, first, 1, name, EXO_R_READ, 0);
	REFUSED("a move", EXO_E_DECLINED, EXO_NR_CAP_MOVE, part, name, 0, 0, 0, 0);
	REFUSED("to take in its place", EXO_E_RIGHTS, EXO_NR_ZONE_GIFTS, name, 1, 0, 0, 0, 0);
	CHECK("what should have moved is still ours", exo_what(part).first == first);
	for (int i = 0; i < 3000; i++)
		n += exo_cap_grant(mine, name, EXO_R_READ, &v) == EXO_OK;
	CHECK("three thousand grants", n == 0 && tell(COUNT, 0) == before);
	CHECK("it takes three", tell(TAKE, 3) == 0);
	CHECK("so it gets three", exo_cap_grant(mine, name, EXO_R_READ, &given) == EXO_OK &&
	      exo_share_pages(memory, first + 1, 2, name, EXO_R_READ, &v) == EXO_OK && exo_cap_move(part, name, &v) == EXO_OK);
	CHECK("and no more", exo_cap_grant(mine, name, EXO_R_READ, &v) == EXO_E_DECLINED && tell(COUNT, 0) == before + 3);
	CHECK("which it sees", tell(TAKE, 1) == 0);
	CHECK("one that fails uses nothing up", exo_share_pages(memory, first + 4, 1, name, EXO_R_READ, &v) == EXO_E_RANGE &&
	      exo_cap_grant(mine, name, EXO_R_READ, &v) == EXO_OK);
	CHECK("what was given can be taken back", exo_cap_revoke(mine, NULL) == EXO_OK && tell(COUNT, 0) == before + 2);
	CHECK("that is no offer to take it again", exo_cap_grant(mine, name, EXO_R_READ, &v) == EXO_E_DECLINED);
	CHECK("to ourselves we give as we like", exo_cap_grant(mine, ipc_zone, EXO_R_READ, &v) == EXO_OK);
	tell(LEAVE, 0);
	CHECK("it ends", EXITED(wait_status(pid), 0));
	CHECK("to whoever has gone nothing is given", exo_cap_grant(mine, name, EXO_R_READ, &v) == EXO_E_CAP);
}

/* A server that takes a capability with each message that says so, and counts what it has. */
static void server(int to)
{
	exo_cap_t self;

	memset(&m, 0, sizeof m);
	if (!ipc_open() || (self = ipc_serve(1)) == EXO_CAP_NONE || !ipc_give(to, self, EXO_R_WRITE))
		_exit(1);
	while (exo_fastipc_wait(&m, NULL) == EXO_OK) {
		m.words[1] = own_count(ipc_zone);
		m.words[2] = m.cap != EXO_CAP_NONE;
		m.takes = m.words[0] == SERVE_TAKE;
		m.cap = EXO_CAP_NONE;
		if (m.words[0] == LEAVE)
			_exit(0);
	}
	_exit(3);
}

static enum exo_status send(exo_cap_t endpoint, uint64_t what, exo_cap_t cap)
{
	m = (struct fastipc_message){ .words = { what }, .cap = cap, .rights = EXO_R_READ };
	return ipc_call(endpoint, &m);
}

static void messages(void)
{
	exo_cap_t mine = exo_ask(EXO_DEV_AUDIT, AUDIT_RIGHTS), endpoint;
	uint64_t before, n = 0;
	int p[2];
	pid_t pid;

	if (pipe(p) || (pid = fork()) < 0)
		exit(9);
	if (pid == 0)
		server(p[1]);
	close(p[1]);
	endpoint = ipc_get(p[0], EXO_R_WRITE);
	CHECK("a server", send(endpoint, COUNT, EXO_CAP_NONE) == EXO_OK);
	before = m.words[1];
	for (int i = 0; i < 1000; i++)
		n += send(endpoint, COUNT, mine) != EXO_E_DECLINED;
	CHECK("a thousand gifts", n == 0 && exo_what(mine).refs == 0);
	CHECK("none of them came", send(endpoint, COUNT, EXO_CAP_NONE) == EXO_OK && m.words[1] == before);
	CHECK("it says that it takes one", send(endpoint, SERVE_TAKE, EXO_CAP_NONE) == EXO_OK);
	CHECK("and gets one", send(endpoint, COUNT, mine) == EXO_OK && m.words[1] == before + 1 && m.words[2] == 1);
	CHECK("one only", send(endpoint, COUNT, mine) == EXO_E_DECLINED);
	send(endpoint, LEAVE, EXO_CAP_NONE);
	CHECK("it ends", EXITED(wait_status(pid), 0));
}

int main(void)
{
	CHECK("the audit ring", exo_audit_open());
	CHECK("our own zone", ipc_open());
	grants();
	messages();
	DONE();
}
