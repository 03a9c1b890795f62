/* The driver's side of virtqueues. */
#include <hal/x86_64/virtq.h>

/* Virtio 1.2: 2.7.5 (descriptors), 5.2.6 (requests). */
#define DESC_NEXT    1
#define DESC_WRITE   2 /* by the device */
#define BLK_IN       0
#define BLK_OUT      1
#define BLK_FLUSH    4
#define BLK_OK       0
#define BLK_NOTHING  0xff /* what the status is before the device writes one */
#define HEADER_SIZE  16
#define SECTORS_EACH (EXO_FRAME_SIZE / 512)

void virtq_init(struct virtq *queue, void *page, uint64_t phys)
{
	memset(queue, 0, sizeof(*queue));
	memset(page, 0, EXO_FRAME_SIZE);
	queue->page = page;
	queue->phys = phys;
}

static uint64_t phys_of(const struct virtq *queue, const void *at)
{
	return queue->phys + (uint64_t)((uintptr_t)at - (uintptr_t)queue->page);
}

static void offer(struct virtq_page *page, uint16_t first)
{
	page->avail.ring[page->avail.index % VIRTQ_SIZE] = first;
	/* What was written before is there before the index says so. */
	__atomic_store_n(&page->avail.index, (uint16_t)(page->avail.index + 1), __ATOMIC_RELEASE);
}

/* How many are ready after `seen`; of the first, what the device says, read once: it may change it at any time. */
static uint16_t used_next(const struct virtq_page *page, uint16_t seen, uint32_t *id, uint32_t *size)
{
	uint16_t ready = (uint16_t)(__atomic_load_n(&page->used.index, __ATOMIC_ACQUIRE) - seen);
	uint32_t place = seen % VIRTQ_SIZE;

	*id = __atomic_load_n(&page->used.ring[place].id, __ATOMIC_RELAXED);
	*size = __atomic_load_n(&page->used.ring[place].size, __ATOMIC_RELAXED);
	return ready;
}

void virtq_put(struct virtq *queue, uint32_t number, const struct exo_disk_request *request)
{
	struct virtq_page *page = queue->page;
	uint16_t first = (uint16_t)(3 * number), last = (uint16_t)(first + 1);
	uint32_t size = request->count << EXO_FRAME_SHIFT;
	bool read = request->op == EXO_DISK_READ;

	page->header[number].type = read ? BLK_IN : request->op == EXO_DISK_WRITE ? BLK_OUT : BLK_FLUSH;
	page->header[number].sector = (request->first & EXO_DISK_BLOCK) * SECTORS_EACH * (size > 0);
	page->status[number] = BLK_NOTHING;
	page->desc[first] = (struct virtq_desc){ phys_of(queue, &page->header[number]), HEADER_SIZE, DESC_NEXT, last };
	if (size > 0) {
		last++;
		page->desc[first + 1] = (struct virtq_desc){
			request->frame << EXO_FRAME_SHIFT, size, (uint16_t)(DESC_NEXT | (read ? DESC_WRITE : 0)), last,
		};
	}
	page->desc[last] = (struct virtq_desc){ phys_of(queue, &page->status[number]), 1, DESC_WRITE, 0 };
	queue->expected[number] = 1 + (read ? size : 0);
	queue->under_way |= UINT32_C(1) << number;
	queue->count++;
	offer(page, first);
}

enum virtq_answer virtq_take(struct virtq *queue, uint32_t *number, bool *good)
{
	struct virtq_page *page = queue->page;
	uint32_t id, size;
	uint16_t ready = used_next(page, queue->seen, &id, &size);

	if (ready == 0)
		return VIRTQ_NONE;
	if (ready > queue->count || id % 3 != 0 || id / 3 >= HAL_TRANSFERS ||
	    !(queue->under_way >> id / 3 & 1))
		return VIRTQ_LIE;
	*number = id / 3;
	*good = size == queue->expected[*number] && __atomic_load_n(&page->status[*number], __ATOMIC_RELAXED) == BLK_OK;
	queue->under_way &= ~(UINT32_C(1) << *number);
	queue->count--;
	queue->seen++;
	return VIRTQ_OVER;
}

/* ---- Input ---- */

void virtq_input_init(struct virtq_input *queue, void *page, uint64_t pages)
{
	*queue = (struct virtq_input){ .page = page, .pages = pages };
	memset(page, 0, EXO_FRAME_SIZE);
}

void virtq_input_give(struct virtq_input *queue, uint32_t number)
{
	struct virtq_page *page = queue->page;

	/* Written anew: what the device has made of it meanwhile does not matter. */
	page->desc[number] = (struct virtq_desc){ queue->pages + number * EXO_FRAME_SIZE, EXO_FRAME_SIZE, DESC_WRITE, 0 };
	queue->given |= UINT32_C(1) << number;
	offer(page, (uint16_t)number);
}

enum virtq_answer virtq_input_take(struct virtq_input *queue, uint32_t *number, uint32_t *size)
{
	struct virtq_page *page = queue->page;
	uint32_t id, filled;
	uint16_t ready = used_next(page, queue->seen, &id, &filled);

	if (ready == 0)
		return VIRTQ_NONE;
	if (ready > VIRTQ_PAGES || id >= VIRTQ_PAGES || !(queue->given >> id & 1) || filled > EXO_FRAME_SIZE)
		return VIRTQ_LIE;
	*number = id;
	*size = filled;
	queue->given &= ~(UINT32_C(1) << id);
	queue->seen++;
	return VIRTQ_OVER;
}
