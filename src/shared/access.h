/* SPDX-License-Identifier: MIT */
#pragma once

/* Who may call what: one table per interface, default deny. Every method of a vtable has access_dispatch() as
 * its handler; it finds the method's row, asks polkit (root, by the bus driver's word, needs no answer), and
 * calls the row's handler when the answer is yes. Questions are asynchronous, interactive when the message
 * allows it, cancelled when the caller leaves; at most ACCESS_OPEN_MAX are open, ACCESS_OPEN_PER_UID_MAX per
 * uid, more get org.freedesktop.DBus.Error.LimitsExceeded. So does whoever makes many calls before the driver has told
 * who calls, and a message that is longer than any of ours. */
#include <stdbool.h>

#include <systemd/sd-bus.h>

#define ACCESS_OPEN_MAX 16U
#define ACCESS_OPEN_PER_UID_MAX 4U
/* Of connections whose uid the bus driver is asked for. A message may have 16 descriptors: the daemons' LimitNOFILE=
 * has room for those of all calls that are kept. */
#define ACCESS_IDENTIFYING_MAX 64U
#define ACCESS_IDENTIFYING_PER_SENDER_MAX 2U
#define ACCESS_MESSAGE_MAX (128U * 1024) /* bytes, about */
#define ACCESS_DETAILS_MAX 8U
#define ACCESS_PUBLIC "" /* as action: anyone may, polkit is not asked (the table says so, visibly) */

typedef struct Access Access;

/* Strings for polkit's rules and dialogs, borrowed until the call returns: "key", "value", …, NULL. */
typedef struct AccessQuestion {
        const char *action;                              /* may be replaced by the row's refine() */
        const char *details[2 * ACCESS_DETAILS_MAX + 1];
} AccessQuestion;

typedef struct AccessRow {
        const char *method;   /* member name */
        const char *action;   /* polkit action, or ACCESS_PUBLIC */
        /* Optional: reads the message (and rewinds it) to fill details or choose a stricter action. Arguments are
         * checked here already where a person would otherwise be asked in vain. Negative errno and error refuse. */
        int (*refine)(sd_bus_message *m, void *userdata, AccessQuestion *q, sd_bus_error *error);
        /* The method itself, as of sd_bus_message_handler_t; state is looked at here, after the answer. It may
         * keep a reference and reply later (return 1). */
        int (*handler)(sd_bus_message *m, void *userdata, sd_bus_error *error);
} AccessRow;

/* table ends with a row without method. Both must outlive the Access. */
int access_new(sd_bus *bus, const AccessRow *table, void *userdata, Access **ret);
bool access_has_open(const Access *a); /* calls wait for an answer about them */
/* Of the call whose handler runs now, by the bus driver's word; not for handlers of public methods. */
uint32_t access_caller_uid(const Access *a);
uint64_t access_n_calls(const Access *a);    /* that there have been */
Access *access_free(Access *a); /* refuses what is still open */

/* For SD_BUS_METHOD_WITH_ARGS(); userdata of the vtable must be a struct whose first member is "Access *access". */
int access_dispatch(sd_bus_message *m, void *userdata, sd_bus_error *error);
