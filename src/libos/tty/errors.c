/*
 * Programs' standard error, where it is not the console: a device that can only be written, each byte as it is.
 */
#include <exo/calls.h>

#include <libos/abi/errno.h>
#include <libos/abi/linux.h>
#include <libos/fs/file.h>
#include <libos/libos.h>
#include <libos/tty/tty.h>

#define PIECE 512u /* EXO_BYTES_MAX: one kernel call */

static int64_t errors_write(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	uint8_t piece[PIECE];
	uint64_t done = 0, written;

	(void)file, (void)position;
	while (io->remaining > 0) {
		int64_t n = io_get(io, piece, io->remaining < sizeof(piece) ? io->remaining : sizeof(piece));

		if (n <= 0)
			return done > 0 ? (int64_t)done : n < 0 ? n : -EFAULT;
		/* The machine waits for its device here, and takes all. */
		if (exo_console_write(libos.boot->errors, piece, (uint64_t)n, &written) != EXO_OK)
			return done > 0 ? (int64_t)done : -EIO;
		done += written;
		if (sched_worked(&libos.sched, SCHED_WORK_UNITS) && thread && signal_is_pending(thread))
			break;
	}
	return (int64_t)done;
}

static int64_t errors_read(struct file *file, struct thread *thread, struct io *io, uint64_t *position)
{
	(void)file, (void)thread, (void)io, (void)position;
	return 0;
}

static const struct file_ops errors_ops = {.read = errors_read, .write = errors_write, .splices = SPLICE_TO, .rwf = RWF_FILE};

int errors_open(struct file *file)
{
	if (libos.boot->errors == EXO_CAP_NONE)
		return -ENXIO;
	file->ops = &errors_ops;
	return 0;
}
