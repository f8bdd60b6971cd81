#include "trust/mark.h"

#include <string.h>

enum kind { CHANGED, LOOKALIKE, UNPROVEN, UNKNOWN, CLEAR };

const struct mark mark_kinds[MARK_KINDS] = {
    [CHANGED] = {'!', true, "changed: uses a name that you know, and has not proven to be that one"},
    [LOOKALIKE] = {'=', true, "lookalike: the name looks like one that you know, and is another"},
    [UNPROVEN] = {'*', true, "unproven: could have proven who it is, and did not"},
    [UNKNOWN] = {'?', false, "unknown: has proven an identity that you have not written to yet"},
    [CLEAR] = {'~', false, "plain or classic: anybody on the way can read and forge it"},
};

const struct mark *mark_find(const char *standing, bool is_secure)
{
	static const struct {
		const char *word;
		enum kind kind;
	} standings[] = {
	    {"changed", CHANGED},
	    {"missing", CHANGED},
	    {"lookalike", LOOKALIKE},
	    {"unproven", UNPROVEN},
	    {"unknown", UNKNOWN},
	};

	for (size_t i = 0; standing && i < sizeof(standings) / sizeof(standings[0]); i++) {
		if (strcmp(standing, standings[i].word) == 0)
			return &mark_kinds[standings[i].kind];
	}
	return is_secure ? NULL : &mark_kinds[CLEAR];
}
