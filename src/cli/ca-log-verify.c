/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/ca-log.h"

#define TOLD_MAX 20U /* of each kind of finding */

/* A certificate that the store has. */
typedef struct Known {
        uint8_t serial[AK_SERIAL_SIZE];
        uint8_t sha256[32];
        bool recorded;
} Known;

typedef struct KnownList {
        Known *list;
        size_t n;
        int64_t dropped_until; /* the server dropped certificates that ended before; 0: none */
        int64_t may_drop;      /* those that ended before may be gone: by that, and by KeepIssued= */
} KnownList;

static void known_list_done(KnownList *k) {
        free(k->list);
}

typedef struct Findings {
        unsigned long long unrecorded, missing, other;
        unsigned long long dropped; /* that is as it should be */
} Findings;

static int read_hex(struct json_object *o, const char *member, void *ret, size_t size) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        const char *text = cli_text(o, member);

        int r = hex_decode(text, strlen(text), &b);
        if (r < 0 || b.size != size)
                return -EBADMSG;
        memcpy(ret, b.data, size);
        return 0;
}

static int compare(const void *a, const void *b) {
        return memcmp(((const Known *) a)->serial, ((const Known *) b)->serial, AK_SERIAL_SIZE);
}

static int read_known(Cli *c, KnownList *ret) {
        _cleanup_json_ struct json_object *list = NULL;

        int status = ca_read_issued(c, "", &list);
        if (status != EXIT_SUCCESS)
                return status;
        ret->n = json_object_array_length(list);
        ret->list = calloc(ret->n + 1, sizeof(*ret->list));
        if (!ret->list)
                return cli_failed(-ENOMEM, "read the list");
        for (size_t i = 0; i < ret->n; i++) {
                struct json_object *o = json_object_array_get_idx(list, i);
                if (read_hex(o, "serial", ret->list[i].serial, AK_SERIAL_SIZE) < 0 ||
                    read_hex(o, "sha256", ret->list[i].sha256, 32) < 0)
                        return cli_failed(-EBADMSG, "read the list");
        }
        qsort(ret->list, ret->n, sizeof(*ret->list), compare);
        return EXIT_SUCCESS;
}

/* What the server dropped, by its own account: after the certificates were read, so that none is gone that it does not
 * speak of. */
static int read_dropped(Cli *c, KnownList *ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        uint64_t value, keep = UINT64_MAX;
        const char *key;

        int status = ca_call_plain(c, "GetCounts", &reply);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_enter_container(reply, 'a', "{st}");
        while (r >= 0 && (r = sd_bus_message_read(reply, "{st}", &key, &value)) > 0)
                if (strcmp(key, "dropped-until") == 0)
                        ret->dropped_until = (int64_t) value;
                else if (strcmp(key, "keep-issued") == 0)
                        keep = value;
        const uint64_t now = (uint64_t) time(NULL);
        ret->may_drop = keep < now ? MIN_OF(ret->dropped_until, (int64_t) (now - keep)) : 0;
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

/* What has not ended is never dropped. */
static bool dropped_good(const KnownList *known) {
        char when[CLI_TIME_MAX];

        if (known->dropped_until <= (int64_t) time(NULL))
                return true;
        log_error("Certificates were dropped that end before %s: that is yet to come. A clock was wrong, or somebody "
                  "changed the inventory.", cli_format_time(known->dropped_until, when));
        return false;
}

/* Nobody can tell an older setting from somebody who took certificates away. */
static void explain_missing(const KnownList *known, const Findings *f) {
        char when[CLI_TIME_MAX];

        if (f->missing > 0 && known->dropped_until > known->may_drop)
                log_notice("atteztd dropped certificates that ended before %s, longer than KeepIssued= allows now: if it was "
                           "raised since, those may be among the missing.", cli_format_time(known->dropped_until, when));
}

static void tell(unsigned long long n, const char *what, const uint8_t serial[static AK_SERIAL_SIZE]) {
        char text[2 * AK_SERIAL_SIZE + 1];

        hex_encode(VIEW(serial, AK_SERIAL_SIZE), text);
        if (n <= TOLD_MAX)
                log_error("%s: serial number %s.", what, text);
        else if (n == TOLD_MAX + 1)
                log_error("%s: and more.", what);
}

/* must_be_there: the entry is older than the list of certificates. */
static void match(const LogEntry *e, KnownList *known, bool must_be_there, Findings *f) {
        Known key, *k;

        if (e->kind != LOG_AK_CERTIFICATE)
                return;
        memcpy(key.serial, e->serial, sizeof(key.serial));
        k = bsearch(&key, known->list, known->n, sizeof(key), compare);
        if (!k && log_entry_outlives(e, known->may_drop))
                f->dropped++;
        else if (!k && must_be_there)
                tell(++f->missing, "An entry of the record has no certificate", e->serial);
        else if (k && (k->recorded || memcmp(k->sha256, e->signed_hash, sizeof(k->sha256)) != 0))
                tell(++f->other, "An entry of the record is for another certificate", e->serial);
        if (k)
                k->recorded = true;
}

static Findings match_all(const SigningLog *l, size_t n_before, KnownList *known) {
        Findings f = {};

        for (size_t i = 0; i < l->n; i++)
                match(l->entries + i, known, i < n_before, &f);
        for (size_t i = 0; i < known->n; i++)
                if (!known->list[i].recorded)
                        tell(++f.unrecorded, "A certificate is not in the record", known->list[i].serial);
        return f;
}

static bool chain_good(const SigningLog *l) {
        if (l->broken > 0)
                log_error("The record is broken at entry %" PRIu64 ": it does not follow from the one before it.", l->broken);
        else if (l->head.count != l->served.count ||
                 memcmp(l->head.hash, l->served.hash, sizeof(l->head.hash)) != 0)
                log_error("The record ends with entry %" PRIu64 ", but should with %" PRIu64 ".", l->head.count,
                          l->served.count);
        else
                return true;
        return false;
}

static bool head_good(const SigningLog *l) {
        if (l->wanted.count == 0 || l->found)
                return true;
        if (l->head.count < l->wanted.count)
                log_error("The record was shortened: it has %" PRIu64 " entries, the given head is that of %" PRIu64 ".",
                          l->head.count, l->wanted.count);
        else
                log_error("The record was rewritten: entry %" PRIu64 " is not the one of the given head.", l->wanted.count);
        return false;
}

static void print_good(const SigningLog *l, const char *head, const KnownList *known, const Findings *f) {
        char when[CLI_TIME_MAX];

        puts("The record is whole, with an entry for each certificate and a certificate for each entry.");
        if (f->dropped > 0)
                printf("(But for %llu that ended before %s and were dropped: KeepIssued= of atteztd.conf.)\n", f->dropped,
                       cli_format_time(known->may_drop, when));
        printf("Head: %s%s\n", head, l->wanted.count > 0 ? "" : "\n(It proves more against a head that was kept "
               "elsewhere: --head, from the journal.)");
}

static int report(const Cli *c, const SigningLog *l, const KnownList *known, const Findings *f, bool good) {
        char head[LOG_HEAD_TEXT_MAX];

        log_head_format(&l->head, head);
        if (c->json) {
                _cleanup_json_ struct json_object *o = NULL;
                if (json_new_object(&o) < 0 || json_add(o, "good", json_object_new_boolean(good)) < 0 ||
                    json_add(o, "entries", json_object_new_uint64(l->head.count)) < 0 || json_add_text(o, "head", head) < 0 ||
                    json_add(o, "dropped", json_object_new_uint64(f->dropped)) < 0 ||
                    json_add(o, "dropped-until", json_object_new_int64(known->dropped_until)) < 0)
                        return cli_failed(-ENOMEM, "make JSON");
                (void) cli_print_json(o);
        } else if (good)
                print_good(l, head, known, f);
        else
                log_notice("What to do is in attezt(1), at \"ca log verify\".");
        return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What is signed meanwhile is no finding: the record is read before the certificates and after them. */
int verb_ca_log_verify(Cli *c, int argc, char **argv) {
        _cleanup_(signing_log_done) SigningLog l = {};
        _cleanup_(known_list_done) KnownList known = {};
        Findings f = {};
        bool ca_good = true;
        const char *head = NULL;
        const CliOption options[] = {
                { "head", CLI_TEXT, &head, "COUNT:HASH", "The record must go through this: from the journal" },
                {},
        };

        cli_parse(c, argc, argv, options, 0, 0);
        if (head && (log_head_parse(head, &l.wanted) < 0 || l.wanted.count == 0))
                cli_usage(c, "--head wants COUNT:HASH, as the journal has it.");
        int status = signing_log_read(c, &l);
        if (status != EXIT_SUCCESS)
                return status;
        size_t n_before = l.n;
        status = read_known(c, &known);
        if (status == EXIT_SUCCESS)
                status = read_dropped(c, &known);
        if (status == EXIT_SUCCESS && l.broken == 0 && l.n > 0)
                status = signing_log_check_ca(c, &l, &ca_good);
        if (status != EXIT_SUCCESS)
                return status;

        bool good = chain_good(&l);
        good = head_good(&l) && good;
        good = dropped_good(&known) && ca_good && good;
        if (l.broken == 0) {
                f = match_all(&l, n_before, &known);
                explain_missing(&known, &f);
                good = good && f.unrecorded + f.missing + f.other == 0;
        }
        return report(c, &l, &known, &f, good);
}
