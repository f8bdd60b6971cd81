/*
 * The command line of the small programs of the benchmark: what is wrong there, or fails later, ends them with a line.
 */
#ifndef QUARTET_BENCH_ARGUMENTS_H
#define QUARTET_BENCH_ARGUMENTS_H

#include <netinet/in.h>

/* The name of this program, for the lines; set by main. */
extern const char *arguments_program;

/* Reads a number of at least min, or an IPv4 address, or ends the program. */
double arguments_number(const char *text, double min);
struct in_addr arguments_address(const char *text);

/* The address that lies index after first. */
struct in_addr arguments_address_after(struct in_addr first, uint32_t index);

/* Ends the program with what could not be done and why: errno, unless that is 0. */
void arguments_fail(const char *what) __attribute__((noreturn));

#endif
