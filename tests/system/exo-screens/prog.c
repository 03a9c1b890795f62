/*
 * exo's own files on a kernel that says the worst: the largest numbers, names of escape sequences, capabilities that derive from each
 * other, bytes at random. Nothing is wider than 80 columns, nothing reaches a terminal raw, and JSON is JSON.
 *
 * prog: all that. prog WIDTH: standard input as a screen. prog json: as JSON documents.
 */
#include "check.h"
#include "../../../bin/exo/exo.h"

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

static uint64_t records(struct exo_audit_record *to, uint64_t count)
{
	static uint64_t left = 700;
	uint64_t n = 0;

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
		memset((void *)a1, 0, sizeof(struct exo_cap_info));
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

	while (size < sizeof output && (n = read(fd, output + size, sizeof output - size)) > 0)
		size += (size_t)n;
	return size;
}

/* In a process of its own; the output's size, or -1. */
static long run(const char *command, int *status)
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
		dup2(fds[1], 1);
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
	long size = run(command, &status);
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
	long size = run("audit --json", &status), count = 0;
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

static int usage(const char *command)
{
	int status;

	return run(command, &status) == 0 && EXITED(status, 2);
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
	dup2(open("/dev/null", O_WRONLY), 2);
	CHECK("wrong usage is 2", usage("") && usage("nonsense") && usage("zones more") && usage("zones -x") && usage("zones -f") && usage("audit -z") &&
	      usage("audit -z x") && usage("audit -z 4294967296") && usage("audit -z -1") && usage("top -d 0") && usage("top -d 3601") && usage("top -d 1.2.3") &&
	      usage("top -n 0") && usage("help nothing") && usage("help zones caps") && usage("stats -w"));
	DONE();
}
