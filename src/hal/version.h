/*
 * Which FeuerBird this is: "0.1.0", and in what was built in a clone the commit, "0.1.0 (0123456789)".
 * Defined in build/gen/version.c, the one object that is made again at each commit.
 */
#ifndef VERSION_H
#define VERSION_H

extern const char hal_version[];

#endif
