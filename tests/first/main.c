/* Start, the choice of the attack, and what all attacks use. */
#include "first.h"

const struct exo_boot *boot;
static exo_frame_t next;
static uint64_t failures;

void say(const char *text)
{
	uint64_t size = 0, done = 0;

	while (text[size])
		size++;
	while (size > 0 && exo_console_write(boot->console, text, size, &done) == EXO_OK) {
		text += done;
		size -= done;
	}
}

void say_number(uint64_t number)
{
	char text[20] = "0x";

	for (int i = 0; i < 16; i++)
		text[2 + i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
	text[18] = 0;
	say(text);
}

void check(const char *what, bool good)
{
	say(good ? "ok " : "NOT OK ");
	say(what);
	say("\n");
	failures += !good;
}

bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == 0 && (*b == 0 || *b == '\n');
}

exo_frame_t take(uint64_t count, uint64_t align)
{
	exo_frame_t first = (next + align - 1) & ~(align - 1);

	next = first + count;
	return first;
}

exo_cap_t zone_at(exo_frame_t first, uint64_t count)
{
	uint64_t zone = EXO_CAP_NONE;

	return exo_zone_create(boot->zone, boot->memory, first, count, "victim", 6, &zone) == EXO_OK ? zone : EXO_CAP_NONE;
}

/* The first argument of the command line: an element "arg=NAME". */
static const char *name_find(void)
{
	for (const char *at = boot->cmdline; *at; at++)
		if ((at == boot->cmdline || at[-1] == '\n') && at[0] == 'a' && at[1] == 'r' && at[2] == 'g' && at[3] == '=')
			return at + 4;
	return "calls";
}

EXO_NORETURN void libos_start(const struct exo_boot *b);

EXO_NORETURN void libos_start(const struct exo_boot *b)
{
	const char *name;
	uint64_t value;

	boot = b;
	next = b->memory_first + 64;
	name = name_find();
	if (is_same("calls", name)) {
		attack_calls();
		attack_contexts();
	} else if (is_same("list", name) && attack_list) {
		attack_list();
	} else {
		say(attack_fatal && attack_fatal(name) ? "BREACH\n" : "no such attack\n");
		failures = 1;
	}
	(void)!exo_halt(boot->root, failures != 0, &value);
	for (;;)
		;
}
