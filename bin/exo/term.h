/*
 * The terminal of a program that draws a screen: keys without waiting for a line, the window's size, and the mode that it had
 * before, which comes back whatever ends the program (but SIGKILL), and while it is stopped.
 */
#ifndef EXO_TERM_H
#define EXO_TERM_H

#include <stdbool.h>
#include <stdint.h>

enum key {
	KEY_NONE = -1, /* the time is over, or the window or the screen has changed: draw again */
	KEY_END = -2,  /* nobody types any more */
	/* Others are the byte that was typed, or: */
	KEY_UP = 256, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_OTHER,
};

/* Standard input and output are a terminal that can move its cursor. */
bool term_can_draw(void);

/* From now on keys come one by one, and nothing is echoed. False: the terminal does not let us. */
bool term_begin(void);

/* Gives the terminal back, with the cursor at the beginning of the last line. */
void term_end(void);

/* Rows and columns, at least 1 and at most 1000 each. */
void term_size(unsigned *rows, unsigned *columns);

/* The next key, or KEY_NONE at that time (CLOCK_MONOTONIC, ns). */
int term_key(uint64_t until_ns);

uint64_t term_now(void); /* CLOCK_MONOTONIC, ns */

#endif
