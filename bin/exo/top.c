/* exo top: what the zones do, from one look to the next; as a batch, or as JSON. Drawing is in live.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exo.h"
#include "term.h"
#include "text.h"
#include "top.h"

/* The counter of exo_zone_info.cycles, in thousands a second: /proc/cpuinfo has it from the LibOS. 0: it does not say. */
static uint64_t cycles_per_ms(void)
{
	static uint64_t khz;
	static bool known;
	char line[200];
	unsigned long long mhz, rest;
	FILE *file;

	if (known)
		return khz;
	known = true;
	file = fopen("/proc/cpuinfo", "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "cpu MHz : %llu.%3llu", &mhz, &rest) == 2) {
			khz = mhz * 1000 + rest;
			break;
		}
	if (file)
		fclose(file);
	return khz;
}

/* ---- looking ---- */

/* Of a count that only grows, unless it is another zone's by now. */
static uint64_t per_second(uint64_t now, uint64_t before, uint64_t ns)
{
	uint64_t more = now >= before ? now - before : now;

	return ns > 0 ? (uint64_t)((__uint128_t)more * NS_PER_S / ns) : 0;
}

static uint64_t cpu_share(uint64_t now, uint64_t before, uint64_t ns)
{
	uint64_t more = now >= before ? now - before : now, khz = cycles_per_ms();
	__uint128_t thousandths;

	if (khz == 0 || ns == 0)
		return NO_CPU;
	thousandths = (__uint128_t)more * 100000 * 1000000 / ((__uint128_t)khz * ns);
	return thousandths > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)thousandths;
}

/* The same zone in a list that is in order of the numbers; or what it had at first: nothing. */
static const struct exo_zone_info *find_before(const struct row *rows, size_t count, const struct exo_zone_info *zone)
{
	static const struct exo_zone_info nothing;

	for (size_t i = 0; i < count; i++)
		if (rows[i].zone.number == zone->number && rows[i].zone.kind == zone->kind &&
		    memcmp(rows[i].zone.name, zone->name, sizeof(zone->name)) == 0 && rows[i].zone.transitions <= zone->transitions)
			return &rows[i].zone;
	return &nothing;
}

static void fill(struct row *row, const struct exo_zone_info *before, uint64_t ns)
{
	const struct exo_zone_info *z = &row->zone;

	row->cpu = cpu_share(z->cycles, before->cycles, ns);
	row->transitions = per_second(z->transitions, before->transitions, ns);
	row->calls = per_second(z->calls, before->calls, ns);
	row->syscalls = per_second(z->syscalls, before->syscalls, ns);
	row->faults = per_second(z->faults, before->faults, ns);
}

static void sum(struct look *look, const struct exo_stats *before, uint64_t ns)
{
	const struct exo_stats *now = &look->stats;
	struct row *all = &look->all;

	memset(all, 0, sizeof(*all));
	for (size_t i = 0; i < look->count; i++) {
		const struct row *row = &look->rows[i];

		all->cpu = row->cpu == NO_CPU ? NO_CPU : all->cpu + row->cpu;
		all->zone.mapped_pages += row->zone.mapped_pages;
	}
	all->transitions = per_second(now->transitions, before->transitions, ns);
	all->calls = per_second(now->calls, before->calls, ns);
	all->syscalls = per_second(now->syscalls, before->syscalls, ns);
	all->faults = per_second(now->faults, before->faults, ns);
	look->refusals = per_second(now->refusals, before->refusals, ns);
	look->preemptions = per_second(now->preemptions, before->preemptions, ns);
}

void top_look(exo_cap_t audit, struct look *look)
{
	struct exo_stats before = look->stats;
	struct row *rows;
	size_t count;
	struct exo_zone_info *zones;
	uint64_t now, ns;

	memset(&look->stats, 0xff, sizeof(look->stats));
	check(exo_stats_read(audit, &look->stats, NULL), "cannot read the statistics");
	zones = load_zones(audit, &count);
	now = term_now();
	ns = now - look->time_ns;
	rows = more_memory(NULL, count + 1, sizeof(*rows));
	for (size_t i = 0; i < count; i++) {
		rows[i].zone = zones[i];
		fill(&rows[i], find_before(look->rows, look->count, &zones[i]), ns);
	}
	free(zones);
	free(look->rows);
	look->rows = rows;
	look->count = count;
	look->since_ns = look->time_ns;
	look->time_ns = now;
	sum(look, &before, ns);
}

void top_free(struct look *look)
{
	free(look->rows);
	memset(look, 0, sizeof(*look));
}

/* ---- order ---- */

static enum top_sort sort_by;
static bool sort_around;

static uint64_t sort_key(const struct row *row)
{
	switch (sort_by) {
	case BY_TRANSITIONS: return row->transitions;
	case BY_CALLS: return row->calls;
	case BY_SYSCALLS: return row->syscalls;
	case BY_FAULTS: return row->faults;
	case BY_PAGES: return row->zone.mapped_pages;
	case BY_ZONE: return UINT32_MAX - row->zone.number; /* low numbers first */
	default: return row->cpu == NO_CPU ? 0 : row->cpu;
	}
}

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t first = sort_key(x), second = sort_key(y);

	if (first != second)
		return (first > second) == sort_around ? 1 : -1;
	return (x->zone.number > y->zone.number) - (x->zone.number < y->zone.number);
}

void top_sort(struct look *look, enum top_sort by, bool around)
{
	sort_by = by;
	sort_around = around;
	qsort(look->rows, look->count, sizeof(*look->rows), compare);
}

/* ---- text ---- */

/* Thousandths of a per cent with one decimal, in 6 columns. */
static const char *cpu_text(uint64_t cpu)
{
	if (cpu == NO_CPU)
		return "-";
	if (cpu < 9999950)
		return text_of("%llu.%llu", (unsigned long long)((cpu + 50) / 1000), (unsigned long long)((cpu + 50) / 100 % 10));
	return number_text(cpu / 1000, 6);
}

void top_summary(const struct look *look, unsigned line, char *to, size_t size)
{
	const struct exo_stats *s = &look->stats;

	switch (line) {
	case 0:
		snprintf(to, size, "exo top: up %s s, %s zones, %s contexts, CPU in zones %s%%", seconds_text(s->uptime_ns, 12, 1),
		         number_text(s->zones, 6), number_text(s->contexts, 6), cpu_text(look->all.cpu));
		break;
	case 1:
		snprintf(to, size, "frames %s, %s the kernel's, %s mapped; capabilities %s of %s", number_text(s->frames_total, 6),
		         number_text(s->frames_funded, 6), number_text(look->all.zone.mapped_pages, 6), number_text(s->caps_used, 6),
		         number_text(s->caps_total, 6));
		break;
	default:
		snprintf(to, size, "a second: %s transitions, %s calls, %s refused, %s preempted", number_text(look->all.transitions, 6),
		         number_text(look->all.calls, 6), number_text(look->refusals, 6), number_text(look->preemptions, 6));
	}
}

void top_heading(char *to, size_t size)
{
	snprintf(to, size, "%5s %-16s %-5s %6s %6s %6s %6s %6s %6s %6s", "ZONE", "NAME", "KIND", "CPU%", "TRANS", "CALLS", "SYSC", "FAULT",
	         "PAGES", "FUND");
}

void top_row(const struct row *row, char *to, size_t size)
{
	const struct exo_zone_info *z = &row->zone;

	snprintf(to, size, "%5s %-16s %-5s %6s %6s %6s %6s %6s %6s %6s", number_text(z->number, 5), name_text(z->name, NAME_SIZE),
	         zone_kind(z->kind), cpu_text(row->cpu), number_text(row->transitions, 6), number_text(row->calls, 6),
	         number_text(row->syscalls, 6), number_text(row->faults, 6), number_text(z->mapped_pages, 6), number_text(z->fund_total, 6));
}

/* ---- as a batch ---- */

static void print_look(const struct look *look)
{
	char line[256];

	for (unsigned i = 0; i < TOP_SUMMARY; i++) {
		top_summary(look, i, line, sizeof(line));
		puts(line);
	}
	top_heading(line, sizeof(line));
	puts(line);
	for (size_t i = 0; i < look->count; i++) {
		top_row(&look->rows[i], line, sizeof(line));
		puts(line);
	}
}

static void row_json(const struct row *row)
{
	json_open(NULL, '{');
	json_number("zone", row->zone.number);
	json_string("name", row->zone.name, NAME_SIZE);
	json_text("kind", zone_kind(row->zone.kind));
	if (row->cpu == NO_CPU)
		json_null("cpu_percent");
	else
		json_decimal("cpu_percent", row->cpu);
	json_number("transitions_per_s", row->transitions);
	json_number("calls_per_s", row->calls);
	json_number("syscalls_per_s", row->syscalls);
	json_number("faults_per_s", row->faults);
	json_number("mapped_pages", row->zone.mapped_pages);
	json_number("fund", row->zone.fund_total);
	json_close('}');
}

static void look_json(const struct look *look)
{
	json_open(NULL, '{');
	json_number("uptime_ns", look->stats.uptime_ns);
	json_number("interval_ns", look->time_ns - look->since_ns);
	json_number("transitions_per_s", look->all.transitions);
	json_number("calls_per_s", look->all.calls);
	json_number("refusals_per_s", look->refusals);
	json_number("preemptions_per_s", look->preemptions);
	json_number("frames_total", look->stats.frames_total);
	json_number("frames_funded", look->stats.frames_funded);
	json_open("zones", '[');
	for (size_t i = 0; i < look->count; i++)
		row_json(&look->rows[i]);
	json_close(']');
	json_close('}');
}

static int top_batch(exo_cap_t audit, const struct options *options)
{
	const struct timespec pause = { options->delay_ms / 1000, options->delay_ms % 1000 * 1000000L };
	uint64_t count = options->count_set ? options->count : options->json ? 1 : 0;
	struct look look = { 0 };

	json_one_line();
	top_look(audit, &look);
	for (uint64_t shown = 0; count == 0 || shown < count; shown++) {
		if (shown > 0 && !options->json)
			putchar('\n');
		nanosleep(&pause, NULL);
		top_look(audit, &look);
		if (options->json) {
			look_json(&look);
		} else {
			/* Sorting changes what the next look is compared with not at all: that is found by number. */
			top_sort(&look, BY_CPU, false);
			print_look(&look);
		}
		if (fflush(stdout) != 0)
			return EXO_FAILED;
	}
	top_free(&look);
	return EXO_DONE;
}

int show_top(exo_cap_t audit, const struct options *options)
{
	if (options->batch || options->json || !term_can_draw())
		return top_batch(audit, options);
	return top_live(audit, options);
}
