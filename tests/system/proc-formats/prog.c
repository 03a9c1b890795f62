/*
 * Files of /proc field by field: names, order and widths as Linux has them. Numbers are told as N. What only some Linuxes
 * have, or FeuerBird has not, is in skip[].
 */
#include "check.h"
#include <ctype.h>

static const char *const skip[] = {
	"Speculation_Store_Bypass:", "SpeculationIndirectBranch:", "HugetlbPages:", "x86_Thread_features", "Cpus_allowed_list:", "Seccomp_filters:", "Mems_allowed",
	"Zswap", "SecPageTables:", "File", "Balloon:", "DirectMap", "Cma", "intr ", "cpu1", "cpu2", "cpu3", "cpu4", "cpu5", "cpu6", "cpu7", "cpu8", "cpu9",
	"HardwareCorrupted:", "Unaccepted:", NULL,
};

static int skipped(const char *line)
{
	for (int i = 0; skip[i]; i++) {
		if (strncmp(line, skip[i], strlen(skip[i])) == 0)
			return 1;
	}
	return 0;
}

/* Runs of digits become N; blanks before a number that is set to the right go. */
static void told(char *line)
{
	char *to = line;

	for (char *at = line; *at;) {
		if (isxdigit((unsigned char)*at) && (isdigit((unsigned char)*at) || at[1] == 'f')) {
			while (to > line && to[-1] == ' ' && to - 1 > line && to[-2] == ' ')
				to--;
			while (isxdigit((unsigned char)*at))
				at++;
			*to++ = 'N';
		} else {
			*to++ = *at++;
		}
	}
	*to = 0;
}

static void show(const char *path)
{
	char line[5000];
	FILE *f = fopen(path, "r");

	printf("%s\n", path);
	while (f && fgets(line, sizeof line, f)) {
		if (skipped(line))
			continue;
		told(line);
		fputs(line, stdout);
	}
	if (f)
		fclose(f);
}

int main(void)
{
	show("/proc/self/stat");
	show("/proc/self/statm");
	show("/proc/self/status");
	show("/proc/uptime");
	show("/proc/loadavg");
	show("/proc/self/schedstat");
	show("/proc/self/comm");
	show("/proc/meminfo");
	show("/proc/stat");
	return 0;
}
