/*
 * People: whose messages the user wants, and what the user is called.
 *
 * common/PROTOCOL.md, section 4. What is decided is written into peers.txt, where the responder finds it, and what becomes of
 * messages that are held into chat.log. Each command asks for the name if it is "", tells what happened, and returns what
 * has become of it, as desk.h says. "#lab" is a room. A name means first who waits with it, for what is decided of strangers, or of whom
 * the user has wanted what is to be taken back; then whoever it means for writing.
 */
#ifndef QUARTET_PEOPLE_H
#define QUARTET_PEOPLE_H

#include "desk.h"

/*
 * The commands Accept and Reject: what is held of a stranger is shown, and what comes later, too; or is shown to nobody. A room
 * into which a stranger put the user is the user's, or left for good.
 */
int people_accept(struct desk *desk, const char *name);
int people_reject(struct desk *desk, const char *name);

/* The commands Block, after asking for a yes, and Unblock: messages are refused, or not any more. */
int people_block(struct desk *desk, const char *name);
int people_unblock(struct desk *desk, const char *name);

/* The commands Mute and Unmute: messages draw no attention, or do again. */
int people_mute(struct desk *desk, const char *name);
int people_unmute(struct desk *desk, const char *name);

/* The command Strangers: whose messages are taken; if word is "" it is told, with who waits. */
int people_admit(struct desk *desk, const char *word);

/* The command Name: changes the user's own name. */
int people_rename(struct desk *desk, const char *name);

#endif
