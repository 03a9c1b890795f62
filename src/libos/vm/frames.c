/*
 * The frame allocator: binary buddies. A free block is linked through its own
 * first bytes; what else there is to know of a frame is in the info table, which
 * lies at the start of the memory that it describes.
 */
#include <libos/lib/string.h>
#include <libos/libos.h>

/* The reserve is 1/64 of memory within these bounds (frames). A few hundred frames
 * carry the heap through killing and reaping the largest process. */
#define RESERVE_SHIFT 6
#define RESERVE_MIN   UINT64_C(64)
#define RESERVE_MAX   UINT64_C(1024)

/* Root alone has the last 1/32 of memory that is left beyond the reserve, within these bounds (Linux's
 * admin_reserve_kbytes is 8 MiB at most): so that it can log in, look and kill. */
#define ADMIN_SHIFT 5
#define ADMIN_MIN   UINT64_C(64)
#define ADMIN_MAX   UINT64_C(2048)

/* Below 1/16 of memory free, nobody prefaults or caches any more. */
#define TIGHT_SHIFT 4

static struct frame_info *info_of(exo_frame_t frame)
{
	return &libos.frames.info[frame - libos.frames.first];
}

static bool owns(exo_frame_t frame)
{
	return frame - libos.frames.first < libos.frames.count;
}

void *frame_ptr(exo_frame_t frame)
{
	return (void *)(uintptr_t)(libos.frames.window + (frame << EXO_FRAME_SHIFT));
}

exo_frame_t frame_of(const void *ptr)
{
	return ((uint64_t)(uintptr_t)ptr - libos.frames.window) >> EXO_FRAME_SHIFT;
}

static exo_frame_t frame_of_node(const struct list *node)
{
	return frame_of(node);
}

static void push_block(exo_frame_t frame, unsigned order)
{
	struct frame_info *info = info_of(frame);

	info->head = 1;
	info->order = (uint8_t)order;
	list_push_front(&libos.frames.free[order], frame_ptr(frame));
}

static void take_block(exo_frame_t frame)
{
	info_of(frame)->head = 0;
	list_remove(frame_ptr(frame));
}

/* All frames of the block have reference count 0 already. */
static void free_block(exo_frame_t frame, unsigned order)
{
	libos.frames.free_count += UINT64_C(1) << order;
	while (order + 1 < FRAMES_ORDER_MAX) {
		exo_frame_t buddy = frame ^ (UINT64_C(1) << order);

		if (!owns(buddy) || info_of(buddy)->head == 0 || info_of(buddy)->order != order)
			break;
		take_block(buddy);
		frame &= ~(UINT64_C(1) << order);
		order++;
	}
	push_block(frame, order);
}

/* Frees any stretch as the largest aligned blocks that tile it. */
static void free_run(exo_frame_t first, uint64_t count)
{
	while (count > 0) {
		unsigned order = 0;

		while (order + 1 < FRAMES_ORDER_MAX && (first & ((UINT64_C(2) << order) - 1)) == 0 &&
		       (UINT64_C(2) << order) <= count)
			order++;
		free_block(first, order);
		first += UINT64_C(1) << order;
		count -= UINT64_C(1) << order;
	}
}

void frames_release(exo_frame_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		info_of(first + i)->refs = 0;
		info_of(first + i)->head = 0;
	}
	free_run(first, count);
}

/* Moves the next piece of the fresh memory to the lists; false: there is none. */
static bool break_fresh(void)
{
	struct frames *frames = &libos.frames;
	struct frame_range *fresh = frames->fresh;
	exo_frame_t first, end;

	while (fresh < &frames->fresh[FRAMES_FRESH_MAX - 1] && fresh->first == fresh->end)
		fresh++;
	first = fresh->first;
	end = (first + FRAMES_RUN_MAX) & ~(FRAMES_RUN_MAX - 1);
	if (first == fresh->end)
		return false;
	if (end > fresh->end)
		end = fresh->end;
	fresh->first = end;
	frames->free_count -= end - first; /* free_run() counts them again */
	free_run(first, end - first);
	return true;
}

/* Cold blocks are warmed up when nothing else is left; false: there are none. */
static bool warm(void)
{
	struct frames *frames = &libos.frames;

	if (frames->cold_count == 0)
		return false;
	while (frames->cold_count > 0) {
		frames->free_count -= FRAMES_COLD; /* free_block() counts them again */
		free_block(frames->cold[--frames->cold_count], FRAMES_COLD_ORDER);
	}
	return true;
}

static void mark_used(exo_frame_t from, exo_frame_t to)
{
	for (exo_frame_t frame = from; frame < to; frame++)
		info_of(frame)->refs = 1;
}

/* The fresh memory is all but [from, to) of what it was. The last range is only used by the last cut. */
static void fresh_cut(exo_frame_t from, exo_frame_t to)
{
	struct frame_range *fresh = libos.frames.fresh;

	for (unsigned i = 0; i < FRAMES_FRESH_MAX - 1; i++) {
		struct frame_range old = fresh[i];

		if (to <= old.first || from >= old.end)
			continue;
		fresh[i].end = from > old.first ? from : old.first;
		if (to >= old.end)
			continue;
		memmove(&fresh[i + 2], &fresh[i + 1], (FRAMES_FRESH_MAX - 2 - i) * sizeof(*fresh));
		fresh[i + 1] = (struct frame_range){ to, old.end };
		return;
	}
}

/* The first time that memory becomes free, from `from` on: without the image, which is in use, and what is no memory. The
 * info table is all zeroes yet, and stays so for holes: their frames are neither free nor can they be given back. */
static void release_first(exo_frame_t from, uint64_t image)
{
	struct frames *frames = &libos.frames;
	const struct exo_boot *boot = libos.boot;

	frames->fresh[0] = (struct frame_range){ from, frames->first + frames->count };
	for (unsigned i = 0; i < EXO_BOOT_HOLES && boot->holes[i].count > 0; i++) {
		fresh_cut(boot->holes[i].first, boot->holes[i].first + boot->holes[i].count);
		frames->total -= boot->holes[i].count;
	}
	if (image > 0) {
		mark_used(boot->image_first, boot->image_first + image);
		fresh_cut(boot->image_first, boot->image_first + image);
	}
	for (unsigned i = 0; i < FRAMES_FRESH_MAX; i++)
		frames->free_count += frames->fresh[i].end - frames->fresh[i].first;
}

void frames_init(void)
{
	struct frames *frames = &libos.frames;
	const struct exo_boot *boot = libos.boot;
	uint64_t table_bytes = boot->memory_count * sizeof(struct frame_info);
	uint64_t table = (table_bytes + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
	uint64_t image = (boot->image_size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;

	frames->first = boot->memory_first;
	frames->count = frames->total = boot->memory_count;
	frames->window = boot->window;
	frames->info = frame_ptr(boot->memory_first);
	for (unsigned i = 0; i < FRAMES_ORDER_MAX; i++)
		list_init(&frames->free[i]);
	if (!boot->memory_zeroed)
		memset(frames->info, 0, table_bytes);
	if (boot->holes[0].count > 0 && boot->holes[0].first < frames->first + table)
		libos_panic("no room for the table of frames");
	mark_used(frames->first, frames->first + table);
	release_first(frames->first + table, image);
	frames->reserve = frames->total >> RESERVE_SHIFT;
	if (frames->reserve < RESERVE_MIN)
		frames->reserve = RESERVE_MIN;
	if (frames->reserve > RESERVE_MAX)
		frames->reserve = RESERVE_MAX;
	frames->admin = frames->total >> ADMIN_SHIFT;
	if (frames->admin < ADMIN_MIN)
		frames->admin = ADMIN_MIN;
	if (frames->admin > ADMIN_MAX)
		frames->admin = ADMIN_MAX;
	heap_init();
}

void frames_keep(bool keep)
{
	libos.frames.kept = keep ? libos.frames.admin : 0;
}

/* What must be left. Kernel objects of a user come from the reserve in part, since some let him go on with less. */
static uint64_t floor_of(bool for_user)
{
	const struct frames *frames = &libos.frames;

	if (for_user)
		return frames->reserve + frames->kept;
	return frames->kept ? frames->reserve / 2 + frames->kept : 0;
}

exo_frame_t frames_alloc(unsigned order, bool for_user)
{
	struct frames *frames = &libos.frames;
	uint64_t size = UINT64_C(1) << order;
	unsigned at = order;
	exo_frame_t frame;

	if (order >= FRAMES_ORDER_MAX || frames->free_count < size + floor_of(for_user))
		return FRAME_NONE;
	while (list_empty(&frames->free[at])) {
		if (++at < FRAMES_ORDER_MAX)
			continue;
		if (!break_fresh() && !warm())
			return FRAME_NONE;
		at = order;
	}
	frame = frame_of_node(frames->free[at].next);
	take_block(frame);
	while (at > order) {
		at--;
		push_block(frame + (UINT64_C(1) << at), at);
	}
	frames->free_count -= size;
	for (uint64_t i = 0; i < size; i++)
		info_of(frame + i)->refs = 1;
	return frame;
}

exo_frame_t frames_alloc_cold(void)
{
	struct frames *frames = &libos.frames;
	exo_frame_t first;

	if (frames->cold_count == 0 || frames->free_count < FRAMES_COLD + floor_of(true))
		return frames_alloc(FRAMES_COLD_ORDER, true);
	first = frames->cold[--frames->cold_count];
	frames->free_count -= FRAMES_COLD;
	mark_used(first, first + FRAMES_COLD);
	return first;
}

void frames_put_cold(exo_frame_t first, uint64_t count)
{
	struct frames *frames = &libos.frames;
	bool whole = count == FRAMES_COLD && first % FRAMES_COLD == 0 && frames->cold_count < FRAMES_COLD_MAX;

	for (uint64_t i = 0; whole && i < count; i++)
		whole = info_of(first + i)->refs == 1;
	if (!whole) {
		frames_put(first, count);
		return;
	}
	for (uint64_t i = 0; i < count; i++)
		info_of(first + i)->refs = 0;
	frames->cold[frames->cold_count++] = first;
	frames->free_count += FRAMES_COLD;
}

static unsigned order_of(uint64_t count)
{
	unsigned order = 0;

	while ((UINT64_C(1) << order) < count)
		order++;
	return order;
}

exo_frame_t frames_alloc_run(uint64_t count, bool for_user)
{
	unsigned order;
	exo_frame_t first;

	if (count == 0 || count > FRAMES_RUN_MAX)
		return FRAME_NONE;
	order = order_of(count);
	first = frames_alloc(order, for_user);
	if (first != FRAME_NONE && count < (UINT64_C(1) << order))
		frames_release(first + count, (UINT64_C(1) << order) - count);
	return first;
}

exo_frame_t frames_alloc_some(uint64_t want, uint64_t *got)
{
	if (want > FRAMES_RUN_MAX)
		want = FRAMES_RUN_MAX;
	for (; want > 0; want /= 2) {
		exo_frame_t first = frames_alloc_run(want, true);

		if (first != FRAME_NONE) {
			*got = want;
			return first;
		}
	}
	return FRAME_NONE;
}

exo_frame_t frames_alloc_extent(uint64_t count)
{
	struct frames *frames = &libos.frames;

	if (count <= FRAMES_RUN_MAX)
		return frames_alloc_run(count, true);
	if (count > frames->free_count || frames->free_count - count <= floor_of(true))
		return FRAME_NONE;
	for (unsigned i = 0; i < FRAMES_FRESH_MAX; i++) {
		struct frame_range *fresh = &frames->fresh[i];

		if (fresh->end - fresh->first < count)
			continue;
		fresh->end -= count;
		frames->free_count -= count;
		mark_used(fresh->end, fresh->end + count);
		return fresh->end;
	}
	return FRAME_NONE;
}

exo_frame_t frame_alloc(void)
{
	return frames_alloc(0, true);
}

exo_frame_t frame_alloc_zeroed(void)
{
	exo_frame_t frame = frame_alloc();

	if (frame != FRAME_NONE)
		memset(frame_ptr(frame), 0, EXO_FRAME_SIZE);
	return frame;
}

void frame_get(exo_frame_t frame)
{
	info_of(frame)->refs++;
}

void frames_get(exo_frame_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		info_of(first + i)->refs++;
}

void frame_put(exo_frame_t frame)
{
	struct frame_info *info = info_of(frame);

	if (!owns(frame) || info->refs == 0)
		libos_panic("frame %llx freed twice", (unsigned long long)frame);
	if (--info->refs == 0)
		free_block(frame, 0);
}

void frames_put(exo_frame_t first, uint64_t count)
{
	uint64_t run = 0; /* frames before `i` that this call frees */

	for (uint64_t i = 0; i < count; i++) {
		struct frame_info *info = info_of(first + i);

		if (!owns(first + i) || info->refs == 0)
			libos_panic("frame %llx freed twice", (unsigned long long)(first + i));
		if (--info->refs == 0) {
			run++;
			continue;
		}
		free_run(first + i - run, run);
		run = 0;
	}
	free_run(first + count - run, run);
}

uint32_t frame_refs(exo_frame_t frame)
{
	return info_of(frame)->refs;
}

uint16_t *frame_extra(exo_frame_t frame)
{
	return &info_of(frame)->extra;
}

bool frames_exhausted(void)
{
	return libos.frames.free_count <= floor_of(true);
}

bool frames_scattered(void)
{
	const struct frames *frames = &libos.frames;

	for (unsigned i = 0; i < FRAMES_FRESH_MAX; i++) {
		if (frames->fresh[i].first != frames->fresh[i].end)
			return false;
	}
	for (unsigned order = FRAMES_COLD_ORDER; order < FRAMES_ORDER_MAX; order++) {
		if (!list_empty(&frames->free[order]))
			return false;
	}
	return frames->cold_count == 0;
}

bool frames_tight(void)
{
	return libos.frames.free_count < floor_of(true) + (libos.frames.total >> TIGHT_SHIFT);
}

bool frames_check(void)
{
	struct frames *frames = &libos.frames;
	uint64_t listed = 0, unused = 0;

	for (unsigned order = 0; order < FRAMES_ORDER_MAX; order++) {
		LIST_EACH(node, &frames->free[order]) {
			exo_frame_t frame = frame_of_node(node);
			uint64_t size = UINT64_C(1) << order;

			if (!owns(frame) || !owns(frame + size - 1) || (frame & (size - 1)) != 0)
				return false;
			if (info_of(frame)->head == 0 || info_of(frame)->order != order)
				return false;
			for (uint64_t i = 0; i < size; i++) {
				if (info_of(frame + i)->refs != 0 || (i > 0 && info_of(frame + i)->head != 0))
					return false;
			}
			listed += size;
		}
	}
	for (uint32_t i = 0; i < frames->cold_count; i++)
		for (uint64_t k = 0; k < FRAMES_COLD; k++, listed++)
			if (info_of(frames->cold[i] + k)->refs != 0 || info_of(frames->cold[i] + k)->head != 0)
				return false;
	for (unsigned i = 0; i < FRAMES_FRESH_MAX; i++)
		listed += frames->fresh[i].end - frames->fresh[i].first;
	for (uint64_t i = 0; i < frames->count; i++)
		unused += frames->info[i].refs == 0;
	return listed == frames->free_count && unused == listed + frames->count - frames->total;
}
