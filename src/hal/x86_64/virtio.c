/*
 * Virtio devices on PCI (OASIS virtio 1.2, sections 2, 3.1 and 4.1), by the modern interface, which those that QEMU makes by
 * default have too: finding them, and all that their drivers have in common. Devices reach all memory; that they name only
 * what they were given is virtq.c's to see to.
 */
#include <hal/x86_64/virtio.h>

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

/* Virtio: 4.1.2 (ids), 4.1.4 (structures), 2.1 (status), 6 (features) */
#define ID_BLOCK_TRANSITIONAL   UINT32_C(0x10011af4)
#define ID_BLOCK                UINT32_C(0x10421af4)
#define ID_CONSOLE_TRANSITIONAL UINT32_C(0x10031af4)
#define ID_CONSOLE              UINT32_C(0x10431af4)
#define PART_COMMON     1
#define PART_NOTIFY     2
#define PART_DEVICE     4
#define PARTS           5
#define NO_VECTOR       0xffff
#define S_ACKNOWLEDGE   1
#define S_DRIVER        2
#define S_DRIVER_OK     4
#define S_FEATURES_OK   8
#define F_VERSION_1     UINT32_C(1) /* of the upper word */
#define RESET_TRIES     1000000

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
static uint32_t caps_read(uint32_t device, struct virtio_part parts[PARTS])
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
static bool msix_start(uint32_t device, uint32_t msix, uint32_t vector)
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
	table[2] = vector;
	table[3] = 0; /* not masked */
	pci_set(device, msix, (pci_get(device, msix) & ~MSIX_MASK) | MSIX_ENABLE);
	return true;
}

/* ---- Start ---- */

bool virtio_reset(volatile struct virtio_common *common)
{
	common->status = 0;
	for (unsigned i = 0; i < RESET_TRIES; i++) {
		if (common->status == 0)
			return true;
		cpu_pause();
	}
	return false;
}

/* What of `features` the device has; false: it is none of today's. */
static bool features_agree(struct virtio *virtio, uint32_t features)
{
	volatile struct virtio_common *common = virtio->common;

	common->device_feature_select = 1;
	if (!(common->device_feature & F_VERSION_1))
		return false;
	common->device_feature_select = 0;
	virtio->features = common->device_feature & features;
	common->driver_feature_select = 0;
	common->driver_feature = virtio->features;
	common->driver_feature_select = 1;
	common->driver_feature = F_VERSION_1;
	common->status = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK;
	return common->status & S_FEATURES_OK;
}

bool virtio_open(uint32_t device, struct virtio *virtio, uint32_t config_size, uint32_t features, uint32_t vector)
{
	struct virtio_part parts[PARTS] = { { 0, 0, 0 } };
	uint32_t msix = caps_read(device, parts);

	if (parts[PART_COMMON].phys == 0 || parts[PART_COMMON].size < sizeof(struct virtio_common) ||
	    (config_size > 0 && (parts[PART_DEVICE].phys == 0 || parts[PART_DEVICE].size < config_size)))
		return false;
	pci_set(device, PCI_COMMAND, (pci_get(device, PCI_COMMAND) & 0xffff) | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INT);
	virtio->common = memory_map_device(parts[PART_COMMON].phys, sizeof(struct virtio_common));
	virtio->config = config_size > 0 ? memory_map_device(parts[PART_DEVICE].phys, config_size) : NULL;
	virtio->notify = parts[PART_NOTIFY];
	if (!virtio_reset(virtio->common))
		return false;
	virtio->common->status = S_ACKNOWLEDGE;
	virtio->common->status = S_ACKNOWLEDGE | S_DRIVER;
	if (!features_agree(virtio, features))
		return false;
	virtio->interrupts = msix_start(device, msix, vector);
	return true;
}

static void address_set(volatile uint32_t pair[2], uint64_t phys, uint64_t offset)
{
	pair[0] = (uint32_t)(phys + offset);
	pair[1] = (uint32_t)((phys + offset) >> 32);
}

volatile uint16_t *virtio_queue(struct virtio *virtio, uint64_t phys)
{
	volatile struct virtio_common *common = virtio->common;
	const struct virtio_part *notify = &virtio->notify;
	uint64_t at;

	common->queue_select = 0;
	if (common->queue_size < VIRTQ_SIZE)
		return NULL;
	at = (uint64_t)common->queue_notify_off * notify->multiplier;
	if (notify->phys == 0 || notify->size < 2 || at > notify->size - 2)
		return NULL;
	common->queue_size = VIRTQ_SIZE;
	address_set(common->queue_desc, phys, offsetof(struct virtq_page, desc));
	address_set(common->queue_driver, phys, offsetof(struct virtq_page, avail));
	address_set(common->queue_device, phys, offsetof(struct virtq_page, used));
	common->config_vector = NO_VECTOR;
	common->queue_vector = virtio->interrupts ? 0 : NO_VECTOR;
	if (virtio->interrupts && common->queue_vector != 0)
		return NULL;
	common->queue_enable = 1;
	return memory_map_device(notify->phys + at, 2);
}

void virtio_go(struct virtio *virtio)
{
	virtio->common->status = S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK;
}

void virtio_silence(uint32_t device, const char *what)
{
	pci_set(device, PCI_COMMAND, COMMAND_NO_INT);
	log_format("feuerbird: a virtio %s cannot be used\n", what);
}

/* ---- Finding them ---- */

static void function_look(uint32_t device)
{
	uint32_t id = pci_get(device, PCI_ID);

	if (id == ID_BLOCK_TRANSITIONAL || id == ID_BLOCK)
		disk_found(device);
	else if (id == ID_CONSOLE_TRANSITIONAL || id == ID_CONSOLE)
		stream_found(device);
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

void virtio_init(void)
{
	bus_look(0);
}
