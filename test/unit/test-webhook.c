/* SPDX-License-Identifier: MIT */
#include "protocol/webhook.h"

#include "test.h"

/* 32 bytes 00…1f and 16 bytes ff, and what openssl dgst -sha256 -mac HMAC says of "{}" under them. */
#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "/////////////////////w=="

static WebhookSecrets secrets(const char *text) {
        WebhookSecrets s = {};
        unsigned line = 0;

        check_int(webhook_secrets_parse(VIEW_STR(text), &s, &line), 0);
        return s;
}

static void bad_secrets(const char *text, int error, unsigned line) {
        WebhookSecrets s = {};
        unsigned at = 0;

        check_int(webhook_secrets_parse(VIEW_STR(text), &s, &at), error);
        check_int(at, line);
        check_int(s.n, 0);
}

static void test_secrets(void) {
        WebhookSecrets s = secrets("# of ca.example\n" SECRET "\r\n\n \t" OTHER " ");

        check_int(s.n, 2);
        check_int(s.list[0].size, 32);
        check_int(s.list[1].size, 16);
        webhook_secrets_done(&s);
        s = secrets("");
        check_int(s.n, 0);
        s = secrets("\n#\n");
        check_int(s.n, 0);

        uint8_t *space = malloc(1); /* and nothing behind it */
        unsigned line = 0;
        check(space);
        *space = ' ';
        check_int(webhook_secrets_parse(VIEW(space, 1), &s, &line), 0);
        check_int(s.n, 0);
        free(space);

        bad_secrets("AAECAwQFBgcICQoLDA0O\n", -EBADMSG, 1); /* 15 bytes */
        bad_secrets("\n" SECRET "=", -EBADMSG, 2);
        bad_secrets(SECRET "\nsecret", -EBADMSG, 2);
        bad_secrets(SECRET " " SECRET, -EBADMSG, 1);
        bad_secrets(OTHER "\n" OTHER "\n" OTHER "\n" OTHER "\n" OTHER "\n" OTHER "\n" OTHER "\n" OTHER "\n" OTHER,
                    -E2BIG, 9);
}

static void test_signatures(void) {
        static const char first[] = "86227fe96722a2247dcfee12c07d89c1b0567bbc9aa6a8d804838f66a3da843f";
        static const char second[] = "014acef73932e1531adca914dfb9343fd0469670a652fa0993f194eb2aa1907e";
        static const char no_key[] = "22f8eea909400af98adf3681a9f31923ef6b7fcba4abb553d92823a3e9d5c25e";
        WebhookSecrets both = secrets(SECRET "\n" OTHER), one = secrets(SECRET), none = {};
        char bent[sizeof(first)];

        check(webhook_signature_good(&both, VIEW_STR("{}"), first));
        check(webhook_signature_good(&both, VIEW_STR("{}"), second));
        check(webhook_signature_good(&one, VIEW_STR("{}"), first));
        check(!webhook_signature_good(&one, VIEW_STR("{}"), second));
        check(!webhook_signature_good(&none, VIEW_STR("{}"), first));
        check(!webhook_signature_good(&none, VIEW_STR("{}"), no_key));
        check(!webhook_signature_good(&one, VIEW_STR("{}"), no_key));
        check(!webhook_signature_good(&one, VIEW_STR("{ }"), first));
        check(!webhook_signature_good(&one, VIEW_STR("{}"), NULL));
        check(!webhook_signature_good(&one, VIEW_STR("{}"), ""));
        check(!webhook_signature_good(&one, VIEW_STR("{}"), first + 2));
        for (size_t i = 0; i < WEBHOOK_SIGNATURE_TEXT; i++) {
                memcpy(bent, first, sizeof(bent));
                bent[i] = bent[i] == '0' ? '1' : '0';
                check(!webhook_signature_good(&one, VIEW_STR("{}"), bent));
        }
        webhook_secrets_done(&both);
        webhook_secrets_done(&one);
}

static void named(const char *body, const char *name) {
        char text[DEVICE_NAME_MAX + 1] = "untouched";

        check_int(webhook_request_parse(VIEW_STR(body), text), 0);
        check_str(text, name);
}

static void malformed(const char *body) {
        char text[DEVICE_NAME_MAX + 1] = "untouched";

        check_int(webhook_request_parse(VIEW_STR(body), text), -EBADMSG);
        check_str(text, "untouched");
}

static void test_requests(void) {
        named("{\"timestamp\":\"2026-03-21T21:24:05.123456789Z\",\"provisionerName\":\"acme-da\","
              "\"attestationData\":{\"permanentIdentifier\":\"framework\"},"
              "\"x509Certificate\":{\"subject\":{\"commonName\":\"framework\"},\"sans\":[{\"type\":\"permanentIdentifier\","
              "\"value\":\"framework\"}],\"serialNumber\":\"\",\"basicConstraints\":null,\"raw\":\"AAAA\"}}", "framework");
        named("{\"attestationData\":{\"permanentIdentifier\":\"*.mine\"}}", "*.mine");
        /* Nothing that a device could be called. */
        named("{}", "");
        named("{\"attestationData\":{}}", "");
        named("{\"attestationData\":{\"permanentIdentifier\":\"\"}}", "");
        named("{\"attestationData\":{\"permanentIdentifier\":\"a\\u0000b\"}}", "");
        named("{\"attestationData\":{\"permanentIdentifier\":"
              "\"0123456789012345678901234567890123456789012345678901234567890123\"}}",
              "0123456789012345678901234567890123456789012345678901234567890123");
        named("{\"attestationData\":{\"permanentIdentifier\":"
              "\"01234567890123456789012345678901234567890123456789012345678901234\"}}", "");

        malformed("");
        malformed("[]");
        malformed("{\"attestationData\":null}");
        malformed("{\"attestationData\":{\"permanentIdentifier\":7}}");
        malformed("{\"attestationData\":{\"permanentIdentifier\":\"a\",\"permanentIdentifier\":\"b\"}}");
        malformed("{\"attestationData\":{\"permanentIdentifier\":\"a\"},\"attestationData\":{}}");
        malformed("{\"attestationData\":{\"permanentIdentifier\":\"a\"}} ,");
}

static void test_replies(void) {
        _cleanup_bytes_ Bytes yes = BYTES_NULL, no = BYTES_NULL;

        check_int(webhook_reply_build(true, NULL, NULL, &yes), 0);
        check_str((const char *) yes.data, "{\"allow\":true}");
        check_int(webhook_reply_build(false, "notLive", "no \"name\"", &no), 0);
        check_str((const char *) no.data, "{\"allow\":false,\"error\":{\"code\":\"notLive\",\"message\":\"no \\\"name\\\"\"}}");
}

int main(void) {
        test_secrets();
        test_signatures();
        test_requests();
        test_replies();
        return EXIT_SUCCESS;
}
