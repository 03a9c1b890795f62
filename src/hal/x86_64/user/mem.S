/* The LibOS uses the same four memory functions as the kernel. */
#include "../mem.S"
