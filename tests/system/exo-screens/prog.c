/*
 * exo's own files on a kernel that says the worst: the largest numbers, names of escape sequences, capabilities that derive from each
 * other, bytes at random. Nothing is wider than 80 columns, nothing reaches a terminal raw, and JSON is JSON.
 *
 * prog: all that. prog WIDTH: standard input as a screen. prog json: as JSON documents.
 */
#include "check.h"
#include <sys/ioctl.h>
#include "../../../bin/exo/exo.h"

static enum exo_status refuse; /* what every call is answered, if not EXO_OK */
static unsigned seed; /* 0: the largest numbers, else random ones */

/* ---- the kernel ---- */

static uint64_t random_bits(void)
{
	static uint64_t state;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL + seed;
	return state ^ state >> 29;
}

/* Random bytes are no more likely to be found large than small: so each is of any number of bits. */
static uint64_t some(void)
{
	return seed ? random_bits() >> (random_bits() & 63) : UINT64_MAX;
}

static void some_name(char *name)
{
	static const char *const names[] = {
		"\033[31mRED\033[0m ", "0123456789abcdef", "a b\tc\nd\re", "\"\\\b\f'{}[],:", "\x9b" "31m\xff\xfe\xc3(", "", "ESC\033]0;title\007", "\x7f\x7f\x01",
	};
	static unsigned next;

	for (int i = 0; i < 16; i++)
		name[i] = (char)random_bits();
	if (!seed)
		strncpy(name, names[next++ % 8], 16);
}

static uint64_t zones(struct exo_zone_info *to, uint64_t count, uint64_t start)
{
	uint64_t n = 0;

	for (uint64_t number = start < 1 ? 1 : start; n < count && number <= UINT32_MAX; number = number < 90 ? number + 1 : number < UINT32_MAX ? UINT32_MAX : UINT32_MAX + 1ULL, n++) {
		struct exo_zone_info *z = &to[n];

		*z = (struct exo_zone_info){
			.number = (uint32_t)number, .kind = (uint32_t)some() & 3, .transitions = some(), .calls = some(), .syscalls = some(), .faults = some(),
			.cycles = some(), .mapped_pages = some(), .fund_free = seed ? some() : 0, .fund_total = some(), .contexts = (uint32_t)some(), .pending = some(),
			.taken_lost = some(),
		};
		for (int i = 0; i < EXO_QUOTA_COUNT; i++)
			z->quotas[i] = (struct exo_quota){ .used = (uint32_t)some(), .limit = (uint32_t)some(), .given = seed ? (uint32_t)some() : 0 };
		some_name(z->name);
	}
	return n;
}

#define CAPS 1500ULL
#define NAME(slot) ((slot) | (seed ? (slot) * 977 % 70000 : 0xffffffffffffULL) << 16)

/* A chain of a thousand; two that derive from each other; one of itself; orphans; the rest from the first one. */
static uint64_t parent_of(uint64_t slot)
{
	if (slot < 1000)
		return slot > 1 ? NAME(slot - 1) : 0;
	if (slot < 1004)
		return NAME(slot ^ 1);
	return slot == 1004 ? NAME(slot) : slot < 1010 ? 0xdead0000ffffULL + slot : NAME(1ULL);
}

static struct exo_result caps(struct exo_cap_info *to, uint64_t count, uint64_t start)
{
	uint64_t n = 0, slot = start, behind = start + EXO_LIST_SLOTS;

	for (; n < count && slot < CAPS && slot < behind; slot++, n++) {
		static const uint32_t types[] = { EXO_CAP_MEMORY, EXO_CAP_NOTIFY, EXO_CAP_MEMORY, 0xffffffff, EXO_CAP_DISK };

		to[n] = (struct exo_cap_info){
			.cap = NAME(slot), .parent = parent_of(slot), .type = types[slot % 5], .rights = (uint32_t)some(), .first = some(), .count = some(),
			.expires_ns = slot % 3 ? some() - 1 : EXO_NO_EXPIRY, .owner_zone = (uint32_t)some(), .refs = (uint32_t)some(),
		};
	}
	return (struct exo_result){ slot == behind && n < count ? EXO_E_AGAIN : EXO_OK, n };
}

/* What one CPU's ring and another's may hold, as they are read: refusals first; entries have the time of their run's beginning.
 * Our zone 7 was another program's until 50. */
static const struct exo_audit_record story[] = {
	{ 40, 0x10001, 7, EXO_AUDIT_REFUSE, EXO_NR_NOP, EXO_E_TYPE, 3 },
	{ 61, 0x10002, 7, EXO_AUDIT_REFUSE, EXO_NR_NOP, EXO_E_TYPE, 4 },
	{ 55, 0x10003, 9, EXO_AUDIT_REFUSE, EXO_NR_NOP, EXO_E_TYPE, 0 },
	{ 30, 0x10004, 7, EXO_AUDIT_ENTER, 0, EXO_OK, 100 },
	{ 35, 0x10004, 7, EXO_AUDIT_CALL, EXO_NR_CAP_DROP, EXO_OK, 101 },
	{ 30, 0x10004, 7, EXO_AUDIT_ENTER, 0, EXO_OK, 102 },
	{ 36, 0x10004, 7, EXO_AUDIT_LEAVE, EXO_EV_SYSCALL, EXO_OK, 103 },
	{ 50, 0x50005, 7, EXO_AUDIT_ENTER, 0, EXO_OK, 104 },
	{ 58, 0x50005, 7, EXO_AUDIT_LEAVE, EXO_EV_SYSCALL, EXO_OK, 105 },
	{ 20, 0x10006, 9, EXO_AUDIT_ENTER, 0, EXO_OK, 7000 },
	{ 33, 0x10006, 9, EXO_AUDIT_LEAVE, EXO_EV_FAULT, EXO_OK, 7001 },
};
static int tells;

static uint64_t records(struct exo_audit_record *to, uint64_t count)
{
	static uint64_t left = 700;
	uint64_t n = 0;

	if (tells) {
		n = tells < 0 ? 0 : sizeof story / sizeof *story;
		memcpy(to, story, n * sizeof *story);
		tells = -1;
		return n;
	}
	for (; n < count && left > 0; n++, left--)
		to[n] = (struct exo_audit_record){
			.time_ns = seed ? some() : UINT64_MAX - (left * 7919 % 1000) * 1000000000ULL, .cap = some(), .zone = (uint32_t)some(), .what = (uint16_t)(left % 8),
			.call = (uint16_t)(seed ? some() : left % 2 ? EXO_NR_ZONE_ANSWER_PROGRAM : 0xffff), .status = (uint32_t)(seed ? some() : left % 30),
			.sequence = (uint32_t)some(),
		};
	return n;
}

static uint64_t nodes(struct exo_node_info *to)
{
	for (int i = 0; i < 16; i++)
		to[i] = (struct exo_node_info){ .first = some(), .count = 3, .node = (uint32_t)some(), .colours = 1 + (uint32_t)some() % 5000 };
	return 16;
}

static uint64_t frames(struct exo_frame_info *to, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		to[i] = (struct exo_frame_info){ .node = (uint32_t)some(), .colour = (uint32_t)some(), .maps = (uint32_t)some(), .kind = (uint16_t)some() & 3 };
	return count;
}

/* Addresses are of this program, and hold as many as it says. */
struct exo_result exo_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	(void)a0;
	(void)a4;
	(void)a5;
	if (refuse)
		return (struct exo_result){ refuse, 0 };
	switch (number) {
	case EXO_NR_LIST_ZONES: return (struct exo_result){ 0, zones((void *)a1, a2, a3) };
	case EXO_NR_LIST_CAPS: return caps((void *)a1, a2, a3);
	case EXO_NR_AUDIT_READ: return (struct exo_result){ 0, records((void *)a1, a2) };
	case EXO_NR_LIST_NODES: return (struct exo_result){ 0, nodes((void *)a1) };
	case EXO_NR_FRAME_INFO: return (struct exo_result){ 0, frames((void *)a2, a3) };
	case EXO_NR_STATS_READ:
		for (size_t i = 0; i < sizeof(struct exo_stats) / 8; i++)
			((uint64_t *)a1)[i] = some();
		return (struct exo_result){ 0, 0 };
	case EXO_NR_CAP_INSPECT:
		*(struct exo_cap_info *)a1 = (struct exo_cap_info){ .owner_zone = 7, .parent = 0x50005 };
		return (struct exo_result){ 0, 0 };
	default: return (struct exo_result){ EXO_E_CALL, 0 };
	}
}

int exo_attach(struct exo_dev_grant *grant)
{
	grant->cap = 0x10001;
	return 0;
}

int exo_zone_process(uint32_t zone)
{
	return zone == 0;
}

/* ---- what is looked for ---- */

static const char *bad_screen(const char *text, size_t size, size_t width)
{
	size_t column = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		column = c == '\n' ? 0 : column + 1;
		if (column > width)
			return "too wide";
		if ((c < ' ' && c != '\n') || c >= 0x7f)
			return "raw bytes";
	}
	return size > 0 && text[size - 1] == '\n' ? NULL : "no line's end";
}

static const char *p, *end; /* of the JSON that is read */

static void blanks(void)
{
	while (p < end && (*p == ' ' || *p == '\n'))
		p++;
}

static int word(const char *w)
{
	size_t n = strlen(w);

	if ((size_t)(end - p) < n || memcmp(p, w, n) != 0)
		return 0;
	p += n;
	return 1;
}

static int digits(void)
{
	const char *start = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p > start;
}

static int string(void)
{
	if (p == end || *p++ != '"')
		return 0;
	for (; p < end && *p != '"'; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			return 0;
		if (*p != '\\')
			continue;
		p++;
		if (p < end && *p == 'u') {
			for (int i = 0; i < 4; i++)
				if (++p >= end || !strchr("0123456789abcdefABCDEF", *p))
					return 0;
		} else if (p >= end || !strchr("\"\\/bfnrt", *p)) {
			return 0;
		}
	}
	return p < end && *p++ == '"';
}

static int value(int depth);

static int members(int depth, char last, int named)
{
	p++;
	for (blanks(); p < end && *p != last; blanks()) {
		if (named && !(string() && (blanks(), word(":"))))
			return 0;
		if (!value(depth + 1))
			return 0;
		blanks();
		if (p < end && *p == last)
			break;
		if (!word(","))
			return 0;
		blanks();
		if (p < end && *p == last)
			return 0;
	}
	return p < end && *p++ == last;
}

static int value(int depth)
{
	blanks();
	if (p == end || depth > 20)
		return 0;
	if (*p == '{')
		return members(depth, '}', 1);
	if (*p == '[')
		return members(depth, ']', 0);
	if (*p == '"')
		return string();
	if (word("true") || word("false") || word("null"))
		return 1;
	word("-");
	if (!(p < end && *p == '0' ? word("0") : digits()))
		return 0;
	return !word(".") || digits();
}

/* One document after the other, each of which is an object. */
static const char *bad_json(const char *text, size_t size)
{
	p = text;
	end = text + size;
	do {
		if (p == end || *p != '{' || !value(0) || !word("\n"))
			return "no JSON";
	} while (p < end);
	return NULL;
}

/* ---- running ---- */

static char output[4 << 20];

static size_t slurp(int fd)
{
	size_t size = 0;
	ssize_t n;

	while (size + 65536 <= sizeof output && (n = read(fd, output + size, 65536)) > 0)
		size += (size_t)n;
	return size;
}

/* In a process of its own; the size of its output on descriptor `of`, or -1. */
static long run(const char *command, int of, int *status)
{
	char copy[200], *argv[12] = { "exo" };
	int argc = 1, fds[2];
	pid_t child;
	size_t size;

	snprintf(copy, sizeof copy, "%s", command);
	for (char *at = strtok(copy, " "); at; at = strtok(NULL, " "))
		argv[argc++] = at;
	argv[argc] = NULL;
	if (pipe(fds) || (child = fork()) < 0)
		return -1;
	if (child == 0) {
		dup2(fds[1], of);
		close(fds[0]);
		close(fds[1]);
		exit(exo_command(argc, argv));
	}
	close(fds[1]);
	size = slurp(fds[0]);
	close(fds[0]);
	*status = wait_status(child);
	return (long)size;
}

static const char *const screens[] = { "zones", "caps", "extents", "mem", "audit", "audit -a", "audit -r", "stats", "top -b -n 2 -d 0.1" };
static const char *const wide[] = { "zones -w", "caps -w", "extents -w", "mem -w", "audit -w" };
static const char *const documents[] = {
	"zones --json", "caps --json", "extents --json", "mem --json", "audit --json", "audit -r --json", "stats --json", "top --json -d 0.1", "top --json -n 3 -d 0.1",
};

enum form { SCREEN, WIDE, JSON };

static int good(const char *command, enum form form)
{
	int status = 0;
	long size = run(command, 1, &status);
	const char *bad = size < 0 ? "did not run" : form == JSON ? bad_json(output, (size_t)size) : bad_screen(output, (size_t)size, form == SCREEN ? 80 : 400);

	if (!bad && status != 0)
		bad = "status";
	if (bad)
		fprintf(stderr, "seed %u: exo %s: %s (%ld bytes, status %#x)\n", seed, command, bad, size, status);
	return !bad;
}

#define ALL(list, form)                                                      \
	do {                                                                 \
		int all_good_ = 1;                                           \
		for (size_t i = 0; i < sizeof list / sizeof *list; i++)      \
			all_good_ &= good(list[i], form);                    \
		CHECK(seed ? #list " with anything" : #list " with the largest", all_good_); \
	} while (0)

/* Times of `exo audit`, which has shown its records in order. */
static int in_order(void)
{
	int status;
	long size = run("audit --json", 1, &status), count = 0;
	uint64_t last = 0;

	output[size > 0 ? size : 0] = 0;
	for (const char *at = output; (at = strstr(at, "\"time_ns\":")); count++) {
		uint64_t time = strtoull(at += 10, NULL, 10);

		if (time < last)
			return 0;
		last = time;
	}
	return count > 500;
}

/* The order in which it tells the story: the capabilities' slots and the times. */
static int is_told(const char *command, const char *wanted)
{
	char told[200] = "";
	unsigned long long time, slot;
	int status;

	tells = 1;
	output[run(command, 1, &status)] = 0;
	tells = 0;
	for (const char *at = output; (at = strstr(at, "{\"time_ns\":")); at++)
		if (sscanf(at, "{\"time_ns\":%llu,", &time) == 1 && sscanf(strstr(at, "\"cap\""), "\"cap\":\"%llu.", &slot) == 1)
			sprintf(told + strlen(told), "%llu@%llu ", slot, time);
	if (strcmp(told, wanted) != 0)
		fprintf(stderr, "%s: %s\n", command, told);
	return strcmp(told, wanted) == 0;
}

/* The chain of a thousand is one below the other; who derives from each other is there once, and so is who derives from itself. */
static int tree(void)
{
	char begins[80], depth[40];
	int status, deep = 1;
	const char *at = output;

	output[run("caps", 1, &status)] = 0;
	deep &= strstr(output, "\n1.281T ") && strstr(output, "\n  2.281T ") && strstr(output, "\n    3.281T ") && strstr(output, "\n998>999.281T ");
	output[run("caps --json", 1, &status)] = 0;
	for (unsigned slot = 1; slot < 1000 && deep; slot++) {
		snprintf(begins, sizeof begins, "{\"cap\":\"%u.281474976710655\",", slot);
		snprintf(depth, sizeof depth, "\"depth\":%u,", slot - 1);
		at = strstr(at, begins);
		deep = at && strstr(at, depth) && strstr(at, depth) - at < 90;
	}
	for (unsigned slot = 1000; slot < CAPS && deep; slot++) {
		snprintf(begins, sizeof begins, "{\"cap\":\"%u.281474976710655\",", slot);
		at = strstr(output, begins);
		deep = at && !strstr(at + 1, begins);
	}
	return deep;
}

/* Wrong usage, which is told in 80 columns. */
static int usage(const char *command)
{
	int status;
	long size = run(command, 2, &status);

	return EXITED(status, 2) && !bad_screen(output, (size_t)size, 80);
}

static int refused(void)
{
	static const char *const commands[] = { "zones", "caps", "extents", "mem", "audit", "stats", "top", "top --json", "zones --json" };
	int good = 1, status;
	long size;

	for (refuse = EXO_E_CALL; refuse <= EXO_E_DECLINED; refuse++)
		for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
			if (refuse == EXO_E_AGAIN) /* list_caps goes on */
				continue;
			size = run(commands[i], 2, &status);
			output[size] = 0;
			good &= EXITED(status, 1) && !bad_screen(output, (size_t)size, 80) && strstr(output, "E_");
		}
	refuse = EXO_OK;
	return good;
}

/* ---- exo top on a terminal ---- */

/* Takes out what moves the cursor, and looks at each line's end. */
static const char *bad_terminal(const char *text, size_t size)
{
	size_t column = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == 033 && i + 1 < size && text[i + 1] == '[') {
			for (i += 2; i < size && (text[i] == ';' || text[i] == '?' || (text[i] >= '0' && text[i] <= '9')); i++)
				;
			if (i == size || !strchr("HJKmhl", text[i]))
				return "an escape sequence";
			column = text[i] == 'H' ? 0 : column;
			continue;
		}
		column = c == '\r' || c == '\n' ? 0 : column + 1;
		if (column > 80)
			return "too wide";
		if ((c < ' ' && c != '\r' && c != '\n') || c >= 0x7f)
			return "raw bytes";
	}
	return NULL;
}

static int terminal(void)
{
	static const char keys[] = "hxk0\rkESC?]0;title?\rk4294967295\rnd0.1\rPTCSFMNR\033[B\033[6~\033[A";
	struct winsize window = { .ws_row = 24, .ws_col = 80 };
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, number, status;
	char name[40], *argv[] = { "exo", "top", "-n", "4", "-d", "0.3", NULL };
	const char *bad;
	size_t size;
	pid_t child;

	if (ioctl(master, TIOCSPTLCK, &unlock) || ioctl(master, TIOCGPTN, &number) || ioctl(master, TIOCSWINSZ, &window))
		return 0;
	snprintf(name, sizeof name, "/dev/pts/%d", number);
	if ((child = fork()) == 0) {
		setsid();
		for (int i = 0; i < 3; i++) {
			close(i);
			if (open(name, O_RDWR) != i)
				_exit(9);
		}
		close(master);
		setenv("TERM", "vt100", 1);
		exit(exo_command(6, argv));
	}
	/* When it has begun, so that nothing of it is echoed. */
	for (size = 0; size < 1000;) {
		ssize_t n = read(master, output + size, sizeof output - size);

		if (n < 0 && errno != EIO)
			break;
		size += n > 0 ? (size_t)n : 0;
	}
	for (const char *key = keys; *key; key++) {
		if (write(master, key, key[0] == '\033' ? 3 : 1) < 0)
			break;
		key += key[0] == '\033' ? 2 : 0;
		pause_ms(5);
	}
	for (ssize_t n; size < sizeof output && (n = read(master, output + size, sizeof output - size)) > 0;)
		size += (size_t)n;
	status = wait_status(child);
	bad = bad_terminal(output, size);
	if (bad || !EXITED(status, 0) || !memmem(output, size, "Any key", 7) || !memmem(output, size, "kill which zone", 15)) {
		fprintf(stderr, "terminal: %s, %zu bytes, status %#x\n", bad ? bad : "screens are missing", size, status);
		return 0;
	}
	return 1;
}

static int from_input(const char *form)
{
	size_t size = slurp(0);
	const char *bad = strcmp(form, "json") == 0 ? bad_json(output, size) : bad_screen(output, size, strtoul(form, NULL, 10));

	if (bad)
		printf("%s\n", bad);
	return bad != NULL;
}

int main(int argc, char **argv)
{
	static const char *const topics[] = {
		"help", "--help", "-h", "help zones", "help caps", "help extents", "help mem", "help audit", "help stats", "help top", "help rights",
		"help notation", "help json", "help status", "help libos", "zones -h", "audit --help", "top -h",
	};

	if (argc > 1)
		return from_input(argv[1]);
	CHECK("the checks themselves", bad_screen("\033[", 2, 80) && bad_screen("ab\n", 3, 1) && !bad_screen("ab\n", 3, 2) && bad_json("{\"a\":01}\n", 9) &&
	      bad_json("{\"a\":1,}\n", 9) && bad_json("{\"a\":\"\n\"}\n", 10) && bad_json("[]\n", 3) && !bad_json("{\"a\":[1.5,{}]}\n", 15));
	ALL(screens, SCREEN);
	ALL(wide, WIDE);
	ALL(documents, JSON);
	ALL(topics, SCREEN);
	CHECK("times of the audit never run backwards", in_order());
	for (seed = 1; seed <= 3; seed++) {
		ALL(screens, SCREEN);
		ALL(wide, WIDE);
		ALL(documents, JSON);
		CHECK("nor with anything", in_order());
	}
	seed = 0;
	CHECK("top on a terminal", terminal());
	CHECK("the tree", tree());
	CHECK("in order of time, but our own", is_told("audit --json", "6@20 4@30 6@33 4@35 4@35 4@36 1@40 3@55 "));
	CHECK("with our own", is_told("audit --json -a", "6@20 4@30 6@33 4@35 4@35 4@36 1@40 5@50 3@55 5@58 2@61 "));
	CHECK("refusals", is_told("audit --json -r", "1@40 3@55 ") && is_told("audit --json -r -a", "1@40 3@55 2@61 "));
	CHECK("of a zone", is_told("audit --json -z 9", "6@20 6@33 3@55 ") && is_told("audit --json -z 7 -r", "1@40 2@61 "));
	CHECK("what the kernel refuses is told", refused());
	dup2(open("/dev/null", O_WRONLY), 2);
	CHECK("wrong usage is 2", usage("") && usage("nonsense") && usage("zones more") && usage("zones -x") && usage("zones -f") && usage("audit -z") &&
	      usage("audit -z x") && usage("audit -z 4294967296") && usage("audit -z -1") && usage("top -d 0") && usage("top -d 3601") && usage("top -d 1.2.3") &&
	      usage("top -n 0") && usage("help nothing") && usage("audit -z \033[31m\033[31m\033[31m") && usage("audit -z 123456789012345678901234567890") &&
	      usage("\001\002\003\004\005\006\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377") && usage("help zones caps") && usage("stats -w"));
	DONE();
}
