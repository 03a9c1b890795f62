/*
 * Small kernel objects in funded frames.
 */
#include <core/slab.h>

void *slab_alloc(struct slab *slab, struct hal_pool *pool, uint64_t size)
{
	void *object;

	if (!slab->free) {
		exo_frame_t frame = hal_pool_take(pool);
		unsigned char *base = hal_phys_ptr(frame);

		*(uint64_t *)(void *)base = slab->frames;
		slab->frames = frame + 1;
		slab->frame_count++;
		for (uint64_t at = SLAB_HEADER; at + size <= EXO_FRAME_SIZE; at += size) {
			*(void **)(void *)(base + at) = slab->free;
			slab->free = base + at;
			slab->free_count++;
		}
	}
	object = slab->free;
	slab->free = *(void **)object;
	slab->free_count--;
	slab->used_count++;
	memset(object, 0, size);
	return object;
}

void slab_free(struct slab *slab, void *object)
{
	*(void **)object = slab->free;
	slab->free = object;
	slab->free_count++;
	slab->used_count--;
}

bool slab_fini(struct slab *slab, struct hal_pool *pool, struct work *work)
{
	for (; slab->frames && work->words > 0; slab->frame_count--) {
		exo_frame_t frame = slab->frames - 1;

		slab->frames = *(uint64_t *)hal_phys_ptr(frame);
		work_charge(work, WORK_FRAME);
		hal_pool_give(pool, frame);
	}
	if (slab->frames)
		return false;
	memset(slab, 0, sizeof(*slab));
	return true;
}
