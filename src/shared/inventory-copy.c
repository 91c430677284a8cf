/* SPDX-License-Identifier: MIT */
#include "shared/inventory-copy.h"

#include "shared/device-store.h"

#define CHUNK_SIZE (1024U * 1024)

typedef struct CopyOperation {
        Operation operation;
        InventoryCopy copy;
        uint64_t at, size;
        bool begun;
} CopyOperation;

static void answer_copy(const Operation *base) {
        const CopyOperation *o = (const CopyOperation *) base;

        o->copy.done(base->result, base->userdata);
}

static int work_copy(DeviceStore *s, Operation *base) {
        CopyOperation *o = (CopyOperation *) base;

        if (!o->begun) {
                o->begun = true;
                int r = record_store_size(s->records, &o->size);
                if (r >= 0)
                        r = o->copy.begin(o->size, base->userdata);
                if (r < 0)
                        return r;
        }
        size_t n = (size_t) MIN_OF(o->size - o->at, (uint64_t) CHUNK_SIZE);
        int r = record_store_copy(s->records, o->at, n, o->copy.fd);
        if (r < 0)
                return r;
        o->at += n;
        return o->at < o->size ? -EAGAIN : 0;
}

int inventory_copy(Inventory *inv, const InventoryCopy *copy, void *userdata) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(CopyOperation), userdata, &base);
        if (r < 0)
                return r;
        base->kind = OPERATION_ALONE;
        base->work = work_copy;
        base->answer = answer_copy;
        ((CopyOperation *) base)->copy = *copy;
        operation_submit(inv->queue, base);
        return 0;
}

int inventory_check_file(const char *path) {
        DeviceStore *s;
        bool healed;

        int r = device_store_open(path, &s, &healed);
        if (r >= 0)
                device_store_free(s);
        return r;
}
