/*
 * exo: shows what the exokernel holds and did: zones, capabilities, extents, audit records, counts.
 *
 * It asks the kernel itself, with exo_* calls and a capability for the audit ring that /dev/exo grants to root; the
 * LibOS only hands that out. The kernel writes answers straight into this program's memory, which must be there when
 * it does: buffers are written to before they are shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libos/dev_exo.h>

#include "exo_call.h"

#define BATCH      64u
#define SLOT_MASK  UINT64_C(0xffff)
#define POLL_NS    200000000L
#define NS_PER_S   UINT64_C(1000000000)

static exo_cap_t audit_cap;

static const char *status_name(uint64_t status)
{
	switch (status) {
#define EXO_STATUS(name, value, text) \
	case value: return #name;
#include <exo/status.def>
#undef EXO_STATUS
	default: return "?";
	}
}

static const char *type_name(uint32_t type)
{
	static const char *const names[] = {
#define EXO_X(name, value, text) [value] = text,
		EXO_CAP_TYPES(EXO_X)
#undef EXO_X
	};

	return type < EXO_CAP_TYPE_COUNT ? names[type] : "?";
}

static void check(enum exo_status status, const char *what)
{
	if (status == EXO_OK)
		return;
	fprintf(stderr, "exo: %s: %s (%s)\n", what, exo_status_text(status), status_name(status));
	exit(1);
}

/* Gets a capability, or says why this cannot work. */
static exo_cap_t attach(uint32_t kind, uint32_t rights)
{
	struct exo_dev_grant grant = { .kind = kind, .rights = rights };
	int fd = open("/dev/exo", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV)) {
		fprintf(stderr, "exo: no /dev/exo here: this system is not FeuerBird\n");
		exit(1);
	}
	if (fd < 0 || ioctl(fd, (int)EXO_DEV_GRANT, &grant) < 0) {
		fprintf(stderr, "exo: /dev/exo: %s%s\n", strerror(errno),
		        errno == EPERM || errno == EACCES ? " (only root may look at the system)" : "");
		exit(1);
	}
	close(fd);
	return grant.cap;
}

/* ---- zones ---- */

static const char *zone_kind(uint32_t kind)
{
	return kind == EXO_ZONE_LIBOS ? "libos" : kind == EXO_ZONE_APP ? "app" : "?";
}

/* What the zone may use itself: it has not given it away. */
static uint32_t share_of(const struct exo_zone_info *z, uint32_t table)
{
	return z->quotas[table].limit - z->quotas[table].given;
}

static int show_zones(void)
{
	static struct exo_zone_info zones[BATCH];
	uint64_t start = 0, count;

	printf("%5s %-16s %-5s %11s %10s %10s %8s %9s %7s %13s %13s %11s %7s %4s\n", "ZONE", "NAME", "KIND", "TRANSITIONS",
	       "CALLS", "SYSCALLS", "FAULTS", "MCYCLES", "PAGES", "FUND", "CAPS", "ZONES", "DISK", "CTX");
	do {
		memset(zones, 0xff, sizeof(zones));
		check(exo_list_zones(audit_cap, zones, BATCH, start, &count), "cannot list zones");
		for (uint64_t i = 0; i < count && i < BATCH; i++) {
			const struct exo_zone_info *z = &zones[i];

			printf("%5u %-16.16s %-5s %11llu %10llu %10llu %8llu %9llu %7llu %6llu/%-6llu %6u/%-6u %5u/%-5u %3u/%-3u %4u\n", z->number,
			       z->name, zone_kind(z->kind), (unsigned long long)z->transitions, (unsigned long long)z->calls,
			       (unsigned long long)z->syscalls, (unsigned long long)z->faults,
			       (unsigned long long)z->cycles / 1000000, (unsigned long long)z->mapped_pages,
			       (unsigned long long)(z->fund_total - z->fund_free), (unsigned long long)z->fund_total,
			       z->quotas[EXO_QUOTA_CAPS].used, share_of(z, EXO_QUOTA_CAPS), z->quotas[EXO_QUOTA_ZONES].used,
			       share_of(z, EXO_QUOTA_ZONES), z->quotas[EXO_QUOTA_DISK].used, share_of(z, EXO_QUOTA_DISK), z->contexts);
			start = (uint64_t)z->number + 1;
		}
	} while (count == BATCH);
	return 0;
}

/* ---- capabilities and extents ---- */

static const char *rights_text(uint32_t rights)
{
	static const char letters[] = "rwxdgvcmfk"; /* in the order of EXO_R_*'s bits */
	static char text[sizeof(letters)];

	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		text[i] = rights >> i & 1 ? letters[i] : '-';
	return text;
}

static struct exo_cap_info *caps;
static size_t cap_count;

static void load_caps(void)
{
	uint64_t start = 1, count;
	enum exo_status status;
	bool more;

	do {
		struct exo_cap_info *larger = realloc(caps, (cap_count + BATCH) * sizeof(*caps));

		if (!larger) {
			fprintf(stderr, "exo: out of memory\n");
			exit(1);
		}
		caps = larger;
		memset(caps + cap_count, 0xff, BATCH * sizeof(*caps));
		status = exo_list_caps(audit_cap, caps + cap_count, BATCH, start, &count);
		more = status == EXO_E_AGAIN;
		if (!more)
			check(status, "cannot list capabilities");
		if (count > BATCH)
			count = BATCH;
		cap_count += count;
		if (more)
			start += EXO_LIST_SLOTS;
		else if (count > 0)
			start = (caps[cap_count - 1].cap & SLOT_MASK) + 1;
	} while ((more || count == BATCH) && start <= SLOT_MASK);
}

static void print_slot(exo_cap_t cap)
{
	char text[32];

	if (cap == 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%llu.%llu", (unsigned long long)(cap & SLOT_MASK), (unsigned long long)(cap >> 16));
	printf(" %-12s", text);
}

static void print_expiry(uint64_t ns)
{
	if (ns == EXO_NO_EXPIRY)
		printf(" %12s\n", "never");
	else
		printf(" %8llu.%03llu\n", (unsigned long long)(ns / NS_PER_S), (unsigned long long)(ns % NS_PER_S / 1000000));
}

static int show_caps(void)
{
	load_caps();
	printf(" %-12s %-12s %-12s %-10s %6s %20s %6s %12s\n", "CAP", "PARENT", "TYPE", "RIGHTS", "OWNER", "EXTENT/OBJECT",
	       "REFS", "EXPIRES");
	for (size_t i = 0; i < cap_count; i++) {
		const struct exo_cap_info *c = &caps[i];
		char extent[48];

		if (exo_cap_is_extent(c->type))
			snprintf(extent, sizeof(extent), "%llu+%llu", (unsigned long long)c->first, (unsigned long long)c->count);
		else
			snprintf(extent, sizeof(extent), "%llu", (unsigned long long)c->first);
		print_slot(c->cap);
		print_slot(c->parent);
		printf(" %-12s %s %6u %20s %6u", type_name(c->type), rights_text(c->rights), c->owner_zone, extent, c->refs);
		print_expiry(c->expires_ns);
	}
	return 0;
}

static int by_extent(const void *a, const void *b)
{
	const struct exo_cap_info *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->count < y->count) - (x->count > y->count);
}

static int show_extents(void)
{
	load_caps();
	qsort(caps, cap_count, sizeof(*caps), by_extent);
	printf("%12s %12s %12s %10s %-10s %6s %-12s %-12s\n", "FIRST", "LAST", "FRAMES", "KIB", "RIGHTS", "OWNER", " CAP",
	       " PARENT");
	for (size_t i = 0; i < cap_count; i++) {
		const struct exo_cap_info *c = &caps[i];

		if (c->type != EXO_CAP_MEMORY)
			continue;
		printf("%#12llx %#12llx %12llu %10llu %s %6u", (unsigned long long)c->first,
		       (unsigned long long)(c->first + c->count - 1), (unsigned long long)c->count,
		       (unsigned long long)(c->count * (EXO_FRAME_SIZE / 1024)), rights_text(c->rights), c->owner_zone);
		print_slot(c->cap);
		print_slot(c->parent);
		putchar('\n');
	}
	return 0;
}

/* ---- memory ---- */

#define NODES_MAX   16u
#define FRAMES_EACH EXO_LIST_MAX
#define SHARES      5u

struct tally {
	uint64_t frames, plain, fund, kernel, mapped;
};

static struct {
	struct exo_node_info nodes[NODES_MAX];
	uint64_t node_count;
	struct tally by_node[NODES_MAX], all;
	uint64_t *by_colour; /* mapped frames */
	uint32_t colours;
	uint64_t shares[SHARES]; /* frames mapped 0, 1, 2, 3 to 9 times, more often */
} mem;

static void tally_add(struct tally *t, const struct exo_frame_info *f)
{
	t->frames++;
	t->plain += f->kind == EXO_FRAME_PLAIN;
	t->fund += f->kind == EXO_FRAME_FUND;
	t->kernel += f->kind == EXO_FRAME_KERNEL;
	t->mapped += f->maps > 0;
}

static void frame_add(const struct exo_frame_info *f, struct tally *node)
{
	tally_add(node, f);
	tally_add(&mem.all, f);
	mem.shares[f->maps < 3 ? f->maps : f->maps < 10 ? 3 : 4]++;
	if (f->maps > 0 && f->colour < mem.colours)
		mem.by_colour[f->colour]++;
}

static void load_memory(exo_cap_t memory)
{
	static struct exo_frame_info frames[FRAMES_EACH];
	uint64_t count = 0;

	memset(mem.nodes, 0xff, sizeof(mem.nodes));
	check(exo_list_nodes(memory, mem.nodes, NODES_MAX, 0, &mem.node_count), "cannot list nodes");
	mem.colours = mem.node_count ? mem.nodes[0].colours : 1;
	mem.by_colour = calloc(mem.colours, sizeof(*mem.by_colour));
	if (!mem.by_colour) {
		fprintf(stderr, "exo: out of memory\n");
		exit(1);
	}
	for (uint64_t n = 0; n < mem.node_count; n++)
		for (uint64_t done = 0; done < mem.nodes[n].count; done += count) {
			uint64_t left = mem.nodes[n].count - done;

			memset(frames, 0xff, sizeof(frames));
			check(exo_frame_info(memory, mem.nodes[n].first + done, frames, left < FRAMES_EACH ? left : FRAMES_EACH,
			                     &count), "cannot look at frames");
			for (uint64_t i = 0; i < count && i < FRAMES_EACH; i++)
				frame_add(&frames[i], &mem.by_node[n]);
			if (count == 0)
				return;
		}
}

static void print_tally(const struct tally *t)
{
	printf(" %10llu %10llu %10llu %10llu %10llu\n", (unsigned long long)t->frames, (unsigned long long)t->plain,
	       (unsigned long long)t->fund, (unsigned long long)t->kernel, (unsigned long long)t->mapped);
}

static int show_memory(exo_cap_t memory)
{
	static const char *const times[SHARES] = { "0", "1", "2", "3-9", "10+" };
	uint64_t least, most;

	load_memory(memory);
	printf("%-5s %12s %12s %10s %10s %10s %10s %10s\n", "NODE", "FIRST", "LAST", "FRAMES", "PLAIN", "FUND", "KERNEL", "MAPPED");
	for (uint64_t n = 0; n < mem.node_count; n++) {
		const struct exo_node_info *node = &mem.nodes[n];

		printf("%-5u %#12llx %#12llx", node->node, (unsigned long long)node->first,
		       (unsigned long long)(node->first + node->count - 1));
		print_tally(&mem.by_node[n]);
	}
	printf("%-5s %12s %12s", "all", "", "");
	print_tally(&mem.all);
	least = most = mem.by_colour[0];
	for (uint32_t c = 1; c < mem.colours; c++) {
		least = mem.by_colour[c] < least ? mem.by_colour[c] : least;
		most = mem.by_colour[c] > most ? mem.by_colour[c] : most;
	}
	printf("\ncache colours %u: of one colour %llu to %llu mapped frames\n", mem.colours, (unsigned long long)least,
	       (unsigned long long)most);
	printf("\n%-12s %10s\n", "TIMES MAPPED", "FRAMES");
	for (unsigned i = 0; i < SHARES; i++)
		printf("%-12s %10llu\n", times[i], (unsigned long long)mem.shares[i]);
	return 0;
}

/* ---- audit ---- */

static const char *event_name(uint32_t event)
{
	static const char *const names[] = { "none", "syscall", "fault", "exception", "quantum", "pending", "dead" };

	return event < sizeof(names) / sizeof(names[0]) ? names[event] : "?";
}

static const char *what_name(uint32_t what)
{
	static const char *const names[] = { "?", "enter", "leave", "call", "refuse", "death", "due" };

	return what < sizeof(names) / sizeof(names[0]) ? names[what] : "?";
}

static void print_record(const struct exo_audit_record *r)
{
	bool call = r->what == EXO_AUDIT_CALL || r->what == EXO_AUDIT_REFUSE;

	printf("%6llu.%06llu %10u %5u %-7s %-14s", (unsigned long long)(r->time_ns / NS_PER_S),
	       (unsigned long long)(r->time_ns % NS_PER_S / 1000), r->sequence, r->zone, what_name(r->what),
	       call ? exo_call_name(r->call) : event_name(r->call));
	print_slot(r->cap);
	printf(" %s\n", r->status == EXO_OK ? "ok" : exo_status_text(r->status));
}

/* Output is collected: a write for each line would make more records than it shows, and this would never end. */
static int show_audit(bool follow)
{
	static struct exo_audit_record records[BATCH];
	const struct timespec pause = { 0, POLL_NS };
	uint64_t count;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	printf("%13s %10s %5s %-7s %-14s %-12s %s\n", "TIME", "SEQUENCE", "ZONE", "WHAT", "CALL/EVENT", " CAP", " VERDICT");
	do {
		memset(records, 0xff, sizeof(records));
		check(exo_audit_read(audit_cap, records, BATCH, &count), "cannot read the audit ring");
		for (uint64_t i = 0; i < count && i < BATCH; i++)
			print_record(&records[i]);
		if (follow && count < BATCH) {
			if (fflush(stdout) != 0)
				return 1;
			nanosleep(&pause, NULL);
		}
	} while (follow || count == BATCH);
	return fflush(stdout) != 0;
}

/* ---- statistics ---- */

static void number(const char *text, uint64_t value)
{
	printf("%-28s %16llu\n", text, (unsigned long long)value);
}

static int show_stats(void)
{
	static struct exo_stats s;

	memset(&s, 0xff, sizeof(s));
	check(exo_stats_read(audit_cap, &s, NULL), "cannot read the statistics");
	printf("%-28s %12llu.%03llu s\n", "up", (unsigned long long)(s.uptime_ns / NS_PER_S),
	       (unsigned long long)(s.uptime_ns % NS_PER_S / 1000000));
	number("zone transitions", s.transitions);
	number("kernel calls", s.calls);
	number("  refused", s.refusals);
	number("system calls of programs", s.syscalls);
	number("page faults", s.faults);
	number("exceptions", s.exceptions);
	number("preemptions", s.preemptions);
	number("audit records", s.audit_records);
	number("  dropped", s.audit_dropped);
	number("zones", s.zones);
	number("contexts", s.contexts);
	number("capabilities", s.caps_used);
	number("  slots", s.caps_total);
	number("frames", s.frames_total);
	number("  funding the kernel", s.frames_funded);
	return 0;
}

static int help(int status)
{
	fputs("usage: exo zones      zones, what they have and did\n"
	      "       exo caps       capabilities: r read, w write, x execute, d derive, g grant,\n"
	      "                      v revoke, c create, m map, f fund, k destroy\n"
	      "       exo extents    memory extents by address\n"
	      "       exo mem        frames by node and cache colour, and how often they are mapped\n"
	      "       exo audit [-f] takes the records of the audit ring; -f: and waits for more\n"
	      "       exo stats      counts of the whole system\n"
	      "       exo libos [OPTION...] FILE [ARGUMENT...]: starts a second LibOS (exo libos -h)\n"
	      "       exo help\n",
	      status ? stderr : stdout);
	return status;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "help";
	bool follow = argc == 3 && strcmp(what, "audit") == 0 && strcmp(argv[2], "-f") == 0;

	if (strcmp(what, "help") == 0 || strcmp(what, "--help") == 0)
		return help(argc > 1 ? 0 : 2);
	if (strcmp(what, "libos") == 0) {
		/* A program of its own: what it is given goes with it. */
		execv("/bin/exo-libos", argv + 1);
		fprintf(stderr, "exo: /bin/exo-libos: %s\n", strerror(errno));
		return 127;
	}
	if (argc > 2 + follow)
		return help(2);
	for (size_t i = 0; i < 6; i++) {
		static const char *const names[] = { "zones", "caps", "extents", "audit", "stats", "mem" };

		if (strcmp(what, names[i]) != 0)
			continue;
		if (i == 5)
			return show_memory(attach(EXO_DEV_FRAMES, 0));
		audit_cap = attach(EXO_DEV_AUDIT, EXO_R_READ);
		switch (i) {
		case 0: return show_zones();
		case 1: return show_caps();
		case 2: return show_extents();
		case 3: return show_audit(follow);
		default: return show_stats();
		}
	}
	fprintf(stderr, "exo: no such command: %s\n", what);
	return help(2);
}
