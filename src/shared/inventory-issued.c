/* SPDX-License-Identifier: MIT */
#include "shared/inventory-issued.h"

#include <gnutls/crypto.h>
#include <stdio.h>

#include "shared/device-store.h"

#define LIST_GAPS_PER_TURN 256U /* places of what was dropped */

/* One question: what goes in and what comes out, as far as its kind needs it. */
typedef struct Question {
        Operation operation;
        union {
                InventoryRecorded recorded;
                InventoryIssued issued;
                InventoryLog log;
                InventoryEnded ended;
                InventoryRevoked revoked;
                InventoryText text;
        } done;

        char name[MAX_OF(DEVICE_NAME_MAX, DEVICE_HASH_TEXT) + 1];
        uint8_t id[OPERATION_SIZE];
        uint64_t place;
        size_t n, max;
        int64_t now;
        RevocationReason reason;
        Issued issued;
        uint64_t version;
        LogEntry entry;
        CrlState crl;
        Bytes bytes;                /* a certificate, a list */

        LogHead head;
        IssuedItem *items;
        LogBytes *entries;
        Device *device;
        bool single;
        InventoryEnd end;
        Revocation *revocations;
        uint64_t n_revocations;
} Question;

static void done_question(Operation *base) {
        Question *q = (Question *) base;

        bytes_done(&q->bytes);
        free(q->items);
        free(q->entries);
        free(q->device);
        free(q->revocations);
}

static int question_new(Inventory *inv, OperationKind kind, void *userdata, Question **ret) {
        Operation *base;

        int r = operation_new(inv->queue, sizeof(Question), userdata, &base);
        if (r < 0)
                return r;
        base->kind = kind;
        base->done = done_question;
        *ret = (Question *) base;
        return 0;
}

/* What a question does, and how it answers. */
typedef struct Kind {
        int (*work)(DeviceStore *s, Operation *o);
        void (*answer)(const Operation *o);
} Kind;

static int submit(Inventory *inv, const Kind *kind, Question **q) {
        Operation *base = &TAKE_PTR(*q)->operation;

        base->work = kind->work;
        base->answer = kind->answer;
        operation_submit(inv->queue, base);
        return 0;
}

/* A text that can be neither name nor hash is not found, like any other that is not there. */
static void set_name(Question *q, const char *name) {
        if (strlen(name) < sizeof(q->name))
                strcpy(q->name, name);
}

SignedState inventory_signed_state(Inventory *inv) {
        IssuedStore *s = device_store_certificates(operations_store(inv->queue));
        CrlState crl = issued_store_crl(s);

        return (SignedState) { .head = issued_store_head(s), .revocations = issued_store_revocations(s),
                               .crl_number = crl.number, .crl_covers = crl.covers, .crl_next_update = crl.next_update };
}

/* --- Recording --- */

static void recorded(const Operation *base) {
        const Question *q = (const Question *) base;
        int result = base->result;

        q->done.recorded(result, result < 0 ? NULL : &q->head, base->userdata);
}

static int apply_record(DeviceStore *s, Operation *base) {
        Question *q = (Question *) base;

        return device_store_record_issued(s, &q->issued, q->version, &q->head);
}

int inventory_record_issued(Inventory *inv, const Issued *issued, uint64_t device_version, InventoryRecorded done,
                            void *userdata) {
        static const Kind kind = { apply_record, recorded };
        _cleanup_operation_ Question *q = NULL;

        if (issued->certificate.size == 0 || issued->certificate.size > ISSUED_CERTIFICATE_MAX)
                return -EINVAL;
        int r = question_new(inv, OPERATION_CHANGE, userdata, &q);
        if (r < 0)
                return r;
        if (bytes_copy(issued->certificate, &q->bytes) < 0)
                return -ENOMEM;
        q->done.recorded = done;
        q->issued = *issued;
        q->issued.certificate = bytes_view(&q->bytes);
        q->version = device_version;
        return submit(inv, &kind, &q);
}

static int apply_signed(DeviceStore *s, Operation *base) {
        IssuedStore *certificates = device_store_certificates(s);
        Question *q = (Question *) base;
        uint64_t number;

        int r = issued_store_log_find(certificates, q->entry.signed_hash, &number);
        if (r != -ENOENT) {
                q->head = issued_store_head(certificates);
                return r < 0 ? r : 1;
        }
        return issued_store_log(certificates, &q->entry, &q->head);
}

int inventory_record_signed(Inventory *inv, const LogEntry *entry, InventoryRecorded done, void *userdata) {
        static const Kind kind = { apply_signed, recorded };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_CHANGE, userdata, &q);
        if (r < 0)
                return r;
        q->done.recorded = done;
        q->entry = *entry;
        return submit(inv, &kind, &q);
}

/* --- Listing --- */

static void answer_issued(const Operation *base) {
        const Question *q = (const Question *) base;
        int result = base->result;
        char next[32] = "";

        if (result >= 0 && q->place > 0)
                (void) snprintf(next, sizeof(next), "%llu", (unsigned long long) q->place);
        q->done.issued(result, q->items, result < 0 ? 0 : q->n, next, base->userdata);
}

static int make_item(IssuedStore *s, const Issued *i, IssuedItem *ret) {
        IssuedItem item = { .issued = i->issued, .not_after = i->not_after };
        Revocation v;

        memcpy(item.serial, i->serial, sizeof(item.serial));
        memcpy(item.ek_hash, i->ek_hash, sizeof(item.ek_hash));
        if (gnutls_hash_fast(GNUTLS_DIG_SHA256, i->certificate.data, i->certificate.size, item.sha256) < 0)
                return -ENOMEM;
        int r = issued_store_revocation(s, i->serial, &v);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r >= 0) {
                item.revoked = v.revoked;
                item.reason = v.reason;
        }
        *ret = item;
        return 0;
}

/* A hash stands for itself: its certificates stay when the device goes. */
static int find_hash(DeviceStore *s, const char *device, uint8_t ret[static 32]) {
        Device d;

        if (device_hash_parse(device, ret) >= 0)
                return 0;
        int r = device_store_lookup(s, device, &d);
        if (r >= 0)
                memcpy(ret, d.ek_hash, sizeof(d.ek_hash));
        return r;
}

static int apply_list(DeviceStore *s, Operation *base) {
        IssuedStore *certificates = device_store_certificates(s);
        _cleanup_bytes_ Bytes record = BYTES_NULL;
        Question *q = (Question *) base;
        unsigned gaps = 0;
        uint8_t hash[32];
        Issued i;

        int r = q->name[0] ? find_hash(s, q->name, hash) : 0;
        if (r < 0)
                return r;
        do {
                r = issued_store_walk(certificates, q->name[0] ? hash : NULL, &q->place, &i, &record);
                if (r == -ENOENT) {
                        q->place = 0;
                        return 0;
                }
                if (r == -EAGAIN && ++gaps < LIST_GAPS_PER_TURN)
                        continue;
                if (r == -EAGAIN)
                        return q->place > 0 ? r : 0;
                if (r >= 0)
                        r = make_item(certificates, &i, q->items + q->n);
                if (r < 0)
                        return r;
                q->n++;
        } while (q->n < q->max && q->place > 0);
        return 0;
}

static int parse_cursor(const char *cursor, uint64_t *ret) {
        unsigned long long place;
        char *end;

        errno = 0;
        place = strtoull(cursor, &end, 10);
        if (errno != 0 || *end || (*cursor && (place == 0 || *cursor < '0' || *cursor > '9')))
                return -EINVAL;
        *ret = place;
        return 0;
}

int inventory_list_issued(Inventory *inv, const char *device, const char *cursor, size_t max, InventoryIssued done,
                          void *userdata) {
        static const Kind kind = { apply_list, answer_issued };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_READ, userdata, &q);
        if (r < 0)
                return r;
        if (max == 0 || max > INVENTORY_PAGE_MAX || parse_cursor(cursor, &q->place) < 0)
                return -EINVAL;
        if (strlen(device) >= sizeof(q->name))
                return -ENOENT;
        set_name(q, device);
        q->done.issued = done;
        q->max = max;
        q->items = calloc(max, sizeof(*q->items));
        return q->items ? submit(inv, &kind, &q) : -ENOMEM;
}

static void answer_log(const Operation *base) {
        const Question *q = (const Question *) base;
        int result = base->result;

        q->done.log(result, q->entries, result < 0 ? 0 : q->n, base->userdata);
}

static int apply_log(DeviceStore *s, Operation *base) {
        IssuedStore *certificates = device_store_certificates(s);
        uint64_t last = issued_store_head(certificates).count;
        Question *q = (Question *) base;

        for (uint64_t number = q->place; number <= last && q->n < q->max; number++) {
                int r = issued_store_log_get(certificates, number, q->entries + q->n);
                if (r == -ENOENT)
                        break; /* whoever compares with the head sees it */
                if (r < 0)
                        return r;
                q->n++;
        }
        return 0;
}

int inventory_list_log(Inventory *inv, uint64_t first, size_t max, InventoryLog done, void *userdata) {
        static const Kind kind = { apply_log, answer_log };
        _cleanup_operation_ Question *q = NULL;

        if (max == 0 || max > INVENTORY_LOG_PAGE_MAX || first == 0)
                return -EINVAL;
        int r = question_new(inv, OPERATION_READ, userdata, &q);
        if (r < 0)
                return r;
        q->done.log = done;
        q->place = first;
        q->max = max;
        q->entries = calloc(max, sizeof(*q->entries));
        return q->entries ? submit(inv, &kind, &q) : -ENOMEM;
}

/* --- Revoking --- */

static void answer_end(const Operation *base) {
        const Question *q = (const Question *) base;
        InventoryEnd end = q->end;

        end.device = q->single ? NULL : q->device;
        q->done.ended(base->result, base->result < 0 ? NULL : &end, base->userdata);
}

static int end_device(DeviceStore *s, Question *q) {
        IssuedHeld held;

        memcpy(q->end.ek_hash, q->device->ek_hash, sizeof(q->end.ek_hash));
        int r = issued_store_held(device_store_certificates(s), q->device->ek_hash, q->now, &q->reason, &held);
        if (r < 0)
                return -EIO;
        q->end.revoked = held.revoked;
        q->end.until = held.until;
        q->end.last = held.last;
        return 0;
}

static int apply_remove(DeviceStore *s, Operation *base) {
        Question *q = (Question *) base;

        int r = device_store_remove(s, q->id, q->name, q->device);
        return r < 0 ? r : end_device(s, q);
}

int inventory_remove_and_revoke(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                                int64_t now, InventoryEnded done, void *userdata) {
        static const Kind kind = { apply_remove, answer_end };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_CHANGE, userdata, &q);
        if (r < 0)
                return r;
        set_name(q, device);
        memcpy(q->id, operation, OPERATION_SIZE);
        q->now = now;
        q->reason = REVOKED_CESSATION_OF_OPERATION;
        q->done.ended = done;
        q->device = calloc(1, sizeof(Device));
        return q->device ? submit(inv, &kind, &q) : -ENOMEM;
}

/* -ENOENT: it is no serial, or none of ours. */
static int revoke_serial(DeviceStore *s, Question *q) {
        IssuedStore *certificates = device_store_certificates(s);
        _cleanup_bytes_ Bytes serial = BYTES_NULL, record = BYTES_NULL;
        Issued i;

        if (strlen(q->name) != 2 * (size_t) AK_SERIAL_SIZE || hex_decode(q->name, 2 * (size_t) AK_SERIAL_SIZE, &serial) < 0)
                return -ENOENT;
        int r = issued_store_get(certificates, serial.data, &i, &record);
        if (r < 0)
                return r;
        r = issued_store_revoke(certificates, serial.data, q->reason, q->now);
        if (r < 0)
                return r;
        q->single = true;
        q->end.revoked = (unsigned) r;
        q->end.until = i.not_after >= q->now ? i.not_after : 0;
        q->end.last = i.not_after;
        memcpy(q->end.ek_hash, i.ek_hash, sizeof(q->end.ek_hash));
        return 0;
}

static int apply_revoke(DeviceStore *s, Operation *base) {
        static const DeviceChange disable = { .fields = DEVICE_CHANGE_DISABLED, .disabled = true };
        Question *q = (Question *) base;

        int r = revoke_serial(s, q);
        if (r != -ENOENT)
                return r;
        r = device_store_change(s, q->id, q->name, &disable, q->device);
        return r < 0 ? r : end_device(s, q);
}

int inventory_revoke(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *what,
                     const InventoryRevocation *how, InventoryEnded done, void *userdata) {
        static const Kind kind = { apply_revoke, answer_end };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_CHANGE, userdata, &q);
        if (r < 0)
                return r;
        set_name(q, what);
        memcpy(q->id, operation, OPERATION_SIZE);
        q->now = how->now;
        q->reason = how->reason;
        q->done.ended = done;
        q->device = calloc(1, sizeof(Device));
        return q->device ? submit(inv, &kind, &q) : -ENOMEM;
}

/* --- The revocation list --- */

static void answer_revoked(const Operation *base) {
        const Question *q = (const Question *) base;
        int result = base->result;

        q->done.revoked(result, q->revocations, result < 0 ? 0 : q->n, q->n_revocations, base->userdata);
}

static int apply_revoked(DeviceStore *s, Operation *base) {
        IssuedStore *certificates = device_store_certificates(s);
        Question *q = (Question *) base;

        q->n_revocations = issued_store_revocations(certificates);
        return issued_store_revoked(certificates, q->now, &q->revocations, &q->n);
}

int inventory_revoked(Inventory *inv, int64_t now, InventoryRevoked done, void *userdata) {
        static const Kind kind = { apply_revoked, answer_revoked };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_READ, userdata, &q);
        if (r < 0)
                return r;
        q->now = now;
        q->done.revoked = done;
        return submit(inv, &kind, &q);
}

static int apply_crl(DeviceStore *s, Operation *base) {
        IssuedStore *certificates = device_store_certificates(s);
        Question *q = (Question *) base;

        int r = issued_store_crl_put(certificates, &q->crl, bytes_view(&q->bytes));
        return r < 0 ? r : issued_store_log(certificates, &q->entry, &q->head);
}

int inventory_put_crl(Inventory *inv, const SignedState *state, const LogEntry *entry, ByteView pem,
                      InventoryRecorded done, void *userdata) {
        static const Kind kind = { apply_crl, recorded };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_CHANGE, userdata, &q);
        if (r < 0)
                return r;
        if (bytes_copy(pem, &q->bytes) < 0)
                return -ENOMEM;
        q->crl = (CrlState) { .number = state->crl_number, .covers = state->crl_covers,
                              .next_update = state->crl_next_update };
        q->entry = *entry;
        q->done.recorded = done;
        return submit(inv, &kind, &q);
}

static void answer_text(const Operation *base) {
        const Question *q = (const Question *) base;
        int result = base->result;

        q->done.text(result, bytes_view(&q->bytes), base->userdata);
}

static int apply_get_crl(DeviceStore *s, Operation *base) {
        Question *q = (Question *) base;

        return issued_store_crl_get(device_store_certificates(s), &q->bytes);
}

int inventory_get_crl(Inventory *inv, InventoryText done, void *userdata) {
        static const Kind kind = { apply_get_crl, answer_text };
        _cleanup_operation_ Question *q = NULL;

        int r = question_new(inv, OPERATION_READ, userdata, &q);
        if (r < 0)
                return r;
        q->done.text = done;
        return submit(inv, &kind, &q);
}
