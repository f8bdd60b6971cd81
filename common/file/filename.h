/*
 * Under which names a file of somebody else may be stored, and so be offered: the last component of a path, that no shell,
 * terminal or listing takes for anything else.
 *
 * Refused are an empty name, one over FILENAME_MAX_BYTES, what is not UTF-8, a slash, control and format characters, line
 * and paragraph separators, unassigned code points, a leading dot or dash, and the names of our own unfinished parts. Nothing
 * blocks or depends on the locale.
 */
#ifndef QUARTET_FILENAME_H
#define QUARTET_FILENAME_H

#include <stddef.h>

#define FILENAME_MAX_BYTES 200

/* An unfinished file is called its name, a dot, so many hexadecimal digits, and this. */
#define FILENAME_PART_DIGITS 16
#define FILENAME_PART_SUFFIX ".part"

/* NULL if the name may be used; else what is wrong with it, in static words that follow it: "begins with a dot". */
const char *filename_fault(const char *name, size_t len);

#endif
