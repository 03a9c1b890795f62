/* Names of errors, signals and flags, for traces. */
#ifndef LIBOS_NAMES_H
#define LIBOS_NAMES_H

#include <stdint.h>

struct error_name {
	const char *name, *text;
};
/* NULL: no such error. error: positive. */
const struct error_name *error_name(int64_t error);
/* NULL: a realtime signal or none at all. */
const char *signal_name(int64_t signo);

struct flag_name {
	uint64_t bits;
	const char *name; /* NULL ends a list */
};
extern const struct flag_name open_flags[], protection_flags[], map_flags[], clone_flags[], wait_flags[];

#endif
