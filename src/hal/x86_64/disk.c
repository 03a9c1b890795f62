/*
 * Disks: virtio block devices on PCI (OASIS virtio 1.2, sections 4.1 and 5.2), by the modern interface, which those that
 * QEMU makes by default have too. A device tells by MSI-X that it has done something; without that it is looked at now and
 * then. Devices reach all memory; that they name only what they were given is virtq.c's to see to.
 */
#include <hal/x86_64/machine.h>
#include <hal/x86_64/virtq.h>

/* PCI Local Bus 3.0, 6.1, 6.7, 6.8.2 */
#define PCI_ADDRESS    0xcf8
#define PCI_DATA       0xcfc
#define PCI_ENABLE     UINT32_C(0x80000000)
#define PCI_ID         0x00
#define PCI_COMMAND    0x04
#define PCI_HEADER     0x0c
#define PCI_BAR        0x10
#define PCI_BUSES      0x18 /* of a bridge */
#define PCI_CAPS       0x34
#define COMMAND_MEMORY 0x002
#define COMMAND_MASTER 0x004
#define COMMAND_NO_INT 0x400
#define STATUS_CAPS    UINT32_C(0x100000)
#define CAP_VENDOR     0x09
#define CAP_MSIX       0x11
#define CAPS_MAX       48
#define MSIX_ENABLE    UINT32_C(0x80000000)
#define MSIX_MASK      UINT32_C(0x40000000)
#define MSI_ADDRESS    UINT32_C(0xfee00000) /* SDM vol. 3, 11.11.1; bits 12 to 19: which APIC */
#define MSI_APIC_MAX   0xff

/* Virtio: 4.1.2 (ids), 4.1.4 (structures), 2.1 (status), 6 and 5.2.3 (features) */
#define ID_TRANSITIONAL UINT32_C(0x10011af4)
#define ID_MODERN       UINT32_C(0x10421af4)
#define PART_COMMON     1
#define PART_NOTIFY     2
#define PART_DEVICE     4
#define PARTS           5
#define NO_VECTOR       0xffff
#define S_ACKNOWLEDGE   1
#define S_DRIVER        2
#define S_DRIVER_OK     4
#define S_FEATURES_OK   8
#define F_READ_ONLY     (UINT32_C(1) << 5)
#define F_FLUSH         (UINT32_C(1) << 9)
#define F_VERSION_1     UINT32_C(1) /* of the upper word */
#define RESET_TRIES     1000000
#define SECTOR_SHIFT    9
#define LOOK_NS         UINT64_C(500000) /* how often, without MSI-X */

struct common {
	uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
	uint16_t config_vector, queues;
	uint8_t status, generation;
	uint16_t queue_select, queue_size, queue_vector, queue_enable, queue_notify_off;
	uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};
_Static_assert(sizeof(struct common) == 56, "virtio 4.1.4.3");

struct part {
	uint64_t phys;
	uint32_t size, multiplier;
};

static struct disk {
	struct virtq queue;
	volatile struct common *common;
	volatile uint16_t *notify;
	uint32_t done, failed; /* transfers, as bits: answered without the device */
	bool broken, flushes;
} disks[HAL_DISKS];
static uint32_t disk_count;
static bool looks; /* some device has no MSI-X */

/* ---- PCI ---- */

static uint32_t pci_get(uint32_t device, uint32_t at)
{
	out32(PCI_ADDRESS, PCI_ENABLE | device << 8 | (at & 0xfc));
	return in32(PCI_DATA);
}

static void pci_set(uint32_t device, uint32_t at, uint32_t value)
{
	out32(PCI_ADDRESS, PCI_ENABLE | device << 8 | (at & 0xfc));
	out32(PCI_DATA, value);
}

/* Where a memory BAR is; 0: it is none, or has no place. */
static uint64_t bar_of(uint32_t device, uint32_t bar)
{
	uint32_t low, high = 0;

	if (bar > 5)
		return 0;
	low = pci_get(device, PCI_BAR + 4 * bar);
	if ((low & 7) == 4 && bar < 5)
		high = pci_get(device, PCI_BAR + 4 * bar + 4);
	return low & 1 ? 0 : (uint64_t)high << 32 | (low & ~UINT32_C(15));
}

/* Fills in the virtio structures; returns where the MSI-X capability is, 0: nowhere. */
static uint32_t caps_read(uint32_t device, struct part parts[PARTS])
{
	uint32_t at = pci_get(device, PCI_CAPS) & 0xfc, msix = 0;

	if (!(pci_get(device, PCI_COMMAND) & STATUS_CAPS))
		return 0;
	for (unsigned i = 0; at != 0 && i < CAPS_MAX; i++) {
		uint32_t head = pci_get(device, at), kind = head >> 24, bar = pci_get(device, at + 4) & 0xff;
		uint64_t base = bar_of(device, bar);

		if ((head & 0xff) == CAP_MSIX)
			msix = at;
		if ((head & 0xff) == CAP_VENDOR && kind < PARTS && base != 0 && parts[kind].phys == 0) {
			parts[kind].phys = base + pci_get(device, at + 8);
			parts[kind].size = pci_get(device, at + 12);
			parts[kind].multiplier = kind == PART_NOTIFY ? pci_get(device, at + 16) : 0;
		}
		at = head >> 8 & 0xfc;
	}
	return msix;
}

/* The first vector comes to this CPU. False: it cannot. */
static bool msix_start(uint32_t device, uint32_t msix)
{
	uint32_t where;
	volatile uint32_t *table;
	uint64_t base;

	if (msix == 0 || !apic_here() || apic_id() > MSI_APIC_MAX)
		return false;
	where = pci_get(device, msix + 4);
	base = bar_of(device, where & 7);
	if (base == 0)
		return false;
	table = memory_map_device(base + (where & ~UINT32_C(7)), 16);
	table[0] = MSI_ADDRESS | apic_id() << 12;
	table[1] = 0;
	table[2] = VEC_DISK;
	table[3] = 0; /* not masked */
	pci_set(device, msix, (pci_get(device, msix) & ~MSIX_MASK) | MSIX_ENABLE);
	return true;
}

/* ---- start ---- */

static bool reset(volatile struct common *common)
{
	common->status = 0;
	for (unsigned i = 0; i < RESET_TRIES; i++) {
		if (common->status == 0)
			return true;
		cpu_pause();
	}
	return false;
}

/* Which of what we know the device has; false: it is none of today's. */
static bool features_agree(volatile struct common *common, uint32_t *features)
{
	common->device_feature_select = 1;
	if (!(common->device_feature & F_VERSION_1))
		return false;
	common->device_feature_select = 0;
	*features = common->device_feature & (F_READ_ONLY | F_FLUSH);
	common->driver_feature_select = 0;
	common->driver_feature = *features;
	common->driver_feature_select = 1;
	common->driver_feature = F_VERSION_1;
	common->status = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK;
	return common->status & S_FEATURES_OK;
}

static void address_set(volatile uint32_t pair[2], const struct virtq *queue, const void *at)
{
	uint64_t phys = queue->phys + (uint64_t)((uintptr_t)at - (uintptr_t)queue->page);

	pair[0] = (uint32_t)phys;
	pair[1] = (uint32_t)(phys >> 32);
}

static bool queue_start(struct disk *disk, const struct part *notify, bool interrupts)
{
	volatile struct common *common = disk->common;
	uint64_t phys, at;

	common->queue_select = 0;
	if (common->queue_size < VIRTQ_SIZE)
		return false;
	at = (uint64_t)common->queue_notify_off * notify->multiplier;
	if (notify->phys == 0 || notify->size < 2 || at > notify->size - 2)
		return false;
	disk->notify = memory_map_device(notify->phys + at, 2);
	phys = memory_carve(EXO_FRAME_SIZE, EARLY_LIMIT);
	virtq_init(&disk->queue, phys_ptr(phys), phys);
	common->queue_size = VIRTQ_SIZE;
	address_set(common->queue_desc, &disk->queue, disk->queue.page->desc);
	address_set(common->queue_driver, &disk->queue, &disk->queue.page->avail);
	address_set(common->queue_device, &disk->queue, &disk->queue.page->used);
	common->config_vector = NO_VECTOR;
	common->queue_vector = interrupts ? 0 : NO_VECTOR;
	if (interrupts && common->queue_vector != 0)
		return false;
	common->queue_enable = 1;
	return true;
}

static bool disk_start(uint32_t device, struct disk *disk, struct hal_disk *offer)
{
	struct part parts[PARTS] = { { 0, 0, 0 } };
	uint32_t msix = caps_read(device, parts), features;
	volatile uint32_t *capacity;
	bool interrupts;

	if (parts[PART_COMMON].phys == 0 || parts[PART_COMMON].size < sizeof(struct common) ||
	    parts[PART_DEVICE].phys == 0 || parts[PART_DEVICE].size < 8)
		return false;
	pci_set(device, PCI_COMMAND, (pci_get(device, PCI_COMMAND) & 0xffff) | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INT);
	disk->common = memory_map_device(parts[PART_COMMON].phys, sizeof(struct common));
	capacity = memory_map_device(parts[PART_DEVICE].phys, 8);
	if (!reset(disk->common))
		return false;
	disk->common->status = S_ACKNOWLEDGE;
	disk->common->status = S_ACKNOWLEDGE | S_DRIVER;
	if (!features_agree(disk->common, &features))
		return false;
	interrupts = msix_start(device, msix);
	if (!queue_start(disk, &parts[PART_NOTIFY], interrupts))
		return false;
	disk->common->status = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK;
	looks |= !interrupts;
	disk->flushes = features & F_FLUSH;
	offer->count = ((uint64_t)capacity[1] << 32 | capacity[0]) >> (EXO_FRAME_SHIFT - SECTOR_SHIFT);
	offer->count = offer->count > EXO_DISK_BLOCK ? EXO_DISK_BLOCK : offer->count;
	offer->writable = !(features & F_READ_ONLY);
	return offer->count > 0;
}

static void function_look(uint32_t device)
{
	uint32_t id = pci_get(device, PCI_ID);

	if ((id != ID_TRANSITIONAL && id != ID_MODERN) || disk_count == HAL_DISKS)
		return;
	if (disk_start(device, &disks[disk_count], &machine.boot.disks[disk_count])) {
		disk_count++;
		return;
	}
	/* It keeps quiet, and reaches nothing. */
	pci_set(device, PCI_COMMAND, COMMAND_NO_INT);
	machine.boot.disks[disk_count] = (struct hal_disk){ 0, false };
	log_format("feuerbird: a virtio disk cannot be used\n");
}

static void bus_look(uint32_t bus)
{
	for (uint32_t device = bus << 8; device < (bus + 1) << 8; device++) {
		uint32_t header;

		if ((pci_get(device, PCI_ID) & 0xffff) == 0xffff) {
			device |= (device & 7) == 0 ? 7 : 0; /* without its first function there is no device */
			continue;
		}
		header = pci_get(device, PCI_HEADER) >> 16;
		function_look(device);
		/* A bridge: buses behind it have higher numbers, or its firmware is broken. */
		if ((header & 0x7f) == 1 && (pci_get(device, PCI_BUSES) >> 8 & 0xff) > bus)
			bus_look(pci_get(device, PCI_BUSES) >> 8 & 0xff);
		if ((device & 7) == 0 && !(header & 0x80))
			device |= 7;
	}
}

/* Before memory_finish(). */
void disk_init(void)
{
	bus_look(0);
}

/* ---- transfers ---- */

static void answer(struct disk *disk, uint32_t transfers, bool good)
{
	disk->done |= transfers;
	disk->failed |= good ? 0 : transfers;
	this_cpu()->pending |= EXO_PEND_BLOCK;
}

/* When the reset is done it touches no memory any more (virtio 2.1.2). One that does not even do that would be free to write
 * where it likes. */
static void disk_stop(struct disk *disk)
{
	if (!reset(disk->common))
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
	if (request->op == EXO_DISK_FLUSH && !disk->flushes) {
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
