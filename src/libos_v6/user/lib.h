/* The programs' library: the system calls, and little more. A negative result is minus an error of abi.h. */
#ifndef V6_LIB_H
#define V6_LIB_H

#include <stddef.h>
#include <stdint.h>

#include "../abi.h"

long v6_call(long number, long a, long b, long c);

__attribute__((noreturn)) void exit(int status);
int fork(void);
long read(int fd, void *to, size_t size);
long write(int fd, const void *from, size_t size);
int open(const char *path, int mode);
int close(int fd);
int wait(int *status);
int exec(const char *path, char *const *argv);
long seek(int fd, long offset, int whence);
int getpid(void);
int sleep(unsigned seconds);
int kill(int pid, int signal);
int dup(int fd);
int pipe(int *fds); /* two of them: to read, to write */
void *sbrk(long bytes); /* where the new memory begins; (void *)-1: there is none */

size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
/* Decimal digits, with a sign perhaps. */
long atol(const char *s);
/* %s %d %c %%, to the file `fd`, in one write(). */
__attribute__((format(printf, 2, 3))) void print(int fd, const char *format, ...);
/* The name of an error (a negative result, or a positive number). */
const char *error_text(long error);

#endif
