/* SPDX-License-Identifier: MIT */
/* What is written is whole or is not written at all, whatever allocation fails: no message is cut, and what was to hold
 * it is as it was. */
#include <gnutls/abstract.h>

#include "no-memory.h"
#include "protocol/acme-payloads.h"
#include "protocol/ak-certificate.h"
#include "protocol/attest-messages.h"
#include "protocol/device-table.h"
#include "protocol/jws.h"
#include "protocol/key-file.h"
#include "protocol/webhook.h"
#include "test.h"

#define TPM2B (Bytes) { .data = (uint8_t *) "\0\3abc", .size = 5 }
#define BLOB VIEW("\0\3abc", 5)
#define TEXT (Bytes) { .data = (uint8_t *) "a text of TPM info", .size = 18 }

static gnutls_privkey_t account;
static PublicKey account_public;

static int attest_request(Bytes *ret) {
        const AttestRequest q = {
                .tpm_info = { .version = 2, .manufacturer = TEXT, .model = TEXT, .firmware_version = TEXT },
                .ek = TEXT, .ek_certificates = { TEXT, TEXT }, .n_ek_certificates = 2,
                .ak_public = TEXT, .create_data = TEXT, .create_attestation = TEXT, .create_signature = TEXT,
        };

        return attest_request_build(&q, ret);
}

static int attest_reply(Bytes *ret) {
        return attest_reply_build(BLOB, BLOB, ret);
}

static int secret_request(Bytes *ret) {
        static const uint8_t secret[ATTEST_SECRET_SIZE] = { 1, 2, 3 };

        return secret_request_build(secret, ret);
}

static int secret_reply(Bytes *ret) {
        return secret_reply_build((ByteView[]) { BLOB, BLOB }, 2, ret);
}

static int attest_error(Bytes *ret) {
        return attest_error_build("denied", "a reason", ret);
}

static int webhook_reply(Bytes *ret) {
        return webhook_reply_build(false, "notLive", "a reason", ret);
}

static int new_account(Bytes *ret) {
        const AcmeNewAccount a = { .terms_agreed = true, .external_account_binding = VIEW_STR("{\"payload\":\"x\"}") };

        return acme_new_account_build(&a, ret);
}

static int new_order(Bytes *ret) {
        return acme_new_order_build("framework", 1790000000, 1790086400, ret);
}

static int challenge_response(Bytes *ret) {
        return acme_challenge_response_build(BLOB, ret);
}

static int finalize(Bytes *ret) {
        return acme_finalize_build(BLOB, ret);
}

static int revocation(Bytes *ret) {
        return acme_revoke_build(BLOB, 1, ret);
}

static int binding(Bytes *ret) {
        _cleanup_free_ char *jwk = NULL;

        int r = jws_jwk(&account_public, &jwk);
        return r < 0 ? r : jws_external_account_binding(VIEW_STR("a key of 32 bytes for this, or so"), "kid",
                                                        "https://ca/new-account", jwk, ret);
}

static int authorization(Bytes *ret) {
        _cleanup_free_ char *text = NULL;

        int r = jws_key_authorization("token", &account_public, &text);
        return r < 0 ? r : bytes_copy(VIEW_STR(text), ret);
}

static int json_line(Bytes *ret) {
        static const Device d = { .ek_hash = { 0xab }, .n_names = 2, .names = { "framework", "laptop-7" }, .note = "A note" };
        static char text[DEVICE_TABLE_LINE_SIZE];

        int n = device_table_format(&d, DEVICE_TABLE_JSON_LINES, text);
        return n < 0 ? n : bytes_copy(VIEW(text, n), ret);
}

static int key_file(Bytes *ret) {
        const KeyFile k = { .parent = 0x40000001, .empty_auth = true, .public_blob = TPM2B, .private_blob = TPM2B };

        return key_file_build_pem(&k, ret);
}

/* As it is read again: it, or nothing of it. */
static int key_file_again(Bytes *ret) {
        static const uint8_t der[] = {
                0x30, 0x1f, 0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01, 0x03, 0xa0, 0x03, 0x01, 0x01, 0xff, 0x02, 0x04,
                0x40, 0x00, 0x00, 0x01, 0x04, 0x03, 0x00, 0x01, 0x41, 0x04, 0x05, 0x00, 0x03, 'a',  'b',  'c',
        };
        _cleanup_key_file_ KeyFile k = {};

        int r = key_file_parse(VIEW_ARRAY(der), &k);
        if (r < 0) {
                check(!k.public_blob.data && !k.private_blob.data && !k.description);
                return r;
        }
        return bytes_copy(bytes_view(&k.private_blob), ret);
}

static int san(Bytes *ret) {
        static const char *const names[] = { "framework", "laptop-7", NULL };
        const AkCertificate c = { .names = names, .tpm = AK_TPM_UNVERIFIED };

        return ak_certificate_san(&c, ret);
}

static int spki(Bytes *ret) {
        return public_key_to_spki(&account_public, ret);
}

static const struct Row {
        const char *name;
        int (*build)(Bytes *ret);
} rows[] = {
        { "attest request", attest_request },
        { "attest reply", attest_reply },
        { "secret request", secret_request },
        { "secret reply", secret_reply },
        { "error", attest_error },
        { "answer of the webhook", webhook_reply },
        { "new account", new_account },
        { "new order", new_order },
        { "response to a challenge", challenge_response },
        { "finalize", finalize },
        { "revocation", revocation },
        { "external account binding", binding },
        { "key authorization", authorization },
        { "line of a table", json_line },
        { "key file", key_file },
        { "key file, read", key_file_again },
        { "subjectAltName", san },
        { "SubjectPublicKeyInfo", spki },
};

/* false: no allocation failed any more. */
static bool without(const struct Row *row, ByteView whole, NoMemory how, uint64_t nth) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;

        no_memory_begin(how, false, nth);
        int r = row->build(&b);
        bool failed = no_memory_end() >= nth;
        if (r < 0 ? b.data || b.size > 0 : !view_equal(bytes_view(&b), whole)) {
                fprintf(stderr, "%s without allocation %" PRIu64 ": %d, %zu bytes\n", row->name, nth, r, b.size);
                abort();
        }
        check(failed || r >= 0);
        return failed;
}

static void test_row(const struct Row *row) {
        _cleanup_bytes_ Bytes whole = BYTES_NULL;

        check_int(row->build(&whole), 0);
        for (NoMemory how = NO_MEMORY_ONCE; how <= NO_MEMORY_LEFT; how++)
                for (uint64_t n = 1; without(row, bytes_view(&whole), how, n);)
                        n++;
}

int main(void) {
        check_int(gnutls_privkey_init(&account), 0);
        check_int(gnutls_privkey_generate(account, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
        check_int(jws_public_key(account, &account_public), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                test_row(rows + i);
        gnutls_privkey_deinit(account);
        return EXIT_SUCCESS;
}
