/* What the drivers of virtio devices share (virtio.c). */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <hal/x86_64/machine.h>
#include <hal/x86_64/virtq.h>

struct virtio_common {
	uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
	uint16_t config_vector, queues;
	uint8_t status, generation;
	uint16_t queue_select, queue_size, queue_vector, queue_enable, queue_notify_off;
	uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};
_Static_assert(sizeof(struct virtio_common) == 56, "virtio 4.1.4.3");

/* A range of a device's registers. */
struct virtio_part {
	uint64_t phys;
	uint32_t size, multiplier;
};

struct virtio {
	volatile struct virtio_common *common;
	const volatile uint32_t *config; /* what devices of its kind have besides; NULL: nobody asked */
	struct virtio_part notify;
	uint32_t features; /* of the lower 32, what both know */
	bool interrupts;   /* by MSI-X, else not at all */
};

/* Resets the device and agrees with it on what it has of `features`. It must have config_size bytes of registers of its kind,
 * and interrupts with the vector if it can. Until virtio_go() it does nothing. false: it cannot be used. */
bool virtio_open(uint32_t device, struct virtio *virtio, uint32_t config_size, uint32_t features, uint32_t vector);

/* Its first queue is in the page there, a struct virtq_page. Returns where it is told that the queue has something new; NULL: it cannot be used. */
volatile uint16_t *virtio_queue(struct virtio *virtio, uint64_t phys);
void virtio_go(struct virtio *virtio);

/* When that is done it touches no memory any more (virtio 2.1.2). false: it does not even do that. */
bool virtio_reset(volatile struct virtio_common *common);

/* What cannot be used keeps quiet, and reaches nothing. */
void virtio_silence(uint32_t device, const char *what);

#endif
