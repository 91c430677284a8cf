/* SPDX-License-Identifier: MIT */
#pragma once

/* An inventory in a loop of its own, for tests: each call is run until its answer is there. A test's own context begins
 * with this, so that the answers below find it. */
#include "shared/inventory.h"
#include "test.h"

typedef struct InventoryLoop {
        sd_event *event;
        Inventory *inv;
        bool open;
        int error;
        Device device; /* the last one that was told of */
} InventoryLoop;

static inline void loop_start(InventoryLoop *l, const char *path) {
        bool healed;

        check_int(sd_event_new(&l->event), 0);
        check_int(inventory_open(path, l->event, &l->inv, &healed), 0);
        check(!healed);
}

static inline void loop_stop(InventoryLoop *l) {
        l->inv = inventory_free(l->inv);
        l->event = sd_event_unref(l->event);
}

/* r: of the call. Gives the answer's error. */
static inline int loop_run(InventoryLoop *l, int r) {
        check_int(r, 0);
        l->open = true;
        while (l->open)
                check(sd_event_run(l->event, 10 * 1000 * 1000) > 0);
        return l->error;
}

static inline void on_changed(int error, void *userdata) {
        InventoryLoop *l = userdata;

        l->error = error;
        l->open = false;
}

static inline void on_device(int error, const Device *d, void *userdata) {
        InventoryLoop *l = userdata;

        if (error >= 0)
                l->device = *d;
        on_changed(error, l);
}
