/*
 * The command line's part that is for the LibOS (request.h).
 */
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX    (4u << 20) /* bytes of a file of options or variables */
#define FRAME_SIZE  4096u
#define INCLUDE_MAX 64u        /* files of options */
#define TIMEOUT_MAX UINT64_C(0x7fffffff) /* seconds */

static void *allocated(void *block)
{
	if (!block)
		request_die("not enough memory");
	return block;
}

static void list_add(struct request_list *list, char *string)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 16;
		list->strings = allocated(realloc(list->strings, list->room * sizeof(*list->strings)));
	}
	list->strings[list->count++] = string;
}

static char *joined(const char *a, const char *b)
{
	size_t length = strlen(a), size = length + strlen(b) + 1;
	char *both = allocated(malloc(size));

	memcpy(both, a, length);
	memcpy(both + length, b, size - length);
	return both;
}

void request_switch(struct request *request, const char *name, const char *value)
{
	list_add(&request->switches, joined(name, value));
}

/* ---- environment ---- */

/* "VAR=VALUE"; of a variable that is set again the last value counts. */
static void set_variable(struct request *request, const char *setting)
{
	size_t name = (size_t)(strchr(setting, '=') - setting) + 1, i = 0;
	struct request_list *env = &request->env;

	while (i < env->count && strncmp(env->strings[i], setting, name) != 0)
		i++;
	if (i == env->count) {
		list_add(env, joined(setting, ""));
		return;
	}
	free(env->strings[i]);
	env->strings[i] = joined(setting, "");
}

static void variable(struct request *request, const char *setting, const char *where)
{
	const char *value;
	char *whole;

	if (*setting == 0 || *setting == '=')
		request_die("%s wants VAR=VALUE, or VAR, which is then as it is here, not '%s'", where, setting);
	if (strchr(setting, '=')) {
		set_variable(request, setting);
		return;
	}
	value = getenv(setting);
	if (!value)
		return;
	whole = allocated(malloc(strlen(setting) + strlen(value) + 2));
	sprintf(whole, "%s=%s", setting, value);
	set_variable(request, whole);
	free(whole);
}

/* A whole file of text, NUL-terminated. */
static char *file_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = allocated(malloc(FILE_MAX + 1));
	size_t size;

	if (!file)
		request_die("%s: %s", path, strerror(errno));
	size = fread(text, 1, FILE_MAX + 1, file);
	if (ferror(file))
		request_die("%s: %s", path, strerror(errno));
	if (size > FILE_MAX)
		request_die("%s: larger than %u MiB", path, FILE_MAX >> 20);
	text[size] = 0;
	if (strlen(text) != size)
		request_die("%s: not a text: it has a NUL byte", path);
	fclose(file);
	return text;
}

static void environment_file(struct request *request, const char *path)
{
	char *text = file_text(path), *line = text, *end;

	for (; line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		while (*line == ' ' || *line == '\t')
			line++;
		if (*line && *line != '#')
			variable(request, line, path);
	}
	free(text);
}

/* ---- words from a file ---- */

/* The next word of `*at`, its quotes taken away, in place; NULL: there is none. */
static char *next_word(char **at, const char *path)
{
	char *from = *at, *to, *word, quote = 0;

	for (;;) {
		while (isspace((unsigned char)*from))
			from++;
		if (*from != '#')
			break;
		while (*from && *from != '\n')
			from++;
	}
	if (!*from)
		return NULL;
	for (word = to = from; *from && (quote || !isspace((unsigned char)*from)); from++) {
		if (quote ? *from == quote : *from == '\'' || *from == '"') {
			quote = quote ? 0 : *from;
			continue;
		}
		if (*from == '\\' && quote != '\'' && from[1])
			from++;
		*to++ = *from;
	}
	if (quote)
		request_die("%s: a quotation has no end: %c", path, quote);
	*at = *from ? from + 1 : from;
	*to = 0;
	return word;
}

char **request_include(char **argv, int at)
{
	static unsigned included;
	const char *path = argv[at] + 1;
	char *text = file_text(path), *rest = text, *word;
	struct request_list words = {NULL, 0, 0};

	/* A file that names itself would never end. */
	if (++included > INCLUDE_MAX)
		request_die("%s: more than %u files of options; does one name itself?", path, INCLUDE_MAX);
	for (int i = 0; i < at; i++)
		list_add(&words, argv[i]);
	while ((word = next_word(&rest, path)))
		list_add(&words, joined(word, ""));
	for (char **more = argv + at + 1; *more; more++)
		list_add(&words, *more);
	list_add(&words, NULL);
	free(text);
	return words.strings;
}

/* ---- options ---- */

const char *request_value(const char *name, char **argv, int *at)
{
	size_t length = strlen(name);

	if (strncmp(argv[*at], name, length) != 0)
		return NULL;
	if (argv[*at][length] == '=' && name[1] == '-')
		return argv[*at] + length + 1;
	if (argv[*at][length])
		return name[1] == '-' ? NULL : argv[*at] + length;
	if (!argv[*at + 1])
		request_die("option needs a value: %s", name);
	return argv[++*at];
}

static uint64_t milliseconds(const char *text)
{
	static const struct { char suffix; uint64_t seconds; } units[] = {{0, 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	double value = strtod(text, &end);
	size_t i = 0;

	while (i < sizeof(units) / sizeof(units[0]) && *end != units[i].suffix)
		i++;
	if (end == text || i == sizeof(units) / sizeof(units[0]) || (*end && end[1]) || !(value >= 0.001) ||
	    value * (double)units[i].seconds > (double)TIMEOUT_MAX)
		request_die("--timeout wants a time such as 10, 0.5 or 5m, not '%s'", text);
	return (uint64_t)(value * (double)units[i].seconds * 1000);
}

bool request_option(struct request *request, char **argv, int *at)
{
	static const char *const switches[] = {"--audit", "--stats", "--bench"};
	const char *value;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (strcmp(argv[*at], switches[i]) == 0) {
			request_switch(request, switches[i] + 2, "");
			return true;
		}
	}
	if (strcmp(argv[*at], "--init") == 0)
		request->init = true;
	else if ((value = request_value("--env-file", argv, at)))
		environment_file(request, value);
	else if ((value = request_value("--timeout", argv, at)))
		request->timeout_ms = milliseconds(value);
	else if ((value = request_value("--strace-e", argv, at)))
		request_switch(request, "strace-e=", value);
	else if ((value = request_value("--strace-s", argv, at)))
		request_switch(request, "strace-s=", value);
	else if (strncmp(argv[*at], "--strace-", 9) == 0) /* the LibOS knows which there are */
		request_switch(request, argv[*at] + 2, "");
	else if ((value = request_value("-e", argv, at)))
		variable(request, value, "-e");
	else if ((value = request_value("-w", argv, at)))
		request->cwd = value;
	else if ((value = request_value("-u", argv, at)))
		request->user = value;
	else
		return false;
	return true;
}

/* ---- the text ---- */

/* One element, escaped as struct exo_boot says. Where `to` is NULL it is only measured. */
static size_t element(char *to, const char *name, const char *value)
{
	const char *parts[] = {name, value};
	size_t size = 0;

	for (int i = 0; i < 2; i++) {
		for (const char *at = parts[i]; *at; at++) {
			bool escaped = *at == '\n' || *at == '\\';

			if (escaped && to)
				to[size] = '\\';
			size += escaped;
			if (to)
				to[size] = *at == '\n' ? 'n' : *at;
			size++;
		}
	}
	if (to)
		to[size] = '\n';
	return size + 1;
}

static size_t write_all(const struct request *r, char *to)
{
	size_t size = 0;

#define ELEMENT(name, value) (size += element(to ? to + size : NULL, name, value))
	for (size_t i = 0; i < r->switches.count; i++)
		ELEMENT(r->switches.strings[i], "");
	if (r->cwd)
		ELEMENT("cwd=", r->cwd);
	if (r->user)
		ELEMENT("user=", r->user);
	for (size_t i = 0; i < r->env.count; i++)
		ELEMENT("env=", r->env.strings[i]);
	if (r->init && r->args && *r->args)
		ELEMENT("arg=", "/bin/fb-init");
	for (char **arg = r->args; arg && *arg; arg++)
		ELEMENT("arg=", *arg);
#undef ELEMENT
	return size;
}

char *request_text(const struct request *request, size_t *size)
{
	char *text;

	*size = write_all(request, NULL);
	text = allocated(malloc(*size + 2));
	write_all(request, text);
	/* In frames of its own it ends with the rest of the last one. */
	if (*size % FRAME_SIZE == 0)
		text[(*size)++] = '\n';
	text[*size] = 0;
	return text;
}
