/* SPDX-License-Identifier: MIT */
#pragma once

/* The arguments of the methods, read and checked. All functions: negative errno, and error set if it is the
 * caller's fault. */
#include <systemd/sd-bus.h>

#include "protocol/helper-wire.h"

/* The arguments of Enroll() as a job; what is empty stays empty. */
int enroll_request_read(sd_bus_message *m, Job *ret, sd_bus_error *error);

/* An a{sv} of booleans: the one called name, false when it is not there; all others are refused. */
int request_read_flag(sd_bus_message *m, const char *name, bool *ret, sd_bus_error *error);
/* The same of strings; borrowed from m; "" when it is not there. */
int request_read_string(sd_bus_message *m, const char *name, const char **ret, sd_bus_error *error);
/* An a{sv} that must be empty. */
int request_read_nothing(sd_bus_message *m, sd_bus_error *error);
