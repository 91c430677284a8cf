/* SPDX-License-Identifier: MIT */
#pragma once

/* What those methods answer that end or change something: until when what a device holds could still be used. */
#include "server/bus-call.h"

/* Answers, tells the journal of what was revoked, and frees c. */
void bus_call_answer_end(BusCall *c, const InventoryEnd *end);
/* The same when nothing is revoked: answers, and frees c. Of another EK than the device's, its hash goes along. */
void bus_call_answer_held(BusCall *c, const InventoryEnd *end);
