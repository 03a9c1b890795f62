/*
 * The simulator's command line.
 */
#include "hosted.h"
#include "request.h"

#include <core/core.h>
#include <errno.h>
#include <fcntl.h>
#include <hal/version.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_DEFAULT (UINT64_C(512) << 20)
#define MEMORY_MIN     (UINT64_C(4) << 20)
#define MEMORY_MAX     (UINT64_C(1) << 40)
static const char usage[] =
	"Usage: feuerbird-sim [OPTION]... [--] [PROGRAM [ARG]...]\n"
	"Runs FeuerBird in this process; PROGRAM (/bin/sh) is inside its root image.\n"
	"\n"
	"What runs:\n"
	"  --root FILE|DIR  root file system: a cpio archive (newc), or a directory\n"
	"  --add FILE|DIR   a layer over it, likewise; may be repeated\n"
	REQUEST_HELP
	"\n"
	"The machine:\n"
	"  -m SIZE          memory: bytes, or with K, M, G (512M, less in a small control\n"
	"                   group)\n"
	"  --cpus N         processors, 1 to 8 (1); the shell's programs use the first\n"
	"  --disk FILE[,ro] a disk, at most four: a file in blocks of 4096 bytes; ro: it\n"
	"                   is only read\n"
	"  --numa N|SIZE,...\n"
	"                   memory in N nodes, or in nodes of these sizes and a last\n"
	"  --colours N      cache colours that frames are said to have (1)\n"
	"\n"
	"What is seen of it:\n"
	"  --strace[=FILE]  print every system call, to standard error or FILE\n"
	REQUEST_HELP_TRACE
	"  --audit          print the audit records at the end\n"
	"  --stats          print what each zone did at the end\n"
	"  --bench          print what kernel calls cost, instead of running PROGRAM\n"
	"  --check          walk the kernel's invariants at the end; a broken one\n"
	"                   is status 125\n"
	"  --no-confine     keep all rights on this host, so that a debugger, strace or\n"
	"                   perf can look in\n"
	"  --impatient      wait for no program that is told to stop, as on a host\n"
	"                   that is short of cores: for tests\n"
	"  --doctor         say what this host allows, and what is missing\n"
	"  --version        print the version\n"
	"  --help           print this\n"
	"\n"
	"Examples:\n"
	"  feuerbird-sim                              a shell\n"
	"  feuerbird-sim -- /bin/ls -l /bin           one program\n"
	"  feuerbird-sim --add DIR -- /bin/sh -c ...  with the files of DIR\n"
	"\n"
	REQUEST_HELP_LEAVE REQUEST_HELP_STATUS;

void request_die(const char *format, ...)
{
	va_list list;

	fputs("feuerbird-sim: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(EXIT_FAILED);
}

EXO_NORETURN static void die(const char *what, const char *text)
{
	request_die("%s%s%s", what, *text ? ": " : "", text);
}

EXO_NORETURN static void wrong_usage(const char *what, const char *text)
{
	request_die("%s%s%s\nTry 'feuerbird-sim --help'.", what, *text ? ": " : "", text);
}

/* More memory than the host has would only be found out when it is too late. */
static void check_size(uint64_t size, const char *text)
{
	if (size < MEMORY_MIN)
		wrong_usage("-m is too small, at least 4M is needed", text);
	if (size > host_memory_of_machine())
		wrong_usage("-m is more than this machine has", text);
	if (size > host_memory_of_group())
		wrong_usage("-m is more than the control group that this runs in may have (memory.max)", text);
}

/* Without -m: some of a small control group's memory stays for the simulator itself. */
static uint64_t default_size(void)
{
	uint64_t most = host_memory_of_group() / 4 * 3;

	if (most < MEMORY_MIN)
		die("the control group that this runs in has too little memory (memory.max)", "");
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
		wrong_usage("-m wants a size such as 64M or 1G", text);
	size <<= shift;
	check_size(size, text);
	return size & ~(EXO_FRAME_SIZE - 1);
}

static uint32_t parse_cpus(const char *text)
{
	if (text[0] < '1' || text[0] > '0' + HOST_CPUS_MAX || text[1])
		wrong_usage("--cpus wants a number from 1 to 8", text);
	return (uint32_t)(text[0] - '0');
}

static uint32_t parse_colours(const char *text)
{
	char *end;
	unsigned long colours = strtoul(text, &end, 10);

	if (end == text || *end || colours < 1 || colours > UINT16_MAX)
		wrong_usage("--colours wants a number from 1 to 65535", text);
	return (uint32_t)colours;
}

/* To the end of a list of at most `room`, whose places are 0 behind its last; full: what to say when there is none. */
static void add_to(const char **list, unsigned room, const char *value, const char *full)
{
	unsigned i = 0;

	while (i < room && list[i])
		i++;
	if (i == room)
		wrong_usage(full, value);
	list[i] = value;
}

static bool flag(struct options *options, const char *word)
{
	if (strcmp(word, "--check") == 0)
		options->check = true;
	else if (strcmp(word, "--impatient") == 0)
		options->impatient = true;
	else if (strcmp(word, "--no-confine") == 0)
		options->no_confine = true;
	else if (strcmp(word, "--strace") == 0)
		request_switch(&options->request, "strace", "");
	else
		return false;
	return true;
}

static void option(struct options *options, char **argv, int *at)
{
	const char *word = argv[*at], *value;

	if (strcmp(word, "--stats") == 0)
		options->stats = true;
	if (flag(options, word) || request_option(&options->request, argv, at))
		return;
	if (strncmp(word, "--strace=", 9) == 0) {
		request_switch(&options->request, "strace", "");
		options->log = word + 9;
	} else if ((value = request_value("--root", argv, at)))
		options->root = value;
	else if ((value = request_value("--add", argv, at)))
		add_to(options->layers, LAYERS_MAX, value, "there can be 32 layers");
	else if ((value = request_value("--cpus", argv, at)))
		options->cpus = parse_cpus(value);
	else if ((value = request_value("-m", argv, at)))
		options->memory = parse_size(value);
	else if ((value = request_value("--numa", argv, at)))
		options->numa = value;
	else if ((value = request_value("--colours", argv, at)))
		options->colours = parse_colours(value);
	else if ((value = request_value("--disk", argv, at)))
		add_to(options->disks, HAL_DISKS, value, "there can be four disks");
	else
		wrong_usage("unknown option", word);
}

static void parse(struct options *options, char **argv)
{
	int at;

	for (at = 1; argv[at] && ((argv[at][0] == '-' && argv[at][1]) || argv[at][0] == '@'); at++) {
		if (argv[at][0] == '@') {
			argv = request_include(argv, at--);
			continue;
		}
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (strcmp(argv[at], "--help") == 0) {
			fputs(usage, stdout);
			exit(0);
		}
		if (strcmp(argv[at], "--doctor") == 0)
			exit(host_doctor());
		if (strcmp(argv[at], "--version") == 0) {
			printf("feuerbird-sim %s\n", hal_version);
			exit(0);
		}
		option(options, argv, &at);
	}
	options->request.args = argv + at;
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
	bool confined;

	(void)argc;
	open_standard();
	host_signals_start();
	parse(&options, argv);
	options.text = request_text(&options.request, &options.text_size);
	if (!options.memory)
		options.memory = default_size();
	if (!options.root)
		options.root = default_root();
	if (!options.root)
		die("no root image found beside the program; run `make` or give --root FILE", "");
	for (unsigned i = 0; i < HAL_DISKS && options.disks[i]; i++)
		if (!host_disk_add(options.disks[i], &message))
			die(options.disks[i], message);
	if (!host_console_start(options.log))
		die(options.log, strerror(errno));
	host_timeout_start(options.request.timeout_ms);
	if (!host_nodes_start(&options, &message))
		wrong_usage(message, options.numa);
	if (!host_image_open(&options, &message))
		request_die("%s", message);
	confined = !options.no_confine && !is_sanitized();
	if (confined)
		host_image_confine();
	if (!host_machine_start(&options, &message))
		die(message, "");
	if (!host_image_load(&options, &message)) {
		host_zones_end();
		request_die("%s", message);
	}
	if (!host_zones_ready(&message))
		die(message, "");
	if (confined)
		host_confine_rights();
	core_start();
}
