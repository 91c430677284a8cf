/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "shared/inventory.h"

#define LIST_WALKS_PER_TURN 32U
#define LIST_PROBES_PER_TURN 1024U

/* --- About one device --- */

typedef struct DeviceOperation {
        Operation operation;
        InventoryDevice answer;
        InventoryEnded ended;  /* change, replace: in place of it */
        char name[MAX_OF(DEVICE_NAME_MAX, DEVICE_HASH_TEXT) + 1];
        uint8_t id[OPERATION_SIZE];
        Device device;         /* what came out */
        DeviceReplacement by;  /* replace */
        DeviceChange *change;  /* change: owned */
        InventoryEnd end;      /* change, replace */
} DeviceOperation;

static void answer_device(const Operation *base) {
        const DeviceOperation *o = (const DeviceOperation *) base;

        o->answer(base->result, base->result < 0 ? NULL : &o->device, base->userdata);
}

static void done_device(Operation *base) {
        free(((DeviceOperation *) base)->change);
}

static int device_operation_new(Inventory *inv, const uint8_t *id, const char *device, InventoryDevice done,
                                void *userdata, DeviceOperation **ret) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(DeviceOperation), userdata, &base);
        if (r < 0)
                return r;
        DeviceOperation *o = (DeviceOperation *) base;
        base->kind = id ? OPERATION_CHANGE : OPERATION_READ;
        base->answer = answer_device;
        base->done = done_device;
        o->answer = done;
        if (id)
                memcpy(o->id, id, OPERATION_SIZE);
        /* A text that cannot be a name or a hash is not found, like any other that is not there. */
        if (strlen(device) < sizeof(o->name))
                strcpy(o->name, device);
        *ret = o;
        return 0;
}

static int work_lookup(DeviceStore *s, Operation *base) {
        DeviceOperation *o = (DeviceOperation *) base;
        return device_store_lookup(s, o->name, &o->device);
}

int inventory_lookup(Inventory *inv, const char *device, InventoryDevice done, void *userdata) {
        DeviceOperation *o;

        int r = device_operation_new(inv, NULL, device, done, userdata, &o);
        if (r < 0)
                return r;
        o->operation.work = work_lookup;
        operation_submit(inv->queue, &o->operation);
        return 0;
}

static int work_remove(DeviceStore *s, Operation *base) {
        DeviceOperation *o = (DeviceOperation *) base;
        return device_store_remove(s, o->id, o->name, &o->device);
}

int inventory_remove(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                     InventoryDevice done, void *userdata) {
        DeviceOperation *o;

        int r = device_operation_new(inv, operation, device, done, userdata, &o);
        if (r < 0)
                return r;
        o->operation.work = work_remove;
        operation_submit(inv->queue, &o->operation);
        return 0;
}

static void answer_end(const Operation *base) {
        const DeviceOperation *o = (const DeviceOperation *) base;

        o->ended(base->result, base->result < 0 ? NULL : &o->end, base->userdata);
}

/* What the EK of that hash holds, beside what came out. */
static int look_at_held(DeviceStore *s, const uint8_t hash[static 32], int64_t now, DeviceOperation *o) {
        IssuedHeld held;

        int r = issued_store_held(device_store_certificates(s), hash, now, NULL, &held);
        if (r < 0)
                return -EIO;
        o->end = (InventoryEnd) { .device = &o->device, .until = held.until, .last = held.last };
        memcpy(o->end.ek_hash, hash, sizeof(o->end.ek_hash));
        return 0;
}

static int work_set(DeviceStore *s, Operation *base) {
        DeviceOperation *o = (DeviceOperation *) base;

        int r = device_store_change(s, o->id, o->name, o->change, &o->device);
        return r < 0 ? r : look_at_held(s, o->device.ek_hash, o->change->now, o);
}

int inventory_change(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                     const DeviceChange *change, InventoryEnded done, void *userdata) {
        _cleanup_free_ DeviceChange *copy = malloc(sizeof(*copy));
        DeviceOperation *o;

        if (!copy)
                return -ENOMEM;
        *copy = *change;
        int r = device_operation_new(inv, operation, device, NULL, userdata, &o);
        if (r < 0)
                return r;
        o->operation.work = work_set;
        o->operation.answer = answer_end;
        o->ended = done;
        o->change = TAKE_PTR(copy);
        operation_submit(inv->queue, &o->operation);
        return 0;
}

/* For a repetition that names the device by its name, that is the new one already. */
static int work_replace(DeviceStore *s, Operation *base) {
        DeviceOperation *o = (DeviceOperation *) base;
        Device old = {};

        int r = device_store_lookup(s, o->name, &old);
        if (r == -ENOENT)
                memcpy(old.ek_hash, o->by.ek_hash, sizeof(old.ek_hash));
        if (r >= 0 || r == -ENOENT)
                r = device_store_replace(s, o->id, o->name, &o->by, &o->device);
        return r < 0 ? r : look_at_held(s, old.ek_hash, o->by.now, o);
}

int inventory_replace(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                      const DeviceReplacement *by, InventoryEnded done, void *userdata) {
        DeviceOperation *o;

        int r = device_operation_new(inv, operation, device, NULL, userdata, &o);
        if (r < 0)
                return r;
        o->operation.work = work_replace;
        o->operation.answer = answer_end;
        o->ended = done;
        o->by = *by;
        operation_submit(inv->queue, &o->operation);
        return 0;
}

/* --- Lists --- */

typedef struct ListOperation {
        Operation operation;
        InventoryPage answer;
        Device *devices; /* owned */
        size_t n, max;
        uint64_t place;
} ListOperation;

static void answer_page(const Operation *base) {
        const ListOperation *o = (const ListOperation *) base;
        char next[32] = "";

        if (base->result >= 0 && o->place > 0)
                (void) snprintf(next, sizeof(next), "%llu", (unsigned long long) o->place);
        o->answer(base->result, o->devices, o->n, next, base->userdata);
}

static void done_page(Operation *base) {
        free(((ListOperation *) base)->devices);
}

static int work_list(DeviceStore *s, Operation *base) {
        ListOperation *o = (ListOperation *) base;

        for (size_t i = 0; i < LIST_WALKS_PER_TURN && o->n < o->max; i++) {
                int r = device_store_walk(s, &o->place, LIST_PROBES_PER_TURN, &o->devices[o->n]);
                if (r < 0 && r != -EAGAIN)
                        return r;
                if (r >= 0)
                        o->n++;
                if (o->place == 0)
                        return 0;
                if (r == -EAGAIN)
                        return -EAGAIN;
        }
        return o->n == o->max ? 0 : -EAGAIN;
}

int inventory_list(Inventory *inv, const char *cursor, size_t max, InventoryPage done, void *userdata) {
        _cleanup_operation_ Operation *base = NULL;
        char *end;

        if (max == 0 || max > INVENTORY_PAGE_MAX)
                return -EINVAL;
        errno = 0;
        unsigned long long place = strtoull(cursor, &end, 10);
        if (errno != 0 || *end || (*cursor && (place == 0 || *cursor < '0' || *cursor > '9')))
                return -EINVAL;
        int r = operation_new(inv->queue, sizeof(ListOperation), userdata, &base);
        if (r < 0)
                return r;
        ListOperation *o = (ListOperation *) base;
        base->answer = answer_page;
        base->done = done_page;
        base->work = work_list;
        o->answer = done;
        o->place = place;
        o->max = max;
        o->devices = calloc(max, sizeof(Device));
        if (!o->devices)
                return -ENOMEM;
        operation_submit(inv->queue, TAKE_PTR(base));
        return 0;
}

/* --- Changes that are answered with yes or no --- */

typedef struct ChangeOperation {
        Operation operation;
        InventoryChanged answer;
        Device device;         /* enroll; seen: its hash */
        int64_t now;           /* seen */
} ChangeOperation;

static void answer_changed(const Operation *base) {
        const ChangeOperation *o = (const ChangeOperation *) base;

        if (o->answer)
                o->answer(base->result, base->userdata);
}

static int change_operation_new(Inventory *inv, int (*work)(DeviceStore *, Operation *), InventoryChanged done,
                                void *userdata, ChangeOperation **ret) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(ChangeOperation), userdata, &base);
        if (r < 0)
                return r;
        base->kind = OPERATION_CHANGE;
        base->work = work;
        base->answer = answer_changed;
        *ret = (ChangeOperation *) base;
        (*ret)->answer = done;
        return 0;
}

static int work_enroll(DeviceStore *s, Operation *base) {
        return device_store_enroll(s, &((ChangeOperation *) base)->device);
}

int inventory_enroll(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const Device *device,
                     InventoryChanged done, void *userdata) {
        ChangeOperation *o;

        int r = change_operation_new(inv, work_enroll, done, userdata, &o);
        if (r < 0)
                return r;
        o->device = *device;
        memcpy(o->device.operation, operation, OPERATION_SIZE);
        operation_submit(inv->queue, &o->operation);
        return 0;
}

static int work_seen(DeviceStore *s, Operation *base) {
        ChangeOperation *o = (ChangeOperation *) base;
        return device_store_seen(s, o->device.ek_hash, o->now);
}

int inventory_seen(Inventory *inv, const uint8_t hash[static 32], int64_t now) {
        ChangeOperation *o;

        int r = change_operation_new(inv, work_seen, NULL, NULL, &o);
        if (r < 0)
                return r;
        memcpy(o->device.ek_hash, hash, sizeof(o->device.ek_hash));
        o->now = now;
        operation_submit(inv->queue, &o->operation);
        return 0;
}

/* --- Beginning and end --- */

int inventory_open(const char *path, sd_event *event, Inventory **ret, bool *ret_healed) {
        _cleanup_free_ Inventory *inv = calloc(1, sizeof(*inv));

        if (!inv)
                return -ENOMEM;
        int r = operations_open(path, event, &inv->queue, ret_healed);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(inv);
        return 0;
}

Inventory *inventory_free(Inventory *inv) {
        if (!inv)
                return NULL;
        operations_free(inv->queue);
        free(inv);
        return NULL;
}

InventoryCounts inventory_counts(const Inventory *inv) {
        const DeviceStore *s = operations_store(inv->queue);

        IssuedKept kept = issued_store_kept(device_store_certificates(s));

        return (InventoryCounts) { .devices = device_store_devices(s), .issued = device_store_issued(s),
                                   .held = kept.held, .dropped_until = kept.dropped_until };
}

int inventory_file_size(const Inventory *inv, uint64_t *ret) {
        return record_store_size(operations_store(inv->queue)->records, ret);
}
