/*
 * Direct I/O: single accesses to ports and device registers, by capability.
 */
#include <core/call.h>
#include <core/state.h>
#include <core_calls.h>

static bool width_is_valid(enum exo_cap_type type, uint32_t width)
{
	return width == 1 || width == 2 || width == 4 || (width == 8 && type == EXO_CAP_MMIO);
}

/* Is all of the access inside of the capability? */
static enum exo_status place_check(const struct cap *device, uint64_t at, uint32_t width)
{
	if (device->type == EXO_CAP_IOPORT)
		return cap_covers(device, at, width) ? EXO_OK : EXO_E_RANGE;
	if (at & (width - 1))
		return EXO_E_ARG;
	return cap_covers(device, at >> EXO_FRAME_SHIFT, 1) ? EXO_OK : EXO_E_RANGE;
}

enum exo_status call_direct_io(struct zone *caller, struct cap *device, uint64_t at, uint32_t width, uint32_t write,
                               uint64_t data, uint64_t *value)
{
	enum exo_status status;

	if (device->type != EXO_CAP_IOPORT && device->type != EXO_CAP_MMIO)
		return EXO_E_TYPE;
	if (write > 1 || !width_is_valid(device->type, width))
		return EXO_E_ARG;
	if (!(device->rights & (write ? EXO_R_WRITE : EXO_R_READ)))
		return EXO_E_RIGHTS;
	if (write && width < 8 && data >> (8 * width))
		return EXO_E_ARG;
	status = place_check(device, at, width);
	if (status != EXO_OK)
		return status;

	if (device->type == EXO_CAP_IOPORT && write)
		hal_io_write(at, width, data);
	else if (device->type == EXO_CAP_IOPORT)
		*value = hal_io_read(at, width);
	else if (write)
		hal_mmio_write(at, width, data);
	else
		*value = hal_mmio_read(at, width);
	return EXO_OK;
}
