/* SPDX-License-Identifier: MIT */
#pragma once

/* What the methods of dev.attezt.Server1 share: a call that waits for the inventory, a device as a dictionary,
 * errors. */
#include "server/server-state.h"

struct BusCall {
        Server *server;
        BusCall *next, **self;
        sd_bus_message *message;
        uint32_t uid; /* of the caller */
        char device[DEVICE_HASH_TEXT + 1]; /* what was asked for: a hash or a name */
};

BusCall *bus_call_new(Server *s, sd_bus_message *m, const char *device);
BusCall *bus_call_free(BusCall *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(BusCall *, bus_call_free);
void bus_calls_forget_all(Server *s);
void bus_import_forget(Server *s); /* the one that is under way; its transaction is gone already */

/* Answers with an error for a negative errno of the inventory's or the CA's, and frees c. */
void bus_call_fail(BusCall *c, int error);
/* Sets the same error; returns a negative errno, as handlers do. */
int bus_error_set(sd_bus_error *e, int error, const char *device);
/* For a method that wants the CA: there is none, or it cannot be used. */
int bus_no_ca(const Server *s, sd_bus_error *e);
/* Answers with a device, and frees c. */
void bus_call_answer_device(BusCall *c, const Device *d);
int bus_append_device(sd_bus_message *m, const Device *d);
int bus_append_device_members(sd_bus_message *m, const Device *d); /* into a dictionary that is open */

/* Names with a space between each two, as a detail for polkit: in s->bus_names, while it is asked. All of them: a
 * rule that allows one name must not let others pass behind it. more: or NULL. */
void bus_join_names(Server *s, const DeviceNames *names, const DeviceNames *more);

/* For the journal: the device by its hash and first name, and who has called. */
void bus_log_device(const BusCall *c, const Device *d, sd_id128_t id, const char *what);
/* Tells whoever listens that something changed, not what: signal is a member of dev.attezt.Server1. */
void bus_emit(Server *s, const char *signal);
