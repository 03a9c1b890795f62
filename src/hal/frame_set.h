/*
 * A set of numbers as a bitmap. HALs whose first LibOS is linked in remember with it which frames that LibOS's window shows.
 */
#ifndef FRAME_SET_H
#define FRAME_SET_H

#include <hal/hal.h>

static inline bool frame_set_has(const uint8_t *set, uint64_t number)
{
	return set[number / 8] >> number % 8 & 1;
}

/* Puts [first, first + count) into the set, or takes it out. */
static inline void frame_set_change(uint8_t *set, uint64_t first, uint64_t count, bool in)
{
	for (uint64_t end = first + count; first < end; first++) {
		uint8_t bit = (uint8_t)(1u << first % 8);

		if (first % 8 == 0 && end - first >= 8) {
			memset(&set[first / 8], in ? 0xff : 0, (end - first) / 8);
			first += ((end - first) & ~UINT64_C(7)) - 1;
		} else {
			set[first / 8] = (uint8_t)(in ? set[first / 8] | bit : set[first / 8] & ~bit);
		}
	}
}

/* The first number of [at, end) that is in the set, or is not; else `end`. */
static inline uint64_t frame_set_next(const uint8_t *set, uint64_t at, uint64_t end, bool in)
{
	uint8_t dull = in ? 0 : 0xff;

	while (at < end && frame_set_has(set, at) != in)
		at += at % 8 == 0 && set[at / 8] == dull ? 8 : 1;
	return at < end ? at : end;
}

#endif
