/* SPDX-License-Identifier: MIT */
#include "server/server-crl.h"

#include <time.h>

#include "server/events.h"
#include "shared/files.h"
#include "shared/log.h"

#define CRL_FILE "crl.pem"
#define RETRY_SEC 60
#define TIMER_ACCURACY_SEC 60 /* or a part of a list's life */
#define USEC_PER_SEC 1000000ULL

static void make(Server *s);

/* --- The next time --- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        server_crl_renew(userdata);
        return 0;
}

static void wake_at(Server *s, int64_t when) {
        uint64_t accuracy = (uint64_t) MIN_OF(s->settings->crl_lifetime, (int64_t) 16 * TIMER_ACCURACY_SEC) * USEC_PER_SEC / 16;
        uint64_t usec = (uint64_t) MAX_OF(when, (int64_t) 0) * USEC_PER_SEC;
        int r;

        if (s->crl_timer)
                r = sd_event_source_set_time(s->crl_timer, usec);
        else
                r = sd_event_add_time(s->event, &s->crl_timer, CLOCK_REALTIME, usec, accuracy, on_timer, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->crl_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error_errno(r, "No timer for the revocation list: %m");
}

static int64_t renewal_time(const Server *s) {
        return inventory_signed_state(s->inventory).crl_next_update - s->settings->crl_lifetime / 2;
}

/* --- Making one --- */

typedef struct NextCrl {
        Server *server;
        Bytes pem;
        uint64_t number;
        size_t n;
} NextCrl;

static NextCrl *next_free(NextCrl *c) {
        if (c)
                bytes_done(&c->pem);
        free(c);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(NextCrl *, next_free);

static int publish(const Server *s, ByteView pem) {
        _cleanup_free_ char *dir = NULL, *file = NULL;

        int r = path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &dir);
        if (r >= 0)
                r = path_join(dir, CRL_FILE, &file);
        if (r >= 0)
                r = file_write_atomic_path(file, 0644, pem);
        if (r >= 0)
                fronts_changed(s->fronts);
        return r;
}

static void failed(Server *s, int error) {
        log_error_errno(error, "Could not make a revocation list, trying again in %d s: %m", RETRY_SEC);
        s->crl_busy = false;
        wake_at(s, server_now() + RETRY_SEC);
}

static void tell(const NextCrl *c, const LogHead *head) {
        char count[EVENTS_COUNT_TEXT_MAX], hash[2 * LOG_HASH_SIZE + 1], record[LOG_HEAD_TEXT_MAX];
        const char *fields[] = { "ATTEZT_LOG_COUNT", count, "ATTEZT_LOG_HEAD", hash, NULL };

        events_format_head(head, count, hash, record);
        log_event(LOG_INFO, EVENT_SIGNED, fields, "Revocation list %llu, of %zu certificates; record %s.",
                  (unsigned long long) c->number, c->n, record);
}

static void on_put(int error, const LogHead *head, void *userdata) {
        _cleanup_(next_freep) NextCrl *c = userdata;
        Server *s = c->server;

        if (error >= 0) {
                tell(c, head);
                error = publish(s, bytes_view(&c->pem));
        }
        if (error < 0) {
                failed(s, error);
                return;
        }
        s->crl_busy = false;
        wake_at(s, renewal_time(s));
        if (s->crl_wanted)
                make(s);
}

static int sign(Server *s, const Revocation *list, size_t n, uint64_t revocations) {
        _cleanup_(next_freep) NextCrl *c = calloc(1, sizeof(*c));
        int64_t now = server_now();
        SignedState next = {
                .crl_number = inventory_signed_state(s->inventory).crl_number + 1,
                .crl_covers = revocations,
                .crl_next_update = now + s->settings->crl_lifetime,
        };
        CrlTerms terms = { .number = next.crl_number, .this_update = now, .next_update = next.crl_next_update };
        LogEntry entry = { .kind = LOG_CRL, .time = now, .not_after = next.crl_next_update };
        ByteWriter number = WRITER(entry.serial, sizeof(entry.serial));

        if (!c)
                return -ENOMEM;
        write_u64(&number, 0);
        write_u64(&number, next.crl_number);
        int r = certificate_authority_sign_crl(s->ca, &terms, list, n, &c->pem, entry.signed_hash);
        if (r < 0)
                return r;
        c->server = s;
        c->number = next.crl_number;
        c->n = n;
        r = inventory_put_crl(s->inventory, &next, &entry, bytes_view(&c->pem), on_put, c);
        if (r >= 0)
                TAKE_PTR(c);
        return r;
}

static void on_revoked(int error, const Revocation *list, size_t n, uint64_t revocations, void *userdata) {
        Server *s = userdata;

        if (error >= 0)
                error = sign(s, list, n, revocations);
        if (error < 0)
                failed(s, error);
}

static void make(Server *s) {
        s->crl_busy = true;
        s->crl_wanted = false;
        int r = inventory_revoked(s->inventory, server_now(), on_revoked, s);
        if (r < 0)
                failed(s, r);
}

void server_crl_renew(Server *s) {
        if (!s->ca)
                return;
        s->crl_wanted = true;
        if (!s->crl_busy)
                make(s);
}

/* --- Beginning --- */

static bool is_published(const Server *s, ByteView pem) {
        _cleanup_free_ char *dir = NULL, *file = NULL;
        _cleanup_bytes_ Bytes there = BYTES_NULL;

        return path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &dir) >= 0 &&
               path_join(dir, CRL_FILE, &file) >= 0 && file_read(file, pem.size, &there) >= 0 &&
               view_equal(bytes_view(&there), pem);
}

/* A kill may have come between the record and the file. */
static void on_stored(int error, ByteView pem, void *userdata) {
        Server *s = userdata;
        SignedState state = inventory_signed_state(s->inventory);

        /* Later than any that would be made now: the setting, or the clock, was another one. */
        bool odd = state.crl_next_update > server_now() + s->settings->crl_lifetime;
        if (error < 0 || odd || state.crl_covers != state.revocations || server_now() >= renewal_time(s)) {
                server_crl_renew(s);
                return;
        }
        int r = is_published(s, pem) ? 0 : publish(s, pem);
        if (r < 0)
                failed(s, r);
        else
                wake_at(s, renewal_time(s));
}

int server_crl_start(Server *s) {
        return s->ca ? inventory_get_crl(s->inventory, on_stored, s) : 0;
}
