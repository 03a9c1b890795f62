/* Names of errors, signals and numbers of all kinds, for traces. */
#ifndef LIBOS_NAMES_H
#define LIBOS_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <libos/abi/kinds.h>

struct error_name {
	const char *name, *text;
};
/* NULL: no such error. error: positive. */
const struct error_name *error_name(int64_t error);
/* The error of that name ("ENOENT"), -1: there is none. */
int64_t error_of_name(const char *name);
/* "SIGINT"; NULL: a realtime signal or none at all. */
const char *signal_name(int64_t signo);
/* The signal of that name, with or without SIG, or number; 0: there is none. */
int64_t signal_of_name(const char *name);

struct number_name {
	uint64_t value;
	const char *name;
};
struct name_group {
	const struct number_name *names;
	uint32_t count;
	bool flags;          /* bits, or one of several values */
	const char *zero;    /* flags: what no bit is called */
	const char *unknown; /* said beside what has no name */
};
/* kind: above A_FIRST_GROUP. */
const struct name_group *name_group(enum call_kind kind);
/* One of several values, of 32 bits. NULL: the group has no such. */
const char *name_in_group(enum call_kind kind, uint64_t value);

#endif
