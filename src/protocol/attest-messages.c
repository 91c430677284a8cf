/* SPDX-License-Identifier: MIT */
#include "protocol/attest-messages.h"
#include "protocol/json-value.h"

static int parse_body(ByteView body, struct json_object **ret) {
        return body.size > ATTEST_BODY_MAX ? -E2BIG : json_parse_strict(body, ATTEST_DEPTH_MAX, ret);
}

static int required_blob(struct json_object *o, const char *name, size_t max, Bytes *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        int r = json_required(json_member_base64(o, name, max, &b));

        if (r < 0)
                return r;
        if (b.size == 0)
                return -EBADMSG;
        *ret = TAKE_BYTES(b);
        return 0;
}

static int parse_blob_list(struct json_object *list, size_t max_size, Bytes *items, size_t *n_items) {
        int r;

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                r = json_value_base64(json_object_array_get_idx(list, i), max_size, &items[*n_items]);
                if (r < 0)
                        return r;
                (*n_items)++;
                if (items[i].size == 0)
                        return -EBADMSG;
        }
        return 0;
}

void attest_request_done(AttestRequest *r) {
        bytes_done(&r->tpm_info.manufacturer);
        bytes_done(&r->tpm_info.model);
        bytes_done(&r->tpm_info.firmware_version);
        bytes_done(&r->ek);
        for (size_t i = 0; i < r->n_ek_certificates; i++)
                bytes_done(&r->ek_certificates[i]);
        bytes_done(&r->ak_public);
        bytes_done(&r->create_data);
        bytes_done(&r->create_attestation);
        bytes_done(&r->create_signature);
        *r = (AttestRequest) {};
}

static int parse_tpm_info(struct json_object *body, AttestTpmInfo *info) {
        struct json_object *o;
        int r;

        r = json_member_object(body, "tpmInfo", &o);
        if (r < 0)
                return json_optional(r);
        r = json_optional(json_member_int(o, "version", 0, UINT8_MAX, &info->version));
        if (r < 0)
                return r;
        r = json_optional(json_member_raw(o, "manufacturer", ATTEST_TPM_TEXT_MAX, &info->manufacturer));
        if (r < 0)
                return r;
        r = json_optional(json_member_raw(o, "model", ATTEST_TPM_TEXT_MAX, &info->model));
        if (r < 0)
                return r;
        r = json_member_raw(o, "firmwareVersion", ATTEST_TPM_TEXT_MAX, &info->firmware_version);
        return json_optional(r);
}

static int parse_parameters(struct json_object *body, AttestRequest *q) {
        struct json_object *o;
        bool tcsd;
        int r;

        r = json_required(json_member_object(body, "params", &o));
        if (r < 0)
                return r;
        r = json_optional(json_member_bool(o, "useTCSDActivationFormat", &tcsd));
        if (r < 0)
                return r;
        r = required_blob(o, "public", ATTEST_BLOB_MAX, &q->ak_public);
        if (r < 0)
                return r;
        r = required_blob(o, "createData", ATTEST_BLOB_MAX, &q->create_data);
        if (r < 0)
                return r;
        r = required_blob(o, "createAttestation", ATTEST_BLOB_MAX, &q->create_attestation);
        if (r < 0)
                return r;
        return required_blob(o, "createSignature", ATTEST_SIGNATURE_MAX, &q->create_signature);
}

static int parse_ek(struct json_object *body, AttestRequest *q) {
        struct json_object *list;
        int r;

        r = required_blob(body, "ek", ATTEST_EK_MAX, &q->ek);
        if (r < 0)
                return r;
        r = json_member_array(body, "ekCerts", ATTEST_EK_CERTIFICATES_MAX, &list);
        if (r < 0)
                return json_optional(r);
        return parse_blob_list(list, ATTEST_EK_CERTIFICATE_MAX, q->ek_certificates, &q->n_ek_certificates);
}

int attest_request_parse(ByteView body, AttestRequest *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_attest_request_ AttestRequest q = {};
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = parse_ek(o, &q);
        if (r < 0)
                return r;
        r = parse_parameters(o, &q);
        if (r < 0)
                return r;
        r = parse_tpm_info(o, &q.tpm_info);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(q, (AttestRequest) {});
        return 0;
}

static int build_tpm_info(const AttestTpmInfo *info, struct json_object *body) {
        struct json_object *o;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add(body, "tpmInfo", o);
        if (r < 0)
                return r;
        if (info->version != 0) {
                r = json_add(o, "version", json_object_new_int64(info->version));
                if (r < 0)
                        return r;
        }
        r = json_add_raw(o, "manufacturer", bytes_view(&info->manufacturer));
        if (r < 0)
                return r;
        r = json_add_raw(o, "model", bytes_view(&info->model));
        if (r < 0)
                return r;
        return json_add_raw(o, "firmwareVersion", bytes_view(&info->firmware_version));
}

static int build_ek(const AttestRequest *q, struct json_object *body) {
        struct json_object *list;
        int r;

        r = json_add_base64(body, "ek", bytes_view(&q->ek));
        if (r < 0 || q->n_ek_certificates == 0)
                return r;
        r = json_new_array(&list);
        if (r < 0)
                return r;
        r = json_add(body, "ekCerts", list);
        for (size_t i = 0; r >= 0 && i < q->n_ek_certificates; i++)
                r = json_append_base64(list, bytes_view(&q->ek_certificates[i]));
        return r;
}

static int build_parameters(const AttestRequest *q, struct json_object *body) {
        struct json_object *o;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add(body, "params", o);
        if (r < 0)
                return r;
        r = json_add_base64(o, "public", bytes_view(&q->ak_public));
        if (r < 0)
                return r;
        r = json_add_base64(o, "createData", bytes_view(&q->create_data));
        if (r < 0)
                return r;
        r = json_add_base64(o, "createAttestation", bytes_view(&q->create_attestation));
        if (r < 0)
                return r;
        return json_add_base64(o, "createSignature", bytes_view(&q->create_signature));
}

int attest_request_build(const AttestRequest *q, Bytes *ret_body) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = build_tpm_info(&q->tpm_info, o);
        if (r < 0)
                return r;
        r = build_ek(q, o);
        if (r < 0)
                return r;
        r = build_parameters(q, o);
        if (r < 0)
                return r;
        return json_serialize(o, ret_body);
}

void attest_reply_done(AttestReply *r) {
        bytes_done(&r->credential);
        bytes_done(&r->encrypted_secret);
}

int attest_reply_build(ByteView credential, ByteView encrypted_secret, Bytes *ret_body) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_base64(o, "credential", credential);
        if (r < 0)
                return r;
        r = json_add_base64(o, "secret", encrypted_secret);
        if (r < 0)
                return r;
        return json_serialize(o, ret_body);
}

static bool is_tpm2b(const Bytes *b) {
        ByteReader reader = READER(bytes_view(b));
        uint16_t n = read_u16(&reader);

        (void) read_view(&reader, n);
        return reader_done(&reader) && n > 0;
}

int attest_reply_parse(ByteView body, AttestReply *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_attest_reply_ AttestReply a = {};
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = required_blob(o, "credential", ATTEST_CREDENTIAL_MAX, &a.credential);
        if (r < 0)
                return r;
        r = required_blob(o, "secret", ATTEST_ENCRYPTED_SECRET_MAX, &a.encrypted_secret);
        if (r < 0)
                return r;
        if (!is_tpm2b(&a.credential) || !is_tpm2b(&a.encrypted_secret))
                return -EBADMSG;
        *ret = TAKE_GENERIC(a, (AttestReply) {});
        return 0;
}

int secret_request_parse(ByteView body, uint8_t ret[static ATTEST_SECRET_SIZE]) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_bytes_erase_ Bytes secret = BYTES_NULL;
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = json_required(json_member_base64(o, "secret", ATTEST_SECRET_SIZE, &secret));
        if (r < 0)
                return r;
        if (secret.size != ATTEST_SECRET_SIZE)
                return -EBADMSG;
        memcpy(ret, secret.data, ATTEST_SECRET_SIZE);
        return 0;
}

int secret_request_build(const uint8_t secret[static ATTEST_SECRET_SIZE], Bytes *ret_body) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_base64(o, "secret", VIEW(secret, ATTEST_SECRET_SIZE));
        if (r < 0)
                return r;
        return json_serialize(o, ret_body);
}

void secret_reply_done(SecretReply *r) {
        for (size_t i = 0; i < r->n_chain; i++)
                bytes_done(&r->chain[i]);
        r->n_chain = 0;
}

int secret_reply_build(const ByteView *chain, size_t n_chain, Bytes *ret_body) {
        _cleanup_json_ struct json_object *o = NULL;
        struct json_object *list;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_new_array(&list);
        if (r < 0)
                return r;
        r = json_add(o, "chain", list);
        for (size_t i = 0; r >= 0 && i < n_chain; i++)
                r = json_append_base64(list, chain[i]);
        if (r < 0)
                return r;
        return json_serialize(o, ret_body);
}

int secret_reply_parse(ByteView body, SecretReply *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_secret_reply_ SecretReply a = {};
        struct json_object *list;
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = json_required(json_member_array(o, "chain", ATTEST_CHAIN_MAX, &list));
        if (r < 0)
                return r;
        r = parse_blob_list(list, ATTEST_CHAIN_CERTIFICATE_MAX, a.chain, &a.n_chain);
        if (r < 0)
                return r;
        if (a.n_chain == 0)
                return -EBADMSG;
        *ret = TAKE_GENERIC(a, (SecretReply) {});
        return 0;
}

void attest_error_done(AttestError *e) {
        free(e->error);
        free(e->detail);
        *e = (AttestError) {};
}

int attest_error_build(const char *error, const char *detail, Bytes *ret_body) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        r = json_new_object(&o);
        if (r < 0)
                return r;
        r = json_add_text(o, "error", error);
        if (r < 0)
                return r;
        r = json_add_text(o, "detail", detail);
        if (r < 0)
                return r;
        return json_serialize(o, ret_body);
}

int attest_error_parse(ByteView body, AttestError *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_attest_error_ AttestError e = {};
        int r;

        r = parse_body(body, &o);
        if (r < 0)
                return r;
        r = json_required(json_member_text(o, "error", ATTEST_ERROR_TOKEN_MAX, &e.error));
        if (r < 0)
                return r;
        r = json_member_text(o, "detail", ATTEST_ERROR_DETAIL_MAX, &e.detail);
        if (r == -ENOENT) {
                e.detail = strdup("");
                r = e.detail ? 0 : -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(e, (AttestError) {});
        return 0;
}
