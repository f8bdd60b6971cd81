/*
 * Links: those of the last messages, and the browser.
 *
 * A link is what the screens show as one (term/richtext.h), so it leads where it says. Whoever writes to the user can send
 * one: its host is shown, and the browser is started after a yes only, without a shell.
 */
#ifndef QUARTET_LINKS_H
#define QUARTET_LINKS_H

#include "desk.h"

/*
 * Opens a link of the list that was shown last by its number, argument, if the user says yes. Without one, it shows the
 * list first, the newest link last, and asks for the number. Lines of a pipe: the number unless it is given, and the
 * yes. Returns PROGRAM_FINE if the browser was started, or nothing was to be.
 */
int links_open(struct desk *desk, const char *argument);

#endif
