/*
 * Generates, from include/exo/calls.def, everything that knows the list of
 * kernel calls. Runs on the build machine; writes to standard output:
 *
 *   gen_calls stubs  build/gen/exo/calls.h     numbers, names, typed user stubs
 *   gen_calls core   build/gen/core_calls.h    handlers' prototypes, decoder table
 *   gen_calls docs   docs/syscalls.md          the manual
 *   gen_calls dict   build/gen/calls.dict      libFuzzer dictionary
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 6

struct arg {
	const char *kind, *name;
};

struct call {
	int number;
	const char *name, *type, *rights;
	struct arg args[ARGS_MAX + 1];
	const char *value, *errors, *text;
	bool looks;    /* EXO_LOOK: needs no lock */
	bool recorded; /* EXO_AUTH: always leaves an audit record */
};

static const struct call calls[] = {
#define ARG(kind, name) { #kind, #name },
#define EXO_CALL(number, name, type, rights, args, value, errors, text) \
	{ number, #name, #type, #rights, { args { 0, 0 } }, value, errors, text, false, false },
#define EXO_AUTH(number, name, type, rights, args, value, errors, text) \
	{ number, #name, #type, #rights, { args { 0, 0 } }, value, errors, text, false, true },
#define EXO_LOOK(number, name, type, rights, args, value, errors, text) \
	{ number, #name, #type, #rights, { args { 0, 0 } }, value, errors, text, true, false },
#include <exo/calls.def>
#undef EXO_LOOK
#undef EXO_AUTH
#undef EXO_CALL
#undef ARG
};
#define CALL_COUNT ((int)(sizeof(calls) / sizeof(calls[0])))

static const struct {
	const char *name, *text;
} statuses[] = {
#define EXO_STATUS(name, value, text) { #name, text },
#include <exo/status.def>
#undef EXO_STATUS
};

/* "outs(struct t, count)" -> kind "outs", element "struct t" */
struct kind {
	char word[16], element[64];
	bool pointer, output;
};

static void fail(const struct call *call, const char *what)
{
	fprintf(stderr, "calls.def: %s: %s\n", call->name, what);
	exit(1);
}

static struct kind kind_parse(const struct call *call, const char *text)
{
	struct kind kind = { 0 };
	size_t word = strcspn(text, "(");

	if (word >= sizeof(kind.word))
		fail(call, "kind is too long");
	memcpy(kind.word, text, word);
	kind.pointer = text[word] == '(';
	kind.output = strncmp(text, "out", 3) == 0 || strncmp(text, "inout", 5) == 0;
	if (kind.pointer) {
		size_t size = strcspn(text + word + 1, ",)");

		if (size >= sizeof(kind.element))
			fail(call, "element type is too long");
		memcpy(kind.element, text + word + 1, size);
		if (strcmp(kind.element, "uint8_t") == 0)
			strcpy(kind.element, "void");
	}
	return kind;
}

static const char *scalar_type(const struct call *call, const char *word)
{
	static const char *const types[][2] = {
		{ "cap", "exo_cap_t" }, { "u64", "uint64_t" }, { "u32", "uint32_t" },
		{ "vaddr", "exo_vaddr_t" }, { "frame", "exo_frame_t" }, { "ns", "uint64_t" },
		{ "rights", "uint32_t" },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i][0], word) == 0)
			return types[i][1];
	fail(call, "unknown kind of argument");
	return NULL;
}

static int arg_count(const struct call *call)
{
	int count = 0;

	while (call->args[count].kind)
		count++;
	return count;
}

static bool first_is_cap(const struct call *call)
{
	return call->args[0].kind && strcmp(call->args[0].kind, "cap") == 0;
}

static bool is_narrow(const struct call *call, int i)
{
	return strcmp(call->args[i].kind, "u32") == 0 || strcmp(call->args[i].kind, "rights") == 0;
}

/* Every number once and without gaps, so that number and table index agree. */
static void check(void)
{
	for (int i = 0; i < CALL_COUNT; i++) {
		const struct call *call = &calls[i];

		if (call->number != i)
			fail(call, "number out of order");
		for (int k = first_is_cap(call) ? 1 : 0; call->looks && k < arg_count(call); k++)
			if (strchr(call->args[k].kind, '(') || strcmp(call->args[k].kind, "cap") == 0)
				fail(call, "EXO_LOOK with a second capability or an address");
		if (!first_is_cap(call) && (strcmp(call->type, "NONE") != 0 || strcmp(call->rights, "0") != 0))
			fail(call, "needs a capability but its first argument is none");
	}
}

/* ---- Stubs ------------------------------------------------------------- */

static void write_upper(const char *name)
{
	for (; *name; name++)
		putchar(*name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
}

static void write_stub(const struct call *call)
{
	int count = arg_count(call);

	printf("/* %s\n * value: %s%s%s */\n", call->text, call->value,
	       call->errors[0] ? "; errors: " : "", call->errors);
	printf("EXO_MUST_USE static inline enum exo_status exo_%s(", call->name);
	for (int i = 0; i < count; i++) {
		struct kind kind = kind_parse(call, call->args[i].kind);

		if (kind.pointer)
			printf("%s%s *%s, ", kind.output ? "" : "const ", kind.element, call->args[i].name);
		else
			printf("%s %s, ", scalar_type(call, kind.word), call->args[i].name);
	}
	printf("uint64_t *value)\n{\n\tstruct exo_result exo_r = exo_call(EXO_NR_");
	write_upper(call->name);
	for (int i = 0; i < ARGS_MAX; i++) {
		if (i >= count)
			printf(", 0");
		else if (kind_parse(call, call->args[i].kind).pointer)
			printf(", (uint64_t)(uintptr_t)%s", call->args[i].name);
		else
			printf(", %s", call->args[i].name);
	}
	printf(");\n\n\tif (value)\n\t\t*value = exo_r.value;\n"
	       "\treturn (enum exo_status)exo_r.status;\n}\n\n");
}

static void write_stubs(void)
{
	printf("/* Generated from include/exo/calls.def by tools/gen_calls.c. */\n"
	       "#ifndef EXO_CALLS_H\n#define EXO_CALLS_H\n\n#include <exo/abi.h>\n\n"
	       "enum exo_call_number {\n");
	for (int i = 0; i < CALL_COUNT; i++) {
		printf("\tEXO_NR_");
		write_upper(calls[i].name);
		printf(" = %d,\n", calls[i].number);
	}
	printf("\tEXO_NR_COUNT\n};\n\n"
	       "/* The call's name without its prefix, or \"?\". */\n"
	       "static inline const char *exo_call_name(uint64_t number)\n{\n"
	       "\tstatic const char *const names[] = {\n");
	for (int i = 0; i < CALL_COUNT; i++)
		printf("\t\t\"%s\",\n", calls[i].name);
	printf("\t};\n\n\treturn number < EXO_NR_COUNT ? names[number] : \"?\";\n}\n\n"
	       "/* The stubs: `value` may be NULL. When the status is not EXO_OK, it is 0 unless\n"
	       " * the call's text says more. */\n\n");
	for (int i = 0; i < CALL_COUNT; i++)
		write_stub(&calls[i]);
	printf("#endif\n");
}

/* ---- The core's side --------------------------------------------------- */

/* Pointers are just addresses in the calling zone for the core. */
static const char *core_type(const struct call *call, int i)
{
	struct kind kind = kind_parse(call, call->args[i].kind);

	if (i == 0 && first_is_cap(call))
		return "struct cap *";
	return kind.pointer ? "exo_vaddr_t " : scalar_type(call, kind.word);
}

/* What always gives 0 need not say so. */
static bool has_value(const struct call *call)
{
	return strcmp(call->value, "0") != 0 && strcmp(call->value, "does not return") != 0;
}

static void write_prototype(const struct call *call)
{
	printf("%senum exo_status call_%s(struct zone *caller", call->looks ? "" : "CORE_LOCKED ", call->name);
	for (int i = 0; i < arg_count(call); i++) {
		const char *type = core_type(call, i);
		char last = type[strlen(type) - 1];

		printf(", %s%s%s", type, last == '*' || last == ' ' ? "" : " ", call->args[i].name);
	}
	printf("%s);\n", has_value(call) ? ", uint64_t *value" : "");
}

static void write_thunk(const struct call *call)
{
	int count = arg_count(call);

	printf("%sstatic inline enum exo_status decode_%s(struct zone *caller, struct cap *cap, "
	       "const uint64_t *args, uint64_t *value)\n{\n", call->looks ? "" : "CORE_LOCKED ", call->name);
	if (!first_is_cap(call))
		printf("\t(void)cap;\n");
	if (count == 0 || (count == 1 && first_is_cap(call)))
		printf("\t(void)args;\n");
	for (int i = 0; i < count; i++)
		if (is_narrow(call, i))
			printf("\tif (args[%d] > UINT32_MAX)\n\t\treturn EXO_E_ARG;\n", i);
	if (!has_value(call))
		printf("\t(void)value;\n");
	printf("\treturn call_%s(caller", call->name);
	for (int i = 0; i < count; i++) {
		if (i == 0 && first_is_cap(call))
			printf(", cap");
		else
			printf(", %sargs[%d]", is_narrow(call, i) ? "(uint32_t)" : "", i);
	}
	printf("%s);\n}\n\n", has_value(call) ? ", value" : "");
}

static void write_core(void)
{
	printf("/* Generated from include/exo/calls.def by tools/gen_calls.c. */\n"
	       "#ifndef CORE_CALLS_H\n#define CORE_CALLS_H\n\n"
	       "#include <core/lock.h>\n#include <exo/abi.h>\n\nstruct zone;\nstruct cap;\n\n"
	       "/* The handlers. The first capability has been looked up, its type and rights\n"
	       " * checked; *value is 0. They have these parameters whether they need them or not. */\n"
	       "#pragma GCC diagnostic ignored \"-Wunused-parameter\"\n");
	for (int i = 0; i < CALL_COUNT; i++)
		write_prototype(&calls[i]);
	printf("\nstruct core_call_entry {\n"
	       "\tbool looks;        /* served without the core lock, if nothing is in its way */\n"
	       "\tbool recorded;     /* leaves an audit record also when it succeeds */\n"
	       "\tuint8_t takes_cap; /* the first argument is a capability */\n"
	       "\tuint8_t type;      /* enum exo_cap_type; NONE: any */\n"
	       "\tuint16_t rights;   /* needed, EXO_R_* */\n"
	       "\tenum exo_status (*decode)(struct zone *caller, struct cap *cap, "
	       "const uint64_t *args, uint64_t *value);\n};\n\n");
	for (int i = 0; i < CALL_COUNT; i++)
		write_thunk(&calls[i]);
	printf("/* The entry of a call, or NULL: no such call. */\n"
	       "static inline const struct core_call_entry *core_call_entry(uint64_t number)\n{\n"
	       "\tstatic const struct core_call_entry entries[] = {\n");
	for (int i = 0; i < CALL_COUNT; i++)
		printf("\t\t{ %s, %s, %d, EXO_CAP_%s, %s, decode_%s },\n", calls[i].looks ? "true" : "false",
		       calls[i].recorded ? "true" : "false", first_is_cap(&calls[i]), calls[i].type, calls[i].rights, calls[i].name);
	printf("\t};\n\n\treturn number < %d ? &entries[number] : NULL;\n}\n\n#endif\n", CALL_COUNT);
}

/* ---- Manual and dictionary --------------------------------------------- */

/* "EXO_R_READ | EXO_R_WRITE" -> "READ WRITE" */
static void write_rights(const char *rights)
{
	static const char prefix[] = "EXO_R_";

	if (strcmp(rights, "0") == 0)
		printf("none");
	else
		while (*rights) {
			if (strncmp(rights, prefix, sizeof(prefix) - 1) == 0)
				rights += sizeof(prefix) - 1;
			else if (strncmp(rights, "| ", 2) == 0)
				rights += 2;
			else
				putchar(*rights++);
		}
}

static void write_docs(void)
{
	printf("# Kernel calls\n\n"
	       "Generated from `include/exo/calls.def` (`tools/gen_calls.c docs`); do not edit.\n\n"
	       "A call is number `0xFB000000 | n` in rax and its arguments in rdi rsi rdx r10 r8 r9; the\n"
	       "status comes back in rax, the value in rdx. Every call that names a capability can also\n"
	       "return `E_CAP`, `E_TYPE`, `E_RIGHTS`, `E_EXPIRED`, `E_REVOKED` and `E_FORGED` for it.\n\n"
	       "Each refusal leaves an audit record; what is marked \"always\", since it changes who may do\n"
	       "what, also leaves one when it succeeds.\n\n"
	       "| n | call | first capability | rights | recorded |\n|---|---|---|---|---|\n");
	for (int i = 0; i < CALL_COUNT; i++) {
		printf("| %d | [`%s`](#%s) | %s | ", calls[i].number, calls[i].name, calls[i].name,
		       !first_is_cap(&calls[i]) ? "none" : strcmp(calls[i].type, "NONE") ? calls[i].type : "any");
		write_rights(calls[i].rights);
		printf(" | %s |\n", calls[i].recorded ? "always" : "");
	}
	for (int i = 0; i < CALL_COUNT; i++) {
		printf("\n## %s\n\n`%s(", calls[i].name, calls[i].name);
		for (int k = 0; k < arg_count(&calls[i]); k++)
			printf("%s%s %s", k ? ", " : "", calls[i].args[k].kind, calls[i].args[k].name);
		printf(")`\n\n%s\n\n* Value: %s.\n", calls[i].text, calls[i].value);
		if (calls[i].errors[0])
			printf("* Errors: %s.\n", calls[i].errors);
	}
	printf("\n## Status codes\n\n| n | name | meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		printf("| %zu | `%s` | %s |\n", i, statuses[i].name, statuses[i].text);
}

static void write_dict(void)
{
	for (int i = 0; i < CALL_COUNT; i++)
		printf("%s=\"\\x%02x\\x00\\x00\\xfb\"\n", calls[i].name, (unsigned)calls[i].number);
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";

	check();
	if (strcmp(mode, "stubs") == 0)
		write_stubs();
	else if (strcmp(mode, "core") == 0)
		write_core();
	else if (strcmp(mode, "docs") == 0)
		write_docs();
	else if (strcmp(mode, "dict") == 0)
		write_dict();
	else {
		fprintf(stderr, "usage: gen_calls stubs|core|docs|dict\n");
		return 2;
	}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
