/* SPDX-License-Identifier: MIT */
#pragma once

/* A certificate of the trust store that people keep ("attezt ca trust"), as a file: PEM, with lines above it that say
 * who brought it, when and from where; and the folders that say what it is. */
#include "protocol/tpm-vendors.h"

#define TRUST_SOURCE_MAX 512U     /* bytes */
#define TRUST_RECORD_MAX (64U * 1024)
#define TRUST_FINGERPRINT_TEXT 64U /* SHA-256 of the DER, lower-case hexadecimal */

/* Folders with a meaning; what else one is called is its vendor. */
#define TRUST_FOLDER_ANCHORS "anchors"
#define TRUST_FOLDER_DISTRUSTED "distrusted"

typedef struct TrustPlace {
        char vendor[TPM_VENDOR_MAX_NAME]; /* "": not known */
        bool anchors;                     /* trusted as roots, though another CA has signed them */
        bool distrusted;                  /* not trusted, wherever else they are */
} TrustPlace;

/* Going into a folder of that name. */
void trust_place_enter(TrustPlace *p, const char *folder);
/* The folders of a place, "" or with a slash at their end: "STM/anchors/". */
#define TRUST_PLACE_TEXT (TPM_VENDOR_MAX_NAME + sizeof(TRUST_FOLDER_DISTRUSTED) + 1)
void trust_place_format(const TrustPlace *p, char ret[static TRUST_PLACE_TEXT]);
/* A vendor's identifier for a folder, from what people call it; "" is none. -EINVAL: no name, or that of a folder with
 * a meaning. */
int trust_vendor_parse(const char *name, char ret[static TPM_VENDOR_MAX_NAME]);

typedef struct TrustRecord {
        int64_t added;                     /* seconds since the epoch */
        uint32_t uid;
        char source[TRUST_SOURCE_MAX + 1]; /* one line of UTF-8 without control characters */
} TrustRecord;

/* Control characters become spaces. -E2BIG: more than TRUST_SOURCE_MAX. */
int trust_source_set(TrustRecord *r, const char *text);
int trust_record_encode(const TrustRecord *r, ByteView der, Bytes *ret);
/* The other way around; the certificate is not parsed. -EBADMSG: this is no such file. */
int trust_record_decode(ByteView text, TrustRecord *ret, Bytes *ret_der);

void trust_fingerprint(ByteView der, char ret[static TRUST_FINGERPRINT_TEXT + 1]);
/* From what people type: either case, with colons or without. -EINVAL */
int trust_fingerprint_parse(const char *text, char ret[static TRUST_FINGERPRINT_TEXT + 1]);
