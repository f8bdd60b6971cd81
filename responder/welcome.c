#include "welcome.h"

const struct welcome_answer welcome_answers[] = {
    [WELCOME_TAKEN] = {ENVELOPE_DONE, "", NULL},
    [WELCOME_HELD] = {ENVELOPE_NOT_NOW, "held", NULL},
    [WELCOME_FULL] = {ENVELOPE_NOT_NOW, "full", "others wait for Accept or Reject already, as many as may"},
    [WELCOME_UNKNOWN] = {ENVELOPE_NO, "not known", "only those you know or have accepted may write to you"},
    [WELCOME_BLOCKED] = {ENVELOPE_NO, "blocked", NULL},
    [WELCOME_REJECTED] = {ENVELOPE_NO, "rejected", NULL},
};

enum welcome welcome_judge(const struct caller *caller, enum pins_accept accept)
{
	if (caller->blocked)
		return WELCOME_BLOCKED;
	if (!caller->stranger || accept == PINS_ACCEPT_ALL)
		return WELCOME_TAKEN;
	return accept == PINS_ACCEPT_ASK ? WELCOME_HELD : WELCOME_UNKNOWN;
}
