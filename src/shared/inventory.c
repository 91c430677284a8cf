/* SPDX-License-Identifier: MIT */
#include "shared/inventory.h"

#include <stdio.h>

#include "shared/device-store.h"

/* A call becomes an operation in a queue. The work source takes it from there: a reading is answered at once, a
 * change goes into the open transaction and waits in the group for the commit source. That one has a lower
 * priority, so that what is ready in the same turn of the loop joins the group first. */

#define WORK_PER_TURN 32U        /* operations between two looks at the other sources */
#define LIST_PROBES_PER_TURN 1024U

typedef enum OperationKind {
        OPERATION_LOOKUP,
        OPERATION_LIST,
        OPERATION_ENROLL,
        OPERATION_REMOVE,
        OPERATION_RECORD,
} OperationKind;

typedef struct Operation Operation;
struct Operation {
        Operation *next;
        OperationKind kind;
        int result;
        union {
                InventoryChanged changed;
                InventoryDevice device;
                InventoryPage page;
        } done;
        void *userdata;

        char name[MAX_OF(DEVICE_NAME_MAX, DEVICE_HASH_TEXT) + 1]; /* lookup, remove */
        uint8_t id[OPERATION_SIZE];                               /* remove */
        Device *device;          /* enroll: what; lookup, remove: what came out; list: the page */
        size_t n_devices, max;   /* list */
        uint64_t place;          /* list */
        Issued issued;           /* record */
        uint8_t *certificate;    /* record: owned */
        uint64_t version;        /* record */
};

typedef struct Queue {
        Operation *first, *last;
        size_t n;
} Queue;

struct Inventory {
        DeviceStore *store;
        Queue waiting, group;
        bool in_transaction;
        sd_event_source *work_source, *commit_source, *commit_timer;
};

static Operation *operation_free(Operation *o) {
        if (!o)
                return NULL;
        free(o->device);
        free(o->certificate);
        free(o);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Operation *, operation_free);

static void queue_push(Queue *q, Operation *o) {
        o->next = NULL;
        if (q->last)
                q->last->next = o;
        else
                q->first = o;
        q->last = o;
        q->n++;
}

static Operation *queue_pop(Queue *q) {
        Operation *o = q->first;
        if (!o)
                return NULL;
        q->first = o->next;
        if (!q->first)
                q->last = NULL;
        q->n--;
        return o;
}

static void answer_page(Operation *o) {
        char next[32] = "";

        if (o->result >= 0 && o->place > 0)
                (void) snprintf(next, sizeof(next), "%llu", (unsigned long long) o->place);
        o->done.page(o->result, o->device, o->n_devices, next, o->userdata);
}

/* Answers and frees. */
static void answer(Operation *o) {
        switch (o->kind) {
        case OPERATION_LIST:
                answer_page(o);
                break;
        case OPERATION_LOOKUP:
        case OPERATION_REMOVE:
                o->done.device(o->result, o->result < 0 ? NULL : o->device, o->userdata);
                break;
        case OPERATION_ENROLL:
        case OPERATION_RECORD:
                o->done.changed(o->result, o->userdata);
                break;
        }
        operation_free(o);
}

static void answer_group(Inventory *inv, int error) {
        for (Operation *o; (o = queue_pop(&inv->group));) {
                if (error < 0)
                        o->result = error;
                answer(o);
        }
}

static void commit(Inventory *inv) {
        int r = 0;

        (void) sd_event_source_set_enabled(inv->commit_source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(inv->commit_timer, SD_EVENT_OFF);
        if (inv->in_transaction)
                r = device_store_commit(inv->store);
        inv->in_transaction = false;
        answer_group(inv, r);
}

static int on_commit(sd_event_source *s, void *userdata) {
        commit(userdata);
        return 0;
}

static int on_commit_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        commit(userdata);
        return 0;
}

static int apply(Inventory *inv, Operation *o) {
        switch (o->kind) {
        case OPERATION_ENROLL:
                return device_store_enroll(inv->store, o->device);
        case OPERATION_REMOVE:
                return device_store_remove(inv->store, o->id, o->name, o->device);
        default:
                return device_store_record_issued(inv->store, &o->issued, o->version);
        }
}

static int open_group(Inventory *inv) {
        if (inv->in_transaction)
                return 0;
        int r = device_store_begin(inv->store);
        if (r < 0)
                return r;
        inv->in_transaction = true;
        (void) sd_event_source_set_enabled(inv->commit_source, SD_EVENT_ONESHOT);
        (void) sd_event_source_set_time_relative(inv->commit_timer, INVENTORY_GROUP_USEC);
        (void) sd_event_source_set_enabled(inv->commit_timer, SD_EVENT_ONESHOT);
        return 0;
}

static void work_change(Inventory *inv, Operation *o) {
        o->result = open_group(inv);
        if (o->result < 0) {
                answer(o);
                return;
        }

        o->result = apply(inv, o);
        queue_push(&inv->group, o);
        if (!device_store_is_answer(o->result)) {
                /* One failed store fails the group. */
                device_store_cancel(inv->store);
                inv->in_transaction = false;
                answer_group(inv, o->result);
        } else if (inv->group.n >= INVENTORY_GROUP_MAX)
                commit(inv);
}

/* True when the page is full or the list at its end; else it goes on in the next turn. */
static bool work_list(Inventory *inv, Operation *o) {
        for (size_t i = 0; i < WORK_PER_TURN && o->n_devices < o->max; i++) {
                int r = device_store_walk(inv->store, &o->place, LIST_PROBES_PER_TURN, &o->device[o->n_devices]);
                if (r < 0 && r != -EAGAIN) {
                        o->result = r;
                        return true;
                }
                if (r >= 0)
                        o->n_devices++;
                if (o->place == 0)
                        return true;
                if (r == -EAGAIN)
                        return false;
        }
        return o->n_devices == o->max;
}

static void work(Inventory *inv, Operation *o) {
        switch (o->kind) {
        case OPERATION_LOOKUP:
                o->result = device_store_lookup(inv->store, o->name, o->device);
                answer(o);
                break;
        case OPERATION_LIST:
                if (work_list(inv, o))
                        answer(o);
                else
                        queue_push(&inv->waiting, o);
                break;
        default:
                work_change(inv, o);
        }
}

static int on_work(sd_event_source *s, void *userdata) {
        Inventory *inv = userdata;

        for (size_t n = MIN_OF(inv->waiting.n, (size_t) WORK_PER_TURN); n > 0; n--) {
                Operation *o = queue_pop(&inv->waiting);
                if (o)
                        work(inv, o);
        }
        if (inv->waiting.n == 0)
                (void) sd_event_source_set_enabled(inv->work_source, SD_EVENT_OFF);
        return 0;
}

static int add_source(sd_event_source *s, int enabled, const char *description) {
        int r = sd_event_source_set_enabled(s, enabled);
        return r < 0 ? r : sd_event_source_set_description(s, description);
}

static int add_sources(Inventory *inv, sd_event *event) {
        int r = sd_event_add_defer(event, &inv->work_source, on_work, inv);
        if (r >= 0)
                r = add_source(inv->work_source, SD_EVENT_OFF, "inventory-work");
        if (r >= 0)
                r = sd_event_add_defer(event, &inv->commit_source, on_commit, inv);
        if (r >= 0)
                r = add_source(inv->commit_source, SD_EVENT_OFF, "inventory-commit");
        if (r >= 0)
                r = sd_event_source_set_priority(inv->commit_source, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &inv->commit_timer, CLOCK_MONOTONIC, INVENTORY_GROUP_USEC, 1,
                                               on_commit_timer, inv);
        if (r >= 0)
                r = add_source(inv->commit_timer, SD_EVENT_OFF, "inventory-commit-timer");
        return r;
}

int inventory_open(const char *path, sd_event *event, Inventory **ret, bool *ret_healed) {
        _cleanup_(inventory_freep) Inventory *inv = calloc(1, sizeof(*inv));
        bool healed;

        if (!inv)
                return -ENOMEM;
        int r = device_store_open(path, &inv->store, &healed);
        if (r >= 0)
                r = add_sources(inv, event);
        if (r < 0)
                return r;

        *ret_healed = healed;
        *ret = TAKE_PTR(inv);
        return 0;
}

Inventory *inventory_free(Inventory *inv) {
        if (!inv)
                return NULL;
        if (inv->store)
                commit(inv);
        for (Operation *o; (o = queue_pop(&inv->waiting));)
                operation_free(o);
        sd_event_source_disable_unref(inv->work_source);
        sd_event_source_disable_unref(inv->commit_source);
        sd_event_source_disable_unref(inv->commit_timer);
        device_store_free(inv->store);
        free(inv);
        return NULL;
}

static int operation_new(const Inventory *inv, OperationKind kind, void *userdata, Operation **ret) {
        if (inv->waiting.n + inv->group.n >= INVENTORY_OPEN_MAX)
                return -EBUSY;
        Operation *o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        o->kind = kind;
        o->userdata = userdata;
        *ret = o;
        return 0;
}

static int enqueue(Inventory *inv, Operation *o) {
        queue_push(&inv->waiting, o);
        (void) sd_event_source_set_enabled(inv->work_source, SD_EVENT_ON);
        return 0;
}

/* A text that cannot be a name or a hash is not found, like any other that is not there. */
static void set_name(Operation *o, const char *name) {
        if (strlen(name) < sizeof(o->name))
                strcpy(o->name, name);
}

int inventory_lookup(Inventory *inv, const char *device, InventoryDevice done, void *userdata) {
        _cleanup_(operation_freep) Operation *o = NULL;

        int r = operation_new(inv, OPERATION_LOOKUP, userdata, &o);
        if (r < 0)
                return r;
        o->done.device = done;
        o->device = calloc(1, sizeof(Device));
        if (!o->device)
                return -ENOMEM;
        set_name(o, device);
        return enqueue(inv, TAKE_PTR(o));
}

int inventory_list(Inventory *inv, const char *cursor, size_t max, InventoryPage done, void *userdata) {
        _cleanup_(operation_freep) Operation *o = NULL;
        char *end;

        if (max == 0 || max > INVENTORY_PAGE_MAX)
                return -EINVAL;
        errno = 0;
        unsigned long long place = strtoull(cursor, &end, 10);
        if (errno != 0 || *end || (*cursor && (place == 0 || *cursor < '0' || *cursor > '9')))
                return -EINVAL;
        int r = operation_new(inv, OPERATION_LIST, userdata, &o);
        if (r < 0)
                return r;
        o->done.page = done;
        o->place = place;
        o->max = max;
        o->device = calloc(max, sizeof(Device));
        if (!o->device)
                return -ENOMEM;
        return enqueue(inv, TAKE_PTR(o));
}

int inventory_enroll(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const Device *device,
                     InventoryChanged done, void *userdata) {
        _cleanup_(operation_freep) Operation *o = NULL;

        int r = operation_new(inv, OPERATION_ENROLL, userdata, &o);
        if (r < 0)
                return r;
        o->done.changed = done;
        o->device = malloc(sizeof(Device));
        if (!o->device)
                return -ENOMEM;
        *o->device = *device;
        memcpy(o->device->operation, operation, OPERATION_SIZE);
        return enqueue(inv, TAKE_PTR(o));
}

int inventory_remove(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                     InventoryDevice done, void *userdata) {
        _cleanup_(operation_freep) Operation *o = NULL;

        int r = operation_new(inv, OPERATION_REMOVE, userdata, &o);
        if (r < 0)
                return r;
        o->done.device = done;
        o->device = calloc(1, sizeof(Device));
        if (!o->device)
                return -ENOMEM;
        set_name(o, device);
        memcpy(o->id, operation, OPERATION_SIZE);
        return enqueue(inv, TAKE_PTR(o));
}

int inventory_record_issued(Inventory *inv, const Issued *issued, uint64_t device_version, InventoryChanged done,
                            void *userdata) {
        _cleanup_(operation_freep) Operation *o = NULL;

        if (issued->certificate.size == 0 || issued->certificate.size > ISSUED_CERTIFICATE_MAX)
                return -EINVAL;
        int r = operation_new(inv, OPERATION_RECORD, userdata, &o);
        if (r < 0)
                return r;
        o->done.changed = done;
        o->certificate = malloc(issued->certificate.size);
        if (!o->certificate)
                return -ENOMEM;
        memcpy(o->certificate, issued->certificate.data, issued->certificate.size);
        o->issued = *issued;
        o->issued.certificate = VIEW(o->certificate, issued->certificate.size);
        o->version = device_version;
        return enqueue(inv, TAKE_PTR(o));
}

InventoryCounts inventory_counts(const Inventory *inv) {
        return (InventoryCounts) { .devices = device_store_devices(inv->store), .issued = device_store_issued(inv->store) };
}
