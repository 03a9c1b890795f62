/*
 * What the states of bench_worst are made of.
 */
#include "worst.h"

#include <stdio.h>

const struct exo_boot *worst_boot;
exo_frame_t worst_frame;

void must(enum exo_status status, const char *what)
{
	if (status == EXO_OK)
		return;
	fprintf(stderr, "bench_worst: %s: status %d\n", what, (int)status);
	exit(2);
}

exo_frame_t frames_take(uint64_t count)
{
	exo_frame_t first = worst_frame;

	worst_frame += count;
	must(worst_frame <= BOOT->memory_first + BOOT->memory_count ? EXO_OK : EXO_E_RANGE, "frames");
	return first;
}

void *frame_ptr(exo_frame_t frame)
{
	return (void *)(uintptr_t)(BOOT->window + (frame << EXO_FRAME_SHIFT));
}

exo_cap_t derive(exo_cap_t cap, uint64_t first, uint64_t count)
{
	exo_cap_t out = EXO_CAP_NONE;

	OK(exo_cap_derive(cap, EXO_R_ALL, first, count, EXO_NO_EXPIRY, &out));
	return out;
}

exo_cap_t grant(exo_cap_t cap, exo_cap_t zone)
{
	exo_cap_t out = EXO_CAP_NONE;

	OK(exo_cap_grant(cap, zone, EXO_R_ALL, &out));
	return out;
}

exo_cap_t chain(exo_cap_t cap, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		cap = derive(cap, BOOT->memory_first, 64);
	return cap;
}

void children(exo_cap_t cap, exo_cap_t zone, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		(void)(zone == EXO_CAP_NONE ? derive(cap, BOOT->memory_first, 64) : grant(cap, zone));
}

exo_cap_t zone_below(exo_cap_t parent, uint64_t frames)
{
	uint64_t part = frames < EXO_FUND_MAX ? frames : EXO_FUND_MAX;
	exo_cap_t zone = EXO_CAP_NONE;

	OK(exo_zone_create(parent, BOOT->memory, frames_take(part), part, "app", 3, &zone));
	for (uint64_t done = part; done < frames; done += part) {
		part = frames - done < EXO_FUND_MAX ? frames - done : EXO_FUND_MAX;
		OK(exo_zone_fund(zone, BOOT->memory, frames_take(part), part, NULL));
	}
	return zone;
}

exo_cap_t zone_make(uint64_t frames)
{
	return zone_below(BOOT->zone, frames);
}

void share(exo_cap_t zone, uint64_t caps)
{
	OK(exo_zone_quota(BOOT->zone, zone, EXO_QUOTA_CAPS, caps, NULL));
}

struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

exo_cap_t context_make(exo_cap_t zone)
{
	exo_cap_t context = EXO_CAP_NONE;

	OK(exo_ctx_create(zone, BOOT->memory, frames_take(1), &context));
	return context;
}

void map(exo_cap_t zone, exo_cap_t memory, exo_vaddr_t at, exo_frame_t frame, uint32_t count, uint32_t prot)
{
	struct exo_map_op op = { at, frame, count, prot };
	enum exo_status status;

	do
		status = exo_mem_map(zone, memory, &op, 1, NULL);
	while (status == EXO_E_AGAIN);
	must(status, "map");
}

enum exo_status as(exo_cap_t zone, uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };
	enum exo_status status;

	stretch_begin();
	status = (enum exo_status)call_dispatch(zone_of(zone), number, args).status;
	stretch_end();
	return status;
}

void revocation_begin(void)
{
	exo_cap_t top = derive(BOOT->memory, BOOT->memory_first, 64);

	children(top, EXO_CAP_NONE, MANY / 2);
	must(exo_cap_revoke(top, NULL) == EXO_E_AGAIN ? EXO_OK : EXO_E_STATE, "a long revocation");
}
