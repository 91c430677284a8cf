/* SPDX-License-Identifier: MIT */
#include "shared/inventory-last.h"

#define LAST_PER_TURN 16U /* devices: a millisecond or two */
#define LAST_PROBES 256U

typedef struct LastWalk {
        Operation operation;
        InventoryLast each;
        uint64_t place;
} LastWalk;

/* 1: not that one; an error ends it. */
static int tell(DeviceStore *s, const LastWalk *w, const Device *d) {
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        uint64_t place = 0;
        Issued i;

        if (d->disabled)
                return 1;
        int r = issued_store_walk(device_store_certificates(s), d->ek_hash, &place, &i, &record);
        if (r < 0)
                return r == -ENOENT ? 1 : r;
        const LastCertificate last = { .ek_hash = d->ek_hash, .certificate = i.certificate };
        return w->each(0, &last, w->operation.userdata) ? 1 : 0;
}

static int work(DeviceStore *s, Operation *base) {
        LastWalk *w = (LastWalk *) base;
        Device d;

        for (unsigned n = 0; n < LAST_PER_TURN; n++) {
                int r = device_store_walk(s, &w->place, LAST_PROBES, &d);
                if (r < 0 && r != -EAGAIN)
                        return r;
                if (r >= 0)
                        r = tell(s, w, &d);
                if (w->place == 0 || (r <= 0 && r != -EAGAIN))
                        return MIN_OF(r == -EAGAIN ? 0 : r, 0);
        }
        return -EAGAIN;
}

static void answer(const Operation *base) {
        const LastWalk *w = (const LastWalk *) base;

        (void) w->each(base->result, NULL, base->userdata);
}

int inventory_walk_last(Inventory *inv, InventoryLast each, void *userdata) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(LastWalk), userdata, &base);
        if (r < 0)
                return r;
        base->work = work;
        base->answer = answer;
        ((LastWalk *) base)->each = each;
        operation_submit(inv->queue, base);
        return 0;
}
