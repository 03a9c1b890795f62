/*
 * How things are written: numbers, names and capabilities, which fit a column and hold nothing that a terminal obeys, and JSON.
 *
 * What returns `const char *` gives text that lasts until 32 more were made.
 */
#ifndef EXO_TEXT_H
#define EXO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exo/cap.h>

#define NAME_SIZE  16u /* of a zone, as exo_zone_info has it */
#define FULL_WIDTH 99u /* for `width`: never shortened */

/* As printf(). */
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number in at most `width` (5 or more) characters: in full, or in thousands (K, M, G, T, P, E), rounded down: 1234567 is 1.23M. */
const char *number_text(uint64_t value, unsigned width);

/* 0x and hexadecimal digits if they fit, else as number_text(). */
const char *hex_text(uint64_t value, unsigned width);

/* Seconds with as many decimals (at most `decimals`) as fit. */
const char *seconds_text(uint64_t ns, unsigned width, unsigned decimals);

/* The one notation for a capability: SLOT.GENERATION, "-" for none. The generation is shortened to fit `width` (11 or more). */
const char *cap_text(exo_cap_t cap, unsigned width);

/* A name of at most `size` bytes for a column of a table: whatever is not a printable character or is blank becomes '?'. Empty: "-". */
const char *name_text(const char *name, size_t size);

/* The same in full: such bytes, and the backslash, as \xHH. `size` is at most 64. */
const char *name_full(const char *name, size_t size);

/* What the kernel's tables call things. */
const char *rights_text(uint32_t rights);
const char *type_text(uint32_t type);
const char *status_name(uint64_t status);  /* "E_RANGE"; "?" */
const char *status_text(uint64_t status);  /* "outside the extent that ..." */

/*
 * JSON on standard output. key: NULL in an array, and at the top. Commas and line ends come by themselves.
 * A name's bytes become the code points of the same numbers, so that any name is valid and none is lost.
 */
void json_one_line(void); /* from now on a document is one line; else each element of the outermost array begins one */
void json_open(const char *key, char bracket); /* '{' or '[' */
void json_close(char bracket);                 /* '}' or ']'; the last one ends the line */
void json_number(const char *key, uint64_t value);
void json_decimal(const char *key, uint64_t thousandths);
void json_string(const char *key, const char *bytes, size_t size); /* to the first NUL, at most `size` bytes */
void json_text(const char *key, const char *text);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_cap(const char *key, exo_cap_t cap); /* as cap_text() in full; null for none */

#endif
