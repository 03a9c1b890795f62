/* sleep: for so many seconds. */
#include "lib.h"

int main(int argc, char **argv)
{
	return argc > 1 ? sleep((unsigned)atol(argv[1])) != 0 : 2;
}
