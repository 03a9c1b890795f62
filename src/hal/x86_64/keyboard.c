/*
 * A PS/2 keyboard (scan code set 1, as the 8042 translates; US layout) as a
 * terminal's keyboard: bytes and, for cursor keys, the sequences of a VT100.
 */
#include <hal/x86_64/machine.h>

#define PORT_DATA    0x60
#define PORT_COMMAND 0x64
#define BURST 32 /* bytes taken at one interrupt */
#define STATUS_FULL  0x01
#define STATUS_MOUSE 0x20

#define KEY_CTRL   0x1d
#define KEY_LEFT   0x2a
#define KEY_RIGHT  0x36
#define KEY_ALT    0x38
#define KEY_CAPS   0x3a
#define KEY_UP     0x80
#define KEY_PREFIX 0xe0

static const char plain[] =
	"\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static struct {
	bool shift, ctrl, alt, caps, prefix;
} keys;

static void type_text(const char *text)
{
	while (*text != 0)
		console_type((uint8_t)*text++);
}

static void extended(uint8_t code)
{
	static const struct {
		uint8_t code;
		const char *text;
	} list[] = {
		{ 0x48, "\033[A" }, { 0x50, "\033[B" }, { 0x4d, "\033[C" }, { 0x4b, "\033[D" },
		{ 0x47, "\033[H" }, { 0x4f, "\033[F" }, { 0x49, "\033[5~" }, { 0x51, "\033[6~" },
		{ 0x52, "\033[2~" }, { 0x53, "\033[3~" }, { 0x1c, "\r" }, { 0x35, "/" },
	};

	if ((code & ~KEY_UP) == KEY_CTRL) {
		keys.ctrl = !(code & KEY_UP);
		return;
	}
	if ((code & ~KEY_UP) == KEY_ALT) {
		keys.alt = !(code & KEY_UP);
		return;
	}
	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (list[i].code == code)
			type_text(list[i].text);
	}
}

static bool modifier(uint8_t code)
{
	bool down = !(code & KEY_UP);

	switch (code & ~KEY_UP) {
	case KEY_CTRL:
		keys.ctrl = down;
		return true;
	case KEY_ALT:
		keys.alt = down;
		return true;
	case KEY_LEFT:
	case KEY_RIGHT:
		keys.shift = down;
		return true;
	case KEY_CAPS:
		keys.caps ^= down;
		return true;
	default:
		return false;
	}
}

static void key(uint8_t code)
{
	uint8_t c;

	if (modifier(code) || (code & KEY_UP) || code >= sizeof(plain) - 1)
		return;
	c = (uint8_t)plain[code];
	if (keys.shift != (keys.caps && c >= 'a' && c <= 'z'))
		c = (uint8_t)shifted[code];
	if (c == 0)
		return;
	if (keys.ctrl && ((c >= '@' && c <= '_') || (c >= 'a' && c <= 'z')))
		c &= 0x1f;
	else if (keys.ctrl && c == ' ')
		c = 0;
	if (keys.alt)
		console_type(0x1b);
	console_type(c);
}

void keyboard_interrupt(void)
{
	/* A controller that always says "full" must not hold the CPU. */
	for (unsigned i = 0; i < BURST; i++) {
		uint8_t status = in8(PORT_COMMAND), code;

		if (!(status & STATUS_FULL))
			return;
		code = in8(PORT_DATA);
		if (status & STATUS_MOUSE)
			continue;
		if (code == KEY_PREFIX) {
			keys.prefix = true;
			continue;
		}
		if (keys.prefix)
			extended(code);
		else
			key(code);
		keys.prefix = false;
	}
}

bool keyboard_pressed(void)
{
	uint8_t status = in8(PORT_COMMAND), code;

	if (status == 0xff || !(status & STATUS_FULL))
		return false;
	code = in8(PORT_DATA);
	return !(status & STATUS_MOUSE) && !(code & KEY_UP);
}

void keyboard_init(void)
{
	if (in8(PORT_COMMAND) == 0xff)
		return; /* no controller */
	for (int i = 0; i < 16 && (in8(PORT_COMMAND) & STATUS_FULL); i++)
		in8(PORT_DATA);
	irq_unmask(1);
}
