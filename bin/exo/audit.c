/*
 * exo audit: takes what the audit rings hold, and shows it in the order in which it happened.
 *
 * As the kernel gives them, times run backwards, for three reasons: refusals come first; then one CPU's ring after the other;
 * and each entry of one exo_run has the time at which that run began, though calls may be between them. So a record
 * counts as no earlier than the one before it in its ring, and all are sorted by that time before they are shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exo.h"
#include "text.h"

#define BATCH     64u
#define TAKE_MAX  65536u /* records at once */
#define POLL_NS   200000000L
#define LATE_NS   UINT64_C(200000000) /* -f: what may still come is not older than this */
#define RINGS_MAX 64u

struct record {
	struct exo_audit_record r;
	uint64_t time_ns; /* as shown */
	uint64_t order;   /* in which it was taken */
};

static struct {
	struct record *records;
	size_t count;
	uint64_t taken;
	uint32_t zone;     /* our own */
	exo_cap_t context; /* of our only thread: its entries show from when on the zone's number is ours */
	uint64_t since_ns; /* then; UINT64_MAX: not yet */
	uint64_t shown_ns; /* of the latest that was shown */
	/* The rings that routine records came from, which do not say so: each goes on where it stopped. */
	struct ring {
		uint32_t next;
		uint64_t time_ns;
	} rings[RINGS_MAX];
	size_t ring_next;
} audit_log;

static const char *event_name(uint32_t event)
{
	static const char *const names[] = { "none", "syscall", "fault", "exception", "quantum", "pending", "dead", "ipc" };

	return event < sizeof(names) / sizeof(names[0]) ? names[event] : "?";
}

static const char *what_name(uint32_t what)
{
	static const char *const names[] = { "?", "enter", "leave", "call", "refuse", "death", "due" };

	return what < sizeof(names) / sizeof(names[0]) ? names[what] : "?";
}

/* A call of the record, or why the zone was left; the others say nothing more. */
static const char *subject(const struct exo_audit_record *r)
{
	switch (r->what) {
	case EXO_AUDIT_CALL:
	case EXO_AUDIT_REFUSE: return exo_call_name(r->call);
	case EXO_AUDIT_LEAVE: return event_name(r->call);
	default: return "-";
	}
}

/* ---- taking ---- */

static struct ring *ring_of(const struct exo_audit_record *r)
{
	struct ring *ring;

	for (size_t i = 0; i < RINGS_MAX; i++)
		if (audit_log.rings[i].next == r->sequence && audit_log.rings[i].time_ns > 0)
			return &audit_log.rings[i];
	ring = &audit_log.rings[audit_log.ring_next++ % RINGS_MAX];
	ring->time_ns = 0;
	return ring;
}

static void take(const struct exo_audit_record *r)
{
	struct record *to = &audit_log.records[audit_log.count++];
	struct ring *ring;

	*to = (struct record){ .r = *r, .time_ns = r->time_ns, .order = audit_log.taken++ };
	if (r->what == EXO_AUDIT_REFUSE)
		return;
	ring = ring_of(r);
	if (to->time_ns < ring->time_ns)
		to->time_ns = ring->time_ns;
	ring->next = r->sequence + 1;
	ring->time_ns = to->time_ns;
	if (r->cap == audit_log.context && r->zone == audit_log.zone && to->time_ns < audit_log.since_ns)
		audit_log.since_ns = to->time_ns;
}

static void take_all(exo_cap_t audit)
{
	static struct exo_audit_record records[BATCH];
	uint64_t got;

	do {
		memset(records, 0xff, sizeof(records));
		check(exo_audit_read(audit, records, BATCH, &got), "cannot read the audit ring");
		if (got > BATCH)
			got = BATCH;
		audit_log.records = more_memory(audit_log.records, audit_log.count + BATCH, sizeof(*audit_log.records));
		for (uint64_t i = 0; i < got; i++)
			take(&records[i]);
	} while (got == BATCH && audit_log.count + BATCH <= TAKE_MAX);
}

/* ---- showing ---- */

static int by_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void print_record(const struct record *record, bool wide)
{
	const struct exo_audit_record *r = &record->r;

	if (wide)
		printf("%13s %10u %6u %-7s %-19s %-12s %s%s%s\n", seconds_text(record->time_ns, FULL_WIDTH, 6), r->sequence, r->zone,
		       what_name(r->what), subject(r), cap_text(r->cap, FULL_WIDTH), status_name(r->status), r->status == EXO_OK ? "" : ": ",
		       r->status == EXO_OK ? "" : status_text(r->status));
	else
		printf("%12s %8s %5s %-6s %-19s %-11s %s\n", seconds_text(record->time_ns, 12, 6), number_text(r->sequence, 8),
		       number_text(r->zone, 5), what_name(r->what), subject(r), cap_text(r->cap, 11), status_name(r->status));
}

static void record_json(const struct record *record)
{
	const struct exo_audit_record *r = &record->r;

	json_open(NULL, '{');
	json_number("time_ns", record->time_ns);
	json_number("sequence", r->sequence);
	json_number("zone", r->zone);
	json_text("what", what_name(r->what));
	json_text(r->what == EXO_AUDIT_CALL || r->what == EXO_AUDIT_REFUSE ? "call" : "event", subject(r));
	json_cap("cap", r->cap);
	json_text("status", status_name(r->status));
	json_close('}');
}

static bool is_wanted(const struct record *record, const struct options *options)
{
	if (options->refusals && record->r.what != EXO_AUDIT_REFUSE)
		return false;
	if (options->zone_set)
		return record->r.zone == options->zone;
	return options->own || record->r.zone != audit_log.zone || record->time_ns < audit_log.since_ns;
}

/* Those up to a time; the others are kept. */
static void show_until(uint64_t until_ns, const struct options *options)
{
	size_t i = 0;

	qsort(audit_log.records, audit_log.count, sizeof(*audit_log.records), by_time);
	for (; i < audit_log.count && audit_log.records[i].time_ns <= until_ns; i++) {
		struct record *record = &audit_log.records[i];

		/* Later than it can be: it counts as the last. */
		if (record->time_ns < audit_log.shown_ns)
			record->time_ns = audit_log.shown_ns;
		audit_log.shown_ns = record->time_ns;
		if (!is_wanted(record, options))
			continue;
		if (options->json)
			record_json(record);
		else
			print_record(record, options->wide);
	}
	audit_log.count -= i;
	memmove(audit_log.records, audit_log.records + i, audit_log.count * sizeof(*audit_log.records));
}

/* The clock of the records. */
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Output is collected: a write for each line would make more records than it shows, and this would never end. */
static int follow(exo_cap_t audit, const struct options *options)
{
	const struct timespec pause = { 0, POLL_NS };
	uint64_t start;

	for (;;) {
		start = now_ns();
		take_all(audit);
		show_until(start > LATE_NS ? start - LATE_NS : 0, options);
		if (fflush(stdout) != 0)
			return EXO_FAILED;
		nanosleep(&pause, NULL);
	}
}

/* Numbers of zones are used again: records of ours may be another program's that ended before we began. */
static void find_ourselves(exo_cap_t audit)
{
	static struct exo_cap_info info;

	memset(&info, 0xff, sizeof(info));
	check(exo_cap_inspect(audit, &info, NULL), "cannot look at our own capability");
	audit_log.zone = info.owner_zone;
	check(exo_cap_inspect(attach(EXO_DEV_CONTEXT, EXO_R_DERIVE), &info, NULL), "cannot look at our own capability");
	audit_log.context = info.parent;
	audit_log.since_ns = UINT64_MAX;
}

int show_audit(exo_cap_t audit, const struct options *options)
{
	find_ourselves(audit);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (!options->json)
		printf(options->wide ? "%13s %10s %6s %-7s %-19s %-12s %s\n" : "%12s %8s %5s %-6s %-19s %-11s %s\n", "TIME",
		       options->wide ? "SEQUENCE" : "SEQ", "ZONE", "WHAT", "CALL/EVENT", "CAP", "VERDICT");
	if (options->follow)
		return follow(audit, options);
	if (options->json) {
		json_open(NULL, '{');
		json_open("records", '[');
	}
	take_all(audit);
	show_until(UINT64_MAX, options);
	if (options->json) {
		json_close(']');
		json_close('}');
	}
	free(audit_log.records);
	return EXO_DONE;
}
