/* Disks: what may be begun, answers, and capabilities, zones and devices that go while a transfer is under way. */
#include "core_env.h"

#define RW (EXO_R_READ | EXO_R_WRITE)
#define SECOND (UINT64_C(1) << EXO_DISK_SHIFT)

static struct exo_disk_request request_of(uint32_t op, uint64_t first, uint32_t count, exo_frame_t frame, uint64_t tag)
{
	return (struct exo_disk_request){ .op = op, .count = count, .first = first, .frame = frame, .tag = tag };
}

static enum exo_status submit_to(exo_cap_t disk, exo_cap_t memory, uint32_t op, uint64_t first, uint32_t count, exo_frame_t frame,
                                 uint64_t tag)
{
	struct exo_disk_request request = request_of(op, first, count, frame, tag);

	return exo_disk_submit(disk, memory, &request, NULL);
}

static enum exo_status submit(uint32_t op, uint64_t first, uint32_t count, exo_frame_t frame, uint64_t tag)
{
	return submit_to(boot->disk[0], boot->memory, op, first, count, frame, tag);
}

/* The one answer that is there. */
static void answer_is(exo_cap_t disk, uint64_t tag, enum exo_status status)
{
	struct exo_disk_done done[2];
	uint64_t count = 0;

	OK(exo_disk_take(disk, done, 2, &count));
	cr_assert_eq(count, 1);
	cr_assert_eq(done[0].tag, tag);
	cr_assert_eq(done[0].status, status);
}

static void no_answer(exo_cap_t disk)
{
	struct exo_disk_done done;
	uint64_t count = 1;

	OK(exo_disk_take(disk, &done, 1, &count));
	cr_assert_eq(count, 0);
}

static uint64_t events(void)
{
	uint64_t pending = 0;

	OK(exo_event_take(boot->zone, &pending));
	return pending;
}

static uint32_t maps_of(exo_frame_t frame)
{
	return frame_at(frame)->maps;
}

static struct zone *zone_of(exo_cap_t cap)
{
	return cap_at((cap_slot_t)cap)->zone;
}

/* ---- Calls ------------------------------------------------------------- */

CORE_TEST(disks, boot_capabilities)
{
	struct exo_disk_info info;

	cr_assert_eq(inspect(boot->disk[0]).type, EXO_CAP_DISK);
	cr_assert_eq(inspect(boot->disk[0]).first, 0);
	cr_assert_eq(inspect(boot->disk[0]).count, FAKE_DISK_BLOCKS);
	cr_assert_eq(inspect(boot->disk[0]).rights, EXO_R_ALL);
	cr_assert_eq(inspect(boot->disk[1]).first, SECOND);
	cr_assert_eq(inspect(boot->disk[1]).rights, EXO_R_ALL & ~EXO_R_WRITE);
	cr_assert_eq(boot->disk[2], EXO_CAP_NONE);
	OK(exo_disk_info(derive(boot->disk[0], EXO_R_READ, 7, 2), &info, NULL));
	cr_assert(info.first == 0 && info.count == FAKE_DISK_BLOCKS && info.writable == 1);
	cr_assert(info.block_size == PAGE && info.count_max == EXO_DISK_COUNT_MAX && info.queue == HAL_TRANSFERS);
	OK(exo_disk_info(boot->disk[1], &info, NULL));
	cr_assert(info.first == SECOND && info.count == 1 && info.writable == 0);
	IS(E_TYPE, exo_disk_info(boot->timer, &info, NULL));
}

CORE_TEST(disks, written_and_read)
{
	exo_frame_t at = frames_take(8);

	for (unsigned i = 0; i < 4; i++)
		memset(frame_ptr(at + i), 'a' + (int)i, PAGE);
	OK(submit(EXO_DISK_WRITE, 10, 4, at, 77));
	cr_assert_eq(maps_of(at + 3), 1);
	no_answer(boot->disk[0]);
	cr_assert_eq(events() & EXO_PEND_BLOCK, 0);
	fake_disk_step(1);
	cr_assert_eq(events(), EXO_PEND_BLOCK);
	answer_is(boot->disk[0], 77, EXO_OK);
	cr_assert_eq(maps_of(at + 3), 0);
	no_answer(boot->disk[0]);
	cr_assert_eq(fake.disk.blocks[13][0], 'd');
	OK(submit(EXO_DISK_READ, 12, 2, at + 4, 78));
	OK(submit(EXO_DISK_FLUSH, 0, 0, 0, 79));
	fake_disk_step(1);
	answer_is(boot->disk[0], 78, EXO_OK);
	cr_assert_eq(*(char *)frame_ptr(at + 4), 'c');
	SOUND();
	fake_disk_step(1);
	answer_is(boot->disk[0], 79, EXO_OK);
	cr_assert_eq(fake.disk.flushes, 1);
	cr_assert_eq(inspect(boot->disk[0]).refs, 0);
}

CORE_TEST(disks, an_idle_system_wakes)
{
	uint64_t pending = 0;

	fake.disk.immediate = true;
	OK(submit(EXO_DISK_READ, 0, 1, frames_take(1), 1));
	OK(exo_wait(boot->cpu, UINT64_MAX, &pending));
	cr_assert_eq(pending, EXO_PEND_BLOCK);
	answer_is(boot->disk[0], 1, EXO_OK);
	cr_assert_eq(events(), 0, "what was taken is not announced");
}

CORE_TEST(disks, what_is_refused)
{
	exo_frame_t at = frames_take(4);
	exo_cap_t part = derive(boot->disk[0], EXO_R_ALL, 8, 4), ro = derive(boot->disk[0], EXO_R_READ, 8, 4);
	exo_cap_t wo = derive(boot->disk[0], EXO_R_WRITE, 8, 4), two = derive(boot->memory, RW, at, 2);
	exo_cap_t mem_ro = derive(boot->memory, EXO_R_READ, at, 2), mem_wo = derive(boot->memory, EXO_R_WRITE, at, 2);

	IS(E_ARG, submit(EXO_DISK_READ, 0, 0, at, 0));
	IS(E_ARG, submit(EXO_DISK_WRITE, 0, 0, at, 0));
	IS(E_ARG, submit(EXO_DISK_FLUSH, 0, 1, at, 0));
	IS(E_ARG, submit(3, 0, 1, at, 0));
	IS(E_ARG, submit(UINT32_MAX, 0, 1, at, 0));
	IS(E_ARG, submit(EXO_DISK_READ, 0, EXO_DISK_COUNT_MAX + 1, at, 0));
	IS(E_ARG, submit(EXO_DISK_READ, 0, UINT32_MAX, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 7, 1, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 11, 2, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 12, 1, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, SECOND | 8, 1, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, UINT64_MAX, 2, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_FLUSH, 0, 0, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 8, 3, at, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 8, 1, at + 2, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 8, 1, at - 1, 0));
	IS(E_RANGE, submit_to(part, two, EXO_DISK_READ, 8, 2, UINT64_MAX, 0));
	IS(E_RIGHTS, submit_to(ro, two, EXO_DISK_WRITE, 8, 1, at, 0));
	IS(E_RIGHTS, submit_to(ro, two, EXO_DISK_FLUSH, 8, 0, at, 0));
	IS(E_RIGHTS, submit_to(wo, two, EXO_DISK_READ, 8, 1, at, 0));
	IS(E_RIGHTS, submit_to(part, mem_ro, EXO_DISK_READ, 8, 1, at, 0));
	IS(E_RIGHTS, submit_to(part, mem_wo, EXO_DISK_WRITE, 8, 1, at, 0));
	IS(E_RIGHTS, submit_to(boot->disk[1], two, EXO_DISK_WRITE, SECOND, 1, at, 0));
	IS(E_TYPE, submit_to(boot->timer, two, EXO_DISK_READ, 8, 1, at, 0));
	IS(E_TYPE, submit_to(part, boot->timer, EXO_DISK_READ, 8, 1, at, 0));
	IS(E_CAP, submit_to(part, EXO_CAP_NONE, EXO_DISK_READ, 8, 1, at, 0));
	IS(E_RANGE, submit(EXO_DISK_READ, FAKE_DISK_BLOCKS, 1, at, 0));
	cr_assert_eq(fake.disk.submits, 0, "what was refused reached the device");
	OK(submit_to(part, mem_wo, EXO_DISK_READ, 11, 1, at, 0));
	OK(submit_to(part, mem_ro, EXO_DISK_WRITE, 8, 2, at, 0));
	OK(submit_to(wo, EXO_CAP_NONE, EXO_DISK_FLUSH, 11, 0, 0, 0));
	fake_disk_step(3);
}

/* Kernel memory cannot be read into, and what is read into cannot become kernel memory. */
CORE_TEST(disks, frames_in_use)
{
	exo_frame_t fund = frames_take(32), at = frames_take(16);
	exo_cap_t zone = 0;

	OK(exo_zone_create(boot->zone, boot->memory, fund, 32, "x", 1, &zone));
	IS(E_OVERLAP, submit(EXO_DISK_READ, 0, 1, fund, 0));
	IS(E_OVERLAP, submit(EXO_DISK_WRITE, 0, 2, fund + 31, 0));
	OK(submit(EXO_DISK_READ, 0, 2, at + 4, 0));
	IS(E_OVERLAP, exo_zone_create(boot->zone, boot->memory, at, 16, "y", 1, NULL));
	IS(E_OVERLAP, exo_zone_fund(zone, boot->memory, at + 5, 1, NULL));
	OK(exo_zone_fund(zone, boot->memory, at + 6, 1, NULL));
	fake_disk_step(1);
	answer_is(boot->disk[0], 0, EXO_OK);
	OK(exo_zone_fund(zone, boot->memory, at + 5, 1, NULL));
}

CORE_TEST(disks, failures)
{
	exo_frame_t at = frames_take(1);

	fake.disk.full = true;
	IS(E_BUSY, submit(EXO_DISK_READ, 0, 1, at, 0));
	fake.disk.broken = true;
	IS(E_DEVICE, submit(EXO_DISK_READ, 0, 1, at, 0));
	cr_assert_eq(maps_of(at), 0);
	cr_assert_eq(inspect(boot->disk[0]).refs, 0);
	fake.disk.full = fake.disk.broken = false;
	fake.disk.fails = true;
	OK(submit(EXO_DISK_READ, 0, 1, at, 5));
	fake_disk_step(1);
	answer_is(boot->disk[0], 5, EXO_E_DEVICE);
	cr_assert_eq(maps_of(at), 0);
}

/* An answer belongs to the capability that asked; it comes in the pieces that there is room for. */
CORE_TEST(disks, answers)
{
	exo_cap_t one = derive(boot->disk[0], RW, 0, 8), other = derive(boot->disk[0], RW, 0, 8);
	struct exo_disk_done done[4];
	exo_frame_t at = frames_take(4);
	uint64_t count = 0, tags = 0;

	for (unsigned i = 0; i < 3; i++)
		OK(submit_to(one, boot->memory, EXO_DISK_READ, i, 1, at + i, i));
	OK(submit_to(other, boot->memory, EXO_DISK_READ, 3, 1, at + 3, 3));
	fake_disk_step(4);
	cr_assert_eq(events(), EXO_PEND_BLOCK);
	no_answer(boot->disk[0]);
	OK(exo_disk_take(one, done, 2, &count));
	cr_assert_eq(count, 2);
	tags = 1 << done[0].tag | 1 << done[1].tag;
	IS(E_BUSY, exo_cap_drop(one, NULL));
	OK(exo_disk_take(one, done, 4, &count));
	cr_assert_eq(count, 1);
	cr_assert_eq(tags | 1 << done[0].tag, 7);
	OK(exo_cap_drop(one, NULL));
	SOUND();
	answer_is(other, 3, EXO_OK);
}

CORE_TEST(disks, what_was_taken_before_it_was_told_is_not_announced)
{
	OK(submit(EXO_DISK_READ, 0, 1, frames_take(1), 1));
	fake_disk_step(1);
	answer_is(boot->disk[0], 1, EXO_OK);
	cr_assert_eq(events(), 0);
}

CORE_TEST(disks, an_answer_that_cannot_be_stored_is_kept)
{
	OK(submit(EXO_DISK_READ, 0, 1, frames_take(1), 9));
	fake_disk_step(1);
	fake.regions[0].base = &boot;
	fake.regions[0].size = sizeof(boot);
	fake.region_count = 1;
	IS(E_ADDRESS, exo_disk_take(boot->disk[0], (struct exo_disk_done *)(uintptr_t)64, 1, NULL));
	IS(E_ADDRESS, exo_disk_submit(boot->disk[0], boot->memory, (struct exo_disk_request *)(uintptr_t)64, NULL));
	fake.region_count = 0;
	answer_is(boot->disk[0], 9, EXO_OK);
}

/* ---- Limits ------------------------------------------------------------ */

static struct {
	exo_cap_t disk, memory;
	exo_frame_t frame;
	uint64_t statuses[64], count;
} app;

/* Submits as often as it is asked to, with a request that is in its page at 0x400000. */
static void app_program(void *user, struct fake_entry *entry)
{
	(void)user;
	if (app.count > 0)
		app.statuses[app.count - 1] = entry->regs->rax;
	if (++app.count > 20)
		fake_syscall(entry, 1, 0, 0, 0, 0, 0, 0);
	else
		fake_syscall(entry, EXO_CALL_BASE | EXO_NR_DISK_SUBMIT, app.disk, app.memory, 0x400000, 0, 0, 0);
}

/* A zone with capabilities for four blocks and eight frames, and so many places, which tries to submit 20 times. */
static exo_cap_t app_make(exo_cap_t disk, exo_cap_t memory, uint32_t places)
{
	exo_cap_t zone = zone_make(32), context;
	exo_frame_t page, at = frames_take(1);
	uint64_t event;

	context = context_make(zone, &page);
	memset(&app, 0, sizeof(app));
	share(zone, EXO_QUOTA_DISK, places);
	OK(exo_cap_grant(disk, zone, RW, &app.disk));
	OK(exo_cap_grant(memory, zone, RW, &app.memory));
	*(struct exo_disk_request *)frame_ptr(at) = request_of(EXO_DISK_READ, 0, 1, inspect(memory).first, 42);
	OK(map_under(zone, boot->memory, 0x400000, at, 1, EXO_PROT_READ));
	fake.program = app_program;
	OK(exo_run(context, boot->cpu, 1000000, &event));
	cr_assert_eq(event, EXO_EV_SYSCALL);
	return zone;
}

CORE_TEST(disks, nobody_takes_all)
{
	exo_cap_t disk = derive(boot->disk[0], EXO_R_ALL, 0, 4), memory = derive(boot->memory, EXO_R_ALL, frames_take(8), 8);
	exo_frame_t at = frames_take(1);
	exo_cap_t zones[4];
	uint32_t got = 0;

	for (unsigned i = 0; i < 4; i++) {
		zones[i] = app_make(disk, memory, 2 * i);
		for (unsigned k = 0; k < 20; k++)
			cr_assert_eq(app.statuses[k], k < 2 * i ? EXO_OK : EXO_E_BUSY);
	}
	SOUND();
	/* What the first LibOS has not given away is free. */
	while (submit(EXO_DISK_READ, 0, 1, at, 0) == EXO_OK)
		got++;
	cr_assert_eq(got, HAL_TRANSFERS - 2 - 4 - 6);
	IS(E_SLOTS, exo_zone_quota(boot->zone, zones[1], EXO_QUOTA_DISK, 3, NULL));
	IS(E_BUSY, submit(EXO_DISK_READ, 0, 1, at, 0));
	SOUND();
	fake_disk_step(HAL_TRANSFERS);
	events();
	/* Answers that are not taken hold the zone's places, not the frames. */
	cr_assert_eq(maps_of(inspect(memory).first), 0);
	cr_assert(zone_of(zones[1])->pending & EXO_PEND_BLOCK);
	IS(E_BUSY, exo_zone_quota(boot->zone, zones[1], EXO_QUOTA_DISK, 1, NULL));
	for (unsigned i = 0; i < 4; i++)
		while (exo_zone_destroy(zones[i], NULL) == EXO_E_AGAIN)
			;
	for (unsigned i = 0; i < 2 + 4 + 6; i++)
		OK(submit(EXO_DISK_READ, 0, 1, at, 0));
	fake_disk_step(HAL_TRANSFERS);
}

CORE_TEST(disks, whoever_runs_a_zone_is_told)
{
	exo_cap_t disk = derive(boot->disk[0], EXO_R_ALL, 0, 4), memory = derive(boot->memory, EXO_R_ALL, frames_take(8), 8);

	app_make(disk, memory, 8);
	events();
	fake_disk_step(1);
	cr_assert_eq(events(), EXO_PEND_ZONE_EVENT);
}

/* Whether more answers wait is of whom they are for. */
CORE_TEST(disks, others_answers_are_not_announced)
{
	exo_cap_t disk = derive(boot->disk[0], EXO_R_ALL, 0, 4), memory = derive(boot->memory, EXO_R_ALL, frames_take(8), 8);

	app_make(disk, memory, 1);
	OK(submit(EXO_DISK_READ, 0, 1, frames_take(1), 1));
	fake_disk_step(2);
	answer_is(boot->disk[0], 1, EXO_OK);
	cr_assert_eq(events(), EXO_PEND_ZONE_EVENT);
}

/* ---- Under way, and what it lives from goes ---------------------------- */

CORE_TEST(disks, memory_is_revoked)
{
	exo_frame_t at = frames_take(4);
	exo_cap_t parent = derive(boot->memory, EXO_R_ALL, at, 4), child = derive(parent, RW | EXO_R_DERIVE, at, 2);
	exo_cap_t grandchild = derive(child, RW, at, 1);

	OK(submit_to(boot->disk[0], child, EXO_DISK_READ, 0, 2, at, 1));
	OK(submit_to(boot->disk[0], grandchild, EXO_DISK_READ, 0, 1, at, 2));
	OK(submit_to(boot->disk[0], parent, EXO_DISK_READ, 0, 1, at + 3, 3));
	IS(E_AGAIN, exo_cap_revoke(parent, NULL));
	IS(E_CAP, submit_to(boot->disk[0], child, EXO_DISK_READ, 0, 2, at, 4));
	for (int i = 0; i < 5; i++) {
		IS(E_AGAIN, exo_cap_revoke(parent, NULL));
		SOUND();
	}
	IS(E_BUSY, exo_cap_drop(parent, NULL));
	IS(E_OVERLAP, exo_zone_create(boot->zone, boot->memory, at, 4, "x", 1, NULL));
	/* Others' revocations are not held up, nor are those above it that have nothing to do with it. */
	derive(boot->disk[0], RW, 0, 1);
	OK(exo_cap_revoke(derive(boot->memory, EXO_R_ALL, at, 4), NULL));
	fake_disk_step(1);
	answer_is(boot->disk[0], 1, EXO_E_REVOKED);
	IS(E_AGAIN, exo_cap_revoke(parent, NULL));
	fake_disk_step(1);
	/* What is under way by the capability itself is its owner's own business. */
	OK(exo_cap_revoke(parent, NULL));
	answer_is(boot->disk[0], 2, EXO_E_REVOKED);
	IS(E_BUSY, exo_cap_drop(parent, NULL));
	fake_disk_step(1);
	answer_is(boot->disk[0], 3, EXO_OK);
	OK(exo_cap_drop(parent, NULL));
	cr_assert_eq(maps_of(at), 0);
}

CORE_TEST(disks, the_disk_is_revoked)
{
	exo_frame_t at = frames_take(4);
	exo_cap_t parent = derive(boot->disk[0], EXO_R_ALL, 0, 4), child = derive(parent, RW, 1, 2);

	OK(submit_to(child, boot->memory, EXO_DISK_WRITE, 1, 2, at, 1));
	OK(submit_to(child, EXO_CAP_NONE, EXO_DISK_FLUSH, 1, 0, 0, 2));
	IS(E_AGAIN, exo_cap_revoke(parent, NULL));
	IS(E_CAP, submit_to(child, boot->memory, EXO_DISK_WRITE, 1, 1, at, 3));
	IS(E_AGAIN, exo_cap_revoke(parent, NULL));
	IS(E_BUSY, exo_cap_drop(parent, NULL));
	SOUND();
	fake_disk_step(2);
	OK(exo_cap_revoke(parent, NULL));
	no_answer(parent);
	no_answer(boot->disk[0]);
	cr_assert_eq(events() & EXO_PEND_BLOCK, 0, "nobody is told");
	OK(exo_cap_drop(parent, NULL));
	cr_assert_eq(maps_of(at), 0);
	for (unsigned i = 0; i < HAL_TRANSFERS; i++)
		OK(submit(EXO_DISK_READ, 0, 1, at, 0));
	fake_disk_step(HAL_TRANSFERS);
}

/* Answers that were not taken go with the capability, and free their places. */
CORE_TEST(disks, revoked_before_the_answer_is_taken)
{
	exo_cap_t parent = derive(boot->disk[0], EXO_R_ALL, 0, 4), child = derive(parent, EXO_R_ALL, 1, 2);
	exo_frame_t at = frames_take(1);

	for (unsigned i = 0; i < HAL_TRANSFERS; i++)
		OK(submit_to(child, boot->memory, EXO_DISK_READ, 1, 1, at, 0));
	fake_disk_step(HAL_TRANSFERS);
	IS(E_BUSY, exo_cap_move(child, zone_make(32), NULL));
	OK(exo_cap_revoke(parent, NULL));
	no_answer(parent);
	SOUND();
	for (unsigned i = 0; i < HAL_TRANSFERS; i++)
		OK(submit(EXO_DISK_READ, 1, 1, at, 0));
	fake_disk_step(HAL_TRANSFERS);
}

/* From the moment a revocation begins nothing by it is a success, though it is not finished. */
CORE_TEST(disks, an_unfinished_revocation)
{
	exo_frame_t at = frames_take(4);
	exo_cap_t memory = derive(boot->memory, EXO_R_ALL, at, 4), disk = derive(boot->disk[0], EXO_R_ALL, 0, 4);
	exo_cap_t memory_child = derive(memory, RW, at, 2), disk_child = derive(disk, RW, 0, 2);

	OK(submit_to(boot->disk[0], memory_child, EXO_DISK_READ, 0, 1, at, 1));
	OK(submit_to(disk_child, boot->memory, EXO_DISK_READ, 0, 1, at + 3, 2));
	for (int i = 0; i < 5000; i++) {
		derive(memory, EXO_R_READ, at, 1);
		if (i < 2000)
			derive(disk, EXO_R_READ, 0, 1);
	}
	IS(E_AGAIN, exo_cap_revoke(memory, NULL));
	reap_revoke(cap_at((cap_slot_t)disk), &(struct work){ 0 });
	fake_disk_step(2);
	answer_is(boot->disk[0], 1, EXO_E_REVOKED);
	SOUND();
	while (exo_cap_revoke(memory, NULL) == EXO_E_AGAIN || exo_cap_revoke(disk, NULL) == EXO_E_AGAIN)
		;
	no_answer(boot->disk[0]);
}

CORE_TEST(disks, time_is_over)
{
	exo_frame_t at = frames_take(4);
	exo_cap_t memory = 0, disk = 0, parent = derive(boot->memory, EXO_R_ALL, at, 4);

	OK(exo_cap_derive(parent, RW, at, 4, fake.now_ns + 1000000, &memory));
	OK(exo_cap_derive(boot->disk[0], RW, 0, 4, fake.now_ns + 2000000, &disk));
	OK(submit_to(boot->disk[0], memory, EXO_DISK_READ, 0, 1, at, 1));
	OK(submit_to(disk, boot->memory, EXO_DISK_READ, 0, 1, at + 1, 2));
	fake.now_ns += 1000000;
	IS(E_EXPIRED, submit_to(boot->disk[0], memory, EXO_DISK_READ, 0, 1, at, 3));
	OK(exo_nop(NULL));
	events();
	SOUND();
	/* The capability is gone; that its frames are not back, whoever gave them can tell. */
	IS(E_AGAIN, exo_cap_revoke(parent, NULL));
	fake.now_ns += 1000000;
	fake_disk_step(2);
	answer_is(boot->disk[0], 1, EXO_E_REVOKED);
	no_answer(boot->disk[0]);
	OK(exo_cap_revoke(parent, NULL));
	cr_assert_eq(maps_of(at), 0);
	/* Done in time, or the device says it is over before the kernel has noticed the deadline: never a success after it. */
	OK(exo_cap_derive(parent, RW, at, 4, fake.now_ns + 1000000, &memory));
	OK(submit_to(boot->disk[0], memory, EXO_DISK_READ, 0, 1, at, 5));
	fake.now_ns += 1000000;
	fake_disk_step(1);
	answer_is(boot->disk[0], 5, EXO_E_REVOKED);
}

CORE_TEST(disks, a_zone_ends)
{
	exo_cap_t disk = derive(boot->disk[0], EXO_R_ALL, 0, 4), memory = derive(boot->memory, EXO_R_ALL, frames_take(8), 8);
	exo_cap_t zone = app_make(disk, memory, 8), other = zone_make(32);

	for (int i = 0; i < 5; i++) {
		IS(E_AGAIN, exo_zone_destroy(zone, NULL));
		SOUND();
	}
	/* Another zone's end does not wait for it. */
	OK(exo_zone_destroy(other, NULL));
	fake_disk_step(1);
	IS(E_AGAIN, exo_zone_destroy(zone, NULL));
	fake_disk_step(HAL_TRANSFERS);
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		;
	cr_assert_eq(inspect(disk).refs, 0);
	cr_assert_eq(inspect(memory).refs, 0);
	cr_assert_eq(maps_of(inspect(memory).first), 0);
}

/* A root that was given away goes with its new owner: there is nothing to climb to, so that waits. */
CORE_TEST(disks, the_owner_of_a_root_ends)
{
	exo_cap_t zone = zone_make(32), moved = 0, child = 0, whole = zone_make(64);

	OK(exo_cap_grant(boot->disk[0], boot->zone, RW | EXO_R_DERIVE, &child));
	OK(submit_to(child, boot->memory, EXO_DISK_READ, 0, 1, frames_take(1), 1));
	OK(exo_cap_move(boot->disk[0], zone, &moved));
	OK(exo_zone_destroy(whole, NULL));
	while (exo_zone_destroy(zone, NULL) == EXO_E_AGAIN)
		SOUND();
	SOUND();
	fake_disk_step(1);
	answer_is(child, 1, EXO_OK);
	OK(exo_cap_drop(child, NULL));
}

/* ---- Chance ------------------------------------------------------------ */

static uint64_t seed = 1;

static uint32_t chance(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static void whatever(enum exo_status status)
{
	(void)status;
}

CORE_TEST(disks, anything_in_any_order)
{
	exo_frame_t at = frames_take(16);
	exo_cap_t memory[3], disk[3];
	struct exo_disk_done done[4];

	for (unsigned i = 0; i < 3; i++) {
		memory[i] = derive(i ? memory[i - 1] : boot->memory, EXO_R_ALL, at, 16);
		disk[i] = derive(i ? disk[i - 1] : boot->disk[0], EXO_R_ALL, 0, 32);
	}
	for (unsigned step = 0; step < 20000; step++) {
		unsigned a = chance(3), b = chance(3), count = chance(5);

		fake.disk.fails = chance(16) == 0;
		switch (chance(8)) {
		case 0: fake_disk_step(chance(4)); break;
		case 1: whatever(exo_disk_take(disk[a], done, chance(5), NULL)); break;
		case 2:
			whatever(exo_cap_revoke(memory[a], NULL));
			for (unsigned i = a + 1; i < 3; i++)
				whatever(exo_cap_derive(memory[i - 1], EXO_R_ALL, at, 16, EXO_NO_EXPIRY, &memory[i]));
			break;
		case 3:
			whatever(exo_cap_revoke(disk[a], NULL));
			for (unsigned i = a + 1; i < 3; i++)
				whatever(exo_cap_derive(disk[i - 1], EXO_R_ALL, 0, 32, EXO_NO_EXPIRY, &disk[i]));
			break;
		default:
			whatever(submit_to(disk[a], memory[b], count ? chance(2) : EXO_DISK_FLUSH, chance(28), count, at + chance(12), step));
		}
		if (step % 64 == 0)
			SOUND();
	}
	fake_disk_step(HAL_TRANSFERS);
	OK(exo_cap_revoke(memory[0], NULL));
	OK(exo_cap_revoke(disk[0], NULL));
	while (exo_disk_take(disk[0], done, 4, NULL) == EXO_OK && cap_at((cap_slot_t)disk[0])->refs > 0)
		;
	OK(exo_cap_drop(memory[0], NULL));
	OK(exo_cap_drop(disk[0], NULL));
	for (unsigned i = 0; i < 16; i++)
		cr_assert_eq(maps_of(at + i), 0);
}
