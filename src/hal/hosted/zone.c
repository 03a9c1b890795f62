/*
 * Processes of zones: the zygote that makes them, and a pool of spare ones.
 *
 * A zone that ended is not killed but used again. Then nothing that its program did may reach the next
 * one, and nobody waits for it to say so:
 *   what can be executed: the mapper has unmapped all of the guest's, and reported where no program can
 *     write; the stub's text is left, which nobody can write.
 *   where the thread is: asleep in the one system call that its filter lets it sleep in. The host says so: it
 *     has moved one sleeper from this zone's W_BELL, where only this zone's program thread can sleep, to W_REST,
 *     from where only we wake. A thread that is not there is looked at again later, and killed if it does not come.
 *   what it does next: goes on behind that system call, with what we write into ZONE_W meanwhile: to STUB_FRESH,
 *     which replaces every register. Signal mask and signal stack it never could change.
 * If the old program left its thread so that the first signal kills it (a stack pointer at the end of the signal stack), the new
 * program gets another process (host_space_move()).
 */
#include "hosted.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POOL_SPARES 3   /* made ahead */
#define ATTEMPTS    4
#define POOL_MAX    64  /* kept, at rest or ready */
#define REST_NS     50000000 /* who does not sleep so long after its end is killed */
#define REST_CPU_NS 1000000  /* …or has used so much CPU time since it was first found awake */
#define SETTLE_MAX  4   /* looked at in one go */

extern const uint8_t stub_image[], stub_image_end[];

static struct {
	struct host_zone zone[ZONE_MAX];
	struct host_zone *ready; /* can be taken: the last one that came first */
	struct host_zone *rest;  /* given back, not yet looked at: the first one that came first */
	uint32_t pool_count;     /* of both */
	uint32_t slots;     /* ever used */
	uint32_t wanted;    /* asked of the zygote, not yet answered */
	uint32_t visited;   /* the slot where host_zones_visit() goes on */
	uint32_t order[ZONE_MAX]; /* slots asked for, in order */
	uint32_t order_first;
	volatile int zygote;
	int command;        /* our end of the socket; 0: not yet greeted */
	int pair[2], stub;
	const char *refusal; /* why the last one could not be made */
	bool proven;         /* one has begun */
} zones;

static struct host_lock zones_lock = HOST_LOCK_INIT;

static int stub_file(void)
{
	size_t size = (size_t)(stub_image_end - stub_image);
	int fd = memfd_create("feuerbird-zone", MFD_ALLOW_SEALING | 0x10 /* MFD_EXEC */);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("feuerbird-zone", MFD_ALLOW_SEALING);
	if (fd < 0) {
		zones.refusal = host_refusal_of(errno == EACCES ? STEP_NOEXEC : STEP_MEMFD, errno);
		return -1;
	}
	if (write(fd, stub_image, size) != (ssize_t)size ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		zones.refusal = host_refusal_of(STEP_MEMFD, errno);
		close(fd);
		return -1;
	}
	return fd;
}

/* In the vforked child, which shares our memory until it is something else. */
EXO_NORETURN static void give_up(int step)
{
	zones.refusal = host_refusal_of(step, errno);
	_exit(step);
}

/* In the vforked child: the three descriptors where the stub wants them. */
static void become_zygote(const int fds[4])
{
	static char name[] = "feuerbird-zone";
	char *arguments[] = {name, 0}, *environment[] = {0};
	struct rlimit none = {0, 0};
	int copies[4];

	for (int i = 0; i < 4; i++) {
		copies[i] = fcntl(fds[i], F_DUPFD, FD_COMMAND + 1);
		if (copies[i] < 0)
			give_up(STEP_EXEC);
	}
	dup2(copies[0], FD_MEMORY);
	dup2(copies[1], FD_CONTROL);
	dup2(copies[2], FD_COMMAND);
	fcntl(copies[3], F_SETFD, FD_CLOEXEC);
	setrlimit(RLIMIT_CORE, &none);
	/* Else it may have a page at 0 that cannot be unmapped, or all that it can read would be executable. */
	if (personality(0xffffffff) != PER_LINUX)
		personality(PER_LINUX);
	host_cross_pin_zones();
	syscall(SYS_execveat, copies[3], "", arguments, environment, AT_EMPTY_PATH);
	give_up(STEP_EXEC);
}

/* Returns its wait status. */
static int collect(int pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int spawn(int stub, int command)
{
	const int fds[4] = {host_machine.memory_fd, host_machine.control_fd, command, stub};
	int pid;

	zones.refusal = 0;
	pid = vfork();
	if (pid == 0)
		become_zygote(fds);
	if (pid < 0)
		zones.refusal = host_refusal_of(STEP_THREAD, errno);
	return pid;
}

/* The zygote's first words. False: it has died. */
static bool greeting(int command)
{
	struct pollfd wait = {.fd = command, .events = POLLIN};
	uint64_t words;

	int status;

	while (poll(&wait, 1, 20) <= 0) {
		if (zones.zygote <= 0)
			return false;
		if (waitpid(zones.zygote, &status, WNOHANG) == 0)
			continue;
		if (!zones.refusal)
			zones.refusal = host_refusal_of_status(status);
		zones.zygote = 0;
		return false;
	}
	return read(command, &words, sizeof(words)) == sizeof(words) && words == ZYGOTE_READY;
}

bool host_zones_start(const char **message)
{
	zones.stub = stub_file();
	if (zones.stub >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, zones.pair) != 0)
		zones.refusal = host_refusal_of(STEP_SOCKET, errno);
	else if (zones.stub >= 0)
		zones.zygote = spawn(zones.stub, zones.pair[1]);
	*message = zones.refusal;
	return zones.zygote > 0;
}

bool host_zones_ready(const char **message)
{
	bool there = false;

	if (zones.command)
		return true;
	/* The host may have put its stack where the stub wants to be: try again. */
	for (int attempt = 0; !there && attempt < ATTEMPTS; attempt++) {
		if (attempt)
			zones.zygote = spawn(zones.stub, zones.pair[1]);
		there = greeting(zones.pair[0]);
		if (!there && zones.zygote > 0) {
			kill(zones.zygote, SIGKILL);
			collect(zones.zygote);
		}
	}
	close(zones.pair[1]);
	close(zones.stub);
	*message = zones.refusal ? zones.refusal : host_refusal_of_status(0);
	if (!there)
		return false;
	zones.command = zones.pair[0];
	host_confine_allow(SYS_write, zones.command);
	host_confine_allow(SYS_recvfrom, zones.command);
	host_zones_refill();
	return true;
}

/* The answer program of whoever had the page group before. */
static void forget_program(struct host_zone *zone)
{
	store32(zone->r, R_PROGRAM_ON, 0);
	memset(zone->r + R_PROGRAM, 0, EXO_ANSWER_PROGRAM_MAX * sizeof(struct exo_bpf_insn));
}

/* Loading this puts every component that the processor has in its first state. */
static void make_clean(uint8_t *image)
{
	uint32_t mxcsr = MXCSR_DEFAULT;
	/* In the compacted form it needs no room for those that it does not have. */
	uint64_t compacted = host_machine.compacts ? UINT64_C(1) << 63 : 0;

	memset(image, 0, XSTATE_BV + 64);
	memcpy(image + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	memcpy(image + XSTATE_BV + 8, &compacted, sizeof(compacted));
}

/* Whatever the thread has in fs and gs is nobody's: both are loaded before a program runs. */
static void forget_bases(struct host_zone *zone)
{
	store64(zone->w, W_FS, UINT64_MAX);
	store64(zone->w, W_GS, UINT64_MAX);
}

static void zone_prepare(struct host_zone *zone, uint32_t slot)
{
	uint8_t *group = host_machine.control + (uint64_t)slot * CTL_STRIDE;

	memset(zone, 0, sizeof(*zone));
	zone->slot = slot;
	zone->r = group;
	zone->w = group + CTL_W;
	zone->sleeps_on = zone->w + W_BELL;
	zone->spare = true;
	store32(zone->r, R_SPIN, 1);
	store64(zone->r, R_XMASK, host_machine.xmask);
	store32(zone->r, R_BASES, host_machine.bases);
	make_clean(zone->r + R_CLEAN);
	store32(zone->r, R_SLOT, slot);
	/* An empty list: its report says that the mapper is there. */
	store32(zone->r, R_MDONE, 0);
	store32(zone->r, R_MCOUNT, 0);
	store32(zone->r, R_MPOSTED, 1);
	store64(zone->r, R_TURN, 0);
	forget_program(zone);
	store32(zone->w, W_STATE, 1); /* not yet there */
	forget_bases(zone);
	zone->list = 1;
}

/* The zygote is gone: somebody has killed it. Zones live without it, but no new ones are made: once confined, the
 * simulator cannot make another. */
static void say_zygote_is_gone(void)
{
	if (zones.zygote > 0) {
		kill(zones.zygote, SIGKILL);
		collect(zones.zygote);
	}
	zones.zygote = 0;
	for (; zones.wanted; zones.wanted--) {
		zones.zone[zones.order[zones.order_first]].pid = 0;
		zones.order_first = (zones.order_first + 1) % ZONE_MAX;
	}
	zones.command = -1;
	fprintf(stderr, "feuerbird-sim: the process that makes processes for programs has ended: no more programs can be started\n");
}

static bool ask(void)
{
	uint32_t slot = zones.slots;

	/* A slot whose process died is free again. */
	for (uint32_t i = 0; i < zones.slots && slot == zones.slots; i++)
		if (zones.zone[i].pid == 0)
			slot = i;
	if (slot == ZONE_MAX || zones.command < 0)
		return false;
	zone_prepare(&zones.zone[slot], slot);
	if (write(zones.command, &slot, sizeof(slot)) != sizeof(slot)) {
		say_zygote_is_gone();
		return false;
	}
	if (slot == zones.slots)
		zones.slots++;
	zones.zone[slot].pid = -1;
	zones.order[(zones.order_first + zones.wanted++) % ZONE_MAX] = slot;
	return true;
}

static void put_ready(struct host_zone *zone)
{
	zone->next = zones.ready;
	zones.ready = zone;
	zones.pool_count++;
}

/* Takes one answer of the zygote. */
static bool hear(bool wait)
{
	struct host_zone *zone;
	int64_t pid = 0;

	if (zones.wanted == 0)
		return false;
	for (;;) {
		ssize_t got = recv(zones.command, &pid, sizeof(pid), wait ? MSG_WAITALL : MSG_DONTWAIT);
		if (got == sizeof(pid))
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0 || (got < 0 && errno != EAGAIN))
			say_zygote_is_gone();
		return false;
	}
	zone = &zones.zone[zones.order[zones.order_first]];
	zones.order_first = (zones.order_first + 1) % ZONE_MAX;
	zones.wanted--;
	zone->pid = pid > 0 ? (int)pid : 0;
	if (!zone->pid) {
		zones.refusal = host_refusal_of(STEP_THREAD, (int)-pid);
		return false;
	}
	put_ready(zone);
	return true;
}

/* Its slot is free when this returns. */
static void end(struct host_zone *zone)
{
	host_cross_forget(zone);
	if (zone->pid > 0) {
		int status;

		kill(zone->pid, SIGKILL);
		status = collect(zone->pid);
		if (!zone->ready && WIFEXITED(status))
			zones.refusal = host_refusal_of_status(status);
	}
	/* The next process with this slot must not see what this one left. */
	madvise(zone->r, CTL_STRIDE, MADV_REMOVE);
	zone->pid = 0;
	zone->ready = false;
}

uint64_t host_zone_cpu_ns(const struct host_zone *zone)
{
	struct timespec used;
	clockid_t clock = (clockid_t)((~(unsigned)zone->pid << 3) | 2); /* as clock_getcpuclockid() makes it, which looks at the clock first */

	if (clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* A new process is ready when its mapper has reported and its thread waits. */
static bool zone_ready(struct host_zone *zone)
{
	struct timespec pause = {0, 100000};

	for (int i = 0; !zone->ready; i++) {
		zone->ready = load32(zone->r, R_MDONE) == 1 && load32(zone->w, W_STATE) == 0;
		if (zone->ready)
			return true;
		if (i > 10 && host_zone_is_dead(zone))
			return false;
		if (i > 50000)
			return false;
		nanosleep(&pause, 0);
	}
	return true;
}

/* It sleeps on W_REST: nothing of the last program may be seen by the next one, or guide its thread. */
static void make_fresh(struct host_zone *zone)
{
	forget_program(zone);
	store64(zone->r, R_RESULT, 0);
	memset(zone->r + R_LOAD, 0, R_ORDERS - R_LOAD);
	memset(zone->r + R_ORDERS, 0, ORDER_MAX * ORDER_SIZE);
	memset(zone->w, 0, ZONE_W_SIZE);
	forget_bases(zone);
	store64(zone->w, W_RETURN, STUB_FRESH);
	store32(zone->w, W_ASLEEP, 1);
	store64(zone->r, R_TURN, 0);
	zone->turn = 0;
	zone->strikes = 0;
	zone->used = true;
}

/* One that does not rest: is it to be looked at again? Nobody is charged for what it uses, and nobody misses it. */
static bool may_come_to_rest(struct host_zone *zone)
{
	uint64_t cpu = host_zone_cpu_ns(zone);

	if (!zone->rest_cpu)
		zone->rest_cpu = cpu;
	return hal_time_ns() - zone->rests_at < REST_NS && cpu - zone->rest_cpu < REST_CPU_NS;
}

/* Looks at those that were given back. */
static void settle(void)
{
	struct host_zone **at = &zones.rest, *zone;

	for (unsigned i = 0; i < SETTLE_MAX && (zone = *at); i++) {
		bool rests = host_cross_is_at_rest(zone);

		if (!rests && may_come_to_rest(zone)) {
			at = &zone->next;
			continue;
		}
		*at = zone->next;
		zones.pool_count--;
		if (rests) {
			make_fresh(zone);
			put_ready(zone);
		} else {
			end(zone);
		}
	}
}

bool host_zones_visit(uint32_t count, void (*visit)(struct host_zone *zone, uint64_t now))
{
	uint64_t now = hal_time_ns();
	bool all;

	host_lock_take(&zones_lock);
	settle();
	all = count >= zones.slots && !zones.rest;
	for (uint32_t i = 0; i < zones.slots && count; i++) {
		struct host_zone *zone = &zones.zone[zones.visited = (zones.visited + 1) % zones.slots];

		if (zone->pid <= 0 || zone->spare)
			continue;
		visit(zone, now);
		count--;
	}
	host_lock_give(&zones_lock);
	return all;
}

void host_zones_refill(void)
{
	host_lock_take(&zones_lock);
	settle();
	while (hear(false))
		;
	while (zones.pool_count + zones.wanted < POOL_SPARES && ask())
		;
	host_lock_give(&zones_lock);
}

/* The place in the list of those that are ready; 0: none there. */
static struct host_zone **find_ready(bool fresh)
{
	struct host_zone **at = &zones.ready;

	while (*at && fresh && (*at)->used)
		at = &(*at)->next;
	return *at ? at : 0;
}

static struct host_zone *take(bool fresh)
{
	/* One may have been killed, or be half made where the host has no room for a thread more. */
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct host_zone **at, *zone;

		settle();
		while (hear(false))
			;
		if (!find_ready(fresh) && (zones.wanted || ask()))
			hear(true);
		at = find_ready(fresh);
		if (!at)
			return 0;
		zone = *at;
		*at = zone->next;
		zones.pool_count--;
		zone->next = 0;
		zone->spare = false;
		host_watch_forget(zone);
		if (zone_ready(zone))
			return zone;
		end(zone);
	}
	return 0;
}

/* The program that asked hears only that something is short. Without a single process there is no machine. */
static void complain(const struct host_zone *zone)
{
	static const char *told;

	if (zone) {
		zones.proven = true;
		return;
	}
	if (!zones.refusal || zones.refusal == told)
		return;
	told = zones.refusal;
	if (!zones.proven)
		host_console_stop();
	fprintf(stderr, "feuerbird-sim: %s%s\n", told, zones.proven ? "; programs find no memory" : "");
	if (!zones.proven) {
		host_zones_end();
		_exit(EXIT_FAILED);
	}
}

struct host_zone *host_zone_take(bool fresh)
{
	struct host_zone *zone;
	const char *message;

	if (!host_zones_ready(&message))
		return 0;
	host_lock_take(&zones_lock);
	zone = take(fresh);
	complain(zone);
	host_lock_give(&zones_lock);
	return zone;
}

void host_zone_give(struct host_zone *zone)
{
	struct host_zone **at = &zones.rest;

	host_lock_take(&zones_lock);
	zone->spare = true;
	zone->rest_cpu = 0;
	if (zones.pool_count >= POOL_MAX) {
		end(zone);
	} else {
		zone->rests_at = hal_time_ns();
		while (*at)
			at = &(*at)->next;
		zone->next = 0;
		*at = zone;
		zones.pool_count++;
	}
	host_lock_give(&zones_lock);
}

bool host_zone_is_dead(struct host_zone *zone)
{
	siginfo_t info;

	if (zone->pid <= 0)
		return true;
	memset(&info, 0, sizeof(info));
	if (waitid(P_PID, (id_t)zone->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return true;
	return info.si_pid != 0;
}

void host_zone_shoot(const struct host_zone *zone)
{
	siginfo_t info;

	if (zone->pid <= 0)
		return;
	kill(zone->pid, SIGKILL);
	while (waitid(P_PID, (id_t)zone->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
}

void host_zone_kill(struct host_zone *zone)
{
	host_lock_take(&zones_lock);
	end(zone);
	host_lock_give(&zones_lock);
}

void host_zones_end(void)
{
	if (zones.zygote > 0)
		kill(zones.zygote, SIGKILL);
	for (uint32_t i = 0; i < zones.slots; i++)
		if (zones.zone[i].pid > 0)
			kill(zones.zone[i].pid, SIGKILL);
	/* A zone of which the zygote has not yet told dies with us (PDEATHSIG). */
	for (uint32_t i = 0; i < zones.slots; i++)
		if (zones.zone[i].pid > 0)
			collect(zones.zone[i].pid);
	if (zones.zygote > 0)
		collect(zones.zygote);
}
