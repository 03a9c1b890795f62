/* The same checks with glibc instead of musl: it makes other system calls. */
#include "../exec-dynamic/prog.c"
