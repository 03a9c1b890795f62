/*
 * The heap. A slab is one frame: a header, then objects of one size class. A large
 * block is a run of frames, and is told from an object by its page alignment: no object can
 * be at offset 0 of a frame.
 */
#include <libos/lib/heap.h>
#include <libos/lib/string.h>
#include <libos/libos.h>

static const uint16_t class_size[HEAP_CLASS_COUNT] = {
	16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 1008, 2016,
};

struct heap_slab {
	struct list node;  /* in heap.partial, or in no list when full or spare */
	void *free;        /* freed objects, linked through their first word */
	uint16_t class;
	uint16_t used;
	uint16_t capacity;
	uint16_t fresh;    /* objects from this one on were never used */
	uint64_t magic;    /* catches frees of what the heap never gave */
	uint8_t pad_[24];
};

#define SLAB_MAGIC UINT64_C(0x736c616268656170)
_Static_assert(sizeof(struct heap_slab) == 64, "objects after it stay 16-byte aligned");

void heap_init(void)
{
	libos.heap = (struct heap){ .in_use = 0 };
	for (unsigned i = 0; i < HEAP_CLASS_COUNT; i++)
		list_init(&libos.heap.partial[i]);
}

static unsigned class_of(size_t size)
{
	unsigned class = 0;

	while (class < HEAP_CLASS_COUNT && class_size[class] < size)
		class++;
	return class;
}

static struct heap_slab *slab_of(void *at)
{
	struct heap_slab *slab = (void *)((uintptr_t)at & ~(uintptr_t)(EXO_FRAME_SIZE - 1));

	if (slab->magic != SLAB_MAGIC)
		libos_panic("heap: free of %p, which is not from the heap", at);
	return slab;
}

static bool is_large(const void *at)
{
	return ((uintptr_t)at & (EXO_FRAME_SIZE - 1)) == 0;
}

static struct heap_slab *slab_new(unsigned class)
{
	exo_frame_t frame = frames_alloc(0, false);
	struct heap_slab *slab;

	if (frame == FRAME_NONE)
		return NULL;
	slab = frame_ptr(frame);
	*slab = (struct heap_slab){
		.class = (uint16_t)class,
		.capacity = (uint16_t)((EXO_FRAME_SIZE - sizeof(*slab)) / class_size[class]),
		.magic = SLAB_MAGIC,
	};
	list_init(&slab->node);
	return slab;
}

static struct heap_slab *slab_with_room(unsigned class)
{
	struct heap *heap = &libos.heap;
	struct heap_slab *slab = heap->spare[class];

	if (!list_empty(&heap->partial[class]))
		return LIST_ENTRY(heap->partial[class].next, struct heap_slab, node);
	if (slab != NULL)
		heap->spare[class] = NULL;
	else
		slab = slab_new(class);
	if (slab != NULL)
		list_push_front(&heap->partial[class], &slab->node);
	return slab;
}

static void *object_alloc(unsigned class)
{
	struct heap_slab *slab = slab_with_room(class);
	void *at;

	if (slab == NULL)
		return NULL;
	at = slab->free;
	if (at != NULL)
		memcpy(&slab->free, at, sizeof(slab->free));
	else
		at = (char *)(slab + 1) + (size_t)class_size[class] * slab->fresh++;
	if (++slab->used == slab->capacity)
		list_remove(&slab->node);
	libos.heap.in_use += class_size[class];
	return at;
}

static void slab_release(struct heap_slab *slab)
{
	slab->magic = 0;
	frame_put(frame_of(slab));
}

static void object_free(void *at)
{
	struct heap *heap = &libos.heap;
	struct heap_slab *slab = slab_of(at);
	unsigned class = slab->class;

	if (slab->used == slab->capacity)
		list_push_front(&heap->partial[class], &slab->node);
	memcpy(at, &slab->free, sizeof(slab->free));
	slab->free = at;
	slab->used--;
	heap->in_use -= class_size[class];
	if (slab->used > 0)
		return;
	list_remove(&slab->node);
	if (heap->spare[class] == NULL)
		heap->spare[class] = slab;
	else
		slab_release(slab);
}

/* The frame's `extra` holds the count of frames; 2^10 is the largest. */
static void *large_alloc(size_t size)
{
	uint64_t count = (size + EXO_FRAME_SIZE - 1) >> EXO_FRAME_SHIFT;
	exo_frame_t frame = frames_alloc_run(count, false);

	if (frame == FRAME_NONE)
		return NULL;
	*frame_extra(frame) = (uint16_t)count;
	libos.heap.in_use += count << EXO_FRAME_SHIFT;
	return frame_ptr(frame);
}

static size_t size_of(void *at)
{
	if (is_large(at))
		return (size_t)*frame_extra(frame_of(at)) << EXO_FRAME_SHIFT;
	return class_size[slab_of(at)->class];
}

void *heap_alloc(size_t size)
{
	unsigned class = class_of(size);

	if (class < HEAP_CLASS_COUNT)
		return object_alloc(class);
	return size <= HEAP_SIZE_MAX ? large_alloc(size) : NULL;
}

void *heap_zalloc(size_t size)
{
	void *at = heap_alloc(size);

	if (at != NULL)
		memset(at, 0, size);
	return at;
}

void heap_free(void *at)
{
	if (at == NULL)
		return;
	if (is_large(at)) {
		libos.heap.in_use -= size_of(at);
		frames_put(frame_of(at), *frame_extra(frame_of(at)));
	} else {
		object_free(at);
	}
}

void *heap_resize(void *at, size_t size)
{
	size_t old;
	void *copy;

	if (at == NULL)
		return heap_alloc(size);
	old = size_of(at);
	if (size <= old && size > old / 4)
		return at;
	copy = heap_alloc(size);
	if (copy == NULL)
		return size <= old ? at : NULL;
	memcpy(copy, at, size < old ? size : old);
	heap_free(at);
	return copy;
}

char *heap_strdup(const char *s)
{
	size_t size = str_length(s) + 1;
	char *copy = heap_alloc(size);

	if (copy != NULL)
		memcpy(copy, s, size);
	return copy;
}

uint64_t heap_bytes_in_use(void)
{
	return libos.heap.in_use;
}

void heap_trim(void)
{
	for (unsigned i = 0; i < HEAP_CLASS_COUNT; i++) {
		if (libos.heap.spare[i] != NULL)
			slab_release(libos.heap.spare[i]);
		libos.heap.spare[i] = NULL;
	}
}
