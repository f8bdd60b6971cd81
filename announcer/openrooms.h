/*
 * Which rooms of the user are announced: those that others may join.
 *
 * What peers.txt says of them is as hostile as all else in it; signatures are not verified, because whoever can change the
 * file could announce anything. Nothing blocks.
 */
#ifndef QUARTET_OPENROOMS_H
#define QUARTET_OPENROOMS_H

#include "store/peersfile.h"

/*
 * Lists the rooms of the holder of an identity that are not for the invited only, those that they are an admin of first, from
 * the content of file. Returns how many; what is behind them is zero.
 */
size_t openrooms_list(const struct peersfile *file, const uint8_t own[static IDENTITY_BYTES],
    struct announcement_room rooms[static ANNOUNCEMENT_ROOMS_MAX]);

#endif
