/* Shared by held.c and its cases. */
#ifndef HELD_H
#define HELD_H

struct held {
	volatile long late_ns;  /* the latest that the sleeper was */
	volatile long over;     /* times that it was later than HELD_GOAL_NS */
	volatile long wakeups;
	volatile long stop;
	volatile long until;    /* when a case should end, ns */
	volatile long ready;    /* for the cases' own use */
};

struct held_case {
	const char *name;
	void (*run)(void);
};

#define HELD_GOAL_NS 20000000l

extern struct held *shared;
extern long held_size; /* 0, or a case's size: MiB, processes */
extern const struct held_case held_cases[]; /* ends with a name of NULL */

long held_now(void);

#endif
