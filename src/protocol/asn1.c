/* SPDX-License-Identifier: MIT */
#include "protocol/asn1.h"

static int asn1_errno(int r) {
        switch (r) {
        case ASN1_SUCCESS:
                return 0;
        case ASN1_MEM_ALLOC_ERROR:
                return -ENOMEM;
        case ASN1_ELEMENT_NOT_FOUND:
        case ASN1_VALUE_NOT_FOUND:
                return -ENOENT;
        case ASN1_DER_ERROR:
        case ASN1_TAG_ERROR:
        case ASN1_DER_OVERFLOW:
        case ASN1_TIME_ENCODING_ERROR:
        case ASN1_RECURSION:
                return -EBADMSG;
        default:
                return -EINVAL;
        }
}

void asn1_value_done(Asn1Value *v) {
        (void) asn1_delete_structure(&v->node);
        (void) asn1_delete_structure(&v->definitions);
}

int asn1_value_new(const char *type, Asn1Value *ret) {
        _cleanup_asn1_ Asn1Value v = {};
        char name[ASN1_MAX_NAME_SIZE] = "Attezt.";
        int r;

        if (strlen(type) >= sizeof(name) - strlen(name))
                return -EINVAL;
        strcat(name, type);

        r = asn1_array2tree(attezt_asn1_tab, &v.definitions, NULL);
        if (r != ASN1_SUCCESS)
                return asn1_errno(r);
        r = asn1_create_element(v.definitions, name, &v.node);
        if (r != ASN1_SUCCESS)
                return asn1_errno(r);
        *ret = TAKE_GENERIC(v, (Asn1Value) {});
        return 0;
}

int asn1_value_write(Asn1Value *v, const char *field, ByteView bytes) {
        if (bytes.size > ASN1_ENCODED_MAX)
                return -E2BIG;
        /* Not NULL: to libtasn1 that means "leave it out". */
        const void *data = bytes.size > 0 ? (const void *) bytes.data : "";
        return asn1_errno(asn1_write_value(v->node, field, data, (int) bytes.size));
}

int asn1_value_write_text(Asn1Value *v, const char *field, const char *text) {
        return asn1_errno(asn1_write_value(v->node, field, text, 1));
}

int asn1_value_omit(Asn1Value *v, const char *field) {
        return asn1_errno(asn1_write_value(v->node, field, NULL, 0));
}

int asn1_value_read(const Asn1Value *v, const char *field, size_t max, Bytes *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        int n = 0, r;

        r = asn1_read_value(v->node, field, NULL, &n);
        if (r != ASN1_MEM_ERROR && r != ASN1_SUCCESS)
                return asn1_errno(r);
        if (n < 0 || (size_t) n > max)
                return -E2BIG;

        b.data = calloc(1, (size_t) n + 1);
        if (!b.data)
                return -ENOMEM;
        if (n > 0) {
                r = asn1_read_value(v->node, field, b.data, &n);
                if (r != ASN1_SUCCESS)
                        return asn1_errno(r);
        }
        b.size = (size_t) n;
        *ret = TAKE_BYTES(b);
        return 0;
}

int asn1_value_encode(const Asn1Value *v, Bytes *ret) {
        _cleanup_bytes_ Bytes b = BYTES_NULL;
        int n = 0, r;

        r = asn1_der_coding(v->node, "", NULL, &n, NULL);
        if (r != ASN1_MEM_ERROR)
                return r == ASN1_SUCCESS ? -EINVAL : asn1_errno(r);
        if (n < 0 || (size_t) n > ASN1_ENCODED_MAX)
                return -E2BIG;

        b.data = malloc((size_t) n + 1);
        if (!b.data)
                return -ENOMEM;
        r = asn1_der_coding(v->node, "", b.data, &n, NULL);
        if (r != ASN1_SUCCESS)
                return asn1_errno(r);
        b.size = (size_t) n;
        *ret = TAKE_BYTES(b);
        return 0;
}

int asn1_value_decode(ByteView der, Asn1Value *v) {
        int n;

        if (der.size == 0 || der.size > ASN1_ENCODED_MAX)
                return -EBADMSG;
        n = (int) der.size;

        int r = asn1_der_decoding2(&v->node, der.data, &n, ASN1_DECODE_FLAG_STRICT_DER, NULL);
        if (r == ASN1_MEM_ALLOC_ERROR)
                return -ENOMEM;
        /* Without ASN1_DECODE_FLAG_ALLOW_PADDING bytes left over are an error already. */
        return r == ASN1_SUCCESS ? 0 : -EBADMSG;
}
