/* The programs' library. */
#include <stdarg.h>

#include "lib.h"

#define LINE_SIZE 512

void exit(int status)
{
	for (;;)
		v6_call(V6_CALL_exit, status, 0, 0);
}

int fork(void)
{
	return (int)v6_call(V6_CALL_fork, 0, 0, 0);
}

long read(int fd, void *to, size_t size)
{
	return v6_call(V6_CALL_read, fd, (long)to, (long)size);
}

long write(int fd, const void *from, size_t size)
{
	return v6_call(V6_CALL_write, fd, (long)from, (long)size);
}

int open(const char *path, int mode)
{
	return (int)v6_call(V6_CALL_open, (long)path, mode, 0);
}

int close(int fd)
{
	return (int)v6_call(V6_CALL_close, fd, 0, 0);
}

int wait(int *status)
{
	return (int)v6_call(V6_CALL_wait, (long)status, 0, 0);
}

int exec(const char *path, char *const *argv)
{
	return (int)v6_call(V6_CALL_exec, (long)path, (long)argv, 0);
}

long seek(int fd, long offset, int whence)
{
	return v6_call(V6_CALL_seek, fd, offset, whence);
}

int getpid(void)
{
	return (int)v6_call(V6_CALL_getpid, 0, 0, 0);
}

int sleep(unsigned seconds)
{
	return (int)v6_call(V6_CALL_sleep, seconds, 0, 0);
}

int kill(int pid, int signal)
{
	return (int)v6_call(V6_CALL_kill, pid, signal, 0);
}

int dup(int fd)
{
	return (int)v6_call(V6_CALL_dup, fd, 0, 0);
}

int pipe(int *fds)
{
	return (int)v6_call(V6_CALL_pipe, (long)fds, 0, 0);
}

void *sbrk(long bytes)
{
	long old = v6_call(V6_CALL_break, bytes, 0, 0);

	return (void *)(old < 0 ? -1 : old);
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

long atol(const char *s)
{
	long n = 0, sign = *s == '-' ? -1 : 1;

	for (s += *s == '-'; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (*s - '0');
	return n * sign;
}

static size_t put_number(char *to, size_t room, long value)
{
	char digits[24];
	size_t n = 0, done = 0;
	unsigned long rest = value < 0 ? 0 - (unsigned long)value : (unsigned long)value;

	do
		digits[n++] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (value < 0)
		digits[n++] = '-';
	while (n > 0 && done < room)
		to[done++] = digits[--n];
	return done;
}

void print(int fd, const char *format, ...)
{
	char line[LINE_SIZE];
	size_t n = 0;
	va_list args;

	va_start(args, format);
	for (; *format && n < LINE_SIZE; format++) {
		if (*format != '%') {
			line[n++] = *format;
			continue;
		}
		switch (*++format) {
		case 's':
			for (const char *s = va_arg(args, const char *); *s && n < LINE_SIZE; s++)
				line[n++] = *s;
			break;
		case 'd':
			n += put_number(line + n, LINE_SIZE - n, va_arg(args, int));
			break;
		case 'c':
			line[n++] = (char)va_arg(args, int);
			break;
		default:
			line[n++] = *format;
		}
	}
	va_end(args);
	write(fd, line, n);
}

const char *error_text(long error)
{
	switch (error < 0 ? -error : error) {
	case V6_ENOENT: return "no such file";
	case V6_ESRCH: return "no such process";
	case V6_E2BIG: return "arguments too long";
	case V6_ENOEXEC: return "not a program";
	case V6_EBADF: return "bad descriptor";
	case V6_ECHILD: return "no child";
	case V6_EAGAIN: return "too many processes";
	case V6_ENOMEM: return "no memory";
	case V6_EFAULT: return "bad address";
	case V6_EISDIR: return "is a directory";
	case V6_EINVAL: return "bad argument";
	case V6_ENFILE:
	case V6_EMFILE: return "too many open files";
	case V6_ESPIPE: return "cannot seek";
	case V6_EROFS: return "read-only file system";
	default: return "error";
	}
}
