/* Announcements for tests. */
#ifndef QUARTET_TEST_ANNOUNCEMENTS_H
#define QUARTET_TEST_ANNOUNCEMENTS_H

#include <stdio.h>

#include "support.h"
#include "wire/announcement.h"

/* One of username; with an identity where identity_hex is not NULL. */
static inline struct announcement announcement_of(const char *username, const char *identity_hex)
{
	struct announcement announcement = {0};

	snprintf(announcement.username, sizeof(announcement.username), "%s", username);
	if (identity_hex != NULL) {
		support_unhex(identity_hex, announcement.identity, DH_KEY_BYTES);
		announcement.has_identity = true;
	}
	return announcement;
}

#endif
