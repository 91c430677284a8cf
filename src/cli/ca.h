/* SPDX-License-Identifier: MIT */
#pragma once

/* What the verbs of "attezt ca" share: a device as the server describes it. */
#include "cli/cli.h"

/* Calls a method that answers with one device, and shows it. m: all arguments appended; talk (or NULL) is said
 * before, to standard error. */
int ca_call_device(Cli *c, sd_bus_message *m, const char *talk);
/* Gives the device, too. */
int ca_ask_device(Cli *c, sd_bus_message *m, const char *talk, struct json_object **ret);
int ca_show_device(struct json_object *device);
/* After a removal or the like: until when what the device holds could still be used. */
void ca_print_end(struct json_object *end);
/* After a change that revoked nothing. revoke: the device as "attezt ca revoke" wants it. name_lives: another device has
 * its name now. */
void ca_print_held(struct json_object *held, const char *revoke, bool name_lives);
/* All certificates of a device ("": of all devices), the newest first. Returns the exit status after telling why. */
int ca_read_issued(Cli *c, const char *device, struct json_object **ret);
void ca_remind_of_backup(const Cli *c);
/* The names as one line; without any: "-", or "(any name)". */
int ca_device_names(struct json_object *device, char **ret);
/* Every entry of a list that comes in pages (List and its like), one at a time; each returns a negative errno to end
 * it. Returns the exit status. */
typedef int (*CaEntry)(struct json_object *entry, void *userdata);
int ca_for_each(Cli *c, const char *method, CaEntry each, void *userdata);
/* The same, of a method whose first argument is a device. */
int ca_for_each_of(Cli *c, const char *method, const char *device, CaEntry each, void *userdata);
bool ca_device_expired(struct json_object *device);
/* The hash of the EK in a file: an EK certificate as it comes from NV memory or from PEM, or a public key
 * (SubjectPublicKeyInfo). Returns the exit status after telling why not. */
int ca_read_ek_file(const char *path, uint8_t ret_hash[static 32]);
/* Names this change, so that a repetition after a lost answer is none: within the options. */
int ca_append_operation(sd_bus_message *m);
/* An option that is an array of texts. */
int ca_append_texts(sd_bus_message *m, const char *key, const char *const *texts, unsigned n);
/* Wrong usage is told, and ends the program: what the server would refuse as well, told before anybody is asked for
 * a password. */
void ca_check_name(const Cli *c, const char *name);
/* "never", a date, a day, or a time from now; 0 is never. */
int64_t ca_parse_expires(const Cli *c, const char *text);

/* Appends what ends every method's arguments: no options. */
int ca_append_no_options(sd_bus_message *m);
/* Calls a method without other arguments than that. Returns the exit status after telling why. */
int ca_call_plain(Cli *c, const char *method, sd_bus_message **ret);
/* With --json, of a verb that wrote or read a file: an object with path, bytes and, if so wanted, the fingerprint of the
 * CA's root. Returns the exit status. */
int ca_print_file(Cli *c, const char *path, bool fingerprint);
int ca_print_not_after(int64_t not_after);
