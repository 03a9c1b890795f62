/* exo help: what each command shows, in 80 columns. */
#include <stdio.h>
#include <string.h>

#include "exo.h"
#include "text.h"

static const char overview[] =
	"usage: exo COMMAND [OPTION...]\n"
	"Shows what the exokernel holds and did. For root only.\n"
	"\n"
	"  zones      zones: what they have and did\n"
	"  caps       capabilities, as a tree: who derived what from what\n"
	"  extents    memory extents by address\n"
	"  mem        frames by node and cache colour, and how often they are mapped\n"
	"  audit      takes the records of the audit rings; -f: and waits for more\n"
	"  stats      counts of the whole system\n"
	"  top        what the zones do, live\n"
	"  libos      starts a second LibOS: exo libos [OPTION...] FILE [ARGUMENT...]\n"
	"  help       this, or more on one: exo help TOPIC\n"
	"\n"
	"Options of most: -w wide tables with all columns, --json for programs, -h help.\n"
	"More topics: rights, status, notation, json.\n"
	"Exit status: 0 done, 1 the system refused or cannot, 2 wrong usage.\n";

static const char zones[] =
	"usage: exo zones [-w | --json]\n"
	"All living zones, in order of their numbers.\n"
	"\n"
	"  ZONE         number; it is used again when the zone is gone\n"
	"  NAME         as its maker named it: the program, for a process\n"
	"  KIND         libos: runs others; app: is run by a LibOS\n"
	"  TRANSITIONS  times it was entered\n"
	"  SYSCALLS     system calls that it made of its LibOS\n"
	"  FAULTS       page faults that its LibOS heard of\n"
	"  PAGES        pages mapped\n"
	"  FUND         frames for the kernel's own data on it, used/all\n"
	"\n"
	"-w adds CALLS (kernel calls), MCYCLES (millions of cycles spent inside), used\n"
	"and own share of the kernel's tables: CAPS, ZONES, DISK (transfers); CTX\n"
	"(contexts). Time of a LibOS itself is counted only where the kernel runs it\n"
	"as a zone: that of the first LibOS is not.\n";

static const char caps[] =
	"usage: exo caps [-w | --json]\n"
	"All living capabilities; what was derived from one stands below it, indented.\n"
	"\n"
	"  CAP            SLOT.GENERATION (exo help notation); 12>7.1: 12 levels down;\n"
	"                 1K: a thousand or more\n"
	"  TYPE           what it is for\n"
	"  RIGHTS         exo help rights\n"
	"  ZONE, NAME     who owns it\n"
	"  EXTENT/OBJECT  FIRST+COUNT of frames, blocks, ports, lines or slots; else a\n"
	"                 number of the zone, context, ...\n"
	"  EXPIRE         seconds on the system's clock, or never\n"
	"\n"
	"-w adds PARENT (what it was derived from) and REFS (what holds it). The tree is\n"
	"as it is now: what is derived from a capability that is dropped hangs on from\n"
	"the one above. The list takes several calls, and changes meanwhile.\n";

static const char extents[] =
	"usage: exo extents [-w | --json]\n"
	"Capabilities for memory, by address: FIRST and LAST frame (a frame has 4096\n"
	"bytes), FRAMES, KIB, RIGHTS, the ZONE that owns it, and its name CAP.\n"
	"-w adds PARENT, what it was derived from.\n";

static const char mem[] =
	"usage: exo mem [-w | --json]\n"
	"Frames by NUMA node: FIRST and LAST number, how many FRAMES, of these PLAIN\n"
	"(memory of whoever has a capability), FUND (the kernel's, paid by a zone),\n"
	"KERNEL (its own), and how many are MAPPED. Then by cache colour, and how often\n"
	"they are mapped. -w has room for numbers of any size.\n";

static const char audit[] =
	"usage: exo audit [-f] [-r] [-z ZONE] [-a] [-w | --json]\n"
	"Takes what the audit rings hold, and shows it in order of time. Who reads first\n"
	"has it: what a filter leaves out is gone as well.\n"
	"\n"
	"  -f, --follow     goes on, until it is stopped\n"
	"  -r, --refusals   only kernel calls that a check refused\n"
	"  -z, --zone ZONE  only records of this zone\n"
	"  -a, --all        also those of this very program, left out otherwise\n"
	"  -w, --wide       verdicts in words\n"
	"\n"
	"  TIME        seconds since the machine's clock began\n"
	"  SEQ         counts the records of a ring; a gap: some were lost\n"
	"  WHAT        enter, leave: a zone transition; call: a kernel call that changes\n"
	"              authority; refuse; death of a zone; due: a deadline came\n"
	"  CALL/EVENT  the kernel call, or why the zone was left\n"
	"  CAP         the capability that was shown\n"
	"  VERDICT     exo help status\n"
	"\n"
	"The kernel notes with each enter when exo_run began, which may be before calls\n"
	"that came in between. So a record shows no earlier time than the one before it\n"
	"in its ring, and times never run backwards. With -f records come 0.2 s late.\n";

static const char stats[] =
	"usage: exo stats [--json]\n"
	"Counts of the whole system since it was started.\n";

static const char top[] =
	"usage: exo top [-b] [-d S] [-n N] [--json]\n"
	"What the zones do, live. Numbers are per second, but PAGES and FUND.\n"
	"\n"
	"  -d, --delay S  seconds from one look to the next, 0.1 to 3600 (2)\n"
	"  -n, --count N  ends after N screens\n"
	"  -b, --batch    prints one table after the other; so does a terminal that\n"
	"                 cannot move its cursor (TERM=dumb), and no terminal\n"
	"  --json         one JSON object for each look (-n: 1)\n"
	"\n"
	"  CPU%     of one processor, spent inside the zone\n"
	"  TRANS    entries     CALLS    kernel calls     SYSC  system calls\n"
	"  FAULT    page faults   PAGES  mapped now       FUND  frames for the kernel\n"
	"\n"
	"Keys: P T C S F M N sort by CPU%, TRANS, CALLS, SYSC, FAULT, PAGES, ZONE; R\n"
	"turns the order round; k kills a zone's process (asks first); d changes the\n"
	"delay; up, down and page keys move; space looks at once; h helps; q ends.\n"
	"\n"
	"The kernel does not count calls between contexts (IPC) or the time of the first\n"
	"LibOS, so they are not there; IPC is part of CALLS and TRANS.\n";

static const char rights[] =
	"Rights of a capability, in the order of RIGHTS; '-' stands for one that is not\n"
	"there:\n"
	"\n"
	"  r  read, map readable            v  revoke what was derived from it\n"
	"  w  write, map writable           c  create zones and contexts in it\n"
	"  x  map executable, run           m  change a zone's mappings\n"
	"  d  derive narrower ones          f  memory: may become the kernel's\n"
	"  g  give to another zone          k  destroy a zone; root: halt\n";

static const char notation[] =
	"A capability's name is SLOT.GENERATION: its place in the kernel's table, and how\n"
	"often that place was used. A name is never used again. '-': none. Programs and\n"
	"--strace see the same as one number, GENERATION * 65536 + SLOT.\n"
	"\n"
	"A number that does not fit its column is shortened: 1.23M is 1,230,000 or a bit\n"
	"more (K thousands, M, G, T, P, E). -w and --json have all of it.\n"
	"\n"
	"Names of zones are whatever bytes their maker chose. In tables '?' stands for\n"
	"each that is blank or no ASCII character; -w writes it as \\xHH.\n";

static const char json[] =
	"--json prints one JSON document (audit -f: one for each record; top: one for\n"
	"each look; each on a line). Times are in nanoseconds (..._ns), capabilities\n"
	"strings as in tables (exo help notation), or null. Counts may have 64 bits, more\n"
	"than JavaScript's numbers hold. A byte of a name becomes the character with the\n"
	"same number, so that any name is valid: byte 0xe4 is \\u00e4.\n";

static const struct {
	const char *name, *text;
} topics[] = {
	{ "zones", zones }, { "caps", caps }, { "extents", extents }, { "mem", mem }, { "audit", audit }, { "stats", stats },
	{ "top", top }, { "rights", rights }, { "notation", notation }, { "json", json },
};

static void show_statuses(void)
{
	puts("What the kernel answers (VERDICT):\n");
#define EXO_STATUS(name, value, text) printf("  %-14s %s\n", #name, text);
#include <exo/status.def>
#undef EXO_STATUS
}

bool show_help(const char *topic)
{
	if (!topic || strcmp(topic, "help") == 0) {
		fputs(overview, stdout);
		return true;
	}
	if (strcmp(topic, "status") == 0) {
		show_statuses();
		return true;
	}
	if (strcmp(topic, "libos") == 0) {
		puts("exo libos starts a second LibOS beside this one: exo libos -h tells its options.");
		return true;
	}
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		if (strcmp(topic, topics[i].name) == 0) {
			fputs(topics[i].text, stdout);
			return true;
		}
	}
	return false;
}
