/* SPDX-License-Identifier: MIT */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "shared/inventory-issued.h"
#include "shared/record-store.h"

static char path[256];

typedef struct Context {
        sd_event *event;
        Inventory *inv;
        unsigned open;
        int error;
        Device device;
        Device page[8];
        size_t n_page;
        char next[32];
        LogHead head;
        InventoryEnd end;
} Context;

static void start(Context *c) {
        bool healed;

        *c = (Context) {};
        check_int(sd_event_new(&c->event), 0);
        check_int(inventory_open(path, c->event, &c->inv, &healed), 0);
        check(!healed);
}

static void stop(Context *c) {
        c->inv = inventory_free(c->inv);
        c->event = sd_event_unref(c->event);
}

static void run(Context *c) {
        while (c->open > 0)
                check(sd_event_run(c->event, 10 * 1000 * 1000) > 0);
}

static void on_changed(int error, void *userdata) {
        Context *c = userdata;
        c->error = error;
        c->open--;
}

static void on_recorded(int error, const LogHead *head, void *userdata) {
        Context *c = userdata;
        c->error = error;
        if (error >= 0)
                c->head = *head;
        else
                check(!head);
        c->open--;
}

static void on_device(int error, const Device *d, void *userdata) {
        Context *c = userdata;
        c->error = error;
        if (error >= 0)
                c->device = *d;
        else
                check(!d);
        c->open--;
}

static void on_end(int error, const InventoryEnd *end, void *userdata) {
        Context *c = userdata;

        if (error >= 0)
                c->end = *end;
        on_device(error, error < 0 ? NULL : end->device, userdata);
}

static void on_page(int error, const Device *d, size_t n, const char *next, void *userdata) {
        Context *c = userdata;
        c->error = error;
        c->n_page = n;
        check(n <= ELEMENTSOF(c->page));
        if (n > 0)
                memcpy(c->page, d, n * sizeof(*d));
        strcpy(c->next, next);
        c->open--;
}

static Device device(unsigned i, const char *name) {
        Device d = { .ek_hash = { (uint8_t) (i >> 8), (uint8_t) i }, .created = 1000 + i };
        if (name) {
                d.n_names = 1;
                strcpy(d.names[0], name);
        }
        return d;
}

static void operation(uint8_t ret[static OPERATION_SIZE]) {
        static uint32_t counter;
        memset(ret, 0, OPERATION_SIZE);
        memcpy(ret, &(uint32_t) { ++counter }, sizeof(counter));
}

static int enroll(Context *c, const Device *d) {
        uint8_t id[OPERATION_SIZE];

        operation(id);
        c->open++;
        check_int(inventory_enroll(c->inv, id, d, on_changed, c), 0);
        run(c);
        return c->error;
}

static int lookup(Context *c, const char *name) {
        c->open++;
        check_int(inventory_lookup(c->inv, name, on_device, c), 0);
        run(c);
        return c->error;
}

static int remove_device(Context *c, const char *name) {
        uint8_t id[OPERATION_SIZE];

        operation(id);
        c->open++;
        check_int(inventory_remove(c->inv, id, name, on_device, c), 0);
        run(c);
        return c->error;
}

static int record(Context *c, uint8_t serial, const Device *d, uint64_t version) {
        Issued i = { .serial = { serial }, .issued = 77, .not_after = 99, .certificate = VIEW_STR("certificate") };

        memcpy(i.ek_hash, d->ek_hash, 32);
        c->open++;
        check_int(inventory_record_issued(c->inv, &i, version, on_recorded, c), 0);
        run(c);
        return c->error;
}

static void test_devices(void) {
        Context c;
        Device a = device(1, "Alpha"), b = device(2, "beta"), bare = device(3, NULL);
        char hash[DEVICE_HASH_TEXT + 1];

        start(&c);
        check_int(lookup(&c, "alpha"), -ENOENT);
        check_int(enroll(&c, &a), 0);
        check_int(enroll(&c, &b), 0);
        check_int(enroll(&c, &bare), 0);
        check_int(enroll(&c, &a), -EEXIST);
        Device thief = device(4, "ALPHA");
        check_int(enroll(&c, &thief), -ENOTUNIQ);
        Device bad = device(5, "*.alpha");
        check_int(enroll(&c, &bad), -EINVAL);
        check_int(inventory_counts(c.inv).devices, 3);

        check_int(lookup(&c, "ALPHA"), 0);
        check_str(c.device.names[0], "Alpha");
        device_hash_format(bare.ek_hash, hash);
        check_int(lookup(&c, hash), 0);
        check_int(c.device.n_names, 0);
        check_int(lookup(&c, "no such/name"), -ENOENT);

        /* Everything is there after a restart, and a removed name is free again. */
        stop(&c);
        start(&c);
        check_int(inventory_counts(c.inv).devices, 3);
        check_int(lookup(&c, "beta"), 0);
        check_int(remove_device(&c, "BETA"), 0);
        check_str(c.device.names[0], "beta");
        check_int(lookup(&c, "beta"), -ENOENT);
        check_int(remove_device(&c, "beta"), -ENOENT);
        Device heir = device(6, "beta");
        check_int(enroll(&c, &heir), 0);
        check_int(inventory_counts(c.inv).devices, 3);
        check_int(remove_device(&c, "alpha"), 0);
        check_int(remove_device(&c, "beta"), 0);
        check_int(remove_device(&c, hash), 0);
        check_int(inventory_counts(c.inv).devices, 0);
        stop(&c);
}

static void test_repetition(void) {
        Context c;
        Device d = device(20, "again");
        uint8_t id[OPERATION_SIZE] = { 0xee }, remove_id[OPERATION_SIZE] = { 0xef };
        char hash[DEVICE_HASH_TEXT + 1];

        start(&c);
        for (unsigned i = 0; i < 2; i++) {
                c.open++;
                check_int(inventory_enroll(c.inv, id, &d, on_changed, &c), 0);
                run(&c);
                check_int(c.error, 0);
        }
        check_int(inventory_counts(c.inv).devices, 1);
        device_hash_format(d.ek_hash, hash);
        for (unsigned i = 0; i < 2; i++) {
                c.open++;
                check_int(inventory_remove(c.inv, remove_id, hash, on_device, &c), 0);
                run(&c);
                check_int(c.error, 0);
                check_str(c.device.names[0], "again");
        }
        check_int(inventory_counts(c.inv).devices, 0);
        stop(&c);
}

static void test_pages(void) {
        Context c;
        unsigned seen = 0;
        const char *cursor = "";

        start(&c);
        for (unsigned i = 100; i < 120; i++) {
                Device d = device(i, NULL);
                check_int(enroll(&c, &d), 0);
        }
        /* A hole in the middle, and pages that do not divide evenly. */
        Device hole = device(107, NULL);
        char hash[DEVICE_HASH_TEXT + 1];
        device_hash_format(hole.ek_hash, hash);
        check_int(remove_device(&c, hash), 0);

        unsigned expected = 100;
        do {
                c.open++;
                check_int(inventory_list(c.inv, cursor, 8, on_page, &c), 0);
                run(&c);
                check_int(c.error, 0);
                for (size_t i = 0; i < c.n_page; i++, expected++) {
                        if (expected == 107)
                                expected++;
                        check_int(c.page[i].ek_hash[1], expected);
                        seen++;
                }
                cursor = c.next;
        } while (*cursor);
        check_int(seen, 19);

        static const char *const bad[] = { "x", "-1", "0", "1x", " 1", "99999999999999999999999" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(inventory_list(c.inv, bad[i], 8, on_page, &c), -EINVAL);
        check_int(inventory_list(c.inv, "", 0, on_page, &c), -EINVAL);
        check_int(inventory_list(c.inv, "", INVENTORY_PAGE_MAX + 1, on_page, &c), -EINVAL);
        stop(&c);
}

static bool any_record(ByteView key, ByteView value) {
        return true;
}

static void test_issued(void) {
        Context c;
        Device d = device(30, "issued-to");

        start(&c);
        uint64_t before = inventory_counts(c.inv).issued;
        check_int(enroll(&c, &d), 0);
        check_int(lookup(&c, "issued-to"), 0);
        uint64_t version = c.device.version;
        check_int(record(&c, 1, &d, version), 0);
        check_int(record(&c, 1, &d, version), 0); /* the same operation again */
        check_int(record(&c, 2, &d, version + 1), -ESTALE);
        check_int(lookup(&c, "issued-to"), 0);
        check_int(c.device.issued, 1);
        check_int(c.device.last_issued, 77);
        check_int(inventory_counts(c.inv).issued, before + 1);

        /* Removed and enrolled anew in between: another version. */
        check_int(remove_device(&c, "issued-to"), 0);
        check_int(record(&c, 3, &d, version), -ESTALE);
        check_int(enroll(&c, &d), 0);
        check_int(record(&c, 3, &d, version), -ESTALE);
        stop(&c);
}

static int change(Context *c, const char *name, const DeviceChange *what) {
        uint8_t id[OPERATION_SIZE];

        operation(id);
        c->open++;
        check_int(inventory_change(c->inv, id, name, what, on_end, c), 0);
        run(c);
        return c->error;
}

static void test_change(void) {
        DeviceChange rename = { .fields = DEVICE_CHANGE_NAMES, .names = { .n = 1, .list = { "renamed" } } };
        DeviceChange end = { .fields = DEVICE_CHANGE_EXPIRES, .expires = 77 };
        DeviceChange disable = { .fields = DEVICE_CHANGE_DISABLED, .disabled = true };
        Device a = device(40, "before"), b = device(41, "neighbour");
        uint8_t id[OPERATION_SIZE] = { 0xdd };
        Context c;

        start(&c);
        check_int(enroll(&c, &a), 0);
        check_int(enroll(&c, &b), 0);
        check_int(lookup(&c, "before"), 0);
        uint64_t version = c.device.version;
        check_int(change(&c, "nobody", &rename), -ENOENT);
        check_int(change(&c, "before", &rename), 0);
        check(c.device.version != version);
        check_int(record(&c, 50, &a, version), -ESTALE); /* what was signed for the old names is not given out */
        check_int(lookup(&c, "before"), -ENOENT);
        check_int(lookup(&c, "RENAMED"), 0);
        check_int(change(&c, "neighbour", &rename), -ENOTUNIQ);
        rename.version = version;
        check_int(change(&c, "renamed", &rename), -ESTALE);

        /* A repetition is answered as the first one was. */
        for (unsigned i = 0; i < 2; i++) {
                c.open++;
                check_int(inventory_change(c.inv, id, "renamed", &end, on_end, &c), 0);
                run(&c);
                check_int(c.error, 0);
                version = i == 0 ? c.device.version : version;
                check_int(c.device.version, version);
        }
        check_int(record(&c, 51, &a, version), -ESTALE); /* issued at 77: it has expired */
        end.expires = 78;
        check_int(change(&c, "renamed", &end), 0);
        check_int(record(&c, 51, &a, c.device.version), 0);
        disable.now = 99;
        check_int(change(&c, "renamed", &disable), 0);
        check(c.end.until == 99 && c.end.last == 99 && c.end.revoked == 0);
        disable.now = 100;
        check_int(change(&c, "renamed", &disable), 0);
        check(c.end.until == 0 && c.end.last == 99);
        check_int(record(&c, 52, &a, c.device.version), -ESTALE);
        stop(&c);
        start(&c);
        check_int(lookup(&c, "renamed"), 0);
        check(c.device.disabled && c.device.expires == 78 && c.device.last_seen == 77);
        stop(&c);
}

static void test_replace(void) {
        DeviceReplacement by = { .ek_hash = { 0, 43 }, .now = 4000 };
        Device old = device(42, "board");
        uint8_t id[OPERATION_SIZE] = { 0xdb }, other[OPERATION_SIZE] = { 0xdc };
        char hash[DEVICE_HASH_TEXT + 1];
        Context c;

        device_hash_format(old.ek_hash, hash);
        start(&c);
        uint64_t before = inventory_counts(c.inv).devices;
        check_int(enroll(&c, &old), 0);
        check_int(lookup(&c, "board"), 0);
        check_int(record(&c, 60, &old, c.device.version), 0);
        by.now = 99;
        for (unsigned i = 0; i < 3; i++) {
                c.open++;
                check_int(inventory_replace(c.inv, id, i == 1 ? hash : "board", &by, on_end, &c), 0);
                run(&c);
                check_int(c.error, 0);
                check_int(c.device.ek_hash[1], 43);
                /* It is the old one that holds something; of a repetition by the name, that is not known any more. */
                check_int(c.end.ek_hash[1], i < 2 ? 42 : 43);
                check_int(c.end.until, i < 2 ? 99 : 0);
        }
        c.open++;
        check_int(inventory_replace(c.inv, other, "board", &by, on_end, &c), 0);
        run(&c);
        check_int(c.error, -EEXIST);
        check_int(lookup(&c, "board"), 0);
        check_int(c.device.ek_hash[1], 43);
        check_int(c.device.created, 99);
        check_int(lookup(&c, hash), 0);
        check(c.device.disabled && c.device.n_names == 0);
        check_int(inventory_counts(c.inv).devices, before + 2);
        stop(&c);
}

static void test_seen(void) {
        Device d = device(44, "seen");
        Context c;

        start(&c);
        check_int(enroll(&c, &d), 0);
        check_int(lookup(&c, "seen"), 0);
        uint64_t version = c.device.version;
        static const struct {
                int64_t now, expected;
        } times[] = { { 5000, 5000 }, { 5001, 5000 }, { 5000 + DEVICE_SEEN_SEC, 5000 + DEVICE_SEEN_SEC }, { 4000, 4000 } };
        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                check_int(inventory_seen(c.inv, d.ek_hash, times[i].now), 0);
                check_int(lookup(&c, "seen"), 0);
                check_int(c.device.last_seen, times[i].expected);
        }
        check_int(c.device.version, version);
        stop(&c);
}

/* A file that an earlier version wrote: its records are read, and written in the new layout. */
static void test_upgrade(void) {
        static const char old[] =
                "010102030000000000000000000000000000000000000000000000000000000000020000000000015180000000006b49d2000000"
                "00006b49d264000000000000000700000000000000090000000000000008aa0000000000000000000000000000000200094672"
                "616d65776f726b00086c6170746f702d370011416e6e61e28099732c206f6e206c6f616e923bd085bb6da102";
        DeviceChange c_note = { .fields = DEVICE_CHANGE_NOTE, .note = "new" };
        _cleanup_bytes_ Bytes record_bytes = BYTES_NULL;
        Device d = { .ek_hash = { 1, 2, 3 }, .n_names = 2, .names = { "Framework", "laptop-7" } };
        uint8_t key[33] = { 'd', 1, 2, 3 };
        RecordStore *records;
        bool healed;
        Context c;

        start(&c);
        check_int(enroll(&c, &d), 0);
        stop(&c);
        check_int(hex_decode(old, strlen(old), &record_bytes), 0);
        check_int(record_store_open(path, any_record, &records, &healed), 0);
        check_int(record_store_begin(records), 0);
        check_int(record_store_put(records, VIEW_ARRAY(key), bytes_view(&record_bytes)), 0);
        check_int(record_store_commit(records), 0);
        record_store_free(records);

        start(&c);
        check_int(lookup(&c, "framework"), 0);
        check_int(c.device.issued, 7);
        check_int(c.device.last_seen, 1800000100);
        check_int(change(&c, "laptop-7", &c_note), 0);
        stop(&c);
        start(&c);
        check_int(lookup(&c, "framework"), 0);
        check_str(c.device.note, "new");
        check_int(remove_device(&c, "framework"), 0);
        stop(&c);
}

/* Many changes at once share transactions; a bad one among them does not hurt the others. */
static void test_group(void) {
        Context c;
        uint8_t id[OPERATION_SIZE];

        start(&c);
        uint64_t before = inventory_counts(c.inv).devices;
        for (unsigned i = 0; i < 200; i++) {
                Device d = device(1000 + i / 2, NULL); /* every second one is there already */
                operation(id);
                c.open++;
                check_int(inventory_enroll(c.inv, id, &d, on_changed, &c), 0);
        }
        check_int(c.open, 200); /* nothing is answered from inside the call */
        run(&c);
        check_int(inventory_counts(c.inv).devices, before + 100);

        for (unsigned i = 0; i < OPERATIONS_OPEN_MAX; i++) {
                c.open++;
                check_int(inventory_lookup(c.inv, "nobody", on_device, &c), 0);
        }
        check_int(inventory_lookup(c.inv, "nobody", on_device, &c), -EBUSY);
        run(&c);
        stop(&c);
}

/* What was answered is there after a kill at any moment. */
static void test_kill(void) {
        for (unsigned round = 0; round < 20; round++) {
                int fds[2];
                check(pipe(fds) == 0);
                pid_t pid = fork();
                check(pid >= 0);
                if (pid == 0) {
                        Context c;
                        start(&c);
                        for (unsigned i = 0; i < 1000; i++) {
                                Device d = device(5000 + round * 1000 + i, NULL);
                                check_int(enroll(&c, &d), 0);
                                check(write(fds[1], &(uint32_t) { 5000 + round * 1000 + i }, 4) == 4);
                        }
                        _exit(0);
                }
                (void) close(fds[1]);
                usleep(5000 + round * 3100);
                check(kill(pid, SIGKILL) == 0);
                check(waitpid(pid, NULL, 0) == pid);

                Context c = {};
                bool healed;
                uint32_t last = 0, x;
                check_int(sd_event_new(&c.event), 0);
                check_int(inventory_open(path, c.event, &c.inv, &healed), 0);
                while (read(fds[0], &x, 4) == 4) {
                        char hash[DEVICE_HASH_TEXT + 1];
                        Device d = device(x, NULL);
                        device_hash_format(d.ek_hash, hash);
                        check_int(lookup(&c, hash), 0);
                        last = x;
                }
                (void) close(fds[0]);
                check(last == 0 || last >= 5000 + round * 1000);
                stop(&c);
        }
}

static void test_damage(void) {
        Context c = {};
        bool healed;
        Inventory *second;

        start(&c);
        check_int(inventory_open(path, c.event, &second, &healed), -EBUSY);
        Device d = device(9999, "precious-name");
        check_int(enroll(&c, &d), 0);
        stop(&c);

        /* Change one letter of the name on disk: found at open, before anything is written. */
        _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
        struct stat st;
        check(fd >= 0 && fstat(fd, &st) == 0);
        char *all = malloc((size_t) st.st_size);
        check(all && pread(fd, all, (size_t) st.st_size, 0) == st.st_size);
        unsigned changed = 0;
        for (char *at = all; (at = memmem(at, (size_t) (all + st.st_size - at), "precious", 8)); at++, changed++)
                check(pwrite(fd, "P", 1, at - all) == 1);
        check(changed > 0);
        check_int(sd_event_new(&c.event), 0);
        check_int(inventory_open(path, c.event, &c.inv, &healed), -EUCLEAN);
        check(pwrite(fd, all, (size_t) st.st_size, 0) == st.st_size);
        free(all);
        check_int(inventory_open(path, c.event, &c.inv, &healed), 0);
        stop(&c);
        check(truncate(path, 100) == 0);
        check_int(sd_event_new(&c.event), 0);
        check_int(inventory_open(path, c.event, &c.inv, &healed), -EUCLEAN);
        c.event = sd_event_unref(c.event);
}

int main(void) {
        char dir[] = "/tmp/test-inventory-XXXXXX";

        check(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/inventory.tdb", dir);
        test_devices();
        test_repetition();
        test_pages();
        test_issued();
        test_change();
        test_replace();
        test_seen();
        test_upgrade();
        test_group();
        test_kill();
        test_damage();

        check(unlink(path) == 0);
        strcat(path, ".lock");
        check(unlink(path) == 0);
        check(rmdir(dir) == 0);
        return EXIT_SUCCESS;
}
