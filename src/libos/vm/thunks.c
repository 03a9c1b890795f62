/*
 * The thunks of prepared texts: what the kernel's rewritten call sites jump to (exo_text_prepare()). They are mapped beside the
 * program's regions, at a place that the text copy has for all spaces, within reach of its jumps.
 *
 * A program is not to notice them: they are in no region, so they show in no map and cost no limit, and memory that nobody
 * was given is taken for them. When the program maps something there itself, it gets that, and the text's regions
 * show the file's own bytes.
 */
#include <libos/abi/errno.h>
#include <libos/vm/space.h>

/* Between thunks and the image above them nothing is mapped, as without them. */
#define GUARD PAGE_SIZE
/* Jumps have 32-bit distances. */
#define REACH (UINT64_C(1) << 31)

static uint64_t thunks_end_of(const struct text_copy *text)
{
	return text->thunks + text->thunk_count * PAGE_SIZE;
}

static struct thunk_map *map_of(const struct vm_space *space, const struct text_copy *text)
{
	struct thunk_map *map = space->thunks;

	while (map != NULL && map->text != text)
		map = map->next;
	return map;
}

/* Of those that are in the way of [start, end), any. */
static struct thunk_map *map_in(const struct vm_space *space, uint64_t start, uint64_t end)
{
	struct thunk_map *map = space->thunks;

	while (map != NULL && (map->text->thunks >= end || thunks_end_of(map->text) <= start))
		map = map->next;
	return map;
}

uint64_t thunks_avoid(const struct vm_space *space, uint64_t bottom, uint64_t top, uint64_t length)
{
	const struct thunk_map *map;

	while (top >= bottom && top - bottom >= length) {
		map = map_in(space, top - length, top);
		if (map == NULL)
			return top - length;
		top = map->text->thunks;
	}
	return 0;
}

/* Behind the image of the program that is being loaded: its heap begins later then, and no further page table is needed. */
static uint64_t place_behind(struct vm_space *space, uint64_t start)
{
	const uint64_t length = THUNK_PAGES * PAGE_SIZE;
	uint64_t place = space->image_end + GUARD;
	const struct thunk_map *map;

	if (start >= space->image_end)
		return 0;
	while ((map = map_in(space, place, place + length)) != NULL)
		place = thunks_end_of(map->text);
	return place + length - start < REACH && range_is_valid(place, length) &&
	       range_is_free(space, place, place + length) ? place : 0;
}

/* Below the image, or below what lies directly below that. */
static uint64_t place_below(struct vm_space *space, uint64_t start)
{
	const uint64_t length = THUNK_PAGES * PAGE_SIZE + GUARD;
	const uint64_t lowest = start + TEXT_PAGES_MAX * PAGE_SIZE < REACH ? 0 : start + TEXT_PAGES_MAX * PAGE_SIZE - REACH;
	uint32_t i = region_index(space, start);
	uint64_t top = start;

	for (;;) {
		uint64_t bottom = i > 0 ? space->regions[i - 1]->end : EXO_USER_BASE, place;

		bottom = bottom > lowest ? bottom : lowest;
		place = thunks_avoid(space, bottom, top, length);
		if (place != 0)
			return place;
		if (i == 0 || space->regions[i - 1]->start <= lowest)
			return 0;
		top = space->regions[--i]->start;
		if ((space->regions[i]->flags & REGION_GROWSDOWN) != 0)
			return 0; /* it may want it */
	}
}

uint64_t thunks_place(struct vm_space *space, uint64_t start)
{
	uint64_t place = place_behind(space, start);

	return place != 0 ? place : place_below(space, start);
}

uint64_t thunks_above(const struct vm_space *space, uint64_t address)
{
	for (const struct thunk_map *map = space->thunks; map != NULL; map = map->next) {
		uint64_t end = thunks_end_of(map->text) + GUARD;

		if (map->text->thunks >= space->image_end && end - space->image_end < REACH && end > address)
			address = end;
	}
	return address;
}

bool thunks_fit(struct vm_space *space, const struct text_copy *text)
{
	uint64_t end = thunks_end_of(text);

	return text->thunk_count == 0 || map_of(space, text) != NULL ||
	       (range_is_free(space, text->thunks, end) && map_in(space, text->thunks, end) == NULL);
}

static void map_pages(struct vm_space *space, const struct text_copy *text)
{
	space_queue(space, text->thunks, text->first + text->count, text->thunk_count, EXO_PROT_READ | EXO_PROT_EXEC);
}

int region_text_set(struct region *region, struct text_copy *text)
{
	struct vm_space *space = region->space;
	struct thunk_map *map = map_of(space, text);

	if (map == NULL && text->thunk_count > 0) {
		map = heap_zalloc(sizeof(*map));
		if (map == NULL)
			return -ENOMEM;
		*map = (struct thunk_map){ .next = space->thunks, .text = text };
		space->thunks = map;
		frames_get(text->first + text->count, text->thunk_count);
		map_pages(space, text);
	}
	if (map != NULL)
		map->users++;
	text->refs++;
	region->text = text;
	return 0;
}

static void map_remove(struct vm_space *space, struct thunk_map *map)
{
	struct thunk_map **at = &space->thunks;

	while (*at != map)
		at = &(*at)->next;
	*at = map->next;
	heap_free(map);
}

void region_text_clear(struct region *region)
{
	struct vm_space *space = region->space;
	struct text_copy *text = region->text;
	struct thunk_map *map;

	if (text == NULL)
		return;
	region->text = NULL;
	map = map_of(space, text);
	if (map != NULL && --map->users == 0) {
		map_remove(space, map);
		space_queue(space, text->thunks, 0, text->thunk_count, 0);
		for (uint64_t i = 0; i < text->thunk_count; i++)
			space_put_frame(space, text->first + text->count + i);
	}
	text_put(text);
}

void thunks_yield(struct vm_space *space, uint64_t start, uint64_t end)
{
	struct thunk_map *map;

	while ((map = map_in(space, start, end)) != NULL) {
		const struct text_copy *text = map->text;
		uint32_t left = map->users;

		for (uint32_t i = 0; left > 0; i++) {
			if (space->regions[i]->text != text)
				continue;
			region_leave_text(space->regions[i]);
			left--;
		}
	}
}

bool thunks_fault(struct vm_space *space, uint64_t address)
{
	const struct thunk_map *map = map_in(space, address, address + 1);

	if (map == NULL)
		return false;
	map_pages(space, map->text);
	return true;
}

void thunks_end(struct vm_space *space)
{
	while (space->thunks != NULL) {
		const struct text_copy *text = space->thunks->text;

		frames_put(text->first + text->count, text->thunk_count);
		map_remove(space, space->thunks);
	}
}
