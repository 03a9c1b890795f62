/* Coming back from a coroutine's stack by a jump, for the fuzz targets that end a run so. */
#ifndef OWN_STACK_H
#define OWN_STACK_H

#include <fake/fake.h>

void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __asan_unpoison_memory_region(const volatile void *at, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom_old, size_t *size_old);

#define MAIN_STACK ((size_t)8 << 20)
extern void *__libc_stack_end; /* the C library's note of where main's stack begins */

/* The run ended by a jump off a coroutine's stack: the sanitizer must hear that we are back on ours. */
static inline void back_on_own_stack(void)
{
	__sanitizer_start_switch_fiber(NULL, (char *)__libc_stack_end - MAIN_STACK, MAIN_STACK);
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	/* And that nobody stands on the coroutines' stacks any more. */
	__asan_unpoison_memory_region(hal_phys_ptr(FAKE_FIRST_FRAME), fake.frame_count << EXO_FRAME_SHIFT);
}

#endif
