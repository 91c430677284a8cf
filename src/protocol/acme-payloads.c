/* SPDX-License-Identifier: MIT */
#include "protocol/acme-payloads.h"
#include "protocol/json-value.h"
#include "protocol/utc-time.h"

/* RFC 8555 §7.3.4: the inner JWS as it is. */
static int add_binding(struct json_object *o, ByteView binding) {
        struct json_object *jws;
        int r;

        r = json_parse_strict(binding, 2, &jws);
        return r < 0 ? r : json_add(o, "externalAccountBinding", jws);
}

int acme_new_account_build(const AcmeNewAccount *a, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        if (a->only_return_existing) {
                r = json_add(o, "onlyReturnExisting", json_object_new_boolean(true));
                return r < 0 ? r : json_serialize(o, ret);
        }
        if (a->terms_agreed) {
                r = json_add(o, "termsOfServiceAgreed", json_object_new_boolean(true));
                if (r < 0)
                        return r;
        }
        if (a->external_account_binding.size > 0) {
                r = add_binding(o, a->external_account_binding);
                if (r < 0)
                        return r;
        }
        return json_serialize(o, ret);
}

static int add_identifier(struct json_object *o, const char *name) {
        struct json_object *list, *identifier;
        int r;

        r = json_new_array(&list);
        if (r < 0)
                return r;
        r = json_add(o, "identifiers", list);
        if (r < 0)
                return r;
        r = json_new_object(&identifier);
        if (r < 0)
                return r;
        r = json_append(list, identifier);
        if (r < 0)
                return r;
        r = json_add_text(identifier, "type", ACME_IDENTIFIER_PERMANENT);
        return r < 0 ? r : json_add_text(identifier, "value", name);
}

static int add_time(struct json_object *o, const char *name, int64_t t) {
        char text[RFC3339_SIZE];
        int r;

        if (t == 0)
                return 0;
        r = rfc3339_format(t, text);
        return r < 0 ? r : json_add_text(o, name, text);
}

int acme_new_order_build(const char *name, int64_t not_before, int64_t not_after, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if (!*name || strlen(name) > ACME_IDENTIFIER_MAX)
                return -EINVAL;
        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = add_identifier(o, name);
        if (r < 0)
                return r;
        r = add_time(o, "notBefore", not_before);
        if (r < 0)
                return r;
        r = add_time(o, "notAfter", not_after);
        if (r < 0)
                return r;
        return json_serialize(o, ret);
}

static int build_blob(const char *name, ByteView v, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_base64url(o, name, v);
        return r < 0 ? r : json_serialize(o, ret);
}

/* draft-ietf-acme-device-attest-09 */
int acme_challenge_response_build(ByteView attestation_object, Bytes *ret) {
        return build_blob("attObj", attestation_object, ret);
}

int acme_finalize_build(ByteView csr, Bytes *ret) {
        return build_blob("csr", csr, ret);
}

/* RFC 8555 §7.6 */
int acme_revoke_build(ByteView certificate, int reason, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_base64url(o, "certificate", certificate);
        if (r < 0)
                return r;
        if (reason >= 0) {
                r = json_add(o, "reason", json_object_new_int(reason));
                if (r < 0)
                        return r;
        }
        return json_serialize(o, ret);
}
