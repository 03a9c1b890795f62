/* Coroutines: stacks and the switch between them. Private to sched/. */
#ifndef LIBOS_COROUTINE_H
#define LIBOS_COROUTINE_H

#include <libos/sched/sched.h>

#include <libos/sched/sanitize.h>

#define LIBOS_STACK_SIZE SANITIZE_STACK_SIZE

/* Saves the running stack's pointer in *save and goes on with the stack `to`. */
void coroutine_swap(void **save, void *to);

/* Lays out a fresh stack so that the first switch to it calls entry(), which must not return. Gives its pointer. */
void *coroutine_prepare(void *stack, size_t size, void (*entry)(void));

#endif
