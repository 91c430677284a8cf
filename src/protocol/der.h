/* SPDX-License-Identifier: MIT */
#pragma once

/* DER elements (X.690) one at a time, without allocations, where the few fields that matter lie among many
 * that do not: certificates. Lengths are libtasn1's. Whole types belong into attezt.asn. */
#include "shared/bytes.h"

/* Identifier octets: class, constructed bit and (low) tag number. */
enum {
        DER_INTEGER = 0x02,
        DER_BIT_STRING = 0x03,
        DER_OCTET_STRING = 0x04,
        DER_OID = 0x06,
        DER_UTF8_STRING = 0x0c,
        DER_PRINTABLE_STRING = 0x13,
        DER_SEQUENCE = 0x30,
        DER_SET = 0x31,
};
#define DER_CONTEXT(n) ((uint8_t) (0x80 | (n)))
#define DER_CONTEXT_CONSTRUCTED(n) ((uint8_t) (0xa0 | (n)))

typedef struct DerElement {
        uint8_t identifier;
        ByteView content;
        ByteView whole; /* identifier, length and content */
} DerElement;

/* The next element. The reader fails if there is none, or one of indefinite length; non-minimal lengths are
 * taken. */
DerElement read_der(ByteReader *r);
/* The content of the next element, which must have this identifier octet. */
ByteView read_der_as(ByteReader *r, uint8_t identifier);
/* A reader over that content; failed when there is no such element. */
ByteReader read_der_inside(ByteReader *r, uint8_t identifier);
bool der_next_is(const ByteReader *r, uint8_t identifier);

void write_der(ByteWriter *w, uint8_t identifier, ByteView content);
