/* SPDX-License-Identifier: MIT */
#include "protocol/device-change.h"

#include "test.h"

static Device sample(void) {
        return (Device) {
                .ek_hash = { 0xab },
                .n_names = 2,
                .names = { "Framework", "laptop-7" },
                .pinned = true,
                .ak_lifetime = 600,
                .note = "Anna’s",
                .created = 100,
                .last_issued = 200,
                .last_seen = 300,
                .issued = 7,
                .version = 9,
        };
}

static void put(DeviceNames *n, const char *name) {
        strcpy(n->list[n->n++], name);
}

static void test_names(void) {
        Device d = sample();
        DeviceChange c = {};

        put(&c.add, "third");
        put(&c.add, "FRAMEWORK"); /* it has it */
        check_int(device_change_apply(&c, &d), 0);
        check_int(d.n_names, 3);
        check_str(d.names[0], "Framework");
        check_str(d.names[2], "third");

        c = (DeviceChange) {};
        put(&c.remove, "framework");
        check_int(device_change_apply(&c, &d), 0);
        check_int(d.n_names, 2);
        check_str(d.names[0], "laptop-7");
        check_str(d.names[1], "third");
        check_str(d.names[2], "");
        check_int(device_change_apply(&c, &d), -ENXIO);
        check_int(d.n_names, 2);

        /* All of them, and then one more. */
        c = (DeviceChange) { .fields = DEVICE_CHANGE_NAMES };
        put(&c.names, "one");
        put(&c.add, "two");
        check_int(device_change_apply(&c, &d), 0);
        check_int(d.n_names, 2);
        check_str(d.names[0], "one");
        c = (DeviceChange) { .fields = DEVICE_CHANGE_NAMES };
        check_int(device_change_apply(&c, &d), 0);
        check_int(d.n_names, 0);

        c = (DeviceChange) {};
        put(&c.add, "no/slash");
        check_int(device_change_apply(&c, &d), -EINVAL);
        check_int(d.n_names, 0);

        c = (DeviceChange) {};
        d = sample();
        for (unsigned i = 0; i < DEVICE_NAMES_MAX - 1; i++) {
                char name[] = { 'n', (char) ('a' + i), 0 };
                put(&c.add, name);
        }
        check_int(device_change_apply(&c, &d), -EINVAL); /* one too many */
        check_int(d.n_names, 2);
}

static void test_settings(void) {
        Device d = sample();
        DeviceChange c = {
                .fields = DEVICE_CHANGE_DISABLED | DEVICE_CHANGE_NOTE | DEVICE_CHANGE_EXPIRES | DEVICE_CHANGE_AK_LIFETIME,
                .disabled = true,
                .note = "lost",
                .expires = 5000,
        };

        check_int(device_change_apply(&c, &d), 0);
        check(d.disabled && d.pinned);
        check_str(d.note, "lost");
        check_int(d.expires, 5000);
        check_int(d.ak_lifetime, 0);
        check_int(d.n_names, 2);

        c = (DeviceChange) { .fields = DEVICE_CHANGE_PINNED };
        check_int(device_change_apply(&c, &d), 0);
        check(!d.pinned && d.disabled);

        /* Whoever lets a denied one in takes the marks away. */
        d.denied = d.untrusted = true;
        check_int(device_change_apply(&c, &d), 0);
        check(d.denied && d.untrusted);
        c = (DeviceChange) { .fields = DEVICE_CHANGE_DISABLED };
        check_int(device_change_apply(&c, &d), 0);
        check(!d.disabled && !d.denied && !d.untrusted);

        /* Names or any name; names end it. */
        c = (DeviceChange) { .fields = DEVICE_CHANGE_ANY_NAME, .any_name = true };
        check_int(device_change_apply(&c, &d), -EINVAL);
        c.fields |= DEVICE_CHANGE_NAMES;
        check_int(device_change_apply(&c, &d), 0);
        check(d.any_name);
        c = (DeviceChange) {};
        put(&c.add, "again");
        check_int(device_change_apply(&c, &d), 0);
        check(!d.any_name);

        c = (DeviceChange) { .fields = DEVICE_CHANGE_AK_LIFETIME, .ak_lifetime = AK_LIFETIME_MAX + 1 };
        check_int(device_change_apply(&c, &d), -EINVAL);
}

static void test_version(void) {
        Device d = sample();
        DeviceChange c = { .fields = DEVICE_CHANGE_PINNED, .version = 8 };

        check_int(device_change_apply(&c, &d), -ESTALE);
        check(d.pinned);
        c.version = 9;
        check_int(device_change_apply(&c, &d), 0);
        check(!d.pinned);
}

static void test_replace(void) {
        DeviceReplacement by = { .ek_hash = { 0xcd }, .now = 1000 };
        Device old = sample(), new;

        old.disabled = old.denied = old.untrusted = true;
        device_replace(&by, &old, &new);
        check_int(new.ek_hash[0], 0xcd);
        check_int(new.n_names, 2);
        check_str(new.names[0], "Framework");
        check_int(new.ak_lifetime, 600);
        check_str(new.note, "Anna’s");
        check_int(new.created, 1000);
        check(!new.pinned && !new.disabled && !new.denied && !new.untrusted && new.issued == 0 && new.last_issued == 0 && new.last_seen == 0);
        check_int(old.ek_hash[0], 0xab);
        check_int(old.n_names, 0);
        check(old.disabled && old.pinned && old.issued == 7);
        check_int(device_check(&old), 0);
}

static void test_same(void) {
        Device a = sample(), b = sample();

        strcpy(b.names[0], "LAPTOP-7");
        strcpy(b.names[1], "framework");
        b.last_issued = 12345;
        check(device_same_settings(&a, &b));
        b.expires = 1;
        check(!device_same_settings(&a, &b));
        b = sample();
        strcpy(b.names[0], "other");
        check(!device_same_settings(&a, &b));
        b = sample();
        b.n_names = 1;
        check(!device_same_settings(&a, &b));
        b = sample();
        b.note[0] = 0;
        check(!device_same_settings(&a, &b));
        b = sample();
        b.ek_hash[31] = 1;
        check(!device_same_settings(&a, &b));
}

int main(void) {
        test_names();
        test_settings();
        test_version();
        test_replace();
        test_same();
        return EXIT_SUCCESS;
}
