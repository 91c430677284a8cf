/* SPDX-License-Identifier: MIT */
#pragma once

/* The types of attezt.asn through libtasn1, with errno and bytes. A field is a dotted path ("TPMKey" has
 * "emptyAuth"; "" is the value itself). Unset OPTIONAL fields: asn1_value_omit(). */
#include <libtasn1.h>

#include "shared/bytes.h"

extern const asn1_static_node attezt_asn1_tab[];

#define ASN1_ENCODED_MAX (64U * 1024) /* bytes, in and out */

typedef struct Asn1Value {
        asn1_node definitions, node;
} Asn1Value;

void asn1_value_done(Asn1Value *v);
#define _cleanup_asn1_ _cleanup_(asn1_value_done)

/* type without the module's name: "TPMKey" */
int asn1_value_new(const char *type, Asn1Value *ret);

/* OCTET STRING, UTF8String: the bytes. INTEGER: two's complement, big-endian. */
int asn1_value_write(Asn1Value *v, const char *field, ByteView bytes);
/* OBJECT IDENTIFIER: dotted text. BOOLEAN: "TRUE", "FALSE". SEQUENCE OF: "NEW" appends (then "?LAST").
 * CHOICE: the alternative's name. */
int asn1_value_write_text(Asn1Value *v, const char *field, const char *text);
int asn1_value_omit(Asn1Value *v, const char *field);

/* -ENOENT: an OPTIONAL field that is not there. -E2BIG: more than max bytes. */
int asn1_value_read(const Asn1Value *v, const char *field, size_t max, Bytes *ret);

int asn1_value_encode(const Asn1Value *v, Bytes *ret);
/* Consumes everything; definite lengths only (libtasn1 lets a length in a longer form pass): -EBADMSG. */
int asn1_value_decode(ByteView der, Asn1Value *v);
