/*
 * Batches: many calls in one entry into the kernel.
 *
 * Entries are copied in, served and copied back a chunk at a time. What ends a batch early is
 * looked at after each entry that may be long, and after each chunk of short ones.
 */
#include <core/call.h>
#include <core/reap.h>
#include <core/state.h>
#include <core_calls.h>
#include <exo/calls.h>

/* Entries copied from the caller at a time: a kilobyte of the kernel's stack. */
#define OPS_CHUNK 16

/* A batch begins no further long entry, or chunk, after so long. So it takes no longer than this,
 * the longest call and a chunk of short ones together. */
#define BATCH_NS UINT64_C(25000)

/* What is not listed is long. */
enum { LONG, QUICK, EXCLUDED };

static const uint8_t kind_of[EXO_NR_COUNT] = {
	/* What may not be an entry: run, wait and fastipc leave the kernel, for as long as the caller says
	 * and while others change what the batch works on; a batch in a batch would need a stack without
	 * bound; and nobody would read the statuses after halt. */
	[EXO_NR_RUN] = EXCLUDED, [EXO_NR_WAIT] = EXCLUDED, [EXO_NR_BATCH] = EXCLUDED, [EXO_NR_HALT] = EXCLUDED,
	[EXO_NR_FASTIPC_CALL] = EXCLUDED, [EXO_NR_FASTIPC_WAIT] = EXCLUDED,
	/* What takes less time than a look at the clock is worth. */
	[EXO_NR_NOP] = QUICK, [EXO_NR_CAP_DERIVE] = QUICK, [EXO_NR_CAP_GRANT] = QUICK, [EXO_NR_CAP_INSPECT] = QUICK,
	[EXO_NR_ZONE_INFO] = QUICK, [EXO_NR_MEM_QUERY] = QUICK, [EXO_NR_EVENT_TAKE] = QUICK, [EXO_NR_CLOCK_READ] = QUICK,
	[EXO_NR_DIRECT_IO] = QUICK, [EXO_NR_IRQ_TAKE] = QUICK, [EXO_NR_IRQ_ACK] = QUICK,
};

/* The two words that will be written last are tried now, so that no entry is served whose
 * status cannot be told. */
CORE_LOCKED static enum exo_status chunk_take(struct zone *caller, struct exo_batch_op *chunk, exo_vaddr_t ops, uint64_t count)
{
	uint64_t last = (count - 1) * sizeof(*chunk) + offsetof(struct exo_batch_op, value);
	enum exo_status status = copy_in(caller, chunk, ops, count * sizeof(*chunk));

	if (status == EXO_OK)
		status = copy_out(caller, ops, &chunk[0].call, sizeof(chunk[0].call));
	if (status == EXO_OK)
		status = copy_out(caller, ops + last, &chunk[count - 1].value, sizeof(chunk[0].value));
	return status;
}

static bool is_over(const struct zone *caller, uint64_t until)
{
	/* An entry may have ended the caller itself; it gets nothing any more. */
	return zone_is_gone(caller) || hal_time_ns() >= until;
}

/* How many of the chunk are done. */
CORE_LOCKED static uint64_t chunk_serve(struct zone *caller, struct exo_batch_op *chunk, uint64_t count, uint64_t until)
{
	uint64_t done = 0;

	while (done < count) {
		struct exo_batch_op *op = &chunk[done++];
		uint8_t kind = op->call < EXO_NR_COUNT ? kind_of[op->call] : LONG;

		op->value = 0;
		/* One that may not be here is refused like a number that no call has. */
		op->status = call_one(caller, kind == EXCLUDED ? EXO_NR_COUNT : op->call, op->args, &op->value);
		if (kind != QUICK && is_over(caller, until))
			break;
	}
	caller->calls += done;
	call_count(done);
	return done;
}

enum exo_status call_batch(struct zone *caller, exo_vaddr_t ops, uint64_t count, uint64_t *value)
{
	struct exo_batch_op chunk[OPS_CHUNK];
	uint64_t until = hal_time_ns() + BATCH_NS;

	if (count == 0)
		return EXO_E_ARG;
	for (;;) {
		uint64_t n = count - *value < OPS_CHUNK ? count - *value : OPS_CHUNK, done;
		exo_vaddr_t at = ops + *value * sizeof(chunk[0]);
		enum exo_status status = chunk_take(caller, chunk, at, n);

		if (status != EXO_OK)
			return status;
		done = chunk_serve(caller, chunk, n, until);
		*value += done;
		status = copy_out(caller, at, chunk, done * sizeof(chunk[0]));
		if (status != EXO_OK)
			return status;
		if (zone_is_gone(caller))
			return EXO_E_DEAD;
		if (*value >= count)
			return EXO_OK;
		if (reap_has_work())
			reap_help(caller);
		if (hal_time_ns() >= until)
			return EXO_E_AGAIN;
	}
}
