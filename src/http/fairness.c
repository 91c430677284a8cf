/* SPDX-License-Identifier: MIT */
#include "http/fairness.h"

#include <gnutls/crypto.h>
#include <microhttpd.h>
#include <stdio.h>

#include "protocol/attest-messages.h"
#include "shared/log.h"

#define USEC_PER_SEC 1000000ULL
#define GRANT_USEC (120 * USEC_PER_SEC) /* how long one is good, at least */
#define SOURCE_MAX sizeof(NetAddress)

/* An EK at a source. */
typedef struct DeviceId {
        uint8_t bytes[32 + SOURCE_MAX];
        size_t size;
} DeviceId;

static int open_table(size_t max, const Rate *rate, RateLimit **ret) {
        uint8_t key[32];

        if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof(key)) < 0)
                return -EIO;
        int r = rate_limit_new(key, max, rate, ret);
        explicit_bzero(key, sizeof(key));
        return r;
}

int fairness_open(Fairness *f, const HttpLimits *limits) {
        static const Rate none = {};
        static const Rate grants = { .burst = FAIRNESS_GRANTS_MAX, .period = FAIRNESS_GRANTS_MAX * GRANT_USEC };

        int r = open_table(FAIRNESS_SOURCES_MAX, &limits->refusals, &f->refusals);
        if (r >= 0)
                r = open_table(FAIRNESS_SOURCES_MAX, &limits->unanswered, &f->unanswered);
        if (r >= 0)
                r = open_table(FAIRNESS_DEVICES_MAX, &limits->device, &f->devices);
        if (r >= 0)
                r = open_table(FAIRNESS_SOURCES_MAX, &none, &f->waiting);
        return r < 0 ? r : open_table(FAIRNESS_SOURCES_MAX, &grants, &f->grants);
}

void fairness_done(Fairness *f) {
        rate_limit_free(f->refusals);
        rate_limit_free(f->unanswered);
        rate_limit_free(f->devices);
        rate_limit_free(f->waiting);
        rate_limit_free(f->grants);
        *f = (Fairness) {};
}

static DeviceId device_id(const HttpRequest *r, const uint8_t ek_hash[static 32]) {
        ByteView source = http_request_source(r);
        DeviceId id = { .size = 32 + MIN_OF(source.size, SOURCE_MAX) };

        memcpy(id.bytes, ek_hash, 32);
        if (id.size > 32)
                memcpy(id.bytes + 32, source.data, id.size - 32);
        return id;
}

static ByteView view(const DeviceId *id) {
        return VIEW(id->bytes, id->size);
}

static bool refuse(Fairness *f, HttpRequest *r, FairnessLimit limit, uint64_t wait) {
        static const char *const details[_FAIRNESS_LIMIT_MAX] = {
                [FAIRNESS_REFUSALS] = "too much that came from this address was refused: wait as long as the header Retry-After says",
                [FAIRNESS_UNANSWERED] = "too many challenges that went to this address were not answered: wait as long as the header "
                                        "Retry-After says",
                [FAIRNESS_DEVICE] = "this device has asked for too many certificates: wait as long as the header Retry-After says",
        };

        f->limited[limit]++;
        log_debug("Request from %s refused with 429: %s", http_request_peer(r), details[limit]);
        http_retry_after(r, (wait + USEC_PER_SEC - 1) / USEC_PER_SEC);
        http_reply_error(r, MHD_HTTP_TOO_MANY_REQUESTS, "too-many-requests", details[limit]);
        return false;
}

/* --- May it come? --- */

/* Has the device that this request is about, as it says, proved itself from here before? */
static bool is_known(const Fairness *f, const HttpRequest *r) {
        _cleanup_attest_request_ AttestRequest q = {};
        uint8_t hash[32];
        PublicKey ek;

        if (attest_request_parse(http_request_body(r), &q) < 0 || public_key_from_spki(bytes_view(&q.ek), &ek) < 0 ||
            public_key_hash(&ek, hash) < 0)
                return false;
        DeviceId id = device_id(r, hash);
        return rate_limit_knows(f->devices, view(&id));
}

bool fairness_attest(Fairness *f, HttpRequest *r) {
        ByteView source = http_request_source(r);
        uint64_t now = http_request_now(r);

        if (source.size == 0)
                return true;
        uint64_t refusals = rate_limit_wait(f->refusals, source, now);
        uint64_t unanswered = rate_limit_wait(f->unanswered, source, now);
        if ((refusals == 0 && unanswered == 0) || (rate_limit_wait(f->grants, source, now) == 0 && is_known(f, r)))
                return true;
        return refusals > unanswered ? refuse(f, r, FAIRNESS_REFUSALS, refusals) :
                                       refuse(f, r, FAIRNESS_UNANSWERED, unanswered);
}

bool fairness_device(Fairness *f, HttpRequest *r, const PublicKey *ek) {
        uint8_t hash[32];

        if (http_request_source(r).size == 0 || public_key_hash(ek, hash) < 0)
                return true;
        DeviceId id = device_id(r, hash);
        uint64_t wait = rate_limit_wait(f->devices, view(&id), http_request_now(r));
        return wait == 0 || refuse(f, r, FAIRNESS_DEVICE, wait);
}

bool fairness_secret(Fairness *f, HttpRequest *r) {
        ByteView source = http_request_source(r);
        uint64_t now = http_request_now(r);

        if (source.size == 0)
                return true;
        uint64_t wait = rate_limit_wait(f->refusals, source, now);
        if (wait == 0)
                return true;
        if (!rate_limit_owes(f->grants, source, now))
                return refuse(f, r, FAIRNESS_REFUSALS, wait);
        rate_limit_refund(f->grants, source, now);
        return true;
}

/* --- What became of it --- */

void fairness_refused(Fairness *f, const HttpRequest *r) {
        ByteView source = http_request_source(r);
        uint64_t now = http_request_now(r);

        if (source.size == 0)
                return;
        bool before = rate_limit_wait(f->refusals, source, now) == 0;
        rate_limit_charge(f->refusals, source, now);
        if (before && rate_limit_wait(f->refusals, source, now) > 0)
                log_notice("%s has had as much refused as RefusalLimit= allows: what else comes from there waits.",
                           http_request_peer(r));
}

void fairness_challenged(Fairness *f, const HttpRequest *r) {
        ByteView source = http_request_source(r);
        uint64_t now = http_request_now(r);

        if (source.size == 0)
                return;
        bool waits = rate_limit_wait(f->refusals, source, now) > 0 || rate_limit_wait(f->unanswered, source, now) > 0;
        rate_limit_charge(f->unanswered, source, now);
        if (waits)
                rate_limit_charge(f->grants, source, now);
}

void fairness_proved(Fairness *f, const HttpRequest *r, const uint8_t ek_hash[static 32]) {
        ByteView source = http_request_source(r);
        uint64_t now = http_request_now(r);

        if (source.size == 0)
                return;
        DeviceId id = device_id(r, ek_hash);
        rate_limit_refund(f->unanswered, source, now);
        rate_limit_charge(f->devices, view(&id), now);
}

void fairness_waiting(Fairness *f, const HttpRequest *r, const uint8_t ek_hash[static 32]) {
        ByteView source = http_request_source(r);
        uint64_t now = http_request_now(r);

        if (source.size == 0)
                return;
        DeviceId id = device_id(r, ek_hash);
        rate_limit_refund(f->unanswered, source, now);
        if (!rate_limit_knows(f->waiting, view(&id)))
                fairness_refused(f, r);
        rate_limit_charge(f->waiting, view(&id), now);
}
