/*
 * Join: asks those who are in a room to let the user in.
 *
 * common/PROTOCOL.md, section 7. Whoever announces a room, or is in it as far as is known, is asked, one after the other, those
 * whom the user knows first and for a minute at most, until somebody makes the state that has the user as a member; it is
 * checked to be of that room and handed on to the others. A password is only proven: whoever does not know it learns nothing to
 * guess with, be it a false room. If nobody announces such a room it is made, once the user's own announcements were heard for
 * so long that those of others must have been.
 */
#ifndef QUARTET_JOIN_H
#define QUARTET_JOIN_H

#include "desk.h"

/* So long one's own announcements are heard before a room is made. */
#define JOIN_HEARD_S 10

/*
 * The command Join: asks for a name if it is "", and for a password if the room wants one. Tells why nobody has let the user
 * in: DESK_REFUSED if somebody has refused, DESK_UNREACHABLE if nobody of the room is here or answers.
 */
int join_run(struct desk *desk, const char *name);

/* The same in a script, where the password, if takes_password, is a line of standard input. */
int join_room(struct desk *desk, const char *name, bool takes_password);

#endif
