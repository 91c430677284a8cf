/* SPDX-License-Identifier: MIT */
#include "protocol/webhook.h"
#include "software-tpm.h"
#include "starve.h"

static EVP_PKEY *key, *stranger;
static PublicKey key_public, stranger_public;

static bool ak_accepts(const void *what) {
        const SoftwareEvidence *b = what;
        AkEvidence e = {
                .public = bytes_view(&b->public),
                .creation_data = bytes_view(&b->creation_data),
                .attestation = bytes_view(&b->attestation),
                .signature = bytes_view(&b->signature),
        };
        uint8_t name[AK_NAME_SIZE] = { 0xee };
        PublicKey ak = { .size = 0xeeee };

        AkVerdict v = ak_verify(&e, &ak, name);
        check(v == AK_VERDICT_GOOD || (ak.size == 0xeeee && name[0] == 0xee));
        return v == AK_VERDICT_GOOD;
}

static void unrestricted(TPMT_PUBLIC *p) {
        p->objectAttributes &= ~TPMA_OBJECT_RESTRICTED;
}

static void other_name(TPMS_ATTEST *a) {
        a->attested.creation.objectName.name[3] ^= 1;
}

static void other_creation(TPMS_ATTEST *a) {
        a->attested.creation.creationHash.buffer[0] ^= 1;
}

static void test_ak(void) {
        const struct {
                EVP_PKEY *signer;
                Bend bend;
                bool good;
        } rows[] = {
                { key, {}, true },
                { key, { .public = unrestricted }, false },
                { key, { .attest = other_name }, false },
                { key, { .attest = other_creation }, false },
                { stranger, {}, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(software_evidence_done) SoftwareEvidence e =
                                software_evidence(rows[i].signer, &key_public, rows[i].bend);
                check_int(ak_accepts(&e), rows[i].good);
                starve(ak_accepts, &e);
        }
}

static bool signature_accepts(const void *what) {
        const WebhookSecrets *s = what;

        return webhook_signature_good(s, VIEW_STR("{}"),
                                      "014acef73932e1531adca914dfb9343fd0469670a652fa0993f194eb2aa1907e");
}

static void test_webhook(void) {
        static const struct {
                const char *secret;
                bool good;
        } rows[] = { { "/////////////////////w==", true }, { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", false } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_webhook_secrets_ WebhookSecrets s = {};
                unsigned line;

                check_int(webhook_secrets_parse(VIEW_STR(rows[i].secret), &s, &line), 0);
                check_int(signature_accepts(&s), rows[i].good);
                starve(signature_accepts, &s);
        }
}

int main(void) {
        key = software_key(KEY_TYPE_P256, 0, &key_public);
        stranger = software_key(KEY_TYPE_P256, 0, &stranger_public);
        test_ak();
        test_webhook();
        EVP_PKEY_free(key);
        EVP_PKEY_free(stranger);
        return EXIT_SUCCESS;
}
