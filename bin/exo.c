/*
 * exo: shows what the exokernel holds and did: zones, capabilities, extents, audit records, counts.
 *
 * It asks the kernel itself, with exo_* calls and a capability for the audit ring that /dev/exo grants to root; the
 * LibOS only hands that out. What it shows, and how, is in bin/exo/.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exo/exo.h"
#include "exo_call.h"

int exo_attach(struct exo_dev_grant *grant)
{
	int fd = open("/dev/exo", O_RDWR | O_CLOEXEC), error;

	if (fd < 0)
		return errno;
	error = ioctl(fd, (int)EXO_DEV_GRANT, grant) < 0 ? errno : 0;
	close(fd);
	return error;
}

int exo_zone_process(uint32_t zone)
{
	struct exo_dev_process process = { .zone = zone };
	int fd = open("/dev/exo", O_RDWR | O_CLOEXEC), pid = 0;

	if (fd < 0)
		return 0;
	if (ioctl(fd, (int)EXO_DEV_PROCESS, &process) == 0)
		pid = process.pid;
	close(fd);
	return pid;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "libos") == 0) {
		/* A program of its own: what it is given goes with it. */
		execv("/bin/exo-libos", argv + 1);
		fprintf(stderr, "exo: /bin/exo-libos: %s\n", strerror(errno));
		return 127;
	}
	return exo_command(argc, argv);
}
