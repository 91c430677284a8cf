/* SPDX-License-Identifier: MIT */
#include "protocol/device-change.h"
#include "shared/inventory-issued.h"
#include "shared/inventory-last.h"
#include "inventory-loop.h"

#define DEVICES 600U /* more than in one turn, and more places than are looked at at once */
#define NOW 1000000

typedef struct Context {
        InventoryLoop loop; /* the first member */
        unsigned told[DEVICES], n, max; /* the serial that was told of each; how many are wanted */
} Context;

static void on_end(int error, const InventoryEnd *end, void *userdata) {
        on_changed(error, userdata);
}

static void on_recorded(int error, const LogHead *head, void *userdata) {
        on_changed(error, userdata);
}

static bool on_last(int error, const LastCertificate *last, void *userdata) {
        Context *c = userdata;

        if (!last) {
                on_changed(error, c);
                return false;
        }
        unsigned n = last->ek_hash[0] * 256U + last->ek_hash[1];
        check(n < DEVICES && last->certificate.size == 2);
        check_int(c->told[n], 0);
        c->told[n] = last->certificate.data[1];
        c->n++;
        return c->n < c->max;
}

static void name_of(unsigned n, char ret[static DEVICE_NAME_MAX + 1]) {
        (void) snprintf(ret, DEVICE_NAME_MAX + 1, "d%u", n);
}

static void enroll(Context *c, unsigned n) {
        Device d = { .ek_hash = { (uint8_t) (n >> 8), (uint8_t) n }, .n_names = 1 };
        uint8_t id[OPERATION_SIZE] = { 1, (uint8_t) (n >> 8), (uint8_t) n };

        name_of(n, d.names[0]);
        check_int(loop_run(&c->loop, inventory_enroll(c->loop.inv, id, &d, on_changed, c)), 0);
}

static void issue(Context *c, unsigned n, uint8_t serial) {
        const uint8_t certificate[2] = { 0, serial };
        Issued i = { .serial = { serial, (uint8_t) (n >> 8), (uint8_t) n }, .issued = NOW, .not_after = NOW + 1000,
                     .certificate = VIEW_ARRAY(certificate) };
        char name[DEVICE_NAME_MAX + 1];

        name_of(n, name);
        check_int(loop_run(&c->loop, inventory_lookup(c->loop.inv, name, on_device, c)), 0);
        memcpy(i.ek_hash, c->loop.device.ek_hash, sizeof(i.ek_hash));
        check_int(loop_run(&c->loop, inventory_record_issued(c->loop.inv, &i, c->loop.device.version, on_recorded, c)), 0);
}

static int walk(Context *c, unsigned max) {
        memset(c->told, 0, sizeof(c->told));
        c->n = 0;
        c->max = max;
        return loop_run(&c->loop, inventory_walk_last(c->loop.inv, on_last, c));
}

static void test_the_last_of_each(Context *c) {
        uint8_t id[OPERATION_SIZE] = { 2 };

        check_int(walk(c, DEVICES), 0);
        check_int(c->n, 0);
        for (unsigned n = 0; n < DEVICES; n++)
                enroll(c, n);
        check_int(walk(c, DEVICES), 0);
        check_int(c->n, 0);
        for (unsigned n = 0; n < DEVICES; n += n == 40 ? 500 : 1) { /* then none for long */
                issue(c, n, 1);
                if (n % 2)
                        issue(c, n, 2);
        }
        const DeviceChange off = { .fields = DEVICE_CHANGE_DISABLED, .disabled = true };
        check_int(loop_run(&c->loop, inventory_change(c->loop.inv, id, "d7", &off, on_end, c)), 0);
        id[1]++;
        check_int(loop_run(&c->loop, inventory_remove(c->loop.inv, id, "d9", on_device, c)), 0);
        check_int(walk(c, DEVICES), 0);
        check_int(c->n, 41 + 60 - 2);
        for (unsigned n = 0; n < DEVICES; n++)
                check_int(c->told[n], n == 7 || n == 9 || (n > 40 && n < 540) ? 0 : n % 2 ? 2 : 1);
}

/* Others are answered meanwhile, and who has enough says so. */
static void test_slices_and_an_end(Context *c) {
        memset(c->told, 0, sizeof(c->told));
        c->n = 0;
        c->max = DEVICES;
        check_int(inventory_walk_last(c->loop.inv, on_last, c), 0);
        check_int(loop_run(&c->loop, inventory_lookup(c->loop.inv, "d1", on_device, c)), 0);
        check(c->n < 41);
        c->loop.open = true;
        while (c->loop.open)
                check(sd_event_run(c->loop.event, 10 * 1000 * 1000) > 0);
        check_int(c->n, 99);
        check_int(walk(c, 20), 0);
        check_int(c->n, 20);
}

int main(void) {
        char directory[] = "/tmp/test-inventory-last-XXXXXX", path[sizeof(directory) + 32];
        Context c = {};

        check(mkdtemp(directory));
        (void) snprintf(path, sizeof(path), "%s/inventory", directory);
        loop_start(&c.loop, path);
        test_the_last_of_each(&c);
        test_slices_and_an_end(&c);
        check_int(inventory_walk_last(c.loop.inv, on_last, &c), 0); /* is never answered */
        loop_stop(&c.loop);
        check_int(unlink(path), 0);
        (void) strcat(path, ".lock");
        check_int(unlink(path), 0);
        check_int(rmdir(directory), 0);
        return EXIT_SUCCESS;
}
