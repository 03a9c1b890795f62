/*
 * Which lock guards what, for clang's thread-safety analysis (-Wthread-safety); nothing for
 * other compilers. Here because only src/hal may ask which compiler it is.
 */
#ifndef HAL_GUARD_H
#define HAL_GUARD_H

#ifdef __clang__
#define GUARD_ATTRIBUTE(x) __attribute__((x))
#else
#define GUARD_ATTRIBUTE(x)
#endif

/* Of a type: it is a lock. */
#define GUARD_LOCK            GUARD_ATTRIBUTE(capability("lock"))
/* After a variable or field: it may be touched only with the lock held. */
#define GUARD_BY(lock)        GUARD_ATTRIBUTE(guarded_by(lock))
/* Before a function (or behind it, to name a parameter): must be called with the lock held; takes it; gives it back; must be
 * called without it; and: the analysis cannot follow it. */
#define GUARD_REQUIRES(lock)  GUARD_ATTRIBUTE(requires_capability(lock))
#define GUARD_ACQUIRES(lock)  GUARD_ATTRIBUTE(acquire_capability(lock))
#define GUARD_RELEASES(lock)  GUARD_ATTRIBUTE(release_capability(lock))
#define GUARD_EXCLUDES(lock)  GUARD_ATTRIBUTE(locks_excluded(lock))
#define GUARD_UNCHECKED       GUARD_ATTRIBUTE(no_thread_safety_analysis)

#endif
