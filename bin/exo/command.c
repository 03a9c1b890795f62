/* The command line of exo. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exo.h"
#include "text.h"

#define DELAY_LEAST_MS 100u
#define DELAY_MOST_MS  3600000u
#define SCREENS_MOST   1000000000u

struct command {
	const char *name;
	const char *options; /* the letters that it knows, but -h */
	uint32_t kind, rights; /* what it asks /dev/exo for */
	int (*run)(exo_cap_t cap, const struct options *options);
};

static const struct command commands[] = {
	{ "zones", "wj", EXO_DEV_AUDIT, EXO_R_READ, show_zones },
	{ "caps", "wj", EXO_DEV_AUDIT, EXO_R_READ, show_caps },
	{ "extents", "wj", EXO_DEV_AUDIT, EXO_R_READ, show_extents },
	{ "mem", "wj", EXO_DEV_FRAMES, 0, show_memory },
	{ "audit", "wjfraz", EXO_DEV_AUDIT, EXO_R_READ, show_audit },
	{ "stats", "j", EXO_DEV_AUDIT, EXO_R_READ, show_stats },
	{ "top", "bjdn", EXO_DEV_AUDIT, EXO_R_READ, show_top },
};

static const struct option long_options[] = {
	{ "wide", no_argument, NULL, 'w' },
	{ "json", no_argument, NULL, 'j' },
	{ "follow", no_argument, NULL, 'f' },
	{ "refusals", no_argument, NULL, 'r' },
	{ "all", no_argument, NULL, 'a' },
	{ "zone", required_argument, NULL, 'z' },
	{ "batch", no_argument, NULL, 'b' },
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* ---- errors ---- */

_Noreturn void fail(const char *what)
{
	fprintf(stderr, "exo: %s\n", what);
	exit(EXO_FAILED);
}

void check(enum exo_status status, const char *what)
{
	if (status == EXO_OK)
		return;
	fprintf(stderr, "exo: %s: %s\nexo: %s\n", what, status_name(status), status_text(status));
	exit(EXO_FAILED);
}

void *more_memory(void *at, size_t count, size_t size)
{
	void *larger = count <= SIZE_MAX / size ? realloc(at, count * size) : NULL;

	if (!larger)
		fail("out of memory");
	return larger;
}

/* What was typed, so that no terminal obeys it and it fits a line. */
static const char *typed(const char *text)
{
	const char *full = name_full(text, 40);

	return strlen(full) <= 20 ? full : text_of("%.17s...", full);
}

static int usage(const char *command)
{
	fprintf(stderr, "exo: try 'exo help%s%s'\n", command ? " " : "", command ? command : "");
	return EXO_USAGE;
}

exo_cap_t attach(uint32_t kind, uint32_t rights)
{
	struct exo_dev_grant grant = { .kind = kind, .rights = rights };
	int error = exo_attach(&grant);

	if (error == ENOENT || error == ENXIO || error == ENODEV)
		fail("no /dev/exo here: this system is not FeuerBird");
	if (error == EPERM || error == EACCES)
		fprintf(stderr, "exo: /dev/exo: %s (only root may look at the system)\n", strerror(error));
	else if (error == ENOMEM)
		fprintf(stderr, "exo: /dev/exo: no capability or slot is left for this program: end another one\n");
	else if (error)
		fprintf(stderr, "exo: /dev/exo: %s\n", strerror(error));
	if (error)
		exit(EXO_FAILED);
	return grant.cap;
}

/* ---- options ---- */

/* "0.5" is 500. False: no such number. */
static bool parse_ms(const char *text, uint32_t *ms)
{
	uint64_t value = 0, unit = 1000;
	bool point = false, digits = false;

	for (; *text; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || value > DELAY_MOST_MS)
			return false;
		digits = true;
		if (!point)
			value = value * 10 + (uint64_t)(*text - '0') * 1000;
		else
			value += (uint64_t)(*text - '0') * (unit /= 10);
	}
	*ms = (uint32_t)value;
	return digits && value >= DELAY_LEAST_MS && value <= DELAY_MOST_MS;
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *value >= least && *value <= most;
}

/* One option. NULL, or what its argument should be. */
static const char *option(int letter, const char *argument, struct options *options)
{
	uint64_t value = 0;

	switch (letter) {
	case 'w': options->wide = true; break;
	case 'j': options->json = true; break;
	case 'f': options->follow = true; break;
	case 'r': options->refusals = true; break;
	case 'a': options->own = true; break;
	case 'b': options->batch = true; break;
	case 'z':
		if (!parse_number(argument, 0, UINT32_MAX, &value))
			return "a zone's number (see exo zones)";
		options->zone = (uint32_t)value;
		options->zone_set = true;
		break;
	case 'n':
		if (!parse_number(argument, 1, SCREENS_MOST, &value))
			return "a number of screens, 1 or more";
		options->count = value;
		options->count_set = true;
		break;
	default: /* 'd' */
		if (!parse_ms(argument, &options->delay_ms))
			return "seconds from 0.1 to 3600";
	}
	return NULL;
}

/* EXO_DONE, or the exit status. Options may stand in any order. */
static int parse(const struct command *command, int argc, char **argv, struct options *options, bool *help)
{
	const char *wanted;
	int letter;

	opterr = 0;
	optind = 1;
	while ((letter = getopt_long(argc, argv, ":wjfrabhz:d:n:", long_options, NULL)) != -1) {
		if (letter == 'h') {
			*help = true;
			continue;
		}
		if (letter == ':') {
			fprintf(stderr, "exo %s: -%c needs a value\n", command->name, optopt);
			return usage(command->name);
		}
		if (letter == '?' || !strchr(command->options, letter)) {
			/* Of a group of letters the one that is wrong; a long option as it stands. */
			const char *last = argv[optind - 1];
			bool is_long = strncmp(last, "--", 2) == 0 && last[2];

			fprintf(stderr, "exo %s: no such option here: %s\n", command->name,
			        typed(is_long ? last : (char[]){ '-', (char)(letter == '?' ? optopt : letter), 0 }));
			return usage(command->name);
		}
		wanted = option(letter, optarg, options);
		if (wanted) {
			fprintf(stderr, "exo %s: -%c wants %s, not '%s'\n", command->name, letter, wanted, typed(optarg));
			return usage(command->name);
		}
	}
	if (argv[optind] && !*help) {
		fprintf(stderr, "exo %s: takes no argument, but got '%s'\n", command->name, typed(argv[optind]));
		return usage(command->name);
	}
	return EXO_DONE;
}

/* What could not be written is no success. */
static int finish(int status)
{
	if (fflush(stdout) != 0 && status == EXO_DONE) {
		fprintf(stderr, "exo: standard output: %s\n", strerror(errno));
		return EXO_FAILED;
	}
	return status;
}

static int help(int argc, char **argv)
{
	if (argc > 2) {
		fprintf(stderr, "exo help: one topic at a time\n");
		return usage(NULL);
	}
	if (show_help(argv[1]))
		return finish(EXO_DONE);
	fprintf(stderr, "exo: no help on '%s'\n", typed(argv[1]));
	return usage(NULL);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct options options = { .delay_ms = 2000 };
	bool wants_help = false;
	int status = parse(command, argc, argv, &options, &wants_help);

	if (status != EXO_DONE)
		return status;
	if (wants_help) {
		show_help(command->name);
		return finish(EXO_DONE);
	}
	return finish(command->run(attach(command->kind, command->rights), &options));
}

int exo_command(int argc, char **argv)
{
	if (argc < 2) {
		fputs("exo: what shall be shown?\n", stderr);
		return usage(NULL);
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help(argc - 1, argv + 1);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], argc - 1, argv + 1);
	fprintf(stderr, "exo: no such command: %s\n", typed(argv[1]));
	return usage(NULL);
}
