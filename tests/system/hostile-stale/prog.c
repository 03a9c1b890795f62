/* What was unmapped, protected, moved or copied is so for every thread and process when the call returns: nobody goes on with an
 * older translation, and so nobody sees what its frame is used for next. */
#include "check.h"
#include <pthread.h>
#include <setjmp.h>

#define PAGE   4096UL
#define PAGES  16
#define ROUNDS 60
#define OURS   0x5151515151515151UL
#define THEIRS 0xe7e7e7e7e7e7e7e7UL /* in frames that somebody else has by now */

static volatile uint64_t *place;  /* what the reader reads, a word of each page */
static uint8_t *other, *away;     /* two more places that nobody else gets */
static volatile uint64_t said;    /* rounds: the change of this round has returned */
static volatile uint64_t reads;   /* looks of the reader, so that we know that it looks */
static volatile int writes, ends; /* the reader writes instead; it shall end */
static volatile uint64_t late, foreign; /* what must not be */
static volatile int may_go_on;    /* after the change the word may be reached, but must be `expected` */
static volatile uint64_t expected;

static _Thread_local sigjmp_buf env;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(env, 1);
}

/* One look at a page, or one write to it. It began after the change if `said` has said so before. */
static void look(unsigned page)
{
	uint64_t before = said, value;

	if (sigsetjmp(env, 1))
		return;
	if (writes) {
		place[page * PAGE / 8] = OURS;
		late += (before & 1) && said == before;
		return;
	}
	value = place[page * PAGE / 8];
	foreign += value == THEIRS;
	if ((before & 1) && said == before)
		late += !may_go_on || value != expected;
}

static void *reader(void *unused)
{
	(void)unused;
	for (unsigned i = 0; !ends; i++) {
		look(i % PAGES);
		reads++;
	}
	return NULL;
}

/* The reader has been through all pages. */
static void wait_looks(void)
{
	uint64_t until = reads + 3 * PAGES;

	while (reads < until)
		sched_yield();
}

static uint64_t *fresh(void *at, uint64_t pattern)
{
	uint8_t *p = mmap(at, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	for (unsigned i = 0; i < PAGES; i++)
		*(volatile uint64_t *)(p + i * PAGE) = pattern;
	return (uint64_t *)(void *)p;
}

/* Takes the frames that have become free. */
static void others_take(void)
{
	fresh(other, THEIRS);
	wait_looks();
	munmap(other, PAGES * PAGE);
}

static void unmap(void) { munmap((void *)place, PAGES * PAGE); }
static void forbid(void) { mprotect((void *)place, PAGES * PAGE, PROT_NONE); }
static void make_read_only(void) { mprotect((void *)place, PAGES * PAGE, PROT_READ); }
static void replace(void) { fresh((void *)place, expected); }
static void drop(void) { madvise((void *)place, PAGES * PAGE, MADV_DONTNEED); }
static void move(void)
{
	mremap((void *)place, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away);
	munmap(away, PAGES * PAGE);
}

static const struct change {
	const char *name;
	void (*make)(void);
	int writes, may_go_on;
	uint64_t expected;
} changes[] = {
	{ "munmap", unmap, 0, 0, 0 },
	{ "mprotect to nothing", forbid, 0, 0, 0 },
	{ "mprotect to reading, for who writes", make_read_only, 1, 0, 0 },
	{ "mremap to elsewhere", move, 0, 0, 0 },
	{ "mmap over it", replace, 0, 1, 0x7171717171717171UL },
	{ "madvise that drops it", drop, 0, 1, 0 },
};

static int holds(const struct change *change)
{
	pthread_t thread;

	late = foreign = 0;
	ends = 0;
	writes = change->writes;
	may_go_on = change->may_go_on;
	expected = change->expected;
	pthread_create(&thread, NULL, reader, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		fresh((void *)place, OURS);
		wait_looks();
		change->make();
		said++;
		others_take();
		said++;
	}
	ends = 1;
	pthread_join(thread, NULL);
	/* So that no stack of a thread comes there. */
	mmap((void *)place, 6 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return late == 0 && foreign == 0;
}

/* A child goes on with what it had at the fork, whatever the parent writes, and the reverse. */
static int forks_apart(void)
{
	uint64_t *p = fresh((void *)place, OURS);
	int bad = 0;

	for (unsigned i = 0; i < ROUNDS / 2; i++) {
		pid_t child;

		for (unsigned j = 0; j < PAGES; j++)
			p[j * PAGE / 8] = i;
		child = fork();
		for (unsigned j = 0; j < PAGES; j++)
			if (child)
				p[j * PAGE / 8] = THEIRS;
		if (child == 0) {
			for (unsigned j = 0; j < PAGES; j++)
				bad += p[j * PAGE / 8] != i;
			_exit(bad);
		}
		bad += wait_status(child) != 0;
	}
	return bad == 0;
}


int main(void)
{
	uint8_t *places = mmap(NULL, 6 * PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char text[100];

	place = (uint64_t *)(void *)places;
	other = places + 2 * PAGES * PAGE;
	away = places + 4 * PAGES * PAGE;
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++) {
		snprintf(text, sizeof text, "nobody is late after %s", changes[i].name);
		CHECK(text, holds(&changes[i]));
	}
	CHECK("a fork sees what was there", forks_apart());
	DONE();
}
