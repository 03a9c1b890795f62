/* What a system call's arguments are: kinds.def and the groups of names.def as numbers. Also for the fuzzers. */
#ifndef LIBOS_KINDS_H
#define LIBOS_KINDS_H

enum call_kind {
	A_NONE,
#define IN_KIND(kind, letter) A_##kind,
#define OUT_KIND(kind, letter)
#include "kinds.def"
#undef IN_KIND
#undef OUT_KIND
	A_LAST_IN, /* what stands between it and A_FIRST_GROUP is filled by the call */
#define IN_KIND(kind, letter)
#define OUT_KIND(kind, letter) A_##kind,
#include "kinds.def"
#undef IN_KIND
#undef OUT_KIND
	A_FIRST_GROUP,
	A_BEFORE_FIRST_ = A_FIRST_GROUP - 1, /* the first group has A_FIRST_GROUP's number */
#define FLAGS(group, zero, unknown) A_##group,
#define ONE_OF(group, unknown) A_##group,
#define NAME(name)
#define IS(name, value)
#define END
#include "names.def"
#include "names_more.def"
#undef FLAGS
#undef ONE_OF
#undef NAME
#undef IS
#undef END
	A_KINDS
};

/* strace's classes of calls, for filters. */
enum {
	C_FILE = 1,
	C_DESC = 2,
	C_PROCESS = 4,
	C_NETWORK = 8,
	C_SIGNAL = 16,
	C_IPC = 32,
	C_MEMORY = 64,
	C_CREDS = 128,
	C_CLOCK = 256
};

#endif
