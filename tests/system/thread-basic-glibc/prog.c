/* The same checks with glibc instead of musl: it makes other system calls. */
#include "../thread-basic/prog.c"
