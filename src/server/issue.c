/* SPDX-License-Identifier: MIT */
#include "server/issue.h"

#include <gnutls/crypto.h>

#include "protocol/attest-verdict.h"
#include "protocol/device-words.h"
#include "server/bus-call.h"
#include "server/events.h"
#include "shared/inventory-waiting.h"
#include "shared/log.h"

#define CREDENTIAL_SEED_SIZE 48U

/* A secret that came back, on its way to a certificate. */
struct Issue {
        Server *server;
        struct Issue *next, **self;
        uint64_t front, id;     /* whom to answer */
        char peer[FRONT_PEER_MAX];
        Pending pending;
        char hash[DEVICE_HASH_TEXT + 1];
        char device[DEVICE_NAME_MAX + 1]; /* its first name, for the journal */
        char serial[2 * AK_SERIAL_SIZE + 1];
        Bytes certificate;
};

/* --- POST /attest --- */

static FrontStatus make_challenge(Server *s, const FrontAttest *a, const Pending *what, Credential *ret) {
        uint8_t name[AK_NAME_SIZE], secret[PENDING_SECRET_SIZE], seed[CREDENTIAL_SEED_SIZE];

        /* The front's word does not count here: the AK is what this name says, or the TPM gives no secret. */
        if (ak_name(&a->ak, name) < 0)
                return FRONT_FAILED;
        if (gnutls_rnd(GNUTLS_RND_KEY, seed, sizeof(seed)) < 0)
                return FRONT_FAILED;
        int r = pending_secrets_add(s->pending, what, server_boottime(s), secret);
        if (r >= 0)
                r = make_credential(&a->ek, VIEW_ARRAY(name), secret, VIEW_ARRAY(seed), ret);
        explicit_bzero(secret, sizeof(secret));
        explicit_bzero(seed, sizeof(seed));
        if (r < 0 && r != -ENOSPC)
                log_error_errno(r, "Could not make a challenge: %m");
        return r >= 0 ? FRONT_OK : r == -ENOSPC ? FRONT_BUSY : FRONT_FAILED;
}

/* The AK sits beside its EK, by the front's account, and its TPM may now prove it. */
static void tell_attested(const FrontAttest *a, const Pending *what) {
        static const char *const evidence[] = {
                [EK_EVIDENCE_NONE] = "none", [EK_EVIDENCE_UNTRUSTED] = "untrusted", [EK_EVIDENCE_TRUSTED] = "trusted",
        };
        char ek[DEVICE_HASH_TEXT + 1], ak[2 * AK_NAME_SIZE + 1] = "", peer[LOG_ESCAPED_MAX];
        uint8_t name[AK_NAME_SIZE];
        const char *fields[] = {
                "ATTEZT_EK", ek, "ATTEZT_AK", ak, "ATTEZT_EVIDENCE", evidence[what->evidence],
                "ATTEZT_PEER", log_escape(a->peer, strlen(a->peer), peer), NULL,
        };

        device_hash_format(what->ek_hash, ek);
        if (ak_name(&what->ak, name) >= 0)
                hex_encode(VIEW_ARRAY(name), ak);
        log_event(LOG_INFO, EVENT_ATTESTED, fields, "Challenge for EK %s (%s, EK certificate: %s).", ek, peer,
                  evidence[what->evidence]);
}

static FrontStatus challenge(Server *s, const FrontAttest *a, Credential *ret) {
        Pending what = { .ak = a->ak, .evidence = a->evidence };

        if (!s->ca)
                return FRONT_UNAVAILABLE;
        if (public_key_hash(&a->ek, what.ek_hash) < 0)
                return FRONT_FAILED;
        if (a->evidence == EK_EVIDENCE_TRUSTED)
                what.tpm = a->tpm;
        if (a->evidence == EK_EVIDENCE_UNTRUSTED)
                memcpy(what.issuer, a->issuer, sizeof(what.issuer));
        FrontStatus status = make_challenge(s, a, &what, ret);
        if (status == FRONT_OK)
                tell_attested(a, &what);
        return status;
}

static void on_attest(Server *s, uint64_t front, const FrontMessage *m) {
        FrontMessage reply = { .type = FRONT_ATTEST_REPLY, .id = m->id };

        reply.attest_reply.status = challenge(s, &m->attest, &reply.attest_reply.credential);
        s->counters.challenges[reply.attest_reply.status]++;
        fronts_answer(s->fronts, front, &reply);
}

/* --- POST /secret --- */

static Issue *issue_free(Issue *i) {
        if (!i)
                return NULL;
        if (i->self) {
                *i->self = i->next;
                if (i->next)
                        i->next->self = i->self;
        }
        bytes_done(&i->certificate);
        free(i);
        return NULL;
}

void issue_forget_all(Server *s) {
        while (s->issues)
                issue_free(s->issues);
}

static void answer_status(Server *s, uint64_t front, uint64_t id, FrontStatus status) {
        FrontMessage reply = { .type = FRONT_SECRET_REPLY, .id = id, .secret_reply.status = status };

        fronts_answer(s->fronts, front, &reply);
}

/* Ends the journey without a certificate. */
static void fail(Issue *i, FrontStatus status) {
        FrontMessage reply = { .type = FRONT_SECRET_REPLY, .id = i->id, .secret_reply.status = status };

        if (front_status_is_proof(status))
                memcpy(reply.secret_reply.ek_hash, i->pending.ek_hash, sizeof(i->pending.ek_hash));
        fronts_answer(i->server->fronts, i->front, &reply);
        issue_free(i);
}

static void fail_errno(Issue *i, int error, const char *what) {
        i->server->counters.failures++;
        log_error_errno(error, "Could not %s for EK %s: %m", what, i->hash);
        fail(i, error == -EBUSY ? FRONT_BUSY : FRONT_FAILED);
}

/* One answer for the client, the reason in the journal. */
static void deny(Issue *i, IssueVerdict verdict) {
        char peer[LOG_ESCAPED_MAX], issuer[LOG_ESCAPED_MAX];
        bool untrusted = verdict == ISSUE_UNTRUSTED_CERTIFICATE;
        const char *fields[] = {
                "ATTEZT_EK", i->hash,
                "ATTEZT_DEVICE", i->device[0] ? i->device : NULL,
                "ATTEZT_ISSUER", untrusted ? log_escape(i->pending.issuer, strlen(i->pending.issuer), issuer) : NULL,
                "ATTEZT_PEER", log_escape(i->peer, strlen(i->peer), peer),
                "ATTEZT_REASON", issue_verdict_to_string(verdict),
                NULL,
        };

        i->server->counters.verdicts[verdict]++;
        log_event(LOG_NOTICE, EVENT_DENIED, fields, "No certificate for EK %s (%s): %s%s%s.", i->hash, peer,
                  issue_verdict_to_string(verdict), untrusted ? "; its issuer, as it claims: " : "", untrusted ? issuer : "");
        fail(i, FRONT_DENIED);
}

static void add_to_chain(FrontSecretReply *reply, ByteView der) {
        if (der.size > FRONT_CERTIFICATE_MAX)
                return;
        memcpy(reply->chain[reply->n_chain].der, der.data, der.size);
        reply->chain[reply->n_chain++].size = (uint16_t) der.size;
}

static void tell_issued(const Issue *i, const LogHead *head) {
        char ak[2 * AK_NAME_SIZE + 1] = "", count[24], hash[2 * LOG_HASH_SIZE + 1], record[LOG_HEAD_TEXT_MAX];
        uint8_t name[AK_NAME_SIZE];
        const char *fields[] = {
                "ATTEZT_EK", i->hash, "ATTEZT_DEVICE", i->device[0] ? i->device : NULL, "ATTEZT_SERIAL", i->serial,
                "ATTEZT_AK", ak, "ATTEZT_LOG_COUNT", count, "ATTEZT_LOG_HEAD", hash, NULL,
        };

        if (ak_name(&i->pending.ak, name) >= 0)
                hex_encode(VIEW_ARRAY(name), ak);
        events_format_head(head, count, hash, record);
        log_event(LOG_INFO, EVENT_ISSUED, fields, "AK certificate %s for %s; record %s.", i->serial,
                  i->device[0] ? i->device : i->hash, record);
}

static void on_recorded(int error, const LogHead *head, void *userdata) {
        FrontMessage reply = { .type = FRONT_SECRET_REPLY };
        Issue *i = userdata;

        if (error == -ESTALE) {
                deny(i, ISSUE_CHANGED);
                return;
        }
        if (error < 0) {
                fail_errno(i, error, "record a certificate");
                return;
        }

        reply.id = i->id;
        (void) pending_secrets_certified(i->server->pending, &i->pending);
        memcpy(reply.secret_reply.ek_hash, i->pending.ek_hash, sizeof(i->pending.ek_hash));
        add_to_chain(&reply.secret_reply, bytes_view(&i->certificate));
        add_to_chain(&reply.secret_reply, certificate_authority_intermediate(i->server->ca));
        if (reply.secret_reply.n_chain != 2)
                reply.secret_reply = (FrontSecretReply) { .status = FRONT_FAILED };
        fronts_answer(i->server->fronts, i->front, &reply);
        i->server->counters.verdicts[ISSUE_GOOD]++;
        tell_issued(i, head);
        issue_free(i);
}

static int sign(Issue *i, const Device *device, Issued *ret) {
        CertificateAuthority *ca = i->server->ca;
        IssueTerms terms = {
                .now = server_now(),
                .default_lifetime = i->server->settings->ak_lifetime,
                .issuer_not_after = certificate_authority_not_after(ca),
        };
        AkCertificate c;
        IssueNames names;

        if (gnutls_rnd(GNUTLS_RND_NONCE, terms.serial, sizeof(terms.serial)) < 0)
                return -EIO;
        int r = issue_certificate(device, &i->pending, &terms, &names, &c);
        if (r >= 0)
                r = certificate_authority_sign_ak(ca, &c, &i->certificate);
        if (r < 0)
                return r;
        hex_encode(VIEW_ARRAY(c.serial), i->serial);
        *ret = (Issued) { .issued = terms.now, .not_after = c.not_after, .certificate = bytes_view(&i->certificate) };
        memcpy(ret->serial, c.serial, sizeof(ret->serial));
        memcpy(ret->ek_hash, device->ek_hash, sizeof(ret->ek_hash));
        return 0;
}

/* --- An unknown device, which has proved its EK --- */

static void tell_waiting(const Issue *i) {
        char peer[LOG_ESCAPED_MAX], words[DEVICE_WORDS_TEXT_MAX];
        const char *fields[] = {
                "ATTEZT_EK", i->hash, "ATTEZT_PEER", log_escape(i->peer, strlen(i->peer), peer), NULL,
        };

        device_words_format(i->pending.ek_hash, words);
        log_event(LOG_NOTICE, EVENT_WAITING, fields,
                  "EK %s (%s) is not in the inventory. It waits for approval: attezt ca approve %s --name NAME", i->hash,
                  peer, words);
}

/* Why it may not even wait; NULL: that is not what error says. */
static const char *no_room(Server *s, int error) {
        switch (error) {
        case -ENOSPC:
                s->counters.no_room++;
                return "too many devices wait for approval already (MaxPending=); to forget them: attezt ca pending --clear";
        case -EUSERS:
                s->counters.no_room_untrusted++;
                return "too many devices without a trusted EK certificate wait for approval already; the other places "
                       "of MaxPending= are kept for devices that have one; to forget them: attezt ca pending --untrusted --clear";
        case -EDQUOT:
                s->counters.no_room_source++;
                return "too many devices without a trusted EK certificate wait from its address already; if that is a proxy's, "
                       "TrustedProxies= should name it; to forget them: attezt ca pending --source ADDRESS --clear";
        default:
                return NULL;
        }
}

static void on_waits(int result, void *userdata) {
        char peer[LOG_ESCAPED_MAX];
        Issue *i = userdata;

        if (result == -ESTALE) {
                deny(i, ISSUE_CHANGED);
                return;
        }
        const char *why = no_room(i->server, result);
        if (why) {
                log_warning("EK %s (%s) is not in the inventory, and %s.", i->hash,
                            log_escape(i->peer, strlen(i->peer), peer), why);
                fail(i, FRONT_BUSY);
                return;
        }
        if (result < 0) {
                fail_errno(i, result, "remember that it waits");
                return;
        }
        i->server->counters.verdicts[ISSUE_UNKNOWN_DEVICE]++;
        if (result > 0) {
                tell_waiting(i);
                bus_emit(i->server, "PendingChanged");
        }
        fail(i, FRONT_WAITING);
}

static void wait_for_approval(Issue *i) {
        WaitingDevice d = {
                .first = server_now(),
                .last = server_now(),
                .evidence = i->pending.evidence,
                .tpm = i->pending.tpm,
        };

        memcpy(d.ek_hash, i->pending.ek_hash, sizeof(d.ek_hash));
        memcpy(d.issuer, i->pending.issuer, sizeof(d.issuer));
        _Static_assert(sizeof(d.peer) == sizeof(i->peer), "both are an address");
        memcpy(d.peer, i->peer, sizeof(d.peer));
        int r = inventory_wait(i->server->inventory, &d, on_waits, i);
        if (r < 0)
                fail_errno(i, r, "remember that it waits");
}

static void on_device(int error, const Device *device, void *userdata) {
        Issue *i = userdata;
        Issued issued;

        if (error < 0 && error != -ENOENT) {
                fail_errno(i, error, "look the device up");
                return;
        }
        if (device && device->n_names > 0)
                memcpy(i->device, device->names[0], sizeof(i->device));
        if (error == -ENOENT) {
                wait_for_approval(i);
                return;
        }
        IssueVerdict verdict = issue_verdict(device, &i->pending, server_now());
        if (verdict != ISSUE_GOOD) {
                if (device)
                        (void) inventory_seen(i->server->inventory, device->ek_hash, server_now());
                deny(i, verdict);
                return;
        }

        int r = sign(i, device, &issued);
        if (r < 0) {
                fail_errno(i, r, "sign a certificate");
                return;
        }
        r = inventory_record_issued(i->server->inventory, &issued, device->version, on_recorded, i);
        if (r < 0)
                fail_errno(i, r, "record a certificate");
}

static int issue_new(Server *s, uint64_t front, const FrontMessage *m, const Pending *pending, Issue **ret) {
        Issue *i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        *i = (Issue) { .server = s, .front = front, .id = m->id, .pending = *pending, .next = s->issues,
                       .self = &s->issues };
        memcpy(i->peer, m->secret.peer, sizeof(i->peer));
        device_hash_format(pending->ek_hash, i->hash);
        if (i->next)
                i->next->self = &i->next;
        s->issues = i;
        *ret = i;
        return 0;
}

static void deny_secret(Server *s, uint64_t front, const FrontMessage *m) {
        char peer[LOG_ESCAPED_MAX];
        const char *fields[] = {
                "ATTEZT_PEER", log_escape(m->secret.peer, strlen(m->secret.peer), peer),
                "ATTEZT_REASON", issue_verdict_to_string(ISSUE_UNKNOWN_SECRET), NULL,
        };

        s->counters.verdicts[ISSUE_UNKNOWN_SECRET]++;
        log_event(LOG_INFO, EVENT_DENIED, fields, "No certificate (%s): %s.", peer,
                  issue_verdict_to_string(ISSUE_UNKNOWN_SECRET));
        answer_status(s, front, m->id, FRONT_DENIED);
}

static void on_secret(Server *s, uint64_t front, const FrontMessage *m) {
        Pending pending;
        Issue *i;

        if (!s->ca) {
                answer_status(s, front, m->id, FRONT_UNAVAILABLE);
                return;
        }
        int r = pending_secrets_take(s->pending, m->secret.secret, server_boottime(s), &pending);
        if (r < 0) {
                deny_secret(s, front, m);
                return;
        }
        r = issue_new(s, front, m, &pending, &i);
        if (r < 0) {
                answer_status(s, front, m->id, FRONT_FAILED);
                return;
        }
        r = inventory_lookup(s->inventory, i->hash, on_device, i);
        if (r < 0)
                fail_errno(i, r, "look the device up");
}

void issue_on_request(uint64_t front, const FrontMessage *m, void *userdata) {
        if (m->type == FRONT_ATTEST)
                on_attest(userdata, front, m);
        else
                on_secret(userdata, front, m);
}
