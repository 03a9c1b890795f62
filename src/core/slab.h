/*
 * Small kernel objects of one size in frames of a zone's fund. Frames stay with
 * the slab until the zone goes.
 */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include <core/work.h>
#include <hal/hal.h>

struct slab {
	void *free;          /* free objects, linked through their first word */
	uint64_t free_count;
	uint64_t used_count;
	uint64_t frames;     /* last frame + 1, linked through their first words; 0: none */
	uint64_t frame_count;
};

/* Each frame starts with its link, alone in a cache line. */
#define SLAB_HEADER UINT64_C(64)

/* Frames of the pool that slab_alloc() of `count` objects (no more than fit one frame) may take. */
static inline uint64_t slab_cost(const struct slab *slab, uint64_t count)
{
	return slab->free_count >= count ? 0 : 1;
}

/* A zeroed object; cannot fail, since the caller has checked slab_cost(). */
void *slab_alloc(struct slab *slab, struct hal_pool *pool, uint64_t size);
void slab_free(struct slab *slab, void *object);

/* Gives the frames back, with nothing in them; no object is in use. True when done. */
bool slab_fini(struct slab *slab, struct hal_pool *pool, struct work *work);

#endif
