/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "protocol/device-words.h"
#include "shared/inventory-waiting.h"

#define NOW 1800000000LL

static char path[256];

typedef struct Context {
        sd_event *event;
        Inventory *inv;
        unsigned open;
        int result;
        Device device;
        WaitingDevice page[INVENTORY_PAGE_MAX];
        size_t n;
        unsigned next;
} Context;

static void start(Context *c) {
        bool healed;

        *c = (Context) {};
        check_int(sd_event_new(&c->event), 0);
        check_int(inventory_open(path, c->event, &c->inv, &healed), 0);
}

static void stop(Context *c) {
        c->inv = inventory_free(c->inv);
        c->event = sd_event_unref(c->event);
}

static void run(Context *c) {
        while (c->open > 0)
                check(sd_event_run(c->event, 10 * 1000 * 1000) > 0);
}

static void on_result(int result, void *userdata) {
        Context *c = userdata;
        c->result = result;
        c->open--;
}

static void on_device(int error, const Device *d, void *userdata) {
        Context *c = userdata;
        c->result = error;
        if (d)
                c->device = *d;
        c->open--;
}

static void on_page(int error, const WaitingDevice *d, size_t n, unsigned next, void *userdata) {
        Context *c = userdata;
        c->result = error;
        memcpy(c->page, d, n * sizeof(*d));
        c->n = n;
        c->next = next;
        c->open--;
}

static WaitingDevice waiting(unsigned i, int64_t now) {
        return (WaitingDevice) { .ek_hash = { (uint8_t) (i >> 8), (uint8_t) i, 3 }, .first = now, .last = now,
                                 .evidence = EK_EVIDENCE_TRUSTED, .peer = "192.0.2.1:7" };
}

static int wait_for(Context *c, const WaitingDevice *d) {
        c->open++;
        check_int(inventory_wait(c->inv, d, on_result, c), 0);
        run(c);
        return c->result;
}

static size_t list(Context *c, int64_t now) {
        c->open++;
        check_int(inventory_list_waiting(c->inv, 0, INVENTORY_PAGE_MAX, now, on_page, c), 0);
        run(c);
        check_int(c->result, 0);
        return c->n;
}

static int approve(Context *c, const char *text, const char *name, bool pinned) {
        static uint8_t counter;
        Device d = { .created = NOW + 5, .pinned = pinned, .operation = { 0xa0, ++counter } };

        if (name) {
                d.n_names = 1;
                strcpy(d.names[0], name);
        }
        c->open++;
        check_int(inventory_approve(c->inv, text, &d, on_device, c), 0);
        run(c);
        return c->result;
}

static int deny(Context *c, const char *text) {
        static uint8_t operation[OPERATION_SIZE] = { 0xde };

        operation[1]++;
        c->open++;
        check_int(inventory_deny(c->inv, operation, text, NOW, on_device, c), 0);
        run(c);
        return c->result;
}

static int lookup(Context *c, const char *name) {
        c->open++;
        check_int(inventory_lookup(c->inv, name, on_device, c), 0);
        run(c);
        return c->result;
}

static void test_approve(void) {
        WaitingDevice a = waiting(1, NOW), b = waiting(2, NOW);
        char words[DEVICE_WORDS_TEXT_MAX], hash[DEVICE_HASH_TEXT + 1];
        Context c;

        start(&c);
        check_int(wait_for(&c, &a), 1);
        check_int(wait_for(&c, &a), 0);
        b.evidence = EK_EVIDENCE_UNTRUSTED;
        strcpy(b.issuer, "CN=Vendor");
        check_int(wait_for(&c, &b), 1);
        check_int(inventory_n_waiting(c.inv, NOW), 2);
        stop(&c);
        start(&c); /* it is on disk */
        check_int(list(&c, NOW), 2);
        check_str(c.page[1].issuer, "CN=Vendor");
        check(!c.page[0].removed);
        check_int(c.next, 0);

        device_words_format(a.ek_hash, words);
        check_int(approve(&c, "nonsense", "one", false), -ENOENT);
        check_int(approve(&c, words, "one", false), 0);
        check(memcmp(c.device.ek_hash, a.ek_hash, 32) == 0 && c.device.last_seen == NOW);
        check_int(approve(&c, words, "one", false), -ENOENT); /* it waits no longer */
        check_int(lookup(&c, "one"), 0);
        check_int(wait_for(&c, &a), -ESTALE);

        device_hash_format(b.ek_hash, hash);
        check_int(approve(&c, hash, "two", false), -EKEYREJECTED);
        check_int(approve(&c, hash, "ONE", true), -ENOTUNIQ);
        check_int(list(&c, NOW), 1);
        check_int(approve(&c, hash, "two", true), 0);
        check_int(list(&c, NOW), 0);
        stop(&c);
}

static void test_marks(void) {
        uint8_t id[OPERATION_SIZE] = { 0xee };
        WaitingDevice a = waiting(10, NOW), b = waiting(11, NOW);
        char hash[DEVICE_HASH_TEXT + 1], words[DEVICE_WORDS_TEXT_MAX];
        Context c;

        start(&c);
        device_hash_format(a.ek_hash, hash);
        device_words_format(a.ek_hash, words);
        check_int(wait_for(&c, &a), 1);
        check_int(deny(&c, words), 0);
        check(c.device.denied && c.device.disabled);
        check_int(list(&c, NOW), 0);
        check_int(wait_for(&c, &a), -ESTALE); /* stays out */
        check_int(deny(&c, words), -ENOENT);
        check_int(approve(&c, words, "late", false), -ENOENT); /* words do not do for what was denied */
        check_int(approve(&c, hash, "late", false), 0);
        check(!c.device.denied && !c.device.disabled && c.device.n_names == 1);
        check_int(approve(&c, hash, "later", false), -EEXIST);

        /* Removed: it comes up again, marked. */
        c.open++;
        check_int(inventory_remove(c.inv, id, "late", on_device, &c), 0);
        run(&c);
        check_int(c.result, 0);
        check_int(wait_for(&c, &a), 1);
        check_int(wait_for(&c, &b), 1);
        check_int(list(&c, NOW), 2);
        check(c.page[0].removed && !c.page[1].removed);

        /* Added in another way: it waits no longer. */
        Device d = { .created = NOW };
        memcpy(d.ek_hash, b.ek_hash, 32);
        c.open++;
        check_int(inventory_enroll(c.inv, id, &d, on_result, &c), 0);
        run(&c);
        check_int(list(&c, NOW), 1);
        check_int(deny(&c, hash), 0);
        stop(&c);
}

static DevicePast past(Context *c, const char *text) {
        DevicePast p = {};

        check_int(inventory_past(c->inv, text, NOW, &p), 0);
        return p;
}

/* What somebody is told before a word is said, and what a denied device still needs. */
static void test_past(void) {
        uint8_t id[OPERATION_SIZE] = { 0xef };
        char hash[DEVICE_HASH_TEXT + 1], words[DEVICE_WORDS_TEXT_MAX];
        WaitingDevice a = waiting(20, NOW);
        DevicePast p = {};
        Context c;

        start(&c);
        device_hash_format(a.ek_hash, hash);
        device_words_format(a.ek_hash, words);
        check_int(inventory_past(c.inv, words, NOW, &p), -ENOENT);
        a.evidence = EK_EVIDENCE_UNTRUSTED;
        check_int(wait_for(&c, &a), 1);
        p = past(&c, words);
        check(memcmp(p.ek_hash, a.ek_hash, 32) == 0 && !p.removed && !p.denied);
        check_int(deny(&c, words), 0);
        p = past(&c, hash);
        check(!p.removed && p.denied);
        check_int(approve(&c, hash, "needs-pinned", false), -EKEYREJECTED);
        check_int(lookup(&c, hash), 0);
        check(c.device.denied && c.device.untrusted);

        /* To ask again it has to be removed: that it was denied stays known. */
        c.open++;
        check_int(inventory_remove(c.inv, id, hash, on_device, &c), 0);
        run(&c);
        check_int(wait_for(&c, &a), 1);
        p = past(&c, words);
        check(p.removed && p.denied);
        check_int(deny(&c, words), 0);
        check_int(approve(&c, hash, "needs-pinned", true), 0);
        check(c.device.pinned && !c.device.denied && !c.device.untrusted);
        id[1] = 1;
        c.open++;
        check_int(inventory_remove(c.inv, id, hash, on_device, &c), 0);
        run(&c);
        check_int(wait_for(&c, &a), 1);
        p = past(&c, hash);
        check(p.removed && !p.denied);
        check_int(deny(&c, hash), 0);
        stop(&c);
}

/* Words have 60 bits of the hash. */
static void test_the_same_words(void) {
        WaitingDevice a = waiting(30, NOW), b = waiting(30, NOW);
        char words[DEVICE_WORDS_TEXT_MAX], hash[DEVICE_HASH_TEXT + 1];
        DevicePast p;
        Context c;

        b.ek_hash[31] = 1;
        start(&c);
        check_int(wait_for(&c, &a), 1);
        check_int(wait_for(&c, &b), 1);
        device_words_format(a.ek_hash, words);
        check_int(approve(&c, words, "which", false), -EMLINK);
        check_int(deny(&c, words), -EMLINK);
        check_int(inventory_past(c.inv, words, NOW, &p), -EMLINK);
        device_hash_format(b.ek_hash, hash);
        check_int(approve(&c, hash, "which", false), 0);
        check_int(deny(&c, words), 0);
        stop(&c);
}

/* Full is full: nobody takes another's place, and what has not been heard of for a week makes room. */
static void test_limits(void) {
        WaitingDevice d;
        Context c;

        start(&c);
        for (unsigned i = 0; i < WAITING_MAX_DEFAULT; i++) {
                d = waiting(1000 + i, NOW + i);
                c.open++;
                check_int(inventory_wait(c.inv, &d, on_result, &c), 0);
                if (i % 64 == 0)
                        run(&c);
        }
        run(&c);
        check_int(inventory_n_waiting(c.inv, NOW + 2000), WAITING_MAX_DEFAULT);
        d = waiting(9000, NOW + 2000);
        check_int(wait_for(&c, &d), -ENOSPC);
        d = waiting(1005, NOW + 2000); /* who waits may ask again */
        check_int(wait_for(&c, &d), 0);
        d = waiting(9000, NOW + WAITING_LIFETIME_DEFAULT);
        check_int(wait_for(&c, &d), 1);
        d = waiting(9001, NOW + WAITING_LIFETIME_DEFAULT);
        check_int(wait_for(&c, &d), -ENOSPC); /* only the first one's time was over */
        stop(&c);
        start(&c);
        check_int(inventory_n_waiting(c.inv, NOW + WAITING_LIFETIME_DEFAULT), WAITING_MAX_DEFAULT);
        check_int(inventory_n_waiting(c.inv, NOW + 3 * WAITING_LIFETIME_DEFAULT), 0);
        check_int(list(&c, NOW + 3 * WAITING_LIFETIME_DEFAULT), 0);
        check_int(list(&c, NOW + 2000), INVENTORY_PAGE_MAX);
        check(c.next > 0);
        check_int(inventory_list_waiting(c.inv, WAITING_DEVICES_MAX + 1, 1, NOW, on_page, &c), -EINVAL);
        stop(&c);
}

/* Others can be asked for; with fewer, those stay that wait. */
static void test_limits_of_ones_own(void) {
        Context c;

        check(unlink(path) == 0);
        start(&c);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 3, .lifetime = 100 });
        for (unsigned i = 0; i < 3; i++) {
                WaitingDevice d = waiting(1 + i, NOW + i);
                check_int(wait_for(&c, &d), 1);
        }
        WaitingDevice d = waiting(4, NOW + 50);
        check_int(wait_for(&c, &d), -ENOSPC);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 2, .lifetime = 100 });
        check_int(inventory_n_waiting(c.inv, NOW + 50), 3);
        d = waiting(4, NOW + 100);
        check_int(wait_for(&c, &d), -ENOSPC); /* two wait still */
        d = waiting(1, NOW + 100);
        check_int(wait_for(&c, &d), -ENOSPC); /* its time was over: it is as new as that one */
        d = waiting(4, NOW + 101);
        check_int(wait_for(&c, &d), 1);
        check_int(inventory_n_waiting(c.inv, NOW + 101), 2);
        d = waiting(5, NOW + 101);
        check_int(wait_for(&c, &d), -ENOSPC);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = WAITING_DEVICES_MAX, .lifetime = 1000 });
        check_int(wait_for(&c, &d), 1);
        stop(&c);
}

static int ask_from(Context *c, unsigned i, EkEvidence evidence, const char *peer, int64_t now) {
        WaitingDevice d = waiting(i, now);

        d.evidence = evidence;
        strcpy(d.peer, peer);
        return wait_for(c, &d);
}

/* Whoever makes EKs by the thousand takes neither the places of devices that have a certificate, nor from one source
 * those of all that have none. */
static void test_places_are_kept(void) {
        Context c;

        check(unlink(path) == 0);
        start(&c);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 64, .lifetime = 1000000 });
        for (unsigned i = 0; i < 100; i++) {
                char peer[WAITING_PEER_MAX];
                (void) snprintf(peer, sizeof(peer), "192.0.2.%u:%u", 1 + i / 10, 1000 + i);
                check_int(ask_from(&c, 100 + i, i % 2 ? EK_EVIDENCE_NONE : EK_EVIDENCE_UNTRUSTED, peer, NOW),
                          i >= 74 ? -EUSERS : i % 10 < 4 ? 1 : -EDQUOT);
        }
        stop(&c);
        start(&c); /* the same after a restart */
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 64, .lifetime = 1000000 });
        check_int(inventory_n_waiting(c.inv, NOW), 32);
        check_int(ask_from(&c, 300, EK_EVIDENCE_NONE, "198.51.100.1:1", NOW), -EUSERS);
        for (unsigned i = 0; i < 32; i++)
                check_int(ask_from(&c, 400 + i, EK_EVIDENCE_TRUSTED, "192.0.2.1:9", NOW), 1);
        check_int(ask_from(&c, 500, EK_EVIDENCE_TRUSTED, "192.0.2.9:9", NOW), -ENOSPC);
        /* Who waits, waits on. */
        check_int(ask_from(&c, 100, EK_EVIDENCE_NONE, "192.0.2.1:1", NOW + 700), 0);
        check_int(inventory_n_waiting(c.inv, NOW + 700), 64);
        stop(&c);
}

/* Whoever has proved his EK with its certificate cannot be made worse by asking without, nor fill others' places so. */
static void test_evidence_stays(void) {
        Context c;

        check(unlink(path) == 0);
        start(&c);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 4, .lifetime = 1000000 });
        for (unsigned i = 1; i <= 3; i++)
                check_int(ask_from(&c, i, EK_EVIDENCE_TRUSTED, "192.0.2.1:1", NOW), 1);
        for (unsigned i = 1; i <= 3; i++)
                check_int(ask_from(&c, i, EK_EVIDENCE_NONE, "192.0.2.1:1", NOW + 700), 0);
        check_int(list(&c, NOW + 700), 3);
        for (unsigned i = 0; i < 3; i++)
                check(c.page[i].evidence == EK_EVIDENCE_TRUSTED && c.page[i].last == NOW + 700);
        check_int(ask_from(&c, 1, EK_EVIDENCE_UNTRUSTED, "192.0.2.1:1", NOW + 1400), 0); /* its root was taken out */
        check_int(list(&c, NOW + 1400), 3);
        check_int(c.page[0].evidence, EK_EVIDENCE_UNTRUSTED);
        stop(&c);
}

/* Moving to another address makes no room at the first for more than the other one has. */
static void test_moving(void) {
        Context c;

        check(unlink(path) == 0);
        start(&c);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 16, .lifetime = 1000000 });
        check_int(ask_from(&c, 1, EK_EVIDENCE_NONE, "192.0.2.1:1", NOW), 1);
        check_int(ask_from(&c, 2, EK_EVIDENCE_NONE, "[2001:db8::1]:2", NOW), 1);
        check_int(ask_from(&c, 3, EK_EVIDENCE_NONE, "[2001:db8::2]:2", NOW), -EDQUOT); /* the same /64 */
        check_int(ask_from(&c, 1, EK_EVIDENCE_NONE, "2001:db8::3", NOW + 700), 0);
        check_int(list(&c, NOW + 700), 2);
        check(c.page[0].last == NOW + 700 && c.page[0].first == NOW);
        check_str(c.page[0].peer, "192.0.2.1:1");
        check_int(ask_from(&c, 3, EK_EVIDENCE_NONE, "192.0.2.1:3", NOW + 700), -EDQUOT);
        check_int(ask_from(&c, 1, EK_EVIDENCE_NONE, "192.0.2.3:1", NOW + 1400), 0);
        check_int(ask_from(&c, 3, EK_EVIDENCE_NONE, "192.0.2.1:3", NOW + 1400), 1);
        /* With a trusted certificate nobody counts its source. */
        check_int(ask_from(&c, 1, EK_EVIDENCE_TRUSTED, "[2001:db8::1]:1", NOW + 1500), 0);
        check_int(list(&c, NOW + 1500), 3);
        check_str(c.page[0].peer, "[2001:db8::1]:1");
        stop(&c);
}

static int clear(Context *c, const WaitingFilter *f) {
        c->open++;
        check_int(inventory_clear_waiting(c->inv, f, NOW + 50, on_result, c), 0);
        run(c);
        return c->result;
}

static void test_clearing(void) {
        WaitingFilter untrusted = { .untrusted = true }, from = {}, all = {};
        Context c;

        check(unlink(path) == 0);
        start(&c);
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 1000, .lifetime = 100 });
        check_int(waiting_filter_source(&from, "192.0.2.1"), 0);
        check_int(ask_from(&c, 1, EK_EVIDENCE_NONE, "192.0.2.1:1", NOW), 1);
        check_int(ask_from(&c, 2, EK_EVIDENCE_UNTRUSTED, "192.0.2.2:1", NOW), 1);
        check_int(ask_from(&c, 3, EK_EVIDENCE_TRUSTED, "192.0.2.1:1", NOW), 1);
        check_int(ask_from(&c, 4, EK_EVIDENCE_TRUSTED, "192.0.2.2:1", NOW), 1);
        check_int(ask_from(&c, 5, EK_EVIDENCE_NONE, "192.0.2.3:1", NOW - 60), 1); /* forgotten by itself */
        check_int(clear(&c, &untrusted), 2);
        check_int(list(&c, NOW + 50), 2);
        check_int(clear(&c, &from), 1);
        stop(&c);
        start(&c); /* it is on disk, and what was forgotten has no mark */
        inventory_limit_waiting(c.inv, (WaitingLimits) { .max = 1000, .lifetime = 100 });
        check_int(list(&c, NOW + 50), 1);
        check(c.page[0].ek_hash[1] == 4);
        check_int(inventory_counts(c.inv).devices, 0);
        check_int(ask_from(&c, 1, EK_EVIDENCE_NONE, "192.0.2.1:1", NOW), 1);
        check_int(list(&c, NOW + 50), 2);
        check(!c.page[0].removed && !c.page[1].removed);
        check_int(clear(&c, &all), 2);
        check_int(clear(&c, &all), 0);
        stop(&c);
}

int main(void) {
        char dir[] = "/tmp/test-inventory-waiting-XXXXXX";

        check(mkdtemp(dir));
        (void) snprintf(path, sizeof(path), "%s/inventory.tdb", dir);
        test_approve();
        test_marks();
        test_past();
        test_the_same_words();
        test_limits();
        test_limits_of_ones_own();
        test_places_are_kept();
        test_evidence_stays();
        test_moving();
        test_clearing();
        check(unlink(path) == 0);
        strcat(path, ".lock");
        check(unlink(path) == 0);
        check(rmdir(dir) == 0);
        return EXIT_SUCCESS;
}
