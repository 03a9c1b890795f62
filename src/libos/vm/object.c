/* Shared anonymous memory: a list of pages that several regions refer to. */
#include <libos/vm/space.h>

struct vm_object *object_new(uint64_t size)
{
	struct vm_object *object = heap_zalloc(sizeof(*object));

	if (object != NULL) {
		object->refs = 1;
		object->size = size;
	}
	return object;
}

void object_remove(struct vm_object *object, uint64_t start, uint64_t end)
{
	uint64_t *place;

	while ((place = table_next(&object->pages, &start, end)) != NULL) {
		exo_frame_t frame = pte_frame(*place);

		table_clear(&object->pages, start, place);
		frame_put(frame);
		start += PAGE_SIZE;
	}
}

void object_put(struct vm_object *object)
{
	if (--object->refs > 0)
		return;
	object_remove(object, 0, TABLE_LIMIT);
	table_free(&object->pages);
	heap_free(object);
}

exo_frame_t object_page(struct vm_object *object, uint64_t offset, bool make)
{
	uint64_t *place = table_find(&object->pages, offset);
	exo_frame_t frame;

	if (place != NULL && *place != 0)
		return pte_frame(*place);
	if (!make)
		return FRAME_NONE;
	place = table_make(&object->pages, offset);
	if (place == NULL)
		return FRAME_NONE;
	frame = frame_alloc_zeroed();
	if (frame != FRAME_NONE)
		table_set(place, pte_make(frame, 0));
	return frame;
}
