/*
 * What whoever starts the system asks of its LibOS: a program, its arguments and environment, and how they are run. The
 * part of the command line that feuerbird-sim and tools/fb-qemu have in common; nothing else of the simulator is needed.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request_list {
	char **strings; /* allocated */
	size_t count, room;
};

struct request {
	struct request_list switches; /* elements for the LibOS, as they are */
	struct request_list env;      /* VAR=VALUE, each variable once */
	const char *cwd, *user;       /* NULL: the LibOS's defaults */
	uint64_t timeout_ms;          /* 0: none */
	bool init;                    /* PROGRAM below fb-init */
	char **args;                  /* PROGRAM and its arguments; NULL at the end */
};

#define REQUEST_FAILED   125 /* the runner's exit status when it failed, and not what it ran: as docker has it */
#define REQUEST_TIMEDOUT 124 /* as timeout(1) has it */

/* The lines of --help on what this file knows; at most 80 columns. */
#define REQUEST_HELP \
	"  -e VAR=VALUE     a variable of PROGRAM's environment; -e VAR: as it is here.\n" \
	"                   The last one counts\n" \
	"  --env-file FILE  the same from a file, one in a line; # begins a comment\n" \
	"  -w DIR           PROGRAM's working directory, inside the root (/root)\n" \
	"  -u USER[:GROUP]  whose process PROGRAM is: names from the root's /etc/passwd\n" \
	"                   and /etc/group, or numbers (root)\n" \
	"  --init           PROGRAM is not process 1, but below one that takes in orphans\n" \
	"                   and knows halt, poweroff and reboot: as without PROGRAM\n" \
	"  --timeout TIME   after so many seconds (or 5m, 1h) the system is shut down,\n" \
	"                   and the status is 124\n" \
	"  @FILE            more options from FILE: words, quoted as for a shell\n"

/* The same, about traces: behind --strace. */
#define REQUEST_HELP_TRACE \
	"  --strace-X       strace(1)'s option -X: -e EXPR, -s SIZE, -r, -t, -tt, -ttt,\n" \
	"                   -T, -c, -C, -w. EXPR is [trace=]open,%file,!read or\n" \
	"                   signal=CHLD,TERM or inject=CALLS:error=E:retval=N:signal=S:\n" \
	"                   when=FIRST..LAST+STEP (docs/strace.md)\n"

/* How to leave, for --help. */
#define REQUEST_HELP_LEAVE \
	"On a terminal, Ctrl-] pressed twice within a second ends the system, whatever\n" \
	"runs in it.\n\n"
#define REQUEST_LEAVE_KEY 0x1d
#define REQUEST_LEAVE_MS  1000

/* The last lines of --help. */
#define REQUEST_HELP_STATUS \
	"The exit status is PROGRAM's, or 128 and the number of the signal that killed\n" \
	"it. 124: --timeout; 125: not PROGRAM, but what runs it failed; 126: PROGRAM is\n" \
	"no program; 127: there is none of that name.\n"

/* The runner's own: says why on standard error, and ends with REQUEST_FAILED. */
_Noreturn void request_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One element: a name, or a name with '=' and its value. */
void request_switch(struct request *request, const char *name, const char *value);

/* The value of `--name VALUE`, `--name=VALUE`, `-n VALUE` or `-nVALUE` at argv[*at], which moves to the last word of it. NULL: it is
 * another option. */
const char *request_value(const char *name, char **argv, int *at);

/* Is argv[*at] an option of this file? Then it is noted, and *at moves to its last word. */
bool request_option(struct request *request, char **argv, int *at);

/* argv with the words of the file that argv[at] names ("@FILE") in its place: a new array. */
char **request_include(char **argv, int at);

/* Everything as the boot page's command line has it (struct exo_boot), NUL-terminated: the caller's to free. */
char *request_text(const struct request *request, size_t *size);

#endif
