/* spin: computes for ever, and asks for nothing. */
#include "lib.h"

int main(void)
{
	for (volatile unsigned long n = 0;; n++)
		;
}
