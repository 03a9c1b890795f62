/* exo zones and exo stats. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo.h"
#include "text.h"

#define BATCH     64u
#define ZONES_MAX 65536u

const char *zone_kind(uint32_t kind)
{
	return kind == EXO_ZONE_LIBOS ? "libos" : kind == EXO_ZONE_APP ? "app" : "?";
}

uint64_t zone_share(const struct exo_zone_info *zone, uint32_t table)
{
	return zone->quotas[table].limit - zone->quotas[table].given;
}

/* The kernel writes straight into this memory, which must be there when it does: so it is written to before. */
struct exo_zone_info *load_zones(exo_cap_t audit, size_t *count)
{
	struct exo_zone_info *zones = NULL;
	uint64_t start = 0, got;

	*count = 0;
	do {
		zones = more_memory(zones, *count + BATCH, sizeof(*zones));
		memset(zones + *count, 0xff, BATCH * sizeof(*zones));
		check(exo_list_zones(audit, zones + *count, BATCH, start, &got), "cannot list zones");
		if (got > BATCH)
			got = BATCH;
		*count += got;
		if (got > 0)
			start = (uint64_t)zones[*count - 1].number + 1;
	} while (got == BATCH && *count < ZONES_MAX);
	return zones;
}

/* "used/all" in at most 2 * width + 1 characters. */
static const char *pair(uint64_t used, uint64_t all, unsigned width)
{
	return text_of("%s/%s", number_text(used, width), number_text(all, width));
}

static void zone_row(const struct exo_zone_info *z)
{
	printf("%5s %-16s %-5s %11s %8s %8s %7s %11s\n", number_text(z->number, 5), name_text(z->name, NAME_SIZE), zone_kind(z->kind),
	       number_text(z->transitions, 11), number_text(z->syscalls, 8), number_text(z->faults, 8), number_text(z->mapped_pages, 7),
	       pair(z->fund_total - z->fund_free, z->fund_total, 5));
}

static void zone_row_wide(const struct exo_zone_info *z)
{
	printf("%5u %-16s %-5s %11llu %10llu %10llu %8llu %9llu %7llu %6llu/%-6llu %6u/%-6llu %5u/%-5llu %3u/%-3llu %4u\n", z->number,
	       name_full(z->name, NAME_SIZE), zone_kind(z->kind), (unsigned long long)z->transitions, (unsigned long long)z->calls,
	       (unsigned long long)z->syscalls, (unsigned long long)z->faults, (unsigned long long)z->cycles / 1000000,
	       (unsigned long long)z->mapped_pages, (unsigned long long)(z->fund_total - z->fund_free),
	       (unsigned long long)z->fund_total, z->quotas[EXO_QUOTA_CAPS].used,
	       (unsigned long long)zone_share(z, EXO_QUOTA_CAPS), z->quotas[EXO_QUOTA_ZONES].used,
	       (unsigned long long)zone_share(z, EXO_QUOTA_ZONES), z->quotas[EXO_QUOTA_DISK].used,
	       (unsigned long long)zone_share(z, EXO_QUOTA_DISK), z->contexts);
}

static void zone_json(const struct exo_zone_info *z)
{
	static const char *const tables[EXO_QUOTA_COUNT] = { "caps", "zones", "disk" };

	json_open(NULL, '{');
	json_number("zone", z->number);
	json_string("name", z->name, NAME_SIZE);
	json_text("kind", zone_kind(z->kind));
	json_number("transitions", z->transitions);
	json_number("calls", z->calls);
	json_number("syscalls", z->syscalls);
	json_number("faults", z->faults);
	json_number("cycles", z->cycles);
	json_number("mapped_pages", z->mapped_pages);
	json_number("fund_used", z->fund_total - z->fund_free);
	json_number("fund", z->fund_total);
	json_number("contexts", z->contexts);
	for (uint32_t t = 0; t < EXO_QUOTA_COUNT; t++) {
		json_open(tables[t], '{');
		json_number("used", z->quotas[t].used);
		json_number("share", zone_share(z, t));
		json_close('}');
	}
	json_number("pending", z->pending);
	json_number("taken_lost", z->taken_lost);
	json_close('}');
}

int show_zones(exo_cap_t audit, const struct options *options)
{
	size_t count;
	struct exo_zone_info *zones = load_zones(audit, &count);

	if (options->json) {
		json_open(NULL, '{');
		json_open("zones", '[');
	} else if (options->wide) {
		printf("%5s %-16s %-5s %11s %10s %10s %8s %9s %7s %13s %13s %11s %7s %4s\n", "ZONE", "NAME", "KIND", "TRANSITIONS",
		       "CALLS", "SYSCALLS", "FAULTS", "MCYCLES", "PAGES", "FUND", "CAPS", "ZONES", "DISK", "CTX");
	} else {
		printf("%5s %-16s %-5s %11s %8s %8s %7s %11s\n", "ZONE", "NAME", "KIND", "TRANSITIONS", "SYSCALLS", "FAULTS", "PAGES", "FUND");
	}
	for (size_t i = 0; i < count; i++)
		(options->json ? zone_json : options->wide ? zone_row_wide : zone_row)(&zones[i]);
	if (options->json) {
		json_close(']');
		json_close('}');
	}
	free(zones);
	return EXO_DONE;
}

/* ---- statistics ---- */

int show_stats(exo_cap_t audit, const struct options *options)
{
	static struct exo_stats s;
	unsigned long long up;

	memset(&s, 0xff, sizeof(s));
	check(exo_stats_read(audit, &s, NULL), "cannot read the statistics");
	up = s.uptime_ns / 1000000;
	const struct {
		const char *key, *text;
		uint64_t value;
	} rows[] = {
		{ "transitions", "zone transitions", s.transitions },
		{ "calls", "kernel calls", s.calls },
		{ "refusals", "  refused", s.refusals },
		{ "syscalls", "system calls of programs", s.syscalls },
		{ "faults", "page faults", s.faults },
		{ "exceptions", "exceptions", s.exceptions },
		{ "preemptions", "preemptions", s.preemptions },
		{ "audit_records", "audit records", s.audit_records },
		{ "audit_dropped", "  dropped", s.audit_dropped },
		{ "zones", "zones", s.zones },
		{ "contexts", "contexts", s.contexts },
		{ "caps_used", "capabilities", s.caps_used },
		{ "caps_total", "  slots", s.caps_total },
		{ "frames_total", "frames", s.frames_total },
		{ "frames_funded", "  funding the kernel", s.frames_funded },
	};

	if (options->json) {
		json_open(NULL, '{');
		json_number("uptime_ns", s.uptime_ns);
	} else {
		printf("%-28s %12llu.%03llu s\n", "up", up / 1000, up % 1000);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (options->json)
			json_number(rows[i].key, rows[i].value);
		else
			printf("%-28s %16llu\n", rows[i].text, (unsigned long long)rows[i].value);
	}
	if (options->json)
		json_close('}');
	return EXO_DONE;
}
