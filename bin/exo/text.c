/* Numbers, names, capabilities and JSON: see text.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <exo/status.h>

#include "exo.h"
#include "text.h"

#define TEXTS     32u
#define TEXT_SIZE 272u /* a name of 64 bytes, each as \xHH, and more */

static char *text_new(void)
{
	static char texts[TEXTS][TEXT_SIZE];
	static unsigned next;

	return texts[next++ % TEXTS];
}

const char *text_of(const char *format, ...)
{
	char *text = text_new();
	va_list list;

	va_start(list, format);
	vsnprintf(text, TEXT_SIZE, format, list);
	va_end(list);
	return text;
}

/* value is 1000 or more: which unit, an index of `units`, and of how much. */
static const char units[] = "KMGTPE";

static size_t unit_of(uint64_t value, uint64_t *unit)
{
	size_t i = 0;

	for (*unit = 1000; value / *unit >= 1000 && units[i + 1]; i++)
		*unit *= 1000;
	return i;
}

/* "12.3M", with as many decimals as fit; at most 2, since more say nothing. */
static void scaled(char *text, uint64_t value, unsigned width)
{
	uint64_t unit, whole, rest;
	size_t i = unit_of(value, &unit);

	whole = value / unit;
	rest = value % unit / (unit / 1000); /* thousandths */
	snprintf(text, TEXT_SIZE, "%llu.%02llu%c", (unsigned long long)whole, (unsigned long long)(rest / 10), units[i]);
	if (strlen(text) > width)
		snprintf(text, TEXT_SIZE, "%llu.%llu%c", (unsigned long long)whole, (unsigned long long)(rest / 100), units[i]);
	if (strlen(text) > width)
		snprintf(text, TEXT_SIZE, "%llu%c", (unsigned long long)whole, units[i]);
}

const char *number_text(uint64_t value, unsigned width)
{
	char *text = text_new();

	if (snprintf(text, TEXT_SIZE, "%llu", (unsigned long long)value) > (int)width)
		scaled(text, value, width);
	return text;
}

const char *hex_text(uint64_t value, unsigned width)
{
	char *text = text_new();

	if (snprintf(text, TEXT_SIZE, "%#llx", (unsigned long long)value) > (int)width)
		scaled(text, value, width);
	return text;
}

const char *seconds_text(uint64_t ns, unsigned width, unsigned decimals)
{
	uint64_t seconds = ns / NS_PER_S, rest = ns % NS_PER_S, unit = NS_PER_S;
	char *text = text_new();

	for (unsigned i = 0; i < decimals; i++)
		unit /= 10;
	for (; decimals > 0; decimals--, unit *= 10)
		if (snprintf(text, TEXT_SIZE, "%llu.%0*llu", (unsigned long long)seconds, (int)decimals,
		             (unsigned long long)(rest / unit)) <= (int)width)
			return text;
	return number_text(seconds, width);
}

const char *cap_text(exo_cap_t cap, unsigned width)
{
	uint64_t slot = cap & 0xffff, generation = cap >> 16, unit;
	const char *text = text_of("%llu.%llu", (unsigned long long)slot, (unsigned long long)generation);
	size_t i;

	if (cap == EXO_CAP_NONE)
		return "-";
	if (strlen(text) <= width)
		return text;
	/* Without decimals: there is one point. */
	i = unit_of(generation, &unit);
	return text_of("%llu.%llu%c", (unsigned long long)slot, (unsigned long long)(generation / unit), units[i]);
}

static bool is_plain(unsigned char c)
{
	return c > ' ' && c < 0x7f;
}

const char *name_text(const char *name, size_t size)
{
	char *text = text_new();
	size_t n = 0;

	for (; n < size && name[n] && n < TEXT_SIZE - 1; n++)
		text[n] = is_plain((unsigned char)name[n]) ? name[n] : '?';
	text[n] = 0;
	return n > 0 ? text : strcpy(text, "-");
}

const char *name_full(const char *name, size_t size)
{
	char *text = text_new();
	size_t n = 0;

	for (size_t i = 0; i < size && name[i] && n + 4 < TEXT_SIZE; i++) {
		unsigned char c = (unsigned char)name[i];

		if (is_plain(c) && c != '\\')
			text[n++] = (char)c;
		else
			n += (size_t)snprintf(text + n, TEXT_SIZE - n, "\\x%02x", c);
	}
	text[n] = 0;
	return n > 0 ? text : strcpy(text, "-");
}

/* ---- the kernel's words ---- */

const char *rights_text(uint32_t rights)
{
	static const char letters[] = "rwxdgvcmfk"; /* in the order of EXO_R_*'s bits */
	char *text = text_new();

	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		text[i] = rights >> i & 1 ? letters[i] : '-';
	text[sizeof(letters) - 1] = 0;
	return text;
}

const char *type_text(uint32_t type)
{
	static const char *const names[] = {
#define EXO_X(name, value, text) [value] = text,
		EXO_CAP_TYPES(EXO_X)
#undef EXO_X
	};

	return type < EXO_CAP_TYPE_COUNT ? names[type] : "?";
}

const char *status_name(uint64_t status)
{
	switch (status) {
#define EXO_STATUS(name, value, text) \
	case value: return #name;
#include <exo/status.def>
#undef EXO_STATUS
	default: return "?";
	}
}

const char *status_text(uint64_t status)
{
	switch (status) {
#define EXO_STATUS(name, value, text) \
	case value: return text;
#include <exo/status.def>
#undef EXO_STATUS
	default: return "unknown status";
	}
}

/* ---- JSON ---- */

static struct {
	unsigned depth;
	bool started; /* something is before it in its bracket */
	bool one_line;
} json;

/* One element of the outermost array to a line, so that grep finds something. */
static void json_key(const char *key)
{
	if (json.started)
		putchar(',');
	if (json.depth == 2 && !key && !json.one_line)
		fputs("\n ", stdout);
	if (key)
		printf("\"%s\":", key);
	json.started = true;
}

void json_one_line(void)
{
	json.one_line = true;
}

void json_open(const char *key, char bracket)
{
	json_key(key);
	putchar(bracket);
	json.depth++;
	json.started = false;
}

void json_close(char bracket)
{
	putchar(bracket);
	json.started = --json.depth > 0;
	if (json.depth == 0)
		putchar('\n');
}

void json_number(const char *key, uint64_t value)
{
	json_key(key);
	printf("%llu", (unsigned long long)value);
}

void json_decimal(const char *key, uint64_t thousandths)
{
	json_key(key);
	printf("%llu.%03llu", (unsigned long long)(thousandths / 1000), (unsigned long long)(thousandths % 1000));
}

void json_string(const char *key, const char *bytes, size_t size)
{
	json_key(key);
	putchar('"');
	for (size_t i = 0; i < size && bytes[i]; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

void json_text(const char *key, const char *text)
{
	json_string(key, text, strlen(text));
}

void json_bool(const char *key, bool value)
{
	json_key(key);
	fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
	json_key(key);
	fputs("null", stdout);
}

void json_cap(const char *key, exo_cap_t cap)
{
	if (cap == EXO_CAP_NONE)
		json_null(key);
	else
		json_text(key, cap_text(cap, FULL_WIDTH));
}
