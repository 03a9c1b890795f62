/*
 * Reads the Multiboot2 information (specification 1.6, section 3.6) into our own
 * struct. Sizes in it are checked against the tag that holds them: a wrong one ends
 * the walk, and what was found till then stands.
 */
#include <hal/x86_64/machine.h>

enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_MODULE = 3,
	TAG_MMAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_RSDP_1 = 14,
	TAG_RSDP_2 = 15,
};

#define INFO_MAX (UINT32_C(1) << 20) /* no sane loader tells more */

struct tag {
	uint32_t type, size;
};

struct tag_module {
	struct tag tag;
	uint32_t start, end;
	char name[];
};

struct mmap_entry {
	uint64_t base, length;
	uint32_t type, reserved;
};

struct tag_mmap {
	struct tag tag;
	uint32_t entry_size, entry_version;
};

struct tag_framebuffer {
	struct tag tag;
	uint64_t address;
	uint32_t pitch, width, height;
	uint8_t bits, kind;
	uint16_t reserved;
	uint8_t red_shift, red_size, green_shift, green_size, blue_shift, blue_size;
};

/* The loader's words become lines: one element each. */
static void take_cmdline(struct loader_info *out, const char *text, uint32_t size)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < size && text[i] != 0 && n < sizeof(out->cmdline) - 2; i++) {
		bool space = text[i] == ' ' || text[i] == '\n';
		if (space && (n == 0 || out->cmdline[n - 1] == '\n'))
			continue;
		out->cmdline[n++] = space ? '\n' : text[i];
	}
	if (n > 0 && out->cmdline[n - 1] != '\n')
		out->cmdline[n++] = '\n';
	out->cmdline[n] = 0;
}

static bool name_is(const char *name, uint32_t size, const char *want)
{
	uint32_t i = 0;

	while (i < size && want[i] != 0 && name[i] == want[i])
		i++;
	return i < size && want[i] == 0 && (name[i] == 0 || name[i] == ' ');
}

static void take_module(struct loader_info *out, const struct tag_module *tag)
{
	struct range range = { tag->start, tag->end };
	uint32_t size = tag->tag.size - (uint32_t)sizeof(*tag);

	if (range.end <= range.start)
		return;
	if (name_is(tag->name, size, "libos"))
		out->libos = range;
	else if (name_is(tag->name, size, "root"))
		out->root = range;
}

static void take_mmap(struct loader_info *out, const struct tag_mmap *tag)
{
	const uint8_t *bytes = (const uint8_t *)tag;
	uint32_t step = tag->entry_size;

	if (step < sizeof(struct mmap_entry) || step % 8 != 0)
		return;
	for (uint32_t at = sizeof(*tag); tag->tag.size - at >= step; at += step) {
		const struct mmap_entry *e = (const void *)(bytes + at);
		uint64_t start = (e->base + 4095) & ~UINT64_C(4095), end;

		if (e->type != 1 || out->ram_count == RANGE_MAX)
			continue;
		if (e->base >= DIRECT_SIZE || e->length > DIRECT_SIZE - e->base)
			continue;
		end = (e->base + e->length) & ~UINT64_C(4095);
		if (start == 0)
			start = 4096; /* frame 0 stays nobody's */
		if (start < end)
			out->ram[out->ram_count++] = (struct range){ start, end };
	}
}

static void take_framebuffer(struct loader_info *out, const struct tag_framebuffer *tag)
{
	struct screen_info *s = &out->screen;

	s->address = tag->address;
	s->pitch = tag->pitch;
	s->width = tag->width;
	s->height = tag->height;
	s->bits = tag->bits;
	s->kind = tag->kind;
	if (tag->kind == 1 && tag->tag.size >= sizeof(*tag) - 2) {
		s->red_shift = tag->red_shift;
		s->green_shift = tag->green_shift;
		s->blue_shift = tag->blue_shift;
	}
}

static void take_rsdp(struct loader_info *out, const struct tag *tag)
{
	uint32_t size = tag->size - (uint32_t)sizeof(*tag);

	if (size > sizeof(out->rsdp))
		size = sizeof(out->rsdp);
	if (size < 20 || (out->has_rsdp && tag->type == TAG_RSDP_1))
		return;
	memset(out->rsdp, 0, sizeof(out->rsdp));
	memcpy(out->rsdp, tag + 1, size);
	out->has_rsdp = true;
}

static void take(struct loader_info *out, const struct tag *tag)
{
	switch (tag->type) {
	case TAG_CMDLINE:
		take_cmdline(out, (const char *)(tag + 1), tag->size - (uint32_t)sizeof(*tag));
		break;
	case TAG_MODULE:
		if (tag->size > sizeof(struct tag_module))
			take_module(out, (const void *)tag);
		break;
	case TAG_MMAP:
		if (tag->size >= sizeof(struct tag_mmap))
			take_mmap(out, (const void *)tag);
		break;
	case TAG_FRAMEBUFFER:
		if (tag->size >= 31)
			take_framebuffer(out, (const void *)tag);
		break;
	case TAG_RSDP_1:
	case TAG_RSDP_2:
		take_rsdp(out, tag);
		break;
	default:
		break;
	}
}

void multiboot_parse(uint64_t info, struct loader_info *out)
{
	const uint8_t *bytes = phys_ptr(info);
	uint32_t total = *(const uint32_t *)bytes;
	uint32_t at = 8;

	if (info % 8 != 0 || total < 16 || total > INFO_MAX || info + total > EARLY_LIMIT)
		hal_panic("boot loader: bad information");
	out->mbi = (struct range){ info, info + total };
	while (total - at >= sizeof(struct tag)) {
		const struct tag *tag = (const void *)(bytes + at);
		if (tag->type == TAG_END || tag->size < sizeof(*tag) || tag->size > total - at)
			break;
		take(out, tag);
		at += (tag->size + 7) & ~UINT32_C(7);
		if (at > total)
			break;
	}
	if (out->ram_count == 0)
		hal_panic("boot loader: no memory map");
}
