/* SPDX-License-Identifier: MIT */
#pragma once

/* The queue in front of the store: each call of the inventory's is an operation in it, which says how it works on the
 * store and how it answers. Changes that come close together share one transaction; what fails, fails for all of them.
 * Answers come from the loop, never from inside the call. */
#include <systemd/sd-event.h>

#include "shared/device-store.h"

#define OPERATIONS_OPEN_MAX 1024U         /* not yet answered */
#define OPERATIONS_GROUP_MAX 64U          /* changes in one transaction */
#define OPERATIONS_GROUP_USEC 2000U       /* or what comes within */

typedef enum OperationKind {
        OPERATION_READ,   /* answered at once */
        OPERATION_CHANGE, /* goes into the open transaction, answered when that is on disk */
        OPERATION_ALONE,  /* has a transaction of its own, over many turns of the loop; other changes wait */
} OperationKind;

typedef struct Operations Operations;
typedef struct Operation Operation;
struct Operation {
        Operation *next;
        OperationKind kind;
        /* A reading or one that is alone: -EAGAIN, go on in the next turn. One that is alone: an error undoes all. */
        int (*work)(DeviceStore *store, Operation *o);
        void (*answer)(const Operation *o);
        void (*done)(Operation *o); /* frees what it owns beside itself; or NULL */
        int result;
        void *userdata;
};

/* As inventory_open(). */
int operations_open(const char *path, sd_event *event, Operations **ret, bool *ret_healed);
Operations *operations_free(Operations *q); /* commits what is open, answers it, answers nothing after */
DEFINE_TRIVIAL_CLEANUP_FUNC(Operations *, operations_free)
const DeviceStore *operations_store(const Operations *q);
void operations_limit_waiting(Operations *q, WaitingLimits limits);

/* One that begins with an Operation, zeroed, of that size. -EBUSY: too many are open. */
int operation_new(const Operations *q, size_t size, void *userdata, Operation **ret);
Operation *operation_free(Operation *o);
static inline void operation_freep(void *p) {
        (void) operation_free(*(Operation **) p);
}
#define _cleanup_operation_ _cleanup_(operation_freep)

void operation_submit(Operations *q, Operation *o); /* taken */
