/* A device that answers what it likes (hal/x86_64/virtq.c). */
#include <criterion/criterion.h>
#include <hal/x86_64/virtq.h>

static _Alignas(4096) unsigned char page[EXO_FRAME_SIZE];
static struct virtq queue;
#define PHYS UINT64_C(0x12345000)

static struct virtq_page *setup(void)
{
	memset(page, 0xee, sizeof(page));
	virtq_init(&queue, page, PHYS);
	return queue.page;
}

static void put(uint32_t number, uint32_t op, uint64_t first, uint32_t count)
{
	struct exo_disk_request request = { .op = op, .count = count, .first = first, .frame = 0x777, .tag = 0 };

	virtq_put(&queue, number, &request);
}

static void device_says(uint32_t id, uint32_t size, uint8_t status)
{
	struct virtq_page *p = queue.page;

	p->used.ring[p->used.index % VIRTQ_SIZE].id = id;
	p->used.ring[p->used.index % VIRTQ_SIZE].size = size;
	p->status[id / 3 % HAL_TRANSFERS] = status;
	p->used.index++;
}

static uint32_t number;
static bool good;

static enum virtq_answer take(void)
{
	return virtq_take(&queue, &number, &good);
}

Test(virtq, what_the_device_is_given)
{
	struct virtq_page *p = setup();

	put(5, EXO_DISK_READ, UINT64_C(2) << EXO_DISK_SHIFT | 7, 3);
	cr_assert_eq(p->avail.index, 1);
	cr_assert_eq(p->avail.ring[0], 15);
	cr_assert_eq(p->header[5].type, 0);
	cr_assert_eq(p->header[5].sector, 56);
	cr_assert_eq(p->desc[15].address, PHYS + offsetof(struct virtq_page, header) + 5 * 16);
	cr_assert(p->desc[15].size == 16 && p->desc[15].flags == 1 && p->desc[15].next == 16);
	cr_assert(p->desc[16].address == 0x777000 && p->desc[16].size == 3 * 4096 && p->desc[16].flags == 3 && p->desc[16].next == 17);
	cr_assert(p->desc[17].address == PHYS + offsetof(struct virtq_page, status) + 5 && p->desc[17].size == 1 && p->desc[17].flags == 2);
	put(31, EXO_DISK_WRITE, 0, 256);
	cr_assert(p->header[31].type == 1 && p->desc[94].flags == 1 && p->desc[94].size == 1 << 20 && p->avail.ring[1] == 93);
	put(0, EXO_DISK_FLUSH, 9, 0);
	cr_assert(p->header[0].type == 4 && p->header[0].sector == 0 && p->desc[0].next == 1 && p->desc[1].size == 1 && p->desc[1].flags == 2);
	cr_assert_eq((uintptr_t)&p->avail % 2 + (uintptr_t)&p->used % 4 + (uintptr_t)&p->desc % 16, 0);
}

Test(virtq, good_and_bad_answers)
{
	setup();
	cr_assert_eq(take(), VIRTQ_NONE);
	for (uint32_t i = 0; i < 6; i++)
		put(i, i < 3 ? EXO_DISK_READ : EXO_DISK_WRITE, i, 1);
	cr_assert_eq(take(), VIRTQ_NONE);
	device_says(0, 4097, 0);
	device_says(9, 1, 0);
	device_says(3, 4096, 0); /* less than was asked for */
	device_says(6, 4097, 1); /* VIRTIO_BLK_S_IOERR */
	device_says(12, 1, 0xff); /* nothing was written there */
	device_says(15, 0, 0);
	cr_assert(take() == VIRTQ_OVER && number == 0 && good);
	cr_assert(take() == VIRTQ_OVER && number == 3 && good);
	cr_assert(take() == VIRTQ_OVER && number == 1 && !good);
	cr_assert(take() == VIRTQ_OVER && number == 2 && !good);
	cr_assert(take() == VIRTQ_OVER && number == 4 && !good);
	cr_assert(take() == VIRTQ_OVER && number == 5 && !good);
	cr_assert_eq(take(), VIRTQ_NONE);
	cr_assert_eq(queue.under_way, 0);
}

Test(virtq, lies)
{
	static const uint32_t ids[] = { 0, 1, 2, 4, 5, 6, 96, 99, 300, UINT32_MAX, UINT32_MAX - 2, 3 << 16 };

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		setup();
		put(1, EXO_DISK_READ, 0, 1);
		device_says(ids[i], 4097, 0);
		cr_assert_eq(take(), VIRTQ_LIE, "%u", ids[i]);
		cr_assert_eq(queue.under_way, 2);
	}
	/* Twice. */
	setup();
	put(1, EXO_DISK_READ, 0, 1);
	put(2, EXO_DISK_READ, 0, 1);
	device_says(3, 4097, 0);
	device_says(3, 4097, 0);
	cr_assert_eq(take(), VIRTQ_OVER);
	cr_assert_eq(take(), VIRTQ_LIE);
	/* More than it was given, or backwards. */
	setup();
	put(1, EXO_DISK_READ, 0, 1);
	device_says(3, 4097, 0);
	queue.page->used.index = 2;
	cr_assert_eq(take(), VIRTQ_LIE);
	queue.page->used.index = UINT16_MAX;
	cr_assert_eq(take(), VIRTQ_LIE);
}

Test(virtq, round_and_round)
{
	setup();
	for (unsigned i = 0; i < 70000; i++) {
		put(i % 32, EXO_DISK_WRITE, i, 1);
		put((i + 7) % 32, EXO_DISK_READ, i, 2);
		device_says((i + 7) % 32 * 3, 8193, 0);
		device_says(i % 32 * 3, 1, 0);
		cr_assert(take() == VIRTQ_OVER && number == (i + 7) % 32 && good);
		cr_assert(take() == VIRTQ_OVER && number == i % 32 && good);
		cr_assert_eq(take(), VIRTQ_NONE);
	}
	cr_assert(queue.count == 0 && queue.under_way == 0);
}

/* ---- input ---- */

static struct virtq_input input;
static uint32_t filled;

static void input_setup(void)
{
	memset(page, 0xee, sizeof(page));
	virtq_input_init(&input, page, PHYS);
	for (uint32_t i = 0; i < VIRTQ_PAGES; i++)
		virtq_input_give(&input, i);
}

static void device_fills(uint32_t id, uint32_t size)
{
	struct virtq_page *p = input.page;

	p->used.ring[p->used.index % VIRTQ_SIZE].id = id;
	p->used.ring[p->used.index % VIRTQ_SIZE].size = size;
	p->used.index++;
}

static enum virtq_answer input_take(void)
{
	return virtq_input_take(&input, &number, &filled);
}

Test(virtq, input_in_any_order)
{
	struct virtq_page *p;

	input_setup();
	p = input.page;
	cr_assert(p->avail.index == VIRTQ_PAGES && p->avail.ring[5] == 5);
	cr_assert(p->desc[5].address == PHYS + 5 * 4096 && p->desc[5].size == 4096 && p->desc[5].flags == 2);
	cr_assert_eq(input_take(), VIRTQ_NONE);
	for (unsigned i = 0; i < 70000; i++) {
		device_fills(i * 7 % VIRTQ_PAGES, i % 4097);
		p->desc[i * 7 % VIRTQ_PAGES].address = 0; /* the device may write there */
		cr_assert(input_take() == VIRTQ_OVER && number == i * 7 % VIRTQ_PAGES && filled == i % 4097);
		cr_assert_eq(input_take(), VIRTQ_NONE);
		virtq_input_give(&input, number);
		cr_assert(p->desc[number].address == PHYS + number * 4096);
	}
}

Test(virtq, input_lies)
{
	static const struct {
		uint32_t id, size;
	} lies[] = { { VIRTQ_PAGES, 1 }, { UINT32_MAX, 1 }, { 1 << 16, 1 }, { 0, 4097 }, { 0, UINT32_MAX } };

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		input_setup();
		device_fills(lies[i].id, lies[i].size);
		cr_assert_eq(input_take(), VIRTQ_LIE, "%u", i);
		cr_assert_eq(input.given, (UINT32_C(1) << VIRTQ_PAGES) - 1);
	}
	/* Twice. */
	input_setup();
	device_fills(3, 1);
	device_fills(3, 1);
	cr_assert_eq(input_take(), VIRTQ_OVER);
	cr_assert_eq(input_take(), VIRTQ_LIE);
	/* More than it was given, or backwards. */
	input_setup();
	device_fills(3, 1);
	input.page->used.index = VIRTQ_PAGES + 1;
	cr_assert_eq(input_take(), VIRTQ_LIE);
	input.page->used.index = UINT16_MAX;
	cr_assert_eq(input_take(), VIRTQ_LIE);
}
