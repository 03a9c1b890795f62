/* What the operator sees of the kernel's books: --stats at the end, --audit all along. */
#include <exo/calls.h>

#include <libos/libos.h>

#define AUDIT_BATCH 16
#define ZONES_BATCH 8

static const char *audit_what(uint16_t what)
{
	switch (what) {
	case EXO_AUDIT_ENTER:
		return "enter";
	case EXO_AUDIT_LEAVE:
		return "leave";
	case EXO_AUDIT_CALL:
		return "call";
	case EXO_AUDIT_REFUSE:
		return "refuse";
	case EXO_AUDIT_DEATH:
		return "death";
	case EXO_AUDIT_DUE:
		return "due";
	default:
		return "?";
	}
}

static const char *event_name(uint16_t event)
{
	static const char *const names[] = {"none", "syscall", "fault", "exception", "quantum", "pending", "dead"};

	return event < sizeof(names) / sizeof(names[0]) ? names[event] : "?";
}

static const char *status_name(uint32_t status)
{
	static const char *const names[] = {
#define EXO_STATUS(name, value, text) [value] = #name,
#include <exo/status.def>
#undef EXO_STATUS
	};

	return status < sizeof(names) / sizeof(names[0]) ? names[status] : "?";
}

static void audit_line(const struct exo_audit_record *r)
{
	struct libos_report *report = &libos.report;
	bool transition = r->what == EXO_AUDIT_ENTER || r->what == EXO_AUDIT_LEAVE;

	/* Refusals are numbered apart, each zone's from 0. */
	if (r->what != EXO_AUDIT_REFUSE) {
		if (report->audit_started && r->sequence != report->audit_next)
			libos_log("audit: %u records lost", r->sequence - report->audit_next);
		report->audit_started = true;
		report->audit_next = r->sequence + 1;
	}
	libos_log("audit: %llu.%06llu zone %u %s %s cap %llu.%llu %s", (unsigned long long)(r->time_ns / 1000000000),
	          (unsigned long long)(r->time_ns / 1000 % 1000000), r->zone, audit_what(r->what),
	          transition ? event_name(r->call) : exo_call_name(r->call), (unsigned long long)(r->cap & 0xffff),
	          (unsigned long long)(r->cap >> 16), status_name(r->status));
}

/* At most `rounds` batches, so that a busy system gets on with its work. */
static void audit_drain(uint32_t rounds)
{
	struct exo_audit_record records[AUDIT_BATCH];

	while (rounds-- > 0) {
		uint64_t count = 0;

		if (exo_audit_read(libos.boot->audit, records, AUDIT_BATCH, &count) != EXO_OK)
			return;
		for (uint64_t i = 0; i < count; i++)
			audit_line(&records[i]);
		if (count < AUDIT_BATCH)
			return;
	}
}

void libos_report_poll(void)
{
	if (libos.options.audit)
		audit_drain(64);
}

static void add_zone(const struct exo_zone_info *info)
{
	struct libos_report *r = &libos.report;

	r->zones++;
	r->transitions += info->transitions;
	r->calls += info->calls;
	r->syscalls += info->syscalls;
	r->faults += info->faults;
	r->cycles += info->cycles;
}

void libos_report_zone(exo_cap_t zone)
{
	struct exo_zone_info info;

	if (libos.options.stats && exo_zone_info(zone, &info, NULL) == EXO_OK)
		add_zone(&info);
}

static void stats_row(const char *name, const struct exo_zone_info *i)
{
	libos_log("%-20s %11llu %9llu %11llu %9llu %8llu %14llu", name, (unsigned long long)i->transitions,
	          (unsigned long long)i->calls, (unsigned long long)i->syscalls, (unsigned long long)i->faults,
	          (unsigned long long)(i->mapped_pages + i->fund_total), (unsigned long long)i->cycles);
}

static void stats_print(void)
{
	struct exo_zone_info zones[ZONES_BATCH];
	const struct libos_report *r = &libos.report;
	struct exo_zone_info dead = {.transitions = r->transitions, .calls = r->calls, .syscalls = r->syscalls,
	                             .faults = r->faults, .cycles = r->cycles};
	struct exo_stats stats;
	uint64_t start = 0, count = 0;

	libos_log("%-20s %11s %9s %11s %9s %8s %14s", "zone", "transitions", "calls", "syscalls", "faults", "frames",
	          "cycles");
	while (exo_list_zones(libos.boot->audit, zones, ZONES_BATCH, start, &count) == EXO_OK && count) {
		for (uint64_t i = 0; i < count && i < ZONES_BATCH; i++)
			stats_row(zones[i].name, &zones[i]);
		start = (uint64_t)zones[count - 1].number + 1;
	}
	if (r->zones)
		stats_row("(ended)", &dead);
	if (exo_stats_read(libos.boot->audit, &stats, NULL) != EXO_OK)
		return;
	libos_log("total: %llu transitions, %llu calls, %llu syscalls, %llu faults, %llu exceptions, %llu preemptions, "
	          "%llu refusals",
	          (unsigned long long)stats.transitions, (unsigned long long)stats.calls,
	          (unsigned long long)stats.syscalls, (unsigned long long)stats.faults,
	          (unsigned long long)stats.exceptions, (unsigned long long)stats.preemptions,
	          (unsigned long long)stats.refusals);
	libos_log("uptime %llu us, %llu processes, %llu coroutine switches, %llu frames free",
	          (unsigned long long)(stats.uptime_ns / 1000), (unsigned long long)libos.procs.forks,
	          (unsigned long long)libos.sched.switches, (unsigned long long)libos.frames.free_count);
}

void libos_report_end(void)
{
	if (libos.options.audit)
		audit_drain(UINT32_MAX);
	if (libos.options.stats)
		stats_print();
}
