/* Kernel calls from a program: without capabilities nothing, with one only what it allows; wild arguments harm nobody. */
#include "check.h"
#include <sys/ioctl.h>
#include "../../../bin/exo_call.h"
#include <libos/dev_exo.h>

#define CALLS 40

static uint64_t status_of(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return exo_call(number, a0, a1, a2, a2, a2, a2).status;
}

static exo_cap_t audit(void)
{
	struct exo_dev_grant g = { .kind = EXO_DEV_AUDIT, .rights = EXO_R_READ };
	int f = open("/dev/exo", O_RDWR);

	return f < 0 || ioctl(f, (int)EXO_DEV_GRANT, &g) || close(f) ? 0 : g.cap;
}

/* Nothing but nop may succeed with what is no capability of ours. */
static int without(void)
{
	static const uint64_t names[] = { 0, 1, 2, 77, 65535, 65536, 0x10001, 0x7fffffff0001, ~0ULL, 1ULL << 63 };
	char page[4096] = { 0 };
	int granted = 0;

	for (uint64_t n = 1; n < CALLS; n++)
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			granted += status_of(n, names[i], (uint64_t)page, 1) == EXO_OK;
			granted += status_of(n, names[i], names[i], names[i]) == EXO_OK;
		}
	return granted;
}

static void grants(void)
{
	struct exo_dev_grant g = { .kind = 99, .rights = EXO_R_READ };
	int f = open("/dev/exo", O_RDWR), bad = 0;

	FAILS("no such kind", EINVAL, ioctl(f, (int)EXO_DEV_GRANT, &g));
	g = (struct exo_dev_grant){ .kind = EXO_DEV_AUDIT, .rights = ~0U };
	CHECK("not more rights than reading", ioctl(f, (int)EXO_DEV_GRANT, &g) == -1 && g.cap == 0);
	FAILS("a bad address", EFAULT, ioctl(f, (int)EXO_DEV_GRANT, (void *)8));
	FAILS("another order", ENOTTY, ioctl(f, 0x5413, &g));
	for (int i = 0; i < 3000; i++) {
		g = (struct exo_dev_grant){ .kind = EXO_DEV_AUDIT, .rights = EXO_R_READ };
		if (ioctl(f, (int)EXO_DEV_GRANT, &g) == 0)
			bad += exo_call(EXO_NR_CAP_DROP, g.cap, 0, 0, 0, 0, 0).status != EXO_OK;
	}
	CHECK("three thousand, each dropped", bad == 0);
}

static int process_in(int device, uint32_t zone)
{
	struct exo_dev_process p = { .zone = zone, .pid = -7 };

	errno = 0;
	return ioctl(device, (int)EXO_DEV_PROCESS, &p) ? -errno : p.pid;
}

static void processes(exo_cap_t cap)
{
	static struct exo_cap_info info;
	int device = open("/dev/exo", O_RDWR);
	pid_t child;

	memset(&info, 1, sizeof info);
	CHECK("our zone", exo_cap_inspect(cap, &info, NULL) == EXO_OK);
	CHECK("is our process", process_in(device, info.owner_zone) == getpid());
	CHECK("no process in the LibOS's zone", process_in(device, 1) == -ESRCH);
	CHECK("nor in none", process_in(device, 0) == -ESRCH && process_in(device, 1022) == -ESRCH && process_in(device, ~0U) == -ESRCH);
	FAILS("a bad address", EFAULT, ioctl(device, (int)EXO_DEV_PROCESS, (void *)8));
	if ((child = fork()) == 0) {
		struct exo_dev_grant g = { .kind = EXO_DEV_AUDIT, .rights = EXO_R_READ };

		setgid(1000);
		setuid(1000);
		CHECK("who was root when it was opened is not told", process_in(device, info.owner_zone) == -EPERM);
		FAILS("and gets nothing", EPERM, ioctl(device, (int)EXO_DEV_GRANT, &g));
		_exit(check_failures != 0);
	}
	CHECK("child", EXITED(wait_status(child), 0));
	close(device);
}

static void with(exo_cap_t cap)
{
	static struct exo_stats s;
	static struct exo_zone_info z[4];
	static struct exo_cap_info info;
	static char page[8192] __attribute__((aligned(4096)));
	uint64_t count = 0, bad = 0;

	CHECK("statistics", exo_stats_read(cap, &s, NULL) == EXO_OK && s.zones >= 2 && s.frames_total > 1000);
	CHECK("zones", exo_list_zones(cap, z, 4, 0, &count) == EXO_OK && count >= 2);
	CHECK("what it is", exo_call(EXO_NR_CAP_INSPECT, cap, (uint64_t)&info, 0, 0, 0, 0).status == EXO_OK && info.type == EXO_CAP_AUDIT && info.cap == cap);
	CHECK("it may only be read", info.rights == EXO_R_READ);
	for (uint64_t n = 0; n < CALLS; n++) {
		uint64_t st = status_of(n, cap, 0, 0);
		/* Of its type are three calls and the lists; inspect and drop take any. */
		if (n != EXO_NR_NOP && n != EXO_NR_CAP_DROP && n != EXO_NR_AUDIT_READ && n != EXO_NR_LIST_ZONES && n != EXO_NR_LIST_CAPS)
			bad += st == EXO_OK;
		if (n == EXO_NR_CAP_DROP)
			cap = audit();
	}
	CHECK("nothing else", bad == 0);
	CHECK("dropped is gone", exo_call(EXO_NR_CAP_DROP, cap, 0, 0, 0, 0, 0).status == EXO_OK && exo_stats_read(cap, &s, NULL) != EXO_OK);
	cap = audit();
	static const uint64_t wild[] = { 0, 8, 0x1000, 0x7fffffffff000, 0x7ffffffff000, 0x800000000000, 0xffff800000000000, 0xffffffff80000000, ~0ULL, ~0ULL - 7 };
	for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
		bad += status_of(EXO_NR_STATS_READ, cap, wild[i], 0) == EXO_OK;
		bad += status_of(EXO_NR_CAP_INSPECT, cap, wild[i], 0) == EXO_OK;
		bad += exo_call(EXO_NR_LIST_ZONES, cap, wild[i], 4, 0, 0, 0).status == EXO_OK;
		bad += exo_call(EXO_NR_LIST_CAPS, cap, wild[i], ~0ULL, 0, 0, 0).status == EXO_OK;
	}
	CHECK("answers at wild addresses", bad == 0);
	CHECK("across the end of what may be written", mprotect(page + 4096, 4096, PROT_READ) == 0 && (memset(page, 1, 4096), status_of(EXO_NR_STATS_READ, cap, (uint64_t)page + 4090, 0)) == EXO_E_ADDRESS);
	/* A list ends where the room does, or is refused; read-only memory stays as it is. */
	exo_call(EXO_NR_LIST_CAPS, cap, (uint64_t)page, UINT64_MAX / 2, 0, 0, 0);
	for (int i = 4096; i < 8192; i++)
		bad += page[i] != 0;
	CHECK("a number of elements that overflows", bad == 0);
	CHECK("numbers beyond the table", status_of(1000, cap, 0, 0) == EXO_E_CALL && status_of(0xffff, cap, 0, 0) == EXO_E_CALL);
}

int main(int argc, char **argv)
{
	static struct exo_stats s;
	exo_cap_t cap;
	char text[24];
	pid_t child;

	if (argc > 1)
		return exo_stats_read(strtoull(argv[1], NULL, 0), &s, NULL) == EXO_OK;
	CHECK("nothing without capabilities", without() == 0);
	cap = audit();
	CHECK("root gets one", cap != 0);
	grants();
	if ((child = fork()) == 0) {
		CHECK("a child has none of its parent's", exo_stats_read(cap, &s, NULL) != EXO_OK);
		setgid(1000);
		setuid(1000);
		FAILS("a plain user gets none", EACCES, open("/dev/exo", O_RDWR));
		CHECK("and can do nothing", without() == 0);
		_exit(check_failures != 0);
	}
	CHECK("child", EXITED(wait_status(child), 0));
	if ((child = fork()) == 0) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)audit());
		execl("/proc/self/exe", "prog", text, NULL);
		_exit(9);
	}
	CHECK("exec takes it away", EXITED(wait_status(child), 0));
	with(cap);
	processes(audit());
	CHECK("a shell works", WEXITSTATUS(system("exit 5")) == 5);
	DONE();
}
