/* SPDX-License-Identifier: MIT */
#include "shared/inventory-drop.h"

#include "shared/device-store.h"

typedef struct DropOperation {
        Operation operation;
        InventoryDropped answer;
        int64_t ended_before;
        uint64_t place;
} DropOperation;

static int work(DeviceStore *s, Operation *base) {
        DropOperation *o = (DropOperation *) base;

        return issued_store_drop(device_store_certificates(s), o->ended_before, &o->place);
}

static void answer(const Operation *base) {
        const DropOperation *o = (const DropOperation *) base;

        o->answer(MIN_OF(base->result, 0), o->place, (unsigned) MAX_OF(base->result, 0), base->userdata);
}

int inventory_drop_ended(Inventory *inv, int64_t ended_before, uint64_t place, InventoryDropped done, void *userdata) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(DropOperation), userdata, &base);
        if (r < 0)
                return r;
        DropOperation *o = (DropOperation *) base;
        base->kind = OPERATION_CHANGE;
        base->work = work;
        base->answer = answer;
        o->answer = done;
        o->ended_before = ended_before;
        o->place = place;
        operation_submit(inv->queue, base);
        return 0;
}
