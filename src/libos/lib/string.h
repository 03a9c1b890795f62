/* The string functions that the LibOS needs, and its formatter. */
#ifndef LIBOS_STRING_H
#define LIBOS_STRING_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

size_t str_length(const char *s);
int str_compare(const char *a, const char *b);
bool str_equal(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
/* Copies at most size - 1 bytes and ends with NUL; returns the length of `from`. */
size_t str_copy(char *to, const char *from, size_t size);
const char *str_find(const char *s, char c); /* NULL if absent */
/* Decimal; false if not a number or too big. */
bool str_to_u64(const char *s, uint64_t *value);

/* snprintf's %d %i %u %x %X %o %c %s %p %% with l, ll, z, width, precision, 0 and -.
 * Returns the length that the whole text would have; always ends with NUL if size > 0. */
size_t format(char *to, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_v(char *to, size_t size, const char *fmt, va_list args);

#endif
