/* SPDX-License-Identifier: MIT */
#include "enroll/enroll.h"

#include <time.h>

#include <openssl/sha.h>

#include "enroll/acme-order.h"
#include "enroll/ak.h"
#include "enroll/attest.h"
#include "enroll/naming.h"
#include "enroll/progress.h"
#include "protocol/attestation-object.h"
#include "protocol/certificate-request.h"
#include "protocol/jws.h"
#include "protocol/tpm-templates.h"
#include "shared/log.h"

/* One enrolment: what each step leaves for the next. */
typedef struct Enroll {
        const EnrollSettings *settings;
        const Plan *plan;
        Failure *f;
        TpmDevice *tpm;
        TpmEk ek;
        uint8_t ek_hash[32];
        AttestationKey ak;
        Https *https;
        Chain ak_chain;
        char *name;            /* to order */
        AcmeClient acme;
        PlacedOrder order;
        TpmKey key;
        KeyFile key_file;
        int64_t key_created;
        Chain chain;
} Enroll;

static void enroll_done(Enroll *e) {
        tpm_key_done(&e->key);
        attestation_key_done(&e->ak);
        tpm_ek_done(&e->ek);
        tpm_device_free(e->tpm);
        chain_done(&e->ak_chain);
        free(e->name);
        placed_order_done(&e->order);
        acme_client_done(&e->acme);
        https_free(e->https);
        key_file_done(&e->key_file);
        chain_done(&e->chain);
}

/* --- The network --- */

/* Before the TPM: without a network there is nothing to prove, and some TPMs take seconds for an EK. */
static int step_reach(Enroll *e) {
        int r = https_new(e->settings->ca_dir, e->plan->ca_pem, &e->https, e->f);
        return r < 0 ? r : acme_client_open(e->https, e->settings->state_dir, e->plan->acme_url, &e->acme, e->f);
}

/* --- The TPM and its proof --- */

static int step_tpm(Enroll *e) {
        char text[TPM_TEXT_MAX];
        int r;

        progress_step(STEP_TPM);
        progress_catch_end();
        r = tpm_device_open(e->settings->tcti, &e->tpm, text);
        if (r < 0)
                return r == -ENODEV ? fail(e->f, r, OUTCOME_NO_TPM, "%s", text) : r;
        r = tpm_ek_find(e->tpm, e->plan->ek, &e->ek);
        if (r == -ENOENT)
                return fail(e->f, r, OUTCOME_NO_EK,
                            "The TPM has no endorsement key of the wanted kind (%s): neither a certificate for one, nor "
                            "does it make one",
                            job_ek_to_string(e->plan->ek));
        if (r < 0)
                return fail_tpm(e->f, r, e->tpm, "Cannot read the TPM's endorsement keys");
        r = public_key_hash(&e->ek.key, e->ek_hash);
        if (r < 0)
                return r;
        progress_identity(e->ek_hash, e->ek.key.type, e->ek.certificate.size > 0);
        return 0;
}

static int step_ak(Enroll *e) {
        progress_step(STEP_AK);
        return ak_open(e->tpm, e->settings->state_dir, &e->ak.key, &e->ak.proof, &e->ak.creation_data, e->f);
}

static int step_attest(Enroll *e) {
        int r;

        progress_step(STEP_ATTEST);
        r = attest(e->tpm, e->https, e->plan->attestation_url, &e->ek, &e->ak, &e->ak_chain, e->f);
        if (r < 0 && e->f->outcome == OUTCOME_WAITING)
                attest_explain_waiting(&e->ek, e->plan->job.name ?: e->plan->recorded_name, e->f);
        if (r < 0 && e->f->outcome == OUTCOME_UNKNOWN_DEVICE)
                attest_explain_refused(&e->ek, e->f);
        return r;
}

static int choose(Enroll *e) {
        CertificateNames names;

        int r = certificate_names(bytes_view(&e->ak_chain.der[0]), &names);
        if (r < 0)
                return fail(e->f, r, OUTCOME_BAD_ANSWER, "The attestation server's certificate cannot be read");
        return choose_name(&names, e->plan->job.name, e->plan->recorded_name, &e->name, e->f);
}

/* --- The order --- */

static int step_account(Enroll *e, const AcmeBinding *binding) {
        progress_step(STEP_ACCOUNT);
        return acme_client_account(&e->acme, binding, e->f);
}

static int step_order(Enroll *e, const AcmeBinding *binding) {
        int64_t not_after = e->plan->lifetime > 0 ? (int64_t) time(NULL) + e->plan->lifetime : 0;
        int r;

        progress_step(STEP_ORDER);
        r = acme_order_place(&e->acme, e->name, not_after, &e->order, e->f);
        if (r != -ESTALE)
                return r;
        /* The server has been set up anew, or has thrown the account out. */
        r = acme_client_account_anew(&e->acme, binding, e->f);
        return r < 0 ? r : acme_order_place(&e->acme, e->name, not_after, &e->order, e->f);
}

static int place_order(Enroll *e) {
        const AcmeBinding binding = {
                .kid = e->plan->job.eab_kid,
                .key = bytes_view(&e->plan->job.eab_key),
        };
        int r = step_account(e, &binding);
        return r < 0 ? r : step_order(e, &binding);
}

/* --- The device key and its attestation --- */

static int load_recorded_key(Enroll *e) {
        _cleanup_key_file_ KeyFile file = {};
        int r;

        r = key_file_parse(bytes_view(&e->plan->recorded.key_pem), &file);
        if (r >= 0)
                r = tpm_key_load(e->tpm, &file, &e->key);
        if (r < 0)
                return r;
        e->key_file = TAKE_GENERIC(file, (KeyFile) {});
        e->key_created = e->plan->recorded.key_created;
        return 0;
}

static int step_key(Enroll *e) {
        TPM2B_PUBLIC template;
        int r;

        progress_step(STEP_KEY);
        if (e->plan->keep_key) {
                r = load_recorded_key(e);
                if (r >= 0)
                        return 0;
                log_notice("The device key cannot be loaded, although it is to be kept: a new one is made (%s).",
                           r == -EBADMSG ? "it is of another TPM, or the TPM was cleared" : strerror(-r));
        }
        e->key_created = time(NULL);
        r = device_key_template_public(e->plan->key == JOB_KEY_RSA2048 ? KEY_TYPE_RSA : KEY_TYPE_P256, &template);
        if (r < 0)
                return r;
        r = tpm_key_create(e->tpm, &template, &e->key_file, NULL, &e->key);
        return r < 0 ? fail_tpm(e->f, r, e->tpm, "Cannot create the device key") : 0;
}

/* What the AK vouches for: SHA-256 of the key authorization (RFC 8555 §8.1). */
static int challenge_digest(const Enroll *e, uint8_t ret[static SHA256_DIGEST_LENGTH]) {
        _cleanup_free_ char *authorization = NULL;
        PublicKey account;
        int r;

        if ((r = jws_public_key(e->acme.account.key, &account)) < 0 ||
            (r = jws_key_authorization(e->order.challenge->token, &account, &authorization)) < 0)
                return r;
        return SHA256((const uint8_t *) authorization, strlen(authorization), ret) ? 0 : -EIO;
}

static int build_attestation(const Enroll *e, Bytes *ret) {
        _cleanup_tpm_statement_ TpmStatement statement = {};
        _cleanup_bytes_ Bytes public_area = BYTES_NULL;
        uint8_t digest[SHA256_DIGEST_LENGTH];
        ByteView x5c[CHAIN_CERTIFICATES_MAX];
        int r;

        if ((r = challenge_digest(e, digest)) < 0 || (r = tpm_key_public_area(&e->key, &public_area)) < 0)
                return r;
        r = tpm_certify(&e->key, &e->ak.key, VIEW_ARRAY(digest), &statement);
        if (r < 0)
                return fail_tpm(e->f, r, e->tpm, "The TPM does not attest the device key");
        for (size_t i = 0; i < e->ak_chain.n; i++)
                x5c[i] = bytes_view(&e->ak_chain.der[i]);
        return attestation_object_build(
                &(AttestationObject) {
                        .alg = COSE_RS256, /* of the AK's signature */
                        .x5c = x5c,
                        .n_x5c = e->ak_chain.n,
                        .sig = bytes_view(&statement.signature),
                        .cert_info = bytes_view(&statement.attest),
                        .pub_area = bytes_view(&public_area),
                },
                ret);
}

static int step_challenge(Enroll *e) {
        _cleanup_bytes_ Bytes object = BYTES_NULL;
        int r;

        progress_step(STEP_CHALLENGE);
        if (!e->order.challenge)
                return 0; /* the server remembers an authorization */
        r = build_attestation(e, &object);
        if (r < 0)
                return e->f->outcome != OUTCOME_DONE ? r : fail_errno(e->f, r, "Cannot put the attestation together");
        r = acme_order_respond(&e->acme, &e->order, bytes_view(&object), e->f);
        if (r < 0 && e->f->outcome == OUTCOME_WRONG_NAME)
                failure_add(e->f, "The name ordered was \"%s\".", e->name);
        return r;
}

/* --- The certificate --- */

static int sign_request(DigestAlgorithm algorithm, ByteView digest, void *userdata, Bytes *ret) {
        return tpm_key_sign(userdata, algorithm, digest, ret);
}

static int step_finalize(Enroll *e) {
        _cleanup_bytes_ Bytes csr = BYTES_NULL;
        PublicKey key;
        int r;

        progress_step(STEP_FINALIZE);
        tpm_key_done(&e->ak.key); /* has done its part: makes room in the TPM */
        r = tpm_key_public(&e->key, &key);
        if (r < 0)
                return fail_errno(e->f, r, "The TPM made a device key that is none");
        const char *cn = strlen(e->name) <= CERTIFICATE_REQUEST_CN_MAX ? e->name : NULL;
        r = certificate_request_build(&key, cn, false, sign_request, &e->key, &csr);
        if (r < 0)
                return fail_tpm(e->f, r, e->tpm, "Cannot sign the certificate request");
        r = acme_order_finalize(&e->acme, &e->order, bytes_view(&csr), e->f);
        if (r < 0 && e->plan->lifetime > 0 && e->f->outcome == OUTCOME_REFUSED)
                failure_add(e->f, "A lifetime of %lld seconds was asked for: the server may not allow that.",
                            (long long) e->plan->lifetime);
        return r;
}

/* A server may issue what it likes; what is not this key's and this name's is not stored. */
static int check_leaf(Enroll *e) {
        PublicKey certified, key;
        ByteView leaf = bytes_view(&e->chain.der[0]);
        bool named = false;

        if (certificate_key(leaf, &certified) < 0 || tpm_key_public(&e->key, &key) < 0 ||
            !public_key_equal(&certified, &key))
                return fail(e->f, -EBADMSG, OUTCOME_BAD_ANSWER, "The ACME server's certificate is for another key");
        int r = certificate_has_name(leaf, e->name, &named);
        if (r < 0 || !named)
                return fail(e->f, -EBADMSG, OUTCOME_BAD_ANSWER, "The ACME server's certificate is not for \"%s\"",
                            e->name);
        return 0;
}

static int step_download(Enroll *e) {
        progress_step(STEP_DOWNLOAD);
        int r = acme_order_download(&e->acme, &e->order, &e->chain, e->f);
        return r < 0 ? r : check_leaf(e);
}

static JobEk kind_of(const TpmEk *ek) {
        JobEk kind = JOB_EK_DEFAULT;
        return job_ek_from_string(ek_template_info(ek->template)->key, &kind) < 0 ? JOB_EK_DEFAULT : kind;
}

static int step_store(Enroll *e) {
        _cleanup_bytes_ Bytes chain = BYTES_NULL, ak_chain = BYTES_NULL, key = BYTES_NULL;
        int r;

        progress_step(STEP_STORE);
        if ((r = chain_to_pem(&e->chain, &chain)) < 0 || (r = chain_to_pem(&e->ak_chain, &ak_chain)) < 0 ||
            (r = key_file_build_pem(&e->key_file, &key)) < 0)
                return r;
        /* Borrows everything. */
        Enrollment next = {
                .acme_url = (char *) e->plan->acme_url,
                .attestation_url = (char *) e->plan->attestation_url,
                .name = e->name,
                .key = e->plan->key,
                .key_created = e->key_created,
                .ek = kind_of(&e->ek),
                .lifetime = e->plan->lifetime,
                .chain_pem = chain,
                .ak_chain_pem = ak_chain,
                .ca_pem = { .data = (uint8_t *) e->plan->ca_pem.data, .size = e->plan->ca_pem.size },
                .key_pem = key,
        };
        memcpy(next.ek_hash, e->ek_hash, sizeof(next.ek_hash));
        r = enrollment_store(e->settings->state_dir, &next);
        return r < 0 ? fail_errno(e->f, r, "Cannot store the enrolment") : 0;
}

int enroll_run(const EnrollSettings *s, const Plan *p, Failure *f) {
        static int (*const steps[])(Enroll *) = {
                step_reach, step_tpm,       step_ak,       step_attest,   choose,     place_order,
                step_key,   step_challenge, step_finalize, step_download, step_store,
        };
        _cleanup_(enroll_done) Enroll e = { .settings = s, .plan = p, .f = f };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                int r = progress_told_to_end() ? -ECANCELED : steps[i](&e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int enroll_reach(const EnrollSettings *s, const Plan *p, Failure *f) {
        _cleanup_(enroll_done) Enroll e = { .settings = s, .plan = p, .f = f };
        return step_reach(&e);
}

int enroll_identify(const EnrollSettings *s, const Plan *p, Failure *f) {
        _cleanup_(enroll_done) Enroll e = { .settings = s, .plan = p, .f = f };
        return step_tpm(&e);
}
