/*
 * A text screen: VGA text memory, or a framebuffer of 24 or 32 bits with our own font.
 *
 * It is as much of an ANSI terminal as a shell and an editor need: cursor moves,
 * erasing, inserted and deleted lines, and reverse for every attribute. What is to be seen lies in
 * `cells`; after each write only cells that differ from `shown` are drawn. Neither takes long: a write stops when many
 * cells have changed, and cells are drawn a few at a time, the rest when the kernel is entered next or has nothing to do.
 */
#include <hal/x86_64/font.h>
#include <hal/x86_64/machine.h>

#define TEXT_PHYS UINT64_C(0xb8000)
#define CRTC      0x3d4 /* index; data follows */
#define CURSOR_HIGH 0x0e
#define CURSOR_LOW  0x0f

#define CELL_W 8
#define CELL_H 16
#define COLUMNS_MAX 160
#define ROWS_MAX    64

#define ATTR_NORMAL  0x0700
#define ATTR_REVERSE 0x7000

#define PARAMS 4

/* What one write may change, in cells; and what is drawn at a time: a letter of pixels is 128 stores to the device. */
#define CHANGES_MAX 32768u
#define DRAW_TEXT   256u
#define DRAW_PIXELS 16u

enum { KIND_NONE, KIND_TEXT, KIND_PIXELS };

static struct {
	int kind;
	volatile uint16_t *text;
	volatile uint8_t *pixels;
	uint32_t pitch, light;
	unsigned pixel_size; /* bytes */
	unsigned columns, rows, column, row;
	unsigned drawn_column, drawn_row; /* of the cursor, pixels only */
	unsigned dirty, dirty_end; /* rows whose cells may differ from `shown` */
	unsigned changes; /* in this write */
	bool moved;       /* something was written since the cursor was drawn */
	uint16_t attr;
	uint16_t cells[ROWS_MAX][COLUMNS_MAX];
	uint16_t shown[ROWS_MAX][COLUMNS_MAX];
	enum { PLAIN, ESCAPE, SEQUENCE } state;
	unsigned param[PARAMS], params;
} s;

/* ---- Drawing ------------------------------------------------------------ */

static void put_pixel(volatile uint8_t *at, uint32_t colour)
{
	if (s.pixel_size == 4) {
		*(volatile uint32_t *)(volatile void *)at = colour;
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		at[i] = (uint8_t)(colour >> 8 * i);
}

static void draw_glyph(unsigned row, unsigned column, uint16_t cell, bool cursor)
{
	unsigned c = cell & 0xff;
	bool reverse = ((cell & 0xff00) != ATTR_NORMAL) != cursor;
	const uint8_t *glyph = font_5x7[c >= 32 && c < 127 ? c - 32 : '?' - 32];

	for (unsigned y = 0; y < CELL_H; y++) {
		volatile uint8_t *at = s.pixels + (uint64_t)(row * CELL_H + y) * s.pitch
		                     + column * CELL_W * s.pixel_size;
		for (unsigned x = 0; x < CELL_W; x++, at += s.pixel_size) {
			bool on = x >= 1 && x <= 5 && (glyph[x - 1] >> y / 2 & 1);
			put_pixel(at, on != reverse ? s.light : 0);
		}
	}
}

/* false: it is there already. */
static bool draw_cell(unsigned row, unsigned column)
{
	uint16_t cell = s.cells[row][column];

	if (cell == s.shown[row][column])
		return false;
	s.shown[row][column] = cell;
	if (s.kind == KIND_TEXT)
		s.text[row * s.columns + column] = cell;
	else
		draw_glyph(row, column, cell, false);
	return true;
}

static void draw_cursor(void)
{
	unsigned column = s.column < s.columns ? s.column : s.columns - 1;
	unsigned at = s.row * s.columns + column;

	if (s.kind == KIND_TEXT) {
		out8(CRTC, CURSOR_HIGH);
		out8(CRTC + 1, (uint8_t)(at >> 8));
		out8(CRTC, CURSOR_LOW);
		out8(CRTC + 1, (uint8_t)at);
		return;
	}
	draw_glyph(s.drawn_row, s.drawn_column, s.cells[s.drawn_row][s.drawn_column], false);
	draw_glyph(s.row, column, s.cells[s.row][column], true);
	s.drawn_row = s.row;
	s.drawn_column = column;
}

static void draw(unsigned most)
{
	for (; s.dirty < s.dirty_end; s.dirty++)
		for (unsigned column = 0; column < s.columns; column++)
			if (draw_cell(s.dirty, column) && --most == 0)
				return;
	s.dirty = s.rows;
	s.dirty_end = 0;
	s.moved = false;
	draw_cursor();
}

/* ---- Changing the cells ------------------------------------------------- */

static void touch(unsigned row)
{
	if (row < s.dirty)
		s.dirty = row;
	if (row >= s.dirty_end)
		s.dirty_end = row + 1;
}

static void erase(unsigned row, unsigned from, unsigned to)
{
	touch(row);
	s.changes += to - from;
	for (unsigned i = from; i < to; i++)
		s.cells[row][i] = ATTR_NORMAL | ' ';
}

/* Lines [top, rows) move by n, at most all of them; those that open are empty. */
static void lines_move(unsigned top, unsigned n, bool up)
{
	unsigned rows = s.rows - top - n;

	memmove(s.cells[up ? top : top + n], s.cells[up ? top + n : top], rows * sizeof(s.cells[0]));
	s.changes += rows * COLUMNS_MAX;
	touch(top);
	touch(s.rows - 1);
	for (unsigned i = 0; i < n; i++)
		erase(up ? s.rows - 1 - i : top + i, 0, s.columns);
}

static void line_feed(void)
{
	if (s.row + 1 < s.rows)
		s.row++;
	else
		lines_move(0, 1, true);
}

static void put(uint8_t c)
{
	if (s.column >= s.columns) {
		s.column = 0;
		line_feed();
	}
	touch(s.row);
	s.cells[s.row][s.column++] = s.attr | c;
}

static void erase_screen(unsigned how)
{
	unsigned first = how == 0 ? s.row + 1 : 0, end = how == 1 ? s.row : s.rows;

	for (unsigned row = first; row < end; row++)
		erase(row, 0, s.columns);
	if (how == 0)
		erase(s.row, s.column, s.columns);
	else if (how == 1)
		erase(s.row, 0, s.column);
}

/* The n-th parameter, at least 1, as counts and positions have it. */
static unsigned count(unsigned n)
{
	return n < s.params && s.param[n] > 0 ? s.param[n] : 1;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void attributes(void)
{
	if (s.params == 0)
		s.attr = ATTR_NORMAL;
	for (unsigned i = 0; i < s.params; i++) {
		if (s.param[i] == 0 || s.param[i] == 27)
			s.attr = ATTR_NORMAL;
		else if (s.param[i] == 7)
			s.attr = ATTR_REVERSE;
	}
}

/* ECMA-48, 8.3 */
static void sequence(uint8_t c)
{
	unsigned n = count(0);

	switch (c) {
	case 'A': s.row -= least(n, s.row); break;
	case 'B': s.row = least(s.row + least(n, ROWS_MAX), s.rows - 1); break;
	case 'C': s.column = least(s.column + least(n, COLUMNS_MAX), s.columns - 1); break;
	case 'D': s.column -= least(n, s.column); break;
	case 'G': s.column = least(n, s.columns) - 1; break;
	case 'd': s.row = least(n, s.rows) - 1; break;
	case 'H':
	case 'f':
		s.row = least(n, s.rows) - 1;
		s.column = least(count(1), s.columns) - 1;
		break;
	case 'J': erase_screen(s.params > 0 ? s.param[0] : 0); break;
	case 'K':
		if (s.params == 0 || s.param[0] == 0)
			erase(s.row, s.column, s.columns);
		else
			erase(s.row, 0, s.param[0] == 1 ? least(s.column + 1, s.columns) : s.columns);
		break;
	case 'L':
	case 'M': lines_move(s.row, least(n, s.rows - s.row), c == 'M'); break;
	case 'm': attributes(); break;
	default: break;
	}
}

static void in_sequence(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		if (s.params == 0)
			s.params = 1;
		if (s.params <= PARAMS && s.param[s.params - 1] < 10000)
			s.param[s.params - 1] = s.param[s.params - 1] * 10 + (c - '0');
	} else if (c == ';') {
		s.params = s.params == 0 ? 2 : least(s.params + 1, PARAMS);
	} else if (c >= '@') {
		sequence(c);
		s.state = PLAIN;
	}
}

static void control(uint8_t c)
{
	switch (c) {
	case '\n': line_feed(); break;
	case '\r': s.column = 0; break;
	case '\b': s.column -= s.column > 0; break;
	case '\t': s.column = least((s.column | 7) + 1, s.columns - 1); break;
	case 0x1b: s.state = ESCAPE; break;
	default: break;
	}
}

static void take(uint8_t c)
{
	if (s.state == ESCAPE) {
		s.state = c == '[' ? SEQUENCE : PLAIN;
		s.params = 0;
		memset(s.param, 0, sizeof(s.param));
	} else if (s.state == SEQUENCE && c >= 32) {
		in_sequence(c);
	} else if (c < 32 || c == 127) {
		control(c);
	} else {
		put(c);
	}
}

/* After one that is cut short the next goes on. */
uint64_t screen_write(const uint8_t *bytes, uint64_t size, bool all)
{
	uint64_t done = 0;

	if (s.kind == KIND_NONE)
		return size;
	for (s.changes = 0; done < size && (all || s.changes < CHANGES_MAX); done++)
		take(bytes[done]);
	s.moved = s.moved || size > 0;
	if (all)
		screen_finish();
	return done;
}

/* The cursor may be alone in having moved. */
static bool is_behind(void)
{
	return s.kind != KIND_NONE && (s.dirty < s.dirty_end || s.moved);
}

bool screen_draw_some(void)
{
	if (!is_behind())
		return false;
	draw(s.kind == KIND_TEXT ? DRAW_TEXT : DRAW_PIXELS);
	return is_behind();
}

void screen_finish(void)
{
	if (is_behind())
		draw(UINT32_MAX);
}

/* ---- Start -------------------------------------------------------------- */

static bool start_text(const struct screen_info *info)
{
	s.text = phys_ptr(TEXT_PHYS);
	s.columns = info->width >= 40 && info->width <= COLUMNS_MAX ? info->width : 80;
	s.rows = info->height >= 10 && info->height <= ROWS_MAX ? info->height : 25;
	/* Without an adapter nothing keeps what is written there. */
	s.text[0] = ATTR_NORMAL | 'x';
	return s.text[0] == (ATTR_NORMAL | 'x');
}

static uint64_t pixels_size(const struct screen_info *info)
{
	return (uint64_t)info->pitch * info->height;
}

static bool start_pixels(const struct screen_info *info)
{
	s.pixel_size = info->bits / 8;
	if ((info->bits != 24 && info->bits != 32) || info->pitch / s.pixel_size < info->width
	    || info->pitch % 4 != 0 || info->address % 4 != 0 || info->width < 40 * CELL_W
	    || info->height < 10 * CELL_H || info->height > 16384 || info->pitch > 65536
	    || info->address > EARLY_LIMIT - pixels_size(info))
		return false;
	s.columns = least(info->width / CELL_W, COLUMNS_MAX);
	s.rows = least(info->height / CELL_H, ROWS_MAX);
	s.pitch = info->pitch;
	s.light = 0xaau << (info->red_shift & 31) | 0xaau << (info->green_shift & 31)
	        | 0xaau << (info->blue_shift & 31);
	s.pixels = phys_ptr(info->address);
	return true;
}

/* Through the tables of boot.S, so that nothing that goes wrong from here on stays unseen. A screen above
 * EARLY_LIMIT, which loaders do not set up, is not used. */
void screen_init(void)
{
	const struct screen_info *info = &machine.loader.screen;

	if (info->kind == 2 && start_text(info))
		s.kind = KIND_TEXT;
	else if (info->kind == 1 && start_pixels(info))
		s.kind = KIND_PIXELS;
	else
		return;
	s.attr = ATTR_NORMAL;
	for (unsigned row = 0; row < s.rows; row++)
		erase(row, 0, s.columns);
	draw(UINT32_MAX);
}

void screen_map(void)
{
	if (s.kind == KIND_TEXT)
		s.text = memory_map_device(TEXT_PHYS, 0x8000);
	else if (s.kind == KIND_PIXELS)
		s.pixels = memory_map_device(machine.loader.screen.address, pixels_size(&machine.loader.screen));
}
