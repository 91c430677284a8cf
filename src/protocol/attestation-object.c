/* SPDX-License-Identifier: MIT */
#include "protocol/attestation-object.h"

/* Major types, RFC 8949 §3.1. */
enum {
        CBOR_NEGATIVE = 1 << 5,
        CBOR_BYTES = 2 << 5,
        CBOR_TEXT = 3 << 5,
        CBOR_ARRAY = 4 << 5,
        CBOR_MAP = 5 << 5,
};

static void write_head(ByteWriter *w, int major, size_t n) {
        if (n < 24)
                write_u8(w, (uint8_t) ((size_t) major | n));
        else if (n <= UINT8_MAX) {
                write_u8(w, (uint8_t) (major | 24));
                write_u8(w, (uint8_t) n);
        } else if (n <= UINT16_MAX) {
                write_u8(w, (uint8_t) (major | 25));
                write_u16(w, (uint16_t) n);
        } else
                w->failed = true; /* ATTESTATION_OBJECT_MAX has no room for that */
}

static void write_text(ByteWriter *w, const char *s) {
        write_head(w, CBOR_TEXT, strlen(s));
        write_view(w, VIEW_STR(s));
}

static void write_byte_string(ByteWriter *w, ByteView v) {
        write_head(w, CBOR_BYTES, v.size);
        write_view(w, v);
}

static void write_object(ByteWriter *w, const AttestationObject *o) {
        write_head(w, CBOR_MAP, 2);
        write_text(w, "fmt");
        write_text(w, "tpm");
        write_text(w, "attStmt");
        write_head(w, CBOR_MAP, 6);
        write_text(w, "ver");
        write_text(w, "2.0");
        write_text(w, "alg");
        write_head(w, CBOR_NEGATIVE, (size_t) (-1 - (int) o->alg));
        write_text(w, "x5c");
        write_head(w, CBOR_ARRAY, o->n_x5c);
        for (size_t i = 0; i < o->n_x5c; i++)
                write_byte_string(w, o->x5c[i]);
        write_text(w, "sig");
        write_byte_string(w, o->sig);
        write_text(w, "certInfo");
        write_byte_string(w, o->cert_info);
        write_text(w, "pubArea");
        write_byte_string(w, o->pub_area);
}

int attestation_object_build(const AttestationObject *o, Bytes *ret) {
        _cleanup_free_ uint8_t *buffer = NULL;

        if (o->n_x5c == 0 || o->sig.size == 0 || o->cert_info.size == 0 || o->pub_area.size == 0 ||
            o->alg >= 0)
                return -EINVAL;
        if (o->n_x5c > ATTESTATION_CHAIN_MAX)
                return -E2BIG;
        for (size_t i = 0; i < o->n_x5c; i++)
                if (o->x5c[i].size == 0)
                        return -EINVAL;

        buffer = malloc(ATTESTATION_OBJECT_MAX);
        if (!buffer)
                return -ENOMEM;
        ByteWriter w = WRITER(buffer, ATTESTATION_OBJECT_MAX);
        write_object(&w, o);
        return w.failed ? -E2BIG : bytes_copy(writer_view(&w), ret);
}
