/*
 * Disks: virtio block devices (OASIS virtio 1.2, section 5.2). A device tells by MSI-X that it has done something; without that
 * it is looked at now and then. What it answers is looked at by virtq.c.
 */
#include <hal/x86_64/virtio.h>

#define F_READ_ONLY  (UINT32_C(1) << 5) /* virtio 5.2.3 */
#define F_FLUSH      (UINT32_C(1) << 9)
#define SECTOR_SHIFT 9
#define LOOK_NS      UINT64_C(500000) /* how often, without MSI-X */

static struct disk {
	struct virtq queue;
	struct virtio virtio;
	volatile uint16_t *notify;
	uint32_t done, failed; /* transfers, as bits: answered without the device */
	bool broken;
} disks[HAL_DISKS];
static uint32_t disk_count;
static bool looks; /* some device has no MSI-X */

/* ---- Start ---- */

static bool disk_start(uint32_t device, struct disk *disk, struct hal_disk *offer)
{
	const volatile uint32_t *capacity;
	uint64_t phys;

	if (!virtio_open(device, &disk->virtio, 8, F_READ_ONLY | F_FLUSH, VEC_DISK))
		return false;
	phys = memory_carve(EXO_FRAME_SIZE, EARLY_LIMIT);
	virtq_init(&disk->queue, phys_ptr(phys), phys);
	disk->notify = virtio_queue(&disk->virtio, phys);
	if (!disk->notify)
		return false;
	virtio_go(&disk->virtio);
	looks |= !disk->virtio.interrupts;
	capacity = disk->virtio.config;
	offer->count = ((uint64_t)capacity[1] << 32 | capacity[0]) >> (EXO_FRAME_SHIFT - SECTOR_SHIFT);
	offer->count = offer->count > EXO_DISK_BLOCK ? EXO_DISK_BLOCK : offer->count;
	offer->writable = !(disk->virtio.features & F_READ_ONLY);
	return offer->count > 0;
}

void disk_found(uint32_t device)
{
	if (disk_count == HAL_DISKS)
		return;
	if (disk_start(device, &disks[disk_count], &machine.boot.disks[disk_count])) {
		disk_count++;
		return;
	}
	virtio_silence(device, "disk");
	machine.boot.disks[disk_count] = (struct hal_disk){ 0, false };
}

/* ---- Transfers ---- */

static void answer(struct disk *disk, uint32_t transfers, bool good)
{
	disk->done |= transfers;
	disk->failed |= good ? 0 : transfers;
	this_cpu()->pending |= EXO_PEND_BLOCK;
}

/* One that cannot even be reset would be free to write where it likes. */
static void disk_stop(struct disk *disk)
{
	if (!virtio_reset(disk->virtio.common))
		hal_panic("a disk answers what it was not asked, and cannot be stopped");
	log_format("feuerbird: disk %u answers what it was not asked; it is not used any more\n", (unsigned)(disk - disks));
	disk->broken = true;
	answer(disk, disk->queue.under_way, false);
	disk->queue.under_way = 0;
}

enum exo_status hal_disk_submit(uint32_t number, const struct exo_disk_request *request)
{
	struct disk *disk = &disks[request->first >> EXO_DISK_SHIFT];

	if (disk->broken)
		return EXO_E_DEVICE;
	if (request->op == EXO_DISK_FLUSH && !(disk->virtio.features & F_FLUSH)) {
		answer(disk, UINT32_C(1) << number, true); /* it has no cache that could be flushed */
		return EXO_OK;
	}
	virtq_put(&disk->queue, number, request);
	*disk->notify = 0; /* the queue's number */
	return EXO_OK;
}

static bool disk_take(struct disk *disk, uint32_t *number, enum exo_status *status)
{
	bool good = true;
	enum virtq_answer what = disk->broken ? VIRTQ_NONE : virtq_take(&disk->queue, number, &good);

	if (what == VIRTQ_LIE)
		disk_stop(disk);
	if (what != VIRTQ_OVER) {
		if (disk->done == 0)
			return false;
		*number = (uint32_t)__builtin_ctz(disk->done);
		good = !(disk->failed >> *number & 1);
		disk->done &= ~(UINT32_C(1) << *number);
		disk->failed &= ~(UINT32_C(1) << *number);
	}
	*status = good ? EXO_OK : EXO_E_DEVICE;
	return true;
}

bool hal_disk_take(uint32_t *number, enum exo_status *status)
{
	for (uint32_t i = 0; i < disk_count; i++)
		if (disk_take(&disks[i], number, status))
			return true;
	return false;
}

void disk_interrupt(void)
{
	apic_end();
	this_cpu()->pending |= EXO_PEND_BLOCK;
}

uint64_t disk_look(uint64_t until_ns)
{
	bool waits = false;

	if (!looks)
		return until_ns;
	for (uint32_t i = 0; i < disk_count; i++) {
		const struct virtq *queue = &disks[i].queue;

		waits |= queue->under_way != 0;
		if (queue->under_way && __atomic_load_n(&queue->page->used.index, __ATOMIC_ACQUIRE) != queue->seen)
			this_cpu()->pending |= EXO_PEND_BLOCK;
	}
	return waits && hal_time_ns() + LOOK_NS < until_ns ? hal_time_ns() + LOOK_NS : until_ns;
}
