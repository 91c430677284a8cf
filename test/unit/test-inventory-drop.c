/* SPDX-License-Identifier: MIT */
#include "inventory-loop.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <tdb.h>

#include "shared/inventory-drop.h"
#include "shared/inventory-issued.h"

#define NOW 1000000
#define DAY 86400
#define ITEMS_MAX 256U

static char path[256];

typedef struct Context {
        InventoryLoop loop; /* the first member */
        InventoryEnd end;
        IssuedItem items[ITEMS_MAX];
        LogBytes entries[INVENTORY_LOG_PAGE_MAX];
        Revocation revocations[8];
        size_t n;
        uint64_t next;
        unsigned dropped;
        uint16_t serial; /* given last */
} Context;

static void start(Context *c) {
        loop_start(&c->loop, path);
}

static void stop(Context *c) {
        loop_stop(&c->loop);
}

static void on_recorded(int error, const LogHead *head, void *userdata) {
        on_changed(error, userdata);
}

static void on_end(int error, const InventoryEnd *end, void *userdata) {
        Context *c = userdata;

        if (error >= 0)
                c->end = *end;
        on_changed(error, c);
}

static void on_issued(int error, const IssuedItem *items, size_t n, const char *next, void *userdata) {
        Context *c = userdata;

        if (n > 0)
                memcpy(c->items, items, n * sizeof(*items));
        c->n = n;
        check_str(next, "");
        on_changed(error, c);
}

static void on_log(int error, const LogBytes *entries, size_t n, void *userdata) {
        Context *c = userdata;

        if (n > 0)
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
        on_changed(error, c);
}

static void on_dropped(int error, uint64_t next, unsigned dropped, void *userdata) {
        Context *c = userdata;

        c->next = next;
        c->dropped += dropped;
        check(dropped <= ISSUED_DROPS);
        on_changed(error, c);
}

static void enroll(Context *c, uint8_t hash, const char *name) {
        Device d = { .ek_hash = { hash }, .n_names = 1 };
        uint8_t id[OPERATION_SIZE] = { hash };

        strcpy(d.names[0], name);
        check_int(loop_run(&c->loop, inventory_enroll(c->loop.inv, id, &d, on_changed, c)), 0);
}

static void issue(Context *c, const char *name, int64_t issued, int64_t lifetime, size_t size) {
        static const uint8_t der[ISSUED_CERTIFICATE_MAX] = { 0x30 };
        Issued i = { .issued = issued, .not_after = issued + lifetime, .certificate = VIEW(der, size) };
        uint16_t serial = ++c->serial;

        check_int(loop_run(&c->loop, inventory_lookup(c->loop.inv, name, on_device, c)), 0);
        i.serial[0] = (uint8_t) (serial >> 8);
        i.serial[1] = (uint8_t) serial;
        memcpy(i.ek_hash, c->loop.device.ek_hash, 32);
        check_int(loop_run(&c->loop, inventory_record_issued(c->loop.inv, &i, c->loop.device.version, on_recorded, c)), 0);
}

static unsigned drop(Context *c, int64_t ended_before) {
        c->next = 0;
        c->dropped = 0;
        do
                check_int(loop_run(&c->loop, inventory_drop_ended(c->loop.inv, ended_before, c->next, on_dropped, c)), 0);
        while (c->next > 0);
        return c->dropped;
}

/* Serial numbers, as they come. */
static void check_list(Context *c, const char *device, const char *serials) {
        char found[ITEMS_MAX + 1] = "";

        check_int(loop_run(&c->loop, inventory_list_issued(c->loop.inv, device, "", ITEMS_MAX, on_issued, c)), 0);
        for (size_t i = 0; i < c->n; i++)
                found[i] = (char) ('0' + c->items[i].serial[1]);
        check_str(found, serials);
}

static void check_chain(Context *c, uint64_t count) {
        LogHead head = {}, end = inventory_signed_state(c->loop.inv).head;
        LogEntry e;

        do {
                check_int(loop_run(&c->loop, inventory_list_log(c->loop.inv, head.count + 1, INVENTORY_LOG_PAGE_MAX, on_log, c)), 0);
                for (size_t i = 0; i < c->n; i++)
                        check_int(log_head_advance(&head, log_bytes_view(c->entries + i), &e), 0);
        } while (c->n > 0);
        check_int(head.count, count);
        check_int(end.count, count);
        check(memcmp(head.hash, end.hash, sizeof(end.hash)) == 0);
}

static Context *new_context(void) {
        Context *c = calloc(1, sizeof(*c));

        check(c);
        start(c);
        enroll(c, 0xa1, "alpha");
        enroll(c, 0xb2, "beta");
        return c;
}

static void end_context(Context *c) {
        stop(c);
        free(c);
        check_int(unlink(path), 0);
}

/* alpha has 1, 3, 5 for a day each; beta has 2 for a day, 4 for a hundred, 6 and 7 for a day. */
static void fill(Context *c) {
        for (int n = 1; n <= 7; n++)
                issue(c, n % 2 && n < 7 ? "alpha" : "beta", NOW + n, n == 4 ? 100 * DAY : DAY, 700);
}

static void test_drop(void) {
        Context *c = new_context();
        LogHead head, after;

        fill(c);
        head = inventory_signed_state(c->loop.inv).head;
        struct stat before, then;
        check_int(stat(path, &before), 0);
        (void) usleep(20000);
        check_int(drop(c, NOW + DAY), 0);
        check_int(stat(path, &then), 0); /* a round that finds nothing writes nothing, and waits for no disk */
        check(before.st_mtim.tv_sec == then.st_mtim.tv_sec && before.st_mtim.tv_nsec == then.st_mtim.tv_nsec);
        check_int(inventory_counts(c->loop.inv).dropped_until, 0);
        check_int(drop(c, NOW + 2 + DAY), 1); /* 2 ends at that moment */
        check_list(c, "", "765432");
        check_list(c, "alpha", "53");
        check_int(inventory_counts(c->loop.inv).dropped_until, NOW + 2 + DAY);
        check_int(drop(c, NOW + 2 * DAY), 3);
        check_list(c, "", "754"); /* the last of each, and what has not ended */
        check_list(c, "beta", "74");
        check_list(c, "alpha", "5");
        check_int(inventory_counts(c->loop.inv).held, 3);
        check_int(inventory_counts(c->loop.inv).issued, 7);
        check_int(drop(c, NOW + 2 * DAY), 0);
        check_int(inventory_counts(c->loop.inv).dropped_until, NOW + 2 * DAY);
        after = inventory_signed_state(c->loop.inv).head;
        check(after.count == head.count && memcmp(head.hash, after.hash, sizeof(head.hash)) == 0);
        check_chain(c, 7);
        stop(c);
        start(c);
        check_int(inventory_counts(c->loop.inv).held, 3);
        check_int(inventory_counts(c->loop.inv).dropped_until, NOW + 2 * DAY);
        check_list(c, "beta", "74");
        end_context(c);
}

/* What a device still holds is found behind what was dropped. */
static void test_revoke(void) {
        InventoryRevocation how = { .reason = REVOKED_SUPERSEDED, .now = NOW + 3 * DAY };
        uint8_t id[OPERATION_SIZE] = { 1 };
        Context *c = new_context();

        fill(c);
        issue(c, "beta", NOW + 8, DAY, 700);
        check_int(drop(c, NOW + 3 * DAY), 5);
        check_int(loop_run(&c->loop, inventory_revoke(c->loop.inv, id, "beta", &how, on_end, c)), 0);
        check_int(c->end.revoked, 1);
        check_int(c->end.until, NOW + 4 + 100 * DAY);
        check_int(loop_run(&c->loop, inventory_revoked(c->loop.inv, NOW + 3 * DAY, on_revoked, c)), 0);
        check_int(c->n, 1);
        check_int(c->revocations[0].serial[1], 4);
        /* It is on the list until its end, and so long it is kept. */
        check_int(drop(c, NOW + 4 + 100 * DAY), 0);
        check_list(c, "beta", "84");
        check_int(drop(c, NOW + 5 + 100 * DAY), 1);
        check_list(c, "beta", "8");
        check_int(loop_run(&c->loop, inventory_revoked(c->loop.inv, NOW + 3 * DAY, on_revoked, c)), 0);
        check_int(c->n, 1);
        check_chain(c, 8);
        issue(c, "alpha", NOW + 200 * DAY, DAY, 700);
        check_list(c, "alpha", "95");
        end_context(c);
}

/* Who is not in the inventory keeps none; whoever comes back begins anew. */
static void test_removed(void) {
        uint8_t id[OPERATION_SIZE] = { 2 };
        Context *c = new_context();
        char hash[DEVICE_HASH_TEXT + 1];

        fill(c);
        device_hash_format((const uint8_t[32]) { 0xb2 }, hash);
        check_int(loop_run(&c->loop, inventory_remove(c->loop.inv, id, "beta", on_device, c)), 0);
        check_int(drop(c, NOW + 2 * DAY), 5);
        check_list(c, hash, "4");
        check_int(drop(c, NOW + 200 * DAY), 1);
        check_list(c, hash, "");
        enroll(c, 0xb2, "beta");
        check_list(c, "beta", "");
        issue(c, "beta", NOW + 200 * DAY, DAY, 700);
        issue(c, "beta", NOW + 200 * DAY, DAY, 700);
        check_list(c, "beta", "98");
        check_list(c, "", "985");
        check_int(drop(c, NOW + 300 * DAY), 1);
        check_list(c, "", "95");
        check_chain(c, 9);
        end_context(c);
}

/* Long-lived ones of one device, one after the other, with what was dropped between them. */
static void test_gaps(void) {
        Context *c = new_context();

        for (int n = 1; n <= 9; n++)
                issue(c, "alpha", NOW + n, n == 2 || n == 5 ? n * 100 * DAY : DAY, 700);
        check_int(drop(c, NOW + 2 * DAY), 6);
        check_list(c, "alpha", "952");
        check_int(drop(c, NOW + 300 * DAY), 1);
        check_list(c, "alpha", "95");
        check_int(drop(c, NOW + 600 * DAY), 1);
        check_list(c, "alpha", "9");
        issue(c, "alpha", NOW + 600 * DAY, DAY, 700);
        check_list(c, "alpha", ":9");
        check_int(drop(c, NOW + 700 * DAY), 1);
        check_list(c, "alpha", ":");
        end_context(c);
}

/* What came before entries said when a certificate ends stays: nothing else would tell that it is rightly gone. */
static void test_old(void) {
        Context *c = new_context();
        struct tdb_context *tdb;

        fill(c);
        stop(c);
        tdb = tdb_open(path, 100003, TDB_NOMMAP | TDB_INCOMPATIBLE_HASH, O_RDWR, 0600);
        check(tdb);
        uint8_t key[1 + AK_SERIAL_SIZE] = { 'i', 0, 1 };
        TDB_DATA d = tdb_fetch(tdb, (TDB_DATA) { key, sizeof(key) });
        ByteView body;
        check_int(record_unseal(VIEW_ARRAY(key), VIEW(d.dptr, d.dsize), &body), 0);
        uint8_t record[ISSUED_RECORD_MAX];
        ByteWriter w = WRITER(record, sizeof(record));
        write_view(&w, body);
        record[0] = 2;
        check_int(record_seal(VIEW_ARRAY(key), &w), 0);
        check_int(w.size, d.dsize);
        check_int(tdb_store(tdb, (TDB_DATA) { key, sizeof(key) }, (TDB_DATA) { record, w.size }, TDB_REPLACE), 0);
        free(d.dptr);
        check_int(tdb_close(tdb), 0);
        start(c);
        check_int(drop(c, NOW + 2 * DAY), 3);
        check_list(c, "", "7541");
        end_context(c);
}

static uint64_t file_size(const Context *c) {
        uint64_t size;

        check_int(inventory_file_size(c->loop.inv, &size), 0);
        return size;
}

#define ROUND 200
#define SIZE 1200U

/* The room of what was dropped is used again: only the record grows. */
static void test_size(void) {
        Context *c = new_context();
        uint64_t sizes[10] = {};

        for (int round = 0; round < 10; round++) {
                for (int n = 0; n < ROUND; n++)
                        issue(c, n % 2 ? "alpha" : "beta", NOW + round * DAY, DAY / 2, SIZE);
                check_int(drop(c, NOW + (round + 1) * DAY), round == 0 ? ROUND - 2 : ROUND);
                check_int(inventory_counts(c->loop.inv).held, 2);
                sizes[round] = file_size(c);
        }
        check(sizes[9] - sizes[0] < 10 * ROUND * SIZE / 2); /* the file grows in steps */
        check_chain(c, 10 * ROUND);
        end_context(c);
}

int main(void) {
        char dir[] = "/tmp/test-inventory-drop-XXXXXX";

        check(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/inventory.tdb", dir);
        test_drop();
        test_revoke();
        test_removed();
        test_gaps();
        test_old();
        test_size();
        (void) strcat(path, ".lock");
        check_int(unlink(path), 0);
        check_int(rmdir(dir), 0);
        return EXIT_SUCCESS;
}
