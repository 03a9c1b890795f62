/*
 * exo-libos: starts a second LibOS beside the one that it runs under, waits until it ends, and gives everything back.
 *
 * It asks /dev/exo for an extent of memory, quantum slots and the right to make zones, makes a LibOS zone and builds it by
 * hand: program, stack, boot page, a window onto the memory that it is given, capabilities, a context. Bound to a quantum
 * slot, the LibOS has its turns from the kernel; nobody else need run for that. Its console is two rings in shared frames,
 * which are carried from and to this program's input and output here; with -c it writes to the kernel's console itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <exo/elf.h>
#include <exo/libos.h>
#include <libos/dev_exo.h>

#include "exo_call.h"

#define MEMORY_DEFAULT (UINT64_C(8) << 20)
#define TURN_MS        10
#define SPACE_LIMIT    UINT64_C(0x200000000000) /* its program lies below, the rest of what we map above */
#define WINDOW         SPACE_LIMIT
#define STACK_TOP      UINT64_C(0x7ffe00000000) /* these two as for the first LibOS on x86-64 */
#define BOOT_ADDRESS   UINT64_C(0x7ffe10000000)
#define STACK_PAGES    UINT64_C(16)
#define FUND_BASE      UINT64_C(48)             /* kernel memory: the zone, its context, tables for program and stack… */
#define FUND_PART      UINT64_C(256)            /* …and for the window: a table for each 512 frames, and some more */
#define OWN_SLOTS      UINT64_C(64)             /* capability slots of this zone… */
#define LIBOS_SLOTS    UINT64_C(1024)           /* …and of the new one with all that it makes; zones that it may have */
#define LIBOS_ZONES    UINT64_C(64)
#define POLL_BUSY_NS   1000000L
#define POLL_IDLE_NS   10000000L
#define STATUS_USAGE   2
#define STATUS_FAILED  125
#define STATUS_DIED    134

static struct {
	uint64_t memory; /* bytes */
	uint64_t slots;
	uint32_t priority, turn_ms;
	bool console, verbose;
	const char *file;
	char **args;
} options = { .memory = MEMORY_DEFAULT, .slots = 1, .turn_ms = TURN_MS };

/* Our frames, in this order: kernel memory of the zone, boot page, context page, two rings, stack, program, the LibOS's memory. */
enum { AT_BOOT, AT_CONTEXT, AT_OUT, AT_IN, SINGLE_PAGES };

static struct {
	exo_cap_t self, memory, cpu, console, timer, entropy; /* ours, by /dev/exo */
	exo_cap_t zone, context;
	uint64_t first, count, slot;    /* frames, first slot */
	uint64_t fund, program;         /* frames of these */
	uint64_t own, own_count;        /* the LibOS's memory */
	struct exo_elf elf;
	uint8_t *file;
	uint64_t file_size;
	uint8_t *view;                  /* where we see the frames behind the fund, up to its own memory */
	struct exo_libos_page *page;
	struct exo_ring *out, *in;
} libos;

static volatile sig_atomic_t stopped_by;

__attribute__((noreturn, format(printf, 2, 3))) static void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("exo libos: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

static void check(enum exo_status status, const char *what)
{
	if (status != EXO_OK)
		die(STATUS_FAILED, "%s: %s", what, exo_status_text(status));
}

/* ---- the command line ---- */

static void usage(FILE *to)
{
	fputs("usage: exo libos [-m SIZE[K|M|G]] [-t MS] [-p PRIORITY] [-q SLOTS] [-c] [-v]\n"
	      "                 FILE [ARGUMENT...]\n"
	      "Starts FILE, a ring-3 LibOS (such as /lib/libos-v6.elf), beside this one, and\n"
	      "ends with its status.\n"
	      "  -m SIZE      memory for it (8M)\n"
	      "  -t MS        length of its turns, 1 to 20 ms (10)\n"
	      "  -p PRIORITY  who has its turn earlier in each round: the higher one (0)\n"
	      "  -q SLOTS     quantum slots for it, 1 to 16 (1): it runs in the first, and\n"
	      "               may bind the others itself\n"
	      "  -c           it writes to the machine's console, not to our output, and reads\n"
	      "               nothing\n"
	      "  -v           say what it got and what it did\n",
	      to);
}

static uint64_t parse_number(const char *text, const char *option, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n < least || n > most)
		die(STATUS_USAGE, "-%s wants a number from %llu to %llu, not '%s'", option, (unsigned long long)least,
		    (unsigned long long)most, text);
	return n;
}

static uint64_t parse_size(const char *text)
{
	char *end;
	unsigned long long n;
	unsigned shift;

	errno = 0;
	n = strtoull(text, &end, 10);
	shift = *end == 'K' ? 10 : *end == 'G' ? 30 : 20; /* a plain number is in MiB, as for ./feuerbird-sim */
	if (*text < '0' || *text > '9' || errno || (*end && (!strchr("KMG", *end) || end[1])) || n == 0 || n > UINT64_C(1) << (40 - shift))
		die(STATUS_USAGE, "-m wants a size such as 8M, not '%s'", text);
	return (uint64_t)n << shift;
}

static void parse(int argc, char **argv)
{
	int c;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		exit(0);
	}
	while ((c = getopt(argc, argv, "+m:t:p:q:cvh")) != -1) {
		switch (c) {
		case 'm':
			options.memory = parse_size(optarg);
			break;
		case 't':
			options.turn_ms = (uint32_t)parse_number(optarg, "t", 1, EXO_QUANTUM_NS_MAX / 1000000);
			break;
		case 'p':
			options.priority = (uint32_t)parse_number(optarg, "p", 0, UINT32_MAX);
			break;
		case 'q':
			options.slots = parse_number(optarg, "q", 1, 16);
			break;
		case 'c':
			options.console = true;
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(STATUS_USAGE);
		}
	}
	if (!argv[optind]) {
		usage(stderr);
		exit(STATUS_USAGE);
	}
	options.file = argv[optind];
	options.args = argv + optind + 1;
}

static void load_file(void)
{
	int fd = open(options.file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(STATUS_FAILED, "%s: %s", options.file, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		die(STATUS_FAILED, "%s: not a LibOS (not a regular file, or empty)", options.file);
	libos.file = malloc((size_t)st.st_size);
	if (!libos.file)
		die(STATUS_FAILED, "%s: %s", options.file, strerror(errno));
	for (; libos.file_size < (uint64_t)st.st_size; libos.file_size += (uint64_t)n) {
		n = read(fd, libos.file + libos.file_size, (size_t)st.st_size - libos.file_size);
		if (n <= 0)
			die(STATUS_FAILED, "%s: %s", options.file, n < 0 ? strerror(errno) : "it became shorter");
	}
	close(fd);
	if (!exo_elf_parse(libos.file, libos.file_size, SPACE_LIMIT, &libos.elf))
		die(STATUS_FAILED, "%s: not a LibOS (a static x86-64 executable with apart text and data is wanted)", options.file);
	for (uint32_t i = 0; i < libos.elf.count; i++)
		libos.program += libos.elf.loads[i].pages;
}

/* ---- what we ask for ---- */

static exo_cap_t grant(int fd, uint32_t kind, uint32_t rights, uint64_t count, uint64_t *first, const char *what)
{
	struct exo_dev_grant grant = { .kind = kind, .rights = rights, .count = count };

	if (ioctl(fd, (int)EXO_DEV_GRANT, &grant) < 0)
		die(STATUS_FAILED, "no %s: %s%s", what, strerror(errno),
		    errno == EPERM || errno == EACCES ? " (only root may start a LibOS)" : "");
	if (first)
		*first = grant.first;
	return grant.cap;
}

/* Our share of one of the kernel's tables: ours and the new LibOS's. */
static void share(int fd, uint32_t table, uint64_t limit, const char *what)
{
	struct exo_dev_grant grant = { .kind = EXO_DEV_QUOTA, .first = table, .count = limit };

	if (ioctl(fd, (int)EXO_DEV_GRANT, &grant) < 0)
		die(STATUS_FAILED, "no %s: %s", what, strerror(errno));
}

static void attach(void)
{
	const uint32_t hold = EXO_R_DERIVE | EXO_R_GRANT | EXO_R_REVOKE;
	uint64_t frames = options.memory >> EXO_FRAME_SHIFT, fixed;
	char what[64];
	int fd = open("/dev/exo", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		die(STATUS_FAILED, "no /dev/exo here: this system is not FeuerBird");
	if (fd < 0)
		die(STATUS_FAILED, "/dev/exo: %s%s", strerror(errno),
		    errno == EPERM || errno == EACCES ? " (only root may start a LibOS)" : "");
	libos.fund = FUND_BASE + frames / FUND_PART;
	fixed = libos.fund + SINGLE_PAGES + STACK_PAGES + libos.program;
	if (frames <= fixed)
		die(STATUS_FAILED, "-m %lluK is too little for %s: more than %lluK are needed", (unsigned long long)frames * 4,
		    options.file, (unsigned long long)fixed * 4);
	libos.count = frames;
	libos.self = grant(fd, EXO_DEV_ZONE, EXO_R_READ | EXO_R_CREATE | EXO_R_MAP | hold, 0, NULL, "right to make zones");
	share(fd, EXO_QUOTA_CAPS, OWN_SLOTS + LIBOS_SLOTS, "capability slots");
	share(fd, EXO_QUOTA_ZONES, 1 + LIBOS_ZONES, "zone numbers");
	snprintf(what, sizeof(what), "%lluK of memory in one piece", (unsigned long long)frames * 4);
	libos.memory = grant(fd, EXO_DEV_MEMORY, EXO_R_READ | EXO_R_WRITE | EXO_R_EXEC | EXO_R_FUND | hold, frames, &libos.first, what);
	libos.cpu = grant(fd, EXO_DEV_CPU, EXO_R_READ | EXO_R_EXEC | hold, options.slots, &libos.slot, "free quantum slots");
	libos.timer = grant(fd, EXO_DEV_TIMER, EXO_R_READ | EXO_R_WRITE | hold, 0, NULL, "timer");
	libos.entropy = grant(fd, EXO_DEV_ENTROPY, EXO_R_READ | hold, 0, NULL, "entropy");
	if (options.console)
		libos.console = grant(fd, EXO_DEV_CONSOLE, EXO_R_WRITE | hold, 0, NULL, "console");
	close(fd);
	libos.own = libos.first + fixed;
	libos.own_count = frames - fixed;
}

/* ---- the zone, by hand ---- */

static void map(exo_cap_t zone, uint64_t address, uint64_t frame, uint64_t count, uint32_t prot, const char *what)
{
	while (count > 0) {
		uint32_t part = count < EXO_MAP_MAX ? (uint32_t)count : EXO_MAP_MAX;
		struct exo_map_op op = { address, frame, part, prot };
		enum exo_status status = exo_mem_map(zone, libos.memory, &op, 1, NULL);

		if (status == EXO_E_AGAIN)
			continue;
		check(status, what);
		address += (uint64_t)part << EXO_FRAME_SHIFT;
		frame += part;
		count -= part;
	}
}

/* The frames that we must fill, seen by ourselves: over addresses that our own LibOS will leave alone. */
static void view_make(void)
{
	uint64_t count = libos.own - libos.first - libos.fund;

	libos.view = mmap(NULL, count << EXO_FRAME_SHIFT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (libos.view == MAP_FAILED)
		die(STATUS_FAILED, "no room: %s", strerror(errno));
	map(libos.self, (uint64_t)(uintptr_t)libos.view, libos.first + libos.fund, count, EXO_PROT_READ | EXO_PROT_WRITE,
	    "cannot see the new LibOS's memory");
	libos.page = (struct exo_libos_page *)(void *)libos.view;
	libos.out = (struct exo_ring *)(void *)(libos.view + AT_OUT * EXO_FRAME_SIZE);
	libos.in = (struct exo_ring *)(void *)(libos.view + AT_IN * EXO_FRAME_SIZE);
}

static void zone_make(void)
{
	const char *slash = strrchr(options.file, '/'), *name = slash ? slash + 1 : options.file;
	const uint32_t rw = EXO_PROT_READ | EXO_PROT_WRITE;
	uint64_t frame = libos.first + libos.fund;
	uint8_t *at;

	check(exo_libos_create(libos.self, libos.memory, libos.first, libos.fund < EXO_FUND_MAX ? libos.fund : EXO_FUND_MAX, name,
	                       strlen(name), &libos.zone), "cannot make a LibOS zone");
	for (uint64_t done = EXO_FUND_MAX; done < libos.fund; done += EXO_FUND_MAX)
		check(exo_zone_fund(libos.zone, libos.memory, libos.first + done,
		                    libos.fund - done < EXO_FUND_MAX ? libos.fund - done : EXO_FUND_MAX, NULL), "cannot fund a LibOS zone");
	check(exo_zone_quota(libos.self, libos.zone, EXO_QUOTA_CAPS, LIBOS_SLOTS, NULL), "cannot give capability slots");
	check(exo_zone_quota(libos.self, libos.zone, EXO_QUOTA_ZONES, LIBOS_ZONES, NULL), "cannot give zone numbers");
	view_make();
	map(libos.zone, BOOT_ADDRESS, frame + AT_BOOT, 1, rw, "cannot map the boot page");
	map(libos.zone, BOOT_ADDRESS + EXO_FRAME_SIZE, frame + AT_OUT, 2, rw, "cannot map the rings");
	frame += SINGLE_PAGES;
	map(libos.zone, STACK_TOP - (STACK_PAGES << EXO_FRAME_SHIFT), frame, STACK_PAGES, rw, "cannot map the stack");
	frame += STACK_PAGES;
	at = libos.view + ((SINGLE_PAGES + STACK_PAGES) << EXO_FRAME_SHIFT);
	for (uint32_t i = 0; i < libos.elf.count; i++) {
		const struct exo_elf_load *load = &libos.elf.loads[i];

		memcpy(at + load->lead, libos.file + load->offset, load->size);
		map(libos.zone, load->vaddr, frame, load->pages, load->prot, "cannot map the program");
		at += load->pages << EXO_FRAME_SHIFT;
		frame += load->pages;
	}
	map(libos.zone, WINDOW + (libos.own << EXO_FRAME_SHIFT), libos.own, libos.own_count, rw, "cannot map the window");
}

/* Gives it a capability; its name there. */
static exo_cap_t give(exo_cap_t cap, uint32_t rights, const char *what)
{
	exo_cap_t name = EXO_CAP_NONE;

	if (cap != EXO_CAP_NONE)
		check(exo_cap_grant(cap, libos.zone, rights, &name), what);
	return name;
}

#define READING_TRIES 100

/* Counter and clock at one moment: of several readings the one that took the fewest cycles, since this program may be
 * stopped between the two at any time. */
static void reading(uint64_t *cycles, uint64_t *ns)
{
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < READING_TRIES; i++) {
		uint64_t before = __builtin_ia32_rdtsc(), after;
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		after = __builtin_ia32_rdtsc();
		if (after - before >= shortest)
			continue;
		shortest = after - before;
		*cycles = before;
		*ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	}
}

/* Of the counter that quanta are measured in. */
static uint64_t cycles_per_ms(void)
{
	uint64_t cycles = 0, ns = 0, first_cycles = 0, first_ns = 0;
	struct timespec pause = { 0, 20000000 };

	reading(&first_cycles, &first_ns);
	nanosleep(&pause, NULL);
	reading(&cycles, &ns);
	return ns > first_ns ? (cycles - first_cycles) * 1000000 / (ns - first_ns) : 0;
}

static void cmdline_make(char *to)
{
	char *end = to + EXO_CMDLINE_SIZE - 1;

	for (char **arg = options.args; *arg; arg++) {
		/* Each character may become two; so this is a little strict. */
		if (strlen(*arg) * 2 + 6 > (size_t)(end - to))
			die(STATUS_USAGE, "the arguments are too long: they share %d bytes", EXO_CMDLINE_SIZE - 1);
		to = stpcpy(to, "arg=");
		for (const char *c = *arg; *c; c++) {
			if (*c == '\n' || *c == '\\')
				*to++ = '\\';
			*to++ = *c == '\n' ? 'n' : *c;
		}
		*to++ = '\n';
	}
	*to = '\0';
}

static void boot_make(void)
{
	struct exo_boot *boot = &libos.page->boot;
	struct timespec now;
	struct utsname name;
	exo_cap_t own;

	check(exo_cap_derive(libos.memory, EXO_R_ALL & ~EXO_R_CREATE & ~EXO_R_MAP & ~EXO_R_DESTROY, libos.own, libos.own_count,
	                     EXO_NO_EXPIRY, &own), "cannot split the memory");
	boot->version = EXO_BOOT_VERSION;
	boot->frame_size = EXO_FRAME_SIZE;
	boot->zone = give(libos.zone, EXO_R_ALL & ~EXO_R_DESTROY, "cannot give its zone");
	boot->memory = give(own, EXO_R_ALL, "cannot give memory");
	boot->cpu = give(libos.cpu, EXO_R_ALL, "cannot give quantum slots");
	boot->timer = give(libos.timer, EXO_R_ALL, "cannot give the timer");
	boot->console = give(libos.console, EXO_R_ALL, "cannot give the console");
	boot->entropy = give(libos.entropy, EXO_R_ALL, "cannot give entropy");
	boot->memory_first = libos.own;
	boot->memory_count = libos.own_count;
	boot->window = WINDOW;
	clock_gettime(CLOCK_MONOTONIC, &now);
	boot->boot_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	boot->cycles_per_ms = cycles_per_ms();
	if (uname(&name) == 0)
		strcpy(boot->target, strstr(name.version, "hosted") ? "hosted" : "x86_64");
	cmdline_make(boot->cmdline);
	if (!options.console) {
		libos.page->out = BOOT_ADDRESS + EXO_FRAME_SIZE;
		libos.page->in = BOOT_ADDRESS + 2 * EXO_FRAME_SIZE;
	}
}

static void start(void)
{
	struct exo_ctx_page *page = (struct exo_ctx_page *)(void *)(libos.view + AT_CONTEXT * EXO_FRAME_SIZE);
	struct cpu_quantum quantum = {
		.cycles = libos.page->boot.cycles_per_ms * options.turn_ms, .priority = options.priority, .cpu_cap = libos.cpu,
	};

	page->regs.rip = libos.elf.entry;
	page->regs.rsp = STACK_TOP;
	page->regs.rdi = BOOT_ADDRESS;
	page->load = EXO_CTX_GPRS | EXO_CTX_FP;
	check(exo_ctx_create(libos.zone, libos.memory, libos.first + libos.fund + AT_CONTEXT, &libos.context), "cannot make a context");
	/* What was measured may be a little too long. */
	if (options.turn_ms == EXO_QUANTUM_NS_MAX / 1000000)
		quantum.cycles -= quantum.cycles / 100;
	check(exo_quantum_bind(libos.cpu, libos.slot, libos.context, &quantum, NULL), "cannot bind the quantum slot");
	if (options.verbose)
		fprintf(stderr, "exo libos: %s: %lluK of memory for it, %lluK for program and kernel; slot %llu of CPU %llu, turns of %u ms\n",
		        options.file, (unsigned long long)libos.own_count * 4, (unsigned long long)(libos.count - libos.own_count) * 4,
		        (unsigned long long)(libos.slot % EXO_QUANTUM_SLOTS), (unsigned long long)(libos.slot / EXO_QUANTUM_SLOTS),
		        options.turn_ms);
}

/* ---- while it runs ---- */

static void on_signal(int signal)
{
	stopped_by = signal;
}

/* What it printed goes to our output; true if there was anything. */
static bool carry_out(void)
{
	uint8_t bytes[EXO_RING_SIZE];
	uint64_t n = exo_ring_read(libos.out, bytes, sizeof(bytes));

	for (uint64_t done = 0; done < n;) {
		ssize_t part = write(1, bytes + done, n - done);

		if (part >= 0) {
			done += (uint64_t)part;
		} else if (errno != EINTR || stopped_by) {
			/* Nobody reads it any more: as for any program, that is its end. */
			if (errno == EPIPE)
				stopped_by = SIGPIPE;
			break;
		}
	}
	return n > 0;
}

/* What we can read without waiting goes to it; true if there was anything. */
static bool carry_in(void)
{
	static uint8_t bytes[1024];
	static uint64_t size, done;
	struct pollfd wait = { .fd = 0, .events = POLLIN };

	if (done == size && !libos.in->closed && poll(&wait, 1, 0) > 0) {
		ssize_t n = read(0, bytes, sizeof(bytes));

		done = 0;
		size = n > 0 ? (uint64_t)n : 0;
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			__atomic_store_n(&libos.in->closed, 1, __ATOMIC_RELEASE);
	}
	if (done == size)
		return false;
	done += exo_ring_write(libos.in, bytes + done, size - done);
	return true;
}

/* The kernel tells the zone below which it was made: ours. */
static bool has_died(void)
{
	uint64_t events = 0;

	return exo_event_take(libos.self, &events) == EXO_OK && (events & EXO_PEND_ZONE);
}

/* Waits for its end; its exit status. */
static int attend(void)
{
	for (;;) {
		bool ended = __atomic_load_n(&libos.page->state, __ATOMIC_ACQUIRE) == EXO_LIBOS_ENDED, busy = false;
		struct timespec pause = { 0, POLL_IDLE_NS };

		if (!options.console) {
			busy = carry_out();
			busy |= !ended && carry_in();
		}
		if (stopped_by)
			return 128 + stopped_by;
		if (ended && !busy)
			return (int)(libos.page->status & 255);
		if (!ended && !busy && has_died()) {
			carry_out();
			fprintf(stderr, "exo libos: %s died: it did what no LibOS may\n", options.file);
			return STATUS_DIED;
		}
		pause.tv_nsec = busy ? POLL_BUSY_NS : POLL_IDLE_NS;
		nanosleep(&pause, NULL);
	}
}

static void report(int status)
{
	static struct exo_zone_info zone;
	static struct exo_quantum_info quantum;

	memset(&zone, 0xff, sizeof(zone));
	memset(&quantum, 0xff, sizeof(quantum));
	if (exo_zone_info(libos.zone, &zone, NULL) != EXO_OK || exo_quantum_info(libos.cpu, libos.slot, &quantum, NULL) != EXO_OK)
		return;
	fprintf(stderr, "exo libos: %s: status %d; %llu kernel calls, %llu turns, %llu Mcycles, %llu turns ended by force\n",
	        options.file, status, (unsigned long long)zone.calls, (unsigned long long)quantum.turns,
	        (unsigned long long)quantum.used / 1000000, (unsigned long long)quantum.overruns);
}

/* All that it held comes back with its zone; what we hold, with us. */
static void finish(void)
{
	enum exo_status status;

	do {
		status = exo_zone_destroy(libos.zone, NULL);
	} while (status == EXO_E_AGAIN);
	if (status != EXO_OK && status != EXO_E_CAP)
		fprintf(stderr, "exo libos: cannot end its zone: %s\n", exo_status_text(status));
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int status;

	parse(argc, argv);
	load_file();
	attach();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	zone_make();
	boot_make();
	start();
	status = attend();
	if (options.verbose)
		report(status);
	finish();
	return status;
}
