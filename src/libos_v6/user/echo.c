/* echo: its arguments. */
#include "lib.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		print(1, i > 1 ? " %s" : "%s", argv[i]);
	print(1, "\n");
	return 0;
}
