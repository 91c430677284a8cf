/* SPDX-License-Identifier: MIT */
#include "shared/inventory-waiting.h"

#include "protocol/device-words.h"

typedef struct WaitOperation {
        Operation operation;
        InventoryWaits answer;
        WaitingDevice device;
} WaitOperation;

static int work_wait(DeviceStore *s, Operation *base) {
        return device_store_wait(s, &((WaitOperation *) base)->device);
}

static void answer_wait(const Operation *base) {
        ((const WaitOperation *) base)->answer(base->result, base->userdata);
}

int inventory_wait(Inventory *inv, const WaitingDevice *device, InventoryWaits done, void *userdata) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(WaitOperation), userdata, &base);
        if (r < 0)
                return r;
        WaitOperation *o = (WaitOperation *) base;
        base->kind = OPERATION_CHANGE;
        base->work = work_wait;
        base->answer = answer_wait;
        o->answer = done;
        o->device = *device;
        operation_submit(inv->queue, base);
        return 0;
}

void inventory_limit_waiting(Inventory *inv, WaitingLimits limits) {
        operations_limit_waiting(inv->queue, limits);
}

/* --- The list --- */

typedef struct WaitingPage {
        Operation operation;
        InventoryWaiting answer;
        WaitingDevice *devices; /* owned */
        size_t n, max;
        unsigned next;
        int64_t now;
} WaitingPage;

static int work_page(DeviceStore *s, Operation *base) {
        WaitingPage *p = (WaitingPage *) base;

        while (p->n < p->max) {
                int r = waiting_walk(s, &p->next, p->now, &p->devices[p->n]);
                if (r == -ENOENT) {
                        p->next = 0;
                        return 0;
                }
                if (r < 0)
                        return r;
                p->n++;
        }
        return 0;
}

static void answer_page(const Operation *base) {
        const WaitingPage *p = (const WaitingPage *) base;
        p->answer(base->result, p->devices, p->n, p->next, base->userdata);
}

static void done_page(Operation *base) {
        free(((WaitingPage *) base)->devices);
}

int inventory_list_waiting(Inventory *inv, unsigned cursor, size_t max, int64_t now, InventoryWaiting done,
                           void *userdata) {
        _cleanup_operation_ Operation *base = NULL;

        if (max == 0 || max > INVENTORY_PAGE_MAX || cursor > WAITING_DEVICES_MAX)
                return -EINVAL;
        int r = operation_new(inv->queue, sizeof(WaitingPage), userdata, &base);
        if (r < 0)
                return r;
        WaitingPage *p = (WaitingPage *) base;
        base->work = work_page;
        base->answer = answer_page;
        base->done = done_page;
        p->answer = done;
        p->max = max;
        p->next = cursor;
        p->now = now;
        p->devices = calloc(max, sizeof(WaitingDevice));
        if (!p->devices)
                return -ENOMEM;
        operation_submit(inv->queue, TAKE_PTR(base));
        return 0;
}

/* --- The word --- */

typedef struct WordOperation {
        Operation operation;
        InventoryDevice answer;
        char text[MAX_OF(DEVICE_WORDS_TEXT_MAX, DEVICE_HASH_TEXT) + 32]; /* words may have more space between them */
        Device device; /* approve: what it becomes; deny: its operation; then what came out */
        int64_t now;
} WordOperation;

static int work_approve(DeviceStore *s, Operation *base) {
        WordOperation *o = (WordOperation *) base;
        const Device d = o->device;
        return device_store_approve(s, o->text, &d, &o->device);
}

static int work_deny(DeviceStore *s, Operation *base) {
        WordOperation *o = (WordOperation *) base;
        uint8_t operation[OPERATION_SIZE];

        memcpy(operation, o->device.operation, sizeof(operation));
        return device_store_deny(s, operation, o->text, o->now, &o->device);
}

static void answer_word(const Operation *base) {
        const WordOperation *o = (const WordOperation *) base;
        o->answer(base->result, base->result < 0 ? NULL : &o->device, base->userdata);
}

static int word_new(Inventory *inv, const char *text, InventoryDevice done, void *userdata, WordOperation **ret) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(WordOperation), userdata, &base);
        if (r < 0)
                return r;
        WordOperation *o = (WordOperation *) base;
        base->kind = OPERATION_CHANGE;
        base->answer = answer_word;
        o->answer = done;
        if (strlen(text) < sizeof(o->text)) /* else it is not found, like any other that is not there */
                strcpy(o->text, text);
        *ret = o;
        return 0;
}

int inventory_approve(Inventory *inv, const char *text, const Device *device, InventoryDevice done, void *userdata) {
        WordOperation *o;

        int r = word_new(inv, text, done, userdata, &o);
        if (r < 0)
                return r;
        o->operation.work = work_approve;
        o->device = *device;
        operation_submit(inv->queue, &o->operation);
        return 0;
}

int inventory_deny(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *text, int64_t now,
                   InventoryDevice done, void *userdata) {
        WordOperation *o;

        int r = word_new(inv, text, done, userdata, &o);
        if (r < 0)
                return r;
        o->operation.work = work_deny;
        memcpy(o->device.operation, operation, OPERATION_SIZE);
        o->now = now;
        operation_submit(inv->queue, &o->operation);
        return 0;
}

/* --- Many at once --- */

typedef struct ClearOperation {
        Operation operation;
        InventoryWaits answer;
        WaitingFilter filter;
        int64_t now;
} ClearOperation;

static int work_clear(DeviceStore *s, Operation *base) {
        const ClearOperation *o = (const ClearOperation *) base;
        return waiting_clear(s, &o->filter, o->now);
}

static void answer_clear(const Operation *base) {
        ((const ClearOperation *) base)->answer(base->result, base->userdata);
}

int inventory_clear_waiting(Inventory *inv, const WaitingFilter *filter, int64_t now, InventoryWaits done,
                            void *userdata) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(ClearOperation), userdata, &base);
        if (r < 0)
                return r;
        ClearOperation *o = (ClearOperation *) base;
        base->kind = OPERATION_CHANGE;
        base->work = work_clear;
        base->answer = answer_clear;
        o->answer = done;
        o->filter = *filter;
        o->now = now;
        operation_submit(inv->queue, base);
        return 0;
}

/* --- At once --- */

int inventory_past(const Inventory *inv, const char *text, int64_t now, DevicePast *ret) {
        return device_store_past(operations_store(inv->queue), text, now, ret);
}

size_t inventory_n_waiting(const Inventory *inv, int64_t now) {
        return waiting_count(operations_store(inv->queue), now);
}
