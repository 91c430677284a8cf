/* SPDX-License-Identifier: MIT */
#include "shared/enrollment-settings.h"

#include "protocol/json-value.h"
#include "protocol/url.h"

void enrollment_done(Enrollment *e) {
        free(e->acme_url);
        free(e->attestation_url);
        free(e->name);
        bytes_done(&e->chain_pem);
        bytes_done(&e->ak_chain_pem);
        bytes_done(&e->ca_pem);
        bytes_done(&e->key_pem);
        *e = (Enrollment) {};
}

#define SETTINGS_DEPTH_MAX 4U
#define KIND_TEXT_MAX 16U

int enrollment_settings_format(const Enrollment *e, Bytes *ret) {
        char hash[DEVICE_HASH_TEXT + 1];
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        device_hash_format(e->ek_hash, hash);
        if ((r = json_new_object(&o)) < 0 ||
            (r = json_add_text(o, "acme-server", e->acme_url ? e->acme_url : "")) < 0 ||
            (r = json_add_text(o, "attestation-server", e->attestation_url ? e->attestation_url : "")) < 0 ||
            (r = json_add_text(o, "name", e->name ? e->name : "")) < 0 ||
            (r = json_add_text(o, "ek-hash", hash)) < 0 ||
            (r = json_add_text(o, "key", job_key_to_string(e->key))) < 0 ||
            (r = json_add_text(o, "ek", job_ek_to_string(e->ek))) < 0 ||
            (r = json_add(o, "key-created", json_object_new_int64(e->key_created))) < 0 ||
            (r = json_add(o, "lifetime", json_object_new_int64(e->lifetime))) < 0)
                return r;
        return json_serialize(o, ret);
}

static int parse_kinds(struct json_object *o, Enrollment *e) {
        _cleanup_free_ char *hash = NULL, *key = NULL, *ek = NULL;
        int r;

        if ((r = json_member_text(o, "ek-hash", DEVICE_HASH_TEXT, &hash)) < 0 ||
            (r = json_member_text(o, "key", KIND_TEXT_MAX, &key)) < 0 ||
            (r = json_member_text(o, "ek", KIND_TEXT_MAX, &ek)) < 0)
                return r;
        if (device_hash_parse(hash, e->ek_hash) < 0 || job_key_from_string(key, &e->key) < 0 ||
            job_ek_from_string(ek, &e->ek) < 0)
                return -EBADMSG;
        return 0;
}

/* The file's owner has no privileges: others show the URLs, and ask what is there. */
static int parse_url(struct json_object *o, const char *member, char **ret) {
        _cleanup_free_ char *url = NULL;

        int r = json_member_text(o, member, JOB_URL_MAX, &url);
        if (r < 0)
                return r;
        if (!url_valid(url))
                return -EBADMSG;
        *ret = TAKE_PTR(url);
        return 0;
}

int enrollment_settings_parse(ByteView text, Enrollment *e) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if ((r = json_parse_strict(text, SETTINGS_DEPTH_MAX, &o)) >= 0 &&
            (r = parse_url(o, "acme-server", &e->acme_url)) >= 0 &&
            (r = parse_url(o, "attestation-server", &e->attestation_url)) >= 0 &&
            (r = json_member_text(o, "name", DEVICE_NAME_MAX, &e->name)) >= 0 && (r = parse_kinds(o, e)) >= 0)
                r = json_member_int(o, "lifetime", 0, INT64_MAX, &e->lifetime);
        if (r >= 0) /* enrolments of before do not say it */
                r = json_optional(json_member_int(o, "key-created", 0, INT64_MAX, &e->key_created));
        return r == -ENOMEM ? r : r < 0 ? -EBADMSG : 0;
}
