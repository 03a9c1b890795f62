/* The frame allocator and the heap: nothing lost, nothing given twice. */
#include "libos_vm_world.h"

#define SLOTS 200

WORLD_TEST(vm_frames, buddies_come_together_again, 2048)
{
	struct { exo_frame_t first; uint64_t count; } held[SLOTS] = { { 0, 0 } };
	static uint8_t taken[8192];
	uint64_t seed = 42;

	memset(taken, 0, sizeof(taken));
	for (int n = 0; n < 20000; n++) {
		uint32_t i = (uint32_t)(test_random(&seed) >> 30) % SLOTS;

		if (held[i].count != 0) {
			for (uint64_t f = 0; f < held[i].count; f++)
				taken[held[i].first + f - libos.frames.first]--;
			if (n % 2)
				frames_put(held[i].first, held[i].count);
			else
				frames_put_cold(held[i].first, held[i].count);
			held[i].count = 0;
			continue;
		}
		held[i].count = n % 3 ? 1 + (test_random(&seed) >> 20) % 40 : FRAMES_COLD;
		held[i].first = n % 3 ? frames_alloc_run(held[i].count, true) : frames_alloc_cold();
		if (held[i].first == FRAME_NONE) {
			held[i].count = 0;
			continue;
		}
		for (uint64_t f = 0; f < held[i].count; f++) {
			cr_assert_eq(taken[held[i].first + f - libos.frames.first]++, 0);
			cr_assert_eq(frame_refs(held[i].first + f), 1);
		}
		if (n % 512 == 0)
			cr_assert(frames_check());
	}
	for (int i = 0; i < SLOTS; i++)
		frames_put(held[i].first, held[i].count);
	world_check_clean();
}

/* As many as there can be, some of one frame, around an image. */
static void with_holes(void)
{
	static const uint8_t image[3 * PAGE_SIZE] = { 1 };

	for (unsigned i = 0; i < HAL_HOLES; i++)
		fake.holes[i] = (struct hal_extent){ FAKE_FIRST_FRAME + 600 + 150 * i, 1 + 20 * (i % 3) };
	fake.image = image;
	fake.image_size = sizeof(image);
}

static bool in_hole(exo_frame_t frame)
{
	for (unsigned i = 0; i < HAL_HOLES; i++)
		if (frame - fake.holes[i].first < fake.holes[i].count)
			return true;
	return false;
}

static void take_all(void)
{
	exo_frame_t big = frames_alloc_extent(FRAMES_RUN_MAX + 1), last = FRAME_NONE, frame, *link;
	uint64_t count = 0, lost = 0;

	cr_assert_eq(big, FRAME_NONE, "no stretch between holes is so long");
	for (unsigned i = 0; i < HAL_HOLES; i++)
		lost += fake.holes[i].count;
	cr_assert_eq(libos.frames.total, libos.frames.count - lost);
	for (; (frame = frames_alloc(0, false)) != FRAME_NONE; last = frame, count++) {
		cr_assert(!in_hole(frame) && frame - libos.boot->image_first >= 3);
		link = frame_ptr(frame);
		*link = last;
	}
	cr_assert_eq(libos.frames.free_count, 0);
	cr_assert_eq(count, world_free);
	for (; last != FRAME_NONE; last = frame) {
		frame = *(exo_frame_t *)frame_ptr(last);
		frame_put(last);
	}
	cr_assert(frames_check());
	frames_release(libos.boot->image_first, 3);
	world_free += 3;
	cr_assert(frames_check());
	world_check_clean();
}

Test(vm_frames, holes_are_not_given)
{
	world_machine = with_holes;
	world_run(2048, take_all);
}

WORLD_TEST(vm_frames, the_reserve_is_not_for_programs, 1024)
{
	uint64_t count = 0;
	exo_frame_t last = FRAME_NONE, frame, *link;

	while ((frame = frame_alloc()) != FRAME_NONE) {
		link = frame_ptr(frame);
		*link = last;
		last = frame;
		count++;
	}
	cr_assert(frames_exhausted());
	cr_assert_eq(libos.frames.free_count, libos.frames.reserve);
	frame = frames_alloc(0, false);
	cr_assert_neq(frame, FRAME_NONE);
	frame_put(frame);
	for (; last != FRAME_NONE; last = frame) {
		frame = *(exo_frame_t *)frame_ptr(last);
		frame_put(last);
	}
	world_check_clean();
}

/* What was kernel memory is so again, and nobody has touched it meanwhile. */
WORLD_TEST(vm_frames, cold_blocks, 1024)
{
	exo_frame_t first = frames_alloc_cold(), other = frames_alloc_run(FRAMES_COLD, true), frame, last = FRAME_NONE;

	cr_assert_eq(first % FRAMES_COLD, 0);
	memset(frame_ptr(first), 0x5a, FRAMES_COLD * EXO_FRAME_SIZE);
	frames_put_cold(first, FRAMES_COLD);
	cr_assert(frames_check());
	frames_put(other, FRAMES_COLD);
	cr_assert_eq(frames_alloc_cold(), first);
	for (uint64_t i = 0; i < FRAMES_COLD * EXO_FRAME_SIZE; i++)
		cr_assert_eq(((uint8_t *)frame_ptr(first))[i], 0x5a);
	/* One that somebody else still uses is no such block, nor a part of one. */
	frame_get(first + 3);
	frames_put_cold(first, FRAMES_COLD);
	cr_assert_eq(libos.frames.cold_count, 0);
	frame_put(first + 3);
	first = frames_alloc_cold();
	frames_put_cold(first, FRAMES_COLD - 1);
	frame_put(first + FRAMES_COLD - 1);
	cr_assert_eq(libos.frames.cold_count, 0);
	/* When nothing else is left they serve for everything. */
	first = frames_alloc_cold();
	frames_put_cold(first, FRAMES_COLD);
	cr_assert_eq(libos.frames.cold_count, 1);
	while ((frame = frames_alloc(0, false)) != FRAME_NONE) {
		*(exo_frame_t *)frame_ptr(frame) = last;
		last = frame;
	}
	cr_assert_eq(libos.frames.free_count, 0);
	cr_assert_eq(libos.frames.cold_count, 0);
	for (; last != FRAME_NONE; last = frame) {
		frame = *(exo_frame_t *)frame_ptr(last);
		frame_put(last);
	}
	world_check_clean();
}

WORLD_TEST(vm_frames, references, 1024)
{
	exo_frame_t first = frames_alloc_run(5, true);

	frame_get(first + 2);
	frames_put(first, 5);
	cr_assert_eq(libos.frames.free_count, world_free - 1);
	cr_assert_eq(frame_refs(first + 2), 1);
	frame_put(first + 2);
	cr_assert_eq(frames_alloc_run(0, true), FRAME_NONE);
	cr_assert_eq(frames_alloc_run(FRAMES_RUN_MAX + 1, true), FRAME_NONE);
	cr_assert_eq(frames_alloc(FRAMES_ORDER_MAX, true), FRAME_NONE);
	world_check_clean();
}

WORLD_TEST(vm_heap, random_sizes_keep_their_bytes, 4096)
{
	static struct { uint8_t *at; size_t size; } held[SLOTS];
	uint64_t seed = 99;

	memset(held, 0, sizeof(held));
	for (int n = 0; n < 20000; n++) {
		uint32_t i = (uint32_t)(test_random(&seed) >> 30) % SLOTS;
		size_t size = (test_random(&seed) >> 20) % (n % 50 == 0 ? 40000 : 600);

		for (size_t k = 0; k < held[i].size; k++)
			cr_assert_eq(held[i].at[k], (uint8_t)(i + k));
		if (n % 3 == 0 && held[i].at != NULL) {
			uint8_t *at = heap_resize(held[i].at, size);

			cr_assert_not_null(at);
			for (size_t k = 0; k < held[i].size && k < size; k++)
				cr_assert_eq(at[k], (uint8_t)(i + k));
			held[i].at = at;
		} else {
			heap_free(held[i].at);
			held[i].at = heap_alloc(size);
			cr_assert_not_null(held[i].at);
			cr_assert_eq((uintptr_t)held[i].at % 16, 0);
		}
		held[i].size = size;
		for (size_t k = 0; k < size; k++)
			held[i].at[k] = (uint8_t)(i + k);
	}
	for (int i = 0; i < SLOTS; i++)
		heap_free(held[i].at);
	world_check_clean();
}

WORLD_TEST(vm_heap, exhaustion_is_an_answer, 1024)
{
	void *last = NULL, *at;
	int count = 0;

	while ((at = heap_alloc(3000)) != NULL) {
		memcpy(at, &last, sizeof(last));
		last = at;
		count++;
	}
	cr_assert_gt(count, 100);
	cr_assert_null(heap_alloc(HEAP_SIZE_MAX));
	cr_assert_null(heap_alloc(SIZE_MAX));
	for (; last != NULL; last = at) {
		memcpy(&at, last, sizeof(at));
		heap_free(last);
	}
	heap_free(NULL);
	world_check_clean();
}
