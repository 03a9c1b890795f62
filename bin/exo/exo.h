/*
 * exo: what its files share. Each command is a function of its own, found in command.c's table; what it prints goes to
 * standard output, as a table of at most 80 columns, wide (-w), or as JSON (--json).
 *
 * bin/exo.c has the two things that touch the system (exo_call(), exo_attach()), so that a test can put its own in their place.
 */
#ifndef EXO_H
#define EXO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exo/calls.h>
#include <libos/dev_exo.h>

#define EXO_COLUMNS 80u
#define NS_PER_S    UINT64_C(1000000000)

/* Exit statuses. */
#define EXO_DONE   0
#define EXO_FAILED 1 /* the system refused, or cannot do it */
#define EXO_USAGE  2 /* the command line is wrong */

struct options {
	bool wide, json;
	bool follow, refusals, own; /* audit */
	bool batch;                 /* top */
	bool zone_set, count_set;
	uint32_t zone;
	uint64_t count;    /* top: screens */
	uint32_t delay_ms; /* top */
};

/* ---- the system: bin/exo.c, or a test ---- */

/* Asks /dev/exo. Fills in grant->cap; an error number if it cannot. */
int exo_attach(struct exo_dev_grant *grant);

/* The process that runs in a zone (EXO_DEV_PROCESS); 0 if there is none that this LibOS knows. */
int exo_zone_process(uint32_t zone);

/* ---- command.c ---- */

/* All of exo but `exo libos`. Returns the exit status. */
int exo_command(int argc, char **argv);

/* A capability of this kind, or ends the program with a message that says what to do. */
exo_cap_t attach(uint32_t kind, uint32_t rights);

/* Ends the program unless the call was good. what: "cannot list zones". */
void check(enum exo_status status, const char *what);

/* Ends the program with EXO_FAILED: "exo: WHAT". */
_Noreturn void fail(const char *what);

/* realloc(), or fail(). */
void *more_memory(void *at, size_t count, size_t size);

/* ---- the commands. `audit`: a capability with READ for the audit ring; `memory`: for all memory, with no rights. ---- */

int show_zones(exo_cap_t audit, const struct options *options);
int show_stats(exo_cap_t audit, const struct options *options);
int show_caps(exo_cap_t audit, const struct options *options);
int show_extents(exo_cap_t audit, const struct options *options);
int show_memory(exo_cap_t memory, const struct options *options);
int show_audit(exo_cap_t audit, const struct options *options);
int show_top(exo_cap_t audit, const struct options *options);

/* help.c: of a topic; NULL: of everything. False: there is no such topic. */
bool show_help(const char *topic);

/* zones.c: all living zones in order of their numbers, at most 65,536; free() it. */
struct exo_zone_info *load_zones(exo_cap_t audit, size_t *count);

/* zones.c: "libos", "app", "?" */
const char *zone_kind(uint32_t kind);

/* zones.c: what the zone may use itself of a table of the kernel: it has not given that away. */
uint64_t zone_share(const struct exo_zone_info *zone, uint32_t table);

/* caps.c: all living capabilities in order of their slots; free() it. */
struct exo_cap_info *load_caps(exo_cap_t audit, size_t *count);

#endif
