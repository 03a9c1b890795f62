/* exo top: what its two files share: top.c looks and counts, live.c draws. */
#ifndef EXO_TOP_H
#define EXO_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exo.h"

/* A zone, and what it did since the look before: per second, but where it says something else. */
struct row {
	struct exo_zone_info zone;
	uint64_t cpu; /* thousandths of a per cent of one CPU; NO_CPU: the machine does not tell */
	uint64_t transitions, calls, syscalls, faults;
};
#define NO_CPU UINT64_MAX

struct look {
	struct row *rows;
	size_t count;
	struct exo_stats stats;
	struct row all;              /* sums; transitions to faults are the whole system's */
	uint64_t refusals, preemptions; /* per second, of the whole system */
	uint64_t time_ns, since_ns;  /* when, and the look before that it is compared with */
};

/* By what rows are sorted: in the order of TOP_KEYS. */
enum top_sort { BY_CPU, BY_TRANSITIONS, BY_CALLS, BY_SYSCALLS, BY_FAULTS, BY_PAGES, BY_ZONE };
#define TOP_KEYS "PTCSFMN"

/* Looks; what was in *look is what it is compared with. */
void top_look(exo_cap_t audit, struct look *look);
void top_sort(struct look *look, enum top_sort by, bool around);
void top_free(struct look *look);

/* Lines of at most 80 columns without their ends: three of the whole system, the heading, one zone's. */
#define TOP_SUMMARY 3u
void top_summary(const struct look *look, unsigned line, char *to, size_t size);
void top_heading(char *to, size_t size);
void top_row(const struct row *row, char *to, size_t size);

/* live.c: until the user ends it, or `count` (0: no end) screens were shown. */
int top_live(exo_cap_t audit, const struct options *options);

#endif
