/* SPDX-License-Identifier: MIT */
#include "protocol/asn1.h"
#include "protocol/gnutls-types.h"
#include "protocol/utf8.h"
#include "protocol/key-file.h"

#define PEM_LABEL "TSS2 PRIVATE KEY"

#define OID_LOADABLE "2.23.133.10.1.3"
#define OID_IMPORTABLE "2.23.133.10.1.4"
#define OID_SEALED "2.23.133.10.1.5"

#define PARENT_OWNER KEY_FILE_PARENT_OWNER
#define PARENT_ENDORSEMENT 0x4000000BU
#define PARENT_PLATFORM 0x4000000CU
#define PARENT_PERSISTENT 0x81000000U /* …FFFFFF, TPM 2.0 Part 2, 7.5 */

void key_file_done(KeyFile *k) {
        free(k->description);
        bytes_done(&k->public_blob);
        bytes_done(&k->private_blob);
        *k = (KeyFile) {};
}

static bool is_parent(uint32_t parent) {
        return parent == PARENT_OWNER || parent == PARENT_ENDORSEMENT || parent == PARENT_PLATFORM ||
                (parent & 0xff000000U) == PARENT_PERSISTENT;
}

static bool is_tpm2b(ByteView v) {
        ByteReader r = READER(v);
        uint16_t n = read_u16(&r);

        (void) read_view(&r, n);
        return reader_done(&r) && n > 0;
}

/* The parent as a non-negative INTEGER: a zero byte first where the top bit is set. */
static int write_parent(Asn1Value *v, uint32_t parent) {
        uint8_t buffer[5];
        ByteWriter w = WRITER(buffer, sizeof(buffer));

        if (parent & 0x80000000U)
                write_u8(&w, 0);
        write_u32(&w, parent);
        return asn1_value_write(v, "parent", writer_view(&w));
}

static int write_optional_text(Asn1Value *v, const char *field, const char *text) {
        return text ? asn1_value_write(v, field, VIEW_STR(text)) : asn1_value_omit(v, field);
}

static int write_true_or_omit(Asn1Value *v, const char *field, bool value) {
        return value ? asn1_value_write_text(v, field, "TRUE") : asn1_value_omit(v, field);
}

static int write_fields(Asn1Value *v, const KeyFile *k) {
        static const char *const absent[] = { "policy", "secret", "authPolicy" };
        int r;

        r = asn1_value_write_text(v, "type", OID_LOADABLE);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(absent); i++)
                r = asn1_value_omit(v, absent[i]);
        if (r < 0)
                return r;
        r = write_true_or_omit(v, "emptyAuth", k->empty_auth);
        if (r < 0)
                return r;
        r = write_optional_text(v, "description", k->description);
        if (r < 0)
                return r;
        r = write_true_or_omit(v, "rsaParent", k->rsa_parent);
        if (r < 0)
                return r;
        r = write_parent(v, k->parent);
        if (r < 0)
                return r;
        r = asn1_value_write(v, "pubkey", bytes_view(&k->public_blob));
        if (r < 0)
                return r;
        return asn1_value_write(v, "privkey", bytes_view(&k->private_blob));
}

int key_file_build_der(const KeyFile *k, Bytes *ret) {
        _cleanup_asn1_ Asn1Value v = {};
        int r;

        if (!is_parent(k->parent) || k->has_policy || !is_tpm2b(bytes_view(&k->public_blob)) ||
            !is_tpm2b(bytes_view(&k->private_blob)))
                return -EINVAL;
        if (k->public_blob.size > KEY_FILE_BLOB_MAX || k->private_blob.size > KEY_FILE_BLOB_MAX)
                return -E2BIG;
        if (k->description && strlen(k->description) > KEY_FILE_DESCRIPTION_MAX)
                return -E2BIG;

        r = asn1_value_new("TPMKey", &v);
        if (r < 0)
                return r;
        r = write_fields(&v, k);
        return r < 0 ? r : asn1_value_encode(&v, ret);
}

int key_file_build_pem(const KeyFile *k, Bytes *ret) {
        _cleanup_bytes_ Bytes der = BYTES_NULL;
        _cleanup_datum_ gnutls_datum_t pem = {};
        int r;

        r = key_file_build_der(k, &der);
        if (r < 0)
                return r;
        const gnutls_datum_t d = datum_of(bytes_view(&der));
        if (gnutls_pem_base64_encode2(PEM_LABEL, &d, &pem) < 0)
                return -ENOMEM;
        return bytes_copy(datum_view(&pem), ret);
}

/* BOOLEAN TRUE is FF in DER; OpenSSL's TPM engines write 01. libtasn1 takes anything: look at the byte. */
static int read_bool(ByteView der, const Asn1Value *v, const char *field, bool *ret) {
        _cleanup_bytes_ Bytes text = BYTES_NULL;
        int start, end, r;

        r = asn1_value_read(v, field, sizeof("FALSE"), &text);
        if (r == -ENOENT) {
                *ret = false;
                return 0;
        }
        if (r < 0)
                return r;
        r = asn1_der_decoding_startEnd(v->node, der.data, (int) der.size, field, &start, &end);
        if (r != ASN1_SUCCESS || end < 0 || (size_t) end >= der.size)
                return -EBADMSG;
        uint8_t byte = der.data[end];
        if (byte != 0 && byte != 1 && byte != 0xff)
                return -EBADMSG;
        *ret = byte != 0;
        return 0;
}

static int read_type(const Asn1Value *v) {
        _cleanup_bytes_ Bytes type = BYTES_NULL;
        int r;

        r = asn1_value_read(v, "type", 64, &type);
        if (r < 0)
                return -EBADMSG;
        const char *oid = (const char *) type.data;
        if (strcmp(oid, OID_LOADABLE) == 0)
                return 0;
        return strcmp(oid, OID_IMPORTABLE) == 0 || strcmp(oid, OID_SEALED) == 0 ? -ENOTSUP : -EBADMSG;
}

static int read_parent(const Asn1Value *v, uint32_t *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        uint64_t parent = 0;
        int r;

        r = asn1_value_read(v, "parent", 5, &b);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        for (size_t i = 0; i < b.size; i++)
                parent = parent << 8 | b.data[i];
        if (b.size == 0 || b.data[0] >= 0x80 || parent > UINT32_MAX || !is_parent((uint32_t) parent))
                return -EBADMSG;
        *ret = (uint32_t) parent;
        return 0;
}

static int read_blob(const Asn1Value *v, const char *field, Bytes *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        int r;

        r = asn1_value_read(v, field, KEY_FILE_BLOB_MAX, &b);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (!is_tpm2b(bytes_view(&b)))
                return -EBADMSG;
        *ret = TAKE_BYTES(b);
        return 0;
}

static int read_description(const Asn1Value *v, char **ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        int r;

        r = asn1_value_read(v, "description", KEY_FILE_DESCRIPTION_MAX, &b);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (memchr(b.data, 0, b.size) || !utf8_valid(bytes_view(&b)))
                return -EBADMSG;
        *ret = (char *) TAKE_PTR(b.data);
        return 0;
}

/* An optional SEQUENCE OF: is it there, and not too long? */
static int read_policy(const Asn1Value *v, const char *field, bool *has) {
        int n = 0;
        int r = asn1_number_of_elements(v->node, field, &n);

        if (r == ASN1_ELEMENT_NOT_FOUND)
                return 0;
        if (r != ASN1_SUCCESS || (unsigned) n > KEY_FILE_POLICY_MAX)
                return -EBADMSG;
        *has = *has || n > 0;
        return 0;
}

static int parse_der(ByteView der, KeyFile *ret) {
        _cleanup_asn1_ Asn1Value v = {};
        _cleanup_key_file_ KeyFile k = {};
        int r;

        r = asn1_value_new("TPMKey", &v);
        if (r < 0)
                return r;
        r = asn1_value_decode(der, &v);
        if (r < 0)
                return r;
        r = read_type(&v);
        if (r < 0)
                return r;
        r = read_bool(der, &v, "emptyAuth", &k.empty_auth);
        if (r < 0)
                return r;
        r = read_bool(der, &v, "rsaParent", &k.rsa_parent);
        if (r < 0)
                return r;
        r = read_policy(&v, "policy", &k.has_policy);
        if (r < 0)
                return r;
        r = read_policy(&v, "authPolicy", &k.has_policy);
        if (r < 0)
                return r;
        r = read_description(&v, &k.description);
        if (r < 0)
                return r;
        r = read_parent(&v, &k.parent);
        if (r < 0)
                return r;
        r = read_blob(&v, "pubkey", &k.public_blob);
        if (r < 0)
                return r;
        r = read_blob(&v, "privkey", &k.private_blob);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(k, (KeyFile) {});
        return 0;
}

int key_file_parse(ByteView file, KeyFile *ret) {
        _cleanup_datum_ gnutls_datum_t der = {};

        if (file.size == 0 || file.size > KEY_FILE_MAX)
                return -EBADMSG;
        if (file.data[0] == 0x30)
                return parse_der(file, ret);

        const gnutls_datum_t pem = datum_of(file);
        if (gnutls_pem_base64_decode2(PEM_LABEL, &pem, &der) < 0)
                return -EBADMSG;
        return parse_der(datum_view(&der), ret);
}
