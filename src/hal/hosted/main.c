/*
 * The simulator's command line.
 */
#include "hosted.h"

#include <core/core.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_DEFAULT (UINT64_C(512) << 20)
#define MEMORY_MIN     (UINT64_C(4) << 20)
#define MEMORY_MAX     (UINT64_C(1) << 40)
#define EXIT_FAILED    1
#define EXIT_USAGE     2

static const char usage[] =
	"Usage: feuerbird-sim [OPTION]... [--] [PROGRAM [ARG]...]\n"
	"Runs FeuerBird in this process; PROGRAM (default: /bin/sh) is inside its root image.\n"
	"\n"
	"  -m SIZE          memory of the machine: bytes, or with K, M, G (default 512M, less in a small control group)\n"
	"  --cpus N         processors of the machine, 1 to 8 (default 1); the shell's programs use the first\n"
	"  --disk FILE[,ro] a disk, at most four: a file in blocks of 4096 bytes; ro: it is only read\n"
	"  --root FILE|DIR  root file system: a cpio archive (newc), or a directory to pack\n"
	"  -e VAR=VALUE     environment variable of PROGRAM; may be repeated\n"
	"  --strace[=FILE]  print every system call, to standard error or FILE\n"
	"  --audit          print the audit records at the end\n"
	"  --stats          print what each zone did at the end\n"
	"  --bench          print what kernel calls cost, instead of running PROGRAM\n"
	"  --check          walk the kernel's invariants at the end; a broken one is status 134\n"
	"  --numa N|SIZE,…  memory in N nodes, or in nodes of these sizes and one of the rest\n"
	"  --colours N      cache colours that frames are said to have (default 1)\n"
	"  --impatient      wait for no program that is told to stop, as on a host that is short of cores: for tests\n"
	"  --no-confine     keep all rights on this host, so that a debugger, strace or perf can look in\n"
	"  --version        print the version\n"
	"  --help           print this\n"
	"\n"
	"The exit status is PROGRAM's; 1: the simulator failed; 2: wrong usage.\n";

EXO_NORETURN static void die(int status, const char *what, const char *text)
{
	fprintf(stderr, "feuerbird-sim: %s%s%s\n", what, *text ? ": " : "", text);
	if (status == EXIT_USAGE)
		fprintf(stderr, "Try 'feuerbird-sim --help'.\n");
	exit(status);
}

/* One line of the LibOS's options, escaped as struct exo_boot says. */
static void option_line(struct options *options, const char *name, const char *value)
{
	char *to = options->cmdline + strlen(options->cmdline);
	const char *end = options->cmdline + sizeof(options->cmdline) - 4;

	for (; *name && to < end; name++)
		*to++ = *name;
	for (; *value && to < end; value++) {
		if (*value == '\n' || *value == '\\')
			*to++ = '\\';
		*to++ = *value == '\n' ? 'n' : *value;
	}
	if (*name || *value)
		die(EXIT_USAGE, "the command line is too long; put it into a script below --root", "");
	*to++ = '\n';
	*to = 0;
}

/* More memory than the host has would only be found out when it is too late. */
static void check_size(uint64_t size, const char *text)
{
	if (size < MEMORY_MIN)
		die(EXIT_USAGE, "-m is too small, at least 4M is needed", text);
	if (size > host_memory_of_machine())
		die(EXIT_USAGE, "-m is more than this machine has", text);
	if (size > host_memory_of_group())
		die(EXIT_USAGE, "-m is more than the control group that this runs in may have (memory.max)", text);
}

/* Without -m: some of a small control group's memory stays for the simulator itself. */
static uint64_t default_size(void)
{
	uint64_t most = host_memory_of_group() / 4 * 3;

	if (most < MEMORY_MIN)
		die(EXIT_FAILED, "the control group that this runs in has too little memory (memory.max)", "");
	return most < MEMORY_DEFAULT ? most & ~(EXO_FRAME_SIZE - 1) : MEMORY_DEFAULT;
}

static uint64_t parse_size(const char *text)
{
	char *end;
	unsigned long long size = strtoull(text, &end, 10);
	unsigned shift = 0;

	switch (*end) {
	case 'K': case 'k': shift = 10; break;
	case 'M': case 'm': shift = 20; break;
	case 'G': case 'g': shift = 30; break;
	}
	if (shift)
		end++;
	if (end == text || *end || *text == '-' || size > (MEMORY_MAX >> shift))
		die(EXIT_USAGE, "-m wants a size such as 64M or 1G", text);
	size <<= shift;
	check_size(size, text);
	return size & ~(EXO_FRAME_SIZE - 1);
}

static uint32_t parse_cpus(const char *text)
{
	if (text[0] < '1' || text[0] > '0' + HOST_CPUS_MAX || text[1])
		die(EXIT_USAGE, "--cpus wants a number from 1 to 8", text);
	return (uint32_t)(text[0] - '0');
}

/* The value of `--name VALUE` or `--name=VALUE`; 0: another option. */
static const char *value_of(char **argv, int *at, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(argv[*at], name, length) != 0)
		return 0;
	if (argv[*at][length] == '=' && name[1] == '-')
		return argv[*at] + length + 1;
	if (argv[*at][length] && name[1] != '-')
		return argv[*at] + length;
	if (argv[*at][length])
		return 0;
	if (!argv[*at + 1])
		die(EXIT_USAGE, "option needs a value", name);
	return argv[++*at];
}

static void environment(struct options *options, const char *value)
{
	if (!strchr(value, '=') || *value == '=')
		die(EXIT_USAGE, "-e wants VAR=VALUE", value);
	option_line(options, "env=", value);
}

static uint32_t parse_colours(const char *text)
{
	char *end;
	unsigned long colours = strtoul(text, &end, 10);

	if (end == text || *end || colours < 1 || colours > UINT16_MAX)
		die(EXIT_USAGE, "--colours wants a number from 1 to 65535", text);
	return (uint32_t)colours;
}

static void add_disk(struct options *options, const char *value)
{
	unsigned i = 0;

	while (i < HAL_DISKS && options->disks[i])
		i++;
	if (i == HAL_DISKS)
		die(EXIT_USAGE, "there can be four disks", value);
	options->disks[i] = value;
}

/* Returns where PROGRAM is in argv. */
static int parse(struct options *options, char **argv)
{
	int at;

	for (at = 1; argv[at] && argv[at][0] == '-' && argv[at][1]; at++) {
		const char *word = argv[at], *value;
		if (strcmp(word, "--") == 0)
			return at + 1;
		if (strcmp(word, "--help") == 0) {
			fputs(usage, stdout);
			exit(0);
		}
		if (strcmp(word, "--version") == 0) {
			puts("feuerbird-sim " FEUERBIRD_VERSION);
			exit(0);
		}
		if (strcmp(word, "--audit") == 0)
			option_line(options, "audit", "");
		else if (strcmp(word, "--stats") == 0) {
			option_line(options, "stats", "");
			options->stats = true;
		} else if (strcmp(word, "--bench") == 0)
			option_line(options, "bench", "");
		else if (strcmp(word, "--check") == 0)
			options->check = true;
		else if (strcmp(word, "--impatient") == 0)
			options->impatient = true;
		else if (strcmp(word, "--no-confine") == 0)
			options->no_confine = true;
		else if (strcmp(word, "--strace") == 0)
			option_line(options, "strace", "");
		else if (strncmp(word, "--strace=", 9) == 0) {
			option_line(options, "strace", "");
			options->log = word + 9;
		} else if ((value = value_of(argv, &at, "--root")))
			options->root = value;
		else if ((value = value_of(argv, &at, "--cpus")))
			options->cpus = parse_cpus(value);
		else if ((value = value_of(argv, &at, "-m")))
			options->memory = parse_size(value);
		else if ((value = value_of(argv, &at, "-e")))
			environment(options, value);
		else if ((value = value_of(argv, &at, "--numa")))
			options->numa = value;
		else if ((value = value_of(argv, &at, "--colours")))
			options->colours = parse_colours(value);
		else if ((value = value_of(argv, &at, "--disk")))
			add_disk(options, value);
		else
			die(EXIT_USAGE, "unknown option", word);
	}
	return at;
}

/* The image that `make` leaves beside the simulator. */
static const char *default_root(void)
{
	static const char *const names[] = {"build/root.cpio", "root.cpio", "../root.cpio"};
	static char path[PATH_MAX + 32];
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	if (size <= 0)
		return 0;
	path[size] = 0;
	slash = strrchr(path, '/');
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		strcpy(slash + 1, names[i]);
		if (access(path, R_OK) == 0)
			return path;
	}
	return 0;
}

/* Sanitizers make calls of the host at any time, and open files for their reports. */
static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
#endif
#endif
	return false;
}

/* Descriptors that whoever started us has closed: files of ours must not take their
 * places, and be read and written as the console. */
static void open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
	static struct options options;
	const char *message = "";
	bool folder, confined;
	int program, image;

	open_standard();
	host_signals_start();
	program = parse(&options, argv);
	for (int i = program; i < argc; i++)
		option_line(&options, "arg=", argv[i]);
	if (!options.memory)
		options.memory = default_size();
	if (!options.root)
		options.root = default_root();
	if (!options.root)
		die(EXIT_FAILED, "no root image found beside the program; run `make` or give --root FILE", "");
	for (unsigned i = 0; i < HAL_DISKS && options.disks[i]; i++)
		if (!host_disk_add(options.disks[i], &message))
			die(EXIT_FAILED, options.disks[i], message);
	if (!host_console_start(options.log))
		die(EXIT_FAILED, options.log, strerror(errno));
	if (!host_nodes_start(&options, &message))
		die(EXIT_USAGE, message, options.numa);
	image = host_image_open(options.root, &folder, &message);
	if (image < 0)
		die(EXIT_FAILED, options.root, message);
	confined = !options.no_confine && !is_sanitized();
	if (confined)
		host_confine_start(folder ? image : -1);
	if (!host_machine_start(&options, &message))
		die(EXIT_FAILED, message, "");
	if (!host_image_load(image, folder, &message)) {
		host_zones_end();
		die(EXIT_FAILED, options.root, message);
	}
	if (!host_zones_ready(&message))
		die(EXIT_FAILED, message, "");
	if (confined)
		host_confine_rights();
	core_start();
}
