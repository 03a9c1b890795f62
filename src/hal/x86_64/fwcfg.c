/*
 * QEMU's firmware configuration device (QEMU docs/specs/fw_cfg): files that the
 * runner gives. Ports only, so it exists just where the signature answers.
 */
#include <hal/x86_64/machine.h>

#define PORT_SELECT 0x510
#define PORT_DATA   0x511
#define PORT_DMA    0x514

#define KEY_SIGNATURE 0x0000
#define KEY_ID        0x0001
#define KEY_DIRECTORY 0x0019
#define ID_DMA        2u

#define DMA_ERROR  UINT32_C(1)
#define DMA_READ   UINT32_C(2)
#define DMA_SELECT UINT32_C(8)

#define NAME_SIZE 56
#define FILES_MAX 4096

struct dma {
	uint32_t control, length; /* big endian, all of it */
	uint64_t address;
};

static struct {
	volatile struct dma dma __attribute__((aligned(16)));
	bool here, has_dma;
} fwcfg;

static void read_bytes(void *to, uint32_t size)
{
	uint8_t *bytes = to;

	for (uint32_t i = 0; i < size; i++)
		bytes[i] = in8(PORT_DATA);
}

void fwcfg_init(void)
{
	uint8_t signature[4], id[4];

	out16(PORT_SELECT, KEY_SIGNATURE);
	read_bytes(signature, 4);
	if (memcmp(signature, "QEMU", 4) != 0)
		return;
	fwcfg.here = true;
	out16(PORT_SELECT, KEY_ID);
	read_bytes(id, 4);
	fwcfg.has_dma = id[0] & ID_DMA;
}

static bool same(const char *a, const char *b)
{
	unsigned i = 0;

	while (i < NAME_SIZE && a[i] == b[i] && a[i] != 0)
		i++;
	return i < NAME_SIZE && a[i] == b[i];
}

bool fwcfg_find(const char *name, uint16_t *selector, uint32_t *size)
{
	uint8_t word[4];
	uint32_t count;

	if (!fwcfg.here)
		return false;
	out16(PORT_SELECT, KEY_DIRECTORY);
	read_bytes(word, 4);
	count = __builtin_bswap32(*(const uint32_t *)(const void *)word);
	for (uint32_t i = 0; i < count && i < FILES_MAX; i++) {
		struct {
			uint32_t size;
			uint16_t select, reserved;
			char name[NAME_SIZE];
		} file;
		read_bytes(&file, sizeof(file));
		if (!same(file.name, name))
			continue;
		*size = __builtin_bswap32(file.size);
		*selector = __builtin_bswap16(file.select);
		return true;
	}
	return false;
}

/* The device reads physical addresses: the request lies in the kernel image. */
static bool read_dma(uint16_t selector, uint64_t phys, uint32_t size)
{
	uint64_t request = machine.image.start
	                 + ((uint64_t)(uintptr_t)&fwcfg.dma - KERNEL_BASE);

	fwcfg.dma.control = __builtin_bswap32((uint32_t)selector << 16 | DMA_SELECT | DMA_READ);
	fwcfg.dma.length = __builtin_bswap32(size);
	fwcfg.dma.address = __builtin_bswap64(phys);
	out32(PORT_DMA, __builtin_bswap32((uint32_t)(request >> 32)));
	out32(PORT_DMA + 4, __builtin_bswap32((uint32_t)request));
	while (__builtin_bswap32(fwcfg.dma.control) & ~DMA_ERROR)
		cpu_pause();
	return fwcfg.dma.control == 0;
}

bool fwcfg_read(uint16_t selector, uint64_t phys, uint32_t size)
{
	if (fwcfg.has_dma)
		return read_dma(selector, phys, size);
	out16(PORT_SELECT, selector);
	read_bytes(phys_ptr(phys), size);
	return true;
}
