/* SPDX-License-Identifier: MIT */
#include "nuvoton.h"
#include "protocol/attest-messages.h"
#include "test.h"

#define PARAMS                                                                                              \
        "\"params\":{\"public\":\"AA==\",\"createData\":\"AQ==\",\"createAttestation\":\"Ag==\","           \
        "\"createSignature\":\"Aw==\"}"
#define MINIMAL "{\"ek\":\"MA==\"," PARAMS "}"

static Bytes read_data(const char *name) {
        char path[4096];
        Bytes b = { .data = calloc(1, ATTEST_BODY_MAX) };

        (void) snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
        FILE *f = fopen(path, "re");
        check(f && b.data);
        b.size = fread(b.data, 1, ATTEST_BODY_MAX, f);
        check(b.size > 0 && fclose(f) == 0);
        return b;
}

/* What a Nuvoton TPM really sent: a model with U+0000, quotation and exclamation marks. */
static void test_real_request(void) {
        _cleanup_bytes_ Bytes body = read_data("attest-request-nuvoton.json"), again = BYTES_NULL;
        _cleanup_attest_request_ AttestRequest q = {}, q2 = {};

        check_int(attest_request_parse(bytes_view(&body), &q), 0);
        check_int(q.tpm_info.version, 2);
        check_str((const char *) q.tpm_info.manufacturer.data, "1314145024");
        check(view_equal(bytes_view(&q.tpm_info.model), VIEW("NPCT75x\0\"!!4rls", 15)));
        check_str((const char *) q.tpm_info.firmware_version.data, "7.2");
        check_hex(bytes_view(&q.ek), NUVOTON_EK_SPKI);
        check_int(q.n_ek_certificates, 1);
        check_int(q.ek_certificates[0].size, 852);
        check_hex(bytes_view(&q.ak_public), NUVOTON_AK_PUBLIC);
        check_int(q.create_attestation.size, 139);
        check_int(q.create_signature.size, 262);

        check_int(attest_request_build(&q, &again), 0);
        check_int(attest_request_parse(bytes_view(&again), &q2), 0);
        check(view_equal(bytes_view(&q.tpm_info.model), bytes_view(&q2.tpm_info.model)));
        check(view_equal(bytes_view(&q.ek_certificates[0]), bytes_view(&q2.ek_certificates[0])));
        check(view_equal(bytes_view(&q.create_data), bytes_view(&q2.create_data)));

        /* cut anywhere it is refused and leaks nothing */
        for (size_t n = 0; n + 1 < body.size; n += 1 + n / 64) {
                AttestRequest untouched = {};
                check_int(attest_request_parse(VIEW(body.data, n), &untouched), -EBADMSG);
                check(!untouched.ek.data);
        }
}

static void test_minimal_request(void) {
        static const char *const good[] = {
                MINIMAL,
                "{\"ek\":\"MA==\",\"ekCerts\":[]," PARAMS "}",
                "{\"ek\":\"MA==\",\"tpmInfo\":{}," PARAMS ",\"akCert\":\"\",\"more\":{\"a\":[1,null]}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_attest_request_ AttestRequest q = {};
                check_int(attest_request_parse(VIEW_STR(good[i]), &q), 0);
                check_int(q.n_ek_certificates, 0);
                check_int(q.tpm_info.version, 0);
                check(!q.tpm_info.model.data);
                check_hex(bytes_view(&q.create_signature), "03");
        }
}

static void test_F8_bad_request(void) {
        static const char *const bad[] = {
                "",
                "null",
                "[]",
                "{}",
                "{" PARAMS "}",
                "{\"ek\":\"MA==\"}",
                /* null for each member, which made the original crash (F8) */
                "{\"ek\":null," PARAMS "}",
                "{\"ek\":\"MA==\",\"params\":null}",
                "{\"ek\":\"MA==\",\"ekCerts\":null," PARAMS "}",
                "{\"ek\":\"MA==\",\"tpmInfo\":null," PARAMS "}",
                "{\"ek\":\"MA==\",\"ekCerts\":[null]," PARAMS "}",
                "{\"ek\":\"MA==\",\"params\":{\"public\":null,\"createData\":\"AQ==\",\"createAttestation\":"
                "\"Ag==\",\"createSignature\":\"Aw==\"}}",
                "{\"ek\":\"MA==\",\"params\":{\"public\":\"AA==\",\"createData\":\"AQ==\","
                "\"createAttestation\":\"Ag==\"}}",
                "{\"ek\":\"MA==\",\"params\":{\"public\":\"AA==\",\"createData\":\"\",\"createAttestation\":"
                "\"Ag==\",\"createSignature\":\"Aw==\"}}",
                /* other types */
                "{\"ek\":1," PARAMS "}",
                "{\"ek\":[\"MA==\"]," PARAMS "}",
                "{\"ek\":\"MA==\",\"params\":[]}",
                "{\"ek\":\"MA==\",\"ekCerts\":\"MA==\"," PARAMS "}",
                "{\"ek\":\"MA==\",\"ekCerts\":[\"\"]," PARAMS "}",
                "{\"ek\":\"MA==\",\"tpmInfo\":{\"model\":1}," PARAMS "}",
                "{\"ek\":\"MA==\",\"tpmInfo\":{\"version\":\"2\"}," PARAMS "}",
                /* base64: none, without padding, url alphabet, white space */
                "{\"ek\":\"\"," PARAMS "}",
                "{\"ek\":\"MA\"," PARAMS "}",
                "{\"ek\":\"-_8=\"," PARAMS "}",
                "{\"ek\":\"MA==\\n\"," PARAMS "}",
                /* twice, cut by U+0000, other letter case, something behind */
                "{\"ek\":\"MA==\",\"ek\":\"MQ==\"," PARAMS "}",
                "{\"ek\":\"MA==\",\"ek\\u0000x\":\"MQ==\"," PARAMS "}",
                "{\"EK\":\"MA==\"," PARAMS "}",
                MINIMAL "{}",
                MINIMAL "x",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                AttestRequest q = {};
                int r = attest_request_parse(VIEW_STR(bad[i]), &q);
                if (r != -EBADMSG || q.ek.data) {
                        fprintf(stderr, "%d for: %s\n", r, bad[i]);
                        abort();
                }
        }
}

/* A request with one member of n bytes. */
static int parse_sized(const char *member, size_t n, unsigned n_certificates) {
        AttestRequest q = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL, big = { .data = calloc(1, n + 1), .size = n };
        Bytes one = { .data = (uint8_t *) "1", .size = 1 };
        AttestRequest parsed = {};
        int r;

        check(big.data);
        q.ek = strcmp(member, "ek") == 0 ? big : one;
        q.ak_public = strcmp(member, "public") == 0 ? big : one;
        q.create_data = strcmp(member, "createData") == 0 ? big : one;
        q.create_attestation = strcmp(member, "createAttestation") == 0 ? big : one;
        q.create_signature = strcmp(member, "createSignature") == 0 ? big : one;
        if (strcmp(member, "model") == 0)
                q.tpm_info.model = big;
        q.n_ek_certificates = n_certificates;
        for (unsigned i = 0; i < n_certificates; i++)
                q.ek_certificates[i] = strcmp(member, "ekCerts") == 0 ? big : one;
        check_int(attest_request_build(&q, &body), 0);
        r = attest_request_parse(bytes_view(&body), &parsed);
        attest_request_done(&parsed);
        return r;
}

static void test_request_limits(void) {
        static const struct {
                const char *member;
                size_t max;
        } rows[] = {
                { "ek", ATTEST_EK_MAX },
                { "public", ATTEST_BLOB_MAX },
                { "createData", ATTEST_BLOB_MAX },
                { "createAttestation", ATTEST_BLOB_MAX },
                { "createSignature", ATTEST_SIGNATURE_MAX },
                { "ekCerts", ATTEST_EK_CERTIFICATE_MAX },
                { "model", ATTEST_TPM_TEXT_MAX },
        };
        Bytes nine = BYTES_NULL;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_int(parse_sized(rows[i].member, rows[i].max, 1), 0);
                check_int(parse_sized(rows[i].member, rows[i].max + 1, 1), -E2BIG);
        }
        check_int(parse_sized("", 0, ATTEST_EK_CERTIFICATES_MAX), 0);
        AttestRequest untouched = {};
        check_int(attest_request_parse(VIEW_STR("{\"ek\":\"MA==\",\"ekCerts\":[\"MA==\",\"MA==\",\"MA==\","
                                                "\"MA==\",\"MA==\",\"MA==\",\"MA==\","
                                                "\"MA==\",\"MA==\"]," PARAMS "}"),
                                       &untouched),
                  -E2BIG);
        check_int(attest_request_parse(VIEW_STR("{\"x\":[[[[[[[[1]]]]]]]]}"), &untouched), -E2BIG);

        /* white space up to the limit, and one more */
        nine = (Bytes) { .data = malloc(ATTEST_BODY_MAX + 1), .size = ATTEST_BODY_MAX + 1 };
        check(nine.data);
        memset(nine.data, ' ', nine.size);
        memcpy(nine.data, MINIMAL, strlen(MINIMAL));
        check_int(attest_request_parse(bytes_view(&nine), &untouched), -E2BIG);
        nine.size--;
        check_int(attest_request_parse(bytes_view(&nine), &untouched), 0);
        attest_request_done(&untouched);
        bytes_done(&nine);
}

static void test_secret(void) {
        uint8_t secret[ATTEST_SECRET_SIZE], got[ATTEST_SECRET_SIZE] = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        static const char *const bad[] = {
                "{}", "{\"secret\":null}", "{\"secret\":1}", "{\"secret\":\"\"}", "{\"secret\":\"QUFB\"}",
                /* 31 bytes, 32 without padding, 32 in the url alphabet */
                "{\"secret\":\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==\"}",
                "{\"secret\":\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE\"}",
                "{\"secret\":\"____QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\"}",
                "{\"secret\":\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\",\"secret\":\"\"}",
        };

        for (unsigned i = 0; i < sizeof(secret); i++)
                secret[i] = (uint8_t) (0x40 + i);
        check_int(secret_request_build(secret, &body), 0);
        check_str((const char *) body.data, "{\"secret\":\"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\"}");
        check_int(secret_request_parse(bytes_view(&body), got), 0);
        check(memcmp(secret, got, sizeof(secret)) == 0);
        memset(got, 0, sizeof(got));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(secret_request_parse(VIEW_STR(bad[i]), got), -EBADMSG);
        check_int(secret_request_parse(/* 33 bytes */
                                       VIEW_STR("{\"secret\":"
                                                "\"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\"}"),
                                       got),
                  -E2BIG);
        check_int(got[0], 0);
}

static void test_attest_reply(void) {
        _cleanup_attest_reply_ AttestReply a = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        AttestReply untouched = {};
        static const char *const bad[] = {
                "{}",
                "{\"credential\":\"AAFB\"}",
                "{\"secret\":\"AAFB\"}",
                "{\"credential\":\"AAFB\",\"secret\":null}",
                /* sizes that are not those of the rest: too much, too little, none, half a prefix */
                "{\"credential\":\"AAFBQg==\",\"secret\":\"AAFB\"}",
                "{\"credential\":\"AAJB\",\"secret\":\"AAFB\"}",
                "{\"credential\":\"AAA=\",\"secret\":\"AAFB\"}",
                "{\"credential\":\"AAFB\",\"secret\":\"AA==\"}",
        };

        check_int(attest_reply_build(VIEW("\0\1A", 3), VIEW("\0\2BC", 4), &body), 0);
        check_str((const char *) body.data, "{\"credential\":\"AAFB\",\"secret\":\"AAJCQw==\"}");
        check_int(attest_reply_parse(bytes_view(&body), &a), 0);
        check_hex(bytes_view(&a.credential), "000141");
        check_hex(bytes_view(&a.encrypted_secret), "00024243");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(attest_reply_parse(VIEW_STR(bad[i]), &untouched), -EBADMSG);
        check(!untouched.credential.data);
}

static void test_secret_reply(void) {
        const ByteView chain[] = { VIEW("leaf", 4), VIEW("ca", 2) };
        ByteView many[ATTEST_CHAIN_MAX + 1];
        _cleanup_secret_reply_ SecretReply a = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL, too_many = BYTES_NULL;
        SecretReply untouched = {};
        static const char *const bad[] = {
                "{}",
                "{\"chain\":[]}",
                "{\"chain\":null}",
                "{\"chain\":[null]}",
                "{\"chain\":[\"\"]}",
                "{\"chain\":\"QQ==\"}",
                "{\"chain\":[\"QQ==\",\"Q\"]}",
                "404 page not found\n",
        };

        check_int(secret_reply_build(chain, 2, &body), 0);
        check_str((const char *) body.data, "{\"chain\":[\"bGVhZg==\",\"Y2E=\"]}");
        check_int(secret_reply_parse(bytes_view(&body), &a), 0);
        check_int(a.n_chain, 2);
        check_str((const char *) a.chain[0].data, "leaf");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(secret_reply_parse(VIEW_STR(bad[i]), &untouched), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = chain[0];
        check_int(secret_reply_build(many, ELEMENTSOF(many), &too_many), 0);
        check_int(secret_reply_parse(bytes_view(&too_many), &untouched), -E2BIG);
        check_int(untouched.n_chain, 0);
}

static void test_F7_U7_error_in_words(void) {
        _cleanup_attest_error_ AttestError e = {}, bare = {};
        _cleanup_bytes_ Bytes body = BYTES_NULL;
        AttestError untouched = {};

        check_int(attest_error_build("denied", "not \"enrolled\"", &body), 0);
        check_str((const char *) body.data, "{\"error\":\"denied\",\"detail\":\"not \\\"enrolled\\\"\"}");
        check_int(attest_error_parse(bytes_view(&body), &e), 0);
        check_str(e.error, "denied");
        check_str(e.detail, "not \"enrolled\"");
        check_int(attest_error_parse(VIEW_STR("{\"error\":\"busy\"}"), &bare), 0);
        check_str(bare.detail, "");
        check_int(attest_error_parse(VIEW_STR("{\"detail\":\"x\"}"), &untouched), -EBADMSG);
        check_int(attest_error_parse(VIEW_STR("{\"error\":\"a\",\"detail\":1}"), &untouched), -EBADMSG);
        check_int(attest_error_parse(VIEW_STR("{\"error\":\"a\\u0000b\"}"), &untouched), -EBADMSG);
        check(!untouched.error && !untouched.detail);
}

int main(void) {
        test_real_request();
        test_minimal_request();
        test_F8_bad_request();
        test_request_limits();
        test_secret();
        test_attest_reply();
        test_secret_reply();
        test_F7_U7_error_in_words();
        return EXIT_SUCCESS;
}
