/* SPDX-License-Identifier: MIT */
#include "protocol/acme-messages.h"
#include "test.h"

#define DIRECTORY "https://ca.home.arpa:9443/acme/acme-da/directory"
#define BASE "https://ca.home.arpa:9443/acme/acme-da/"

static void test_status(void) {
        check_str(acme_status_to_string(ACME_STATUS_PROCESSING), "processing");
        check_str(acme_status_to_string(ACME_STATUS_UNKNOWN), "unknown");
        check_str(acme_status_to_string((AcmeStatus) 99), "unknown");
}

/* As step-ca sends it: no newAuthz, no renewalInfo. */
static void test_directory(void) {
        _cleanup_acme_directory_ AcmeDirectory d = {}, eab = {};
        AcmeDirectory untouched = {};
        static const struct {
                const char *body;
                int r;
        } bad[] = {
                { "{}", -EBADMSG },
                { "{\"type\":\"x\",\"detail\":\"y\",\"message\":\"z\"}", -EBADMSG },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE "a\"}", -EBADMSG },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE "a\",\"newOrder\":null}", -EBADMSG },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE "a\",\"newOrder\":7}", -EBADMSG },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE
                  "a\",\"newOrder\":\"https://evil/o\"}",
                  -EREMOTE },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE
                  "a\",\"newOrder\":\"http://ca.home.arpa:9443/o\"}",
                  -EREMOTE },
                { "{\"newNonce\":\"/n\",\"newAccount\":\"" BASE "a\",\"newOrder\":\"" BASE "o\"}",
                  -EREMOTE },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE "a\",\"newOrder\":\"" BASE
                  "o\",\"meta\":[]}",
                  -EBADMSG },
                { "{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE "a\",\"newOrder\":\"" BASE
                  "o\",\"revokeCert\":\"https://x/\"}",
                  -EREMOTE },
        };

        check_int(acme_directory_parse(VIEW_STR("{\"newNonce\":\"" BASE "new-nonce\",\"newAccount\":\"" BASE
                                                "new-account\","
                                                "\"newOrder\":\"" BASE "new-order\",\"revokeCert\":\"" BASE
                                                "revoke-cert\","
                                                "\"keyChange\":\"" BASE "key-change\"}"),
                                       DIRECTORY, &d),
                  0);
        check_str(d.new_nonce, BASE "new-nonce");
        check_str(d.new_account, BASE "new-account");
        check_str(d.new_order, BASE "new-order");
        check_str(d.revoke_cert, BASE "revoke-cert");
        check(!d.external_account_required && !d.terms_of_service);

        check_int(acme_directory_parse(VIEW_STR("{\"newNonce\":\"" BASE "n\",\"newAccount\":\"" BASE
                                                "a\",\"newOrder\":\"" BASE "o\","
                                                "\"revokeCert\":null,\"meta\":{\"termsOfService\":\"https://"
                                                "x/tos\",\"website\":null,"
                                                "\"externalAccountRequired\":true}}"),
                                       DIRECTORY, &eab),
                  0);
        check(eab.external_account_required && !eab.revoke_cert);
        check_str(eab.terms_of_service, "https://x/tos");

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(acme_directory_parse(VIEW_STR(bad[i].body), DIRECTORY, &untouched), bad[i].r);
        check(!untouched.new_nonce);
}

static void test_account(void) {
        AcmeStatus s = ACME_STATUS_UNKNOWN;

        check_int(
                acme_account_parse(VIEW_STR("{\"status\":\"valid\",\"orders\":\"x\",\"contact\":null}"), &s),
                0);
        check_int(s, ACME_STATUS_VALID);
        check_int(acme_account_parse(VIEW_STR("{\"status\":\"Valid\"}"), &s), 0);
        check_int(s, ACME_STATUS_UNKNOWN);
        check_int(acme_account_parse(VIEW_STR("{}"), &s), -EBADMSG);
        check_int(acme_account_parse(VIEW_STR("{\"status\":1}"), &s), -EBADMSG);
}

static void test_order(void) {
        _cleanup_acme_order_ AcmeOrder pending = {}, valid = {}, failed = {};
        AcmeOrder untouched = {};
        static const struct {
                const char *body;
                int r;
        } bad[] = {
                { "{}", -EBADMSG },
                { "{\"status\":\"pending\",\"authorizations\":[],\"finalize\":\"" BASE "f\"}", -EBADMSG },
                { "{\"status\":\"pending\",\"authorizations\":null,\"finalize\":\"" BASE "f\"}", -EBADMSG },
                { "{\"status\":\"pending\",\"authorizations\":[1],\"finalize\":\"" BASE "f\"}", -EBADMSG },
                { "{\"status\":\"pending\",\"authorizations\":[\"https://evil/z\"],\"finalize\":\"" BASE
                  "f\"}",
                  -EREMOTE },
                { "{\"status\":\"pending\",\"authorizations\":[\"" BASE "z\"]}", -EBADMSG },
                { "{\"status\":\"pending\",\"authorizations\":[\"" BASE
                  "z\"],\"finalize\":\"https://ca.home.arpa/f\"}",
                  -EREMOTE },
                { "{\"status\":\"valid\",\"finalize\":\"" BASE "f\"}", -EBADMSG },
                { "{\"status\":\"valid\",\"finalize\":\"" BASE "f\",\"certificate\":\"" BASE
                  "c\",\"error\":\"x\"}",
                  -EBADMSG },
        };

        check_int(
                acme_order_parse(
                        VIEW_STR("{\"id\":\"x\",\"status\":\"pending\",\"expires\":\"2026-03-22T21:24:05Z\","
                                 "\"identifiers\":[{\"type\":\"permanent-identifier\",\"value\":"
                                 "\"framework\"}],"
                                 "\"authorizations\":[\"" BASE "authz/1\",\"" BASE "authz/2\"],"
                                 "\"finalize\":\"" BASE "order/1/finalize\"}"),
                        DIRECTORY, &pending),
                0);
        check_int(pending.status, ACME_STATUS_PENDING);
        check_int(pending.n_authorizations, 2);
        check_str(pending.authorizations[1], BASE "authz/2");
        check_str(pending.finalize, BASE "order/1/finalize");
        check(!pending.certificate && !pending.has_error);

        check_int(acme_order_parse(VIEW_STR("{\"status\":\"valid\",\"finalize\":\"" BASE
                                            "f\",\"certificate\":\"" BASE "c\"}"),
                                   DIRECTORY, &valid),
                  0);
        check_str(valid.certificate, BASE "c");

        check_int(acme_order_parse(VIEW_STR("{\"status\":\"invalid\",\"finalize\":\"" BASE
                                            "f\",\"error\":{\"type\":\"" ACME_ERROR_PREFIX
                                            "unauthorized\",\"detail\":\"no\"}}"),
                                   DIRECTORY, &failed),
                  0);
        check(failed.has_error && acme_problem_is(&failed.error, "unauthorized"));

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(acme_order_parse(VIEW_STR(bad[i].body), DIRECTORY, &untouched), bad[i].r);
        check(!untouched.finalize);
}

/* n times the same URL, one more than an order may have */
static void test_list_limit(void) {
        char body[8192] = "{\"status\":\"pending\",\"finalize\":\"" BASE "f\",\"authorizations\":[";
        AcmeOrder order = {};

        for (unsigned i = 0; i < ACME_LIST_MAX + 1; i++)
                strcat(body, i == 0 ? "\"" BASE "z\"" : ",\"" BASE "z\"");
        strcat(body, "]}");
        check_int(acme_order_parse(VIEW_STR(body), DIRECTORY, &order), -E2BIG);
}

#define CHALLENGE(type, token)                                                                              \
        "{\"type\":\"" type "\",\"status\":\"pending\",\"token\":\"" token "\",\"url\":\"" BASE             \
        "challenge/1/" type "\"}"
#define AUTHORIZATION(challenges)                                                                           \
        "{\"identifier\":{\"type\":\"permanent-identifier\",\"value\":\"framework\"},\"status\":"           \
        "\"pending\","                                                                                      \
        "\"challenges\":" challenges ",\"wildcard\":false,\"expires\":\"2026-03-22T21:24:05Z\"}"

/* Findings B3: no challenge at all, ours last of several. */
static void test_B3_U14_authorization_with_none_or_many_challenges(void) {
        static const char *const none[] = { AUTHORIZATION("[]"), AUTHORIZATION("null"),
                                            AUTHORIZATION("[" CHALLENGE("dns-01", "t") "]") };
        static const char *const bad[] = {
                "{}",
                "{\"status\":\"pending\",\"challenges\":[]}",
                AUTHORIZATION("{}"),
                AUTHORIZATION("[1]"),
                AUTHORIZATION("[{}]"),
                AUTHORIZATION("[null]"),
                AUTHORIZATION("[" CHALLENGE("device-attest-01", "a.b") "]"),
                AUTHORIZATION("[" CHALLENGE("device-attest-01", "") "]"),
                AUTHORIZATION("[" CHALLENGE("device-attest-01", "a\\u0000") "]"),
                AUTHORIZATION("[{\"type\":\"device-attest-01\",\"status\":\"pending\",\"token\":\"t\"}]"),
        };
        _cleanup_acme_authorization_ AcmeAuthorization a = {};
        AcmeAuthorization untouched = {};

        check_int(acme_authorization_parse(
                          VIEW_STR(AUTHORIZATION("[" CHALLENGE("dns-01", "t1") "," CHALLENGE(
                                  "http-01", "t2") "," CHALLENGE("device-attest-01", "ABC-_9") "]")),
                          DIRECTORY, &a),
                  0);
        check_str(a.identifier_type, ACME_IDENTIFIER_PERMANENT);
        check_str(a.identifier_value, "framework");
        check_int(a.n_challenges, 3);
        const AcmeChallenge *c = acme_authorization_find(&a, ACME_CHALLENGE_DEVICE_ATTEST);
        check(c);
        check_str(c->token, "ABC-_9");
        check_str(c->url, BASE "challenge/1/device-attest-01");
        check(!acme_authorization_find(&a, "tls-alpn-01"));

        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                _cleanup_acme_authorization_ AcmeAuthorization b = {};
                check_int(acme_authorization_parse(VIEW_STR(none[i]), DIRECTORY, &b), 0);
                check(!acme_authorization_find(&b, ACME_CHALLENGE_DEVICE_ATTEST));
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_int(acme_authorization_parse(VIEW_STR(bad[i]), DIRECTORY, &untouched), -EBADMSG);
        check_int(acme_authorization_parse(
                          VIEW_STR(AUTHORIZATION("[{\"type\":\"device-attest-01\",\"status\":\"pending\","
                                                 "\"token\":\"t\",\"url\":\"https://evil/\"}]")),
                          DIRECTORY, &untouched),
                  -EREMOTE);
        check(!untouched.identifier_type && !untouched.challenges);
}

/* Finding B4: HTTP 200 with a challenge that is invalid. */
static void test_B4_challenge_that_is_invalid(void) {
        _cleanup_acme_challenge_ AcmeChallenge c = {}, no_token = {};
        _cleanup_free_ char *text = NULL;

        check_int(acme_challenge_parse(
                          VIEW_STR("{\"type\":\"device-attest-01\",\"status\":\"invalid\",\"token\":\"t\","
                                   "\"url\":\"" BASE "c\","
                                   "\"error\":{\"type\":\"" ACME_ERROR_PREFIX "badAttestationStatement\","
                                   "\"detail\":\"x5c is not "
                                   "valid\",\"subproblems\":[{\"type\":\"" ACME_ERROR_PREFIX
                                   "rejectedIdentifier\",\"detail\":\"permanent identifier does not match\","
                                   "\"identifier\":{\"type\":\"permanent-identifier\",\"value\":"
                                   "\"framework\"}}]}}"),
                          DIRECTORY, &c),
                  0);
        check_int(c.status, ACME_STATUS_INVALID);
        check(c.has_error);
        check_int(acme_problem_to_text(&c.error, &text), 0);
        check_str(text, "badAttestationStatement: x5c is not valid (rejectedIdentifier: permanent "
                        "identifier does not match "
                        "for framework)");

        check_int(acme_challenge_parse(
                          VIEW_STR("{\"type\":\"new-01\",\"status\":\"odd\",\"url\":\"" BASE "c\"}"),
                          DIRECTORY, &no_token),
                  0);
        check_int(no_token.status, ACME_STATUS_UNKNOWN);
        check(!no_token.token);
}

int main(void) {
        test_status();
        test_directory();
        test_account();
        test_order();
        test_list_limit();
        test_B3_U14_authorization_with_none_or_many_challenges();
        test_B4_challenge_that_is_invalid();
        return EXIT_SUCCESS;
}
