/* ls: the names in a directory, which is a file of 16-byte entries. */
#include "lib.h"

int main(int argc, char **argv)
{
	struct v6_dirent entry;
	int fd = open(argc > 1 ? argv[1] : "/", 0);

	if (fd < 0) {
		print(2, "ls: %s\n", error_text(fd));
		return 1;
	}
	while (read(fd, &entry, sizeof(entry)) == sizeof(entry)) {
		char name[V6_NAME_SIZE + 1] = { 0 };

		for (int i = 0; i < V6_NAME_SIZE; i++)
			name[i] = entry.name[i];
		print(1, "%s\n", name);
	}
	return 0;
}
