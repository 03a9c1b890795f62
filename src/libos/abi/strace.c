/*
 * --strace: the lines (strace.h). There is one buffer for all threads: whose line is in it when another thread has something to say
 * gets "<unfinished ...>", and a line of its own later.
 */
#include <libos/abi/decode.h>
#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>
#include <libos/libos.h>
#include <libos/proc/internal.h>

#define RESULT_COLUMN 40u

enum { NR_RT_SIGRETURN = 15, NR_EXIT = 60, NR_EXIT_GROUP = 231 };

static bool set_has(const struct strace_set *set, uint32_t nr)
{
	return nr < STRACE_CALLS ? set->bits[nr / 64] >> nr % 64 & 1 : set->others;
}

/* ---- lines ---- */

static void write_rest(struct strace *s)
{
	libos_log_bytes(s->line->text + s->written, s->line->length - s->written);
	s->written = s->line->length;
}

static void finish(struct strace *s)
{
	struct line *l = s->line;

	if (l->cut) {
		l->length -= 4;
		put(l, "...");
	}
	if (l->length == sizeof(l->text) - 1)
		l->length--;
	put(l, "\n");
	write_rest(s);
	s->owner = NULL;
	s->written = 0;
	line_clear(l);
}

void strace_pause(void)
{
	struct strace *s = &libos.strace;

	if (!s->owner)
		return;
	put(s->line, " <unfinished ...>");
	finish(s);
}

void strace_idle(void)
{
	if (libos.strace.owner)
		write_rest(&libos.strace);
}

static void put_clock(struct strace *s, struct line *l)
{
	uint64_t now = libos_now(), real = libos_realtime();
	unsigned long long seconds = real / 1000000000, us = real / 1000 % 1000000, past = s->last_ns ? (now - s->last_ns) / 1000 : 0;

	if (s->clock == STRACE_EPOCH)
		put(l, "%llu.%06llu ", seconds, us);
	else if (s->clock != STRACE_NO_CLOCK)
		put(l, "%02llu:%02llu:%02llu", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
	if (s->clock == STRACE_MICROSECONDS)
		put(l, ".%06llu ", us);
	else if (s->clock == STRACE_SECONDS)
		put(l, " ");
	if (s->relative)
		put(l, s->clock != STRACE_NO_CLOCK ? "(+%6llu.%06llu) " : "%6llu.%06llu ", past / 1000000, past % 1000000);
	s->last_ns = now;
}

/* An empty line but for who and when. */
static struct line *begin(struct thread *self)
{
	struct strace *s = &libos.strace;

	strace_pause();
	line_clear(s->line);
	s->written = 0;
	s->line->space = self->process->space;
	if (libos.procs.thread_count > 1 || libos.procs.count > 1)
		put(s->line, "[pid %5d] ", self->tid);
	if (s->clock != STRACE_NO_CLOCK || s->relative)
		put_clock(s, s->line);
	return s->line;
}

/* From " = " on, results stand below one another. */
static void align(struct line *l)
{
	while (l->length < RESULT_COLUMN && !l->cut)
		put(l, " ");
}

static void call_begins(struct thread *self, struct traced_call *call)
{
	struct line *l = begin(self);

	decode_begin(l, call);
	if (call->nr == NR_EXIT || call->nr == NR_EXIT_GROUP) {
		put(l, ") ");
		align(l);
		put(l, "= ?");
		finish(&libos.strace);
		return;
	}
	libos.strace.owner = self;
	self->strace_begun = true;
}

static void call_ends(struct thread *self, struct traced_call *call, bool injected, uint64_t ns)
{
	struct strace *s = &libos.strace;
	struct line *l = s->line;

	if (s->owner != self) {
		begin(self);
		put(l, "<... ");
		put_call_name(l, call->nr);
		put(l, " resumed>");
	}
	l->space = self->process->space;
	decode_rest(l, call);
	put(l, ") ");
	align(l);
	put(l, "= ");
	/* Whoever has to end never sees it. */
	if (self->exiting || self->process->group_exiting)
		put(l, "?");
	else
		decode_result(l, call);
	if (injected)
		put(l, " (INJECTED)");
	if (s->spent)
		put(l, " <%llu.%06llu>", (unsigned long long)ns / 1000000000, (unsigned long long)ns / 1000 % 1000000);
	self->strace_begun = false;
	finish(s);
}

void strace_signal(struct thread *self, const struct signal_info *info)
{
	struct strace *s = &libos.strace;
	uint8_t bytes[SIGINFO_SIZE];
	struct line *l;

	if (!s->line || !(s->signals & SIGNAL_BIT(info->signo)))
		return;
	siginfo_encode(info, bytes);
	l = begin(self);
	put(l, "--- ");
	put_signal(l, info->signo);
	put(l, " ");
	put_signal_info(l, bytes);
	put(l, " ---");
	finish(s);
}

void strace_stopped(struct thread *self, int32_t signo)
{
	struct strace *s = &libos.strace;

	if (!s->line)
		return;
	begin(self);
	put(s->line, "--- stopped by ");
	put_signal(s->line, signo);
	put(s->line, " ---");
	finish(s);
}

void strace_thread_ends(struct thread *self, int32_t code)
{
	struct strace *s = &libos.strace;
	struct line *l = s->line;

	if (!l)
		return;
	if (self->strace_begun) {
		if (s->owner != self) {
			begin(self);
			put(l, "<... ");
			put_call_name(l, self->syscall_nr);
			put(l, " resumed>");
		}
		put(l, " <unfinished ...>) ");
		align(l);
		put(l, "= ?");
		finish(s);
		self->strace_begun = false;
	}
	begin(self);
	if (code & 0x7f) {
		put(l, "+++ killed by ");
		put_signal(l, code & 0x7f);
		put(l, code & 0x80 ? " (core dumped) +++" : " +++");
	} else {
		put(l, "+++ exited with %d +++", code >> 8 & 0xff);
	}
	finish(s);
}

/* ---- what is injected ---- */

static bool is_due(const struct strace_inject *inject, uint32_t n)
{
	if (n < inject->first || n > inject->last)
		return false;
	return inject->step ? (n - inject->first) % inject->step == 0 : n == inject->first;
}

/* NULL: nothing happens to this call. */
static const struct strace_inject *injected(struct thread *self, uint32_t nr)
{
	const struct strace *s = &libos.strace;
	const struct strace_inject *found = NULL;

	for (uint32_t i = 0; i < s->inject_count; i++) {
		if (!set_has(&s->injects[i].calls, nr))
			continue;
		if (self->injected[i] < UINT16_MAX)
			self->injected[i]++;
		if (is_due(&s->injects[i], self->injected[i]))
			found = &s->injects[i];
	}
	return found;
}

/* Death alone ends it. */
static void delay(struct thread *self, uint64_t ns)
{
	uint64_t until = ns_add(libos_now(), ns);

	self->killable_only = true;
	while (libos_now() < until && !self->exiting && !self->process->group_exiting)
		(void)sched_sleep(self, until, true);
	self->killable_only = false;
}

static int64_t make_call(struct thread *self, syscall_handler handler, const struct strace_inject *inject)
{
	int64_t result;

	if (inject && inject->enter_ns)
		delay(self, inject->enter_ns);
	if (inject && inject->signal) {
		struct signal_info info = {.signo = inject->signal, .code = SI_USER};

		signal_send_thread(self, &info);
	}
	if (inject && inject->has_result)
		result = inject->result;
	else
		result = handler ? handler(self, self->page->args) : -ENOSYS;
	if (inject && inject->exit_ns)
		delay(self, inject->exit_ns);
	return result;
}

/* ---- calls ---- */

/* What the CPU has done for the thread. */
static uint64_t cpu_ns(const struct thread *self, uint64_t now)
{
	return self->system_ns + now - self->last_mark_ns;
}

static void count(uint32_t nr, int64_t result, uint64_t ns)
{
	struct strace_count *c = &libos.strace.counts[nr < STRACE_CALLS ? nr : STRACE_CALLS];

	c->calls++;
	c->errors += result < 0 && result >= -4095;
	c->ns += ns;
}

int64_t strace_call(struct thread *self, uint32_t nr, syscall_handler handler)
{
	struct strace *s = &libos.strace;
	const struct strace_inject *inject = injected(self, nr);
	bool shown = set_has(&s->calls, nr);
	struct traced_call call;
	uint64_t start, cpu, now;
	int64_t result;

	if (!shown)
		return make_call(self, handler, inject);
	call.nr = nr;
	memcpy(call.args, self->page->args, sizeof(call.args));
	if (s->line)
		call_begins(self, &call);
	start = libos_now();
	cpu = cpu_ns(self, start);
	if (s->counts && (nr == NR_EXIT || nr == NR_EXIT_GROUP))
		count(nr, 0, 0);
	result = make_call(self, handler, inject);
	now = libos_now();
	if (s->counts)
		count(nr, result, s->wall ? now - start : cpu_ns(self, now) - cpu);
	if (!s->line)
		return result;
	call.result = result;
	if (nr == NR_RT_SIGRETURN)
		call.args[0] = self->blocked;
	call_ends(self, &call, inject && inject->has_result, now - start);
	return result;
}

/* ---- counts ---- */

static void count_line(struct line *l, const struct strace_count *c, uint64_t all_ns, const char *total)
{
	uint64_t share = all_ns ? c->ns * 10000 / all_ns : 0, us = c->ns / 1000;

	put(l, "%3llu.%02llu %4llu.%06llu %11llu %9llu ", (unsigned long long)share / 100, (unsigned long long)share % 100,
	    (unsigned long long)us / 1000000, (unsigned long long)us % 1000000, (unsigned long long)(c->calls ? us / c->calls : 0),
	    (unsigned long long)c->calls);
	if (c->errors)
		put(l, "%9llu %s", (unsigned long long)c->errors, total);
	else
		put(l, "%9s %s", "", total);
}

/* The one that took most of those that are left; STRACE_CALLS + 1: none is. */
static uint32_t most(const struct strace_count *counts)
{
	uint32_t best = STRACE_CALLS + 1;

	for (uint32_t nr = 0; nr <= STRACE_CALLS; nr++) {
		const struct strace_count *c = &counts[nr];

		if (c->calls && (best > STRACE_CALLS || c->ns > counts[best].ns || (c->ns == counts[best].ns && c->calls > counts[best].calls)))
			best = nr;
	}
	return best;
}

void strace_end(void)
{
	static const char rule[] = "------ ----------- ----------- --------- --------- ----------------\n";
	struct strace *s = &libos.strace;
	struct strace_count total = {0, 0, 0};
	struct line *l;

	strace_pause();
	if (!s->counts)
		return;
	l = s->table;
	for (uint32_t nr = 0; nr <= STRACE_CALLS; nr++) {
		total.calls += s->counts[nr].calls;
		total.errors += s->counts[nr].errors;
		total.ns += s->counts[nr].ns;
	}
	line_clear(l);
	put(l, "%% time     seconds  usecs/call     calls    errors syscall\n%s", rule);
	for (uint32_t nr = most(s->counts); nr <= STRACE_CALLS; nr = most(s->counts)) {
		count_line(l, &s->counts[nr], total.ns, "");
		if (nr < STRACE_CALLS)
			put_call_name(l, nr);
		else
			put(l, "(others)");
		put(l, "\n");
		libos_log_bytes(l->text, l->length);
		line_clear(l);
		s->counts[nr].calls = 0;
	}
	put(l, "%s", rule);
	count_line(l, &total, total.ns, "total\n");
	libos_log_bytes(l->text, l->length);
}
