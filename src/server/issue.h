/* SPDX-License-Identifier: MIT */
#pragma once

/* The journey of an AK certificate through atteztd: a challenge, the secret that comes back, the look-up, the
 * verdict, the signature, the record, the answer. */
#include "server/server-state.h"

/* As of FrontReceived; userdata is the Server. */
void issue_on_request(uint64_t front, const FrontMessage *m, void *userdata);
/* Forgets what is open; only when nothing will be answered any more. */
void issue_forget_all(Server *s);
