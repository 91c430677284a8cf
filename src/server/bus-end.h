/* SPDX-License-Identifier: MIT */
#pragma once

/* What those methods answer that end something: until when what a device holds could still be used. */
#include "server/bus-call.h"

/* Answers, tells the journal of what was revoked, and frees c. */
void bus_call_answer_end(BusCall *c, const InventoryEnd *end);
