/* Pipes: a page of bytes that goes round. Readers and writers sleep on the pipe itself. */
#include "v6.h"

static struct pipe pipes[FILES / 2];

struct pipe *pipe_new(void)
{
	for (uint32_t i = 0; i < FILES / 2; i++) {
		struct pipe *pipe = &pipes[i];

		if (pipe->readers + pipe->writers > 0)
			continue;
		*pipe = (struct pipe){ .readers = 1, .writers = 1, .frame = frames_take(PIPE_SIZE >> EXO_FRAME_SHIFT) };
		if (pipe->frame != FRAME_NONE)
			return pipe;
		pipe->readers = pipe->writers = 0;
		return NULL;
	}
	return NULL;
}

void pipe_close(struct pipe *pipe, uint32_t mode)
{
	if (mode & MODE_READ)
		pipe->readers--;
	else
		pipe->writers--;
	if (pipe->readers + pipe->writers == 0)
		frames_drop(pipe->frame, PIPE_SIZE >> EXO_FRAME_SHIFT);
	else
		process_wake(pipe); /* to see the end, or that nobody reads any more */
}

int64_t pipe_read(struct process *p, struct pipe *pipe, uint8_t *to, uint64_t size)
{
	const uint8_t *bytes = frame_ptr(pipe->frame);
	uint64_t done = 0;

	if (size > 0 && pipe->count == 0 && pipe->writers > 0)
		return process_sleep(p, pipe, UINT64_MAX);
	for (; done < size && pipe->count > 0; pipe->count--) {
		to[done++] = bytes[pipe->head];
		pipe->head = (pipe->head + 1) % PIPE_SIZE;
	}
	process_wake(pipe);
	return (int64_t)done;
}

/* Writes all; p->done says how much of it earlier tries have written. */
int64_t pipe_write(struct process *p, struct pipe *pipe, const uint8_t *from, uint64_t size)
{
	uint8_t *bytes = frame_ptr(pipe->frame);

	if (pipe->readers == 0) {
		process_end(p, V6_SIGPIPE, 0);
		return CALL_GONE;
	}
	if (pipe->count < PIPE_SIZE && p->done < size)
		process_wake(pipe);
	for (; p->done < size && pipe->count < PIPE_SIZE; pipe->count++)
		bytes[(pipe->head + pipe->count) % PIPE_SIZE] = from[p->done++];
	return p->done == size ? (int64_t)size : process_sleep(p, pipe, UINT64_MAX);
}
