/* SPDX-License-Identifier: MIT */
#include "enroll/attest.h"

#include <stdio.h>

#include "enroll/ak.h"
#include "enroll/naming.h"
#include "protocol/device-words.h"
#include "shared/log.h"

#define TPM_VERSION_2 2
#define TPM_TEXT_SIZE 32U

void attestation_key_done(AttestationKey *a) {
        tpm_key_done(&a->key);
        tpm_statement_done(&a->proof);
        bytes_done(&a->creation_data);
}

/* As step's clients write it: numbers in decimal, the vendor's text without NUL at its ends. */
static int tpm_info(TpmDevice *t, AttestTpmInfo *ret, Failure *f) {
        char manufacturer[TPM_TEXT_SIZE], firmware[TPM_TEXT_SIZE];
        TpmProperties p;
        int r;

        r = tpm_device_properties(t, &p);
        if (r < 0)
                return fail_tpm(f, r, t, "Cannot read the TPM's properties");
        (void) snprintf(manufacturer, sizeof(manufacturer), "%u", p.manufacturer);
        (void) snprintf(firmware, sizeof(firmware), "%u.%u", p.firmware[0] >> 16, p.firmware[0] & 0xffff);
        /* Vendors write what they like: what is no ASCII would be no JSON. */
        size_t begin = 0, end = sizeof(p.vendor);
        while (begin < end && p.vendor[begin] == 0)
                begin++;
        while (end > begin && p.vendor[end - 1] == 0)
                end--;
        for (size_t i = begin; i < end; i++)
                if (p.vendor[i] > 0x7e)
                        p.vendor[i] = '?';

        ret->version = TPM_VERSION_2;
        if ((r = bytes_copy(VIEW_STR(manufacturer), &ret->manufacturer)) < 0 ||
            (r = bytes_copy(VIEW_STR(firmware), &ret->firmware_version)) < 0)
                return r;
        return bytes_copy(VIEW(p.vendor + begin, end - begin), &ret->model);
}

static int add_certificate(AttestRequest *q, ByteView der) {
        int r = bytes_copy(der, &q->ek_certificates[q->n_ek_certificates]);

        if (r >= 0)
                q->n_ek_certificates++;
        return r;
}

/* The EK's, and what the TPM has of those above it: the server may lack an intermediate. */
static int fill_certificates(TpmDevice *t, const TpmEk *ek, AttestRequest *q) {
        _cleanup_tpm_ek_chain_ TpmEkChain chain = {};
        int r;

        r = add_certificate(q, bytes_view(&ek->certificate));
        if (r >= 0)
                r = tpm_ek_chain_read(t, &chain);
        for (size_t i = 0; r >= 0 && i < chain.n && q->n_ek_certificates < ATTEST_EK_CERTIFICATES_MAX; i++)
                if (chain.certificates[i].size <= ATTEST_EK_CERTIFICATE_MAX)
                        r = add_certificate(q, chain.certificates[i]);
        return r;
}

static int fill_request(TpmDevice *t, const TpmEk *ek, const AttestationKey *ak, AttestRequest *q, Failure *f) {
        int r;

        if ((r = tpm_info(t, &q->tpm_info, f)) < 0 || (r = public_key_to_spki(&ek->key, &q->ek)) < 0 ||
            (r = tpm_key_public_area(&ak->key, &q->ak_public)) < 0 ||
            (r = bytes_copy(bytes_view(&ak->creation_data), &q->create_data)) < 0 ||
            (r = bytes_copy(bytes_view(&ak->proof.attest), &q->create_attestation)) < 0 ||
            (r = bytes_copy(bytes_view(&ak->proof.signature), &q->create_signature)) < 0)
                return r;
        return ek->certificate.size > 0 ? fill_certificates(t, ek, q) : 0;
}

static int activate(TpmDevice *t, const TpmEk *ek, const AttestationKey *ak, const AttestReply *reply, Bytes *ret,
                    Failure *f) {
        _cleanup_tpm_key_ TpmKey key = {};

        int r = tpm_ek_open(t, ek, &key);
        if (r < 0)
                return fail_tpm(f, r, t, "Cannot load the endorsement key");
        r = tpm_activate_credential(&key, &ak->key, bytes_view(&reply->credential),
                                    bytes_view(&reply->encrypted_secret), ret);
        if (r == -EBADMSG)
                return fail(f, r, OUTCOME_BAD_ANSWER,
                            "The TPM cannot open the attestation server's credential: it was made for another TPM or "
                            "key (%s)",
                            tpm_device_error(t));
        return r < 0 ? fail_tpm(f, r, t, "The TPM does not activate the credential") : 0;
}

/* The AK's certificate has to be for this AK. */
static int check_chain(const Chain *chain, const AttestationKey *ak, Failure *f) {
        PublicKey certified, key;

        if (certificate_key(bytes_view(&chain->der[0]), &certified) < 0 || tpm_key_public(&ak->key, &key) < 0 ||
            !public_key_equal(&certified, &key))
                return fail(f, -EBADMSG, OUTCOME_BAD_ANSWER,
                            "The attestation server's certificate is not for this device's attestation key");
        return 0;
}

int attest(TpmDevice *t, Https *h, const char *base_url, const TpmEk *ek, const AttestationKey *ak, Chain *ret,
           Failure *f) {
        _cleanup_attest_request_ AttestRequest request = {};
        _cleanup_attest_reply_ AttestReply reply = {};
        _cleanup_bytes_erase_ Bytes secret = BYTES_NULL;
        _cleanup_chain_ Chain chain = {};
        int r;

        if ((r = fill_request(t, ek, ak, &request, f)) < 0 ||
            (r = attest_client_attest(h, base_url, &request, &reply, f)) < 0 ||
            (r = activate(t, ek, ak, &reply, &secret, f)) < 0 ||
            (r = attest_client_secret(h, base_url, bytes_view(&secret), &chain, f)) < 0 ||
            (r = check_chain(&chain, ak, f)) < 0)
                return r;
        *ret = TAKE_GENERIC(chain, (Chain) {});
        return 0;
}

void attest_explain_waiting(const TpmEk *ek, const char *name, Failure *f) {
        char words[DEVICE_WORDS_TEXT_MAX], hash[DEVICE_HASH_TEXT + 1], host[NAMING_HOST_MAX];
        uint8_t digest[32];

        if (public_key_hash(&ek->key, digest) < 0)
                return;
        device_words_format(digest, words);
        device_hash_format(digest, hash);
        failure_add(f, "Its Endorsement Key is %s, its words are:", hash);
        failure_add(f, "    %s", words);
        failure_add(f, "Who runs the attestation server sees the same words there (attezt ca pending), and types:");
        failure_add(f, "    attezt ca approve %s --name %s%s", words, name ? name : naming_suggest(host),
                    ek->certificate.size > 0 ? "" : " --pinned");
        failure_add(f, "This device goes on asking until it is answered.");
}

void attest_explain_refused(const TpmEk *ek, Failure *f) {
        char hash[DEVICE_HASH_TEXT + 1], issuer[CERTIFICATE_TEXT_MAX], escaped[LOG_ESCAPED_MAX];
        uint8_t digest[32];

        if (public_key_hash(&ek->key, digest) < 0)
                return;
        device_hash_format(digest, hash);
        failure_add(f, "This device is %s. On the attestation server, this tells whether it is disabled, denied or "
                       "expired:", hash);
        failure_add(f, "    attezt ca lookup %s", hash);
        if (ek->certificate.size == 0)
                failure_add(f, "This TPM has no EK certificate; so it is refused unless it is pinned there:");
        else if (certificate_issuer(bytes_view(&ek->certificate), issuer) >= 0)
                failure_add(f, "If it is not, the server may not know the issuer of its EK certificate (%s): add the "
                               "vendor's root there (attezt ca trust add FILE), or pin the device:",
                            log_escape(issuer, strlen(issuer), escaped));
        else
                return;
        failure_add(f, "    attezt ca set %s --pinned", hash);
}
