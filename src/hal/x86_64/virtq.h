/*
 * The driver's side of split virtqueues (OASIS virtio 1.2, section 2.7), as plain memory: no registers, so that it can be
 * tested anywhere. Each is in one frame. Nothing that the device has written is believed: it can name only what it was
 * given, and once.
 *
 * That of a block device (section 5.2.6): each transfer has three descriptors of its own, 3 * number and up: header, data (unless it is a flush), status.
 */
#ifndef VIRTQ_H
#define VIRTQ_H

#include <hal/hal.h>

#define VIRTQ_SIZE 128
_Static_assert(VIRTQ_SIZE >= 3 * HAL_TRANSFERS, "descriptors");

struct virtq_desc {
	uint64_t address;
	uint32_t size;
	uint16_t flags, next;
};

struct virtq_page {
	struct virtq_desc desc[VIRTQ_SIZE];
	struct {
		uint16_t flags, index, ring[VIRTQ_SIZE], used_event;
	} avail;
	struct {
		_Alignas(4) uint16_t flags;
		uint16_t index;
		struct {
			uint32_t id, size;
		} ring[VIRTQ_SIZE];
		uint16_t avail_event;
	} used; /* the device writes here … */
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} header[HAL_TRANSFERS];
	uint8_t status[HAL_TRANSFERS]; /* … and here */
};
_Static_assert(sizeof(struct virtq_page) <= EXO_FRAME_SIZE, "one frame");

struct virtq {
	struct virtq_page *page;
	uint64_t phys;      /* where the device sees the page */
	uint16_t seen;      /* of used.index */
	uint32_t under_way; /* transfers, as bits … */
	uint32_t count;     /* … and how many */
	uint32_t expected[HAL_TRANSFERS]; /* bytes that the device writes */
};

/* The page is zeroed. */
void virtq_init(struct virtq *queue, void *page, uint64_t phys);

/* Hands transfer `number`, which is not under way, to the device, which has yet to be told. */
void virtq_put(struct virtq *queue, uint32_t number, const struct exo_disk_request *request);

enum virtq_answer { VIRTQ_NONE, VIRTQ_OVER, VIRTQ_LIE };

/* OVER: a transfer, and whether it was done. LIE: the device answers what it was not asked; nothing was changed. */
enum virtq_answer virtq_take(struct virtq *queue, uint32_t *number, bool *good);

/* One of pages that the device fills when it likes: page n is descriptor n. */
#define VIRTQ_PAGES 16

struct virtq_input {
	struct virtq_page *page;
	uint64_t pages;  /* where the device sees them, one after the other */
	uint16_t seen;   /* of used.index */
	uint32_t given;  /* those that the device has, as bits */
};

/* `page` is zeroed. The device has no pages yet. */
void virtq_input_init(struct virtq_input *queue, void *page, uint64_t pages);

/* The device, which has yet to be told, may fill page `number`, which it does not have. */
void virtq_input_give(struct virtq_input *queue, uint32_t number);

/* OVER: a page is no longer the device's, and its first `size` bytes (at most a frame) are new. LIE: as above. */
enum virtq_answer virtq_input_take(struct virtq_input *queue, uint32_t *number, uint32_t *size);

#endif
