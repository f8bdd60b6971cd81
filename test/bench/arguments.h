/*
 * The command line of the small programs of the benchmark: what is wrong there, or fails later, ends them with a line.
 */
#ifndef QUARTET_BENCH_ARGUMENTS_H
#define QUARTET_BENCH_ARGUMENTS_H

#include <netinet/in.h>

/* An option, and where its value goes. A list of them ends with a zeroed one. */
struct argument {
	char letter;
	enum {
		ARGUMENT_FLAG,	 /* bool */
		ARGUMENT_WORD,	 /* const char * */
		ARGUMENT_COUNT,	 /* size_t, at least 1 */
		ARGUMENT_NUMBER, /* double, at least 0 */
		ARGUMENT_ADDRESS /* struct in_addr */
	} kind;
	void *value;
};

/* Reads the options in front of the others. Returns the others, which end with NULL. */
char **arguments_read(int argc, char **argv, const struct argument *list);

struct in_addr arguments_address(const char *text);

/* The address that lies index after first. */
struct in_addr arguments_address_after(struct in_addr first, uint32_t index);

/* Ends the program with what could not be done and why: errno, unless that is 0. */
void arguments_fail(const char *what) __attribute__((noreturn));

#endif
