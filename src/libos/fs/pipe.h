/*
 * Pipes: what pipe.c and the calls that splice share. The bytes are in a ring that starts with one page and takes its full
 * capacity at once when a writer needs more. As on Linux they belong to buffers of a page at most, of which there are as many as
 * the capacity has pages: a pipe is full when all are in use, however few bytes they have.
 */
#ifndef LIBOS_PIPE_H
#define LIBOS_PIPE_H

#include <libos/fs/internal.h>

#define PIPE_BUFFERS      16u /* of a new pipe */
#define PIPE_DEFAULT_SIZE (PIPE_BUFFERS << PAGE_SHIFT)

struct pipe_buffer {
	uint16_t start, size; /* which bytes of its page it has */
	bool merges;          /* a write may go on in its page */
	bool packet;          /* a read goes no further, and loses what it does not take */
};

struct pipe {
	uint32_t uid;          /* in whose account its capacity is */
	uint8_t *ring;
	uint32_t size;         /* of the ring now; 0: none yet */
	uint32_t capacity;     /* what it may grow to; both are powers of two */
	uint64_t head, tail;   /* read at head, write at tail; never wrap in practice */
	struct pipe_buffer *buffers; /* a ring as well, of capacity / PAGE_SIZE; `own` or on the heap */
	uint32_t first, count; /* those in use */
	bool taking, giving;   /* somebody who may sleep meanwhile takes the first bytes, puts some behind the last; nobody else does */
	uint32_t readers, writers;
	uint32_t reader_opens, writer_opens; /* counts of opens, for FIFOs that wait for the other side */
	struct waitq read_wait, write_wait, poll_read, poll_write, open_wait;
	struct waitq turn_wait; /* for the end of taking and giving */
	struct pipe_buffer own[PIPE_BUFFERS];
};

static inline uint32_t pipe_bytes(const struct pipe *p) { return (uint32_t)(p->tail - p->head); }
static inline uint32_t pipe_free_buffers(const struct pipe *p) { return (p->capacity >> PAGE_SHIFT) - p->count; }
static inline bool pipe_is_full(const struct pipe *p) { return !pipe_free_buffers(p); }

/* ---- pipe_ring.c ---- */
void pipe_ring_init(struct pipe *p);
void pipe_ring_clear(struct pipe *p); /* its bytes go, and their memory */
void pipe_ring_fini(struct pipe *p);  /* all of its memory goes */
/* -EBUSY: it has more than that, or somebody is putting bytes in; -ENOMEM. */
int pipe_ring_set_capacity(struct pipe *p, uint32_t capacity);
/* The n-th buffer in use. */
struct pipe_buffer *pipe_buffer_at(const struct pipe *p, uint32_t n);
/* Makes the ring larger for `want` bytes more, as far as capacity and memory allow; how many it has room for then. Not while
 * somebody else is giving. */
uint32_t pipe_room(struct pipe *p, uint64_t want);
/* Copies `size` bytes, which fit, to the end, and makes them a buffer of their own. False: not all were to be had, and nothing was done. */
bool pipe_append(struct pipe *p, struct io *io, struct pipe_buffer as);
/* The same behind the bytes of the last buffer, in its page. */
bool pipe_join(struct pipe *p, struct io *io, uint32_t size);
/* What was put behind the last byte already becomes a buffer. */
void pipe_push(struct pipe *p, struct pipe_buffer as);
/* Copies the first bytes of a buffer that begins `skip` bytes behind the first one. */
bool pipe_copy(const struct pipe *p, uint32_t skip, uint32_t size, struct io *io);
/* The first `size` bytes are gone. */
void pipe_drop(struct pipe *p, uint64_t size);
/* Where the bytes from `at` on are in the ring: one part or two; how many. */
uint32_t pipe_parts(const struct pipe *p, uint64_t at, uint32_t size, struct io_vec part[2]);

/* ---- pipe.c ---- */
struct pipe *pipe_of(const struct file *file); /* NULL: it is none */
/*
 * Until there are bytes and nobody else is taking them: 1. 0: there are none, and nobody writes any more. -EAGAIN (nowait),
 * -ERESTARTSYS.
 */
int pipe_await_bytes(struct pipe *p, struct thread *self, bool nowait);
/*
 * Until a buffer is free, for some of `want` bytes, and nobody else is putting bytes in: 0. -EPIPE with its signal, -EAGAIN
 * (nowait), -ERESTARTSYS, -ENOMEM.
 */
int pipe_await_room(struct pipe *p, struct thread *self, uint64_t want, bool nowait);
/* As read(2) takes them, or, not `packets`, as if there were none. Bytes, 0, or -EFAULT. */
int64_t pipe_take(struct pipe *p, struct io *io, bool packets);
void pipe_gave(struct pipe *p);                  /* bytes came: tells readers, and the next writer */
void pipe_took(struct pipe *p, bool was_full);   /* bytes went: tells writers, and the next reader */

/* While `taking`, which these begin and end: the first bytes, at most `most`, as LibOS memory that stays as it is. */
struct pipe_loan {
	struct io_vec part[2];
	uint32_t parts, pages;
	exo_frame_t first;
};
void pipe_take_begin(struct pipe *p, uint64_t most, struct pipe_loan *loan);
void pipe_take_end(struct pipe *p, uint64_t taken, const struct pipe_loan *loan);
/* The same for `giving`: room for at most `most` bytes, the first of which is byte `start` of its page; how many parts. */
uint32_t pipe_give_begin(struct pipe *p, uint64_t most, uint32_t start, struct io_vec part[2]);
void pipe_give_end(struct pipe *p, uint64_t given, uint32_t start);
/* The end of taking from one, which was full before, and giving to the other. */
void pipe_between_end(struct pipe *from, bool was_full, struct pipe *to);

/* ---- calls_splice.c ---- */
/* From a file that is no pipe to one that is: bytes, at most IO_SIZE_MAX, or -errno. The callers hold both. */
int64_t splice_to_pipe(struct thread *self, struct file *in, uint64_t *position, struct file *to, uint64_t size, bool nowait);

#endif
