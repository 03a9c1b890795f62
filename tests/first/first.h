/*
 * A first LibOS that attacks the kernel: in the place of the POSIX one it holds all capabilities and the window. It is started
 * with the name of an attack (tests/run-cli):
 *
 *   calls   all that must be refused, or be harmless: one line each; status 0 if all is well (both targets)
 *   NAME    one thing that must end the LibOS, and so the machine with status 125 (fatal.c, x86_64 only)
 *   list    the names of those
 */
#ifndef FIRST_H
#define FIRST_H

#include <exo/calls.h>

#define PAGE EXO_FRAME_SIZE

extern const struct exo_boot *boot;

/* Frames of our memory, never given back. 0 and up; aligned to `align` frames. */
exo_frame_t take(uint64_t count, uint64_t align);

/* Where the window shows a frame. */
static inline volatile uint64_t *see(exo_frame_t frame)
{
	return (volatile uint64_t *)(uintptr_t)(boot->window + (frame << EXO_FRAME_SHIFT));
}

void say(const char *text);
void say_number(uint64_t number);

/* A line "ok WHAT" or "NOT OK WHAT". */
void check(const char *what, bool good);

/* A zone with `count` frames of fund at `first`, or EXO_CAP_NONE. */
exo_cap_t zone_at(exo_frame_t first, uint64_t count);

void attack_calls(void);
void attack_contexts(void);

/* false: there is none of that name. Comes back only if it was not stopped. */
bool attack_fatal(const char *name) __attribute__((weak));
void attack_list(void) __attribute__((weak));

bool is_same(const char *a, const char *b);

#endif
