/* SPDX-License-Identifier: MIT */
#include "protocol/der.h"

#include <libtasn1.h>
#include <limits.h>

/* libtasn1 takes octets of a length that are not there for zeros. */
static bool length_is_whole(const ByteReader *r) {
        return r->left > 0 && (*r->at < 0x80 || (size_t) (*r->at & 0x7f) < r->left);
}

DerElement read_der(ByteReader *r) {
        DerElement e = { .whole = { .data = r->at } };
        int octets = 0;

        e.identifier = read_u8(r);
        if (r->failed || !length_is_whole(r) || r->left > INT_MAX || (e.identifier & 0x1f) == 0x1f) {
                r->failed = true;
                return (DerElement) {};
        }

        /* Negative: indefinite, or beyond the end. */
        long n = asn1_get_length_der(r->at, (int) r->left, &octets);
        if (n < 0) {
                r->failed = true;
                return (DerElement) {};
        }
        (void) read_view(r, (size_t) octets);
        e.content = read_view(r, (size_t) n);
        if (r->failed)
                return (DerElement) {};
        e.whole.size = 1 + (size_t) octets + (size_t) n;
        return e;
}

bool der_next_is(const ByteReader *r, uint8_t identifier) {
        return !r->failed && r->left > 0 && *r->at == identifier;
}

ByteView read_der_as(ByteReader *r, uint8_t identifier) {
        if (!der_next_is(r, identifier)) {
                r->failed = true;
                return VIEW_NULL;
        }
        return read_der(r).content;
}

ByteReader read_der_inside(ByteReader *r, uint8_t identifier) {
        ByteView content = read_der_as(r, identifier);
        ByteReader inside = READER(content);

        inside.failed = r->failed;
        return inside;
}

void write_der(ByteWriter *w, uint8_t identifier, ByteView content) {
        unsigned char length[ASN1_MAX_LENGTH_SIZE];
        int n = 0;

        asn1_length_der(content.size, length, &n);
        write_u8(w, identifier);
        write_bytes(w, length, (size_t) n);
        write_view(w, content);
}
