/*
 * Completion: who may be meant by the beginning of a name or address, or which room by that of "#lab", from what the files say
 * at that moment; and which file by that of its path.
 *
 * Names come from strangers; the editor offers only those that a terminal shows as they are, and the others are reached by
 * their address. Reads peers.txt anew, so nobody may hold what was read of it while a question waits that offers names.
 */
#ifndef QUARTET_COMPLETION_H
#define QUARTET_COMPLETION_H

#include "desk.h"

/* Adds what completes a line that answers a question of this kind: of a command, what follows its first word. */
void completion_offer(struct desk *desk, enum prompt_wants wants, const char *line, struct wordlist *words);

#endif
