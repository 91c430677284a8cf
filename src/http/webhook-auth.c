/* SPDX-License-Identifier: MIT */
#include "http/webhook-auth.h"

#include "protocol/gnutls-types.h"
#include "shared/files.h"
#include "shared/log.h"

bool webhook_configured(const WebhookAuth *a) {
        return a->settings->webhook_secret || a->settings->webhook_client_roots;
}

void webhook_auth_done(WebhookAuth *a) {
        webhook_secrets_done(&a->secrets);
        if (a->roots)
                gnutls_x509_trust_list_deinit(a->roots, 1);
        a->roots = NULL;
}

/* --- Files --- */

static void load_secrets(WebhookAuth *a, const char *path) {
        _cleanup_webhook_secrets_ WebhookSecrets secrets = {};
        _cleanup_bytes_erase_ Bytes text = BYTES_NULL;
        unsigned line = 0;

        int r = file_read(path, WEBHOOK_SECRETS_FILE_MAX, &text);
        if (r < 0) {
                log_warning_errno(r, "Could not read the webhook's secrets from %s: %m", path);
                return;
        }
        r = webhook_secrets_parse(bytes_view(&text), &secrets, &line);
        if (r < 0) {
                log_warning("%s:%u: %s.", path, line,
                            r == -E2BIG ? "that is one secret too many"
                            : r == -ENOMEM ? "no memory" : "this is no secret: base64, as step prints it, of 16 to 256 bytes");
                return;
        }
        if (secrets.n == 0)
                log_warning("There is no secret in %s: nobody can sign for the webhook.", path);
        webhook_secrets_done(&a->secrets);
        a->secrets = TAKE_GENERIC(secrets, (WebhookSecrets) {});
}

static int read_roots(const char *path, gnutls_x509_trust_list_t *ret) {
        _cleanup_bytes_ Bytes pem = BYTES_NULL;
        gnutls_x509_trust_list_t list = NULL;

        int r = file_read(path, WEBHOOK_ROOTS_FILE_MAX, &pem);
        if (r < 0)
                return r;
        if (gnutls_x509_trust_list_init(&list, 0) < 0)
                return -ENOMEM;
        gnutls_datum_t d = datum_of(bytes_view(&pem));
        int n = gnutls_x509_trust_list_add_trust_mem(list, &d, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
        if (n <= 0) {
                gnutls_x509_trust_list_deinit(list, 1);
                return -EBADMSG;
        }
        *ret = list;
        return 0;
}

static void load_roots(WebhookAuth *a, const char *path) {
        gnutls_x509_trust_list_t roots;

        int r = read_roots(path, &roots);
        if (r < 0) {
                log_warning_errno(r, "Could not read the roots of the webhook's clients from %s: %m", path);
                return;
        }
        if (a->roots)
                gnutls_x509_trust_list_deinit(a->roots, 1);
        a->roots = roots;
}

void webhook_auth_load(WebhookAuth *a) {
        if (a->settings->webhook_secret)
                load_secrets(a, a->settings->webhook_secret);
        if (a->settings->webhook_client_roots)
                load_roots(a, a->settings->webhook_client_roots);
}

/* --- A client's certificate --- */

typedef struct ClientChain {
        gnutls_x509_crt_t list[WEBHOOK_CLIENT_CHAIN_MAX];
        unsigned n;
} ClientChain;

static void client_chain_done(ClientChain *c) {
        for (unsigned i = 0; i < c->n; i++)
                gnutls_x509_crt_deinit(c->list[i]);
}

static int read_chain(gnutls_session_t session, ClientChain *ret) {
        unsigned n = 0;
        const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &n);

        if (!der || n == 0 || n > WEBHOOK_CLIENT_CHAIN_MAX)
                return -ENOENT;
        for (unsigned i = 0; i < n; i++) {
                if (gnutls_x509_crt_init(&ret->list[i]) < 0)
                        return -ENOMEM;
                ret->n = i + 1;
                if (gnutls_x509_crt_import(ret->list[i], der + i, GNUTLS_X509_FMT_DER) < 0)
                        return -EBADMSG;
        }
        return 0;
}

/* A dNSName, byte for byte. Not the common name, and no wildcard: the ACME server certifies devices with names of
 * their choice under the same root, and none of them may pass for the server itself. */
static bool has_dns_name(gnutls_x509_crt_t crt, const char *name) {
        for (unsigned i = 0;; i++) {
                char text[256];
                size_t size = sizeof(text);

                int r = gnutls_x509_crt_get_subject_alt_name(crt, i, text, &size, NULL);
                if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                        return false;
                if (r == GNUTLS_SAN_DNSNAME && view_equal(VIEW(text, size), VIEW_STR(name)))
                        return true;
        }
}

static bool client_certificate_good(const WebhookAuth *a, gnutls_session_t session) {
        gnutls_typed_vdata_st purpose = {
                .type = GNUTLS_DT_KEY_PURPOSE_OID,
                .data = (unsigned char *) (uintptr_t) GNUTLS_KP_TLS_WWW_CLIENT,
        };
        _cleanup_(client_chain_done) ClientChain chain = {};
        unsigned status = ~0U;

        if (read_chain(session, &chain) < 0)
                return false;
        if (gnutls_x509_trust_list_verify_crt2(a->roots, chain.list, chain.n, &purpose, 1, 0, &status, NULL) < 0 ||
            status != 0)
                return false;
        return has_dns_name(chain.list[0], a->settings->webhook_client_name);
}

WebhookCaller webhook_auth_check(const WebhookAuth *a, gnutls_session_t session, ByteView body,
                                 const char *signature) {
        if (webhook_signature_good(&a->secrets, body, signature))
                return WEBHOOK_CALLER_SECRET;
        if (a->roots && session && client_certificate_good(a, session))
                return WEBHOOK_CALLER_CERTIFICATE;
        return WEBHOOK_CALLER_UNKNOWN;
}
