/* --strace's options, as the boot command line has them: "strace", "strace-r", "strace-e=trace=%file,!open" (strace.h). */
#include <libos/abi/errno.h>
#include <libos/abi/show.h>
#include <libos/abi/table.h>
#include <libos/lib/string.h>
#include <libos/libos.h>

#define WORD_SIZE   64u
#define STATUS_USAGE 125 /* not the program, but what runs it failed */
#define DELAY_MAX_NS (UINT64_C(3600) * 1000000000)
#define WHEN_MAX    65535u

EXO_NORETURN static void refuse(const char *what, const char *text)
{
	libos_log("feuerbird: --strace: %s: '%s'", what, text);
	libos_halt(STATUS_USAGE);
}

/* ---- sets of calls ---- */

static void set_all(struct strace_set *set, bool in)
{
	memset(set->bits, in ? 0xff : 0, sizeof(set->bits));
	set->others = in;
}

static void set_put(struct strace_set *set, uint32_t nr, bool in)
{
	uint64_t bit = UINT64_C(1) << nr % 64;

	set->bits[nr / 64] = in ? set->bits[nr / 64] | bit : set->bits[nr / 64] & ~bit;
}

static uint32_t classes_of(const struct syscall_entry *entry)
{
	uint32_t classes = entry->shape[0];

	for (int i = 1; i <= 6 && entry->shape[i] != A_NONE; i++) {
		if (entry->shape[i] == A_PATH)
			classes |= C_FILE;
		else if ((entry->shape[i] == A_FD || entry->shape[i] == A_DIRFD) && !(classes & C_NETWORK))
			classes |= C_DESC;
	}
	return classes;
}

static uint32_t class_of_name(const char *name)
{
	static const struct {
		const char *name;
		uint32_t class;
	} names[] = {
		{"file", C_FILE}, {"desc", C_DESC}, {"process", C_PROCESS}, {"network", C_NETWORK}, {"net", C_NETWORK}, {"signal", C_SIGNAL},
		{"ipc", C_IPC}, {"memory", C_MEMORY}, {"creds", C_CREDS}, {"clock", C_CLOCK},
	};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_equal(names[i].name, name))
			return names[i].class;
	refuse("there is no such class of system calls", name);
}

static void set_word(struct strace_set *set, const char *word, bool in)
{
	bool found = false, may_lack = *word == '?';
	uint32_t class = 0;
	uint64_t nr;

	word += may_lack;
	if (str_equal(word, "all") || str_equal(word, "none")) {
		set_all(set, in == (*word == 'a'));
		return;
	}
	if (str_to_u64(word, &nr) && nr < STRACE_CALLS) {
		set_put(set, (uint32_t)nr, in);
		return;
	}
	if (*word == '%')
		class = class_of_name(word + 1);
	for (uint32_t i = 0; i < SYSCALL_TABLE_SIZE; i++) {
		const struct syscall_entry *entry = &syscall_table[i];

		if (!entry->name || !(class ? (classes_of(entry) & class) != 0 : str_equal(entry->name, word)))
			continue;
		set_put(set, i, in);
		found = true;
	}
	if (!found && !may_lack)
		refuse("there is no such system call", word);
}

/* Copies what is before `end` or the end; false: nothing is left. */
static bool next_word(const char **at, char end, char *word)
{
	size_t length = 0;

	if (!**at)
		return false;
	while (**at && **at != end) {
		if (length + 1 < WORD_SIZE)
			word[length++] = **at;
		++*at;
	}
	*at += **at == end;
	word[length] = '\0';
	return true;
}

/*
 * "open,read,%file": these. With '!' before all of it, all but these; before a later one, that one is taken out.
 */
static void set_parse(struct strace_set *set, const char *text, char end)
{
	char word[WORD_SIZE], list[256];
	const char *at = list;
	bool without = *text == '!';
	size_t length = 0;

	while (text[length] && text[length] != end && length + 1 < sizeof(list)) {
		list[length] = text[length];
		length++;
	}
	list[length] = '\0';
	if (!length || (text[length] && text[length] != end))
		refuse(length ? "the list is too long" : "a list of system calls is missing", text);
	set_all(set, without);
	while (next_word(&at, ',', word)) {
		bool out = without || *word == '!';

		set_word(set, word + (*word == '!'), !out);
	}
}

static void signals_parse(uint64_t *signals, const char *text)
{
	bool without = *text == '!';
	char word[WORD_SIZE];

	*signals = without ? ~UINT64_C(0) : 0;
	text += without;
	while (next_word(&text, ',', word)) {
		int64_t signo = signal_of_name(word);

		if (str_equal(word, "all") || str_equal(word, "none"))
			*signals = (*word == 'a') != without ? ~UINT64_C(0) : 0;
		else if (!signo)
			refuse("there is no such signal", word);
		else if (without)
			*signals &= ~SIGNAL_BIT(signo);
		else
			*signals |= SIGNAL_BIT(signo);
	}
}

/* ---- injections ---- */

/* A number at *text, which goes on behind it. */
static bool number(const char **text, uint64_t most, uint64_t *value)
{
	const char *start = *text;

	for (*value = 0; **text >= '0' && **text <= '9'; ++*text) {
		*value = *value * 10 + (uint64_t)(**text - '0');
		if (*value > most)
			return false;
	}
	return *text != start;
}

/* FIRST, FIRST+, FIRST+STEP, FIRST..LAST, FIRST..LAST+STEP */
static void when_parse(struct strace_inject *inject, const char *text)
{
	const char *at = text;
	uint64_t first, last = WHEN_MAX, step = 0;

	if (!number(&at, WHEN_MAX, &first) || !first)
		refuse("when= wants FIRST[..LAST][+[STEP]]", text);
	if (at[0] == '.' && at[1] == '.') {
		at += 2;
		step = 1;
		if (!number(&at, WHEN_MAX, &last) || last < first)
			refuse("when= wants FIRST[..LAST][+[STEP]]", text);
	}
	if (*at == '+') {
		at++;
		step = 1;
		if (*at && (!number(&at, WHEN_MAX, &step) || !step))
			refuse("when= wants FIRST[..LAST][+[STEP]]", text);
	}
	if (*at)
		refuse("when= wants FIRST[..LAST][+[STEP]]", text);
	inject->first = (uint16_t)first;
	inject->last = (uint16_t)last;
	inject->step = (uint16_t)step;
}

static uint64_t delay_parse(const char *text)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"", 1000}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"ns", 1}};
	const char *at = text;
	uint64_t value;

	if (number(&at, DELAY_MAX_NS, &value))
		for (uint32_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (str_equal(units[i].name, at) && value <= DELAY_MAX_NS / units[i].ns)
				return value * units[i].ns;
	refuse("a delay is microseconds, or a number with s, ms, us or ns, an hour at most", text);
}

static int64_t error_parse(const char *text)
{
	int64_t error = error_of_name(text);
	uint64_t value;

	if (str_to_u64(text, &value) && value >= 1 && value <= 4095)
		error = (int64_t)value;
	if (error < 1)
		refuse("there is no such error", text);
	return error;
}

static void inject_word(struct strace_inject *inject, const char *word)
{
	uint64_t value;

	if (str_starts(word, "error=")) {
		inject->result = -error_parse(word + 6);
		inject->has_result = true;
	} else if (str_starts(word, "retval=")) {
		if (!str_to_u64(word + 7, &value) || value > INT64_MAX)
			refuse("retval= wants a number", word + 7);
		inject->result = (int64_t)value;
		inject->has_result = true;
	} else if (str_starts(word, "signal=")) {
		inject->signal = (uint8_t)signal_of_name(word + 7);
		if (!inject->signal)
			refuse("there is no such signal", word + 7);
	} else if (str_starts(word, "delay_enter=")) {
		inject->enter_ns = delay_parse(word + 12);
	} else if (str_starts(word, "delay_exit=")) {
		inject->exit_ns = delay_parse(word + 11);
	} else if (str_starts(word, "when=")) {
		when_parse(inject, word + 5);
	} else {
		refuse("an injection is error=, retval=, signal=, delay_enter=, delay_exit= or when=", word);
	}
}

/* fails: without another word the call fails with ENOSYS. */
static void inject_parse(const char *text, bool fails)
{
	struct strace *s = &libos.strace;
	struct strace_inject *inject = &s->injects[s->inject_count];
	char word[WORD_SIZE];
	const char *at = text;

	if (s->inject_count == STRACE_INJECTS)
		refuse("there can be eight injections", text);
	*inject = (struct strace_inject){.first = 1, .last = WHEN_MAX, .step = 1};
	set_parse(&inject->calls, text, ':');
	while (*at && *at != ':')
		at++;
	at += *at == ':';
	while (next_word(&at, ':', word))
		inject_word(inject, word);
	if (fails && !inject->has_result) {
		inject->has_result = true;
		inject->result = -ENOSYS;
	}
	if (!inject->has_result && !inject->signal && !inject->enter_ns && !inject->exit_ns)
		refuse("nothing is said that is to be injected", text);
	s->inject_count++;
}

static void expression(const char *text)
{
	struct strace *s = &libos.strace;

	if (str_starts(text, "inject="))
		inject_parse(text + 7, false);
	else if (str_starts(text, "fault="))
		inject_parse(text + 6, true);
	else if (str_starts(text, "signal="))
		signals_parse(&s->signals, text + 7);
	else if (str_starts(text, "signals="))
		signals_parse(&s->signals, text + 8);
	else
		set_parse(&s->calls, text + (str_starts(text, "trace=") ? 6 : 0), '\0');
}

/* ---- all options ---- */

/* Which lines there are: asked for by -c alone, none. */
enum { COUNTS = 1, LINES = 2 };

static void first_option(struct strace *s)
{
	if (libos.options.strace)
		return;
	libos.options.strace = true;
	set_all(&s->calls, true);
	s->signals = ~UINT64_C(0);
	s->string_size = STRING_SHOW;
}

void strace_option(const char *text)
{
	struct strace *s = &libos.strace;
	uint64_t size;

	first_option(s);
	if (*text == '\0')
		return;
	if (str_equal(text, "-c"))
		s->wants |= COUNTS;
	else if (str_equal(text, "-C"))
		s->wants |= COUNTS | LINES;
	else if (str_equal(text, "-r"))
		s->relative = true;
	else if (str_equal(text, "-T"))
		s->spent = true;
	else if (str_equal(text, "-w"))
		s->wall = true;
	else if (str_equal(text, "-f"))
		return; /* as it is anyway */
	else if (str_equal(text, "-t"))
		s->clock = STRACE_SECONDS;
	else if (str_equal(text, "-tt"))
		s->clock = STRACE_MICROSECONDS;
	else if (str_equal(text, "-ttt"))
		s->clock = STRACE_EPOCH;
	else if (str_starts(text, "-s=") && str_to_u64(text + 3, &size) && size <= STRING_MAX)
		s->string_size = (uint32_t)size;
	else if (str_starts(text, "-e="))
		expression(text + 3);
	else
		refuse("an option is not known, or its value is wrong", text);
}

/* Some calls are answered where the LibOS does not hear of them (proc/answers.c), unless they are to be seen. */
static bool sees_answers(const struct strace *s)
{
	static const uint16_t answered[] = {0, 1, 39, 102, 104, 107, 108, 110, 186};

	for (uint32_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
		uint64_t bit = UINT64_C(1) << answered[i] % 64;

		if (s->calls.bits[answered[i] / 64] & bit)
			return true;
		for (uint32_t k = 0; k < s->inject_count; k++)
			if (s->injects[k].calls.bits[answered[i] / 64] & bit)
				return true;
	}
	return false;
}

void strace_start(void)
{
	struct strace *s = &libos.strace;
	struct line *line;

	if (!libos.options.strace)
		return;
	s->sees_answers = sees_answers(s);
	line = heap_zalloc(sizeof(*line));
	if (s->wants & COUNTS)
		s->counts = heap_zalloc((STRACE_CALLS + 1) * sizeof(*s->counts));
	if (!line || ((s->wants & COUNTS) && !s->counts))
		libos_panic("no memory for --strace");
	line->string_size = s->string_size;
	s->table = line;
	s->line = s->wants == COUNTS ? NULL : line;
}
