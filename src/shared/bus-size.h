/* SPDX-License-Identifier: MIT */
#pragma once

/* How much a message carries. sd-bus does not tell, and the system bus lets 32 MiB pass. */
#include <stddef.h>

#include <systemd/sd-bus.h>

/* Adds up texts and values from where the message is read, and stops as soon as they are more than max: the work is
 * bounded by that. 1: not more than max, 0: more. Leaves the message in the middle: rewind it. */
int bus_message_within(sd_bus_message *m, size_t max);
