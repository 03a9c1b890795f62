/*
 * How much memory whoever started us may use: what the machine has, and less where a control group says so.
 */
#include "hosted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#define ROOT       "/sys/fs/cgroup"
#define GROUP_ROOM 4096 /* a group's path; longer ones are not looked at */

/* A number in a file; UINT64_MAX: no such file, or it says "max". */
static uint64_t number_in(const char *path)
{
	unsigned long long value = UINT64_MAX;
	FILE *file = fopen(path, "re");

	if (!file)
		return UINT64_MAX;
	if (fscanf(file, "%llu", &value) != 1)
		value = UINT64_MAX;
	fclose(file);
	return value;
}

/* The smallest limit of this group and of those above it. */
static uint64_t limit_of_group(const char *root, char *group, const char *name)
{
	uint64_t least = UINT64_MAX;

	for (;;) {
		char path[GROUP_ROOM + 128], *slash = strrchr(group, '/');
		uint64_t limit;

		snprintf(path, sizeof(path), "%s%s/%s", root, group, name);
		limit = number_in(path);
		least = limit < least ? limit : least;
		if (!slash)
			return least;
		*slash = 0;
	}
}

/* A line of /proc/self/cgroup is "NUMBER:CONTROLLERS:GROUP"; version 2 has no controllers there. */
static uint64_t limit_of_line(char *line)
{
	char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : 0;

	if (!group)
		return UINT64_MAX;
	*group++ = 0;
	group[strcspn(group, "\n")] = 0;
	if (controllers[1] == 0)
		return limit_of_group(ROOT, group, "memory.max");
	for (char *name = strtok(controllers + 1, ","); name; name = strtok(0, ","))
		if (strcmp(name, "memory") == 0)
			return limit_of_group(ROOT "/memory", group, "memory.limit_in_bytes");
	return UINT64_MAX;
}

uint64_t host_memory_of_group(void)
{
	uint64_t least = UINT64_MAX;
	char line[GROUP_ROOM];
	FILE *file = fopen("/proc/self/cgroup", "re");

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t limit = limit_of_line(line);
		least = limit < least ? limit : least;
	}
	if (file)
		fclose(file);
	return least;
}

uint64_t host_memory_of_machine(void)
{
	struct sysinfo host;

	if (sysinfo(&host) != 0)
		return UINT64_MAX;
	return (uint64_t)(host.totalram + host.totalswap) * host.mem_unit;
}
