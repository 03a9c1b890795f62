/* exo top on a terminal: the screen, the keys, and ending a zone's process. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exo.h"
#include "term.h"
#include "text.h"
#include "top.h"

#define FIRST_NS (NS_PER_S / 5) /* to the second look, so that something is there soon */

enum mode { NORMAL, HELP, ASK_ZONE, ASK_SURE, ASK_DELAY };

static struct {
	struct look look;
	unsigned rows, columns, line; /* of the screen; the one that is drawn */
	enum top_sort sort;
	bool around;
	size_t first; /* row of the list at the top */
	uint32_t delay_ms;
	enum mode mode;
	char typed[24]; /* what was answered so far */
	size_t typed_count;
	char message[160];
	int victim; /* descriptor of the process that ASK_SURE is about, or -1 */
	int victim_pid;
	bool quit;
} live;

/* ---- the screen ---- */

/* One line, cut off at the window's edge. */
static void line(bool bright, const char *text)
{
	if (live.line == live.rows)
		return;
	printf("%s%s%.*s%s\033[K", live.line > 0 ? "\r\n" : "", bright ? "\033[7m" : "", (int)live.columns, text, bright ? "\033[0m" : "");
	live.line++;
}

static void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(live.message, sizeof(live.message), format, list);
	va_end(list);
}

static const char *question(void)
{
	static char text[200];

	switch (live.mode) {
	case ASK_ZONE: snprintf(text, sizeof(text), "kill which zone (number or name)? %.*s", (int)live.typed_count, live.typed); break;
	case ASK_DELAY: snprintf(text, sizeof(text), "seconds between looks? %.*s", (int)live.typed_count, live.typed); break;
	default: snprintf(text, sizeof(text), "%s", live.message);
	}
	return text;
}

static void draw_help(void)
{
	static const char *const lines[] = {
		"P T C S F M N  sort by CPU%, TRANS, CALLS, SYSC, FAULT, PAGES, ZONE",
		"R  turn the order round         k  kill the process of a zone",
		"d  seconds between looks        space  look now          q  quit",
		"up, down, page up, page down    move through the zones",
		"CPU%: of one processor; the rest per second, but PAGES and FUND: frames now.",
		"Any key goes on.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		line(false, lines[i]);
}

/* Room for zones; 0 on a very low window. */
static size_t room(void)
{
	return live.rows > TOP_SUMMARY + 2 ? live.rows - TOP_SUMMARY - 2 : 0;
}

static void draw_zones(void)
{
	char text[256];

	if (live.first + 1 > live.look.count)
		live.first = live.look.count > 0 ? live.look.count - 1 : 0;
	top_heading(text, sizeof(text));
	line(true, text);
	for (size_t i = live.first; i < live.look.count && i - live.first < room(); i++) {
		top_row(&live.look.rows[i], text, sizeof(text));
		line(false, text);
	}
}

static void draw(void)
{
	char text[256];

	term_size(&live.rows, &live.columns);
	live.line = 0;
	fputs("\033[H", stdout);
	for (unsigned i = 0; i < TOP_SUMMARY; i++) {
		top_summary(&live.look, i, text, sizeof(text));
		line(false, text);
	}
	line(false, question());
	if (live.mode == HELP)
		draw_help();
	else
		draw_zones();
	fputs("\033[J", stdout);
	/* The cursor stands behind the question. */
	if (live.rows > TOP_SUMMARY)
		printf("\033[%u;%uH", TOP_SUMMARY + 1, (unsigned)strlen(question()) + 1);
	if (fflush(stdout) != 0)
		live.quit = true;
}

/* ---- killing ---- */

static void victim_forget(void)
{
	if (live.victim >= 0)
		close(live.victim);
	live.victim = -1;
}

/* By number or name; a name must be one zone's only. NULL: says why. */
static const struct exo_zone_info *zone_of(const char *text)
{
	const struct exo_zone_info *found = NULL;
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	bool by_number = *text >= '0' && *text <= '9' && !*end;

	for (size_t i = 0; i < live.look.count; i++) {
		const struct exo_zone_info *zone = &live.look.rows[i].zone;

		if (by_number ? zone->number != number : strcmp(name_text(zone->name, NAME_SIZE), text) != 0)
			continue;
		if (found) {
			say("several zones have that name: give the number");
			return NULL;
		}
		found = zone;
	}
	if (!found)
		say("there is no such zone");
	return found;
}

/* The process is held by a descriptor from now on, so that the one that was shown is the one that gets the signal. */
static void ask_sure(const char *text)
{
	const struct exo_zone_info *zone = zone_of(text);

	if (!zone)
		return;
	live.victim_pid = exo_zone_process(zone->number);
	if (live.victim_pid <= 0) {
		say("zone %u is no process of this LibOS: it ends with whoever made it", zone->number);
		return;
	}
	live.victim = (int)syscall(SYS_pidfd_open, live.victim_pid, 0);
	if (live.victim < 0 || exo_zone_process(zone->number) != live.victim_pid) {
		say("it has just ended");
		victim_forget();
		return;
	}
	if (live.victim_pid == (int)getpid()) {
		say("that is exo top itself: q ends it");
		victim_forget();
		return;
	}
	say("kill %s (zone %u, process %d)? y: TERM, 9: KILL, else no", name_text(zone->name, NAME_SIZE), zone->number, live.victim_pid);
	live.mode = ASK_SURE;
}

static void kill_victim(int sig)
{
	if (syscall(SYS_pidfd_send_signal, live.victim, sig, NULL, 0) == 0)
		say("sent %s to process %d", sig == SIGKILL ? "SIGKILL" : "SIGTERM", live.victim_pid);
	else
		say("process %d: %s", live.victim_pid, strerror(errno));
}

/* ---- keys ---- */

static void ask(enum mode mode)
{
	live.mode = mode;
	live.typed_count = 0;
	live.message[0] = 0;
}

static void answered(void)
{
	enum mode mode = live.mode;
	double seconds;
	char *end;

	live.typed[live.typed_count] = 0;
	live.mode = NORMAL;
	if (live.typed_count == 0)
		return;
	if (mode == ASK_ZONE) {
		ask_sure(live.typed);
		return;
	}
	seconds = strtod(live.typed, &end);
	if (*end || !(seconds >= 0.1 && seconds <= 3600))
		say("a number from 0.1 to 3600 is wanted");
	else
		live.delay_ms = (uint32_t)(seconds * 1000 + 0.5);
}

static void type(int key)
{
	if (key == '\r' || key == '\n')
		answered();
	else if (key == '\033')
		live.mode = NORMAL;
	else if ((key == 0x7f || key == '\b') && live.typed_count > 0)
		live.typed_count--;
	else if (key > ' ' && key < 0x7f && live.typed_count < sizeof(live.typed) - 1)
		live.typed[live.typed_count++] = (char)key;
}

static void move(int key)
{
	size_t page = room() > 1 ? room() - 1 : 1, by = key == KEY_UP || key == KEY_DOWN ? 1 : page;

	if (key == KEY_UP || key == KEY_PAGE_UP)
		live.first -= live.first < by ? live.first : by;
	else if (live.first + by < live.look.count)
		live.first += by;
}

static void look(exo_cap_t audit)
{
	top_look(audit, &live.look);
	top_sort(&live.look, live.sort, live.around);
}

static void command(exo_cap_t audit, int key)
{
	const char *sort = key < 128 ? strchr(TOP_KEYS, key) : NULL;

	live.message[0] = 0;
	switch (key) {
	case 'q':
	case 'Q': live.quit = true; return;
	case 'h':
	case '?': live.mode = HELP; return;
	case 'k': ask(ASK_ZONE); return;
	case 'd':
	case 's': ask(ASK_DELAY); return;
	case ' ': look(audit); return;
	case 'R': live.around = !live.around; break;
	case KEY_UP:
	case KEY_DOWN:
	case KEY_PAGE_UP:
	case KEY_PAGE_DOWN: move(key); return;
	default:
		if (!sort || !*sort)
			return;
		live.sort = (enum top_sort)(sort - TOP_KEYS);
		live.around = false;
	}
	live.first = 0;
	top_sort(&live.look, live.sort, live.around);
}

static void press(exo_cap_t audit, int key)
{
	switch (live.mode) {
	case NORMAL: command(audit, key); break;
	case HELP: live.mode = NORMAL; break;
	case ASK_ZONE:
	case ASK_DELAY: type(key); break;
	case ASK_SURE:
		live.mode = NORMAL;
		if (key == 'y' || key == '9')
			kill_victim(key == '9' ? SIGKILL : SIGTERM);
		else
			say("nothing was killed");
		victim_forget();
	}
}

/* Keys, until the time is over or something is to be drawn anew. */
static void keys(exo_cap_t audit, uint64_t until_ns)
{
	int key = term_key(until_ns);

	if (key == KEY_END)
		live.quit = true;
	else if (key != KEY_NONE)
		press(audit, key);
}

int top_live(exo_cap_t audit, const struct options *options)
{
	static char buffer[1 << 16];
	uint64_t next;

	live.delay_ms = options->delay_ms;
	live.victim = -1;
	/* A screen in one piece: less flicker, and fewer records of our own. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	top_look(audit, &live.look);
	if (!term_begin())
		fail("this terminal does not give single keys: exo top -b works anywhere");
	fputs("\033[H\033[J", stdout);
	next = term_now() + FIRST_NS;
	for (uint64_t shown = 0; !live.quit && (!options->count_set || shown < options->count); ) {
		if (term_now() >= next) {
			look(audit);
			next = term_now() + live.delay_ms * UINT64_C(1000000);
			shown++;
			draw();
			continue;
		}
		keys(audit, next);
		if (!live.quit && shown > 0 && term_now() < next)
			draw();
	}
	term_end();
	victim_forget();
	top_free(&live.look);
	return EXO_DONE;
}
