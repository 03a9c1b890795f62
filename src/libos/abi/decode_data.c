/* Structures about time, signals, limits and the system (decode.h). */
#include <libos/abi/decode.h>
#include <libos/abi/linux.h>
#include <libos/lib/string.h>

enum { NR_RT_SIGPROCMASK = 14, NR_RT_SIGTIMEDWAIT = 128 };

#define UNLIMITED UINT64_MAX

static bool filled(const struct traced_call *call)
{
	return call->ended && !call->failed;
}

/* An array of 64-bit words at an address; false: the address is shown. */
static bool words(struct line *l, uint64_t address, int64_t *to, uint32_t count)
{
	return look_or_put(l, to, address, count * sizeof(*to));
}

void put_timespec_at(struct line *l, uint64_t address)
{
	int64_t w[2];

	if (words(l, address, w, 2))
		put_time(l, w[0], w[1], "nsec");
}

static void put_timeval_at(struct line *l, uint64_t address)
{
	int64_t w[2];

	if (words(l, address, w, 2))
		put_time(l, w[0], w[1], "usec");
}

static void put_interval(struct line *l, uint64_t address, const char *part)
{
	int64_t w[4];

	if (!words(l, address, w, 4))
		return;
	put(l, "{it_interval=");
	put_time(l, w[0], w[1], part);
	put(l, ", it_value=");
	put_time(l, w[2], w[3], part);
	put(l, "}");
}

/* A time that people read, as strace says it beside the number. part: of a second, in `digits` digits; 0: none. */
static void put_date(struct line *l, int64_t seconds, int64_t part, int digits)
{
	int64_t days = seconds / 86400 - (seconds % 86400 < 0), rest = seconds - days * 86400, era, year;
	uint32_t of_era, of_year, month;

	if (seconds < -INT64_C(62135596800) || seconds > INT64_C(253402300799)) /* the years 1 to 9999 */
		return;
	/* Howard Hinnant, "chrono-compatible low-level date algorithms": civil_from_days */
	days += 719468;
	era = days / 146097;
	of_era = (uint32_t)(days - era * 146097);
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (uint32_t)(365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	put(l, " /* %04lld-%02u-%02uT", (long long)(year + era * 400 + (month >= 10)), month < 10 ? month + 3 : month - 9,
	    of_year - (153 * month + 2) / 5 + 1);
	put(l, "%02lld:%02lld:%02lld", (long long)rest / 3600, (long long)rest / 60 % 60, (long long)rest % 60);
	if (part)
		put(l, ".%0*lld", digits, (long long)part);
	put(l, "+0000 */");
}

/* utimensat: two times, which may stand for something else. */
static void put_times(struct line *l, uint64_t address, const char *part)
{
	int64_t w[4];

	if (!words(l, address, w, 4))
		return;
	put(l, "[");
	for (int i = 0; i < 4; i += 2) {
		put(l, i ? ", " : "");
		if (w[i + 1] == UTIME_NOW && *part == 'n') {
			put(l, "UTIME_NOW");
		} else if (w[i + 1] == UTIME_OMIT && *part == 'n') {
			put(l, "UTIME_OMIT");
		} else {
			put_time(l, w[i], w[i + 1], part);
			put_date(l, w[i], w[i + 1], *part == 'n' ? 9 : 6);
		}
	}
	put(l, "]");
}

static void put_limit(struct line *l, uint64_t limit)
{
	if (limit == UNLIMITED)
		put(l, "RLIM64_INFINITY");
	else if (limit > 1024 && limit % 1024 == 0)
		put(l, "%llu*1024", (unsigned long long)limit / 1024);
	else
		put(l, "%llu", (unsigned long long)limit);
}

static void put_limits(struct line *l, uint64_t address)
{
	int64_t w[2];

	if (!words(l, address, w, 2))
		return;
	put(l, "{rlim_cur=");
	put_limit(l, (uint64_t)w[0]);
	put(l, ", rlim_max=");
	put_limit(l, (uint64_t)w[1]);
	put(l, "}");
}

static void put_usage(struct line *l, uint64_t address)
{
	int64_t w[4];

	if (!words(l, address, w, 4))
		return;
	put(l, "{ru_utime=");
	put_time(l, w[0], w[1], "usec");
	put(l, ", ru_stime=");
	put_time(l, w[2], w[3], "usec");
	put(l, ", ...}");
}

/* ---- signals ---- */

static void put_set(struct line *l, uint64_t address, uint64_t size)
{
	uint64_t set;

	if (size != sizeof(set))
		put_address(l, address);
	else if (look_or_put(l, &set, address, sizeof(set)))
		put_signal_set(l, set);
}

static void put_action(struct line *l, uint64_t address)
{
	static const char *const known[] = {"SIG_DFL", "SIG_IGN"};
	int64_t w[4];

	if (!words(l, address, w, 4))
		return;
	put(l, "{sa_handler=");
	if (w[0] == 0 || w[0] == 1)
		put(l, "%s", known[w[0]]);
	else
		put_address(l, (uint64_t)w[0]);
	put(l, ", sa_mask=");
	put_signal_set(l, (uint64_t)w[3]);
	put(l, ", sa_flags=");
	put_named(l, A_SA, (uint64_t)w[1]);
	if (w[1] & SA_RESTORER) {
		put(l, ", sa_restorer=");
		put_address(l, (uint64_t)w[2]);
	}
	put(l, "}");
}

static void put_stack(struct line *l, uint64_t address)
{
	int64_t w[3];

	if (!words(l, address, w, 3))
		return;
	put(l, "{ss_sp=");
	put_address(l, (uint64_t)w[0]);
	put(l, ", ss_flags=");
	put_named(l, A_SS, (uint32_t)w[1]);
	put(l, ", ss_size=%llu}", (unsigned long long)w[2]);
}

/* Whose codes a signal has. */
static enum call_kind codes_of(int32_t signo, int32_t code)
{
	if (code <= 0 || code == SI_KERNEL)
		return A_SI_CODE;
	switch (signo) {
	case SIGCHLD: return A_CLD_CODE;
	case SIGSEGV: return A_SEGV_CODE;
	case SIGBUS: return A_BUS_CODE;
	case SIGILL: return A_ILL_CODE;
	case SIGFPE: return A_FPE_CODE;
	case SIGTRAP: return A_TRAP_CODE;
	case SIGIO: return A_POLL_CODE;
	default: return A_SI_CODE;
	}
}

static void put_value(struct line *l, uint64_t value)
{
	put(l, ", si_int=%d, si_ptr=", (int)value);
	put_address(l, value);
}

/* Offsets: siginfo_t of x86-64. */
void put_signal_info(struct line *l, const uint8_t *s)
{
	int32_t w[12];
	uint64_t address, value;

	memcpy(w, s, sizeof(w));
	memcpy(&address, s + 16, sizeof(address));
	memcpy(&value, s + 24, sizeof(value));
	put(l, "{si_signo=");
	put_signal(l, w[0]);
	put(l, ", si_code=");
	put_named(l, codes_of(w[0], w[2]), (uint32_t)w[2]);
	if (w[1]) {
		const struct error_name *error = error_name(w[1]);

		put(l, ", si_errno=");
		put(l, error ? "%s" : "?", error ? error->name : "");
	}
	if (w[2] == SI_TIMER) {
		put(l, ", si_timerid=%#x, si_overrun=%d", (unsigned)w[4], w[5]);
		put_value(l, value);
	} else if (w[2] == SI_KERNEL) {
		if (address)
			put(l, ", si_addr=0x%llx", (unsigned long long)address);
	} else if (w[2] <= 0 || (w[0] != SIGSEGV && w[0] != SIGBUS && w[0] != SIGILL && w[0] != SIGFPE && w[0] != SIGTRAP && w[0] != SIGIO)) {
		put(l, ", si_pid=%d, si_uid=%u", w[4], (unsigned)w[5]);
		if (w[0] == SIGCHLD && w[2] > 0) {
			int64_t ticks[2];

			memcpy(ticks, s + 32, sizeof(ticks));
			put(l, ", si_status=");
			if (w[2] == CLD_EXITED)
				put(l, "%d", w[6]);
			else
				put_signal(l, w[6]);
			put(l, ", si_utime=%lld", (long long)ticks[0]);
			if (ticks[0])
				put(l, " /* %lld.%02lld s */", (long long)ticks[0] / 100, (long long)ticks[0] % 100);
			put(l, ", si_stime=%lld", (long long)ticks[1]);
			if (ticks[1])
				put(l, " /* %lld.%02lld s */", (long long)ticks[1] / 100, (long long)ticks[1] % 100);
		} else if (w[2] < 0 && (w[2] != SI_TKILL || value)) {
			put_value(l, value);
		}
	} else if (w[0] == SIGIO) {
		put(l, ", si_band=%lld, si_fd=%d", (long long)address, (int)value);
	} else {
		put(l, ", si_addr=");
		put_address(l, address);
	}
	put(l, "}");
}

static void put_signal_info_at(struct line *l, uint64_t address)
{
	uint8_t bytes[128];

	if (look_or_put(l, bytes, address, sizeof(bytes)))
		put_signal_info(l, bytes);
}

static void put_timer_event(struct line *l, uint64_t address)
{
	static const char *const how[] = {"SIGEV_SIGNAL", "SIGEV_NONE", "SIGEV_THREAD"};
	struct {
		uint64_t value;
		int32_t signo, notify, tid, pad;
	} e;

	if (!look_or_put(l, &e, address, sizeof(e)))
		return;
	put(l, "{sigev_value={int=%d, ptr=", (int)e.value);
	put_address(l, e.value);
	put(l, "}, sigev_signo=");
	put_signal(l, e.signo);
	put(l, ", sigev_notify=");
	if (e.notify >= 0 && e.notify < 3)
		put(l, "%s", how[e.notify]);
	else if (e.notify == 4)
		put(l, "SIGEV_THREAD_ID, sigev_notify_thread_id=%d", e.tid);
	else
		put(l, "0x%x /* SIGEV_??? */", (unsigned)e.notify);
	put(l, "}");
}

/* ---- the system ---- */

static void put_uname(struct line *l, uint64_t address)
{
	static const char *const names[] = {"sysname", "nodename", "release", "version", "machine", "domainname"};
	uint8_t text[66];

	put(l, "{");
	for (uint32_t i = 0; i < 3; i++) {
		text[65] = 0;
		if (!look(l, text, address + i * 65, 65))
			break;
		put(l, i ? ", %s=" : "%s=", names[i]);
		put_quoted(l, text, str_length((const char *)text), false, false);
	}
	put(l, ", ...}");
}

static void put_sysinfo(struct line *l, uint64_t address)
{
	int64_t w[10];
	uint16_t procs;
	uint64_t high[2];
	uint32_t unit;

	if (!words(l, address, w, 10) || !look(l, &procs, address + 80, sizeof(procs)) || !look(l, high, address + 88, sizeof(high)) ||
	    !look(l, &unit, address + 104, sizeof(unit)))
		return;
	put(l, "{uptime=%lld, loads=[%lld, %lld, %lld]", (long long)w[0], (long long)w[1], (long long)w[2], (long long)w[3]);
	put(l, ", totalram=%lld, freeram=%lld, sharedram=%lld, bufferram=%lld", (long long)w[4], (long long)w[5], (long long)w[6], (long long)w[7]);
	put(l, ", totalswap=%lld, freeswap=%lld, procs=%u, totalhigh=%llu, freehigh=%llu, mem_unit=%u}", (long long)w[8], (long long)w[9],
	    procs, (unsigned long long)high[0], (unsigned long long)high[1], unit);
}

static void put_tms(struct line *l, uint64_t address)
{
	int64_t w[4];

	if (words(l, address, w, 4))
		put(l, "{tms_utime=%lld, tms_stime=%lld, tms_cutime=%lld, tms_cstime=%lld}", (long long)w[0], (long long)w[1],
		    (long long)w[2], (long long)w[3]);
}

/* Numbers of 32 bits, as many as `count`. */
static void put_ids(struct line *l, uint64_t address, uint64_t count)
{
	uint32_t id;

	if (!address || !count) {
		put(l, address ? "[]" : "NULL");
		return;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (i == ITEMS_SHOW) {
			put(l, ", ...");
			break;
		}
		if (!look(l, &id, address + i * sizeof(id), sizeof(id))) {
			if (i == 0) {
				put_address(l, address);
				return;
			}
			put(l, ", ... /* 0x%llx */", (unsigned long long)(address + i * sizeof(id)));
			break;
		}
		put(l, i ? ", %u" : "[%u", id);
	}
	put(l, "]");
}

static void put_cpus(struct line *l, uint64_t address, uint64_t size)
{
	uint64_t word, bits = 0;
	const char *before = "";

	if (!look_or_put(l, &word, address, size < sizeof(word) ? size : sizeof(word)))
		return;
	put(l, "[");
	for (uint64_t at = 0; at < size && at < 128; at += sizeof(word)) {
		uint64_t part = size - at < sizeof(word) ? size - at : sizeof(word);

		word = 0;
		if (!look(l, &word, address + at, part))
			break;
		for (bits = 0; bits < 64; bits++) {
			if (word >> bits & 1) {
				put(l, "%s%llu", before, (unsigned long long)(at * 8 + bits));
				before = " ";
			}
		}
	}
	put(l, "]");
}

static void put_number_at(struct line *l, uint64_t address, enum call_kind kind)
{
	int64_t wide = 0;

	if (!look_or_put(l, &wide, address, kind == A_INT_OUT ? sizeof(int32_t) : sizeof(wide)))
		return;
	if (kind == A_INT_OUT)
		put(l, "[%d]", (int)wide);
	else
		put(l, kind == A_HEX_OUT ? "[0x%llx]" : "[%lld]", (long long)wide);
}

static void put_caps(struct line *l, uint64_t address)
{
	static const struct number_name versions[] = {
		{0x19980330, "_LINUX_CAPABILITY_VERSION_1"}, {0x20071026, "_LINUX_CAPABILITY_VERSION_2"}, {0x20080522, "_LINUX_CAPABILITY_VERSION_3"}};
	uint32_t w[2];

	if (!look_or_put(l, w, address, sizeof(w)))
		return;
	for (uint32_t i = 0; i < 3; i++) {
		if (versions[i].value == w[0]) {
			put(l, "{version=%s, pid=%d}", versions[i].name, (int)w[1]);
			return;
		}
	}
	put(l, "{version=0x%x /* _LINUX_CAPABILITY_VERSION_??? */, pid=%d}", w[0], (int)w[1]);
}

static bool put_filled(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];

	switch (kind) {
	case A_RUSAGE: put_usage(l, value); break;
	case A_TMS: put_tms(l, value); break;
	case A_UNAME: put_uname(l, value); break;
	case A_SYSINFO: put_sysinfo(l, value); break;
	case A_TIMEVAL_OUT: put_timeval_at(l, value); break;
	case A_TIMESPEC_OUT: put_timespec_at(l, value); break;
	case A_ITIMERVAL_OUT: put_interval(l, value, "usec"); break;
	case A_ITIMERSPEC_OUT: put_interval(l, value, "nsec"); break;
	case A_RLIMIT_GET: put_limits(l, value); break;
	case A_SIGSET_OUT: put_set(l, value, call->args[i + 1]); break;
	case A_SIGACTION_OUT: put_action(l, value); break;
	case A_SIGSTACK_OUT: put_stack(l, value); break;
	case A_SIGINFO_OUT:
	case A_SIGINFO_WAIT: put_signal_info_at(l, value); break;
	case A_INT_OUT:
	case A_LONG_OUT:
	case A_HEX_OUT: put_number_at(l, value, kind); break;
	case A_GROUPS_OUT: put_ids(l, value, call->args[0] ? (uint64_t)call->result : 0); break;
	case A_CPU_SET_OUT: put_cpus(l, value, (uint64_t)call->result); break;
	case A_SCHED_OUT: put_ids(l, value, 1); break;
	default: return false;
	}
	return true;
}

static void put_status(struct line *l, const struct traced_call *call, uint64_t address)
{
	uint32_t status;

	/* Nobody was there to wait for. */
	if (call->result == 0 || !look(l, &status, address, sizeof(status)))
		put_address(l, address);
	else
		put_wait_status(l, status);
}

static void put_left(struct line *l, const struct traced_call *call, uint64_t address)
{
	if (call->ended && call->result < 0 && address && call->result != -22 && call->result != -14)
		put_timespec_at(l, address);
	else
		put_address(l, address);
}

bool put_structure(struct line *l, enum call_kind kind, const struct traced_call *call, uint32_t i)
{
	uint64_t value = call->args[i];

	switch (kind) {
	case A_TIMESPEC: put_timespec_at(l, value); break;
	case A_TIMEVAL: put_timeval_at(l, value); break;
	case A_TIMES: put_times(l, value, "nsec"); break;
	case A_TIMEVALS: put_times(l, value, "usec"); break;
	case A_UTIMBUF: {
		int64_t w[2];

		if (!words(l, value, w, 2))
			break;
		put(l, "{actime=%lld", (long long)w[0]);
		put_date(l, w[0], 0, 0);
		put(l, ", modtime=%lld", (long long)w[1]);
		put_date(l, w[1], 0, 0);
		put(l, "}");
		break;
	}
	case A_ITIMERVAL: put_interval(l, value, "usec"); break;
	case A_ITIMERSPEC: put_interval(l, value, "nsec"); break;
	case A_RLIMIT_SET: put_limits(l, value); break;
	case A_SIGSET: put_set(l, value, call->args[call->nr == NR_RT_SIGPROCMASK || call->nr == NR_RT_SIGTIMEDWAIT ? 3 : i + 1]); break;
	case A_SIGACTION: put_action(l, value); break;
	case A_SIGSTACK: put_stack(l, value); break;
	case A_SIGINFO: put_signal_info_at(l, value); break;
	case A_TIMER_EVENT: put_timer_event(l, value); break;
	case A_CPU_SET: put_cpus(l, value, call->args[i - 1]); break;
	case A_SCHED_PARAM: put_ids(l, value, 1); break;
	case A_GROUPS: put_ids(l, value, (uint32_t)call->args[i - 1]); break;
	case A_CAPS: put_caps(l, value); break;
	case A_WAIT_STATUS: filled(call) ? put_status(l, call, value) : put_address(l, value); break;
	case A_TIME_LEFT: put_left(l, call, value); break;
	default:
		if (kind <= A_LAST_IN || kind >= A_FIRST_GROUP)
			return false;
		return filled(call) && put_filled(l, kind, call, i);
	}
	return true;
}
