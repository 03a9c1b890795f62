/* The font of the framebuffer console; see font.c. */
#ifndef FONT_H
#define FONT_H

#include <exo/types.h>

extern const uint8_t font_5x7[95][5];

#endif
