/* Text for the HAL's own messages: %s %u %lu %x %lx %c, a width with leading
 * zeros for numbers, and nothing else. */
#include <hal/x86_64/machine.h>

#include <stdarg.h>

struct out {
	char *at, *end;
};

static void put(struct out *out, char c)
{
	if (out->at < out->end)
		*out->at++ = c;
}

static void put_number(struct out *out, uint64_t value, unsigned base, unsigned width)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value > 0);
	for (unsigned i = n; i < width; i++)
		put(out, '0');
	while (n > 0)
		put(out, digits[--n]);
}

static uint64_t format_list(char *text, uint64_t size, const char *format, va_list list)
{
	struct out out = { text, text + size - 1 };

	for (; *format != 0; format++) {
		unsigned width = 0;
		bool wide = false;

		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		format++;
		while (*format >= '0' && *format <= '9')
			width = width * 10 + (unsigned)(*format++ - '0');
		if (*format == 'l') {
			wide = true;
			format++;
		}
		if (*format == 's') {
			for (const char *s = va_arg(list, const char *); *s != 0; s++)
				put(&out, *s);
		} else if (*format == 'c') {
			put(&out, (char)va_arg(list, int));
		} else if (*format == 'u' || *format == 'x') {
			uint64_t value = wide ? va_arg(list, uint64_t) : va_arg(list, unsigned);
			put_number(&out, value, *format == 'x' ? 16 : 10, width);
		} else {
			break;
		}
	}
	*out.at = 0;
	return (uint64_t)(out.at - text);
}

uint64_t text_format(char *out, uint64_t size, const char *format, ...)
{
	va_list list;
	uint64_t n;

	va_start(list, format);
	n = format_list(out, size, format, list);
	va_end(list);
	return n;
}

void log_format(const char *format, ...)
{
	char text[256];
	va_list list;

	va_start(list, format);
	format_list(text, sizeof(text), format, list);
	va_end(list);
	log_text(text);
}
