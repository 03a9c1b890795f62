/*
 * What sanitizers must be told about coroutines, and the stack size that instrumented code needs.
 * The one place of the LibOS with conditionals on the build.
 */
#ifndef LIBOS_SANITIZE_H
#define LIBOS_SANITIZE_H

#include <stddef.h>

#include <libos/sched/sched.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS 1
#endif
#if __has_feature(thread_sanitizer)
#define SANITIZE_THREAD 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(SANITIZE_ADDRESS)
#define SANITIZE_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(SANITIZE_THREAD)
#define SANITIZE_THREAD 1
#endif

#if defined(SANITIZE_ADDRESS)
#define SANITIZE_STACK_SIZE 131072
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom_old, size_t *size_old);
void __asan_unpoison_memory_region(const volatile void *at, size_t size);
static inline void sanitize_before(struct coroutine *from, const struct coroutine *to, size_t size, bool ends)
{
	__sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->stack, size);
}
static inline void sanitize_after(struct coroutine *now)
{
	__sanitizer_finish_switch_fiber(now->fake_stack, NULL, NULL);
}
static inline void sanitize_create(struct coroutine *co) { co->fake_stack = NULL; }
/* Coroutines end in the middle of functions: the marks of their frames must not stay in memory that is used again. */
static inline void sanitize_destroy(struct coroutine *co)
{
	__asan_unpoison_memory_region(co->stack, SANITIZE_STACK_SIZE);
}
#elif defined(SANITIZE_THREAD)
#define SANITIZE_STACK_SIZE 131072
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
static inline void sanitize_before(struct coroutine *from, const struct coroutine *to, size_t size, bool ends)
{
	(void)from, (void)size, (void)ends;
	__tsan_switch_to_fiber(to->fiber, 0);
}
static inline void sanitize_after(struct coroutine *now) { (void)now; }
static inline void sanitize_create(struct coroutine *co) { co->fiber = __tsan_create_fiber(0); }
static inline void sanitize_destroy(struct coroutine *co) { __tsan_destroy_fiber(co->fiber); }
#else
#define SANITIZE_STACK_SIZE 16384
static inline void sanitize_before(struct coroutine *from, const struct coroutine *to, size_t size, bool ends)
{
	(void)from, (void)to, (void)size, (void)ends;
}
static inline void sanitize_after(struct coroutine *now) { (void)now; }
static inline void sanitize_create(struct coroutine *co) { (void)co; }
static inline void sanitize_destroy(struct coroutine *co) { (void)co; }
#endif

#endif
