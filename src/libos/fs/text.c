/* A text that grows on the heap. */
#include <libos/fs/internal.h>

static bool make_room(struct text *text, size_t more)
{
	if (text->failed)
		return false;
	if (text->size + more <= text->capacity)
		return true;
	size_t capacity = text->capacity ? text->capacity : 512;
	while (capacity < text->size + more)
		capacity *= 2;
	char *data = heap_resize(text->data, capacity);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->capacity = capacity;
	return true;
}

void text_add(struct text *text, const void *bytes, size_t size)
{
	if (!make_room(text, size))
		return;
	memcpy(text->data + text->size, bytes, size);
	text->size += size;
}

void text_printf(struct text *text, const char *fmt, ...)
{
	va_list args;
	if (!make_room(text, 128))
		return;
	va_start(args, fmt);
	size_t n = format_v(text->data + text->size, text->capacity - text->size, fmt, args);
	va_end(args);
	if (n >= text->capacity - text->size) {
		if (!make_room(text, n + 1))
			return;
		va_start(args, fmt);
		n = format_v(text->data + text->size, text->capacity - text->size, fmt, args);
		va_end(args);
	}
	text->size += n;
}

void text_free(struct text *text)
{
	heap_free(text->data);
	*text = (struct text){ 0 };
}
