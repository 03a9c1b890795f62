/* The LibOS's snprintf: integers, characters and strings, no floating point. */
#include <libos/lib/string.h>

struct output {
	char *to;
	size_t size, length; /* length: of the whole text, stored or not */
};

struct spec {
	bool left, zero, plus, space, alternate;
	int width, precision; /* precision -1: not given */
	int size;             /* -2 char, -1 short, 0 int, 1 long or wider */
};

static void put_char(struct output *out, char c)
{
	if (out->length + 1 < out->size)
		out->to[out->length] = c;
	out->length++;
}

static void put_fill(struct output *out, char c, int count)
{
	while (count-- > 0)
		put_char(out, c);
}

static void put_text(struct output *out, const struct spec *spec, const char *s, size_t length)
{
	int fill = spec->width > 0 && (size_t)spec->width > length ? spec->width - (int)length : 0;

	if (!spec->left)
		put_fill(out, ' ', fill);
	for (size_t i = 0; i < length; i++)
		put_char(out, s[i]);
	if (spec->left)
		put_fill(out, ' ', fill);
}

static void put_string(struct output *out, const struct spec *spec, const char *s)
{
	size_t length = 0;

	if (s == NULL)
		s = "(null)";
	/* A precision bounds the reading too: the text need not end. */
	while ((spec->precision < 0 || length < (size_t)spec->precision) && s[length] != '\0')
		length++;
	put_text(out, spec, s, length);
}

static void put_number(struct output *out, const struct spec *spec, uint64_t value, unsigned base,
                       const char *digits, const char *prefix)
{
	char text[24];
	int count = 0, zeros, fill, prefix_length = (int)str_length(prefix);

	if (value != 0 || spec->precision != 0) {
		do {
			text[count++] = digits[value % base];
			value /= base;
		} while (value != 0);
	}
	zeros = spec->precision > count ? spec->precision - count : 0;
	fill = spec->width - count - zeros - prefix_length;
	if (spec->zero && !spec->left && spec->precision < 0 && fill > 0) {
		zeros += fill;
		fill = 0;
	}
	if (!spec->left)
		put_fill(out, ' ', fill);
	while (*prefix != '\0')
		put_char(out, *prefix++);
	put_fill(out, '0', zeros);
	while (count > 0)
		put_char(out, text[--count]);
	if (spec->left)
		put_fill(out, ' ', fill);
}

static const char *parse_flags(const char *at, struct spec *spec)
{
	for (;; at++) {
		if (*at == '-')
			spec->left = true;
		else if (*at == '0')
			spec->zero = true;
		else if (*at == '+')
			spec->plus = true;
		else if (*at == ' ')
			spec->space = true;
		else if (*at == '#')
			spec->alternate = true;
		else
			return at;
	}
}

static const char *parse_size(const char *at, struct spec *spec)
{
	for (;; at++) {
		if (*at == 'l' || *at == 'z' || *at == 'j' || *at == 't')
			spec->size = 1;
		else if (*at == 'h')
			spec->size--;
		else
			return at;
	}
}

static uint64_t narrow_unsigned(uint64_t value, int size)
{
	if (size == 0)
		return (uint32_t)value;
	if (size == -1)
		return (uint16_t)value;
	return size < 0 ? (uint8_t)value : value;
}

static int64_t narrow_signed(int64_t value, int size)
{
	if (size == -1)
		return (int16_t)value;
	return size < -1 ? (int8_t)value : value;
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
	const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(out, spec, magnitude, 10, "0123456789", sign);
}

static void put_unsigned(struct output *out, const struct spec *spec, char kind, uint64_t value)
{
	const char *prefix = "";

	value = narrow_unsigned(value, spec->size);
	if (spec->alternate && value != 0)
		prefix = kind == 'x' ? "0x" : kind == 'X' ? "0X" : kind == 'o' ? "0" : "";
	put_number(out, spec, value, kind == 'u' ? 10 : kind == 'o' ? 8 : 16,
	           kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef", prefix);
}

size_t format_v(char *to, size_t size, const char *fmt, va_list args)
{
	struct output out = { to, size, 0 };

	for (const char *at = fmt; *at != '\0'; at++) {
		struct spec spec = { .precision = -1 };

		if (*at != '%') {
			put_char(&out, *at);
			continue;
		}
		at = parse_flags(at + 1, &spec);
		if (*at == '*') {
			spec.width = va_arg(args, int);
			if (spec.width < 0) {
				spec.left = true;
				spec.width = spec.width == -__INT_MAX__ - 1 ? 0 : -spec.width;
			}
			at++;
		}
		for (; *at >= '0' && *at <= '9'; at++)
			spec.width = spec.width < 100000 ? spec.width * 10 + (*at - '0') : spec.width;
		if (*at == '.') {
			at++;
			spec.precision = 0;
			if (*at == '*') {
				spec.precision = va_arg(args, int);
				at++;
			}
			for (; *at >= '0' && *at <= '9'; at++)
				spec.precision = spec.precision < 100000 ? spec.precision * 10 + (*at - '0')
				                                         : spec.precision;
		}
		at = parse_size(at, &spec);
		switch (*at) {
		case 'd':
		case 'i':
			put_signed(&out, &spec,
			           spec.size > 0 ? va_arg(args, long)
			                         : narrow_signed(va_arg(args, int), spec.size));
			break;
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			put_unsigned(&out, &spec, *at,
			             spec.size > 0 ? va_arg(args, unsigned long) : va_arg(args, unsigned));
			break;
		case 'p':
			put_number(&out, &spec, (uint64_t)(uintptr_t)va_arg(args, void *), 16,
			           "0123456789abcdef", "0x");
			break;
		case 'c': {
			char c = (char)va_arg(args, int);

			put_text(&out, &spec, &c, 1);
			break;
		}
		case 's':
			put_string(&out, &spec, va_arg(args, const char *));
			break;
		case '%':
			put_char(&out, '%');
			break;
		case '\0': /* a lone % at the end */
			at--;
			break;
		default: /* shows itself, so that the mistake is seen */
			put_char(&out, '%');
			put_char(&out, *at);
			break;
		}
	}
	if (size > 0)
		to[out.length < size ? out.length : size - 1] = '\0';
	return out.length;
}

size_t format(char *to, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t length;

	va_start(args, fmt);
	length = format_v(to, size, fmt, args);
	va_end(args);
	return length;
}
