/* SPDX-License-Identifier: MIT */
#pragma once

/* What is said of a device that comes into the inventory, by a hash or by approval. */
#include "cli/ca.h"

typedef struct CaNewDevice {
        const char *const *names;
        unsigned n_names;
        bool any_name, pinned;
        int64_t ak_lifetime, expires;
        const char *note, *expires_text;
} CaNewDevice;

#define CA_NEW_DEVICE_OPTIONS(d)                                                                                        \
        { "any-name", CLI_FLAG, &(d).any_name, NULL, "The device may order any name" },                                \
        { "pinned", CLI_FLAG, &(d).pinned, NULL, "Its EK needs no certificate of a trusted issuer" },                  \
        { "ak-lifetime", CLI_SECONDS, &(d).ak_lifetime, "TIME", "How long its AK certificates last" },                 \
        { "expires", CLI_TEXT, &(d).expires_text, "TIME", "When its entry ends: 2027-01-31, or 30d from now" },        \
        { "note", CLI_TEXT, &(d).note, "TEXT", "A note for people" }

/* Wrong usage is told, and ends the program: what the server would refuse as well, told before anybody is asked for a
 * password. Sets expires. */
void ca_check_new_device(const Cli *c, CaNewDevice *d);
/* The names, and the options with an operation: the last two arguments of Enroll and of Approve. */
int ca_append_new_device(sd_bus_message *m, const CaNewDevice *d);
