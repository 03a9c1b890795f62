/* wc: lines, words and characters of its input. */
#include "lib.h"

int main(void)
{
	static char buffer[4096];
	int lines = 0, words = 0, characters = 0, inside = 0;
	long n;

	while ((n = read(0, buffer, sizeof(buffer))) > 0) {
		characters += (int)n;
		for (long i = 0; i < n; i++) {
			int blank = buffer[i] == ' ' || buffer[i] == '\n' || buffer[i] == '\t';

			lines += buffer[i] == '\n';
			words += !blank && !inside;
			inside = !blank;
		}
	}
	print(1, "%d %d %d\n", lines, words, characters);
	return n < 0;
}
