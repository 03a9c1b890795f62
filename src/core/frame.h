/*
 * What the kernel knows of each frame of the extent: who pays with it, and how
 * often it is mapped. The rule behind it: a frame that a program can reach
 * never becomes kernel memory, and kernel memory is never mapped.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <core/lock.h>
#include <exo/abi.h>
#include <hal/hal.h>

struct zone;

/* Who has the frame */
#define FRAME_FREE   0      /* plain memory of whoever has the capability */
#define FRAME_KERNEL 0xffff /* the core's own, from boot on */
#define FRAME_HOLE   0xfffe /* no memory */
                            /* else: number of the zone whose fund it is in */

struct frame {
	uint16_t fund; /* FRAME_* or a zone number */
	/* Mappings, context pages, answer pages that use it. Cannot overflow: the page
	 * tables of so many would be 32 GiB. */
	uint32_t maps;
};

/* How many frames at the extent's start the table of all frames takes. */
uint64_t frame_table_frames(uint64_t frame_count);

/* Boot: puts the table at the extent's start and marks those frames, and the holes. */
void frame_table_init(void);

/* The next stretch of memory between holes in [*at, *end), to where these are moved. *at is *end if there is none. */
void frames_next(exo_frame_t *at, exo_frame_t *end);

/* Plain frames that nobody uses become zone `number`'s fund: first they leave the first LibOS's window. */
CORE_LOCKED void frames_fund(exo_frame_t first, uint64_t count, uint32_t number);

/* And back: plain frames, which the window shows. The caller has cleared what the kernel wrote there. */
CORE_LOCKED void frames_unfund(exo_frame_t first, uint64_t count);

/* No frame of it is kernel memory or in a hole. unused: and none is mapped. The range is inside the extent. */
CORE_LOCKED bool frames_are_plain(exo_frame_t first, uint64_t count, bool unused);

/* What the HAL says of nodes, holes and colours is as it promises. */
bool frame_ranges_are_sound(void);

/* The node's range that it is in. */
const struct hal_node_range *frame_range(exo_frame_t frame);

/* Fills `info`. */
CORE_LOCKED void frame_describe(exo_frame_t frame, struct exo_frame_info *info);

/* frame_at(), frame_use() and frame_unuse() are in state.h. */

#endif
