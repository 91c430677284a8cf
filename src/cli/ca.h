/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs of "attezt ca" share: a device as the server describes it. */
#include "cli/cli.h"

/* Calls a method that answers with one device, and shows it. m: all arguments appended; talk (or NULL) is said
 * before, to standard error. */
int ca_call_device(Cli *c, sd_bus_message *m, const char *talk);
/* The names as one line; without any: "-", or "(any name)". */
int ca_device_names(struct json_object *device, char **ret);
/* The hash of the EK in a file: an EK certificate as it comes from NV memory or from PEM, or a public key
 * (SubjectPublicKeyInfo). Returns the exit status after telling why not. */
int ca_read_ek_file(const char *path, uint8_t ret_hash[static 32]);
/* Appends what ends every method's arguments: no options. */
int ca_append_no_options(sd_bus_message *m);
