/* SPDX-License-Identifier: MIT */
#pragma once

/* What the methods of dev.attezt.Server1 share: a call that waits for the inventory, options, a device as a
 * dictionary, errors. */
#include "server/server-state.h"

struct BusCall {
        Server *server;
        BusCall *next, **self;
        sd_bus_message *message;
        char device[DEVICE_HASH_TEXT + 1]; /* what was asked for: a hash or a name */
};

BusCall *bus_call_new(Server *s, sd_bus_message *m, const char *device);
BusCall *bus_call_free(BusCall *c);
DEFINE_TRIVIAL_CLEANUP_FUNC(BusCall *, bus_call_free);
void bus_calls_forget_all(Server *s);

/* Answers with an error for a negative errno of the inventory's or the CA's, and frees c. */
void bus_call_fail(BusCall *c, int error);
/* Sets the same error; returns a negative errno, as handlers do. */
int bus_error_set(sd_bus_error *e, int error, const char *device);
/* Answers with a device, and frees c. */
void bus_call_answer_device(BusCall *c, const Device *d);
int bus_append_device(sd_bus_message *m, const Device *d);

typedef enum BusOption {
        BUS_OPTION_ANY_NAME = 1 << 0,
        BUS_OPTION_PINNED = 1 << 1,
        BUS_OPTION_AK_LIFETIME = 1 << 2,
        BUS_OPTION_NOTE = 1 << 3,
        BUS_OPTION_OPERATION = 1 << 4,
} BusOption;

typedef struct BusOptions {
        int any_name, pinned;
        uint64_t ak_lifetime;
        const char *note;                  /* borrowed from the message; or NULL */
        uint8_t operation[OPERATION_SIZE]; /* drawn when the caller gave none */
} BusOptions;

/* Reads the a{sv} that ends every method's arguments. allowed: of BusOption; others are refused. */
int bus_read_options(sd_bus_message *m, unsigned allowed, BusOptions *ret, sd_bus_error *error);
