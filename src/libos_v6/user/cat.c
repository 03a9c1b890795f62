/* cat: files, or its input, one after the other. */
#include "lib.h"

static int copy(int fd)
{
	static char buffer[4096];
	long n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		write(1, buffer, (size_t)n);
	return n < 0;
}

int main(int argc, char **argv)
{
	int bad = argc == 1 ? copy(0) : 0;

	for (int i = 1; i < argc; i++) {
		int fd = open(argv[i], 0);

		if (fd < 0)
			print(2, "cat: %s: %s\n", argv[i], error_text(fd));
		bad |= fd < 0 || copy(fd);
		close(fd);
	}
	return bad;
}
