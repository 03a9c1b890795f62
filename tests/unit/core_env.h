/*
 * What the core's unit tests share: a booted fake machine per test, with
 * core_check() after its body, and short ways to make things.
 */
#ifndef CORE_ENV_H
#define CORE_ENV_H

#include <core/check.h>
#include <core/reap.h>
#include <core/state.h>
#include <criterion/criterion.h>
#include <exo/calls.h>
#include <fake/fake.h>

#define PAGE EXO_FRAME_SIZE

static const struct exo_boot *boot;
static exo_frame_t next_frame; /* frames below are taken by the test */

#define OK(call)          cr_assert_eq((call), EXO_OK)
#define IS(status, call)  cr_assert_eq((call), EXO_##status)
#define SOUND()           do { const char *broken_ = core_check(); cr_assert_null(broken_, "%s", broken_); } while (0)

/* CORE_TEST(suite, name) { body, run as the LibOS } */
#define CORE_TEST(suite, name)                                              \
	static void suite##_##name(void);                                   \
	static void suite##_##name##_libos(const struct exo_boot *b)        \
	{                                                                   \
		boot = b;                                                   \
		next_frame = b->memory_first;                               \
		suite##_##name();                                           \
		SOUND();                                                    \
	}                                                                   \
	Test(suite, name)                                                   \
	{                                                                   \
		fake_reset();                                               \
		cr_assert_eq(fake_boot(suite##_##name##_libos), FAKE_RETURNED); \
	}                                                                   \
	static void suite##_##name(void)

static inline exo_frame_t frames_take(uint64_t count)
{
	exo_frame_t first = next_frame;

	next_frame += count;
	cr_assert(next_frame <= boot->memory_first + boot->memory_count);
	return first;
}

static inline void *frame_ptr(exo_frame_t frame)
{
	return (void *)(uintptr_t)(boot->window + (frame << EXO_FRAME_SHIFT));
}

static inline exo_cap_t derive(exo_cap_t cap, uint32_t rights, uint64_t first, uint64_t count)
{
	exo_cap_t out = 0;

	OK(exo_cap_derive(cap, rights, first, count, EXO_NO_EXPIRY, &out));
	return out;
}

/* With these frames of `memory` as its fund. */
static inline exo_cap_t zone_make_of(exo_cap_t memory, exo_frame_t first, uint64_t frames)
{
	uint64_t part = frames < EXO_FUND_MAX ? frames : EXO_FUND_MAX;
	exo_cap_t out = 0;

	OK(exo_zone_create(boot->zone, memory, first, part, "app", 3, &out));
	for (uint64_t done = part; done < frames; done += part) {
		part = frames - done < EXO_FUND_MAX ? frames - done : EXO_FUND_MAX;
		OK(exo_zone_fund(out, memory, first + done, part, NULL));
	}
	return out;
}

static inline exo_cap_t zone_make(uint64_t frames)
{
	return zone_make_of(boot->memory, frames_take(frames), frames);
}

/* The share of a table that a zone has which was made below the LibOS's. */
static inline void share(exo_cap_t zone, uint32_t table, uint64_t limit)
{
	OK(exo_zone_quota(boot->zone, zone, table, limit, NULL));
}

/* So that some zones can be made below it. */
static inline void share_zones(exo_cap_t zone)
{
	share(zone, EXO_QUOTA_ZONES, 4);
	share(zone, EXO_QUOTA_CAPS, 64);
}

/* However many calls it takes. */
static inline void zone_end(exo_cap_t zone)
{
	enum exo_status status;

	while ((status = exo_zone_destroy(zone, NULL)) == EXO_E_AGAIN)
		;
	/* E_CAP: it was gone before the last call was looked at. */
	cr_assert(status == EXO_OK || status == EXO_E_CAP);
}

/* A stranger's call, when its share of the work that others have left is due. */
static inline void strangers_call(void)
{
	fake.now_ns += REAP_EVERY_NS;
	OK(exo_nop(NULL));
}

static inline exo_cap_t context_make(exo_cap_t zone, exo_frame_t *page)
{
	exo_cap_t out = 0;

	*page = frames_take(1);
	memset(frame_ptr(*page), 0, PAGE);
	OK(exo_ctx_create(zone, boot->memory, *page, &out));
	return out;
}

static inline enum exo_status map_under(exo_cap_t zone, exo_cap_t memory, exo_vaddr_t vaddr, exo_frame_t frame,
                                        uint32_t count, uint32_t prot)
{
	struct exo_map_op op = { vaddr, frame, count, prot };
	uint64_t done;

	return exo_mem_map(zone, memory, &op, 1, &done);
}

static inline uint64_t query(exo_cap_t zone, exo_vaddr_t vaddr)
{
	uint64_t value = 0;

	OK(exo_mem_query(zone, vaddr, &value));
	return value;
}

static inline struct exo_cap_info inspect(exo_cap_t cap)
{
	struct exo_cap_info info;

	OK(exo_cap_inspect(cap, &info, NULL));
	return info;
}

static inline struct exo_stats stats(void)
{
	struct exo_stats out;

	OK(exo_stats_read(boot->audit, &out, NULL));
	return out;
}

#endif
