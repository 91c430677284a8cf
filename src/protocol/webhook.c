/* SPDX-License-Identifier: MIT */
#include "protocol/webhook.h"

#include <gnutls/crypto.h>

#include "protocol/json-value.h"

#define MAC_SIZE 32U

/* --- Secrets --- */

void webhook_secrets_done(WebhookSecrets *s) {
        for (unsigned i = 0; i < s->n; i++)
                bytes_erase(&s->list[i]);
        s->n = 0;
}

static bool is_space(uint8_t c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static ByteView trim(ByteView line) {
        while (line.size > 0 && is_space(line.data[0]))
                line = VIEW(line.data + 1, line.size - 1);
        while (line.size > 0 && is_space(line.data[line.size - 1]))
                line.size--;
        return line;
}

static int add_secret(WebhookSecrets *s, ByteView line) {
        _cleanup_bytes_erase_ Bytes secret = BYTES_NULL;

        if (line.size == 0 || line.data[0] == '#')
                return 0;
        if (s->n == WEBHOOK_SECRETS_MAX)
                return -E2BIG;
        int r = base64_decode((const char *) line.data, line.size, WEBHOOK_SECRET_MAX, &secret);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || secret.size < WEBHOOK_SECRET_MIN)
                return -EBADMSG;
        s->list[s->n++] = TAKE_BYTES(secret);
        return 0;
}

int webhook_secrets_parse(ByteView text, WebhookSecrets *ret, unsigned *reterr_line) {
        _cleanup_webhook_secrets_ WebhookSecrets s = {};

        for (unsigned line = 1; text.size > 0; line++) {
                const uint8_t *end = memchr(text.data, '\n', text.size);
                size_t n = end ? (size_t) (end - text.data) : text.size;
                int r = add_secret(&s, trim(VIEW(text.data, n)));
                if (r < 0) {
                        *reterr_line = line;
                        return r;
                }
                n += end ? 1 : 0;
                text = VIEW(text.data + n, text.size - n);
        }
        *ret = TAKE_GENERIC(s, (WebhookSecrets) {});
        return 0;
}

/* --- Signatures --- */

static bool mac_good(const Bytes *secret, ByteView body, ByteView expected) {
        uint8_t mac[MAC_SIZE];

        return gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret->data, secret->size, body.data, body.size, mac) >= 0 &&
               view_equal_secret(VIEW_ARRAY(mac), expected);
}

bool webhook_signature_good(const WebhookSecrets *s, ByteView body, const char *signature) {
        _cleanup_bytes_ Bytes given = BYTES_NULL;
        bool good = false;

        if (!signature || strlen(signature) != WEBHOOK_SIGNATURE_TEXT ||
            hex_decode(signature, WEBHOOK_SIGNATURE_TEXT, &given) < 0)
                return false;
        for (unsigned i = 0; i < s->n; i++)
                good |= mac_good(&s->list[i], body, bytes_view(&given));
        return good;
}

/* --- Requests and answers --- */

int webhook_request_parse(ByteView body, char ret[static DEVICE_NAME_MAX + 1]) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_bytes_ Bytes name = BYTES_NULL;
        struct json_object *data;

        int r = json_parse_strict(body, WEBHOOK_DEPTH_MAX, &o);
        if (r < 0)
                return r;
        r = json_member_object(o, "attestationData", &data);
        if (r >= 0)
                r = json_member_raw(data, "permanentIdentifier", DEVICE_NAME_MAX, &name);
        if (r < 0 && r != -ENOENT && r != -E2BIG)
                return r;
        /* No device's name is longer or has a NUL: that is then an answer like any other. */
        bool possible = r >= 0 && name.size > 0 && !memchr(name.data, 0, name.size);
        if (possible)
                memcpy(ret, name.data, name.size);
        ret[possible ? name.size : 0] = 0;
        return 0;
}

static int add_error(struct json_object *o, const char *code, const char *message) {
        _cleanup_json_ struct json_object *e = NULL;

        int r = json_new_object(&e);
        if (r >= 0)
                r = json_add_text(e, "code", code);
        if (r >= 0)
                r = json_add_text(e, "message", message);
        return r < 0 ? r : json_add(o, "error", TAKE_PTR(e));
}

int webhook_reply_build(bool allow, const char *code, const char *message, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;

        int r = json_new_object(&o);
        if (r >= 0)
                r = json_add(o, "allow", json_object_new_boolean(allow));
        if (r >= 0 && !allow)
                r = add_error(o, code, message);
        return r < 0 ? r : json_serialize(o, ret);
}
