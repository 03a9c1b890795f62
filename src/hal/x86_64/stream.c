/*
 * Console input that no terminal sends: a virtio console (OASIS virtio 1.2, section 5.3) whose device fills a page at a time,
 * where an emulated serial port takes several traps for each byte. Used when a runner is there, which sends its input
 * this way when it has been told "stream"; else it comes on the serial port. Only the port's first queue is used, that of
 * input. Bytes stay in the pages until they are read, so that who sends too much waits.
 */
#include <hal/x86_64/virtio.h>

static struct {
	struct virtio virtio;
	struct virtq_input queue;
	volatile uint16_t *notify;
	const uint8_t *pages;
	uint32_t number, at, size; /* the page that is being read */
	bool here;
} stream;

static bool start(uint32_t device)
{
	uint64_t page, pages;

	if (!virtio_open(device, &stream.virtio, 0, 0, VEC_STREAM) || !stream.virtio.interrupts)
		return false;
	page = memory_carve(EXO_FRAME_SIZE, EARLY_LIMIT);
	pages = memory_carve(VIRTQ_PAGES * EXO_FRAME_SIZE, EARLY_LIMIT);
	stream.pages = phys_ptr(pages);
	virtq_input_init(&stream.queue, phys_ptr(page), pages);
	stream.notify = virtio_queue(&stream.virtio, page);
	if (!stream.notify)
		return false;
	for (uint32_t i = 0; i < VIRTQ_PAGES; i++)
		virtq_input_give(&stream.queue, i);
	virtio_go(&stream.virtio);
	*stream.notify = 0; /* the queue's number */
	return true;
}

void stream_found(uint32_t device)
{
	if (stream.here || !machine.control)
		return;
	stream.here = start(device);
	if (stream.here)
		control_write("stream\n");
	else
		virtio_silence(device, "console");
}

void stream_interrupt(void)
{
	apic_end();
	this_cpu()->pending |= EXO_PEND_CONSOLE;
}

/* As with a disk that answers what it was not asked; what it sends is over then. */
static void stop(void)
{
	if (!virtio_reset(stream.virtio.common))
		hal_panic("a console sends what it was not asked for, and cannot be stopped");
	log_format("feuerbird: the console sends what it was not asked for; it is not used any more\n");
	stream.here = false;
	console_end();
}

/* The page that is being read has a byte, or the next one becomes that. */
static bool next(void)
{
	enum virtq_answer what;

	if (stream.at < stream.size)
		return true;
	what = virtq_input_take(&stream.queue, &stream.number, &stream.size);
	stream.at = 0;
	if (what == VIRTQ_LIE)
		stop();
	if (what != VIRTQ_OVER)
		stream.size = 0;
	return what == VIRTQ_OVER;
}

uint64_t stream_read(uint8_t *to, uint64_t size)
{
	uint64_t n = 0;

	/* A device may send pages with nothing in them for ever: there is an end to that, and it goes on at the next call. */
	for (uint32_t i = 0; i < VIRTQ_PAGES && n < size && stream.here && next(); i++) {
		uint64_t part = stream.size - stream.at < size - n ? stream.size - stream.at : size - n;

		memcpy(to + n, stream.pages + stream.number * EXO_FRAME_SIZE + stream.at, part);
		n += part;
		stream.at += (uint32_t)part;
		if (stream.at == stream.size) {
			virtq_input_give(&stream.queue, stream.number);
			*stream.notify = 0;
			if (n == 0)
				this_cpu()->pending |= EXO_PEND_CONSOLE;
		}
	}
	return n;
}
