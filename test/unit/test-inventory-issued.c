/* SPDX-License-Identifier: MIT */
#include "inventory-loop.h"

#include <fcntl.h>
#include <tdb.h>

#include "protocol/device-record.h"
#include "shared/inventory-issued.h"

#define NOW 1000000

static char path[256];

typedef struct Context {
        InventoryLoop loop; /* the first member */
        LogHead head;
        InventoryEnd end;
        bool of_device;
        IssuedItem items[8];
        size_t n;
        char next[32];
        LogBytes entries[8];
        Revocation revocations[8];
        uint64_t n_revocations;
        char text[64];
} Context;

static void start(Context *c) {
        *c = (Context) {};
        loop_start(&c->loop, path);
}

static void stop(Context *c) {
        loop_stop(&c->loop);
}

static void on_recorded(int error, const LogHead *head, void *userdata) {
        Context *c = userdata;

        if (error >= 0)
                c->head = *head;
        on_changed(error, c);
}

static void on_end(int error, const InventoryEnd *end, void *userdata) {
        Context *c = userdata;

        if (error >= 0) {
                c->end = *end;
                c->of_device = end->device;
                if (end->device)
                        c->loop.device = *end->device;
        }
        on_changed(error, c);
}

static void on_issued(int error, const IssuedItem *items, size_t n, const char *next, void *userdata) {
        Context *c = userdata;

        check(n <= ELEMENTSOF(c->items));
        memcpy(c->items, items, n * sizeof(*items));
        c->n = n;
        strcpy(c->next, next);
        on_changed(error, c);
}

static void on_log(int error, const LogBytes *entries, size_t n, void *userdata) {
        Context *c = userdata;

        check(n <= ELEMENTSOF(c->entries));
        memcpy(c->entries, entries, n * sizeof(*entries));
        c->n = n;
        on_changed(error, c);
}

static void on_revoked(int error, const Revocation *list, size_t n, uint64_t revocations, void *userdata) {
        Context *c = userdata;

        check(n <= ELEMENTSOF(c->revocations));
        if (n > 0)
                memcpy(c->revocations, list, n * sizeof(*list));
        c->n = n;
        c->n_revocations = revocations;
        on_changed(error, c);
}

static void on_text(int error, ByteView text, void *userdata) {
        Context *c = userdata;

        if (error >= 0)
                memcpy(c->text, text.data, MIN_OF(text.size, sizeof(c->text) - 1));
        on_changed(error, c);
}

static void enroll(Context *c, uint8_t hash, const char *name) {
        Device d = { .ek_hash = { hash }, .n_names = 1 };
        uint8_t id[OPERATION_SIZE] = { hash };

        strcpy(d.names[0], name);
        check_int(loop_run(&c->loop, inventory_enroll(c->loop.inv, id, &d, on_changed, c)), 0);
        check_int(loop_run(&c->loop, inventory_lookup(c->loop.inv, name, on_device, c)), 0);
}

/* For the device looked up last. */
static int issue(Context *c, uint8_t serial, int64_t not_after) {
        char certificate[] = "certificate 0";
        Issued i = { .serial = { serial }, .issued = NOW + serial, .not_after = not_after,
                     .certificate = VIEW_STR(certificate) };

        certificate[12] = (char) ('0' + serial);
        memcpy(i.ek_hash, c->loop.device.ek_hash, 32);
        return loop_run(&c->loop, inventory_record_issued(c->loop.inv, &i, c->loop.device.version, on_recorded, c));
}

static int list(Context *c, const char *device, const char *cursor, size_t max) {
        return loop_run(&c->loop, inventory_list_issued(c->loop.inv, device, cursor, max, on_issued, c));
}

static int revoke_it(Context *c, const char *what, int64_t now) {
        static uint8_t id[OPERATION_SIZE] = { 0xee };
        InventoryRevocation how = { .reason = REVOKED_SUPERSEDED, .now = now };

        id[1]++;
        return loop_run(&c->loop, inventory_revoke(c->loop.inv, id, what, &how, on_end, c));
}

static const char *serial_text(uint8_t serial, char ret[static 2 * AK_SERIAL_SIZE + 1]) {
        uint8_t s[AK_SERIAL_SIZE] = { serial };

        hex_encode(VIEW_ARRAY(s), ret);
        return ret;
}

/* 1 to 5: alpha, beta, alpha, beta, alpha. */
static void fill(Context *c) {
        enroll(c, 0xa1, "alpha");
        enroll(c, 0xb2, "beta");
        for (uint8_t serial = 1; serial <= 5; serial++) {
                check_int(loop_run(&c->loop, inventory_lookup(c->loop.inv, serial % 2 ? "alpha" : "beta", on_device, c)), 0);
                check_int(issue(c, serial, NOW + 1000 * serial), 0);
                check_int(c->head.count, serial);
        }
}

static void check_list(const Context *c, const char *serials) {
        check_int(c->n, strlen(serials));
        for (size_t i = 0; i < c->n; i++)
                check_int(c->items[i].serial[0], serials[i] - '0');
}

static void test_lists(void) {
        Context c;

        start(&c);
        check_int(list(&c, "", "", 8), 0);
        check_int(c.n, 0);
        fill(&c);
        check_int(list(&c, "", "", 8), 0);
        check_list(&c, "54321");
        check_str(c.next, "");
        check_int(c.items[0].not_after, NOW + 5000);
        check_int(c.items[0].ek_hash[0], 0xa1);
        check_int(list(&c, "", "", 2), 0);
        check_list(&c, "54");
        check_int(list(&c, "", c.next, 3), 0);
        check_list(&c, "321");
        check_str(c.next, "");
        check_int(list(&c, "ALPHA", "", 2), 0);
        check_list(&c, "53");
        check_int(list(&c, "alpha", c.next, 8), 0);
        check_list(&c, "1");
        check_int(list(&c, "gamma", "", 8), -ENOENT);
        check_int(list(&c, "", "99", 8), 0);
        check_int(c.n, 0);
        check_int(inventory_list_issued(c.loop.inv, "", "x", 8, on_issued, &c), -EINVAL);
        check_int(inventory_list_issued(c.loop.inv, "", "0", 8, on_issued, &c), -EINVAL);
        check_int(inventory_list_issued(c.loop.inv, "", "", 0, on_issued, &c), -EINVAL);
        stop(&c);
}

/* In the file that the test before left. */
static void test_log(void) {
        LogHead head = {};
        LogEntry e;
        Context c;

        start(&c);
        check_int(inventory_signed_state(c.loop.inv).head.count, 5);
        check_int(loop_run(&c.loop, inventory_list_log(c.loop.inv, 1, 8, on_log, &c)), 0);
        check_int(c.n, 5);
        for (size_t i = 0; i < c.n; i++) {
                check_int(log_head_advance(&head, log_bytes_view(c.entries + i), &e), 0);
                check_int(e.kind, LOG_AK_CERTIFICATE);
                check_int(e.not_after, NOW + 1000 * (int64_t) (i + 1));
                check_int(e.serial[0], i + 1);
                check_int(e.ek_hash[0], i % 2 ? 0xb2 : 0xa1);
        }
        check(memcmp(head.hash, inventory_signed_state(c.loop.inv).head.hash, sizeof(head.hash)) == 0);
        check_int(loop_run(&c.loop, inventory_list_log(c.loop.inv, 4, 1, on_log, &c)), 0);
        check_int(c.n, 1);
        check_int(loop_run(&c.loop, inventory_list_log(c.loop.inv, 6, 8, on_log, &c)), 0);
        check_int(c.n, 0);
        check_int(inventory_list_log(c.loop.inv, 0, 8, on_log, &c), -EINVAL);

        /* The same certificate again is no second entry; another one with its serial is refused. */
        check_int(loop_run(&c.loop, inventory_lookup(c.loop.inv, "alpha", on_device, &c)), 0);
        check_int(issue(&c, 5, NOW + 5000), 0);
        check_int(c.head.count, 5);
        check_int(issue(&c, 5, NOW + 5001), -EEXIST);
        e = (LogEntry) { .kind = LOG_ROOT, .time = NOW, .signed_hash = { 1 } };
        check_int(loop_run(&c.loop, inventory_record_signed(c.loop.inv, &e, on_recorded, &c)), 0);
        check_int(c.head.count, 6);
        check_int(loop_run(&c.loop, inventory_record_signed(c.loop.inv, &e, on_recorded, &c)), 1);
        check_int(inventory_signed_state(c.loop.inv).head.count, 6);
        stop(&c);
}

static void test_revoke(void) {
        char text[2 * AK_SERIAL_SIZE + 1];
        Context c;

        start(&c);
        check_int(revoke_it(&c, serial_text(3, text), NOW + 10), 0);
        check_int(c.end.revoked, 1);
        check(!c.of_device);
        check_int(c.end.until, NOW + 3000);
        check_int(revoke_it(&c, text, NOW + 11), 0);
        check_int(c.end.revoked, 0);
        check_int(revoke_it(&c, serial_text(9, text), NOW), -ENOENT);
        check_int(revoke_it(&c, "nobody", NOW), -ENOENT);
        check_int(list(&c, "alpha", "", 8), 0);
        check_int(c.items[1].revoked, NOW + 10);
        check_int(c.items[1].reason, REVOKED_SUPERSEDED);
        check_int(c.items[0].revoked, 0);

        /* A device: what is valid of it, and no new one; certificate 1 is over, 3 was revoked before. */
        check_int(revoke_it(&c, "alpha", NOW + 1500), 0);
        check(c.of_device && c.loop.device.disabled);
        check_int(c.end.revoked, 1);
        check_int(c.end.until, NOW + 5000);
        check_int(issue(&c, 6, NOW + 9000), -ESTALE);

        check_int(loop_run(&c.loop, inventory_revoked(c.loop.inv, NOW + 1500, on_revoked, &c)), 0);
        check_int(c.n, 2);
        check_int(c.n_revocations, 2);
        check_int(c.revocations[0].serial[0], 3);
        check_int(loop_run(&c.loop, inventory_revoked(c.loop.inv, NOW + 3001, on_revoked, &c)), 0);
        check_int(c.n, 1);
        check_int(c.revocations[0].serial[0], 5);
        check_int(loop_run(&c.loop, inventory_revoked(c.loop.inv, NOW + 5001, on_revoked, &c)), 0);
        check_int(c.n, 0);
        stop(&c);
}

static void test_remove(void) {
        uint8_t id[OPERATION_SIZE] = { 77 };
        char hash[DEVICE_HASH_TEXT + 1];
        uint8_t bytes[32] = { 0xb2 };
        Context c;

        start(&c);
        device_hash_format(bytes, hash);
        check_int(loop_run(&c.loop, inventory_remove_and_revoke(c.loop.inv, id, "beta", NOW + 2500, on_end, &c)), 0);
        check_int(c.end.revoked, 1);
        check_int(c.end.until, NOW + 4000);
        check_int(c.end.last, NOW + 4000);
        check_str(c.loop.device.names[0], "beta");
        check_int(loop_run(&c.loop, inventory_lookup(c.loop.inv, "beta", on_device, &c)), -ENOENT);
        check_int(list(&c, "beta", "", 8), -ENOENT);
        check_int(list(&c, hash, "", 8), 0);
        check_list(&c, "42");
        check_int(c.items[0].revoked, NOW + 2500);
        check_int(c.items[0].reason, REVOKED_CESSATION_OF_OPERATION);
        check_int(c.items[1].revoked, 0); /* was over */
        /* The answer got lost. */
        check_int(loop_run(&c.loop, inventory_remove_and_revoke(c.loop.inv, id, hash, NOW + 2600, on_end, &c)), 0);
        check_int(c.end.revoked, 0);
        check_int(c.end.until, NOW + 4000);
        stop(&c);
}

static void test_crl(void) {
        SignedState next;
        LogEntry e = { .kind = LOG_CRL, .time = NOW, .signed_hash = { 2 } };
        Context c;

        start(&c);
        check_int(loop_run(&c.loop, inventory_get_crl(c.loop.inv, on_text, &c)), -ENOENT);
        next = (SignedState) { .crl_number = 1, .crl_covers = 3, .crl_next_update = 99 };
        check_int(loop_run(&c.loop, inventory_put_crl(c.loop.inv, &next, &e, VIEW_STR("a list"), on_recorded, &c)), 0);
        check_int(c.head.count, 7);
        check_int(loop_run(&c.loop, inventory_put_crl(c.loop.inv, &next, &e, VIEW_STR("another"), on_recorded, &c)), -EEXIST);
        stop(&c);
        start(&c);
        check_int(loop_run(&c.loop, inventory_get_crl(c.loop.inv, on_text, &c)), 0);
        check_str(c.text, "a list");
        check_int(inventory_signed_state(c.loop.inv).crl_number, 1);
        check_int(inventory_signed_state(c.loop.inv).crl_covers, 3);
        check_int(inventory_signed_state(c.loop.inv).crl_next_update, 99);
        check_int(inventory_signed_state(c.loop.inv).revocations, 3);
        stop(&c);
}

/* A file of before: no listing, no record, and certificates of version 1. */
static void test_adopt(void) {
        struct tdb_context *tdb = tdb_open(path, 100003, TDB_NOMMAP | TDB_INCOMPATIBLE_HASH, O_RDWR | O_CREAT, 0600);
        Context c;

        check(tdb);
        for (uint8_t n = 1; n <= 3; n++) {
                uint8_t key[1 + AK_SERIAL_SIZE] = { 'i', n }, record[256];
                ByteWriter w = WRITER(record, sizeof(record));
                uint8_t serial[AK_SERIAL_SIZE] = { n }, hash[32] = { 0xa1 };
                write_u8(&w, 1);
                write_bytes(&w, serial, sizeof(serial));
                write_bytes(&w, hash, sizeof(hash));
                write_u64(&w, (uint64_t) (NOW - n)); /* the last one is the oldest */
                write_u64(&w, NOW + 100);
                write_u16(&w, 3);
                write_bytes(&w, "der", 3);
                check_int(record_seal(VIEW_ARRAY(key), &w), 0);
                check_int(tdb_store(tdb, (TDB_DATA) { key, sizeof(key) }, (TDB_DATA) { record, w.size }, TDB_INSERT), 0);
        }
        check_int(tdb_close(tdb), 0);

        start(&c);
        check_int(inventory_signed_state(c.loop.inv).head.count, 3);
        check_int(list(&c, "", "", 8), 0);
        check_list(&c, "123");
        stop(&c);
        start(&c); /* once */
        check_int(inventory_signed_state(c.loop.inv).head.count, 3);
        stop(&c);
}

int main(void) {
        char dir[] = "/tmp/test-inventory-issued-XXXXXX";

        check(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/inventory.tdb", dir);
        test_lists();
        test_log();
        test_revoke();
        test_remove();
        test_crl();
        check_int(unlink(path), 0);
        test_adopt();
        check_int(unlink(path), 0);
        (void) strcat(path, ".lock");
        check_int(unlink(path), 0);
        check_int(rmdir(dir), 0);
        return EXIT_SUCCESS;
}
