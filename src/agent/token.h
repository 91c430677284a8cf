/* SPDX-License-Identifier: MIT */
#pragma once

/* The PKCS#11 token of this device, as the enrolment on disk has it. */
#include "agent/agent.h"
#include "protocol/pkcs11-objects.h"

/* An empty one. */
int token_new(Pkcs11Token **ret);
/* What the agent has read just now, and older generations from disk. What cannot be shown makes an empty slot, and a
 * line in the log. */
void token_load(Pkcs11Token *t, const Agent *a);
